//! Swaps under load: two walkers over synthetic tables while the plugin alternates between two layouts whose answers
//! differ. Every answer must be exactly one of the two.
//!
//! The figures of the long one: `cargo test --release --test serve -- --ignored --nocapture soak`.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ptwalk::admission::{Admission, Ask, Candidate, Order};
use ptwalk::engine::{Fused, Queries, Wanted};
use ptwalk::image::ptimg::Writer;
use ptwalk::image::{Image, OpenOptions};
use ptwalk::slot::{Pin, PluginSlot};
use ptwalk::synth::{self, Machine, Params, Perm, Ppm};
use ptwalk::walk::{Event, Leaves, MapSink, Passed, Root, WalkError, walk_split};
use ptwalk_abi::{Config, Extern, Half};

use crate::client::usage;

/// How much of it.
struct Soak {
    /// Bytes mapped with 4K pages.
    mapped: u64,
    swaps: usize,
    /// Time between two of them.
    pause: Duration,
    /// Threads of each walk.
    threads: usize,
    /// Rounds of measuring without swaps and with them, in turns.
    rounds: usize,
}

/// arm64 for a kernel: the bit of PROT_NONE moved in 6.11.
fn candidate(admission: &Admission, minor: i32) -> Arc<Candidate> {
    let config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, 6 << 16 | minor << 8);
    admission.admit(&Order::new("arm64", config)).expect("arm64 is verified").candidate
}

/// Tables of 6.12 in a file that is gone with its directory.
fn tables(mapped: u64, candidate: &Candidate) -> (tempfile::TempDir, Image, Root) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("soak.ptimg");
    let perms = vec![(Perm::ReadWrite, 80), (Perm::Read, 10), (Perm::ReadExec, 5), (Perm::None, 5)];
    let (holes, devmap, shared) = (Ppm(50_000), Ppm(30_000), Ppm(0));
    let pages = vec![(4096, 1)];
    let params = Params { mapped, pages, holes, devmap, perms, run: 8, shared, scatter: true, hostile: None, seed: 6 };
    let ptwalk::engine::Admitted::Verified(verified) = candidate.admitted() else { panic!("it is verified") };
    let geometry = candidate.geometry();
    let mut engine = Fused::new(verified, Queries::walk(geometry, &Wanted::ALL)).expect("compiled");
    let mut machine = Machine { arch: "arm64", config: candidate.config(), geometry, engine: &mut engine };
    let writer = Writer::create(&path, false).expect("created");
    let summary =
        synth::generate(&mut machine, &params, "a soak".to_owned(), writer, &mut |_, _| ControlFlow::Continue(()));
    let root = Root { pa: summary.expect("made").root, half: Half::Lower };
    (folder, Image::open(&path, &OpenOptions::default()).expect("opened"), root)
}

/// What a walk comes to: leaves, their attributes, what is elsewhere, and a sum over every packed word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answer {
    leaves: u64,
    attrs: [u64; 9],
    absent: u64,
    sum: u64,
}

impl MapSink for Answer {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        self.absent += u64::from(matches!(event, Event::NotPresent { .. }));
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.leaves += leaves.words().len() as u64;
        let mixed = leaves.words().iter().map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
        self.sum = mixed.fold(self.sum, u64::wrapping_add);
        self.attrs.iter_mut().zip(leaves.attrs()).for_each(|(all, more)| *all += more);
        Ok(())
    }
}

impl Answer {
    fn add(&mut self, part: &Answer) {
        self.leaves += part.leaves;
        self.attrs.iter_mut().zip(part.attrs).for_each(|(all, more)| *all += more);
        self.absent += part.absent;
        self.sum = self.sum.wrapping_add(part.sum);
    }
}

/// Tables to walk, on so many threads.
#[derive(Clone, Copy)]
struct Task<'a> {
    image: &'a Image,
    root: Root,
    threads: NonZeroUsize,
}

fn walk(pin: &Pin, task: Task<'_>) -> Answer {
    let engine = pin.engine(&Ask::Walk(Wanted::ALL)).expect("compiled");
    let tables = pin.tables(task.image, task.root);
    let mut answer = Answer::default();
    let whole = tables.whole().expect("a half");
    let walked = walk_split(engine.prepared(), &tables, whole, task.threads, &Answer::default, &mut |part| {
        answer.add(&part);
        Ok(())
    });
    walked.expect("no plugin fails");
    answer
}

/// Time that each of the two answers took, and how often it was given.
type Spent = [(Duration, u32); 2];

/// Two threads that walk until `done`; every answer is one of the two.
fn walk_until(done: &AtomicBool, slot: &PluginSlot, task: Task<'_>, answers: &[Answer; 2]) -> Spent {
    let walker = || {
        let mut spent = Spent::default();
        while !done.load(Ordering::Relaxed) {
            let start = Instant::now();
            let pin = slot.pin();
            let answer = walk(&pin, task);
            let which = answers.iter().position(|expected| *expected == answer).expect("torn: it is neither answer");
            assert_eq!(which, usize::from(pin.number().is_multiple_of(2)), "the answer of another generation");
            spent[which].0 += start.elapsed();
            spent[which].1 += 1;
        }
        spent
    };
    std::thread::scope(|scope| {
        let walkers = [scope.spawn(walker), scope.spawn(walker)];
        walkers.into_iter().fold(Spent::default(), |mut all, walker| {
            let spent = walker.join().expect("no answer is torn");
            all.iter_mut().zip(spent).for_each(|(all, spent)| *all = (all.0 + spent.0, all.1 + spent.1));
            all
        })
    })
}

/// Mean time of an answer of each kind while nothing is swapped.
fn without_swaps(two: &[Arc<Candidate>; 2], task: Task<'_>, answers: &[Answer; 2], time: Duration) -> [f64; 2] {
    std::array::from_fn(|which| {
        let slot = PluginSlot::new(two[0].clone());
        if which == 1 {
            slot.publish(two[1].clone());
        }
        let done = AtomicBool::new(false);
        let spent = std::thread::scope(|scope| {
            let walkers = scope.spawn(|| walk_until(&done, &slot, task, answers));
            std::thread::sleep(time / 2);
            done.store(true, Ordering::Relaxed);
            walkers.join().expect("no answer is torn")
        });
        spent[which].0.as_secs_f64() / f64::from(spent[which].1.max(1))
    })
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// What a soak found.
struct Figures {
    /// Time of walks with swaps by that without, by round.
    slowdown: Vec<f64>,
    publication: Vec<Duration>,
    /// Answers of each kind.
    walks: [u32; 2],
    alive_max: u64,
    memory_kb: Vec<u64>,
}

fn soak(soak: &Soak) -> Figures {
    let admission = Admission::new(None).expect("the host's laws");
    let two = [candidate(&admission, 12), candidate(&admission, 1)];
    let (_folder, image, root) = tables(soak.mapped, &two[0]);
    let threads = NonZeroUsize::new(soak.threads).expect("not 0");
    let task = Task { image: &image, root, threads };
    let answers = two.clone().map(|candidate| walk(&PluginSlot::new(candidate).pin(), task));
    assert_ne!(answers[0], answers[1], "the layouts differ");
    let slot = PluginSlot::new(two[0].clone());
    let per_round = soak.swaps / soak.rounds;
    let mut figures =
        Figures { slowdown: Vec::new(), publication: Vec::new(), walks: [0; 2], alive_max: 0, memory_kb: Vec::new() };
    for _ in 0..soak.rounds {
        let started = Instant::now();
        let done = AtomicBool::new(false);
        let spent = std::thread::scope(|scope| {
            let walkers = scope.spawn(|| walk_until(&done, &slot, task, &answers));
            for _ in 0..per_round {
                let next = two[usize::try_from(slot.pin().number() % 2).expect("0 or 1")].clone();
                let published = slot.publish(next);
                figures.publication.push(published.took);
                figures.alive_max = figures.alive_max.max(slot.alive());
                drop(published);
                std::thread::sleep(soak.pause);
            }
            done.store(true, Ordering::Relaxed);
            walkers.join().expect("no answer is torn")
        });
        figures.memory_kb.push(usage("self").0);
        let alone = without_swaps(&two, task, &answers, started.elapsed());
        let expected: f64 = spent.iter().zip(alone).map(|(spent, alone)| f64::from(spent.1) * alone).sum();
        figures.slowdown.push((spent[0].0 + spent[1].0).as_secs_f64() / expected);
        figures.walks.iter_mut().zip(&spent).for_each(|(walks, spent)| *walks += spent.1);
    }
    assert_eq!(slot.alive(), 1);
    figures.publication.sort_unstable();
    figures.slowdown.sort_unstable_by(f64::total_cmp);
    figures
}

fn print(soak: &Soak, figures: &Figures) {
    let Figures { slowdown, publication, walks, alive_max, memory_kb } = figures;
    let at = |percent| percentile(publication, percent);
    println!(
        "{} swaps over {} entries: {} and {} answers of either kind, 0 torn",
        publication.len(),
        soak.mapped >> 12,
        walks[0],
        walks[1]
    );
    println!(
        "publication p50 {:?} p90 {:?} p99 {:?} max {:?}",
        at(50),
        at(90),
        at(99),
        publication.last().copied().unwrap_or_default()
    );
    println!("time of a walk with swaps by that without: {slowdown:.3?}, median {:.3}", slowdown[slowdown.len() / 2]);
    println!("at most {alive_max} generations alive; memory of its own by round: {memory_kb:?} kB");
}

#[test]
fn short_soak() {
    let short = Soak { mapped: 4 << 30, swaps: 400, pause: Duration::from_millis(2), threads: 2, rounds: 2 };
    let figures = soak(&short);
    print(&short, &figures);
    assert!(figures.walks.iter().all(|walks| *walks > 10), "{:?}", figures.walks);
    assert!(figures.alive_max <= 5, "{}", figures.alive_max);
}

#[test]
#[ignore = "a minute and a half, and a quiet machine; see the module"]
fn long_soak() {
    let long = Soak { mapped: 64 << 30, swaps: 10_800, pause: Duration::from_millis(3), threads: 1, rounds: 9 };
    let figures = soak(&long);
    print(&long, &figures);
    assert!(figures.walks.iter().all(|walks| *walks > 50), "{:?}", figures.walks);
    let p99 = percentile(&figures.publication, 99);
    assert!(p99 < Duration::from_micros(50), "{p99:?}");
    let median = figures.slowdown[figures.slowdown.len() / 2];
    assert!(median < 1.05, "{median}");
    let (first, last) = (figures.memory_kb[0], figures.memory_kb[figures.memory_kb.len() - 1]);
    assert!(last <= first + 2048, "{:?}", figures.memory_kb);
}

/// Every swap with a plugin that is proved and compiled anew: code that nobody holds is gone.
#[test]
#[ignore = "some ten seconds; see the module"]
fn memory_is_flat_under_endless_admissions() {
    let first = candidate(&Admission::new(None).expect("the host's laws"), 12);
    let (_folder, image, root) = tables(1 << 30, &first);
    let slot = PluginSlot::new(first);
    let code =
        || std::fs::read_to_string("/proc/self/maps").expect("readable").lines().filter(|l| l.contains("r-xp")).count();
    let mut seen = Vec::new();
    for round in 0..200 {
        // Another one each time, so that nothing is found again.
        let admission = Admission::new(None).expect("the host's laws");
        slot.publish(candidate(&admission, 1 + round % 2 * 11));
        walk(&slot.pin(), Task { image: &image, root, threads: NonZeroUsize::MIN });
        if round % 20 == 19 {
            seen.push((usage("self").0, code()));
        }
    }
    println!("kB of memory of its own, mappings of code: {seen:?}");
    let (first, last) = (seen[1], seen[seen.len() - 1]);
    assert!(last.0 <= first.0 + 4096 && last.1 <= first.1, "{seen:?}");
}
