//! Hash-consed and-inverter graph: the one representation every bit-level engine works on.
//!
//! In: requests for inputs and gates. Out: [`Lit`]s. Guaranteed: two requests that the rewriting rules below make
//! equal get the same literal; a gate's operands always have smaller node numbers, so an ascending pass is a
//! topological one and nothing here recurses; no more nodes than the budget exist. Not handled: global equivalences,
//! which are the business of [`super::decide`].
//!
//! The rules are the four levels of R. Brummayer and A. Biere, "Local Two-Level And-Inverter Graph Minimization
//! without Blowup" (MEMICS 2006), under the names used there, with exclusive-or cancellation on top.

use super::cone::Model;
use crate::fault::{Fault, seeded};
use crate::hash::KeyedMap;
use std::ops::Not;

/// A node of the graph, or its complement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lit(u32);

impl Lit {
    /// The literal that is never true.
    pub const FALSE: Lit = Lit(0);
    /// The literal that is always true.
    pub const TRUE: Lit = Lit(1);

    /// The constant literal of a truth value.
    pub const fn constant(value: bool) -> Lit {
        Lit(value as u32)
    }

    /// The truth value, if the literal is constant.
    pub const fn as_constant(self) -> Option<bool> {
        match self.0 {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Literal of a node.
    #[expect(clippy::cast_possible_truncation, reason = "node counts are bounded by u32 budgets below 2^31")]
    pub(super) const fn of_node(node: usize) -> Lit {
        Lit((node as u32) << 1)
    }

    /// Number of the node.
    pub(super) const fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether the literal is the complement of its node.
    pub const fn is_complemented(self) -> bool {
        self.0 & 1 == 1
    }

    /// The literal, complemented when `flip` holds.
    #[must_use]
    pub const fn flip_if(self, flip: bool) -> Lit {
        Lit(self.0 ^ flip as u32)
    }

    /// Both literals in one word, as a table key.
    pub(super) const fn packed(self, other: Lit) -> u64 {
        (self.0 as u64) << 32 | other.0 as u64
    }
}

impl Not for Lit {
    type Output = Lit;

    fn not(self) -> Lit {
        Lit(self.0 ^ 1)
    }
}

/// Why a circuit could not be built. The caller is at fault except for the budgets, which the plugin exhausts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CircuitError {
    /// The graph is full.
    #[error("gate budget exhausted: {limit} gates")]
    GateBudget {
        /// Nodes the graph may hold.
        limit: u32,
    },
    /// Too many input words.
    #[error("input budget exhausted: {limit} input words")]
    InputBudget {
        /// Input words the graph may hold.
        limit: u32,
    },
    /// Two operands that must be equally wide are not.
    #[error("operands of {left} and {right} bits where equal widths are needed")]
    WidthMismatch {
        /// Bits of the first operand.
        left: u32,
        /// Bits of the second operand.
        right: u32,
    },
    /// A width outside 1 to 64.
    #[error("width of {width} bits is not between 1 and 64")]
    WidthOutOfRange {
        /// The width asked for.
        width: u32,
    },
}

/// Which bit of which input word an input node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputBit {
    /// Index of the input word, in order of creation.
    pub word: u32,
    /// Bit number, 0 is the lowest.
    pub bit: u32,
}

/// One node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    False,
    Input(InputBit),
    And(Lit, Lit),
}

/// What the rules make of a conjunction.
enum Rewritten {
    To(Lit),
    Again(Lit, Lit),
    Stays,
}

/// The graph.
#[derive(Debug)]
pub struct Aig {
    nodes: Vec<Node>,
    gates: KeyedMap<u64, Lit>,
    input_widths: Vec<u32>,
    limit: u32,
}

impl Aig {
    /// An empty graph that may grow to `limit` nodes (inputs included; at most 2^30).
    pub fn new(limit: u32) -> Aig {
        Aig {
            nodes: vec![Node::False],
            gates: KeyedMap::default(),
            input_widths: Vec::new(),
            limit: limit.min(1 << 30),
        }
    }

    /// Nodes built so far, the constant not counted.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Whether nothing but the constant exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Widths of the input words, in order of creation.
    pub fn input_widths(&self) -> &[u32] {
        &self.input_widths
    }

    pub(super) fn node(&self, index: usize) -> Node {
        self.nodes[index]
    }

    /// A new input word: `width` fresh input bits, lowest first.
    ///
    /// # Errors
    /// [`CircuitError::WidthOutOfRange`], [`CircuitError::InputBudget`], [`CircuitError::GateBudget`].
    pub fn input_word(&mut self, width: u32) -> Result<Vec<Lit>, CircuitError> {
        if !(1..=64).contains(&width) {
            return Err(CircuitError::WidthOutOfRange { width });
        }
        let limit = super::budget::INPUT_WORDS;
        let word = (0..limit).nth(self.input_widths.len()).ok_or(CircuitError::InputBudget { limit })?;
        let bits = (0..width).map(|bit| self.push(Node::Input(InputBit { word, bit }))).collect::<Result<_, _>>()?;
        self.input_widths.push(width);
        Ok(bits)
    }

    fn push(&mut self, node: Node) -> Result<Lit, CircuitError> {
        if self.len() >= self.limit as usize {
            return Err(CircuitError::GateBudget { limit: self.limit });
        }
        self.nodes.push(node);
        Ok(Lit::of_node(self.nodes.len() - 1))
    }

    /// Conjunction.
    ///
    /// # Errors
    /// [`CircuitError::GateBudget`], here and in every gate below.
    ///
    /// # Cost
    /// A constant number of comparisons and one table look-up per rewriting step; each step replaces an operand by
    /// one with a smaller node number, so there are few.
    pub fn and(&mut self, a: Lit, b: Lit) -> Result<Lit, CircuitError> {
        let (mut a, mut b) = (a, b);
        loop {
            match self.rewrite(a, b) {
                Rewritten::To(lit) => return Ok(lit),
                Rewritten::Again(x, y) => (a, b) = (x, y),
                Rewritten::Stays => break,
            }
        }
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        let key_high = if seeded(Fault::HashIgnoresSign) { Lit(high.0 | 1) } else { high };
        if let Some(&lit) = self.gates.get(&low.packed(key_high)) {
            return Ok(lit);
        }
        let lit = self.push(Node::And(low, high))?;
        self.gates.insert(low.packed(key_high), lit);
        Ok(lit)
    }

    /// Disjunction.
    pub fn or(&mut self, a: Lit, b: Lit) -> Result<Lit, CircuitError> {
        Ok(!self.and(!a, !b)?)
    }

    /// Exclusive or. Built as `!(a & b) & !(!a & !b)`, so that an adder shares `a & b` with its carry, and always
    /// over uncomplemented operands, so that it and its complement are one node.
    pub fn xor(&mut self, a: Lit, b: Lit) -> Result<Lit, CircuitError> {
        if a.node() == b.node() {
            return Ok(Lit::constant(a != b));
        }
        let flip = a.is_complemented() != b.is_complemented();
        let (a, b) = (a.flip_if(a.is_complemented()), b.flip_if(b.is_complemented()));
        if a == Lit::FALSE {
            return Ok(b.flip_if(flip));
        }
        if b == Lit::FALSE {
            return Ok(a.flip_if(flip));
        }
        for (sum, other) in [(a, b), (b, a)] {
            if let Some((x, y)) = self.as_xor(sum) {
                for (x, y) in [(x, y), (y, x)] {
                    if x.node() == other.node() {
                        return Ok(y.flip_if((x != other) != flip));
                    }
                }
            }
        }
        let both = self.and(a, b)?;
        let neither = self.and(!a, !b)?;
        Ok(self.and(!both, !neither)?.flip_if(flip))
    }

    /// `then` where `condition` holds, else `otherwise`.
    pub fn mux(&mut self, condition: Lit, then: Lit, otherwise: Lit) -> Result<Lit, CircuitError> {
        if then == otherwise {
            return Ok(then);
        }
        if then == !otherwise {
            return self.xor(condition, otherwise);
        }
        let (then, otherwise) = if seeded(Fault::MuxSwapped) { (otherwise, then) } else { (then, otherwise) };
        let taken = self.and(condition, then)?;
        let left = self.and(!condition, otherwise)?;
        self.or(taken, left)
    }

    /// The operands, if the node of the uncomplemented literal `lit` is an exclusive or.
    fn as_xor(&self, lit: Lit) -> Option<(Lit, Lit)> {
        let (left, right) = self.operands(lit)?;
        if !left.is_complemented() || !right.is_complemented() {
            return None;
        }
        let (a, b) = self.operands(left)?;
        let (c, d) = self.operands(right)?;
        ((a == !c && b == !d) || (a == !d && b == !c)).then_some((a, b))
    }

    /// Operands of the gate under a literal, whatever its sign.
    fn operands(&self, lit: Lit) -> Option<(Lit, Lit)> {
        match self.nodes[lit.node()] {
            Node::And(a, b) => Some((a, b)),
            Node::False | Node::Input(_) => None,
        }
    }

    fn rewrite(&self, a: Lit, b: Lit) -> Rewritten {
        if a == Lit::FALSE || b == Lit::FALSE || a == !b {
            return Rewritten::To(Lit::FALSE);
        }
        if a == Lit::TRUE || a == b {
            return Rewritten::To(b);
        }
        if b == Lit::TRUE {
            return Rewritten::To(a);
        }
        let (left, right) = (self.operands(a), self.operands(b));
        for (gate, operands, other) in [(a, left, b), (b, right, a)] {
            if let Some(operands) = operands {
                match one_sided(gate, operands, other) {
                    Rewritten::Stays => {}
                    done => return done,
                }
            }
        }
        match (left, right) {
            (Some(left), Some(right)) => two_sided(a, left, b, right),
            _ => Rewritten::Stays,
        }
    }

    /// Truth value of a literal under a model, straight from the nodes and by no other engine's code: the judge of
    /// every counterexample.
    pub fn evaluate(&self, lit: Lit, model: &Model) -> bool {
        let mut values = Vec::with_capacity(lit.node() + 1);
        let value_of = |values: &Vec<bool>, lit: Lit| values[lit.node()] != lit.is_complemented();
        for node in &self.nodes[..=lit.node()] {
            let value = match *node {
                Node::False => false,
                Node::Input(input) => model.bit(input),
                Node::And(a, b) => value_of(&values, a) && value_of(&values, b),
            };
            values.push(value);
        }
        value_of(&values, lit)
    }
}

/// `gate & other`, where `gate` is `x & y` or its complement and `other` may be one of `x`, `y`.
fn one_sided(gate: Lit, (x, y): (Lit, Lit), other: Lit) -> Rewritten {
    if !gate.is_complemented() {
        if other == !x || other == !y {
            return Rewritten::To(Lit::FALSE); // contradiction
        }
        if other == x || other == y {
            return Rewritten::To(gate); // idempotence
        }
    } else {
        if other == !x || other == !y {
            return Rewritten::To(other); // subsumption
        }
        let flip = !seeded(Fault::SubstitutionSign);
        if other == x {
            return Rewritten::Again(y.flip_if(flip), other); // substitution
        }
        if other == y {
            return Rewritten::Again(x.flip_if(flip), other); // substitution
        }
    }
    Rewritten::Stays
}

/// `a & b`, where both are gates or complements of gates.
fn two_sided(a: Lit, (x, y): (Lit, Lit), b: Lit, (z, w): (Lit, Lit)) -> Rewritten {
    match (a.is_complemented(), b.is_complemented()) {
        (false, false) => {
            if x == !z || x == !w || y == !z || y == !w {
                if seeded(Fault::ContradictionMissed) {
                    return Rewritten::Again(z, a);
                }
                return Rewritten::To(Lit::FALSE); // contradiction
            }
            if x == z || x == w {
                return Rewritten::Again(y, b); // idempotence
            }
            if y == z || y == w {
                return Rewritten::Again(x, b); // idempotence
            }
            Rewritten::Stays
        }
        (true, false) => negative_positive((x, y), b, (z, w)),
        (false, true) => negative_positive((z, w), a, (x, y)),
        (true, true) => {
            let flip = !seeded(Fault::ResolutionSign);
            if (x == z && y == !w) || (x == w && y == !z) {
                return Rewritten::To(x.flip_if(flip)); // resolution
            }
            if (y == z && x == !w) || (y == w && x == !z) {
                return Rewritten::To(y.flip_if(flip)); // resolution
            }
            Rewritten::Stays
        }
    }
}

/// `!(x & y) & positive`, where `positive` is `z & w`.
fn negative_positive((x, y): (Lit, Lit), positive: Lit, (z, w): (Lit, Lit)) -> Rewritten {
    if x == !z || x == !w || y == !z || y == !w {
        return Rewritten::To(positive); // subsumption
    }
    if x == z || x == w {
        return Rewritten::Again(!y, positive); // substitution
    }
    if y == z || y == w {
        return Rewritten::Again(!x, positive); // substitution
    }
    Rewritten::Stays
}
