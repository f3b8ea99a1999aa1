//! Exact symbolic execution of one export: operators that move and compute data.

use super::exec::Machine;
use super::finding::Problem;
use super::instr::{Instr, Relation};
use super::obligation::Hazard;
use super::state::State;
use crate::expr::{BinaryOp, CompareOp, ExprId, Width};
use crate::fault::{Fault, seeded};

impl Machine<'_, '_> {
    /// Executes an operator that is not about control. Operands are there, of the right width: the module is valid.
    pub(super) fn data(&mut self, instr: &Instr, state: &mut State) -> Result<(), Problem> {
        let value = match instr {
            Instr::Nop => return Ok(()),
            Instr::Drop => {
                state.stack.pop();
                return Ok(());
            }
            Instr::LocalSet(local) | Instr::LocalTee(local) => {
                let value = match instr {
                    Instr::LocalSet(_) => state.stack.pop(),
                    _ => state.stack.last().copied(),
                };
                if let (Some(place), Some(value)) = (state.locals.get_mut(*local as usize), value) {
                    *place = value;
                }
                return Ok(());
            }
            Instr::GlobalSet(global) => return self.set_global(*global, state),
            Instr::Store(access) => {
                let (Some(word), Some(address)) = (state.stack.pop(), state.stack.pop()) else { return Ok(()) };
                return self.store(state, address, word, *access);
            }
            Instr::LocalGet(local) => state.locals.get(*local as usize).copied(),
            Instr::GlobalGet(global) => self.get_global(*global, state)?,
            Instr::Load(access) => match state.stack.pop() {
                Some(address) => Some(self.load(state, address, *access)?),
                None => None,
            },
            Instr::MemorySize => Some(self.memory_size(state)?),
            Instr::Const(width, value) => Some(self.arena.constant(*width, *value)?),
            Instr::Select => {
                let condition = state.stack.pop();
                let (b, a) = (state.stack.pop(), state.stack.pop());
                match (condition, a, b) {
                    (Some(condition), Some(a), Some(b)) => {
                        let truth = self.arena.truth(condition)?;
                        let (a, b) = if seeded(Fault::SelectSwapped) { (b, a) } else { (a, b) };
                        Some(self.arena.select(truth, a, b)?)
                    }
                    _ => None,
                }
            }
            Instr::Binary(op, width) => {
                let (b, a) = (state.stack.pop(), state.stack.pop());
                match (a, b) {
                    (Some(a), Some(b)) => {
                        self.check_division(state, *op, *width, a, b)?;
                        Some(self.arena.binary(*op, a, b)?)
                    }
                    _ => None,
                }
            }
            Instr::Compare(relation, _) => {
                let (b, a) = (state.stack.pop(), state.stack.pop());
                match (a, b) {
                    (Some(a), Some(b)) => Some(self.relate(*relation, a, b)?),
                    _ => None,
                }
            }
            other => match state.stack.pop() {
                Some(a) => Some(self.convert(other, a)?),
                None => None,
            },
        };
        state.stack.extend(value);
        Ok(())
    }

    /// Operators of one word.
    fn convert(&mut self, instr: &Instr, a: ExprId) -> Result<ExprId, Problem> {
        Ok(match instr {
            Instr::Unary(op, _) => self.arena.unary(*op, a)?,
            Instr::Eqz => {
                let truth = self.arena.truth(a)?;
                let zero = self.arena.not(truth)?;
                self.arena.zext(zero, Width::W32)?
            }
            Instr::Wrap => self.arena.trunc(a)?,
            Instr::Extend { signed } if *signed || seeded(Fault::WrapKeepsSign) => self.arena.sext(a)?,
            Instr::Extend { .. } => self.arena.zext(a, Width::W64)?,
            Instr::SignExtend(_, bits) => self.sign_extend(a, (*bits).into())?,
            _ => a,
        })
    }

    /// A relation of two words, as the 0 or 1 that WebAssembly makes of it.
    fn relate(&mut self, relation: Relation, a: ExprId, b: ExprId) -> Result<ExprId, Problem> {
        let (a, b) = if relation.swapped { (b, a) } else { (a, b) };
        let holds = match relation.op {
            CompareOp::Eq => self.arena.eq(a, b)?,
            CompareOp::Ult => self.arena.ult(a, b)?,
            CompareOp::Slt if seeded(Fault::RelationUnsigned) => self.arena.ult(a, b)?,
            CompareOp::Slt => self.arena.slt(a, b)?,
        };
        let truth = if relation.negated && !(seeded(Fault::RelationNegationLost) && relation.op != CompareOp::Eq) {
            self.arena.not(holds)?
        } else {
            holds
        };
        Ok(self.arena.zext(truth, Width::W32)?)
    }

    /// Notes when a division would trap. A remainder of the least number by -1 does not: it is 0.
    fn check_division(
        &mut self,
        state: &State,
        op: BinaryOp,
        width: Width,
        a: ExprId,
        b: ExprId,
    ) -> Result<(), Problem> {
        if !matches!(op, BinaryOp::UDiv | BinaryOp::URem | BinaryOp::SDiv | BinaryOp::SRem) {
            return Ok(());
        }
        if seeded(Fault::RemainderUnchecked) && matches!(op, BinaryOp::URem | BinaryOp::SRem) {
            return Ok(());
        }
        let zero = self.arena.constant(width, 0)?;
        let mut by_zero = self.arena.eq(b, zero)?;
        if seeded(Fault::ZeroByZeroUnchecked) {
            let something = self.arena.truth(a)?;
            by_zero = self.arena.and(by_zero, something)?;
        }
        self.oblige(state, Hazard::DivideByZero, by_zero)?;
        if op == BinaryOp::SDiv && !seeded(Fault::OverflowUnchecked) {
            let (least, minus_one) =
                (self.arena.constant(width, width.sign_bit())?, self.arena.constant(width, u64::MAX)?);
            let (is_least, by_minus_one) = (self.arena.eq(a, least)?, self.arena.eq(b, minus_one)?);
            let overflows = self.arena.and(is_least, by_minus_one)?;
            self.oblige(state, Hazard::DivideOverflow, overflows)?;
        }
        Ok(())
    }

    fn get_global(&mut self, global: u32, state: &State) -> Result<Option<ExprId>, Problem> {
        match self.module.globals.get(global as usize) {
            Some(found) if found.mutable => Ok(state.globals.get(self.module.mutable_position(global)).copied()),
            Some(found) => Ok(Some(self.arena.constant(found.width, found.initial)?)),
            None => Ok(None),
        }
    }

    fn set_global(&mut self, global: u32, state: &mut State) -> Result<(), Problem> {
        let position = self.module.mutable_position(global);
        let Some(value) = state.stack.pop() else { return Ok(()) };
        if self.layout.pointer == Some(position) {
            let (low, high) = (self.layout.stack.start, self.layout.stack.end);
            let low = self.arena.constant(Width::W32, low)?;
            let high = self.arena.constant(Width::W32, high)?;
            let (under, over) = (self.arena.ult(value, low)?, self.arena.ult(high, value)?);
            let outside = self.arena.or(under, over)?;
            self.oblige(state, Hazard::StackPointerRange, outside)?;
            let least = self.arena.facts(value).min;
            if least <= self.layout.stack.end {
                self.note_stack_pointer(value)?;
            }
        }
        if let Some(place) = state.globals.get_mut(position) {
            *place = value;
        }
        Ok(())
    }

    /// Counts a stack pointer that is constant; of any other, only what is stored counts.
    fn note_stack_pointer(&mut self, value: ExprId) -> Result<(), Problem> {
        match self.arena.as_const(value) {
            Some(address) if address >= self.layout.stack.start => self.note_stack_address(address),
            _ => Ok(()),
        }
    }

    fn memory_size(&mut self, state: &State) -> Result<ExprId, Problem> {
        if self.module.memory.is_some_and(|memory| !memory.fixed) {
            let always = self.arena.constant(Width::W1, 1)?;
            self.oblige(state, Hazard::MemorySize, always)?;
        }
        Ok(self.arena.constant(Width::W32, self.layout.memory_bytes >> 16)?)
    }
}
