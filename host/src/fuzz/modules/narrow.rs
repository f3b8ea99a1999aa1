//! What is claimed against every input there is: soundness and completeness.
//!
//! A narrow module looks at ten bits of its arguments, spread over the words by its first operators, so that 1,024
//! executions are all that it can do. Then an export that does no wrong must be accepted, one that does must be refused, and
//! "not decided" is a finding too: nothing of this size may be left open. This is `verifier.md`'s comparison at eight bits,
//! but with the semantics that ships: the operators are of 32 and 64 bits.

use ptwalk_abi::Helper;
use ptwalk_verifier::expr::Width;
use ptwalk_verifier::lift::{Ending, Hazard, Module, replay_export};

use super::claims::hold;
use super::{Judged, call, widths};
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
            } else if is_judged(&judged, tally)? {
                let calls = rows(&columns, &claim.inputs);
                tally.executions += calls.len() as u64;
                does_wrong(&module, &judged, &claim.name, &calls)?;
            }
        }
        if judged.claims.exports.is_empty() && is_judged(&judged, tally)? {
            // One export is reason enough, and which one is not said.
            let verdicts = judged.plugin.exports().keys().map(|helper| {
                let widths = widths(*helper);
                let calls = rows(&every_input(widths.len()), &widths);
                tally.executions += calls.len() as u64;
                does_wrong(&module, &judged, helper.name(), &calls)
            });
            return verdicts.collect::<Vec<_>>().into_iter().reduce(Result::or).unwrap_or(Ok(()));
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

/// What is refused for these alone is refused for what some input does. The others are limits, or about a module's shape.
const DONE_BY_AN_INPUT: [&str; 13] =
    ["X401", "X402", "X403", "M501", "M502", "R701", "T200", "K304", "K305", "M510", "P610", "P611", "P620"];

/// Whether it can be seen in executions if a refusal is right.
fn is_judged(judged: &Judged, tally: &mut Tally) -> Result<bool, Failure> {
    let errors = &judged.claims.errors;
    let mut undecided = errors.iter().filter(|error| error.code.text() == "L920").peekable();
    if undecided.peek().is_some() {
        // Five dividers of 64 bits are a graph as large as one may be, however few bits they look at.
        if undecided.all(|error| error.reason.contains("gate budget")) {
            tally.count("too many gates");
            return Ok(false);
        }
        return Err("undecided: the module looks at ten bits, and the verifier gave up".into());
    }
    let is_judged = errors.iter().all(|error| DONE_BY_AN_INPUT.contains(&error.code.text()));
    tally.count(if is_judged { "refusals judged" } else { "refusals believed" });
    Ok(is_judged)
}

/// Calls with all that the arguments of an export can be.
fn rows(columns: &[Vec<u64>], widths: &[Width]) -> Vec<Vec<u64>> {
    (0..columns.first().map_or(1, Vec::len)).map(|at| super::row(columns, widths, at)).collect()
}

/// Whether a refused export does wrong for some input.
fn does_wrong(module: &Module<'_>, judged: &Judged, name: &str, calls: &[Vec<u64>]) -> Result<(), Failure> {
    let codes: Vec<&str> = judged.claims.errors.iter().map(|error| error.code.text()).collect();
    let is_bool = Helper::by_name(name).is_some_and(|helper| helper.signature().is_bool());
    let wrong = calls.iter().any(|args| {
        let Some(replay) = replay_export(module, &judged.config, name, args) else { return false };
        let ends_well = match replay.ending {
            Ending::Returned(Some(value)) => !is_bool || value <= 1,
            Ending::Returned(None) => true,
            // The replay ends there, the code does not: it counts where it is what is refused.
            Ending::Trapped(Hazard::Uninitialised) => true,
            Ending::Trapped(_) | Ending::Running => false,
        };
        !ends_well || replay.hazards().any(|hazard| codes.contains(&hazard.code()))
    });
    if wrong {
        Ok(())
    } else {
        Err(format!("refused: {} does no wrong for any input: {codes:?}", call(name, &[])).into())
    }
}
