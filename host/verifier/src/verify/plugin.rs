//! What a verification decided, and the plugin that it lets pass.
//!
//! Guaranteed: a [`VerifiedPlugin`] is made in [`VerifiedPlugin::conclude`] alone, of a verification without errors
//! whose geometry adds up and in which no law is refuted or open.

use std::collections::BTreeMap;
use std::sync::Arc;

use ptwalk_abi::{Config, Geometry, Helper};

use super::forms::Form;
use super::obey::LawOutcome;
use super::report::{Verdict, VerifyReport};
use super::{LawSet, Timing};
use crate::expr::Arena;
use crate::lift::{Lifted, LiftedExport};
use crate::report::{Errors, Warning};
use crate::validate::ValidPlugin;

/// Everything that one verification found out.
#[derive(Debug)]
pub(super) struct Decided {
    pub config: Config,
    pub lifted: Option<Lifted>,
    pub forms: Vec<Option<Form>>,
    pub geometry: Option<Geometry>,
    /// The geometry does not add up under the configuration.
    pub unsupported: bool,
    pub laws: Vec<LawOutcome>,
    pub laws_sha256: String,
    pub errors: Errors,
    pub warnings: Vec<Warning>,
    pub timing: Timing,
}

impl Decided {
    pub(super) fn new(config: Config, laws: &LawSet) -> Decided {
        Decided {
            config,
            lifted: None,
            forms: Vec::new(),
            geometry: None,
            unsupported: false,
            laws: Vec::new(),
            laws_sha256: laws.sha256_hex(),
            errors: Errors::default(),
            warnings: laws.warnings().collect(),
            timing: Timing::default(),
        }
    }

    /// Everything as a report.
    pub(super) fn report(self, plugin: &ValidPlugin) -> VerifyReport {
        let rejection = self.errors.into_rejection();
        let (arena, exports) = match &self.lifted {
            Some(lifted) => (Some(&lifted.arena), &lifted.exports[..]),
            None => (None, &[][..]),
        };
        let exports = arena.map(|arena| super::report::exports(arena, exports)).unwrap_or_default();
        let mut warnings = plugin.warnings().to_vec();
        warnings.extend(self.warnings);
        VerifyReport::new(plugin, &self.config, rejection.as_ref(), exports, &self.laws, warnings, self.timing)
    }
}

/// What holds of every call of one export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportFacts {
    /// Instructions executed at most, counted as wasmtime counts fuel.
    pub instructions_max: u32,
    /// Bytes of stack needed at most.
    pub stack_bytes: u64,
    /// Bits of the result that are always 1.
    pub known_ones: u64,
    /// Bits of the result that are always 0, within its width.
    pub known_zeros: u64,
}

/// A plugin that is safe and lawful for every input, under one configuration.
///
/// Holding one proves what the module's documentation guarantees. There is no other way to one than
/// [`super::verify`] and [`super::Session::verify`].
#[derive(Debug)]
pub struct VerifiedPlugin {
    plugin: Arc<ValidPlugin>,
    config: Config,
    geometry: Geometry,
    lifted: Lifted,
    forms: Vec<Option<Form>>,
    laws: Vec<LawOutcome>,
    laws_sha256: String,
    warnings: Vec<Warning>,
    timing: Timing,
}

impl VerifiedPlugin {
    /// The plugin, if nothing at all stands in its way. Otherwise `decided` is left as it is.
    pub(super) fn conclude(plugin: &Arc<ValidPlugin>, decided: &mut Decided) -> Option<VerifiedPlugin> {
        let all_kept = !decided.laws.iter().any(|law| law.verdict.refuses());
        if !decided.errors.is_empty() || !all_kept || decided.forms.len() != Helper::ALL.len() {
            return None;
        }
        let (geometry, lifted) = (decided.geometry?, decided.lifted.take()?);
        Some(VerifiedPlugin {
            plugin: Arc::clone(plugin),
            config: decided.config,
            geometry,
            lifted,
            forms: std::mem::take(&mut decided.forms),
            laws: std::mem::take(&mut decided.laws),
            laws_sha256: std::mem::take(&mut decided.laws_sha256),
            warnings: std::mem::take(&mut decided.warnings),
            timing: decided.timing,
        })
    }

    /// The module, as it was validated.
    pub fn plugin(&self) -> &Arc<ValidPlugin> {
        &self.plugin
    }

    /// The configuration under which it was verified. Under another one, nothing is known.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The shape of its tables.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Holder of the closed forms.
    pub fn arena(&self) -> &Arena {
        &self.lifted.arena
    }

    /// What a helper computes; `None` where the plugin does not export it and the kernel has no generic definition.
    pub fn form(&self, helper: Helper) -> Option<Form> {
        self.forms.get(helper as usize).copied().flatten()
    }

    /// What holds of every call of a helper that the plugin exports.
    pub fn facts(&self, helper: Helper) -> Option<ExportFacts> {
        self.lifted.helper(helper).map(|export| facts(&self.lifted.arena, export))
    }

    /// The verdict on every law, in the order of the law set.
    pub fn laws(&self) -> &[LawOutcome] {
        &self.laws
    }

    /// SHA-256 of the laws that were decided, in hexadecimal.
    pub fn laws_sha256(&self) -> &str {
        &self.laws_sha256
    }

    /// What is odd about the plugin or the laws.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.plugin.warnings().iter().chain(&self.warnings)
    }

    /// How long the verification took.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Everything that was decided, for people and programs.
    pub fn report(&self) -> VerifyReport {
        let exports = super::report::exports(&self.lifted.arena, &self.lifted.exports);
        let warnings = self.warnings().cloned().collect();
        let report = VerifyReport::new(&self.plugin, &self.config, None, exports, &self.laws, warnings, self.timing);
        debug_assert_eq!(report.verdict, Verdict::Verified);
        report
    }
}

/// What holds of every call of an export.
pub(super) fn facts(arena: &Arena, export: &LiftedExport) -> ExportFacts {
    let (ones, zeros) = export.result.map_or((0, 0), |result| {
        let facts = arena.facts(result);
        (facts.ones, facts.zeros & arena.width(result).mask())
    });
    ExportFacts {
        instructions_max: export.instructions,
        stack_bytes: export.stack_bytes,
        known_ones: ones,
        known_zeros: zeros,
    }
}

/// Values of a configuration by name.
pub(super) fn named(config: &Config) -> BTreeMap<String, i32> {
    ptwalk_abi::Extern::ALL.iter().map(|key| (key.name().to_owned(), config.value(*key))).collect()
}
