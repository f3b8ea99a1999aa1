//! What is known about a value for every input: bits that are always 0 or 1, and an unsigned interval.
//!
//! In: a node whose operands have facts. Out: facts that hold for every input. Both views refine each other. The bit
//! part of addition follows the published "tnum" of Linux' verifier (kernel/bpf/tnum.c, `tnum_add`).

use super::{Arena, BinaryOp, CompareOp, ExprId, Node, UnaryOp, Width, fold_binary, fold_compare, fold_unary};
use crate::fault::{Fault, seeded};

/// Facts about a value, zero-extended to 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bits that are always 0, among them all above the width.
    pub zeros: u64,
    /// Bits that are always 1.
    pub ones: u64,
    /// Least value.
    pub min: u64,
    /// Greatest value.
    pub max: u64,
}

impl Facts {
    /// Nothing is known but the width.
    pub const fn unknown(width: Width) -> Facts {
        Facts { zeros: !width.mask(), ones: 0, min: 0, max: width.mask() }
    }

    /// One value.
    pub const fn exactly(value: u64) -> Facts {
        Facts { zeros: !value, ones: value, min: value, max: value }
    }

    const fn bits(zeros: u64, ones: u64) -> Facts {
        Facts { zeros, ones, min: ones, max: !zeros }
    }

    const fn interval(min: u64, max: u64) -> Facts {
        let differ = min ^ max;
        let common = if differ == 0 { u64::MAX } else { !(u64::MAX >> differ.leading_zeros()) };
        Facts { zeros: !min & common, ones: min & common, min, max }
    }

    /// The value, where only one is possible.
    pub const fn value(self) -> Option<u64> {
        if self.min == self.max { Some(self.min) } else { None }
    }

    /// Bits that may be 1.
    pub const fn possible(self) -> u64 {
        !self.zeros
    }

    /// Bits that are neither always 0 nor always 1.
    pub const fn undecided(self) -> u64 {
        !(self.zeros | self.ones)
    }

    /// Both facts hold.
    const fn meet(self, other: Facts) -> Facts {
        let (zeros, ones) = (self.zeros | other.zeros, self.ones | other.ones);
        let mut min = if self.min > other.min { self.min } else { other.min };
        let mut max = if self.max < other.max { self.max } else { other.max };
        min = if ones > min { ones } else { min };
        max = if !zeros < max { !zeros } else { max };
        let from_interval = Facts::interval(min, max);
        Facts { zeros: zeros | from_interval.zeros, ones: ones | from_interval.ones, min, max }
    }

    /// One of the facts holds.
    const fn join(self, other: Facts) -> Facts {
        let min = if self.min < other.min { self.min } else { other.min };
        let max = if self.max > other.max { self.max } else { other.max };
        Facts { zeros: self.zeros & other.zeros, ones: self.ones & other.ones, min, max }
    }

    /// Facts about a node.
    pub(super) fn of(arena: &Arena, node: Node, width: Width) -> Facts {
        let facts = |id: ExprId| arena.facts(id);
        let any = Facts::unknown(width);
        match node {
            Node::Const(value) => Facts::exactly(value),
            Node::Input(_) => any,
            Node::Not(a) => match facts(a).value() {
                Some(value) => Facts::exactly(value ^ 1),
                None => any,
            },
            Node::Bit(a, bit) => {
                let a = facts(a);
                Facts::bits(!1 | (a.zeros >> bit), (a.ones >> bit) & 1)
            }
            Node::Unary(op, a) => of_unary(op, width, facts(a)),
            Node::Binary(op, a, b) => {
                if let (Some(a), Some(b)) = (facts(a).value(), facts(b).value()) {
                    return Facts::exactly(fold_binary(op, width, a, b));
                }
                let mut found = of_binary(op, width, facts(a), facts(b)).meet(any);
                if op == BinaryOp::And && is_predecessor(arena, b, a) {
                    found = found.meet(without_lowest_one(facts(a)));
                } else if op == BinaryOp::And && is_predecessor(arena, a, b) {
                    found = found.meet(without_lowest_one(facts(b)));
                }
                found
            }
            Node::Compare(op, a, b) => match of_compare(op, arena.width(a), facts(a), facts(b)) {
                Some(value) => Facts::exactly(value.into()),
                None => any,
            },
            Node::Select(_, a, b) => facts(a).join(facts(b)),
            Node::Zext(a) => facts(a),
            Node::Sext(a) => of_sext(arena.width(a), width, facts(a)),
            Node::Trunc(a) => {
                let a = facts(a);
                let bits = Facts::bits(a.zeros | !width.mask(), a.ones & width.mask());
                if a.max <= width.mask() { bits.meet(a) } else { bits }
            }
            Node::Lookup(table, index) => of_lookup(arena, &arena.table(table).values, index),
        }
    }
}

/// Whether `a` is `b - 1`.
pub(super) fn is_predecessor(arena: &Arena, a: ExprId, b: ExprId) -> bool {
    match arena.node(a) {
        Node::Binary(BinaryOp::Add, x, y) => x == b && arena.as_const(y) == Some(arena.width(a).mask()),
        _ => false,
    }
}

/// Facts about `x & (x - 1)`: it clears the lowest bit that is set, so the lowest bit of `x` that can be set is clear in
/// it. That is how a loop that clears bit after bit comes to an end.
fn without_lowest_one(x: Facts) -> Facts {
    let trailing = x.zeros.trailing_ones();
    let cleared = if trailing >= 63 { u64::MAX } else { (2u64 << trailing) - 1 };
    Facts::bits(cleared, 0)
}

fn of_unary(op: UnaryOp, width: Width, a: Facts) -> Facts {
    if let Some(value) = a.value() {
        return Facts::exactly(fold_unary(op, width, value));
    }
    match op {
        UnaryOp::Clz => Facts::interval(fold_unary(op, width, a.max), fold_unary(op, width, a.min)),
        UnaryOp::Ctz => {
            let greatest = if a.ones == 0 { width.bits().into() } else { u64::from(a.ones.trailing_zeros()) };
            Facts::interval(fold_unary(op, width, a.possible()), greatest)
        }
        UnaryOp::Popcnt => Facts::interval(a.ones.count_ones().into(), a.possible().count_ones().into()),
    }
}

fn of_binary(op: BinaryOp, width: Width, a: Facts, b: Facts) -> Facts {
    let any = Facts::unknown(width);
    match op {
        BinaryOp::And => {
            let bits = Facts::bits(a.zeros | b.zeros, a.ones & b.ones);
            Facts { max: bits.max.min(a.max).min(b.max), ..bits }
        }
        BinaryOp::Or => {
            let bits = Facts::bits(a.zeros & b.zeros, a.ones | b.ones);
            Facts { min: bits.min.max(a.min).max(b.min), ..bits }
        }
        BinaryOp::Xor => {
            let known = (a.zeros | a.ones) & (b.zeros | b.ones);
            let ones = (a.ones ^ b.ones) & known;
            Facts::bits(known & !ones, ones)
        }
        BinaryOp::Add => of_sum(width, a, b),
        BinaryOp::Sub => match (a.min.checked_sub(b.max), a.max.checked_sub(b.min)) {
            (Some(min), Some(max)) => Facts::interval(min, max),
            _ => trailing_zeros((a.zeros & b.zeros).trailing_ones(), width),
        },
        BinaryOp::Mul => {
            let zeros = a.zeros.trailing_ones() + b.zeros.trailing_ones();
            match a.max.checked_mul(b.max) {
                Some(max) if max <= width.mask() => {
                    Facts::interval(a.min * b.min, max).meet(trailing_zeros(zeros, width))
                }
                _ => trailing_zeros(zeros, width),
            }
        }
        BinaryOp::Shl | BinaryOp::ShrU | BinaryOp::ShrS | BinaryOp::Rotl | BinaryOp::Rotr => of_shift(op, width, a, b),
        // Division by 0 yields 0, so the least quotient and remainder are 0 unless the divisor cannot be.
        BinaryOp::UDiv if b.min > 0 => Facts::interval(a.min / b.max, a.max / b.min),
        BinaryOp::UDiv => Facts::interval(0, a.max),
        BinaryOp::URem => Facts::interval(0, a.max.min(b.max.saturating_sub(1))),
        BinaryOp::SDiv | BinaryOp::SRem => any,
    }
}

fn trailing_zeros(count: u32, width: Width) -> Facts {
    let low = if count >= 64 { u64::MAX } else { (1u64 << count) - 1 };
    Facts::bits(low | !width.mask(), 0)
}

fn of_sum(width: Width, a: Facts, b: Facts) -> Facts {
    // tnum_add: a bit of the sum is known where both operands' bits and the carry into it are.
    let unknown_a = a.undecided();
    let unknown_b = b.undecided();
    let least = a.ones.wrapping_add(b.ones);
    let unknown_sum = unknown_a.wrapping_add(unknown_b);
    let carries = if seeded(Fault::SumForgetsCarry) { 0 } else { least.wrapping_add(unknown_sum) ^ least };
    let unknown = (carries | unknown_a | unknown_b) & width.mask();
    let ones = least & !unknown & width.mask();
    let bits = Facts::bits(!unknown & !ones, ones);
    match (a.min.checked_add(b.min), a.max.checked_add(b.max)) {
        (Some(min), Some(max)) if max <= width.mask() => bits.meet(Facts::interval(min, max)),
        _ => bits,
    }
}

fn of_shift(op: BinaryOp, width: Width, a: Facts, b: Facts) -> Facts {
    let Some(amount) = b.value() else {
        return match op {
            BinaryOp::ShrU => Facts::interval(0, a.max),
            BinaryOp::Shl => trailing_zeros(a.zeros.trailing_ones().min(width.bits()), width),
            _ => Facts::unknown(width),
        };
    };
    // Known zeros and ones move as the bits themselves do; what a shift brings in comes from the shift of 0 or of all.
    let ones = fold_binary(op, width, a.ones, amount);
    let possible = fold_binary(op, width, a.possible() & width.mask(), amount);
    let bits = Facts::bits(!possible, ones);
    match op {
        BinaryOp::ShrU => {
            bits.meet(Facts::interval(fold_binary(op, width, a.min, amount), fold_binary(op, width, a.max, amount)))
        }
        BinaryOp::Shl if a.max <= width.mask() >> (amount & (u64::from(width.bits()) - 1)) => {
            bits.meet(Facts::interval(fold_binary(op, width, a.min, amount), fold_binary(op, width, a.max, amount)))
        }
        _ => bits,
    }
}

fn of_sext(from: Width, to: Width, a: Facts) -> Facts {
    let above = to.mask() & !from.mask();
    if a.zeros & from.sign_bit() != 0 {
        a
    } else if a.ones & from.sign_bit() != 0 {
        Facts::bits((a.zeros & from.mask()) | !to.mask(), a.ones | above)
    } else {
        Facts::bits((a.zeros & from.mask()) | !to.mask(), a.ones)
    }
}

fn of_lookup(arena: &Arena, values: &[u64], index: ExprId) -> Facts {
    let mut found: Option<Facts> = None;
    let mut add = |value| {
        let fact = Facts::exactly(value);
        found = Some(found.map_or(fact, |found| found.join(fact)));
    };
    values.iter().for_each(|value| add(*value));
    if values.is_empty() || arena.facts(index).max >= values.len() as u64 {
        add(0);
    }
    found.unwrap_or(Facts::exactly(0))
}

/// The value of a relation, where the facts decide it.
fn of_compare(op: CompareOp, width: Width, a: Facts, b: Facts) -> Option<bool> {
    if let (Some(a), Some(b)) = (a.value(), b.value()) {
        return Some(fold_compare(op, width, a, b));
    }
    match op {
        CompareOp::Eq => {
            let apart = a.max < b.min || b.max < a.min || (a.ones & b.zeros) | (a.zeros & b.ones) != 0;
            apart.then_some(false)
        }
        CompareOp::Ult => (a.max < b.min).then_some(true).or((a.min >= b.max).then_some(false)),
        CompareOp::Slt => {
            let sign = width.sign_bit();
            let (a_negative, a_positive) = (a.ones & sign != 0, a.zeros & sign != 0);
            let (b_negative, b_positive) = (b.ones & sign != 0, b.zeros & sign != 0);
            if (a_negative && b_negative) || (a_positive && b_positive) {
                return of_compare(CompareOp::Ult, width, a, b);
            }
            if a_negative && b_positive {
                return Some(true);
            }
            (a_positive && b_negative).then_some(false)
        }
    }
}
