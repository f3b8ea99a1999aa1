//! What is claimed of a module's exports, apart from the laws: data for whoever wants to contradict it.
//!
//! In: a [`Session`] and a configuration. Out: [`Claims`]: for each export whether its closed form stands for the code, the
//! form, the bounds, and every input for which something is said to go wrong. Guaranteed: these are the answers on which
//! a [`super::VerifiedPlugin`] rests, and there is no way from here to one. Not handled: laws and geometry, for which a
//! plugin must be whole.

use ptwalk_abi::Config;

use super::explain::Names;
use super::plugin::facts;
use super::{ExportFacts, LawSet, Run, Session, budget, safety};
use crate::bits::budget::{GATES, QueryBudget};
use crate::blast::Prover;
use crate::code::Code;
use crate::deadline::Deadline;
use crate::expr::{Arena, ExprId, Width};
use crate::lift;
use crate::report::{Diagnostic, Errors};

/// What may be spent on claims.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Gates of the graph.
    pub gates: u32,
    /// Each question.
    pub query: QueryBudget,
    /// Errors come with what leads to them.
    pub explains: bool,
}

impl Effort {
    /// What a verification spends.
    pub const WHOLE: Effort = Effort { gates: GATES, query: QueryBudget::DEFAULT, explains: true };
}

/// What is claimed of one export.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Widths of the arguments.
    pub inputs: Vec<Width>,
    /// The closed form, over the arguments as inputs.
    pub result: Option<ExprId>,
    /// What holds of every call.
    pub facts: ExportFacts,
    /// It cannot trap, keeps no state, and computes its closed form; of a predicate, that is 0 or 1.
    pub sound: bool,
}

/// An input for which an export is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The export.
    pub export: String,
    /// What happens.
    pub code: Code,
    /// The arguments; those that are missing are 0.
    pub input: Vec<u64>,
}

/// Everything that is claimed of a module.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Holder of the closed forms.
    pub arena: Arena,
    /// The exports; none where one of them has no closed form.
    pub exports: Vec<Claim>,
    /// The inputs for which something is refused.
    pub witnesses: Vec<Witness>,
    /// Why something is refused.
    pub errors: Vec<Diagnostic>,
}

impl Session<'_> {
    /// What is claimed of the exports, without laws and geometry, for that effort, in no more time than a verification takes.
    pub fn claims(&self, config: &Config, effort: Effort) -> Claims {
        let Effort { gates, query, explains } = effort;
        let deadline = Deadline::after(budget::TIME_MAX);
        let query = QueryBudget { deadline: Some(deadline), ..query };
        let prover = Prover::new(gates, query);
        let (errors, names, laws) = (Errors::default(), Names::default(), LawSet::none());
        let witnesses = Vec::new();
        let mut run = Run { session: self, config, laws: &laws, prover, deadline, errors, names, witnesses, explains };
        let lifted = lift::lift(&self.module, config, &mut run.prover);
        let (arena, exports) = match lifted {
            Ok(mut lifted) => {
                let doubts = run.check_safety(&mut lifted);
                let claim = |export: &lift::LiftedExport| Claim {
                    name: export.name.clone(),
                    inputs: export.inputs.clone(),
                    result: export.result,
                    facts: facts(&lifted.arena, export),
                    sound: !doubts.exports.contains(&export.name),
                };
                let exports = lifted.exports.iter().map(claim).collect();
                (lifted.arena, exports)
            }
            Err(findings) => {
                for finding in &findings.0 {
                    if let (Some(export), Some(input)) = (&finding.export, safety::input_of(&finding.problem)) {
                        let code = super::code(finding.problem.code());
                        run.witnesses.push(Witness { export: export.clone(), code, input: input.to_vec() });
                    }
                    run.refuse(safety::finding(finding));
                }
                (Arena::new(0), Vec::new())
            }
        };
        let errors = run.errors.into_rejection().map_or_else(Vec::new, |rejection| rejection.errors().to_vec());
        Claims { arena, exports, witnesses: run.witnesses, errors }
    }
}
