//! x86_64 images as people have them, made by hand: five levels, leaves of every size, inverted frames, page-table isolation,
//! kernel versions on both sides of each change. What is expected is worked out from the manual's words, not from the plugin.

mod support;

use ptwalk::audit::epoch;
use ptwalk::engine::{Engine, Fused, Queries, Wanted};
use ptwalk::gup::{FollFlags, Gup, get_user_pages_fast};
use ptwalk::image::Image;
use ptwalk::plugin;
use ptwalk::probe::Probe;
use ptwalk::walk::{Event, Mapping, Root, TableSet, walk_map};
use ptwalk::zone::Zone;
use ptwalk_abi::{Config, Extern, Geometry, Half, Helper, KVersion, Level, PhysAddr, VaRange, VirtAddr};
use support::core::{ByteOrder, CoreBuilder};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const X86_64: u16 = 62;
/// Present, writable, user, accessed, dirty: a table that user mode goes through.
const TABLE: u64 = 0x67;
const NX: u64 = 1 << 63;
const PSE: u64 = 1 << 7;

/// Tables at 0x1000, 0x2000, … in one piece.
#[derive(Clone)]
struct Tables(Vec<u64>);

impl Tables {
    fn new(pages: usize) -> Tables {
        Tables(vec![0; pages * 512])
    }

    fn store(mut self, table: u64, index: u64, word: u64) -> Tables {
        let at = usize::try_from((table - 0x1000) / 8 + index).expect("small");
        self.0[at] = word;
        self
    }

    fn image(&self, info: &str, cr3: u64, cr4: u64) -> Result<Image, Box<dyn std::error::Error>> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut note = vec![0; 440];
        // Version, CS, CR0.PG, CR3, CR4 of QEMU's note for a CPU in user mode.
        for (at, value) in [(0, 1), (152, 0x33), (392, 0x8000_0000), (416, cr3), (424, cr4)] {
            note[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        let core = CoreBuilder::new(ByteOrder::Little, X86_64).load(0x1000, &bytes).note("QEMU", 0, &note);
        let core = if info.is_empty() { core } else { core.note("VMCOREINFO", 0, info.as_bytes()) };
        Ok(Image::from_bytes("x86", core.build(), None)?)
    }
}

/// An image opened with what it says about itself, and nothing else.
struct Opened {
    image: Image,
    config: Config,
    geometry: Geometry,
    roots: Vec<Root>,
}

impl Opened {
    fn new(image: Image, kernel: Option<(u8, u8)>) -> Result<Opened, Box<dyn std::error::Error>> {
        let probe = Probe::new(&image);
        assert_eq!(probe.arch.as_ref().map(|(name, _)| *name), Some("x86"));
        let told = kernel.map(|(a, b)| KVersion::new(a, b, 0).code());
        let config = told.map_or(probe.config(), |code| probe.config().with(Extern::LINUX_VERSION_CODE, code));
        let verified = plugin::admit("x86", &plugin::load("x86")?, &config)?;
        Ok(Opened { geometry: *verified.geometry(), roots: probe.usable_roots(), image, config })
    }

    fn engine(&self, queries: Queries) -> Result<Fused, Box<dyn std::error::Error>> {
        Ok(Fused::new(&plugin::admit("x86", &plugin::load("x86")?, &self.config)?, queries)?)
    }

    fn tables(&self, half: Half) -> TableSet<'_> {
        let root = *self.roots.iter().find(|root| root.half == half).expect("a root of that half");
        TableSet { image: &self.image, geometry: &self.geometry, root }
    }

    fn events(&self, half: Half) -> Result<Vec<Event>, Box<dyn std::error::Error>> {
        let mut engine = self.engine(Queries::walk(&self.geometry, &Wanted::ALL))?;
        let (tables, mut events) = (self.tables(half), Vec::new());
        walk_map(&mut engine, &tables, tables.whole().ok_or("no such half")?, &mut |event, _| {
            events.push(*event);
            Ok(())
        })?;
        Ok(events)
    }

    fn mappings(&self, half: Half) -> Result<Vec<Mapping>, Box<dyn std::error::Error>> {
        let events = self.events(half)?;
        assert!(!events.iter().any(|event| matches!(event, Event::Problem(_))), "{events:x?}");
        Ok(events
            .iter()
            .filter_map(|event| if let Event::Mapping(mapping) = event { Some(*mapping) } else { None })
            .collect())
    }
}

/// First address, physical address, level and bytes of a mapping.
fn place(mapping: &Mapping) -> (u64, u64, Level, u64) {
    (mapping.range.first.0, mapping.pa.0, mapping.level, mapping.leaf_bytes)
}

/// Five levels: pgd 0x1000, p4d 0x2000, pud 0x3000, pmd 0x4000, ptes 0x5000 for both halves.
fn five_levels() -> Tables {
    Tables::new(5)
        .store(0x1000, 255, 0x2000 | TABLE)
        .store(0x1000, 256, 0x2000 | TABLE & !4)
        .store(0x2000, 1, 0x3000 | TABLE)
        .store(0x3000, 2, 0x4000 | TABLE)
        .store(0x3000, 3, 0x000f_ffff_c000_0000 | NX | 0x67 | PSE)
        .store(0x4000, 4, 0x5000 | TABLE)
        .store(0x4000, 5, 0x1234_5600_0000 | 1 << 12 | 0x67 | PSE)
        .store(0x5000, 6, 0x000f_ffff_ffff_f000 | NX | 0x27)
        // PROT_NONE of frame 0x123456: the frame is inverted.
        .store(0x5000, 7, 0x000f_fffe_dcba_9120)
        // Swap: type 1, offset 0x10.
        .store(0x5000, 8, 0x0fff_ffff_ffff_de00)
}

const INFO_L5: &str = "OSRELEASE=6.1.0-18-amd64\nPAGESIZE=4096\nNUMBER(pgtable_l5_enabled)=1\n";

#[test]
fn five_levels_reach_leaves_of_every_size_in_both_halves() -> Outcome {
    let opened = Opened::new(five_levels().image(INFO_L5, 0x1000, 0)?, None)?;
    assert_eq!(opened.geometry.slots().len(), 5);
    let upper = 0xff00_0000_0000_0000u64;
    let lower = 255 << 48;
    for (half, base) in [(Half::Lower, lower), (Half::Upper, upper)] {
        let under = |pud: u64, pmd: u64, pte: u64| base | 1 << 39 | pud << 30 | pmd << 21 | pte << 12;
        let found: Vec<_> = opened.mappings(half)?.iter().map(place).collect();
        assert_eq!(
            found,
            [
                (under(2, 4, 6), 0x000f_ffff_ffff_f000, Level::Pte, 4096),
                (under(2, 4, 7), 0x1_2345_6000, Level::Pte, 4096),
                (under(2, 5, 0), 0x1234_5600_0000, Level::Pmd, 2 << 20),
                (under(3, 0, 0), 0x000f_ffff_c000_0000, Level::Pud, 1 << 30),
            ],
            "{half}"
        );
        let swapped = opened.events(half)?.into_iter().find_map(|event| match event {
            Event::NotPresent { range, at } => Some((range.first.0, at.raw)),
            _ => None,
        });
        let (va, raw) = swapped.ok_or("the swap entry")?;
        assert_eq!(va, under(2, 4, 8));
        let mut engine = opened.engine(Queries::none())?;
        let fields = [Helper::swp_type, Helper::swp_offset].map(|helper| engine.call(helper, [raw, 0]));
        assert_eq!(fields.into_iter().collect::<Result<Vec<_>, _>>()?, [1, 0x10]);
    }
    // Permissions fold down the levels: the upper half's root entry is the kernel's alone.
    for mapping in opened.mappings(Half::Upper)? {
        assert!(mapping.effective.is_some_and(|may| !may.user), "{mapping:x?}");
    }
    let user = opened.mappings(Half::Lower)?;
    let may = |i: usize| user[i].effective.map(|may| (may.read, may.write, may.exec));
    assert_eq!(may(0), Some((true, true, false)));
    assert_eq!(may(1), Some((false, false, false)), "PROT_NONE");
    assert_eq!(may(2), Some((true, true, true)));
    Ok(())
}

#[test]
fn a_kernel_for_five_levels_that_runs_with_four_is_told_by_its_registers() -> Outcome {
    let tables = five_levels().store(0x2000, 256, 0x3000 | TABLE & !4);
    let info = "OSRELEASE=6.1.0-18-amd64\nPAGESIZE=4096\n";
    // The p4d that serves the halves of four levels serves both of five twice.
    for (cr3, cr4, levels, leaves) in [(0x1000, 1 << 12, 5, 8), (0x2000, 0, 4, 4)] {
        let opened = Opened::new(tables.image(info, cr3, cr4)?, None)?;
        assert_eq!(opened.geometry.slots().len(), levels);
        for half in [Half::Lower, Half::Upper] {
            assert_eq!(opened.mappings(half)?.len(), leaves, "{levels} levels, {half} half");
        }
    }
    Ok(())
}

/// Four levels: a pgd pair at 0x2000 and 0x3000 as isolation has it, pud 0x4000, pmd 0x5000, ptes 0x6000.
fn isolated() -> Tables {
    Tables::new(6)
        .store(0x2000, 0, 0x4000 | TABLE | NX)
        .store(0x3000, 0, 0x4000 | TABLE)
        .store(0x2000, 511, 0x4000 | TABLE & !4)
        .store(0x4000, 0, 0x5000 | TABLE)
        .store(0x5000, 0, 0x6000 | TABLE)
        .store(0x6000, 0, 0x7000 | 0x25)
        .store(0x6000, 1, 0x8000 | 0x63)
}

#[test]
fn with_isolation_user_mode_executes_through_its_own_copy() -> Outcome {
    for cr3 in [0x2000, 0x3801] {
        let opened = Opened::new(isolated().image("", cr3, 0)?, Some((6, 1)))?;
        let user = opened.mappings(Half::Lower)?;
        assert_eq!(user[0].at.table, PhysAddr(0x6000));
        assert!(user[0].effective.is_some_and(|may| may.read && may.exec && !may.write), "CR3 {cr3:#x}");
        assert!(user[1].effective.is_some_and(|may| !may.user));
        assert_eq!(opened.mappings(Half::Upper)?.len(), 2, "the kernel's copy maps the kernel, CR3 {cr3:#x}");
    }
    // The kernel's copy forbids what user mode executes, and the kernel does not call it bad for that.
    let mut opened = Opened::new(isolated().image("", 0x2000, 0)?, Some((6, 1)))?;
    opened.roots = vec![Root { pa: PhysAddr(0x2000), half: Half::Lower }];
    assert!(opened.mappings(Half::Lower)?[0].effective.is_some_and(|may| may.read && !may.exec));
    Ok(())
}

#[test]
fn tables_that_the_kernel_calls_bad_but_the_hardware_uses_are_walked() -> Outcome {
    // As espfix has them: read-only, not to be executed.
    let espfix = isolated().store(0x4000, 0, 0x5000 | 0x61 | NX).store(0x5000, 0, 0x6000 | 0x61 | NX);
    let opened = Opened::new(espfix.image("", 0x3000, 0)?, Some((6, 1)))?;
    assert_eq!(opened.mappings(Half::Lower)?.len(), 2);
    // A leaf at a level that has none is one that the hardware does not use.
    let reserved = isolated().store(0x3000, 0, 0x4000 | TABLE | PSE);
    let opened = Opened::new(reserved.image("", 0x3000, 0)?, Some((6, 1)))?;
    assert!(matches!(opened.events(Half::Lower)?.as_slice(), [Event::Problem(_), Event::Hole { .. }]));
    Ok(())
}

/// A read-only dirty page, saved as such by v6.6, and device memory as v6.1 and v6.6 mark it.
const SAVED_DIRTY: u64 = 0x7000 | 1 << 58 | 0x25;
const DEVMAP_58: u64 = 0x7000 | 1 << 58 | 1 << 9 | 0x25;
const DEVMAP_57: u64 = 0x7000 | 1 << 57 | 1 << 9 | 0x25;

#[test]
fn entries_of_another_version_are_doubted() -> Outcome {
    let doubt = |pte: u64, kernel: (u8, u8)| -> Result<Option<epoch::Doubt>, Box<dyn std::error::Error>> {
        let opened = Opened::new(isolated().store(0x6000, 3, pte).image("", 0x3000, 0)?, Some(kernel))?;
        let mut engine = opened.engine(epoch::queries(&opened.geometry))?;
        Ok({
            let tables = opened.tables(Half::Lower);
            let whole = tables.whole().expect("a lower half");
            epoch::doubt(&mut engine, &tables, whole)
        }?)
    };
    let found = doubt(SAVED_DIRTY, (5, 3))?.ok_or("v6.6 under the rules of v5.3")?;
    assert_eq!((found.entries, found.va, found.raw), (1, VirtAddr(0x3000), SAVED_DIRTY));
    assert_eq!(doubt(SAVED_DIRTY, (6, 6))?, None);
    assert_eq!(doubt(DEVMAP_58, (5, 3))?, None);
    assert_eq!(doubt(DEVMAP_58, (6, 17))?, None, "no version of that age has the bit");
    assert_eq!(doubt(DEVMAP_57, (6, 6))?, None);
    assert_eq!(doubt(DEVMAP_57 & !(1 << 9), (6, 6))?.map(|doubt| doubt.entries), Some(1));
    Ok(())
}

#[test]
fn dirty_and_devmap_follow_the_version() -> Outcome {
    for (pte, kernel, dirty, devmap) in [
        (SAVED_DIRTY, (6, 1), false, true),
        (SAVED_DIRTY, (6, 6), true, false),
        (DEVMAP_57, (6, 1), false, false),
        (DEVMAP_57, (6, 6), false, true),
        (DEVMAP_57, (6, 17), false, false),
    ] {
        let opened = Opened::new(isolated().store(0x6000, 3, pte).image("", 0x3000, 0)?, Some(kernel))?;
        let mappings = opened.mappings(Half::Lower)?;
        let attrs = mappings.iter().find(|mapping| mapping.at.raw == pte).ok_or("the page")?.attrs;
        assert_eq!((attrs.dirty, attrs.devmap), (dirty, devmap), "{pte:#x} under v{kernel:?}");
    }
    Ok(())
}

/// S14: a pmd table with bit 58 goes the huge way, where no pgmap is; without it, to the pte.
#[test]
fn gup_takes_a_table_marked_as_device_memory_for_a_huge_page() -> Outcome {
    for (pmd, pages) in [(0x6000 | TABLE | 1 << 58, 0), (0x6000 | TABLE, 1)] {
        let tables = isolated().store(0x5000, 0, pmd).store(0x6000, 0, 0x7000 | TABLE);
        let opened = Opened::new(tables.image("", 0x3000, 0)?, Some((5, 3)))?;
        let gup = Gup::new(FollFlags::NONE);
        let mut engine = opened.engine(Queries::gup(&opened.geometry, &gup))?;
        let tables = opened.tables(Half::Lower);
        let outcome = get_user_pages_fast(&mut engine, &tables, &mut Zone::default(), &gup, VirtAddr(0), 1)?;
        assert_eq!(outcome.pages.len(), pages, "{pmd:#x}");
    }
    Ok(())
}

#[test]
fn a_page_without_access_maps_and_may_not_be_touched() -> Outcome {
    let opened = Opened::new(five_levels().image(INFO_L5, 0x1000, 0)?, None)?;
    let mut engine = opened.engine(Queries::walk(&opened.geometry, &Wanted::ALL))?;
    let va = VirtAddr(255 << 48 | 1 << 39 | 2 << 30 | 4 << 21 | 7 << 12);
    let mut found = None;
    walk_map(&mut engine, &opened.tables(Half::Lower), VaRange::new(va, 1).ok_or("a range")?, &mut |event, _| {
        if let Event::Mapping(mapping) = event {
            found = Some((mapping.pa.0, mapping.attrs.protnone, mapping.effective));
        }
        Ok(())
    })?;
    let (pa, protnone, effective) = found.ok_or("a mapping")?;
    assert_eq!((pa, protnone), (0x1_2345_6000, true));
    assert!(effective.is_some_and(|may| !may.read && !may.user));
    Ok(())
}
