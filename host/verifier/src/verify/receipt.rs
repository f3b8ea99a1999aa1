//! What was verified, in a form that can be kept and checked again.
//!
//! In: an [`Outcome`]'s report and the laws. Out: a small JSON document with the hashes of everything that the verdict
//! depends on. Guaranteed: [`Receipt::check`] says of each of them whether it is still the same. Not handled: proving
//! again, which is what [`super::verify`] does, and signatures.

use std::collections::BTreeMap;
use std::fmt;

use ptwalk_abi::{ABI_VERSION, Config};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plugin::named;
use super::report::{Verdict, VerifyReport};
use super::{LawReport, LawSet};

/// Names the rules by which this verifier judges. Raised with every change that can alter a verdict: of lifting, of
/// proving, of what is checked, of the budgets.
const RULES: u32 = 1;

/// The version of this verifier: of the crate, of the rules and of the contract.
fn verifier() -> String {
    format!("{} rules {RULES} abi {ABI_VERSION}", env!("CARGO_PKG_VERSION"))
}

/// SHA-256 in 64 lower-case hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many laws ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawCounts {
    /// Proved.
    pub proved: usize,
    /// Refuted.
    pub refuted: usize,
    /// Not decided.
    pub unknown: usize,
    /// Not applicable.
    pub not_applicable: usize,
}

impl LawCounts {
    fn of(laws: &[LawReport]) -> LawCounts {
        let count = |verdict| laws.iter().filter(|law| law.verdict == verdict).count();
        LawCounts {
            proved: count("proved"),
            refuted: count("refuted"),
            unknown: count("unknown"),
            not_applicable: count("not_applicable"),
        }
    }
}

/// A record of one verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// SHA-256 of the module.
    pub sha256: String,
    /// The configuration, every value by its name.
    pub config: BTreeMap<String, i32>,
    /// SHA-256 of the texts of the laws.
    pub laws_sha256: String,
    /// The verifier that judged.
    pub verifier: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What became of the laws.
    pub laws: LawCounts,
}

/// What is no longer as the receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another module.
    Module {
        /// SHA-256 by the receipt.
        receipt: String,
        /// SHA-256 of the bytes.
        found: String,
    },
    /// A value of the configuration.
    Config {
        /// Its name.
        name: String,
        /// By the receipt.
        receipt: Option<i32>,
        /// By the configuration.
        found: Option<i32>,
    },
    /// Other laws.
    Laws {
        /// SHA-256 by the receipt.
        receipt: String,
        /// SHA-256 of the laws.
        found: String,
    },
    /// Another verifier.
    Verifier {
        /// By the receipt.
        receipt: String,
        /// This one.
        found: String,
    },
    /// The receipt is not of a plugin that was verified.
    Verdict(Verdict),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<i32>| value.map_or_else(|| "absent".to_owned(), |value| value.to_string());
        match self {
            Difference::Module { receipt, found } => write!(f, "module {found}, the receipt is for {receipt}"),
            Difference::Config { name, receipt, found } => {
                write!(f, "{name} is {}, the receipt is for {}", shown(found), shown(receipt))
            }
            Difference::Laws { receipt, found } => write!(f, "laws {found}, the receipt is for {receipt}"),
            Difference::Verifier { receipt, found } => write!(f, "verifier {found}, the receipt is by {receipt}"),
            Difference::Verdict(verdict) => write!(f, "the receipt says {verdict:?}, not verified"),
        }
    }
}

impl Receipt {
    /// The record of a verification.
    pub fn of(report: &VerifyReport, laws: &LawSet) -> Receipt {
        Receipt {
            sha256: report.sha256.clone(),
            config: report.config.clone(),
            laws_sha256: laws.sha256_hex(),
            verifier: verifier(),
            verdict: report.verdict,
            laws: LawCounts::of(&report.laws),
        }
    }

    /// What is no longer as the receipt says; empty where its verdict still stands.
    ///
    /// # Cost
    /// A hash of the module. Nothing is proved again: a receipt is as trustworthy as the place it was kept in.
    pub fn check(&self, bytes: &[u8], config: &Config, laws: &LawSet) -> Vec<Difference> {
        let mut differences = Vec::new();
        let found = sha256_hex(bytes);
        if found != self.sha256 {
            differences.push(Difference::Module { receipt: self.sha256.clone(), found });
        }
        let values = named(config);
        let mut names: Vec<&String> = values.keys().chain(self.config.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (receipt, found) = (self.config.get(name).copied(), values.get(name).copied());
            if receipt != found {
                differences.push(Difference::Config { name: name.clone(), receipt, found });
            }
        }
        let found = laws.sha256_hex();
        if found != self.laws_sha256 {
            differences.push(Difference::Laws { receipt: self.laws_sha256.clone(), found });
        }
        let found = verifier();
        if found != self.verifier {
            differences.push(Difference::Verifier { receipt: self.verifier.clone(), found });
        }
        if self.verdict != Verdict::Verified {
            differences.push(Difference::Verdict(self.verdict));
        }
        differences
    }
}
