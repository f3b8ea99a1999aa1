//! The shape of the tables: which levels are real, what they span, where the halves of the address space lie.
//!
//! In: `PAGE_SHIFT`, `VA_BITS`, `PGTABLE_LEVELS`. Out: shifts, numbers of entries, and under which level name a word
//! is tested (arch/arm64/include/asm/pgtable-hwdef.h and include/asm-generic/pgtable-nop{md,ud,4d}.h). Guaranteed: a
//! configuration that arm64 does not have (another granule, levels that do not fit VA_BITS) yields numbers that
//! `Geometry::evaluate` refuses. Not handled: an LPA2 kernel that runs on a machine without LPA2 and folds a level at
//! boot; configure it as what it runs as.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Arm64;

/// log2 of the bytes of an entry.
const ENTRY_SHIFT: u32 = 3;

/// Levels below this one.
#[inline(always)]
const fn height(level: Level) -> u32 {
    level as u32
}

impl<K: Kconfig> Arm64<K> {
    /// log2 of the granule.
    #[inline(always)]
    pub(crate) fn page_shift(&self) -> u32 {
        self.0.get(Extern::PAGE_SHIFT).unsigned_abs()
    }

    #[inline(always)]
    fn va_bits(&self) -> u32 {
        self.0.get(Extern::VA_BITS).unsigned_abs()
    }

    /// Levels of table.
    #[inline(always)]
    pub(crate) fn levels(&self) -> u32 {
        self.0.get(Extern::PGTABLE_LEVELS).unsigned_abs()
    }

    /// log2 of the entries in a table below the root; the root may have fewer.
    #[inline(always)]
    fn index_bits(&self) -> u32 {
        self.page_shift().wrapping_sub(ENTRY_SHIFT)
    }

    /// log2 of the bytes that an entry spans; a folded level spans what the level spans into which it is folded.
    #[inline(always)]
    pub(crate) fn shift(&self, level: Level) -> u32 {
        let real = height(level).min(self.levels().wrapping_sub(1));
        self.index_bits().wrapping_mul(real).wrapping_add(self.page_shift())
    }

    /// Entries in a table: 1 where the level is folded, 0 where the configuration is none of arm64's.
    #[inline(always)]
    pub(crate) fn entries(&self, level: Level) -> u32 {
        let top = self.levels().wrapping_sub(1);
        let index_bits = match level {
            Level::Pgd => self.va_bits().wrapping_sub(self.shift(Level::Pgd)),
            _ if height(level) >= top => return 1,
            _ => self.index_bits(),
        };
        let granule = matches!(self.page_shift(), 12 | 14 | 16);
        let fits = index_bits != 0 && index_bits <= self.index_bits();
        if granule && fits { 1u32.wrapping_shl(index_bits) } else { 0 }
    }

    /// Whether the word is tested under this level's name; under the other names folded into it the predicates are
    /// the constants of asm-generic. The real word of a folded top is tested under the lowest name it has, except
    /// that 5level-fixup.h, where it is in use, makes the pgd decide.
    #[inline(always)]
    pub(crate) fn is_tested(&self, level: Level) -> bool {
        match level {
            Level::Pte | Level::Pmd => true,
            Level::Pud => self.levels() > 2,
            Level::P4d => self.levels() > 4 || (self.levels() == 4 && self.folds_by_nop4d()),
            Level::Pgd => self.levels() > 4 || (self.levels() == 4 && !self.folds_by_nop4d()),
        }
    }

    /// First address above the lower half, which is also what user mode may be granted.
    #[inline(always)]
    pub(crate) fn lower_half_end(&self) -> u64 {
        1u64.wrapping_shl(self.va_bits())
    }

    /// First address of the upper half.
    #[inline(always)]
    pub(crate) fn upper_half_start(&self) -> u64 {
        u64::MAX.wrapping_shl(self.va_bits())
    }

    /// Entries in a contiguous run of ptes (the manual's table of contiguous bit sizes).
    #[inline(always)]
    pub(crate) fn cont_ptes(&self) -> u32 {
        match self.page_shift() {
            12 => 16,
            14 => 128,
            _ => 32,
        }
    }

    /// Entries in a contiguous run of pmds.
    #[inline(always)]
    pub(crate) fn cont_pmds(&self) -> u32 {
        if self.page_shift() == 12 { 16 } else { 32 }
    }
}
