//! A selection and a word of one entry, reduced to masks: what a processor can do to eight entries at once.
//!
//! In: two closed forms over one argument, whether an entry is kept and the word that stands for it. Out: a [`Reduction`]
//! to tests `(x & mask) == value`, masked shifts and constants, or nothing where there is none that is small. Guaranteed:
//! for every entry that is kept the reduction gives the same word, and it keeps the same entries; that is proved of
//! expressions built from the reduction itself, after it was found. Not handled: words of entries that are not kept.

use crate::bits::aig::{CircuitError, Lit};
use crate::bits::budget::{GATES, QueryBudget};
use crate::bits::cover::{Cube, conjuncts, cubes};
use crate::bits::decide::{Decider, Verdict};
use crate::blast::Blaster;
use crate::expr::{Arena, BinaryOp, Built, ExprId, NodeBudgetSpent, Width};
use crate::fault::{Fault, seeded};

/// Tests that decide whether an entry is kept. Real tables need one or two, and one more for each name in a filter.
pub const KEEP_MAX: usize = 8;
/// Masked shifts of the entry. The frame takes one or two, marks that keep their distance share one.
pub const MOVES_MAX: usize = 4;
/// Tests that each toggle bits of the word.
pub const TERMS_MAX: usize = 16;

/// Bits of an entry put into their places in the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Bits to the right, or where negative, to the left.
    pub right: i32,
    /// The bits of the word that come from there.
    pub mask: u64,
}

impl Move {
    /// What the move contributes to the word of `x`.
    pub const fn of(self, x: u64) -> u64 {
        (if self.right >= 0 { x >> self.right } else { x << -self.right }) & self.mask
    }
}

/// Bits of the word that a test toggles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The test.
    pub cube: Cube,
    /// The bits.
    pub toggles: u64,
}

/// The reduction. An entry is kept where one of `keep` holds, or where none does if `inverted`; its word is
/// `constant`, toggled by what the moves bring and by every term that holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Reduction {
    /// Tests, of which at most one holds.
    pub keep: Vec<Cube>,
    /// Whether the tests say which entries are dropped.
    pub inverted: bool,
    /// Masked shifts; no two set one bit.
    pub moves: Vec<Move>,
    /// The word without moves and terms.
    pub constant: u64,
    /// Tests and what they toggle.
    pub terms: Vec<Term>,
}

impl Reduction {
    /// Whether an entry is kept.
    pub fn keeps(&self, x: u64) -> bool {
        self.keep.iter().any(|cube| cube.holds(x)) != self.inverted
    }

    /// Whether an entry is kept, and its word, as expressions over argument 0.
    ///
    /// # Errors
    /// Where they need more nodes than `arena` may hold.
    pub fn forms(&self, arena: &mut Arena) -> Result<[ExprId; 2], NodeBudgetSpent> {
        Ok([keep_form(arena, self)?, word_form(arena, self)?])
    }

    /// The word of an entry that is kept.
    pub fn word(&self, x: u64) -> u64 {
        let moved = self.moves.iter().fold(self.constant, |word, one| word ^ one.of(x));
        self.terms.iter().filter(|term| term.cube.holds(x)).fold(moved, |word, term| word ^ term.toggles)
    }
}

/// Why there is no reduction. All mean that the closed forms are to be evaluated as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Irreducible {
    /// Keeping or dropping entries takes more than [`KEEP_MAX`] tests.
    #[error("which entries are kept takes more than {KEEP_MAX} mask tests")]
    Keep,
    /// A bit of the word, or all together, takes more than [`TERMS_MAX`] tests.
    #[error("bit {bit} of the word takes more than {TERMS_MAX} mask tests in all")]
    Word {
        /// The bit.
        bit: u32,
    },
    /// The forms are too large for the prover.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The forms are too large for their arena.
    #[error(transparent)]
    Nodes(#[from] NodeBudgetSpent),
    /// The reduction was found, and not proved.
    #[error("the reduction to mask tests is not proved")]
    Unproved,
}

/// Reduces `keep`, a truth value, and `word`, 64 bits, over argument 0. Bit `i` of an entry is expected at bit
/// `i - distance` of the word, where that is below `frame_bits`, perhaps inverted by a test that many bits share.
///
/// # Errors
/// [`Irreducible`].
///
/// # Cost
/// A small decision diagram for each bit of the word that is no copy, and two questions to the prover.
pub fn reduce(
    arena: &mut Arena,
    keep: ExprId,
    word: ExprId,
    distance: u32,
    frame_bits: u32,
) -> Result<Reduction, Irreducible> {
    let mut blaster = Blaster::new(GATES);
    let entry = blaster.argument(0)?.bits().to_vec();
    let kept = blaster.truth(arena, keep)?;
    let bits = blaster.word(arena, word)?.bits().to_vec();
    let granted = conjuncts(blaster.aig(), kept).unwrap_or_default();
    let found = Reduction::default();
    let mut finder = Finder { blaster: &mut blaster, entry, kept, granted, distance, frame_bits, found };
    finder.keep()?;
    finder.word(&bits)?;
    let mut found = finder.found;
    if damaged(&mut found) {
        return Ok(found);
    }
    let [reduced_keep, reduced_word] = found.forms(arena)?;
    let reduced_kept = blaster.truth(arena, reduced_keep)?;
    let reduced_bits = blaster.word(arena, reduced_word)?.bits().to_vec();
    prove(&mut blaster, kept, reduced_kept, bits.into_iter().zip(reduced_bits))?;
    Ok(found)
}

/// Seeded faults of a reduction, of which the proof would find both.
fn damaged(found: &mut Reduction) -> bool {
    if seeded(Fault::CubeLosesLiteral) {
        found.keep.iter_mut().for_each(|cube| {
            cube.mask &= cube.mask.wrapping_sub(1);
            cube.value &= cube.mask;
        });
    }
    if seeded(Fault::MoveOffByOne) {
        found.moves.iter_mut().for_each(|one| one.right += 1);
    }
    seeded(Fault::CubeLosesLiteral) || seeded(Fault::MoveOffByOne)
}

struct Finder<'a> {
    blaster: &'a mut Blaster,
    entry: Vec<Lit>,
    kept: Lit,
    /// The literals of the conjunction that `kept` is.
    granted: Vec<Lit>,
    distance: u32,
    frame_bits: u32,
    found: Reduction,
}

impl Finder<'_> {
    fn keep(&mut self) -> Result<(), Irreducible> {
        let aig = self.blaster.aig();
        let kept = cubes(aig, self.kept, KEEP_MAX);
        let dropped = cubes(aig, !self.kept, kept.as_ref().map_or(KEEP_MAX, |kept| kept.len().saturating_sub(1)));
        (self.found.keep, self.found.inverted) = match (kept, dropped) {
            (_, Some(dropped)) => (dropped, true),
            (Some(kept), None) => (kept, false),
            (None, None) => return Err(Irreducible::Keep),
        };
        Ok(())
    }

    fn word(&mut self, bits: &[Lit]) -> Result<(), Irreducible> {
        let mut moves: Vec<Move> = Vec::new();
        let mut copies: Vec<(u32, u32)> = Vec::new();
        let mut tests: Vec<(Lit, u64)> = Vec::new();
        for (bit, lit) in (0..).zip(bits) {
            match self.part(bit, *lit)? {
                Part::Zero => {}
                Part::One => self.found.constant |= 1 << bit,
                Part::Copy { of, inverted } => {
                    self.found.constant |= u64::from(inverted) << bit;
                    copies.push((bit, of));
                }
                Part::Toggled { of, by } => {
                    copies.extend(of.map(|of| (bit, of)));
                    match tests.iter_mut().find(|(test, _)| *test == by || *test == !by) {
                        Some((test, toggles)) => {
                            self.found.constant |= u64::from(*test != by) << bit;
                            *toggles |= 1 << bit;
                        }
                        None => tests.push((by, 1 << bit)),
                    }
                }
            }
        }
        for (bit, of) in copies {
            let right = i32::try_from(of).unwrap_or(0) - i32::try_from(bit).unwrap_or(0);
            match moves.iter_mut().find(|one| one.right == right) {
                Some(one) => one.mask |= 1 << bit,
                None => moves.push(Move { right, mask: 1 << bit }),
            }
        }
        moves.sort_by_key(|one| std::cmp::Reverse(one.mask.count_ones()));
        // Single bits that no move has room for are tests of one bit.
        for one in moves.drain(MOVES_MAX.min(moves.len())..) {
            for bit in (0..64).filter(|bit| one.mask >> bit & 1 == 1) {
                let of = usize::try_from(i64::from(bit) + i64::from(one.right)).unwrap_or(0);
                tests.push((self.entry[of], 1 << bit));
            }
        }
        self.found.moves = moves;
        tests.into_iter().try_for_each(|(test, toggles)| self.test(test, toggles))
    }

    /// What a bit of the word is, for entries that are kept.
    fn part(&mut self, bit: u32, lit: Lit) -> Result<Part, Irreducible> {
        if let Some(constant) = lit.as_constant() {
            return Ok(if constant { Part::One } else { Part::Zero });
        }
        let place = |lit: Lit| self.entry.iter().position(|x| *x == lit).and_then(|i| u32::try_from(i).ok());
        if let Some(of) = place(lit) {
            return Ok(Part::Copy { of, inverted: false });
        }
        if let Some(of) = place(!lit) {
            return Ok(Part::Copy { of, inverted: true });
        }
        // What keeping an entry plainly takes for granted is constant in its word.
        if self.granted.contains(&lit) {
            return Ok(Part::One);
        }
        if self.granted.contains(&!lit) {
            return Ok(Part::Zero);
        }
        let of = bit + self.distance;
        if bit < self.frame_bits
            && let Some(x) = self.entry.get(of as usize)
        {
            let by = self.blaster.aig_mut().xor(lit, *x)?;
            if cubes(self.blaster.aig(), by, 2).is_some() || cubes(self.blaster.aig(), !by, 2).is_some() {
                return Ok(Part::Toggled { of: Some(of), by });
            }
        }
        Ok(Part::Toggled { of: None, by: lit })
    }

    /// Adds the terms of a test that toggles bits, or those of its opposite, if they are fewer.
    fn test(&mut self, test: Lit, toggles: u64) -> Result<(), Irreducible> {
        let room = TERMS_MAX - self.found.terms.len();
        let aig = self.blaster.aig();
        let yes = cubes(aig, test, room);
        let no = cubes(aig, !test, yes.as_ref().map_or(room, |yes| yes.len().saturating_sub(1)));
        let found = match (yes, no) {
            (_, Some(no)) => {
                self.found.constant ^= toggles;
                no
            }
            (Some(yes), None) => yes,
            (None, None) => return Err(Irreducible::Word { bit: toggles.trailing_zeros() }),
        };
        self.found.terms.extend(found.into_iter().map(|cube| Term { cube, toggles }));
        Ok(())
    }
}

/// A bit of the word.
#[derive(Clone, Copy)]
enum Part {
    Zero,
    One,
    Copy { of: u32, inverted: bool },
    Toggled { of: Option<u32>, by: Lit },
}

/// Proves that the reduction keeps what is kept, and that each pair of bits is equal where an entry is kept. Most pairs
/// are one literal; the others are one question together.
fn prove(
    blaster: &mut Blaster,
    kept: Lit,
    reduced: Lit,
    bits: impl Iterator<Item = (Lit, Lit)>,
) -> Result<(), Irreducible> {
    let aig = blaster.aig_mut();
    let mut wrong = aig.xor(kept, reduced)?;
    for (bit, reduced) in bits {
        let differs = aig.xor(bit, reduced)?;
        let differs = aig.and(kept, differs)?;
        wrong = aig.or(wrong, differs)?;
    }
    match Decider::new(QueryBudget::default()).always_false(aig, wrong) {
        Ok(Verdict::Proved { .. }) => Ok(()),
        _ => Err(Irreducible::Unproved),
    }
}

fn cube_form(arena: &mut Arena, cube: Cube) -> Built {
    let x = arena.input(0, Width::W64)?;
    let mask = arena.constant(Width::W64, cube.mask)?;
    let value = arena.constant(Width::W64, cube.value)?;
    let masked = arena.and(x, mask)?;
    arena.eq(masked, value)
}

fn keep_form(arena: &mut Arena, found: &Reduction) -> Built {
    let mut any = arena.constant(Width::W1, 0)?;
    for cube in &found.keep {
        let holds = cube_form(arena, *cube)?;
        any = arena.or(any, holds)?;
    }
    if found.inverted { arena.not(any) } else { Ok(any) }
}

fn word_form(arena: &mut Arena, found: &Reduction) -> Built {
    let x = arena.input(0, Width::W64)?;
    let mut word = arena.constant(Width::W64, found.constant)?;
    for one in &found.moves {
        let op = if one.right >= 0 { BinaryOp::ShrU } else { BinaryOp::Shl };
        let amount = arena.constant(Width::W64, one.right.unsigned_abs().into())?;
        let mask = arena.constant(Width::W64, one.mask)?;
        let shifted = arena.binary(op, x, amount)?;
        let placed = arena.and(shifted, mask)?;
        word = arena.xor(word, placed)?;
    }
    for term in &found.terms {
        let holds = cube_form(arena, term.cube)?;
        let toggles = arena.constant(Width::W64, term.toggles)?;
        let zero = arena.constant(Width::W64, 0)?;
        let toggled = arena.select(holds, toggles, zero)?;
        word = arena.xor(word, toggled)?;
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Evaluator;

    /// Entries with every pattern of the bits that the forms below look at, and the ends of the word.
    fn entries() -> impl Iterator<Item = u64> {
        let busy = [0, 1, 11, 12, 20, 47, 51, 57, 58, 63];
        let spread = move |code: u64| (0..busy.len()).filter(|i| code >> i & 1 == 1).fold(0, |x, i| x | 1 << busy[i]);
        (0..1 << busy.len()).map(spread).chain([u64::MAX, 0x0123_4567_89ab_cdef, 1 << 33])
    }

    /// Reduces forms of `x` and compares the reduction with them.
    fn reduced(
        forms: impl Fn(&mut Arena, ExprId) -> Result<[ExprId; 2], NodeBudgetSpent>,
    ) -> Result<Reduction, Irreducible> {
        let mut arena = Arena::new(10_000);
        let x = arena.input(0, Width::W64)?;
        let [keep, word] = forms(&mut arena, x)?;
        let found = reduce(&mut arena, keep, word, 12, 40)?;
        for entry in entries() {
            let mut evaluator = Evaluator::new(vec![entry]);
            let kept = evaluator.value(&arena, keep) != 0;
            assert_eq!(found.keeps(entry), kept, "{entry:#x}: {found:x?}");
            if kept {
                assert_eq!(found.word(entry), evaluator.value(&arena, word), "{entry:#x}: {found:x?}");
            }
        }
        Ok(found)
    }

    fn frame(arena: &mut Arena, x: ExprId) -> Built {
        let (twelve, mask) = (arena.constant(Width::W64, 12)?, arena.constant(Width::W64, (1 << 36) - 1)?);
        let shifted = arena.binary(BinaryOp::ShrU, x, twelve)?;
        arena.and(shifted, mask)
    }

    fn flag(arena: &mut Arena, truth: ExprId, to: u64) -> Built {
        let (bit, to) = (arena.zext(truth, Width::W64)?, arena.constant(Width::W64, to)?);
        arena.binary(BinaryOp::Shl, bit, to)
    }

    #[test]
    fn all_that_is_not_empty_is_one_inverted_test() {
        let found = reduced(|arena, x| Ok([arena.truth(x)?, frame(arena, x)?])).expect("small");
        assert_eq!((found.keep.len(), found.inverted), (1, true));
        assert_eq!(found.moves, [Move { right: 12, mask: (1 << 36) - 1 }]);
        assert_eq!((found.constant, found.terms.len()), (0, 0));
    }

    #[test]
    fn two_bits_that_keep_are_one_test_that_drops_and_flags_are_moves_or_terms() {
        let found = reduced(|arena, x| {
            let (valid, protnone) = (arena.bit(x, 0)?, arena.bit(x, 58)?);
            let keep = arena.or(valid, protnone)?;
            let (devmap, mut word) = (arena.bit(x, 57)?, frame(arena, x)?);
            let (read_only, dirty) = (arena.bit(x, 51)?, arena.bit(x, 63)?);
            let clean = arena.not(dirty)?;
            let both = arena.and(read_only, clean)?;
            for (truth, to) in [(devmap, 51), (both, 52), (keep, 53)] {
                let placed = flag(arena, truth, to)?;
                word = arena.or(word, placed)?;
            }
            Ok([keep, word])
        })
        .expect("small");
        assert_eq!((found.keep.len(), found.inverted), (1, true), "one says what is dropped, two what is kept");
        assert_eq!(found.moves.len(), 2);
        assert_eq!(found.constant, 1 << 53, "whatever is kept is kept");
        assert_eq!(found.terms.len(), 1);
    }

    #[test]
    fn a_frame_that_a_test_inverts_is_one_term() {
        let found = reduced(|arena, x| {
            let (present, other) = (arena.bit(x, 0)?, arena.bit(x, 58)?);
            let keep = arena.or(present, other)?;
            let (zero, ones) = (arena.constant(Width::W64, 0)?, arena.constant(Width::W64, u64::MAX)?);
            let inverted = arena.select(present, zero, ones)?;
            let value = arena.xor(x, inverted)?;
            Ok([keep, frame(arena, value)?])
        })
        .expect("small");
        assert_eq!(found.moves.len(), 1);
        assert_eq!(found.terms.len(), 1);
        assert_eq!(found.terms[0].toggles, (1 << 36) - 1);
    }

    #[test]
    fn what_is_no_mask_test_is_irreducible() {
        let multiplied = reduced(|arena, x| {
            let product = arena.mul(x, x)?;
            Ok([arena.bit(product, 33)?, x])
        });
        assert_eq!(multiplied, Err(Irreducible::Keep));
        let summed = reduced(|arena, x| {
            let one = arena.constant(Width::W64, 0x1_0001)?;
            Ok([arena.bit(x, 0)?, arena.add(x, one)?])
        });
        assert!(matches!(summed, Err(Irreducible::Word { .. })), "{summed:?}");
    }
}
