//! Word operations against native integers: every pair of operands at 4 and 8 bits, corners and random pairs at 32
//! and 64.

use super::oracle::{OPS, Op, circuit, cut, native8, native32, native64, reference};
use super::{Finding, all_lanes, found, word_in_lane};
use crate::bits::aig::Aig;
use crate::bits::budget;
use crate::bits::simulate::{Random, corner_words};
use crate::bits::word::{self, Word};

/// Checks a circuit over input words on assignments, 64 at a time.
fn compare(
    g: &Aig,
    result: &Word,
    assignments: &[Vec<u64>],
    expected: impl Fn(&[u64]) -> u64,
    what: impl Fn() -> String,
) -> Result<(), Finding> {
    for chunk in assignments.chunks(64) {
        let values = all_lanes(g, |word, bit| {
            let lanes = chunk.iter().enumerate();
            lanes.fold(0, |lanes, (lane, values)| lanes | (values[word as usize] >> bit & 1) << lane)
        });
        for (lane, assignment) in chunk.iter().enumerate() {
            let (got, want) = (word_in_lane(&values, result, lane), expected(assignment));
            if got != want {
                return Err(format!("{} on {assignment:x?}: circuit {got:#x}, integers {want:#x}", what()));
            }
        }
    }
    Ok(())
}

fn all_pairs(width: u32) -> Vec<Vec<u64>> {
    (0..1 << (2 * width)).map(|pair: u64| vec![pair & ((1 << width) - 1), pair >> width]).collect()
}

fn corner_pairs(width: u32, random: usize) -> Vec<Vec<u64>> {
    let mut corners: Vec<u64> = corner_words().iter().map(|&corner| cut(corner.into(), width)).collect();
    corners.sort_unstable();
    corners.dedup();
    let mut pairs: Vec<Vec<u64>> = corners.iter().flat_map(|&a| corners.iter().map(move |&b| vec![a, b])).collect();
    let mut source = Random::new(7);
    pairs.extend((0..random).map(|_| vec![cut(source.next().into(), width), cut(source.next().into(), width)]));
    pairs
}

fn operation(op: Op, width: u32, pairs: &[Vec<u64>]) -> Result<(), Finding> {
    let mut g = Aig::new(budget::GATES);
    let a = found(Word::input(&mut g, width))?;
    let b = found(Word::input(&mut g, width))?;
    let result = found(circuit(op, &mut g, &a, &b))?;
    compare(&g, &result, pairs, |pair| reference(op, width, pair[0], pair[1]), || format!("{op:?} at {width}"))
}

/// Every operation on every pair of operands.
pub(super) fn every_pair_at_four_and_eight_bits() -> Result<(), Finding> {
    for width in [4, 8] {
        let pairs = all_pairs(width);
        for op in OPS {
            operation(op, width, &pairs)?;
        }
    }
    Ok(())
}

/// Every operation with one operand constant, on every value of both.
pub(super) fn every_constant_operand_at_four_bits() -> Result<(), Finding> {
    for op in OPS {
        for constant in 0..16 {
            let fixed = found(Word::constant(constant, 4))?;
            for constant_left in [false, true] {
                let mut g = Aig::new(budget::GATES);
                let input = found(Word::input(&mut g, 4))?;
                let (a, b) = if constant_left { (&fixed, &input) } else { (&input, &fixed) };
                let result = found(circuit(op, &mut g, a, b))?;
                let expected = |x: &[u64]| {
                    let (a, b) = if constant_left { (constant, x[0]) } else { (x[0], constant) };
                    reference(op, 4, a, b)
                };
                let values: Vec<_> = (0..16).map(|x| vec![x]).collect();
                compare(&g, &result, &values, expected, || format!("{op:?} with {constant}, left: {constant_left}"))?;
            }
        }
    }
    Ok(())
}

/// Multiplication and division by every 8-bit constant: they take their own paths.
pub(super) fn every_constant_factor_at_eight_bits() -> Result<(), Finding> {
    let values: Vec<_> = (0..256).map(|x| vec![x]).collect();
    for op in [Op::Mul, Op::DivU, Op::RemU] {
        for constant in 0..256 {
            let mut g = Aig::new(budget::GATES);
            let a = found(Word::input(&mut g, 8))?;
            let b = found(Word::constant(constant, 8))?;
            let result = found(circuit(op, &mut g, &a, &b))?;
            compare(&g, &result, &values, |x| reference(op, 8, x[0], constant), || format!("{op:?} by {constant}"))?;
        }
    }
    Ok(())
}

/// Every operation at the widths WebAssembly has, on all pairs of corners and on random pairs.
pub(super) fn corners_at_machine_widths() -> Result<(), Finding> {
    for (width, native) in [(32, native32 as fn(Op, u64, u64) -> Option<u64>), (64, native64)] {
        let pairs = corner_pairs(width, 2000);
        for op in OPS {
            let heavy = matches!(op, Op::Mul | Op::DivU | Op::RemU | Op::DivS | Op::RemS);
            let pairs: Vec<_> = pairs.iter().step_by(if heavy { 17 } else { 1 }).cloned().collect();
            let defined: Vec<_> = pairs.iter().filter(|pair| native(op, pair[0], pair[1]).is_some()).cloned().collect();
            let mut g = Aig::new(budget::GATES);
            let a = found(Word::input(&mut g, width))?;
            let b = found(Word::input(&mut g, width))?;
            let result = found(circuit(op, &mut g, &a, &b))?;
            let expected = |pair: &[u64]| native(op, pair[0], pair[1]).unwrap_or_default();
            compare(&g, &result, &defined, expected, || format!("{op:?} at {width}"))?;
        }
    }
    Ok(())
}

/// Extensions and truncation between 3, 4 and 8 bits, on every value.
pub(super) fn every_extension() -> Result<(), Finding> {
    for (from, to) in [(1, 8), (3, 8), (4, 8), (8, 8)] {
        let mut g = Aig::new(budget::GATES);
        let a = found(Word::input(&mut g, from))?;
        let values: Vec<_> = (0..1 << from).map(|x| vec![x]).collect();
        let sign = |x: u64| if x >> (from - 1) & 1 == 1 { cut(u128::MAX << from, to) } else { 0 };
        compare(&g, &found(word::zext(&a, to))?, &values, |x| x[0], || format!("zext {from} to {to}"))?;
        compare(&g, &found(word::sext(&a, to))?, &values, |x| x[0] | sign(x[0]), || format!("sext {from} to {to}"))?;
        compare(&g, &found(word::trunc(&a, 1))?, &values, |x| x[0] & 1, || format!("trunc {from} to 1"))?;
    }
    Ok(())
}

/// Tables of every length up to 20 at every 3-bit and every 6-bit index, inside and beyond.
pub(super) fn every_table_index() -> Result<(), Finding> {
    let mut source = Random::new(11);
    for (length, index_bits) in (0..=20).flat_map(|length| [(length, 3), (length, 6)]) {
        let entries: Vec<u64> = (0..length).map(|_| source.next() & 0xff).collect();
        let mut g = Aig::new(budget::GATES);
        let index = found(Word::input(&mut g, index_bits))?;
        let result = found(word::lookup(&mut g, &index, &entries, 8))?;
        let values: Vec<_> = (0..1 << index_bits).map(|x| vec![x]).collect();
        let expected = |x: &[u64]| entries.get(x[0] as usize).copied().unwrap_or(0);
        compare(&g, &result, &values, expected, || format!("table of {length}"))?;
        for x in 0..1 << index_bits {
            let constant = found(word::lookup(&mut g, &found(Word::constant(x, index_bits))?, &entries, 8))?;
            if constant.as_constant() != Some(expected(&[x])) {
                return Err(format!("constant index {x} into a table of {length}: {constant:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn operations_match_integers_on_every_narrow_pair() -> Result<(), Finding> {
    every_pair_at_four_and_eight_bits()
}

#[test]
fn operations_with_a_constant_operand_match_integers() -> Result<(), Finding> {
    every_constant_operand_at_four_bits()?;
    every_constant_factor_at_eight_bits()
}

#[test]
fn operations_match_rust_at_machine_widths() -> Result<(), Finding> {
    corners_at_machine_widths()
}

#[test]
fn extensions_match_integers() -> Result<(), Finding> {
    every_extension()
}

#[test]
fn tables_match_their_entries() -> Result<(), Finding> {
    every_table_index()
}

/// The judge itself is judged: wherever Rust has an answer, the generic reference gives the same.
#[test]
fn the_reference_agrees_with_native_operations() {
    for op in OPS {
        for pair in all_pairs(8) {
            if let Some(native) = native8(op, pair[0], pair[1]) {
                assert_eq!(reference(op, 8, pair[0], pair[1]), native, "{op:?} {pair:?}");
            }
        }
        for pair in corner_pairs(64, 1000) {
            if let Some(native) = native64(op, pair[0], pair[1]) {
                assert_eq!(reference(op, 64, pair[0], pair[1]), native, "{op:?} {pair:x?}");
            }
        }
    }
}

#[test]
fn constant_operands_need_no_gate() -> Result<(), Finding> {
    let mut g = Aig::new(0);
    let a = found(Word::constant(0xdead_beef_cafe_f00d, 64))?;
    let b = found(Word::constant(37, 64))?;
    for op in OPS {
        let result = found(circuit(op, &mut g, &a, &b))?;
        assert_eq!(result.as_constant(), native64(op, 0xdead_beef_cafe_f00d, 37), "{op:?}");
    }
    Ok(())
}

#[test]
fn shifting_by_a_constant_needs_no_gate() -> Result<(), Finding> {
    let mut g = Aig::new(64);
    let x = found(Word::input(&mut g, 64))?;
    for (amount, op) in [(12, Op::Shl), (57, Op::ShrU), (63, Op::ShrS), (31, Op::Rotl), (1, Op::Rotr)] {
        let amount = found(Word::constant(amount, 64))?;
        found(circuit(op, &mut g, &x, &amount))?;
    }
    assert_eq!(g.len(), 64, "only the inputs");
    Ok(())
}

#[test]
fn a_shift_by_the_width_is_the_identity() -> Result<(), Finding> {
    let mut g = Aig::new(32);
    let x = found(Word::input(&mut g, 32))?;
    let amount = found(Word::constant(32, 32))?;
    for op in [Op::Shl, Op::ShrU, Op::ShrS, Op::Rotl, Op::Rotr] {
        assert_eq!(found(circuit(op, &mut g, &x, &amount))?, x, "{op:?}");
    }
    Ok(())
}

#[test]
fn mismatched_and_impossible_widths_are_refused() -> Result<(), Finding> {
    use crate::bits::aig::CircuitError::{WidthMismatch, WidthOutOfRange};
    let mut g = Aig::new(budget::GATES);
    let a = found(Word::input(&mut g, 32))?;
    let b = found(Word::input(&mut g, 64))?;
    assert_eq!(word::add(&mut g, &a, &b), Err(WidthMismatch { left: 32, right: 64 }));
    assert_eq!(word::div_s(&mut g, &b, &a), Err(WidthMismatch { left: 64, right: 32 }));
    assert_eq!(word::eq(&mut g, &a, &b), Err(WidthMismatch { left: 32, right: 64 }));
    assert_eq!(Word::input(&mut g, 65), Err(WidthOutOfRange { width: 65 }));
    assert_eq!(Word::input(&mut g, 0), Err(WidthOutOfRange { width: 0 }));
    assert_eq!(word::zext(&b, 32), Err(WidthOutOfRange { width: 32 }));
    assert_eq!(word::sext(&b, 65), Err(WidthOutOfRange { width: 65 }));
    assert_eq!(word::trunc(&a, 33), Err(WidthOutOfRange { width: 33 }));
    assert_eq!(word::trunc(&a, 0), Err(WidthOutOfRange { width: 0 }));
    Ok(())
}

#[test]
fn the_gate_budget_is_met_exactly() -> Result<(), Finding> {
    use crate::bits::aig::CircuitError::GateBudget;
    let mut g = Aig::new(budget::GATES);
    let build = |g: &mut Aig| {
        let a = Word::input(g, 64)?;
        let b = Word::input(g, 64)?;
        word::mul(g, &a, &b)
    };
    found(build(&mut g))?;
    let needed = g.len() as u32;
    assert!(build(&mut Aig::new(needed)).is_ok());
    assert_eq!(build(&mut Aig::new(needed - 1)), Err(GateBudget { limit: needed - 1 }));
    Ok(())
}

#[test]
fn the_input_budget_is_met_exactly() -> Result<(), Finding> {
    use crate::bits::aig::CircuitError::InputBudget;
    let mut g = Aig::new(budget::GATES);
    for _ in 0..budget::INPUT_WORDS {
        found(Word::input(&mut g, 1))?;
    }
    assert_eq!(Word::input(&mut g, 1), Err(InputBudget { limit: budget::INPUT_WORDS }));
    Ok(())
}
