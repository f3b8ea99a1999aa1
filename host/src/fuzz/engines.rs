//! Every engine that can answer for an embedded plugin, side by side, and the one that shares the least with the others.
//!
//! In: a plugin's name, its crate compiled in, a configuration and queries. Out: engines with names, to be compared.
//! Guaranteed: an engine is left out only where the processor lacks its instructions.

use ptwalk_abi::{Arch, Config, Helper};

use crate::engine::fused::{Isa, Kernels};
use crate::engine::sandbox::{Compiled, Mode};
use crate::engine::{Engine, EngineError, Failed, Fused, Queries, Record, Run, Words};
use crate::plugin;

/// An engine with the name that findings call it by.
pub type Named = (String, Box<dyn Engine>);

/// Every engine that can answer for an embedded plugin under a configuration: fused with each kernel that this processor
/// has; the sandbox, batched and per call; the plugin crate compiled in.
///
/// # Errors
/// Where the plugin cannot be loaded, is refused or cannot be compiled.
pub fn engines_of<A: Arch + 'static>(
    name: &str,
    native: A,
    config: &Config,
    queries: &Queries,
) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    let plugin = plugin::load(name)?;
    let mut engines: Vec<Named> = Vec::new();
    let verified = plugin::admit(name, &plugin, config)?;
    let vector = [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available());
    for kernels in vector.map(Kernels::Only).chain([Kernels::Scalar]) {
        let fused = Fused::with_kernels(&verified, queries.clone(), kernels)?;
        engines.push((format!("fused {kernels:?}"), Box::new(fused)));
    }
    engines.extend(without_proof(&Compiled::new(&verified, queries.clone())?, native, queries)?);
    Ok(engines)
}

/// The engines that can answer for an embedded plugin where it is refused: all but fused.
///
/// # Errors
/// Where the plugin cannot be loaded or compiled.
pub fn unverified_of<A: Arch + 'static>(
    name: &str,
    native: A,
    config: &Config,
    queries: &Queries,
) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    without_proof(&Compiled::unverified(plugin::load(name)?, config, queries.clone())?, native, queries)
}

fn without_proof<A: Arch + 'static>(
    compiled: &Compiled,
    native: A,
    queries: &Queries,
) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    let mut engines: Vec<Named> = Vec::new();
    for mode in [Mode::Batched, Mode::PerCall] {
        engines.push((format!("sandbox {mode:?}"), Box::new(compiled.instantiate(mode)?)));
    }
    engines.push(("native".to_owned(), Box::new(Native::new(native, queries.clone()))));
    Ok(engines)
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
