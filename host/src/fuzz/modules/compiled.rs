//! Compiled code against closed forms: Cranelift's scan and record, the reduction to mask tests, and each vector kernel.
//!
//! Half of the forms are the grammar's: a predicate that keeps and a word, whatever they compute. The other half are what
//! plugins are made of, tests of masks and moved fields, so that they reduce and the kernels run.

use ptwalk_verifier::expr::{Arena, BinaryOp, Built, ExprId, Width};

use super::{Judged, values};
use crate::engine::Run;
use crate::engine::fused::bare::{Bare, Scan};
use crate::fuzz::grammar::{self, Shape};
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};
use crate::fuzz::seed_of;

/// O8.
pub(in crate::fuzz) const COMPILED: Entry = Entry {
    name: "compiled",
    about: "compiled code, the reduction and every vector kernel compute the closed forms (O8)",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Compiled)),
};

/// Choices of one pair of forms.
const CHOICES: usize = 2500;

/// Entries of one scan: not a multiple of what a kernel takes at a time.
const ENTRIES: usize = 203;

/// Nodes of forms that are made here.
const NODES: usize = 20_000;

struct Compiled;

impl Property for Compiled {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let scan = Scan {
            until: random.one_in(4),
            big_endian: random.one_in(3),
            index_shift: random.pick(&[36, 38, 40]),
            distance: random.pick(&[12, 14, 16]),
        };
        let forms = if random.one_in(2) { of_grammar(random, tally) } else { of_masks(random).map(Some) }?;
        let Some((mut arena, keep, word)) = forms else { return Ok(()) };
        // The index has its place to itself.
        let free = arena.constant(Width::W64, !(0xffff << scan.index_shift))?;
        let word = arena.and(word, free)?;
        let bare = Bare::new(&mut arena, keep, word, scan)?;
        tally.judge(bare.reduction().is_some());
        let random = &mut Random::new(seed_of(input));
        let entries: Vec<u64> = (0..ENTRIES).map(|_| random.entry()).collect();
        tally.executions += compare(&arena, (keep, word), scan, &bare, &entries)?;
        Ok(())
    }
}

/// The closed forms of two exports of a module of the grammar, if both stand for their code.
fn of_grammar(random: &mut Random<'_>, tally: &mut Tally) -> Result<Option<(Arena, ExprId, ExprId)>, Failure> {
    let bytes = grammar::module(random, Shape { exports: 3, ..Shape::ONE.careful() });
    let judged = Judged::of(&bytes, tally).ok_or("the grammar: a module that does not validate")?;
    let mut forms = judged.sound().filter_map(|claim| claim.result);
    let (Some(first), second) = (forms.next(), forms.next()) else { return Ok(None) };
    let mut arena = judged.claims.arena.with_node_limit(judged.claims.arena.len() + NODES);
    // Compiled code has one argument; others are 0 to it, and so they are to the forms.
    let x = arena.input(0, Width::W64)?;
    let zero = arena.constant(Width::W64, 0)?;
    let narrow_zero = arena.constant(Width::W32, 0)?;
    let one_argument = |arena: &mut Arena, form: ExprId| -> Result<ExprId, Failure> {
        let reachable = arena.reachable(&[form]);
        let is_narrow = reachable.iter().any(|id| {
            matches!(arena.node(*id), ptwalk_verifier::expr::Node::Input(1)) && arena.width(*id) == Width::W32
        });
        Ok(arena.substitute(form, &[x, if is_narrow { narrow_zero } else { zero }])?)
    };
    let first = one_argument(&mut arena, first)?;
    let second = one_argument(&mut arena, second.unwrap_or(first))?;
    let keep = arena.truth(first)?;
    let word = arena.zext(second, Width::W64)?;
    Ok(Some((arena, keep, word)))
}

/// Tests of masks and moved fields.
fn of_masks(random: &mut Random<'_>) -> Result<(Arena, ExprId, ExprId), Failure> {
    let mut arena = Arena::new(NODES);
    let mut keep = cube(&mut arena, random)?;
    for _ in 0..random.below(3) {
        let next = cube(&mut arena, random)?;
        keep = if random.one_in(2) { arena.or(keep, next)? } else { arena.and(keep, next)? };
    }
    if random.one_in(4) {
        keep = arena.not(keep)?;
    }
    let distance = random.pick(&[12, 14, 16]);
    let mask = random.pick(&[(1 << 36) - 1, (1 << 30) - 1, (1 << 44) - 1, 0xff]);
    let mut word = moved(&mut arena, distance, mask)?;
    for _ in 0..random.below(4) {
        // A flag from a bit, or from a test.
        let to = 50 + random.below(14);
        let flag = if random.one_in(2) {
            let x = arena.input(0, Width::W64)?;
            arena.bit(x, u8::try_from(random.below(64))?)?
        } else {
            cube(&mut arena, random)?
        };
        let (set, clear) = (arena.constant(Width::W64, 1 << to)?, arena.constant(Width::W64, 0)?);
        let flag = arena.select(flag, set, clear)?;
        word = arena.xor(word, flag)?;
    }
    if random.one_in(3) {
        // Inverted where a test holds, as x86 does against L1TF.
        let test = cube(&mut arena, random)?;
        let (ones, zero) = (arena.constant(Width::W64, mask)?, arena.constant(Width::W64, 0)?);
        let inverted = arena.select(test, ones, zero)?;
        word = arena.xor(word, inverted)?;
    }
    Ok((arena, keep, word))
}

/// `(x & mask) == value` with one to three bits.
fn cube(arena: &mut Arena, random: &mut Random<'_>) -> Built {
    let x = arena.input(0, Width::W64)?;
    let mask = (0..1 + random.below(3)).fold(0_u64, |mask, _| mask | 1 << random.below(64));
    let value = mask & random.word();
    let (mask, value) = (arena.constant(Width::W64, mask)?, arena.constant(Width::W64, value)?);
    let masked = arena.and(x, mask)?;
    arena.eq(masked, value)
}

/// `(x >> by) & mask`.
fn moved(arena: &mut Arena, by: u64, mask: u64) -> Built {
    let (x, by, mask) =
        (arena.input(0, Width::W64)?, arena.constant(Width::W64, by)?, arena.constant(Width::W64, mask)?);
    let shifted = arena.binary(BinaryOp::ShrU, x, by)?;
    arena.and(shifted, mask)
}

/// Compares every way to scan with the forms; says how many words were compared.
fn compare(
    arena: &Arena,
    (keep, word): (ExprId, ExprId),
    scan: Scan,
    bare: &Bare,
    entries: &[u64],
) -> Result<u64, Failure> {
    let columns = [entries.to_vec()];
    let (kept, words) = (values(arena, keep, &columns), values(arena, word, &columns));
    for ((entry, kept), word) in entries.iter().zip(&kept).zip(&words) {
        if bare.word(*entry) != *word {
            return Err(format!("record: {entry:#x} has {:#x}, the form {word:#x}", bare.word(*entry)).into());
        }
        let Some(reduction) = bare.reduction() else { continue };
        if reduction.keeps(*entry) != (*kept != 0) || *kept != 0 && reduction.word(*entry) != *word {
            return Err(format!("reduction: of {entry:#x}: the forms keep {kept} of word {word:#x}").into());
        }
    }
    let bytes: Vec<u8> =
        entries.iter().flat_map(|x| if scan.big_endian { x.to_be_bytes() } else { x.to_le_bytes() }).collect();
    let first = 5;
    let all =
        entries.iter().enumerate().map(|(at, _)| (kept[at] != 0, words[at] | (at as u64 + first) << scan.index_shift));
    let expected: Vec<u64> = if scan.until {
        all.take_while(|(kept, _)| *kept).map(|(_, word)| word).collect()
    } else {
        all.filter(|(kept, _)| *kept).map(|(_, word)| word).collect()
    };
    let run = Run { bytes: &bytes, first: u32::try_from(first)?, ahead: &[] };
    let mut ways = vec![("scalar".to_owned(), bare.scalar(run))];
    ways.extend(bare.vector(run).into_iter().map(|(isa, words)| (isa.name().to_owned(), words)));
    for (way, found) in &ways {
        if *found != expected {
            let at = found.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
            let (a, b) = (found.get(at), expected.get(at));
            return Err(format!("{way}: word {at} of {scan:?} is {a:x?}, by the forms {b:x?}").into());
        }
    }
    Ok((entries.len() * (1 + ways.len())) as u64)
}
