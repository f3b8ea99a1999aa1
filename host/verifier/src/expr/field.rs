//! Bit fields: masks, constant shifts, truncation and extension of one word, combined.
//!
//! Every word is `(base shifted by a constant) & mask` of some base that is none of these itself; in the worst case of
//! itself, unshifted. Masking, shifting, truncating and extending change shift and mask only, and [`Arena::field`] then
//! builds the one normal form. That is why `(x >> 12) & 0xfffffffff`, `(x & 0xfffffffff000) >> 12` and what a compiler
//! makes of either are the same node.

use super::{Arena, BinaryOp, Built, ExprId, Node, Width};
use crate::fault::{Fault, seeded};

/// `(base << shift) & mask` where `shift >= 0`, `(base >> -shift) & mask` otherwise, both in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub base: ExprId,
    pub shift: i32,
    pub mask: u64,
}

/// Layers that [`Arena::field_of`] looks through. Normal forms have at most four.
const LAYERS_MAX: usize = 16;

/// `value` moved left, or right by a negative amount, with zeros; 0 where everything is moved out.
pub(super) fn shifted(value: u64, by: i32) -> u64 {
    let amount = by.unsigned_abs();
    if by >= 0 { value.checked_shl(amount).unwrap_or(0) } else { value.checked_shr(amount).unwrap_or(0) }
}

impl Arena {
    /// A word as a bit field of its base.
    pub(super) fn field_of(&self, word: ExprId) -> Field {
        let mut field = Field { base: word, shift: 0, mask: self.width(word).mask() };
        for _ in 0..LAYERS_MAX {
            let width = self.width(field.base);
            match self.node(field.base) {
                Node::Binary(BinaryOp::And, x, mask) => {
                    let Some(mask) = self.as_const(mask) else { break };
                    field = Field { base: x, mask: field.mask & shifted(mask, field.shift), ..field };
                }
                Node::Binary(op @ (BinaryOp::Shl | BinaryOp::ShrU), x, amount) => {
                    let Some(amount) = self.as_const(amount).and_then(|amount| i32::try_from(amount & 63).ok()) else {
                        break;
                    };
                    let (kept, by) = match op {
                        BinaryOp::Shl => (width.mask(), amount),
                        _ => (width.mask() >> amount, -amount),
                    };
                    let mask = field.mask & shifted(kept, field.shift);
                    field = Field { base: x, mask, shift: field.shift + by };
                }
                Node::Zext(x) if self.width(x) == Width::W1 => {
                    let Node::Bit(y, bit) = self.node(x) else { break };
                    let mask = field.mask & shifted(1, field.shift);
                    field = Field { base: y, mask, shift: field.shift - i32::from(bit) };
                }
                Node::Zext(x) | Node::Trunc(x) => {
                    let mask = field.mask & shifted(Width::W32.mask(), field.shift);
                    field = Field { base: x, mask, ..field };
                }
                _ => break,
            }
        }
        let moved = shifted(self.width(field.base).mask(), field.shift);
        Field { mask: field.mask & moved, ..field }
    }

    /// The normal form of a bit field, as a word of width `out`.
    pub(super) fn field(&mut self, field: Field, out: Width) -> Built {
        let Field { base, shift, mask } = field;
        let wanted = mask & shifted(self.facts(base).possible(), shift) & out.mask();
        if wanted == 0 {
            return self.constant(out, 0);
        }
        if shift == 0 && self.width(base) == out && wanted == self.facts(base).possible() {
            return Ok(base);
        }
        let plain = Field { mask: wanted, ..field };
        if wanted == 1
            && let Ok(bit) = u8::try_from(-shift)
        {
            let bit = self.bit(base, bit)?;
            return self.zext(bit, out);
        }
        if self.depth >= super::REWRITE_DEPTH_MAX || self.rewrites == 0 {
            return self.plain_field(plain, out);
        }
        self.depth += 1;
        self.rewrites -= 1;
        let built = self.field_through(plain, out);
        self.depth -= 1;
        built
    }

    /// Moves a field through the operator that made its base, where that makes it simpler.
    fn field_through(&mut self, field: Field, out: Width) -> Built {
        let Field { base, shift, mask } = field;
        match self.node(base) {
            Node::Binary(op @ (BinaryOp::Or | BinaryOp::Xor), p, q) => {
                let part = |arena: &mut Arena, x: ExprId| {
                    let inner = arena.field_of(x);
                    let mask = mask & shifted(inner.mask, shift);
                    arena.field(Field { base: inner.base, shift: inner.shift + shift, mask }, out)
                };
                let is_field = |x: ExprId| self.field_of(x).base != x || self.as_const(x).is_some();
                let is_gone = |x: ExprId| shifted(self.facts(x).possible(), shift) & mask == 0;
                if let Some(value) = self.as_const(q) {
                    let (a, b) = (part(self, p)?, self.constant(out, shifted(value, shift) & mask)?);
                    return self.binary(op, a, b);
                }
                if is_gone(p) || is_gone(q) || (op == BinaryOp::Or && is_field(p) && is_field(q)) {
                    let (a, b) = (part(self, p)?, part(self, q)?);
                    return self.binary(op, a, b);
                }
                self.plain_field(field, out)
            }
            Node::Select(c, a, b) => match (self.as_const(a), self.as_const(b)) {
                (Some(a), Some(b)) => {
                    let a = self.constant(out, shifted(a, shift) & mask)?;
                    let b = self.constant(out, shifted(b, shift) & mask)?;
                    self.select(c, a, b)
                }
                _ => self.plain_field(field, out),
            },
            _ => self.plain_field(field, out),
        }
    }

    /// The nodes of a field: shift, mask, then change of width; of the three only those that do something.
    fn plain_field(&mut self, field: Field, out: Width) -> Built {
        let Field { base, shift, mask } = field;
        let from = self.width(base);
        // A field that leaves 32 bits on its way up needs the wide word first; any other is taken at the base's width.
        let (base, at) = match from < out && mask > from.mask() {
            true => (self.intern(Node::Zext(base), out)?, out),
            false => (base, from),
        };
        let amount = self.constant(at, shift.unsigned_abs().into())?;
        let moved = match shift {
            0 => base,
            1.. => self.intern(Node::Binary(BinaryOp::Shl, base, amount), at)?,
            _ => self.intern(Node::Binary(BinaryOp::ShrU, base, amount), at)?,
        };
        let possible = self.facts(moved).possible() & out.mask();
        let masked = match possible & !mask {
            0 => moved,
            _ => {
                let mask = self.constant(at, mask)?;
                self.intern(Node::Binary(BinaryOp::And, moved, mask), at)?
            }
        };
        match at.cmp(&out) {
            std::cmp::Ordering::Less => self.intern(Node::Zext(masked), out),
            std::cmp::Ordering::Equal => Ok(masked),
            std::cmp::Ordering::Greater => self.intern(Node::Trunc(masked), out),
        }
    }

    /// A narrower value, or a truth value, as a word of width `out`.
    pub fn zext(&mut self, a: ExprId, out: Width) -> Built {
        match self.width(a) {
            width if width == out => Ok(a),
            Width::W1 => self.intern(Node::Zext(a), out),
            _ => {
                let field = self.field_of(a);
                self.field(field, out)
            }
        }
    }

    /// Low 32 bits of a 64-bit word.
    pub fn trunc(&mut self, a: ExprId) -> Built {
        if self.width(a) != Width::W64 {
            return Ok(a);
        }
        if let Node::Sext(inner) = self.node(a) {
            return Ok(inner);
        }
        let field = self.field_of(a);
        self.field(field, Width::W32)
    }

    /// A 32-bit word as 64 bits with copies of its sign.
    pub fn sext(&mut self, a: ExprId) -> Built {
        if self.width(a) != Width::W32 {
            return Ok(a);
        }
        if self.facts(a).zeros & Width::W32.sign_bit() != 0 || seeded(Fault::SignExtensionLost) {
            return self.zext(a, Width::W64);
        }
        self.intern(Node::Sext(a), Width::W64)
    }
}
