//! What led to a value: the operators executed, and those of them that it depends on.
//!
//! In: the steps of one replay, each with the values it took and where those came from. Out: a [`Path`], the backward
//! slice from the returned value, or from the operator at which something goes wrong. Guaranteed: every operator that
//! handed on a part of the value is in the slice, through operands, locals, globals and memory, and so is every branch
//! on the way; at most [`STEPS_MAX`] steps are kept. Not handled: finding out which of the branches mattered.

use std::collections::BTreeMap;

use ptwalk_abi::Config;

use super::finding::Place;
use super::instr::Instr;
use super::module::Module;
use super::replay::{Ending, replay_traced};

/// Steps of one replay that are kept. No call of a lifted export makes more: each is an instruction that counts, but for
/// an `unreachable` at the end.
pub const STEPS_MAX: usize = super::budget::INSTRUCTIONS_MAX as usize + 1;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The state at the call, or a step beyond those that are kept.
    Given,
    /// An argument of the export.
    Argument(usize),
    /// A step, by its number.
    Step(usize),
}

/// A value of the interpreter and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The value.
    pub bits: u64,
    /// Where it comes from.
    pub source: Source,
}

impl Traced {
    pub(super) const fn given(bits: u64) -> Traced {
        Traced { bits, source: Source::Given }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It made a value.
    Value(u64),
    /// It branched, or did not.
    Branch {
        /// Whether it did; for `br_table`, always.
        taken: bool,
    },
    /// It stored a value.
    Stored,
    /// Execution ended here.
    Trapped,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub at: (u32, usize),
    pub operands: Vec<Traced>,
    pub effect: Effect,
}

/// The steps of one replay, as they are executed.
#[derive(Debug, Default)]
pub(super) struct Log {
    steps: Vec<Step>,
    /// The operator executed last, `end` and `else` left out.
    last: Option<(u32, usize)>,
}

impl Log {
    /// Notes that an operator is executed.
    pub(super) fn visit(&mut self, at: (u32, usize)) {
        self.last = Some(at);
    }

    /// Keeps a step, and says what a value that it made comes from.
    pub(super) fn push(&mut self, step: Step) -> Source {
        if self.steps.len() >= STEPS_MAX {
            return Source::Given;
        }
        self.steps.push(step);
        Source::Step(self.steps.len() - 1)
    }
}

/// One operator of a path, with the values of this execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The operator.
    pub place: Place,
    /// What it took.
    pub operands: Vec<Traced>,
    /// What it did.
    pub effect: Effect,
}

/// How one input leads to where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// How the execution ended.
    pub ending: Ending,
    /// The operators that mattered, in the order of execution.
    pub steps: Vec<PathStep>,
    /// The last of them; where no operator made the value, the last that was executed.
    pub at: Option<Place>,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// To the value returned, or to the trap.
    End,
    /// To the last execution of the operator at a byte offset of a function.
    Operator {
        /// Index of the function.
        function: u32,
        /// Byte offset in the module.
        offset: usize,
    },
    /// To the last write of a global.
    LastGlobalSet,
}

/// Executes an export on concrete arguments and says what led to its end, or to an operator. `None` where there is no
/// such export, or the operator is not executed.
pub fn path(module: &Module<'_>, config: &Config, name: &str, inputs: &[u64], goal: Goal) -> Option<Path> {
    let (function, inputs) = super::arguments(module, name, inputs)?;
    let (replay, result, log) = replay_traced(module, config, function, &inputs);
    let offset_of = |(function, at): (u32, usize)| module.defined(function)?.offsets.get(at).copied();
    let (root, until) = match goal {
        Goal::End => match replay.ending {
            Ending::Returned(_) => (result.map(|result| result.source), log.steps.len()),
            _ => (log.steps.len().checked_sub(1).map(Source::Step), log.steps.len()),
        },
        Goal::Operator { function, offset } => {
            let hit = |step: &Step| step.at.0 == function && offset_of(step.at) == Some(offset);
            let number = log.steps.iter().rposition(hit)?;
            (Some(Source::Step(number)), number)
        }
        Goal::LastGlobalSet => {
            let is_set = |step: &Step| matches!(module.instr(step.at), Some(Instr::GlobalSet(_)));
            let number = log.steps.iter().rposition(is_set)?;
            (Some(Source::Step(number)), number)
        }
    };
    let wanted = slice(&log.steps, root, until);
    let mut ends: Vec<(u32, usize)> = wanted.iter().filter_map(|number| Some(log.steps.get(*number)?.at)).collect();
    let end = ends.last().copied().or(log.last);
    ends.extend(end);
    ends.sort_unstable();
    ends.dedup();
    let places: BTreeMap<(u32, usize), Place> = ends.iter().copied().zip(module.places(&ends)).collect();
    let shown = |number: &usize| {
        let step = log.steps.get(*number)?;
        Some(PathStep { place: places.get(&step.at)?.clone(), operands: step.operands.clone(), effect: step.effect })
    };
    let steps = wanted.iter().filter_map(shown).collect();
    Some(Path { ending: replay.ending, steps, at: end.and_then(|at| places.get(&at).cloned()) })
}

/// The steps on which `root` depends, ascending, with the branches before step `until`.
fn slice(steps: &[Step], root: Option<Source>, until: usize) -> Vec<usize> {
    let mut wanted = vec![false; steps.len()];
    for (step, wanted) in steps.iter().zip(&mut wanted).take(until) {
        *wanted = matches!(step.effect, Effect::Branch { .. });
    }
    if let Some(Source::Step(number)) = root
        && let Some(slot) = wanted.get_mut(number)
    {
        *slot = true;
    }
    // A step takes values of earlier ones only, so that one pass from the last to the first sees every use first.
    for (number, step) in steps.iter().enumerate().rev() {
        if !wanted.get(number).copied().unwrap_or(false) {
            continue;
        }
        for operand in &step.operands {
            if let Source::Step(earlier) = operand.source
                && let Some(slot) = wanted.get_mut(earlier)
            {
                *slot = true;
            }
        }
    }
    wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(operands: &[Source], effect: Effect) -> Step {
        let operands = operands.iter().map(|source| Traced { bits: 0, source: *source }).collect();
        Step { at: (0, 0), operands, effect }
    }

    #[test]
    fn keeps_steps_up_to_the_ceiling() {
        let mut log = Log::default();
        for number in 0..STEPS_MAX {
            assert_eq!(log.push(step(&[], Effect::Stored)), Source::Step(number));
        }
        assert_eq!(log.push(step(&[], Effect::Stored)), Source::Given);
        assert_eq!(log.steps.len(), STEPS_MAX);
    }

    #[test]
    fn slices_by_operands_and_by_branches_on_the_way() {
        let value = Effect::Value(0);
        let steps = [
            step(&[Source::Argument(0)], value),
            step(&[Source::Argument(0)], value),
            step(&[Source::Step(1)], Effect::Branch { taken: true }),
            step(&[Source::Given], value),
            step(&[Source::Step(0)], value),
            step(&[Source::Step(3)], Effect::Branch { taken: false }),
        ];
        assert_eq!(slice(&steps, Some(Source::Step(4)), 4), [0, 1, 2, 4]);
        assert_eq!(slice(&steps, Some(Source::Argument(0)), steps.len()), [1, 2, 3, 5]);
        assert_eq!(slice(&steps, None, 0), [0_usize; 0]);
    }
}
