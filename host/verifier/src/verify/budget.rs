//! Ceilings of one verification, each with its unit and its reason.
//!
//! What one lift or one question may cost is limited in [`crate::lift::budget`] and [`crate::bits::budget`]; these
//! bound the sum. Running out leaves the question at hand undecided, which refuses the plugin and says so.

use std::time::Duration;

/// Time that the thread may run for one plugin under one configuration, from the first instruction lifted to the last law.
/// Counts stop nearly everything long before; the clock is for law files of thousands of laws. On a busy machine it takes
/// [`PATIENCE`](crate::deadline::PATIENCE) times as long at most. What cargo-fuzz instruments is slower by far, and gets more.
pub const TIME_MAX: Duration = Duration::from_secs(if cfg!(fuzzing) { 30 } else { 1 });

/// Bits set in a value up to which a report lists them by number beside the value.
pub const BITS_LISTED_MAX: u32 = 4;

/// Operators of one call that a report shows; of more, the first and the last.
pub const PATH_LINES_MAX: usize = 12;
