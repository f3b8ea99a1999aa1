//! Arguments of `ptwalk serve`.

use std::path::PathBuf;

use clap::Args;

use super::{ImageArgs, OutputArgs, TableArgs};

pub const HELP: &str = "\
Requests and answers are JSON, one a line (docs/serving.md): walk, gup, dump, swap, status. The socket is its owner's
alone. SIGTERM and SIGINT end the service when what is being answered is answered.

Examples:
  ptwalk serve vmcore --root 0x4e9de000 --socket /run/user/1000/ptwalk.sock
  ptwalk serve vmcore --root 0x4e9de000 --socket p.sock --plugin mine.wasm --follow
  echo '{\"op\":\"walk\",\"addresses\":[\"0xffffb1b20000\"]}' | nc -NU p.sock";

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Where the socket is to be
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Swap when the plugin's file changes
    #[arg(long, requires = "plugin")]
    pub follow: bool,
    /// Device ranges (TOML; see `ptwalk gup --help`)
    #[arg(long, value_name = "FILE")]
    pub pgmap: Option<PathBuf>,
    /// Where verdicts are kept [default: $XDG_CACHE_HOME/ptwalk/verdicts or ~/.cache/ptwalk/verdicts]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub cache: Option<PathBuf>,
    /// Keep no verdicts
    #[arg(long)]
    pub no_cache: bool,
    /// Clients at a time
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub connections: u16,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
