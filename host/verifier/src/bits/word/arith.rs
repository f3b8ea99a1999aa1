//! Addition, multiplication and division.
//!
//! Adders ripple, multiplication adds shifted rows, division restores: the plainest circuits, because rewriting and
//! decision diagrams like them best and their correctness is easy to see. Operands of commutative operations are put
//! in one order first, so `x * y` and `y * x` are the same literals.

use super::super::aig::{Aig, CircuitError, Lit};
use super::{Word, any_of, mux, not, same_width, shift, ult};
use crate::fault::{Fault, seeded};

/// Sum of two equally long bit vectors and a carry, without the carry out.
fn ripple(g: &mut Aig, a: &[Lit], b: &[Lit], carry: Lit) -> Result<Vec<Lit>, CircuitError> {
    let mut carry = carry;
    let mut sum = Vec::with_capacity(a.len());
    for (&x, &y) in a.iter().zip(b) {
        let half = g.xor(x, y)?;
        sum.push(g.xor(half, carry)?);
        let generated = g.and(x, y)?;
        let propagated = g.and(half, carry)?;
        carry = if seeded(Fault::CarryDropped) { generated } else { g.or(generated, propagated)? };
    }
    Ok(sum)
}

/// `a + b`, wrapping.
pub fn add(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    Ok(Word(ripple(g, &a.0, &b.0, Lit::FALSE)?))
}

/// Sum of two words one bit wider than the wider of them; the counters' building block.
pub(super) fn add_growing(g: &mut Aig, a: &[Lit], b: &[Lit]) -> Result<Vec<Lit>, CircuitError> {
    let width = a.len().max(b.len()) + 1;
    let widen =
        |bits: &[Lit]| bits.iter().copied().chain(std::iter::repeat(Lit::FALSE)).take(width).collect::<Vec<_>>();
    ripple(g, &widen(a), &widen(b), Lit::FALSE)
}

/// `a - b`, wrapping.
pub fn sub(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    Ok(Word(ripple(g, &a.0, &not(b).0, Lit::TRUE)?))
}

/// `0 - a`, wrapping.
pub fn neg(g: &mut Aig, a: &Word) -> Result<Word, CircuitError> {
    let zero = Word(vec![Lit::FALSE; a.0.len()]);
    sub(g, &zero, a)
}

/// `a * b`, wrapping. The operand with more constant bits selects the rows; on a draw, the literals decide.
pub fn mul(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    if let Some(factor) = a.as_constant() {
        return mul_constant(g, b, factor);
    }
    if let Some(factor) = b.as_constant() {
        return mul_constant(g, a, factor);
    }
    let free_bits = |word: &Word| word.0.iter().filter(|bit| bit.as_constant().is_none()).count();
    let a_selects = (free_bits(a), a) <= (free_bits(b), b);
    let (selector, addend) = if a_selects { (a, b) } else { (b, a) };
    let mut product = vec![Lit::FALSE; addend.0.len()];
    for (shift, &row) in selector.0.iter().enumerate() {
        if row == Lit::FALSE {
            continue;
        }
        let kept = addend.0.len() - shift;
        let partial = addend.0[..kept].iter().map(|&bit| g.and(bit, row)).collect::<Result<Vec<_>, _>>()?;
        add_at(g, &mut product, shift, &partial, Lit::FALSE)?;
    }
    Ok(Word(product))
}

/// Adds `partial` (and a carry) to the bits of `sum` from `shift` up.
fn add_at(g: &mut Aig, sum: &mut [Lit], shift: usize, partial: &[Lit], carry: Lit) -> Result<(), CircuitError> {
    let upper = ripple(g, &sum[shift..], partial, carry)?;
    sum[shift..].copy_from_slice(&upper);
    Ok(())
}

/// Multiplication by a constant, one addition or subtraction per digit of its non-adjacent form (G. Reitwiesner,
/// 1960), which has at most half as many digits as the word has bits.
fn mul_constant(g: &mut Aig, a: &Word, factor: u64) -> Result<Word, CircuitError> {
    let width = a.0.len();
    let mut product = vec![Lit::FALSE; width];
    let mut rest = u128::from(factor);
    for shift in 0..width {
        if rest & 1 == 1 {
            let negative = rest & 3 == 3;
            let partial: Vec<Lit> = a.0[..width - shift].iter().map(|&bit| bit.flip_if(negative)).collect();
            add_at(g, &mut product, shift, &partial, Lit::constant(negative))?;
            rest = if negative && !seeded(Fault::FactorDigitCarry) { rest + 1 } else { rest - 1 };
        }
        rest >>= 1;
    }
    Ok(Word(product))
}

/// Quotient and remainder by restoring division, one subtraction per bit. A divisor of zero yields an all-one
/// quotient and the dividend as remainder.
fn div_rem_u(g: &mut Aig, a: &Word, b: &Word) -> Result<(Word, Word), CircuitError> {
    same_width(a, b)?;
    if let Some(divisor) = b.as_constant().filter(|divisor| divisor.is_power_of_two()) {
        return Ok(shift::split(a, divisor.trailing_zeros()));
    }
    let width = a.0.len();
    let mut remainder = Word(vec![Lit::FALSE; width]);
    let mut quotient = vec![Lit::FALSE; width];
    for position in (0..width).rev() {
        let overflow = remainder.sign();
        let mut shifted = vec![a.0[position]];
        shifted.extend(&remainder.0[..width - 1]);
        let shifted = Word(shifted);
        let too_small = ult(g, &shifted, b)?;
        let fits = g.or(overflow, !too_small)?;
        let reduced = sub(g, &shifted, b)?;
        remainder = mux(g, fits, &reduced, &shifted)?;
        quotient[position] = fits;
    }
    Ok((Word(quotient), remainder))
}

/// `a / b`, unsigned. Division by zero yields the all-one word.
pub fn div_u(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    Ok(div_rem_u(g, a, b)?.0)
}

/// `a % b`, unsigned. Division by zero yields `a`.
pub fn rem_u(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    Ok(div_rem_u(g, a, b)?.1)
}

/// The word without its sign; the most negative number stays itself, which is its unsigned magnitude.
fn magnitude(g: &mut Aig, a: &Word) -> Result<Word, CircuitError> {
    negate_if(g, a.sign(), a)
}

fn negate_if(g: &mut Aig, condition: Lit, a: &Word) -> Result<Word, CircuitError> {
    let flipped = a.0.iter().map(|&bit| g.xor(bit, condition)).collect::<Result<Vec<_>, _>>()?;
    let zero = vec![Lit::FALSE; a.0.len()];
    Ok(Word(ripple(g, &flipped, &zero, condition)?))
}

/// `a / b` in two's complement, rounded towards zero. Division by zero yields 1 for negative `a`, else -1; the most
/// negative number by -1 yields itself.
pub fn div_s(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    let (x, y) = (magnitude(g, a)?, magnitude(g, b)?);
    let quotient = div_u(g, &x, &y)?;
    let negative = g.xor(a.sign(), b.sign())?;
    negate_if(g, negative, &quotient)
}

/// `a % b` in two's complement, with the sign of `a`. Division by zero yields `a`; the most negative number by -1
/// yields 0, as WebAssembly says.
pub fn rem_s(g: &mut Aig, a: &Word, b: &Word) -> Result<Word, CircuitError> {
    same_width(a, b)?;
    let (x, y) = (magnitude(g, a)?, magnitude(g, b)?);
    let remainder = rem_u(g, &x, &y)?;
    let sign = if seeded(Fault::RemainderSign) { b.sign() } else { a.sign() };
    negate_if(g, sign, &remainder)
}

/// Whether any of the bits from `start` up is set.
pub(super) fn any_from(g: &mut Aig, a: &Word, start: usize) -> Result<Lit, CircuitError> {
    any_of(g, a.0.get(start..).unwrap_or_default())
}
