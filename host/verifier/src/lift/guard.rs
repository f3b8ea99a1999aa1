//! Path conditions as a tree.
//!
//! A guard is the conjunction of the conditions from the root. Splitting makes two children of one guard; meeting
//! returns to the common ancestor when the conditions of both sides together are always true, as they are behind an
//! `if`. So guards stay as short as the nesting of open decisions, and 64 diamonds in a row leave no trace in them.

use crate::expr::{Arena, ExprId, NodeBudgetSpent, Width};
use crate::fault::{Fault, seeded};
use crate::hash::KeyedMap;

/// A node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GuardId(u32);

#[derive(Clone, Copy, Debug)]
struct Guard {
    parent: GuardId,
    depth: u32,
    condition: ExprId,
    /// The conjunction of the conditions from the root.
    all: ExprId,
}

/// The tree of guards of one export.
#[derive(Clone, Debug)]
pub(super) struct Guards {
    nodes: Vec<Guard>,
    interned: KeyedMap<(GuardId, ExprId), GuardId>,
}

/// The guard under which everything runs.
pub(super) const ALWAYS: GuardId = GuardId(0);

impl Guards {
    pub(super) fn new(arena: &mut Arena) -> Result<Guards, NodeBudgetSpent> {
        let always = arena.constant(Width::W1, 1)?;
        let root = Guard { parent: ALWAYS, depth: 0, condition: always, all: always };
        Ok(Guards { nodes: vec![root], interned: KeyedMap::default() })
    }

    fn node(&self, id: GuardId) -> Guard {
        self.nodes[id.0 as usize]
    }

    /// The whole condition of a guard.
    pub(super) fn all(&self, id: GuardId) -> ExprId {
        self.node(id).all
    }

    /// `parent` and `condition`; `None` where that is never true.
    pub(super) fn child(
        &mut self,
        arena: &mut Arena,
        parent: GuardId,
        condition: ExprId,
    ) -> Result<Option<GuardId>, NodeBudgetSpent> {
        if arena.is_zero(condition) {
            return Ok(None);
        }
        let above = self.all(parent);
        let all = arena.and(above, condition)?;
        if arena.is_zero(all) {
            return Ok(None);
        }
        // A condition that the guard implies says nothing new.
        if all == above {
            return Ok(Some(parent));
        }
        if let Some(&known) = self.interned.get(&(parent, condition)) {
            return Ok(Some(known));
        }
        let id = GuardId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Guard { parent, depth: self.node(parent).depth + 1, condition, all });
        self.interned.insert((parent, condition), id);
        Ok(Some(id))
    }

    /// The deepest guard that both imply.
    fn common(&self, a: GuardId, b: GuardId) -> GuardId {
        let (mut a, mut b) = (a, b);
        while a != b {
            if self.node(a).depth >= self.node(b).depth {
                a = self.node(a).parent;
            } else {
                b = self.node(b).parent;
            }
        }
        a
    }

    /// The conditions between an ancestor and a guard, and how many they are.
    fn relative(&self, arena: &mut Arena, ancestor: GuardId, id: GuardId) -> Result<(ExprId, u32), NodeBudgetSpent> {
        let mut condition = arena.constant(Width::W1, 1)?;
        let (mut at, mut steps) = (id, 0);
        while at != ancestor {
            condition = arena.and(condition, self.node(at).condition)?;
            at = self.node(at).parent;
            steps += 1;
        }
        Ok((condition, steps))
    }

    /// Where two guards that exclude each other meet: the guard of both, what tells the first from the second there,
    /// and the work it took.
    pub(super) fn meet(
        &mut self,
        arena: &mut Arena,
        a: GuardId,
        b: GuardId,
    ) -> Result<(GuardId, ExprId, u32), NodeBudgetSpent> {
        let ancestor = self.common(a, b);
        let (from_a, steps_a) = self.relative(arena, ancestor, a)?;
        let (from_b, steps_b) = self.relative(arena, ancestor, b)?;
        let either = if seeded(Fault::GuardOfOneArm) { from_a } else { arena.or(from_a, from_b)? };
        let guard = match self.child(arena, ancestor, either)? {
            Some(guard) => guard,
            None => ancestor,
        };
        Ok((guard, from_a, steps_a + steps_b))
    }

    /// Notes that a guard is never true, as a proof has shown: then the other side of its last decision is no decision.
    pub(super) fn never(&mut self, arena: &mut Arena, id: GuardId) -> Result<(), NodeBudgetSpent> {
        let Guard { parent, condition, .. } = self.node(id);
        let opposite = arena.not(condition)?;
        let Some(&sibling) = self.interned.get(&(parent, opposite)) else { return Ok(()) };
        let all = self.all(parent);
        let condition = arena.constant(Width::W1, 1)?;
        if let Some(node) = self.nodes.get_mut(sibling.0 as usize) {
            node.condition = condition;
            node.all = all;
        }
        self.interned.remove(&(parent, opposite));
        Ok(())
    }
}
