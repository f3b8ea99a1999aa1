//! Every ceiling of the service, each with its unit and its reason.

use std::time::Duration;

/// What one client, and all of them, may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Clients at a time. Each has a thread, most of which sleep.
    pub connections: usize,
    /// Requests that are worked on at a time; the others wait.
    pub working: usize,
    /// Requests that wait at a time; more are told that the service is busy.
    pub waiting: usize,
    /// Bytes of a request. The longest one that makes sense is a walk of [`Limits::addresses`].
    pub line_bytes: usize,
    /// Addresses of one walk: an answer has about a kilobyte for each.
    pub addresses: usize,
    /// Records of one page of a dump.
    pub records: usize,
    /// Records of a page that does not say how many.
    pub records_default: usize,
    /// Pages of one GUP, each of which is listed.
    pub gup_pages: i64,
    /// Bytes of records in one page of a dump.
    pub page_bytes: usize,
    /// Time for a request, waiting included.
    pub deadline: Duration,
    /// Time for a request that does not say how much.
    pub deadline_default: Duration,
    /// Time from the first byte of a request to its last.
    pub line_time: Duration,
    /// Time for a client to take an answer.
    pub write_time: Duration,
    /// Time for a client to say something.
    pub idle: Duration,
    /// Time that a client which has never asked anything keeps its place when others want it.
    pub grace: Duration,
    /// Time for requests under way when the service ends.
    pub drain: Duration,
}

impl Limits {
    /// Limits for a machine of so many processors.
    pub const fn new(processors: usize) -> Limits {
        Limits {
            connections: 128,
            working: processors,
            waiting: 64,
            line_bytes: 64 << 10,
            addresses: 1024,
            records: 16_384,
            records_default: 1024,
            gup_pages: 16_384,
            page_bytes: 8 << 20,
            deadline: Duration::from_secs(30),
            deadline_default: Duration::from_secs(5),
            line_time: Duration::from_secs(10),
            write_time: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            grace: Duration::from_secs(1),
            drain: Duration::from_secs(5),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}
