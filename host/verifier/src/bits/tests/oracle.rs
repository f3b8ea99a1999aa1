//! WebAssembly's integer operations on native integers: once generic in the width through 128-bit arithmetic, once
//! through Rust's own 8-, 32- and 64-bit operations. The first judges the circuits, the second judges the first.

use crate::bits::aig::{Aig, CircuitError};
use crate::bits::word::{self, Word};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    ShrU,
    ShrS,
    Rotl,
    Rotr,
    DivU,
    RemU,
    DivS,
    RemS,
    Eq,
    Ult,
    Slt,
    Not,
    Neg,
    Clz,
    Ctz,
    Popcnt,
    /// `b & 1 ? a : b`
    Mux,
}

pub(super) const OPS: [Op; 24] = {
    use Op::*;
    [
        Add, Sub, Mul, And, Or, Xor, Shl, ShrU, ShrS, Rotl, Rotr, DivU, RemU, DivS, RemS, Eq, Ult, Slt, Not, Neg, Clz,
        Ctz, Popcnt, Mux,
    ]
};

/// The circuit under test.
pub(super) fn circuit(op: Op, g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    match op {
        Op::Add => word::add(g, a, b),
        Op::Sub => word::sub(g, a, b),
        Op::Mul => word::mul(g, a, b),
        Op::And => word::and(g, a, b),
        Op::Or => word::or(g, a, b),
        Op::Xor => word::xor(g, a, b),
        Op::Shl => word::shl(g, a, b),
        Op::ShrU => word::shr_u(g, a, b),
        Op::ShrS => word::shr_s(g, a, b),
        Op::Rotl => word::rotl(g, a, b),
        Op::Rotr => word::rotr(g, a, b),
        Op::DivU => word::div_u(g, a, b),
        Op::RemU => word::rem_u(g, a, b),
        Op::DivS => word::div_s(g, a, b),
        Op::RemS => word::rem_s(g, a, b),
        Op::Eq => Word::new(vec![word::eq(g, a, b)?]),
        Op::Ult => Word::new(vec![word::ult(g, a, b)?]),
        Op::Slt => Word::new(vec![word::slt(g, a, b)?]),
        Op::Not => Ok(word::not(a)),
        Op::Neg => word::neg(g, a),
        Op::Clz => word::clz(g, a),
        Op::Ctz => word::ctz(g, a),
        Op::Popcnt => word::popcnt(g, a),
        Op::Mux => word::mux(g, b.bits()[0], a, b),
    }
}

/// The low `width` bits.
pub(super) fn cut(value: u128, width: u32) -> u64 {
    (value & ((1 << width) - 1)) as u64
}

/// The value as a number in two's complement.
fn signed(value: u64, width: u32) -> i128 {
    let value = i128::from(value);
    if value >> (width - 1) & 1 == 1 { value - (1 << width) } else { value }
}

/// What the operation yields, with the documented values where WebAssembly traps. `a` and `b` fit the width.
pub(super) fn reference(op: Op, width: u32, a: u64, b: u64) -> u64 {
    let (ua, ub) = (u128::from(a), u128::from(b));
    let (sa, sb) = (signed(a, width), signed(b, width));
    let shift = b % u64::from(width);
    let wrap = |value: i128| cut(value as u128, width);
    match op {
        Op::Add => cut(ua + ub, width),
        Op::Sub => wrap(sa - sb),
        Op::Mul => cut(ua * ub, width),
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Shl => cut(ua << shift, width),
        Op::ShrU => a >> shift,
        Op::ShrS => wrap(sa >> shift),
        Op::Rotl => cut(ua << shift | ua >> (u64::from(width) - shift), width),
        Op::Rotr => cut(ua >> shift | ua << (u64::from(width) - shift), width),
        Op::DivU => ua.checked_div(ub).map_or(cut(u128::MAX, width), |q| cut(q, width)),
        Op::RemU => ua.checked_rem(ub).map_or(a, |r| cut(r, width)),
        Op::DivS => sa.checked_div(sb).map_or(wrap(if sa < 0 { 1 } else { -1 }), wrap),
        Op::RemS => sa.checked_rem(sb).map_or(a, wrap),
        Op::Eq => u64::from(a == b),
        Op::Ult => u64::from(a < b),
        Op::Slt => u64::from(sa < sb),
        Op::Not => cut(!ua, width),
        Op::Neg => wrap(-sa),
        Op::Clz => (0..width).rev().take_while(|bit| a >> bit & 1 == 0).count() as u64,
        Op::Ctz => (0..width).take_while(|bit| a >> bit & 1 == 0).count() as u64,
        Op::Popcnt => (0..width).filter(|bit| a >> bit & 1 == 1).count() as u64,
        Op::Mux => [b, a][(b & 1) as usize],
    }
}

macro_rules! native {
    ($name:ident, $unsigned:ty, $signed:ty) => {
        /// Rust's own operation; `None` where WebAssembly traps.
        pub(super) fn $name(op: Op, a: u64, b: u64) -> Option<u64> {
            let (a, b) = (a as $unsigned, b as $unsigned);
            let (sa, sb) = (a as $signed, b as $signed);
            let amount = b as u32 % <$unsigned>::BITS;
            let word = match op {
                Op::Add => a.wrapping_add(b),
                Op::Sub => a.wrapping_sub(b),
                Op::Mul => a.wrapping_mul(b),
                Op::And => a & b,
                Op::Or => a | b,
                Op::Xor => a ^ b,
                Op::Shl => a.wrapping_shl(amount),
                Op::ShrU => a.wrapping_shr(amount),
                Op::ShrS => sa.wrapping_shr(amount) as $unsigned,
                Op::Rotl => a.rotate_left(amount),
                Op::Rotr => a.rotate_right(amount),
                Op::DivU => a.checked_div(b)?,
                Op::RemU => a.checked_rem(b)?,
                Op::DivS => sa.checked_div(sb)? as $unsigned,
                Op::RemS if b == 0 => return None,
                Op::RemS => sa.wrapping_rem(sb) as $unsigned,
                Op::Eq => (a == b).into(),
                Op::Ult => (a < b).into(),
                Op::Slt => (sa < sb).into(),
                Op::Not => !a,
                Op::Neg => a.wrapping_neg(),
                Op::Clz => a.leading_zeros() as $unsigned,
                Op::Ctz => a.trailing_zeros() as $unsigned,
                Op::Popcnt => a.count_ones() as $unsigned,
                Op::Mux => {
                    if b & 1 == 1 {
                        a
                    } else {
                        b
                    }
                }
            };
            Some(word.into())
        }
    };
}

native!(native8, u8, i8);
native!(native32, u32, i32);
native!(native64, u64, i64);
