//! What a verification decided, as the document that `ptwalk verify --json` prints.
//!
//! Keys are stable: they may be added, never renamed. Values that may exceed 2^53 are strings.

use std::collections::BTreeMap;

use ptwalk_abi::Config;
use serde::{Deserialize, Serialize};

use super::Timing;
use super::obey::{LawOutcome, LawVerdict};
use super::plugin::{facts, named};
use super::values::{Counterexample, Value, arguments};
use crate::code::Code;
use crate::expr::Arena;
use crate::lift::LiftedExport;
use crate::report::{Diagnostic, Rejection, Warning};
use crate::text;
use crate::validate::ValidPlugin;

/// The verdict on a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Safe and lawful for every input.
    Verified,
    /// Something is open because a budget was spent; treated as a refusal.
    Unknown,
    /// Something is wrong for an input that is known.
    Refuted,
    /// Not a plugin, or laws that say nothing.
    Malformed,
}

impl Verdict {
    /// What a reason to refuse makes of the verdict: by the family of its code, and the laws' own errors are about text.
    fn of(code: Code) -> Verdict {
        match (code, code.text().as_bytes().first()) {
            (Code::C890 | Code::C891 | Code::C892, _) | (_, Some(b'S')) => Verdict::Malformed,
            (_, Some(b'L')) => Verdict::Unknown,
            _ => Verdict::Refuted,
        }
    }
}

/// What is known of one export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Instructions of a call at most.
    pub instructions_max: u32,
    /// Bytes of stack at most.
    pub stack_bytes: u64,
    /// The result as mathematics; `None` where it has none.
    pub closed_form: Option<String>,
    /// Bits of the result that are always 1.
    pub known_ones: Value,
    /// Bits of the result that are always 0, within its width.
    pub known_zeros: Value,
}

/// What was found about one law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LawReport {
    /// Name and expansion.
    pub id: String,
    /// `proved`, `refuted`, `unknown` or `not_applicable`.
    pub verdict: &'static str,
    /// The engine that settled it.
    pub by: Option<&'static str>,
    /// An input that breaks it.
    pub counterexample: Option<Counterexample>,
    /// Why it is unknown or not applicable.
    pub reason: Option<String>,
}

/// Everything that was decided about a plugin under one configuration.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The plugin's own name for itself; whoever knows a better one replaces it.
    pub plugin: String,
    /// SHA-256 of the module, in hexadecimal.
    pub sha256: String,
    /// The configuration, every value by its name.
    pub config: BTreeMap<String, i32>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not `verified`.
    pub errors: Vec<Diagnostic>,
    /// The exports that were lifted.
    pub exports: BTreeMap<String, ExportReport>,
    /// Every law.
    pub laws: Vec<LawReport>,
    /// Errors that were found and left out of `errors`.
    #[serde(skip)]
    pub omitted: usize,
    /// What is odd and changes no verdict.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
    /// How long it took.
    #[serde(skip)]
    pub timing: Timing,
}

impl VerifyReport {
    pub(super) fn new(
        plugin: &ValidPlugin,
        config: &Config,
        rejection: Option<&Rejection>,
        exports: BTreeMap<String, ExportReport>,
        laws: &[LawOutcome],
        warnings: Vec<Warning>,
        timing: Timing,
    ) -> VerifyReport {
        let errors = rejection.map_or_else(Vec::new, |rejection| rejection.errors().to_vec());
        let worst = errors.iter().map(|error| Verdict::of(error.code)).max();
        VerifyReport {
            plugin: plugin.manifest().name.clone().unwrap_or_default(),
            sha256: plugin.sha256_hex(),
            config: named(config),
            verdict: worst.unwrap_or(Verdict::Verified),
            errors,
            exports,
            laws: laws.iter().map(LawReport::of).collect(),
            omitted: rejection.map_or(0, Rejection::omitted),
            warnings,
            timing,
        }
    }

    /// The report on a module that is within the subset but cannot be decoded.
    pub(super) fn malformed(plugin: &ValidPlugin, config: &Config, rejection: &Rejection) -> VerifyReport {
        let warnings = plugin.warnings().to_vec();
        let report =
            VerifyReport::new(plugin, config, Some(rejection), BTreeMap::new(), &[], warnings, Timing::default());
        VerifyReport { verdict: Verdict::Malformed, ..report }
    }

    /// The report on bytes that validation refuses. `sha256` is that of the bytes.
    pub fn invalid(plugin: &str, bytes: &[u8], config: &Config, rejection: &Rejection) -> VerifyReport {
        VerifyReport {
            plugin: text::name(plugin),
            sha256: super::receipt::sha256_hex(bytes),
            config: named(config),
            verdict: Verdict::Malformed,
            errors: rejection.errors().to_vec(),
            exports: BTreeMap::new(),
            laws: Vec::new(),
            omitted: rejection.omitted(),
            warnings: Vec::new(),
            timing: Timing::default(),
        }
    }
}

impl LawReport {
    fn of(law: &LawOutcome) -> LawReport {
        let mut report = LawReport { id: law.id.clone(), verdict: "", by: None, counterexample: None, reason: None };
        match &law.verdict {
            LawVerdict::Proved { by } => {
                report.verdict = "proved";
                report.by = Some(by);
            }
            LawVerdict::Refuted { by, counterexample } => {
                report.verdict = "refuted";
                report.by = Some(by);
                report.counterexample = Some(counterexample.clone());
            }
            LawVerdict::Unknown { reason } => {
                report.verdict = "unknown";
                report.reason = Some(reason.clone());
            }
            LawVerdict::NotApplicable { reason } => {
                report.verdict = "not_applicable";
                report.reason = Some(reason.to_string());
            }
        }
        report
    }
}

/// The exports by name. One that no helper has, as the marker of the ABI, is none.
pub(super) fn exports(arena: &Arena, exports: &[LiftedExport]) -> BTreeMap<String, ExportReport> {
    let of = |export: &LiftedExport| {
        let helper = export.helper?;
        let facts = facts(arena, export);
        let report = ExportReport {
            instructions_max: facts.instructions_max,
            stack_bytes: facts.stack_bytes,
            closed_form: export.result.map(|form| arena.display(form, arguments(helper)).to_string()),
            known_ones: Value(facts.known_ones),
            known_zeros: Value(facts.known_zeros),
        };
        Some((helper.name().to_owned(), report))
    };
    exports.iter().filter_map(of).collect()
}
