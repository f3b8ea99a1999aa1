//! Protections, by architecture: the bits of an entry besides its address.
//!
//! In: the name of a plugin and a configuration. Out: the bits of user pages by permission, and those of a table
//! descriptor. Guaranteed: nothing; [`forms`](super::forms) asks the plugin whether it reads entries made of them as
//! they are meant. Not handled: kernel mappings, and the hash MMU of ppc, which is refused.

use ptwalk_abi::{Config, Extern, Kconfig, Slot, bits};

use super::SynthError;

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
    pub table: fn(&Config, Slot) -> u64,
}

/// The protections of the architecture whose plugin has that name.
///
/// # Errors
/// [`SynthError::Arch`] and [`SynthError::Hash`].
pub fn find(arch: &str, config: &Config) -> Result<Prots, SynthError> {
    match arch {
        "arm64" => Ok(Prots { page: arm64_page, table: |_, _| 3 }),
        "x86" => Ok(Prots { page: x86_page, table: |config, _| X86_TABLE | x86_encryption(config) }),
        "ppc" if config.get(Extern::PPC_RADIX_MMU) == 0 => Err(SynthError::Hash),
        "ppc" => Ok(Prots { page: ppc_page, table: ppc_table }),
        _ => Err(SynthError::Arch(arch.to_owned())),
    }
}

/// Bits of a physical address that entries hold: x86's encryption bit and those above it hold none (`sme_me_mask`,
/// arch/x86/mm/mem_encrypt_identity.c, v5.3; the processor has that many fewer).
pub fn pa_bits(config: &Config) -> u32 {
    let all = config.get(Extern::PA_BITS).unsigned_abs();
    match config.get(Extern::SME_C_BIT).unsigned_abs() {
        0 => all,
        encryption => all.min(encryption),
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

/// `_PAGE_TABLE` (arch/x86/include/asm/pgtable_types.h, v5.3): present, writable, user, accessed, dirty.
const X86_TABLE: u64 = 0x67;

/// `PAGE_SHARED` made dirty, `PAGE_READONLY`, `PAGE_READONLY_EXEC` and `PAGE_NONE` (the same file).
fn x86_page(config: &Config, perm: Perm) -> u64 {
    const NX: u64 = 1 << 63;
    const READ: u64 = 0x25; // present, user, accessed
    let encryption = x86_encryption(config);
    match perm {
        Perm::ReadWrite => NX | X86_TABLE | encryption,
        Perm::Read => NX | READ | encryption,
        Perm::ReadExec => READ | encryption,
        Perm::None => 0x120, // PROTNONE, accessed
    }
}

/// `_PAGE_ENC`: memory of the kernel and of user mode is encrypted where anything is.
fn x86_encryption(config: &Config) -> u64 {
    match config.get(Extern::SME_C_BIT) {
        0 => 0,
        bit => 1 << bit,
    }
}

/// Entry in use by the MMU (`_PAGE_PRESENT`, arch/powerpc/include/asm/book3s/64/pgtable.h, v5.3).
const PPC_PRESENT: u64 = 1 << 63;

/// `PAGE_SHARED` made dirty, `PAGE_READONLY`, `PAGE_READONLY_X` and `PAGE_NONE` (the same file), with `_PAGE_PTE`, which
/// `set_pte_at` adds.
fn ppc_page(_: &Config, perm: Perm) -> u64 {
    const PTE: u64 = 1 << 62;
    const EXEC: u64 = 1 << 0;
    const WRITE: u64 = 1 << 1;
    const READ: u64 = 1 << 2;
    const PRIVILEGED: u64 = 1 << 3;
    const DIRTY: u64 = 1 << 7;
    const ACCESSED: u64 = 1 << 8;
    let base = PPC_PRESENT | PTE | ACCESSED;
    match perm {
        Perm::ReadWrite => base | READ | WRITE | DIRTY,
        Perm::Read => base | READ,
        Perm::ReadExec => base | READ | EXEC,
        Perm::None => base | PRIVILEGED,
    }
}

/// A descriptor of the radix MMU says how many bits index the table below (`RADIX_PGD_VAL_BITS` and its like,
/// arch/powerpc/include/asm/book3s/64/radix.h, v5.3).
fn ppc_table(_: &Config, below: Slot) -> u64 {
    PPC_PRESENT | u64::from(below.entries.ilog2())
}
