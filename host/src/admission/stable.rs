//! Reading a file that somebody may be writing.
//!
//! In: a path and a limit. Out: the bytes and a [`Stamp`], or which of the things that can go on under a reader did.
//! Guaranteed of the bytes: the file was not written to, cut or grown while it was read, and the path led to that very
//! file before and after. Reading never blocks on what is no file. Not handled: a writer that pauses in the middle of
//! writing in place; what it left so far is read, and is for [validation](ptwalk_verifier::validate) to refuse, or for
//! [`Stamp::age`] to wait for. Writing to another name and renaming avoids that.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use thiserror::Error;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds. The time of change moves also where a writer sets the other one back.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file cannot be read as a whole.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system says no: nothing is there, or its directory has vanished, or it may not be read.
    #[error("cannot {operation} {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{} is no regular file", path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// There is more of it than any plugin has.
    #[error("{} has {bytes} bytes, more than the {limit} that are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It was written to, cut or grown while it was read.
    #[error("{} changed while it was read: {before} bytes before, {read} read, {after} after", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Bytes at first.
        before: u64,
        /// Bytes read.
        read: u64,
        /// Bytes at last.
        after: u64,
    },
    /// The path led to another file in the end, or its directory was exchanged.
    #[error("{} was replaced while it was read", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
}

impl ReadError {
    /// Whether trying again may help: somebody was at work on the file.
    pub const fn is_passing(&self) -> bool {
        matches!(self, ReadError::Changed { .. } | ReadError::Replaced { .. })
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The stamp of what a path leads to now.
    ///
    /// # Errors
    /// What the system said.
    pub fn at(path: &Path) -> io::Result<Stamp> {
        Ok(Stamp::of(&std::fs::metadata(path)?))
    }

    /// Time since the file was changed last; zero where that lies in the future.
    pub fn age(&self) -> Duration {
        let (seconds, nanos) = self.changed;
        let since_epoch = Duration::new(seconds.try_into().unwrap_or(0), nanos.try_into().unwrap_or(0));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(since_epoch)
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// [`ReadError`].
///
/// # Cost
/// At most `limit` bytes of memory and one more.
pub fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, Stamp), ReadError> {
    read_with(path, limit, || ())
}

/// The same, with something that happens between opening and reading: tests have a writer there.
fn read_with(path: &Path, limit: u64, meanwhile: impl FnOnce()) -> Result<(Vec<u8>, Stamp), ReadError> {
    let failed = |operation| move |cause| ReadError::Io { path: path.to_owned(), operation, cause };
    // A pipe without a writer would keep whoever opens it waiting.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(failed("open"))?;
    let (before, is_file) = stamp(&file).map_err(failed("look at"))?;
    if !is_file {
        return Err(ReadError::NotAFile { path: path.to_owned() });
    }
    if before.bytes > limit {
        return Err(ReadError::TooLarge { path: path.to_owned(), bytes: before.bytes, limit });
    }
    meanwhile();
    let mut bytes = Vec::new();
    (&mut file).take(limit + 1).read_to_end(&mut bytes).map_err(failed("read"))?;
    let (after, _) = stamp(&file).map_err(failed("look at"))?;
    let at_path = match Stamp::at(path) {
        Ok(stamp) => stamp,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(ReadError::Replaced { path: path.to_owned() });
        }
        Err(cause) => return Err(failed("look at")(cause)),
    };
    if (at_path.device, at_path.inode) != (before.device, before.inode) {
        return Err(ReadError::Replaced { path: path.to_owned() });
    }
    let read = bytes.len() as u64;
    if after != before || at_path != before || read != before.bytes {
        return Err(ReadError::Changed { path: path.to_owned(), before: before.bytes, read, after: at_path.bytes });
    }
    Ok((bytes, before))
}

fn stamp(file: &File) -> io::Result<(Stamp, bool)> {
    let metadata = file.metadata()?;
    Ok((Stamp::of(&metadata), metadata.is_file()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn folder_with(contents: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let inner = folder.path().join("plugins");
        fs::create_dir(&inner).expect("created");
        let path = inner.join("p.wasm");
        fs::write(&path, contents).expect("written");
        (folder, path)
    }

    #[test]
    fn what_nobody_touches_is_read() {
        let (_folder, path) = folder_with(b"module");
        let (bytes, stamp) = read(&path, LIMIT).expect("read");
        assert_eq!((&bytes[..], stamp), (&b"module"[..], Stamp::at(&path).expect("there")));
        assert!(stamp.age() < Duration::from_secs(60), "{:?}", stamp.age());
    }

    #[test]
    fn what_is_written_cut_or_grown_meanwhile_is_not() {
        for contents in [&b"modulE"[..], b"mod", b"module and more"] {
            let (_folder, path) = folder_with(b"module");
            let result = read_with(&path, LIMIT, || {
                // In place, through another handle; times of files tick slowly.
                std::thread::sleep(Duration::from_millis(20));
                fs::write(&path, contents).expect("written");
            });
            assert!(matches!(result, Err(ReadError::Changed { before: 6, .. })), "{contents:?}: {result:?}");
            assert!(result.is_err_and(|error| error.is_passing()));
        }
    }

    #[test]
    fn a_file_replaced_meanwhile_is_not_read() {
        let (_folder, path) = folder_with(b"module");
        let next = path.with_extension("next");
        let result = read_with(&path, LIMIT, || {
            fs::write(&next, b"other!").expect("written");
            fs::rename(&next, &path).expect("renamed");
        });
        assert!(matches!(result, Err(ReadError::Replaced { .. })), "{result:?}");
        assert_eq!(read(&path, LIMIT).expect("read").0, b"other!");
    }

    #[test]
    fn a_directory_replaced_by_rename_is_noticed() {
        let (folder, path) = folder_with(b"module");
        let (plugins, other) = (folder.path().join("plugins"), folder.path().join("other"));
        fs::create_dir(&other).expect("created");
        fs::write(other.join("p.wasm"), b"module").expect("written");
        let result = read_with(&path, LIMIT, || {
            fs::rename(&plugins, folder.path().join("old")).expect("renamed");
            fs::rename(&other, &plugins).expect("renamed");
        });
        assert!(matches!(result, Err(ReadError::Replaced { .. })), "{result:?}");
        let vanishes = read_with(&path, LIMIT, || fs::remove_dir_all(&plugins).expect("removed"));
        assert!(matches!(vanishes, Err(ReadError::Replaced { .. })), "{vanishes:?}");
        assert!(matches!(read(&path, LIMIT), Err(ReadError::Io { operation: "open", .. })));
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused_at_once() {
        let (folder, path) = folder_with(b"module");
        assert!(matches!(read(folder.path(), LIMIT), Err(ReadError::NotAFile { .. })));
        let mut file = OpenOptions::new().append(true).open(&path).expect("opened");
        file.write_all(b"!").expect("written");
        assert!(matches!(read(&path, 6), Err(ReadError::TooLarge { bytes: 7, limit: 6, .. })));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        assert!(matches!(read(&pipe, LIMIT), Err(ReadError::NotAFile { .. })));
    }
}
