//! What the MMU permits through an entry, which is not what the kernel's predicates say.
//!
//! In: a raw entry and the level under whose name it is asked. Out: bits of `MmuPerms`. Guaranteed: an entry that the
//! MMU would not use (not present, or with a reserved bit set) permits nothing; a name that is folded away permits
//! everything, so that the word counts once. Modelled: U/S, R/W and XD of every level, with CR0.WP and EFER.NXE set, as
//! Linux sets them. Not modelled: SMEP, SMAP, protection keys, shadow stacks, and which high address bits the CPU
//! lacks.

use ptwalk_abi::{Kconfig, Level, MmuPerms};

use crate::X86;
use crate::layout::{NX, PRESENT, PSE, RESERVED_1G, RESERVED_2M, RW, USER, any};

/// `perms` if `granted`, else none.
#[inline(always)]
const fn grant(granted: bool, perms: u32) -> u32 {
    if granted { perms } else { 0 }
}

/// Whether a bit is set that must not be: the size bit where there are no leaves, address bits below a leaf's size.
#[inline(always)]
const fn reserved(level: Level, x: u64) -> bool {
    any(x, PSE)
        && match level {
            Level::Pte => false,
            Level::Pmd => any(x, RESERVED_2M),
            Level::Pud => any(x, RESERVED_1G),
            Level::P4d | Level::Pgd => true,
        }
}

impl<K: Kconfig> X86<K> {
    /// What the MMU permits through the entry. A table takes away what a leaf would not grant, by the same bits.
    #[inline(always)]
    pub(crate) fn mmu_perms(&self, level: Level, x: u64) -> u32 {
        if !self.is_tested(level) {
            return MmuPerms::ALL.bits();
        }
        let used = any(x, PRESENT) && !reserved(level, x);
        let (write, user, exec) = (any(x, RW), any(x, USER), !any(x, NX));
        let granted = MmuPerms::KERNEL_READ
            | grant(write, MmuPerms::KERNEL_WRITE)
            | grant(exec, MmuPerms::KERNEL_EXEC)
            | grant(user, MmuPerms::USER_READ)
            | grant(user && write, MmuPerms::USER_WRITE)
            | grant(user && exec, MmuPerms::USER_EXEC);
        grant(used, granted)
    }
}
