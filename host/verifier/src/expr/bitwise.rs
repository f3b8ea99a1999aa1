//! And, or and exclusive or of words, and the shared treatment of chains of one associative operator.
//!
//! Constants move outwards, fields of one word merge, words that can only be 0 or 1 become truth values, and words that
//! share no bit are joined with `Or`, whichever operator the compiler chose.

use super::facts::is_predecessor;
use super::field::Field;
use super::{Arena, BinaryOp, Built, ExprId, Node, Width};

/// Operands of a chain that are considered together; longer chains are combined in pieces.
const LEAVES_MAX: usize = 8;

impl Arena {
    /// Bitwise and.
    pub fn and(&mut self, a: ExprId, b: ExprId) -> Built {
        let (a, b) = self.ordered(a, b);
        let width = self.width(a);
        debug_assert_eq!(width, self.width(b));
        self.rewrite(
            |arena| {
                if width == Width::W1 { arena.associate(BinaryOp::And, a, b) } else { arena.and_words(a, b, width) }
            },
            (Node::Binary(BinaryOp::And, a, b), width),
        )
    }

    /// Bitwise or.
    pub fn or(&mut self, a: ExprId, b: ExprId) -> Built {
        let (a, b) = self.ordered(a, b);
        let width = self.width(a);
        debug_assert_eq!(width, self.width(b));
        self.rewrite(
            |arena| if width == Width::W1 { arena.associate(BinaryOp::Or, a, b) } else { arena.or_words(a, b, width) },
            (Node::Binary(BinaryOp::Or, a, b), width),
        )
    }

    /// Bitwise exclusive or.
    pub fn xor(&mut self, a: ExprId, b: ExprId) -> Built {
        let (a, b) = self.ordered(a, b);
        let width = self.width(a);
        debug_assert_eq!(width, self.width(b));
        self.rewrite(
            |arena| if width == Width::W1 { arena.xor_truths(a, b) } else { arena.xor_words(a, b, width) },
            (Node::Binary(BinaryOp::Xor, a, b), width),
        )
    }

    /// Negation of a truth value, complement of a word.
    pub fn not(&mut self, a: ExprId) -> Built {
        let width = self.width(a);
        if width == Width::W1 {
            return self.not_truth(a);
        }
        let all = self.constant(width, u64::MAX)?;
        self.xor(a, all)
    }

    /// The operands of a commutative operator in the order of their ids, a constant last.
    pub(super) fn ordered(&self, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        if (self.as_const(a).is_some(), a) <= (self.as_const(b).is_some(), b) { (a, b) } else { (b, a) }
    }

    /// `x` and the constant `c` of `x op c`.
    pub(super) fn with_const(&self, op: BinaryOp, word: ExprId) -> Option<(ExprId, u64)> {
        match self.node(word) {
            Node::Binary(found, x, c) if found == op => self.as_const(c).map(|c| (x, c)),
            _ => None,
        }
    }

    /// An operator of words whose result can only be 0 or 1, as the operator of their lowest bits.
    fn as_truth_op(&mut self, op: BinaryOp, a: ExprId, b: ExprId, width: Width) -> Built {
        let (a, b) = (self.bit(a, 0)?, self.bit(b, 0)?);
        let truth = self.binary(op, a, b)?;
        self.zext(truth, width)
    }

    fn and_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        if a == b {
            return Ok(a);
        }
        if let Some(mask) = self.as_const(b) {
            let field = self.field_of(a);
            return self.field(Field { mask: field.mask & mask, ..field }, width);
        }
        // `x & (x - 1)` stays as it is: the facts know that it clears a bit, and lose it when a mask is moved out.
        if is_predecessor(self, a, b) || is_predecessor(self, b, a) {
            return self.intern(Node::Binary(BinaryOp::And, a, b), width);
        }
        let possible = self.facts(a).possible() & self.facts(b).possible();
        if possible == 1 {
            return self.as_truth_op(BinaryOp::And, a, b, width);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let Some((inner, mask)) = self.with_const(BinaryOp::And, x) {
                let joint = self.and(inner, y)?;
                let mask = self.constant(width, mask)?;
                return self.and(joint, mask);
            }
            if self.is_complement(x, y) {
                return self.constant(width, 0);
            }
        }
        self.associate(BinaryOp::And, a, b)
    }

    fn or_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        if a == b {
            return Ok(a);
        }
        let (known_a, known_b) = (self.facts(a), self.facts(b));
        if let Some(ones) = self.as_const(b) {
            return self.or_const(a, ones, width);
        }
        if known_a.possible() & !known_b.ones == 0 {
            return Ok(b);
        }
        if known_b.possible() & !known_a.ones == 0 {
            return Ok(a);
        }
        if (known_a.possible() | known_b.possible()) == 1 {
            return self.as_truth_op(BinaryOp::Or, a, b, width);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let Some((inner, ones)) = self.with_const(BinaryOp::Or, x) {
                let joint = self.or(inner, y)?;
                let ones = self.constant(width, ones)?;
                return self.or(joint, ones);
            }
            if self.is_complement(x, y) {
                return self.constant(width, u64::MAX);
            }
        }
        self.associate(BinaryOp::Or, a, b)
    }

    /// `a | ones`: bits that the constant sets anyway do not matter in `a`.
    fn or_const(&mut self, a: ExprId, ones: u64, width: Width) -> Built {
        let known = self.facts(a);
        if ones & !known.ones == 0 {
            return Ok(a);
        }
        let all = self.constant(width, ones)?;
        if known.possible() & !ones == 0 {
            return Ok(all);
        }
        if let Some((inner, more)) = self.with_const(BinaryOp::Or, a) {
            let ones = self.constant(width, ones | more)?;
            return self.or(inner, ones);
        }
        if let Some((inner, flipped)) = self.with_const(BinaryOp::Xor, a)
            && flipped & ones != 0
        {
            let flipped = self.constant(width, flipped & !ones)?;
            let inner = self.xor(inner, flipped)?;
            return self.or(inner, all);
        }
        if known.possible() == 1 {
            return self.intern(Node::Binary(BinaryOp::Or, a, all), width);
        }
        let Field { base, shift, mask } = self.field_of(a);
        let whole = super::field::shifted(self.facts(base).possible(), shift) & width.mask();
        let mask = if whole & !(mask | ones) == 0 { width.mask() } else { mask & !ones };
        let cleared = self.field(Field { base, shift, mask }, width)?;
        self.intern(Node::Binary(BinaryOp::Or, cleared, all), width)
    }

    fn xor_words(&mut self, a: ExprId, b: ExprId, width: Width) -> Built {
        if a == b {
            return self.constant(width, 0);
        }
        let (known_a, known_b) = (self.facts(a), self.facts(b));
        if known_a.possible() & known_b.possible() == 0 {
            return self.or(a, b);
        }
        if (known_a.possible() | known_b.possible()) == 1 {
            return self.as_truth_op(BinaryOp::Xor, a, b, width);
        }
        if let Some(flipped) = self.as_const(b) {
            if let Some((inner, more)) = self.with_const(BinaryOp::Xor, a) {
                let flipped = self.constant(width, flipped ^ more)?;
                return self.xor(inner, flipped);
            }
            return self.intern(Node::Binary(BinaryOp::Xor, a, b), width);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let Some((inner, flipped)) = self.with_const(BinaryOp::Xor, x) {
                let joint = self.xor(inner, y)?;
                let flipped = self.constant(width, flipped)?;
                return self.xor(joint, flipped);
            }
        }
        self.associate(BinaryOp::Xor, a, b)
    }

    /// Whether one value is the complement of the other.
    pub(super) fn is_complement(&self, a: ExprId, b: ExprId) -> bool {
        let is_not = |x: ExprId, y: ExprId| match self.node(x) {
            Node::Not(inner) => inner == y,
            _ => self.with_const(BinaryOp::Xor, x) == Some((y, self.width(x).mask())),
        };
        is_not(a, b) || is_not(b, a)
    }

    /// Combines two operands of a chain into a simpler one.
    fn combine(
        &mut self,
        op: BinaryOp,
        a: ExprId,
        b: ExprId,
        width: Width,
    ) -> Result<Option<ExprId>, super::NodeBudgetSpent> {
        if width == Width::W1 {
            return self.combine_truths(op, a, b);
        }
        if a == b && op != BinaryOp::Xor {
            return Ok(Some(a));
        }
        let (x, y) = (self.field_of(a), self.field_of(b));
        if (x.base, x.shift) != (y.base, y.shift) {
            return Ok(None);
        }
        let mask = match op {
            BinaryOp::And => x.mask & y.mask,
            BinaryOp::Or => x.mask | y.mask,
            _ => x.mask ^ y.mask,
        };
        self.field(Field { mask, ..x }, width).map(Some)
    }

    /// A chain of `And`, `Or` or `Xor`: its operands are combined in pairs where possible and put in order.
    pub(super) fn associate(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Built {
        let width = self.width(a);
        let mut leaves = Vec::with_capacity(LEAVES_MAX);
        let mut open = vec![b, a];
        while let Some(next) = open.pop() {
            match self.node(next) {
                Node::Binary(found, x, y) if found == op && leaves.len() + open.len() + 2 <= LEAVES_MAX => {
                    open.extend([y, x]);
                }
                _ => leaves.push(next),
            }
        }
        while let Some((i, j, joint)) = self.combine_some(op, &leaves, width)? {
            leaves.remove(j);
            leaves[i] = joint;
        }
        leaves.sort_unstable_by_key(|leaf| (self.as_const(*leaf).is_some(), *leaf));
        let mut rest = leaves.into_iter();
        let mut chain = rest.next().unwrap_or(a);
        for leaf in rest {
            chain = self.intern(Node::Binary(op, chain, leaf), width)?;
        }
        Ok(chain)
    }

    /// The first pair that can be combined: both positions, and what replaces them.
    fn combine_some(
        &mut self,
        op: BinaryOp,
        leaves: &[ExprId],
        width: Width,
    ) -> Result<Option<(usize, usize, ExprId)>, super::NodeBudgetSpent> {
        for (i, &a) in leaves.iter().enumerate() {
            for (j, &b) in leaves.iter().enumerate().skip(i + 1) {
                if let Some(joint) = self.combine(op, a, b, width)? {
                    return Ok(Some((i, j, joint)));
                }
            }
        }
        Ok(None)
    }
}
