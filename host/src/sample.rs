//! The embedded sample: the page tables of a real process.
//!
//! One user process of a Debian kernel 6.12.95 for arm64 under QEMU (4K granule, 48-bit addresses), stopped while it
//! held mappings of every kind: anonymous memory, transparent and hugetlb huge pages, PROT_NONE, swapped pages, and
//! persistent memory through ext4-dax and /dev/dax. The image is an ELF core with just the frames that hold its tables.

use std::io::Read;

use flate2::read::GzDecoder;
use ptwalk_abi::{Half, PhysAddr};
use thiserror::Error;

use crate::image::{Image, ImageError};
use crate::walk::Root;
use crate::zone::{Zone, ZoneError, file};

const IMAGE: &[u8] = include_bytes!("../samples/arm64-6.12-user.elf.gz");
const PGMAPS: &str = include_str!("../samples/arm64-6.12-pgmap.toml");

/// Bytes of the image unpacked: a bound, so that a damaged build cannot unpack without end.
const IMAGE_BYTES_MAX: u64 = 1 << 20;

/// Root of the process's tables (TTBR0_EL1 when it was stopped).
pub const ROOT: Root = Root { pa: PhysAddr(0x4e9d_e000), half: Half::Lower };

/// Why the sample cannot be had: the build is damaged.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The image does not unpack.
    #[error("the embedded sample does not unpack: {0}")]
    Unpack(#[from] std::io::Error),
    /// The image is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Unpacks the image.
///
/// # Errors
/// [`SampleError`], where the build is damaged.
pub fn image() -> Result<Image, SampleError> {
    let mut bytes = Vec::new();
    GzDecoder::new(IMAGE).take(IMAGE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Image::from_bytes("embedded sample arm64-6.12", bytes, None)?)
}

/// The guest's device memory.
///
/// # Errors
/// [`ZoneError`] where the embedded text is damaged.
pub fn zone() -> Result<Zone, ZoneError> {
    file::parse(PGMAPS, "embedded sample arm64-6.12-pgmap.toml")
}
