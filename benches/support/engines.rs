//! The engines that the benches compare, and the walk that they are compared in.

use std::sync::Arc;

use ptwalk::engine::fused::{Isa, Kernels};
use ptwalk::engine::sandbox::{Compiled, Mode};
use ptwalk::engine::{Engine, Facts, Fused, Queries, Started, Wanted};
use ptwalk::plugin;
use ptwalk::walk::{Event, Filter, Leaves, MapSink, Passed, TableSet, WalkError, walk_into};
use ptwalk_abi::Half;
use ptwalk_verifier::verify::VerifiedPlugin;

use super::native::{CONFIG, Tally};

/// The embedded plugin under [`CONFIG`].
pub fn arm64() -> Arc<VerifiedPlugin> {
    let plugin = plugin::load("arm64").expect("arm64 is embedded");
    plugin::admit("arm64", &plugin, &CONFIG).expect("arm64 is verified")
}

/// What the headline walk asks: every leaf that is present, its frame, whether it is device memory.
pub fn present() -> Wanted {
    Wanted { leaves: None, half: Half::Lower, absent: false, shown: Facts::PRESENT.or(Facts::DEVMAP) }
}

/// The same of leaves that are writable and user mode's.
pub fn user_writable() -> Wanted {
    Wanted { leaves: Some(Filter::parse("user & write").expect("well-formed")), ..present() }
}

/// An engine with its name.
pub struct Named {
    /// The name in the IDs of the benches.
    pub name: &'static str,
    /// The engine.
    pub engine: Started,
}

/// Fused with every kernel that the processor has; in the sandbox, batched and, if asked for, call by call.
pub fn engines(plugin: &Arc<VerifiedPlugin>, queries: &Queries, per_call: bool) -> Vec<Named> {
    let mut engines = Vec::new();
    let mut fused = |name, kernels| {
        let fused = Fused::with_kernels(plugin, queries.clone(), kernels).expect("arm64 is fused");
        engines.push(Named { name, engine: Started::Fused(fused) });
    };
    if Isa::Avx512.is_available() {
        fused("fused-avx512", Kernels::Only(Isa::Avx512));
    }
    if Isa::Avx2.is_available() {
        fused("fused-avx2", Kernels::Only(Isa::Avx2));
    }
    fused("fused-scalar", Kernels::Scalar);
    let compiled = Compiled::new(plugin, queries.clone()).expect("arm64 compiles");
    let modes = [("sandbox-batched", Mode::Batched, true), ("sandbox-per-call", Mode::PerCall, per_call)];
    for (name, mode, _) in modes.into_iter().filter(|(_, _, wanted)| *wanted) {
        let sandbox = compiled.instantiate(mode).expect("an instance of arm64");
        engines.push(Named { name, engine: Started::Sandbox(Box::new(sandbox)) });
    }
    engines
}

impl MapSink for Tally {
    fn event(&mut self, _: &Event, _: &[Passed]) -> Result<(), WalkError> {
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.add(leaves.words());
        Ok(())
    }
}

/// Every leaf that the engine's queries keep.
pub fn walk<E: Engine + ?Sized>(engine: &mut E, tables: &TableSet<'_>) -> Tally {
    let mut tally = Tally::default();
    let whole = tables.whole().expect("arm64 has a lower half");
    walk_into(engine, tables, whole, &mut tally).expect("arm64 does not fail");
    tally
}
