//! Arguments of `ptwalk gup`, and what other commands share with it.

use std::path::PathBuf;

use clap::Args;
use ptwalk::gup::{FollFlags, Policy};
use ptwalk::number::parse_u64;
use ptwalk::typed::parse_version;
use ptwalk_abi::{KVersion, PhysAddr, VirtAddr};

use super::{OutputArgs, TableArgs, parse_pa, parse_va};

/// Pages of one GUP request: 64 GiB of 4K pages. The kernel's own limit is that of `int`.
pub const GUP_PAGES_MAX: i64 = 1 << 24;

pub const HELP: &str = "\
The walk is that of the kernel named by --gup-epoch (mm/gup.c; docs/gup.md says what differs); what an
entry means is the plugin's, for the kernel named by --kernel. The slow path, which needs the VMAs, is not
taken. Exit code 1 means that fewer pages were pinned than asked for.

Examples:
  ptwalk gup vmcore 0xffffb1b20000 64 --root 0x4e9de000 --pgmap pmem.toml
  ptwalk gup vmcore 0xffffb1b20000 64 --root 0x4e9de000 --gup-epoch 6.12 --flags pin

A pgmap file says which frames are device memory and, for tests, what is known of pages; `ptwalk zone --help`
shows how to have the ranges checked as a kernel would:
  [[pgmap]]
  start = \"0x70000000\"
  end = \"0x78000000\"          # first byte above
  type = \"fs-dax\"             # private public fs-dax dev-dax pci-p2pdma coherent
  live = true
  [[page]]
  pfn = \"0x80001\"
  refcount = 0
  kind = \"movable\"            # zero movable file anon-shared secretmem
  [[compound]]
  head = \"0xc0000\"
  order = 9";

#[derive(Debug, Args)]
pub struct GupArgs {
    /// ELF core (vmcore), table image (.ptimg), or raw memory with --base; without it, the embedded sample
    #[arg(requires_all = ["start", "nr"])]
    pub image: Option<PathBuf>,
    /// First address
    #[arg(value_parser = parse_va)]
    pub start: Option<VirtAddr>,
    /// Number of pages
    #[arg(allow_negative_numbers = true, value_parser = parse_page_count)]
    pub nr: Option<i64>,
    /// The image is raw memory, and its first byte has this physical address
    #[arg(long, value_name = "PA", value_parser = parse_pa, requires = "image")]
    pub base: Option<PhysAddr>,
    /// Ask for pages to write to (FOLL_WRITE)
    #[arg(long)]
    pub write: bool,
    /// Ask for pages to keep for long (FOLL_LONGTERM; kernels since v5.10 want `--flags pin` with it)
    #[arg(long)]
    pub longterm: bool,
    /// More flags, by the kernel's names: write get force nofault longterm pci-p2pdma honor-numa-fault pin fast-only
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = parse_foll_flag)]
    pub flags: Vec<FollFlags>,
    #[command(flatten)]
    pub epoch: EpochArgs,
    /// Device ranges and page reference counts (TOML)
    #[arg(long, value_name = "FILE")]
    pub pgmap: Option<PathBuf>,
    #[command(flatten)]
    pub tables: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Whose GUP.
#[derive(Clone, Debug, Args)]
pub struct EpochArgs {
    /// Kernel whose GUP is modelled; what entries mean is said by --kernel
    #[arg(long, value_name = "VERSION", default_value = "5.3", value_parser = parse_gup_epoch)]
    pub gup_epoch: GupEpoch,
}

/// The kernel that was named, and how its GUP is modelled.
#[derive(Clone, Copy, Debug)]
pub struct GupEpoch {
    pub kernel: KVersion,
    pub policy: &'static Policy,
}

fn parse_gup_epoch(text: &str) -> Result<GupEpoch, String> {
    let kernel = parse_version(text).map_err(|error| error.to_string())?;
    let oldest = Policy::ALL[0].since;
    let policy = Policy::of(kernel).ok_or_else(|| format!("GUP is modelled from v{oldest} on"))?;
    Ok(GupEpoch { kernel, policy })
}

fn parse_foll_flag(text: &str) -> Result<FollFlags, String> {
    FollFlags::by_name(text).ok_or_else(|| {
        let names = FollFlags::ALL.map(|(_, name)| name.to_ascii_lowercase().replace('_', "-"));
        format!("expected one of {}", names.join(", "))
    })
}

/// Pages of one request, bounded because every page pinned is listed; below 0 means none, as in the kernel.
fn parse_page_count(text: &str) -> Result<i64, String> {
    let number = |text: &str| parse_u64(text).map_err(|error| error.to_string());
    let (text, sign) = text.strip_prefix('-').map_or((text, 1), |text| (text, -1));
    let pages = i64::try_from(number(text)?).unwrap_or(i64::MAX);
    if pages > GUP_PAGES_MAX {
        return Err(format!("at most {GUP_PAGES_MAX} pages a call: ask for the range in parts"));
    }
    Ok(sign * pages)
}
