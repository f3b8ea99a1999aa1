//! What the MMU permits through an entry, which is not what the kernel's predicates say.
//!
//! In: a raw entry and the level under whose name it is asked. Out: bits of `MmuPerms`. Guaranteed: an entry that the MMU
//! would not use permits nothing, and so does what `pXd_bad` tells from a pointer to a table, and a directory of huge
//! pages; a pointer to a table leaves all to the entries below, which is all that ppc64's say; the folded name of the top
//! word permits everything, so that the word counts once. Modelled: radix, encoded access authority (Power ISA v3.0B, Book
//! III, 5.7.11): a page that may be written may be read, and what user mode may do the kernel may too. With hash the MMU
//! does not read these tables; the same bits are what the kernel's hash code grants at most. Not modelled: AMR and IAMR
//! (which keep the kernel from user pages), R and C, partition-scoped tables.

use ptwalk_abi::{Kconfig, Level, MmuPerms};

use crate::Ppc;
use crate::layout::{EXEC, PRESENT, PRIVILEGED, PTE, READ, WRITE, all, any};

/// `perms` if `granted`, else none.
#[inline(always)]
const fn grant(granted: bool, perms: u32) -> u32 {
    if granted { perms } else { 0 }
}

impl<K: Kconfig> Ppc<K> {
    /// What the MMU permits through the entry.
    #[inline(always)]
    pub(crate) fn mmu_perms(&self, level: Level, x: u64) -> u32 {
        if !self.is_tested(level) {
            MmuPerms::ALL.bits()
        } else if all(x, PRESENT | PTE) {
            granted(x)
        } else {
            grant(self.leads_to_table(level, x), MmuPerms::ALL.bits())
        }
    }

    /// The MMU, or with hash the kernel, goes on to a table: what has no marker of a leaf is a pointer to one unless its
    /// bits say otherwise.
    #[inline(always)]
    fn leads_to_table(&self, level: Level, x: u64) -> bool {
        level != Level::Pte && any(x, PRESENT) && !self.bad(level, x) && !self.is_hugepd(x)
    }
}

/// What a leaf grants.
#[inline(always)]
const fn granted(x: u64) -> u32 {
    let kernel = grant(any(x, READ | WRITE), MmuPerms::KERNEL_READ)
        | grant(any(x, WRITE), MmuPerms::KERNEL_WRITE)
        | grant(any(x, EXEC), MmuPerms::KERNEL_EXEC);
    let user = grant(any(x, READ | WRITE), MmuPerms::USER_READ)
        | grant(any(x, WRITE), MmuPerms::USER_WRITE)
        | grant(any(x, EXEC), MmuPerms::USER_EXEC);
    kernel | grant(!any(x, PRIVILEGED), user)
}
