//! Shifts and rotations: barrels of multiplexers, one row per bit of the amount.
//!
//! WebAssembly takes the amount modulo the width. For a power of two that means its low bits; the rest of the amount
//! is not looked at.

use super::super::aig::{Aig, CircuitError, Lit};
use super::Word;
use crate::fault::{Fault, seeded};

/// Moves the bits of `a` by `amount`: in each row, bit `i` comes from `source(i, distance)`, or is `fill`.
fn barrel(
    g: &mut Aig,
    a: &Word,
    amount: &Word,
    fill: Lit,
    source: impl Fn(usize, usize) -> Option<usize>,
) -> Result<Word, CircuitError> {
    let width = a.0.len();
    let rows = width.next_power_of_two().trailing_zeros() as usize + usize::from(seeded(Fault::ShiftAmountUnmasked));
    let mut bits = a.0.clone();
    for (row, &moved) in amount.0.iter().enumerate().take(rows) {
        bits = (0..width)
            .map(|bit| {
                let from = source(bit, 1 << row).and_then(|from| bits.get(from).copied()).unwrap_or(fill);
                g.mux(moved, from, bits[bit])
            })
            .collect::<Result<_, _>>()?;
    }
    Ok(Word(bits))
}

/// `a << amount`.
pub fn shl(g: &mut Aig, a: &Word, amount: &Word) -> Result<Word, CircuitError> {
    barrel(g, a, amount, Lit::FALSE, |bit, distance| bit.checked_sub(distance))
}

/// `a >> amount`, filled with zero.
pub fn shr_u(g: &mut Aig, a: &Word, amount: &Word) -> Result<Word, CircuitError> {
    barrel(g, a, amount, Lit::FALSE, |bit, distance| bit.checked_add(distance))
}

/// `a >> amount`, filled with the sign.
pub fn shr_s(g: &mut Aig, a: &Word, amount: &Word) -> Result<Word, CircuitError> {
    let fill = if seeded(Fault::ShiftFillZero) { Lit::FALSE } else { a.sign() };
    barrel(g, a, amount, fill, |bit, distance| bit.checked_add(distance))
}

/// `a` rotated left by `amount`.
pub fn rotl(g: &mut Aig, a: &Word, amount: &Word) -> Result<Word, CircuitError> {
    let width = a.0.len();
    barrel(g, a, amount, Lit::FALSE, |bit, distance| Some((bit + width - distance % width) % width))
}

/// `a` rotated right by `amount`.
pub fn rotr(g: &mut Aig, a: &Word, amount: &Word) -> Result<Word, CircuitError> {
    let width = a.0.len();
    barrel(g, a, amount, Lit::FALSE, |bit, distance| Some((bit + distance) % width))
}

/// Quotient and remainder by the power of two `1 << position`, without a gate.
pub(super) fn split(a: &Word, position: u32) -> (Word, Word) {
    let position = position as usize;
    let pad = std::iter::repeat(Lit::FALSE);
    let quotient = a.0.iter().skip(position).copied().chain(pad.clone()).take(a.0.len()).collect();
    let remainder = a.0.iter().take(position).copied().chain(pad).take(a.0.len()).collect();
    (Word(quotient), Word(remainder))
}
