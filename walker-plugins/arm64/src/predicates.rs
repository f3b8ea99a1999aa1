//! What an entry says: the kernel's tests, the level being a parameter.
//!
//! In: a raw entry and the level under whose name it is asked. Out: a truth value. Guaranteed: a level that is folded
//! away answers with the constants of asm-generic (none 0, bad 0, present 1, leaf and huge 0), and an option that is
//! off answers with the generic stub. Not handled, as in the kernel: permissions in table descriptors.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Arm64;
use crate::layout::{
    DEVMAP, DIRTY, NG, PO_INDEX, PROT_NONE, RDONLY, SPECIAL, TABLE, TYPE, TYPE_BLOCK, TYPE_TABLE, USER, UXN, VALID,
    WRITE, all, any,
};

/// Overlay permission: read.
const POE_R: u64 = 0b001;
/// Overlay permission: write.
const POE_W: u64 = 0b100;
/// Bits that POR_EL0 has for a key.
const POR_BITS_PER_KEY: u64 = 4;

/// Written, by the hardware's own record: DBM set and RDONLY cleared by the MMU.
#[inline(always)]
pub(crate) const fn hw_dirty(x: u64) -> bool {
    x & (WRITE | RDONLY) == WRITE
}

/// Written, by either record.
#[inline(always)]
pub(crate) const fn dirty(x: u64) -> bool {
    any(x, DIRTY) || hw_dirty(x)
}

impl<K: Kconfig> Arm64<K> {
    /// Nothing is stored in the entry.
    #[inline(always)]
    pub(crate) fn none(&self, level: Level, x: u64) -> bool {
        self.is_tested(level) && x == 0
    }

    /// The entry maps memory or a table. The kernel asks of a p4d or pgd only that it is not empty.
    #[inline(always)]
    pub(crate) fn present(&self, level: Level, x: u64) -> bool {
        if !self.is_tested(level) {
            true
        } else if level > Level::Pud {
            x != 0
        } else {
            any(x, VALID | self.present_though_invalid(level))
        }
    }

    /// The entry is no table descriptor, as the kernel of the day looks at it.
    #[inline(always)]
    pub(crate) fn bad(&self, level: Level, x: u64) -> bool {
        let bad = if self.bad_is_not_table(level) { x & TYPE != TYPE_TABLE } else { !any(x, TABLE) };
        self.is_tested(level) && bad
    }

    /// Whether the kernel knows blocks at the pud level: not with 64K, whose level 1 blocks came with 52-bit PA.
    #[inline(always)]
    fn has_pud_blocks(&self) -> bool {
        self.page_shift() != 16 && self.levels() > 2
    }

    /// The entry is a table descriptor by its type, or can be nothing else.
    #[inline(always)]
    pub(crate) fn table(&self, level: Level, x: u64) -> bool {
        (level == Level::Pud && !self.has_pud_blocks()) || x & TYPE == TYPE_TABLE
    }

    /// The entry is a block descriptor by its type.
    #[inline(always)]
    pub(crate) fn sect(&self, level: Level, x: u64) -> bool {
        (level != Level::Pud || self.has_pud_blocks()) && x & TYPE == TYPE_BLOCK
    }

    /// The entry maps memory at this level.
    #[inline(always)]
    pub(crate) fn leaf(&self, level: Level, x: u64) -> bool {
        if self.leaf_is_block_type() { self.sect(level, x) } else { self.present(level, x) && !self.table(level, x) }
    }

    /// A hugetlb page. Before `pXd_leaf` took over, also any other non-zero word without the table bit.
    #[inline(always)]
    pub(crate) fn huge(&self, level: Level, x: u64) -> bool {
        let huge = if self.huge_is_leaf() { self.leaf(level, x) } else { x != 0 && !any(x, TABLE) };
        self.0.on(Extern::HUGETLB_PAGE) && self.is_tested(level) && huge
    }

    /// A transparent huge page. Device memory is not excluded: GUP asks for it first.
    #[inline(always)]
    pub(crate) fn pmd_trans_huge(&self, x: u64) -> bool {
        let candidate = if self.trans_huge_is_present() { self.present(Level::Pmd, x) } else { x != 0 };
        self.0.on(Extern::TRANSPARENT_HUGEPAGE) && candidate && !any(x, TABLE)
    }

    /// The hardware would use the entry.
    #[inline(always)]
    pub(crate) fn valid(&self, level: Level, x: u64) -> bool {
        self.is_tested(level) && any(x, VALID)
    }

    /// Resident, but no access from user mode.
    #[inline(always)]
    pub(crate) fn protnone(&self, x: u64) -> bool {
        let protnone = if self.present_invalid_is_ng() {
            x & (VALID | NG | USER | UXN) == NG | UXN
        } else {
            x & (VALID | PROT_NONE) == PROT_NONE
        };
        self.0.on(Extern::NUMA_BALANCING) && protnone
    }

    /// Device memory, in a pte. Meaningful only of a present entry: in a swap entry the bit is part of the offset.
    #[inline(always)]
    pub(crate) fn pte_devmap(&self, x: u64) -> bool {
        self.has_devmap() && any(x, DEVMAP)
    }

    /// Device memory, in a pmd. The kernel does not ask for a block: a table with bit 57 passes too.
    #[inline(always)]
    pub(crate) fn pmd_devmap(&self, x: u64) -> bool {
        self.has_pmd_devmap() && any(x, DEVMAP)
    }

    /// No struct page that may be used, in a pte.
    #[inline(always)]
    pub(crate) fn pte_special(&self, x: u64) -> bool {
        self.0.on(Extern::ARCH_HAS_PTE_SPECIAL) && any(x, SPECIAL)
    }

    /// No struct page that may be used, in a pmd.
    #[inline(always)]
    pub(crate) fn pmd_special(&self, x: u64) -> bool {
        self.has_pmd_special() && any(x, SPECIAL)
    }

    /// What GUP-fast asks of a leaf. Neither RDONLY nor the levels above are looked at; PROT_NONE and execute-only
    /// are refused.
    #[inline(always)]
    pub(crate) fn access_permitted(&self, x: u64, write: bool) -> bool {
        all(x, VALID | USER) && (!write || any(x, WRITE)) && (!self.has_overlay() || self.overlay_permits(x, write))
    }

    /// What POR_EL0 says of the entry's key. A write is asked of the write permission alone.
    #[inline(always)]
    fn overlay_permits(&self, x: u64, write: bool) -> bool {
        let key = (x & PO_INDEX) >> PO_INDEX.trailing_zeros();
        let perms = u64::from(self.0.get(Extern::POR_EL0).cast_unsigned()) >> (key * POR_BITS_PER_KEY);
        any(perms, if write { POE_W } else { POE_R })
    }

    /// Equal but for what the hardware may change.
    #[inline(always)]
    pub(crate) fn pte_same(&self, x: u64, y: u64) -> bool {
        if self.same_ignores_rdonly() { self.without_hw_state(x) == self.without_hw_state(y) } else { x == y }
    }

    #[inline(always)]
    fn without_hw_state(&self, x: u64) -> u64 {
        if self.present(Level::Pte, x) { x & !RDONLY } else { x }
    }

    /// Type of a swap entry.
    #[inline(always)]
    pub(crate) fn swap_type(&self, x: u64) -> u64 {
        let (shift, width) = self.swap_type_field();
        x.wrapping_shr(shift) & !u64::MAX.wrapping_shl(width)
    }

    /// Offset of a swap entry.
    #[inline(always)]
    pub(crate) fn swap_offset(&self, x: u64) -> u64 {
        x.wrapping_shr(self.swap_offset_shift()) & ptwalk_abi::bits(49, 0)
    }
}
