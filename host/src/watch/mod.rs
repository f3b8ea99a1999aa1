//! What an author's loop needs: knowing when files changed, and what a change did to the proof.
//!
//! [`Watched`] waits for files; [`LawDelta`] compares two reports. The loop itself is the command's.

mod delta;
mod files;

pub use delta::{LawDelta, Verdicts};
pub use files::{Seen, Waker, Watched};
