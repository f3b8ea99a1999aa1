//! The symbolic state of one path, and how two paths become one.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::guard::{GuardId, Guards};
use crate::expr::{Arena, BinaryOp, ExprId, NodeBudgetSpent, Width};
use crate::fault::{Fault, seeded};

/// One byte of the shadow stack: byte `byte` of `word`, defined where `written`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub word: ExprId,
    pub byte: u8,
    pub written: ExprId,
}

/// What a path knows and what it has spent.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// When the path is taken.
    pub guard: GuardId,
    /// Instructions executed, at most.
    pub steps: u32,
    /// Locals of the running function.
    pub locals: Vec<ExprId>,
    /// Operands of the running function.
    pub stack: Vec<ExprId>,
    /// Values of the mutable globals, in the order of their indices.
    pub globals: Vec<ExprId>,
    /// Bytes of memory that this call has written. Shared until written.
    pub memory: Rc<BTreeMap<u64, Slot>>,
}

impl State {
    /// Words that a copy takes.
    pub(super) fn words(&self) -> usize {
        8 + self.locals.len() + self.stack.len() + self.globals.len() + self.memory.len()
    }

    /// Whether two states of one place hold the same values.
    pub(super) fn same_values(&self, other: &State) -> bool {
        self.locals == other.locals
            && self.stack == other.stack
            && self.globals == other.globals
            && self.memory == other.memory
    }
}

/// One byte of a word, as a 64-bit word.
pub(super) fn byte_of(arena: &mut Arena, slot: Slot) -> Result<ExprId, NodeBudgetSpent> {
    let word = arena.zext(slot.word, Width::W64)?;
    let amount = arena.constant(Width::W64, 8 * u64::from(slot.byte))?;
    let moved = arena.shift(BinaryOp::ShrU, word, amount)?;
    let mask = arena.constant(Width::W64, 0xff)?;
    arena.and(moved, mask)
}

/// The state after two paths that exclude each other meet, and the work it took.
pub(super) fn meet(
    arena: &mut Arena,
    guards: &mut Guards,
    a: &State,
    b: &State,
) -> Result<(State, u32), NodeBudgetSpent> {
    let (guard, first, mut work) = guards.meet(arena, a.guard, b.guard)?;
    work += u32::try_from(a.words() / 16).unwrap_or(u32::MAX);
    let mut list = |arena: &mut Arena, xs: &[ExprId], ys: &[ExprId]| {
        let mut met = Vec::with_capacity(xs.len());
        for (&x, &y) in xs.iter().zip(ys) {
            work += u32::from(x != y);
            met.push(arena.select(first, x, y)?);
        }
        Ok::<_, NodeBudgetSpent>(met)
    };
    let locals = list(arena, &a.locals, if seeded(Fault::ValuesOfOneArm) { &a.locals } else { &b.locals })?;
    let stack = list(arena, &a.stack, &b.stack)?;
    let globals = list(arena, &a.globals, &b.globals)?;
    let memory = if Rc::ptr_eq(&a.memory, &b.memory) {
        Rc::clone(&a.memory)
    } else {
        work += u32::try_from(a.memory.len() + b.memory.len()).unwrap_or(u32::MAX);
        Rc::new(meet_memory(arena, first, &a.memory, &b.memory)?)
    };
    let steps = if seeded(Fault::StepsOfShorterPath) { a.steps.min(b.steps) } else { a.steps.max(b.steps) };
    Ok((State { guard, steps, locals, stack, globals, memory }, work))
}

fn meet_memory(
    arena: &mut Arena,
    first: ExprId,
    a: &BTreeMap<u64, Slot>,
    b: &BTreeMap<u64, Slot>,
) -> Result<BTreeMap<u64, Slot>, NodeBudgetSpent> {
    let mut met = BTreeMap::new();
    let other = arena.not(first)?;
    for (&address, &x) in a {
        let slot = match b.get(&address) {
            Some(&y) => meet_slots(arena, first, x, y)?,
            None => Slot { written: arena.and(first, x.written)?, ..x },
        };
        met.insert(address, slot);
    }
    for (&address, &y) in b {
        if !a.contains_key(&address) {
            met.insert(address, Slot { written: arena.and(other, y.written)?, ..y });
        }
    }
    Ok(met)
}

fn meet_slots(arena: &mut Arena, first: ExprId, x: Slot, y: Slot) -> Result<Slot, NodeBudgetSpent> {
    let written = arena.select(first, x.written, y.written)?;
    // The same byte of two words is that byte of their choice, so a spilled word stays one word.
    if x.byte == y.byte && arena.width(x.word) == arena.width(y.word) {
        return Ok(Slot { word: arena.select(first, x.word, y.word)?, byte: x.byte, written });
    }
    let (x, y) = (byte_of(arena, x)?, byte_of(arena, y)?);
    Ok(Slot { word: arena.select(first, x, y)?, byte: 0, written })
}
