//! Arguments of `ptwalk fuzz`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, OutputArgs, parse_threads};

pub const HELP: &str = "\
With a plugin, its helpers are called with entries of every kind, in wasmtime, in wasmi and in the fused engine with each of
its kernels, and compared with the closed forms, bounds and known bits that `ptwalk verify` claims, with the laws, and with
a second plugin. Without one, ptwalk itself is fuzzed: every property of `--list` for its part of the time.

A finding is made small and written to a file; its seed repeats it. docs/soundness.md says what the properties show.

Examples:
  ptwalk fuzz mine.wat --seconds 60 --laws mine.laws         a plugin against its claims and its laws
  ptwalk fuzz mine.wat --against arm64 --kernel 6.12         and against another one
  ptwalk fuzz --seconds 600 --jobs 2                         ptwalk itself
  ptwalk fuzz --property claims --property narrow --runs 100000
  ptwalk fuzz --property claims --replay claims-2a.wasm      a stored input again

Exit code 1 means that something was found. Ctrl-C ends a campaign early, and what was done until then is told (130).";

#[derive(Debug, Args)]
pub struct FuzzArgs {
    /// Plugin to fuzz (.wasm, .wat or name) [default: ptwalk itself]
    pub plugin: Option<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Laws to hold the plugin to besides the host's
    #[arg(long, value_name = "FILE", requires = "plugin")]
    pub laws: Option<PathBuf>,
    /// A plugin that should compute the same
    #[arg(long, value_name = "PLUGIN", requires = "plugin")]
    pub against: Option<String>,
    /// Run this property alone; repeatable
    #[arg(long, value_name = "NAME", conflicts_with = "plugin")]
    pub property: Vec<String>,
    /// Say which properties there are
    #[arg(long, conflicts_with_all = ["plugin", "property", "save", "replay"])]
    pub list: bool,
    /// Time in all
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub seconds: u64,
    /// Inputs of each property at most
    #[arg(long, value_name = "N")]
    pub runs: Option<u64>,
    /// Seed of the first input [default: the clock's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Threads
    #[arg(long, value_name = "N", value_parser = parse_threads, default_value = "1")]
    pub jobs: NonZeroUsize,
    /// Folder of modules to change, besides the embedded plugins; repeatable
    #[arg(long, value_name = "DIR")]
    pub corpus: Vec<PathBuf>,
    /// Folder for the inputs of findings
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Write the modules of the corpus and as many generated inputs as --runs says into this folder, and check nothing:
    /// seeds for coverage-guided fuzzing
    #[arg(long, value_name = "DIR", requires = "property", conflicts_with = "replay")]
    pub save: Option<PathBuf>,
    /// Check this input again, and nothing else
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}
