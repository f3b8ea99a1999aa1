//! So many at a time, and so many who wait.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::error::AnswerError;

/// A bounded number of places, and a bounded queue before them.
#[derive(Debug)]
pub(super) struct Gate {
    places: usize,
    queue: usize,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    waiting: usize,
}

/// A place. It is free again when this is dropped.
pub(super) struct Place<'a>(&'a Gate);

impl Gate {
    pub fn new(places: usize, queue: usize) -> Gate {
        Gate { places: places.max(1), queue, state: Mutex::default(), left: Condvar::new() }
    }

    /// A place, at once or in time; `None` where the time is up.
    ///
    /// # Errors
    /// [`AnswerError::Busy`] where the queue is full.
    pub fn enter(&self, until: Instant) -> Result<Option<Place<'_>>, AnswerError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.inside >= self.places {
            if state.waiting >= self.queue {
                return Err(AnswerError::Busy { waiting: state.waiting });
            }
            state.waiting += 1;
            let left = until.saturating_duration_since(Instant::now());
            let full = |state: &mut State| state.inside >= self.places;
            let waited = self.left.wait_timeout_while(state, left, full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
            if state.inside >= self.places {
                return Ok(None);
            }
        }
        state.inside += 1;
        Ok(Some(Place(self)))
    }

    /// How many are inside, and how many wait.
    pub fn load(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.inside, state.waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).inside -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn places_and_queue_are_bounded() {
        let gate = Gate::new(1, 1);
        let soon = || Instant::now() + Duration::from_millis(30);
        let place = gate.enter(soon()).expect("not busy").expect("free");
        std::thread::scope(|scope| {
            let waits =
                scope.spawn(|| gate.enter(Instant::now() + Duration::from_secs(10)).map(|place| place.is_some()));
            while gate.load() != (1, 1) {
                std::thread::yield_now();
            }
            assert!(matches!(gate.enter(soon()), Err(AnswerError::Busy { waiting: 1 })));
            drop(place);
            assert!(waits.join().expect("no panic").expect("not busy"));
        });
        assert_eq!(gate.load(), (0, 0));
        let _place = gate.enter(soon()).expect("not busy").expect("free");
        assert!(gate.enter(soon()).expect("not busy").is_none(), "its time is up");
        assert_eq!(gate.load(), (1, 0));
    }
}
