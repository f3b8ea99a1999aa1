//! Entries from entries: the kernel's constructors.
//!
//! In: a raw entry. Out: the entry that the kernel would store. Guaranteed: the address is left alone. A maker whose bit
//! the modelled kernel does not have returns its argument, and so does one that the kernel calls a bug under the MMU of
//! the day (`pmd_mkhuge` with hash and 4K). One of which only the name came or went keeps its meaning: since v5.10
//! `pmd_mkhuge` only checks what `pfn_pmd` has made, and what it did is done by `__pmd_mkhuge`. Not handled: tests that
//! the kernel makes before it stores an entry.

use ptwalk_abi::{Extern, Kconfig};

use crate::Ppc;
use crate::layout::{
    ACCESSED, DEVMAP, DIRTY, INVALID, PRESENT, PRIVILEGED, PTE, READ, SOFT_DIRTY, SPECIAL, THP_HUGE, WRITE,
};

/// Writable, and so readable.
#[inline(always)]
pub(crate) const fn mkwrite(x: u64) -> u64 {
    x | WRITE | READ
}

/// Dirty, for the hardware and for whoever asked for soft-dirty.
#[inline(always)]
pub(crate) const fn mkdirty(x: u64) -> u64 {
    x | DIRTY | SOFT_DIRTY
}

/// Kept from lock-free walks and from the hardware while it is taken apart: what `pmdp_invalidate` stores.
#[inline(always)]
pub(crate) const fn pmd_mkinvalid(x: u64) -> u64 {
    x & !PRESENT | INVALID
}

impl<K: Kconfig> Ppc<K> {
    /// Read-only. A page that was to be writable again no longer is.
    #[inline(always)]
    pub(crate) fn wrprotect(&self, x: u64) -> u64 {
        if self.savedwrite(x) { self.clear_savedwrite(x) } else { x & !WRITE }
    }

    /// To be writable again.
    #[inline(always)]
    pub(crate) fn mk_savedwrite(&self, x: u64) -> u64 {
        if self.has_savedwrite() { x & !PRIVILEGED } else { x }
    }

    /// Not to be writable again.
    #[inline(always)]
    pub(crate) fn clear_savedwrite(&self, x: u64) -> u64 {
        if self.has_savedwrite() { x | PRIVILEGED } else { x }
    }

    /// Special.
    #[inline(always)]
    pub(crate) fn pte_mkspecial(&self, x: u64) -> u64 {
        if self.0.on(Extern::ARCH_HAS_PTE_SPECIAL) { x | SPECIAL } else { x }
    }

    /// Device memory, in a pte. The marker is left to who stores the entry, so that the result may be none yet.
    #[inline(always)]
    pub(crate) fn pte_mkdevmap(&self, x: u64) -> u64 {
        if self.has_devmap() { x | SPECIAL | DEVMAP } else { x }
    }

    /// Device memory, in a pmd. With hash and 4K a bug since v5.7, and as before then.
    #[inline(always)]
    pub(crate) fn pmd_mkdevmap(&self, x: u64) -> u64 {
        let thp_like = !self.radix() && self.is_64k() && self.hash_devmap_is_thp_like();
        let marks = if thp_like { PTE | THP_HUGE } else { PTE };
        if self.has_devmap() { x | marks | DEVMAP } else { x }
    }

    /// Device memory, in a pud.
    #[inline(always)]
    pub(crate) fn pud_mkdevmap(&self, x: u64) -> u64 {
        if self.has_pud_thp() && self.has_devmap() { x | PTE | DEVMAP } else { x }
    }

    /// A transparent huge page.
    #[inline(always)]
    pub(crate) fn pmd_mkhuge(&self, x: u64) -> u64 {
        if self.radix() {
            x | PTE
        } else if self.is_64k() {
            x | PTE | THP_HUGE
        } else {
            x
        }
    }

    /// A transparent huge page, in a pud: v6.6 and later. A bug with hash.
    #[inline(always)]
    pub(crate) fn pud_mkhuge(&self, x: u64) -> u64 {
        if self.has_pud_thp() { x | PTE } else { x }
    }

    /// _PAGE_CHG_MASK: what changing the protection keeps. It holds the hash bits of the page size whatever the MMU.
    #[inline(always)]
    fn kept(&self) -> u64 {
        let marks = DIRTY | ACCESSED | SOFT_DIRTY | SPECIAL | self.devmap_bit() | PTE;
        self.rpn() | self.hpte_flags() | marks
    }

    /// The entry with the protection of `prot`. What is not kept is that of `prot`; nothing of `prot` is masked out.
    #[inline(always)]
    pub(crate) fn pte_modify(&self, x: u64, prot: u64) -> u64 {
        x & self.kept() | prot
    }

    /// As for a pte, with the mark of a transparent huge page kept.
    #[inline(always)]
    pub(crate) fn pmd_modify(&self, x: u64, prot: u64) -> u64 {
        let thp = if self.is_64k() { THP_HUGE } else { 0 };
        x & (self.kept() | thp) | prot
    }

    /// A pte from a frame number and a protection.
    #[inline(always)]
    pub(crate) fn pfn_pte(&self, pfn: u64, prot: u64) -> u64 {
        let marker = if self.pfn_sets_marker() { PTE } else { 0 };
        self.address_bits(pfn) | prot | marker
    }

    /// A pmd from a frame number and a protection.
    #[inline(always)]
    pub(crate) fn pfn_pmd(&self, pfn: u64, prot: u64) -> u64 {
        let pmd = self.address_bits(pfn) | prot;
        if self.pfn_sets_marker() { self.pmd_mkhuge(pmd) } else { pmd }
    }

    /// A pud from a frame number and a protection.
    #[inline(always)]
    pub(crate) fn pfn_pud(&self, pfn: u64, prot: u64) -> u64 {
        self.pud_mkhuge(self.address_bits(pfn) | prot)
    }
}
