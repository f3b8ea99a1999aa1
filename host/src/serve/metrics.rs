//! What the service has done, in numbers.
//!
//! Counters are atomic; times go into histograms of two significant digits, so that percentiles of any number of
//! requests take a few kilobytes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::request::Verb;

/// The longest time that is told from longer ones.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Times, of which percentiles are wanted.
pub(super) struct Times(Mutex<Histogram<u64>>);

impl Times {
    fn new() -> Times {
        // These bounds are within what the histogram takes, which a test sees.
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 2);
        Times(Mutex::new(histogram.expect("constant bounds are accepted")))
    }

    pub fn record(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.lock().saturating_record(ns);
    }

    /// Percentiles in microseconds.
    pub fn json(&self) -> Value {
        let times = self.lock();
        #[expect(clippy::cast_precision_loss, reason = "microseconds for people")]
        let us = |ns: u64| ns as f64 / 1e3;
        let at = |percent: f64| us(times.value_at_percentile(percent));
        json!({ "count": times.len(), "p50": at(50.0), "p90": at(90.0), "p99": at(99.0), "max": us(times.max()) })
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json())
    }
}

/// An event that `status` tells of.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub when: SystemTime,
    pub spec: String,
    pub code: &'static str,
    pub message: String,
    pub stages: Value,
}

impl Event {
    fn json(&self) -> Value {
        let when = self.when.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "unix_s": when.as_secs(),
            "plugin": self.spec,
            "code": self.code,
            "message": self.message,
            "stages_us": self.stages,
        })
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    /// Times of answers by verb, in the order of [`Verb::NAMES`].
    pub answers: [Times; Verb::NAMES.len()],
    /// Addresses, pages and leaves that answers told of.
    pub entries: Counter,
    pub published: Counter,
    pub unchanged: Counter,
    pub refused: Counter,
    pub publication: Times,
    pub accepted: Counter,
    pub closed: Counter,
    /// Connections for which there was no place.
    pub turned_away: Counter,
    /// Connections that lost their place to another, never having asked anything.
    pub displaced: Counter,
    /// Connections closed because of their silence or slowness.
    pub timed_out: Counter,
    /// Connections that broke.
    pub broken: Counter,
    /// Connections whose thread met a fault of this program.
    pub panicked: Counter,
    pub followed: Counter,
    errors: Mutex<BTreeMap<&'static str, u64>>,
    last_refusal: Mutex<Option<Event>>,
}

impl Metrics {
    pub fn new() -> Metrics {
        Metrics {
            answers: std::array::from_fn(|_| Times::new()),
            entries: Counter::default(),
            published: Counter::default(),
            unchanged: Counter::default(),
            refused: Counter::default(),
            publication: Times::new(),
            accepted: Counter::default(),
            closed: Counter::default(),
            turned_away: Counter::default(),
            displaced: Counter::default(),
            timed_out: Counter::default(),
            broken: Counter::default(),
            panicked: Counter::default(),
            followed: Counter::default(),
            errors: Mutex::default(),
            last_refusal: Mutex::default(),
        }
    }

    /// A connection has ended with an error.
    pub fn lost(&self, error: &io::Error) {
        let timed_out = error.kind() == io::ErrorKind::TimedOut;
        if timed_out { &self.timed_out } else { &self.broken }.add(1);
    }

    pub fn error(&self, code: &'static str) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub fn errors(&self) -> BTreeMap<&'static str, u64> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn refusal(&self, event: Event) {
        self.refused.add(1);
        *self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }

    pub fn last_refusal(&self) -> Value {
        let last = self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map_or(Value::Null, Event::json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let times = Times::new();
        (1..=1000).for_each(|us| times.record(Duration::from_micros(us)));
        times.record(Duration::from_secs(100_000));
        let json = times.json();
        assert_eq!(json["count"], 1001);
        let near = |key: &str, us: f64| {
            let found = json[key].as_f64().expect("a number");
            assert!((found - us).abs() <= us * 0.02, "{key}: {found}");
        };
        near("p50", 500.0);
        near("p90", 900.0);
        near("p99", 991.0);
        near("max", 3.6e9);
    }
}
