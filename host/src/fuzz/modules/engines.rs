//! What is claimed against two engines: an accepted module never traps in either, keeps no state, stays within its bounds on
//! instructions, which are wasmtime's fuel, and on stack, and returns what its closed form says; a counterexample does in
//! both what is said of it, as far as a call and what it leaves behind can show.

use ptwalk_verifier::verify::{Claim, Claims, Witness};

use super::execute::{Compiled, Ended, Interpreted, Wasmi, Wasmtime};
use super::source::{Mix, Source};
use super::{ATTACKS, Judged, attacks, call, row, values};
use crate::fuzz::grammar::Shape;
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};

/// O1 to O3 with engines.
pub(in crate::fuzz) const ENGINES: Entry = Entry {
    name: "engines",
    about: "what is claimed of a module holds of it in wasmtime and in wasmi (O1, O2, O3)",
    kind: Kind::Module,
    make: |context| {
        let mix = Mix { grammar: 60, near_miss: 10, smith: 10, operators: 15, bytes: 4 };
        let source = Source::new(context, mix, Shape::SOME);
        Ok(Box::new(Attack { source, wasmtime: Wasmtime::new()?, wasmi: Wasmi::new() }))
    },
};

struct Attack {
    source: Source,
    wasmtime: Wasmtime,
    wasmi: Wasmi,
}

impl Property for Attack {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        self.source.module(random)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let Some(judged) = Judged::of(input, tally) else { return Ok(()) };
        if judged.sound().next().is_none() && judged.claims.witnesses.is_empty() {
            return Ok(());
        }
        let mut compiled = self.wasmtime.load(&judged.plugin, &judged.config)?;
        let mut interpreted = self.wasmi.load(&judged.plugin, &judged.config)?;
        for claim in judged.sound() {
            let columns = attacks(input, claim.inputs.len(), ATTACKS);
            let before = compiled.kept(claim.facts.stack_bytes);
            let both = (&mut compiled, &mut interpreted);
            tally.executions += hold(&judged.claims, claim, &columns, both)?;
            if compiled.kept(claim.facts.stack_bytes) != before {
                let (name, bytes) = (&claim.name, claim.facts.stack_bytes);
                return Err(format!("state: {name} has changed more than {bytes} bytes of stack").into());
            }
        }
        for witness in &judged.claims.witnesses {
            let Some(claim) = judged.claims.exports.iter().find(|claim| claim.name == witness.export) else { continue };
            // What an earlier one has left behind is not the next one's.
            let mut compiled = self.wasmtime.load(&judged.plugin, &judged.config)?;
            let mut interpreted = self.wasmi.load(&judged.plugin, &judged.config)?;
            tally.count(format!("counterexample {}", witness.code.text()));
            happens((&mut compiled, &mut interpreted), claim, witness)?;
            tally.executions += 2;
        }
        Ok(())
    }
}

fn hold(
    claims: &Claims,
    claim: &Claim,
    columns: &[Vec<u64>],
    (compiled, interpreted): (&mut Compiled, &mut Interpreted),
) -> Result<u64, Failure> {
    let forms = claim.result.map(|form| values(&claims.arena, form, columns)).unwrap_or_default();
    for (at, form) in forms.iter().enumerate() {
        let args = row(columns, &claim.inputs, at);
        let (ended, fuel) = compiled.call(&claim.name, &claim.inputs, &args)?;
        let what = || call(&claim.name, &args);
        if ended != Ended::Returned(*form) {
            return Err(format!("wasmtime: {} ends as {ended}, claimed {form:#x}", what()).into());
        }
        if fuel > claim.facts.instructions_max.into() {
            let most = claim.facts.instructions_max;
            return Err(format!("fuel: {} takes {fuel}, claimed {most}", what()).into());
        }
        let second = interpreted.call(&claim.name, &claim.inputs, &args)?;
        if second != ended {
            return Err(format!("wasmi: {} ends as {second}, in wasmtime as {ended}", what()).into());
        }
    }
    Ok(2 * forms.len() as u64)
}

/// Whether a counterexample shows in both engines, where one call can show it.
fn happens(
    (compiled, interpreted): (&mut Compiled, &mut Interpreted),
    claim: &Claim,
    witness: &Witness,
) -> Result<(), Failure> {
    let mut args = witness.input.clone();
    args.resize(claim.inputs.len(), 0);
    let before = compiled.kept(claim.facts.stack_bytes);
    let (ended, _) = compiled.call(&claim.name, &claim.inputs, &args)?;
    let second = interpreted.call(&claim.name, &claim.inputs, &args)?;
    let (text, what) = (witness.code.text(), call(&witness.export, &args));
    if second != ended {
        return Err(format!("wasmi: {what} ends as {second}, in wasmtime as {ended}").into());
    }
    let shown = match (text, ended) {
        ("R701", Ended::Returned(value)) => value > 1,
        ("T200", _) => ended == Ended::Endless,
        // Globals, the stack pointer among them.
        ("K305" | "P610", Ended::Returned(_)) => compiled.kept(claim.facts.stack_bytes) != before,
        (_, Ended::Trapped) => text != "R701",
        _ => !traps(text),
    };
    if shown { Ok(()) } else { Err(format!("counterexample: {text} of {what} ends as {ended}").into()) }
}

/// Whether a code says that the code traps.
fn traps(code: &str) -> bool {
    code.starts_with('X') || code == "M501" || code == "M502"
}
