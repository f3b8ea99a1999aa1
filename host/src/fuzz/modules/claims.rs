//! What is claimed against the verifier's own interpreter: closed forms, bounds, known bits, counterexamples. No engine, so
//! that thousands of modules a second are attacked.
//!
//! The interpreter shares the decoder and the meaning of single operators with the lifter. What both get wrong is for
//! [`super::engines`] to find.

use ptwalk_abi::{Config, Helper};
use ptwalk_verifier::lift::budget::INSTRUCTIONS_MAX;
use ptwalk_verifier::lift::{Ending, Hazard, Module, replay_export, replay_up_to};
use ptwalk_verifier::verify::{Claim, Claims, Effort, Witness};

use super::source::{Mix, Source};
use super::{Judged, SMALL, attacks, call, row, values};
use crate::fuzz::grammar::{self, Guards, Shape};
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};

/// Operators of a call that is said not to end: it has had what it may execute several times over.
const OPERATORS_MAX: u64 = 4 * INSTRUCTIONS_MAX as u64;

/// Executions of each export by the interpreter.
const EXECUTIONS: usize = 24;

/// O1 to O3 without an engine.
pub(in crate::fuzz) const CLAIMS: Entry = Entry {
    name: "claims",
    about: "what is claimed of a module holds of its code as the verifier's interpreter runs it (O1, O2, O3)",
    kind: Kind::Module,
    make: |context| {
        let mix = Mix { grammar: 62, near_miss: 30, smith: 0, operators: 6, bytes: 1 };
        let shapes = [Shape { guards: Guards::Careless(2), ..Shape::ONE.small() }, Shape::ONE];
        let [small, large] = shapes.map(|shape| Source::small(context, mix, shape));
        Ok(Box::new(Attack { small, large, effort: SMALL }))
    },
};

/// The same of what no prover decides.
pub(in crate::fuzz) const HIDDEN: Entry = Entry {
    name: "hidden",
    about: "a trap that no prover finds is no reason to accept a module (O1)",
    kind: Kind::Module,
    make: |context| {
        let [small, large] = [Shape::ONE.small(), Shape::ONE].map(|shape| Source::small(context, Mix::GRAMMAR, shape));
        Ok(Box::new(Hidden { attack: Attack { small, large, effort: Effort::WHOLE } }))
    },
};

/// One module in sixteen takes all the time that a verification may.
struct Hidden {
    attack: Attack,
}

impl Property for Hidden {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        if random.one_in(16) { grammar::hidden_trap(random) } else { self.attack.generate(random) }
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        self.attack.check(input, tally)
    }
}

/// Most faults that a large module shows, a small one shows as well, and in the time of one there are ten.
struct Attack {
    small: Source,
    large: Source,
    effort: Effort,
}

impl Property for Attack {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        if random.one_in(64) { self.large.module(random) } else { self.small.module(random) }
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let Some(judged) = Judged::within(input, self.effort, tally) else { return Ok(()) };
        let module = Module::decode(judged.plugin.bytes())?;
        for claim in judged.sound() {
            let columns = attacks(input, claim.inputs.len(), EXECUTIONS);
            tally.executions += hold(&module, &judged.config, &judged.claims, claim, &columns)?;
        }
        for witness in &judged.claims.witnesses {
            happens(&module, &judged.config, witness)?;
            tally.executions += 1;
        }
        Ok(())
    }
}

/// Whether the claims about a sound export hold of its executions; says how many there were.
pub(super) fn hold(
    module: &Module<'_>,
    config: &Config,
    claims: &Claims,
    claim: &Claim,
    columns: &[Vec<u64>],
) -> Result<u64, Failure> {
    let forms = claim.result.map(|form| values(&claims.arena, form, columns)).unwrap_or_default();
    let is_bool = Helper::by_name(&claim.name).is_some_and(|helper| helper.signature().is_bool());
    for (at, form) in forms.iter().enumerate() {
        let args = row(columns, &claim.inputs, at);
        let replay = replay_export(module, config, &claim.name, &args).ok_or("an export is missing")?;
        let what = || call(&claim.name, &args);
        match replay.ending {
            Ending::Returned(Some(value)) => {
                if value != *form {
                    return Err(format!("closed form: {} is {value:#x}, claimed {form:#x}", what()).into());
                }
                if is_bool && value > 1 {
                    return Err(format!("boolean: {} is {value:#x}", what()).into());
                }
                let facts = &claim.facts;
                if value & facts.known_zeros != 0 || !value & facts.known_ones != 0 {
                    return Err(format!("known bits: {} is {value:#x}, claimed {facts:x?}", what()).into());
                }
                if replay.instructions > facts.instructions_max.into() {
                    let (took, most) = (replay.instructions, facts.instructions_max);
                    return Err(format!("bound: {} takes {took} instructions, claimed {most}", what()).into());
                }
                if replay.stack_bytes > facts.stack_bytes {
                    let (took, most) = (replay.stack_bytes, facts.stack_bytes);
                    return Err(format!("stack: {} takes {took} bytes, claimed {most}", what()).into());
                }
            }
            ending => return Err(format!("accepted: {} ends as {ending:?}", what()).into()),
        }
        if let Some(hazard) = replay.hazards().find(|hazard| !is_allowed_on_stack(*hazard)) {
            return Err(format!("accepted: {}: {hazard}", what()).into());
        }
    }
    Ok(forms.len() as u64)
}

/// Whether the code does for a counterexample what is said of it, as far as one execution can show.
fn happens(module: &Module<'_>, config: &Config, witness: &Witness) -> Result<(), Failure> {
    let (export, input) = (&witness.export, &witness.input);
    let replay = match witness.code.text() {
        "T200" => replay_up_to(module, config, export, input, OPERATORS_MAX),
        _ => replay_export(module, config, export, input),
    };
    let replay = replay.ok_or("an export is missing")?;
    let met = |code: &str| replay.hazards().any(|hazard| hazard.code() == code);
    let shown = match witness.code.text() {
        "R701" => matches!(replay.ending, Ending::Returned(Some(value)) if value > 1),
        "T200" => matches!(replay.ending, Ending::Running),
        // An access outside of memory is one hazard at constant and computed addresses.
        "M501" | "M502" => met("M501") || met("M502"),
        code if Hazard::ALL.iter().any(|hazard| hazard.code() == code) => met(code),
        // What is left is about all inputs.
        _ => true,
    };
    let text = witness.code.text();
    let what = call(&witness.export, &witness.input);
    if shown { Ok(()) } else { Err(format!("counterexample: {text} of {what} ends as {:?}", replay.ending).into()) }
}

/// What every load and store of a stack is noted as, so that it says nothing.
fn is_allowed_on_stack(hazard: Hazard) -> bool {
    matches!(hazard, Hazard::BeyondData | Hazard::AddressInStack | Hazard::AddressOfStore)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_trap_is_left_open_and_among_what_is_tried() {
        for seed in 0..3 {
            let bytes = grammar::hidden_trap(&mut Random::new(seed));
            let judged = Judged::of(&bytes, &mut Tally::default()).expect("it is within the subset");
            assert!(judged.claims.errors.iter().all(|error| error.code.text() == "L920"), "{:?}", judged.claims.errors);
            assert_eq!(judged.sound().count(), 0);
            let module = Module::decode(&bytes).expect("it is a module");
            let columns = attacks(&bytes, 1, EXECUTIONS);
            let traps = columns[0].iter().any(|input| {
                let replay = replay_export(&module, &judged.config, "pte_pfn", &[*input]).expect("it is exported");
                matches!(replay.ending, Ending::Trapped(_))
            });
            assert!(traps, "seed {seed}");
        }
    }
}
