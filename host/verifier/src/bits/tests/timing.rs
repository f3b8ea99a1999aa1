//! How long typical questions take: `cargo test --release -p ptwalk-verifier bits::tests::timing -- --ignored --nocapture`.

use super::portfolio::{bswap, constant, distributed, hashed_backdoor, one_input, pfn_kept, popcount_loop, two_inputs};
use super::{Finding, found};
use crate::bits::aig::{Aig, CircuitError, Lit};
use crate::bits::budget::QueryBudget;
use crate::bits::decide::{Decider, Verdict};
use crate::bits::word::{self, Word};
use std::time::Instant;

/// Asks a question once and prints what building and deciding it took, its size and the verdict.
fn row(name: &str, budget: QueryBudget, build: impl Fn() -> Result<(Aig, Lit), CircuitError>) -> Result<(), Finding> {
    let start = Instant::now();
    let (g, root) = found(build())?;
    let built = start.elapsed();
    let mut decider = Decider::new(budget);
    let start = Instant::now();
    let verdict = found(decider.always_false(&g, root))?;
    let decided = start.elapsed();
    let verdict = match verdict {
        Verdict::Proved { by } => format!("proved by {by:?}"),
        Verdict::Refuted { model, by } => format!("refuted by {by:?} with {:x?}", model.words()),
        Verdict::Unknown { .. } => "unknown".to_owned(),
    };
    let (built, decided) = (built.as_micros(), decided.as_micros());
    println!("{name:<40} {:>7} gates, built {built:>7} us, decided {decided:>8} us, {verdict}", g.len());
    println!("{:<40} {:?}", "", decider.spent());
    Ok(())
}

fn differ(mut g: Aig, a: &Word, b: &Word) -> Result<(Aig, Lit), CircuitError> {
    let equal = word::eq(&mut g, a, b)?;
    Ok((g, !equal))
}

#[test]
#[ignore = "prints times; asserts nothing that depends on the machine"]
fn typical_questions() -> Result<(), Finding> {
    let all = QueryBudget::default();
    let diagram = QueryBudget { sat_conflicts: 0, ..all };
    let search = QueryBudget { bdd_nodes: 0, ..all };
    row("bswap(bswap(x)) == x", all, || {
        let (mut g, x) = one_input()?;
        let once = bswap(&mut g, &x)?;
        let twice = bswap(&mut g, &once)?;
        differ(g, &twice, &x)
    })?;
    row("pfn kept by mkdevmap (L1TF)", all, || {
        let (mut g, x) = one_input()?;
        let kept = pfn_kept(&mut g, &x)?;
        Ok((g, !kept))
    })?;
    for (name, budget) in [("where present", all), ("where present, SAT only", search)] {
        row(&format!("pfn kept by mkdevmap, {name}"), budget, || {
            let (mut g, x) = one_input()?;
            let kept = pfn_kept(&mut g, &x)?;
            let violation = g.and(x.bits()[0], !kept)?;
            Ok((g, violation))
        })?;
    }
    for (name, budget) in [("portfolio", all), ("diagram only", diagram), ("SAT only", search)] {
        row(&format!("popcount loop == popcnt, {name}"), budget, || {
            let (mut g, x) = one_input()?;
            let (counted, direct) = (popcount_loop(&mut g, &x)?, word::popcnt(&mut g, &x)?);
            differ(g, &counted, &direct)
        })?;
        row(&format!("x == key, {name}"), budget, || {
            let (mut g, x) = one_input()?;
            let hit = word::eq(&mut g, &x, &constant(0x00de_ad00_beef_0067)?)?;
            Ok((g, hit))
        })?;
        row(&format!("(x*K)>>40 == key, {name}"), budget, || {
            let (mut g, x) = one_input()?;
            let hit = hashed_backdoor(&mut g, &x)?;
            Ok((g, hit))
        })?;
        row(&format!("x*y*(x+y), {name}"), budget, || {
            let (mut g, x, y) = two_inputs()?;
            let (left, right) = distributed(&mut g, &x, &y)?;
            differ(g, &left, &right)
        })?;
    }
    row("x*y == y*x", all, || {
        let (mut g, x, y) = two_inputs()?;
        let (xy, yx) = (word::mul(&mut g, &x, &y)?, word::mul(&mut g, &y, &x)?);
        differ(g, &xy, &yx)
    })?;
    row("x/y*y + x%y == x where y != 0", all, || {
        let (mut g, x, y) = two_inputs()?;
        let (quotient, remainder) = (word::div_u(&mut g, &x, &y)?, word::rem_u(&mut g, &x, &y)?);
        let product = word::mul(&mut g, &quotient, &y)?;
        let sum = word::add(&mut g, &product, &remainder)?;
        let equal = word::eq(&mut g, &sum, &x)?;
        let divisible = word::any(&mut g, &y)?;
        let violation = g.and(divisible, !equal)?;
        Ok((g, violation))
    })
}
