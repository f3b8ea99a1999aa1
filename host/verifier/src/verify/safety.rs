//! What must be impossible: traps, stray memory, lasting state, predicates that are neither 0 nor 1.
//!
//! In: the lifted exports with their obligations. Out: an error for each obligation that some input breaks or that
//! nobody could decide, and the set of helpers whose closed form therefore does not stand for the code. Guaranteed: an
//! input is reported only once the interpreter has executed it and met the hazard at that operator, trap or not.

use std::collections::BTreeSet;

use ptwalk_abi::Helper;

use super::claims::Witness;
use super::explain::exported;
use super::question::{Answer, UNCONFIRMED};
use super::twice::{Twice, lasts};
use super::values::{Counterexample, Side, Value, inputs};
use super::{Run, code};
use crate::code::Code;
use crate::expr::{Arena, ExprId, Width};
use crate::fault::{Fault, seeded};
use crate::lift::{Ending, Finding, Goal, Hazard, Lifted, LiftedExport, Obligation, Place, Problem, replay_export};
use crate::report::Diagnostic;

/// Helpers that are not what they should be.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Their closed form does not stand for the code, so that no law about them can be decided.
    pub hazardous: BTreeSet<Helper>,
    /// Predicates that are reported as neither 0 nor 1, so that no law need say it again.
    pub not_boolean: BTreeSet<Helper>,
    /// The names of all these, and of exports that are no helper.
    pub exports: BTreeSet<String>,
}

impl Run<'_, '_> {
    /// Decides every obligation.
    pub(super) fn check_safety(&mut self, lifted: &mut Lifted) -> Doubts {
        let mut doubts = Doubts::default();
        // A function behind several exports is reported for the first.
        let mut reported: BTreeSet<(Hazard, u32, usize)> = BTreeSet::new();
        let forms = exported(lifted);
        for export in &lifted.exports {
            let sound = self.check_obligations(&mut lifted.arena, export, (&lifted.exports, &forms), &mut reported);
            let boolean = self.check_boolean(&mut lifted.arena, export, &forms);
            if !sound || !boolean {
                doubts.exports.insert(export.name.clone());
            }
            let Some(helper) = export.helper else { continue };
            if !sound {
                doubts.hazardous.insert(helper);
            }
            if !boolean {
                doubts.not_boolean.insert(helper);
            }
        }
        doubts
    }

    fn check_obligations(
        &mut self,
        arena: &mut Arena,
        export: &LiftedExport,
        (exports, forms): (&[LiftedExport], &[(Helper, ExprId)]),
        reported: &mut BTreeSet<(Hazard, u32, usize)>,
    ) -> bool {
        let (mut sound, mut told) = (true, false);
        let asked = if seeded(Fault::FirstObligationOnly) { 1 } else { export.obligations.len() };
        for (number, obligation) in export.obligations.iter().enumerate().take(asked) {
            let found = match self.ask(arena, obligation.when) {
                Answer::Never => continue,
                Answer::For(input) if self.happens(export, obligation, &input) => {
                    self.hazard(export, obligation, &input, exports, (&*arena, forms))
                }
                // Another hazard comes first for this input: look for one that meets this one alone.
                Answer::For(_) => match self.ask_alone(arena, export, number) {
                    Answer::For(input) if self.happens(export, obligation, &input) => {
                        self.hazard(export, obligation, &input, exports, (&*arena, forms))
                    }
                    Answer::Never => {
                        sound = false;
                        continue;
                    }
                    Answer::For(_) => undecided(export, &obligation.place, obligation.hazard.text(), UNCONFIRMED),
                    Answer::Unknown(why) => undecided(export, &obligation.place, obligation.hazard.text(), &why),
                },
                Answer::Unknown(why) => undecided(export, &obligation.place, obligation.hazard.text(), &why),
            };
            (sound, told) = (false, true);
            if reported.insert((obligation.hazard, obligation.place.function, obligation.place.offset)) {
                self.refuse(found);
            }
        }
        if let (false, false, Some(first)) = (sound, told, export.obligations.first()) {
            self.refuse(undecided(export, &first.place, first.hazard.text(), UNCONFIRMED));
        }
        sound
    }

    /// Asks for an input that meets one hazard and none of the others. `Never` where each comes with another, which is
    /// reported in its place.
    fn ask_alone(&mut self, arena: &mut Arena, export: &LiftedExport, number: usize) -> Answer {
        match alone(arena, export, number) {
            Ok(condition) => self.ask(arena, condition),
            Err(spent) => Answer::Unknown(spent.to_string()),
        }
    }

    /// Whether the code itself does for an input what the obligation says, where it says.
    fn happens(&self, export: &LiftedExport, obligation: &Obligation, input: &[u64]) -> bool {
        let replay = replay_export(&self.session.module, self.config, &export.name, input);
        seeded(Fault::CounterexampleUnreplayed)
            || replay.is_some_and(|replay| replay.meets(obligation.hazard, &obligation.place))
    }

    /// Whether the result of a predicate is 0 or 1 for every input.
    fn check_boolean(&mut self, arena: &mut Arena, export: &LiftedExport, forms: &[(Helper, ExprId)]) -> bool {
        let (Some(helper), Some(result)) = (export.helper, export.result) else { return true };
        if !helper.signature().is_bool() || arena.facts(result).max <= 1 || seeded(Fault::BooleanUnchecked) {
            return true;
        }
        let beyond = arena.constant(Width::W32, 1).and_then(|one| arena.ult(one, result));
        let error = match beyond.map(|beyond| self.ask(arena, beyond)) {
            Ok(Answer::Never) => return true,
            Ok(Answer::For(input)) => {
                match replay_export(&self.session.module, self.config, &export.name, &input).map(|r| r.ending) {
                    Some(Ending::Returned(Some(value))) if value > 1 => {
                        let export_name = export.name.clone();
                        self.witnesses.push(Witness { export: export_name, code: Code::R701, input: input.clone() });
                        let (error, shown) = not_boolean(helper, export, &input, value);
                        self.explain_call(error, helper, &shown, Goal::End, (&*arena, forms))
                    }
                    // It traps instead, which is another error.
                    _ => return true,
                }
            }
            Ok(Answer::Unknown(why)) => undecided_range(helper, export, &why),
            Err(spent) => undecided_range(helper, export, &spent.to_string()),
        };
        self.refuse(error);
        false
    }
}

fn alone(arena: &mut Arena, export: &LiftedExport, number: usize) -> crate::expr::Built {
    let mut condition = arena.constant(Width::W1, 1)?;
    for (other, obligation) in export.obligations.iter().enumerate() {
        let term = if other == number { obligation.when } else { arena.not(obligation.when)? };
        condition = arena.and(condition, term)?;
    }
    Ok(condition)
}

fn at(code: Code, message: String, reason: &str, place: &Place, export: &str) -> Diagnostic {
    Diagnostic::new(code, message, reason).at(place.offset).in_function(place.function).op(&place.op).export(export)
}

impl Run<'_, '_> {
    fn hazard(
        &mut self,
        export: &LiftedExport,
        obligation: &Obligation,
        input: &[u64],
        exports: &[LiftedExport],
        known: (&Arena, &[(Helper, ExprId)]),
    ) -> Diagnostic {
        let (hazard, place) = (obligation.hazard, &obligation.place);
        let code = code(hazard.code());
        self.witnesses.push(Witness { export: export.name.clone(), code, input: input.to_vec() });
        let message = format!("{}: {hazard}", export.name);
        let error = at(code, message, code.explain().why, place, &export.name).suggest(code.explain().fix);
        let Some(helper) = export.helper else {
            return error.counterexample(shown_input(export, input, Vec::new()).to_string());
        };
        let goal = match hazard {
            Hazard::GlobalChanged | Hazard::StackPointerLost => Goal::LastGlobalSet,
            _ => Goal::Operator { function: place.function, offset: place.offset },
        };
        let twice = if self.explains && lasts(hazard) { self.call_twice(export, input, exports) } else { None };
        let Some(twice) = twice else {
            return self.explain_call(error, helper, &shown_input(export, input, Vec::new()), goal, known);
        };
        let side = |term: String, value: u64| Side { term, value: Value(value) };
        let [first, second] = twice.results;
        let call = Twice::call(twice.helper, &twice.args);
        let (shown, last) = if twice.is_own() {
            let term = format!("{helper}({})", super::values::arguments(helper).join(", "));
            let sides = vec![side(format!("first {term}"), first), side(format!("second {term}"), second)];
            (sides, format!("{call} = {second:#x} the second time"))
        } else {
            let sides = vec![side(format!("{call} before"), first), side(format!("{call} after"), second)];
            (sides, format!("{call} = {second:#x} after it, {first:#x} before"))
        };
        let shown = shown_input(export, &twice.culprit.1, shown);
        self.explain_call(error, helper, &shown, goal, known).also(last)
    }
}

fn shown_input(export: &LiftedExport, input: &[u64], sides: Vec<Side>) -> Counterexample {
    let inputs = export.helper.map(|helper| inputs(helper, input));
    Counterexample { inputs: inputs.unwrap_or_default(), sides }
}

fn undecided(export: &LiftedExport, place: &Place, what: &str, why: &str) -> Diagnostic {
    let message = format!("{}: not decided whether it can happen: {what}", export.name);
    at(Code::L920, message, why, place, &export.name).suggest(Code::L920.explain().fix)
}

fn not_boolean(helper: Helper, export: &LiftedExport, input: &[u64], value: u64) -> (Diagnostic, Counterexample) {
    let term = format!("{helper}({})", super::values::arguments(helper).join(", "));
    let sides = vec![Side { term, value: Value(value) }];
    let message = format!("{helper}: neither 0 nor 1 for every input");
    let error = Diagnostic::new(Code::R701, message, Code::R701.explain().why).in_function(export.function);
    let shown = shown_input(export, input, sides);
    (error.export(helper.name()).suggest(Code::R701.explain().fix), shown)
}

fn undecided_range(helper: Helper, export: &LiftedExport, why: &str) -> Diagnostic {
    let message = format!("{helper}: not decided whether it is 0 or 1 for every input");
    let error = Diagnostic::new(Code::L920, message, why).in_function(export.function).export(helper.name());
    error.suggest(Code::L920.explain().fix)
}

/// A reason for which there is no closed form.
pub(super) fn finding(finding: &Finding) -> Diagnostic {
    let code = code(finding.problem.code());
    let of = finding.export.as_ref().map_or_else(String::new, |export| format!("{export}: "));
    let mut error = Diagnostic::new(code, format!("{of}{}", finding.problem), code.explain().why);
    if let Some(place) = &finding.place {
        error = error.at(place.offset).in_function(place.function).op(&place.op);
    }
    if let Some(export) = &finding.export {
        error = error.export(export);
    }
    if let (Some(input), Some(helper)) =
        (input_of(&finding.problem), finding.export.as_deref().and_then(Helper::by_name))
    {
        let shown = Counterexample { inputs: inputs(helper, input), sides: Vec::new() };
        error = error.counterexample(shown.to_string());
    }
    error.suggest(code.explain().fix)
}

/// The arguments for which a problem shows.
pub(super) fn input_of(problem: &Problem) -> Option<&[u64]> {
    match problem {
        Problem::Traps { input, .. }
        | Problem::NoExit { input: Some(input), .. }
        | Problem::StillLooping { input, .. }
        | Problem::NestedLoops { input, .. } => Some(input),
        _ => None,
    }
}
