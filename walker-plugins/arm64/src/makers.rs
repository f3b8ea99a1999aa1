//! Entries from entries: the kernel's constructors.
//!
//! In: a raw entry. Out: the entry that the kernel would store. Guaranteed: the output address is left alone. A maker
//! whose bit the modelled kernel does not have returns its argument; one of which only the name came or went keeps its
//! meaning (`pmd_mkinvalid` was `pmd_mknotpresent` before v5.8, `pte_mkwrite` is `pte_mkwrite_novma` from v6.6 on, and
//! by v6.18 `pte_mkpresent` is `pte_mkvalid` and `pte_mkhuge` is gone). Not handled: tests that the kernel makes before
//! it stores an entry.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Arm64;
use crate::layout::{CONT, DIRTY, NG, PROT_NONE, PXN, RDONLY, SPECIAL, TYPE_TABLE, USER, UXN, VALID, WRITE, any};
use crate::predicates::hw_dirty;

/// What `modify` has taken from the new protection since v5.3, besides the bit that means present though invalid.
const MODIFY: u64 = USER | PXN | UXN | RDONLY | VALID | WRITE;

/// Dirty by software's record, and by the hardware's where the entry is writable.
#[inline(always)]
pub(crate) const fn mkdirty(x: u64) -> u64 {
    let dirty = x | DIRTY;
    if any(x, WRITE) { dirty & !RDONLY } else { dirty }
}

/// Clean by both records.
#[inline(always)]
pub(crate) const fn mkclean(x: u64) -> u64 {
    x & !DIRTY | RDONLY
}

/// `x` with the hardware's dirty state written down in DIRTY.
#[inline(always)]
const fn save_dirty(x: u64) -> u64 {
    if hw_dirty(x) { x | DIRTY } else { x }
}

impl<K: Kconfig> Arm64<K> {
    /// Writable.
    #[inline(always)]
    pub(crate) fn mkwrite(&self, x: u64) -> u64 {
        let writable = x | WRITE;
        if self.mkwrite_keeps_clean() && !any(x, DIRTY) { writable } else { writable & !RDONLY }
    }

    /// Read-only.
    #[inline(always)]
    pub(crate) fn wrprotect(&self, x: u64) -> u64 {
        let saved = if self.wrprotect_keeps_dirty() { save_dirty(x) } else { x };
        saved & !WRITE | RDONLY
    }

    /// Special, in a pte.
    #[inline(always)]
    pub(crate) fn pte_mkspecial(&self, x: u64) -> u64 {
        if self.0.on(Extern::ARCH_HAS_PTE_SPECIAL) { x | SPECIAL } else { x }
    }

    /// Special, in a pmd.
    #[inline(always)]
    pub(crate) fn pmd_mkspecial(&self, x: u64) -> u64 {
        if self.has_pmd_special() { x | SPECIAL } else { x }
    }

    /// Device memory. The same with and without huge pages, as in the kernel.
    #[inline(always)]
    pub(crate) fn mkdevmap(&self, level: Level, x: u64) -> u64 {
        x | self.devmap_bits(level)
    }

    /// With the contiguous hint, in a pte.
    #[inline(always)]
    pub(crate) fn pte_mkcont(&self, x: u64) -> u64 {
        if self.mkcont_sets_type() { x | CONT | TYPE_TABLE } else { x | CONT }
    }

    /// Invalid to the hardware and present to the kernel, in a pte: v6.11 and later.
    #[inline(always)]
    pub(crate) fn pte_mkinvalid(&self, x: u64) -> u64 {
        if self.present_invalid_is_ng() { x & !VALID | NG } else { x }
    }

    /// Invalid to the hardware and, from v5.10 on, present to the kernel, in a pmd.
    #[inline(always)]
    pub(crate) fn pmd_mkinvalid(&self, x: u64) -> u64 {
        x & !VALID | self.pmd_mkinvalid_bit()
    }

    /// The entry with the protection of `prot`.
    #[inline(always)]
    pub(crate) fn modify(&self, x: u64, prot: u64) -> u64 {
        let present_invalid = if self.present_invalid_is_ng() { NG } else { PROT_NONE };
        let mask = MODIFY | present_invalid | self.modify_also_replaces();
        let modified = save_dirty(x) & !mask | prot & mask;
        if self.modify_makes_hw_dirty() && any(modified, DIRTY) { mkdirty(modified) } else { modified }
    }
}
