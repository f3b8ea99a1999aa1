//! The portfolio: is this literal false for every input?
//!
//! In: a graph and a literal. Out: a [`Verdict`]: proved, refuted with a minimised input, or unknown with the budget
//! that ran out. Rewriting comes first (the graph has done it already), then simulation, then decision diagram and SAT
//! search in growing slices, because each is hopeless on what the other does best. Guaranteed: *proved* only when an
//! engine finished the whole input space; every refutation is evaluated on the graph itself before it is returned;
//! every engine stops at a count. Not handled: quantifiers other than "for all".

use super::aig::{Aig, CircuitError, Lit};
use super::assume;
use super::bdd::{self, Bdd};
use super::budget::{self, QueryBudget};
use super::cone::{Cone, Model};
use super::sat::{self, Sat};
use super::simulate::{Patterns, Simulator, shrink};
use super::word::{self, Word};
use crate::fault::{Fault, seeded};
use std::collections::VecDeque;

/// Counterexamples remembered for the next question: one batch.
const RECENT_MODELS: usize = 64;

/// Who settled a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// The graph's own rewriting: the literal is a constant.
    Rewriting,
    /// Evaluation on corner and random inputs.
    Simulation,
    /// The binary decision diagram.
    Bdd,
    /// The SAT search.
    Sat,
}

/// Which budget left a question open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The question's own: both engines ran out.
    Query {
        /// Diagram nodes it was allowed.
        bdd_nodes: u32,
        /// Conflicts it was allowed, which depends on the size of the circuit.
        sat_conflicts: u32,
    },
    /// The decider's total over all questions.
    Total,
    /// The clock.
    Deadline,
}

/// Work done on one question, or on all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Assignments simulated.
    pub patterns: u64,
    /// Diagram nodes made.
    pub bdd_nodes: u64,
    /// Steps of the diagram's conjunction algorithm.
    pub bdd_steps: u64,
    /// Conflicts of the SAT search.
    pub sat_conflicts: u64,
    /// The same, each multiplied with the gates of its circuit.
    pub sat_gate_conflicts: u64,
    /// Decisions of the SAT search.
    pub sat_decisions: u64,
}

impl Spent {
    fn add(&mut self, other: &Spent) {
        self.patterns += other.patterns;
        self.bdd_nodes += other.bdd_nodes;
        self.bdd_steps += other.bdd_steps;
        self.sat_conflicts += other.sat_conflicts;
        self.sat_gate_conflicts += other.sat_gate_conflicts;
        self.sat_decisions += other.sat_decisions;
    }
}

/// The answer to "false for every input?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Proved {
        /// Who says so.
        by: Engine,
    },
    /// It is not: the literal is true under this model, and clearing any one bit of the model makes it false.
    Refuted {
        /// The input.
        model: Model,
        /// Who found it.
        by: Engine,
    },
    /// Nobody knows; to be treated as a refusal.
    Unknown {
        /// What ran out.
        exhausted: Exhausted,
        /// What it had cost until then.
        spent: Spent,
    },
}

impl Verdict {
    /// The answer to a question that is put after the deadline.
    pub(crate) fn late() -> Verdict {
        Verdict::Unknown { exhausted: Exhausted::Deadline, spent: Spent::default() }
    }
}

/// The answer to "does the precondition imply the claim?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Implication {
    /// It does, and not for want of inputs.
    Proved {
        /// Who says so.
        by: Engine,
        /// An input that satisfies the precondition.
        witness: Model,
    },
    /// No input satisfies the precondition, so it implies anything.
    Vacuous {
        /// Who says so.
        by: Engine,
    },
    /// It does not: here is an input that satisfies the precondition and not the claim.
    Refuted {
        /// The input.
        model: Model,
        /// Who found it.
        by: Engine,
    },
    /// Nobody knows, or nobody knows whether the precondition can be satisfied.
    Unknown {
        /// What ran out.
        exhausted: Exhausted,
        /// What it had cost until then.
        spent: Spent,
    },
}

/// Why there is no verdict at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// The question itself did not fit into the graph.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// An engine returned an input that does not do what it says: a fault of this crate, never of the plugin.
    #[error("internal fault: the counterexample {words:x?} of {by:?} does not evaluate", words = model.words())]
    WrongModel {
        /// The engine at fault.
        by: Engine,
        /// What it returned.
        model: Model,
    },
}

/// Puts questions to the engines and keeps the account.
#[derive(Debug, Default)]
pub struct Decider {
    budget: QueryBudget,
    spent: Spent,
    recent: VecDeque<Model>,
}

impl Decider {
    /// A decider with the same budget for every question.
    pub fn new(budget: QueryBudget) -> Decider {
        Decider { budget, ..Decider::default() }
    }

    /// Work done so far, over all questions.
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Whether `lit` is false for every input.
    ///
    /// # Errors
    /// [`DecideError::WrongModel`].
    ///
    /// # Cost
    /// A comparison when rewriting has decided; otherwise bounded by the budget.
    pub fn always_false(&mut self, aig: &Aig, lit: Lit) -> Result<Verdict, DecideError> {
        match lit.as_constant() {
            Some(false) => return Ok(Verdict::Proved { by: Engine::Rewriting }),
            Some(true) => {
                let model = Model::zero(aig.input_widths().len());
                return Ok(Verdict::Refuted { model, by: Engine::Rewriting });
            }
            None if self.out_of_time() => return Ok(Verdict::late()),
            None => {}
        }
        let cone = Cone::of(aig, lit);
        let (answer, spent) = match assume::rebuilt(aig, &cone)? {
            None => self.ask(&cone),
            Some((_, Lit::FALSE)) => (Answer::AlwaysFalse(Engine::Rewriting), Spent::default()),
            Some((smaller, root)) => self.ask(&Cone::of(&smaller, root)),
        };
        match answer {
            Answer::AlwaysFalse(by) => Ok(Verdict::Proved { by }),
            Answer::Model(model, by) => {
                let model = shrink(&cone, model);
                if !seeded(Fault::ModelUnchecked) && !aig.evaluate(lit, &model) {
                    return Err(DecideError::WrongModel { by, model });
                }
                self.remember(&model);
                Ok(Verdict::Refuted { model, by })
            }
            Answer::Open(exhausted) => Ok(Verdict::Unknown { exhausted, spent }),
        }
    }

    /// Whether the deadline of all questions has passed: then every answer is [`Exhausted::Deadline`].
    pub fn out_of_time(&self) -> bool {
        self.budget.deadline.is_some_and(|deadline| deadline.has_passed())
    }

    /// Puts one question to the engines and books what it cost.
    fn ask(&mut self, cone: &Cone) -> (Answer, Spent) {
        let mut query = Query::new(cone, &self.budget, &self.spent);
        let answer = query.run(self.recent.make_contiguous());
        let spent = query.spent();
        self.spent.add(&spent);
        (answer, spent)
    }

    /// Whether two words are equal for every input. A model of the refutation makes them differ.
    ///
    /// # Errors
    /// [`DecideError`]; [`CircuitError::WidthMismatch`] when the widths differ.
    pub fn equivalent(&mut self, aig: &mut Aig, a: &Word, b: &Word) -> Result<Verdict, DecideError> {
        let equal = word::eq(aig, a, b)?;
        self.always_false(aig, !equal)
    }

    /// Whether `claim` holds for every input under which `given` does.
    ///
    /// # Errors
    /// [`DecideError`].
    pub fn implies(&mut self, aig: &mut Aig, given: Lit, claim: Lit) -> Result<Implication, DecideError> {
        let kept = if seeded(Fault::PreconditionIgnored) { Lit::TRUE } else { given };
        let violation = aig.and(kept, !claim)?;
        let by = match self.always_false(aig, violation)? {
            Verdict::Proved { by } => by,
            Verdict::Refuted { model, by } => return Ok(Implication::Refuted { model, by }),
            Verdict::Unknown { exhausted, spent } => return Ok(Implication::Unknown { exhausted, spent }),
        };
        match self.always_false(aig, given)? {
            Verdict::Refuted { model, .. } => Ok(Implication::Proved { by, witness: model }),
            Verdict::Proved { .. } if seeded(Fault::VacuityMissed) => {
                Ok(Implication::Proved { by, witness: Model::zero(aig.input_widths().len()) })
            }
            Verdict::Proved { by } => Ok(Implication::Vacuous { by }),
            Verdict::Unknown { exhausted, spent } => Ok(Implication::Unknown { exhausted, spent }),
        }
    }

    /// Keeps a counterexample: loop guards and families of laws tend to fail on the same inputs.
    fn remember(&mut self, model: &Model) {
        if self.recent.contains(model) {
            return;
        }
        if self.recent.len() == RECENT_MODELS {
            self.recent.pop_back();
        }
        self.recent.push_front(model.clone());
    }
}

/// What the engines say, before any check.
enum Answer {
    AlwaysFalse(Engine),
    Model(Model, Engine),
    Open(Exhausted),
}

/// One question on its way through the engines.
struct Query<'a> {
    cone: &'a Cone,
    /// What the question may cost by itself.
    own: QueryBudget,
    /// The same, as far as the decider's total allows.
    left: QueryBudget,
    patterns: u64,
    bdd: Option<Bdd<'a>>,
    sat: Option<Sat<'a>>,
}

impl<'a> Query<'a> {
    fn new(cone: &'a Cone, budget: &QueryBudget, total: &Spent) -> Query<'a> {
        let conflicts = |gate_conflicts: u64| gate_conflicts / cone.len() as u64;
        let own = QueryBudget {
            sat_conflicts: at_most(budget.sat_conflicts, conflicts(budget::SAT_GATE_CONFLICTS_PER_QUERY)),
            ..*budget
        };
        let nodes_left = budget::BDD_NODES_TOTAL.saturating_sub(total.bdd_nodes);
        let work_left = budget::SAT_GATE_CONFLICTS_TOTAL.saturating_sub(total.sat_gate_conflicts);
        let left = QueryBudget {
            bdd_nodes: at_most(own.bdd_nodes, nodes_left),
            sat_conflicts: at_most(own.sat_conflicts, conflicts(work_left)),
            ..own
        };
        Query { cone, own, left, patterns: 0, bdd: None, sat: None }
    }

    fn run(&mut self, recent: &[Model]) -> Answer {
        if let Some(model) = self.simulate(recent) {
            return Answer::Model(model, Engine::Simulation);
        }
        for (bdd_share, sat_share) in budget::SLICES_PER_MILLE {
            if self.out_of_time() {
                break;
            }
            match self.bdd_slice(bdd_share) {
                bdd::Outcome::AlwaysFalse => return Answer::AlwaysFalse(Engine::Bdd),
                bdd::Outcome::Model(model) => return Answer::Model(model, Engine::Bdd),
                bdd::Outcome::Exhausted => {}
            }
            match self.sat_slice(sat_share) {
                sat::Outcome::AlwaysFalse => return Answer::AlwaysFalse(Engine::Sat),
                sat::Outcome::Model(model) => return Answer::Model(model, Engine::Sat),
                sat::Outcome::Exhausted => {}
            }
        }
        Answer::Open(self.exhausted())
    }

    fn simulate(&mut self, recent: &[Model]) -> Option<Model> {
        let mut simulator = Simulator::new(self.cone);
        if let Some(model) = simulator.first_true(recent).and_then(|hit| recent.get(hit)) {
            return Some(self.cone.model(|index| model.bit(self.cone.inputs()[index])));
        }
        let mut patterns = Patterns::new(self.cone);
        while let Some(batch) = patterns.next_batch(self.cone.input_words()) {
            self.patterns += 64;
            let lanes = simulator.run(|_, input| batch[input.word as usize][input.bit as usize]);
            if lanes != 0 {
                let lane = lanes.trailing_zeros();
                let inputs = self.cone.inputs();
                let value_of = |index: usize| {
                    let input = inputs[index];
                    batch[input.word as usize][input.bit as usize] >> lane & 1 == 1
                };
                return Some(self.cone.model(value_of));
            }
            if self.out_of_time() {
                break;
            }
        }
        None
    }

    fn bdd_slice(&mut self, share: u32) -> bdd::Outcome {
        let nodes = slice(self.left.bdd_nodes, share);
        if nodes == 0 {
            return bdd::Outcome::Exhausted;
        }
        let ceiling = bdd::Ceiling {
            nodes: usize::try_from(nodes).unwrap_or(usize::MAX),
            steps: nodes * budget::BDD_STEPS_PER_NODE,
            deadline: self.left.deadline,
        };
        let cone = self.cone;
        self.bdd.get_or_insert_with(|| Bdd::new(cone)).run(&ceiling)
    }

    fn sat_slice(&mut self, share: u32) -> sat::Outcome {
        let conflicts = slice(self.left.sat_conflicts, share);
        // Encoding the question is not interrupted.
        if conflicts == 0 || self.out_of_time() {
            return sat::Outcome::Exhausted;
        }
        let ceiling = sat::Ceiling {
            conflicts,
            decisions: budget::SAT_DECISIONS_FREE + conflicts * budget::SAT_DECISIONS_PER_CONFLICT,
            deadline: self.left.deadline,
        };
        let cone = self.cone;
        self.sat.get_or_insert_with(|| Sat::new(cone)).run(&ceiling)
    }

    fn out_of_time(&self) -> bool {
        self.left.deadline.is_some_and(|deadline| deadline.has_passed())
    }

    fn exhausted(&self) -> Exhausted {
        if self.out_of_time() {
            Exhausted::Deadline
        } else if self.left != self.own {
            Exhausted::Total
        } else {
            Exhausted::Query { bdd_nodes: self.own.bdd_nodes, sat_conflicts: self.own.sat_conflicts }
        }
    }

    fn spent(&self) -> Spent {
        let sat_conflicts = self.sat.as_ref().map_or(0, Sat::conflicts);
        Spent {
            patterns: self.patterns,
            bdd_nodes: self.bdd.as_ref().map_or(0, |bdd| bdd.len() as u64),
            bdd_steps: self.bdd.as_ref().map_or(0, Bdd::steps),
            sat_conflicts,
            sat_gate_conflicts: sat_conflicts * self.cone.len() as u64,
            sat_decisions: self.sat.as_ref().map_or(0, Sat::decisions),
        }
    }
}

/// A budget, cut to what is left of a larger one.
fn at_most(budget: u32, left: u64) -> u32 {
    u32::try_from(left).map_or(budget, |left| left.min(budget))
}

/// A share of a budget, never zero unless the budget is.
fn slice(budget: u32, per_mille: u32) -> u64 {
    (u64::from(budget) * u64::from(per_mille)).div_ceil(1000)
}
