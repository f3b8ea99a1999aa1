//! What can be wrong with a table image.
//!
//! In: the facts of one fault. Out: text, which [`ImageError::Ptimg`](crate::image::ImageError) puts behind the name of
//! the image and the file offset. Guaranteed: lower case, one line. Not handled: faults that every image can have, which
//! are `ImageError`'s own.

use std::fmt;

use bincode::error::DecodeError;
use ptwalk_abi::PhysAddr;
use thiserror::Error;

use super::{ALIGN, VERSION, limits};
use crate::zone::ZoneError;

/// A fault of a table image.
#[derive(Debug, Error)]
pub enum PtimgFault {
    /// A version that this program does not know.
    #[error("version {0} of the format; this program reads version {VERSION}")]
    Version(u32),
    /// Bytes that version 1 leaves zero are not.
    #[error("a reserved byte is {0:#04x}, not 0; a newer program wrote it, or the file is damaged")]
    Reserved(u8),
    /// The header begins where it cannot.
    #[error("the header is said to begin at {0:#x}, which is no multiple of {ALIGN:#x} behind the preamble")]
    HeaderOffset(u64),
    /// A header that is absurdly large.
    #[error("a header of {bytes:#x} bytes, above the limit of {:#x}", limits::PTIMG_HEADER_BYTES)]
    HeaderBytes {
        /// Bytes that it is said to have.
        bytes: u64,
    },
    /// Something follows the header.
    #[error("{0:#x} bytes follow the header, which ends the file")]
    Trailing(u64),
    /// A field of the header cannot be decoded.
    #[error("{field} cannot be decoded: {cause}")]
    Decode {
        /// Which.
        field: Field,
        /// What the decoder said.
        cause: DecodeError,
    },
    /// The header is longer than its fields.
    #[error("{0:#x} bytes of the header belong to no field")]
    HeaderTail(u64),
    /// A text that is longer than any that makes sense or has control characters, or a name that is empty or has blanks.
    #[error("{field}: {text:?} is too long, or has characters that it may not have")]
    Text {
        /// Which field.
        field: Field,
        /// The beginning of the text.
        text: String,
    },
    /// An extern that this program does not know.
    #[error("there is no extern {0:?}; a newer program wrote the image, or the file is damaged")]
    Extern(String),
    /// An extern that is named twice.
    #[error("extern {0} is named twice")]
    ExternTwice(String),
    /// An extern whose value it cannot have.
    #[error("{key} = {value} is out of range")]
    Value {
        /// The extern.
        key: String,
        /// Its value.
        value: i32,
    },
    /// A root that cannot be.
    #[error("root {index}: {pa} is no multiple of 8, or its half {half} is neither 0 (lower) nor 1 (upper)")]
    Root {
        /// Its place in the list.
        index: usize,
        /// Its address.
        pa: PhysAddr,
        /// Its half.
        half: u8,
    },
    /// More roots than any real image has.
    #[error("{count} roots exceed the limit of {}", limits::PTIMG_ROOTS)]
    Roots {
        /// How many there are.
        count: usize,
    },
    /// A root that is named twice for the same half.
    #[error("root {index} is there twice: {pa}")]
    RootTwice {
        /// Its second place in the list.
        index: usize,
        /// Its address.
        pa: PhysAddr,
    },
    /// A type of device memory that this program does not know.
    #[error("there is no pgmap type {0:?}")]
    PgmapType(String),
    /// A device range or compound page that cannot be.
    #[error(transparent)]
    Zone(ZoneError),
    /// More extents than any real image has.
    #[error("{count} extents exceed the limit of {}", limits::PTIMG_EXTENTS)]
    Extents {
        /// How many there are.
        count: usize,
    },
    /// An extent that does not consist of whole entries.
    #[error("an extent of {bytes:#x} bytes at {pa}: neither may be other than a multiple of 8, nor the size 0")]
    Extent {
        /// Physical address.
        pa: PhysAddr,
        /// Bytes.
        bytes: u64,
    },
    /// An extent that ends beyond the address space.
    #[error("an extent of {bytes:#x} bytes at {pa} exceeds the 64-bit address space")]
    ExtentOverflow {
        /// Physical address.
        pa: PhysAddr,
        /// Bytes.
        bytes: u64,
    },
    /// Two extents share an address.
    #[error("two extents hold physical address {0}")]
    ExtentOverlap(PhysAddr),
    /// The extents need more or less room than there is between preamble and header.
    #[error("the extents end at file offset {end:#x}, but the header begins at {header:#x}")]
    ExtentRoom {
        /// Where they end, rounded up.
        end: u64,
        /// Where the header begins.
        header: u64,
    },
}

/// A field of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name of the architecture.
    Arch,
    /// Externs.
    Settings,
    /// Root tables.
    Roots,
    /// Device ranges.
    Pgmaps,
    /// Compound pages.
    Compounds,
    /// Page references.
    Pages,
    /// Where the tables come from.
    Provenance,
    /// VMCOREINFO.
    Vmcoreinfo,
    /// Extents.
    Extents,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Arch => "the architecture",
            Field::Settings => "the configuration",
            Field::Roots => "the list of roots",
            Field::Pgmaps => "the list of pgmaps",
            Field::Compounds => "the list of compound pages",
            Field::Pages => "the list of pages",
            Field::Provenance => "the provenance",
            Field::Vmcoreinfo => "VMCOREINFO",
            Field::Extents => "the list of extents",
        })
    }
}
