//! Ceilings of the bit-level engine, each with its unit and its reason.
//!
//! In: nothing. Out: constants, and [`QueryBudget`] for callers that want less. Counts come before clocks: a verdict
//! that depends on counts is the same on every machine. The clock is the last resort.

use crate::deadline::Deadline;

/// And-gates and inputs of one graph, so of one module. A 64-bit multiplier takes about 37,000 and a divider about
/// 45,000; real page-table helpers stay below 5,000. At 12 bytes a node and 17 a table slot this is about 7 MiB.
pub const GATES: u32 = 200_000;

/// Input words of one graph. A helper has a handful of parameters; the ceiling bounds the patterns of simulation.
pub const INPUT_WORDS: u32 = 256;

/// Nodes of one decision diagram. 500,000 nodes of 12 bytes, their table and a cache take 16 MiB; a popcount loop needs
/// half as many.
pub const BDD_NODES_PER_QUERY: u32 = 500_000;

/// Steps of the conjunction algorithm allowed per node of the diagram: most steps find a node that exists, and only
/// counting them bounds time.
pub const BDD_STEPS_PER_NODE: u64 = 16;

/// Conflicts of the SAT solver for one question. Laws that it can settle at all took fewer than 2,000.
pub const SAT_CONFLICTS_PER_QUERY: u32 = 20_000;

/// Conflicts times gates of the cone, for one question: a conflict costs about 5 ns per gate, so this is half a
/// second. Questions about more than 5,000 gates get accordingly fewer conflicts than the ceiling above.
pub const SAT_GATE_CONFLICTS_PER_QUERY: u64 = 100_000_000;

/// Decisions of the SAT solver allowed per conflict. A question with few conflicts but a huge circuit ends here.
pub const SAT_DECISIONS_PER_CONFLICT: u64 = 400;

/// Decisions of the SAT solver that are always allowed: one per gate of a full graph, so that an easy question about
/// a huge circuit is not cut off before its first conflict.
pub const SAT_DECISIONS_FREE: u64 = GATES as u64;

/// Diagram nodes over all questions put to one decider: four hard questions. A thousand hard laws must not take a
/// thousand times as long.
pub const BDD_NODES_TOTAL: u64 = 4 * BDD_NODES_PER_QUERY as u64;

/// Conflicts times gates over all questions put to one decider: four hard questions.
pub const SAT_GATE_CONFLICTS_TOTAL: u64 = 4 * SAT_GATE_CONFLICTS_PER_QUERY;

/// Shares of a query's budget (in thousandths, first of nodes, then of conflicts) at which the engines take turns. Each
/// engine keeps its work from one turn to the next, so a turn costs only what it adds. A whole diagram takes a tenth of
/// a second, a fifth of a whole search; hence the diagram has its last turn first.
pub const SLICES_PER_MILLE: [(u32, u32); 3] = [(40, 40), (1000, 200), (1000, 1000)];

/// Batches of 64 random patterns after the corner patterns. Random words find what fails on 1 input in 1,000.
pub const RANDOM_BATCHES: u32 = 16;

/// Single-bit shrinking steps of one counterexample, each one evaluation of 64 candidates.
pub const SHRINK_ROUNDS: u32 = 512;

/// What one question may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryBudget {
    /// Nodes of its decision diagram; 0 switches the engine off.
    pub bdd_nodes: u32,
    /// Conflicts of its SAT search; 0 switches the engine off.
    pub sat_conflicts: u32,
    /// When to give up whatever the counts say.
    pub deadline: Option<Deadline>,
}

impl QueryBudget {
    /// What a verification spends on a question.
    pub const DEFAULT: QueryBudget =
        QueryBudget { bdd_nodes: BDD_NODES_PER_QUERY, sat_conflicts: SAT_CONFLICTS_PER_QUERY, deadline: None };
}

impl Default for QueryBudget {
    fn default() -> Self {
        QueryBudget::DEFAULT
    }
}
