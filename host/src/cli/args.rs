//! The command line as types; the texts here are what `--help` prints.

#[path = "args/audit.rs"]
mod audit;
#[path = "args/diff.rs"]
mod diff;
#[path = "args/explain.rs"]
mod explain;
#[path = "args/extract.rs"]
mod extract;
#[path = "args/fuzz.rs"]
mod fuzz;
#[path = "args/generate.rs"]
mod generate;
#[path = "args/gup.rs"]
mod gup;
#[path = "args/plugin.rs"]
mod plugin;
#[path = "args/rmap.rs"]
mod rmap;
#[path = "args/serve.rs"]
mod serve;
#[path = "args/watch.rs"]
mod watch;
#[path = "args/zone.rs"]
mod zone;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ptwalk::number::parse_u64;
use ptwalk::typed::{configure, parse_range, parse_setting, parse_version};
use ptwalk::walk::Filter;
use ptwalk::walk::merge::Merge;
use ptwalk_abi::{Config, Extern, Half, KVersion, Level, PhysAddr, VaRange, VirtAddr};

pub use audit::AuditArgs;
pub use diff::DiffArgs;
pub use explain::{Access, ExplainArgs};
pub use extract::ExtractArgs;
pub use fuzz::FuzzArgs;
pub use generate::GenArgs;
pub use gup::{GUP_PAGES_MAX, GupArgs};
pub use plugin::{PluginBuildArgs, PluginListArgs, PluginNewArgs};
pub use rmap::RmapArgs;
pub use serve::ServeArgs;
pub use watch::{WatchArgs, WatchFormat};
pub use zone::ZoneArgs;

const EXAMPLES: &str = "\
Examples:
  ptwalk gup                                       GUP over a real arm64 process (embedded sample)
  ptwalk probe vmcore                              what the dump says about itself, and its roots
  ptwalk walk vmcore 0xffff800080000000            one kernel address, every level
  ptwalk dump vmcore --root 0x4e9de000 --merge va  a user address space, ptdump-like
  ptwalk census vmcore                             entries and bytes by level and attribute
  ptwalk gup vmcore 0xffffb1b20000 64 --root 0x4e9de000 --pgmap pmem.toml
  ptwalk explain vmcore 0xffffb1b20000 --access w --el 0 --root 0x4e9de000
  ptwalk rmap vmcore 0x71019000                    every virtual address of a frame
  ptwalk audit vmcore                              writable code, user-executable kernel pages, aliases
  ptwalk zone pmem.toml --kernel 5.2               would this kernel register these device ranges?
  ptwalk gen tables.ptimg --mapped 1G --holes 5%   synthetic tables from a seed
  ptwalk plugin run arm64 pte_devmap 0x02e8000448800f53

Exit codes: 0 done; 1 done, and the answer is negative; 2 usage; 3 image unreadable or ambiguous;
4 plugin refused; 5 plugin trapped or hit a limit.";

const CONFIG_HELP: &str = "\
Kernel options and facts that the plugin is specialised for, KEY=VALUE separated by commas; `ptwalk plugin externs` \
lists them";

/// Walk page tables in memory images; the architecture is a WASM plugin.
#[derive(Debug, Parser)]
#[command(name = "ptwalk", version, max_term_width = 110, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Physical map of an image: segments, gaps, notes, VMCOREINFO
    Info(InfoArgs),
    /// What an image says about itself: architecture, kernel, geometry, candidate roots, each with its evidence
    Probe(ProbeArgs),
    /// Translate addresses, showing the entry at every level
    #[command(visible_aliases = ["vtop", "v2p"])]
    Walk(WalkArgs),
    /// Every mapping of an address space, ptdump-like
    #[command(visible_alias = "ptdump")]
    Dump(DumpArgs),
    /// get_user_pages_fast: which pages a kernel would pin, and where and why it would stop
    ///
    /// Without arguments, runs over every mapped range of an embedded real arm64 process.
    #[command(after_help = gup::HELP)]
    Gup(GupArgs),
    /// Counts and bytes by level, attribute and device type
    Census(CensusArgs),
    /// What changed between two images, or what two plugins read differently in one
    #[command(after_help = diff::HELP)]
    Diff(DiffArgs),
    /// Which check refuses an access, at which level: the MMU and GUP side by side
    #[command(after_help = explain::HELP)]
    Explain(ExplainArgs),
    /// Every virtual address of a frame
    #[command(visible_aliases = ["ptov", "p2v"], after_help = rmap::HELP)]
    Rmap(RmapArgs),
    /// Memory that may be written and executed, kernel pages that user mode may execute, aliases with different attributes
    #[command(after_help = audit::HELP)]
    Audit(AuditArgs),
    /// Register a file of device ranges as a kernel would: alignment, conflicts, predicates
    #[command(after_help = zone::HELP)]
    Zone(ZoneArgs),
    /// Answer walk, gup and dump over a socket, while plugins are swapped
    #[command(after_help = serve::HELP)]
    Serve(ServeArgs),
    /// The tables of an image alone, as a small table image that answers as the whole does
    #[command(after_help = extract::HELP)]
    Extract(ExtractArgs),
    /// Synthetic table images from a seed
    #[command(after_help = generate::HELP)]
    Gen(GenArgs),
    /// Differential and soundness fuzzing, of a plugin or of ptwalk itself
    #[command(after_help = fuzz::HELP)]
    Fuzz(FuzzArgs),
    /// Engines and operations beside native code and this machine's bandwidth, in about a minute
    #[command(after_help = BENCH_HELP)]
    Bench(BenchArgs),
    /// Is a plugin safe and lawful for every input? Lifts every helper to a closed form and proves the laws
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
    /// Prove a plugin again at each change of its file, walk again, and print what changed in the answer
    #[command(after_help = watch::HELP)]
    Watch(WatchArgs),
    /// Plugins: start, build and check one; run a helper, show what a plugin holds
    #[command(subcommand)]
    Plugin(PluginCommand),
}

const BENCH_HELP: &str = "\
Without an image, synthetic arm64 tables are made from a seed. What is compared runs in turns, so that ratios
hold also where the machine does other things; figures are medians. Roofline 1.00 is what the machine reads of
random pages of 4 KiB, eight bytes an entry; native is the plugin crate compiled in, with a loop by hand.

Examples:
  ptwalk bench                       every engine on synthetic tables
  ptwalk bench vmcore --json         the engines on your own image";

const VERIFY_HELP: &str = "\
Examples:
  ptwalk verify arm64                                        the shipped plugin, for v5.3, 4K granule, 48-bit VA
  ptwalk verify mine.wat --kernel 6.12 --config PAGE_SHIFT=14,VA_BITS=47
  ptwalk verify arm64 --all-configs                          every supported configuration and kernel epoch
  ptwalk verify mine.wasm --laws mine.laws                   with laws of your own (docs/laws.md)
  ptwalk verify --explain C801                               what a code means, and how to mend it

Exit code 4 means that a plugin was refused.";

/// Which image, and how to read it.
#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    /// ELF core (vmcore), table image (.ptimg), or raw memory with --base
    pub image: PathBuf,
    /// The image is raw memory, and its first byte has this physical address
    #[arg(long, value_name = "PA", value_parser = parse_pa)]
    pub base: Option<PhysAddr>,
}

/// How tables are to be read, where the image does not say.
#[derive(Clone, Debug, Default, Args)]
pub struct TableArgs {
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// Physical address of a root table; repeatable [default: what `probe` finds]
    #[arg(long, value_name = "PA", value_parser = parse_pa)]
    pub root: Vec<PhysAddr>,
    /// Half of the address space that the root of the same position translates
    #[arg(long, value_name = "HALF", value_parser = parse_half)]
    pub half: Vec<Half>,
}

/// On how many threads a walk runs. The result is the same on any number.
#[derive(Clone, Debug, Args)]
pub struct ThreadArgs {
    /// Threads that walk [default: one a processor]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    threads: Option<NonZeroUsize>,
}

impl ThreadArgs {
    pub fn count(&self) -> NonZeroUsize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Which plugin, and for which kernel.
#[derive(Clone, Debug, Default, Args)]
pub struct PluginArgs {
    /// Plugin file (.wasm or .wat) or name [default: the embedded plugin of the image's architecture]
    #[arg(long, value_name = "FILE|NAME")]
    pub plugin: Option<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Engine that answers what entries mean [default: fused; with --unverified: sandbox]
    #[arg(long, value_enum)]
    pub engine: Option<EngineArg>,
    /// Use a plugin that is not proved, in the sandbox: it can do no harm, but its answers may be wrong
    #[arg(long)]
    pub unverified: bool,
}

/// The configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',', value_parser = parse_setting, help = CONFIG_HELP)]
    pub config: Vec<(Extern, i32)>,
    /// Kernel version, such as 6.12 or 5.3.1 (sets LINUX_VERSION_CODE)
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub kernel: Option<KVersion>,
}

impl ConfigArgs {
    /// `base` with what the command line says over it.
    pub fn apply(&self, base: Config) -> Config {
        let kernel = self.kernel.map(|version| (Extern::LINUX_VERSION_CODE, version.code()));
        configure(base, self.config.iter().copied().chain(kernel))
    }
}

/// How results are printed.
#[derive(Clone, Debug, Default, Args)]
pub struct OutputArgs {
    /// Form of the output
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more on stderr: the whole configuration, and what the image left open
    #[arg(short, long)]
    pub verbose: bool,
}

impl OutputArgs {
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// How a dump is printed: as other results, or as the kernel's own interface.
#[derive(Clone, Debug, Args)]
pub struct DumpOutputArgs {
    /// Form of the output
    #[arg(long, value_enum, default_value = "text")]
    format: DumpFormat,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long)]
    quiet: bool,
    /// Say more on stderr: the whole configuration, what the image left open, how each level is scanned
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DumpFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
    /// A word a page of each --range, as in /proc/pid/pagemap
    Bin,
}

impl DumpOutputArgs {
    /// Whether pages are asked for as words.
    pub fn bin(&self) -> bool {
        self.format == DumpFormat::Bin
    }

    /// The arguments as those of other commands.
    pub fn plain(&self) -> OutputArgs {
        let format = match self.format {
            DumpFormat::Text | DumpFormat::Bin => Format::Text,
            DumpFormat::Json => Format::Json,
            DumpFormat::Jsonl => Format::Jsonl,
            DumpFormat::Csv => Format::Csv,
        };
        OutputArgs { format, json: self.json, quiet: self.quiet, verbose: self.verbose }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// The plugin's proved closed forms, compiled into the scan
    Fused,
    /// The same, without vector instructions
    FusedScalar,
    /// The same, with AVX2 and nothing later
    FusedAvx2,
    /// The plugin's own code in wasmtime, a whole table per crossing
    Sandbox,
}

#[derive(Debug, Args)]
pub struct InfoArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ProbeArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct WalkArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Virtual addresses; '-' reads them from stdin, one a line
    #[arg(required = true, value_name = "VA")]
    pub addresses: Vec<String>,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct DumpArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Addresses to dump, half-open; repeatable [default: everything the roots translate]
    #[arg(long, value_name = "A-B|A+N", value_parser = parse_range)]
    pub range: Vec<VaRange>,
    /// Merge neighbours of equal attributes into one record
    #[arg(long, value_enum, default_value = "none")]
    pub merge: MergeArg,
    /// Only leaves of which this holds: write user exec young dirty special devmap protnone cont effective.read
    /// effective.write effective.exec effective.user pte pmd pud, with ! & | and parentheses
    #[arg(long, value_name = "EXPR", value_parser = parse_filter)]
    pub filter: Option<Filter>,
    #[command(flatten)]
    pub threads: ThreadArgs,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: DumpOutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MergeArg {
    /// One record a leaf
    None,
    /// Neighbours in virtual addresses
    Va,
    /// Neighbours in virtual and physical addresses
    Pa,
}

impl From<MergeArg> for Merge {
    fn from(arg: MergeArg) -> Merge {
        match arg {
            MergeArg::None => Merge::None,
            MergeArg::Va => Merge::Va,
            MergeArg::Pa => Merge::Pa,
        }
    }
}

#[derive(Debug, Args)]
pub struct CensusArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Device ranges (TOML; see `ptwalk gup --help`)
    #[arg(long, value_name = "FILE")]
    pub pgmap: Option<PathBuf>,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    pub image: OptionalImageArgs,
    /// Times that everything is run
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = parse_rounds)]
    pub rounds: usize,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which image, if any, and how to read it.
#[derive(Clone, Debug, Args)]
pub struct OptionalImageArgs {
    /// ELF core (vmcore), table image (.ptimg), or raw memory with --base; without it, synthetic tables
    pub image: Option<PathBuf>,
    /// The image is raw memory, and its first byte has this physical address
    #[arg(long, value_name = "PA", value_parser = parse_pa, requires = "image")]
    pub base: Option<PhysAddr>,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Plugin files (.wasm or .wat) or names
    #[arg(required_unless_present = "explain", value_name = "PLUGIN")]
    pub plugins: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Verify under every supported configuration and kernel epoch
    #[arg(long, conflicts_with_all = ["config", "kernel", "receipt"])]
    pub all_configs: bool,
    /// Laws to prove besides the host's
    #[arg(long, value_name = "FILE")]
    pub laws: Option<PathBuf>,
    /// Write what was verified to this file; where it is there already, check that it still holds
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Explain a code, such as C801
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub explain: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// The same as `ptwalk verify`
    #[command(after_help = VERIFY_HELP)]
    Check(VerifyArgs),
    /// Call one helper on any value, under any configuration
    #[command(after_help = "\
Examples:
  ptwalk plugin run arm64 pte_mkdevmap 0x00e8000448800f53 --kernel 5.3
  ptwalk plugin run arm64 pte_access_permitted 0x0060000080000fd3 1
  ptwalk plugin run ./mine.wat pmd_devmap - --config TRANSPARENT_HUGEPAGE=0 < entries.txt")]
    Run(PluginRunArgs),
    /// What a plugin holds: manifest, imports, exports, sizes
    Inspect(PluginInspectArgs),
    /// The helpers a plugin may export, with signatures
    Helpers(ListArgs),
    /// The kconfig externs a plugin may import, with defaults
    Externs(ListArgs),
    /// A new plugin: a folder that builds and is proved as it is
    #[command(after_help = plugin::NEW_HELP)]
    New(PluginNewArgs),
    /// Make a module of a plugin's source, and prove it
    #[command(after_help = plugin::BUILD_HELP)]
    Build(PluginBuildArgs),
    /// The plugins that are found by name, embedded and installed
    #[command(after_help = plugin::LIST_HELP)]
    List(PluginListArgs),
}

#[derive(Debug, Args)]
pub struct PluginRunArgs {
    /// Plugin file (.wasm or .wat) or name
    pub plugin: String,
    /// Helper, by the kernel's name
    pub helper: String,
    /// Arguments; '-' reads lists of arguments from stdin, one list a line
    pub args: Vec<String>,
    /// Call a plugin that is not proved: it can do no harm, but its answers may be wrong
    #[arg(long)]
    pub unverified: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct PluginInspectArgs {
    /// Plugin file (.wasm or .wat) or name
    pub plugin: String,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Draw the entry of a level as SVG into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Level whose entry is drawn
    #[arg(long, value_name = "LEVEL", default_value = "pte", value_parser = parse_level)]
    pub level: Level,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Threads that can be asked for: more than any machine has processors, and few enough to start.
const THREADS_MAX: usize = 1024;

fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads: NonZeroUsize = text.parse().map_err(|error| format!("{error}"))?;
    if threads.get() > THREADS_MAX { Err(format!("at most {THREADS_MAX}")) } else { Ok(threads) }
}

fn parse_rounds(text: &str) -> Result<usize, String> {
    let rounds: usize = text.parse().map_err(|error| format!("{error}"))?;
    if (1..=1000).contains(&rounds) { Ok(rounds) } else { Err("1 to 1000".to_owned()) }
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

/// Parses a physical address as typed.
pub fn parse_pa(text: &str) -> Result<PhysAddr, String> {
    parse_u64(text).map(PhysAddr).map_err(|error| error.to_string())
}

/// Parses a virtual address as typed.
pub fn parse_va(text: &str) -> Result<VirtAddr, String> {
    parse_u64(text).map(VirtAddr).map_err(|error| error.to_string())
}

fn parse_level(text: &str) -> Result<Level, String> {
    let found = Level::DESCENT.into_iter().find(|level| level.name() == text);
    found.ok_or_else(|| "expected pte, pmd, pud, p4d or pgd".to_owned())
}

fn parse_half(text: &str) -> Result<Half, String> {
    match text {
        "lower" => Ok(Half::Lower),
        "upper" => Ok(Half::Upper),
        _ => Err("expected lower or upper".to_owned()),
    }
}
