//! Runs a property on generated inputs until its budget is spent or an input breaks it.
//!
//! In: a [`Property`] by its [`Entry`], a [`Budget`]. Out: a [`Campaign`]: what was done, and a [`Finding`] with the input
//! made small. Guaranteed: input `n` of seed `s` is input 0 of seed `s + n`, on any number of jobs; a panic of what is
//! tested is a finding. Not handled: what aborts the process or never returns.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ptwalk_abi::Helper;

use super::minimise::{self, Kind};
use super::random::Random;
use super::subject::Subject;

/// Whatever keeps a check from saying that all is well.
pub type Failure = Box<dyn std::error::Error>;

/// Time that a finding is made smaller for.
const MINIMISE_MAX: Duration = Duration::from_secs(20);

/// How often whoever watches is told.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Something that must hold of every input.
pub trait Property {
    /// An input.
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8>;

    /// Whether it holds of an input: any bytes, and for the same bytes the same answer.
    ///
    /// # Errors
    /// What was found. The text up to the first colon says what kind of finding it is, and is the same for inputs that
    /// show the same.
    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure>;
}

/// What properties generate from besides chance.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Modules to change: the embedded plugins, and whatever the caller has.
    pub modules: Vec<Vec<u8>>,
    /// The plugin that [`super::PLUGIN`] is about.
    pub subject: Option<Subject>,
}

/// A property that can be run.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it claims, in a sentence.
    pub about: &'static str,
    /// What the bytes of an input are.
    pub kind: Kind,
    /// Makes it, once for each job.
    pub make: fn(&Context) -> Result<Box<dyn Property>, Failure>,
}

/// How long, how often, from which seed, and on how many threads.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Time after which no input is begun; one is always checked.
    pub time: Duration,
    /// Inputs at most.
    pub inputs: Option<u64>,
    /// The seed of the first input.
    pub seed: u64,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// No input is begun once this is true, and what was found is left as it is then.
    pub stop: Option<&'static AtomicBool>,
}

impl Budget {
    /// One thread for a time, without a limit on inputs.
    pub fn of(time: Duration, seed: u64) -> Budget {
        Budget { time, inputs: None, seed, jobs: NonZeroUsize::MIN, stop: None }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Inputs checked.
    pub inputs: u64,
    /// Things in them that were judged: functions, images, requests.
    pub judged: u64,
    /// Those of them that were accepted, so that there was something to compare.
    pub accepted: u64,
    /// Answers compared.
    pub executions: u64,
    /// Helpers that were accepted under their names.
    pub helpers: BTreeSet<Helper>,
    /// Whatever else the property counts.
    pub counts: BTreeMap<Cow<'static, str>, u64>,
}

impl Tally {
    /// Notes the verdict on one thing.
    pub fn judge(&mut self, accepted: bool) {
        self.judged += 1;
        self.accepted += u64::from(accepted);
    }

    /// Counts something by name.
    pub fn count(&mut self, what: impl Into<Cow<'static, str>>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// How many names begin with `prefix`.
    pub fn kinds(&self, prefix: &str) -> usize {
        self.counts.keys().filter(|name| name.starts_with(prefix)).count()
    }

    /// Share of what was judged that was accepted.
    pub fn acceptance(&self) -> f64 {
        if self.judged == 0 { 0.0 } else { self.accepted as f64 / self.judged as f64 }
    }

    /// Adds what another job did.
    pub fn add(&mut self, other: &Tally) {
        self.inputs += other.inputs;
        self.judged += other.judged;
        self.accepted += other.accepted;
        self.executions += other.executions;
        self.helpers.extend(&other.helpers);
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }
}

/// An input that breaks a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The property.
    pub property: &'static str,
    /// The seed of which it is input 0.
    pub seed: u64,
    /// What is wrong, for the input as it is here.
    pub what: String,
    /// The input, made smaller.
    pub input: Vec<u8>,
    /// Bytes of the input as it was generated.
    pub generated_bytes: usize,
}

/// The outcome of a run.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// What was done.
    pub tally: Tally,
    /// How long it took, without making a finding smaller.
    pub elapsed: Duration,
    /// What was found first.
    pub finding: Option<Finding>,
}

/// What several jobs share.
struct Shared<'a> {
    entry: &'a Entry,
    context: &'a Context,
    budget: Budget,
    begun: Instant,
    next: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    finding: Mutex<Option<Finding>>,
    trouble: Mutex<Option<String>>,
}

/// Runs a property, and makes what it finds smaller. `watch` is told now and then what was done so far.
///
/// # Errors
/// Where the property cannot be made.
pub fn run(
    entry: &Entry,
    context: &Context,
    budget: Budget,
    watch: &mut dyn FnMut(&Tally, Duration),
) -> Result<Campaign, Failure> {
    let campaign = search(entry, context, budget, watch)?;
    let finding = campaign.finding.map(|finding| smaller(entry, context, budget, finding));
    Ok(Campaign { finding, ..campaign })
}

/// Runs a property, and leaves what it finds as it was generated.
///
/// # Errors
/// Where the property cannot be made.
pub fn search(
    entry: &Entry,
    context: &Context,
    budget: Budget,
    watch: &mut dyn FnMut(&Tally, Duration),
) -> Result<Campaign, Failure> {
    let shared = Shared {
        entry,
        context,
        budget,
        begun: Instant::now(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        tally: Mutex::default(),
        finding: Mutex::default(),
        trouble: Mutex::default(),
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..budget.jobs.get()).map(|_| scope.spawn(|| shared.job())).collect();
        let mut told = Instant::now();
        while jobs.iter().any(|job| !job.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(5));
            if told.elapsed() >= WATCH_EVERY {
                told = Instant::now();
                watch(&lock(&shared.tally), shared.begun.elapsed());
            }
        }
    });
    if let Some(trouble) = lock(&shared.trouble).take() {
        return Err(trouble.into());
    }
    let elapsed = shared.begun.elapsed();
    let finding = lock(&shared.finding).take();
    let tally = lock(&shared.tally).clone();
    Ok(Campaign { tally, elapsed, finding })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared<'_> {
    fn job(&self) {
        let mut property = match (self.entry.make)(self.context) {
            Ok(property) => property,
            Err(error) => {
                *lock(&self.trouble) = Some(format!("{}: {error}", self.entry.name));
                self.stop.store(true, Ordering::Relaxed);
                return;
            }
        };
        let (mut local, mut merged) = (Tally::default(), Instant::now());
        while let Some(seed) = self.claim() {
            let input = property.generate(&mut Random::new(seed));
            local.inputs += 1;
            if let Err(what) = checked(property.as_mut(), &input, &mut local) {
                self.stop.store(true, Ordering::Relaxed);
                let (property, generated_bytes) = (self.entry.name, input.len());
                let mut first = lock(&self.finding);
                if first.as_ref().is_none_or(|first| seed < first.seed) {
                    *first = Some(Finding { property, seed, what, input, generated_bytes });
                }
                break;
            }
            if merged.elapsed() > WATCH_EVERY / 4 {
                merged = Instant::now();
                lock(&self.tally).add(&std::mem::take(&mut local));
            }
        }
        lock(&self.tally).add(&local);
    }

    /// The seed of the next input, while there is one.
    fn claim(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let late = number > 0 && self.begun.elapsed() >= self.budget.time;
        let enough = self.budget.inputs.is_some_and(|inputs| number >= inputs);
        let over = late || enough || self.stop.load(Ordering::Relaxed) || self.budget.is_stopped();
        (!over).then(|| self.budget.seed.wrapping_add(number))
    }
}

/// The finding with an input as small as time allows.
fn smaller(entry: &Entry, context: &Context, budget: Budget, finding: Finding) -> Finding {
    let Ok(mut property) = (entry.make)(context) else { return finding };
    let deadline = Instant::now() + MINIMISE_MAX;
    let wanted = kind_of(&finding.what).to_owned();
    let mut fails = |input: &[u8]| {
        if budget.is_stopped() {
            return false;
        }
        let found = checked(property.as_mut(), input, &mut Tally::default());
        found.is_err_and(|what| kind_of(&what) == wanted)
    };
    let input = minimise::smaller(entry.kind, &finding.input, deadline, &mut fails);
    match checked(property.as_mut(), &input, &mut Tally::default()) {
        Err(what) => Finding { what, input, ..finding },
        // It does not repeat itself; what was seen stays.
        Ok(()) => finding,
    }
}

/// What kind of finding a text is about.
pub(super) fn kind_of(what: &str) -> &str {
    what.split(':').next().unwrap_or_default()
}

/// Checks an input; a panic is a finding like any other.
///
/// # Errors
/// What was found, as text.
pub fn checked(property: &mut dyn Property, input: &[u8], tally: &mut Tally) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| property.check(input, tally))) {
        Ok(outcome) => outcome.map_err(|failure| failure.to_string()),
        Err(payload) => Err(format!("panic: {}", panic_text(payload.as_ref()))),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks where an input has two bytes of 7.
    struct TwoSevens;

    impl Property for TwoSevens {
        fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
            random.bytes(100)
        }

        fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
            tally.judge(true);
            assert!(!input.starts_with(&[7, 7, 7]), "never generated");
            if input.iter().filter(|byte| **byte == 7).count() >= 2 { Err("sevens: two".into()) } else { Ok(()) }
        }
    }

    const ENTRY: Entry = Entry { name: "sevens", about: "", kind: Kind::Bytes, make: |_| Ok(Box::new(TwoSevens)) };

    #[test]
    fn a_finding_is_small_and_its_seed_repeats_it() -> Result<(), Failure> {
        let jobs = NonZeroUsize::new(2).ok_or("two")?;
        let budget = Budget { jobs, ..Budget::of(Duration::from_secs(60), 1) };
        let campaign = run(&ENTRY, &Context::default(), budget, &mut |_, _| {})?;
        let finding = campaign.finding.ok_or("one input in sixteen")?;
        assert_eq!((finding.input.as_slice(), finding.generated_bytes), (&[7, 7][..], 100));
        assert!(campaign.tally.inputs >= 1 && campaign.tally.inputs == campaign.tally.judged);
        let again = Budget { inputs: Some(1), ..Budget::of(Duration::ZERO, finding.seed) };
        assert_eq!(run(&ENTRY, &Context::default(), again, &mut |_, _| {})?.finding, Some(finding));
        Ok(())
    }

    #[test]
    fn a_budget_of_inputs_is_kept() -> Result<(), Failure> {
        let budget = Budget { inputs: Some(3), ..Budget::of(Duration::from_secs(60), 0) };
        let made = Entry { make: |_| Ok(Box::new(Fine)), ..ENTRY };
        assert_eq!(run(&made, &Context::default(), budget, &mut |_, _| {})?.tally.inputs, 3);
        Ok(())
    }

    #[test]
    fn nothing_is_begun_after_a_stop() -> Result<(), Failure> {
        static STOP: AtomicBool = AtomicBool::new(true);
        let budget = Budget { stop: Some(&STOP), ..Budget::of(Duration::from_secs(60), 1) };
        let campaign = run(&ENTRY, &Context::default(), budget, &mut |_, _| {})?;
        assert_eq!((campaign.tally.inputs, campaign.finding), (0, None));
        Ok(())
    }

    struct Fine;

    impl Property for Fine {
        fn generate(&mut self, _: &mut Random<'_>) -> Vec<u8> {
            Vec::new()
        }

        fn check(&mut self, _: &[u8], _: &mut Tally) -> Result<(), Failure> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_a_finding() {
        let found = checked(&mut TwoSevens, &[7, 7, 7], &mut Tally::default());
        assert_eq!(found, Err("panic: never generated".to_owned()));
    }
}
