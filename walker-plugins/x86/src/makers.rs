//! Entries from entries: the kernel's constructors.
//!
//! In: a raw entry. Out: the entry that the kernel would store. Guaranteed: the address bits are left alone, except
//! that `mkinvalid` and `modify` invert them where presence changes. A maker whose bit the modelled kernel does not
//! have returns its argument. `pXd_mkwrite` is that of an ordinary mapping, `pXd_mkwrite(x, vma)` from v6.6 on. Not
//! handled: shadow stacks; bits that the CPU at hand does not support, which the kernel masks out.

use ptwalk_abi::{Kconfig, Level};

use crate::X86;
use crate::layout::{ACCESSED, DIRTY, PCD, PSE, PWT, RW, SPECIAL};

/// Bits that [`X86::modify`] has kept since v5.3, besides address, device memory and soft-dirty.
const MODIFY_KEEPS: u64 = PCD | PWT | SPECIAL | ACCESSED | DIRTY;

impl<K: Kconfig> X86<K> {
    /// `x` with a dirty state that the hardware would not take for a shadow stack: of a read-only entry in the saved
    /// bit (`pte_mksaveddirty`).
    #[inline(always)]
    fn save_dirty(&self, x: u64) -> u64 {
        let saved = self.saved_dirty_bit();
        if x & (RW | DIRTY) == DIRTY && saved != 0 { x & !DIRTY | saved } else { x }
    }

    /// `x` with the dirty state of a writable entry where the hardware keeps it (`pte_clear_saveddirty`).
    #[inline(always)]
    fn restore_dirty(&self, x: u64) -> u64 {
        let saved = self.saved_dirty_bit();
        if x & RW != 0 && x & saved != 0 { x & !saved | DIRTY } else { x }
    }

    /// Writable.
    #[inline(always)]
    pub(crate) fn mkwrite(&self, x: u64) -> u64 {
        self.restore_dirty(x | RW)
    }

    /// Read-only.
    #[inline(always)]
    pub(crate) fn wrprotect(&self, x: u64) -> u64 {
        self.save_dirty(x & !RW)
    }

    /// Dirty, and soft-dirty where the kernel keeps that.
    #[inline(always)]
    pub(crate) fn mkdirty(&self, x: u64) -> u64 {
        self.save_dirty(x | DIRTY | self.soft_dirty_bit())
    }

    /// Clean by both records.
    #[inline(always)]
    pub(crate) fn mkclean(&self, x: u64) -> u64 {
        x & !(DIRTY | self.saved_dirty_bit())
    }

    /// Special.
    #[inline(always)]
    pub(crate) fn mkspecial(&self, level: Level, x: u64) -> u64 {
        if self.has_special(level) { x | SPECIAL } else { x }
    }

    /// Device memory; of a pte also special. The same with and without huge pages, as in the kernel.
    #[inline(always)]
    pub(crate) fn mkdevmap(&self, level: Level, x: u64) -> u64 {
        match self.devmap_bit() {
            0 => x,
            bit if level == Level::Pte => x | bit | SPECIAL,
            bit => x | bit,
        }
    }

    /// The entry with the protection of `prot`.
    #[inline(always)]
    pub(crate) fn modify(&self, level: Level, x: u64, prot: u64) -> u64 {
        let size = if level == Level::Pte { 0 } else { PSE };
        let marks = self.devmap_bit() | self.soft_dirty_bit() | self.saved_dirty_bit();
        let kept = self.page_mask() | MODIFY_KEEPS | marks | size | self.modify_also_keeps(level);
        let modified = self.reinverted(level, x, x & kept | prot & !kept);
        if x & RW != 0 { self.save_dirty(modified) } else { self.restore_dirty(modified) }
    }
}
