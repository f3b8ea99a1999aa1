//! What an entry says: the kernel's tests, the level being a parameter.
//!
//! In: a raw entry and the level under whose name it is asked. Out: a truth value. Guaranteed: the folded name of the
//! top word answers with the constants of asm-generic (none 0, bad 0, present 1, huge 0), and an option that is off
//! answers with the generic stub. Not handled, as in the kernel: whether a word with the marker of a leaf lies at a level
//! where the MMU has leaves.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Ppc;
use crate::layout::{
    ACCESSED, DEVMAP, DIRTY, INVALID, PRESENT, PRIVILEGED, PTE, RADIX_BAD, READ, RWX, SPECIAL, THP_HUGE, WRITE, all,
    any,
};

/// Hash: what no pmd that points to a table has, a table of ptes being aligned to its 4096 bytes.
const HASH_PMD_BAD: u64 = 0xfff;

impl<K: Kconfig> Ppc<K> {
    /// Nothing is stored in the entry. In a pte, what the hardware (radix) or the hash code may write into an empty entry
    /// does not count.
    #[inline(always)]
    pub(crate) fn none(&self, level: Level, x: u64) -> bool {
        let ignored = match (level, self.radix()) {
            (Level::Pte, true) => DIRTY | ACCESSED,
            (Level::Pte, false) => self.hpte_flags(),
            _ => 0,
        };
        self.is_tested(level) && x & !ignored == 0
    }

    /// The entry maps memory or a table.
    #[inline(always)]
    pub(crate) fn present(&self, level: Level, x: u64) -> bool {
        match level {
            Level::Pte => any(x, PRESENT | INVALID) && (!self.present_needs_marker() || any(x, PTE)),
            Level::Pmd => any(x, PRESENT | INVALID),
            _ => !self.is_tested(level) || any(x, PRESENT),
        }
    }

    /// The hardware would use the entry: `pte_hw_valid`, which since v5.10 wants the marker too.
    #[inline(always)]
    pub(crate) fn valid(&self, level: Level, x: u64) -> bool {
        any(x, PRESENT) && (level != Level::Pte || !self.present_needs_marker() || any(x, PTE))
    }

    /// The entry is no pointer to a table. Radix knows it by bits that such a pointer has not, hash by the alignment of
    /// the next table to its size, and at the top not at all.
    #[inline(always)]
    pub(crate) fn bad(&self, level: Level, x: u64) -> bool {
        let bad = match level {
            _ if self.radix() => any(x, RADIX_BAD),
            Level::Pgd | Level::P4d => x == 0,
            Level::Pud => any(x, self.hash_pmd_table_bytes() - 1),
            Level::Pmd | Level::Pte => any(x, HASH_PMD_BAD),
        };
        self.is_tested(level) && bad
    }

    /// Bytes of a table of pmds, with what hash keeps behind the entries (H_PMD_TABLE_SIZE).
    #[inline(always)]
    fn hash_pmd_table_bytes(&self) -> u64 {
        let entries_bytes = u64::from(self.entries(Level::Pmd)) << 3;
        let huge = self.0.on(Extern::TRANSPARENT_HUGEPAGE) || self.0.on(Extern::HUGETLB_PAGE);
        if self.is_64k() && huge { 2 * entries_bytes } else { entries_bytes.max(1) }
    }

    /// A hugetlb page: with hash and 4K no leaf is one as long as there are directories of huge pages.
    #[inline(always)]
    pub(crate) fn huge(&self, level: Level, x: u64) -> bool {
        let leaves = self.0.on(Extern::HUGETLB_PAGE) && !self.has_hugepd();
        leaves && self.is_tested(level) && any(x, PTE)
    }

    /// The MMU of the day has transparent huge pages: 2M with radix, 16M with hash and 64K.
    #[inline(always)]
    pub(crate) fn has_transparent_hugepage(&self) -> bool {
        self.0.on(Extern::TRANSPARENT_HUGEPAGE) && !self.hash_4k()
    }

    /// A transparent huge page. A page being split is one too. Device memory is none, except with hash before v5.7.
    #[inline(always)]
    pub(crate) fn pmd_trans_huge(&self, x: u64) -> bool {
        let marks = if self.radix() { PTE } else { PTE | THP_HUGE };
        let excluded = if self.radix() || self.hash_devmap_is_thp_like() { self.devmap_bit() } else { 0 };
        self.has_transparent_hugepage() && self.present(Level::Pmd, x) && x & (marks | excluded) == marks
    }

    /// A transparent huge page, in a pud.
    #[inline(always)]
    pub(crate) fn pud_trans_huge(&self, x: u64) -> bool {
        self.has_pud_thp() && self.present(Level::Pud, x) && x & (PTE | self.devmap_bit()) == PTE
    }

    /// Device memory, in a pte. The marker of a leaf must be there too.
    #[inline(always)]
    pub(crate) fn pte_devmap(&self, x: u64) -> bool {
        self.has_devmap() && all(x, DEVMAP | PTE)
    }

    /// Device memory, in a pmd.
    #[inline(always)]
    pub(crate) fn pmd_devmap(&self, x: u64) -> bool {
        self.0.on(Extern::TRANSPARENT_HUGEPAGE) && self.pte_devmap(x)
    }

    /// Device memory, in a pud.
    #[inline(always)]
    pub(crate) fn pud_devmap(&self, x: u64) -> bool {
        self.has_pud_thp() && self.pte_devmap(x)
    }

    /// No struct page that may be used.
    #[inline(always)]
    pub(crate) fn pte_special(&self, x: u64) -> bool {
        self.0.on(Extern::ARCH_HAS_PTE_SPECIAL) && any(x, SPECIAL)
    }

    /// Resident, but no access from user mode.
    #[inline(always)]
    pub(crate) fn protnone(&self, x: u64) -> bool {
        self.0.on(Extern::NUMA_BALANCING) && x & (PRESENT | PTE | RWX) == PRESENT | PTE
    }

    /// PROT_NONE for NUMA balancing, of a writable page. The kernel looks neither at present nor at the marker: the word 0
    /// is one.
    #[inline(always)]
    pub(crate) fn savedwrite(&self, x: u64) -> bool {
        self.has_savedwrite() && !any(x, RWX | PRIVILEGED)
    }

    /// Writable, or to be writable again.
    #[inline(always)]
    pub(crate) fn write(&self, x: u64) -> bool {
        any(x, WRITE) || self.savedwrite(x)
    }

    /// What GUP-fast asks of a leaf. The marker of one is not asked for before v5.10.
    #[inline(always)]
    pub(crate) fn access_permitted(&self, x: u64, write: bool) -> bool {
        self.present(Level::Pte, x)
            && x & (PRIVILEGED | READ) == READ
            && (!write || self.write(x))
            && self.amr_permits(x, write)
    }

    /// As for a pte, but a page being split is refused.
    #[inline(always)]
    pub(crate) fn pmd_access_permitted(&self, x: u64, write: bool) -> bool {
        !serializing(x) && self.access_permitted(x, write)
    }

    /// Equal but for what the hash code keeps in the entry.
    #[inline(always)]
    pub(crate) fn pte_same(&self, x: u64, y: u64) -> bool {
        let ignored = if self.radix() { 0 } else { self.hpte_flags() };
        (x ^ y) & !ignored == 0
    }

    /// As for a pte where a pmd can map memory.
    #[inline(always)]
    pub(crate) fn pmd_same(&self, x: u64, y: u64) -> bool {
        if self.has_transparent_hugepage() { self.pte_same(x, y) } else { x == y }
    }
}

/// Being taken apart by `pmdp_invalidate`.
#[inline(always)]
pub(crate) const fn serializing(x: u64) -> bool {
    x & (PRESENT | INVALID) == INVALID
}
