//! Random closed forms: what a layout claims about a bit is what evaluation shows.

use super::*;
use crate::diagram::bits::{Origin, origin, support};
use crate::expr::Evaluator;

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

    fn constant(&mut self) -> u64 {
        match self.below(6) {
            0 => self.next(),
            1 | 2 => 1 << self.below(64),
            3 => !(1 << self.below(64)),
            4 => self.below(70) as u64,
            _ => (u64::MAX << self.below(64)) & (u64::MAX >> self.below(64)),
        }
    }

    /// Words to try: every single bit and its complement, and random ones.
    fn words(&mut self) -> Vec<u64> {
        let singles = (0..64).flat_map(|bit| [1 << bit, !(1 << bit)]);
        singles.chain([0, u64::MAX]).chain((0..64).map(|_| self.next())).collect()
    }
}

/// Every operator, with two 64-bit inputs.
fn random_forms(rng: &mut Rng, steps: usize) -> (Arena, Vec<ExprId>) {
    const OPS: [BinaryOp; 20] = [
        And,
        And,
        And,
        Or,
        Or,
        Xor,
        Xor,
        Shl,
        ShrU,
        ShrU,
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::ShrS,
        BinaryOp::Rotl,
        BinaryOp::Rotr,
        BinaryOp::UDiv,
        BinaryOp::URem,
        BinaryOp::SDiv,
        BinaryOp::SRem,
    ];
    let mut arena = Arena::new(100_000);
    let x = arena.input(0, Width::W64).unwrap();
    let mut pool = vec![x, x, arena.input(1, Width::W64).unwrap()];
    let narrow = arena.trunc(x).unwrap();
    pool.extend([narrow, arena.bit(x, 5).unwrap(), arena.bit(narrow, 9).unwrap()]);
    for _ in 0..steps {
        let a = if rng.below(4) == 0 { x } else { pool[pool.len() - 1 - rng.below(pool.len().min(12))] };
        let width = arena.width(a);
        let peers: Vec<ExprId> = pool.iter().copied().filter(|peer| arena.width(*peer) == width).collect();
        let peer = peers[rng.below(peers.len())];
        let b = if rng.below(3) == 0 { peer } else { arena.constant(width, rng.constant()).unwrap() };
        let truths: Vec<ExprId> = pool.iter().copied().filter(|truth| arena.width(*truth) == Width::W1).collect();
        let made = match rng.below(10) {
            0..=4 => {
                let op = if width == Width::W1 { OPS[rng.below(7)] } else { OPS[rng.below(20)] };
                arena.binary(op, a, b)
            }
            5 if width != Width::W1 => {
                let op = [CompareOp::Eq, CompareOp::Ult, CompareOp::Slt][rng.below(3)];
                if rng.below(2) == 0 { arena.compare(op, a, b) } else { arena.compare(op, b, a) }
            }
            6 => arena.select(truths[rng.below(truths.len())], a, b),
            7 if width == Width::W64 => arena.trunc(a),
            7 if width == Width::W32 && rng.below(2) == 0 => arena.sext(a),
            7 | 8 if width != Width::W64 => arena.zext(a, Width::W64),
            _ => arena.bit(a, rng.below(width.bits() as usize) as u8),
        };
        pool.push(made.unwrap());
    }
    (arena, pool)
}

fn value(arena: &Arena, form: ExprId, x: u64, y: u64) -> u64 {
    Evaluator::new(vec![x, y]).value(arena, form)
}

#[test]
fn bits_outside_the_support_change_nothing() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let mut partial = 0;
    for _ in 0..300 {
        let (arena, pool) = random_forms(&mut rng, 24);
        for &form in pool.iter().rev().take(8) {
            let wanted = if rng.below(2) == 0 { u64::MAX } else { rng.constant() };
            let bits = support(&arena, form, 0, wanted);
            partial += usize::from(bits != 0 && bits != u64::MAX);
            for x in rng.words() {
                let (y, other) = (rng.next(), x ^ (rng.next() & !bits));
                let (before, after) = (value(&arena, form, x, y), value(&arena, form, other, y));
                assert_eq!((before ^ after) & wanted, 0, "{} {x:#x} {other:#x}", arena.display(form, &["x", "y"]));
            }
        }
    }
    assert!(partial > 300, "only {partial} forms depend on some bits");
}

#[test]
fn origins_hold_for_every_word() {
    let mut rng = Rng(0x2545_f491_4f6c_dd1d);
    let mut seen = [0usize; 5];
    for _ in 0..300 {
        let (arena, pool) = random_forms(&mut rng, 24);
        let form = pool[pool.len() - 1 - rng.below(8)];
        let origins: Vec<Origin> = (0..64).map(|bit| origin(&arena, form, bit, 0)).collect();
        for x in rng.words() {
            let found = value(&arena, form, x, rng.next());
            for (bit, source) in origins.iter().enumerate() {
                let expected = match *source {
                    Origin::Constant(value) => value,
                    Origin::Bit { index, negated } => ((x >> index) & 1 == 1) ^ negated,
                    _ => continue,
                };
                assert_eq!((found >> bit) & 1 == 1, expected, "bit {bit} of {}", arena.display(form, &["x", "y"]));
            }
        }
        for source in origins {
            seen[match source {
                Origin::Constant(_) => 0,
                Origin::Bit { negated: false, .. } => 1,
                Origin::Bit { negated: true, .. } => 2,
                Origin::Carried(_) => 3,
                Origin::Switch | Origin::Mixed => 4,
            }] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}

#[test]
fn layouts_cover_the_entry_and_name_bits_rightly() {
    let mut rng = Rng(0x1234_5678_9abc_def1);
    let helpers: Vec<Helper> = Helper::ALL.iter().copied().filter(|helper| helper.level() == Level::Pte).collect();
    let mut named = 0;
    for _ in 0..200 {
        let (mut arena, pool) = random_forms(&mut rng, 40);
        let mut forms: Vec<(Helper, ExprId)> = Vec::new();
        for _ in 0..rng.below(24) {
            let helper = helpers[rng.below(helpers.len())];
            let form = pool[rng.below(pool.len())];
            let width = arena.width(form);
            let wanted = helper.signature().result();
            // Predicates are often true bits, sometimes any word: the layout must not trust a signature.
            let form = match (wanted, width) {
                (ptwalk_abi::ValType::I32, Width::W64) => arena.trunc(form).unwrap(),
                (ptwalk_abi::ValType::I32, _) => arena.zext(form, Width::W32).unwrap(),
                (ptwalk_abi::ValType::I64, _) => arena.zext(form, Width::W64).unwrap(),
            };
            forms.push((helper, form));
        }
        // Each helper once: names say nothing of which form.
        forms.sort_by_key(|(helper, _)| *helper);
        forms.dedup_by_key(|(helper, _)| *helper);
        let list: Vec<_> = forms.iter().map(|(helper, form)| (*helper, &arena, *form)).collect();
        let layout = EntryLayout::new(Level::Pte, &list);
        assert_covers(&layout);
        let words = rng.words();
        for field in &layout.fields {
            for name in &field.names {
                let form = forms.iter().find(|(helper, _)| *helper == name.helper).unwrap().1;
                let negated = match name.role {
                    Role::Is => 0,
                    Role::IsNot => 1,
                    _ => continue,
                };
                named += 1;
                for x in &words {
                    let found = value(&arena, form, *x, rng.next());
                    assert_eq!(found, ((x >> field.low) & 1) ^ negated, "{}", name.helper);
                }
            }
        }
        check_makers(&arena, &forms, &layout, &words);
        for style in [Style::Ascii, Style::Box] {
            for width in [0, 40, 79, 80, 100] {
                let text = layout.draw(width, style);
                let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= width.max(40), "{widest} columns of {width}:\n{text}");
            }
        }
        pictures::assert_well_formed(&layout.svg("random"));
    }
    assert!(named > 100, "only {named} predicates were single bits");
}

fn check_makers(arena: &Arena, forms: &[(Helper, ExprId)], layout: &EntryLayout, words: &[u64]) {
    for bits in layout.helpers.iter().filter(|bits| build::Use::of(bits.helper) == Some(build::Use::Maker)) {
        let form = forms.iter().find(|(helper, _)| *helper == bits.helper).unwrap().1;
        let kept = !(bits.sets.0 | bits.clears.0 | bits.changes.0);
        for x in words {
            let found = value(arena, form, *x, !x);
            assert_eq!(found & bits.sets.0, bits.sets.0);
            assert_eq!(found & bits.clears.0, 0);
            assert_eq!((found ^ x) & kept, 0);
        }
    }
}
