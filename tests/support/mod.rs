//! What several integration tests share: a native engine, memory built from words, ELF cores, random numbers, and the
//! program itself.
#![allow(dead_code, reason = "each test uses a part")]

pub mod core;
pub mod program;
pub mod random;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ptwalk::engine::fused::{Isa, Kernels};
use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::engine::{Engine, EngineError, Failed, Fused, Queries, Record, Run, Words};
use ptwalk::plugin::{self, LoadError};
use ptwalk_abi::{Arch, Config, Helper};
use ptwalk_arm64::Arm64;
use ptwalk_verifier::verify::VerifiedPlugin;

/// The folder of a real dump; where it is absent, says loudly that nothing is checked.
pub fn real(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real");
    let folder = std::env::var_os("PTWALK_REAL").map_or_else(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: NOTHING WAS CHECKED against the real dump {name}: {} is absent", folder.display());
    None
}

/// An engine with the name that failures call it by.
pub type Named = (String, Box<dyn Engine>);

/// The embedded arm64 plugin, verified.
pub fn arm64(config: &Config) -> Result<Arc<VerifiedPlugin>, LoadError> {
    plugin::admit("arm64", &plugin::load("arm64")?, config)
}

/// Every engine that can answer for arm64 under a configuration.
pub fn engines(config: &Config, queries: &Queries) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    engines_of("arm64", Arm64(*config), config, queries)
}

/// Every engine that can answer for an embedded plugin under a configuration: fused with each kernel that this processor
/// has, where the plugin is verified for it; the sandbox, batched and per call; the plugin crate compiled in.
pub fn engines_of<A: Arch + 'static>(
    name: &str,
    native: A,
    config: &Config,
    queries: &Queries,
) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    let plugin = plugin::load(name)?;
    let mut engines: Vec<Named> = Vec::new();
    match plugin::admit(name, &plugin, config) {
        Ok(verified) => {
            let vector = [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available());
            for kernels in vector.map(Kernels::Only).chain([Kernels::Scalar]) {
                let fused = Fused::with_kernels(&verified, queries.clone(), kernels)?;
                engines.push((format!("fused {kernels:?}"), Box::new(fused)));
            }
        }
        Err(LoadError::Refused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let compiled = Compiled::unverified(plugin, config, queries.clone())?;
    for mode in [Mode::Batched, Mode::PerCall] {
        engines.push((format!("sandbox {mode:?}"), Box::new(compiled.instantiate(mode)?)));
    }
    engines.push(("native".to_owned(), Box::new(Native::new(native, queries.clone()))));
    Ok(engines)
}

/// The embedded arm64 plugin in the sandbox, whatever the verifier says of the configuration.
pub fn sandbox(config: &Config, queries: Queries) -> Result<Sandbox, Box<dyn std::error::Error>> {
    Ok(Compiled::unverified(plugin::load("arm64")?, config, queries)?.instantiate(Mode::Batched)?)
}

/// The plugin crate compiled in, as an engine: an oracle that shares no code with the WASM engines but the plugin's
/// own source.
pub struct Native<A> {
    arch: A,
    queries: Queries,
}

impl<A: Arch> Native<A> {
    /// An engine over `arch` that answers `queries`.
    pub fn new(arch: A, queries: Queries) -> Native<A> {
        Native { arch, queries }
    }
}

impl<A: Arch> Engine for Native<A> {
    fn queries(&self) -> &Queries {
        &self.queries
    }

    fn has(&self, _: Helper) -> bool {
        true
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        Ok(self.arch.call(helper, args))
    }

    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        let call = |helper, args| Ok(self.arch.call(helper, args));
        self.queries.levels[depth].evaluate(entry, |_| true, call)
    }

    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        out.clear();
        let entries = self.queries.entries(run.bytes);
        let call = |helper, args| Ok(self.arch.call(helper, args));
        self.queries.levels[depth].interpret(entries, run.first, out, |_| true, call)
    }
}

/// `EM_AARCH64`.
pub const AARCH64: u16 = 183;
/// `EM_PPC64`.
pub const PPC64: u16 = 21;
/// `EM_X86_64`.
pub const X86_64: u16 = 62;

/// Physical memory as words; what is between them is zero.
#[derive(Clone, Default)]
pub struct Memory {
    words: BTreeMap<u64, u64>,
}

impl Memory {
    /// Stores a word.
    pub fn store(&mut self, pa: u64, word: u64) {
        assert_eq!(pa % 8, 0, "entries are aligned");
        self.words.insert(pa, word);
    }

    /// An arm64 core that holds exactly the pages stored to.
    pub(crate) fn core(&self, order: core::ByteOrder, page_bytes: u64) -> core::CoreBuilder {
        self.load_into(core::CoreBuilder::new(order, AARCH64), order, page_bytes)
    }

    /// `core` with exactly the pages stored to, their words in `order`.
    pub(crate) fn load_into(
        &self,
        core: core::CoreBuilder,
        order: core::ByteOrder,
        page_bytes: u64,
    ) -> core::CoreBuilder {
        let mut pages: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (pa, word) in &self.words {
            let page = pages.entry(pa & !(page_bytes - 1)).or_insert_with(|| vec![0; small(page_bytes)]);
            let at = small(pa & (page_bytes - 1));
            page[at..at + 8].copy_from_slice(&stored(*word, order));
        }
        pages.iter().fold(core, |core, (pa, bytes)| core.load(*pa, bytes))
    }

    /// The bytes from the first page stored to, to the end of the last, and the address of the first.
    pub(crate) fn bytes(&self, order: core::ByteOrder, page_bytes: u64) -> (u64, Vec<u8>) {
        let first = self.words.keys().next().map_or(0, |pa| pa & !(page_bytes - 1));
        let end = self.words.keys().next_back().map_or(first, |pa| (pa | (page_bytes - 1)) + 1);
        let mut bytes = vec![0; usize::try_from(end - first).expect("test memory is small")];
        for (pa, word) in &self.words {
            let at = usize::try_from(pa - first).expect("test memory is small");
            bytes[at..at + 8].copy_from_slice(&stored(*word, order));
        }
        (first, bytes)
    }
}

/// A word as memory holds it.
fn stored(word: u64, order: core::ByteOrder) -> [u8; 8] {
    match order {
        core::ByteOrder::Little => word.to_le_bytes(),
        core::ByteOrder::Big => word.to_be_bytes(),
    }
}

/// A size or offset of test memory.
fn small(bytes: u64) -> usize {
    usize::try_from(bytes).expect("test memory is small")
}
