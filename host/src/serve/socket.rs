//! The socket's place in the file system.
//!
//! In: a path. Out: a [`Listening`] socket that its owner alone can connect to, which takes its file away when it goes.
//! Guaranteed: what is no socket is never touched, nor is the socket of a service that is alive; one that was left behind
//! by a service that was killed is replaced. The socket is made in a private directory and moved to its place when its
//! permissions are set, so that it is open to nobody for no moment.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use thiserror::Error;

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum BindError {
    /// The system says no.
    #[error("cannot {operation} the socket {}: {cause}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// Something else is there, and stays.
    #[error("{} is there and is no socket", path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// A service is there.
    #[error("a service listens on {} already", path.display())]
    Alive {
        /// Its socket.
        path: PathBuf,
    },
}

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listening {
    pub listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket's file.
    file: (u64, u64),
    /// Locked for as long as the service lives.
    _lock: File,
}

impl Listening {
    pub fn bind(path: &Path) -> Result<Listening, BindError> {
        let failed = |operation| move |cause| BindError::Io { path: path.to_owned(), operation, cause };
        let lock = lock(path)?;
        clear(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Short, because the path of a socket has room for 108 bytes (include/uapi/linux/un.h, v6.12).
        let private = tempfile::Builder::new().prefix(".").tempdir_in(parent).map_err(failed("make"))?;
        let made = private.path().join("s");
        let listener = UnixListener::bind(&made).map_err(failed("bind"))?;
        fs::set_permissions(&made, Permissions::from_mode(0o600)).map_err(failed("protect"))?;
        let metadata = fs::symlink_metadata(&made).map_err(failed("look at"))?;
        // Whatever came there meanwhile stays.
        renameat_with(CWD, &made, CWD, path, RenameFlags::NOREPLACE).map_err(|error| failed("place")(error.into()))?;
        Ok(Listening { listener, path: path.to_owned(), file: (metadata.dev(), metadata.ino()), _lock: lock })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // Where it cannot be removed it is stale, and the next service removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the lock of a path. It is a file beside the socket and stays there: removing it would let two services lock two
/// files of one name.
fn lock(path: &Path) -> Result<File, BindError> {
    let failed = |cause| BindError::Io { path: path.to_owned(), operation: "lock", cause };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(&name);
    let file = file.map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(BindError::Alive { path: path.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Removes a socket that nobody listens on.
fn clear(path: &Path) -> Result<(), BindError> {
    let failed = |operation| move |cause| BindError::Io { path: path.to_owned(), operation, cause };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the remains of"))
        }
        // It listens, or is full of those who want to connect, or is another's.
        Ok(_) => Err(BindError::Alive { path: path.to_owned() }),
        Err(error) => Err(failed("try")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("p.sock");
        (folder, path)
    }

    #[test]
    fn the_socket_is_the_owners_alone_and_goes_with_the_service() {
        let (folder, path) = folder();
        let listening = Listening::bind(&path).expect("bound");
        assert_eq!(fs::symlink_metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).expect("it listens");
        let beside: Vec<_> = fs::read_dir(folder.path()).expect("ours").filter_map(Result::ok).collect();
        assert_eq!(beside.len(), 2, "the socket and its lock: {beside:?}");
        drop(listening);
        assert!(!path.exists());
        Listening::bind(&path).expect("bound again");
    }

    #[test]
    fn what_was_left_behind_is_replaced_and_nothing_else() {
        let (_folder, path) = folder();
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "a listener leaves its file");
        let listening = Listening::bind(&path).expect("nobody listens there");
        assert!(matches!(Listening::bind(&path), Err(BindError::Alive { .. })));
        UnixStream::connect(&path).expect("the first still listens");
        drop(listening);

        // Another program's, which knows nothing of locks.
        let other = UnixListener::bind(&path).expect("bound");
        assert!(matches!(Listening::bind(&path), Err(BindError::Alive { .. })));
        UnixStream::connect(&path).expect("the other still listens");
        drop(other);
        fs::remove_file(&path).expect("ours");

        fs::write(&path, "precious").expect("written");
        assert!(matches!(Listening::bind(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(fs::read(&path).expect("there"), b"precious");
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink("/nonexistent", &path).expect("linked");
        assert!(matches!(Listening::bind(&path), Err(BindError::NotASocket { .. })));
    }

    #[test]
    fn a_socket_that_somebody_else_put_there_stays() {
        let (_folder, path) = folder();
        let listening = Listening::bind(&path).expect("bound");
        fs::remove_file(&path).expect("ours");
        let _other = UnixListener::bind(&path).expect("bound");
        drop(listening);
        UnixStream::connect(&path).expect("the other still listens");
    }
}
