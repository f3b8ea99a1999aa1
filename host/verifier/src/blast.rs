//! From closed forms to bits: lowers expressions to circuits and puts questions about them to the decider.
//!
//! In: expressions of one arena. Out: words of literals ([`Blaster`]) and verdicts ([`Prover`]). Guaranteed: a circuit
//! computes what [`crate::expr::Evaluator`] computes, also where WebAssembly traps (the tests compare them node by
//! node); every node is lowered once, without recursion; arguments of a model are numbered like those of the
//! expressions. Not handled: expressions of different arenas in one blaster.

use crate::bits::Model;
use crate::bits::aig::{Aig, CircuitError, Lit};
use crate::bits::budget::{self, QueryBudget};
use crate::bits::decide::{DecideError, Decider, Exhausted, Implication, Spent, Verdict};
use crate::bits::word::{self, Word};
use crate::expr::{Arena, BinaryOp, CompareOp, ExprId, Node, UnaryOp};

/// Lowers the expressions of one arena, which may grow in between. Circuits are shared: what two expressions have in
/// common is built once.
#[derive(Debug)]
pub struct Blaster {
    aig: Aig,
    /// One 64-bit word per argument number; narrower uses of an argument take its low bits.
    arguments: Vec<Word>,
    lowered: Vec<Option<Word>>,
}

impl Blaster {
    /// A blaster whose graph may grow to `gates` nodes.
    pub fn new(gates: u32) -> Blaster {
        Blaster { aig: Aig::new(gates), arguments: Vec::new(), lowered: Vec::new() }
    }

    /// The graph that the words are made of, to build on.
    pub fn aig_mut(&mut self) -> &mut Aig {
        &mut self.aig
    }

    /// The graph that the words are made of.
    pub fn aig(&self) -> &Aig {
        &self.aig
    }

    /// The circuit of an expression; its width is that of the expression, 1 for truth values.
    ///
    /// # Errors
    /// [`CircuitError::GateBudget`]; [`CircuitError::InputBudget`] for an argument numbered too high. The other
    /// variants mean an ill-typed expression.
    ///
    /// # Panics
    /// For an id of another, larger arena.
    pub fn word(&mut self, arena: &Arena, id: ExprId) -> Result<Word, CircuitError> {
        if self.lowered.len() < arena.len() {
            self.lowered.resize(arena.len(), None);
        }
        let mut pending = vec![id];
        while let Some(&next) = pending.last() {
            let before = pending.len();
            if self.lowered[next.index()].is_none() {
                pending.extend(arena.node(next).operands().filter(|operand| self.lowered[operand.index()].is_none()));
                if pending.len() > before {
                    continue;
                }
                self.lowered[next.index()] = Some(self.lower(arena, next)?);
            }
            pending.pop();
        }
        self.operand(id)
    }

    /// The literal of a truth value; of a word, whether any bit is set.
    ///
    /// # Errors
    /// As [`Blaster::word`].
    pub fn truth(&mut self, arena: &Arena, id: ExprId) -> Result<Lit, CircuitError> {
        let word = self.word(arena, id)?;
        word::any(&mut self.aig, &word)
    }

    /// A word lowered earlier. Operands always are; anything else is an ill-formed expression.
    fn operand(&self, id: ExprId) -> Result<Word, CircuitError> {
        let lowered = self.lowered.get(id.index()).and_then(Option::as_ref);
        lowered.cloned().ok_or(CircuitError::WidthOutOfRange { width: 0 })
    }

    /// The word of an argument.
    ///
    /// # Errors
    /// As [`Blaster::word`].
    pub fn argument(&mut self, number: u32) -> Result<Word, CircuitError> {
        let limit = budget::INPUT_WORDS;
        let number = usize::try_from(number).ok().filter(|&number| number < limit as usize);
        let number = number.ok_or(CircuitError::InputBudget { limit })?;
        while self.arguments.len() <= number {
            let word = Word::input(&mut self.aig, 64)?;
            self.arguments.push(word);
        }
        Ok(self.arguments[number].clone())
    }

    fn lower(&mut self, arena: &Arena, id: ExprId) -> Result<Word, CircuitError> {
        let width = arena.width(id).bits();
        match arena.node(id) {
            Node::Const(value) => Word::constant(value, width),
            Node::Input(number) => word::trunc(&self.argument(number)?, width),
            Node::Not(a) => Ok(word::not(&self.operand(a)?)),
            Node::Bit(a, bit) => {
                let word = self.operand(a)?;
                let beyond = CircuitError::WidthOutOfRange { width: u32::from(bit) + 1 };
                Word::new(vec![word.bits().get(usize::from(bit)).copied().ok_or(beyond)?])
            }
            Node::Unary(op, a) => {
                let a = self.operand(a)?;
                match op {
                    UnaryOp::Clz => word::clz(&mut self.aig, &a),
                    UnaryOp::Ctz => word::ctz(&mut self.aig, &a),
                    UnaryOp::Popcnt => word::popcnt(&mut self.aig, &a),
                }
            }
            Node::Binary(op, a, b) => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                self.binary(op, &a, &b)
            }
            Node::Compare(op, a, b) => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                let holds = match op {
                    CompareOp::Eq => word::eq(&mut self.aig, &a, &b),
                    CompareOp::Ult => word::ult(&mut self.aig, &a, &b),
                    CompareOp::Slt => word::slt(&mut self.aig, &a, &b),
                };
                Word::new(vec![holds?])
            }
            Node::Select(condition, a, b) => {
                let (condition, a, b) = (self.operand(condition)?, self.operand(a)?, self.operand(b)?);
                let condition = word::any(&mut self.aig, &condition)?;
                word::mux(&mut self.aig, condition, &a, &b)
            }
            Node::Zext(a) => word::zext(&self.operand(a)?, width),
            Node::Sext(a) => word::sext(&self.operand(a)?, width),
            Node::Trunc(a) => word::trunc(&self.operand(a)?, width),
            Node::Lookup(table, index) => {
                let index = self.operand(index)?;
                word::lookup(&mut self.aig, &index, &arena.table(table).values, width)
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, a: &Word, b: &Word) -> Result<Word, CircuitError> {
        let g = &mut self.aig;
        match op {
            BinaryOp::And => word::and(g, a, b),
            BinaryOp::Or => word::or(g, a, b),
            BinaryOp::Xor => word::xor(g, a, b),
            BinaryOp::Add => word::add(g, a, b),
            BinaryOp::Sub => word::sub(g, a, b),
            BinaryOp::Mul => word::mul(g, a, b),
            BinaryOp::Shl => word::shl(g, a, b),
            BinaryOp::ShrU => word::shr_u(g, a, b),
            BinaryOp::ShrS => word::shr_s(g, a, b),
            BinaryOp::Rotl => word::rotl(g, a, b),
            BinaryOp::Rotr => word::rotr(g, a, b),
            BinaryOp::UDiv => divided(g, a, b, word::div_u),
            BinaryOp::URem => divided(g, a, b, word::rem_u),
            BinaryOp::SDiv => divided(g, a, b, word::div_s),
            BinaryOp::SRem => divided(g, a, b, word::rem_s),
        }
    }
}

/// A division as expressions define it: zero where the divisor is zero.
fn divided(
    g: &mut Aig,
    a: &Word,
    b: &Word,
    divide: impl Fn(&mut Aig, &Word, &Word) -> Result<Word, CircuitError>,
) -> Result<Word, CircuitError> {
    let result = divide(g, a, b)?;
    let defined = word::any(g, b)?;
    let zero = Word::constant(0, a.width())?;
    word::mux(g, defined, &result, &zero)
}

/// Answers questions about the expressions of one arena. Words of a model are the arguments, in order; arguments that
/// no question mentioned are missing and mean 0.
#[derive(Debug)]
pub struct Prover {
    blaster: Blaster,
    decider: Decider,
}

impl Prover {
    /// A prover with its own graph, of `gates` nodes at most, and the same budget for every question.
    pub fn new(gates: u32, budget: QueryBudget) -> Prover {
        Prover { blaster: Blaster::new(gates), decider: Decider::new(budget) }
    }

    /// Whether an expression is false (a word: zero) for all arguments.
    ///
    /// # Errors
    /// [`DecideError`], here and below.
    pub fn always_false(&mut self, arena: &Arena, id: ExprId) -> Result<Verdict, DecideError> {
        if self.decider.out_of_time() {
            return Ok(Verdict::late());
        }
        let lit = self.blaster.truth(arena, id)?;
        self.decider.always_false(&self.blaster.aig, lit)
    }

    /// Whether two expressions of one width are equal for all arguments.
    pub fn equivalent(&mut self, arena: &Arena, a: ExprId, b: ExprId) -> Result<Verdict, DecideError> {
        let (a, b) = (self.blaster.word(arena, a)?, self.blaster.word(arena, b)?);
        self.decider.equivalent(&mut self.blaster.aig, &a, &b)
    }

    /// Whether `claim` holds for all arguments under which `given` does.
    pub fn implies(&mut self, arena: &Arena, given: ExprId, claim: ExprId) -> Result<Implication, DecideError> {
        if self.decider.out_of_time() {
            return Ok(Implication::Unknown { exhausted: Exhausted::Deadline, spent: Spent::default() });
        }
        let (given, claim) = (self.blaster.truth(arena, given)?, self.blaster.truth(arena, claim)?);
        self.decider.implies(&mut self.blaster.aig, given, claim)
    }

    /// Value of an expression under a model, by its circuit: 64 bits, zero-extended.
    pub fn value(&mut self, arena: &Arena, id: ExprId, model: &Model) -> Result<u64, DecideError> {
        let word = self.blaster.word(arena, id)?;
        let bits = word.bits().iter().enumerate();
        Ok(bits.fold(0, |value, (bit, &lit)| value | u64::from(self.blaster.aig.evaluate(lit, model)) << bit))
    }

    /// Whether the deadline of all questions has passed.
    pub fn out_of_time(&self) -> bool {
        self.decider.out_of_time()
    }

    /// Gates and input bits built so far.
    pub fn gates(&self) -> usize {
        self.blaster.aig.len()
    }

    /// Work of the engines so far.
    pub fn spent(&self) -> &Spent {
        self.decider.spent()
    }
}

#[cfg(test)]
mod tests;
