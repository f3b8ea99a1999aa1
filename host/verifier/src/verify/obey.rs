//! Whether the plugin keeps the laws.
//!
//! In: closed forms and laws. Out: a verdict for every law, and an error for each that does not hold or that nobody
//! could decide. Guaranteed: a refutation has been evaluated on the code, helper by helper, before it is reported; a law
//! about a helper whose closed form does not stand for the code is not decided. Laws of the host that hold because
//! their precondition never does are not applicable; of a file, an error (C890).

use ptwalk_abi::Helper;

use super::question::{Conclusion, UNCONFIRMED, engine, out_of_time};
use super::safety::Doubts;
use super::values::{Counterexample, Side, Value};
use super::{LawSet, Run};
use crate::code::Code;
use crate::expr::{Arena, Evaluator};
use crate::laws::ast::{Binary, Term, TermId, Unary};
use crate::laws::{Binding, BoundLaw, Law, LawErrorKind, Lowered, NotApplicable, Origin, bind, lower};
use crate::lift::{Ending, Lifted, replay_export};
use crate::report::Diagnostic;

/// What was found about one law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LawOutcome {
    /// The law's name and expansion.
    pub id: String,
    /// Whether it holds.
    pub verdict: LawVerdict,
}

/// Whether a law holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LawVerdict {
    /// For every input.
    Proved {
        /// The engine that settled it.
        by: &'static str,
    },
    /// Not for this one.
    Refuted {
        /// The engine that found it.
        by: &'static str,
        /// The input and what it leads to.
        counterexample: Counterexample,
    },
    /// Nobody knows.
    Unknown {
        /// Which budget was spent, or what is missing.
        reason: String,
    },
    /// It says nothing here.
    NotApplicable {
        /// Why.
        reason: NotApplicable,
    },
}

impl LawVerdict {
    /// Whether the law stands in the way of the plugin.
    pub const fn refuses(&self) -> bool {
        matches!(self, LawVerdict::Refuted { .. } | LawVerdict::Unknown { .. })
    }
}

/// The laws where there are no closed forms to decide them with.
pub(super) fn not_lifted(laws: &LawSet) -> Vec<LawOutcome> {
    let reason = "there are no closed forms to decide it with";
    let outcome = |law: &Law| LawOutcome { id: law.id.clone(), verdict: LawVerdict::Unknown { reason: reason.into() } };
    laws.laws().iter().map(outcome).collect()
}

/// Why a law was not settled for good, and the error for it.
struct Settled {
    verdict: LawVerdict,
    error: Option<Diagnostic>,
}

impl Run<'_, '_> {
    pub(super) fn decide_laws(&mut self, lifted: &Lifted, doubts: &Doubts) -> Vec<LawOutcome> {
        let mut arena = lifted.arena.clone();
        let mut outcomes = Vec::with_capacity(self.laws.laws().len());
        for law in self.laws.laws() {
            let settled = self.settle(law, lifted, &mut arena, doubts);
            if let Some(error) = settled.error {
                self.refuse(error);
            }
            outcomes.push(LawOutcome { id: law.id.clone(), verdict: settled.verdict });
        }
        outcomes
    }

    fn settle(&mut self, law: &Law, lifted: &Lifted, arena: &mut Arena, doubts: &Doubts) -> Settled {
        let session = self.session;
        match bind(law, self.config, &session.exports) {
            Binding::NotApplicable(reason) => Settled { verdict: LawVerdict::NotApplicable { reason }, error: None },
            Binding::Refused(kind) => {
                let verdict = LawVerdict::Unknown { reason: kind.to_string() };
                Settled { verdict, error: Some(missing_export(law, &kind)) }
            }
            Binding::Applicable(bound) => {
                if let Some(helper) = law.formula.helpers().into_iter().find(|h| doubts.hazardous.contains(h)) {
                    // The error about the helper refuses the plugin; one about each of its laws would hide it.
                    let reason = format!("{helper} is not safe for every input");
                    return Settled { verdict: LawVerdict::Unknown { reason }, error: None };
                }
                self.prove(&bound, lifted, arena, doubts)
            }
        }
    }

    fn prove(&mut self, law: &BoundLaw<'_>, lifted: &Lifted, arena: &mut Arena, doubts: &Doubts) -> Settled {
        if self.deadline.has_passed() {
            return unknown(law.law(), out_of_time());
        }
        let form = |helper: Helper| lifted.helper(helper).and_then(|export| export.result);
        let lowered = match lower(law, arena, form) {
            Ok(lowered) => lowered,
            Err(error) => return unknown(law.law(), error.to_string()),
        };
        match self.conclude(arena, lowered.precondition, lowered.claim) {
            Conclusion::Proved(by) => Settled { verdict: LawVerdict::Proved { by: engine(by) }, error: None },
            Conclusion::Vacuous => vacuous(law.law()),
            Conclusion::Refuted(by, input) => {
                let mut settled = self.refuted(law, arena, &lowered, &input, engine(by), doubts);
                if !self.errors.is_full()
                    && let LawVerdict::Refuted { counterexample, .. } = &settled.verdict
                    && let Some(error) = settled.error.take()
                {
                    let error = self.explain_breach(error, law, counterexample, lifted);
                    let known = (lifted, arena);
                    let error = self.suggest_precondition(error, law, &lowered, counterexample, known, doubts);
                    settled.error = Some(error);
                }
                settled
            }
            Conclusion::Unknown(reason) => unknown(law.law(), reason),
        }
    }

    fn refuted(
        &self,
        law: &BoundLaw<'_>,
        arena: &Arena,
        lowered: &Lowered,
        input: &[u64],
        by: &'static str,
        doubts: &Doubts,
    ) -> Settled {
        let names = law.formula().vars();
        let vars: Vec<u64> = input.iter().copied().chain(std::iter::repeat(0)).take(names.len()).collect();
        if !self.replays(law, &vars) {
            return unknown(law.law(), UNCONFIRMED.to_owned());
        }
        let inputs = names.iter().cloned().zip(vars.iter().copied().map(Value)).collect();
        let counterexample = Counterexample { inputs, sides: sides(law, arena, lowered, vars) };
        let repeated = is_predicate_range(law.law())
            && law.formula().helpers().iter().all(|helper| doubts.not_boolean.contains(helper));
        let error = (!repeated).then(|| breach(law.law(), &counterexample));
        Settled { verdict: LawVerdict::Refuted { by, counterexample }, error }
    }

    /// Whether the code itself breaks the law for these values.
    fn replays(&self, law: &BoundLaw<'_>, vars: &[u64]) -> bool {
        let mut ended = true;
        let verdict = law.evaluate(vars, |helper, args| {
            let replay = replay_export(&self.session.module, self.config, helper.name(), args);
            match replay.map(|replay| replay.ending) {
                Some(Ending::Returned(Some(result))) => result,
                _ => {
                    ended = false;
                    0
                }
            }
        });
        ended && verdict.refutes()
    }
}

/// Laws whose names end so say what a result lies in.
const RANGE: &str = "_range";

/// Whether a law of the host says of a predicate that it is 0 or 1, which is checked before any law.
fn is_predicate_range(law: &Law) -> bool {
    law.origin == Origin::Host
        && ["predicate_range", "access_range", "same_range"].iter().any(|end| law.name.ends_with(end))
}

/// The code for a law that does not hold.
fn code_of(law: &Law) -> Code {
    match law.origin {
        Origin::Host if is_predicate_range(law) => Code::R701,
        Origin::Host if law.name.ends_with(RANGE) => Code::R702,
        _ => Code::C801,
    }
}

fn about(code: Code, message: String, reason: &str, law: &Law) -> Diagnostic {
    let error = Diagnostic::new(code, message, reason).suggest(code.explain().fix);
    match law.formula.helpers().first() {
        Some(helper) => error.export(helper.name()),
        None => error,
    }
}

fn breach(law: &Law, counterexample: &Counterexample) -> Diagnostic {
    let code = code_of(law);
    let doc = if law.doc.is_empty() { String::new() } else { format!("{}; ", law.doc) };
    let source = if law.source.is_empty() { String::new() } else { format!(" ({})", law.source) };
    let reason = format!("{doc}{}{source}", law.formula);
    about(code, format!("law {}: does not hold for every input", law.id), &reason, law)
        .counterexample(counterexample.to_string())
}

fn unknown(law: &Law, reason: String) -> Settled {
    let error = about(Code::L920, format!("law {}: not decided", law.id), &reason, law);
    Settled { verdict: LawVerdict::Unknown { reason }, error: Some(error) }
}

fn vacuous(law: &Law) -> Settled {
    let precondition = law.formula.precondition().map_or_else(String::new, |id| law.formula.term_text(id));
    let reason = NotApplicable::Vacuous { precondition };
    let error = (law.origin == Origin::File).then(|| {
        let message = format!("law {}: the precondition holds for no input", law.id);
        about(Code::C890, message, &reason.to_string(), law)
    });
    Settled { verdict: LawVerdict::NotApplicable { reason }, error }
}

fn missing_export(law: &Law, kind: &LawErrorKind) -> Diagnostic {
    about(Code::C891, format!("law {}: {kind}", law.id), Code::C891.explain().why, law)
}

const fn is_comparison(op: Binary) -> bool {
    matches!(op, Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge | Binary::Iff)
}

/// What the claim compares, with the values it has: of the part of the claim that fails.
fn sides(law: &BoundLaw<'_>, arena: &Arena, lowered: &Lowered, vars: Vec<u64>) -> Vec<Side> {
    let formula = law.formula();
    let mut evaluator = Evaluator::new(vars);
    let mut value = |id: TermId| lowered.terms.get(id).map_or(0, |term| evaluator.value(arena, *term));
    let mut at = formula.claim();
    loop {
        let parts = match formula.terms().get(at) {
            Some(Term::Binary(Binary::Implies, _, b)) => {
                at = *b;
                continue;
            }
            Some(Term::Binary(Binary::Both, a, b)) => {
                at = if value(*a) == 0 { *a } else { *b };
                continue;
            }
            Some(Term::Truth(of)) => vec![*of],
            Some(Term::Unary(Unary::Not, of)) => match formula.terms().get(*of) {
                Some(Term::Truth(inner)) => vec![*inner],
                _ => vec![*of],
            },
            Some(Term::Binary(op, a, b)) if is_comparison(*op) => vec![*a, *b],
            _ => vec![at],
        };
        let side = |id: TermId| Side { term: formula.term_text(id), value: Value(value(id)) };
        return parts.into_iter().map(side).collect();
    }
}
