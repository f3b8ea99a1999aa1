//! The command line. Arguments in, documents on stdout, everything else on stderr; see `ptwalk help`.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
