//! One closed form put into another: `pmd_pfn(pmd_mkdevmap(x))` is the form of `pmd_pfn` with its input replaced.

use super::{Arena, Built, ExprId, Node};
use crate::hash::KeyedMap;

impl Arena {
    /// The expression with every [`Node::Input`] replaced by the expression of that number; inputs beyond `inputs`
    /// stay. A replacement must have the input's width.
    ///
    /// # Cost
    /// One constructor per node that `root` reaches.
    pub fn substitute(&mut self, root: ExprId, inputs: &[ExprId]) -> Built {
        let mut done: KeyedMap<ExprId, ExprId> = KeyedMap::default();
        for id in self.reachable(&[root]) {
            let at = |operand: ExprId| done.get(&operand).copied().unwrap_or(operand);
            let new = match self.node(id) {
                Node::Const(_) => id,
                Node::Input(index) => {
                    let given = usize::try_from(index).ok().and_then(|index| inputs.get(index)).copied();
                    debug_assert!(given.is_none_or(|given| self.width(given) == self.width(id)));
                    given.unwrap_or(id)
                }
                Node::Not(a) => self.not(at(a))?,
                Node::Bit(a, bit) => self.bit(at(a), bit)?,
                Node::Unary(op, a) => self.unary(op, at(a))?,
                Node::Binary(op, a, b) => self.binary(op, at(a), at(b))?,
                Node::Compare(op, a, b) => self.compare(op, at(a), at(b))?,
                Node::Select(c, a, b) => self.select(at(c), at(a), at(b))?,
                Node::Zext(a) => self.zext(at(a), self.width(id))?,
                Node::Sext(a) => self.sext(at(a))?,
                Node::Trunc(a) => self.trunc(at(a))?,
                Node::Lookup(table, index) => self.lookup(table, at(index))?,
            };
            done.insert(id, new);
        }
        Ok(done.get(&root).copied().unwrap_or(root))
    }

    /// Everything that the roots are made of, themselves included, operands before what uses them.
    pub fn reachable(&self, roots: &[ExprId]) -> Vec<ExprId> {
        let mut seen = std::collections::HashSet::new();
        let mut open = roots.to_vec();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.node(id).operands());
            }
        }
        let mut order: Vec<ExprId> = seen.into_iter().collect();
        order.sort_unstable();
        order
    }
}
