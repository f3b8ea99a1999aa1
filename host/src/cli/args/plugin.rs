//! Arguments of `ptwalk plugin new`, `build` and `list`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ptwalk::scaffold::{Arch, Language};

use super::{ConfigArgs, OutputArgs};

pub const NEW_HELP: &str = "\
A new folder NAME with source, manifest, a law of its own and a test, ready to be built without a network. In Rust the
source is that of the embedded plugin; in C and WAT it is a smaller one, for v5.3. Nothing is written over.

Examples:
  ptwalk plugin new mine --arch arm64 --lang wat
  ptwalk plugin new mine --arch x86 --lang rust --in ~/src";

pub const BUILD_HELP: &str = "\
Rust needs rustup's target wasm32-unknown-unknown, or Debian's rustc-web; C needs clang and lld; WAT needs nothing.
What is found is used, and where nothing is, the message says how to get it.

Examples:
  ptwalk plugin build mine
  ptwalk plugin build mine --kernel 6.1        checked for that kernel
  ptwalk plugin build mine --fetch             with Debian's compiler, unpacked into a cache

Exit code 4 means that the module was built and is refused.";

pub const LIST_HELP: &str = "\
Installed plugins are the .wasm and .wat files of $XDG_DATA_HOME/ptwalk/plugins (~/.local/share/ptwalk/plugins); all
commands find them by name. An embedded plugin's name stays its own. The verdict is that of `ptwalk verify`.";

#[derive(Debug, Args)]
pub struct PluginNewArgs {
    /// Name of the plugin, and of its folder
    pub name: String,
    /// Architecture to start from
    #[arg(long, value_enum)]
    arch: ArchArg,
    /// Language to write it in
    #[arg(long, value_enum)]
    lang: LangArg,
    /// Folder that the new one is made in
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    pub parent: PathBuf,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl PluginNewArgs {
    pub fn arch(&self) -> Arch {
        match self.arch {
            ArchArg::Arm64 => Arch::Arm64,
            ArchArg::X86 => Arch::X86,
            ArchArg::Ppc => Arch::Ppc,
        }
    }

    pub fn language(&self) -> Language {
        match self.lang {
            LangArg::Rust => Language::Rust,
            LangArg::C => Language::C,
            LangArg::Wat => Language::Wat,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArchArg {
    Arm64,
    X86,
    Ppc,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LangArg {
    Rust,
    C,
    Wat,
}

#[derive(Debug, Args)]
pub struct PluginBuildArgs {
    /// Folder with the plugin's source
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// The module to write [default: DIR/NAME.wasm]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Unpack Debian's compiler into the cache first, where it is not there yet
    #[arg(long)]
    pub fetch: bool,
    /// Do not prove the result
    #[arg(long)]
    pub no_check: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct PluginListArgs {
    /// List this folder in place of the user's own
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
