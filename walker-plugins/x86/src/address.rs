//! Addresses in entries and in CR3.
//!
//! In: an entry, a frame number or a CR3 value. Out: the same in another form. An entry that is not present holds its
//! address inverted, so that no speculative load finds the frame (L1TF; arch/x86/include/asm/pgtable-invert.h, v5.3).
//! Guaranteed: no operation panics, whatever the configuration. Not handled: whether an address is within the
//! machine's memory; the shared bit of TDX guests.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::X86;
use crate::layout::{ADDRESS, PRESENT, PROTNONE, PSE, any};

/// log2 of the bytes of a page.
const PAGE_SHIFT: u32 = 12;

/// What the address bits of `x` are combined with: all ones where the entry holds its address inverted.
#[inline(always)]
const fn inversion(x: u64) -> u64 {
    if x != 0 && !any(x, PRESENT) { u64::MAX } else { 0 }
}

impl<K: Kconfig> X86<K> {
    /// The encryption bit, or 0: `sme_me_mask`.
    #[inline(always)]
    pub(crate) fn encryption(&self) -> u64 {
        match self.0.get(Extern::SME_C_BIT) {
            0 => 0,
            bit => 1u64.wrapping_shl(bit.unsigned_abs()),
        }
    }

    /// The address bits of an entry that maps or leads to 4K: `PTE_PFN_MASK`.
    #[inline(always)]
    pub(crate) fn page_mask(&self) -> u64 {
        ADDRESS & !self.encryption()
    }

    /// The address bits of a leaf of this level: `PHYSICAL_PMD_PAGE_MASK` and its like.
    #[inline(always)]
    pub(crate) fn leaf_mask(&self, level: Level) -> u64 {
        self.page_mask() & u64::MAX.wrapping_shl(self.shift(level))
    }

    /// The address bits of this entry: `pXd_pfn_mask`.
    #[inline(always)]
    fn address_mask(&self, level: Level, x: u64) -> u64 {
        match level {
            Level::Pmd | Level::Pud if any(x, PSE) => self.leaf_mask(level),
            _ => self.page_mask(),
        }
    }

    /// What in the entry is no address: `pXd_flags`.
    #[inline(always)]
    pub(crate) fn flags(&self, level: Level, x: u64) -> u64 {
        x & !self.address_mask(level, x)
    }

    /// The frame in the entry: `pXd_pfn`. Only ptes, pmds and puds are ever inverted.
    #[inline(always)]
    pub(crate) fn pfn(&self, level: Level, x: u64) -> u64 {
        let address = if level > Level::Pud { x } else { x ^ inversion(x) };
        (address & self.address_mask(level, x)) >> PAGE_SHIFT
    }

    /// The address of the next table: what `pXd_page_vaddr` turns into a pointer, never inverted.
    #[inline(always)]
    pub(crate) fn table(&self, level: Level, x: u64) -> u64 {
        x & self.address_mask(level, x)
    }

    /// An entry from a frame number and a protection: `pfn_pXd`.
    #[inline(always)]
    pub(crate) fn leaf_of(&self, level: Level, pfn: u64, prot: u64) -> u64 {
        ((pfn << PAGE_SHIFT) ^ inversion(prot)) & self.leaf_mask(level) | prot
    }

    /// The leaf without what makes it present, its address inverted: `pXd_mknotpresent`, `pXd_mkinvalid`.
    #[inline(always)]
    pub(crate) fn invalidated(&self, level: Level, x: u64) -> u64 {
        self.leaf_of(level, self.pfn(level, x), self.flags(level, x) & !(PRESENT | PROTNONE))
    }

    /// The entry with its address inverted or not as `was` had it and the entry now calls for: `flip_protnone_guard`.
    #[inline(always)]
    pub(crate) fn reinverted(&self, level: Level, was: u64, x: u64) -> u64 {
        x ^ ((inversion(was) ^ inversion(x)) & self.leaf_mask(level))
    }

    /// The root's address in a CR3 value, whose PCID, flags and encryption bit are dropped.
    #[inline(always)]
    pub(crate) fn root_of(&self, cr3: u64) -> u64 {
        cr3 & self.page_mask()
    }
}
