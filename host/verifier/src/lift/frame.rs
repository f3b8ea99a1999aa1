//! Open blocks and active functions.

use super::instr::Block;
use super::state::State;
use crate::expr::ExprId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Body,
    Block,
    If,
    Loop,
}

/// A target of branches, while its block is open.
#[derive(Debug)]
pub(super) struct Label {
    pub kind: Kind,
    pub block: Block,
    /// Position of the operator that opened it.
    pub at: usize,
    /// Operands below the block.
    pub height: usize,
    /// States that wait for the block's end, in program order.
    pub arrivals: Vec<State>,
    /// The state that enters `else`, while `then` runs.
    pub otherwise: Option<State>,
    /// Of a loop: states that go back to its start.
    pub back: Vec<State>,
    /// Of a loop: times it went back.
    pub iterations: u32,
    /// Of a loop: whether some state left it in this iteration.
    pub left: bool,
    /// Of a loop: condition and state at the start of this iteration.
    pub entered: Option<(ExprId, State)>,
    /// Of a loop: condition on its first entry.
    pub entry: Option<ExprId>,
    /// Of a loop: whether the last whole iteration let no state out and decided nothing.
    pub stale: bool,
}

/// An active function.
#[derive(Debug)]
pub(super) struct Frame {
    pub function: u32,
    pub at: usize,
    pub labels: Vec<Label>,
    /// Locals and operands of the caller.
    pub caller: (Vec<ExprId>, Vec<ExprId>),
    /// Slots of stack below this function.
    pub base_slots: usize,
}

impl Label {
    /// Whether an iteration that ends under this condition let no state out and decided nothing.
    pub(super) fn is_stale(&self, condition: ExprId) -> bool {
        !self.left && self.entered.as_ref().is_some_and(|(entered, _)| *entered == condition)
    }

    pub(super) fn new(kind: Kind, block: Block, at: usize, height: usize) -> Label {
        Label {
            kind,
            block,
            at,
            height,
            arrivals: Vec::new(),
            otherwise: None,
            back: Vec::new(),
            iterations: 0,
            left: false,
            entered: None,
            entry: None,
            stale: false,
        }
    }
}
