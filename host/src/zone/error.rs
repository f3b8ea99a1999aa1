//! What can be wrong with device ranges, pages, and files of them.

use ptwalk_abi::{Pfn, PhysAddr};
use thiserror::Error;

use super::config::ConfigError;
use super::memremap::Refusal;

/// What is wrong with a range, a compound page, or a file of them. Whoever wrote the file is at fault.
#[derive(Debug, Error)]
pub enum ZoneError {
    /// A range that ends where it starts, or before.
    #[error("pgmap [{start}, {end}) is empty")]
    Empty {
        /// First byte.
        start: PhysAddr,
        /// First byte above.
        end: PhysAddr,
    },
    /// Two ranges share bytes: no frame can belong to two pgmaps.
    #[error("pgmap [{start}, {end}) overlaps [{other_start}, {other_end})")]
    Overlap {
        /// First byte.
        start: PhysAddr,
        /// First byte above.
        end: PhysAddr,
        /// First byte of the earlier range.
        other_start: PhysAddr,
        /// First byte above the earlier range.
        other_end: PhysAddr,
    },
    /// A compound page that cannot be.
    #[error("compound page of order {order} at frame {head}: the head must be aligned to the order and free")]
    Compound {
        /// Its first frame.
        head: Pfn,
        /// log2 of its frames.
        order: u32,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file larger than any that makes sense.
    #[error("{path}: larger than {max} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// Bytes that are read.
        max: u64,
    },
    /// A file that is not what it should be.
    #[error("{path}: {cause}")]
    Syntax {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        cause: toml::de::Error,
    },
    /// A file with a range or page that cannot be.
    #[error("{path}: {cause}")]
    InFile {
        /// The file.
        path: String,
        /// What is wrong.
        cause: Box<ZoneError>,
    },
    /// A kernel that cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A range that the modelled kernel would not register.
    #[error("pgmap [{start}, {end}) is refused: {refusal}")]
    Refused {
        /// First byte.
        start: PhysAddr,
        /// First byte above.
        end: PhysAddr,
        /// Why.
        refusal: Refusal,
    },
}
