//! Writes a table image, frame by frame.
//!
//! In: frames in any order, then what is to be said about them. Out: a file. Guaranteed: memory is that of the list of
//! extents, and neighbours make one extent; the file appears under its name only when it is whole and was read back, so
//! that a write that fails or is interrupted leaves nothing under that name, and what was there stays. A process that is
//! killed leaves a file named `.ptimg-` and six letters beside it. Not handled: whether the frames hold tables.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bincode::error::EncodeError;
use ptwalk_abi::{Half, PhysAddr};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::{ALIGN, ENCODING, MAGIC, PREAMBLE_BYTES, TableInfo, VERSION, limits, wire};
use crate::image::{Image, ImageError, OpenOptions};

/// Bytes gathered before they are handed to the system.
const BUFFER_BYTES: usize = 1 << 20;

/// Why a table image was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// There is something under that name.
    #[error("{path}: is there already; --force replaces it")]
    Exists {
        /// The target.
        path: String,
    },
    /// What is there is no file.
    #[error("{path}: is no regular file, and is not replaced")]
    NotRegular {
        /// The target.
        path: String,
    },
    /// The system refused something.
    #[error("{path}: offset {offset:#x}: cannot {doing}: {cause}")]
    Io {
        /// The target.
        path: String,
        /// File offset that was reached.
        offset: u64,
        /// What was to be done.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// More runs of frames than an image may have.
    #[error("{path}: offset {offset:#x}: more than {} runs of frames", limits::PTIMG_EXTENTS)]
    Extents {
        /// The target.
        path: String,
        /// File offset that was reached.
        offset: u64,
    },
    /// The header cannot be encoded.
    #[error("{path}: offset {offset:#x}: the header cannot be encoded: {cause}")]
    Encode {
        /// The target.
        path: String,
        /// File offset of the header.
        offset: u64,
        /// What the encoder said.
        cause: EncodeError,
    },
    /// Whoever asked for it wants it no more.
    #[error("stopped")]
    Stopped,
    /// What was written cannot be read: two frames at one address, or a text that is too long.
    #[error("what was written is no table image, and is discarded: {0}")]
    ReadBack(ImageError),
}

/// A table image being written.
pub struct Writer {
    path: PathBuf,
    overwrite: bool,
    file: BufWriter<NamedTempFile>,
    /// Where the next byte goes.
    at: u64,
    extents: Vec<wire::Extent>,
}

impl Writer {
    /// Begins an image that will be called `path`, in a temporary file beside it.
    ///
    /// # Errors
    /// `Exists` unless `overwrite`, `NotRegular`, `Io`.
    pub fn create(path: &Path, overwrite: bool) -> Result<Writer, WriteError> {
        let name = path.display().to_string();
        match path.metadata() {
            Ok(metadata) if !metadata.is_file() => return Err(WriteError::NotRegular { path: name }),
            Ok(_) if !overwrite => return Err(WriteError::Exists { path: name }),
            // What cannot be looked at will be told when the file is made.
            Ok(_) | Err(_) => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // As for any new file, the umask takes away from this.
        builder.prefix(".ptimg-").permissions(Permissions::from_mode(0o666));
        let file = builder.tempfile_in(folder);
        let file = file.map_err(|cause| WriteError::Io { path: name, offset: 0, doing: "create the file", cause })?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut writer = Writer { path: path.to_owned(), overwrite, file, at: 0, extents: Vec::new() };
        writer.append(&[0; PREAMBLE_BYTES])?;
        Ok(writer)
    }

    /// Appends memory at `pa`: whole entries, at the boundary of one.
    ///
    /// # Errors
    /// `Io` and `Extents`. The image cannot be finished then.
    pub fn frame(&mut self, pa: PhysAddr, bytes: &[u8]) -> Result<(), WriteError> {
        let count = bytes.len() as u64;
        if let Some((start, len)) = self.extents.last_mut()
            && start.checked_add(*len) == Some(pa.0)
        {
            *len += count;
            return self.append(bytes);
        }
        if self.extents.len() >= limits::PTIMG_EXTENTS {
            return Err(WriteError::Extents { path: self.name(), offset: self.at });
        }
        self.pad()?;
        self.extents.push((pa.0, count));
        self.append(bytes)
    }

    /// Writes the header and gives the file its name. Returns the file's size.
    ///
    /// # Errors
    /// All variants of [`WriteError`]. Nothing is left behind.
    pub fn finish(mut self, info: &TableInfo) -> Result<u64, WriteError> {
        self.pad()?;
        let start = self.at;
        let header = self.encode(info)?;
        self.append(&header)?;
        let mut preamble = MAGIC.to_vec();
        preamble.extend(VERSION.to_le_bytes());
        preamble.extend(0_u32.to_le_bytes());
        preamble.extend(start.to_le_bytes());
        preamble.extend((header.len() as u64).to_le_bytes());
        let Writer { path, overwrite, file, at, .. } = self;
        let failed = |doing, cause| WriteError::Io { path: path.display().to_string(), offset: at, doing, cause };
        let mut temporary = file.into_inner().map_err(|error| failed("write", error.into_error()))?;
        let written = rewrite(temporary.as_file_mut(), &preamble);
        written.map_err(|cause| failed("write the preamble", cause))?;
        Image::open(temporary.path(), &OpenOptions::default()).map_err(WriteError::ReadBack)?;
        let renamed = if overwrite { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
        renamed.map_err(|error| failed("rename the finished file", error.error))?;
        Ok(at)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.file.write_all(bytes);
        written.map_err(|cause| WriteError::Io { path: self.name(), offset: self.at, doing: "write", cause })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self) -> Result<(), WriteError> {
        let missing = self.at.next_multiple_of(ALIGN) - self.at;
        let zeros = [0; PREAMBLE_BYTES];
        self.append(zeros.get(..usize::try_from(missing).unwrap_or(0)).unwrap_or_default())
    }

    /// The header: its fields in their order.
    fn encode(&self, info: &TableInfo) -> Result<Vec<u8>, WriteError> {
        let settings: Vec<wire::Setting> =
            info.settings.iter().map(|(key, value)| (key.name().to_owned(), *value)).collect();
        let roots: Vec<wire::Root> =
            info.roots.iter().map(|(pa, half)| (pa.0, u8::from(*half == Half::Upper))).collect();
        let pgmaps = info.zone.pgmaps();
        let pgmaps: Vec<wire::Pgmap> =
            pgmaps.map(|(_, map)| (map.start.0, map.end.0, map.kind.name().to_owned(), map.live)).collect();
        let compounds: Vec<wire::Compound> = info.zone.compounds().map(|(head, order)| (head.0, order)).collect();
        let mut pages: Vec<wire::Page> = info.zone.refcounts().map(|(pfn, count)| (pfn.0, count)).collect();
        pages.sort_unstable();
        let zone = (pgmaps, compounds, pages);
        let fields = (&info.arch, settings, roots, zone, &info.provenance, &info.vmcoreinfo, &self.extents);
        bincode::encode_to_vec(fields, ENCODING).map_err(|cause| WriteError::Encode {
            path: self.name(),
            offset: self.at,
            cause,
        })
    }
}

/// Writes the preamble over the zeros at the beginning, and waits until all is on the disk: a full one says so at last
/// here.
fn rewrite(file: &mut File, preamble: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(preamble)?;
    file.sync_all()
}
