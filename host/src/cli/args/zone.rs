//! Arguments of `ptwalk zone`.

use std::path::PathBuf;

use clap::Args;
use ptwalk::typed::parse_version;
use ptwalk::zone::section::{Alignment, Machine};
use ptwalk_abi::KVersion;

use super::OutputArgs;

pub const HELP: &str = "\
The file is that of --pgmap, with the kernel and its RAM:
  [zone]
  kernel = \"5.3\"
  machine = \"x86_64\"                      # arm64 x86_64 ppc64
  config = { DEVICE_PRIVATE = false }      # everything else that this kernel can have is on
  [[ram]]
  start = \"0x0\"
  end = \"0x140000000\"
  [[pgmap]]
  start = \"0x148000000\"
  end = \"0x150000000\"
  type = \"fs-dax\"
  altmap = { reserve = 2, free = 512 }     # frames at its start that hold its memory map

Examples:
  ptwalk zone pmem.toml
  ptwalk zone pmem.toml --kernel 5.2 --alignment section-v5.2 --kernel-holes --json

Exit code 1 means that a range is refused, or that there can be no such kernel.";

#[derive(Debug, Args)]
pub struct ZoneArgs {
    /// Device ranges (TOML)
    pub file: PathBuf,
    /// Kernel that registers them, over what the file says
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub kernel: Option<KVersion>,
    /// Its machine, over what the file says
    #[arg(long, value_parser = parse_machine)]
    pub machine: Option<Machine>,
    /// How it aligns [default: as its version does]
    #[arg(long, value_parser = parse_alignment)]
    pub alignment: Option<Alignment>,
    /// With the holes of the kernel's checks, which probe the ends of a range only
    #[arg(long)]
    pub kernel_holes: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn parse_machine(text: &str) -> Result<Machine, String> {
    let found = Machine::ALL.into_iter().find(|machine| machine.name() == text);
    found.ok_or_else(|| format!("expected {}", Machine::ALL.map(Machine::name).join(", ")))
}

fn parse_alignment(text: &str) -> Result<Alignment, String> {
    let found = Alignment::ALL.into_iter().find(|alignment| alignment.name() == text);
    found.ok_or_else(|| format!("expected {}", Alignment::ALL.map(Alignment::name).join(" or ")))
}
