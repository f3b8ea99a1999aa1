//! Counting what a comparison finds.

use std::collections::BTreeMap;

use ptwalk_abi::Level;

use super::change::Change;
use super::{Cell, Difference, Which};
use crate::walk::ProblemKind;
use crate::walk::census::Count;

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of which both sides say the same, that nothing is mapped aside.
    pub alike: Count,
    /// Of which they do not.
    pub different: Count,
    /// The latter by change and by the level of the finer entry; what differs in several ways counts under each.
    pub changes: BTreeMap<Change, BTreeMap<Level, Count>>,
    /// The first thing that kept a part of a side from being seen.
    pub unseen: Option<(Which, ProblemKind)>,
}

impl Tally {
    pub(super) fn add(&mut self, pair: &Difference) {
        let bytes = u64::try_from(pair.range.bytes()).unwrap_or(u64::MAX);
        for (which, cell) in [(Which::A, pair.a), (Which::B, pair.b)] {
            // A bad entry maps nothing, so nothing is missed.
            if let Some(Cell::Problem { kind, .. }) = cell.filter(|_| self.unseen.is_none())
                && kind != ProblemKind::Bad
            {
                self.unseen = Some((which, kind));
            }
        }
        if pair.changes.is_empty() {
            self.alike.add(bytes);
            return;
        }
        self.different.add(bytes);
        for change in pair.changes.iter() {
            self.changes.entry(change).or_default().entry(pair.level()).or_default().add(bytes);
        }
    }
}
