//! Arguments of `ptwalk audit`.

use clap::Args;

use super::rmap::AreaArgs;
use super::{ImageArgs, OutputArgs, TableArgs};

pub const HELP: &str = "\
What is found, by what the MMU permits through all levels:
  write_exec        somebody may write it, and somebody may execute it
  user_exec_kernel  a page of the kernel's half that user mode may execute (x86_64's vsyscall page is one)
  alias             frames that one root maps in ways that differ
  broken_run        entries with the contiguous hint that are no run (arm64)
  epoch             entries of another kernel version than the one they are read by

Aliases are looked for under each root by itself; what is held of them is at most 128 MiB, and 8 MiB a part of the walk
(4 parts a thread). Frames for which that is too little are looked at in further walks.

  ptwalk audit vmcore                          the kernel's half
  ptwalk audit vmcore --root 0x4e9de000 --json

Exit code 1 means that something was found.";

#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    #[command(flatten)]
    pub area: AreaArgs,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
