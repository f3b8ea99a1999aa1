//! Whether a loop goes round again, and what is said about one that goes on for too long.

use super::budget::{INSTRUCTIONS_MAX, ITERATIONS_MAX, REPLAY_INSTRUCTIONS_MAX, WORK_MAX};
use super::exec::Machine;
use super::finding::Problem;
use super::frame::{Kind, Label};
use super::replay::{Ending, replay};
use super::state::State;
use super::witness::Answer;
use crate::expr::ExprId;
use crate::fault::{Fault, seeded};

/// A loop that is going round.
#[derive(Clone, Copy)]
struct Round {
    at: (u32, usize),
    iterations: u32,
    entry: Option<ExprId>,
}

/// What suggests that a loop is never left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// It came back to a state that it was in.
    Gone,
    /// For some iterations the test for its exit has not changed.
    Stale,
    /// Nothing.
    Open,
}

impl Exit {
    fn of_stale(is_stale: bool) -> Exit {
        if is_stale { Exit::Stale } else { Exit::Open }
    }
}

impl Round {
    fn of(function: u32, label: &Label) -> Round {
        Round { at: (function, label.at), iterations: label.iterations, entry: label.entry }
    }
}

impl Machine<'_, '_> {
    /// Whether a loop goes round again with this state; refuses it at the cap.
    pub(super) fn goes_on(&mut self, label: &Label, state: State) -> Result<Option<State>, Problem> {
        let condition = self.guards.all(state.guard);
        let answer = self.witnesses.ask(self.arena, condition, self.oracle);
        if answer == Answer::Never || seeded(Fault::LoopStopsEarly) && label.iterations >= 7 {
            self.guards.never(self.arena, state.guard)?;
            return Ok(None);
        }
        let stuck = match &label.entered {
            Some((guard, entered)) => *guard == condition && entered.same_values(&state),
            None => false,
        };
        let hopeless = answer == Answer::Unknown && self.oracle.is_spent();
        if stuck || hopeless || label.iterations + 1 >= ITERATIONS_MAX {
            let function = self.frames.last().map_or(self.export, |frame| frame.function);
            let exit = if stuck { Exit::Gone } else { Exit::of_stale(label.is_stale(condition)) };
            return Err(self.endless(Round::of(function, label), &state, answer, exit));
        }
        Ok(Some(state))
    }

    /// What to say about a loop that goes on at its cap, came back to a state it was in, or is left open.
    /// One that nobody decides is to blame as a whole: where it was given up depends on the machine.
    fn endless(&mut self, round: Round, state: &State, answer: Answer, exit: Exit) -> Problem {
        let condition = self.guards.all(state.guard);
        let iterations = round.iterations + 1;
        let input = match answer {
            Answer::Holds(input) => input,
            _ => {
                self.blamed = Some(round.at);
                return Problem::UndecidedLoop { iterations, instructions: state.steps };
            }
        };
        // The closed form goes on where the code has ended, which the code has done by now; a test that has not changed yet
        // may change later.
        let operators_max = if exit == Exit::Stale { WORK_MAX } else { 4 * state.steps.max(64) };
        let replay = replay(self.module, self.config, self.export, &input, operators_max.into());
        if let (Ending::Trapped(hazard), Some(at)) = (replay.ending, replay.trapped_at) {
            self.blamed = Some(at);
            return Problem::Traps { hazard, input };
        }
        let never_left = exit != Exit::Open && replay.ending == Ending::Running;
        if never_left || seeded(Fault::LoopCalledEndless) {
            let always = round.entry == Some(condition);
            return Problem::NoExit { iterations, input: (!always).then_some(input) };
        }
        Problem::StillLooping { input, iterations, instructions: state.steps }
    }

    /// A state has executed more instructions than a call may; it is dropped where no input gets there, by proof.
    pub(super) fn over_bound(&mut self, state: &State) -> Result<(), Problem> {
        let condition = self.guards.all(state.guard);
        let answer = self.witnesses.ask(self.arena, condition, self.oracle);
        if answer == Answer::Never {
            self.guards.never(self.arena, state.guard)?;
            return Ok(());
        }
        let open: Vec<(u32, usize)> = self
            .frames
            .iter()
            .flat_map(|frame| {
                let loops = frame.labels.iter().filter(|label| label.kind == Kind::Loop);
                loops.map(move |label| (frame.function, label.at))
            })
            .collect();
        let innermost = self
            .frames
            .iter()
            .rev()
            .flat_map(|frame| frame.labels.iter().rev().map(|label| (frame.function, label)))
            .find(|(_, label)| label.kind == Kind::Loop && label.iterations > 0)
            .map(|(function, label)| (Round::of(function, label), label.stale));
        if let Answer::Holds(input) = &answer
            && open.len() > 1
        {
            let counted = replay(self.module, self.config, self.export, input, REPLAY_INSTRUCTIONS_MAX);
            let factors: Vec<u64> =
                open.iter().map(|at| counted.iterations(*at)).filter(|iterations| *iterations > 1).collect();
            if factors.len() > 1 {
                return Err(Problem::NestedLoops { factors, input: input.clone(), limit: INSTRUCTIONS_MAX });
            }
        }
        match innermost {
            Some((round, is_stale)) => Err(self.endless(round, state, answer, Exit::of_stale(is_stale))),
            None => Err(Problem::Instructions { limit: INSTRUCTIONS_MAX }),
        }
    }
}
