//! The bit-level prover as the oracle of loops.

use super::witness::{Answer, Oracle};
use crate::bits::decide::Verdict;
use crate::blast::Prover;
use crate::expr::{Arena, ExprId};

impl Oracle for Prover {
    /// Whatever keeps the prover from a verdict, its budgets included, is [`Answer::Unknown`]: the loop is then
    /// unrolled further, up to its cap.
    fn satisfiable(&mut self, arena: &Arena, condition: ExprId) -> Answer {
        match self.always_false(arena, condition) {
            Ok(Verdict::Proved { .. }) => Answer::Never,
            Ok(Verdict::Refuted { model, .. }) => Answer::Holds(model.words().to_vec()),
            Ok(Verdict::Unknown { .. }) | Err(_) => Answer::Unknown,
        }
    }

    fn is_spent(&self) -> bool {
        self.out_of_time()
    }
}
