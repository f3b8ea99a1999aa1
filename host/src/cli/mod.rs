//! Arguments, dispatch and exit codes.

mod args;
mod audit;
mod author;
mod bench;
mod census;
mod diff;
mod differences;
mod dump;
mod exit;
mod explain;
mod extract;
mod fuzz;
mod generate;
mod gup;
mod info;
mod interrupt;
mod output;
mod pagemap;
mod plugin;
mod plugins;
mod probe;
mod rmap;
mod serve;
mod session;
mod verify;
mod walk;
mod watch;
mod zone;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// Parses the command line, runs the command, and says how it went.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Info(args) => info::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Walk(args) => walk::run(&args),
        Command::Dump(args) => dump::run(&args),
        Command::Gup(args) => gup::run(&args),
        Command::Census(args) => census::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Rmap(args) => rmap::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Zone(args) => zone::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Extract(args) => extract::run(&args),
        Command::Fuzz(args) => fuzz::run_fuzz(&args),
        Command::Gen(args) => generate::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Plugin(command) => plugin::run(&command),
    };
    exit::code(result)
}
