//! The bits of an x86_64 paging-structure entry as Linux uses them.
//!
//! In: nothing. Out: one name for each bit or field, and the two tests on them. The names are those of
//! arch/x86/include/asm/pgtable_types.h; which of them a kernel version uses is [`crate::epoch`]'s matter, and where
//! the address lies is [`crate::address`]'s.

use ptwalk_abi::bits;

/// P: the MMU uses the entry.
pub const PRESENT: u64 = 1 << 0;
/// R/W: writable.
pub const RW: u64 = 1 << 1;
/// U/S: user mode may access.
pub const USER: u64 = 1 << 2;
/// PWT: write-through.
pub const PWT: u64 = 1 << 3;
/// PCD: cache disabled.
pub const PCD: u64 = 1 << 4;
/// A: accessed.
pub const ACCESSED: u64 = 1 << 5;
/// D: dirty, in a leaf.
pub const DIRTY: u64 = 1 << 6;
/// PS: the entry of a pmd or pud maps memory. In a pte the same bit is [`PAT`].
pub const PSE: u64 = 1 << 7;
/// PAT of a pte: high bit of the index of its memory type.
pub const PAT: u64 = 1 << 7;
/// G: global, while P is set; while it is clear, PROT_NONE.
pub const PROTNONE: u64 = 1 << 8;
/// Software: no struct page that may be used.
pub const SPECIAL: u64 = 1 << 9;
/// Software: write-protected by userfaultfd, v5.7 and later.
pub const UFFD_WP: u64 = 1 << 10;
/// Software: soft-dirty, with MEM_SOFT_DIRTY.
pub const SOFT_DIRTY: u64 = 1 << 11;
/// Soft-dirty in a swap entry, where no bit means writable.
pub const SWP_SOFT_DIRTY: u64 = RW;
/// PAT of a leaf of 2M or 1G.
pub const PAT_LARGE: u64 = 1 << 12;
/// Where an address may lie, before the encryption bit is taken out.
pub const ADDRESS: u64 = bits(51, 12);
/// Bits of an address that a leaf of 2M has no use for and that must be 0: 20:13.
pub const RESERVED_2M: u64 = bits(20, 13);
/// The same of a leaf of 1G: 29:13.
pub const RESERVED_1G: u64 = bits(29, 13);
/// Software bit 57: frame of a dev_pagemap from v6.6 to v6.16.
pub const SOFT_57: u64 = 1 << 57;
/// Software bit 58: frame of a dev_pagemap before v6.6, saved dirty from then on.
pub const SOFT_58: u64 = 1 << 58;
/// Protection key.
pub const PKEY: u64 = bits(62, 59);
/// XD, which Linux calls NX: not to be executed.
pub const NX: u64 = 1 << 63;

/// Whether any bit of `mask` is set.
#[inline(always)]
pub const fn any(x: u64, mask: u64) -> bool {
    x & mask != 0
}

/// Whether all bits of `mask` are set.
#[inline(always)]
pub const fn all(x: u64, mask: u64) -> bool {
    x & mask == mask
}
