//! Counting bits.

use super::super::aig::{Aig, CircuitError, Lit};
use super::Word;
use super::arith::add_growing;
use crate::fault::{Fault, seeded};

/// Number of set bits, as a word of the same width, by a tree of adders.
pub fn popcnt(g: &mut Aig, a: &Word) -> Result<Word, CircuitError> {
    let mut counts: Vec<Vec<Lit>> = a.0.iter().map(|&bit| vec![bit]).collect();
    while counts.len() > 1 {
        counts = counts
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => add_growing(g, left, right),
                alone => Ok(alone.concat()),
            })
            .collect::<Result<_, _>>()?;
    }
    Ok(resized(counts.concat(), a.0.len()))
}

/// Number of zero bits below the lowest set one; the width if there is none.
pub fn ctz(g: &mut Aig, a: &Word) -> Result<Word, CircuitError> {
    trailing_zeros(g, a.0.clone())
}

/// Number of zero bits above the highest set one; the width if there is none.
pub fn clz(g: &mut Aig, a: &Word) -> Result<Word, CircuitError> {
    trailing_zeros(g, a.0.iter().rev().copied().collect())
}

/// Halves are merged pairwise. The count of a block of 2^k bits has k+1 bits, and its top bit says "all zero"; two
/// blocks are all zero when both are, and otherwise the upper one counts only when the lower one is all zero.
fn trailing_zeros(g: &mut Aig, bits: Vec<Lit>) -> Result<Word, CircuitError> {
    let width = bits.len();
    let padding = width.next_power_of_two() - width;
    let mut blocks: Vec<Vec<Lit>> = bits.iter().map(|&bit| vec![!bit]).collect();
    blocks.extend(vec![vec![Lit::FALSE]; padding]);
    while blocks.len() > 1 {
        blocks = blocks.chunks(2).map(|pair| merge(g, pair)).collect::<Result<_, _>>()?;
    }
    Ok(resized(blocks.concat(), width))
}

fn merge(g: &mut Aig, pair: &[Vec<Lit>]) -> Result<Vec<Lit>, CircuitError> {
    let (Some((&low_zero, low)), Some((&high_zero, high))) =
        (pair.first().and_then(|block| block.split_last()), pair.last().and_then(|block| block.split_last()))
    else {
        return Ok(Vec::new());
    };
    let mut merged = Vec::with_capacity(low.len() + 2);
    for (&in_low, &in_high) in low.iter().zip(high) {
        merged.push(g.mux(low_zero, in_high, in_low)?);
    }
    merged.push(g.and(low_zero, !high_zero)?);
    let both = g.and(low_zero, high_zero)?;
    merged.push(if seeded(Fault::CountOfZero) { Lit::FALSE } else { both });
    Ok(merged)
}

/// Zero-extended or cut to the width; a count never exceeds the width, so nothing is lost.
fn resized(mut bits: Vec<Lit>, width: usize) -> Word {
    bits.resize(width, Lit::FALSE);
    Word(bits)
}
