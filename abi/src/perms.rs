//! What the hardware would permit through an entry.

use core::ops::BitAnd;

/// Permissions as the MMU applies them, for user (EL0, CPL 3) and kernel (EL1, CPL 0) accesses.
///
/// The helpers `pXd_mmu_perms` return these bits. A leaf says what it grants; a table descriptor says what it leaves
/// to the entries below. The effective permission of a page is the `&` of all entries on its trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmuPerms(u32);

impl MmuPerms {
    /// User read.
    pub const USER_READ: u32 = 1 << 0;
    /// User write.
    pub const USER_WRITE: u32 = 1 << 1;
    /// User instruction fetch.
    pub const USER_EXEC: u32 = 1 << 2;
    /// Kernel read.
    pub const KERNEL_READ: u32 = 1 << 3;
    /// Kernel write.
    pub const KERNEL_WRITE: u32 = 1 << 4;
    /// Kernel instruction fetch.
    pub const KERNEL_EXEC: u32 = 1 << 5;
    /// Every permission: what the walk starts from above the root.
    pub const ALL: MmuPerms = MmuPerms(0x3f);

    /// Permissions from the bits a plugin returned; bits without a meaning are dropped.
    pub const fn from_bits_truncate(bits: u32) -> MmuPerms {
        MmuPerms(bits & MmuPerms::ALL.0)
    }

    /// The bits, as a plugin returns them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `bits` are permitted.
    pub const fn has(self, bits: u32) -> bool {
        self.0 & bits == bits
    }

    /// Whether user mode may do anything at all.
    pub const fn user(self) -> bool {
        self.0 & (MmuPerms::USER_READ | MmuPerms::USER_WRITE | MmuPerms::USER_EXEC) != 0
    }
}

impl BitAnd for MmuPerms {
    type Output = MmuPerms;

    fn bitand(self, other: MmuPerms) -> MmuPerms {
        MmuPerms(self.0 & other.0)
    }
}
