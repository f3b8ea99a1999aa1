//! The pgmap file: device ranges and page counts as TOML.
//!
//! ```toml
//! [[pgmap]]                      # device memory, as devm_memremap_pages registers it
//! start = "0x140000000"
//! end = "0x148000000"            # first byte above
//! type = "fs-dax"                # private public fs-dax dev-dax pci-p2pdma coherent
//! live = true                    # the default
//!
//! [[page]]                       # references of a page, 1 where nothing is said
//! pfn = "0x80001"
//! refcount = 0
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

use std::io::Read;
use std::path::Path;

use ptwalk_abi::{Pfn, PhysAddr};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{DevPagemap, PgmapType, Zone, ZoneError};
use crate::number::parse_u64;

/// Bytes that a pgmap file may have: some hundred thousand ranges.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// A pgmap file as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneFile {
    #[serde(default)]
    pgmap: Vec<PgmapEntry>,
    #[serde(default)]
    page: Vec<PageEntry>,
    #[serde(default)]
    compound: Vec<CompoundEntry>,
    #[serde(default)]
    change: Vec<ChangeEntry>,
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
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageEntry {
    #[serde(deserialize_with = "number")]
    pfn: u64,
    refcount: i64,
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

fn yes() -> bool {
    true
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_u64(&text).map_err(D::Error::custom)
}

impl ZoneFile {
    /// The ranges, pages and changes as a [`Zone`].
    ///
    /// # Errors
    /// [`ZoneError`], for the first entry that does not fit those before it.
    pub fn zone(&self) -> Result<Zone, ZoneError> {
        let mut zone = Zone::default();
        for entry in &self.pgmap {
            let (start, end) = (PhysAddr(entry.start), PhysAddr(entry.end));
            zone.register(DevPagemap { start, end, kind: entry.kind, live: entry.live })?;
        }
        for entry in &self.compound {
            zone.add_compound(Pfn(entry.head), entry.order)?;
        }
        for entry in &self.page {
            zone.set_refcount(Pfn(entry.pfn), entry.refcount);
        }
        for entry in &self.change {
            zone.inject_change(PhysAddr(entry.entry), entry.value);
        }
        Ok(zone)
    }
}

/// Reads a pgmap file.
///
/// # Errors
/// [`ZoneError`], with the file's path.
pub fn read(path: &Path) -> Result<Zone, ZoneError> {
    let name = path.display().to_string();
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|cause| ZoneError::Io { path: name.clone(), cause })?;
    // One byte more than the limit, so that what is too large is refused and not cut short.
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let bytes = read.map_err(|cause| ZoneError::Io { path: name.clone(), cause })? as u64;
    if bytes > FILE_BYTES_MAX {
        return Err(ZoneError::TooLarge { path: name, max: FILE_BYTES_MAX });
    }
    parse(&text, &name)
}

/// Parses the text of a pgmap file; `name` stands for it in errors.
///
/// # Errors
/// [`ZoneError`], with `name`.
pub fn parse(text: &str, name: &str) -> Result<Zone, ZoneError> {
    let file: ZoneFile = toml::from_str(text).map_err(|cause| ZoneError::Syntax { path: name.to_owned(), cause })?;
    file.zone().map_err(|cause| ZoneError::InFile { path: name.to_owned(), cause: Box::new(cause) })
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
