//! Arguments of `ptwalk rmap`.

use clap::Args;
use ptwalk_abi::VaRange;

use super::{ImageArgs, OutputArgs, TableArgs, ThreadArgs, parse_range};

pub const HELP: &str = "\
All addresses are looked for in one walk, under every root; what is found is printed in the order of the walk.

  ptwalk rmap vmcore 0x71019000
  ptwalk rmap vmcore --root 0x4e9de000 - --json < frames

Exit code 1 means that one of them is not mapped.";

/// What of the address space is walked, and how.
#[derive(Clone, Debug, Args)]
pub struct AreaArgs {
    /// Virtual addresses to look at, half-open; repeatable [default: everything the roots translate]
    #[arg(long, value_name = "A-B|A+N", value_parser = parse_range)]
    pub range: Vec<VaRange>,
    #[command(flatten)]
    pub threads: ThreadArgs,
}

#[derive(Debug, Args)]
pub struct RmapArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Physical addresses; '-' reads them from stdin, one a line
    #[arg(required = true, value_name = "PA")]
    pub addresses: Vec<String>,
    #[command(flatten)]
    pub area: AreaArgs,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
