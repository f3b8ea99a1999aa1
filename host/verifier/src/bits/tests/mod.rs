//! The evidence for the engine's soundness.
//!
//! Every module offers *properties*: functions that compare the engine with something that cannot share its faults
//! (native integers, truth tables) and return what they found wrong. Each property is a test of its own, and
//! [`faults`] runs them again on a damaged engine and demands that one of them notices.
#![expect(clippy::cast_possible_truncation, reason = "test values are cut to the width under test")]

mod circuits;
mod faults;
mod oracle;
mod portfolio;
mod timing;
mod words;

use super::aig::{Aig, Lit, Node};
use super::word::Word;

/// What a property found wrong.
type Finding = String;

/// Reports an engine error as a finding.
fn found<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, Finding> {
    result.map_err(|error| error.to_string())
}

/// Values of all nodes in 64 lanes; `lanes_of(word, bit)` gives the inputs. Written again here, and not the engine's
/// simulator, because it judges that too.
pub(crate) fn all_lanes(aig: &Aig, lanes_of: impl Fn(u32, u32) -> u64) -> Vec<u64> {
    let mut values: Vec<u64> = Vec::with_capacity(aig.len() + 1);
    for index in 0..=aig.len() {
        let value = match aig.node(index) {
            Node::False => 0,
            Node::Input(input) => lanes_of(input.word, input.bit),
            Node::And(a, b) => lane(&values, a) & lane(&values, b),
        };
        values.push(value);
    }
    values
}

fn lane(values: &[u64], lit: Lit) -> u64 {
    if lit.is_complemented() { !values[lit.node()] } else { values[lit.node()] }
}

/// Value of a word in one lane.
pub(crate) fn word_in_lane(values: &[u64], word: &Word, index: usize) -> u64 {
    word.bits().iter().enumerate().fold(0, |sum, (bit, &lit)| sum | (lane(values, lit) >> index & 1) << bit)
}
