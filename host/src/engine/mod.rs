//! Engines: who answers what an entry means.
//!
//! In: a plugin under a frozen configuration and one [`Query`] a level. Out: an [`Engine`], which tells of single entries,
//! scans runs of them, and calls single helpers. Every engine gives the same answers; they differ in speed and in what
//! they trust. [`fused`] compiles the closed forms of a [`VerifiedPlugin`](ptwalk_verifier::verify::VerifiedPlugin) into
//! the scan and knows no plugin that is not verified; [`sandbox`] runs the plugin's own code in wasmtime, which contains
//! also one that is not.

mod calls;
pub mod condition;
pub mod fused;
pub mod prepared;
pub mod query;
pub mod sandbox;
mod specialise;
mod words;

use ptwalk_abi::{Helper, PhysAddr};
use thiserror::Error;

pub use condition::Condition;
pub use fused::Fused;
pub use prepared::{Admitted, Choice, Prepared, Started};
pub use query::{Facts, Queries, Query, Record, Wanted};
pub use words::Words;

/// A run of entries of one table, as the image holds them.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The entries, in the order of bytes of the tables; an incomplete one at the end is ignored.
    pub bytes: &'a [u8],
    /// Index of the first in its table.
    pub first: u32,
    /// What will be scanned after this, as far as it is known: it is asked of memory meanwhile.
    pub ahead: &'a [u8],
}

/// A scan that ended with an error.
#[derive(Debug, Error)]
#[error("{cause}")]
pub struct Failed {
    /// Index in its table of the first entry that could not be answered for.
    pub index: u32,
    /// Why.
    pub cause: EngineError,
}

/// What every engine can do.
pub trait Engine {
    /// The queries the engine was built for.
    fn queries(&self) -> &Queries;

    /// Whether `helper` can be asked: the plugin exports it, or the kernel has a generic stub for it.
    fn has(&self, helper: Helper) -> bool;

    /// Calls one helper; where the plugin does not export it, its generic stub answers.
    ///
    /// # Errors
    /// [`EngineError::Absent`] where there is neither an export nor a stub; the others when the plugin misbehaves.
    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError>;

    /// What the query of `depth` tells of one entry.
    ///
    /// # Errors
    /// When the plugin misbehaves.
    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError>;

    /// Scans a run for the entries that the query of `depth` keeps: a packed word for each, in ascending order.
    ///
    /// `out` is cleared first; on error it holds the words of entries before the one that failed.
    ///
    /// # Errors
    /// When the plugin misbehaves.
    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed>;

    /// Whether a leaf that the query of `depth` keeps can exist at all, as far as the engine knows.
    fn may_find(&self, _depth: usize) -> bool {
        true
    }
}

impl<E: Engine + ?Sized> Engine for Box<E> {
    fn queries(&self) -> &Queries {
        (**self).queries()
    }

    fn has(&self, helper: Helper) -> bool {
        (**self).has(helper)
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        (**self).call(helper, args)
    }

    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        (**self).record(depth, entry)
    }

    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        (**self).scan(depth, run, out)
    }

    fn may_find(&self, depth: usize) -> bool {
        (**self).may_find(depth)
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
    /// A frame number that no machine has; a verified plugin has none (R702).
    #[error("plugin says that {helper}({entry:#x}) is frame {frame:#x}, beyond {pa_bits} bits of physical address")]
    Frame {
        /// The reader.
        helper: Helper,
        /// The entry.
        entry: u64,
        /// What it said.
        frame: u64,
        /// Bits of a physical address that an entry may hold.
        pa_bits: u32,
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
            EngineError::Trap { .. } | EngineError::Frame { .. } => {
                EngineError::TrapOnEntry { cause: Box::new(self), table, index }
            }
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
