//! The arguments of `ptwalk extract`.

use std::path::PathBuf;

use clap::Args;

use super::{ImageArgs, OutputArgs, TableArgs};

pub const HELP: &str = "\
Examples:
  ptwalk extract vmcore kernel.ptimg                     the kernel's tables, whose root VMCOREINFO points to
  ptwalk extract vmcore user.ptimg --root 0x4e9de000 --pgmap pmem.toml
  ptwalk dump user.ptimg                                 no flags: the image says what it is

What the walk of `ptwalk dump` reaches is kept, with the configuration, the roots, VMCOREINFO and the device ranges. The
roots given are the only ones kept: name each with --root and --half. Exit code 1 means that tables are missing from
IMAGE, or were left out.";

#[derive(Debug, Args)]
pub struct ExtractArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// File to write (.ptimg)
    pub out: PathBuf,
    /// Device ranges and page reference counts to keep (TOML; see `ptwalk gup --help`)
    #[arg(long, value_name = "FILE")]
    pub pgmap: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
