//! What is claimed against the verifier's own interpreter: closed forms, bounds, known bits, counterexamples. No engine, so
//! that thousands of modules a second are attacked.
//!
//! The interpreter shares the decoder and the meaning of single operators with the lifter. What both get wrong is for
//! [`super::engines`] to find.

use ptwalk_abi::{Config, Helper};
use ptwalk_verifier::lift::{Ending, Module, replay_export};
use ptwalk_verifier::verify::{Claim, Claims, Witness};

use super::source::{Mix, Source};
use super::{Judged, attacks, call, row, values};
use crate::fuzz::grammar::Shape;
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};

/// Executions of each export by the interpreter.
const EXECUTIONS: usize = 24;

/// O1 to O3 without an engine.
pub(in crate::fuzz) const CLAIMS: Entry = Entry {
    name: "claims",
    about: "what is claimed of a module holds of its code as the verifier's interpreter runs it (O1, O2, O3)",
    kind: Kind::Module,
    make: |context| {
        let mix = Mix { grammar: 80, near_miss: 10, smith: 2, operators: 6, bytes: 1 };
        Ok(Box::new(Attack { source: Source::new(context, mix, Shape::ONE) }))
    },
};

struct Attack {
    source: Source,
}

impl Property for Attack {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        self.source.module(random)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let Some(judged) = Judged::of(input, tally) else { return Ok(()) };
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
            }
            ending => return Err(format!("accepted: {} ends as {ending:?}", what()).into()),
        }
    }
    Ok(forms.len() as u64)
}

/// Whether the code does for a counterexample what is said of it, as far as one execution can show.
fn happens(module: &Module<'_>, config: &Config, witness: &Witness) -> Result<(), Failure> {
    let replay = replay_export(module, config, &witness.export, &witness.input).ok_or("an export is missing")?;
    let text = witness.code.text();
    let shown = match (text.as_bytes().first(), replay.ending) {
        (Some(b'X'), Ending::Trapped(_)) => true,
        (Some(b'X'), _) => false,
        (_, Ending::Trapped(_)) if text == "M501" || text == "M502" => true,
        (_, _) if text == "M501" || text == "M502" => false,
        (_, Ending::Returned(Some(value))) if text == "R701" => value > 1,
        // The others are no matter of how an execution ends.
        _ => true,
    };
    let what = call(&witness.export, &witness.input);
    if shown { Ok(()) } else { Err(format!("counterexample: {text} of {what} ends as {:?}", replay.ending).into()) }
}
