//! What toolchains emit beside the helpers, and the verifier accepts without using it.
//!
//! In: facts about the module. Out: [`Noise`], which prints as a line. Guaranteed: nothing listed here can be reached
//! from a helper, or else its use is judged where it is used (a mutable global). Not handled: what is refused.

use std::fmt;

use serde::Serialize;

use crate::text;

/// Something in the module that is accepted and has no part in what a helper means. Names are fit to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Noise {
    /// A table. Nothing calls through it.
    Table {
        /// Slots at the start.
        slots: u64,
    },
    /// A segment that fills slots of the table.
    Elements {
        /// Functions in it.
        functions: u32,
    },
    /// The table is exported.
    ExportedTable {
        /// Name of the export.
        name: String,
    },
    /// The memory is exported.
    ExportedMemory {
        /// Name of the export.
        name: String,
    },
    /// A global that cannot change is exported, as linkers do with `__data_end` and `__heap_base`.
    ExportedGlobal {
        /// Name of the export.
        name: String,
    },
    /// A global that can change, as the stack pointer must. What helpers do with it is judged when they are lifted.
    MutableGlobal {
        /// Its index.
        index: u32,
        /// Its name by the name section.
        name: Option<String>,
    },
    /// A custom section without meaning for the verifier, as debug information is.
    CustomSection {
        /// Its name.
        name: String,
        /// Bytes of its contents.
        bytes: usize,
    },
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Noise::Table { slots } => write!(f, "table of {}", text::count(*slots, "slot")),
            Noise::Elements { functions } => write!(f, "element segment of {}", text::count(*functions, "function")),
            Noise::ExportedTable { name } => write!(f, "exported table {name}"),
            Noise::ExportedMemory { name } => write!(f, "exported memory {name}"),
            Noise::ExportedGlobal { name } => write!(f, "exported immutable global {name}"),
            Noise::MutableGlobal { index, name: None } => write!(f, "mutable global {index}"),
            Noise::MutableGlobal { index, name: Some(name) } => write!(f, "mutable global {index} {name}"),
            Noise::CustomSection { name, bytes } => {
                write!(f, "custom section {name} of {}", text::count(*bytes as u64, "byte"))
            }
        }
    }
}
