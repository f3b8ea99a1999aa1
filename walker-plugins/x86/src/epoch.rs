//! What changed when: each difference between kernel versions as one question with one threshold.
//!
//! In: `LINUX_VERSION_CODE` and the options that a change depends on. Out: yes or no, or the bits that are in use.
//! Guaranteed: no other module compares versions.
//!
//! Each threshold says where it comes from. **Read**: seen in arch/x86/include/asm of the trees v5.3.1, v5.10.44,
//! v5.15.97, v6.1-rc7, v6.6.17, v6.14, v6.17 and v6.18.2, or in entries that a running v6.1.176 wrote. Where two trees
//! differ and the threshold lies between, its release is **inferred** from the history of the change. Versions are
//! those of Linus's releases: a fix that a stable or vendor kernel took earlier is not modelled.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::X86;
use crate::layout::{ACCESSED, PAT, PAT_LARGE, SOFT_57, SOFT_58, UFFD_WP};

impl<K: Kconfig> X86<K> {
    /// The bit that means device memory, or 0. Read: bit 58 in v5.3.1 and in entries of v6.1, bit 57 in v6.6.17 and
    /// v6.14, none in v6.17. Inferred: v6.6, with shadow stacks, which took bit 58.
    #[inline(always)]
    pub(crate) fn devmap_bit(&self) -> u64 {
        if !self.0.on(Extern::ARCH_HAS_PTE_DEVMAP) || self.0.since(6, 17) {
            0
        } else if self.0.since(6, 6) {
            SOFT_57
        } else {
            SOFT_58
        }
    }

    /// The bit that keeps the dirty state of a read-only entry, or 0: dirty and read-only means a shadow stack to the
    /// hardware. Read: in v6.6.17, absent from v6.1-rc7. Inferred: v6.6.
    #[inline(always)]
    pub(crate) fn saved_dirty_bit(&self) -> u64 {
        if self.0.since(6, 6) { SOFT_58 } else { 0 }
    }

    /// Whether `pmd_bad` forgives a table that is not accessed, which the multi-generational LRU makes. Read: v5.3.1
    /// does not, a later tree does; v6.1 (the series that added the LRU) is inferred.
    #[inline(always)]
    pub(crate) fn pmd_bad_forgives(&self) -> u64 {
        if self.0.since(6, 1) { ACCESSED } else { 0 }
    }

    /// Whether `pud_leaf` looks at the size bit alone; before, `pud_large` asked for P as well. Read: v6.6.17 asks, v6.14
    /// does not; v6.12 is inferred.
    #[inline(always)]
    pub(crate) fn pud_leaf_is_pse(&self) -> bool {
        self.0.since(6, 12)
    }

    /// Whether `pXd_huge` has given way to `pXd_leaf`. Read: GUP asks the one in v6.6.17 and the other in v6.14; v6.10 is
    /// inferred.
    #[inline(always)]
    pub(crate) fn huge_is_leaf(&self) -> bool {
        self.0.since(6, 10)
    }

    /// Whether entries of this level have the special bit: ptes always, huge ones with huge pages since v6.12
    /// (ARCH_SUPPORTS_HUGE_PFNMAP). Read: absent from v6.6.17, in v6.14; v6.12 is inferred.
    #[inline(always)]
    pub(crate) fn has_special(&self, level: Level) -> bool {
        match level {
            Level::Pte => self.0.on(Extern::ARCH_HAS_PTE_SPECIAL),
            level => self.0.since(6, 12) && self.has_huge(level),
        }
    }

    /// What `modify` keeps besides what it always kept. Inferred: the write protection of userfaultfd (v5.7), the
    /// encryption bit (v5.7), PAT (v6.5). Read: none of them in v5.3.1, all in a tree of v6.17.
    #[inline(always)]
    pub(crate) fn modify_also_keeps(&self, level: Level) -> u64 {
        let v5_7 = if self.0.since(5, 7) { UFFD_WP | self.encryption() } else { 0 };
        let pat = if level == Level::Pte { PAT } else { PAT_LARGE };
        v5_7 | if self.0.since(6, 5) { pat } else { 0 }
    }
}
