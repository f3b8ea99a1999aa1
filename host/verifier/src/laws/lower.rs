//! A bound law as two truth values of the expression graph.
//!
//! In: a [`BoundLaw`], and the closed form of each helper that the plugin exports. Out: precondition and claim over
//! the law's variables, with the helpers' forms put in place of their calls and generic stubs in place of what is not
//! exported. Guaranteed: for every input they are what [`BoundLaw::evaluate`] says (a test compares them for every
//! law of the host). Not handled: deciding them.

use ptwalk_abi::{Config, Helper, Op, Stub, ValType};

use super::ast::{Binary, Term, TermId, Unary};
use super::bind::BoundLaw;
use super::eval::extern_value;
use crate::expr::{Arena, BinaryOp, Built, ExprId, NodeBudgetSpent, Width};
use crate::fault::{Fault, seeded};

/// A law's expressions. The variables are the inputs 0, 1, … of 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// Where the law claims anything; the constant true where it has no precondition.
    pub precondition: ExprId,
    /// What it claims.
    pub claim: ExprId,
    /// The expression of every term up to the claim, for reports that show both sides of a comparison.
    pub terms: Vec<ExprId>,
}

/// Why a law could not be lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// The budget of nodes is spent: the law's verdict is unknown.
    #[error(transparent)]
    Budget(#[from] NodeBudgetSpent),
    /// An exported helper was not lifted: the caller is at fault.
    #[error("there is no closed form of {helper}, which the plugin exports")]
    NoForm {
        /// The helper.
        helper: Helper,
    },
}

/// Lowers `law`. `form` gives an exported helper's closed form over the inputs 0, 1, … that are its parameters, in the
/// widths of its signature.
///
/// # Errors
/// [`LowerError`]; the arena keeps what was built.
///
/// # Cost
/// One constructor per term, and per call one for each node of the helper's form.
pub fn lower(
    law: &BoundLaw<'_>,
    arena: &mut Arena,
    form: impl Fn(Helper) -> Option<ExprId>,
) -> Result<Lowered, LowerError> {
    let formula = law.formula();
    let mut lowering = Lowering { law, arena, form, terms: Vec::with_capacity(formula.claim() + 1) };
    for term in formula.terms().iter().take(formula.claim() + 1) {
        let id = lowering.term(term)?;
        lowering.terms.push(id);
    }
    let truth = lowering.arena.constant(Width::W1, 1)?;
    let terms = lowering.terms;
    let at = |id: TermId| terms.get(id).copied().unwrap_or(truth);
    let precondition = formula.precondition().filter(|_| !seeded(Fault::WhereIgnored));
    Ok(Lowered { precondition: precondition.map_or(truth, at), claim: at(formula.claim()), terms })
}

struct Lowering<'a, 'l, F> {
    law: &'a BoundLaw<'l>,
    arena: &'a mut Arena,
    form: F,
    terms: Vec<ExprId>,
}

impl<F: Fn(Helper) -> Option<ExprId>> Lowering<'_, '_, F> {
    /// A number is 64 bits wide, a condition one.
    fn term(&mut self, term: &Term) -> Result<ExprId, LowerError> {
        let config: &Config = self.law.config();
        Ok(match term {
            Term::Var(place) => self.arena.input(u32::try_from(*place).unwrap_or(u32::MAX), Width::W64)?,
            Term::Number { value, .. } => self.arena.constant(Width::W64, *value)?,
            Term::Version(version) => self.arena.constant(Width::W64, version.code().cast_unsigned().into())?,
            Term::Extern(key) => self.arena.constant(Width::W64, extern_value(config, *key))?,
            Term::Exports(helper) => self.arena.constant(Width::W1, self.law.exports().has(*helper).into())?,
            Term::Call(helper, args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    values.push(self.at(*arg)?);
                }
                self.call(*helper, &values)?
            }
            Term::Bits { of, high, low } => {
                let of = self.at(*of)?;
                self.bits(of, *high, *low)?
            }
            Term::Truth(of) => {
                let of = self.at(*of)?;
                self.arena.truth(of)?
            }
            Term::Unary(op, of) => {
                let of = self.at(*of)?;
                match op {
                    Unary::Not => self.arena.not(of)?,
                    Unary::Invert => {
                        let ones = self.arena.constant(Width::W64, u64::MAX)?;
                        self.arena.xor(of, ones)?
                    }
                }
            }
            Term::Binary(op, a, b) => {
                let (a, b) = (self.at(*a)?, self.at(*b)?);
                self.binary(*op, a, b)?
            }
        })
    }

    fn at(&mut self, id: TermId) -> Built {
        match self.terms.get(id) {
            Some(term) => Ok(*term),
            // Operands come first, so this is never reached; a false condition would be the safe answer.
            None => self.arena.constant(Width::W1, 0),
        }
    }

    fn bits(&mut self, of: ExprId, high: u32, low: u32) -> Built {
        if high == low {
            let bit = self.arena.bit(of, u8::try_from(low).unwrap_or(u8::MAX))?;
            return self.arena.zext(bit, Width::W64);
        }
        let amount = self.arena.constant(Width::W64, low.into())?;
        let shifted = self.arena.shift(BinaryOp::ShrU, of, amount)?;
        let mask = self.arena.constant(Width::W64, super::eval::bits(u64::MAX, high, low))?;
        self.arena.and(shifted, mask)
    }

    /// A call as a number: what an i32 helper returns is zero-extended, what it takes is truncated.
    fn call(&mut self, helper: Helper, args: &[ExprId]) -> Result<ExprId, LowerError> {
        if !self.law.exports().has(helper) {
            return self.stub(helper, args);
        }
        let form = (self.form)(helper).ok_or(LowerError::NoForm { helper })?;
        let mut inputs = Vec::with_capacity(args.len());
        for (arg, ty) in args.iter().zip(helper.signature().params()) {
            inputs.push(if *ty == ValType::I32 { self.arena.trunc(*arg)? } else { *arg });
        }
        let result = self.arena.substitute(form, &inputs)?;
        Ok(self.widened(result)?)
    }

    fn widened(&mut self, value: ExprId) -> Built {
        if self.arena.width(value) == Width::W64 { Ok(value) } else { self.arena.zext(value, Width::W64) }
    }

    fn stub(&mut self, helper: Helper, args: &[ExprId]) -> Result<ExprId, LowerError> {
        let zero = self.arena.constant(Width::W64, 0)?;
        let arg = |i: usize| args.get(i).copied().unwrap_or(zero);
        Ok(match helper.stub() {
            // Binding has refused a law that calls what has no stub.
            Stub::Zero | Stub::Required | Stub::Undefined => zero,
            Stub::One => self.arena.constant(Width::W64, 1)?,
            Stub::Identity => arg(0),
            Stub::Equal => {
                let equal = self.arena.eq(arg(0), arg(1))?;
                self.widened(equal)?
            }
            Stub::PresentAndWrite => {
                let (entry, write) = (arg(0), arg(1));
                let present = self.ask(helper, Op::Present, entry)?;
                let writable = self.ask(helper, Op::Write, entry)?;
                let write = self.arena.trunc(write)?;
                let wanted = self.arena.truth(write)?;
                let unwanted = self.arena.not(wanted)?;
                let enough = self.arena.or(unwanted, writable)?;
                let permitted = self.arena.and(present, enough)?;
                self.widened(permitted)?
            }
        })
    }

    /// What another predicate of the same level says, as a truth value.
    fn ask(&mut self, helper: Helper, op: Op, entry: ExprId) -> Result<ExprId, LowerError> {
        let Some(predicate) = Helper::find(helper.level(), op) else { return Ok(self.arena.constant(Width::W1, 0)?) };
        let value = self.call(predicate, &[entry])?;
        Ok(self.arena.truth(value)?)
    }

    fn binary(&mut self, op: Binary, a: ExprId, b: ExprId) -> Built {
        let arena = &mut *self.arena;
        match op {
            Binary::Mul => arena.mul(a, b),
            Binary::Add => arena.add(a, b),
            Binary::Sub => arena.sub(a, b),
            Binary::Shl => self.shift(BinaryOp::Shl, a, b),
            Binary::Shr if !seeded(Fault::LawShiftRight) => self.shift(BinaryOp::ShrU, a, b),
            Binary::Shr => self.shift(BinaryOp::Shl, a, b),
            Binary::Both if seeded(Fault::LawConjunctionEither) => arena.or(a, b),
            Binary::And | Binary::Both => arena.and(a, b),
            Binary::Or | Binary::Either => arena.or(a, b),
            Binary::Xor => arena.xor(a, b),
            Binary::Eq | Binary::Iff => self.equal(a, b),
            Binary::Ne => {
                let equal = self.equal(a, b)?;
                self.arena.not(equal)
            }
            Binary::Lt => arena.ult(a, b),
            Binary::Le => arena.ule(a, b),
            Binary::Gt => arena.ult(b, a),
            Binary::Ge => arena.ule(b, a),
            Binary::Implies => {
                let refuted = arena.not(a)?;
                arena.or(refuted, b)
            }
        }
    }

    /// Equality of two numbers, or of two conditions, which the graph compares by exclusive or.
    fn equal(&mut self, a: ExprId, b: ExprId) -> Built {
        if self.arena.width(a) == Width::W1 {
            let differ = self.arena.xor(a, b)?;
            return self.arena.not(differ);
        }
        self.arena.eq(a, b)
    }

    /// The graph counts shift amounts modulo 64, as WebAssembly does; a law shifts everything out.
    fn shift(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Built {
        let width = self.arena.constant(Width::W64, 64)?;
        let (inside, shifted) = (self.arena.ult(b, width)?, self.arena.shift(op, a, b)?);
        let zero = self.arena.constant(Width::W64, 0)?;
        self.arena.select(inside, shifted, zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Evaluator;
    use crate::laws::{Binding, Exports, Law, Origin, bind, host_laws, parse_text};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A helper that is like none of any architecture but depends on all it is given, so that a wrong operand shows.
    fn form(arena: &mut Arena, helper: Helper) -> Built {
        let number = helper as u64;
        let params = helper.signature().params();
        let mut mixed = arena.constant(Width::W64, number.wrapping_mul(0x9e37_79b9_7f4a_7c15))?;
        for (i, ty) in params.iter().enumerate() {
            let width = if *ty == ValType::I32 { Width::W32 } else { Width::W64 };
            let input = arena.input(u32::try_from(i).unwrap_or(0), width)?;
            let input = if width == Width::W32 { arena.zext(input, Width::W64)? } else { input };
            let amount = arena.constant(Width::W64, number % 7 + i as u64)?;
            let turned = arena.shift(BinaryOp::Rotl, input, amount)?;
            mixed = arena.xor(mixed, turned)?;
        }
        if helper.signature().is_bool() {
            let bit = arena.bit(mixed, u8::try_from(number % 64).unwrap_or(0))?;
            return arena.zext(bit, Width::W32);
        }
        if helper.signature().result() == ValType::I32 { arena.trunc(mixed) } else { Ok(mixed) }
    }

    fn agree(law: &Law, exports: &Exports, arena: &mut Arena, forms: &[ExprId]) -> Outcome {
        let config = Config::DEFAULT;
        let Binding::Applicable(bound) = bind(law, &config, exports) else { return Ok(()) };
        let lowered = lower(&bound, arena, |helper| forms.get(helper as usize).copied())?;
        for i in 0..40u64 {
            let word = |k: u64| match i {
                0 => 0,
                1 => u64::MAX,
                2..20 => 1 << ((i * 7 + k * 13) % 64),
                _ => (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(u32::try_from(k * 17 + i).unwrap_or(0)),
            };
            let vars: Vec<u64> = (0..law.formula.vars().len() as u64).map(word).collect();
            let verdict = bound.evaluate(&vars, |helper, args| {
                let form = forms.get(helper as usize).copied();
                form.map_or(0, |form| Evaluator::new(args.to_vec()).value(arena, form))
            });
            let mut at = Evaluator::new(vars.clone());
            let told = (at.value(arena, lowered.precondition), at.value(arena, lowered.claim));
            assert_eq!(told, (verdict.precondition.into(), verdict.claim.into()), "{} at {vars:#x?}", law.id);
        }
        Ok(())
    }

    #[test]
    fn expressions_say_what_evaluation_says() -> Outcome {
        let mut arena = Arena::new(1 << 20);
        let mut forms = Vec::new();
        for helper in Helper::ALL {
            forms.push(form(&mut arena, *helper)?);
        }
        let all: Exports = Helper::ALL.iter().copied().collect();
        // Every other helper absent: stubs, and the generic access_permitted over exported and absent predicates.
        let some: Exports = Helper::ALL.iter().copied().filter(|helper| helper.stub() == Stub::Undefined).collect();
        for law in host_laws()? {
            agree(&law, &all, &mut arena, &forms)?;
            agree(&law, &some, &mut arena, &forms)?;
        }
        Ok(())
    }

    #[test]
    fn every_operator_is_lowered_as_it_is_evaluated() -> Outcome {
        let mut arena = Arena::new(1 << 16);
        let none: Exports = std::iter::empty().collect();
        for text in [
            "forall x: u64, y: u64 where x < y || x[3]. x * y + 3 - y == ~x ^ y",
            "forall x: u64, y: u64. x << y == x >> (y & 0xff) => x[40:3] <= y && !(x >= y)",
            "forall x: u64, y: u64. (x > y) == (x != y) <=> x | y != x & y",
            "forall x: u64. PAGE_SHIFT == 12 && LINUX_VERSION_CODE >= 5.3 && (NUMA_BALANCING != (x == 0))",
        ] {
            let formula = parse_text(text)?.remove(0).1;
            let (id, name) = (text.to_owned(), String::new());
            let law = Law { id, name, doc: String::new(), source: String::new(), origin: Origin::Host, formula };
            agree(&law, &none, &mut arena, &[])?;
        }
        Ok(())
    }

    #[test]
    fn a_spent_budget_is_an_error() -> Outcome {
        let formula = parse_text("forall x: u64, y: u64. x * y + x == y * 77")?.remove(0).1;
        let (id, name) = (String::new(), String::new());
        let law = Law { id, name, doc: String::new(), source: String::new(), origin: Origin::Host, formula };
        let none: Exports = std::iter::empty().collect();
        let Binding::Applicable(bound) = bind(&law, &Config::DEFAULT, &none) else { return Err("not bound".into()) };
        assert!(matches!(lower(&bound, &mut Arena::new(3), |_| None), Err(LowerError::Budget(_))));
        assert!(lower(&bound, &mut Arena::new(100), |_| None).is_ok());
        Ok(())
    }
}
