//! Random tables of random shapes and epochs: every engine gives the same walk and the same GUP.

use std::collections::BTreeMap;

use ptwalk_abi::{
    Config, Extern, Geometry, GeometryError, Half, KVersion, Kconfig, Level, Pfn, PhysAddr, VaRange, VirtAddr,
};
use ptwalk_arm64::Arm64;
use ptwalk_verifier::verify::MACHINES;

use super::engines::{Native, engines_of};
use super::memory::Memory;
use super::minimise::Kind;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use crate::engine::{Engine, Queries, Wanted};
use crate::gup::{FollFlags, Gup, GupOutcome, Policy, get_user_pages_fast, put_pages};
use crate::image::{ByteOrder, Image};
use crate::walk::{Event, Passed, Root, TableSet, WalkError, walk_map};
use crate::zone::{DevPagemap, PageKind, PgmapType, Zone};

/// Tables of one image, at the first pages of memory.
const TABLES: u64 = 10;
/// Walks and GUPs under each configuration; a configuration is what costs time, because plugins are compiled for it.
const IMAGES_PER_CONFIG: usize = 24;
/// Frames that ordinary leaves map, few enough that pgmaps, counts and compound pages meet them.
const FRAMES: u64 = 1 << 10;
/// Events after which a walk is ended: shared tables may expand.
const EVENTS_MAX: usize = 3000;

fn config(random: &mut Random<'_>) -> Result<Config, Failure> {
    let machine = MACHINES.iter().find(|machine| machine.name == "arm64").ok_or("no arm64")?;
    let (page_shift, va_bits, pa_bits) = random.pick(machine.shapes);
    let (a, b) = random.pick(machine.versions);
    let config = Config::DEFAULT
        .with(Extern::PAGE_SHIFT, page_shift)
        .with(Extern::VA_BITS, va_bits)
        .with(Extern::PA_BITS, pa_bits)
        .with(Extern::LINUX_VERSION_CODE, KVersion::new(a, b, 0).code());
    let options = [
        Extern::CPU_BIG_ENDIAN,
        Extern::TRANSPARENT_HUGEPAGE,
        Extern::HUGETLB_PAGE,
        Extern::NUMA_BALANCING,
        Extern::ARCH_HAS_PTE_DEVMAP,
        Extern::ARCH_HAS_PTE_SPECIAL,
        Extern::ARM64_HW_AFDBM,
    ];
    let config = options
        .into_iter()
        .fold(config, |config, key| if random.one_in(3) { config.with(key, 1 - config.get(key)) } else { config });
    // v3 of the series is refused for good reasons (tests/plugins/thread).
    Ok(if random.one_in(4) { config.with(Extern::DEVMAP_SERIES, 31) } else { config })
}

/// A word as tables of a depth have them: mostly what belongs there, now and then anything.
fn word(random: &mut Random<'_>, page_shift: u32, depth: u64, depths: u64) -> u64 {
    let table = (1 + random.below(TABLES)) << page_shift;
    let below = (1 + depth + 1 + depths * random.below((TABLES - depth - 2) / depths + 1)) << page_shift;
    let frame = random.below(FRAMES) << page_shift;
    let attributes = random.word() & 0x07ff_0000_0000_0ffc;
    let is_last = depth + 1 == depths;
    match random.below(20) {
        0..=7 if !is_last => below | 3,
        0..=7 => frame | 0x00e8_0000_0000_0f53 | (random.word() & 0x0300_0000_0000_0080),
        8 => table | 3,
        9 => table | 3 | (random.word() & 0x7f00_0000_0000_0000),
        10..=12 if is_last => frame | 0x00e8_0000_0000_0f53 | (random.word() & 0x0310_0000_0000_0080),
        10..=15 => frame | 0x00e8_0000_0000_0f51 | (random.word() & 0x0300_0000_0000_0080),
        16 => frame | attributes | random.below(4),
        17 => frame | 0x0460_0000_0000_0f92 | 1 << 59,
        18 => random.word() & 0x03ff_ffff_ffff_fffc,
        _ => random.word(),
    }
}

struct Space {
    image: Image,
    root: Root,
    /// Places of entries that are not 0.
    stored: Vec<u64>,
}

fn space(random: &mut Random<'_>, config: &Config, geometry: &Geometry) -> Result<Space, Failure> {
    let page_shift = geometry.page_shift();
    let depths = geometry.slots().len() as u64;
    let mut memory = Memory::default();
    let mut stored = Vec::new();
    for table in 1..=TABLES {
        memory.store(table << page_shift, 0);
        let depth = (table - 1) % depths;
        let entries = 1u64 << (page_shift - 3);
        let anywhere = random.below(entries);
        let first = random.pick(&[0, 0, entries - 8, anywhere]);
        for i in 0..8 + random.below(40) {
            let index = (first + i) % entries;
            if !random.one_in(12) {
                let pa = (table << page_shift) + index * 8;
                memory.store(pa, word(random, page_shift, depth, depths));
                stored.push(pa);
            }
        }
    }
    let order = if config.get(Extern::CPU_BIG_ENDIAN) != 0 { ByteOrder::Big } else { ByteOrder::Little };
    let bytes = memory.core(order, 1 << page_shift).build();
    let half = random.pick(&[Half::Lower, Half::Lower, Half::Upper]);
    let table = if random.one_in(6) { random.below(TABLES) } else { depths * random.below(TABLES / depths) };
    let root = Root { pa: PhysAddr((1 + table) << page_shift), half };
    Ok(Space { image: Image::from_bytes("random tables", bytes, None)?, root, stored })
}

/// An address near the ends of tables at every level, where there is something.
fn address(random: &mut Random<'_>, geometry: &Geometry, whole: VaRange) -> VirtAddr {
    let offset = geometry.slots().iter().fold(0, |va, slot| {
        let entries = u64::from(slot.entries);
        let index = match random.below(4) {
            0 => entries - 1 - random.below(entries.min(8)),
            1 => random.below(entries),
            _ => random.below(entries.min(48)),
        };
        va | index << slot.shift
    });
    let span = u64::try_from(whole.bytes() - 1).unwrap_or(u64::MAX);
    VirtAddr(whole.first.0 + (offset & span))
}

fn range(random: &mut Random<'_>, geometry: &Geometry, whole: VaRange) -> Result<VaRange, Failure> {
    let shift = random.pick(geometry.slots()).shift;
    let len = 1 + (random.below(64) << shift) + random.below(1 << geometry.page_shift());
    Ok(VaRange::new(address(random, geometry, whole), len).ok_or("an empty range")?)
}

fn walk(engine: &mut impl Engine, tables: &TableSet<'_>, range: VaRange) -> Result<Vec<(Event, Vec<Passed>)>, Failure> {
    let mut events = Vec::new();
    let walked = walk_map(engine, tables, range, &mut |event, trail| {
        events.push((*event, trail.to_vec()));
        if events.len() < EVENTS_MAX { Ok(()) } else { Err(WalkError::Output(std::io::Error::other("enough"))) }
    });
    match walked {
        Err(WalkError::Output(_)) | Ok(()) => Ok(events),
        Err(error) => Err(error.into()),
    }
}

/// Addresses that are mapped and their entries, some of each level: where GUP has something to do.
fn mapped(engine: &mut impl Engine, tables: &TableSet<'_>, range: VaRange) -> Vec<Vec<(VirtAddr, PhysAddr)>> {
    let (mut found, mut events) = (BTreeMap::new(), 0);
    let walked = walk_map(engine, tables, range, &mut |event, _| {
        events += 1;
        if let Event::Mapping(mapping) = event {
            let of_level: &mut Vec<_> = found.entry(mapping.level).or_default();
            if of_level.len() < 100 {
                of_level.push((mapping.range.first, mapping.at.entry_pa()));
            }
        }
        if events > 40_000 { Err(WalkError::Output(std::io::Error::other("enough"))) } else { Ok(()) }
    });
    // It ended because there was enough, or at the end: the native engine does not fail.
    drop(walked);
    found.into_values().collect()
}

/// What must hold of any walk, whoever answers: ascending events inside the range, without overlap, never deeper than
/// the shape.
fn check_walk(events: &[(Event, Vec<Passed>)], range: VaRange, depth: usize) -> Result<(), Failure> {
    let mut next = range.first.0;
    for (event, trail) in events {
        let part = match event {
            Event::Mapping(mapping) => mapping.range,
            Event::NotPresent { range, .. } | Event::Hole { range, .. } => *range,
            Event::Problem(problem) => problem.range,
            Event::Table { .. } => continue,
        };
        if part.first.0 != next || part.last > range.last || trail.len() >= depth {
            return Err(format!("after {next:#x}: {event:x?} with a trail of {}", trail.len()).into());
        }
        next = part.last.0.wrapping_add(1);
    }
    let ended = next == range.last.0.wrapping_add(1) || events.len() >= EVENTS_MAX;
    if ended { Ok(()) } else { Err(format!("the walk of {range:x?} ended at {next:#x}").into()) }
}

fn zone(random: &mut Random<'_>, space: &Space, page_shift: u32) -> Result<Zone, Failure> {
    let mut zone = Zone::default();
    for _ in 0..random.below(6) {
        // Blocks are aligned, so that most of them map from frame 0 on.
        let anywhere = random.below(FRAMES);
        let start = random.pick(&[0, FRAMES / 2, anywhere]);
        let end = start + 1 + random.below(FRAMES / 2);
        let kind = random.pick(&[PgmapType::FsDax, PgmapType::FsDax, PgmapType::PciP2pdma, PgmapType::Coherent]);
        let (start, end) = (PhysAddr(start << page_shift), PhysAddr(end << page_shift));
        // Those that overlap an earlier one are refused, and so are the compound pages below.
        drop(zone.register(DevPagemap { start, end, kind, live: !random.one_in(4) }));
    }
    for _ in 0..random.below(12) {
        zone.set_refcount(Pfn(random.below(FRAMES)), random.pick(&[0, -1, 1, 2, i64::MAX, i64::MIN]));
    }
    for _ in 0..random.pick(&[0, 0, 12]) {
        let kinds = [PageKind::Zero, PageKind::Movable, PageKind::File, PageKind::AnonShared, PageKind::Secretmem];
        zone.set_kind(Pfn(random.below(FRAMES)), random.pick(&kinds));
    }
    for _ in 0..random.below(4) {
        let order = u32::try_from(random.below(10))?;
        drop(zone.add_compound(Pfn(random.below(FRAMES) >> order << order), order));
    }
    for _ in 0..random.pick(&[0, 0, 3, 40]) {
        let changed = if random.one_in(3) { 0 } else { random.word() };
        if !space.stored.is_empty() {
            zone.inject_change(PhysAddr(random.pick(&space.stored)), changed);
        }
    }
    Ok(zone)
}

type References = BTreeMap<u64, i64>;

fn references(zone: &Zone, outcome: &GupOutcome) -> References {
    let frames = (0..FRAMES).map(Pfn).chain(outcome.pages.iter().flat_map(|page| [page.pfn, page.head]));
    frames.map(|head| (head.0, zone.refcount(head))).collect()
}

/// One GUP: outcome and the references afterwards, with what must hold of any.
fn gup(
    engine: &mut impl Engine,
    tables: &TableSet<'_>,
    zone: &Zone,
    (start, nr, request): (VirtAddr, i64, &Gup),
) -> Result<(GupOutcome, References), Failure> {
    let mut after = zone.clone();
    let outcome = get_user_pages_fast(engine, tables, &mut after, request, start, nr)?;
    if let Some((id, _)) = after.pgmaps().find(|(id, _)| after.pgmap_refs(*id) != 0) {
        return Err(format!("a pgmap keeps {} references: {outcome:x?}", after.pgmap_refs(id)).into());
    }
    let page_shift = tables.geometry.page_shift();
    let first = outcome.pages.first().map_or(0, |page| page.va.0);
    let expected = |i: usize| first + ((i as u64) << page_shift);
    let gap = outcome.pages.iter().enumerate().find(|(i, page)| page.va.0 != expected(*i));
    if gap.is_some() || i64::try_from(outcome.pages.len())? > nr.max(0) {
        return Err(format!("no gap-free prefix of {nr} pages: {outcome:x?}").into());
    }
    // What stopped the walk is not pinned, nor anything behind it: a leaf that changed is undone.
    if outcome.pages.last().is_some_and(|page| page.va >= outcome.stop.va) {
        return Err(format!("pinned beyond the stop: {outcome:x?}").into());
    }
    let held = references(&after, &outcome);
    // Giving back what was taken leaves every count as it was, but where a count could not be added to.
    put_pages(&mut after, &outcome.pages);
    let before = references(zone, &outcome);
    let back = references(&after, &outcome);
    let kept = before.iter().find(|(head, count)| {
        let extreme = count.unsigned_abs() > 1 << 62;
        !extreme && back.get(head) != Some(count)
    });
    if let Some(page) = outcome.pages.iter().find(|page| after.pins(page.head) != 0) {
        return Err(format!("frame {} keeps {} pins: {outcome:x?}", page.head, after.pins(page.head)).into());
    }
    match kept {
        Some((head, count)) => {
            Err(format!("frame {head:#x} had {count} references, now {:?}: {outcome:x?}", back.get(head)).into())
        }
        None => Ok((outcome, held)),
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &str, config: &Config, answers: &[(String, T)]) -> Result<(), Failure> {
    let (first, expected) = answers.first().ok_or("there are engines")?;
    match answers.iter().find(|(_, answer)| answer != expected) {
        Some((name, answer)) => {
            Err(format!("{what} differs under {config:?}\n{first} {expected:x?}\n{name} {answer:x?}").into())
        }
        None => Ok(()),
    }
}

fn shape(random: &mut Random<'_>) -> Result<(Config, Geometry), Failure> {
    let config = config(random)?;
    let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
    let geometry = Geometry::evaluate::<GeometryError>(page_shift, |helper, arg| {
        Ok(ptwalk_abi::Arch::call(&Arm64(config), helper, [arg, 0]))
    })
    .map_err(|error| format!("{config:?}: {error}"))?;
    Ok((config, geometry))
}

/// A request of any kernel, mostly with flags that it accepts.
fn request(random: &mut Random<'_>) -> Gup {
    let policy = random.pick(&Policy::ALL);
    // Others depend on PIN.
    let all = [FollFlags::PIN].into_iter().chain(FollFlags::ALL.into_iter().map(|(flag, _)| flag));
    let flags = all.fold(FollFlags::NONE, |flags, flag| {
        let with = flags.with(flag, random.one_in(2));
        if policy.accepts(with) || random.one_in(100) { with } else { flags }
    });
    Gup { policy, ..Gup::new(flags) }
}

/// Bytes of choices that one input takes; those of a few images beyond come out as tables of zeros.
const CHOICES: usize = 384 << 10;

/// Walks of the same tables by every engine.
pub(super) const WALKS: Entry = Entry {
    name: "walks",
    about: "every engine walks random tables alike, in order and without gaps",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Walks)),
};

struct Walks;

impl Property for Walks {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let (config, geometry) = shape(random)?;
        let queries = Queries::walk(&geometry, &Wanted::ALL);
        let mut engines = engines_of("arm64", Arm64(config), &config, &queries)?;
        for _ in 0..IMAGES_PER_CONFIG {
            let space = space(random, &config, &geometry)?;
            let tables = TableSet { image: &space.image, geometry: &geometry, root: space.root };
            let whole = tables.whole().ok_or("no such half")?;
            let range = range(random, &geometry, whole)?;
            let mut walked = Vec::new();
            for (name, engine) in &mut engines {
                walked.push((name.clone(), walk(engine, &tables, range)?));
            }
            differ("the walk", &config, &walked)?;
            let range = whole.intersect(range).ok_or("outside")?;
            let (_, first) = &walked[0];
            check_walk(first, range, geometry.slots().len())?;
            tally.judge(first.iter().any(|(event, _)| matches!(event, Event::Mapping(_))));
            tally.executions += (first.len() * walked.len()) as u64;
        }
        Ok(())
    }
}

/// The fast GUP of the same tables by every engine.
pub(super) const GUP: Entry = Entry {
    name: "gup",
    about: "every engine pins the same pages of random tables, and giving them back leaves every count as it was",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Gups)),
};

struct Gups;

impl Property for Gups {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let (config, geometry) = shape(random)?;
        let gup_of = request(random);
        let mut engines = engines_of("arm64", Arm64(config), &config, &Queries::gup(&geometry, &gup_of))?;
        let mut walker = Native::new(Arm64(config), Queries::walk(&geometry, &Wanted::ALL));
        for _ in 0..IMAGES_PER_CONFIG {
            let mut space = space(random, &config, &geometry)?;
            space.root.half = Half::Lower;
            let mut zone = zone(random, &space, geometry.page_shift())?;
            let tables = TableSet { image: &space.image, geometry: &geometry, root: space.root };
            let whole = tables.whole().ok_or("no lower half")?;
            let anywhere = range(random, &geometry, whole)?;
            let mapped = mapped(&mut walker, &tables, whole);
            let mut start = anywhere.first;
            if !mapped.is_empty() && !random.one_in(6) {
                let level = random.place(mapped.len());
                let (va, entry) = random.pick(&mapped[level]);
                start = va;
                if random.one_in(4) {
                    zone.inject_change(entry, random.word());
                }
            }
            let nr = random.pick(&[-1, 0, 1, 2, 17, 512, 3000, i64::MAX]);
            let mut outcomes = Vec::new();
            for (name, engine) in &mut engines {
                outcomes.push((name.clone(), gup(engine, &tables, &zone, (start, nr, &gup_of))?));
            }
            differ("GUP", &config, &outcomes)?;
            let (_, (outcome, _)) = &outcomes[0];
            tally.judge(!outcome.pages.is_empty());
            tally.executions += (outcome.pages.len().max(1) * outcomes.len()) as u64;
            tally.count(format!("stop {}", outcome.stop.reason.name()));
            if outcome.pages.iter().any(|page| page.pgmap.is_some() && page.level == Level::Pmd) {
                tally.count("huge leaf of device memory");
            }
        }
        Ok(())
    }
}
