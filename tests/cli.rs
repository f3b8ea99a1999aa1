//! The command line as a contract: every verb, its exit codes, what is on stdout and what on stderr, and the keys and
//! types of the machine interface.
//!
//! The images are built here, word by word; what the program must say of them is written beside the words.

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/dump.rs"]
mod dump;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/fuzz.rs"]
mod fuzz;
#[path = "cli/image.rs"]
mod image;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/ppc.rs"]
mod ppc;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/rmap.rs"]
mod rmap;
#[path = "cli/streams.rs"]
mod streams;
mod support;
#[path = "cli/tables.rs"]
mod tables;
#[path = "cli/unseen.rs"]
mod unseen;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/watch.rs"]
mod watch;
#[path = "cli/zone.rs"]
mod zone;

use support::program::{self, Run};

/// Runs the program.
fn ptwalk(args: &[&str]) -> Run {
    program::ptwalk(env!("CARGO_BIN_EXE_ptwalk"), args)
}

/// Runs the program with something on stdin.
fn ptwalk_with(args: &[&str], stdin: &[u8]) -> Run {
    program::ptwalk_with(env!("CARGO_BIN_EXE_ptwalk"), args, stdin)
}
