//! Laws on concrete values.
//!
//! In: a formula, a configuration, values of the variables, and a function that calls helpers. Out: whether the
//! precondition and the claim hold there. Used to replay counterexamples and to test laws against a native plugin.
//! Guaranteed: one pass over the terms, no recursion, no panic. Not handled: proof.

use ptwalk_abi::{Config, Extern, Helper, Op, Stub, ValType};

use super::ast::{Binary, Formula, Term, TermId, Unary};
use super::bind::Exports;

/// What a law says of one assignment of its variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the precondition holds; true where the law has none.
    pub precondition: bool,
    /// Whether the claim holds.
    pub claim: bool,
}

impl Verdict {
    /// Whether the assignment contradicts the law.
    pub fn refutes(self) -> bool {
        self.precondition && !self.claim
    }
}

/// Value of an extern in a law: its 32 bits, zero-extended.
pub fn extern_value(config: &Config, key: Extern) -> u64 {
    u64::from(config.value(key).cast_unsigned())
}

/// `a op b` for operands as laws have them; conditions are 0 and 1.
pub fn binary(op: Binary, a: u64, b: u64) -> u64 {
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    match op {
        Binary::Mul => a.wrapping_mul(b),
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Shl => a.checked_shl(shift).unwrap_or(0),
        Binary::Shr => a.checked_shr(shift).unwrap_or(0),
        Binary::And | Binary::Both => a & b,
        Binary::Xor => a ^ b,
        Binary::Or | Binary::Either => a | b,
        Binary::Eq | Binary::Iff => u64::from(a == b),
        Binary::Ne => u64::from(a != b),
        Binary::Lt => u64::from(a < b),
        Binary::Le | Binary::Implies => u64::from(a <= b),
        Binary::Gt => u64::from(a > b),
        Binary::Ge => u64::from(a >= b),
    }
}

/// Bits `high..=low` of `value`, shifted down.
pub fn bits(value: u64, high: u32, low: u32) -> u64 {
    binary(Binary::Shr, value, u64::from(low)) & u64::MAX.checked_shr(63 - (high - low).min(63)).unwrap_or(0)
}

/// The values of all terms up to `last`, in order.
pub(super) fn terms(
    formula: &Formula,
    last: TermId,
    config: &Config,
    exports: &Exports,
    vars: &[u64],
    call: &mut dyn FnMut(Helper, &[u64]) -> u64,
) -> Vec<u64> {
    let mut values: Vec<u64> = Vec::with_capacity(last + 1);
    let mut args = Vec::with_capacity(2);
    for term in formula.terms().iter().take(last + 1) {
        let value = |id: TermId| values.get(id).copied().unwrap_or(0);
        let next = match term {
            Term::Var(place) => vars.get(*place).copied().unwrap_or(0),
            Term::Number { value, .. } => *value,
            Term::Version(version) => u64::from(version.code().cast_unsigned()),
            Term::Extern(key) => extern_value(config, *key),
            Term::Exports(helper) => u64::from(exports.has(*helper)),
            Term::Call(helper, operands) => {
                args.clear();
                args.extend(operands.iter().map(|id| value(*id)));
                invoke(*helper, &args, exports, call)
            }
            Term::Bits { of, high, low } => bits(value(*of), *high, *low),
            Term::Truth(of) => u64::from(value(*of) != 0),
            Term::Unary(Unary::Invert, of) => !value(*of),
            Term::Unary(Unary::Not, of) => 1 - value(*of).min(1),
            Term::Binary(op, a, b) => binary(*op, value(*a), value(*b)),
        };
        values.push(next);
    }
    values
}

/// A helper's result as a law sees it, from the plugin or from the generic stub. Binding has made sure that one of
/// the two exists.
fn invoke(helper: Helper, args: &[u64], exports: &Exports, call: &mut dyn FnMut(Helper, &[u64]) -> u64) -> u64 {
    let arg = |i: usize| args.get(i).copied().unwrap_or(0);
    if exports.has(helper) {
        let result = call(helper, args);
        return if helper.signature().result() == ValType::I32 { result & u64::from(u32::MAX) } else { result };
    }
    match helper.stub() {
        Stub::Zero | Stub::Required | Stub::Undefined => 0,
        Stub::One => 1,
        Stub::Identity => arg(0),
        Stub::Equal => u64::from(arg(0) == arg(1)),
        Stub::PresentAndWrite => {
            let mut ask = |op| {
                let predicate = Helper::find(helper.level(), op);
                predicate.map_or(0, |predicate| invoke(predicate, &[arg(0)], exports, call))
            };
            // The second argument is an i32.
            let write = arg(1) & u64::from(u32::MAX) != 0;
            u64::from(ask(Op::Present) != 0 && (!write || ask(Op::Write) != 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_the_width_or_more_give_zero() {
        assert_eq!(binary(Binary::Shl, 1, 63), 1 << 63);
        assert_eq!(binary(Binary::Shl, 1, 64), 0);
        assert_eq!(binary(Binary::Shr, u64::MAX, 1 << 32), 0);
    }

    #[test]
    fn bits_include_both_ends() {
        assert_eq!(bits(u64::MAX, 63, 0), u64::MAX);
        assert_eq!(bits(1 << 63, 63, 63), 1);
        assert_eq!(bits(0x1234, 11, 4), 0x23);
    }

    #[test]
    fn implication_is_false_in_one_case_only() {
        let table: Vec<u64> = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| binary(Binary::Implies, a, b)).into();
        assert_eq!(table, [1, 1, 0, 1]);
    }
}
