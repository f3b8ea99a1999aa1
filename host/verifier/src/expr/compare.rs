//! Relations of words: what the facts decide, what is a bit test or a cube, and the relations derived from the three
//! that exist as nodes.

use super::boolean::Cube;
use super::eval::signed;
use super::field::shifted;
use super::{Arena, BinaryOp, Built, CompareOp, ExprId, Node, Width};

/// Operators that [`Arena::eq_masked`] looks through.
const STEPS_MAX: usize = 32;

impl Arena {
    /// `a == b`, of words or truth values.
    pub fn eq(&mut self, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        if a == b {
            return self.constant(Width::W1, 1);
        }
        if self.width(a) == Width::W1 {
            let differ = self.xor(a, b)?;
            return self.not(differ);
        }
        let (a, b) = self.ordered(a, b);
        let plain = (Node::Compare(CompareOp::Eq, a, b), Width::W1);
        self.rewrite(|arena| arena.eq_words(a, b), plain)
    }

    /// `a != b`.
    pub fn ne(&mut self, a: ExprId, b: ExprId) -> Built {
        let equal = self.eq(a, b)?;
        self.not(equal)
    }

    /// Whether a word is not 0: how WebAssembly reads a condition.
    pub fn truth(&mut self, word: ExprId) -> Built {
        let zero = self.constant(self.width(word), 0)?;
        self.ne(word, zero)
    }

    /// `a <= b`, unsigned.
    pub fn ule(&mut self, a: ExprId, b: ExprId) -> Built {
        let greater = self.ult(b, a)?;
        self.not(greater)
    }

    /// `a <= b`, signed.
    pub fn sle(&mut self, a: ExprId, b: ExprId) -> Built {
        let greater = self.slt(b, a)?;
        self.not(greater)
    }

    /// `a < b`, unsigned.
    pub fn ult(&mut self, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        if a == b {
            return self.constant(Width::W1, 0);
        }
        let plain = (Node::Compare(CompareOp::Ult, a, b), Width::W1);
        self.rewrite(|arena| arena.ult_words(a, b), plain)
    }

    /// `a < b`, signed.
    pub fn slt(&mut self, a: ExprId, b: ExprId) -> Built {
        debug_assert_eq!(self.width(a), self.width(b));
        if a == b {
            return self.constant(Width::W1, 0);
        }
        let plain = (Node::Compare(CompareOp::Slt, a, b), Width::W1);
        self.rewrite(|arena| arena.slt_words(a, b), plain)
    }

    fn eq_words(&mut self, a: ExprId, b: ExprId) -> Built {
        if let Some(value) = self.as_const(b) {
            return self.eq_masked(a, self.width(a).mask(), value);
        }
        for (x, y) in [(a, b), (b, a)] {
            // x op c == x, and x op p == x op q, say something about c, p and q alone.
            if let Node::Binary(op @ (BinaryOp::Add | BinaryOp::Xor), p, q) = self.node(x) {
                let zero = self.constant(self.width(a), 0)?;
                if p == y {
                    return self.eq(q, zero);
                }
                if q == y {
                    return self.eq(p, zero);
                }
                if let Node::Binary(other, r, s) = self.node(y)
                    && op == other
                {
                    for (same, also, left, right) in [(p, r, q, s), (p, s, q, r), (q, r, p, s), (q, s, p, r)] {
                        if same == also {
                            return self.eq(left, right);
                        }
                    }
                }
            }
        }
        if (self.facts(a).possible() | self.facts(b).possible()) == 1 {
            let (a, b) = (self.bit(a, 0)?, self.bit(b, 0)?);
            return self.eq(a, b);
        }
        self.intern(Node::Compare(CompareOp::Eq, a, b), Width::W1)
    }

    /// `(word & mask) == value`, followed to the word that the bits come from.
    fn eq_masked(&mut self, word: ExprId, mask: u64, value: u64) -> Built {
        let (mut word, mut mask, mut value) = (word, mask, value);
        for _ in 0..STEPS_MAX {
            let field = self.field_of(word);
            if value & mask & !field.mask != 0 {
                return self.constant(Width::W1, 0);
            }
            let outer = mask & field.mask;
            mask = shifted(outer, -field.shift);
            value = shifted(value & outer, -field.shift);
            word = field.base;
            let facts = self.facts(word);
            if (value & facts.zeros) | (mask & !value & facts.ones) != 0 {
                return self.constant(Width::W1, 0);
            }
            mask &= facts.undecided();
            value &= mask;
            if mask == 0 {
                return self.constant(Width::W1, 1);
            }
            let width = self.width(word);
            match self.node(word) {
                Node::Binary(BinaryOp::Xor, p, q) => match self.as_const(q) {
                    Some(flipped) => {
                        (word, value) = (p, value ^ (flipped & mask));
                        continue;
                    }
                    None if value == 0 && mask == facts.undecided() && facts.ones == 0 => return self.eq(p, q),
                    None => {}
                },
                Node::Binary(BinaryOp::Or, p, q) => {
                    let (at_p, at_q) = (self.facts(p).possible() & mask, self.facts(q).possible() & mask);
                    if at_q == 0 {
                        word = p;
                        continue;
                    }
                    if value == 0 || at_p & at_q == 0 {
                        let left = self.eq_masked_operand(p, at_p, value & at_p)?;
                        let right = self.eq_masked_operand(q, at_q, value & at_q)?;
                        return self.and(left, right);
                    }
                }
                Node::Binary(BinaryOp::Add, p, q) if mask == width.mask() => {
                    if let Some(added) = self.as_const(q) {
                        (word, value) = (p, value.wrapping_sub(added) & mask);
                        continue;
                    }
                }
                Node::Binary(BinaryOp::Sub, p, q) if value == 0 && mask == facts.undecided() && facts.ones == 0 => {
                    return self.eq(p, q);
                }
                Node::Sext(p) if facts.undecided() == mask => {
                    let narrow = self.width(p).mask();
                    let whole = value | facts.ones;
                    if signed(self.width(p), whole & narrow).cast_unsigned() & width.mask() != whole {
                        return self.constant(Width::W1, 0);
                    }
                    (word, mask, value) = (p, narrow, whole & narrow);
                    continue;
                }
                Node::Select(c, p, q) => {
                    if let (Some(p), Some(q)) = (self.as_const(p), self.as_const(q)) {
                        let p = self.constant(Width::W1, (p & mask == value).into())?;
                        let q = self.constant(Width::W1, (q & mask == value).into())?;
                        return self.select(c, p, q);
                    }
                }
                Node::Zext(truth) if self.width(truth) == Width::W1 => {
                    return if value == 0 { self.not(truth) } else { Ok(truth) };
                }
                _ => {}
            }
            break;
        }
        self.cube(Cube { base: word, mask, value })
    }

    /// [`Arena::eq_masked`] of an operand; where rewriting is already deep, its plain form.
    fn eq_masked_operand(&mut self, word: ExprId, mask: u64, value: u64) -> Built {
        let width = self.width(word);
        let constant = self.constant(width, mask)?;
        let masked = self.intern(Node::Binary(BinaryOp::And, word, constant), width)?;
        let expected = self.constant(width, value)?;
        let plain = (Node::Compare(CompareOp::Eq, masked, expected), Width::W1);
        self.rewrite(|arena| arena.eq_masked(word, mask, value), plain)
    }

    fn ult_words(&mut self, a: ExprId, b: ExprId) -> Built {
        let width = self.width(a);
        let (known_a, known_b) = (self.facts(a), self.facts(b));
        if known_a.max < known_b.min || known_a.min >= known_b.max {
            return self.constant(Width::W1, (known_a.max < known_b.min).into());
        }
        if let Some(limit) = self.as_const(b)
            && limit.is_power_of_two()
        {
            return self.eq_masked(a, width.mask() & !(limit - 1), 0);
        }
        if let Some(limit) = self.as_const(a)
            && (limit.wrapping_add(1)).is_power_of_two()
        {
            let small = self.eq_masked(b, width.mask() & !limit, 0)?;
            return self.not(small);
        }
        if (known_a.possible() | known_b.possible()) == 1 {
            let (a, b) = (self.bit(a, 0)?, self.bit(b, 0)?);
            let not_a = self.not(a)?;
            return self.and(not_a, b);
        }
        // Where both fit 32 bits, the narrow comparison is the normal form.
        if width == Width::W64 && known_a.max.max(known_b.max) <= Width::W32.mask() {
            let (a, b) = (self.trunc(a)?, self.trunc(b)?);
            return self.ult(a, b);
        }
        self.intern(Node::Compare(CompareOp::Ult, a, b), Width::W1)
    }

    fn slt_words(&mut self, a: ExprId, b: ExprId) -> Built {
        let width = self.width(a);
        let sign = width.sign_bit();
        let top = u8::try_from(width.bits() - 1).unwrap_or(u8::MAX);
        let (known_a, known_b) = (self.facts(a), self.facts(b));
        if (known_a.ones & known_b.ones) & sign != 0 || (known_a.zeros & known_b.zeros) & sign != 0 {
            return self.ult(a, b);
        }
        if self.is_zero(b) {
            return self.bit(a, top);
        }
        if self.as_const(a) == Some(width.mask()) {
            let negative = self.bit(b, top)?;
            return self.not(negative);
        }
        if let (Node::Sext(p), Node::Sext(q)) = (self.node(a), self.node(b)) {
            return self.slt(p, q);
        }
        self.intern(Node::Compare(CompareOp::Slt, a, b), Width::W1)
    }
}
