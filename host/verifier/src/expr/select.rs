//! Choice between two values: where paths of a plugin meet.
//!
//! A choice between constants that one bit decides is that bit, moved; a choice between `x | k` and `x` is `x` or the
//! choice between `k` and 0. So a word that is rebuilt bit by bit through branches comes out as the word.

use super::field::Field;
use super::{Arena, BinaryOp, Built, CompareOp, ExprId, Node, Width};
use crate::fault::{Fault, seeded};

impl Arena {
    /// `a` where `cond`, else `b`.
    pub fn select(&mut self, cond: ExprId, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        if a == b {
            return Ok(a);
        }
        match self.node(cond) {
            Node::Const(0) => return Ok(b),
            Node::Const(_) => return Ok(a),
            Node::Not(inner) => return self.select(inner, b, a),
            _ => {}
        }
        let width = self.width(a);
        let plain = (Node::Select(cond, a, b), width);
        self.rewrite(
            |arena| {
                if width == Width::W1 { arena.select_truths(cond, a, b) } else { arena.select_words(cond, a, b, width) }
            },
            plain,
        )
    }

    fn select_truths(&mut self, cond: ExprId, a: ExprId, b: ExprId) -> Built {
        match (self.as_const(a), self.as_const(b)) {
            (Some(1), _) => return self.or(cond, b),
            (_, Some(0)) => return self.and(cond, a),
            (Some(_), _) => {
                let not = self.not(cond)?;
                return self.and(not, b);
            }
            (_, Some(_)) => {
                let not = self.not(cond)?;
                return self.or(not, a);
            }
            (None, None) => {}
        }
        if self.is_complement(a, b) {
            let same = self.xor(cond, a)?;
            return self.not(same);
        }
        if cond == a {
            return self.or(cond, b);
        }
        if cond == b {
            return self.and(cond, a);
        }
        if self.is_complement(cond, a) {
            let not = self.not(cond)?;
            return self.and(not, b);
        }
        if self.is_complement(cond, b) {
            let not = self.not(cond)?;
            return self.or(not, a);
        }
        if let Some(merged) = self.select_of_select(cond, a, b)? {
            return Ok(merged);
        }
        self.intern(Node::Select(cond, a, b), Width::W1)
    }

    fn select_words(&mut self, cond: ExprId, a: ExprId, b: ExprId, width: Width) -> Built {
        let (known_a, known_b) = (self.facts(a), self.facts(b));
        if (known_a.possible() | known_b.possible()) == 1 {
            let (a, b) = (self.bit(a, 0)?, self.bit(b, 0)?);
            let truth = self.select(cond, a, b)?;
            return self.zext(truth, width);
        }
        // Where the condition says what an arm is, the arm is that constant.
        for (arm, holds) in [(a, true), (b, false)] {
            if let Some(value) = self.implied(cond, holds, arm)
                && self.as_const(arm).is_none()
            {
                let value = self.constant(width, value)?;
                return if holds { self.select(cond, value, b) } else { self.select(cond, a, value) };
            }
        }
        if let Some(merged) = self.select_of_select(cond, a, b)? {
            return Ok(merged);
        }
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.select_constants(cond, (a, x), (b, y), width);
        }
        if let Some(factored) = self.select_factored(cond, a, b, width)? {
            return Ok(factored);
        }
        self.intern(Node::Select(cond, a, b), width)
    }

    /// The value of a word where a condition holds, or does not, if it has one only.
    fn implied(&self, cond: ExprId, holds: bool, word: ExprId) -> Option<u64> {
        match self.node(cond) {
            Node::Compare(CompareOp::Eq, tested, value)
                if holds != seeded(Fault::SelectArmImplied) && tested == word =>
            {
                self.as_const(value)
            }
            Node::Bit(tested, bit) if tested == word && self.facts(word).possible() == 1 << bit => {
                Some(u64::from(holds) << bit)
            }
            _ => None,
        }
    }

    /// A choice between constants: the moved condition where they differ in one bit, if that reads better: if it is a
    /// bit itself, or one of them is 0.
    fn select_constants(&mut self, cond: ExprId, (a, x): (ExprId, u64), (b, y): (ExprId, u64), width: Width) -> Built {
        let differ = x ^ y;
        let is_bit = self.as_cube(cond).is_some_and(|cube| cube.mask.is_power_of_two());
        if !differ.is_power_of_two() || !(is_bit || x & y == 0 && (x == 0 || y == 0)) {
            return self.intern(Node::Select(cond, a, b), width);
        }
        let truth = if x & differ != 0 { cond } else { self.not(cond)? };
        let word = self.zext(truth, width)?;
        let inner = self.field_of(word);
        let by = i32::try_from(differ.trailing_zeros()).unwrap_or(0);
        let moved = self.field(Field { base: inner.base, shift: inner.shift + by, mask: differ }, width)?;
        let common = self.constant(width, x & y)?;
        self.or(moved, common)
    }

    /// `op(x, p)` or `op(x, q)` is `op` of `x` and the choice between `p` and `q`, for constants `p` and `q`.
    fn select_factored(
        &mut self,
        cond: ExprId,
        a: ExprId,
        b: ExprId,
        width: Width,
    ) -> Result<Option<ExprId>, super::NodeBudgetSpent> {
        for op in [BinaryOp::Or, BinaryOp::Xor, BinaryOp::Add] {
            let (with_a, with_b) = (self.with_const(op, a), self.with_const(op, b));
            let (x, p, q) = match (with_a, with_b) {
                (Some((x, p)), Some((y, q))) if x == y => (x, p, q),
                (Some((x, p)), _) if x == b => (x, p, 0),
                (_, Some((y, q))) if y == a => (y, 0, q),
                _ => continue,
            };
            let (p, q) = (self.constant(width, p)?, self.constant(width, q)?);
            let choice = self.select(cond, p, q)?;
            return self.binary(op, x, choice).map(Some);
        }
        self.select_or(cond, a, b, width)
    }

    /// `x | f` or `x` is `x | (f or 0)`, where `f` is a single bit that the choice decides.
    fn select_or(
        &mut self,
        cond: ExprId,
        a: ExprId,
        b: ExprId,
        width: Width,
    ) -> Result<Option<ExprId>, super::NodeBudgetSpent> {
        for (x, y, flipped) in [(a, b, false), (b, a, true)] {
            // `w | k` or `w` without `k`: the word keeps its other bits, and the condition is bit `k`.
            if let Some((word, k)) = self.with_const(BinaryOp::Or, x)
                && k.is_power_of_two()
            {
                let (fw, fy) = (self.field_of(word), self.field_of(y));
                let same = (fw.base, fw.shift) == (fy.base, fy.shift) && (fw.mask ^ fy.mask) & !k == 0;
                if same && fy.mask & k == 0 {
                    let truth = if flipped { self.not(cond)? } else { cond };
                    let (on, off) = (self.constant(width, k)?, self.constant(width, 0)?);
                    let moved = self.select(truth, on, off)?;
                    return self.or(y, moved).map(Some);
                }
            }
            let (fx, fy) = (self.field_of(x), self.field_of(y));
            // Masks of one word that differ in one bit: the bit survives where the condition says so.
            if (fx.base, fx.shift) == (fy.base, fy.shift)
                && fy.mask & !fx.mask == 0
                && (fx.mask & !fy.mask).is_power_of_two()
            {
                let truth = if flipped { self.not(cond)? } else { cond };
                let bit = fx.mask & !fy.mask;
                let index = u8::try_from(bit.trailing_zeros()).unwrap_or(u8::MAX);
                let set = self.bit(x, index)?;
                let kept = self.and(truth, set)?;
                let (on, off) = (self.constant(width, bit)?, self.constant(width, 0)?);
                let moved = self.select(kept, on, off)?;
                return self.or(y, moved).map(Some);
            }
        }
        Ok(None)
    }

    /// Choices that share an arm or the condition become one.
    fn select_of_select(
        &mut self,
        cond: ExprId,
        a: ExprId,
        b: ExprId,
    ) -> Result<Option<ExprId>, super::NodeBudgetSpent> {
        if let Node::Select(inner, p, q) = self.node(a) {
            if inner == cond {
                return self.select(cond, p, b).map(Some);
            }
            if q == b {
                let both = if seeded(Fault::SelectMergeUnguarded) { inner } else { self.and(cond, inner)? };
                return self.select(both, p, b).map(Some);
            }
            if p == b {
                let other = self.not(inner)?;
                let both = self.and(cond, other)?;
                return self.select(both, q, b).map(Some);
            }
        }
        if let Node::Select(inner, p, q) = self.node(b) {
            if inner == cond {
                return self.select(cond, a, q).map(Some);
            }
            if p == a {
                let either = self.or(cond, inner)?;
                return self.select(either, a, q).map(Some);
            }
            if q == a {
                let other = self.not(inner)?;
                let either = self.or(cond, other)?;
                return self.select(either, a, p).map(Some);
            }
        }
        Ok(None)
    }
}
