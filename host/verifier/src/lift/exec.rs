//! Exact symbolic execution of one export: control flow.
//!
//! One state runs at a time. A branch puts a state on its label's list; at the label all that wait there become one,
//! with a choice for every value that differs, so the number of paths does not matter. Code is visited once per
//! iteration of a loop and once per call. No host recursion: calls and blocks are stacks of this machine.

use std::collections::BTreeMap;
use std::rc::Rc;

use ptwalk_abi::{Config, Extern, KCONFIG_MODULE};

use super::budget::{INSTRUCTIONS_MAX, QUESTIONS_MAX, STACK_BYTES_MAX, WAITING_WORDS_MAX, WORK_MAX};
use super::finding::{Place, Problem};
use super::frame::{Frame, Kind, Label};
use super::guard::{ALWAYS, Guards};
use super::instr::{Block, Instr};
use super::memory::Layout;
use super::module::Module;
use super::obligation::{Hazard, Obligation};
use super::state::{State, meet};
use super::witness::{Oracle, Witnesses};
use crate::expr::{Arena, ExprId, NodeBudgetSpent, Width};
use crate::fault::{Fault, seeded};

impl From<NodeBudgetSpent> for Problem {
    fn from(spent: NodeBudgetSpent) -> Problem {
        Problem::Nodes { limit: spent.limit }
    }
}

/// The machine that lifts one export.
pub(super) struct Machine<'m, 'a> {
    pub module: &'m Module<'a>,
    pub arena: &'m mut Arena,
    pub layout: Layout,
    /// Entries of all tables so far, over all exports.
    pub table_entries: &'m mut u64,
    pub config: &'m Config,
    pub oracle: &'m mut dyn Oracle,
    pub export: u32,
    pub guards: Guards,
    pub witnesses: Witnesses,
    pub frames: Vec<Frame>,
    current: Option<State>,
    hazards: BTreeMap<(u32, usize, Hazard), ExprId>,
    /// An operator that is at fault while another one is lifted.
    pub blamed: Option<(u32, usize)>,
    discharged: usize,
    work: u32,
    waiting_words: usize,
    peak_slots: usize,
    lowest_address: u64,
}

/// What a finished run found.
pub(super) struct Outcome {
    pub result: Option<ExprId>,
    pub instructions: u32,
    pub stack_bytes: u64,
    pub obligations: Vec<Obligation>,
    pub discharged: usize,
}

impl<'m, 'a> Machine<'m, 'a> {
    pub(super) fn new(
        module: &'m Module<'a>,
        config: &'m Config,
        export: u32,
        arena: &'m mut Arena,
        oracle: &'m mut dyn Oracle,
        table_entries: &'m mut u64,
    ) -> Result<Machine<'m, 'a>, Problem> {
        let inputs = module.type_of(export).map(|ty| ty.params.clone()).unwrap_or_default();
        let layout = Layout::of(module);
        let guards = Guards::new(arena)?;
        let lowest_address = layout.stack.end;
        let witnesses = Witnesses::new(&inputs, QUESTIONS_MAX);
        let mut globals = Vec::new();
        for global in module.globals.iter().filter(|global| global.mutable) {
            globals.push(arena.constant(global.width, global.initial)?);
        }
        let mut stack = Vec::new();
        for (index, width) in inputs.iter().enumerate() {
            stack.push(arena.input(u32::try_from(index).unwrap_or(u32::MAX), *width)?);
        }
        let memory = Rc::new(BTreeMap::new());
        let start = State { guard: ALWAYS, steps: 0, locals: Vec::new(), stack, globals, memory };
        Ok(Machine {
            module,
            arena,
            layout,
            table_entries,
            config,
            oracle,
            export,
            guards,
            witnesses,
            frames: Vec::new(),
            current: Some(start),
            hazards: BTreeMap::new(),
            blamed: None,
            discharged: 0,
            work: 0,
            waiting_words: 0,
            peak_slots: 0,
            lowest_address,
        })
    }

    /// Lifts the export.
    pub(super) fn run(&mut self) -> Result<Outcome, Problem> {
        self.call(self.export)?;
        // An export that is itself an import has no frame; its value is on the stack already.
        while !self.frames.is_empty() {
            self.step()?;
        }
        self.finish()
    }

    /// The operator that is being lifted, or the one that is to blame.
    pub(super) fn place(&self) -> Option<Place> {
        let at = self.blamed.or_else(|| self.frames.last().map(|frame| (frame.function, frame.at)))?;
        self.module.places(&[at]).pop()
    }

    /// Spends units of work.
    pub(super) fn spend(&mut self, work: u32) -> Result<(), Problem> {
        self.work = self.work.saturating_add(work);
        if self.work > WORK_MAX { Err(Problem::Work { limit: WORK_MAX }) } else { Ok(()) }
    }

    /// Notes that `hazard` happens here when `condition` holds on the path of `state`.
    pub(super) fn oblige(&mut self, state: &State, hazard: Hazard, condition: ExprId) -> Result<(), Problem> {
        let at = self.frames.last().map_or((self.export, 0), |frame| (frame.function, frame.at));
        self.oblige_at(at, state, hazard, condition)
    }

    /// [`Machine::oblige`] at the operator of a position.
    fn oblige_at(
        &mut self,
        (function, at): (u32, usize),
        state: &State,
        hazard: Hazard,
        condition: ExprId,
    ) -> Result<(), Problem> {
        let all = self.guards.all(state.guard);
        let when = self.arena.and(all, condition)?;
        if self.arena.is_zero(when) {
            self.discharged += 1;
            return Ok(());
        }
        let before = self.hazards.get(&(function, at, hazard)).copied();
        let when = match before {
            Some(before) => self.arena.or(before, when)?,
            None => when,
        };
        self.hazards.insert((function, at, hazard), when);
        Ok(())
    }

    /// Notes that the shadow stack reaches down to an address.
    pub(super) fn note_stack_address(&mut self, address: u64) -> Result<(), Problem> {
        self.lowest_address = self.lowest_address.min(address.max(self.layout.stack.start));
        self.check_stack()
    }

    fn stack_bytes(&self) -> u64 {
        let shadow = self.layout.stack.end - self.lowest_address;
        8 * self.peak_slots as u64 + if seeded(Fault::ShadowStackFree) { 0 } else { shadow }
    }

    fn check_stack(&self) -> Result<(), Problem> {
        let bytes = self.stack_bytes();
        if bytes > STACK_BYTES_MAX { Err(Problem::StackBytes { bytes, limit: STACK_BYTES_MAX }) } else { Ok(()) }
    }

    fn note_slots(&mut self, slots: usize) -> Result<(), Problem> {
        if slots > self.peak_slots {
            self.peak_slots = slots;
            self.check_stack()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let code = self.module.defined(frame.function).map_or(&[][..], |function| &function.code);
        let Some(mut state) = self.current.take() else {
            // Nothing runs here: on to the next place where a state waits.
            let Some(label) = frame.labels.last() else { return Ok(()) };
            frame.at = match label.block.otherwise {
                Some(otherwise) if label.otherwise.is_some() => otherwise,
                _ => label.block.end,
            };
            return match label.otherwise {
                Some(_) if label.block.otherwise.is_some() => self.otherwise(None),
                _ => self.end(None),
            };
        };
        let Some(instr) = code.get(frame.at) else { return Ok(()) };
        let slots = frame.base_slots + state.locals.len() + state.stack.len();
        self.note_slots(slots)?;
        self.spend(1)?;
        state.steps += instr.cost();
        if state.steps > INSTRUCTIONS_MAX {
            return self.over_bound(&state);
        }
        match instr {
            Instr::Block(block) => self.open(Kind::Block, *block, state),
            Instr::Loop(block) => self.open(Kind::Loop, *block, state),
            Instr::If(block) => self.open_if(*block, state),
            Instr::Else => self.otherwise(Some(state)),
            Instr::End => self.end(Some(state)),
            Instr::Br(depth) => self.branch(*depth as usize, state),
            Instr::BrIf(depth) => self.branch_if(*depth as usize, state),
            Instr::BrTable(targets) => self.branch_table(targets, state),
            Instr::Return => {
                let outermost = self.frames.last().map_or(0, |frame| frame.labels.len().saturating_sub(1));
                self.branch(outermost, state)
            }
            Instr::Unreachable => {
                let always = self.arena.constant(Width::W1, 1)?;
                self.oblige(&state, Hazard::Unreachable, always)
            }
            Instr::Call(callee) => {
                self.advance();
                self.current = Some(state);
                self.call(*callee)
            }
            data => {
                self.data(data, &mut state)?;
                self.go_on(state)
            }
        }
    }

    fn advance(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at += 1;
        }
    }

    fn go_on(&mut self, state: State) -> Result<(), Problem> {
        self.current = Some(state);
        self.advance();
        Ok(())
    }

    /// Starts a call of the current state: operands become locals.
    fn call(&mut self, callee: u32) -> Result<(), Problem> {
        let Some(mut state) = self.current.take() else { return Ok(()) };
        let Some(ty) = self.module.type_of(callee) else { return Ok(()) };
        let Some(function) = self.module.defined(callee) else {
            let value = self.import(callee)?;
            state.stack.push(value);
            self.current = Some(state);
            return Ok(());
        };
        let declared: u64 = function.locals.iter().map(|(count, _)| u64::from(*count)).sum();
        let below = self.frames.last().map_or(0, |frame| frame.base_slots + state.locals.len());
        let base_slots = below + state.stack.len().saturating_sub(ty.params.len());
        let slots = base_slots as u64 + ty.params.len() as u64 + declared;
        self.note_slots(usize::try_from(slots).unwrap_or(usize::MAX >> 4))?;
        let mut locals = state.stack.split_off(state.stack.len().saturating_sub(ty.params.len()));
        if seeded(Fault::ArgumentsSwapped)
            && !self.frames.is_empty()
            && ty.params.windows(2).all(|pair| pair[0] == pair[1])
        {
            locals.reverse();
        }
        for (count, width) in &function.locals {
            let zero = self.arena.constant(*width, 0)?;
            locals.extend((0..*count).map(|_| zero));
        }
        let caller_locals = std::mem::replace(&mut state.locals, locals);
        let caller = (caller_locals, std::mem::take(&mut state.stack));
        // wasmtime charges one unit for entering a function (func_environ.rs, `fuel_consumed: 1`).
        state.steps += u32::from(!seeded(Fault::CostOfCallForgotten));
        let end = function.code.len().saturating_sub(1);
        let block = Block { params: 0, results: ty.results.len(), end, otherwise: None };
        let body = Label::new(Kind::Body, block, 0, 0);
        self.frames.push(Frame { function: callee, at: 0, labels: vec![body], caller, base_slots });
        self.current = Some(state);
        Ok(())
    }

    /// The value of an imported function: a constant of the configuration.
    fn import(&mut self, callee: u32) -> Result<ExprId, Problem> {
        let import = self.module.imports.get(callee as usize);
        let ty = self.module.type_of(callee);
        let Some(import) = import else {
            return Err(Problem::Import { module: String::new(), name: String::new() });
        };
        let plain = ty.is_some_and(|ty| ty.params.is_empty() && ty.results == [Width::W32]);
        match Extern::by_name(&import.name) {
            Some(key) if plain && import.module == KCONFIG_MODULE => {
                let value = u64::from(self.config.value(key).cast_unsigned());
                Ok(self.arena.constant(Width::W32, value)?)
            }
            _ => Err(Problem::Import { module: import.module.clone(), name: import.name.clone() }),
        }
    }

    fn open(&mut self, kind: Kind, block: Block, state: State) -> Result<(), Problem> {
        let guard = self.guards.all(state.guard);
        if let Some(frame) = self.frames.last_mut() {
            let height = state.stack.len().saturating_sub(block.params);
            let mut label = Label::new(kind, block, frame.at, height);
            if kind == Kind::Loop {
                label.entry = Some(guard);
                label.entered = Some((guard, state.clone()));
            }
            frame.labels.push(label);
        }
        self.go_on(state)
    }

    fn open_if(&mut self, block: Block, mut state: State) -> Result<(), Problem> {
        let condition = self.pop_truth(&mut state)?;
        let (then, otherwise) = self.split(state, condition)?;
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let height = |state: &State| state.stack.len().saturating_sub(block.params);
        let height = then.as_ref().or(otherwise.as_ref()).map_or(0, height);
        let mut label = Label::new(Kind::If, block, frame.at, height);
        label.otherwise = otherwise;
        frame.labels.push(label);
        self.current = then;
        self.advance();
        Ok(())
    }

    /// A condition: whether the word on top of the operands is not 0.
    fn pop_truth(&mut self, state: &mut State) -> Result<ExprId, Problem> {
        match state.stack.pop() {
            Some(word) => Ok(self.arena.truth(word)?),
            None => Ok(self.arena.constant(Width::W1, 0)?),
        }
    }

    /// The state where a condition holds, and where it does not.
    fn split(&mut self, state: State, condition: ExprId) -> Result<(Option<State>, Option<State>), Problem> {
        let opposite = self.arena.not(condition)?;
        let holds = self.guards.child(self.arena, state.guard, condition)?;
        let fails = self.guards.child(self.arena, state.guard, opposite)?;
        Ok(match (holds, fails) {
            (Some(holds), Some(fails)) => {
                self.spend(u32::try_from(state.words() / 16).unwrap_or(u32::MAX))?;
                (Some(State { guard: holds, ..state.clone() }), Some(State { guard: fails, ..state }))
            }
            (holds, None) => (holds.map(|guard| State { guard, ..state }), None),
            (None, fails) => (None, fails.map(|guard| State { guard, ..state })),
        })
    }

    /// Sends a state to the label `depth` blocks out.
    fn branch(&mut self, depth: usize, mut state: State) -> Result<(), Problem> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let Some(target) = frame.labels.len().checked_sub(depth + 1) else { return Ok(()) };
        for label in frame.labels.iter_mut().skip(target + 1) {
            label.left = true;
        }
        let Some(label) = frame.labels.get_mut(target) else { return Ok(()) };
        let carried = if label.kind == Kind::Loop { label.block.params } else { label.block.results };
        let kept = state.stack.split_off(state.stack.len().saturating_sub(carried));
        state.stack.truncate(label.height);
        state.stack.extend(kept);
        self.waiting_words += state.words();
        if label.kind == Kind::Loop {
            if seeded(Fault::StepsOfLoopForgotten) {
                state.steps = label.entered.as_ref().map_or(0, |(_, entered)| entered.steps);
            }
            label.back.push(state)
        } else {
            label.arrivals.push(state)
        }
        if self.waiting_words > WAITING_WORDS_MAX {
            return Err(Problem::WaitingWords { limit: WAITING_WORDS_MAX });
        }
        Ok(())
    }

    fn branch_if(&mut self, depth: usize, mut state: State) -> Result<(), Problem> {
        let condition = self.pop_truth(&mut state)?;
        let (taken, on) = self.split(state, condition)?;
        if let Some(taken) = taken {
            self.branch(depth, taken)?;
        }
        self.current = on;
        self.advance();
        Ok(())
    }

    /// One branch for each different target, in the order in which they first appear; the default takes the rest.
    fn branch_table(&mut self, targets: &[u32], mut state: State) -> Result<(), Problem> {
        let Some(index) = state.stack.pop() else { return Ok(()) };
        let Some((&default, cases)) = targets.split_last() else { return Ok(()) };
        let mut conditions: Vec<(u32, ExprId)> = Vec::new();
        let known = self.arena.facts(index);
        for (case, &target) in cases.iter().enumerate() {
            let case = case as u64;
            if target == default || case < known.min || case > known.max {
                continue;
            }
            self.spend(1)?;
            let value = self.arena.constant(Width::W32, case)?;
            let hit = self.arena.eq(index, value)?;
            match conditions.iter_mut().find(|(seen, _)| *seen == target) {
                Some((_, condition)) => *condition = self.arena.or(*condition, hit)?,
                None => conditions.push((target, hit)),
            }
        }
        let covered = !self.defaults_remain(index, cases, default) || seeded(Fault::TableDefaultLost);
        let last = conditions.len().saturating_sub(1);
        let mut rest = Some(state);
        for (position, (target, condition)) in conditions.into_iter().enumerate() {
            let Some(state) = rest.take() else { break };
            // When the cases leave nothing over, whatever reaches the last of them is it.
            if covered && position == last {
                return self.branch(target as usize, state);
            }
            let (hit, other) = self.split(state, condition)?;
            if let Some(hit) = hit {
                self.branch(target as usize, hit)?;
            }
            rest = other;
        }
        match rest {
            Some(state) => self.branch(default as usize, state),
            None => Ok(()),
        }
    }

    /// Whether the index can name the default or a case with the default's target.
    fn defaults_remain(&self, index: ExprId, cases: &[u32], default: u32) -> bool {
        let known = self.arena.facts(index);
        known.max >= cases.len() as u64
            || cases
                .iter()
                .enumerate()
                .any(|(case, target)| *target == default && (known.min..=known.max).contains(&(case as u64)))
    }

    /// All states that wait at one place, as one.
    fn met(&mut self, states: Vec<State>) -> Result<Option<State>, Problem> {
        let mut rest = states.into_iter().rev();
        let Some(mut met) = rest.next() else { return Ok(None) };
        // From the last to the first: each then differs from all after it in its own last decision.
        for state in rest {
            let (both, work) = meet(self.arena, &mut self.guards, &state, &met)?;
            self.spend(work)?;
            met = both;
        }
        Ok(Some(met))
    }

    /// `else`: what ran so far waits for the end, and the other side of the condition runs.
    fn otherwise(&mut self, then: Option<State>) -> Result<(), Problem> {
        let Some(label) = self.frames.last_mut().and_then(|frame| frame.labels.last_mut()) else { return Ok(()) };
        if let Some(then) = then {
            self.waiting_words += then.words();
            label.arrivals.push(then);
        }
        self.current = label.otherwise.take();
        self.advance();
        Ok(())
    }

    /// `end` of a block, loop, `if` or function.
    fn end(&mut self, through: Option<State>) -> Result<(), Problem> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let Some(mut label) = frame.labels.pop() else { return Ok(()) };
        label.left |= through.is_some();
        let mut arrivals = std::mem::take(&mut label.arrivals);
        let waited: usize = arrivals.iter().chain(&label.back).map(State::words).sum();
        self.waiting_words = self.waiting_words.saturating_sub(waited);
        arrivals.extend(through);
        arrivals.extend(label.otherwise.take());
        if label.kind == Kind::Loop && !label.back.is_empty() {
            let back = std::mem::take(&mut label.back);
            let back = self.met(back)?;
            let again = match back {
                Some(state) => self.goes_on(&label, state)?,
                None => None,
            };
            if let Some(state) = again {
                let guard = self.guards.all(state.guard);
                self.waiting_words += arrivals.iter().map(State::words).sum::<usize>();
                label.arrivals = arrivals;
                label.iterations += 1;
                label.stale = label.is_stale(guard);
                label.left = false;
                label.entered = Some((guard, state.clone()));
                if let Some(frame) = self.frames.last_mut() {
                    frame.at = label.at + 1;
                    frame.labels.push(label);
                }
                self.current = Some(state);
                return Ok(());
            }
        }
        self.current = self.met(arrivals)?;
        if label.kind == Kind::Body {
            self.leave(label.block.results)
        } else {
            self.advance();
            Ok(())
        }
    }

    /// Returns from a function: its results go onto the caller's operands.
    fn leave(&mut self, results: usize) -> Result<(), Problem> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if let Some(state) = &mut self.current {
            let values = state.stack.split_off(state.stack.len().saturating_sub(results));
            (state.locals, state.stack) = frame.caller;
            state.stack.extend(values);
        }
        Ok(())
    }

    /// Checks what must hold at the end of the call, and collects what was found.
    fn finish(&mut self) -> Result<Outcome, Problem> {
        let state = self.current.take();
        let mut result = None;
        let mut instructions = 0;
        if let Some(mut state) = state {
            let end = self.module.defined(self.export).map_or(0, |function| function.code.len().saturating_sub(1));
            let mutable = self.module.globals.iter().filter(|global| global.mutable);
            for (position, global) in mutable.enumerate() {
                let Some(&value) = state.globals.get(position) else { continue };
                let initial = self.arena.constant(global.width, global.initial)?;
                let changed = self.arena.ne(value, initial)?;
                let hazard = match self.layout.pointer {
                    Some(pointer) if pointer == position => Hazard::StackPointerLost,
                    _ => Hazard::GlobalChanged,
                };
                let missed = match hazard {
                    Hazard::StackPointerLost => seeded(Fault::StackPointerUnchecked),
                    _ => seeded(Fault::GlobalUnchecked),
                };
                if !missed {
                    self.oblige_at((self.export, end), &state, hazard, changed)?;
                }
            }
            instructions = state.steps;
            result = state.stack.pop();
        }
        let hazards = std::mem::take(&mut self.hazards);
        let places: Vec<(u32, usize)> = hazards.keys().map(|(function, at, _)| (*function, *at)).collect();
        let places = self.module.places(&places);
        let obligations = hazards
            .into_iter()
            .zip(places)
            .map(|(((_, _, hazard), when), place)| Obligation { hazard, place, when })
            .collect();
        let (stack_bytes, discharged) = (self.stack_bytes(), self.discharged);
        Ok(Outcome { result, instructions, stack_bytes, obligations, discharged })
    }
}
