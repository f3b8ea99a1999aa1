//! Directories of huge pages: hash with 4K before v6.11, where no pmd maps memory and a page of 16M hangs off a pud, one
//! of 16G off a pgd.
//!
//! In: a raw entry of any level above the pte. Out: whether it points to such a directory, how large the pages are and
//! where their entries lie (arch/powerpc/include/asm/hugetlb.h and book3s/64/hugetlb.h, v5.3). Guaranteed: constant 0
//! on every other configuration, where the same bits mean something else (on radix, the size of the next table). Not
//! handled: the way from an address to the entry, which is the caller's:
//! `page + 8 * ((va & ((1 << shift_of_level) - 1)) >> shift)`.

use ptwalk_abi::{Kconfig, bits};

use crate::Ppc;
use crate::layout::{PRESENT, PTE, any};

/// Index of the page size, times four.
const SHIFT_MASK: u64 = bits(5, 0);
/// Address of the entries.
const PAGE_MASK: u64 = bits(59, 6);
/// log2 of the page size by the index that the kernel gives it (MMU_PAGE_*, arch/powerpc/include/asm/mmu.h, v5.3), a
/// byte an index: of 0 to 7, and of 8 to 15. Sizes that no book3s hash MMU has are 0.
const SHIFTS: [u64; 2] =
    [u64::from_le_bytes([12, 0, 16, 0, 0, 0, 0, 21]), u64::from_le_bytes([0, 0, 24, 0, 28, 30, 34, 36])];

impl<K: Kconfig> Ppc<K> {
    /// The entry points to a directory of huge pages.
    #[inline(always)]
    pub(crate) fn is_hugepd(&self, x: u64) -> bool {
        self.has_hugepd() && x & (PTE | PRESENT) == PRESENT && any(x, SHIFT_MASK)
    }

    /// log2 of the page size; 0 where the index is none.
    #[inline(always)]
    pub(crate) fn hugepd_shift(&self, x: u64) -> u64 {
        let index = (x & SHIFT_MASK) >> 2;
        let shifts = if index < 8 { SHIFTS[0] } else { SHIFTS[1] };
        if self.is_hugepd(x) { shifts >> ((index & 7) * 8) & 0xff } else { 0 }
    }

    /// Physical address of the entries.
    #[inline(always)]
    pub(crate) fn hugepd_page(&self, x: u64) -> u64 {
        if self.is_hugepd(x) { x & PAGE_MASK } else { 0 }
    }
}
