//! The bits of a ppc64 book3s entry as Linux uses them.
//!
//! In: nothing. Out: one name for each bit or field, and the two tests on them. The names are those of
//! arch/powerpc/include/asm/book3s/64/{pgtable.h,hash-4k.h,hash-64k.h}, without `_PAGE_`; bits are numbered from the
//! least significant one, in the integer after it was read most significant byte first. The bits that hash keeps for
//! itself moved; [`crate::hash`] knows where they are.

use ptwalk_abi::bits;
pub use ptwalk_abi::{all, any};

/// May be executed.
pub const EXEC: u64 = 1 << 0;
/// May be written.
pub const WRITE: u64 = 1 << 1;
/// May be read.
pub const READ: u64 = 1 << 2;
/// Any access.
pub const RWX: u64 = READ | WRITE | EXEC;
/// For the kernel alone.
pub const PRIVILEGED: u64 = 1 << 3;
/// C: written.
pub const DIRTY: u64 = 1 << 7;
/// R: accessed.
pub const ACCESSED: u64 = 1 << 8;
/// Software (SW3): written since it was last made soft-clean. Defined whatever the configuration.
pub const SOFT_DIRTY: u64 = 1 << 9;
/// Software (SW2): no struct page that may be used.
pub const SPECIAL: u64 = 1 << 10;
/// Software (SW1): frame of a dev_pagemap, before v6.17. Part of the address in an entry that points to a table.
pub const DEVMAP: u64 = 1 << 11;
/// Hash with 64K, in a pmd: a transparent huge page (H_PAGE_THP_HUGE, the bit of H_PAGE_4K_PFN in a pte).
pub const THP_HUGE: u64 = 1 << 13;
/// Software (SW0): not present to the hardware for a moment only.
pub const INVALID: u64 = 1 << 61;
/// Marker of a leaf, in an entry of any level: what distinguishes it from a pointer to a table.
pub const PTE: u64 = 1 << 62;
/// The entry is used by the hardware.
pub const PRESENT: u64 = 1 << 63;

/// _PAGE_PA_MAX: bits of a physical address that a leaf may hold.
pub const PA_BITS: u32 = 53;
/// The bits of a leaf below that.
pub const RPN_TOP: u64 = bits(PA_BITS - 1, 0);
/// What is not address in an entry that points to a table ({PMD,PUD,P4D}_MASKED_BITS): tables may be fragments of a
/// page, aligned to 256 bytes.
pub const TABLE_MASKED: u64 = bits(63, 62) | bits(7, 0);
/// Radix: what no entry that points to a table has ({PMD,PUD,P4D}_BAD_BITS).
pub const RADIX_BAD: u64 = bits(62, 61) | bits(7, 5);
