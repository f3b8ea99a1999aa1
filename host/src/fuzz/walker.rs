//! The walker against a second reading of the tables, on every architecture: each engine, with filters, on threads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::num::NonZeroUsize;
use std::sync::Arc;

use ptwalk_abi::{Half, Level, PhysAddr, VaRange, VirtAddr};
use ptwalk_arm64::Arm64;
use ptwalk_ppc::Ppc;
use ptwalk_verifier::verify::VerifiedPlugin;
use ptwalk_x86::X86;

use super::engines::{Named, engines_of};
use super::minimise::Kind;
use super::random::Random;
use super::reference::scene::Scene;
use super::reference::walk::{ENOUGH, Met, Passed as ReferencePassed, What, join_hole, walk};
use super::reference::{Cpu, MACHINES, Machine};
use super::run::{Entry, Failure, Property, Tally};
use crate::engine::fused::Kernels;
use crate::engine::{Admitted, Choice, Prepared, Queries, Wanted};
use crate::plugin;
use crate::walk::filter::{Access, Attr, Filter, Name};
use crate::walk::{Event, MapSink, Passed, Root, TableSet, WalkError, walk_into, walk_split};

/// Every engine, on every architecture.
pub(super) const REFERENCE: Entry = Entry {
    name: "reference",
    about: "every engine, filtered or not and on any number of threads, walks as a second reading of the tables does",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Walker::default())),
};

/// Scenes of one machine in an input, at most: its engines are what costs time, and an input of fewer bytes has fewer.
const SCENES: usize = 6;
/// Bytes of choices of an input.
const CHOICES: usize = SCENES * (12 << 10);

#[derive(Default)]
struct Walker {
    ready: BTreeMap<usize, Ready>,
}

/// A machine with all that walks its tables.
struct Ready {
    plugin: Arc<VerifiedPlugin>,
    engines: Vec<Named>,
    /// The same walk for threads.
    prepared: Prepared,
}

/// A machine's plugin, verified, and of the shape that the reference says.
pub(super) fn verified(m: &Machine) -> Result<Arc<VerifiedPlugin>, Failure> {
    let plugin = plugin::admit(m.plugin(), &plugin::load(m.plugin())?, &m.config())?;
    let slots = plugin.geometry().slots();
    let shape: Vec<_> = slots.iter().map(|slot| (slot.level, slot.shift, slot.entries.trailing_zeros())).collect();
    if shape == m.levels { Ok(plugin) } else { Err(format!("shape: {m:?} has {shape:?}").into()) }
}

/// Every engine for a machine.
pub(super) fn engines(m: &Machine, queries: &Queries) -> Result<Vec<Named>, Failure> {
    let (name, config) = (m.plugin(), m.config());
    match m.cpu {
        Cpu::Arm64 => engines_of(name, Arm64(config), &config, queries),
        Cpu::X86 => engines_of(name, X86(config), &config, queries),
        Cpu::Ppc => engines_of(name, Ppc(config), &config, queries),
    }
}

impl Walker {
    fn ready(&mut self, number: usize) -> Result<&mut Ready, Failure> {
        match self.ready.entry(number) {
            MapEntry::Occupied(ready) => Ok(ready.into_mut()),
            MapEntry::Vacant(place) => {
                let plugin = verified(&MACHINES[number])?;
                let queries = Queries::walk(plugin.geometry(), &Wanted::ALL);
                let engines = engines(&MACHINES[number], &queries)?;
                let prepared = prepare(&plugin, queries)?;
                Ok(place.insert(Ready { plugin, engines, prepared }))
            }
        }
    }
}

impl Property for Walker {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let number = random.place(MACHINES.len());
        let m = &MACHINES[number];
        tally.count(format!("{:?} with pages of {}", m.cpu, 1 << m.page_shift));
        let ready = self.ready(number)?;
        for _ in 0..SCENES {
            if random.is_spent() {
                break;
            }
            let scene = Scene::new(random, m);
            let memory = if random.one_in(4) { scene.memory.flat() } else { scene.memory };
            let image = memory.image(m.big_endian())?;
            let half = random.pick(&[Half::Lower, Half::Lower, Half::Upper]);
            let geometry = ready.plugin.geometry();
            let tables = TableSet { image: &image, geometry, root: Root { pa: PhysAddr(scene.root), half } };
            let whole = tables.whole().ok_or("no such half")?;
            let range = range(random, m, whole)?;
            let expected = walk(m, &memory, scene.root, half == Half::Upper, (range.first.0, range.last.0));
            let is_mapping = |met: &Met| matches!(met.what, What::Mapping(..));
            tally.judge(expected.iter().any(is_mapping));
            for (name, engine) in &mut ready.engines {
                let mut found = Collected { holes: true, ..Collected::default() };
                ended(walk_into(engine, &tables, range, &mut found))?;
                compare(name, m, &expected, found.met)?;
                tally.executions += expected.len() as u64;
            }
            let threads = NonZeroUsize::new(1 + random.place(3)).ok_or("one at least")?;
            compare("threads", m, &expected, on_threads(&ready.prepared, &tables, range, threads, true)?)?;
            // Compiling a filter takes as long as all that. Where shared tables end a walk, it ends elsewhere if a filter spares
            // some of them.
            if random.one_in(4)
                && !expected.iter().any(|met| met.what == What::Problem("shared_tables"))
                && expected.len() < ENOUGH
            {
                let filter = filter(random, 3);
                let wanted = Wanted { leaves: Some(filter.clone()), half, absent: false, ..Wanted::ALL };
                let filtering = prepare(&ready.plugin, Queries::walk(geometry, &wanted))?;
                let found = on_threads(&filtering, &tables, range, threads, false)?;
                let passes = |met: &&Met| is_mapping(met) && holds(&filter, met);
                let expected: Vec<Met> = expected.iter().filter(passes).cloned().collect();
                let found = found.into_iter().filter(is_mapping).collect();
                compare(&format!("filter: {filter:?}"), m, &expected, found)?;
                tally.executions += expected.len() as u64;
            }
        }
        Ok(())
    }
}

/// A part of the half, mostly all of it.
pub(super) fn range(random: &mut Random<'_>, m: &Machine, whole: VaRange) -> Result<VaRange, Failure> {
    if random.one_in(3) {
        return Ok(whole);
    }
    let span = u64::try_from(whole.bytes() - 1).unwrap_or(u64::MAX);
    let (_, shift, _) = random.pick(m.levels);
    let (entries, anywhere) = (random.below(64), random.word() >> random.below(64));
    let offset = random.pick(&[0, entries << shift, anywhere]);
    let first = VirtAddr(whole.first.0 + (offset & span));
    let (few, entries) = (random.below(1 << 14) + 1, 1 + random.below(64));
    let len = random.pick(&[1, few, entries << shift, u64::MAX]);
    let len = len.min(whole.last.0 - first.0).max(1);
    Ok(VaRange::new(first, len).ok_or("an empty range")?)
}

/// What a walk meets, as the reference has it.
#[derive(Default)]
struct Collected {
    met: Vec<Met>,
    holes: bool,
}

impl MapSink for Collected {
    fn event(&mut self, event: &Event, trail: &[Passed]) -> Result<(), WalkError> {
        let trail: Vec<ReferencePassed> = trail.iter().map(passed).collect();
        let met = |what, range: VaRange, at: &Passed| Met {
            what,
            first: range.first.0,
            last: range.last.0,
            at: passed(at),
            trail: trail.clone(),
        };
        let met = match event {
            Event::Mapping(x) => {
                let attrs = x.attrs.named().map(|(_, is)| is);
                let effective = x.effective.map_or([false; 4], |may| [may.read, may.write, may.exec, may.user]);
                met(What::Mapping(x.pa.0, x.leaf_bytes, attrs, effective), x.range, &x.at)
            }
            Event::NotPresent { range, at } => met(What::NotPresent, *range, at),
            Event::Hole { range, at, .. } => {
                join_hole(&mut self.met, met(What::Hole, *range, &Passed { index: 0, raw: 0, ..*at }));
                return Ok(());
            }
            Event::Table { at, table, .. } => {
                // The event has no range; what its entry translates is checked by what follows.
                met(What::Table(table.0), VaRange { first: VirtAddr(0), last: VirtAddr(0) }, at)
            }
            Event::Problem(problem) => met(What::Problem(problem.kind.reason()), problem.range, &problem.at),
        };
        self.met.push(met);
        if self.met.len() < 2 * ENOUGH { Ok(()) } else { Err(WalkError::Output(std::io::Error::other("enough"))) }
    }

    fn wants_holes(&self) -> bool {
        self.holes
    }
}

fn passed(at: &Passed) -> ReferencePassed {
    (at.level, at.table.0, at.index, at.raw)
}

/// A walk that was ended because there was enough is as good as one that went to the end.
fn ended(walked: Result<(), WalkError>) -> Result<(), Failure> {
    match walked {
        Ok(()) | Err(WalkError::Output(_)) => Ok(()),
        Err(error) => Err(format!("error: {error}").into()),
    }
}

fn prepare(plugin: &Arc<VerifiedPlugin>, queries: Queries) -> Result<Prepared, Failure> {
    Ok(Admitted::Verified(plugin.clone()).prepare(queries, Choice::Fused(Kernels::Best))?)
}

fn on_threads(
    prepared: &Prepared,
    tables: &TableSet<'_>,
    range: VaRange,
    threads: NonZeroUsize,
    holes: bool,
) -> Result<Vec<Met>, Failure> {
    let mut all = Vec::new();
    let part = || Collected { met: Vec::new(), holes };
    let walked = walk_split(prepared, tables, range, threads, &part, &mut |part| {
        for met in part.met {
            if met.what == What::Hole { join_hole(&mut all, met) } else { all.push(met) }
        }
        Ok(())
    });
    ended(walked)?;
    Ok(all)
}

/// Compares what was met with what the reference met.
fn compare(who: &str, m: &Machine, expected: &[Met], found: Vec<Met>) -> Result<(), Failure> {
    let untold = |met: &Met| match met.what {
        What::Table(_) => Met { first: 0, last: 0, ..met.clone() },
        _ => met.clone(),
    };
    let is_cut = expected.len() >= ENOUGH;
    let count = if is_cut { ENOUGH / 2 } else { expected.len().max(found.len()) };
    for at in 0..count {
        let (expected, found) = (expected.get(at).map(untold), found.get(at).cloned());
        if expected != found {
            return Err(format!("{who}: event {at} on {m:?}\nreference {expected:x?}\nwalk      {found:x?}").into());
        }
    }
    Ok(())
}

/// A formula of some names.
fn filter(random: &mut Random<'_>, depth: u32) -> Filter {
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 => Filter::Is(name(random)),
        1 => Filter::Not(Box::new(filter(random, depth - 1))),
        2 => Filter::And(Box::new(filter(random, depth - 1)), Box::new(filter(random, depth - 1))),
        _ => Filter::Or(Box::new(filter(random, depth - 1)), Box::new(filter(random, depth - 1))),
    }
}

/// The attributes in the order of the JSON interface, and so the permissions.
const ATTRS: [Attr; 9] = [
    Attr::Write,
    Attr::User,
    Attr::Exec,
    Attr::Young,
    Attr::Dirty,
    Attr::Special,
    Attr::Devmap,
    Attr::Protnone,
    Attr::Cont,
];
const ACCESSES: [Access; 4] = [Access::Read, Access::Write, Access::Exec, Access::User];

fn name(random: &mut Random<'_>) -> Name {
    match random.below(5) {
        0 => Name::Level(random.pick(&[Level::Pte, Level::Pmd, Level::Pud, Level::Pgd])),
        1 | 2 => Name::Effective(random.pick(&ACCESSES)),
        _ => Name::Attr(random.pick(&ATTRS)),
    }
}

/// Whether a formula holds of a mapping.
fn holds(filter: &Filter, met: &Met) -> bool {
    let What::Mapping(_, _, attrs, effective) = met.what else { return false };
    match filter {
        Filter::Is(Name::Attr(attr)) => ATTRS.iter().zip(attrs).any(|(name, is)| name == attr && is),
        Filter::Is(Name::Effective(access)) => ACCESSES.iter().zip(effective).any(|(name, is)| name == access && is),
        Filter::Is(Name::Level(level)) => met.at.0 == *level,
        Filter::Not(inner) => !holds(inner, met),
        Filter::And(a, b) => holds(a, met) && holds(b, met),
        Filter::Or(a, b) => holds(a, met) || holds(b, met),
    }
}
