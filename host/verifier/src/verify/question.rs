//! Questions to the prover, with answers that a report can print.

use crate::bits::decide::{DecideError, Engine, Exhausted, Implication, Verdict};
use crate::expr::{Arena, ExprId};
use crate::fault::{Fault, seeded};

use super::Run;
use super::budget::TIME_MAX;

/// Said where the prover's input does not do on the code what it does in the circuit: a fault of the verifier.
pub(super) const UNCONFIRMED: &str = "internal fault: the counterexample found does not replay on the code";

/// Whether something is true of no input.
pub(super) enum Answer {
    /// It is.
    Never,
    /// It is true of these arguments; those that are missing are 0.
    For(Vec<u64>),
    /// Nobody knows, and this is why.
    Unknown(String),
}

/// Whether a claim follows from its precondition.
pub(super) enum Conclusion {
    Proved(Engine),
    /// The precondition holds for no input.
    Vacuous,
    Refuted(Engine, Vec<u64>),
    Unknown(String),
}

impl Run<'_, '_> {
    pub(super) fn ask(&mut self, arena: &Arena, condition: ExprId) -> Answer {
        match self.prover.always_false(arena, condition) {
            Ok(Verdict::Proved { .. }) => Answer::Never,
            Ok(Verdict::Refuted { model, .. }) => Answer::For(model.words().to_vec()),
            Ok(Verdict::Unknown { .. }) if seeded(Fault::UnknownIsNever) => Answer::Never,
            Ok(Verdict::Unknown { exhausted, .. }) => Answer::Unknown(spent(exhausted)),
            Err(error) => Answer::Unknown(fault(&error)),
        }
    }

    pub(super) fn conclude(&mut self, arena: &Arena, given: ExprId, claim: ExprId) -> Conclusion {
        match self.prover.implies(arena, given, claim) {
            Ok(Implication::Proved { by, .. }) => Conclusion::Proved(by),
            Ok(Implication::Vacuous { .. }) => Conclusion::Vacuous,
            Ok(Implication::Refuted { model, by }) => Conclusion::Refuted(by, model.words().to_vec()),
            Ok(Implication::Unknown { exhausted, .. }) => Conclusion::Unknown(spent(exhausted)),
            Err(error) => Conclusion::Unknown(fault(&error)),
        }
    }
}

/// Which budget left a question open.
fn spent(exhausted: Exhausted) -> String {
    match exhausted {
        Exhausted::Query { bdd_nodes, sat_conflicts } => {
            format!(
                "the budget of one question is spent: {bdd_nodes} diagram nodes, {sat_conflicts} conflicts of search"
            )
        }
        Exhausted::Total => "the budget of all questions together is spent".to_owned(),
        Exhausted::Deadline => out_of_time(),
    }
}

/// What is said once the clock has run out.
pub(super) fn out_of_time() -> String {
    format!("the time of one verification is spent: {} ms", TIME_MAX.as_millis())
}

fn fault(error: &DecideError) -> String {
    error.to_string()
}

/// Name of an engine in reports.
pub(super) const fn engine(engine: Engine) -> &'static str {
    match engine {
        Engine::Rewriting => "rewriting",
        Engine::Simulation => "simulation",
        Engine::Bdd => "bdd",
        Engine::Sat => "sat",
    }
}
