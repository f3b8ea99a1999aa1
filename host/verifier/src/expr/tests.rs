#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a failed construction fails the test")]

use super::*;

fn arena() -> Arena {
    Arena::new(1_000_000)
}

const CORNERS: [u64; 14] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    u64::MAX - 1,
    0x5555_5555_5555_5555,
    0x0123_4567_89ab_cdef,
    0x00ff_00ff_f00f_1001,
];

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

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

/// One random expression beside its value for each input, computed without the arena's rules.
struct Value {
    id: ExprId,
    width: Width,
    values: Vec<u64>,
}

fn random_constant(rng: &mut Rng) -> u64 {
    match rng.below(6) {
        0 => rng.next(),
        1 => 1 << rng.below(64),
        2 => !(1 << rng.below(64)),
        3 => (1u64 << rng.below(64)).wrapping_sub(1),
        4 => rng.below(70) as u64,
        _ => (u64::MAX << rng.below(64)) & (u64::MAX >> rng.below(64)),
    }
}

fn random_step(arena: &mut Arena, rng: &mut Rng, pool: &[Value], inputs: usize) -> Value {
    let pick = |rng: &mut Rng, width: Width| {
        let fits: Vec<&Value> = pool.iter().filter(|value| value.width == width).collect();
        fits[if rng.below(2) == 0 { fits.len() - 1 - rng.below(fits.len().min(4)) } else { rng.below(fits.len()) }]
    };
    let width = [Width::W32, Width::W64][rng.below(2)];
    let map1 = |a: &Value, f: &dyn Fn(u64) -> u64| a.values.iter().map(|a| f(*a)).collect::<Vec<_>>();
    let map2 = |a: &Value, b: &Value, f: &dyn Fn(u64, u64) -> u64| {
        a.values.iter().zip(&b.values).map(|(a, b)| f(*a, *b)).collect::<Vec<_>>()
    };
    match rng.below(14) {
        0..=4 => {
            let op = BINARY[if rng.below(3) == 0 { rng.below(15) } else { rng.below(9) }];
            let (a, b) = (pick(rng, width), pick(rng, width));
            Value {
                id: arena.binary(op, a.id, b.id).unwrap(),
                width,
                values: map2(a, b, &|a, b| fold_binary(op, width, a, b)),
            }
        }
        5 => {
            let op = [BinaryOp::And, BinaryOp::Or, BinaryOp::Xor][rng.below(3)];
            let (a, b) = (pick(rng, Width::W1), pick(rng, Width::W1));
            Value {
                id: arena.binary(op, a.id, b.id).unwrap(),
                width: Width::W1,
                values: map2(a, b, &|a, b| fold_binary(op, Width::W1, a, b)),
            }
        }
        6 => {
            let op = [CompareOp::Eq, CompareOp::Ult, CompareOp::Slt][rng.below(3)];
            let (a, b) = (pick(rng, width), pick(rng, width));
            Value {
                id: arena.compare(op, a.id, b.id).unwrap(),
                width: Width::W1,
                values: map2(a, b, &|a, b| fold_compare(op, width, a, b).into()),
            }
        }
        7 => {
            let width = [Width::W1, Width::W32, Width::W64][rng.below(3)];
            let (c, a, b) = (pick(rng, Width::W1), pick(rng, width), pick(rng, width));
            let values = (0..inputs).map(|i| if c.values[i] != 0 { a.values[i] } else { b.values[i] }).collect();
            Value { id: arena.select(c.id, a.id, b.id).unwrap(), width, values }
        }
        8 => {
            let narrow = [Width::W1, Width::W32][rng.below(2)];
            let a = pick(rng, narrow);
            Value { id: arena.zext(a.id, Width::W64).unwrap(), width: Width::W64, values: a.values.clone() }
        }
        9 => {
            let a = pick(rng, Width::W1);
            Value { id: arena.zext(a.id, Width::W32).unwrap(), width: Width::W32, values: a.values.clone() }
        }
        10 => {
            let a = pick(rng, Width::W32);
            Value {
                id: arena.sext(a.id).unwrap(),
                width: Width::W64,
                values: map1(a, &|a| (a as u32).cast_signed() as i64 as u64),
            }
        }
        11 => {
            let a = pick(rng, Width::W64);
            Value { id: arena.trunc(a.id).unwrap(), width: Width::W32, values: map1(a, &|a| a & 0xffff_ffff) }
        }
        12 => {
            let a = pick(rng, width);
            let bit = rng.below(width.bits() as usize) as u8;
            Value { id: arena.bit(a.id, bit).unwrap(), width: Width::W1, values: map1(a, &|a| (a >> bit) & 1) }
        }
        _ => {
            let a = pick(rng, Width::W1);
            Value { id: arena.not(a.id).unwrap(), width: Width::W1, values: map1(a, &|a| a ^ 1) }
        }
    }
}

/// Rewriting, facts and substitution against plain evaluation: 3,000 random expressions of 40 operators each.
#[test]
fn random_expressions_mean_what_their_operators_say() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    for round in 0..3000 {
        let mut arena = arena();
        let mut inputs: Vec<[u64; 2]> = CORNERS.iter().map(|corner| [*corner, rng.next()]).collect();
        inputs.extend((0..18).map(|_| [rng.next(), CORNERS[rng.below(CORNERS.len())]]));
        let column = |at: usize, mask: u64| inputs.iter().map(|input| input[at] & mask).collect::<Vec<_>>();
        let mut pool = vec![
            Value { id: arena.input(0, Width::W64).unwrap(), width: Width::W64, values: column(0, u64::MAX) },
            Value { id: arena.input(1, Width::W32).unwrap(), width: Width::W32, values: column(1, 0xffff_ffff) },
        ];
        let first = pool[0].id;
        let bit = arena.bit(first, 7).unwrap();
        pool.push(Value { id: bit, width: Width::W1, values: pool[0].values.iter().map(|v| (v >> 7) & 1).collect() });
        for width in [Width::W64, Width::W32, Width::W64, Width::W32, Width::W64] {
            let value = random_constant(&mut rng) & width.mask();
            let id = arena.constant(width, value).unwrap();
            pool.push(Value { id, width, values: vec![value; inputs.len()] });
        }
        for _ in 0..40 {
            let next = random_step(&mut arena, &mut rng, &pool, inputs.len());
            pool.push(next);
        }
        for (at, input) in inputs.iter().enumerate() {
            let mut evaluator = Evaluator::new(input.to_vec());
            for value in &pool {
                let (found, expected) = (evaluator.value(&arena, value.id), value.values[at]);
                assert_eq!(
                    found,
                    expected,
                    "round {round}, inputs {input:x?}: {}",
                    arena.display(value.id, &["x", "y"])
                );
                let facts = arena.facts(value.id);
                assert!(
                    found & facts.zeros == 0
                        && found & facts.ones == facts.ones
                        && (facts.min..=facts.max).contains(&found),
                    "round {round}, inputs {input:x?}: {found:#x} is not in {facts:x?} of {}",
                    arena.display(value.id, &["x", "y"])
                );
            }
        }
        let last = pool.last().unwrap().id;
        let swapped =
            [arena.constant(Width::W64, inputs[3][0]).unwrap(), arena.constant(Width::W32, inputs[3][1]).unwrap()];
        let constant = arena.substitute(last, &swapped).unwrap();
        assert_eq!(arena.as_const(constant), Some(pool.last().unwrap().values[3]), "round {round}: substitution");
    }
}

/// Every operator on every pair of corners: folding, and a node that cannot fold, agree.
#[test]
fn operators_fold_as_they_evaluate() {
    for width in [Width::W32, Width::W64] {
        for op in BINARY {
            let mut symbolic = arena();
            let (x, y) = (symbolic.input(0, width).unwrap(), symbolic.input(1, width).unwrap());
            let node = symbolic.binary(op, x, y).unwrap();
            for a in CORNERS {
                for b in CORNERS {
                    let (a, b) = (a & width.mask(), b & width.mask());
                    let mut folding = arena();
                    let (ca, cb) = (folding.constant(width, a).unwrap(), folding.constant(width, b).unwrap());
                    let folded = folding.binary(op, ca, cb).unwrap();
                    let expected = Evaluator::new(vec![a, b]).value(&symbolic, node);
                    assert_eq!(folding.as_const(folded), Some(expected), "{op:?} {width:?} {a:#x} {b:#x}");
                    let half = folding.input(0, width).unwrap();
                    let half = folding.binary(op, half, cb).unwrap();
                    assert_eq!(
                        Evaluator::new(vec![a]).value(&folding, half),
                        expected,
                        "{op:?} {width:?} {a:#x} {b:#x}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_node_budget_is_a_bound() {
    let mut arena = Arena::new(3);
    let x = arena.input(0, Width::W64).unwrap();
    let y = arena.input(1, Width::W64).unwrap();
    arena.mul(x, y).unwrap();
    assert_eq!(arena.len(), 3);
    let spent = arena.add(x, y).unwrap_err();
    assert_eq!(spent, NodeBudgetSpent { limit: 3 });
    assert_eq!(arena.len(), 3);
}

/// A chain of 100,000 operators is built, evaluated, substituted and printed without recursion on its depth.
#[test]
fn deep_chains_need_no_host_stack() {
    let mut arena = arena();
    let x = arena.input(0, Width::W64).unwrap();
    let mut chain = x;
    for step in 0..100_000u64 {
        let product = arena.mul(chain, x).unwrap();
        let k = arena.constant(Width::W64, step | 1).unwrap();
        chain = arena.add(product, k).unwrap();
    }
    Evaluator::new(vec![3]).value(&arena, chain);
    arena.substitute(chain, &[x]).unwrap();
    assert!(arena.display(chain, &["x"]).to_string().len() < 40 * arena.len());
}

mod golden;
