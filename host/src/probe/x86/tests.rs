//! Cores that say more or less about themselves.

use ptwalk_abi::{Config, KVersion, Kconfig};

use super::*;
use crate::image::ByteOrder;
use crate::image::builder::CoreBuilder;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const X86_64: u16 = 62;
const PHYS_BASE: u64 = 0x10a0_0000;
const SWAPPER: PhysAddr = PhysAddr(0x13a1_0000);
const INFO: &str = "OSRELEASE=6.8.0-45-generic\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff83010000\n\
    NUMBER(phys_base)=278921216\nKERNELOFFSET=600000\n";

/// A note of QEMU: version, size, and the registers that are looked at.
fn note(cs: u64, cr0: u64, cr3: u64, cr4: u64) -> Vec<u8> {
    let mut note = vec![0; 440];
    note[..4].copy_from_slice(&1u32.to_le_bytes());
    for (at, value) in [(QEMU_CS, cs), (392, cr0), (416, cr3), (424, cr4)] {
        note[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    note
}

fn core(info: &str, notes: &[Vec<u8>]) -> CoreBuilder {
    let core = CoreBuilder::new(ByteOrder::Little, X86_64).load(SWAPPER.0, &[0; 4096]);
    let core = notes.iter().fold(core, |core, note| core.note(QEMU_OWNER, 0, note));
    if info.is_empty() { core } else { core.note("VMCOREINFO", 0, info.as_bytes()) }
}

fn probe(core: &CoreBuilder) -> Result<Probe, Box<dyn std::error::Error>> {
    Ok(Probe::new(&Image::from_bytes("core", core.build(), None)?))
}

fn roots(probe: &Probe) -> Vec<(u64, Half)> {
    probe.roots.iter().map(|candidate| (candidate.root.pa.0, candidate.root.half)).collect()
}

fn config(probe: &Probe, key: Extern) -> i32 {
    probe.config().get(key)
}

#[test]
fn a_running_kernel_gives_version_levels_and_both_roots() -> Outcome {
    let info = format!("{INFO}NUMBER(pgtable_l5_enabled)=0\nNUMBER(sme_mask)=0\n");
    let found = probe(&core(&info, &[note(0x33, CR0_PG, 0x3ff3_8000, 0x75_0ef0)]))?;
    assert_eq!(found.arch.as_ref().map(|(arch, _)| *arch), Some("x86"));
    assert_eq!(config(&found, Extern::LINUX_VERSION_CODE), KVersion::new(6, 8, 0).code());
    assert_eq!(config(&found, Extern::PGTABLE_LEVELS), 4);
    assert_eq!(config(&found, Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD), 1);
    assert_eq!(roots(&found), [(SWAPPER.0, Half::Upper), (0x3ff3_8000, Half::Lower)]);
    let [swapper, user] = found.roots.as_slice() else { return Err("not two roots".into()) };
    for part in ["swapper_pg_dir", &format!("{PHYS_BASE:#x}"), "KASLR offset 0x600000"] {
        assert!(swapper.evidence.contains(part), "{}", swapper.evidence);
    }
    assert!(user.evidence.contains("CR3=0x3ff38000 of CPU 0, in user mode"), "{}", user.evidence);
    Ok(())
}

#[test]
fn five_levels_are_told_by_vmcoreinfo_or_else_by_cr4() -> Outcome {
    let notes = |cr4| [note(0x10, CR0_PG, 0x5000, cr4)];
    let told = format!("{INFO}NUMBER(pgtable_l5_enabled)=1\n");
    for (info, cr4, levels) in [(told.as_str(), 0, 5), (INFO, CR4_LA57, 5), (INFO, 0, 4), ("", CR4_LA57, 5), ("", 0, 4)]
    {
        let found = probe(&core(info, &notes(cr4)))?;
        assert_eq!(config(&found, Extern::PGTABLE_LEVELS), levels, "{info:?}, CR4 {cr4:#x}");
    }
    let unknown = |found: &Probe| found.unknowns.iter().any(|unknown| unknown.flag.contains("VA_BITS=57"));
    assert!(unknown(&probe(&core(INFO, &[]))?), "neither tells");
    assert!(!unknown(&probe(&core(INFO, &notes(0)))?));
    Ok(())
}

#[test]
fn without_vmcoreinfo_cr3_serves_both_halves() -> Outcome {
    let found = probe(&core("", &[note(0x10, CR0_PG, 0x5000_0006, 0)]))?;
    assert_eq!(roots(&found), [(0x5000_0000, Half::Upper), (0x5000_0000, Half::Lower)]);
    assert!(found.unknowns.iter().any(|unknown| unknown.flag == "--kernel"));
    Ok(())
}

#[test]
fn without_the_kernels_table_in_the_image_cr3_serves_both_halves() -> Outcome {
    let core = CoreBuilder::new(ByteOrder::Little, X86_64).load(0x5000, &[0; 4096]);
    let core = core.note(QEMU_OWNER, 0, &note(0x33, CR0_PG, 0x5000, 0)).note("VMCOREINFO", 0, INFO.as_bytes());
    let found = probe(&core)?;
    assert_eq!(roots(&found), [(SWAPPER.0, Half::Upper), (0x5000, Half::Upper), (0x5000, Half::Lower)]);
    let usable: Vec<Root> = [Half::Upper, Half::Lower].map(|half| Root { pa: PhysAddr(0x5000), half }).into();
    assert_eq!(found.usable_roots(), usable);
    Ok(())
}

#[test]
fn every_address_space_is_listed_once_and_the_kernels_own_is_none() -> Outcome {
    let cpus = [
        note(0x33, CR0_PG, 0x7000, 0),
        note(0x10, CR0_PG, SWAPPER.0, 0),
        note(0x10, CR0_PG, 0x7000, 0),
        note(0, 0, 0x6000, 0),
        note(0x33, CR0_PG, 0x9000, 0),
    ];
    let found = probe(&core(INFO, &cpus))?;
    assert_eq!(roots(&found), [(SWAPPER.0, Half::Upper), (0x7000, Half::Lower), (0x9000, Half::Lower)]);
    assert!(found.roots[2].evidence.contains("CPU 4"));
    Ok(())
}

/// The pair of an isolated root: kernel's copy at 0x8000, user mode's at 0x9000, with an entry each way.
fn pair(kernel: [u64; 2], user: [u64; 2]) -> CoreBuilder {
    let mut pages = vec![0; 8192];
    for (page, entries) in [(0, kernel), (4096, user)] {
        for (at, entry) in [(0, entries[0]), (255 * 8, entries[1])] {
            pages[page + at..page + at + 8].copy_from_slice(&entry.to_le_bytes());
        }
    }
    core(INFO, &[]).load(0x8000, &pages)
}

#[test]
fn user_mode_has_its_own_copy_of_an_isolated_root() -> Outcome {
    const TABLE: u64 = 0x1067;
    let isolated = pair([NX | TABLE, NX | TABLE & !0x20], [TABLE, TABLE]);
    for (cr3, mode) in [(0x8000, "kernel"), (0x9801, "user")] {
        let cs = if mode == "user" { 0x33 } else { 0x10 };
        let found = probe(&isolated_by(&isolated, note(cs, CR0_PG, cr3, 0)))?;
        assert_eq!(roots(&found), [(SWAPPER.0, Half::Upper), (0x9000, Half::Lower)], "CR3 {cr3:#x}");
        let evidence = &found.roots[1].evidence;
        for part in ["page-table isolation", mode, "0x0000000000008000 the kernel's"] {
            assert!(evidence.contains(part), "{evidence}");
        }
    }
    // Neighbours that differ by more, or do not forbid execution, or hold nothing, are no pair.
    for (kernel, user) in [
        ([NX | TABLE, NX | TABLE], [TABLE, 0]),
        ([TABLE, TABLE], [TABLE, TABLE]),
        ([TABLE, 0], [NX | TABLE, 0]),
        ([0, 0], [0, 0]),
        ([NX | TABLE, 0], [TABLE | 0x2000, 0]),
    ] {
        let found = probe(&isolated_by(&pair(kernel, user), note(0x33, CR0_PG, 0x8000, 0)))?;
        assert_eq!(roots(&found), [(SWAPPER.0, Half::Upper), (0x8000, Half::Lower)], "{kernel:x?} {user:x?}");
    }
    Ok(())
}

/// The same core with a CPU.
fn isolated_by(core: &CoreBuilder, cpu: Vec<u8>) -> CoreBuilder {
    core.clone().note(QEMU_OWNER, 0, &cpu)
}

#[test]
fn an_encryption_bit_is_found_by_its_mask() -> Outcome {
    let found = probe(&core(&format!("{INFO}NUMBER(sme_mask)={}\n", 1u64 << 51), &[]))?;
    assert_eq!(config(&found, Extern::SME_C_BIT), 51);
    let found = probe(&core(&format!("{INFO}NUMBER(sme_mask)=12288\n"), &[]))?;
    assert_eq!(config(&found, Extern::SME_C_BIT), 0);
    assert!(found.unknowns.iter().any(|unknown| unknown.what.contains("encryption")));
    Ok(())
}

#[test]
fn notes_that_are_short_or_of_another_layout_say_nothing() -> Outcome {
    let mut other = note(0x33, CR0_PG, 0x5000, CR4_LA57);
    other[0] = 2;
    let short = note(0x33, CR0_PG, 0x5000, CR4_LA57)[..424].to_vec();
    for notes in [vec![other], vec![short], vec![Vec::new()], vec![vec![1, 0, 0]]] {
        let found = probe(&core("", &notes))?;
        assert_eq!(roots(&found), []);
        assert_eq!(config(&found, Extern::PGTABLE_LEVELS), Config::DEFAULT.get(Extern::PGTABLE_LEVELS));
    }
    Ok(())
}

#[test]
fn a_kernel_that_hides_where_it_lies_names_the_flag() -> Outcome {
    let info = INFO.replace("NUMBER(phys_base)=278921216\n", "");
    let found = probe(&core(&info, &[]))?;
    assert_eq!(roots(&found), []);
    assert!(found.unknowns.iter().any(|unknown| unknown.what.contains("phys_base")));
    // Below where it was linked to run: the distance is negative.
    let moved = INFO.replace("278921216", "-16777216");
    assert_eq!(roots(&probe(&core(&moved, &[]))?), [(0x201_0000, Half::Upper)]);
    Ok(())
}
