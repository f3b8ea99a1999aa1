//! Swaps when the plugin's file changes.
//!
//! In: a service and an order for a file. Out: nothing; what comes of it is in the service's `status`. Guaranteed: a file
//! is looked at only once it has kept still for a time, and is read as a whole or not at all; while it is away, or no
//! plugin, the last one that was let in stays. The path is looked up anew every time, so that a directory that was
//! exchanged is followed; that is why this asks the file system instead of having it tell. Not handled: files by name of
//! an embedded plugin, which do not change.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::error::AnswerError;
use super::service::Service;
use crate::admission::{Order, Stamp};
use crate::plugin;

/// Time between two looks.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// What is known of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing is there.
    Gone,
    /// It is in this state.
    There(Stamp),
}

/// Follows the file that the service began with, until the other end of `end` is dropped.
pub fn follow(service: &Service, order: &Order, interval: Duration, end: &Receiver<()>) {
    let seen = |stamp: Option<Stamp>| stamp.map_or(Seen::Gone, Seen::There);
    let mut done = seen(service.stamp);
    let mut before = done;
    while end.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let now = seen(Stamp::at(&plugin::file(&order.spec)).ok());
        // Twice the same: whoever writes has paused, and most likely is done.
        let still = now == before;
        before = now;
        if now == done || !still {
            continue;
        }
        service.metrics.followed.add(1);
        match service.swap(order, service.limits.deadline) {
            Ok(swapped) => done = seen(swapped.stamp),
            Err(error) if is_passing(&error) => {}
            Err(_) => done = now,
        }
    }
}

/// Whether it should be tried again although the file does not change: somebody wrote, or others swap.
fn is_passing(error: &AnswerError) -> bool {
    match error {
        AnswerError::Busy { .. } | AnswerError::Deadline(_) => true,
        AnswerError::Refused(refusal) => refusal.cause.is_passing(),
        _ => false,
    }
}
