//! Time that work takes, whoever else is at work.
//!
//! What counts is the time that the thread ran, as the kernel counts it, so that a busy machine is no finding.

use std::time::{Duration, Instant};

use super::run::Failure;

/// Time that this thread ran; by the wall where the system does not say.
pub(super) enum Clock {
    Thread(Duration),
    Wall(Instant),
}

impl Clock {
    pub fn now() -> Clock {
        ran().map_or_else(|| Clock::Wall(Instant::now()), Clock::Thread)
    }

    pub fn elapsed(&self) -> Duration {
        match self {
            Clock::Thread(begun) => ran().unwrap_or_default().saturating_sub(*begun),
            Clock::Wall(begun) => begun.elapsed(),
        }
    }
}

/// Does `work`, which is a finding where it takes longer than `patience`.
pub(super) fn within(patience: Duration, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let clock = Clock::now();
    work()?;
    let took = clock.elapsed();
    if took > patience { Err(format!("slow: it took {took:?}").into()) } else { Ok(()) }
}

/// Nanoseconds on a processor, the first field of `/proc/thread-self/schedstat` (`Documentation/scheduler/sched-stats.rst`).
fn ran() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
