//! Engines: who answers what an entry means.
//!
//! In: a plugin under a frozen configuration and one [`Query`] a level. Out: an [`Engine`], which answers the query for
//! runs of entries and calls single helpers. Every engine gives the same answers; they differ in speed and in what
//! they trust. Today there is the [`sandbox`], where wasmtime contains a plugin that is validated but not proved.

mod calls;
pub mod query;
pub mod sandbox;
mod specialise;

use ptwalk_abi::{Helper, PhysAddr};
use thiserror::Error;

pub use query::{Facts, Query, Record};

/// What every engine can do.
pub trait Engine {
    /// The queries the engine was built for, by depth: 0 is the root level.
    fn queries(&self) -> &[Query];

    /// Whether `helper` can be asked: the plugin exports it, or the kernel has a generic stub for it.
    fn has(&self, helper: Helper) -> bool;

    /// Calls one helper; where the plugin does not export it, its generic stub answers.
    ///
    /// # Errors
    /// [`EngineError::Absent`] where there is neither an export nor a stub; the others when the plugin misbehaves.
    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError>;

    /// Answers the query of `depth` for a run of entries of one table: `out[i]` is about `entries[i]`.
    ///
    /// `out` is cleared first, and is shorter than `entries` only on error.
    ///
    /// # Errors
    /// When the plugin traps or exhausts a limit; the error names the entry where that can be told.
    fn scan(&mut self, depth: usize, entries: &[u64], out: &mut Vec<Record>) -> Result<(), EngineError>;
}

impl<E: Engine + ?Sized> Engine for Box<E> {
    fn queries(&self) -> &[Query] {
        (**self).queries()
    }

    fn has(&self, helper: Helper) -> bool {
        (**self).has(helper)
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        (**self).call(helper, args)
    }

    fn scan(&mut self, depth: usize, entries: &[u64], out: &mut Vec<Record>) -> Result<(), EngineError> {
        (**self).scan(depth, entries, out)
    }
}

/// Why an engine could not answer. The plugin is at fault, but for [`EngineError::Build`].
#[derive(Debug, Error)]
pub enum EngineError {
    /// The plugin stopped in the middle of a call.
    #[error("plugin {what} in {export}({}){}", Args(args), At(*offset))]
    Trap {
        /// The export that was called.
        export: String,
        /// Its arguments; an entry comes first.
        args: Vec<u64>,
        /// What happened: the trap or the exhausted limit, in words.
        what: String,
        /// Where in the plugin's file, if wasmtime can tell.
        offset: Option<u64>,
    },
    /// As [`EngineError::Trap`], with the place in the image whose entry it was.
    #[error("{cause}, on {table}[{index}]")]
    TrapOnEntry {
        /// The trap.
        cause: Box<EngineError>,
        /// Physical address of the table.
        table: PhysAddr,
        /// Index of the entry in it.
        index: u32,
    },
    /// A helper was asked for that the plugin does not export and that has no generic definition.
    #[error("the plugin does not export {helper} {}, and the kernel has no generic definition of it", .helper.signature())]
    Absent {
        /// The helper.
        helper: Helper,
    },
    /// The plugin could not be compiled or instantiated.
    #[error("cannot {stage} the plugin: {what}")]
    Build {
        /// What was being done.
        stage: &'static str,
        /// What wasmtime said.
        what: String,
    },
}

impl EngineError {
    /// Adds where in the image the entry was, if the error is about an entry.
    pub fn on_entry(self, table: PhysAddr, index: u32) -> EngineError {
        match self {
            EngineError::Trap { .. } => EngineError::TrapOnEntry { cause: Box::new(self), table, index },
            other => other,
        }
    }
}

struct Args<'a>(&'a [u64]);

impl std::fmt::Display for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, arg) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{arg:#x}")?;
        }
        Ok(())
    }
}

struct At(Option<u64>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(offset) => write!(f, " at offset {offset:#x}"),
            None => Ok(()),
        }
    }
}
