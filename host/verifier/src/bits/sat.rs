//! SAT search on one cone.
//!
//! In: a cone and budgets. Out: whether its root can be true, with values for the inputs. The cone is encoded gate by
//! gate (G. Tseitin, 1968: three clauses per gate), the root is asserted, and `batsat` searches in slices: it keeps
//! what it learnt from one slice to the next. Not handled: proofs of unsatisfiability; the answer "unsatisfiable" is
//! trusted, which is why the tests compare it with the other engines and brute force.
//!
//! `batsat` 0.6 exposes no conflict limit, only `Callbacks::stop`, which it asks before each decision, and a callback
//! per learnt clause. One clause is learnt per conflict, so counting those is exact, and the search can overrun its
//! limit only by conflicts that follow each other without a decision in between: at most one per decision level.

use super::aig::Lit;
use super::cone::{Cone, Model};
use crate::deadline::Deadline;
use crate::fault::{Fault, seeded};
use batsat::{Callbacks, ClauseKind, Solver, SolverInterface, lbool};
use std::cell::Cell;

/// What one run may have cost in all, earlier runs included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    pub(super) conflicts: u64,
    pub(super) decisions: u64,
    pub(super) deadline: Option<Deadline>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    AlwaysFalse,
    Model(Model),
    Exhausted,
}

/// Counts conflicts and decisions, and stops the search at the ceiling.
struct Meter {
    conflicts: u64,
    decisions: Cell<u64>,
    ceiling: Ceiling,
}

impl Callbacks for Meter {
    fn on_new_clause(&mut self, _: &[batsat::Lit], kind: ClauseKind) {
        if matches!(kind, ClauseKind::Learnt) {
            self.conflicts += 1;
        }
    }

    fn stop(&self) -> bool {
        let decisions = self.decisions.get() + 1;
        self.decisions.set(decisions);
        if self.conflicts >= self.ceiling.conflicts || decisions >= self.ceiling.decisions {
            return true;
        }
        // A decision in a large question costs up to a millisecond, a look at the clock 30 ns.
        self.ceiling.deadline.is_some_and(|deadline| deadline.has_passed())
    }
}

/// The encoded question.
pub(super) struct Sat<'a> {
    cone: &'a Cone,
    solver: Solver<Meter>,
    /// One literal per node of the cone.
    literals: Vec<batsat::Lit>,
}

impl<'a> Sat<'a> {
    /// Encodes the cone and asserts its root.
    pub(super) fn new(cone: &'a Cone) -> Sat<'a> {
        let ceiling = Ceiling { conflicts: 0, decisions: 0, deadline: None };
        let meter = Meter { conflicts: 0, decisions: Cell::new(0), ceiling };
        let mut solver = Solver::new(batsat::SolverOpts::default(), meter);
        let literals: Vec<batsat::Lit> =
            (0..cone.len()).map(|_| batsat::Lit::new(solver.new_var_default(), true)).collect();
        let mut query = Sat { cone, solver, literals };
        query.clause(&[query.literal(Lit::TRUE)]);
        for index in 0..cone.gates().len() {
            query.encode_gate(index);
        }
        query.clause(&[query.literal(cone.root())]);
        query
    }

    /// `g = a & b` as `!g | a`, `!g | b`, `g | !a | !b`.
    fn encode_gate(&mut self, index: usize) {
        let (a, b) = self.cone.gates()[index];
        let gate = self.literals[1 + self.cone.inputs().len() + index];
        let (a, b) = (self.literal(a), self.literal(b));
        self.clause(&[!gate, a]);
        if !seeded(Fault::ClauseDropped) {
            self.clause(&[!gate, b]);
        }
        self.clause(&[gate, !a, !b]);
    }

    /// Adds a clause. The solver says whether the set is still open, and says so again when it is asked to solve.
    fn clause(&mut self, literals: &[batsat::Lit]) {
        let _still_open = self.solver.add_clause_reuse(&mut literals.to_vec());
    }

    fn literal(&self, lit: Lit) -> batsat::Lit {
        self.literals[lit.node()] ^ lit.is_complemented()
    }

    /// Conflicts so far.
    pub(super) fn conflicts(&self) -> u64 {
        self.solver.cb().conflicts
    }

    /// Decisions so far.
    pub(super) fn decisions(&self) -> u64 {
        self.solver.cb().decisions.get()
    }

    /// Searches until an answer or the ceiling.
    pub(super) fn run(&mut self, ceiling: &Ceiling) -> Outcome {
        self.solver.cb_mut().ceiling = *ceiling;
        let answer = self.solver.solve_limited(&[]);
        if answer == lbool::TRUE {
            let model = self.cone.model(|index| self.solver.value_lit(self.literals[1 + index]) == lbool::TRUE);
            return Outcome::Model(model);
        }
        if (answer == lbool::FALSE) != seeded(Fault::SatAnswerInverted) {
            return Outcome::AlwaysFalse;
        }
        Outcome::Exhausted
    }
}
