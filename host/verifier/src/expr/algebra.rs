//! Arithmetic, shifts, rotations, divisions and counts.

use super::eval::signed;
use super::field::Field;
use super::{Arena, BinaryOp, Built, ExprId, Node, UnaryOp, Width};
use crate::fault::{Fault, seeded};

impl Arena {
    /// An operator of one word.
    pub fn unary(&mut self, op: UnaryOp, a: ExprId) -> Built {
        self.intern(Node::Unary(op, a), self.width(a))
    }

    /// `a + b` modulo 2^width.
    pub fn add(&mut self, a: ExprId, b: ExprId) -> Built {
        let (a, b) = self.ordered(a, b);
        debug_assert_eq!(self.width(a), self.width(b));
        let width = self.width(a);
        self.rewrite(|arena| arena.add_words(a, b, width), (Node::Binary(BinaryOp::Add, a, b), width))
    }

    fn add_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        // Without a bit in common there is no carry.
        if self.facts(a).possible() & self.facts(b).possible() == 0 {
            return self.or(a, b);
        }
        if a == b {
            let one = self.constant(width, 1)?;
            return self.shift(BinaryOp::Shl, a, one);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let Some((inner, c)) = self.with_const(BinaryOp::Add, x) {
                let (inner, added) = match self.as_const(y) {
                    Some(more) => (inner, c.wrapping_add(more)),
                    None => (self.add(inner, y)?, c),
                };
                let added = self.constant(width, added)?;
                return self.add(inner, added);
            }
            // A constant joined with `Or` because it shares no bit was added.
            if let (Some((inner, c)), Some(more)) = (self.with_const(BinaryOp::Or, x), self.as_const(y))
                && self.facts(inner).possible() & c == 0
            {
                let added = self.constant(width, c.wrapping_add(more))?;
                return self.add(inner, added);
            }
            if let Node::Binary(BinaryOp::Sub, p, q) = self.node(x)
                && q == y
            {
                return Ok(p);
            }
        }
        self.intern(Node::Binary(BinaryOp::Add, a, b), width)
    }

    /// `a - b` modulo 2^width.
    pub fn sub(&mut self, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        let width = self.width(a);
        self.rewrite(|arena| arena.sub_words(a, b, width), (Node::Binary(BinaryOp::Sub, a, b), width))
    }

    fn sub_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        if a == b {
            return self.constant(width, 0);
        }
        if let Some(taken) = self.as_const(b) {
            let added = self.constant(width, taken.wrapping_neg())?;
            return self.add(a, added);
        }
        if let Node::Binary(BinaryOp::Add, p, q) = self.node(a) {
            if p == b {
                return Ok(if seeded(Fault::SubtractionSwapped) { p } else { q });
            }
            if q == b {
                return Ok(p);
            }
        }
        self.intern(Node::Binary(BinaryOp::Sub, a, b), width)
    }

    /// `a * b` modulo 2^width.
    pub fn mul(&mut self, a: ExprId, b: ExprId) -> Built {
        let (a, b) = self.ordered(a, b);
        debug_assert_eq!(self.width(a), self.width(b));
        let width = self.width(a);
        self.rewrite(|arena| arena.mul_words(a, b, width), (Node::Binary(BinaryOp::Mul, a, b), width))
    }

    fn mul_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        if let Some(factor) = self.as_const(b) {
            if factor.is_power_of_two() {
                let amount = self.constant(width, factor.trailing_zeros().into())?;
                return self.shift(BinaryOp::Shl, a, amount);
            }
            if let Some((inner, more)) = self.with_const(BinaryOp::Mul, a) {
                let factor = self.constant(width, factor.wrapping_mul(more))?;
                return self.mul(inner, factor);
            }
        }
        for (x, y) in [(a, b), (b, a)] {
            if self.facts(x).possible() == 1 {
                let (truth, zero) = (self.bit(x, 0)?, self.constant(width, 0)?);
                return self.select(truth, y, zero);
            }
        }
        self.intern(Node::Binary(BinaryOp::Mul, a, b), width)
    }

    /// A shift or rotation; the amount counts modulo the width.
    pub fn shift(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        let width = self.width(a);
        self.rewrite(|arena| arena.shift_words(op, a, b, width), (Node::Binary(op, a, b), width))
    }

    fn shift_words(&mut self, op: BinaryOp, a: ExprId, b: ExprId, width: Width) -> Built {
        let modulus = u64::from(width.bits());
        let Some(amount) = self.as_const(b) else {
            // Only the low bits of the amount count.
            if let Some((inner, mask)) = self.with_const(BinaryOp::And, b)
                && mask & (modulus - 1) == modulus - 1
            {
                return self.shift(op, a, inner);
            }
            return self.intern(Node::Binary(op, a, b), width);
        };
        if amount >= modulus && seeded(Fault::ShiftAmountUnmaskedConst) {
            return self.constant(width, 0);
        }
        let amount = amount % modulus;
        if amount == 0 {
            return Ok(a);
        }
        let by = i32::try_from(amount).unwrap_or(0);
        let field = self.field_of(a);
        match op {
            BinaryOp::Shl => {
                let mask = (field.mask << amount) & width.mask();
                self.field(Field { base: field.base, shift: field.shift + by, mask }, width)
            }
            BinaryOp::ShrU => {
                self.field(Field { base: field.base, shift: field.shift - by, mask: field.mask >> amount }, width)
            }
            BinaryOp::ShrS if self.facts(a).zeros & width.sign_bit() != 0 || seeded(Fault::SignedShiftIsUnsigned) => {
                let amount = self.constant(width, amount)?;
                self.shift(BinaryOp::ShrU, a, amount)
            }
            BinaryOp::ShrS => self.shift_signed(a, amount, width),
            BinaryOp::Rotr => {
                let amount = self.constant(width, modulus - amount)?;
                self.shift(BinaryOp::Rotl, a, amount)
            }
            _ => {
                let (inner, amount) = match self.with_const(BinaryOp::Rotl, a) {
                    Some((inner, more)) => (inner, (amount + more) % modulus),
                    None => (a, amount),
                };
                let turned = self.constant(width, amount)?;
                if amount == 0 { Ok(inner) } else { self.intern(Node::Binary(BinaryOp::Rotl, inner, turned), width) }
            }
        }
    }

    fn shift_signed(&mut self, a: ExprId, amount: u64, width: Width) -> Built {
        let (inner, amount) = match self.with_const(BinaryOp::ShrS, a) {
            Some((inner, more)) => (inner, (amount + more).min(u64::from(width.bits()) - 1)),
            None => (a, amount),
        };
        // Up by 32 and back with the sign is how `i64.extend32_s` reads without the operator.
        if amount == 32
            && width == Width::W64
            && let Some((narrow, 32)) = self.with_const(BinaryOp::Shl, inner)
        {
            let narrow = self.trunc(narrow)?;
            return self.sext(narrow);
        }
        let amount = self.constant(width, amount)?;
        self.intern(Node::Binary(BinaryOp::ShrS, inner, amount), width)
    }

    /// A division or remainder; see [`BinaryOp`] for the divisor 0.
    pub fn divide(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        let width = self.width(a);
        self.rewrite(|arena| arena.divide_words(op, a, b, width), (Node::Binary(op, a, b), width))
    }

    fn divide_words(&mut self, op: BinaryOp, a: ExprId, b: ExprId, width: Width) -> Built {
        let sign = width.sign_bit();
        let positive = self.facts(a).zeros & self.facts(b).zeros & sign != 0;
        let op = match op {
            BinaryOp::SDiv if positive => BinaryOp::UDiv,
            BinaryOp::SRem if positive => BinaryOp::URem,
            other => other,
        };
        match (op, self.as_const(b)) {
            (_, Some(0)) => self.constant(width, 0),
            (BinaryOp::UDiv | BinaryOp::SDiv, Some(1)) => Ok(a),
            (BinaryOp::URem | BinaryOp::SRem, Some(1)) => self.constant(width, 0),
            (BinaryOp::SRem, Some(divisor)) if signed(width, divisor) == -1 => self.constant(width, 0),
            (BinaryOp::UDiv, Some(divisor)) if divisor.is_power_of_two() => {
                let amount = self.constant(width, divisor.trailing_zeros().into())?;
                self.shift(BinaryOp::ShrU, a, amount)
            }
            (BinaryOp::URem, Some(divisor)) if divisor.is_power_of_two() => {
                let mask = if seeded(Fault::PowerOfTwoMaskOff) {
                    divisor.wrapping_mul(2).wrapping_sub(1)
                } else {
                    divisor - 1
                };
                let mask = self.constant(width, mask)?;
                self.and(a, mask)
            }
            _ => self.intern(Node::Binary(op, a, b), width),
        }
    }
}
