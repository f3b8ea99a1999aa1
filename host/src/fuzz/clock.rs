//! Time that work takes, whoever else is at work.
//!
//! What counts is the time that the thread ran, as the kernel counts it, so that a busy machine is no finding.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::run::Failure;

/// Longest that one file or text may take. Without optimisation everything takes several times as long.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// Time that this thread ran.
pub(super) struct Clock(Duration);

impl Clock {
    pub fn now() -> Clock {
        Clock(ran())
    }

    pub fn elapsed(&self) -> Duration {
        ran().saturating_sub(self.0)
    }
}

/// Does `work`, which is a finding where it takes longer than `patience`.
pub(super) fn within(patience: Duration, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let clock = Clock::now();
    work()?;
    let took = clock.elapsed();
    if took > patience { Err(format!("slow: it took {took:?}").into()) } else { Ok(()) }
}

fn ran() -> Duration {
    let ran = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(ran).unwrap_or_default()
}
