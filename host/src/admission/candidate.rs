//! A plugin that has been let in, with the engines compiled for what is asked of it.
//!
//! In: an admitted plugin. Out: [`Candidate`], shared by every generation and every thread that uses it. Guaranteed: an
//! engine is compiled once for each thing that is asked, [`ENGINES_MAX`] of them are kept, and the geometry is that of
//! this plugin under this configuration. Not handled: names of generations, see [`slot`](crate::slot).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ptwalk_abi::{Config, Geometry};
use ptwalk_verifier::validate::ValidPlugin;

use super::{AdmissionError, Order, Stages};
use crate::engine::fused::FuseError;
use crate::engine::sandbox::BindError;
use crate::engine::{Admitted, Choice, Prepared, Queries, Wanted};
use crate::gup::Gup;

/// Engines of one plugin that are kept. Whoever asks for more at a time, as with a filter of each client's own, compiles
/// the one used least recently again.
pub const ENGINES_MAX: usize = 16;

/// What is asked of a plugin, whatever its geometry.
#[derive(Clone, Debug)]
pub enum Ask {
    /// What a walk asks.
    Walk(Wanted),
    /// What `get_user_pages_fast` asks.
    Gup(Gup),
}

impl Ask {
    /// What is asked of each level of a geometry.
    pub fn queries(&self, geometry: &Geometry) -> Queries {
        match self {
            Ask::Walk(wanted) => Queries::walk(geometry, wanted),
            Ask::Gup(gup) => Queries::gup(geometry, gup),
        }
    }
}

/// An engine, and what it was made for.
struct Made {
    ask: Ask,
    queries: Queries,
    prepared: Prepared,
}

/// Everything that a walk needs of a plugin.
pub struct Candidate {
    name: String,
    sha256: String,
    admitted: Admitted,
    geometry: Geometry,
    choice: Choice,
    /// The one used last is at the end.
    engines: Mutex<Vec<Made>>,
}

impl Candidate {
    /// A candidate without engines; they are made when they are asked for.
    ///
    /// # Errors
    /// [`BindError`], of a plugin that is not verified.
    pub fn new(spec: &str, admitted: Admitted, choice: Choice) -> Result<Candidate, BindError> {
        let manifest = admitted.plugin().manifest();
        Ok(Candidate {
            name: manifest.name.clone().unwrap_or_else(|| spec.to_owned()),
            sha256: admitted.plugin().sha256_hex(),
            geometry: admitted.geometry()?,
            admitted,
            choice,
            engines: Mutex::new(Vec::new()),
        })
    }

    /// The plugin's name for itself, or what it was called by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that the plugin says it has.
    pub fn version(&self) -> Option<&str> {
        self.admitted.plugin().manifest().version.as_deref()
    }

    /// SHA-256 of the module, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The plugin, and on what grounds it was let in.
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        self.admitted.config()
    }

    /// The shape of its tables.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// An engine for what is asked, compiled if it is not there yet.
    ///
    /// # Errors
    /// [`FuseError`].
    ///
    /// # Cost
    /// Nothing to speak of where the same was asked before; else some milliseconds. Two threads that ask for the same
    /// new thing at once both compile it: neither waits for the other.
    pub fn prepare(&self, ask: &Ask) -> Result<Prepared, FuseError> {
        let queries = ask.queries(&self.geometry);
        if let Some(prepared) = self.find(&queries) {
            return Ok(prepared);
        }
        let prepared = self.admitted.prepare(queries.clone(), self.choice)?;
        self.keep(Made { ask: ask.clone(), queries, prepared: prepared.clone() });
        Ok(prepared)
    }

    /// What has been asked lately, so that a successor can be ready for it.
    pub fn asks(&self) -> Vec<Ask> {
        let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.iter().map(|made| made.ask.clone()).collect()
    }

    /// Makes engines for all of `asks`.
    pub(super) fn prepare_all(&self, asks: &[Ask], stages: &mut Stages) -> Result<(), AdmissionError> {
        for ask in asks {
            let queries = ask.queries(&self.geometry);
            if self.find(&queries).is_some() {
                continue;
            }
            let start = Instant::now();
            let prepared = self.admitted.prepare(queries.clone(), self.choice)?;
            match &prepared {
                Prepared::Fused(fused) => stages.fused(fused.timing()),
                Prepared::Sandbox(..) => stages.compile += start.elapsed(),
            }
            self.keep(Made { ask: ask.clone(), queries, prepared });
        }
        Ok(())
    }

    /// Whether it is what an order for this module would come to.
    pub(super) fn answers(&self, order: &Order, plugin: &ValidPlugin) -> bool {
        let unverified = matches!(self.admitted, Admitted::Unverified(..));
        self.admitted.plugin().bytes() == plugin.bytes()
            && *self.config() == order.config
            && self.choice == order.choice
            && unverified == order.unverified
    }

    fn find(&self, queries: &Queries) -> Option<Prepared> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let at = engines.iter().position(|made| made.queries == *queries)?;
        let made = engines.remove(at);
        let prepared = made.prepared.clone();
        engines.push(made);
        Some(prepared)
    }

    fn keep(&self, made: Made) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if engines.iter().any(|known| known.queries == made.queries) {
            return;
        }
        if engines.len() >= ENGINES_MAX {
            engines.remove(0);
        }
        engines.push(made);
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("name", &self.name).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}
