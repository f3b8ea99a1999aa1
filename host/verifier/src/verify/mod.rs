//! Third stage: is the plugin safe and lawful for every input?
//!
//! In: a [`ValidPlugin`], a frozen configuration and the laws. Out: an [`Outcome`]: a [`VerifiedPlugin`], or a report
//! that says why not; both hold everything that was decided. Guaranteed of a `VerifiedPlugin`: every export ends within
//! the instructions and the stack stated, cannot trap, keeps no state, and computes its closed form; predicates are 0
//! or 1; the geometry adds up; every law that applies holds for all inputs. A counterexample is executed on the code
//! before it is reported. What no budget sufficed to decide refuses the plugin. Not handled: choosing a configuration;
//! running the plugin.
//!
//! # Cost
//! Bounded by [`budget`], and by the budgets of lifting and proving, whatever the plugin and the laws.

pub mod budget;
mod claims;
mod explain;
mod forms;
mod geometry;
mod lawset;
mod machines;
mod matrix;
mod obey;
mod plugin;
mod question;
mod receipt;
mod report;
mod safety;
mod suggest;
mod twice;
mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ptwalk_abi::Config;

pub use claims::{Claim, Claims, Effort, Witness};
pub use forms::{Form, FormSource};
pub use lawset::LawSet;
pub use machines::{MACHINES, Machine};
pub use matrix::{Case, Matrix, Supported, Tally};
pub use obey::{LawOutcome, LawVerdict};
pub use plugin::{ExportFacts, VerifiedPlugin};
pub use receipt::{Difference, LawCounts, Receipt};
pub use report::{ExportReport, LawReport, Verdict, VerifyReport};
pub use values::{Counterexample, Side, Value};

use crate::bits::budget::{self as bits_budget, QueryBudget};
use crate::blast::Prover;
use crate::code::Code;
use crate::deadline::Deadline;
use crate::laws::Exports;
use crate::lift::{self, DecodeError, Lifted, Module};
use crate::report::{Diagnostic, Errors, Rejection};
use crate::validate::ValidPlugin;
use explain::Names;
use geometry::Shape;
use plugin::Decided;

/// What becomes of a plugin.
#[derive(Debug)]
pub enum Outcome {
    /// It may run.
    Verified(Arc<VerifiedPlugin>),
    /// It may not. The report holds whatever was decided.
    Refused(Box<VerifyReport>),
}

impl Outcome {
    /// The plugin, where it is verified.
    pub fn verified(&self) -> Option<&Arc<VerifiedPlugin>> {
        match self {
            Outcome::Verified(plugin) => Some(plugin),
            Outcome::Refused(_) => None,
        }
    }

    /// What was decided.
    pub fn report(&self) -> VerifyReport {
        match self {
            Outcome::Verified(plugin) => plugin.report(),
            Outcome::Refused(report) => VerifyReport::clone(report),
        }
    }
}

/// Verifies a plugin under one configuration. For several, a [`Session`] decodes the module once.
pub fn verify(plugin: &Arc<ValidPlugin>, config: &Config, laws: &LawSet) -> Outcome {
    match Session::new(plugin) {
        Ok(session) => session.verify(config, laws),
        Err(rejection) => Outcome::Refused(Box::new(VerifyReport::malformed(plugin, config, &rejection))),
    }
}

/// Time that the parts of one verification took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From WebAssembly to closed forms.
    pub lift: Duration,
    /// Traps, memory, purity, ranges, geometry.
    pub safety: Duration,
    /// The laws.
    pub laws: Duration,
}

/// A plugin, decoded, to be verified under any number of configurations.
#[derive(Debug)]
pub struct Session<'p> {
    plugin: &'p Arc<ValidPlugin>,
    module: Module<'p>,
    exports: Exports,
}

/// How far a verification goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// Everything, and what a walk cannot do without must be there.
    Walk,
    /// The same, but nothing is decided any more once the geometry does not add up.
    Supported,
    /// What is there is judged; what is missing is missing.
    Fragment,
}

impl<'p> Session<'p> {
    /// Decodes the module of a plugin.
    ///
    /// # Errors
    /// [`Rejection`] where it cannot be decoded, which validation excludes.
    pub fn new(plugin: &'p Arc<ValidPlugin>) -> Result<Session<'p>, Rejection> {
        let module = Module::decode(plugin.bytes()).map_err(|error| decode_error(&error))?;
        let exports = plugin.exports().keys().copied().collect();
        Ok(Session { plugin, module, exports })
    }

    /// Verifies the plugin under a configuration.
    pub fn verify(&self, config: &Config, laws: &LawSet) -> Outcome {
        self.conclude(self.decide(config, laws, Demand::Walk))
    }

    /// Decides whatever can be decided about the exports of a plugin that may lack what a walk needs. There is no way
    /// from here to a [`VerifiedPlugin`].
    pub fn examine(&self, config: &Config, laws: &LawSet) -> VerifyReport {
        self.decide(config, laws, Demand::Fragment).report(self.plugin)
    }

    fn conclude(&self, mut decided: Decided) -> Outcome {
        match VerifiedPlugin::conclude(self.plugin, &mut decided) {
            Some(verified) => Outcome::Verified(Arc::new(verified)),
            None => Outcome::Refused(Box::new(decided.report(self.plugin))),
        }
    }

    fn decide(&self, config: &Config, laws: &LawSet, demand: Demand) -> Decided {
        let deadline = Deadline::after(budget::TIME_MAX);
        let budget = QueryBudget { deadline: Some(deadline), ..QueryBudget::default() };
        let prover = Prover::new(bits_budget::GATES, budget);
        let mut run = Run {
            session: self,
            config,
            laws,
            prover,
            deadline,
            errors: Errors::default(),
            names: Names::default(),
            witnesses: Vec::new(),
            explains: true,
        };
        laws.diagnostics().for_each(|error| run.errors.push(error));
        run.decide(demand)
    }
}

/// One verification under way.
struct Run<'s, 'p> {
    session: &'s Session<'p>,
    config: &'s Config,
    laws: &'s LawSet,
    prover: Prover,
    deadline: Deadline,
    errors: Errors,
    names: Names,
    /// The inputs for which something is refused.
    witnesses: Vec<Witness>,
    /// Errors come with what leads to them.
    explains: bool,
}

impl Run<'_, '_> {
    fn decide(mut self, demand: Demand) -> Decided {
        let mut decided = Decided::new(*self.config, self.laws);
        let start = Instant::now();
        let lifted = lift::lift(&self.session.module, self.config, &mut self.prover);
        decided.timing.lift = start.elapsed();
        match lifted {
            Ok(lifted) => self.judge(lifted, demand, &mut decided),
            Err(findings) => {
                for finding in &findings.0 {
                    self.refuse(safety::finding(finding));
                }
                decided.laws = obey::not_lifted(self.laws);
            }
        }
        decided.errors = self.errors;
        decided
    }

    fn judge(&mut self, mut lifted: Lifted, demand: Demand, decided: &mut Decided) {
        let start = Instant::now();
        let doubts = self.check_safety(&mut lifted);
        let shape = self.check_geometry(&lifted, demand);
        decided.timing.safety = start.elapsed();
        decided.unsupported = shape == Shape::Inconsistent;
        if let Shape::Sound(geometry) = shape {
            decided.geometry = Some(geometry);
        }
        let start = Instant::now();
        if demand != Demand::Supported || !decided.unsupported {
            decided.laws = self.decide_laws(&lifted, &doubts);
        }
        decided.timing.laws = start.elapsed();
        match forms::resolve(&mut lifted) {
            Ok(forms) => decided.forms = forms,
            Err(spent) => self.refuse(Diagnostic::new(Code::L902, spent.to_string(), Code::L902.explain().why)),
        }
        decided.lifted = Some(lifted);
    }

    /// Adds an error, with the names of what it is about.
    fn refuse(&mut self, error: Diagnostic) {
        self.errors.push(self.session.plugin.name(error));
    }
}

fn decode_error(error: &DecodeError) -> Rejection {
    let code = code(error.code());
    Diagnostic::new(code, error.to_string(), code.explain().why).suggest(code.explain().fix).into()
}

/// The code of a text that another stage gives. Every text in use is a code: the tests go through them.
fn code(text: &str) -> Code {
    Code::by_text(text).unwrap_or(Code::L920)
}

#[cfg(test)]
mod tests;
