//! The engines of proof against each other, against every input, and against inputs that are known to be there.
//!
//! The circuit of a form is evaluated beside the form. Then questions are asked of closed forms of the grammar. Of a narrow module all 1,024 inputs say the answer, so that the
//! portfolio must decide, and decide rightly, and the diagram alone and the search alone must not contradict it. Of any
//! module a needle is hidden: does the form have the value that it has for an input picked at random? Whoever says "never"
//! is wrong, and an input that is handed back must do what is said of it.

use ptwalk_verifier::bits::Model;
use ptwalk_verifier::bits::budget::{GATES, QueryBudget};
use ptwalk_verifier::bits::decide::{DecideError, Implication, Verdict};
use ptwalk_verifier::blast::Prover;
use ptwalk_verifier::expr::{Arena, Built, Evaluator, ExprId, Width};

use super::narrow::every_input;
use super::{Judged, values};
use crate::fuzz::grammar::{self, Shape};
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};
use crate::fuzz::seed_of;

/// O4.
pub(in crate::fuzz) const PROVERS: Entry = Entry {
    name: "provers",
    about: "rewriting, simulation, diagrams and search agree with each other and with every input (O4)",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Provers)),
};

/// Choices of one module.
const CHOICES: usize = 2500;

/// Questions about one export.
const QUESTIONS: usize = 4;

/// Inputs for which the circuit of a form is evaluated, and the gates beyond which three are enough.
const CIRCUIT_INPUTS: usize = 12;
const CIRCUIT_GATES: usize = 4000;

/// Nodes that questions may add.
const NODES: usize = 100_000;

struct Provers;

impl Property for Provers {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let narrow = random.one_in(2);
        let shape = if narrow { Shape::NARROW } else { Shape::ONE };
        let bytes = grammar::module(random, shape);
        let judged = Judged::of(&bytes, tally).ok_or("the grammar: a module that does not validate")?;
        let questions = &mut Random::new(seed_of(input));
        // A form is a form, also where it does not stand for the code.
        for claim in &judged.claims.exports {
            let (Some(form), 1..=2) = (claim.result, claim.inputs.len()) else { continue };
            let about = Question { form, widths: &claim.inputs, narrow };
            tally.executions += about.circuit(&judged.claims.arena, questions)?;
            let mut arena = judged.claims.arena.with_node_limit(judged.claims.arena.len() + NODES);
            for _ in 0..QUESTIONS {
                tally.executions += about.put(&mut arena, questions)?;
            }
        }
        Ok(())
    }
}

/// What questions are about.
struct Question<'a> {
    form: ExprId,
    widths: &'a [Width],
    narrow: bool,
}

impl Question<'_> {
    /// Whether the circuit of the form computes what the form does, for some inputs; says how many.
    fn circuit(&self, arena: &Arena, random: &mut Random<'_>) -> Result<u64, Failure> {
        let mut prover = Prover::new(GATES, QueryBudget::default());
        let mut inputs = 0;
        for _ in 0..CIRCUIT_INPUTS {
            let args: Vec<u64> = self.widths.iter().map(|_| random.entry()).collect();
            let circuit = match prover.value(arena, self.form, &Model::new(args.clone())) {
                Ok(value) => value,
                // A budget that is spent is no find.
                Err(DecideError::Circuit(_)) => return Ok(inputs),
                Err(error) => return Err(error.into()),
            };
            inputs += 1;
            let form = Evaluator::new(args.clone()).value(arena, self.form);
            if circuit != form {
                return Err(format!("circuit: {circuit:#x} for {args:x?}, the form {form:#x}").into());
            }
            // Each bit is evaluated by itself, so that a multiplier takes its time.
            if inputs >= 3 && prover.gates() > CIRCUIT_GATES {
                break;
            }
        }
        Ok(inputs)
    }

    /// Puts a question to everyone; says how many answers there were.
    fn put(&self, arena: &mut Arena, random: &mut Random<'_>) -> Result<u64, Failure> {
        let known: Vec<u64> = self.widths.iter().map(|width| random.entry() & width.mask()).collect();
        let at = Evaluator::new(known.clone()).value(arena, self.form);
        let condition = self.condition(arena, at, random)?;
        // Where every input can be tried, what is true of any is known; else what is true of one.
        let truth = if self.narrow {
            let columns = every_input(self.widths.len());
            Some(values(arena, condition, &columns).iter().any(|value| *value != 0))
        } else {
            let holds = Evaluator::new(known).value(arena, condition) != 0;
            holds.then_some(true)
        };
        let whole = QueryBudget::default();
        let diagram = QueryBudget { sat_conflicts: 0, ..whole };
        let search = QueryBudget { bdd_nodes: 0, ..whole };
        // Whoever gives up early must not take that for an answer.
        let hasty = QueryBudget { bdd_nodes: 40, sat_conflicts: 1, ..whole };
        for (who, budget) in [("portfolio", whole), ("diagram", diagram), ("search", search), ("hasty", hasty)] {
            let verdict = match Prover::new(GATES, budget).always_false(arena, condition) {
                // A multiplier or two are too large for a circuit; that is said and is no find.
                Err(DecideError::Circuit(_)) => return Ok(0),
                verdict => verdict?,
            };
            judge(who, &verdict, truth, (arena, condition))?;
            if who == "portfolio" && self.narrow && matches!(verdict, Verdict::Unknown { .. }) {
                return Err("portfolio: leaves a question about ten bits open".into());
            }
        }
        self.implied(arena, random, condition)?;
        Ok(5)
    }

    /// Whether one condition follows from another.
    fn implied(&self, arena: &mut Arena, random: &mut Random<'_>, claim: ExprId) -> Result<(), Failure> {
        let value = random.entry();
        let given = self.condition(arena, value, random)?;
        let answer = match Prover::new(GATES, QueryBudget::default()).implies(arena, given, claim) {
            Err(DecideError::Circuit(_)) => return Ok(()),
            answer => answer?,
        };
        let both = |args: Vec<u64>| {
            let mut evaluator = Evaluator::new(args);
            (evaluator.value(arena, given) != 0, evaluator.value(arena, claim) != 0)
        };
        if let Implication::Refuted { model, .. } = &answer
            && both(model.words().to_vec()) != (true, false)
        {
            return Err(format!("implication: {:x?} refutes nothing", model.words()).into());
        }
        if !self.narrow {
            return Ok(());
        }
        let columns = every_input(self.widths.len());
        let (given, claim) = (values(arena, given, &columns), values(arena, claim, &columns));
        let refuted = given.iter().zip(&claim).any(|(given, claim)| *given != 0 && *claim == 0);
        let vacuous = given.iter().all(|given| *given == 0);
        let right = match answer {
            Implication::Proved { .. } => !refuted && !vacuous,
            Implication::Refuted { .. } => refuted,
            Implication::Vacuous { .. } => vacuous,
            Implication::Unknown { .. } => false,
        };
        if right { Ok(()) } else { Err(format!("implication: {answer:?}, of all inputs {refuted} {vacuous}").into()) }
    }

    /// A condition about the form that has `value` for some input.
    fn condition(&self, arena: &mut Arena, value: u64, random: &mut Random<'_>) -> Built {
        let form = self.form;
        let width = arena.width(form);
        let near = arena.constant(width, value ^ random.pick(&[0, 0, 0, 1, 1 << 31, 2]))?;
        match random.below(6) {
            0 => arena.ult(form, near),
            1 => arena.slt(form, near),
            // An argument itself counts in all its bits.
            2 if !self.narrow => {
                let (x, y) = (arena.input(0, Width::W64)?, arena.zext(form, Width::W64)?);
                let (sum, value) = (arena.add(x, y)?, arena.constant(Width::W64, value)?);
                let (differs, same) = (arena.eq(sum, value)?, arena.eq(form, near)?);
                arena.and(differs, same)
            }
            3 => {
                // Always true, and not by rewriting alone: a word lies below or not below.
                let (below, above) = (arena.ult(form, near)?, arena.ult(near, form)?);
                let either = arena.or(below, above)?;
                let same = arena.eq(form, near)?;
                let both = arena.and(either, same)?;
                let bit = arena.bit(form, 0)?;
                arena.and(both, bit)
            }
            _ => arena.eq(form, near),
        }
    }
}

/// Whether a verdict agrees with what is known, and its input does what it says.
fn judge(
    who: &str,
    verdict: &Verdict,
    truth: Option<bool>,
    (arena, condition): (&Arena, ExprId),
) -> Result<(), Failure> {
    match (verdict, truth) {
        (Verdict::Proved { by }, Some(true)) => Err(format!("{who}: {by:?} says never, and it happens").into()),
        (Verdict::Refuted { model, by }, truth) => {
            let does = Evaluator::new(model.words().to_vec()).value(arena, condition) != 0;
            if !does || truth == Some(false) {
                return Err(format!("{who}: {by:?} hands back {:x?}, which does not do it", model.words()).into());
            }
            let fewer = (0..64 * model.words().len()).find(|bit| {
                let mut words = model.words().to_vec();
                let had = words[bit / 64];
                words[bit / 64] &= !(1 << (bit % 64));
                words[bit / 64] != had && Evaluator::new(words).value(arena, condition) != 0
            });
            match fewer {
                Some(bit) => {
                    Err(format!("not minimal: {who}: {:x?} without bit {bit} does it too", model.words()).into())
                }
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
