//! What an entry says: the kernel's tests, the level being a parameter.
//!
//! In: a raw entry and the level under whose name it is asked. Out: a truth value. Guaranteed: a level that is folded
//! away answers with the constants of asm-generic (none 0, bad 0, present 1), and an option that is off answers with
//! the generic stub. Not handled, as in the kernel: permissions in table entries; shadow stacks, to which `pXd_write`
//! says 1 where the CPU has them.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::X86;
use crate::layout::{
    ACCESSED, DIRTY, NX, PKEY, PRESENT, PROTNONE, PSE, RW, SOFT_DIRTY, SPECIAL, SWP_SOFT_DIRTY, USER, all, any,
};

/// What a processor may set in an empty entry (Knights Landing erratum): `_PAGE_KNL_ERRATUM_MASK`.
const STRAY: u64 = ACCESSED | DIRTY;
/// Flags of a table, but for the encryption bit: `_KERNPG_TABLE`.
const TABLE_FLAGS: u64 = PRESENT | RW | ACCESSED | DIRTY;
/// Access disable, the lower of a key's two bits in PKRU.
const PKRU_AD: u64 = 0b01;
/// Write disable.
const PKRU_WD: u64 = 0b10;

impl<K: Kconfig> X86<K> {
    /// Nothing is stored in the entry. Stray accessed and dirty bits do not count, except in the root of five levels.
    #[inline(always)]
    pub(crate) fn none(&self, level: Level, x: u64) -> bool {
        let ignored = if level == Level::Pgd { 0 } else { STRAY };
        self.is_tested(level) && !any(x, !ignored)
    }

    /// The entry maps memory or a table. A huge page that is being split has lost P and keeps PSE.
    #[inline(always)]
    pub(crate) fn present(&self, level: Level, x: u64) -> bool {
        let mask = match level {
            Level::Pte => PRESENT | PROTNONE,
            Level::Pmd => PRESENT | PROTNONE | PSE,
            Level::Pud | Level::P4d | Level::Pgd => PRESENT,
        };
        !self.is_tested(level) || any(x, mask)
    }

    /// The flags are not those of a table. A pud or p4d may lack flags, a pmd or pgd may not.
    #[inline(always)]
    pub(crate) fn bad(&self, level: Level, x: u64) -> bool {
        let table = TABLE_FLAGS | self.encryption();
        let isolated = if level > Level::Pud && self.0.on(Extern::PAGE_TABLE_ISOLATION) { NX } else { 0 };
        let flags = self.flags(level, x);
        match level {
            Level::Pud | Level::P4d => any(flags, !(table | USER | isolated)),
            Level::Pmd | Level::Pte => {
                let ignored = USER | self.pmd_bad_forgives();
                flags & !ignored != table & !ignored
            }
            Level::Pgd => self.l5() && flags & !(USER | isolated) != table,
        }
    }

    /// The entry maps memory at this level by its size bit.
    #[inline(always)]
    pub(crate) fn leaf(&self, level: Level, x: u64) -> bool {
        if level == Level::Pud && !self.pud_leaf_is_pse() { all(x, PSE | PRESENT) } else { any(x, PSE) }
    }

    /// A hugetlb page. Of a pmd, before `pXd_leaf` took over, also any other word that is not present.
    #[inline(always)]
    pub(crate) fn huge(&self, level: Level, x: u64) -> bool {
        let huge = if level == Level::Pmd && !self.huge_is_leaf() {
            !self.none(level, x) && x & (PRESENT | PSE) != PRESENT
        } else {
            any(x, PSE)
        };
        self.0.on(Extern::HUGETLB_PAGE) && huge
    }

    /// Whether the kernel has transparent huge pages of this level.
    #[inline(always)]
    pub(crate) fn has_huge(&self, level: Level) -> bool {
        self.0.on(Extern::TRANSPARENT_HUGEPAGE)
            && (level == Level::Pmd || self.0.on(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD))
    }

    /// A transparent huge page, and no device memory.
    #[inline(always)]
    pub(crate) fn trans_huge(&self, level: Level, x: u64) -> bool {
        self.has_huge(level) && x & (PSE | self.devmap_bit()) == PSE
    }

    /// Device memory. The kernel does not ask for a leaf: a table with the bit passes too. Of a swap entry the bit means
    /// nothing.
    #[inline(always)]
    pub(crate) fn devmap(&self, level: Level, x: u64) -> bool {
        (level == Level::Pte || self.has_huge(level)) && any(x, self.devmap_bit())
    }

    /// No struct page that may be used.
    #[inline(always)]
    pub(crate) fn special(&self, level: Level, x: u64) -> bool {
        self.has_special(level) && any(x, SPECIAL)
    }

    /// Resident, but no access from user mode.
    #[inline(always)]
    pub(crate) fn protnone(&self, x: u64) -> bool {
        self.0.on(Extern::NUMA_BALANCING) && x & (PRESENT | PROTNONE) == PROTNONE
    }

    /// Written, by the hardware's bit or the one in which it was saved.
    #[inline(always)]
    pub(crate) fn dirty(&self, x: u64) -> bool {
        any(x, DIRTY | self.saved_dirty_bit())
    }

    /// The soft-dirty mark where the kernel keeps one, or 0.
    #[inline(always)]
    pub(crate) fn soft_dirty_bit(&self) -> u64 {
        if self.0.on(Extern::MEM_SOFT_DIRTY) { SOFT_DIRTY } else { 0 }
    }

    /// The soft-dirty mark of a swap entry, or 0.
    #[inline(always)]
    pub(crate) fn swp_soft_dirty_bit(&self) -> u64 {
        if self.0.on(Extern::MEM_SOFT_DIRTY) { SWP_SOFT_DIRTY } else { 0 }
    }

    /// What GUP-fast asks of a leaf: the levels above are not looked at.
    #[inline(always)]
    pub(crate) fn access_permitted(&self, x: u64, write: bool) -> bool {
        let needed = PRESENT | USER | if write { RW } else { 0 };
        all(x, needed) && self.pkru_permits(x, write)
    }

    /// What PKRU says of the entry's key.
    #[inline(always)]
    fn pkru_permits(&self, x: u64, write: bool) -> bool {
        let keys = self.0.on(Extern::X86_INTEL_MEMORY_PROTECTION_KEYS);
        let key = if keys { (x & PKEY) >> PKEY.trailing_zeros() } else { 0 };
        let rights = u64::from(self.0.get(Extern::PKRU).cast_unsigned()) >> (key * 2);
        !any(rights, PKRU_AD | if write { PKRU_WD } else { 0 })
    }
}

/// Type of a swap entry: bits 63:59 (v5.3 to v6.19).
#[inline(always)]
pub(crate) const fn swap_type(x: u64) -> u64 {
    x >> 59
}

/// Offset of a swap entry: bits 58:9, inverted (v5.3 to v6.19).
#[inline(always)]
pub(crate) const fn swap_offset(x: u64) -> u64 {
    !x << 5 >> 14
}
