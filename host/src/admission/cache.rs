//! Verdicts that are kept from one run to the next.
//!
//! In: a directory of the user's own, and reports. Out: [`Record`]s found again by module, configuration, laws, verifier
//! and build. Guaranteed: a record is written to a temporary file and renamed, so that one that is there is whole; what
//! does not fit its checksum or its key is as good as absent; the directory is bounded, and is not used where others can
//! write to it. What is kept is what was *said*, never what was proved: there is no way from here to a
//! [`VerifiedPlugin`](ptwalk_verifier::verify::VerifiedPlugin), so that a record that somebody forged can
//! keep a plugin out and cannot let one in (docs/trust.md). Not handled: code and closed forms, for that reason.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ptwalk_abi::Config;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{Difference, LawSet, Receipt, Verdict, VerifyReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::xdg;

/// Bytes of one record. The verifier gives at most twenty reasons, each of some two kilobytes.
const RECORD_BYTES_MAX: u64 = 256 << 10;

/// Records that are kept: every configuration and kernel epoch of a plugin under work, and then some.
const RECORDS_MAX: usize = 512;

/// Bytes of all records.
const BYTES_MAX: u64 = 16 << 20;

/// Age from which a temporary file belongs to nobody any more: whoever wrote it was killed.
const ABANDONED: Duration = Duration::from_secs(60);

/// The first line of a record, before its checksum.
const MAGIC: &str = "ptwalk-verdict/1 ";

const SUFFIX: &str = ".verdict";
const TEMPORARY: &str = ".tmp-";

/// What was said of a plugin under a configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The verdict with everything it depends on.
    pub receipt: Receipt,
    /// The program that said it: its size and the time it was made. A rebuilt verifier is another one, also where
    /// nobody thought of raising its version.
    build: String,
    /// The reasons to refuse, for people to read.
    pub reasons: Vec<String>,
    /// The same for programs, as `ptwalk verify --json` prints them.
    pub errors: Value,
}

/// Verdicts in a directory.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    build: String,
    hits: AtomicU64,
    misses: AtomicU64,
    damaged: AtomicU64,
    stored: AtomicU64,
    failed: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

/// What a cache has done so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheState {
    /// Where it is.
    pub folder: PathBuf,
    /// Records found.
    pub hits: u64,
    /// Records looked for in vain.
    pub misses: u64,
    /// Records that did not fit their checksum or their key, and were thrown away.
    pub damaged: u64,
    /// Records written.
    pub stored: u64,
    /// Records that could not be written.
    pub failed: u64,
    /// Why the last of those could not.
    pub last_failure: Option<String>,
}

/// Why a directory cannot hold verdicts.
#[derive(Debug, Error)]
pub enum CacheError {
    /// Nobody says where it should be.
    #[error("neither XDG_CACHE_HOME nor HOME names a directory for the cache")]
    NoHome,
    /// The system says no.
    #[error("cannot {operation} the cache {}: {cause}", folder.display())]
    Io {
        /// The directory.
        folder: PathBuf,
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// It is a file or a symbolic link.
    #[error("the cache {} is no directory", folder.display())]
    NotADirectory {
        /// What it is called.
        folder: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("the cache {} belongs to user {owner}, not to {user}", folder.display())]
    NotOurs {
        /// The directory.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Others may write to it or look into it.
    #[error("the cache {} is open to others (mode {mode:03o}): chmod 700 it", folder.display())]
    NotPrivate {
        /// The directory.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// The directory for this user's cache: below `$XDG_CACHE_HOME`, or `~/.cache`. It is its own, because what else ptwalk
/// keeps there (compilers) need not be private.
///
/// # Errors
/// [`CacheError::NoHome`].
pub fn default_folder() -> Result<PathBuf, CacheError> {
    xdg::cache_home().map(|home| home.join("ptwalk").join("verdicts")).ok_or(CacheError::NoHome)
}

impl Cache {
    /// Opens a cache, made if it is not there.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(folder: &Path) -> Result<Cache, CacheError> {
        let failed = |operation| move |cause| CacheError::Io { folder: folder.to_owned(), operation, cause };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make"))?;
        let metadata = fs::symlink_metadata(folder).map_err(failed("look at"))?;
        if !metadata.is_dir() {
            return Err(CacheError::NotADirectory { folder: folder.to_owned() });
        }
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user {
            return Err(CacheError::NotOurs { folder: folder.to_owned(), owner: metadata.uid(), user });
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(CacheError::NotPrivate { folder: folder.to_owned(), mode });
        }
        let cache = Cache {
            folder: folder.to_owned(),
            build: build().map_err(failed("name this program for"))?,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last_failure: Mutex::new(None),
        };
        cache.prune().map_err(failed("tidy"))?;
        Ok(cache)
    }

    /// What was said of a plugin under a configuration by these laws, by this very program.
    pub fn find(&self, plugin: &ValidPlugin, config: &Config, laws: &LawSet) -> Option<Record> {
        let path = self.path(plugin, config, laws);
        let record = match self.read(&path) {
            Ok(record) => Some(record).filter(|record| self.fits(record, plugin, config, laws)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            Err(_) => None,
        };
        match record {
            Some(record) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Some(record)
            }
            None => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                // What cannot be removed is written over by the next verdict.
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps what was said. A verdict that a budget cut short is not kept: the next run may have more time. What cannot
    /// be written is counted and is no error: nothing depends on it.
    pub fn store(&self, plugin: &ValidPlugin, config: &Config, laws: &LawSet, report: &VerifyReport) {
        if report.verdict == Verdict::Unknown {
            return;
        }
        match self.write(&self.path(plugin, config, laws), laws, report) {
            Ok(()) => {
                self.stored.fetch_add(1, Ordering::Relaxed);
            }
            Err(cause) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause.to_string());
            }
        }
    }

    /// What the cache has done so far.
    pub fn state(&self) -> CacheState {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheState {
            folder: self.folder.clone(),
            hits: count(&self.hits),
            misses: count(&self.misses),
            damaged: count(&self.damaged),
            stored: count(&self.stored),
            failed: count(&self.failed),
            last_failure: self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn path(&self, plugin: &ValidPlugin, config: &Config, laws: &LawSet) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(plugin.sha256_hex());
        for key in ptwalk_abi::Extern::ALL {
            hash.update(config.value(*key).to_le_bytes());
        }
        hash.update(laws.sha256_hex());
        hash.update(&self.build);
        self.folder.join(format!("{}{SUFFIX}", hex(&hash.finalize())))
    }

    /// Whether a record is about this very question.
    fn fits(&self, record: &Record, plugin: &ValidPlugin, config: &Config, laws: &LawSet) -> bool {
        let differences = record.receipt.check(plugin.bytes(), config, laws);
        record.build == self.build && differences.iter().all(|difference| matches!(difference, Difference::Verdict(_)))
    }

    fn read(&self, path: &Path) -> io::Result<Record> {
        let not_followed = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(not_followed).open(path)?;
        let mut text = String::new();
        file.take(RECORD_BYTES_MAX + 1).read_to_string(&mut text)?;
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let (head, body) = text.split_once('\n').ok_or_else(|| damaged("no first line"))?;
        let checksum = head.strip_prefix(MAGIC).ok_or_else(|| damaged("not a verdict"))?;
        if checksum != hex(&Sha256::digest(body)) {
            return Err(damaged("checksum"));
        }
        Ok(serde_json::from_str(body)?)
    }

    fn write(&self, path: &Path, laws: &LawSet, report: &VerifyReport) -> io::Result<()> {
        let record = Record {
            receipt: Receipt::of(report, laws),
            build: self.build.clone(),
            reasons: report.errors.iter().map(ToString::to_string).collect(),
            errors: serde_json::to_value(&report.errors)?,
        };
        let body = serde_json::to_string(&record)?;
        if (MAGIC.len() + 65 + body.len()) as u64 > RECORD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the report is too large to keep"));
        }
        // Readable by the owner alone; removed where anything fails.
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.folder)?;
        file.write_all(format!("{MAGIC}{}\n{body}", hex(&Sha256::digest(&body))).as_bytes())?;
        file.persist(path)?;
        self.prune()
    }

    /// Removes the oldest records beyond the bounds, and what killed writers left.
    fn prune(&self) -> io::Result<()> {
        let mut records: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name: OsString = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            // Somebody else may tidy at the same time.
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified()?;
            if name.ends_with(SUFFIX) {
                records.push((modified, metadata.len(), entry.path()));
            } else if name.starts_with(TEMPORARY) && modified.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&entry.path())?;
            }
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.0));
        let mut bytes = 0;
        for (i, (_, size, path)) in records.iter().enumerate() {
            bytes += size;
            if i >= RECORDS_MAX || bytes > BYTES_MAX {
                remove(path)?;
            }
        }
        Ok(())
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Names this very program.
fn build() -> io::Result<String> {
    let metadata = File::open(std::env::current_exe()?)?.metadata()?;
    Ok(format!("{} {} {}.{:09}", env!("CARGO_PKG_VERSION"), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
