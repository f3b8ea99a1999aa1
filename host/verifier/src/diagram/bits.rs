//! Which bits of an argument a closed form looks at, and where each bit of its value comes from.
//!
//! In: an expression and the number of an argument. Out: [`support`], the bits of the argument on which the value can
//! depend, and [`origin`], the source of one bit of the value. Guaranteed: no bit outside the support changes the value,
//! and an origin of [`Origin::Constant`] or [`Origin::Bit`] holds for every input. Not handled: dependence that is merely
//! syntactic; the support follows the simplified form and can be too large, never too small.

use std::collections::BTreeMap;
use std::fmt;

use crate::expr::{Arena, BinaryOp, CompareOp, ExprId, Node, Width, fold_binary};

/// A set of bits of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits(pub u64);

impl Bits {
    /// Runs of adjacent bits as (high, low), highest first.
    pub fn runs(self) -> Vec<(u8, u8)> {
        let mut found: Vec<(u8, u8)> = Vec::new();
        for bit in (0..64u8).rev().filter(|bit| (self.0 >> bit) & 1 == 1) {
            match found.last_mut() {
                Some((_, low)) if *low == bit + 1 => *low = bit,
                _ => found.push((bit, bit)),
            }
        }
        found
    }

    /// Whether the set holds no bit.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Bits {
    /// In the manuals' notation, highest first: `58, 47:12, 0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (high, low)) in self.runs().into_iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            if high == low { write!(f, "{high}")? } else { write!(f, "{high}:{low}")? }
        }
        Ok(())
    }
}

impl serde::Serialize for Bits {
    /// As a string, because numbers in JSON are exact to 53 bits only.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#018x}", self.0))
    }
}

/// Bits at and below the highest bit that is set.
fn up_to(bits: u64) -> u64 {
    u64::MAX.checked_shr(bits.leading_zeros()).unwrap_or_default()
}

/// Bits of argument `input` on which the bits `wanted` of an expression can depend.
///
/// # Cost
/// Linear in the nodes that `root` reaches, times the logarithm of their number.
pub(super) fn support(arena: &Arena, root: ExprId, input: u32, wanted: u64) -> u64 {
    let mut found = 0;
    // Operands have smaller ids than what uses them, so taking the greatest first sees every use of a node before it.
    let mut open = BTreeMap::from([(root, wanted)]);
    while let Some((id, wanted)) = open.pop_last() {
        let live = wanted & arena.facts(id).undecided();
        if live == 0 {
            continue;
        }
        if arena.node(id) == Node::Input(input) {
            found |= live;
        }
        for (operand, bits) in demands(arena, id, live).into_iter().flatten() {
            *open.entry(operand).or_default() |= bits;
        }
    }
    found
}

/// What the bits `live` of a node's value take from its operands.
fn demands(arena: &Arena, id: ExprId, live: u64) -> [Option<(ExprId, u64)>; 3] {
    let one = |a, bits| [Some((a, bits)), None, None];
    let two = |a, p, b, q| [Some((a, p)), Some((b, q)), None];
    match arena.node(id) {
        Node::Const(_) | Node::Input(_) => [None; 3],
        Node::Not(a) | Node::Trunc(a) => one(a, live),
        Node::Bit(a, bit) => one(a, 1 << (bit & 63)),
        Node::Unary(_, a) | Node::Lookup(_, a) => one(a, u64::MAX),
        Node::Zext(a) => one(a, live & arena.width(a).mask()),
        Node::Sext(a) => {
            let width = arena.width(a);
            let sign = if live & !width.mask() != 0 { width.sign_bit() } else { 0 };
            one(a, (live & width.mask()) | sign)
        }
        Node::Select(c, a, b) => [Some((c, 1)), Some((a, live)), Some((b, live))],
        Node::Compare(CompareOp::Eq, a, b) => {
            let bits = arena.facts(a).undecided() | arena.facts(b).undecided();
            two(a, bits, b, bits)
        }
        Node::Compare(_, a, b) => {
            // a < c asks nothing of the bits below the lowest one of c; c < a, nothing of those below its lowest zero.
            let above = |bits: u32| u64::MAX.checked_shl(bits).unwrap_or_default();
            let of_a = arena.as_const(b).map_or(u64::MAX, |c| above(c.trailing_zeros()));
            let of_b = arena.as_const(a).map_or(u64::MAX, |c| above(c.trailing_ones()));
            two(a, of_a, b, of_b)
        }
        Node::Binary(op, a, b) => {
            let (of_a, of_b) = binary_demands(arena, op, arena.width(id), (a, b), live);
            two(a, of_a, b, of_b)
        }
    }
}

fn binary_demands(arena: &Arena, op: BinaryOp, width: Width, (a, b): (ExprId, ExprId), live: u64) -> (u64, u64) {
    let (of_a, of_b) = (arena.facts(a), arena.facts(b));
    match op {
        BinaryOp::And => (live & of_b.possible(), live & of_a.possible()),
        BinaryOp::Or => (live & !of_b.ones, live & !of_a.ones),
        BinaryOp::Xor => (live, live),
        BinaryOp::Add | BinaryOp::Sub => {
            // Carries start where both summands, borrows where the subtrahend can have a one.
            let a_zeros = if op == BinaryOp::Add { of_a.zeros.trailing_ones() } else { 0 };
            let start = a_zeros.max(of_b.zeros.trailing_ones());
            let carrying = up_to(live) & u64::MAX.checked_shl(start).unwrap_or_default();
            (live | carrying, live | carrying)
        }
        BinaryOp::Mul => (up_to(live), up_to(live)),
        BinaryOp::Shl | BinaryOp::ShrU | BinaryOp::ShrS | BinaryOp::Rotl | BinaryOp::Rotr => {
            let Some(amount) = arena.as_const(b) else { return (u64::MAX, u64::from(width.bits()) - 1) };
            let back = |op| fold_binary(op, width, live, amount);
            let bits = match op {
                BinaryOp::Shl => back(BinaryOp::ShrU),
                BinaryOp::Rotl => back(BinaryOp::Rotr),
                BinaryOp::Rotr => back(BinaryOp::Rotl),
                BinaryOp::ShrS => {
                    let copies = !fold_binary(BinaryOp::ShrU, width, width.mask(), amount);
                    back(BinaryOp::Shl) | if live & copies != 0 { width.sign_bit() } else { 0 }
                }
                _ => back(BinaryOp::Shl),
            };
            (bits, 0)
        }
        BinaryOp::UDiv | BinaryOp::URem | BinaryOp::SDiv | BinaryOp::SRem => (u64::MAX, u64::MAX),
    }
}

/// Where one bit of a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The same for every input.
    Constant(bool),
    /// A bit of the argument, or its complement.
    Bit {
        /// Its index in the argument.
        index: u8,
        /// Whether it is complemented.
        negated: bool,
    },
    /// A bit of the argument that a condition masks or complements: `if c then ~x[5] else x[5]`.
    Carried(u8),
    /// A condition between constants.
    Switch,
    /// Something else.
    Mixed,
}

impl Origin {
    /// The bit of the argument that is passed on, whatever a condition does to it.
    pub(super) const fn carrier(self) -> Option<u8> {
        match self {
            Origin::Bit { index, .. } | Origin::Carried(index) => Some(index),
            Origin::Constant(_) | Origin::Switch | Origin::Mixed => None,
        }
    }

    const fn negate(self, negated: bool) -> Origin {
        match self {
            Origin::Constant(value) => Origin::Constant(value ^ negated),
            Origin::Bit { index, negated: before } => Origin::Bit { index, negated: before ^ negated },
            Origin::Carried(_) | Origin::Switch | Origin::Mixed => self,
        }
    }

    /// What comes of two origins that a condition, or an operator on bits, puts together.
    fn join(self, other: Origin) -> Origin {
        match (self.carrier(), other.carrier()) {
            _ if self == Origin::Mixed || other == Origin::Mixed => Origin::Mixed,
            (Some(a), Some(b)) if a != b => Origin::Mixed,
            (Some(index), _) | (_, Some(index)) => Origin::Carried(index),
            (None, None) => Origin::Switch,
        }
    }
}

/// Nodes that one call of [`origin`] may look at, and how deep its branches nest.
const STEPS_MAX: u32 = 256;
const BRANCHES_MAX: u32 = 8;

/// Where bit `bit` of an expression comes from, seen from argument `input`.
pub(super) fn origin(arena: &Arena, id: ExprId, bit: u8, input: u32) -> Origin {
    let mut steps = STEPS_MAX;
    trace(arena, (id, u32::from(bit)), input, &mut steps, 0)
}

fn trace(arena: &Arena, (mut id, mut bit): (ExprId, u32), input: u32, steps: &mut u32, depth: u32) -> Origin {
    let mut negated = false;
    while let Some(left) = steps.checked_sub(1) {
        *steps = left;
        let facts = arena.facts(id);
        if bit > 63 || (facts.undecided() >> bit) & 1 == 0 {
            return Origin::Constant((facts.ones.checked_shr(bit).unwrap_or_default() & 1 == 1) ^ negated);
        }
        match step(arena, id, bit) {
            Some((source, at, flips)) => {
                (id, bit) = (source, at);
                negated ^= flips;
            }
            None => return trace_here(arena, (id, bit), input, steps, depth).negate(negated),
        }
    }
    Origin::Mixed
}

/// The one operand from which a bit is taken as it is or complemented: operand, index there, and whether it is flipped.
fn step(arena: &Arena, id: ExprId, bit: u32) -> Option<(ExprId, u32, bool)> {
    let width = arena.width(id).bits();
    let known = |x: ExprId| {
        let facts = arena.facts(x);
        ((facts.undecided() >> bit) & 1 == 0).then_some((facts.ones >> bit) & 1 == 1)
    };
    let amount = |x: ExprId| u32::try_from(arena.as_const(x)? & u64::from(width - 1)).ok();
    // Without ones at or below a bit but for a constant one at the bit itself, a sum merely copies or flips it.
    let below = !(u64::MAX << bit);
    let adds_alone = |x: ExprId| known(x).filter(|_| arena.facts(x).possible() & below == 0);
    match arena.node(id) {
        Node::Not(a) => Some((a, bit, true)),
        Node::Bit(a, at) => Some((a, at.into(), false)),
        Node::Zext(a) | Node::Trunc(a) => Some((a, bit, false)),
        Node::Sext(a) => Some((a, bit.min(arena.width(a).bits() - 1), false)),
        Node::Binary(op, a, b) => match op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                let (other, value) = known(a).map(|value| (b, value)).or(known(b).map(|value| (a, value)))?;
                Some((other, bit, op == BinaryOp::Xor && value))
            }
            BinaryOp::Add => {
                let (other, flips) = adds_alone(a).map(|v| (b, v)).or(adds_alone(b).map(|v| (a, v)))?;
                Some((other, bit, flips))
            }
            BinaryOp::Sub => adds_alone(b).map(|flips| (a, bit, flips)),
            BinaryOp::Shl => bit.checked_sub(amount(b)?).map(|at| (a, at, false)),
            BinaryOp::ShrU => Some((a, bit + amount(b)?, false)),
            BinaryOp::ShrS => Some((a, (bit + amount(b)?).min(width - 1), false)),
            BinaryOp::Rotl => Some((a, (bit + width - amount(b)?) % width, false)),
            BinaryOp::Rotr => Some((a, (bit + amount(b)?) % width, false)),
            _ => None,
        },
        _ => None,
    }
}

/// The origin of a bit that has no single source.
fn trace_here(arena: &Arena, (id, bit): (ExprId, u32), input: u32, steps: &mut u32, depth: u32) -> Origin {
    match arena.node(id) {
        Node::Input(index) if index == input => {
            u8::try_from(bit).map_or(Origin::Mixed, |index| Origin::Bit { index, negated: false })
        }
        Node::Compare(..) => Origin::Switch,
        Node::Select(_, a, b) | Node::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, a, b)
            if depth < BRANCHES_MAX =>
        {
            let p = trace(arena, (a, bit), input, steps, depth + 1);
            let q = trace(arena, (b, bit), input, steps, depth + 1);
            if p == q && matches!(arena.node(id), Node::Select(..)) { p } else { p.join(q) }
        }
        _ => Origin::Mixed,
    }
}
