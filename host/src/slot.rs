//! The plugin in service, exchanged while walks go on.
//!
//! In: [`Candidate`]s, admitted elsewhere. Out: a [`Pin`] for whoever walks: one generation, whatever is published
//! meanwhile, and from it a [`Pinned`] engine, which threads share. Guaranteed: publication waits for no walk, and no walk
//! for a publication; what a pin hands out is of one plugin, so that no answer is of two; a generation, its closed forms
//! and its code go when the last pin on it and the last engine made of it do; [`PluginSlot::alive`] counts those that
//! have not gone. Not handled: what is let in, see [`admission`](crate::admission).
//!
//! The slot is an [`ArcSwap`]: readers take a reference without a lock, as RCU's do, and a writer exchanges a pointer.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::admission::{Ask, Candidate};
use crate::engine::fused::FuseError;
use crate::engine::{EngineError, Prepared, Started};
use crate::image::Image;
use crate::walk::{Root, TableSet};

/// Whose answer it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The plugin's name.
    pub name: String,
    /// The version that it says it has.
    pub version: Option<String>,
    /// SHA-256 of the module, in hexadecimal.
    pub sha256: String,
    /// How many plugins this slot has had, this one included.
    pub generation: u64,
}

/// One generation: a candidate in service.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    candidate: Arc<Candidate>,
    alive: Arc<AtomicU64>,
}

impl Generation {
    fn new(number: u64, candidate: Arc<Candidate>, alive: Arc<AtomicU64>) -> Arc<Generation> {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Generation { number, candidate, alive })
    }

    /// Its number; the first is 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The plugin.
    pub fn candidate(&self) -> &Arc<Candidate> {
        &self.candidate
    }

    /// What answers are signed with.
    pub fn identity(&self) -> Identity {
        Identity {
            name: self.candidate.name().to_owned(),
            version: self.candidate.version().map(str::to_owned),
            sha256: self.candidate.sha256().to_owned(),
            generation: self.number,
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The plugin in service.
#[derive(Debug)]
pub struct PluginSlot {
    current: ArcSwap<Generation>,
    published: AtomicU64,
    alive: Arc<AtomicU64>,
}

/// What a publication came to.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The new generation.
    pub pin: Pin,
    /// How long it took, from the decision to the exchange.
    pub took: Duration,
}

impl PluginSlot {
    /// A slot with its first plugin.
    pub fn new(candidate: Arc<Candidate>) -> PluginSlot {
        let alive = Arc::new(AtomicU64::new(0));
        let first = Generation::new(1, candidate, alive.clone());
        PluginSlot { current: ArcSwap::new(first), published: AtomicU64::new(1), alive }
    }

    /// The generation in service, held until the pin is dropped. A walk takes one pin and keeps it to its end.
    ///
    /// # Cost
    /// Some tens of nanoseconds; never waits.
    pub fn pin(&self) -> Pin {
        Pin(self.current.load_full())
    }

    /// Puts a candidate into service.
    ///
    /// # Cost
    /// An allocation and an exchange of pointers. The old generation goes here if nobody holds it, after the time is
    /// taken.
    pub fn publish(&self, candidate: Arc<Candidate>) -> Publication {
        let start = Instant::now();
        let number = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        let next = Generation::new(number, candidate, self.alive.clone());
        let pin = Pin(next.clone());
        // Of two publications at once the later number stays, whichever comes last.
        let old = self.current.rcu(|current| if current.number < number { next.clone() } else { current.clone() });
        let took = start.elapsed();
        drop(old);
        Publication { pin, took }
    }

    /// Generations that have not gone: the one in service, and those that somebody still walks with.
    pub fn alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }
}

/// A generation that is held.
#[derive(Clone, Debug)]
pub struct Pin(Arc<Generation>);

impl Deref for Pin {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.0
    }
}

impl Pin {
    /// The tables under a root of an image, in this plugin's geometry.
    pub fn tables<'a>(&'a self, image: &'a Image, root: Root) -> TableSet<'a> {
        TableSet { image, geometry: self.candidate.geometry(), root }
    }

    /// An engine of this generation.
    ///
    /// # Errors
    /// [`FuseError`].
    ///
    /// # Cost
    /// As [`Candidate::prepare`].
    pub fn engine(&self, ask: &Ask) -> Result<Pinned, FuseError> {
        Ok(Pinned { prepared: self.candidate.prepare(ask)?, pin: self.clone() })
    }
}

/// An engine that holds its generation: for [`walk_split`](crate::walk::walk_split), which starts one a thread, or with
/// [`Pinned::start`] for one thread.
#[derive(Clone)]
pub struct Pinned {
    prepared: Prepared,
    pin: Pin,
}

impl Pinned {
    /// The generation.
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// The engine, to be shared between threads.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// An engine for one thread, for as long as `self` is held.
    ///
    /// # Errors
    /// As [`Prepared::start`].
    pub fn start(&self) -> Result<Started, EngineError> {
        self.prepared.start()
    }
}

#[cfg(test)]
mod tests;
