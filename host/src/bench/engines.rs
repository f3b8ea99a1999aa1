//! The engines that the benches compare, and the walk that they are compared in.

use std::sync::Arc;

use crate::engine::fused::{FuseError, Isa, Kernels};
use crate::engine::sandbox::{Compiled, Mode};
use crate::engine::{Engine, Facts, Fused, Queries, Started, Wanted};
use crate::plugin::{self, LoadError};
use crate::walk::filter::{Attr, Filter, Name};
use crate::walk::{Event, Leaves, MapSink, Passed, TableSet, WalkError, walk_into};
use ptwalk_abi::Half;
use ptwalk_verifier::verify::VerifiedPlugin;

use super::native::{CONFIG, Tally};

/// The embedded plugin under [`CONFIG`].
///
/// # Errors
/// [`LoadError`], which the tests rule out.
pub fn arm64() -> Result<Arc<VerifiedPlugin>, LoadError> {
    plugin::admit("arm64", &plugin::load("arm64")?, &CONFIG)
}

/// What the headline walk asks: every leaf that is present, its frame, whether it is device memory.
pub fn present() -> Wanted {
    Wanted { leaves: None, half: Half::Lower, absent: false, shown: Facts::PRESENT.or(Facts::DEVMAP) }
}

/// The same of leaves that are writable and user mode's.
pub fn user_writable() -> Wanted {
    let is = |attr| Box::new(Filter::Is(Name::Attr(attr)));
    Wanted { leaves: Some(Filter::And(is(Attr::User), is(Attr::Write))), ..present() }
}

/// An engine with its name.
pub struct Named {
    /// The name in the IDs of the benches.
    pub name: &'static str,
    /// The engine.
    pub engine: Started,
}

/// Fused with every kernel that the processor has; in the sandbox, batched and, if asked for, call by call.
///
/// # Errors
/// [`FuseError`].
pub fn engines(plugin: &Arc<VerifiedPlugin>, queries: &Queries, per_call: bool) -> Result<Vec<Named>, FuseError> {
    let mut engines = Vec::new();
    let vector = [("fused-avx512", Isa::Avx512), ("fused-avx2", Isa::Avx2)].into_iter();
    let vector = vector.filter(|(_, isa)| isa.is_available()).map(|(name, isa)| (name, Kernels::Only(isa)));
    for (name, kernels) in vector.chain([("fused-scalar", Kernels::Scalar)]) {
        let engine = Started::Fused(Fused::with_kernels(plugin, queries.clone(), kernels)?);
        engines.push(Named { name, engine });
    }
    let compiled = Compiled::new(plugin, queries.clone())?;
    let modes = [("sandbox-batched", Mode::Batched, true), ("sandbox-per-call", Mode::PerCall, per_call)];
    for (name, mode, _) in modes.into_iter().filter(|(_, _, wanted)| *wanted) {
        engines.push(Named { name, engine: Started::Sandbox(Box::new(compiled.instantiate(mode)?)) });
    }
    Ok(engines)
}

impl MapSink for Tally {
    fn event(&mut self, _: &Event, _: &[Passed]) -> Result<(), WalkError> {
        Ok(())
    }

    #[inline]
    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.add(leaves.words());
        Ok(())
    }
}

/// Every leaf that the engine's queries keep.
///
/// # Errors
/// [`WalkError`] where the plugin fails, which a verified one does not.
pub fn walk<E: Engine + ?Sized>(engine: &mut E, tables: &TableSet<'_>) -> Result<Tally, WalkError> {
    let mut tally = Tally::default();
    if let Some(whole) = tables.whole() {
        walk_into(engine, tables, whole, &mut tally)?;
    }
    Ok(tally)
}
