//! The fast GUP against a straightforward model of it, kernel by kernel and on every architecture: the same pages, the same
//! stop, the same books.

use std::collections::BTreeMap;
use std::sync::Arc;

use ptwalk_abi::{Half, Pfn, PhysAddr, VirtAddr};
use ptwalk_arm64::Arm64;
use ptwalk_ppc::Ppc;
use ptwalk_verifier::verify::VerifiedPlugin;
use ptwalk_x86::X86;

use super::engines::{Named, Native};
use super::minimise::Kind;
use super::random::Random;
use super::reference::gup::{Books, Call, Outcome, Page};
use super::reference::rows::{NAMES, Row, V6_14};
use super::reference::scene::{Scene, books};
use super::reference::walk::{What, walk};
use super::reference::{Cpu, MACHINES, Machine};
use super::run::{Entry, Failure, Property, Tally};
use super::walker;
use crate::engine::fused::Kernels;
use crate::engine::{Fused, Queries};
use crate::gup::{AccessOk, FollFlags, Gup, GupOutcome, Hold, PIN_BIAS, Policy, get_user_pages_fast};
use crate::walk::{Root, TableSet};
use crate::zone::Zone;

/// Every row of docs/gup.md.
pub(super) const GUP_MODEL: Entry = Entry {
    name: "gup_model",
    about: "the fast GUP of every kernel pins, stops, gives back and counts as a straightforward model of it does",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Model::default())),
};

/// Scenes of one request in an input, fewer where its bytes are used up, and calls in each.
const SCENES: usize = 8;
const CALLS: usize = 6;
/// Bytes of choices of an input.
const CHOICES: usize = SCENES * (14 << 10);

/// Compiling is what takes time, and the kernels' requests come down to few queries.
#[derive(Default)]
struct Model {
    plugins: BTreeMap<usize, Arc<VerifiedPlugin>>,
    /// By number of the machine, queries, and whether the sandbox is among them.
    engines: Vec<((usize, Queries, bool), Vec<Named>)>,
}

impl Model {
    fn plugin(&mut self, number: usize) -> Result<Arc<VerifiedPlugin>, Failure> {
        if let Some(plugin) = self.plugins.get(&number) {
            return Ok(plugin.clone());
        }
        let plugin = walker::verified(&MACHINES[number])?;
        self.plugins.insert(number, plugin.clone());
        Ok(plugin)
    }

    fn engines(&mut self, number: usize, queries: Queries, all: bool) -> Result<&mut [Named], Failure> {
        let key = (number, queries, all);
        let place = match self.engines.iter().position(|(made, _)| *made == key) {
            Some(place) => place,
            None => {
                let (m, plugin) = (&MACHINES[number], self.plugin(number)?);
                let engines = if all { walker::engines(m, &key.1)? } else { quick(m, &plugin, &key.1)? };
                self.engines.push((key, engines));
                self.engines.len() - 1
            }
        };
        Ok(&mut self.engines[place].1)
    }
}

impl Property for Model {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let number = random.place(MACHINES.len());
        let (m, plugin) = (&MACHINES[number], self.plugin(number)?);
        let row = Row(match m {
            // Entries of v6.14 have no tests that older rows ask for.
            Machine { recent: true, .. } => V6_14 + random.place(NAMES.len() - V6_14),
            // The first two rows differ there alone.
            m if m.has_directories() && random.one_in(2) => random.place(2),
            _ => random.place(NAMES.len()),
        });
        let policy = Policy::ALL.into_iter().find(|policy| policy.name == NAMES[row.0]).ok_or("no such row")?;
        let flags = flags(random, row);
        let gup = Gup { policy, flags, access_ok: AccessOk::of_arch(m.plugin()) };
        tally.count(format!("row {}", policy.name));
        let engines = self.engines(number, Queries::gup(plugin.geometry(), &gup), random.one_in(8))?;
        for _ in 0..SCENES {
            if random.is_spent() {
                break;
            }
            let scene = Scene::new(random, m);
            let image = scene.memory.image(m.big_endian())?;
            let root = Root { pa: PhysAddr(scene.root), half: Half::Lower };
            let tables = TableSet { image: &image, geometry: plugin.geometry(), root };
            let call = Call { m, memory: &scene.memory, root: scene.root, row, flags };
            let whole = tables.whole().ok_or("no lower half")?;
            let met = walk(m, &scene.memory, scene.root, false, (whole.first.0, whole.last.0));
            let few = random.one_in(6);
            let (mut starts, mut frames) = (Vec::new(), Vec::new());
            for met in &met {
                if let What::Mapping(pa, ..) = met.what {
                    frames.push(pa >> m.page_shift);
                }
                if matches!(met.what, What::Mapping(..)) || few && met.what != What::Hole {
                    starts.push(met.first);
                }
            }
            let (zone, books) = books(random, m, &scene, &frames);
            for _ in 0..CALLS {
                let start = start(random, m, &starts);
                let few = 1 + random.below(700).cast_signed();
                let some = random.pick(&[1, 2, 17, 300, 3000, few]);
                let nr = if random.one_in(10) { random.pick(&[0, -1, 1 << 31, i64::MAX]) } else { some };
                let mut after = books.clone();
                let expected = call.run(&mut after, start, nr);
                tally.judge(!expected.pages.is_empty());
                tally.count(format!("stop {}", expected.stop.3));
                for (name, engine) in &mut *engines {
                    let mut zone = zone.clone();
                    let found = get_user_pages_fast(engine, &tables, &mut zone, &gup, VirtAddr(start), nr)?;
                    compare(name, (m, &gup, start, nr), (&expected, &after), (&found, &zone))?;
                    tally.executions += 1 + expected.pages.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// Flags, mostly such as the kernel accepts.
fn flags(random: &mut Random<'_>, row: Row) -> FollFlags {
    // Others depend on PIN.
    let all = [FollFlags::PIN].into_iter().chain(FollFlags::ALL.into_iter().map(|(flag, _)| flag));
    all.fold(FollFlags::NONE, |flags, flag| {
        let rare = match flag {
            FollFlags::FAST_ONLY => 12,
            FollFlags::WRITE => 3,
            _ => 2,
        };
        let with = flags.with(flag, random.one_in(rare));
        if row.accepts(with) || random.one_in(60) { with } else { flags }
    })
}

/// The engines that need no WebAssembly to be compiled.
fn quick(m: &Machine, plugin: &Arc<VerifiedPlugin>, queries: &Queries) -> Result<Vec<Named>, Failure> {
    let mut engines: Vec<Named> = Vec::new();
    for kernels in [Kernels::Best, Kernels::Scalar] {
        let fused = Fused::with_kernels(plugin, queries.clone(), kernels)?;
        engines.push((format!("fused {kernels:?}"), Box::new(fused)));
    }
    let (config, queries) = (m.config(), queries.clone());
    engines.push(match m.cpu {
        Cpu::Arm64 => ("native".to_owned(), Box::new(Native::new(Arm64(config), queries))),
        Cpu::X86 => ("native".to_owned(), Box::new(Native::new(X86(config), queries))),
        Cpu::Ppc => ("native".to_owned(), Box::new(Native::new(Ppc(config), queries))),
    });
    Ok(engines)
}

/// Where a call begins: mostly where there is something.
fn start(random: &mut Random<'_>, m: &Machine, mapped: &[u64]) -> u64 {
    let near = if mapped.is_empty() { 0 } else { random.pick(mapped) };
    let inside = near + (random.below(700) << m.page_shift);
    let (end, anywhere) = (m.task_size(), random.word());
    let odd = [near | 0x5a << 56, end - (4 << m.page_shift), end, anywhere];
    if random.one_in(8) { random.pick(&odd) } else { random.pick(&[near, near, inside]) }
}

fn compare(
    who: &str,
    asked: (&Machine, &Gup, u64, i64),
    (expected, books): (&Outcome, &Books),
    (found, zone): (&GupOutcome, &Zone),
) -> Result<(), Failure> {
    let (m, gup, start, nr) = asked;
    let said = || format!("{nr} pages from {start:#x} with {} of {} on {m:?}", gup.flags, gup.policy.name);
    let outcome = Outcome {
        pages: found.pages.iter().map(page).collect(),
        stop: (found.stop.va.0, found.stop.level, found.stop.raw, found.stop.reason.name()),
        errno: found.errno.map(|errno| errno.number()),
    };
    let differs = |what: &str| format!("{what}: {who}, {}", said());
    if (outcome.stop, outcome.errno) != (expected.stop, expected.errno) {
        let (a, b) = ((expected.stop, expected.errno), (outcome.stop, outcome.errno));
        return Err(format!("{}\nmodel {a:x?}\nptwalk {b:x?}", differs("stop")).into());
    }
    let at = expected.pages.iter().zip(&outcome.pages).position(|(a, b)| a != b);
    if at.is_some() || expected.pages.len() != outcome.pages.len() {
        let at = at.unwrap_or(expected.pages.len().min(outcome.pages.len()));
        let (a, b) = (expected.pages.get(at), outcome.pages.get(at));
        return Err(format!("{}\npage {at}: model {a:x?}\nptwalk {b:x?}", differs("pages")).into());
    }
    let told = zone.refcounts().map(|(head, _)| head.0);
    for head in told.chain(books.refs.keys().copied()) {
        let (refs, pins) = (zone.refcount(Pfn(head)), zone.pins(Pfn(head)));
        let expected = (books.refs(head), books.pins.get(&head).copied().unwrap_or(0));
        if (refs, pins) != expected {
            let counts = format!("frame {head:#x} has {refs} and {pins}, by the model {expected:?}");
            return Err(format!("{}\n{counts}", differs("references")).into());
        }
    }
    match zone.pgmaps().find(|(id, _)| zone.pgmap_refs(*id) != 0) {
        Some((id, _)) => Err(format!("{}\n{} are held", differs("pgmap"), zone.pgmap_refs(id)).into()),
        None => Ok(()),
    }
}

fn page(page: &crate::gup::PinnedPage) -> Page {
    let (refs, pins) = match page.hold {
        Hold::Get => (1, 0),
        Hold::Pin => (PIN_BIAS, 0),
        Hold::PinCount => (1, 1),
        Hold::Nothing => (0, 0),
    };
    let device = page.pgmap.is_some();
    Page { va: page.va.0, pfn: page.pfn.0, head: page.head.0, level: page.level, device, refs, pins }
}
