//! What the operators compute: the one definition of their meaning on concrete words.
//!
//! In: words, zero-extended to 64 bits. Out: a word of the result's width, zero-extended. Every operator is total; see
//! [`BinaryOp`] for the cases in which WebAssembly traps. The constant folder, the known-bits analysis, the replay
//! interpreter and the [`Evaluator`] all use these functions.

use super::{Arena, BinaryOp, CompareOp, ExprId, Node, UnaryOp, Width};
use crate::hash::KeyedMap;

/// The value of a word as a signed number.
pub const fn signed(width: Width, value: u64) -> i64 {
    match width {
        Width::W64 => value.cast_signed(),
        Width::W32 | Width::W1 => {
            let unused = 64 - width.bits();
            (value << unused).cast_signed() >> unused
        }
    }
}

/// Result of an operator of one word.
pub const fn fold_unary(op: UnaryOp, width: Width, a: u64) -> u64 {
    let count = match op {
        UnaryOp::Clz => a.leading_zeros() - (64 - width.bits()),
        UnaryOp::Ctz => {
            let zeros = a.trailing_zeros();
            if zeros > width.bits() { width.bits() } else { zeros }
        }
        UnaryOp::Popcnt => a.count_ones(),
    };
    count as u64
}

/// The amount of a shift or rotation: only the low bits of the operand count.
const fn shift_amount(width: Width, b: u64) -> u32 {
    let [low, ..] = b.to_le_bytes();
    low as u32 & (width.bits() - 1)
}

/// Result of an operator of two values.
pub const fn fold_binary(op: BinaryOp, width: Width, a: u64, b: u64) -> u64 {
    let amount = shift_amount(width, b);
    let back = (width.bits() - amount) % width.bits();
    let result = match op {
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Shl => a << amount,
        BinaryOp::ShrU => a >> amount,
        BinaryOp::ShrS => (signed(width, a) >> amount).cast_unsigned(),
        BinaryOp::Rotl => (a << amount) | ((a & width.mask()) >> back),
        BinaryOp::Rotr => (a << back) | ((a & width.mask()) >> amount),
        BinaryOp::UDiv => match a.checked_div(b) {
            Some(quotient) => quotient,
            None => 0,
        },
        BinaryOp::URem => match a.checked_rem(b) {
            Some(remainder) => remainder,
            None => 0,
        },
        BinaryOp::SDiv if b == 0 => 0,
        BinaryOp::SDiv => signed(width, a).wrapping_div(signed(width, b)).cast_unsigned(),
        BinaryOp::SRem if b == 0 => 0,
        BinaryOp::SRem => signed(width, a).wrapping_rem(signed(width, b)).cast_unsigned(),
    };
    result & width.mask()
}

/// Result of a relation; `width` is that of the operands.
pub const fn fold_compare(op: CompareOp, width: Width, a: u64, b: u64) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::Ult => a < b,
        CompareOp::Slt => signed(width, a) < signed(width, b),
    }
}

/// Values of expressions of one arena for one input.
///
/// Each node is computed once, so asking again after the arena has grown costs only the new nodes.
#[derive(Clone, Debug)]
pub struct Evaluator {
    inputs: Vec<u64>,
    values: KeyedMap<ExprId, u64>,
}

impl Evaluator {
    /// An evaluator for the arguments `inputs`; those that are missing count as 0.
    pub fn new(inputs: Vec<u64>) -> Evaluator {
        Evaluator { inputs, values: KeyedMap::default() }
    }

    /// The arguments.
    pub fn inputs(&self) -> &[u64] {
        &self.inputs
    }

    /// The value of an expression, zero-extended. Always ask about the same arena.
    ///
    /// # Cost
    /// Linear in the nodes that `id` reaches and that were not evaluated before.
    pub fn value(&mut self, arena: &Arena, id: ExprId) -> u64 {
        let mut open = vec![id];
        while let Some(&next) = open.last() {
            let before = open.len();
            if !self.values.contains_key(&next) {
                open.extend(arena.node(next).operands().filter(|operand| !self.values.contains_key(operand)));
            }
            if open.len() == before {
                if !self.values.contains_key(&next) {
                    let value = self.compute(arena, next);
                    self.values.insert(next, value);
                }
                open.pop();
            }
        }
        self.get(id)
    }

    fn get(&self, id: ExprId) -> u64 {
        self.values.get(&id).copied().unwrap_or(0)
    }

    fn compute(&self, arena: &Arena, id: ExprId) -> u64 {
        let width = arena.width(id);
        match arena.node(id) {
            Node::Const(value) => value,
            Node::Input(index) => {
                let value = usize::try_from(index).ok().and_then(|index| self.inputs.get(index));
                value.copied().unwrap_or(0) & width.mask()
            }
            Node::Not(a) => self.get(a) ^ 1,
            Node::Bit(a, bit) => (self.get(a) >> bit) & 1,
            Node::Unary(op, a) => fold_unary(op, width, self.get(a)),
            Node::Binary(op, a, b) => fold_binary(op, width, self.get(a), self.get(b)),
            Node::Compare(op, a, b) => fold_compare(op, arena.width(a), self.get(a), self.get(b)).into(),
            Node::Select(c, a, b) => self.get(if self.get(c) != 0 { a } else { b }),
            Node::Zext(a) => self.get(a),
            Node::Sext(a) => signed(arena.width(a), self.get(a)).cast_unsigned() & width.mask(),
            Node::Trunc(a) => self.get(a) & width.mask(),
            Node::Lookup(table, index) => {
                let values = &arena.table(table).values;
                usize::try_from(self.get(index)).ok().and_then(|index| values.get(index)).copied().unwrap_or(0)
            }
        }
    }
}
