//! Arguments of `ptwalk diff`.

use std::path::PathBuf;

use clap::Args;
use ptwalk_abi::{Extern, Half, KVersion, PhysAddr, VaRange};

use super::{
    ConfigArgs, EngineArg, ImageArgs, MergeArg, OutputArgs, PluginArgs, TableArgs, ThreadArgs, parse_half, parse_pa,
    parse_range, parse_setting, parse_version,
};

pub const HELP: &str = "\
What is given once holds for both sides; what is given twice, for the first and the second. Of the roots of one half
of the address space, too, the first is of the first side.

Examples:
  ptwalk diff before.elf after.elf                        two images
  ptwalk diff before.elf after.elf --root 0x4e9de000 --root 0x51c3a000
  ptwalk diff --plugin arm64 --plugin ./mine.wat vmcore   two plugins over one image
  ptwalk diff --kernel 5.3 --kernel 6.6 vmcore            one plugin, as for two kernels
  ptwalk diff --config DEVMAP_SERIES=0 --config DEVMAP_SERIES=31,NUMA_BALANCING=0 vmcore --json

Changes: mapped unmapped not_present unseen level frame newly_devmap no_longer_devmap newly_special
no_longer_special permissions attributes other_bits. Exit code 1 means that something differs.";

/// What one `--config` says.
#[derive(Clone, Debug, Default)]
pub struct Settings(Vec<(Extern, i32)>);

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The images: two to compare, or one that two plugins read
    #[arg(required = true, num_args = 1..=2, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// The images are raw memory, and their first byte has this physical address
    #[arg(long, value_name = "PA", value_parser = parse_pa)]
    base: Vec<PhysAddr>,
    /// Plugin file (.wasm or .wat) or name [default: the embedded plugin of the image's architecture]
    #[arg(long, value_name = "FILE|NAME")]
    plugin: Vec<String>,
    /// Kernel options and facts, KEY=VALUE separated by commas; `ptwalk plugin externs` lists them
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = parse_settings)]
    config: Vec<Settings>,
    /// Kernel version, such as 6.12 or 5.3.1
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    kernel: Vec<KVersion>,
    /// Physical address of a root table [default: what `probe` finds]
    #[arg(long, value_name = "PA", value_parser = parse_pa)]
    root: Vec<PhysAddr>,
    /// Half of the address space that the root of the same position translates
    #[arg(long, value_name = "HALF", value_parser = parse_half)]
    half: Vec<Half>,
    /// Addresses to compare, half-open; repeatable [default: everything that roots of both sides translate]
    #[arg(long, value_name = "A-B|A+N", value_parser = parse_range)]
    pub range: Vec<VaRange>,
    /// Merge neighbours that differ alike into one record
    #[arg(long, value_enum, default_value = "va")]
    pub merge: MergeArg,
    /// Records to list; what is left out is counted all the same [default: 100 in text, or else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Engine that answers what entries mean [default: fused; with --unverified: sandbox]
    #[arg(long, value_enum)]
    engine: Option<EngineArg>,
    /// Use plugins that are not proved, in the sandbox: they can do no harm, but their answers may be wrong
    #[arg(long)]
    unverified: bool,
    #[command(flatten)]
    pub threads: ThreadArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn parse_settings(text: &str) -> Result<Settings, String> {
    let settings = text.split(',').map(parse_setting).collect::<Result<_, _>>();
    settings.map(Settings).map_err(|error| error.to_string())
}

/// What holds for a side.
fn of_side<T: Clone>(given: &[T], side: usize) -> Option<T> {
    given.get(side).or(given.first()).cloned()
}

impl DiffArgs {
    /// The image of a side, 0 or 1.
    pub fn image(&self, side: usize) -> ImageArgs {
        ImageArgs { image: of_side(&self.images, side).unwrap_or_default(), base: of_side(&self.base, side) }
    }

    /// How the tables of a side are to be read. The roots are those of both.
    pub fn tables(&self, side: usize) -> TableArgs {
        let config = ConfigArgs {
            config: of_side(&self.config, side).unwrap_or_default().0,
            kernel: of_side(&self.kernel, side),
        };
        let (engine, unverified) = (self.engine, self.unverified);
        let plugin = PluginArgs { plugin: of_side(&self.plugin, side), config, engine, unverified };
        TableArgs { plugin, root: self.root.clone(), half: self.half.clone() }
    }

    /// Whether roots are given, and not what `probe` finds.
    pub fn names_roots(&self) -> bool {
        !self.root.is_empty()
    }

    /// What is wrong with how often things are given.
    pub fn fault(&self) -> Option<String> {
        let counts = [
            ("--plugin", self.plugin.len()),
            ("--config", self.config.len()),
            ("--kernel", self.kernel.len()),
            ("--base", self.base.len()),
        ];
        if let Some((name, count)) = counts.iter().find(|(_, count)| *count > 2) {
            return Some(format!("{name} is given {count} times, but there are two sides"));
        }
        let twice = counts.iter().any(|(_, count)| *count == 2) || self.root.len() >= 2;
        (self.images.len() == 1 && !twice).then(|| {
            "nothing to compare: give a second image, or --plugin, --config, --kernel or --root once for each side"
                .to_owned()
        })
    }
}
