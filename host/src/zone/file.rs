//! The pgmap file: device ranges and page counts as TOML.
//!
//! ```toml
//! [[pgmap]]                      # device memory, as devm_memremap_pages registers it
//! start = "0x140000000"
//! end = "0x148000000"            # first byte above
//! type = "fs-dax"                # private public fs-dax dev-dax pci-p2pdma coherent
//! live = true                    # the default
//!
//! altmap = { reserve = 2, free = 8192 }   # frames at its start that hold its memory map; none by default
//! page_free = true               # the driver's operations; both by default
//! migrate_to_ram = true
//!
//! [zone]                         # register as this kernel would; without it, ranges are taken as they are
//! kernel = "5.3"                 # the defaults
//! machine = "x86_64"             # arm64 x86_64 ppc64
//! page_shift = 12
//! series = false                 # with v3 of the 2019 devmap series
//! alignment = "subsection-v5.3"  # or section-v5.2; by default what the kernel does
//! holes = "strict"               # or kernel: with the holes of the kernel's checks
//! config = { DEVICE_PRIVATE = false }     # everything that the kernel can have by default
//!
//! [[ram]]                        # system RAM, which no device range may meet
//! start = "0x0"
//! end = "0x100000000"
//!
//! [[page]]                       # references of a page, 1 where nothing is said
//! pfn = "0x80001"
//! refcount = 0
//! kind = "zero"                  # zero movable file anon-shared secretmem: what matters to who pins it
//!
//! [[compound]]                   # 1 << order frames are one page
//! head = "0xc0000"
//! order = 9
//!
//! [[change]]                     # this entry reads differently at the recheck, to test GUP
//! entry = "0x3000"               # physical address of the entry
//! value = "0x0"
//! ```
//!
//! Addresses and frames are strings, because TOML integers have 63 bits; `_` may separate digits.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ptwalk_abi::{KVersion, Pfn, PhysAddr};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::config::{ConfigError, KOption, ZoneKernel};
use super::memremap::{Altmap, Holes, Memremap, Registration};
use super::section::{Alignment, Machine, Span};
use super::{DevPagemap, PageKind, PgmapType, Zone, ZoneError};
use crate::number::parse_u64;
use crate::probe::parse_release;

/// Bytes that a pgmap file may have: some hundred thousand ranges.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// A pgmap file as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneFile {
    /// Who registers.
    pub zone: Option<KernelEntry>,
    #[serde(default)]
    ram: Vec<RamEntry>,
    #[serde(default)]
    pgmap: Vec<PgmapEntry>,
    #[serde(default)]
    page: Vec<PageEntry>,
    #[serde(default)]
    compound: Vec<CompoundEntry>,
    #[serde(default)]
    change: Vec<ChangeEntry>,
}

/// The kernel that registers the ranges.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelEntry {
    /// Its version.
    #[serde(deserialize_with = "version")]
    pub kernel: KVersion,
    /// Its machine.
    pub machine: Machine,
    /// log2 of its page: 12, 14 or 16.
    #[serde(deserialize_with = "page_shift")]
    pub page_shift: u32,
    /// With v3 of the 2019 devmap series.
    pub series: bool,
    /// How it aligns, where that is not what its version does.
    pub alignment: Option<Alignment>,
    /// With the holes of its checks, or without.
    pub holes: Holes,
    /// Its options, as far as they are not the usual ones.
    pub config: BTreeMap<KOption, bool>,
}

/// v5.3 on x86_64: of the three machines with device memory at that version, the one that had it first.
impl Default for KernelEntry {
    fn default() -> KernelEntry {
        KernelEntry {
            kernel: KVersion::new(5, 3, 0),
            machine: Machine::X86,
            page_shift: 12,
            series: false,
            alignment: None,
            holes: Holes::Strict,
            config: BTreeMap::new(),
        }
    }
}

impl KernelEntry {
    /// The kernel, every option decided.
    ///
    /// # Errors
    /// [`ConfigError`], where it cannot be.
    pub fn kernel(&self) -> Result<ZoneKernel, ConfigError> {
        ZoneKernel::new((self.kernel, self.series), (self.machine, self.page_shift), &self.config)
    }

    /// How it aligns.
    pub fn alignment(&self) -> Alignment {
        self.alignment.unwrap_or(Alignment::of(self.kernel))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RamEntry {
    #[serde(deserialize_with = "number")]
    start: u64,
    #[serde(deserialize_with = "number")]
    end: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PgmapEntry {
    #[serde(deserialize_with = "number")]
    start: u64,
    #[serde(deserialize_with = "number")]
    end: u64,
    #[serde(rename = "type")]
    kind: PgmapType,
    #[serde(default = "yes")]
    live: bool,
    altmap: Option<Altmap>,
    #[serde(default = "yes")]
    page_free: bool,
    #[serde(default = "yes")]
    migrate_to_ram: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageEntry {
    #[serde(deserialize_with = "number")]
    pfn: u64,
    refcount: Option<i64>,
    kind: Option<PageKind>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompoundEntry {
    #[serde(deserialize_with = "number")]
    head: u64,
    order: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeEntry {
    #[serde(deserialize_with = "number")]
    entry: u64,
    #[serde(deserialize_with = "number")]
    value: u64,
}

impl PgmapEntry {
    fn pgmap(&self) -> DevPagemap {
        let (start, end) = (PhysAddr(self.start), PhysAddr(self.end));
        DevPagemap { start, end, kind: self.kind, live: self.live }
    }
}

fn yes() -> bool {
    true
}

fn page_shift<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        shift @ (12 | 14 | 16) => Ok(shift),
        shift => Err(Error::custom(format_args!("page_shift is 12, 14 or 16, not {shift}"))),
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_u64(&text).map_err(D::Error::custom)
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_release(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a kernel version (5.3 is)")))
}

impl ZoneFile {
    /// Parses a pgmap file; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`ZoneError::Syntax`].
    pub fn parse(text: &str, name: &str) -> Result<ZoneFile, ZoneError> {
        toml::from_str(text).map_err(|cause| ZoneError::Syntax { path: name.to_owned(), cause })
    }

    /// The ranges as a driver would register them, in order.
    pub fn registrations(&self) -> impl Iterator<Item = Registration> {
        self.pgmap.iter().map(|entry| Registration {
            pgmap: entry.pgmap(),
            altmap: entry.altmap,
            page_free: entry.page_free,
            migrate_to_ram: entry.migrate_to_ram,
        })
    }

    /// The system RAM.
    pub fn ram(&self) -> Vec<Span> {
        let span = |entry: &RamEntry| Span { start: PhysAddr(entry.start), end: PhysAddr(entry.end) };
        self.ram.iter().map(span).collect()
    }

    /// The ranges, as a kernel registers them, or where none is named as they are.
    fn pgmaps(&self) -> Result<Zone, ZoneError> {
        let Some(entry) = &self.zone else {
            let mut zone = Zone::default();
            self.pgmap.iter().try_for_each(|entry| zone.register(entry.pgmap()))?;
            return Ok(zone);
        };
        let mut host = Memremap::new(entry.kernel()?, entry.alignment(), entry.holes, self.ram());
        for registration in self.registrations() {
            let DevPagemap { start, end, .. } = registration.pgmap;
            host.register(&registration).map_err(|refusal| ZoneError::Refused { start, end, refusal })?;
        }
        Ok(host.into_zone())
    }

    /// The ranges, pages and changes as a [`Zone`].
    ///
    /// # Errors
    /// [`ZoneError`], for the first entry that does not fit those before it, or that the kernel refuses.
    pub fn zone(&self) -> Result<Zone, ZoneError> {
        let mut zone = self.pgmaps()?;
        for entry in &self.compound {
            zone.add_compound(Pfn(entry.head), entry.order)?;
        }
        for PageEntry { pfn, refcount, kind } in &self.page {
            refcount.iter().for_each(|refcount| zone.set_refcount(Pfn(*pfn), *refcount));
            kind.iter().for_each(|kind| zone.set_kind(Pfn(*pfn), *kind));
        }
        for entry in &self.change {
            zone.inject_change(PhysAddr(entry.entry), entry.value);
        }
        Ok(zone)
    }
}

/// Reads the text of a pgmap file, and the name that stands for it in errors.
///
/// # Errors
/// [`ZoneError`], with the file's path.
pub fn read_text(path: &Path) -> Result<(String, String), ZoneError> {
    let name = path.display().to_string();
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|cause| ZoneError::Io { path: name.clone(), cause })?;
    // One byte more than the limit, so that what is too large is refused and not cut short.
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let bytes = read.map_err(|cause| ZoneError::Io { path: name.clone(), cause })? as u64;
    if bytes > FILE_BYTES_MAX {
        return Err(ZoneError::TooLarge { path: name, max: FILE_BYTES_MAX });
    }
    Ok((text, name))
}

/// Reads a pgmap file.
///
/// # Errors
/// [`ZoneError`], with the file's path.
pub fn read(path: &Path) -> Result<Zone, ZoneError> {
    let (text, name) = read_text(path)?;
    parse(&text, &name)
}

/// Parses the text of a pgmap file; `name` stands for it in errors.
///
/// # Errors
/// [`ZoneError`], with `name`.
pub fn parse(text: &str, name: &str) -> Result<Zone, ZoneError> {
    let zone = ZoneFile::parse(text, name)?.zone();
    zone.map_err(|cause| ZoneError::InFile { path: name.to_owned(), cause: Box::new(cause) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_module_documents() {
        let zone = parse(
            "[[pgmap]]\nstart = \"0x140000000\"\nend = \"0x1_4800_0000\"\ntype = \"fs-dax\"\n\
             [[page]]\npfn = \"0x80001\"\nrefcount = 0\n[[compound]]\nhead = \"0xc0000\"\norder = 9\n",
            "test",
        )
        .expect("a well-formed file");
        let (_, pgmap) = zone.pgmaps().next().expect("one pgmap");
        assert_eq!((pgmap.end, pgmap.live), (PhysAddr(0x1_4800_0000), true));
        assert_eq!(zone.refcount(Pfn(0x80001)), 0);
        assert_eq!(zone.compound_head(Pfn(0xc01ff)), Pfn(0xc0000));
        assert_eq!(zone.compound_head(Pfn(0xc0200)), Pfn(0xc0200));
    }

    /// A file cut at the limit would lose ranges without a word: comments up to the limit, and one range beyond it.
    #[test]
    fn a_file_beyond_the_limit_is_refused_and_not_cut_short() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("large.toml");
        let line = "#".repeat(63) + "\n";
        let mut text = line.repeat(usize::try_from(FILE_BYTES_MAX / 64)?);
        std::fs::write(&path, &text)?;
        assert!(read(&path).is_ok_and(|zone| zone.pgmaps().next().is_none()), "the limit itself");
        text.push_str("[[page]]\npfn = \"0x1\"\nrefcount = 0\n");
        std::fs::write(&path, &text)?;
        assert!(matches!(read(&path), Err(ZoneError::TooLarge { .. })));
        Ok(())
    }

    #[test]
    fn overlap_and_typos_are_refused_with_their_place() {
        let twice = "[[pgmap]]\nstart = \"0x0\"\nend = \"0x2000\"\ntype = \"private\"\n\
                     [[pgmap]]\nstart = \"0x1000\"\nend = \"0x3000\"\ntype = \"private\"\n";
        let error = parse(twice, "a.toml").expect_err("overlap").to_string();
        assert!(error.contains("a.toml") && error.contains("overlaps"), "{error}");
        let error = parse("[[pgmap]]\nstrat = \"0x0\"\n", "b.toml").expect_err("typo").to_string();
        assert!(error.contains("b.toml") && error.contains("line 2") && error.contains("strat"), "{error}");
    }
}
