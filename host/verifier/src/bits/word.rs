//! Machine words as vectors of literals, and the operations of WebAssembly's integers on them, generic in the width.
//!
//! In: a graph and operand words. Out: result words. Guaranteed: for widths that are powers of two every operation is
//! WebAssembly's, bit for bit, wherever WebAssembly defines it; where it traps (division by zero, the most negative
//! number divided by -1) the result is still some fixed word, stated at the operation. Constant operands cost next to
//! nothing, because the graph folds them. Widths that are no powers of two work too, but shift amounts are then
//! reduced to the next power of two, not to the width. Not handled: the traps themselves; ask [`eq`] about the divisor.

mod arith;
mod count;
mod shift;
mod table;

pub use arith::{add, div_s, div_u, mul, neg, rem_s, rem_u, sub};
pub use count::{clz, ctz, popcnt};
pub use shift::{rotl, rotr, shl, shr_s, shr_u};
pub use table::lookup;

use super::aig::{Aig, CircuitError, Lit};
use crate::fault::{Fault, seeded};

/// A word of 1 to 64 literals, lowest bit first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Vec<Lit>);

impl Word {
    /// A word of the given literals, lowest bit first.
    ///
    /// # Errors
    /// [`CircuitError::WidthOutOfRange`] unless there are 1 to 64 of them.
    pub fn new(bits: Vec<Lit>) -> Result<Word, CircuitError> {
        match bits.len() {
            1..=64 => Ok(Word(bits)),
            other => Err(CircuitError::WidthOutOfRange { width: u32::try_from(other).unwrap_or(u32::MAX) }),
        }
    }

    /// The low `width` bits of a number.
    ///
    /// # Errors
    /// [`CircuitError::WidthOutOfRange`].
    pub fn constant(value: u64, width: u32) -> Result<Word, CircuitError> {
        if width > 64 {
            return Err(CircuitError::WidthOutOfRange { width });
        }
        Word::new((0..width).map(|bit| Lit::constant(value >> bit & 1 == 1)).collect())
    }

    /// A fresh input word.
    ///
    /// # Errors
    /// As [`Aig::input_word`].
    pub fn input(g: &mut Aig, width: u32) -> Result<Word, CircuitError> {
        g.input_word(width).map(Word)
    }

    /// The literals, lowest bit first.
    pub fn bits(&self) -> &[Lit] {
        &self.0
    }

    /// Number of bits.
    #[expect(clippy::cast_possible_truncation, reason = "a word has at most 64 bits")]
    pub fn width(&self) -> u32 {
        self.0.len() as u32
    }

    /// The number, if every bit is constant.
    pub fn as_constant(&self) -> Option<u64> {
        self.0.iter().enumerate().try_fold(0, |value, (bit, lit)| Some(value | u64::from(lit.as_constant()?) << bit))
    }

    /// The highest bit.
    fn sign(&self) -> Lit {
        self.0.last().copied().unwrap_or(Lit::FALSE)
    }
}

fn same_width(a: &Word, b: &Word) -> Result<(), CircuitError> {
    if a.width() == b.width() {
        return Ok(());
    }
    Err(CircuitError::WidthMismatch { left: a.width(), right: b.width() })
}

fn bitwise(
    g: &mut Aig,
    a: &Word,
    b: &Word,
    gate: impl Fn(&mut Aig, Lit, Lit) -> Result<Lit, CircuitError>,
) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    let bits = a.0.iter().zip(&b.0).map(|(&x, &y)| gate(g, x, y)).collect::<Result<_, _>>()?;
    Ok(Word(bits))
}

/// Bitwise complement.
#[must_use]
pub fn not(a: &Word) -> Word {
    Word(a.0.iter().map(|&bit| !bit).collect())
}

/// Bitwise conjunction.
///
/// # Errors
/// [`CircuitError::WidthMismatch`] and [`CircuitError::GateBudget`], as in every binary operation here.
pub fn and(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    bitwise(g, a, b, Aig::and)
}

/// Bitwise disjunction.
pub fn or(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    bitwise(g, a, b, Aig::or)
}

/// Bitwise exclusive or.
pub fn xor(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    bitwise(g, a, b, Aig::xor)
}

/// Whether two words are equal.
pub fn eq(g: &mut Aig, a: &Word, b: &Word) -> Result<Lit, CircuitError> {
    let differences = xor(g, a, b)?;
    Ok(!any(g, &differences)?)
}

/// Whether any bit is set: the word read as a condition.
pub fn any(g: &mut Aig, a: &Word) -> Result<Lit, CircuitError> {
    any_of(g, &a.0)
}

fn any_of(g: &mut Aig, bits: &[Lit]) -> Result<Lit, CircuitError> {
    bits.iter().try_fold(Lit::FALSE, |found, &bit| g.or(found, bit))
}

/// Whether `a` is below `b`, both unsigned.
pub fn ult(g: &mut Aig, a: &Word, b: &Word) -> Result<Lit, CircuitError> {
    same_width(a, b)?;
    let mut less = Lit::FALSE;
    for (&x, &y) in a.0.iter().zip(&b.0) {
        let differ = g.xor(x, y)?;
        less = g.mux(differ, y, less)?;
    }
    Ok(less)
}

/// Whether `a` is below `b`, both in two's complement.
pub fn slt(g: &mut Aig, a: &Word, b: &Word) -> Result<Lit, CircuitError> {
    if seeded(Fault::SignedAsUnsigned) {
        return ult(g, a, b);
    }
    ult(g, &flip_sign(a), &flip_sign(b))
}

fn flip_sign(a: &Word) -> Word {
    let mut flipped = a.clone();
    if let Some(sign) = flipped.0.last_mut() {
        *sign = !*sign;
    }
    flipped
}

/// `then` where `condition` holds, else `otherwise`.
pub fn mux(g: &mut Aig, condition: Lit, then: &Word, otherwise: &Word) -> Result<Word, CircuitError> {
    bitwise(g, then, otherwise, |g, x, y| g.mux(condition, x, y))
}

/// Zero-extension to `width` bits.
///
/// # Errors
/// [`CircuitError::WidthOutOfRange`] unless `width` is at least the word's and at most 64.
pub fn zext(a: &Word, width: u32) -> Result<Word, CircuitError> {
    extend(a, width, Lit::FALSE)
}

/// Sign-extension to `width` bits.
///
/// # Errors
/// As [`zext`].
pub fn sext(a: &Word, width: u32) -> Result<Word, CircuitError> {
    extend(a, width, a.sign())
}

fn extend(a: &Word, width: u32, fill: Lit) -> Result<Word, CircuitError> {
    if width < a.width() || width > 64 {
        return Err(CircuitError::WidthOutOfRange { width });
    }
    let mut bits = a.0.clone();
    bits.resize(width as usize, fill);
    Ok(Word(bits))
}

/// The low `width` bits.
///
/// # Errors
/// [`CircuitError::WidthOutOfRange`] unless `width` is at least 1 and at most the word's.
pub fn trunc(a: &Word, width: u32) -> Result<Word, CircuitError> {
    match a.0.get(..width as usize) {
        Some(bits) => Word::new(bits.to_vec()),
        None => Err(CircuitError::WidthOutOfRange { width }),
    }
}
