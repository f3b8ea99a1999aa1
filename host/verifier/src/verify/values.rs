//! Values in reports: which argument, in hex, with its bits by number.

use std::collections::BTreeMap;
use std::fmt;

use ptwalk_abi::{Helper, Op, Signature};
use serde::{Serialize, Serializer};

use super::budget::BITS_LISTED_MAX;

/// A value that prints as an entry does: hexadecimal, with the numbers of its bits where they are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)?;
        let bits: Vec<String> = (0..64).rev().filter(|bit| self.0 >> bit & 1 == 1).map(|bit| bit.to_string()).collect();
        // Below 16 a value is read as a number, or has its bits in plain sight.
        match self.0.count_ones() {
            0 => Ok(()),
            1 if self.0 >= 16 => write!(f, " (bit {})", bits[0]),
            2..=BITS_LISTED_MAX if self.0 >= 16 => write!(f, " (bits {})", bits.join(", ")),
            _ => Ok(()),
        }
    }
}

/// As a string, because it may exceed what a JSON number can hold.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// One side of a comparison: the term and the value it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The term, as the law has it.
    pub term: String,
    /// Its value.
    pub value: Value,
}

/// An input for which something does not hold. Minimal: with any one bit of it cleared, it is no counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counterexample {
    /// The variables and their values.
    pub inputs: BTreeMap<String, Value>,
    /// The values that should have been otherwise: both sides of a comparison, or a condition.
    pub sides: Vec<Side>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self.inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let sides: Vec<String> = self.sides.iter().map(|side| format!("{} = {}", side.term, side.value)).collect();
        f.write_str(&counterexample_text(&inputs, &sides))
    }
}

/// Inputs and sides, each as `name = value`, in one line.
pub(super) fn counterexample_text(inputs: &[String], sides: &[String]) -> String {
    let inputs = if inputs.is_empty() { "any call".to_owned() } else { inputs.join(", ") };
    if sides.is_empty() { inputs } else { format!("{inputs}: {}", sides.join(", ")) }
}

/// Names of a helper's arguments.
pub(super) const fn arguments(helper: Helper) -> &'static [&'static str] {
    match helper.signature() {
        Signature::Count | Signature::Address => &[],
        Signature::Predicate | Signature::Perms | Signature::Reader | Signature::Maker => &["x"],
        Signature::Access => &["x", "write"],
        Signature::Compare => &["x", "y"],
        Signature::Combine => match helper.op() {
            Op::FromPfn => &["pfn", "prot"],
            _ => &["x", "prot"],
        },
    }
}

/// Arguments of a helper as the inputs of a counterexample; those beyond `values` are 0.
pub(super) fn inputs(helper: Helper, values: &[u64]) -> BTreeMap<String, Value> {
    let values = values.iter().copied().chain(std::iter::repeat(0));
    arguments(helper).iter().zip(values).map(|(name, value)| ((*name).to_owned(), Value(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bits_are_listed() {
        let shown = |value| Value(value).to_string();
        assert_eq!(shown(0), "0x0");
        assert_eq!(shown(2), "0x2");
        assert_eq!(shown(1 << 57), "0x200000000000000 (bit 57)");
        assert_eq!(shown(1 << 57 | 3), "0x200000000000003 (bits 57, 1, 0)");
        assert_eq!(shown(0x1f << 4), "0x1f0");
    }

    #[test]
    fn every_argument_has_a_name() {
        for helper in Helper::ALL {
            assert_eq!(arguments(*helper).len(), helper.signature().params().len(), "{helper}");
        }
    }
}
