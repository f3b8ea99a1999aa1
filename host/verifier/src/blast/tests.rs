//! Circuits against the evaluator, node by node, and the prover on expressions.
#![expect(clippy::cast_possible_truncation, reason = "random choices are cut to the number of choices")]

use super::*;
use crate::bits::decide::Engine;
use crate::bits::tests::{all_lanes, word_in_lane};
use crate::expr::{Evaluator, NodeBudgetSpent, Table, Width};

type Tested = Result<(), Box<dyn std::error::Error>>;

const CORNERS: [u64; 16] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    0x0123_4567_89ab_cdef,
];

const BINARY: [BinaryOp; 15] = [
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Xor,
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Shl,
    BinaryOp::ShrU,
    BinaryOp::ShrS,
    BinaryOp::Rotl,
    BinaryOp::Rotr,
    BinaryOp::UDiv,
    BinaryOp::URem,
    BinaryOp::SDiv,
    BinaryOp::SRem,
];
const COMPARE: [CompareOp; 3] = [CompareOp::Eq, CompareOp::Ult, CompareOp::Slt];
const UNARY: [UnaryOp; 3] = [UnaryOp::Clz, UnaryOp::Ctz, UnaryOp::Popcnt];

/// Xorshift (G. Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }

    fn word(&mut self) -> u64 {
        if self.next().is_multiple_of(2) { self.pick(&CORNERS) } else { self.next() }
    }
}

/// Every node that lies below `roots` has the value the evaluator gives it, for every assignment.
fn compare(arena: &Arena, roots: &[ExprId], assignments: &[Vec<u64>]) -> Tested {
    let mut blaster = Blaster::new(4_000_000);
    let words = roots.iter().map(|&id| blaster.word(arena, id)).collect::<Result<Vec<_>, _>>()?;
    for chunk in assignments.chunks(64) {
        let values = all_lanes(blaster.aig(), |word, bit| {
            let lanes = chunk.iter().enumerate();
            lanes.fold(0, |lanes, (lane, arguments)| lanes | (arguments[word as usize] >> bit & 1) << lane)
        });
        for (lane, arguments) in chunk.iter().enumerate() {
            let mut evaluator = Evaluator::new(arguments.clone());
            for (&root, word) in roots.iter().zip(&words) {
                let (got, want) = (word_in_lane(&values, word, lane), evaluator.value(arena, root));
                let node = arena.node(root);
                assert_eq!(word.width(), arena.width(root).bits(), "{node:?}");
                assert_eq!(got, want, "{node:?} on {arguments:x?}");
            }
        }
    }
    Ok(())
}

fn corner_pairs() -> Vec<Vec<u64>> {
    CORNERS.iter().flat_map(|&a| CORNERS.iter().map(move |&b| vec![a, b])).collect()
}

#[test]
fn every_operator_means_what_the_evaluator_says() -> Tested {
    for width in [Width::W32, Width::W64] {
        let mut arena = Arena::new(1000);
        let (a, b) = (arena.input(0, width)?, arena.input(1, width)?);
        let mut roots = vec![a, b];
        for op in BINARY {
            roots.push(arena.binary(op, a, b)?);
        }
        for op in COMPARE {
            let holds = arena.compare(op, a, b)?;
            let chosen = arena.select(holds, a, b)?;
            let not = arena.not(holds)?;
            roots.extend([holds, chosen, not, arena.zext(holds, width)?]);
        }
        for op in UNARY {
            roots.push(arena.unary(op, a)?);
        }
        for bit in [0, 5, 31] {
            roots.push(arena.bit(a, bit)?);
        }
        if width == Width::W32 {
            roots.extend([arena.zext(a, Width::W64)?, arena.sext(a)?]);
        } else {
            roots.extend([arena.trunc(a)?, arena.bit(a, 63)?]);
        }
        compare(&arena, &roots, &corner_pairs())?;
    }
    Ok(())
}

#[test]
fn tables_are_read_inside_and_beyond() -> Tested {
    let mut arena = Arena::new(1000);
    let x = arena.input(0, Width::W64)?;
    let narrow = arena.input(1, Width::W32)?;
    let mut roots = Vec::new();
    for (length, width) in [(1, Width::W32), (5, Width::W64), (16, Width::W32), (33, Width::W64)] {
        let values = (0..length).map(|entry: u64| entry.wrapping_mul(0x9e37_79b9_7f4a_7c15) & width.mask()).collect();
        let table = arena.add_table(Table { width, values });
        roots.extend([arena.lookup(table, x)?, arena.lookup(table, narrow)?]);
    }
    let indices = (0..70).chain([u64::MAX, 1 << 32, 1 << 63, (1 << 32) + 3]);
    compare(&arena, &roots, &indices.map(|index| vec![index, index]).collect::<Vec<_>>())
}

/// A random expression of the arena, over what was made before it.
fn random_step(arena: &mut Arena, random: &mut Random, made: &[ExprId]) -> Result<ExprId, NodeBudgetSpent> {
    let width = random.pick(&[Width::W32, Width::W64]);
    let of = |random: &mut Random, arena: &Arena, width: Width| {
        let fitting: Vec<ExprId> = made.iter().copied().filter(|&id| arena.width(id) == width).collect();
        let start = if random.next().is_multiple_of(2) { fitting.len().saturating_sub(4) } else { 0 };
        random.pick(&fitting[start..])
    };
    let (a, b) = (of(random, arena, width), of(random, arena, width));
    let truth = of(random, arena, Width::W1);
    match random.next() % 10 {
        0 => {
            let value = random.word();
            arena.constant(width, value)
        }
        1..=3 => {
            // Multipliers and dividers make the test slow, not better: one in eight.
            let ops = if random.next().is_multiple_of(8) { &BINARY[..] } else { &BINARY[..5] };
            arena.binary(random.pick(ops), a, b)
        }
        4 => {
            let amount = random.next();
            let amount = arena.constant(width, amount % 70)?;
            arena.binary(random.pick(&BINARY[6..11]), a, amount)
        }
        5 => arena.compare(random.pick(&COMPARE), a, b),
        6 => arena.select(truth, a, b),
        7 => arena.unary(random.pick(&UNARY), a),
        8 => match width {
            Width::W64 => arena.trunc(a),
            Width::W32 => arena.sext(a),
            Width::W1 => arena.not(a),
        },
        _ => arena.bit(a, (random.next() % u64::from(width.bits())) as u8),
    }
}

#[test]
fn random_expressions_mean_what_the_evaluator_says() -> Tested {
    let mut random = Random(0x7074_7761_6c6b);
    for _ in 0..60 {
        let mut arena = Arena::new(100_000);
        let mut made = vec![
            arena.input(0, Width::W64)?,
            arena.input(1, Width::W64)?,
            arena.input(2, Width::W32)?,
            arena.input(0, Width::W32)?,
        ];
        made.push(arena.bit(made[0], 57)?);
        for _ in 0..40 {
            made.push(random_step(&mut arena, &mut random, &made)?);
        }
        let assignments: Vec<_> = (0..128).map(|_| vec![random.word(), random.word(), random.word()]).collect();
        compare(&arena, &made, &assignments)?;
    }
    Ok(())
}

#[test]
fn a_deep_expression_needs_no_stack() -> Tested {
    let mut arena = Arena::new(200_000);
    let (x, y) = (arena.input(0, Width::W64)?, arena.input(1, Width::W64)?);
    let mut deep = x;
    for _ in 0..20_000 {
        let y_or = arena.or(deep, y)?;
        deep = arena.binary(BinaryOp::Rotl, y_or, y)?;
    }
    assert!(arena.len() > 20_000);
    let mut blaster = Blaster::new(budget::GATES);
    let limit = budget::GATES;
    assert_eq!(blaster.word(&arena, deep), Err(CircuitError::GateBudget { limit }));
    Ok(())
}

#[test]
fn arguments_beyond_the_budget_are_refused() -> Tested {
    let mut arena = Arena::new(10);
    let last = arena.input(budget::INPUT_WORDS - 1, Width::W64)?;
    let beyond = arena.input(budget::INPUT_WORDS, Width::W64)?;
    let mut blaster = Blaster::new(budget::GATES);
    assert!(blaster.word(&arena, last).is_ok());
    assert_eq!(blaster.word(&arena, beyond), Err(CircuitError::InputBudget { limit: budget::INPUT_WORDS }));
    Ok(())
}

#[test]
fn a_prover_keeps_arguments_in_order() -> Tested {
    let mut arena = Arena::new(100);
    let (x, z) = (arena.input(0, Width::W64)?, arena.input(2, Width::W32)?);
    let mut prover = Prover::new(budget::GATES, QueryBudget::default());
    let key = arena.constant(Width::W32, 0xcafe_f00d)?;
    let hit = arena.eq(z, key)?;
    match prover.always_false(&arena, hit)? {
        Verdict::Refuted { model, .. } => assert_eq!(model.words(), [0, 0, 0xcafe_f00d]),
        other => panic!("{other:?}"),
    }
    let low = arena.trunc(x)?;
    let sum = arena.add(low, z)?;
    let verdict = prover.equivalent(&arena, sum, z)?;
    let Verdict::Refuted { model, .. } = verdict else { panic!("{verdict:?}") };
    let mut evaluator = Evaluator::new(model.words().to_vec());
    assert_ne!(evaluator.value(&arena, sum), evaluator.value(&arena, z));
    assert_eq!(prover.value(&arena, sum, &model)?, evaluator.value(&arena, sum));
    Ok(())
}

#[test]
fn a_narrow_argument_is_the_low_half_of_the_wide_one() -> Tested {
    let mut arena = Arena::new(100);
    let (wide, narrow) = (arena.input(0, Width::W64)?, arena.input(0, Width::W32)?);
    let low = arena.trunc(wide)?;
    let verdict = Prover::new(budget::GATES, QueryBudget::default()).equivalent(&arena, low, narrow)?;
    assert_eq!(verdict, Verdict::Proved { by: Engine::Rewriting });
    Ok(())
}

#[test]
fn a_precondition_restricts_the_claim() -> Tested {
    let mut arena = Arena::new(100);
    let (x, y) = (arena.input(0, Width::W64)?, arena.input(1, Width::W64)?);
    let quotient = arena.binary(BinaryOp::UDiv, x, y)?;
    let at_most = arena.ule(quotient, x)?;
    let zero = arena.constant(Width::W64, 0)?;
    let one = arena.constant(Width::W64, 1)?;
    let by_one = arena.eq(y, one)?;
    let same = arena.eq(quotient, x)?;
    let mut prover = Prover::new(budget::GATES, QueryBudget::default());
    assert!(matches!(prover.implies(&arena, by_one, same)?, Implication::Proved { .. }));
    let by_zero = arena.eq(y, zero)?;
    assert!(matches!(prover.implies(&arena, by_zero, same)?, Implication::Refuted { .. }));
    let both = arena.and(by_one, by_zero)?;
    assert!(matches!(prover.implies(&arena, both, at_most)?, Implication::Vacuous { .. }));
    Ok(())
}
