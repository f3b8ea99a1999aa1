//! What the MMU permits through an entry, which is not what the kernel's predicates say.
//!
//! In: a raw entry and the level under whose name it is asked. Out: bits of `MmuPerms`. Guaranteed: an entry that the
//! MMU would not use (invalid, or a block at a level that has none) permits nothing; a name that is folded away
//! permits everything, so that the word counts once. Modelled: stage 1 of EL1&0, direct permissions, hierarchical
//! permissions in table descriptors. Not modelled: WXN, PAN and EPAN, indirect permissions and overlays (PIE, POE),
//! a disabled hierarchy (TCR_EL1.HPDn), the access flag, stage 2.

use ptwalk_abi::{Extern, Kconfig, Level, MmuPerms};

use crate::Arm64;
use crate::layout::{
    AP_TABLE_NO_USER, AP_TABLE_RDONLY, PXN, PXN_TABLE, RDONLY, TYPE, TYPE_BLOCK, TYPE_TABLE, USER, UXN, UXN_TABLE,
    WRITE, any,
};

/// `perms` if `granted`, else none.
#[inline(always)]
const fn grant(granted: bool, perms: u32) -> u32 {
    if granted { perms } else { 0 }
}

/// What a table descriptor leaves to the entries below.
#[inline(always)]
const fn below(x: u64) -> u32 {
    let denied = grant(any(x, AP_TABLE_NO_USER), MmuPerms::USER_READ | MmuPerms::USER_WRITE)
        | grant(any(x, AP_TABLE_RDONLY), MmuPerms::USER_WRITE | MmuPerms::KERNEL_WRITE)
        | grant(any(x, UXN_TABLE), MmuPerms::USER_EXEC)
        | grant(any(x, PXN_TABLE), MmuPerms::KERNEL_EXEC);
    MmuPerms::ALL.bits() & !denied
}

impl<K: Kconfig> Arm64<K> {
    /// What the MMU permits through the entry.
    #[inline(always)]
    pub(crate) fn mmu_perms(&self, level: Level, x: u64) -> u32 {
        if !self.is_tested(level) {
            return MmuPerms::ALL.bits();
        }
        match x & TYPE {
            TYPE_TABLE if level == Level::Pte => self.granted(x),
            TYPE_TABLE => below(x),
            TYPE_BLOCK if self.may_hold_block(level) => self.granted(x),
            _ => 0,
        }
    }

    /// Whether the MMU knows blocks at the level. Level 2 always has them and level 1 with 4K; level 1 with 16K and
    /// 64K, and level 0 with 4K, only where addresses have 52 bits (the manual's table of block sizes).
    #[inline(always)]
    fn may_hold_block(&self, level: Level) -> bool {
        let is_4k = self.page_shift() == 12;
        match level {
            Level::Pte => false,
            Level::Pmd => true,
            Level::Pud => is_4k || self.pa52(),
            Level::P4d => is_4k && self.pa52(),
            Level::Pgd => is_4k && self.pa52() && self.levels() == 4,
        }
    }

    /// What a page or block descriptor grants. With hardware dirty state a clean page (RDONLY and DBM) takes writes.
    /// Execution at EL0 does not need data access; EL1 never executes what EL0 may write.
    #[inline(always)]
    fn granted(&self, x: u64) -> u32 {
        let writable = !any(x, RDONLY) || (any(x, WRITE) && self.0.on(Extern::ARM64_HW_AFDBM));
        let user = any(x, USER);
        let kernel_exec = !(any(x, PXN) || (user && writable));
        MmuPerms::KERNEL_READ
            | grant(writable, MmuPerms::KERNEL_WRITE)
            | grant(user, MmuPerms::USER_READ)
            | grant(user && writable, MmuPerms::USER_WRITE)
            | grant(!any(x, UXN), MmuPerms::USER_EXEC)
            | grant(kernel_exec, MmuPerms::KERNEL_EXEC)
    }
}
