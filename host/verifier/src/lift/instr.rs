//! Operators of the integer subset, decoded once, with their structure resolved.

use wasmparser::{MemArg, Operator};

use crate::expr::{BinaryOp, CompareOp, UnaryOp, Width};

/// A relation as WebAssembly has it, in terms of the three that expressions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub op: CompareOp,
    /// The operands are exchanged.
    pub swapped: bool,
    /// The result is negated.
    pub negated: bool,
}

/// An access to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// Width of the word on the operand stack.
    pub width: Width,
    /// Bytes in memory.
    pub bytes: u8,
    /// A load copies the sign into the bits above.
    pub signed: bool,
    /// Added to the address without wrapping.
    pub offset: u64,
}

/// What a block takes and leaves, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub params: usize,
    pub results: usize,
    /// Position of its `end`.
    pub end: usize,
    /// Position of its `else`.
    pub otherwise: Option<usize>,
}

/// One operator. Positions count the operators of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instr {
    Unreachable,
    Nop,
    Block(Block),
    Loop(Block),
    If(Block),
    Else,
    End,
    Br(u32),
    BrIf(u32),
    /// Targets, and the default last.
    BrTable(Vec<u32>),
    Return,
    Call(u32),
    Drop,
    Select,
    LocalGet(u32),
    LocalSet(u32),
    LocalTee(u32),
    GlobalGet(u32),
    GlobalSet(u32),
    Load(Access),
    Store(Access),
    MemorySize,
    Const(Width, u64),
    Unary(UnaryOp, Width),
    Binary(BinaryOp, Width),
    Compare(Relation, Width),
    Eqz,
    Wrap,
    Extend {
        signed: bool,
    },
    /// Copies bit `bits - 1` into the bits above.
    SignExtend(Width, u8),
}

impl Instr {
    /// Fuel that wasmtime charges: `default_operator_cost` of wasmtime-environ 48. It charges one more for entering a
    /// function that the module defines.
    pub(super) const fn cost(&self) -> u32 {
        match self {
            Instr::Unreachable
            | Instr::Nop
            | Instr::Block(_)
            | Instr::Loop(_)
            | Instr::Else
            | Instr::End
            | Instr::Return
            | Instr::Drop => 0,
            _ => 1,
        }
    }

    /// Translates an operator that is not a block; `None` outside the subset.
    pub(super) fn of(op: &Operator<'_>) -> Option<Instr> {
        Some(match op {
            Operator::Unreachable => Instr::Unreachable,
            Operator::Nop => Instr::Nop,
            Operator::Else => Instr::Else,
            Operator::End => Instr::End,
            Operator::Br { relative_depth } => Instr::Br(*relative_depth),
            Operator::BrIf { relative_depth } => Instr::BrIf(*relative_depth),
            Operator::Return => Instr::Return,
            Operator::Call { function_index } => Instr::Call(*function_index),
            Operator::Drop => Instr::Drop,
            Operator::Select | Operator::TypedSelect { .. } => Instr::Select,
            Operator::LocalGet { local_index } => Instr::LocalGet(*local_index),
            Operator::LocalSet { local_index } => Instr::LocalSet(*local_index),
            Operator::LocalTee { local_index } => Instr::LocalTee(*local_index),
            Operator::GlobalGet { global_index } => Instr::GlobalGet(*global_index),
            Operator::GlobalSet { global_index } => Instr::GlobalSet(*global_index),
            Operator::MemorySize { mem: 0 } => Instr::MemorySize,
            Operator::I32Const { value } => Instr::Const(Width::W32, u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => Instr::Const(Width::W64, value.cast_unsigned()),
            Operator::I32Eqz | Operator::I64Eqz => Instr::Eqz,
            Operator::I32WrapI64 => Instr::Wrap,
            Operator::I64ExtendI32S => Instr::Extend { signed: true },
            Operator::I64ExtendI32U => Instr::Extend { signed: false },
            Operator::I32Extend8S => Instr::SignExtend(Width::W32, 8),
            Operator::I32Extend16S => Instr::SignExtend(Width::W32, 16),
            Operator::I64Extend8S => Instr::SignExtend(Width::W64, 8),
            Operator::I64Extend16S => Instr::SignExtend(Width::W64, 16),
            Operator::I64Extend32S => Instr::SignExtend(Width::W64, 32),
            other => {
                return access(other).or_else(|| unary(other)).or_else(|| binary(other)).or_else(|| relation(other));
            }
        })
    }
}

fn access(op: &Operator<'_>) -> Option<Instr> {
    use Width::{W32, W64};
    let load = |width, bytes, signed, memarg: &MemArg| {
        Some(Instr::Load(Access { width, bytes, signed, offset: memarg.offset }))
    };
    let store = |width, bytes, memarg: &MemArg| {
        Some(Instr::Store(Access { width, bytes, signed: false, offset: memarg.offset }))
    };
    match op {
        Operator::I32Load { memarg } => load(W32, 4, false, memarg),
        Operator::I32Load8S { memarg } => load(W32, 1, true, memarg),
        Operator::I32Load8U { memarg } => load(W32, 1, false, memarg),
        Operator::I32Load16S { memarg } => load(W32, 2, true, memarg),
        Operator::I32Load16U { memarg } => load(W32, 2, false, memarg),
        Operator::I64Load { memarg } => load(W64, 8, false, memarg),
        Operator::I64Load8S { memarg } => load(W64, 1, true, memarg),
        Operator::I64Load8U { memarg } => load(W64, 1, false, memarg),
        Operator::I64Load16S { memarg } => load(W64, 2, true, memarg),
        Operator::I64Load16U { memarg } => load(W64, 2, false, memarg),
        Operator::I64Load32S { memarg } => load(W64, 4, true, memarg),
        Operator::I64Load32U { memarg } => load(W64, 4, false, memarg),
        Operator::I32Store { memarg } => store(W32, 4, memarg),
        Operator::I32Store8 { memarg } => store(W32, 1, memarg),
        Operator::I32Store16 { memarg } => store(W32, 2, memarg),
        Operator::I64Store { memarg } => store(W64, 8, memarg),
        Operator::I64Store8 { memarg } => store(W64, 1, memarg),
        Operator::I64Store16 { memarg } => store(W64, 2, memarg),
        Operator::I64Store32 { memarg } => store(W64, 4, memarg),
        _ => None,
    }
}

fn unary(op: &Operator<'_>) -> Option<Instr> {
    let (op, width) = match op {
        Operator::I32Clz => (UnaryOp::Clz, Width::W32),
        Operator::I32Ctz => (UnaryOp::Ctz, Width::W32),
        Operator::I32Popcnt => (UnaryOp::Popcnt, Width::W32),
        Operator::I64Clz => (UnaryOp::Clz, Width::W64),
        Operator::I64Ctz => (UnaryOp::Ctz, Width::W64),
        Operator::I64Popcnt => (UnaryOp::Popcnt, Width::W64),
        _ => return None,
    };
    Some(Instr::Unary(op, width))
}

fn binary(op: &Operator<'_>) -> Option<Instr> {
    use Width::{W32, W64};
    let (op, width) = match op {
        Operator::I32Add => (BinaryOp::Add, W32),
        Operator::I32Sub => (BinaryOp::Sub, W32),
        Operator::I32Mul => (BinaryOp::Mul, W32),
        Operator::I32DivS => (BinaryOp::SDiv, W32),
        Operator::I32DivU => (BinaryOp::UDiv, W32),
        Operator::I32RemS => (BinaryOp::SRem, W32),
        Operator::I32RemU => (BinaryOp::URem, W32),
        Operator::I32And => (BinaryOp::And, W32),
        Operator::I32Or => (BinaryOp::Or, W32),
        Operator::I32Xor => (BinaryOp::Xor, W32),
        Operator::I32Shl => (BinaryOp::Shl, W32),
        Operator::I32ShrS => (BinaryOp::ShrS, W32),
        Operator::I32ShrU => (BinaryOp::ShrU, W32),
        Operator::I32Rotl => (BinaryOp::Rotl, W32),
        Operator::I32Rotr => (BinaryOp::Rotr, W32),
        Operator::I64Add => (BinaryOp::Add, W64),
        Operator::I64Sub => (BinaryOp::Sub, W64),
        Operator::I64Mul => (BinaryOp::Mul, W64),
        Operator::I64DivS => (BinaryOp::SDiv, W64),
        Operator::I64DivU => (BinaryOp::UDiv, W64),
        Operator::I64RemS => (BinaryOp::SRem, W64),
        Operator::I64RemU => (BinaryOp::URem, W64),
        Operator::I64And => (BinaryOp::And, W64),
        Operator::I64Or => (BinaryOp::Or, W64),
        Operator::I64Xor => (BinaryOp::Xor, W64),
        Operator::I64Shl => (BinaryOp::Shl, W64),
        Operator::I64ShrS => (BinaryOp::ShrS, W64),
        Operator::I64ShrU => (BinaryOp::ShrU, W64),
        Operator::I64Rotl => (BinaryOp::Rotl, W64),
        Operator::I64Rotr => (BinaryOp::Rotr, W64),
        _ => return None,
    };
    Some(Instr::Binary(op, width))
}

fn relation(op: &Operator<'_>) -> Option<Instr> {
    use CompareOp::{Eq, Slt, Ult};
    use Width::{W32, W64};
    let (op, swapped, negated, width) = match op {
        Operator::I32Eq => (Eq, false, false, W32),
        Operator::I32Ne => (Eq, false, true, W32),
        Operator::I32LtS => (Slt, false, false, W32),
        Operator::I32LtU => (Ult, false, false, W32),
        Operator::I32GtS => (Slt, true, false, W32),
        Operator::I32GtU => (Ult, true, false, W32),
        Operator::I32LeS => (Slt, true, true, W32),
        Operator::I32LeU => (Ult, true, true, W32),
        Operator::I32GeS => (Slt, false, true, W32),
        Operator::I32GeU => (Ult, false, true, W32),
        Operator::I64Eq => (Eq, false, false, W64),
        Operator::I64Ne => (Eq, false, true, W64),
        Operator::I64LtS => (Slt, false, false, W64),
        Operator::I64LtU => (Ult, false, false, W64),
        Operator::I64GtS => (Slt, true, false, W64),
        Operator::I64GtU => (Ult, true, false, W64),
        Operator::I64LeS => (Slt, true, true, W64),
        Operator::I64LeU => (Ult, true, true, W64),
        Operator::I64GeS => (Slt, false, true, W64),
        Operator::I64GeU => (Ult, false, true, W64),
        _ => return None,
    };
    Some(Instr::Compare(Relation { op, swapped, negated }, width))
}
