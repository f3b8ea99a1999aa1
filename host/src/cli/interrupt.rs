//! SIGINT in commands that take long: the first one ends the work at the next part, so that output ends with a record that
//! says so and no half of a file is left; a second one ends the program at once.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use ptwalk::walk::WalkError;
use signal_hook::consts::SIGINT;
use signal_hook::flag::{register, register_conditional_shutdown};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From here on the signal is waited for. Whoever calls this looks at [`check`], [`flow`] or [`flag`] often.
///
/// # Errors
/// The system's.
pub fn watch() -> io::Result<()> {
    // In this order: the first signal finds the flag not yet set.
    register_conditional_shutdown(SIGINT, 130, ASKED.clone())?;
    register(SIGINT, ASKED.clone()).map(drop)
}

/// Whether the signal came.
pub fn is_asked() -> bool {
    flag().load(Ordering::Relaxed)
}

/// What is true once it came.
pub fn flag() -> &'static AtomicBool {
    &ASKED
}

/// Ends a walk where it came.
///
/// # Errors
/// [`WalkError::Enough`].
pub fn check() -> Result<(), WalkError> {
    if is_asked() { Err(WalkError::Enough) } else { Ok(()) }
}

/// The same for what is not a walk.
pub fn flow() -> ControlFlow<()> {
    if is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
