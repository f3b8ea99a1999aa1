//! Modules that mean the same have the same verdict.
//!
//! A module is padded with operators that change nothing; whatever was accepted stays accepted, with the same values, and
//! whatever was refused stays refused. Where a budget was spent, more operators may spend it otherwise.

use ptwalk_verifier::lift::budget::{INSTRUCTIONS_MAX, STACK_BYTES_MAX};
use ptwalk_verifier::verify::Effort;

use super::source::{Mix, Source};
use super::{Judged, attacks, values};
use crate::fuzz::alter;
use crate::fuzz::grammar::Shape;
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};
use crate::fuzz::seed_of;

/// O6.
pub(in crate::fuzz) const ALIKE: Entry = Entry {
    name: "alike",
    about: "a module padded with operators that change nothing has the same verdict and the same values (O6)",
    kind: Kind::Module,
    make: |context| {
        let mix = Mix { grammar: 65, near_miss: 20, smith: 2, operators: 12, bytes: 1 };
        Ok(Box::new(Alike { source: Source::new(context, mix, Shape::ONE) }))
    },
};

/// Values of each export that are compared.
const VALUES: usize = 32;

struct Alike {
    source: Source,
}

impl Property for Alike {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        self.source.module(random)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let Some(plain) = Judged::of(input, tally) else { return Ok(()) };
        let random = &mut Random::new(seed_of(input) ^ 2);
        let padded = alter::padded(random, input);
        // The configuration goes with the bytes, so that the padded one is judged under the plain one's.
        let Some(padded) = Judged::under(&padded, plain.config, Effort::WHOLE) else {
            return Err("invalid: a module that validates does not when it is padded".into());
        };
        if plain.is_near_budget() || padded.is_near_budget() {
            tally.count("near a budget");
            return Ok(());
        }
        if plain.claims.exports.len() != padded.claims.exports.len() {
            return Err("closed forms: they are lost or found by padding".into());
        }
        for (a, b) in plain.claims.exports.iter().zip(&padded.claims.exports) {
            if a.sound != b.sound {
                let codes = |judged: &Judged| {
                    judged.claims.errors.iter().map(|error| error.code.text()).collect::<Vec<_>>().join(" ")
                };
                return Err(format!("verdict: {} [{}] padded [{}]", a.name, codes(&plain), codes(&padded)).into());
            }
            let (true, Some(x), Some(y)) = (a.sound, a.result, b.result) else { continue };
            let columns = attacks(input, a.inputs.len(), VALUES);
            let (x, y) = (values(&plain.claims.arena, x, &columns), values(&padded.claims.arena, y, &columns));
            tally.executions += 2 * x.len() as u64;
            if let Some(at) = x.iter().zip(&y).position(|(x, y)| x != y) {
                return Err(format!("value: {} row {at}: {:#x}, padded {:#x}", a.name, x[at], y[at]).into());
            }
        }
        Ok(())
    }
}

impl Judged {
    /// Whether a few operators more could exceed a budget, or one was exceeded.
    fn is_near_budget(&self) -> bool {
        let spent = |code: &str| code.starts_with('L') || code.starts_with('T') || code.starts_with('K');
        self.claims.errors.iter().any(|error| spent(error.code.text()))
            || self.claims.exports.iter().any(|claim| {
                claim.facts.instructions_max > INSTRUCTIONS_MAX / 2 || claim.facts.stack_bytes > STACK_BYTES_MAX / 2
            })
    }
}
