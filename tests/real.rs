//! Real dumps against the guest kernel's own word about them.
//!
//! The dumps are not part of the repository: they lie in `../shared/real` beside it (or where `PTWALK_REAL` says). Where
//! they are absent these tests pass and say loudly that they checked nothing.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ptwalk::engine::Engine;
use ptwalk::engine::sandbox::Compiled;
use ptwalk::engine::{Fused, Queries, Wanted};
use ptwalk::gup::{FollFlags, Gup, StopReason, get_user_pages_fast};
use ptwalk::image::{Image, OpenOptions};
use ptwalk::plugin;
use ptwalk::probe::Probe;
use ptwalk::walk::census::Census;
use ptwalk::walk::{Event, Root, TableSet, walk_map};
use ptwalk::zone::{DevPagemap, PgmapType, Zone};
use ptwalk_abi::{Config, Geometry, Half, Helper, Level, PhysAddr, VaRange, VirtAddr};
use serde_json::Value;
use support::real;

type Failure = Box<dyn std::error::Error>;

/// A dump with its ground truth.
struct Dump {
    folder: PathBuf,
    image: Image,
    plugin: &'static str,
    config: Config,
    geometry: Geometry,
    user: Root,
    kernel: Root,
    /// The kernel half's root when the guest was stopped: with KPTI, a trampoline that maps next to nothing.
    kernel_at_stop: Root,
}

impl Dump {
    /// Opens a dump with what `probe` finds; only the user root comes from outside, as it does for a user.
    fn open(folder: PathBuf, file: &str) -> Result<Dump, Failure> {
        let image = Image::open(&folder.join(file), &OpenOptions::default())?;
        let probe = Probe::new(&image);
        let (plugin, _) = probe.arch.as_ref().ok_or("the image names no architecture")?;
        let config = probe.config();
        let geometry = Compiled::geometry(&plugin::load(plugin)?, &config)?;
        let meta: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("meta.json"))?)?;
        let root = |name: &str, half| -> Result<Root, Failure> {
            let text = meta["roots"][name].as_str().ok_or_else(|| format!("meta.json has no {name}"))?;
            Ok(Root { pa: PhysAddr(ptwalk::number::parse_u64(text)?), half })
        };
        let registers = if *plugin == "x86" { ["user_cr3", "kernel_cr3"] } else { ["user_ttbr0", "ttbr1_at_stop"] };
        let (user, kernel_at_stop) = (root(registers[0], Half::Lower)?, root(registers[1], Half::Upper)?);
        let usable = probe.usable_roots();
        let kernel =
            *usable.iter().find(|root| root.half == Half::Upper).ok_or("the image points to no kernel root")?;
        Ok(Dump { folder, image, plugin, config, geometry, user, kernel, kernel_at_stop })
    }

    fn engine(&self, queries: Queries) -> Result<impl Engine + use<>, Failure> {
        let verified = plugin::admit(self.plugin, &plugin::load(self.plugin)?, &self.config)?;
        Ok(Fused::new(&verified, queries)?)
    }

    fn tables(&self, root: Root) -> TableSet<'_> {
        TableSet { image: &self.image, geometry: &self.geometry, root }
    }

    fn walker(&self) -> Result<impl Engine, Failure> {
        self.engine(Queries::walk(&self.geometry, &Wanted::ALL))
    }

    fn events(&self, walker: &mut impl Engine, root: Root, range: Option<VaRange>) -> Result<Vec<Event>, Failure> {
        let tables = self.tables(root);
        let mut events = Vec::new();
        let range = range.or(tables.whole()).ok_or("no such half")?;
        walk_map(walker, &tables, range, &mut |event, _| {
            events.push(*event);
            Ok(())
        })?;
        Ok(events)
    }

    fn lines(&self, file: &str) -> Result<Vec<Vec<String>>, Failure> {
        let text = std::fs::read_to_string(self.folder.join(file))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }
}

/// What a page is, by the kernel's word or by ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Present { pfn: u64 },
    Swapped { kind: u64, offset: u64 },
}

/// Pages by address.
type Pages = BTreeMap<u64, Page>;

fn hex(text: &str) -> Result<u64, Failure> {
    Ok(u64::from_str_radix(text, 16)?)
}

/// The ranges scanned, and every page of them that was present or swapped.
fn truth(dump: &Dump) -> Result<(Vec<(u64, u64)>, Pages), Failure> {
    let mut scans = Vec::new();
    let mut pages = BTreeMap::new();
    for line in dump.lines("ground-truth.tsv")? {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["scan", start, end, ..] => scans.push((hex(start)?, hex(end)?)),
            ["run", va, count, pagemap, ..] => {
                let (va, count, pagemap) = (hex(va)?, count.parse::<u64>()?, hex(pagemap)?);
                for i in 0..count {
                    let low = pagemap & ((1 << 55) - 1);
                    let page = if pagemap >> 63 == 1 {
                        Page::Present { pfn: low + i }
                    } else if pagemap >> 62 & 1 == 1 && count == 1 {
                        Page::Swapped { kind: low & 0x1f, offset: low >> 5 }
                    } else {
                        return Err(format!("a run that is neither: {line:?}").into());
                    };
                    pages.insert(va + i * 4096, page);
                }
            }
            _ => {}
        }
    }
    Ok((scans, pages))
}

/// Every page of the scanned ranges as ptwalk sees it.
fn ours(dump: &Dump, scans: &[(u64, u64)]) -> Result<Pages, Failure> {
    let mut engine = dump.walker()?;
    let scanned = |va: u64| scans.iter().any(|(start, end)| (*start..*end).contains(&va));
    let mut pages = BTreeMap::new();
    for event in dump.events(&mut engine, dump.user, None)? {
        match event {
            Event::Mapping(mapping) => {
                let count = u64::try_from(mapping.range.bytes() >> 12)?;
                for i in 0..count {
                    let va = mapping.range.first.0 + (i << 12);
                    pages.insert(va, Page::Present { pfn: mapping.pfn(12).0 + i });
                }
            }
            Event::NotPresent { range, at } => {
                let kind = engine.call(Helper::swp_type, [at.raw, 0])?;
                let offset = engine.call(Helper::swp_offset, [at.raw, 0])?;
                pages.insert(range.first.0, Page::Swapped { kind, offset });
            }
            Event::Problem(problem) => return Err(format!("{problem:?}").into()),
            Event::Hole { .. } | Event::Table { .. } => {}
        }
    }
    pages.retain(|va, _| scanned(*va));
    Ok(pages)
}

fn every_page_agrees(name: &str, file: &str) -> Result<(), Failure> {
    let Some(folder) = real(name) else { return Ok(()) };
    let dump = Dump::open(folder, file)?;
    let (scans, truth) = truth(&dump)?;
    let ours = ours(&dump, &scans)?;
    let mut mismatches = Vec::new();
    for va in truth.keys().chain(ours.keys().filter(|va| !truth.contains_key(va))) {
        if truth.get(va) != ours.get(va) {
            mismatches.push(format!("{va:#x}: kernel {:?}, ptwalk {:?}", truth.get(va), ours.get(va)));
        }
    }
    let scanned: u64 = scans.iter().map(|(start, end)| (end - start) >> 12).sum();
    let absent = scanned - truth.len() as u64;
    let shown = mismatches.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(mismatches.is_empty(), "{} mismatches of {scanned} pages:\n{shown}", mismatches.len());
    assert!(truth.len() > 10_000, "the ground truth has {} pages", truth.len());
    println!(
        "{name}/{file}: {scanned} pages compared ({} present or swapped, {absent} absent), 0 mismatches",
        truth.len()
    );
    Ok(())
}

#[test]
fn arm64_6_12_every_page_agrees_with_pagemap() -> Result<(), Failure> {
    every_page_agrees("arm64-6.12", "tables-user.elf")?;
    every_page_agrees("arm64-6.12", "tables.elf")
}

#[test]
fn arm64_6_1_every_page_agrees_with_pagemap() -> Result<(), Failure> {
    every_page_agrees("arm64-6.1", "tables-user.elf")?;
    every_page_agrees("arm64-6.1", "tables.elf")
}

#[test]
fn x86_64_6_1_every_page_agrees_with_pagemap() -> Result<(), Failure> {
    every_page_agrees("x86_64-6.1", "tables-user.elf")?;
    every_page_agrees("x86_64-6.1", "tables.elf")
}

#[test]
fn an_x86_core_tells_both_roots() -> Result<(), Failure> {
    let Some(folder) = real("x86_64-6.1") else { return Ok(()) };
    let image = Image::open(&folder.join("tables.elf"), &OpenOptions::default())?;
    let roots: Vec<(u64, Half, &str)> =
        Probe::new(&image).roots.iter().map(|found| (found.root.pa.0, found.root.half, found.name)).collect();
    // SYMBOL(swapper_pg_dir) less __START_KERNEL_map plus NUMBER(phys_base), whose page the file lacks, and CR3 of
    // meta.json for both halves.
    let cr3 = Dump::open(folder, "tables.elf")?.user.pa.0;
    let swapper = (0x13a1_0000, Half::Upper, "swapper_pg_dir");
    assert_eq!(roots, [swapper, (cr3, Half::Upper, "CR3"), (cr3, Half::Lower, "CR3")]);
    Ok(())
}

#[test]
fn translations_agree_with_qemu() -> Result<(), Failure> {
    for name in ["arm64-6.12", "arm64-6.1", "x86_64-6.1"] {
        let Some(folder) = real(name) else { continue };
        let dump = Dump::open(folder, "tables.elf")?;
        let mut compared = 0;
        let mut walker = dump.walker()?;
        for line in dump.lines("qemu-gva2gpa.tsv")? {
            let [va, pa] = line.as_slice() else { return Err(format!("{line:?}").into()) };
            let va = VirtAddr(hex(va)?);
            let Some(half) = dump.geometry.half_of(va) else { return Err(format!("{va} is in no half").into()) };
            let root = if half == Half::Lower { dump.user } else { dump.kernel_at_stop };
            let events = dump.events(&mut walker, root, VaRange::new(va, 1))?;
            // QEMU answers as the MMU does: what nobody may access is not mapped.
            let found = events.iter().find_map(|event| match event {
                Event::Mapping(mapping) if mapping.effective.is_some_and(|may| may.read || may.exec) => {
                    Some(mapping.pa.0)
                }
                _ => None,
            });
            assert_eq!(found, hex(pa).ok(), "{name}: {va}, QEMU says {pa}");
            compared += 1;
        }
        assert!(compared > 400, "{compared} addresses");
        println!("{name}: {compared} translations agree with QEMU");
    }
    Ok(())
}

#[test]
fn devmap_entries_are_counted_by_level() -> Result<(), Failure> {
    // The counts of the README beside the dumps: pte valid/devmap, pmd valid/devmap, and PROT_NONE.
    let expected = [
        ("arm64-6.12", [1278 + 380, 23 + 11], [380, 11], [16, 1], [48, 2]),
        ("arm64-6.1", [1432, 22], [0, 0], [0, 0], [49, 1]),
        ("x86_64-6.1", [1293 + 380, 7 + 11], [380, 11], [16, 1], [48, 2]),
    ];
    for (name, valid, devmap, devmap_protnone, protnone) in expected {
        let Some(folder) = real(name) else { continue };
        let dump = Dump::open(folder, "tables-user.elf")?;
        let mut census = Census::default();
        for event in dump.events(&mut dump.walker()?, dump.user, None)? {
            census.add(&event, &Zone::default());
        }
        for (i, level) in [Level::Pte, Level::Pmd].into_iter().enumerate() {
            let counts = census.level(level);
            let of = |attr: &str| counts.attrs.get(attr).map_or(0, |count| count.entries);
            assert_eq!(of("protnone"), protnone[i], "{name} {level} PROT_NONE");
            assert_eq!(counts.leaves.entries - of("protnone"), valid[i], "{name} {level} valid");
            assert_eq!(counts.devmap_protnone.entries, devmap_protnone[i], "{name} {level} PROT_NONE devmap");
            assert_eq!(of("devmap") - counts.devmap_protnone.entries, devmap[i], "{name} {level} devmap");
        }
        assert_eq!(census.level(Level::Pte).not_present, 8, "{name}: swapped pages");
        println!("{name}: devmap entries {devmap:?} at pte, pmd");
    }
    Ok(())
}

#[test]
fn the_kernel_half_walks_and_maps_what_the_kernel_says() -> Result<(), Failure> {
    for (name, leaves_min, ioremaps) in
        [("arm64-6.12", 250_001, 8), ("arm64-6.1", 250_001, 8), ("x86_64-6.1", 533 + 75041, 5)]
    {
        let Some(folder) = real(name) else { continue };
        let dump = Dump::open(folder, "tables.elf")?;
        let events = dump.events(&mut dump.walker()?, dump.kernel, None)?;
        let problems: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Problem(_))).collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let leaves = events.iter().filter(|event| matches!(event, Event::Mapping(_))).count();
        assert!(leaves >= leaves_min, "{name}: {leaves} leaves");
        let mut checked = 0;
        for line in dump.lines("kernel-facts.tsv")?.iter().filter(|line| line[0] == "vmallocinfo") {
            let text = line.get(1).ok_or("a vmallocinfo line without text")?;
            // A vmap with phys= is a section of the kernel image, and the init sections are gone after boot.
            let Some((_, phys)) = text.split_once("phys=0x").filter(|_| text.ends_with("ioremap")) else { continue };
            let phys = hex(phys.split_whitespace().next().ok_or("no address")?)?;
            let va = hex(text.trim_start_matches("0x").split('-').next().ok_or("no range")?)?;
            let found = events.iter().find_map(|event| match event {
                Event::Mapping(mapping) if mapping.range.contains(VirtAddr(va)) => {
                    Some(mapping.pa.0 + (va - mapping.range.first.0))
                }
                _ => None,
            });
            assert_eq!(found, Some(phys), "{name}: {text}");
            checked += 1;
        }
        assert!(checked >= ioremaps, "{name}: {checked} ioremaps");
        println!("{name}: {leaves} kernel leaves, 0 problems, {checked} ioremaps as /proc/vmallocinfo says");
    }
    Ok(())
}

#[test]
fn gup_through_the_4k_devmap_region_needs_the_pgmap() -> Result<(), Failure> {
    let Some(folder) = real("arm64-6.12") else { return Ok(()) };
    let dump = Dump::open(folder, "tables-user.elf")?;
    let regions = dump.lines("ground-truth.tsv")?;
    let region =
        regions.iter().find(|line| line[0] == "region" && line[1] == "fsdax_ro").ok_or("no fsdax_ro region")?;
    let (start, end) = (hex(&region[2])?, hex(&region[3])?);
    let nr = i64::try_from((end - start) >> 12)?;
    let tables = dump.tables(dump.user);
    let mut engine = dump.engine(Queries::gup(&dump.geometry, &Gup::new(FollFlags::NONE)))?;

    let mut zone = Zone::default();
    zone.register(DevPagemap {
        start: PhysAddr(0x7000_0000),
        end: PhysAddr(0x7800_0000),
        kind: PgmapType::FsDax,
        live: true,
    })?;
    let gup = Gup::new(FollFlags::NONE);
    let outcome = get_user_pages_fast(&mut engine, &tables, &mut zone, &gup, VirtAddr(start), nr)?;
    assert_eq!(outcome.stop.reason, StopReason::Complete);
    assert_eq!(outcome.pages.len() as i64, nr);
    assert!(outcome.pages.iter().all(|page| page.pgmap.is_some()), "every page is device memory");

    let outcome = get_user_pages_fast(&mut engine, &tables, &mut Zone::default(), &gup, VirtAddr(start), nr)?;
    assert_eq!((outcome.pages.len(), outcome.stop.reason), (0, StopReason::NoPgmap));
    assert_eq!(outcome.stop.va, VirtAddr(start));
    println!("arm64-6.12: {nr} device pages with the range registered, 0 without");
    Ok(())
}
