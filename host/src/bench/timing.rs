//! Times that can be compared: everything is run in turns.
//!
//! In: things to run. Out: the median of the times of each, and how far they spread. Guaranteed: what is to be compared is
//! run one after the other in every round, so that whatever else the machine does falls on all alike. Not handled: a
//! machine that does something else only now and then, which the spread shows.

use std::time::{Duration, Instant};

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// The median.
    pub median: Duration,
    /// Median distance from the median, as a part of it.
    pub spread: f64,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let mut distances: Vec<Duration> = times.iter().map(|time| time.abs_diff(median)).collect();
        distances.sort_unstable();
        let distance = distances.get(distances.len() / 2).copied().unwrap_or_default();
        Times { median, spread: distance.as_secs_f64() / median.as_secs_f64().max(f64::MIN_POSITIVE) }
    }
}

/// Runs each of `runs` once a round, after one round that does not count, and says how long each took.
pub fn in_turns(runs: &mut [&mut dyn FnMut()], rounds: usize) -> Vec<Times> {
    let mut times: Vec<Vec<Duration>> = runs.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..=rounds {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            run();
            if round > 0 {
                times.push(begun.elapsed());
            }
        }
    }
    times.into_iter().map(Times::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_its_turn_in_every_round() {
        let order = std::cell::RefCell::new(Vec::new());
        let (mut first, mut second) = (|| order.borrow_mut().push(1), || order.borrow_mut().push(2));
        let times = in_turns(&mut [&mut first, &mut second], 2);
        assert_eq!(times.len(), 2);
        assert_eq!(*order.borrow(), [1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn the_median_is_no_mean() {
        let times = Times::of([1, 2, 3, 4, 1000].map(Duration::from_millis).to_vec());
        assert_eq!(times.median, Duration::from_millis(3));
        assert!((times.spread - 1.0 / 3.0).abs() < 1e-9);
    }
}
