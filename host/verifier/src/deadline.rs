//! When a verification has had its time.
//!
//! In: a time. Out: a [`Deadline`], which passes when the thread that set it has run for so long. Guaranteed: what a busy
//! machine does meanwhile does not count, so that a plugin is not refused because others work; but [`PATIENCE`] times as
//! long by the clock on the wall is the end whatever the machine did.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How much longer than it may run a thread may take, on a machine that has other work.
pub const PATIENCE: u32 = 5;

/// A time that the thread may run. It is asked by the thread that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Not before.
    wall: Instant,
    /// Not after.
    wall_end: Instant,
    thread: Duration,
}

impl Deadline {
    /// When this thread has run for `time` from now on.
    pub fn after(time: Duration) -> Deadline {
        let now = Instant::now();
        Deadline { wall: now + time, wall_end: now + PATIENCE * time, thread: thread_time() + time }
    }

    /// Whether it has.
    ///
    /// # Cost
    /// A look at the clock; a system call only where more time has passed by the clock than was given.
    pub fn has_passed(&self) -> bool {
        let now = Instant::now();
        now >= self.wall && (now >= self.wall_end || thread_time() >= self.thread)
    }
}

/// How long this thread has run.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_the_thread_did_not_run_does_not_count() {
        let now = Deadline::after(Duration::ZERO);
        let soon = Deadline::after(Duration::from_secs(1));
        let sooner = Deadline::after(Duration::from_millis(50));
        std::thread::sleep(Duration::from_millis(1100));
        assert!(now.has_passed());
        assert!(!soon.has_passed(), "sleeping is not running");
        assert!(sooner.has_passed(), "patience has an end");
        let begun = Instant::now();
        while !soon.has_passed() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never passes");
        }
    }
}
