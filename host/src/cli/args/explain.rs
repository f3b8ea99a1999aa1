//! Arguments of `ptwalk explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ptwalk_abi::VirtAddr;

use super::gup::EpochArgs;
use super::{ImageArgs, OutputArgs, TableArgs, parse_va};

pub const HELP: &str = "\
Two judges, side by side. The MMU folds the permissions of every level; GUP asks the last entry alone, by the
rules of the kernel named by --gup-epoch, and about reading or writing only.

  ptwalk explain vmcore 0xffffb1b20000 --access w --el 0 --root 0x4e9de000
  ptwalk explain vmcore 0xffff800080000000 --access x --el 1 --json

Exit code 1 means that the access is refused: by the MMU, or, for reading and writing at --el 0, by GUP.";

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Access {
    /// Read
    R,
    /// Write
    W,
    /// Execute
    X,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Virtual address
    #[arg(value_name = "VA", value_parser = parse_va)]
    pub address: VirtAddr,
    /// What is done
    #[arg(long, value_enum)]
    pub access: Access,
    /// Who does it: 0 is user mode (EL0, CPL 3), 1 the kernel (EL1, CPL 0)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub el: u8,
    #[command(flatten)]
    pub epoch: EpochArgs,
    /// Device ranges (TOML; see `ptwalk gup --help`)
    #[arg(long, value_name = "FILE")]
    pub pgmap: Option<PathBuf>,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
