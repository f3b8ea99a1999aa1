//! The arguments of `ptwalk gen`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use ptwalk::number::parse_u64;
use ptwalk::synth::{Hostile, Params, Perm, Ppm};

use super::{ConfigArgs, OutputArgs};

pub const HELP: &str = "\
Tables cover SIZE bytes from address 0 on by leaves, in runs: neighbours of equal attributes that map neighbouring
frames. Each run draws its length, whether it is a hole, device memory, or which permission it has, and where its
frames begin. Weights need not add up to 100. The same arguments write the same bytes. The image says its
architecture, configuration, root and device ranges itself, so other commands need no flags to read it.

Examples:
  ptwalk gen dense.ptimg --mapped 1G --scatter --run 1 --holes 0.05 --devmap 3%
  ptwalk gen mixed.ptimg --mapped 8G --pages 4K:60,2M:30,1G:10 --perms rw:70,ro:20,rx:9,none:1
  ptwalk gen big.ptimg --mapped 16G --config PAGE_SHIFT=16,VA_BITS=52,PA_BITS=52 --kernel 6.12
  ptwalk gen cycle.ptimg --mapped 1G --hostile cycle
  ptwalk census cycle.ptimg

A table of 4K pages takes 2 GiB for each TiB that it maps.

What --hostile does:
  cycle         a table of the lowest but one level leads back to the root
  self-map      the root's last entry leads to the root
  outside       every eighth table descriptor leads to where the image holds nothing
  reserved      the highest 16 bits of every eighth entry are random
  truncated     the image lacks half of the lowest tables
  deep-sharing  one table a level, to which every entry above leads";

#[derive(Debug, Args)]
pub struct GenArgs {
    /// File to write (.ptimg)
    pub out: PathBuf,
    /// Bytes of address space that leaves and holes cover
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    mapped: u64,
    /// Architecture, by the name of its plugin
    #[arg(long, value_name = "NAME", default_value = "arm64")]
    pub arch: String,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Leaf sizes, each with its share of the bytes covered [default: base pages only]
    #[arg(long, value_name = "SIZE:WEIGHT,…", value_delimiter = ',', value_parser = parse_pages)]
    pages: Vec<(u64, u32)>,
    /// Part of the runs that are empty, such as 0.05 or 5%
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = parse_fraction)]
    holes: Ppm,
    /// Part of the other runs that map device memory, writable, with device ranges in the image
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = parse_fraction)]
    devmap: Ppm,
    /// Permissions of the other runs: rw, ro, rx, none (PROT_NONE; left out at levels where the kernel has none)
    #[arg(long, value_name = "PERM:WEIGHT,…", value_delimiter = ',', default_value = "rw:85,ro:8,rx:5,none:2",
          value_parser = parse_perm)]
    perms: Vec<(Perm, u32)>,
    /// Leaves of the longest run; 1 draws every leaf by itself
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    run: u64,
    /// Part of the references to the lowest tables that lead to a table used elsewhere as well
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = parse_part)]
    shared: Ppm,
    /// Put tables into memory in pseudo-random order, not in that of their addresses
    #[arg(long)]
    scatter: bool,
    /// What is wrong with the tables
    #[arg(long, value_name = "KIND", value_parser = hostile_parser())]
    hostile: Option<Hostile>,
    /// Seed
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_size)]
    seed: u64,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl GenArgs {
    /// What is to be made, where a base page has `page_bytes`.
    pub fn params(&self, page_bytes: u64) -> Params {
        Params {
            mapped: self.mapped,
            pages: if self.pages.is_empty() { vec![(page_bytes, 1)] } else { self.pages.clone() },
            holes: self.holes,
            devmap: self.devmap,
            perms: self.perms.clone(),
            run: self.run,
            shared: self.shared,
            scatter: self.scatter,
            hostile: self.hostile,
            seed: self.seed,
        }
    }
}

fn hostile_parser() -> impl TypedValueParser<Value = Hostile> {
    PossibleValuesParser::new(Hostile::ALL.map(Hostile::name)).try_map(|name| {
        Hostile::ALL.into_iter().find(|kind| kind.name() == name).ok_or("one of the kinds, as clap has checked")
    })
}

fn parse_size(text: &str) -> Result<u64, String> {
    parse_u64(text).map_err(|error| error.to_string())
}

/// `NAME:WEIGHT`, or `NAME` alone with weight 1.
fn weighted(text: &str) -> Result<(&str, u32), String> {
    let Some((name, weight)) = text.split_once(':') else { return Ok((text, 1)) };
    let weight = parse_size(weight)?;
    let weight = u32::try_from(weight).ok().filter(|weight| *weight <= Ppm::ONE);
    Ok((name, weight.ok_or_else(|| format!("a weight is at most {}", Ppm::ONE))?))
}

fn parse_pages(text: &str) -> Result<(u64, u32), String> {
    let (size, weight) = weighted(text)?;
    Ok((parse_size(size)?, weight))
}

fn parse_perm(text: &str) -> Result<(Perm, u32), String> {
    let (name, weight) = weighted(text)?;
    let perm = Perm::ALL.into_iter().find(|perm| perm.name() == name);
    Ok((perm.ok_or("expected rw, ro, rx or none, with :WEIGHT")?, weight))
}

/// A number from 0 to 1, or a percentage, with up to six decimals of the number.
fn parse_fraction(text: &str) -> Result<Ppm, String> {
    let malformed = || format!("`{text}` is no fraction (0.05 and 5% are) with at most six decimals");
    let (digits, decimals) = text.strip_suffix('%').map_or((text, 6), |text| (text, 4));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || part.len() > decimals || !is_number(whole) || !is_number(part) {
        return Err(malformed());
    }
    let ppm = format!("{whole}{part:0<decimals$}").parse().ok().filter(|ppm| *ppm <= Ppm::ONE);
    ppm.map(Ppm).ok_or_else(|| format!("`{text}` is more than all"))
}

fn parse_part(text: &str) -> Result<Ppm, String> {
    let fraction = parse_fraction(text)?;
    if fraction.0 == Ppm::ONE {
        Err("not all references can be shared: the first one is not".to_owned())
    } else {
        Ok(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_as_people_write_them() {
        for (text, ppm) in [("0", 0), ("1", 1_000_000), ("0.05", 50_000), ("5%", 50_000), ("100%", 1_000_000)] {
            assert_eq!(parse_fraction(text), Ok(Ppm(ppm)), "{text}");
        }
        assert_eq!((parse_fraction("0.000001"), parse_fraction("0.0001%")), (Ok(Ppm(1)), Ok(Ppm(1))));
        for text in ["", ".", ".5", "-0", "1.1", "101%", "0.0000001", "0.5x", "1e-3", "%", "99999999999999999999"] {
            assert!(parse_fraction(text).is_err(), "{text}");
        }
        assert!(parse_part("1").is_err());
    }
}
