//! The shape of the tables: which levels are real, what they span, where the halves of the address space lie.
//!
//! In: `PGTABLE_LEVELS`, the levels in use. Out: shifts, numbers of entries, and under which level name a word is
//! tested (arch/x86/include/asm/pgtable_64_types.h, include/asm-generic/pgtable-nop4d.h). A kernel built for five
//! levels that runs with four (`pgtable_l5_enabled()` is 0) answers as one built for four, so the levels in use are
//! all that matters. Guaranteed: another number of levels yields numbers that `Geometry::evaluate` refuses. Not
//! handled: 32-bit kernels.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::X86;

/// Entries of every table.
const ENTRIES: u32 = 512;
/// The page below the end of the lower half that user mode does not get (`TASK_SIZE_MAX`, v5.3).
const GUARD_BYTES: u64 = 4096;

impl<K: Kconfig> X86<K> {
    /// Levels of table in use.
    #[inline(always)]
    fn levels(&self) -> u32 {
        self.0.get(Extern::PGTABLE_LEVELS).unsigned_abs()
    }

    /// Whether there are five levels: `pgtable_l5_enabled`.
    #[inline(always)]
    pub(crate) fn l5(&self) -> bool {
        self.levels() == 5
    }

    /// log2 of the bytes that one entry spans.
    #[inline(always)]
    pub(crate) fn shift(&self, level: Level) -> u32 {
        match level {
            Level::Pte => 12,
            Level::Pmd => 21,
            Level::Pud => 30,
            Level::P4d => 39,
            Level::Pgd if self.l5() => 48,
            Level::Pgd => 39,
        }
    }

    /// Entries in a table: 1 where the level is folded, 0 where x86_64 has no such number of levels.
    #[inline(always)]
    pub(crate) fn entries(&self, level: Level) -> u32 {
        match level {
            Level::Pgd if !matches!(self.levels(), 4 | 5) => 0,
            Level::P4d if !self.l5() => 1,
            _ => ENTRIES,
        }
    }

    /// Whether the word is tested under this level's name: the root's of four levels is tested as a p4d.
    #[inline(always)]
    pub(crate) fn is_tested(&self, level: Level) -> bool {
        level < Level::Pgd || self.l5()
    }

    #[inline(always)]
    fn half_bits(&self) -> u32 {
        if self.l5() { 56 } else { 47 }
    }

    /// First address above the lower half.
    #[inline(always)]
    pub(crate) fn lower_half_end(&self) -> u64 {
        1 << self.half_bits()
    }

    /// First address of the upper half.
    #[inline(always)]
    pub(crate) fn upper_half_start(&self) -> u64 {
        u64::MAX << self.half_bits()
    }

    /// First address above what user mode may be granted.
    #[inline(always)]
    pub(crate) fn task_size_max(&self) -> u64 {
        self.lower_half_end() - GUARD_BYTES
    }
}
