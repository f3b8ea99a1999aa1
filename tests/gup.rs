//! GUP scenarios: tables, a request and what must come of it, one a file under `tests/gup/`.
//!
//! Every scenario runs through every engine: fused with each kernel, the sandbox, and the native build of the plugin; all
//! must give the same. The format is explained in `tests/gup/README.md`.

#[path = "gup/cli.rs"]
mod cli;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ptwalk::engine::Queries;
use ptwalk::engine::sandbox::Compiled;
use ptwalk::gup::{AccessOk, FollFlags, Gup, GupOutcome, Policy, get_user_pages_fast};
use ptwalk::image::Image;
use ptwalk::number::parse_u64;
use ptwalk::plugin;
use ptwalk::walk::{Root, TableSet};
use ptwalk::zone::file::ZoneFile;
use ptwalk_abi::{Config, Extern, Geometry, Half, KVersion, Level, Pfn, PhysAddr, VirtAddr, bits};
use ptwalk_ppc::Ppc;
use ptwalk_x86::X86;
use serde::Deserialize;
use support::Memory;
use support::core::ByteOrder;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    title: String,
    /// Name of the plugin.
    #[serde(default = "arm64")]
    arch: String,
    kernel: String,
    config: BTreeMap<String, i32>,
    root: String,
    /// Entry words by name: a frame number is or-ed in, shifted by the page shift.
    words: BTreeMap<String, String>,
    /// Table address → index or `first..last` → word, or name and (first) frame number.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    zone: ZoneFile,
    call: Vec<Call>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    va: String,
    nr: i64,
    #[serde(default)]
    write: bool,
    #[serde(default)]
    longterm: bool,
    /// More flags, by name.
    #[serde(default)]
    flags: Vec<String>,
    /// Kernels whose GUP must all come to this; v5.3 where none is named.
    #[serde(default)]
    epochs: Vec<String>,
    /// What the function returns in place of a number.
    errno: Option<String>,
    /// Frames pinned, each `first` or `first..last`.
    pinned: Vec<String>,
    stop: StopExpected,
    /// Reference counts afterwards, by frame.
    #[serde(default)]
    refs: BTreeMap<String, i64>,
    /// Pins of large pages afterwards, by frame.
    #[serde(default)]
    pins: BTreeMap<String, i64>,
    /// Levels at which the pages were found, in order, without repetition.
    #[serde(default)]
    levels: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StopExpected {
    reason: String,
    va: Option<String>,
    level: Option<String>,
}

fn arm64() -> String {
    "arm64".to_owned()
}

fn number(text: &str) -> u64 {
    parse_u64(text).unwrap_or_else(|error| panic!("{error}"))
}

fn span(text: &str) -> std::ops::RangeInclusive<u64> {
    match text.split_once("..") {
        Some((first, last)) => number(first)..=number(last),
        None => number(text)..=number(text),
    }
}

impl Scenario {
    fn config(&self) -> Config {
        let version = ptwalk::probe::parse_release(&self.kernel).expect("a kernel version");
        let base = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, KVersion::code(version));
        self.config.iter().fold(base, |config, (key, value)| {
            config.with(Extern::by_name(key).unwrap_or_else(|| panic!("no extern {key}")), *value)
        })
    }

    fn geometry(&self) -> Result<Geometry, String> {
        let plugin = plugin::load(&self.arch).map_err(|error| error.to_string())?;
        Compiled::geometry(&plugin, &self.config()).map_err(|error| error.to_string())
    }

    /// The tables as memory, and the address of its first byte.
    fn bytes(&self) -> Result<(u64, Vec<u8>), String> {
        let geometry = self.geometry()?;
        let page_shift = geometry.page_shift();
        let order = if geometry.big_endian { ByteOrder::Big } else { ByteOrder::Little };
        Ok(self.memory(page_shift).bytes(order, 1 << page_shift))
    }

    fn memory(&self, page_shift: u32) -> Memory {
        let mut memory = Memory::default();
        for (table, entries) in &self.tables {
            for (indices, word) in entries {
                for (i, index) in span(indices).enumerate() {
                    memory.store(number(table) + index * 8, self.word(word, i as u64, page_shift));
                }
            }
        }
        memory
    }

    fn word(&self, text: &str, i: u64, page_shift: u32) -> u64 {
        match text.split_once(' ') {
            Some((name, pfn)) => number(&self.words[name]) | (number(pfn) + i) << page_shift,
            None => number(text),
        }
    }
}

impl Call {
    /// The request, of each kernel that is named.
    fn requests(&self, arch: &str) -> Vec<Gup> {
        let named = self.flags.iter().map(|name| FollFlags::by_name(name).unwrap_or_else(|| panic!("no flag {name}")));
        let flags = named.fold(FollFlags::NONE, |all, flag| all | flag);
        let flags = flags.with(FollFlags::WRITE, self.write).with(FollFlags::LONGTERM, self.longterm);
        let policy = |name: &str| {
            let known = Policy::ALL.into_iter().find(|policy| policy.name == name);
            known.unwrap_or_else(|| panic!("GUP of v{name} is no epoch of its own"))
        };
        let request = Gup { access_ok: AccessOk::of_arch(arch), ..Gup::new(flags) };
        match self.epochs.as_slice() {
            [] => vec![request],
            names => names.iter().map(|name| Gup { policy: policy(name), ..request }).collect(),
        }
    }
}

fn check(call: &Call, outcome: &GupOutcome, page_shift: u32) -> Result<(), String> {
    let wanted: Vec<u64> = call.pinned.iter().flat_map(|frames| span(frames)).collect();
    let pinned: Vec<u64> = outcome.pages.iter().map(|page| page.pfn.0).collect();
    if pinned != wanted {
        return Err(format!("pinned {pinned:#x?}, wanted {wanted:#x?}, stop {:?}", outcome.stop));
    }
    let errno = outcome.errno.map(|errno| errno.name().to_owned());
    if errno != call.errno {
        return Err(format!("returned {errno:?}, wanted {:?}", call.errno));
    }
    let stop = outcome.stop;
    let va_wrong = call.stop.va.as_ref().is_some_and(|va| VirtAddr(number(va)) != stop.va);
    let level_wrong = call.stop.level.as_deref() != stop.level.map(Level::name) && call.stop.level.is_some();
    if stop.reason.name() != call.stop.reason || va_wrong || level_wrong {
        return Err(format!("stopped {stop:?}, wanted {:?}", call.stop));
    }
    // Without its tag, a user address has no bit above 55.
    let start = number(&call.va) & bits(55, page_shift);
    for (i, page) in outcome.pages.iter().enumerate() {
        if page.va.0 != start + ((i as u64) << page_shift) {
            return Err(format!("page {i} has address {}", page.va));
        }
    }
    let mut levels: Vec<&str> = outcome.pages.iter().map(|page| page.level.name()).collect();
    levels.dedup();
    if !call.levels.is_empty() && levels != call.levels {
        return Err(format!("levels {levels:?}, wanted {:?}", call.levels));
    }
    Ok(())
}

fn engines(arch: &str, config: &Config, queries: &Queries) -> Result<Vec<support::Named>, Box<dyn std::error::Error>> {
    match arch {
        "arm64" => support::engines(config, queries),
        "x86" => support::engines_of("x86", X86(*config), config, queries),
        "ppc" => support::engines_of("ppc", Ppc(*config), config, queries),
        _ => Err(format!("no native build of {arch}").into()),
    }
}

fn run(scenario: &Scenario) -> Result<usize, String> {
    let config = scenario.config();
    let geometry = scenario.geometry()?;
    let page_shift = geometry.page_shift();
    let (base, bytes) = scenario.bytes()?;
    let image = Image::from_bytes("scenario", bytes, Some(PhysAddr(base))).map_err(|error| error.to_string())?;
    let root = Root { pa: PhysAddr(number(&scenario.root)), half: Half::Lower };
    let tables = TableSet { image: &image, geometry: &geometry, root };
    let mut made: Vec<(Queries, Vec<support::Named>)> = Vec::new();
    let mut runs = 0;
    let requests = |call: &Call| call.requests(&scenario.arch);
    for (call, gup) in scenario.call.iter().flat_map(|call| requests(call).into_iter().map(move |gup| (call, gup))) {
        let queries = Queries::gup(&geometry, &gup);
        // Kernels that ask the same share engines: making them takes longer than all calls.
        let known = made.iter().position(|(asked, _)| *asked == queries);
        let at = match known {
            Some(at) => at,
            None => {
                let engines = engines(&scenario.arch, &config, &queries).map_err(|error| error.to_string())?;
                made.push((queries, engines));
                made.len() - 1
            }
        };
        for (name, engine) in &mut made[at].1 {
            let mut zone = scenario.zone.zone().map_err(|error| error.to_string())?;
            let start = VirtAddr(number(&call.va));
            let outcome = get_user_pages_fast(engine, &tables, &mut zone, &gup, start, call.nr)
                .map_err(|error| error.to_string())?;
            let what = |error| format!("{name}, GUP of v{}, call {} {}: {error}", gup.policy.name, call.va, call.nr);
            check(call, &outcome, page_shift).map_err(what)?;
            for (pfn, wanted) in &call.refs {
                let refs = zone.refcount(Pfn(number(pfn)));
                if refs != *wanted {
                    return Err(what(format!("frame {pfn} has {refs} references, wanted {wanted}")));
                }
            }
            for (pfn, wanted) in &call.pins {
                let pins = zone.pins(Pfn(number(pfn)));
                if pins != *wanted {
                    return Err(what(format!("frame {pfn} has {pins} pins, wanted {wanted}")));
                }
            }
            if let Some((id, _)) = zone.pgmaps().find(|(id, _)| zone.pgmap_refs(*id) != 0) {
                return Err(what(format!("a pgmap keeps {} references", zone.pgmap_refs(id))));
            }
            runs += 1;
        }
    }
    Ok(runs)
}

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/gup");
    let entries = std::fs::read_dir(folder).expect("tests/gup is part of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[test]
fn every_scenario_gives_what_its_file_says_in_every_engine() {
    let files = scenarios();
    assert!(files.len() >= 50, "S1 to S20 and ours are {} files", files.len());
    let mut failures = Vec::new();
    let mut runs = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("readable");
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match run(&scenario) {
            Ok(count) => runs += count,
            Err(error) => failures.push(format!("{} ({}): {error}", path.display(), scenario.title)),
        }
    }
    assert!(failures.is_empty(), "{} scenarios fail:\n{}", failures.len(), failures.join("\n"));
    println!("{} scenarios, {runs} runs, all engines agree", files.len());
}
