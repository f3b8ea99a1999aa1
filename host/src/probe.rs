//! What an image says about itself: architecture, kernel version, geometry, candidate roots, each with its evidence.
//!
//! In: an [`Image`]. Out: a [`Probe`]. Nothing is guessed silently: what could not be known is listed with the flag that
//! supplies it, and a root is a candidate until somebody uses it.
//!
//! The order of bytes of a core's headers is that of the kernel which wrote it, so its tables have it too; on ppc64 they
//! are big-endian on either.
//!
//! What is particular to an architecture stands in a file of its own.

mod arm64;
mod ppc;
mod x86;

use ptwalk_abi::{Config, Extern, KVersion, PhysAddr};

use crate::image::ptimg::TableInfo;
use crate::image::{ByteOrder, Image, Machine, VmcoreInfo};
use crate::plugin::EMBEDDED;
use crate::walk::Root;

/// Something that the image told, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The extern that it decides.
    pub key: Extern,
    /// Its value.
    pub value: i32,
    /// Where it stands.
    pub evidence: String,
}

/// A root table that the image points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateRoot {
    /// The root.
    pub root: Root,
    /// The kernel's name for it.
    pub name: &'static str,
    /// How its address was found.
    pub evidence: String,
    /// Whether the image holds the table. A core of one address space's tables may lack the kernel's.
    pub held: bool,
}

/// A table that is recognised, and that is nobody's to walk: not a root of what it seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoy {
    /// Where it is.
    pub pa: PhysAddr,
    /// The kernel's name for it.
    pub name: &'static str,
    /// What it is, and how it was recognised.
    pub evidence: String,
}

/// Something that the image does not tell, and what supplies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What is not known.
    pub what: String,
    /// The flag that says it.
    pub flag: String,
}

/// What an image says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Architecture, as the embedded plugin is called, and its evidence.
    pub arch: Option<(&'static str, String)>,
    /// The kernel's release, as `uname -r` prints it.
    pub release: Option<String>,
    /// Externs that the image decides.
    pub findings: Vec<Finding>,
    /// Roots that the image points to.
    pub roots: Vec<CandidateRoot>,
    /// Tables that registers may point to and that are not what one looks for.
    pub decoys: Vec<Decoy>,
    /// What it does not tell.
    pub unknowns: Vec<Unknown>,
}

impl Probe {
    /// Reads what `image` says about itself: headers and notes, and of x86 the two pages that a root may be one of.
    pub fn new(image: &Image) -> Probe {
        if let Some(info) = image.tables() {
            return Probe::of_tables(image, info);
        }
        let mut probe = Probe { arch: arch(image), ..Probe::default() };
        if probe.arch.is_none() {
            probe.unknown("architecture", "--plugin");
        }
        if image.byte_order() == Some(ByteOrder::Big) {
            probe.find(Extern::CPU_BIG_ENDIAN, 1, "ELF EI_DATA".to_owned());
        }
        match image.vmcoreinfo() {
            Some(info) => probe.vmcoreinfo(image, info),
            None => probe.unknown("kernel version (no VMCOREINFO note)", "--kernel"),
        }
        match probe.arch {
            Some(("x86", _)) => probe.x86(image),
            _ if image.vmcoreinfo().is_some() => {}
            Some(("ppc", _)) => {
                let what = "page size, 4K assumed (no VMCOREINFO note); a radix root that is named tells";
                probe.unknown(what, "--root PA or --config PAGE_SHIFT=16");
                probe.ppc_mmu_unknown("no VMCOREINFO note");
            }
            _ => {
                probe.unknown("page size, VA and PA bits (no VMCOREINFO note)", "--config");
            }
        }
        if probe.roots.is_empty() {
            probe.unknown("root table of the kernel", "--root PA --half upper");
        }
        probe.unknown("root tables of user address spaces that no CPU was running", "--root PA");
        probe
    }

    /// Adds what a root that somebody names tells of itself, where the image told nothing.
    pub fn learn_from(&mut self, image: &Image, root: PhysAddr) {
        if let Some(("ppc", _)) = self.arch {
            self.ppc_root(image, root);
        }
    }

    /// What a table image says, whose header leaves nothing to be found out.
    fn of_tables(image: &Image, info: &TableInfo) -> Probe {
        let mut probe = Probe::default();
        let evidence = || "header of the table image".to_owned();
        match EMBEDDED.iter().find(|plugin| plugin.name == info.arch) {
            Some(plugin) => probe.arch = Some((plugin.name, evidence())),
            None => {
                let what = format!("page-table format: no plugin `{}` is embedded", info.arch);
                probe.unknown(&what, "--plugin FILE");
            }
        }
        // What the kernel said as well, for the sake of its names: the header has the last word.
        let mut said = Probe { arch: probe.arch.clone(), ..Probe::default() };
        if let Some(info) = image.vmcoreinfo() {
            said.vmcoreinfo(image, info);
        }
        if let Some(("x86", _)) = said.arch {
            said.x86(image);
        }
        for (key, value) in &info.settings {
            probe.find(*key, *value, evidence());
        }
        for (pa, half) in &info.roots {
            let root = Root { pa: *pa, half: *half };
            let name = said.roots.iter().find(|candidate| candidate.root == root).map_or("unnamed", |found| found.name);
            probe.roots.push(CandidateRoot { root, name, evidence: evidence(), held: holds(image, *pa) });
        }
        probe.release = said.release;
        if probe.roots.is_empty() {
            probe.unknown("root table (the header names none)", "--root PA");
        }
        probe
    }

    /// The configuration that the findings give, over the defaults.
    pub fn config(&self) -> Config {
        self.findings.iter().fold(Config::DEFAULT, |config, finding| config.with(finding.key, finding.value))
    }

    /// The roots to walk where nobody names one: those that the image holds, or all where it holds none.
    pub fn usable_roots(&self) -> Vec<Root> {
        let any_held = self.roots.iter().any(|candidate| candidate.held);
        self.roots.iter().filter(|candidate| candidate.held || !any_held).map(|candidate| candidate.root).collect()
    }

    fn unknown(&mut self, what: &str, flag: &str) {
        self.unknowns.push(Unknown { what: what.to_owned(), flag: flag.to_owned() });
    }

    fn find(&mut self, key: Extern, value: i32, evidence: String) {
        if key.range().contains(&value) {
            self.findings.push(Finding { key, value, evidence });
        } else {
            self.unknown(&format!("{key}: {evidence} is out of range"), &format!("--config {key}=…"));
        }
    }

    fn vmcoreinfo(&mut self, image: &Image, info: &VmcoreInfo) {
        match info.osrelease() {
            Some(release) => {
                self.release = Some(release.to_owned());
                match parse_release(release) {
                    Some(version) => {
                        self.find(Extern::LINUX_VERSION_CODE, version.code(), format!("OSRELEASE={release}"));
                    }
                    None => self.unknown(&format!("kernel version: OSRELEASE={release} is no release"), "--kernel"),
                }
            }
            None => self.unknown("kernel version (VMCOREINFO has no OSRELEASE)", "--kernel"),
        }
        match info.page_size().filter(|size| size.is_power_of_two()) {
            Some(size) => {
                let shift = size.trailing_zeros().cast_signed();
                self.find(Extern::PAGE_SHIFT, shift, format!("PAGESIZE={size}"));
            }
            None => self.unknown("page size (VMCOREINFO has no PAGESIZE)", "--config PAGE_SHIFT=…"),
        }
        match self.arch {
            Some(("arm64", _)) => self.arm64(image, info),
            Some(("ppc", _)) => self.ppc(image, info),
            _ => {}
        }
    }
}

/// Whether the image holds the beginning of a table.
fn holds(image: &Image, table: PhysAddr) -> bool {
    image.word(table).is_some()
}

fn arch(image: &Image) -> Option<(&'static str, String)> {
    let name = match image.machine()? {
        Machine::Aarch64 => "arm64",
        Machine::X86_64 => "x86",
        Machine::Ppc64 => "ppc",
        Machine::Other(_) => return None,
    };
    Some((name, "ELF e_machine".to_owned()))
}

/// The version at the head of a release such as `6.12.95+deb12-arm64` or `6.1.0-50-arm64`.
pub fn parse_release(release: &str) -> Option<KVersion> {
    let numbers = release.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = numbers.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let sublevel = match parts.next() {
        Some("") | None => 0,
        Some(text) => text.parse().ok()?,
    };
    Some(KVersion::new(major, minor, sublevel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_as_distributions_write_them() {
        for (release, code) in [
            ("6.12.95+deb12-arm64", 0x06_0c_5f),
            ("6.1.0-50-arm64", 0x06_01_00),
            ("5.3", 0x05_03_00),
            ("5.10.0-rc3+", 0x05_0a_00),
            ("4.4.302", 0x04_04_ff),
        ] {
            assert_eq!(parse_release(release).map(KVersion::code), Some(code), "{release}");
        }
        for release in ["", "six", "6", "6.", "999.1.2", "6.1.99999999"] {
            assert_eq!(parse_release(release), None, "{release}");
        }
    }
}
