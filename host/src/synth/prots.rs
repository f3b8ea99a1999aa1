//! Protections, by architecture: the bits of an entry besides its address.
//!
//! In: the name of a plugin and a configuration. Out: the bits of user pages by permission, and those of a table
//! descriptor. Guaranteed: nothing; [`forms`](super::forms) asks the plugin whether it reads entries made of them as
//! they are meant. Not handled: kernel mappings.

use ptwalk_abi::{Config, Extern, Kconfig, Slot, bits};

/// What user mode may do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Perm {
    /// Read and write; dirty.
    ReadWrite,
    /// Read.
    Read,
    /// Read and execute.
    ReadExec,
    /// Nothing: PROT_NONE, resident but not accessible.
    None,
}

impl Perm {
    /// Every permission.
    pub const ALL: [Perm; 4] = [Perm::ReadWrite, Perm::Read, Perm::ReadExec, Perm::None];

    /// `rw`, `ro`, `rx` or `none`.
    pub const fn name(self) -> &'static str {
        match self {
            Perm::ReadWrite => "rw",
            Perm::Read => "ro",
            Perm::ReadExec => "rx",
            Perm::None => "none",
        }
    }
}

/// The bits of one architecture under one configuration.
pub struct Prots {
    /// Bits of a page by permission.
    pub page: fn(&Config, Perm) -> u64,
    /// Bits of a descriptor that leads to a table of the level given.
    pub table: fn(Slot) -> u64,
}

/// The protections of the architecture whose plugin has that name.
pub fn find(arch: &str) -> Option<Prots> {
    match arch {
        "arm64" => Some(Prots { page: arm64_page, table: |_| 3 }),
        _ => None,
    }
}

/// `PAGE_SHARED`, `PAGE_READONLY`, `PAGE_READONLY_EXEC` and `PAGE_NONE` (arch/arm64/include/asm/pgtable-prot.h, v5.3)
/// with nG, as a kernel with KPTI sets it. An LPA2 entry has address bits where others have the shareability (v6.9,
/// `PTE_MAYBE_SHARED`), and since v6.11 nG alone marks an invalid entry as present.
fn arm64_page(config: &Config, perm: Perm) -> u64 {
    const PAGE: u64 = 3;
    const NORMAL_MEMORY: u64 = 4 << 2;
    const USER: u64 = 1 << 6;
    const RDONLY: u64 = 1 << 7;
    const SHAREABLE: u64 = bits(9, 8);
    const AF: u64 = 1 << 10;
    const NG: u64 = 1 << 11;
    const WRITE: u64 = 1 << 51;
    const PXN: u64 = 1 << 53;
    const UXN: u64 = 1 << 54;
    const PROT_NONE: u64 = 1 << 58;
    let lpa2 = config.get(Extern::PA_BITS) > 48 && config.get(Extern::PAGE_SHIFT) < 16;
    let base = PAGE | NORMAL_MEMORY | AF | NG | PXN | if lpa2 { 0 } else { SHAREABLE };
    match perm {
        Perm::ReadWrite => base | USER | UXN | WRITE,
        Perm::Read => base | USER | UXN | RDONLY,
        Perm::ReadExec => base | USER | RDONLY,
        Perm::None => base & !1 | UXN | RDONLY | if config.since(6, 11) { 0 } else { PROT_NONE },
    }
}
