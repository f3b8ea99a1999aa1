//! Table images end to end: what is generated is what a walk finds, in every configuration of the architecture; the same
//! seed gives the same bytes; an extract answers as its source does.
//!
//! Real dumps lie in `../shared/real` beside the repository (or where `PTWALK_REAL` says); where they are absent that
//! test passes and says loudly that it checked nothing.

mod support;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ptwalk::engine::sandbox::Compiled;
use ptwalk::engine::{Fused, Queries, Wanted};
use ptwalk::extract::Found;
use ptwalk::gup::{FollFlags, Gup, StopReason, get_user_pages_fast};
use ptwalk::image::ptimg::{TableInfo, Writer, settings};
use ptwalk::image::{Image, OpenOptions};
use ptwalk::plugin;
use ptwalk::probe::Probe;
use ptwalk::sample;
use ptwalk::synth::{self, Hostile, Machine, Params, Perm, Ppm, Summary};
use ptwalk::walk::{Event, ProblemKind, Root, TableSet, walk_map};
use ptwalk_abi::{Config, Extern, Geometry, Half, KVersion, Kconfig, Level, PhysAddr, VirtAddr};

type Failure = Box<dyn std::error::Error>;

const M: u64 = 1 << 20;
const G: u64 = 1 << 30;

fn params(mapped: u64, page_bytes: u64) -> Params {
    Params {
        mapped,
        pages: vec![(page_bytes, 1)],
        holes: Ppm(50_000),
        devmap: Ppm(30_000),
        perms: vec![(Perm::ReadWrite, 80), (Perm::Read, 10), (Perm::ReadExec, 5), (Perm::None, 5)],
        run: 8,
        shared: Ppm(0),
        scatter: true,
        hostile: None,
        seed: 42,
    }
}

fn generate(config: &Config, params: &Params, path: &Path) -> Result<Summary, Failure> {
    generate_for("arm64", config, params, path)
}

fn generate_for(arch: &str, config: &Config, params: &Params, path: &Path) -> Result<Summary, Failure> {
    let plugin = plugin::load(arch)?;
    let verified = plugin::admit(arch, &plugin, config)?;
    let geometry = *verified.geometry();
    let mut engine = Fused::new(&verified, Queries::walk(&geometry, &Wanted::ALL))?;
    let mut machine = Machine { arch, config, geometry: &geometry, engine: &mut engine };
    Ok(synth::generate(&mut machine, params, "a test".to_owned(), Writer::create(path, true)?, &mut |_, _| {
        ControlFlow::Continue(())
    })?)
}

/// An image with what it says of itself.
struct Opened {
    image: Image,
    arch: &'static str,
    config: Config,
    geometry: Geometry,
    roots: Vec<Root>,
}

impl Opened {
    fn new(image: Image) -> Result<Opened, Failure> {
        let probe = Probe::new(&image);
        let config = probe.config();
        let (arch, _) = probe.arch.ok_or("an image of no architecture")?;
        let geometry = Compiled::geometry(&plugin::load(arch)?, &config)?;
        let roots = probe.roots.iter().map(|candidate| candidate.root).collect();
        Ok(Opened { image, arch, config, geometry, roots })
    }

    fn open(path: &Path) -> Result<Opened, Failure> {
        Opened::new(Image::open(path, &OpenOptions::default())?)
    }

    fn engine(&self, queries: Queries) -> Result<Fused, Failure> {
        let verified = plugin::admit(self.arch, &plugin::load(self.arch)?, &self.config)?;
        Ok(Fused::new(&verified, queries)?)
    }

    fn walker(&self) -> Result<Fused, Failure> {
        self.engine(Queries::walk(&self.geometry, &Wanted::ALL))
    }

    fn tables(&self, root: Root) -> TableSet<'_> {
        TableSet { image: &self.image, geometry: &self.geometry, root }
    }

    /// Every event of a walk from every root.
    fn events(&self) -> Result<Vec<Event>, Failure> {
        let mut walker = self.walker()?;
        let mut events = Vec::new();
        for root in &self.roots {
            let tables = self.tables(*root);
            walk_map(&mut walker, &tables, tables.whole().ok_or("no such half")?, &mut |event, _| {
                events.push(*event);
                Ok(())
            })?;
        }
        Ok(events)
    }
}

/// A file in a folder of its own.
fn file() -> Result<(tempfile::TempDir, PathBuf), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.ptimg");
    Ok((folder, path))
}

/// Granule and bits of virtual and physical addresses that arm64 has, each with the first kernel that has it.
const CONFIGURATIONS: [(i32, i32, i32, KVersion); 12] = [
    (12, 39, 48, KVersion::new(5, 3, 0)),
    (12, 48, 48, KVersion::new(5, 3, 0)),
    (12, 48, 48, KVersion::new(6, 12, 0)),
    (12, 52, 52, KVersion::new(6, 12, 0)),
    (14, 36, 40, KVersion::new(5, 3, 0)),
    (14, 47, 48, KVersion::new(5, 3, 0)),
    (14, 48, 48, KVersion::new(6, 1, 0)),
    (14, 52, 52, KVersion::new(6, 12, 0)),
    (16, 42, 48, KVersion::new(5, 3, 0)),
    (16, 48, 48, KVersion::new(6, 18, 0)),
    (16, 52, 52, KVersion::new(5, 3, 0)),
    (16, 52, 52, KVersion::new(6, 12, 0)),
];

/// Generates tables of two page sizes, and checks that a walk counts what the generator says it wrote.
fn check_generated(arch: &str, config: &Config, name: &str) -> Result<(), Failure> {
    let (_folder, path) = file()?;
    let geometry = Compiled::geometry(&plugin::load(arch)?, config)?;
    let mut sizes = geometry.slots().iter().rev().map(|slot| slot.span_bytes());
    let (Some(page), Some(huge)) = (sizes.next(), sizes.next()) else { return Err("one level of table".into()) };
    let mut params = params(8 * huge + 3 * page, page);
    params.pages = vec![(page, 3), (huge, 1)];
    let summary = generate_for(arch, config, &params, &path).map_err(|error| format!("{name}: {error}"))?;
    let opened = Opened::open(&path)?;
    assert_eq!((opened.arch, opened.config), (arch, *config), "{name}");
    let (mut mapped, mut holes, mut tables) = (0, 0, 1);
    let mut devices = Vec::new();
    for event in opened.events()? {
        match event {
            Event::Mapping(mapping) => {
                mapped += 1;
                if mapping.attrs.devmap {
                    devices.push(mapping.pa);
                }
            }
            Event::Hole { range, entries, .. } if range.first.0 < params.mapped => {
                // Empty entries behind the last one in use may follow in the same run.
                let span = range.bytes() / u128::from(entries);
                holes += u64::from(entries).min((params.mapped - range.first.0) / u64::try_from(span)?);
            }
            Event::Table { .. } => tables += 1,
            Event::Hole { .. } => {}
            other => return Err(format!("{name}: {other:?}").into()),
        }
    }
    let sum = |of: fn(&(Level, u64, synth::Counts)) -> u64| summary.levels.iter().map(of).sum::<u64>();
    let said = (sum(|(_, _, counts)| counts.leaves), sum(|(_, _, counts)| counts.holes), sum(|(_, tables, _)| *tables));
    assert_eq!((mapped, holes, tables), said, "{name}");
    let has_devmap = config.get(Extern::LINUX_VERSION_CODE) < KVersion::new(6, 17, 0).code();
    assert_eq!(!devices.is_empty(), has_devmap, "{name}");
    assert!(devices.iter().all(|pa| opened.image.zone().find(*pa).is_some()), "{name}");
    let top_bit = config.get(Extern::PA_BITS) - 1;
    assert!(devices.iter().all(|pa| pa.0 >> top_bit == 1), "{name}: the highest address bit is in use");
    Ok(())
}

#[test]
fn a_walk_finds_what_was_generated_in_every_configuration_of_arm64() -> Result<(), Failure> {
    for (page_shift, va_bits, pa_bits, kernel) in CONFIGURATIONS {
        let config = Config::DEFAULT
            .with(Extern::PAGE_SHIFT, page_shift)
            .with(Extern::VA_BITS, va_bits)
            .with(Extern::PA_BITS, pa_bits)
            .with(Extern::LINUX_VERSION_CODE, kernel.code());
        check_generated("arm64", &config, &format!("{page_shift}/{va_bits}/{pa_bits} {kernel}"))?;
    }
    Ok(())
}

/// A new architecture needs its protections in `host/src/synth/prots.rs`.
#[test]
fn a_walk_finds_what_was_generated_for_every_embedded_plugin() -> Result<(), Failure> {
    plugin::EMBEDDED.iter().try_for_each(|plugin| check_generated(plugin.name, &Config::DEFAULT, plugin.name))
}

#[test]
fn the_same_seed_writes_the_same_bytes_and_another_does_not() -> Result<(), Failure> {
    let (folder, path) = file()?;
    let again = folder.path().join("b.ptimg");
    let mut params = params(64 * M, 4096);
    generate(&Config::DEFAULT, &params, &path)?;
    generate(&Config::DEFAULT, &params, &again)?;
    let first = std::fs::read(&path)?;
    assert!(first == std::fs::read(&again)?, "the same parameters");
    for change in [(|params| params.seed += 1) as fn(&mut Params), |params| params.scatter = false] {
        change(&mut params);
        generate(&Config::DEFAULT, &params, &again)?;
        assert!(first != std::fs::read(&again)?, "other parameters");
    }
    Ok(())
}

/// The order of the tables in memory is not to be seen in what they translate.
#[test]
fn scattered_tables_translate_as_linear_ones_do() -> Result<(), Failure> {
    let mappings = |scatter| -> Result<Vec<_>, Failure> {
        let (_folder, path) = file()?;
        generate(&Config::DEFAULT, &Params { scatter, ..params(64 * M, 4096) }, &path)?;
        let events = Opened::open(&path)?.events()?;
        let mapping = |event: &Event| match event {
            Event::Mapping(mapping) => Some((mapping.range, mapping.pa, mapping.attrs)),
            _ => None,
        };
        Ok(events.iter().filter_map(mapping).collect())
    };
    let (linear, scattered) = (mappings(false)?, mappings(true)?);
    assert!(linear.len() > 10_000 && linear == scattered);
    Ok(())
}

/// GUP over device memory needs the ranges of the header, and every page of it is in one.
#[test]
fn gup_finds_the_device_ranges_of_the_header() -> Result<(), Failure> {
    let (_folder, path) = file()?;
    let all_devices = Params { holes: Ppm(0), devmap: Ppm(Ppm::ONE), ..params(4 * M, 4096) };
    generate(&Config::DEFAULT, &all_devices, &path)?;
    let opened = Opened::open(&path)?;
    let gup = Gup::new(FollFlags::WRITE);
    let mut engine = opened.engine(Queries::gup(&opened.geometry, &gup))?;
    let (tables, mut zone) = (opened.tables(opened.roots[0]), opened.image.zone());
    let outcome = get_user_pages_fast(&mut engine, &tables, &mut zone, &gup, VirtAddr(0), 1024)?;
    assert_eq!((outcome.pages.len(), outcome.stop.reason), (1024, StopReason::Complete));
    assert!(outcome.pages.iter().all(|page| page.pgmap.is_some()));
    Ok(())
}

#[test]
fn hostile_tables_are_what_they_are_called() -> Result<(), Failure> {
    let met = |hostile| -> Result<Vec<Event>, Failure> {
        let (_folder, path) = file()?;
        generate(&Config::DEFAULT, &Params { hostile: Some(hostile), ..params(64 * M, 4096) }, &path)?;
        Opened::open(&path)?.events()
    };
    let problems = |events: &[Event], kind| {
        events.iter().filter(|event| matches!(event, Event::Problem(problem) if problem.kind == kind)).count()
    };
    assert_eq!(problems(&met(Hostile::Cycle)?, ProblemKind::Cycle), 1);
    assert_eq!(problems(&met(Hostile::SelfMap)?, ProblemKind::Cycle), 1);
    assert_eq!(problems(&met(Hostile::Outside)?, ProblemKind::OutsideImage), 4, "every eighth of 32");
    assert_eq!(problems(&met(Hostile::Truncated)?, ProblemKind::OutsideImage), 16, "half of 32");
    assert!(problems(&met(Hostile::DeepSharing)?, ProblemKind::Budget) > 0);
    let special = |events: Vec<Event>| {
        events.iter().filter(|event| matches!(event, Event::Mapping(m) if m.attrs.special && !m.attrs.devmap)).count()
    };
    assert!(special(met(Hostile::Reserved)?) > 0, "bit 56 without bit 57");
    Ok(())
}

#[test]
fn what_the_plugin_or_the_machine_cannot_hold_is_refused_and_nothing_is_left() -> Result<(), Failure> {
    let (folder, path) = file()?;
    let refused = |config: &Config, params: &Params| match generate(config, params, &path) {
        Ok(summary) => format!("{summary:?}"),
        Err(error) => error.to_string(),
    };
    let narrow = Config::DEFAULT.with(Extern::PA_BITS, 32);
    assert!(refused(&narrow, &params(G, 4096)).contains("addresses of 32 bits have no room"));
    let gigantic_device = Params { pages: vec![(G, 1)], ..params(G, 4096) };
    assert!(refused(&Config::DEFAULT, &gigantic_device).contains("cannot make a rw device leaf of level pud"));
    assert!(refused(&Config::DEFAULT, &Params { perms: Vec::new(), ..params(M, 4096) }).contains("weights of a mix"));
    // Without huge pages of any kind no helper calls a PROT_NONE block a leaf.
    let no_huge = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, 0).with(Extern::HUGETLB_PAGE, 0);
    let perms = vec![(Perm::None, 1)];
    let blocks = Params { pages: vec![(2 * M, 1)], devmap: Ppm(0), perms, ..params(4 * M, 4096) };
    let said = refused(&no_huge.with(Extern::LINUX_VERSION_CODE, KVersion::new(5, 10, 0).code()), &blocks);
    assert!(said.contains("as a none leaf of level pmd"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

/// Extracts from `opened`, and checks that the extract answers as it does.
fn check_extract(opened: &Opened) -> Result<(Opened, u64), Failure> {
    let (_folder, path) = file()?;
    let image = &opened.image;
    let found =
        Found::walk(&mut opened.walker()?, image, &opened.geometry, &opened.roots, &mut || ControlFlow::Continue(()))?;
    let info = TableInfo {
        arch: opened.arch.to_owned(),
        settings: settings(&opened.config),
        roots: opened.roots.iter().map(|root| (root.pa, root.half)).collect(),
        zone: image.zone(),
        provenance: image.name().to_owned(),
        vmcoreinfo: image.vmcoreinfo().map(|info| info.text().to_owned()).unwrap_or_default(),
    };
    let (table_bytes, file_bytes) =
        found.write(image, &info, Writer::create(&path, false)?, &mut |_, _| ControlFlow::Continue(()))?;
    let extract = Opened::open(&path)?;
    assert_eq!((extract.config, &extract.roots), (opened.config, &opened.roots));
    let (expected, events) = (opened.events()?, extract.events()?);
    assert!(expected == events, "{}: {} events, then {}", image.name(), expected.len(), events.len());
    assert_eq!((extract.image.held_bytes(), extract.image.file_bytes()), (table_bytes, file_bytes));
    assert!(table_bytes <= image.held_bytes());
    let (said, before) = (Probe::new(&extract.image), Probe::new(image));
    assert_eq!(said.release, before.release);
    for candidate in before.roots.iter().filter(|candidate| opened.roots.contains(&candidate.root)) {
        assert!(said.roots.iter().any(|other| (other.root, other.name) == (candidate.root, candidate.name)));
    }
    Ok((extract, found.tables()))
}

#[test]
fn an_extract_of_the_sample_answers_as_the_sample_does() -> Result<(), Failure> {
    let mut opened = Opened::new(sample::image()?)?;
    opened.roots = vec![sample::ROOT];
    let (extract, tables) = check_extract(&opened)?;
    assert_eq!(extract.image.held_bytes(), tables * 4096);
    // And the extract of the extract, which says its root itself.
    check_extract(&extract)?;
    Ok(())
}

/// Missing tables stay missing, and small ones bring no more than themselves.
#[test]
fn an_extract_of_damaged_and_of_small_tables_answers_as_they_do() -> Result<(), Failure> {
    let small_root = Config::DEFAULT.with(Extern::PAGE_SHIFT, 16).with(Extern::VA_BITS, 48);
    for (config, page, hostile) in [
        (Config::DEFAULT, 4096, Some(Hostile::Truncated)),
        (Config::DEFAULT, 4096, Some(Hostile::Outside)),
        (Config::DEFAULT, 4096, Some(Hostile::Cycle)),
        (small_root, 1 << 16, None),
    ] {
        let (_folder, path) = file()?;
        generate(&config, &Params { hostile, ..params(512 * M, page) }, &path)?;
        check_extract(&Opened::open(&path)?)?;
    }
    Ok(())
}

#[test]
fn extracts_of_real_dumps_answer_as_the_dumps_do() -> Result<(), Failure> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real");
    let folder = std::env::var_os("PTWALK_REAL").map_or_else(beside, PathBuf::from);
    for name in ["arm64-6.12", "arm64-6.1"] {
        let folder = folder.join(name);
        if !folder.is_dir() {
            eprintln!("SKIPPED: NOTHING WAS CHECKED against the real dump {name}: {} is absent", folder.display());
            continue;
        }
        let meta: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder.join("meta.json"))?)?;
        let user = meta["roots"]["user_ttbr0"].as_str().ok_or("meta.json has no user root")?;
        let user = Root { pa: PhysAddr(ptwalk::number::parse_u64(user)?), half: Half::Lower };
        let mut opened = Opened::open(&folder.join("tables.elf"))?;
        assert_eq!(opened.roots.len(), 1, "{name}: the kernel's root");
        opened.roots.push(user);
        let (extract, tables) = check_extract(&opened)?;
        assert!(tables > 400 && extract.image.held_bytes() == tables * 4096, "{name}: {tables} tables");
    }
    Ok(())
}
