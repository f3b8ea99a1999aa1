//! The portfolio on questions of the kind plugins raise: which engine settles them, with which input, and that the
//! hopeless ones end.

use super::{Finding, found};
use crate::bits::aig::{Aig, CircuitError, Lit};
use crate::bits::bdd::{self, Bdd};
use crate::bits::budget::{self, QueryBudget};
use crate::bits::cone::Cone;
use crate::bits::decide::{DecideError, Decider, Engine, Exhausted, Implication, Spent, Verdict};
use crate::bits::sat::{Ceiling, Outcome, Sat};
use crate::bits::word::{self, Word};
use crate::deadline::Deadline;
use crate::fault::{self, Fault};
use std::time::{Duration, Instant};

/// An odd constant whose products spread over all bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// x86's `_PAGE_PRESENT`, `_PAGE_PSE`, `_PAGE_DEVMAP` and physical page mask of a PMD (arch/x86/include/asm/pgtable_types.h, v5.3).
const PRESENT: u64 = 1;
const PSE: u64 = 1 << 7;
const DEVMAP: u64 = 1 << 58;
const PMD_PAGE_MASK: u64 = 0x000f_ffff_ffe0_0000;

pub(super) fn constant(value: u64) -> Result<Word, CircuitError> {
    Word::constant(value, 64)
}

/// `(x & mask) << left` or `>> right`, whichever is not zero.
fn field(g: &mut Aig, x: &Word, mask: u64, left: u64, right: u64) -> Result<Word, CircuitError> {
    let kept = word::and(g, x, &constant(mask)?)?;
    let raised = word::shl(g, &kept, &constant(left)?)?;
    word::shr_u(g, &raised, &constant(right)?)
}

/// Byte swap the way a compiler writes it: masks and shifts, joined by or.
pub(super) fn bswap(g: &mut Aig, x: &Word) -> Result<Word, CircuitError> {
    let mut swapped = constant(0)?;
    for byte in 0..8_u64 {
        let (from, to) = (8 * byte, 56 - 8 * byte);
        let part = field(g, x, 0xff << from, to.saturating_sub(from), from.saturating_sub(to))?;
        swapped = word::or(g, &swapped, &part)?;
    }
    Ok(swapped)
}

/// `while (x) { x &= x - 1; n++ }`, unrolled.
pub(super) fn popcount_loop(g: &mut Aig, x: &Word) -> Result<Word, CircuitError> {
    let (mut x, mut count) = (x.clone(), constant(0)?);
    for _ in 0..64 {
        let again = word::any(g, &x)?;
        let less = word::sub(g, &x, &constant(1)?)?;
        x = word::and(g, &x, &less)?;
        let step = word::zext(&Word::new(vec![again])?, 64)?;
        count = word::add(g, &count, &step)?;
    }
    Ok(count)
}

/// `(x * SPREAD) >> 40 == 0xabcdef`.
pub(super) fn hashed_backdoor(g: &mut Aig, x: &Word) -> Result<Lit, CircuitError> {
    let product = word::mul(g, x, &constant(SPREAD)?)?;
    let top = word::shr_u(g, &product, &constant(40)?)?;
    word::eq(g, &top, &constant(0x00ab_cdef)?)
}

/// `pmd_pfn` with the L1TF inversion of arch/x86/include/asm/pgtable-invert.h (v5.3): a non-zero entry that is not
/// present has its address bits inverted.
fn pmd_pfn(g: &mut Aig, pmd: &Word) -> Result<Word, CircuitError> {
    let some = word::any(g, pmd)?;
    let inverted = g.and(some, !pmd.bits()[0])?;
    let address = word::mux(g, inverted, &word::not(pmd), pmd)?;
    field(g, &address, PMD_PAGE_MASK, 0, 12)
}

/// `pmd_pfn(pmd_mkdevmap(x)) == pmd_pfn(x)`.
pub(super) fn pfn_kept(g: &mut Aig, x: &Word) -> Result<Lit, CircuitError> {
    let made = word::or(g, x, &constant(DEVMAP | PSE)?)?;
    let (after, before) = (pmd_pfn(g, &made)?, pmd_pfn(g, x)?);
    word::eq(g, &after, &before)
}

/// Both sides of `x*y*(x+y) == x*x*y + x*y*y`: true, and out of reach.
pub(super) fn distributed(g: &mut Aig, x: &Word, y: &Word) -> Result<(Word, Word), CircuitError> {
    let (xy, sum) = (word::mul(g, x, y)?, word::add(g, x, y)?);
    let left = word::mul(g, &xy, &sum)?;
    let (xxy, xyy) = (word::mul(g, &xy, x)?, word::mul(g, &xy, y)?);
    Ok((left, word::add(g, &xxy, &xyy)?))
}

pub(super) fn one_input() -> Result<(Aig, Word), CircuitError> {
    let mut g = Aig::new(budget::GATES);
    let x = Word::input(&mut g, 64)?;
    Ok((g, x))
}

pub(super) fn two_inputs() -> Result<(Aig, Word, Word), CircuitError> {
    let (mut g, x) = one_input()?;
    let y = Word::input(&mut g, 64)?;
    Ok((g, x, y))
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Result<(), Finding> {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:x?} instead of {want:x?}")) }
}

/// A hopeless question takes a second on an idle machine; this is for one that builds something else meanwhile.
const HANG: Duration = Duration::from_secs(60);

/// The work of one question stays within its budget, but for conflicts that follow each other without a decision.
fn bounded(spent: &Spent) -> Result<(), Finding> {
    let steps = u64::from(budget::BDD_NODES_PER_QUERY) * budget::BDD_STEPS_PER_NODE;
    let work = budget::SAT_GATE_CONFLICTS_PER_QUERY / 100 * 105;
    let within = spent.bdd_nodes <= u64::from(budget::BDD_NODES_PER_QUERY)
        && spent.bdd_steps <= steps
        && spent.sat_gate_conflicts <= work;
    if within { Ok(()) } else { Err(format!("beyond the budget: {spent:?}")) }
}

fn refuted_with(verdict: &Verdict) -> Result<&[u64], Finding> {
    match verdict {
        Verdict::Refuted { model, .. } => Ok(model.words()),
        other => Err(format!("not refuted: {other:?}")),
    }
}

/// Laws with and without preconditions, on x86's inverted page frame numbers.
pub(super) fn preconditions_decide_laws() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let claim = found(pfn_kept(&mut g, &x))?;
    let mut decider = Decider::default();
    match found(decider.implies(&mut g, Lit::TRUE, claim))? {
        Implication::Refuted { model, .. } => expect("unconditional law", &model.words(), &[0].as_slice())?,
        other => return Err(format!("unconditional law: {other:?}")),
    }
    let nonzero = found(word::any(&mut g, &x))?;
    for (name, given) in [("x != 0", nonzero), ("present", x.bits()[PRESENT.trailing_zeros() as usize])] {
        match found(decider.implies(&mut g, given, claim))? {
            Implication::Proved { witness, .. } if g.evaluate(given, &witness) => {}
            other => return Err(format!("law where {name}: {other:?}")),
        }
    }
    Ok(())
}

/// Preconditions nobody meets, seen by rewriting and by search: squares are never 2 modulo 4.
pub(super) fn vacuous_preconditions_are_noticed() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let mut decider = Decider::default();
    let differs = !found(word::eq(&mut g, &x, &x))?;
    expect(
        "x != x",
        &found(decider.implies(&mut g, differs, Lit::TRUE))?,
        &Implication::Vacuous { by: Engine::Rewriting },
    )?;
    let low = found(word::trunc(&x, 8))?;
    let square = found(word::mul(&mut g, &low, &low))?;
    let two = found(word::trunc(&square, 2).and_then(|low| word::eq(&mut g, &low, &Word::constant(2, 2)?)))?;
    match found(decider.implies(&mut g, two, x.bits()[63]))? {
        Implication::Vacuous { .. } => Ok(()),
        other => Err(format!("x * x == 2 modulo 4: {other:?}")),
    }
}

/// A counterexample to `x & mask == 0` has one bit, a counterexample to a conjunction has what it needs.
pub(super) fn counterexamples_are_minimal() -> Result<(), Finding> {
    for bdd_nodes in [0, budget::BDD_NODES_PER_QUERY] {
        let (mut g, x, y) = found(two_inputs())?;
        let mut decider = Decider::new(QueryBudget { bdd_nodes, ..QueryBudget::default() });
        let masked = found(constant(0x0420_0000_0000_0f00).and_then(|mask| word::and(&mut g, &x, &mask)))?;
        let some = found(word::any(&mut g, &masked))?;
        let verdict = found(decider.always_false(&g, some))?;
        let words = refuted_with(&verdict)?;
        if words[0].count_ones() != 1 || words[1] != 0 {
            return Err(format!("x & mask != 0: {words:x?}"));
        }
        let product = found(word::and(&mut g, &x, &y))?;
        let wanted = found(constant(0xdead_beef_0000_0001).and_then(|value| word::eq(&mut g, &product, &value)))?;
        let verdict = found(decider.always_false(&g, wanted))?;
        expect("x & y == c", &refuted_with(&verdict)?, &[0xdead_beef_0000_0001; 2].as_slice())?;
    }
    Ok(())
}

/// Backdoors that random testing never finds, by each engine alone.
pub(super) fn backdoors_are_found() -> Result<(), Finding> {
    const KEY: u64 = 0x00de_ad00_beef_0067;
    let diagram = QueryBudget { sat_conflicts: 0, ..QueryBudget::default() };
    let search = QueryBudget { bdd_nodes: 0, ..QueryBudget::default() };
    for (budget, engine) in [(diagram, Engine::Bdd), (search, Engine::Sat)] {
        let (mut g, x) = found(one_input())?;
        let hit = found(constant(KEY).and_then(|key| word::eq(&mut g, &x, &key)))?;
        let verdict = found(Decider::new(budget).always_false(&g, hit))?;
        match verdict {
            Verdict::Refuted { model, by } if by == engine => expect("backdoor", &model.words(), &[KEY].as_slice())?,
            other => return Err(format!("backdoor: {other:?}")),
        }
    }
    Ok(())
}

#[test]
fn laws_hold_under_their_preconditions() -> Result<(), Finding> {
    preconditions_decide_laws()
}

#[test]
fn vacuity_is_not_proof() -> Result<(), Finding> {
    vacuous_preconditions_are_noticed()
}

#[test]
fn refutations_are_minimised() -> Result<(), Finding> {
    counterexamples_are_minimal()
}

#[test]
fn equality_backdoors_are_refuted() -> Result<(), Finding> {
    backdoors_are_found()
}

#[test]
fn double_byte_swap_is_the_identity_by_rewriting() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let twice = found(bswap(&mut g, &x).and_then(|once| bswap(&mut g, &once)))?;
    let verdict = found(Decider::default().equivalent(&mut g, &twice, &x))?;
    expect("bswap", &verdict, &Verdict::Proved { by: Engine::Rewriting })
}

#[test]
fn popcount_loop_equals_popcnt_by_diagram() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let (counted, direct) = (found(popcount_loop(&mut g, &x))?, found(word::popcnt(&mut g, &x))?);
    let verdict = found(Decider::default().equivalent(&mut g, &counted, &direct))?;
    expect("popcount", &verdict, &Verdict::Proved { by: Engine::Bdd })
}

#[test]
fn hashed_backdoor_is_refuted_by_search() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let hit = found(hashed_backdoor(&mut g, &x))?;
    match found(Decider::default().always_false(&g, hit))? {
        Verdict::Refuted { model, by: Engine::Sat } => {
            expect("hash", &(model.words()[0].wrapping_mul(SPREAD) >> 40), &0x00ab_cdef)
        }
        other => Err(format!("hashed backdoor: {other:?}")),
    }
}

#[test]
fn products_commute_by_rewriting() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let (xy, yx) = (found(word::mul(&mut g, &x, &y))?, found(word::mul(&mut g, &y, &x))?);
    let verdict = found(Decider::default().equivalent(&mut g, &xy, &yx))?;
    expect("x * y == y * x", &verdict, &Verdict::Proved { by: Engine::Rewriting })
}

#[test]
fn increment_and_decrement_cancel() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let one = found(constant(1))?;
    let back = found(word::add(&mut g, &x, &one).and_then(|more| word::sub(&mut g, &more, &one)))?;
    match found(Decider::default().equivalent(&mut g, &back, &x))? {
        Verdict::Proved { .. } => Ok(()),
        other => Err(format!("(x + 1) - 1 == x: {other:?}")),
    }
}

#[test]
fn consecutive_products_are_even() -> Result<(), Finding> {
    let (mut g, x) = found(one_input())?;
    let value = found(word::mul(&mut g, &x, &x).and_then(|square| word::add(&mut g, &square, &x)))?;
    expect(
        "x * x + x",
        &found(Decider::default().always_false(&g, value.bits()[0]))?,
        &Verdict::Proved { by: Engine::Rewriting },
    )
}

#[test]
fn the_distributive_law_of_three_products_stays_open_in_time() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let start = Instant::now();
    let (left, right) = found(distributed(&mut g, &x, &y))?;
    let mut decider = Decider::default();
    match found(decider.equivalent(&mut g, &left, &right))? {
        Verdict::Unknown { exhausted: Exhausted::Query { bdd_nodes, sat_conflicts }, spent } => {
            expect("budget named", &bdd_nodes, &budget::BDD_NODES_PER_QUERY)?;
            if sat_conflicts >= budget::SAT_CONFLICTS_PER_QUERY || spent.sat_conflicts < sat_conflicts.into() {
                return Err(format!("{sat_conflicts} conflicts allowed, {spent:?}"));
            }
            expect("nodes", &spent.bdd_nodes, &u64::from(budget::BDD_NODES_PER_QUERY))?;
            expect("account", decider.spent(), &spent)?;
            bounded(&spent)?;
        }
        other => return Err(format!("x*y*(x+y): {other:?}")),
    }
    assert!(start.elapsed() < HANG, "took {:?}", start.elapsed());
    Ok(())
}

#[test]
fn the_middle_bit_of_a_product_stays_open_in_time() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let one = found(constant(1))?;
    let product = found(word::mul(&mut g, &x, &y))?;
    let more = found(word::add(&mut g, &x, &one).and_then(|more| word::mul(&mut g, &more, &y)))?;
    let back = found(word::sub(&mut g, &more, &y))?;
    let differ = found(g.xor(product.bits()[40], back.bits()[40]))?;
    let start = Instant::now();
    match found(Decider::default().always_false(&g, differ))? {
        Verdict::Unknown { exhausted: Exhausted::Query { .. }, spent } => bounded(&spent)?,
        other => return Err(format!("middle bit: {other:?}")),
    }
    assert!(start.elapsed() < HANG, "took {:?}", start.elapsed());
    Ok(())
}

/// Two diagrams of one circuit have keys of their own, and do the same work all the same: which engine is first to
/// answer, and with which input, does not differ from run to run.
#[test]
fn every_run_does_the_same_work() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let product = found(word::mul(&mut g, &x, &y))?;
    let cone = Cone::of(&g, product.bits()[20]);
    // Enough for the cache to forget much, and not enough to finish.
    let ceiling = bdd::Ceiling { nodes: 30_000, steps: 400_000, deadline: None };
    let work = || {
        let mut diagram = Bdd::new(&cone);
        let outcome = diagram.run(&ceiling);
        (outcome, diagram.len(), diagram.steps())
    };
    let first = work();
    for _ in 0..3 {
        expect("work", &work(), &first)?;
    }
    expect("outcome", &first.0, &bdd::Outcome::Exhausted)
}

/// However many hard questions follow, the total is bounded, and says so.
#[test]
fn the_total_budget_ends_a_series_of_hard_questions() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let (left, right) = found(distributed(&mut g, &x, &y))?;
    let mut decider = Decider::new(QueryBudget { sat_conflicts: 0, ..QueryBudget::default() });
    let mut totals = 0;
    for bit in 30..60 {
        let differ = found(g.xor(left.bits()[bit], right.bits()[bit]))?;
        if let Verdict::Unknown { exhausted: Exhausted::Total, .. } = found(decider.always_false(&g, differ))? {
            totals += 1;
        }
    }
    assert_eq!(decider.spent().bdd_nodes, budget::BDD_NODES_TOTAL);
    assert!(totals >= 25, "{totals} of 30 questions met the total");
    Ok(())
}

/// A search looks at the clock before every decision: in a large question each may take a millisecond.
#[test]
fn a_search_past_its_deadline_decides_nothing() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let (left, right) = found(distributed(&mut g, &x, &y))?;
    let equal = found(word::eq(&mut g, &left, &right))?;
    let cone = Cone::of(&g, !equal);
    let mut search = Sat::new(&cone);
    let ceiling = Ceiling { conflicts: u64::MAX, decisions: u64::MAX, deadline: Some(Deadline::after(Duration::ZERO)) };
    let outcome = search.run(&ceiling);
    // The solver asks whether to stop before the first decision, and once more on its way out.
    if outcome != Outcome::Exhausted || search.decisions() > 2 {
        return Err(format!("{outcome:?} after {} decisions", search.decisions()));
    }
    Ok(())
}

#[test]
fn a_deadline_ends_a_question() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let (left, right) = found(distributed(&mut g, &x, &y))?;
    let start = Instant::now();
    let deadline = Deadline::after(Duration::from_millis(100));
    let mut decider = Decider::new(QueryBudget { deadline: Some(deadline), ..QueryBudget::default() });
    match found(decider.equivalent(&mut g, &left, &right))? {
        Verdict::Unknown { exhausted: Exhausted::Deadline, .. } => {}
        other => return Err(format!("past the deadline: {other:?}")),
    }
    assert!(start.elapsed() < HANG, "took {:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_megabyte_of_products_meets_the_gate_budget() -> Result<(), Finding> {
    let (mut g, x, y) = found(two_inputs())?;
    let mut product = x;
    for _ in 0..1_000_000 {
        match word::mul(&mut g, &product, &y) {
            Ok(next) => product = next,
            Err(error) => {
                assert_eq!(error, CircuitError::GateBudget { limit: budget::GATES });
                assert_eq!(g.len(), budget::GATES as usize);
                return Ok(());
            }
        }
    }
    Err("a million products fit".to_owned())
}

/// An engine that hands back a wrong model is reported as an internal fault, and its model never becomes a verdict.
#[test]
fn a_wrong_model_is_an_internal_fault() -> Result<(), Finding> {
    fault::with(&[Fault::ModelOrder], || {
        let (mut g, x, y) = found(two_inputs())?;
        let key = found(constant(0x00de_ad00_beef_0067))?;
        let sum = found(word::and(&mut g, &x, &word::not(&y)))?;
        let hit = found(word::eq(&mut g, &sum, &key))?;
        match Decider::new(QueryBudget { sat_conflicts: 0, ..QueryBudget::default() }).always_false(&g, hit) {
            Err(DecideError::WrongModel { by: Engine::Bdd, .. }) => Ok(()),
            other => Err(format!("wrong model: {other:?}")),
        }
    })
}

#[test]
fn a_constant_question_is_answered_by_rewriting() -> Result<(), Finding> {
    let (g, _) = found(one_input())?;
    let mut decider = Decider::default();
    expect("false", &found(decider.always_false(&g, Lit::FALSE))?, &Verdict::Proved { by: Engine::Rewriting })?;
    let verdict = found(decider.always_false(&g, Lit::TRUE))?;
    expect("true", &refuted_with(&verdict)?, &[0].as_slice())
}
