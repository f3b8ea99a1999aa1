//! A walk in parts: subtrees on several threads, results in the order of addresses.
//!
//! In: an engine for each thread, a range, and a maker of sinks. Out: one sink a part, handed back in ascending order
//! whatever the threads did. Guaranteed: parts and their contents depend on the image and the range alone, so that any
//! number of threads gives the same result, the budget of shared tables included; at most [`WINDOW`] parts a thread are
//! held. Not handled: a part that is itself larger than memory; it spans some [`PART_PAGES`] pages.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crossbeam_channel::{Receiver, Sender, unbounded};
use ptwalk_abi::{Geometry, VaRange};

use super::descent::{Passed, Subtree, TableSet, WalkError, descend};
use super::event::{Event, Problem, ProblemKind};
use super::map::{MapSink, MapVisitor, visits_max};
use crate::engine::{EngineError, Prepared, Started};

/// Pages that a part spans, about: 1 GiB with 4K pages, whose 512 tables are a few hundred microseconds of work.
pub const PART_PAGES: u64 = 1 << 18;

/// Pages that the tables below a subtree may span. A part takes subtrees until it is full, so that a small one costs no
/// more than its share.
const SUBTREE_PAGES_MAX: u64 = 1 << 22;

/// Events above the subtrees that a part may hold: with large pages or hostile tables there is no end of them.
const PART_EVENTS: usize = 1 << 12;

/// Parts in flight or waiting for their turn, for each thread: enough that none waits for a slow one.
pub const WINDOW: usize = 4;

/// What a part consists of, in order.
enum Step {
    /// Something above the subtrees.
    Event(Event, Vec<Passed>),
    /// A subtree.
    Subtree(Subtree),
}

/// A part to be done. It may visit `budget` tables, as far as was known when it was made.
struct Job {
    number: u64,
    steps: Vec<Step>,
    budget: u64,
}

/// A part that is done.
struct Done<S> {
    job: Job,
    sink: S,
    visited: u64,
    result: Result<(), WalkError>,
}

/// What a thread sends: `None` when it ends by a panic.
type Sent<S> = Option<Done<S>>;

/// Says so, lest its part be waited for.
struct Farewell<'a, S>(&'a Sender<Sent<S>>);

impl<S> Drop for Farewell<'_, S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens where the walk has ended already.
            let _ = self.0.send(None);
        }
    }
}

/// Makes the sink of a part.
pub type NewPart<'a, S> = dyn Fn() -> S + Sync + 'a;

/// Takes the sink of a part that is done.
pub type TakePart<'a, S> = dyn FnMut(S) -> Result<(), WalkError> + 'a;

/// Walks `range` in parts. `part` makes the sink of each, `take` gets them in ascending order; where the walk ends with an
/// error, it is the first by address, and the last part holds what was met before.
///
/// # Errors
/// [`WalkError`], when the plugin, a sink or `take` fails. What the image holds is never an error.
pub fn walk_split<S: MapSink + Send>(
    prepared: &Prepared,
    tables: &TableSet<'_>,
    range: VaRange,
    threads: NonZeroUsize,
    part: &NewPart<'_, S>,
    take: &mut TakePart<'_, S>,
) -> Result<(), WalkError> {
    let Some(start) = Subtree::root(tables, range) else { return Ok(()) };
    let work = Work { tables, part };
    std::thread::scope(|scope| {
        let (results, done) = unbounded();
        let (jobs, queue) = unbounded();
        // This thread is one of them: one more that only waits would take the processor from those that work.
        for _ in 1..threads.get() {
            let (queue, results, work) = (queue.clone(), results.clone(), &work);
            let mut engine = prepared.start()?;
            scope.spawn(move || work.serve(&mut engine, &queue, &results));
        }
        drop(results);
        let mut engine = prepared.start()?;
        let mut splitter = Splitter {
            work: &work,
            engine: prepared.start()?,
            jobs,
            queue,
            done,
            window: WINDOW * threads.get(),
            steps: Vec::new(),
            pages: 0,
            next: 0,
            due: 0,
            early: BTreeMap::new(),
            known: visits_max(tables),
            owed: 0,
            ended: false,
            take,
        };
        let mut visitor = MapVisitor::new(&engine, tables, visits_max(tables), &mut splitter);
        visitor = visitor.split_at(split_depth(tables.geometry));
        let walked = descend(&mut engine, tables, start, &mut visitor);
        let mut budget = visitor.budget().saturating_sub(splitter.owed);
        if splitter.ended {
            return walked;
        }
        // What is left to hand on lies before whatever ended the walk.
        splitter.flush(&mut budget).and_then(|()| splitter.wait_for(splitter.next, &mut budget)).and(walked)
    })
}

/// The depth whose tables are subtrees: the first below the root that spans few enough pages.
fn split_depth(geometry: &Geometry) -> usize {
    let few = |slot: &ptwalk_abi::Slot| subtree_pages(geometry, slot) <= SUBTREE_PAGES_MAX;
    let slots = geometry.slots();
    slots.iter().skip(1).position(few).map_or(slots.len(), |below| below + 1)
}

/// Pages that a table spans.
fn subtree_pages(geometry: &Geometry, slot: &ptwalk_abi::Slot) -> u64 {
    u64::from(slot.entries) << (slot.shift - geometry.page_shift())
}

/// What every thread knows.
struct Work<'a, 'i, S> {
    tables: &'a TableSet<'i>,
    part: &'a NewPart<'a, S>,
}

impl<S: MapSink + Send> Work<'_, '_, S> {
    /// Does parts as they come, until there are no more.
    fn serve(&self, engine: &mut Started, queue: &Receiver<Job>, results: &Sender<Sent<S>>) {
        let results = Farewell(results);
        for job in queue {
            if results.0.send(Some(self.run(engine, job))).is_err() {
                return;
            }
        }
    }

    /// Does a part within its budget.
    fn run(&self, engine: &mut Started, job: Job) -> Done<S> {
        let mut sink = (self.part)();
        let mut left = job.budget;
        let result = job.steps.iter().try_for_each(|step| match step {
            Step::Event(event, trail) => sink.event(event, trail),
            Step::Subtree(subtree) if left == 0 => beyond_budget(subtree, &mut sink),
            Step::Subtree(subtree) => {
                let mut visitor = MapVisitor::new(engine, self.tables, left - 1, &mut sink);
                let walked = descend(engine, self.tables, subtree.clone(), &mut visitor);
                left = visitor.budget();
                walked
            }
        });
        Done { visited: job.budget - left, job, sink, result }
    }
}

/// A subtree that may not be visited any more.
fn beyond_budget<S: MapSink>(subtree: &Subtree, sink: &mut S) -> Result<(), WalkError> {
    let Some((at, trail)) = subtree.trail.split_last() else { return Ok(()) };
    sink.event(&Event::Problem(Problem { kind: ProblemKind::Budget, range: subtree.range, at: *at }), trail)
}

/// Makes parts of what the walk above the subtrees meets, and hands on those that are done.
struct Splitter<'a, 'i, 't, S> {
    work: &'a Work<'a, 'i, S>,
    /// For parts that are done here.
    engine: Started,
    /// Parts that wait for a thread, this one among them.
    jobs: Sender<Job>,
    queue: Receiver<Job>,
    done: Receiver<Sent<S>>,
    window: usize,
    steps: Vec<Step>,
    pages: u64,
    /// Number of the next part, and of the next one to be handed on.
    next: u64,
    due: u64,
    /// Parts that were done before their turn.
    early: BTreeMap<u64, Done<S>>,
    /// Tables that may still be visited, as far as was known at the last subtree, and those that parts handed on since then
    /// have visited.
    known: u64,
    owed: u64,
    /// A part or its taker ended the walk: nothing more is handed on.
    ended: bool,
    take: &'a mut TakePart<'t, S>,
}

impl<S: MapSink + Send> Splitter<'_, '_, '_, S> {
    /// Sends off the part being made.
    fn flush(&mut self, budget: &mut u64) -> Result<(), WalkError> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let job = Job { number: self.next, steps: std::mem::take(&mut self.steps), budget: *budget };
        self.pages = 0;
        self.next += 1;
        self.jobs.send(job).map_err(|_sent| lost())?;
        self.wait_for(self.next.saturating_sub(self.window as u64), budget)
    }

    /// Hands on parts until `number` is the next.
    fn wait_for(&mut self, number: u64, budget: &mut u64) -> Result<(), WalkError> {
        while self.due < number {
            let done = match self.early.remove(&self.due) {
                Some(done) => done,
                None => {
                    let done = self.another()?;
                    self.early.insert(done.job.number, done);
                    continue;
                }
            };
            self.due += 1;
            self.hand_on(done, budget).inspect_err(|_| self.ended = true)?;
        }
        Ok(())
    }

    /// A part that is done: by another thread, else here, else the one that another thread is at.
    fn another(&mut self) -> Result<Done<S>, WalkError> {
        let sent = self.done.try_recv().unwrap_or_else(|_| match self.queue.try_recv() {
            Ok(job) => Some(self.work.run(&mut self.engine, job)),
            Err(_) => self.done.recv().ok().flatten(),
        });
        sent.ok_or_else(lost).inspect_err(|_| self.ended = true)
    }

    /// Hands on a part. One that visited more tables than the parts before it left is done again within what is left.
    fn hand_on(&mut self, done: Done<S>, budget: &mut u64) -> Result<(), WalkError> {
        let done = if done.visited > *budget {
            let job = Job { budget: *budget, ..done.job };
            self.work.run(&mut self.engine, job)
        } else {
            done
        };
        *budget = budget.saturating_sub(done.visited);
        (self.take)(done.sink)?;
        done.result
    }
}

/// A thread ended that should not have: it panicked, which the scope passes on.
fn lost() -> WalkError {
    WalkError::Engine(EngineError::Build { stage: "run", what: "a thread of the walk ended".to_owned() })
}

impl<S: MapSink + Send> MapSink for Splitter<'_, '_, '_, S> {
    fn event(&mut self, event: &Event, trail: &[Passed]) -> Result<(), WalkError> {
        self.steps.push(Step::Event(*event, trail.to_vec()));
        if self.steps.len() < PART_EVENTS {
            return Ok(());
        }
        let mut budget = self.known;
        let flushed = self.flush(&mut budget);
        self.owed += self.known - budget;
        self.known = budget;
        flushed
    }

    fn wants_holes(&self) -> bool {
        (self.work.part)().wants_holes()
    }

    fn subtree(&mut self, subtree: Subtree, budget: &mut u64) -> Result<(), WalkError> {
        *budget = budget.saturating_sub(std::mem::take(&mut self.owed));
        let geometry = self.work.tables.geometry;
        let slot = subtree.directory.or_else(|| geometry.slots().get(subtree.depth).copied());
        let pages = slot.map_or(0, |slot| subtree_pages(geometry, &slot));
        self.pages = self.pages.saturating_add(pages);
        self.steps.push(Step::Subtree(subtree));
        let full = self.pages >= PART_PAGES || self.steps.len() >= PART_EVENTS;
        let flushed = if full { self.flush(budget) } else { Ok(()) };
        self.known = *budget;
        flushed
    }
}
