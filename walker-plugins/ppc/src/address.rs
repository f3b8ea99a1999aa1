//! Addresses in entries and in the process table.
//!
//! In: an entry, a frame number, or a process table entry. Out: the same in another form. Guaranteed: no operation
//! panics, whatever the configuration. Not handled: whether an address is within the machine's memory.

use ptwalk_abi::{Kconfig, bits};

use crate::Ppc;
use crate::layout::{RPN_TOP, TABLE_MASKED};

/// Address of the next table. Unlike in a leaf, bits below the page size belong to it.
#[inline(always)]
pub(crate) const fn table(x: u64) -> u64 {
    x & !TABLE_MASKED
}

/// Address of the root in the first doubleword of a process table entry: without the size of the address space (RTS, in
/// bits 62:61 and 7:5) and of the table (RPDS, 4:0).
#[inline(always)]
pub(crate) const fn root(prte: u64) -> u64 {
    prte & bits(59, 8)
}

/// Type of a swap entry (SWP_TYPE_BITS).
#[inline(always)]
pub(crate) const fn swap_type(x: u64) -> u64 {
    x & bits(4, 0)
}

impl<K: Kconfig> Ppc<K> {
    /// PTE_RPN_MASK: the address bits of a leaf, and of the offset in a swap entry.
    #[inline(always)]
    pub(crate) fn rpn(&self) -> u64 {
        RPN_TOP & u64::MAX.wrapping_shl(self.page_shift())
    }

    /// The frame of a leaf: `pte_pfn`. That of a pmd or pud is the same, not aligned to the size of the leaf.
    #[inline(always)]
    pub(crate) fn pfn(&self, x: u64) -> u64 {
        (x & self.rpn()).wrapping_shr(self.page_shift())
    }

    /// The frame number as the address bits of a leaf.
    #[inline(always)]
    pub(crate) fn address_bits(&self, pfn: u64) -> u64 {
        pfn.wrapping_shl(self.page_shift()) & self.rpn()
    }
}
