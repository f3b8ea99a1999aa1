//! A precondition under which a broken law holds.
//!
//! In: a law of a file or of the host that does not hold, and the input that breaks it. Out: the error with a condition
//! on its variables. Guaranteed: the law, with the condition added to the precondition that it has, was proved, and
//! some input meets both; the budgets are those of the verification, and the first question that they do not suffice
//! for ends the search. Not handled: conditions made of several; a condition that takes two variables together.
//!
//! What is tried, in this order: that the word is an entry (present, not empty), that it is not the one found, that
//! another of the plugin's predicates does not hold, that a bit of the counterexample is clear, and last that a predicate
//! holds, which leaves the fewest inputs.

use ptwalk_abi::{Helper, Level, Op, Signature};

use super::Run;
use super::explain::level_of;
use super::question::Conclusion;
use super::safety::Doubts;
use super::values::Counterexample;
use crate::code::Code;
use crate::expr::{Arena, Built, ExprId, Width};
use crate::laws::{BoundLaw, Lowered};
use crate::lift::Lifted;
use crate::report::Diagnostic;

/// A condition on one variable, and how a law writes it.
struct Candidate {
    text: String,
    what: What,
}

/// What a candidate says of the variable.
#[derive(Clone, Copy)]
enum What {
    /// The helper of this closed form answers so.
    Answers(ExprId, bool),
    /// The bit is clear.
    Clear(u8),
    /// It is another word.
    IsNot(u64),
}

/// Helpers that are tried before all others.
const FIRST: [(Op, bool); 2] = [(Op::Present, true), (Op::None, false)];

impl Run<'_, '_> {
    /// Suggests a condition, where one is found.
    pub(super) fn suggest_precondition(
        &mut self,
        error: Diagnostic,
        law: &BoundLaw<'_>,
        lowered: &Lowered,
        counterexample: &Counterexample,
        (lifted, arena): (&Lifted, &mut Arena),
        doubts: &Doubts,
    ) -> Diagnostic {
        if error.code != Code::C801 {
            return error;
        }
        let Some(text) = self.precondition(law, lowered, counterexample, (lifted, arena), doubts) else { return error };
        let holds = match law.formula().precondition() {
            Some(given) => format!("{} && {text}", operand(&law.formula().term_text(given))),
            None => text,
        };
        error.suggest(format!("The law holds where {holds}. Make it hold for the other inputs too."))
    }

    fn precondition(
        &mut self,
        law: &BoundLaw<'_>,
        lowered: &Lowered,
        counterexample: &Counterexample,
        (lifted, arena): (&Lifted, &mut Arena),
        doubts: &Doubts,
    ) -> Option<String> {
        let names = law.formula().vars();
        let mut candidates = Vec::new();
        for (var, name) in names.iter().enumerate() {
            let value = counterexample.inputs.get(name).map_or(0, |value| value.0);
            let level = level_of(law, var);
            let spoken_of = law.formula().helpers();
            let predicates = |answer| {
                let all = level.map(|level| predicates(level, &spoken_of, name, answer, lifted, doubts));
                all.unwrap_or_default()
            };
            let bits = (0..64).rev().filter(|bit| value >> bit & 1 == 1);
            let clear = bits.map(|bit| Candidate { text: format!("!{name}[{bit}]"), what: What::Clear(bit) });
            let other = Candidate { text: format!("{name} != {value:#x}"), what: What::IsNot(value) };
            let mut of = level.map(|level| entries(level, name, lifted, doubts)).unwrap_or_default();
            of.push(other);
            of.extend(predicates(false));
            of.extend(clear);
            of.extend(predicates(true));
            candidates.push((var, of));
        }
        // The first of each variable, then the second of each.
        let longest = candidates.iter().map(|(_, of)| of.len()).max().unwrap_or(0);
        for round in 0..longest {
            for (var, of) in &candidates {
                let Some(candidate) = of.get(round) else { continue };
                let condition = candidate.what.lower(*var, arena).ok()?;
                let given = arena.and(lowered.precondition, condition).ok()?;
                match self.conclude(arena, given, lowered.claim) {
                    Conclusion::Proved(_) => return Some(candidate.text.clone()),
                    Conclusion::Vacuous | Conclusion::Refuted(..) => {}
                    Conclusion::Unknown(_) => return None,
                }
            }
        }
        None
    }
}

/// That a word is an entry, as far as the plugin says what one is.
fn entries(level: Level, name: &str, lifted: &Lifted, doubts: &Doubts) -> Vec<Candidate> {
    let of = |(op, answer)| asked(Helper::find(level, op)?, name, answer, lifted, doubts);
    FIRST.into_iter().filter_map(of).collect()
}

/// That the other predicates of a level hold, or do not. One that the law speaks of would only repeat it.
fn predicates(
    level: Level,
    spoken_of: &[Helper],
    name: &str,
    answer: bool,
    lifted: &Lifted,
    doubts: &Doubts,
) -> Vec<Candidate> {
    let is_other = |helper: &Helper| {
        helper.level() == level
            && helper.signature() == Signature::Predicate
            && FIRST.iter().all(|(op, _)| *op != helper.op())
            && !spoken_of.contains(helper)
    };
    let others = Helper::ALL.iter().copied().filter(is_other);
    others.filter_map(|helper| asked(helper, name, answer, lifted, doubts)).collect()
}

/// That a helper answers so, where the plugin exports it and its closed form stands for the code.
fn asked(helper: Helper, name: &str, answer: bool, lifted: &Lifted, doubts: &Doubts) -> Option<Candidate> {
    let form = lifted.helper(helper)?.result.filter(|_| !doubts.hazardous.contains(&helper))?;
    let not = if answer { "" } else { "!" };
    Some(Candidate { text: format!("{not}{helper}({name})"), what: What::Answers(form, answer) })
}

impl What {
    fn lower(self, var: usize, arena: &mut Arena) -> Built {
        let input = arena.input(u32::try_from(var).unwrap_or(u32::MAX), Width::W64)?;
        match self {
            What::Answers(form, answer) => {
                let answered = arena.substitute(form, &[input])?;
                let truth = arena.truth(answered)?;
                if answer { Ok(truth) } else { arena.not(truth) }
            }
            What::Clear(bit) => {
                let set = arena.bit(input, bit)?;
                arena.not(set)
            }
            What::IsNot(value) => {
                let value = arena.constant(Width::W64, value)?;
                arena.ne(input, value)
            }
        }
    }
}

/// A condition as an operand of `&&`.
fn operand(text: &str) -> String {
    if text.contains("||") || text.contains("=>") { format!("({text})") } else { text.to_owned() }
}
