//! Waiting until a plugin's file, or its sources, are not what they were.
//!
//! In: a module's path, and folders of sources where there is something to build. Out: one [`Seen::Changed`] a change,
//! when writing seems to be over. Guaranteed: whether something changed is decided by looking at the files, not by
//! what the system tells; so a file that is renamed into place, a folder that is removed and comes back, and a system that
//! tells nothing are all seen, within [`POLL`] at the latest. What the system tells only makes it quick. Not handled:
//! sources beyond [`FILES_MAX`] or deeper than [`DEPTH_MAX`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::admission::Stamp;

/// Time after which the files are looked at although nobody told of a change.
pub const POLL: Duration = Duration::from_millis(200);

/// Time for which nothing may change before a change counts as complete: editors and linkers write in several steps.
const QUIET: Duration = Duration::from_millis(40);

/// Time after which a change counts although the files go on changing.
const RESTLESS: Duration = Duration::from_secs(2);

/// Source files that are looked at: a plugin has some twenty.
const FILES_MAX: usize = 4096;

/// Levels of folders below a source folder.
const DEPTH_MAX: usize = 8;

/// Wake-ups that wait; one would do.
const WAKES: usize = 16;

/// What builds make, and what is no source for that.
const MADE: [&str; 6] = ["wasm", "o", "a", "lock", "swp", "tmp"];

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something changed, which was first seen then.
    Changed(Instant),
    /// [`Waker::stop`] was called.
    Stopped,
}

enum Wake {
    Look,
    Stop,
}

/// Ends the waiting, from another thread.
#[derive(Clone, Debug)]
pub struct Waker(SyncSender<Wake>);

impl Waker {
    /// Whoever waits is told to stop.
    pub fn stop(&self) {
        // Nobody waits any more where this fails.
        let _ = self.0.send(Wake::Stop);
    }
}

/// The state of each file that matters; what is not there has none.
type State = BTreeMap<PathBuf, Stamp>;

/// Files that are waited for.
pub struct Watched {
    module: PathBuf,
    sources: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    /// Folders that the system tells of, by what they were.
    armed: BTreeMap<PathBuf, (u64, u64)>,
    wakes: Receiver<Wake>,
    state: State,
}

impl Watched {
    /// Waits for `module`, or, where there are `sources`, for what is in those folders and is not made by a build. What is
    /// there now is no change.
    pub fn new(module: &Path, sources: &[PathBuf]) -> (Watched, Waker) {
        let (to, wakes) = sync_channel(WAKES);
        let waker = Waker(to.clone());
        // A full channel wakes anyway. Without a watcher there is still the clock.
        let tell = move |_: notify::Result<notify::Event>| drop(to.try_send(Wake::Look));
        let watcher = notify::recommended_watcher(tell).ok();
        let (module, sources) = (module.to_owned(), sources.to_owned());
        let mut watched = Watched { module, sources, watcher, armed: BTreeMap::new(), wakes, state: State::new() };
        watched.state = watched.look();
        (watched, waker)
    }

    /// Waits for the next change.
    pub fn wait(&mut self) -> Seen {
        loop {
            let state = self.look();
            if state != self.state {
                return self.settle(state);
            }
            self.arm();
            if self.sleep(POLL) {
                return Seen::Stopped;
            }
        }
    }

    /// Waits until what was seen changing does so no more.
    fn settle(&mut self, state: State) -> Seen {
        let first = Instant::now();
        self.state = state;
        let mut last = first;
        while last.elapsed() < QUIET && first.elapsed() < RESTLESS {
            if self.sleep(QUIET.saturating_sub(last.elapsed())) {
                return Seen::Stopped;
            }
            let state = self.look();
            if state != self.state {
                self.state = state;
                last = Instant::now();
            }
        }
        Seen::Changed(first)
    }

    /// Sleeps until something is told or the time is over; whether to stop.
    fn sleep(&self, time: Duration) -> bool {
        match self.wakes.recv_timeout(time) {
            Ok(Wake::Stop) => true,
            Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => false,
            // The watcher and every waker are gone, and nobody can stop us but the clock's end.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                false
            }
        }
    }

    fn look(&self) -> State {
        let mut state = State::new();
        if self.sources.is_empty() {
            if let Ok(stamp) = Stamp::at(&self.module) {
                state.insert(self.module.clone(), stamp);
            }
            return state;
        }
        for folder in &self.sources {
            self.visit(folder, DEPTH_MAX, &mut |path| {
                if let Ok(stamp) = Stamp::at(&path)
                    && state.len() < FILES_MAX
                {
                    state.insert(path, stamp);
                }
            });
        }
        state
    }

    /// The sources in a folder and below. What cannot be read is not there.
    fn visit(&self, folder: &Path, depth: usize, file: &mut dyn FnMut(PathBuf)) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten().take(FILES_MAX) {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth > 0 && is_source_folder(&path) {
                self.visit(&path, depth - 1, file);
            } else if !kind.is_dir() && path != self.module && is_source(&path) {
                file(path);
            }
        }
    }

    /// Folders in which a change can happen.
    fn folders(&self) -> Vec<PathBuf> {
        let parent = |path: &Path| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            parent.unwrap_or(Path::new(".")).to_owned()
        };
        let mut folders: Vec<PathBuf> = self.sources.clone();
        folders.extend(self.state.keys().map(|path| parent(path)));
        if self.sources.is_empty() {
            folders.push(parent(&self.module));
        }
        folders.sort();
        folders.dedup();
        folders
    }

    /// Has the system tell of changes in the folders as they are now.
    fn arm(&mut self) {
        let folders = self.folders();
        let Some(watcher) = &mut self.watcher else { return };
        self.armed.retain(|folder, _| folders.contains(folder));
        for folder in folders {
            let Ok(metadata) = fs::metadata(&folder) else {
                self.armed.remove(&folder);
                continue;
            };
            let identity = (metadata.dev(), metadata.ino());
            if self.armed.get(&folder) == Some(&identity) {
                continue;
            }
            // The old watch, if there is one, is of a folder that is gone. What cannot be watched is looked at by the clock.
            let _ = watcher.unwatch(&folder);
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                self.armed.insert(folder, identity);
            }
        }
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn is_source_folder(path: &Path) -> bool {
    !name(path).starts_with('.') && name(path) != "target"
}

fn is_source(path: &Path) -> bool {
    let made = path.extension().and_then(OsStr::to_str).is_some_and(|extension| MADE.contains(&extension));
    !made && !name(path).starts_with('.') && !name(path).ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for a change that must come, and that there is no second one.
    #[track_caller]
    fn changes(watched: &mut Watched, waker: &Waker) {
        let (stop, waker) = (Instant::now() + Duration::from_secs(10), waker.clone());
        assert!(matches!(watched.wait(), Seen::Changed(_)));
        assert!(Instant::now() < stop);
        rests(watched, &waker);
    }

    /// Nothing more happens.
    #[track_caller]
    fn rests(watched: &mut Watched, waker: &Waker) {
        let waker = waker.clone();
        let later = std::thread::spawn(move || {
            std::thread::sleep(POLL * 2);
            waker.stop();
        });
        assert_eq!(watched.wait(), Seen::Stopped);
        later.join().expect("it ends");
    }

    #[test]
    fn a_file_is_seen_written_replaced_removed_and_back_with_its_folder() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("plugins");
        let (file, other) = (folder.join("p.wasm"), folder.join("q.wasm"));
        fs::create_dir(&folder).expect("made");
        fs::write(&file, "one").expect("written");
        let (mut watched, waker) = Watched::new(&file, &[]);
        rests(&mut watched, &waker);
        fs::write(&file, "two").expect("written");
        changes(&mut watched, &waker);
        fs::write(&other, "another file is none of ours").expect("written");
        rests(&mut watched, &waker);
        fs::rename(&other, &file).expect("renamed");
        changes(&mut watched, &waker);
        fs::rename(&folder, root.path().join("away")).expect("renamed");
        changes(&mut watched, &waker);
        fs::create_dir(&folder).expect("made");
        rests(&mut watched, &waker);
        fs::write(&file, "three").expect("written");
        changes(&mut watched, &waker);
        fs::remove_dir_all(&folder).expect("removed");
        changes(&mut watched, &waker);
    }

    #[test]
    fn sources_are_seen_and_what_a_build_makes_is_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let module = root.path().join("p.wasm");
        fs::create_dir_all(root.path().join("src")).expect("made");
        fs::create_dir_all(root.path().join("target")).expect("made");
        fs::write(root.path().join("src/lib.rs"), "one").expect("written");
        let (mut watched, waker) = Watched::new(&module, &[root.path().to_owned()]);
        for made in ["p.wasm", "p.o", ".p.swp", "target/x.rs", "Cargo.lock", "lib.rs~"] {
            fs::write(root.path().join(made), "made").expect("written");
        }
        rests(&mut watched, &waker);
        fs::write(root.path().join("src/lib.rs"), "two").expect("written");
        changes(&mut watched, &waker);
        fs::write(root.path().join("src/new.rs"), "new").expect("written");
        changes(&mut watched, &waker);
    }

    #[test]
    fn a_writer_in_steps_is_one_change() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let file = root.path().join("p.wasm");
        let (mut watched, waker) = Watched::new(&file, &[]);
        let writer = std::thread::spawn(move || {
            for step in 1..6 {
                fs::write(&file, "x".repeat(step)).expect("written");
                std::thread::sleep(QUIET / 4);
            }
        });
        changes(&mut watched, &waker);
        writer.join().expect("it ends");
    }
}
