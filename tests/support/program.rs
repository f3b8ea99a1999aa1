//! The program as a user runs it: arguments and stdin in; exit code, stdout and stderr out.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The arguments, for messages.
    pub args: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// stdout.
    pub bytes: Vec<u8>,
    /// stdout as text; empty where it is none.
    pub out: String,
    /// stderr.
    pub err: String,
}

/// A run of the program.
pub fn ptwalk<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Run {
    ptwalk_with(program, args, b"")
}

/// A run of the program with something on stdin. A program that does not read all of it is no failure.
pub fn ptwalk_with<S: AsRef<OsStr>>(program: &str, args: &[S], stdin: &[u8]) -> Run {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    let bytes = stdin.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let output = child.wait_with_output().expect("the program ends");
    // A pipe closed by the program is its right.
    drop(writer.join().expect("the writer does not panic"));
    let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy().into_owned()).collect();
    Run {
        args: args.join(" "),
        code: output.status.code(),
        out: String::from_utf8(output.stdout.clone()).unwrap_or_default(),
        bytes: output.stdout,
        err: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

impl Run {
    /// Checks the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "`ptwalk {}`\nstdout: {}\nstderr: {}", self.args, self.out, self.err);
        self
    }

    /// Checks that stderr holds each of `texts`, and that it is no panic.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(self.err.contains(text), "`ptwalk {}` does not say {text:?}: {}", self.args, self.err);
        }
        assert!(!self.err.contains("panicked"), "`ptwalk {}`: {}", self.args, self.err);
        self
    }

    /// Checks that stdout is empty: an error is no data.
    #[track_caller]
    pub fn prints_nothing(self) -> Run {
        assert_eq!((&self.out[..], self.bytes.len()), ("", 0), "`ptwalk {}`", self.args);
        self
    }

    /// stdout as one JSON document of this interface.
    #[track_caller]
    pub fn document(&self) -> Value {
        let value: Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("`ptwalk {}`: {error}: {}", self.args, self.out));
        assert_eq!(value["schema"], "ptwalk/1", "`ptwalk {}`", self.args);
        value
    }

    /// stdout as JSON, a document a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
