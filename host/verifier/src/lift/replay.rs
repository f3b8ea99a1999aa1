//! Concrete execution of an export: what one input does.
//!
//! In: a module, a configuration, an export and its arguments. Out: the result or the trap, the instructions executed,
//! how often each loop went round, and the hazards met on the way. It shares the decoder, the meaning of operators and
//! the place of the stack with the lifter but nothing else: no merging, no simplification. Each call is bounded, by
//! [`WORK_MAX`] operators where nothing else is said: no call of an export that was lifted makes more. No host recursion.

use std::collections::{BTreeSet, HashMap};

use ptwalk_abi::{Config, Extern, KCONFIG_MODULE};

use super::budget::{CALL_DEPTH_MAX, WORK_MAX};
use super::finding::Place;
use super::instr::{Access, Block, Instr};
use super::module::Module;
use super::monitor::{At, Monitor};
use super::obligation::Hazard;
use super::trace::{Effect, Log, Source, Step, Traced};
use crate::expr::eval::signed;
use crate::expr::{BinaryOp, Width, fold_binary, fold_compare, fold_unary};

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It returned; the result of an export that has one.
    Returned(Option<u64>),
    /// It trapped, or read what is not there.
    Trapped(Hazard),
    /// It was still running after the instructions of a replay, or left the subset.
    Running,
}

/// What one input does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// How it ended.
    pub ending: Ending,
    /// Instructions executed, counted as fuel is.
    pub instructions: u64,
    /// Bytes of stack taken: eight for each local and operand of the active functions, and what was written of the shadow
    /// stack.
    pub stack_bytes: u64,
    /// The operator at which it trapped.
    pub(super) trapped_at: Option<At>,
    loops: HashMap<(u32, usize), u64>,
    /// Hazards met, with function and byte offset.
    met: BTreeSet<(Hazard, u32, usize)>,
}

impl Replay {
    /// Whether the execution itself did at a place what a hazard says. Traps at computed and at constant addresses are
    /// one to it.
    pub fn meets(&self, hazard: Hazard, place: &Place) -> bool {
        let hazard = if hazard == Hazard::OutOfBounds { Hazard::AddressOutOfBounds } else { hazard };
        self.met.contains(&(hazard, place.function, place.offset))
    }

    /// What the execution did that an export must not do, and more: of loads and stores the worst is noted that they could
    /// be.
    pub fn hazards(&self) -> impl Iterator<Item = Hazard> {
        self.met.iter().map(|(hazard, ..)| *hazard)
    }

    /// The most iterations of one entry of the loop at a position of a function.
    pub(super) fn iterations(&self, at: (u32, usize)) -> u64 {
        self.loops.get(&at).copied().unwrap_or(0)
    }
}

struct Label {
    block: Block,
    at: usize,
    height: usize,
    is_loop: bool,
    iterations: u64,
}

struct Frame {
    function: u32,
    at: usize,
    locals: Vec<Traced>,
    labels: Vec<Label>,
    height: usize,
}

struct Player<'m, 'a> {
    module: &'m Module<'a>,
    config: &'m Config,
    frames: Vec<Frame>,
    stack: Vec<Traced>,
    globals: Vec<Traced>,
    written: HashMap<u64, (u8, Traced)>,
    memory_bytes: u64,
    instructions: u64,
    visits: u64,
    visits_max: u64,
    loops: HashMap<(u32, usize), u64>,
    /// Locals of the active functions.
    locals: usize,
    /// The most locals and operands that there were at once.
    slots: usize,
    monitor: Monitor,
    /// The steps, where somebody wants to know them.
    log: Option<Log>,
    /// What the operator at hand has taken.
    taken: Vec<Traced>,
}

/// Executes an export on concrete arguments, up to a number of operators.
pub(super) fn replay(module: &Module<'_>, config: &Config, export: u32, inputs: &[u64], visits_max: u64) -> Replay {
    Player { visits_max, ..Player::new(module, config, None) }.run(export, inputs).0
}

/// The same, with the result's origin and the steps.
pub(super) fn replay_traced(
    module: &Module<'_>,
    config: &Config,
    export: u32,
    inputs: &[u64],
) -> (Replay, Option<Traced>, Log) {
    let mut player = Player::new(module, config, Some(Log::default()));
    let (replay, result) = player.run(export, inputs);
    (replay, result, player.log.take().unwrap_or_default())
}

/// Executes calls one after another, each with the memory and globals that those before it have left.
pub(super) fn replay_sequence(module: &Module<'_>, config: &Config, calls: &[(u32, Vec<u64>)]) -> Vec<Ending> {
    let mut player = Player::new(module, config, None);
    calls.iter().map(|(export, inputs)| player.run(*export, inputs).0.ending).collect()
}

impl<'m, 'a> Player<'m, 'a> {
    fn new(module: &'m Module<'a>, config: &'m Config, log: Option<Log>) -> Player<'m, 'a> {
        Player {
            module,
            config,
            frames: Vec::new(),
            stack: Vec::new(),
            globals: module.globals.iter().map(|global| Traced::given(global.initial)).collect(),
            written: HashMap::new(),
            memory_bytes: module.memory.map_or(0, |memory| memory.bytes),
            instructions: 0,
            visits: 0,
            visits_max: WORK_MAX.into(),
            loops: HashMap::new(),
            locals: 0,
            slots: 0,
            monitor: Monitor::of(module),
            log,
            taken: Vec::new(),
        }
    }

    /// One call. Memory and globals stay as it leaves them.
    fn run(&mut self, export: u32, inputs: &[u64]) -> (Replay, Option<Traced>) {
        let argument = |(number, bits): (usize, &u64)| Traced { bits: *bits, source: Source::Argument(number) };
        self.stack = inputs.iter().enumerate().map(argument).collect();
        self.frames.clear();
        (self.instructions, self.visits, self.locals, self.slots) = (0, 0, 0, 0);
        let before: Vec<u64> = self.globals.iter().map(|global| global.bits).collect();
        let stopped = self.play(export).err();
        if stopped.is_none() {
            self.note_changes(export, &before);
        }
        let result = self.stack.last().copied().filter(|_| stopped.is_none());
        let ending = stopped.unwrap_or_else(|| Ending::Returned(result.map(|result| result.bits)));
        let last = self.frames.last().map(|frame| (frame.function, frame.at));
        let trapped_at = last.filter(|_| matches!(ending, Ending::Trapped(_)));
        let loops = std::mem::take(&mut self.loops);
        let offset = |(function, at): (u32, usize)| self.module.defined(function)?.offsets.get(at).copied();
        let stack_bytes = 8 * self.slots as u64 + self.monitor.take_stack_bytes();
        let met = self.monitor.take().into_iter();
        let met = met.filter_map(|(hazard, at)| Some((hazard, at.0, offset(at)?))).collect();
        (Replay { ending, instructions: self.instructions, stack_bytes, trapped_at, loops, met }, result)
    }

    /// Notes, at the end of the export, the globals that are not what they were.
    fn note_changes(&mut self, export: u32, before: &[u64]) {
        let end = self.module.defined(export).map_or(0, |function| function.code.len().saturating_sub(1));
        let mutable =
            self.module.globals.iter().zip(&self.globals).zip(before).filter(|((global, _), _)| global.mutable);
        for (position, ((_, now), before)) in mutable.enumerate() {
            if now.bits != *before {
                self.monitor.changed((export, end), position);
            }
        }
    }

    fn play(&mut self, export: u32) -> Result<(), Ending> {
        self.call(export)?;
        while let Some(frame) = self.frames.last() {
            let code = self.module.defined(frame.function).map_or(&[][..], |function| &function.code);
            let Some(instr) = code.get(frame.at) else { return Err(Ending::Running) };
            self.instructions += u64::from(instr.cost());
            self.visits += 1;
            self.slots = self.slots.max(self.locals + self.stack.len());
            if self.visits > self.visits_max {
                return Err(Ending::Running);
            }
            let at = (frame.function, frame.at);
            self.taken.clear();
            let done = self.step(instr, at);
            if let Err(Ending::Trapped(hazard)) = done {
                self.monitor.note(hazard, at);
            }
            self.note(at, instr, done.err());
            done?;
        }
        Ok(())
    }

    /// Keeps the step just made, where there is a log. What only hands a value on is no step.
    fn note(&mut self, at: (u32, usize), instr: &Instr, ended: Option<Ending>) {
        let Some(log) = &mut self.log else { return };
        if !matches!(instr, Instr::End | Instr::Else) {
            log.visit(at);
        }
        let effect = match instr {
            _ if matches!(ended, Some(Ending::Trapped(_))) => Effect::Trapped,
            _ if ended.is_some() => return,
            Instr::If(_) | Instr::BrIf(_) => {
                Effect::Branch { taken: self.taken.first().is_some_and(|condition| condition.bits != 0) }
            }
            Instr::BrTable(_) => Effect::Branch { taken: true },
            Instr::Store(_) | Instr::GlobalSet(_) => Effect::Stored,
            Instr::Call(callee) if self.module.defined(*callee).is_some() => return,
            Instr::MemorySize
            | Instr::Call(_)
            | Instr::Const(..)
            | Instr::Load(_)
            | Instr::Select
            | Instr::Unary(..)
            | Instr::Binary(..)
            | Instr::Compare(..)
            | Instr::Eqz
            | Instr::Wrap
            | Instr::Extend { .. }
            | Instr::SignExtend(..) => Effect::Value(self.stack.last().map_or(0, |top| top.bits)),
            _ => return,
        };
        let source = log.push(Step { at, operands: std::mem::take(&mut self.taken), effect });
        if matches!(effect, Effect::Value(_))
            && let Some(top) = self.stack.last_mut()
        {
            top.source = source;
        }
    }

    fn take(&mut self) -> Result<Traced, Ending> {
        let value = self.stack.pop().ok_or(Ending::Running)?;
        if self.log.is_some() {
            // The operand on top was pushed last.
            self.taken.insert(0, value);
        }
        Ok(value)
    }

    fn pop(&mut self) -> Result<u64, Ending> {
        self.take().map(|value| value.bits)
    }

    fn frame(&mut self) -> Result<&mut Frame, Ending> {
        self.frames.last_mut().ok_or(Ending::Running)
    }

    fn call(&mut self, callee: u32) -> Result<(), Ending> {
        let ty = self.module.type_of(callee).ok_or(Ending::Running)?;
        let Some(function) = self.module.defined(callee) else {
            let import = self.module.imports.get(callee as usize).filter(|import| import.module == KCONFIG_MODULE);
            let key = import.and_then(|import| Extern::by_name(&import.name)).ok_or(Ending::Running)?;
            self.stack.push(Traced::given(self.config.value(key).cast_unsigned().into()));
            return Ok(());
        };
        let declared: u64 = function.locals.iter().map(|(count, _)| u64::from(*count)).sum();
        if self.frames.len() > CALL_DEPTH_MAX || declared > super::budget::STACK_BYTES_MAX {
            return Err(Ending::Running);
        }
        self.instructions += 1;
        let height = self.stack.len().saturating_sub(ty.params.len());
        let mut locals = self.stack.split_off(height);
        locals.extend((0..declared).map(|_| Traced::given(0)));
        self.locals += locals.len();
        let end = function.code.len().saturating_sub(1);
        let block = Block { params: 0, results: ty.results.len(), end, otherwise: None };
        let body = Label { block, at: 0, height, is_loop: false, iterations: 0 };
        self.frames.push(Frame { function: callee, at: 0, locals, labels: vec![body], height });
        Ok(())
    }

    fn step(&mut self, instr: &Instr, at: At) -> Result<(), Ending> {
        let height = self.stack.len();
        match instr {
            Instr::Block(block) | Instr::Loop(block) => {
                let frame = self.frame()?;
                let (at, is_loop) = (frame.at, matches!(instr, Instr::Loop(_)));
                let height = height.saturating_sub(block.params);
                frame.labels.push(Label { block: *block, at, height, is_loop, iterations: 1 });
            }
            Instr::If(block) => {
                let taken = self.pop()? != 0;
                let frame = self.frame()?;
                let at = frame.at;
                let height = (height - 1).saturating_sub(block.params);
                frame.labels.push(Label { block: *block, at, height, is_loop: false, iterations: 0 });
                if !taken {
                    frame.at = block.otherwise.unwrap_or(block.end - 1);
                }
            }
            Instr::Else | Instr::End => return self.end(matches!(instr, Instr::Else)),
            Instr::Br(depth) => return self.branch(*depth as usize),
            Instr::BrIf(depth) => {
                if self.pop()? != 0 {
                    return self.branch(*depth as usize);
                }
            }
            Instr::BrTable(targets) => {
                let index = usize::try_from(self.pop()?).unwrap_or(usize::MAX).min(targets.len().saturating_sub(1));
                return self.branch(targets.get(index).map_or(0, |target| *target as usize));
            }
            Instr::Return => {
                let depth = self.frame()?.labels.len().saturating_sub(1);
                return self.branch(depth);
            }
            Instr::Unreachable => return Err(Ending::Trapped(Hazard::Unreachable)),
            Instr::Call(callee) => {
                self.frame()?.at += 1;
                return self.call(*callee);
            }
            data => self.data(data, at)?,
        }
        self.frame()?.at += 1;
        Ok(())
    }

    /// Falls through `end`, or from the end of `then` past `else`.
    fn end(&mut self, is_else: bool) -> Result<(), Ending> {
        let frame = self.frame()?;
        let Some(label) = frame.labels.pop() else { return Err(Ending::Running) };
        if is_else {
            frame.at = label.block.end;
        }
        let key = (frame.function, label.at);
        if label.is_loop {
            let most = self.loops.entry(key).or_default();
            *most = (*most).max(label.iterations);
        }
        let frame = self.frame()?;
        frame.at += 1;
        if frame.labels.is_empty() {
            let (height, results) = (frame.height, label.block.results);
            self.locals -= self.frames.pop().map_or(0, |frame| frame.locals.len());
            let kept = self.stack.split_off(self.stack.len().saturating_sub(results));
            self.stack.truncate(height);
            self.stack.extend(kept);
        }
        Ok(())
    }

    fn branch(&mut self, depth: usize) -> Result<(), Ending> {
        let frame = self.frames.last_mut().ok_or(Ending::Running)?;
        let target = frame.labels.len().checked_sub(depth + 1).ok_or(Ending::Running)?;
        for label in frame.labels.drain(target + 1..).filter(|label| label.is_loop) {
            let most = self.loops.entry((frame.function, label.at)).or_default();
            *most = (*most).max(label.iterations);
        }
        let Some(label) = frame.labels.last_mut() else { return Err(Ending::Running) };
        let carried = if label.is_loop { label.block.params } else { label.block.results };
        let kept = self.stack.split_off(self.stack.len().saturating_sub(carried));
        self.stack.truncate(label.height);
        self.stack.extend(kept);
        if label.is_loop {
            label.iterations += 1;
            let most = self.loops.entry((frame.function, label.at)).or_default();
            *most = (*most).max(label.iterations);
            frame.at = label.at + 1;
            Ok(())
        } else {
            frame.at = label.block.end;
            self.end(false)
        }
    }

    fn data(&mut self, instr: &Instr, here: At) -> Result<(), Ending> {
        let value = match instr {
            Instr::Nop => return Ok(()),
            Instr::Drop => {
                self.pop()?;
                return Ok(());
            }
            Instr::LocalSet(local) | Instr::LocalTee(local) => {
                let value = self.take()?;
                if let Some(place) = self.frame()?.locals.get_mut(*local as usize) {
                    *place = value;
                }
                if matches!(instr, Instr::LocalTee(_)) {
                    self.stack.push(value);
                }
                return Ok(());
            }
            Instr::GlobalSet(global) => {
                let value = self.take()?;
                self.monitor.global(here, self.module.mutable_position(*global), value.bits);
                if let Some(place) = self.globals.get_mut(*global as usize) {
                    *place = value;
                }
                return Ok(());
            }
            Instr::Store(access) => {
                let (word, address) = (self.take()?, self.pop()?);
                let at = self.address(address, *access)?;
                self.monitor.store(here, &self.module.regions, at, access.bytes);
                for (position, byte) in word.bits.to_le_bytes().into_iter().take(access.bytes.into()).enumerate() {
                    self.written.insert(at + position as u64, (byte, word));
                }
                return Ok(());
            }
            Instr::Load(access) => {
                let address = self.pop()?;
                let at = self.address(address, *access)?;
                let written = &self.written;
                self.monitor.load(here, &self.module.regions, at, access.bytes, |byte| written.contains_key(&byte));
                let bits = u32::from(access.bytes) * 8;
                self.depend_on_memory(at, access.bytes);
                let raw = (0..u64::from(access.bytes)).rev().fold(0, |raw, byte| raw << 8 | self.byte(at + byte));
                if access.signed { sign_extended(raw, bits, access.width) } else { raw }
            }
            Instr::LocalGet(local) => {
                let value = self.frame()?.locals.get(*local as usize).copied().unwrap_or(Traced::given(0));
                self.stack.push(value);
                return Ok(());
            }
            Instr::GlobalGet(global) => {
                let value = self.globals.get(*global as usize).copied().unwrap_or(Traced::given(0));
                self.stack.push(value);
                return Ok(());
            }
            Instr::MemorySize => {
                if self.module.memory.is_some_and(|memory| !memory.fixed) {
                    self.monitor.note(Hazard::MemorySize, here);
                }
                self.memory_bytes >> 16
            }
            Instr::Const(_, value) => *value,
            Instr::Select => {
                let (condition, b, a) = (self.take()?, self.take()?, self.take()?);
                let chosen = if condition.bits != 0 { a } else { b };
                // The value that is not chosen has no part in what follows.
                self.taken = vec![chosen, condition];
                chosen.bits
            }
            Instr::Binary(op, width) => {
                let (b, a) = (self.pop()?, self.pop()?);
                trap(*op, *width, a, b)?;
                fold_binary(*op, *width, a, b)
            }
            Instr::Compare(relation, width) => {
                let (b, a) = (self.pop()?, self.pop()?);
                let (a, b) = if relation.swapped { (b, a) } else { (a, b) };
                u64::from(fold_compare(relation.op, *width, a, b) != relation.negated)
            }
            other => {
                let a = self.pop()?;
                match other {
                    Instr::Unary(op, width) => fold_unary(*op, *width, a),
                    Instr::Eqz => u64::from(a == 0),
                    Instr::Wrap => a & Width::W32.mask(),
                    Instr::Extend { signed: true } => sign_extended(a, 32, Width::W64),
                    Instr::SignExtend(width, bits) => sign_extended(a, (*bits).into(), *width),
                    _ => a,
                }
            }
        };
        self.stack.push(Traced::given(value));
        Ok(())
    }

    fn address(&self, address: u64, access: Access) -> Result<u64, Ending> {
        let at = address + access.offset;
        let inside = at + u64::from(access.bytes) <= self.memory_bytes;
        if inside { Ok(at) } else { Err(Ending::Trapped(Hazard::AddressOutOfBounds)) }
    }

    /// Adds what was stored at an address to what the load at hand takes.
    fn depend_on_memory(&mut self, at: u64, bytes: u8) {
        if self.log.is_none() {
            return;
        }
        for address in at..at + u64::from(bytes) {
            if let Some((_, word)) = self.written.get(&address)
                && !self.taken.contains(word)
            {
                self.taken.push(*word);
            }
        }
    }

    fn byte(&self, address: u64) -> u64 {
        let written = self.written.get(&address).map(|(byte, _)| *byte);
        let data = || {
            let region = self.module.regions.iter().find(|region| region.range().contains(&address))?;
            region.bytes.get(usize::try_from(address - region.start).ok()?).copied()
        };
        written.or_else(data).unwrap_or(0).into()
    }
}

fn sign_extended(value: u64, bits: u32, width: Width) -> u64 {
    let unused = 64 - bits;
    ((value << unused).cast_signed() >> unused).cast_unsigned() & width.mask()
}

fn trap(op: BinaryOp, width: Width, a: u64, b: u64) -> Result<(), Ending> {
    match op {
        BinaryOp::UDiv | BinaryOp::URem | BinaryOp::SDiv | BinaryOp::SRem if b == 0 => {
            Err(Ending::Trapped(Hazard::DivideByZero))
        }
        BinaryOp::SDiv if a == width.sign_bit() && signed(width, b) == -1 => {
            Err(Ending::Trapped(Hazard::DivideOverflow))
        }
        _ => Ok(()),
    }
}
