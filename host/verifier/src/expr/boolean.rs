//! Truth values: single bits, cubes `(x & mask) == value`, and their combinations.
//!
//! A conjunction of bits of one word is one cube, a disjunction the negation of one, so a predicate over an entry comes
//! out as the few mask-and-compare tests that a vector kernel can run, however it was written.

use super::{Arena, BinaryOp, Built, CompareOp, ExprId, Node, NodeBudgetSpent, Width};

/// `(base & mask) == value`, with `value` inside `mask` and `mask` not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cube {
    pub base: ExprId,
    pub mask: u64,
    pub value: u64,
}

/// Steps that [`Arena::bit`] follows a bit towards where it comes from.
const STEPS_MAX: usize = 64;

impl Arena {
    /// Bit `bit` of a word as a truth value; false above the width.
    pub fn bit(&mut self, word: ExprId, bit: u8) -> Built {
        let (mut word, mut bit) = (word, u32::from(bit));
        let mut negated = false;
        for _ in 0..STEPS_MAX {
            let field = self.field_of(word);
            if bit >= 64 || (field.mask >> bit) & 1 == 0 {
                return self.constant(Width::W1, negated.into());
            }
            bit = bit.saturating_add_signed(-field.shift);
            word = field.base;
            let facts = self.facts(word);
            if (facts.undecided() >> bit) & 1 == 0 {
                return self.constant(Width::W1, ((facts.ones >> bit) & 1) ^ u64::from(negated));
            }
            match self.bit_source(word, bit) {
                Some((source, at, flips)) => {
                    (word, bit) = (source, at);
                    negated ^= flips;
                }
                None => break,
            }
            if self.width(word) == Width::W1 {
                return if negated { self.not(word) } else { Ok(word) };
            }
        }
        let at = u8::try_from(bit).unwrap_or(u8::MAX);
        let plain = (Node::Bit(word, at), Width::W1);
        let found = self.rewrite(|arena| arena.bit_of_operation(word, at), plain)?;
        if negated { self.not(found) } else { Ok(found) }
    }

    /// Where a bit is merely taken from one operand: the operand, the bit's index there, and whether it is flipped.
    fn bit_source(&self, word: ExprId, bit: u32) -> Option<(ExprId, u32, bool)> {
        let width = self.width(word).bits();
        let known = |x: ExprId| {
            let facts = self.facts(x);
            ((facts.undecided() >> bit) & 1 == 0).then_some((facts.ones >> bit) & 1 == 1)
        };
        match self.node(word) {
            Node::Zext(truth) if bit == 0 => Some((truth, 0, false)),
            Node::Sext(x) => Some((x, bit.min(self.width(x).bits() - 1), false)),
            Node::Binary(op, p, q) => match op {
                BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                    let (other, value) = match (known(p), known(q)) {
                        (Some(value), _) => (q, value),
                        (_, Some(value)) => (p, value),
                        _ => return None,
                    };
                    Some((other, bit, op == BinaryOp::Xor && value))
                }
                BinaryOp::ShrS => {
                    let amount = u32::try_from(self.as_const(q)?).ok()? % width;
                    Some((p, (bit + amount).min(width - 1), false))
                }
                BinaryOp::Rotl => {
                    let amount = u32::try_from(self.as_const(q)?).ok()? % width;
                    Some((p, (bit + width - amount) % width, false))
                }
                BinaryOp::Rotr => {
                    let amount = u32::try_from(self.as_const(q)?).ok()? % width;
                    Some((p, (bit + amount) % width, false))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A bit that depends on several bits of the operands, where it is a simple function of them.
    fn bit_of_operation(&mut self, word: ExprId, bit: u8) -> Built {
        let below = !(u64::MAX << bit);
        match self.node(word) {
            // Without a carry from below, the bit of a sum or difference is the exclusive or of the operands' bits.
            Node::Binary(BinaryOp::Add, p, q)
                if self.facts(p).possible() & below == 0 || self.facts(q).possible() & below == 0 =>
            {
                let (p, q) = (self.bit(p, bit)?, self.bit(q, bit)?);
                self.xor(p, q)
            }
            Node::Binary(BinaryOp::Sub, p, q) if self.facts(q).possible() & below == 0 => {
                let (p, q) = (self.bit(p, bit)?, self.bit(q, bit)?);
                self.xor(p, q)
            }
            Node::Binary(BinaryOp::Mul, p, q) if bit == 0 => {
                let (p, q) = (self.bit(p, 0)?, self.bit(q, 0)?);
                self.and(p, q)
            }
            Node::Select(c, p, q)
                if (self.facts(p).undecided() >> bit) & 1 == 0 || (self.facts(q).undecided() >> bit) & 1 == 0 =>
            {
                let (p, q) = (self.bit(p, bit)?, self.bit(q, bit)?);
                self.select(c, p, q)
            }
            _ => self.intern(Node::Bit(word, bit), Width::W1),
        }
    }

    pub(super) fn not_truth(&mut self, a: ExprId) -> Built {
        match self.node(a) {
            Node::Not(inner) => Ok(inner),
            _ => self.intern(Node::Not(a), Width::W1),
        }
    }

    pub(super) fn xor_truths(&mut self, a: ExprId, b: ExprId) -> Built {
        if a == b {
            return self.constant(Width::W1, 0);
        }
        if let Some(flipped) = self.as_const(b) {
            return if flipped == 0 { Ok(a) } else { self.not(a) };
        }
        match (self.node(a), self.node(b)) {
            (Node::Not(x), Node::Not(y)) => self.xor(x, y),
            (Node::Not(x), _) => {
                let inner = self.xor(x, b)?;
                self.not(inner)
            }
            (_, Node::Not(y)) => {
                let inner = self.xor(a, y)?;
                self.not(inner)
            }
            _ => self.associate(BinaryOp::Xor, a, b),
        }
    }

    /// The normal form of a cube.
    pub(super) fn cube(&mut self, cube: Cube) -> Built {
        let facts = self.facts(cube.base);
        if (cube.value & facts.zeros) | (cube.mask & !cube.value & facts.ones) != 0 {
            return self.constant(Width::W1, 0);
        }
        let mask = cube.mask & facts.undecided();
        let value = cube.value & mask;
        if mask == 0 {
            return self.constant(Width::W1, 1);
        }
        if mask.is_power_of_two() {
            let bit = self.bit(cube.base, u8::try_from(mask.trailing_zeros()).unwrap_or(u8::MAX))?;
            return if value == 0 { self.not(bit) } else { Ok(bit) };
        }
        let width = self.width(cube.base);
        let (word, value) = if mask == facts.undecided() {
            (cube.base, value | facts.ones)
        } else {
            let mask = self.constant(width, mask)?;
            (self.intern(Node::Binary(BinaryOp::And, cube.base, mask), width)?, value)
        };
        let value = self.constant(width, value)?;
        self.intern(Node::Compare(CompareOp::Eq, word, value), Width::W1)
    }

    /// A truth value as a cube.
    pub(super) fn as_cube(&self, truth: ExprId) -> Option<Cube> {
        match self.node(truth) {
            Node::Bit(base, bit) => Some(Cube { base, mask: 1 << bit, value: 1 << bit }),
            Node::Not(inner) => match self.node(inner) {
                Node::Bit(base, bit) => Some(Cube { base, mask: 1 << bit, value: 0 }),
                _ => None,
            },
            Node::Compare(CompareOp::Eq, word, value) => {
                let value = self.as_const(value)?;
                Some(match self.with_const(BinaryOp::And, word) {
                    Some((base, mask)) if value & !mask == 0 => Cube { base, mask, value },
                    _ => {
                        let mask = self.facts(word).undecided();
                        Cube { base: word, mask, value: value & mask }
                    }
                })
            }
            _ => None,
        }
    }

    /// Combines two operands of a conjunction, disjunction or exclusive or of truth values.
    pub(super) fn combine_truths(
        &mut self,
        op: BinaryOp,
        a: ExprId,
        b: ExprId,
    ) -> Result<Option<ExprId>, NodeBudgetSpent> {
        match op {
            BinaryOp::And => self.combine_and(a, b),
            BinaryOp::Or => {
                // a | b is !(!a & !b); the negations are kept only where they lead somewhere.
                if a == b {
                    return Ok(Some(a));
                }
                if let Some(joint) = self.combine_or(a, b)? {
                    return Ok(Some(joint));
                }
                let (Some(x), Some(y)) = (self.negated_cube(a), self.negated_cube(b)) else { return Ok(None) };
                match self.conjoin(x, y)? {
                    Some(joint) => self.not(joint).map(Some),
                    None => Ok(None),
                }
            }
            _ if a == b => self.constant(Width::W1, 0).map(Some),
            _ if self.is_complement(a, b) => self.constant(Width::W1, 1).map(Some),
            _ => Ok(None),
        }
    }

    /// The cube whose negation a truth value is.
    pub(super) fn negated_cube(&self, truth: ExprId) -> Option<Cube> {
        match self.node(truth) {
            Node::Not(inner) => self.as_cube(inner),
            Node::Bit(base, bit) => Some(Cube { base, mask: 1 << bit, value: 0 }),
            _ => None,
        }
    }

    /// The conjunction of two cubes of one word.
    fn conjoin(&mut self, x: Cube, y: Cube) -> Result<Option<ExprId>, NodeBudgetSpent> {
        if x.base != y.base {
            return Ok(None);
        }
        if (x.value ^ y.value) & x.mask & y.mask != 0 {
            return self.constant(Width::W1, 0).map(Some);
        }
        self.cube(Cube { base: x.base, mask: x.mask | y.mask, value: x.value | y.value }).map(Some)
    }

    fn combine_and(&mut self, a: ExprId, b: ExprId) -> Result<Option<ExprId>, NodeBudgetSpent> {
        if a == b {
            return Ok(Some(a));
        }
        for (x, y) in [(a, b), (b, a)] {
            match self.as_const(x) {
                Some(0) => return Ok(Some(x)),
                Some(_) => return Ok(Some(y)),
                None => {}
            }
            if let Node::Binary(BinaryOp::Or, p, q) = self.node(y) {
                if x == p || x == q {
                    return Ok(Some(x));
                }
                if self.is_complement(x, p) {
                    return self.and(x, q).map(Some);
                }
                if self.is_complement(x, q) {
                    return self.and(x, p).map(Some);
                }
            }
        }
        if self.is_complement(a, b) {
            return self.constant(Width::W1, 0).map(Some);
        }
        if let (Some(x), Some(y)) = (self.as_cube(a), self.as_cube(b)) {
            return self.conjoin(x, y);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let (Some(cube), Some(hole)) = (self.as_cube(x), self.negated_cube(y))
                && cube.base == hole.base
            {
                return self.without(x, cube, hole);
            }
        }
        Ok(None)
    }

    /// `cube & !hole`, both of one word; `whole` is the expression of `cube`.
    fn without(&mut self, whole: ExprId, cube: Cube, hole: Cube) -> Result<Option<ExprId>, NodeBudgetSpent> {
        let common = cube.mask & hole.mask;
        if (cube.value ^ hole.value) & common != 0 {
            return Ok(Some(whole));
        }
        let rest = hole.mask & !cube.mask;
        if rest == 0 {
            return self.constant(Width::W1, 0).map(Some);
        }
        if rest.is_power_of_two() {
            let value = cube.value | (rest & !hole.value);
            return self.cube(Cube { base: cube.base, mask: cube.mask | rest, value }).map(Some);
        }
        if common == 0 {
            return Ok(None);
        }
        let smaller = self.cube(Cube { base: cube.base, mask: rest, value: hole.value & rest })?;
        let smaller = self.not(smaller)?;
        self.and(whole, smaller).map(Some)
    }

    fn combine_or(&mut self, a: ExprId, b: ExprId) -> Result<Option<ExprId>, NodeBudgetSpent> {
        for (x, y) in [(a, b), (b, a)] {
            match self.as_const(x) {
                Some(0) => return Ok(Some(y)),
                Some(_) => return Ok(Some(x)),
                None => {}
            }
            if let Node::Binary(BinaryOp::And, p, q) = self.node(y) {
                if x == p || x == q {
                    return Ok(Some(x));
                }
                if self.is_complement(x, p) {
                    return self.or(x, q).map(Some);
                }
                if self.is_complement(x, q) {
                    return self.or(x, p).map(Some);
                }
            }
        }
        if self.is_complement(a, b) {
            return self.constant(Width::W1, 1).map(Some);
        }
        if let (Node::Binary(BinaryOp::And, p, q), Node::Binary(BinaryOp::And, r, s)) = (self.node(a), self.node(b)) {
            for (same, other, x, y) in [(p, r, q, s), (p, s, q, r), (q, r, p, s), (q, s, p, r)] {
                if same == other && self.is_complement(x, y) {
                    return Ok(Some(same));
                }
            }
        }
        match (self.as_cube(a), self.as_cube(b)) {
            (Some(x), Some(y)) if x.base == y.base => self.disjoin(a, x, b, y),
            _ => Ok(None),
        }
    }

    /// The disjunction of two cubes of one word, where it is a cube: one holds the other, or they differ in one bit.
    fn disjoin(&mut self, a: ExprId, x: Cube, b: ExprId, y: Cube) -> Result<Option<ExprId>, NodeBudgetSpent> {
        let apart = (x.value ^ y.value) & x.mask & y.mask;
        if apart == 0 && y.mask & !x.mask == 0 {
            return Ok(Some(b));
        }
        if apart == 0 && x.mask & !y.mask == 0 {
            return Ok(Some(a));
        }
        if x.mask == y.mask && apart.is_power_of_two() {
            let mask = x.mask & !apart;
            return self.cube(Cube { base: x.base, mask, value: x.value & mask }).map(Some);
        }
        Ok(None)
    }
}
