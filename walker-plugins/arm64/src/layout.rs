//! The bits of a VMSAv8-64 stage 1 descriptor as Linux uses them.
//!
//! In: nothing. Out: one name for each bit or field, and the two tests on them. The names are those of
//! arch/arm64/include/asm/{pgtable-hwdef.h,pgtable-prot.h}; which of them a kernel version uses is [`crate::epoch`]'s
//! matter, and where the output address lies is [`crate::address`]'s.

use ptwalk_abi::bits;
pub use ptwalk_abi::{all, any};

/// Descriptor type; [`TYPE_BLOCK`], [`TYPE_TABLE`], or with bit 0 clear invalid.
pub const TYPE: u64 = bits(1, 0);
/// Type of a block descriptor.
pub const TYPE_BLOCK: u64 = 0b01;
/// Type of a table descriptor and, at the lowest level, of a page descriptor.
pub const TYPE_TABLE: u64 = 0b11;
/// Bit 0 of the type: the MMU uses the descriptor.
pub const VALID: u64 = 1 << 0;
/// Bit 1 of the type: table or page rather than block.
pub const TABLE: u64 = 1 << 1;
/// AttrIndx: index of the memory type in MAIR_EL1.
pub const ATTR_INDEX: u64 = bits(4, 2);
/// AP\[1\]: EL0 may access the data.
pub const USER: u64 = 1 << 6;
/// AP\[2\]: nobody may write, except as [`WRITE`] says.
pub const RDONLY: u64 = 1 << 7;
/// Access flag.
pub const AF: u64 = 1 << 10;
/// nG: the translation belongs to one address space. From v6.11 on it marks, while invalid, an entry as present.
pub const NG: u64 = 1 << 11;
/// GP: guarded page (BTI).
pub const GP: u64 = 1 << 50;
/// DBM, which Linux calls PTE_WRITE: writable, and while [`RDONLY`] is set, clean.
pub const WRITE: u64 = 1 << 51;
/// Contiguous hint.
pub const CONT: u64 = 1 << 52;
/// PXN: EL1 may not execute.
pub const PXN: u64 = 1 << 53;
/// UXN: EL0 may not execute.
pub const UXN: u64 = 1 << 54;
/// Software: dirty, whatever DBM says.
pub const DIRTY: u64 = 1 << 55;
/// Software: no struct page that may be used.
pub const SPECIAL: u64 = 1 << 56;
/// Software: frame of a dev_pagemap, v5.3 to v6.16.
pub const DEVMAP: u64 = 1 << 57;
/// Software, before v6.11: present though invalid (PROT_NONE).
pub const PROT_NONE: u64 = 1 << 58;
/// Software, v5.10 to v6.10, in a pmd only: present though invalid (a huge page while it is split).
pub const PMD_PRESENT_INVALID: u64 = 1 << 59;
/// POIndex: the permission overlay key, v6.12 and later.
pub const PO_INDEX: u64 = bits(62, 60);

/// PXNTable, in a table descriptor: EL1 may not execute below.
pub const PXN_TABLE: u64 = 1 << 59;
/// UXNTable, in a table descriptor: EL0 may not execute below.
pub const UXN_TABLE: u64 = 1 << 60;
/// APTable\[0\], in a table descriptor: EL0 may not access the data below.
pub const AP_TABLE_NO_USER: u64 = 1 << 61;
/// APTable\[1\], in a table descriptor: nobody may write below.
pub const AP_TABLE_RDONLY: u64 = 1 << 62;
