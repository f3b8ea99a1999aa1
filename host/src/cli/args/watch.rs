//! Arguments of `ptwalk watch`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ptwalk_abi::{Half, PhysAddr, VaRange};

use super::{ConfigArgs, EngineArg, ImageArgs, PluginArgs, TableArgs, ThreadArgs, parse_half, parse_pa, parse_range};

pub const HELP: &str = "\
At each change the plugin is read, proved, compiled and tested, the ranges are walked with the new one and the one
before, and what they say differently is printed, with the time of each stage. A plugin that is refused changes
nothing: the laws that it newly breaks are printed, each with an input that shows it, and the last good plugin stays.

With --build, a change is one of the sources: the files in the plugin's folder, or in each --source, but for what
builds make (*.wasm *.o *.a *.lock, target/, names that begin with a dot).

Examples:
  ptwalk watch vmcore ./mine.wat --root 0x4e9de000
  ptwalk watch vmcore ./mine/mine.wasm --build 'ptwalk plugin build mine --no-check' --laws mine/mine.laws
  ptwalk watch vmcore ./mine.wat --times 1 --format jsonl     what is there now, and no waiting

In a terminal the output is for people; otherwise, or with --format jsonl, it is one JSON document an event.
Exit code 130 after a signal; with --times, 4 if the last plugin was refused.";

#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Plugin file (.wasm or .wat)
    pub plugin: String,
    /// Command that builds the plugin, run by sh at each change of a source
    #[arg(long, value_name = "CMD")]
    pub build: Option<String>,
    /// Folder of sources; repeatable [default: the plugin's]
    #[arg(long, value_name = "DIR", requires = "build")]
    source: Vec<PathBuf>,
    /// Laws to prove besides the host's
    #[arg(long, value_name = "FILE")]
    pub laws: Option<PathBuf>,
    /// Addresses to walk, half-open; repeatable [default: everything the roots translate]
    #[arg(long, value_name = "A-B|A+N", value_parser = parse_range)]
    pub range: Vec<VaRange>,
    /// Physical address of a root table; repeatable [default: what `probe` finds]
    #[arg(long, value_name = "PA", value_parser = parse_pa)]
    root: Vec<PhysAddr>,
    /// Half of the address space that the root of the same position translates
    #[arg(long, value_name = "HALF", value_parser = parse_half)]
    half: Vec<Half>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Engine that answers what entries mean [default: fused]
    #[arg(long, value_enum)]
    engine: Option<EngineArg>,
    /// Records to list of each change; what is left out is counted all the same
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: u64,
    /// End after N plugins were judged, that at the start included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub times: Option<u64>,
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Form of the output [default: text in a terminal, or else jsonl]
    #[arg(long, value_enum)]
    format: Option<WatchFormat>,
    /// Same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WatchFormat {
    /// For people
    Text,
    /// One JSON document an event
    Jsonl,
}

impl WatchArgs {
    pub fn format(&self) -> WatchFormat {
        let terminal = if std::io::stdout().is_terminal() { WatchFormat::Text } else { WatchFormat::Jsonl };
        if self.json { WatchFormat::Jsonl } else { self.format.unwrap_or(terminal) }
    }

    /// How the tables are to be read.
    pub fn tables(&self) -> TableArgs {
        let (plugin, engine) = (Some(self.plugin.clone()), self.engine);
        let plugin = PluginArgs { plugin, config: self.config.clone(), engine, unverified: false };
        TableArgs { plugin, root: self.root.clone(), half: self.half.clone() }
    }

    /// Where sources are, if there is something to build.
    pub fn sources(&self) -> Vec<PathBuf> {
        if self.build.is_none() || !self.source.is_empty() {
            return self.source.clone();
        }
        let file = PathBuf::from(&self.plugin);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        vec![folder.map_or_else(|| PathBuf::from("."), PathBuf::from)]
    }
}
