//! ptwalk's own table image, `.ptimg`: page tables, and what a walk must know about them, in one file.
//!
//! In: a file that begins with [`MAGIC`], or tables to write. Out: extents of physical memory for
//! [`Image`](super::Image) and a [`TableInfo`]; or such a file. The bytes are documented in `docs/ptimg.md`; this
//! module has what [`reader`] and [`writer`] share.
//!
//! The header stands behind the frames, because the extents are known only when all frames are written; a preamble of
//! fixed size points to it. An extent has no file offset: extents follow each other in the file, so no two can claim the
//! same bytes, and none can lie outside.
//!
//! Not handled: compression, and memory that holds no tables.

mod fault;
pub(super) mod reader;
mod writer;

#[cfg(test)]
mod tests;

use ptwalk_abi::{Config, Extern, Half, Kconfig, PhysAddr};

use super::limits;
use crate::zone::Zone;

pub use fault::{Field, PtimgFault};
pub use writer::{WriteError, Writer};

/// What a table image begins with. The line end and the end-of-file character are damaged by what treats it as text.
pub const MAGIC: [u8; 8] = *b"PTIMG\r\n\x1a";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Bytes of the preamble.
const PREAMBLE_BYTES: usize = 4096;

/// What the file offset of every extent is a multiple of, so that a mapping of the file has frames on whole pages.
pub const ALIGN: u64 = PREAMBLE_BYTES as u64;

/// Where the fields of the preamble are.
mod preamble {
    pub const VERSION: u64 = 8;
    pub const FLAGS: u64 = 12;
    pub const HEADER_OFFSET: u64 = 16;
    pub const HEADER_BYTES: u64 = 24;
    pub const END: u64 = 32;
}

/// How the header is encoded: integers of fixed size, least significant byte first.
type Encoding = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<{ limits::PTIMG_HEADER_BYTES }>,
>;

const ENCODING: Encoding = bincode::config::standard().with_fixed_int_encoding().with_limit();

/// The lists of the header, in its order, as they are encoded.
mod wire {
    /// Name of an extern, value.
    pub type Setting = (String, i32);
    /// Physical address, 0 for the lower half and 1 for the upper.
    pub type Root = (u64, u8);
    /// First byte, first byte above, type, live.
    pub type Pgmap = (u64, u64, String, bool);
    /// First frame, log2 of the frames.
    pub type Compound = (u64, u32);
    /// Frame, references.
    pub type Page = (u64, i64);
    /// Physical address, bytes.
    pub type Extent = (u64, u64);
}

/// What a table image says about its tables.
#[derive(Clone, Debug, Default)]
pub struct TableInfo {
    /// Architecture, by the name of its plugin.
    pub arch: String,
    /// The configuration of the kernel that the tables are of; defaults where an extern is not named.
    pub settings: Vec<(Extern, i32)>,
    /// Root tables, and the half of the address space that each translates.
    pub roots: Vec<(PhysAddr, Half)>,
    /// Device ranges, compound pages and page references.
    pub zone: Zone,
    /// Where the tables come from, in words.
    pub provenance: String,
    /// The text of the kernel's VMCOREINFO; empty where there is none.
    pub vmcoreinfo: String,
}

/// The value of every extern, as a table image names them: a reader whose defaults are others reads the same.
pub fn settings(config: &Config) -> Vec<(Extern, i32)> {
    Extern::ALL.iter().map(|key| (*key, config.get(*key))).collect()
}
