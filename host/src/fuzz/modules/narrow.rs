//! What is claimed against every input there is: soundness and completeness.
//!
//! A narrow module looks at ten bits of its arguments, spread over the words by its first operators, so that 1,024
//! executions are all that it can do. Then an export that does no wrong must be accepted, one that does must be refused, and
//! "not decided" is a finding too: nothing of this size may be left open. This is `verifier.md`'s comparison at eight bits,
//! but with the semantics that ships: the operators are of 32 and 64 bits.

use std::ops::ControlFlow;

use ptwalk_abi::Helper;
use ptwalk_verifier::lift::{Ending, Hazard, Module, replay_export};
use ptwalk_verifier::verify::Claim;

use super::claims::hold;
use super::{Judged, call};
use crate::fuzz::grammar::{self, NARROW_BITS, Shape};
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};

/// O5.
pub(in crate::fuzz) const NARROW: Entry = Entry {
    name: "narrow",
    about: "of a module that looks at ten bits, the verdict is what all 1,024 inputs say, both ways (O5)",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Narrow)),
};

/// Choices of one module.
const CHOICES: usize = 1500;

struct Narrow;

impl Property for Narrow {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let bytes = grammar::module(&mut Random::from_bytes(input), Shape::NARROW);
        let judged = Judged::of(&bytes, tally).ok_or("the grammar: a module that does not validate")?;
        let module = Module::decode(&bytes)?;
        for claim in &judged.claims.exports {
            let columns = every_input(claim.inputs.len());
            if claim.sound {
                tally.executions += hold(&module, &judged.config, &judged.claims, claim, &columns)?;
            } else {
                tally.executions += complete(&module, &judged, claim, &columns, tally)?;
            }
        }
        Ok(())
    }
}

/// All that the arguments of a narrow module can be.
pub(super) fn every_input(arity: usize) -> Vec<Vec<u64>> {
    let [first, second] = NARROW_BITS.map(|bits| 1_u64 << bits);
    match arity {
        0 => Vec::new(),
        1 => vec![(0..first).collect()],
        _ => {
            let pairs = (0..first).flat_map(|x| (0..second).map(move |y| (x, y)));
            let (xs, ys) = pairs.unzip();
            vec![xs, ys]
        }
    }
}

/// Whether a refused export does wrong for some input. What one execution cannot show, as state that is kept, is believed.
fn complete(
    module: &Module<'_>,
    judged: &Judged,
    claim: &Claim,
    columns: &[Vec<u64>],
    tally: &mut Tally,
) -> Result<u64, Failure> {
    let mut undecided = judged.claims.errors.iter().filter(|error| error.code.text() == "L920").peekable();
    if undecided.peek().is_some() {
        // Five dividers of 64 bits are a graph as large as one may be, however few bits they look at.
        if undecided.all(|error| error.reason.contains("gate budget")) {
            tally.count("too many gates");
            return Ok(0);
        }
        return Err(format!("undecided: {} looks at ten bits, and the verifier gave up", claim.name).into());
    }
    let shows_in_endings = ["X401", "X402", "X403", "M501", "M502", "R701"];
    if judged.claims.errors.iter().any(|error| !shows_in_endings.contains(&error.code.text())) {
        return Ok(0);
    }
    let is_bool = Helper::by_name(&claim.name).is_some_and(|helper| helper.signature().is_bool());
    let rows = columns.first().map_or(1, Vec::len);
    let mut runs = 0;
    let wrong = (0..rows).try_for_each(|at| {
        let args = super::row(columns, &claim.inputs, at);
        runs += 1;
        match replay_export(module, &judged.config, &claim.name, &args).map(|replay| replay.ending) {
            Some(Ending::Returned(Some(value))) if !is_bool || value <= 1 => ControlFlow::Continue(()),
            Some(Ending::Returned(None)) => ControlFlow::Continue(()),
            Some(Ending::Trapped(Hazard::Uninitialised)) | None => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    if wrong.is_break() {
        return Ok(runs);
    }
    let codes: Vec<&str> = judged.claims.errors.iter().map(|error| error.code.text()).collect();
    Err(format!("refused: {} does no wrong for any input: {codes:?}", call(&claim.name, &[])).into())
}
