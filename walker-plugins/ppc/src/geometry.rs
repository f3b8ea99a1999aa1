//! The shape of the tables: which MMU and page size, what levels span, where the halves of the address space lie.
//!
//! In: `PAGE_SHIFT`, which is compiled into a kernel, and `PPC_RADIX_MMU`, which it decides at boot. Out: shifts and
//! numbers of entries ({radix,hash}-{4k,64k}.h), and under which level name a word is tested. There are always four
//! levels; `VA_BITS` and `PGTABLE_LEVELS` have no say. Guaranteed: another page size yields tables of no entries, which
//! `Geometry::evaluate` refuses. Hash with 64K keeps more than entries in its tables (hash slots behind the ptes,
//! deposited tables behind pmds and puds): a table has as many entries as `PTRS_PER_*` says, and what lies behind them
//! is none.
//!
//! The two halves have a root each, and neither translates the other's addresses. With radix, the top two bits of an
//! effective address choose a *quadrant*: 0 is the process's, with the root that its row of the process table holds
//! (PRTB), 3 is the kernel's, with the root of row 0 (`init_mm.pgd`). The kernel's linear map, vmalloc, I/O and vmemmap
//! all lie in quadrant 3 and in that one tree. With hash, the tables of quadrant 3 hold vmalloc and I/O alone: the linear
//! map and vmemmap are only in the hash table.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Ppc;

/// First address of quadrant 3: PAGE_OFFSET.
const QUADRANT_3: u64 = 0xc000_0000_0000_0000;

/// log2 of a memory section's bytes (arch/powerpc/include/asm/sparsemem.h, v5.3 to v6.14).
pub(crate) const SECTION_SIZE_BITS: u32 = 24;

/// log2 of what user mode may be granted with 64K: 4 PB (arch/powerpc/include/asm/task_size_64.h, v5.3).
const TASK_SIZE_BITS_64K: u32 = 52;
/// log2 of what user mode may be granted with 4K: 64 TB, whatever the MMU.
const TASK_SIZE_BITS_4K: u32 = 46;

impl<K: Kconfig> Ppc<K> {
    /// log2 of the page size.
    #[inline(always)]
    pub(crate) fn page_shift(&self) -> u32 {
        self.0.get(Extern::PAGE_SHIFT).unsigned_abs()
    }

    /// The MMU walks these tables itself: `radix_enabled()`.
    #[inline(always)]
    pub(crate) fn radix(&self) -> bool {
        self.0.on(Extern::PPC_RADIX_MMU)
    }

    /// Pages of 64K; of 4K otherwise.
    #[inline(always)]
    pub(crate) fn is_64k(&self) -> bool {
        self.page_shift() == 16
    }

    /// Hash with pages of 4K, where no pmd maps memory.
    #[inline(always)]
    pub(crate) fn hash_4k(&self) -> bool {
        !self.radix() && !self.is_64k()
    }

    /// log2 of the entries in a table.
    #[inline(always)]
    fn index_bits(&self, level: Level) -> u32 {
        match (level, self.radix(), self.is_64k()) {
            (Level::P4d, ..) => 0,
            (Level::Pgd, true, _) => 13,
            (Level::Pgd, false, false) => 9,
            (Level::Pgd, false, true) => 8,
            (Level::Pud, false, true) | (Level::Pmd, false, true) => 10,
            (Level::Pmd, false, false) => 7,
            (Level::Pte, true, true) => 5,
            (Level::Pte, false, true) => 8,
            _ => 9,
        }
    }

    /// log2 of the bytes that an entry spans; the p4d spans what the pgd does.
    #[inline(always)]
    pub(crate) fn shift(&self, level: Level) -> u32 {
        let below = |level| self.index_bits(level);
        self.page_shift()
            + match level {
                Level::Pte => 0,
                Level::Pmd => below(Level::Pte),
                Level::Pud => below(Level::Pte) + below(Level::Pmd),
                Level::P4d | Level::Pgd => below(Level::Pte) + below(Level::Pmd) + below(Level::Pud),
            }
    }

    /// Entries in a table; 0 where the page size is none of ppc64's.
    #[inline(always)]
    pub(crate) fn entries(&self, level: Level) -> u32 {
        if matches!(self.page_shift(), 12 | 16) { 1 << self.index_bits(level) } else { 0 }
    }

    /// Whether the word is tested under this level's name; under the other name of the top word the predicates are the
    /// constants of asm-generic.
    #[inline(always)]
    pub(crate) fn is_tested(&self, level: Level) -> bool {
        match level {
            Level::Pte | Level::Pmd | Level::Pud => true,
            Level::P4d => self.folds_by_nop4d(),
            Level::Pgd => !self.folds_by_nop4d(),
        }
    }

    /// First address above what a root translates, on from the start of its half.
    #[inline(always)]
    pub(crate) fn lower_half_end(&self) -> u64 {
        1 << (self.shift(Level::Pgd) + self.index_bits(Level::Pgd))
    }

    /// First address of the upper half.
    #[inline(always)]
    pub(crate) fn upper_half_start(&self) -> u64 {
        QUADRANT_3
    }

    /// First address above what `access_ok` grants. With radix and 4K the tables reach further.
    #[inline(always)]
    pub(crate) fn task_size_max(&self) -> u64 {
        1 << if self.is_64k() { TASK_SIZE_BITS_64K } else { TASK_SIZE_BITS_4K }
    }
}
