//! What an x86_64 image says about itself.
//!
//! In: VMCOREINFO and the notes in which QEMU leaves each CPU's registers. Out: findings and roots. Not handled: a
//! kernel that tells neither; memory is not searched for one.
//!
//! Facts about Linux are those of arch/x86/kernel/vmcore_info_64.c and arch/x86/mm/pti.c (v6.12), about QEMU those of
//! `QEMUCPUState` in target/i386/arch_dump.c (v9.0).

use std::collections::BTreeSet;

use ptwalk_abi::{Extern, Half, PhysAddr, bits};

use super::{CandidateRoot, Probe, holds};
use crate::image::{Image, VmcoreInfo};
use crate::walk::Root;

/// Where the kernel image is mapped: `__START_KERNEL_map`.
const START_KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;
/// The address bits of CR3.
const CR3_ADDRESS: u64 = bits(51, 12);
/// CR0.PG: paging is on.
const CR0_PG: u64 = 1 << 31;
/// CR4.LA57: five levels.
const CR4_LA57: u64 = 1 << 12;
/// Bytes of a page, and the bit that tells the copies of an isolated root apart: the user's is one page above the
/// kernel's, and the pair is aligned to its size.
const PAGE_BYTES: u64 = 1 << 12;
/// Entries of the lower half in a root table.
const USER_ENTRIES: u64 = 256;
/// No execution: the kernel's copy of an isolated root has it in every entry of user mode.
const NX: u64 = 1 << 63;
/// Accessed and dirty, in which the copies may differ.
const ACCESSED_OR_DIRTY: u64 = bits(6, 5);

/// Owner of the note that QEMU writes for each CPU.
const QEMU_OWNER: &str = "QEMU";
/// The layout of the note that is known, and its size.
const QEMU_VERSION: u32 = 1;
/// Offset of the selector of CS, whose low two bits are the privilege level.
const QEMU_CS: usize = 152;
/// Offset of CR0; CR2, CR3 and CR4 follow after CR1, 8 bytes each.
const QEMU_CR0: usize = 392;

/// What a CPU's note says of paging.
struct Cpu {
    number: usize,
    user_mode: bool,
    cr0: u64,
    cr3: u64,
    cr4: u64,
}

/// The CPUs of which QEMU left the registers.
fn cpus(image: &Image) -> Vec<Cpu> {
    let notes = image.notes().iter().filter(|note| note.owner == QEMU_OWNER && note.note_type == 0);
    notes.enumerate().filter_map(|(number, note)| cpu(number, image.note_bytes(note))).collect()
}

fn cpu(number: usize, note: &[u8]) -> Option<Cpu> {
    let word = |at: usize| note.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let version = u32::from_le_bytes(*note.first_chunk()?);
    if version != QEMU_VERSION {
        return None;
    }
    let register = |index: usize| word(QEMU_CR0 + 8 * index);
    let user_mode = word(QEMU_CS)? & 3 == 3;
    Some(Cpu { number, user_mode, cr0: register(0)?, cr3: register(3)?, cr4: register(4)? })
}

impl Probe {
    /// Adds what an x86_64 image says.
    pub(super) fn x86(&mut self, image: &Image) {
        let huge_puds = "arch/x86/Kconfig selects it for x86_64 (v4.11 and later)";
        self.find(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1, huge_puds.to_owned());
        let info = image.vmcoreinfo();
        let cpus: Vec<Cpu> = cpus(image).into_iter().filter(|cpu| cpu.cr0 & CR0_PG != 0).collect();
        self.x86_levels(info, cpus.first());
        if let Some(info) = info {
            self.x86_encryption(info);
            self.x86_swapper(image, info);
        }
        self.x86_user_roots(image, &cpus);
    }

    fn x86_levels(&mut self, info: Option<&VmcoreInfo>, cpu: Option<&Cpu>) {
        let va_bits = |five: bool| if five { 57 } else { 48 };
        let told = info.and_then(|info| info.number("pgtable_l5_enabled"));
        match (told, cpu) {
            (Some(enabled), _) => {
                let evidence = format!("NUMBER(pgtable_l5_enabled)={enabled}");
                self.find(Extern::VA_BITS, va_bits(enabled != 0), evidence);
            }
            (None, Some(Cpu { number, cr4, .. })) => {
                let evidence = format!("CR4={cr4:#x} of CPU {number}, bit 12 is LA57 (QEMU note)");
                self.find(Extern::VA_BITS, va_bits(cr4 & CR4_LA57 != 0), evidence);
            }
            (None, None) => self.unknown("levels of table, 4 assumed", "--config VA_BITS=57"),
        }
    }

    /// The bit that marks encrypted memory is no address bit. Kernels that know of it say so (v5.2 and later).
    fn x86_encryption(&mut self, info: &VmcoreInfo) {
        let Some(mask) = info.number("sme_mask").and_then(|mask| u64::try_from(mask.rem_euclid(1 << 64)).ok()) else {
            return;
        };
        let evidence = format!("NUMBER(sme_mask)={mask:#x}");
        match mask {
            0 => self.find(Extern::SME_C_BIT, 0, evidence),
            mask if mask.is_power_of_two() => {
                self.find(Extern::SME_C_BIT, mask.trailing_zeros().cast_signed(), evidence);
            }
            _ => self.unknown(&format!("position of the encryption bit: {evidence} is no bit"), "--config SME_C_BIT=…"),
        }
    }

    /// Symbols are where KASLR put them, and `phys_base` knows of it.
    fn x86_swapper(&mut self, image: &Image, info: &VmcoreInfo) {
        let symbol = |name| info.symbol(name).map(|va| (name, va.0));
        // The array was init_level4_pgt before v4.13 (arch/x86/kernel/head_64.S).
        let names = ["swapper_pg_dir", "init_top_pgt", "init_level4_pgt"];
        let Some((name, va)) = names.into_iter().find_map(symbol) else { return };
        let Some(base) = info.number("phys_base") else {
            self.unknown(
                &format!("physical address of {name} (VMCOREINFO has no phys_base)"),
                "--root PA --half upper",
            );
            return;
        };
        let Ok(base) = u64::try_from(base.rem_euclid(1 << 64)) else { return };
        let pa = PhysAddr(va.wrapping_sub(START_KERNEL_MAP).wrapping_add(base));
        let kaslr = info.kernel_offset().map_or_else(String::new, |offset| format!(", KASLR offset {offset:#x}"));
        let evidence =
            format!("SYMBOL({name})={va:#x} less {START_KERNEL_MAP:#x} plus NUMBER(phys_base)={base:#x}{kaslr}");
        self.add_root(image, pa, Half::Upper, "swapper_pg_dir", evidence);
    }

    fn add_root(&mut self, image: &Image, pa: PhysAddr, half: Half, name: &'static str, evidence: String) {
        self.roots.push(CandidateRoot { root: Root { pa, half }, name, evidence, held: holds(image, pa) });
    }

    /// The address spaces that CPUs were running. One that runs the kernel's own tables has none. Where the kernel's own
    /// root is not to be had, the kernel's half of theirs stands in.
    fn x86_user_roots(&mut self, image: &Image, cpus: &[Cpu]) {
        let swapper = self.roots.first().map(|candidate| candidate.root.pa);
        let kernel_held = self.roots.iter().any(|candidate| candidate.held);
        let mut seen = BTreeSet::new();
        for cpu in cpus {
            let at = PhysAddr(cpu.cr3 & CR3_ADDRESS);
            if Some(at) == swapper {
                continue;
            }
            let (kernel, user) = (PhysAddr(at.0 & !PAGE_BYTES), PhysAddr(at.0 | PAGE_BYTES));
            let mode = if cpu.user_mode { "user" } else { "kernel" };
            let told = format!("CR3={:#x} of CPU {}, in {mode} mode (QEMU note)", cpu.cr3, cpu.number);
            let isolated = is_isolated(image, kernel, user);
            let (kernel, user, evidence) = if isolated {
                let pair =
                    format!("{told}; page-table isolation: {user} is user mode's copy and {kernel} the kernel's");
                (kernel, user, pair)
            } else {
                (at, at, told)
            };
            if !seen.insert(user) {
                continue;
            }
            if !kernel_held {
                self.add_root(image, kernel, Half::Upper, "CR3", evidence.clone());
            }
            self.add_root(image, user, Half::Lower, "CR3", evidence);
        }
    }
}

/// Whether the two pages are the copies of one isolated root: what maps user addresses is in both, in the kernel's not
/// to be executed (`__pti_set_user_pgtbl`). Without isolation neighbouring pages have nothing to do with each other.
fn is_isolated(image: &Image, kernel: PhysAddr, user: PhysAddr) -> bool {
    let entries = |root: PhysAddr| {
        (0..USER_ENTRIES).map(move |i| root.checked_add(8 * i).and_then(|pa| image.word(pa)).map(u64::from_le_bytes))
    };
    let mut pairs = 0;
    for (kernels, users) in entries(kernel).zip(entries(user)) {
        let (Some(kernels), Some(users)) = (kernels, users) else { return false };
        if kernels == 0 && users == 0 {
            continue;
        }
        if (kernels ^ users) & !ACCESSED_OR_DIRTY != NX || kernels & NX == 0 {
            return false;
        }
        pairs += 1;
    }
    pairs > 0
}

#[cfg(test)]
mod tests;
