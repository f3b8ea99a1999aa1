//! An engine of either kind, for callers that leave the choice to their users.
//!
//! In: a plugin, verified or not, and queries. Out: [`Prepared`], compiled once and shared, and from it one [`Started`] a
//! thread. Guaranteed: a plugin that is not verified meets no engine but the sandbox.

use std::sync::Arc;

use ptwalk_abi::{Config, Geometry, Helper};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::VerifiedPlugin;

use super::fused::{FuseError, Fused, Kernels};
use super::sandbox::{BindError, Compiled, Mode, Sandbox};
use super::{Engine, EngineError, Failed, Queries, Record, Run, Words};

/// A plugin that was let in, and on what grounds.
#[derive(Clone, Debug)]
pub enum Admitted {
    /// It is proved safe and lawful under its configuration.
    Verified(Arc<VerifiedPlugin>),
    /// Somebody said that it need not be: it runs in the sandbox, and its answers may be wrong.
    Unverified(Arc<ValidPlugin>, Config),
}

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// [`Fused`], with these kernels.
    Fused(Kernels),
    /// [`Sandbox`].
    Sandbox(Mode),
}

/// An engine compiled for its queries, to be shared between threads.
#[derive(Clone)]
pub enum Prepared {
    /// Closed forms fused with the queries.
    Fused(Fused),
    /// The plugin's own code.
    Sandbox(Compiled, Mode),
}

/// An engine at work.
pub enum Started {
    /// See [`Prepared::Fused`].
    Fused(Fused),
    /// See [`Prepared::Sandbox`].
    Sandbox(Box<Sandbox>),
}

impl Admitted {
    /// The module.
    pub fn plugin(&self) -> &Arc<ValidPlugin> {
        match self {
            Admitted::Verified(plugin) => plugin.plugin(),
            Admitted::Unverified(plugin, _) => plugin,
        }
    }

    /// The configuration that it runs under.
    pub fn config(&self) -> &Config {
        match self {
            Admitted::Verified(plugin) => plugin.config(),
            Admitted::Unverified(_, config) => config,
        }
    }

    /// The shape of its tables.
    ///
    /// # Errors
    /// [`BindError`], of a plugin that is not verified.
    pub fn geometry(&self) -> Result<Geometry, BindError> {
        match self {
            Admitted::Verified(plugin) => Ok(*plugin.geometry()),
            Admitted::Unverified(plugin, config) => Compiled::geometry(plugin, config),
        }
    }

    /// An engine for the plugin. Where it is not verified that is the sandbox, whatever was chosen.
    ///
    /// # Errors
    /// [`FuseError`], or [`EngineError::Build`] as one.
    pub fn prepare(&self, queries: Queries, choice: Choice) -> Result<Prepared, FuseError> {
        Ok(match (self, choice) {
            (Admitted::Verified(plugin), Choice::Fused(kernels)) => {
                Prepared::Fused(Fused::with_kernels(plugin, queries, kernels)?)
            }
            (Admitted::Verified(plugin), Choice::Sandbox(mode)) => {
                Prepared::Sandbox(Compiled::new(plugin, queries)?, mode)
            }
            (Admitted::Unverified(plugin, config), choice) => {
                let mode = if let Choice::Sandbox(mode) = choice { mode } else { Mode::Batched };
                Prepared::Sandbox(Compiled::unverified(plugin.clone(), config, queries)?, mode)
            }
        })
    }
}

impl Prepared {
    /// An engine for one thread.
    ///
    /// # Errors
    /// [`EngineError::Build`] where the sandbox has no room for another instance.
    pub fn start(&self) -> Result<Started, EngineError> {
        Ok(match self {
            Prepared::Fused(fused) => Started::Fused(fused.clone()),
            Prepared::Sandbox(compiled, mode) => Started::Sandbox(Box::new(compiled.instantiate(*mode)?)),
        })
    }
}

macro_rules! either {
    ($started:expr, $engine:ident => $answer:expr) => {
        match $started {
            Started::Fused($engine) => $answer,
            Started::Sandbox($engine) => $answer,
        }
    };
}

impl Engine for Started {
    #[inline]
    fn queries(&self) -> &Queries {
        either!(self, engine => engine.queries())
    }

    fn has(&self, helper: Helper) -> bool {
        either!(self, engine => engine.has(helper))
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        either!(self, engine => engine.call(helper, args))
    }

    #[inline]
    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        either!(self, engine => engine.record(depth, entry))
    }

    #[inline]
    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        either!(self, engine => engine.scan(depth, run, out))
    }

    fn may_find(&self, depth: usize) -> bool {
        either!(self, engine => engine.may_find(depth))
    }
}
