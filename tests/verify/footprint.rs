//! What hostile modules cost: time and memory of a process of their own.
//!
//! In: the files of the corpus that are made to exhaust the verifier. Out: a failure where one takes more than
//! [`SECOND`] of processor time or [`MEMORY_KIB_MAX`]. Guaranteed: each file is judged in a process that does nothing
//! else, so that its peak is the file's (assembling the text included). Not handled: systems without `/proc`.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{files, load, outcome};

/// Processor time of one hostile module. What the clock of the verification ends (043, 107, 116, 121) takes a second by
/// the wall; a tenth is for ending, and for what an unoptimised build does before.
const SECOND: Duration = Duration::from_millis(1_300);

/// Peak of resident memory of one hostile module.
const MEMORY_KIB_MAX: u64 = 256 << 10;

/// The file that a process of its own judges.
const FILE: &str = "PTWALK_TEST_FOOTPRINT";

/// A number of `/proc/self/status`, in KiB.
fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Nanoseconds that this thread has run.
fn thread_time() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Not a test: the other side of [`hostile_modules_are_refused_cheaply`].
#[test]
fn judges_one_file() {
    let Some(path) = env::var_os(FILE) else { return };
    let (_, case, module) = load(path.as_ref()).expect("a file of the corpus");
    let before = thread_time();
    let found = outcome(&case, &module);
    let took = thread_time().zip(before).map(|(after, before)| after - before);
    assert!(!found.errors.is_empty(), "it is refused");
    println!("footprint {} {}", took.unwrap_or(0), status("VmHWM:").unwrap_or(0));
}

#[test]
fn hostile_modules_are_refused_cheaply() {
    if status("VmHWM:").is_none() || thread_time().is_none() {
        println!("skipped: no /proc");
        return;
    }
    let program = env::current_exe().expect("a test is a program");
    let is_hostile = |name: &str| ["043", "107", "11", "121"].iter().any(|number| name.starts_with(number));
    let mut judged = 0;
    for path in files("reject") {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !is_hostile(&name) {
            continue;
        }
        let mut child = Command::new(&program);
        child.args(["--exact", "footprint::judges_one_file", "--nocapture", "--test-threads=1"]).env(FILE, &path);
        let output = child.output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers = text.split_once("footprint ").and_then(|(_, rest)| rest.lines().next()).unwrap_or_default();
        let numbers: Vec<u64> = numbers.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [nanoseconds, kib] = numbers[..] else { panic!("{name}: {text}") };
        let time = Duration::from_nanos(nanoseconds);
        println!("{name:<52} {time:>10.1?} {:>6} KiB", kib);
        assert!(time < SECOND, "{name}: {time:?}");
        assert!(0 < kib && kib < MEMORY_KIB_MAX, "{name}: {kib} KiB");
        judged += 1;
    }
    assert!(judged > 25, "{judged} files");
}
