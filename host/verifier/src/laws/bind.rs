//! From a law to the law for one plugin under one configuration.
//!
//! In: a law, a frozen configuration and the helpers that the plugin exports. Out: the law ready to be decided, or
//! why it does not apply. Guaranteed: every helper that a bound law calls is exported or has a generic stub, so that
//! the law means something. Not handled: whether it holds.

use std::fmt::Write as _;

use ptwalk_abi::{Config, Extern, Helper, KVersion, Kconfig, Op, Stub};

use super::ast::Formula;
use super::error::LawErrorKind;
use super::eval::{self, Verdict};
use super::parse::nearest;
use super::{Law, Origin};

/// The helpers that a plugin exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports(Vec<bool>);

impl Exports {
    /// Whether the plugin exports `helper`.
    pub fn has(&self, helper: Helper) -> bool {
        self.0.get(helper as usize).copied().unwrap_or(false)
    }
}

impl FromIterator<Helper> for Exports {
    fn from_iter<I: IntoIterator<Item = Helper>>(helpers: I) -> Exports {
        let mut set = vec![false; Helper::ALL.len()];
        for helper in helpers {
            if let Some(slot) = set.get_mut(helper as usize) {
                *slot = true;
            }
        }
        Exports(set)
    }
}

/// Why a law says nothing about a plugin. Reports show it: what is not checked must not look checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplicable {
    /// The `when` clause is false under the configuration.
    #[error("it applies when {clause}; {facts}")]
    When {
        /// The clause.
        clause: String,
        /// What it reads and the values that has here.
        facts: String,
    },
    /// Helpers that nothing stands in for are absent.
    #[error("not exported, and without a generic stub: {}", names(.helpers))]
    Absent {
        /// The helpers.
        helpers: Vec<Helper>,
    },
    /// The precondition holds for no entry, so that the law would be kept by saying nothing. Found by the prover, not
    /// by [`bind`]; of a law from a file it is an error instead (C890).
    #[error("its precondition holds for no input: {precondition}")]
    Vacuous {
        /// The precondition.
        precondition: String,
    },
    /// Every helper of the law is absent, so that it would speak of the generic stubs alone.
    #[error("not exported, so that the generic stubs stand in: {}", names(.helpers))]
    StubsOnly {
        /// The helpers.
        helpers: Vec<Helper>,
    },
}

fn names(helpers: &[Helper]) -> String {
    helpers.iter().map(|helper| helper.name()).collect::<Vec<_>>().join(", ")
}

/// What becomes of a law.
#[derive(Clone, Debug)]
pub enum Binding<'l> {
    /// It is to be decided.
    Applicable(BoundLaw<'l>),
    /// It says nothing here.
    NotApplicable(NotApplicable),
    /// A law from a file names a helper that is not there: whoever wrote it relies on what he does not get (C891).
    Refused(LawErrorKind),
}

/// A law for one plugin and configuration.
#[derive(Clone, Debug)]
pub struct BoundLaw<'l> {
    law: &'l Law,
    config: Config,
    exports: &'l Exports,
}

impl<'l> BoundLaw<'l> {
    /// The law.
    pub fn law(&self) -> &'l Law {
        self.law
    }

    /// Its formula.
    pub fn formula(&self) -> &'l Formula {
        &self.law.formula
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The helpers that the plugin exports; stubs stand in for the others that the law calls.
    pub fn exports(&self) -> &'l Exports {
        self.exports
    }

    /// Decides the law for one assignment. `call` is asked for exported helpers only.
    ///
    /// # Cost
    /// One pass over the terms; each call once.
    pub fn evaluate(&self, vars: &[u64], mut call: impl FnMut(Helper, &[u64]) -> u64) -> Verdict {
        let formula = self.formula();
        let values = eval::terms(formula, formula.claim(), &self.config, self.exports, vars, &mut call);
        let holds = |id: usize| values.get(id).is_some_and(|value| *value != 0);
        Verdict { precondition: formula.precondition().is_none_or(holds), claim: holds(formula.claim()) }
    }
}

/// Specialises `law`.
pub fn bind<'l>(law: &'l Law, config: &Config, exports: &'l Exports) -> Binding<'l> {
    let formula = &law.formula;
    if let Some(when) = formula.when() {
        let values = eval::terms(formula, when, config, exports, &[], &mut |_, _| 0);
        if values.get(when) != Some(&1) {
            let clause = formula.term_text(when);
            let facts = facts(formula, config, exports);
            return Binding::NotApplicable(NotApplicable::When { clause, facts });
        }
    }
    let helpers = formula.helpers();
    let absent: Vec<Helper> = helpers.iter().copied().filter(|helper| !available(*helper, exports)).collect();
    if let (Origin::File, Some(helper)) = (law.origin, absent.first().copied()) {
        let exported = Helper::ALL.iter().filter(|other| exports.has(**other)).map(|other| other.name());
        return Binding::Refused(LawErrorKind::MissingExport { helper, nearest: nearest(helper.name(), exported) });
    }
    if !absent.is_empty() {
        return Binding::NotApplicable(NotApplicable::Absent { helpers: absent });
    }
    if !helpers.is_empty() && !helpers.iter().any(|helper| asks_plugin(*helper, exports)) {
        return Binding::NotApplicable(NotApplicable::StubsOnly { helpers });
    }
    Binding::Applicable(BoundLaw { law, config: *config, exports })
}

/// Whether a call of `helper` means something: it is exported, or a stub stands in whose own helpers are there.
fn available(helper: Helper, exports: &Exports) -> bool {
    if exports.has(helper) {
        return true;
    }
    match helper.stub() {
        Stub::Required | Stub::Undefined => false,
        Stub::Zero | Stub::One | Stub::Identity | Stub::Equal => true,
        Stub::PresentAndWrite => present_and_write(helper)
            .into_iter()
            .all(|predicate| predicate.is_some_and(|predicate| available(predicate, exports))),
    }
}

/// Whether a call of `helper` reaches the plugin, directly or through the generic stub.
fn asks_plugin(helper: Helper, exports: &Exports) -> bool {
    let through = helper.stub() == Stub::PresentAndWrite
        && present_and_write(helper).into_iter().flatten().any(|predicate| exports.has(predicate));
    exports.has(helper) || through
}

/// The helpers that the generic `pXd_access_permitted` asks.
fn present_and_write(access: Helper) -> [Option<Helper>; 2] {
    [Op::Present, Op::Write].map(|op| Helper::find(access.level(), op))
}

/// What a `when` clause reads, with the values.
fn facts(formula: &Formula, config: &Config, exports: &Exports) -> String {
    let mut facts = String::new();
    let mut add = |name: &dyn std::fmt::Display, value: &dyn std::fmt::Display| {
        let comma = if facts.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(facts, "{comma}{name} is {value}");
    };
    for key in formula.when_externs() {
        if key == Extern::LINUX_VERSION_CODE {
            add(&key, &KVersion::from_code(config.get(key)));
        } else {
            add(&key, &config.get(key));
        }
    }
    for helper in formula.when_exports() {
        add(&helper, &if exports.has(helper) { "exported" } else { "not exported" });
    }
    facts
}
