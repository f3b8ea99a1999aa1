//! Pipes: stdin, closed readers, and output that ends early.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::image::{CYCLE, Files, HOLE, KERNEL_PAGE, PAGE, ROOT};
use crate::{ptwalk, ptwalk_with};

#[test]
fn walk_reads_addresses_from_stdin() {
    let files = Files::new();
    let image = files.user();
    let stdin = format!("{PAGE}\n\n  {HOLE}  \n");
    let run = ptwalk_with(&["walk", &image, "-", "--root", ROOT, "--format", "csv"], stdin.as_bytes()).exits(1);
    assert_eq!(run.out.lines().count(), 3, "{}", run.out);
    let both = ptwalk_with(&["walk", &image, PAGE, "-", "--root", ROOT, "--format", "csv"], b"0x403000").exits(1);
    assert_eq!(both.out, run.out);
    ptwalk_with(&["walk", &image, "-", "--root", ROOT], b"").exits(0).prints_nothing();
}

#[test]
fn a_bad_line_is_named_by_its_number_and_ends_the_document() {
    let files = Files::new();
    let image = files.user();
    let stdin = format!("{PAGE}\n\nffff\n{HOLE}\n");
    let run = ptwalk_with(&["walk", &image, "-", "--root", ROOT, "--json"], stdin.as_bytes());
    let run = run.exits(2).says(&["stdin, line 3", "`ffff` is not a number"]);
    let document = run.document();
    assert_eq!((&document["complete"], &document["reason"]), (&false.into(), &"usage".into()));
    assert_eq!(document["walks"].as_array().map(Vec::len), Some(1), "what was walked is kept");
    let run = ptwalk_with(&["walk", &image, "-", "--root", ROOT, "--format", "jsonl"], stdin.as_bytes()).exits(2);
    let lines = run.lines();
    assert_eq!(lines.last(), Some(&serde_json::json!({ "complete": false, "reason": "usage" })));
    let run = ptwalk_with(&["plugin", "run", "arm64", "pte_same", "-", "--json"], b"1 2\n3\n").exits(2);
    let run = run.says(&["stdin, line 2", "takes 2 arguments"]);
    assert_eq!(run.document()["complete"], false);
}

#[test]
fn a_line_without_end_is_refused_and_not_collected() {
    let files = Files::new();
    let image = files.user();
    let endless = vec![b'1'; 1 << 20];
    for args in [&["walk", &image, "-", "--root", ROOT][..], &["plugin", "run", "arm64", "pte_none", "-"]] {
        ptwalk_with(args, &endless).exits(2).says(&["stdin, line 1", "longer than 4096 bytes"]);
    }
    ptwalk_with(&["walk", &image, "-", "--root", ROOT], b"\xff\xfe\n").exits(2).says(&["stdin, line 1", "utf-8"]);
}

/// Closes stdout after the first line, as `head -1` does.
fn first_line(args: &[&str]) -> (String, Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(64, child.stdout.take().expect("stdout is a pipe"));
    reader.read_line(&mut line).expect("a line");
    drop(reader);
    let output = child.wait_with_output().expect("the program ends");
    (line, output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_closed_pipe_is_silent() {
    let files = Files::new();
    // A pte table full of pages, so that the output is longer than any pipe holds.
    let mut memory = crate::image::user_memory();
    (0..512).for_each(|i| memory.store(0x4000 + i * 8, 0x00e8_0000_8000_0f53 + (i << 12)));
    (0..512).filter(|i| *i != 2).for_each(|i| memory.store(0x3000 + i * 8, 0x4003));
    let core = memory.core(crate::support::core::ByteOrder::Little, 4096).build();
    let image = files.write("full.elf", &core);
    let range = "0x0-0x40000000";
    for format in ["text", "json", "jsonl", "csv"] {
        let args = ["dump", &image, "--root", ROOT, "--range", range, "--format", format, "-q"];
        let (line, code, err) = first_line(&args);
        assert!(!line.is_empty());
        assert_eq!((code, err.as_str()), (Some(0), ""), "{format}");
    }
    for args in [&["gup", "--json", "-q"][..], &["plugin", "helpers"], &["--help"], &["plugin", "inspect", "arm64"]] {
        let (_, code, err) = first_line(args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_no_panic_and_no_success() {
    let files = Files::new();
    let image = files.user();
    for args in
        [&["walk", &image, PAGE, "--root", ROOT, "--json"][..], &["info", &image], &["dump", &image, "--root", ROOT]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full");
        let output = Command::new(env!("CARGO_BIN_EXE_ptwalk")).args(args).stdout(full).output().expect("runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        assert!(err.contains("No space left") && !err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn data_is_on_stdout_and_all_else_on_stderr() {
    let files = Files::new();
    let image = files.kernel();
    let run = ptwalk(&["dump", &image]).exits(0).says(&["plugin arm64", "root 0x0000000000010000"]);
    assert!(!run.out.contains("plugin arm64"), "{}", run.out);
    let image = files.user();
    ptwalk(&["walk", &image, PAGE]).exits(3).prints_nothing();
    ptwalk(&["walk", &image, "zz", "--root", ROOT]).exits(2).prints_nothing();
    ptwalk(&["walk", &image, CYCLE, "--root", ROOT, "--kernel", "0.1"]).exits(2).prints_nothing();
    // With half of the answers given, they stay.
    let image = files.kernel();
    let run = ptwalk(&["walk", &image, KERNEL_PAGE, "0x1000", "--format", "jsonl"]).exits(3).says(&["--half lower"]);
    assert_eq!(run.lines()[1], serde_json::json!({ "complete": false, "reason": "image" }));
}

/// Sends SIGINT.
fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// The program, with both of its outputs read by the test.
fn spawn(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

#[test]
fn an_interrupted_walk_ends_with_a_record_that_says_so() {
    let files = Files::new();
    let [a, b] = ["a.ptimg", "b.ptimg"].map(|name| files.path(name).to_str().expect("UTF-8").to_owned());
    ptwalk(&["gen", &a, "--mapped", "16G", "-q"]).exits(0);
    ptwalk(&["gen", &b, "--mapped", "16G", "--seed", "2", "-q"]).exits(0);
    interrupted(&["dump", &a, "--format", "jsonl", "-q"]);
    interrupted(&["diff", &a, &b, "--merge", "none", "--format", "jsonl", "-q"]);
}

/// Interrupts a command that prints millions of lines after its first.
fn interrupted(args: &[&str]) {
    let mut child = spawn(args);
    let mut reader = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    reader.read_line(&mut String::new()).expect("a line");
    // It waits for the reader now, in the middle of its output.
    interrupt(&child);
    let lines: Vec<String> = reader.lines().map(|line| line.expect("UTF-8")).collect();
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "ptwalk: interrupted\n");
    assert!(lines.len() < 4 << 20, "{} lines are all of it", lines.len());
    let last: serde_json::Value = serde_json::from_str(lines.last().expect("a line")).expect("a record");
    let last = &last["summary"];
    assert_eq!((&last["complete"], &last["reason"]), (&false.into(), &"interrupted".into()));
}

#[test]
fn an_interrupted_campaign_tells_what_was_done() {
    let mut child = spawn(&["fuzz", "--property", "claims", "--property", "narrow", "--seconds", "600", "--json"]);
    let mut notices = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    notices.read_line(&mut String::new()).expect("its seed");
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let notices: Vec<String> = notices.lines().map(|line| line.expect("UTF-8")).collect();
    assert_eq!(notices.last().map(String::as_str), Some("ptwalk: interrupted: 1 of 2 properties were begun"));
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!((&document["complete"], &document["reason"]), (&false.into(), &"interrupted".into()));
    let rows = document["properties"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0]["name"], &rows[0]["finding"]), (1, &"claims".into(), &serde_json::Value::Null));
}

#[test]
fn an_interrupted_writer_leaves_no_file() {
    let files = Files::new();
    let folder = files.path("out");
    std::fs::create_dir(&folder).expect("made");
    let image = folder.join("large.ptimg").to_str().expect("UTF-8").to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
    command.args(["gen", &image, "--mapped", "4T", "-q"]).stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.stderr(Stdio::null()).spawn().expect("the program starts");
    let files_there = || std::fs::read_dir(&folder).expect("a folder").count();
    while files_there() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    interrupt(&child);
    assert_eq!(child.wait_with_output().expect("the program ends").status.code(), Some(130));
    assert_eq!(files_there(), 0);
}
