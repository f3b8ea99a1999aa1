//! When a verification has had its time.
//!
//! In: a time. Out: a [`Deadline`], which passes when the thread that set it has run for so long. Guaranteed: what a busy
//! machine does meanwhile does not count, so that a plugin is not refused because others work. Not handled: how long that
//! is by the clock on the wall, which is up to the others.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A time that the thread may run. It is asked by the thread that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    wall: Instant,
    thread: Duration,
}

impl Deadline {
    /// When this thread has run for `time` from now on.
    pub fn after(time: Duration) -> Deadline {
        Deadline { wall: Instant::now() + time, thread: thread_time() + time }
    }

    /// Whether it has.
    ///
    /// # Cost
    /// A look at the clock; a system call only where more time has passed by the clock than was given.
    pub fn has_passed(&self) -> bool {
        Instant::now() >= self.wall && thread_time() >= self.thread
    }
}

/// How long this thread has run.
fn thread_time() -> Duration {
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
        let soon = Deadline::after(Duration::from_millis(5));
        std::thread::sleep(Duration::from_millis(20));
        assert!(now.has_passed());
        assert!(!soon.has_passed(), "sleeping is not running");
        let begun = Instant::now();
        while !soon.has_passed() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never passes");
        }
    }
}
