//! Word-level closed forms: a hash-consed, immutable expression DAG.
//!
//! In: constructor calls, operands first. Out: an [`ExprId`] per value, equal ids for equal structure, already
//! simplified: constants folded, masks and shifts of one word combined into bit fields, predicates into bit tests and
//! cubes `(x & mask) == value`, boolean 0/1 words recognised. Guaranteed: an expression means the same for every input
//! as the operators it was built from (the tests compare both on corner and random inputs); every traversal and every
//! constructor is bounded, whatever the shape of the DAG, and needs no host recursion on its depth; the arena never
//! holds more nodes than its budget. Not handled: equality up to arithmetic, which is the bit-level prover's business.
//!
//! Operands of a node always have smaller ids than the node, so a loop over ids is a traversal in evaluation order.

mod algebra;
mod bitwise;
mod boolean;
mod compare;
pub(crate) mod eval;
mod facts;
mod field;
mod print;
mod select;
mod substitute;

pub use eval::{Evaluator, fold_binary, fold_compare, fold_unary};
pub use facts::Facts;
pub use print::Printer;

use crate::hash::KeyedMap;

/// Width of a value in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// A truth value.
    W1,
    /// WebAssembly's `i32`.
    W32,
    /// WebAssembly's `i64`.
    W64,
}

impl Width {
    /// Number of bits.
    pub const fn bits(self) -> u32 {
        match self {
            Width::W1 => 1,
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }

    /// All bits of the width set.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }

    /// The sign bit alone.
    pub const fn sign_bit(self) -> u64 {
        1 << (self.bits() - 1)
    }
}

/// An expression of one [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);

impl ExprId {
    /// Position in the arena: operands come before what uses them.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A constant table of one [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u32);

/// Operators of one word; operand and result have the same width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// Leading zeros; the width for 0.
    Clz,
    /// Trailing zeros; the width for 0.
    Ctz,
    /// Bits set.
    Popcnt,
}

/// Operators of two values of one width, which is also the result's. `And`, `Or` and `Xor` exist at every width, the
/// rest at 32 and 64 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Addition modulo 2^width.
    Add,
    /// Subtraction modulo 2^width.
    Sub,
    /// Multiplication modulo 2^width.
    Mul,
    /// Left shift; the amount counts modulo the width.
    Shl,
    /// Right shift with zeros; the amount counts modulo the width.
    ShrU,
    /// Right shift with copies of the sign; the amount counts modulo the width.
    ShrS,
    /// Left rotation; the amount counts modulo the width.
    Rotl,
    /// Right rotation; the amount counts modulo the width.
    Rotr,
    /// Unsigned division; 0 where the divisor is 0 (WebAssembly traps there).
    UDiv,
    /// Unsigned remainder; 0 where the divisor is 0 (WebAssembly traps there).
    URem,
    /// Signed division towards zero; 0 where the divisor is 0, the dividend for min / -1 (WebAssembly traps in both).
    SDiv,
    /// Signed remainder, with the dividend's sign; 0 where the divisor is 0 (WebAssembly traps there) or -1.
    SRem,
}

/// Relations of two words of one width; the result is [`Width::W1`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Unsigned less.
    Ult,
    /// Signed less.
    Slt,
}

/// One node. Its width is [`Arena::width`]; operands are ids of the same arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A constant, zero-extended to 64 bits.
    Const(u64),
    /// The argument of that number.
    Input(u32),
    /// Negation of a truth value. (A word's complement is `Xor` with all ones.)
    Not(ExprId),
    /// One bit of a word as a truth value; the index is below the word's width.
    Bit(ExprId, u8),
    /// An operator of one word.
    Unary(UnaryOp, ExprId),
    /// An operator of two values.
    Binary(BinaryOp, ExprId, ExprId),
    /// A relation of two words.
    Compare(CompareOp, ExprId, ExprId),
    /// `Select(c, a, b)`: `a` where `c`, else `b`.
    Select(ExprId, ExprId, ExprId),
    /// A narrower value (also a truth value) with zeros above it.
    Zext(ExprId),
    /// A 32-bit word as 64 bits, with copies of its sign above it.
    Sext(ExprId),
    /// Low 32 bits of a 64-bit word.
    Trunc(ExprId),
    /// Entry of a constant table; 0 where the index (any width, unsigned) is not below the table's length.
    Lookup(TableId, ExprId),
}

impl Node {
    /// The operands, in order.
    pub fn operands(self) -> impl Iterator<Item = ExprId> {
        let list = match self {
            Node::Const(_) | Node::Input(_) => [None, None, None],
            Node::Not(a)
            | Node::Bit(a, _)
            | Node::Unary(_, a)
            | Node::Zext(a)
            | Node::Sext(a)
            | Node::Trunc(a)
            | Node::Lookup(_, a) => [Some(a), None, None],
            Node::Binary(_, a, b) | Node::Compare(_, a, b) => [Some(a), Some(b), None],
            Node::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        list.into_iter().flatten()
    }
}

/// Words that a [`Node::Lookup`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    /// Width of the entries: 32 or 64.
    pub width: Width,
    /// The entries.
    pub values: Vec<u64>,
}

/// The arena's node budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the closed forms need more than {limit} nodes")]
pub struct NodeBudgetSpent {
    /// Nodes that the arena may hold.
    pub limit: usize,
}

/// Result of a constructor.
pub type Built = Result<ExprId, NodeBudgetSpent>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    node: Node,
    width: Width,
    facts: Facts,
}

/// Rewrites that one outermost constructor call may spend, and how deep they may nest. They bound the time of a
/// constructor and the host stack it needs; beyond them nodes are built as they are, which is always correct.
const REWRITES_MAX: u32 = 512;
const REWRITE_DEPTH_MAX: u32 = 24;

/// Holder of expressions and tables.
#[derive(Clone, Debug)]
pub struct Arena {
    entries: Vec<Entry>,
    interned: KeyedMap<(Node, Width), ExprId>,
    tables: Vec<Table>,
    interned_tables: KeyedMap<Table, TableId>,
    node_limit: usize,
    depth: u32,
    rewrites: u32,
}

impl Arena {
    /// An empty arena that may hold `node_limit` nodes.
    pub fn new(node_limit: usize) -> Arena {
        Arena {
            entries: Vec::new(),
            interned: KeyedMap::default(),
            tables: Vec::new(),
            interned_tables: KeyedMap::default(),
            node_limit: node_limit.min(u32::MAX as usize),
            depth: 0,
            rewrites: 0,
        }
    }

    /// The same expressions under the same ids, with room for `node_limit` nodes.
    #[must_use]
    pub fn with_node_limit(&self, node_limit: usize) -> Arena {
        Arena { node_limit: node_limit.min(u32::MAX as usize), ..self.clone() }
    }

    /// Number of nodes, also of those that no result uses.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no node was built yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Nodes that the arena may hold.
    pub fn node_limit(&self) -> usize {
        self.node_limit
    }

    /// The node of an expression of this arena.
    ///
    /// # Panics
    /// For an id of another, larger arena.
    pub fn node(&self, id: ExprId) -> Node {
        self.entries[id.index()].node
    }

    /// Width of an expression.
    pub fn width(&self, id: ExprId) -> Width {
        self.entries[id.index()].width
    }

    /// What is known about the value of an expression for every input.
    pub fn facts(&self, id: ExprId) -> Facts {
        self.entries[id.index()].facts
    }

    /// The id at a position below [`Arena::len`].
    pub fn id(&self, index: usize) -> Option<ExprId> {
        (index < self.entries.len()).then(|| ExprId(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// A table of this arena.
    pub fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0 as usize]
    }

    /// The value of a constant expression.
    pub fn as_const(&self, id: ExprId) -> Option<u64> {
        match self.node(id) {
            Node::Const(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the expression is the constant 0 or false.
    pub fn is_zero(&self, id: ExprId) -> bool {
        self.node(id) == Node::Const(0)
    }

    /// Whether the expression is the truth value true.
    pub fn is_true(&self, id: ExprId) -> bool {
        self.width(id) == Width::W1 && self.node(id) == Node::Const(1)
    }

    /// A constant; bits above the width are dropped.
    pub fn constant(&mut self, width: Width, value: u64) -> Built {
        self.intern(Node::Const(value & width.mask()), width)
    }

    /// The argument of that number.
    pub fn input(&mut self, index: u32, width: Width) -> Built {
        self.intern(Node::Input(index), width)
    }

    /// Registers a table; equal tables share one id. The caller bounds the number and size of tables.
    pub fn add_table(&mut self, table: Table) -> TableId {
        if let Some(&id) = self.interned_tables.get(&table) {
            return id;
        }
        let id = TableId(u32::try_from(self.tables.len()).unwrap_or(u32::MAX));
        self.tables.push(table.clone());
        self.interned_tables.insert(table, id);
        id
    }

    /// Entry `index` of a table; see [`Node::Lookup`].
    pub fn lookup(&mut self, table: TableId, index: ExprId) -> Built {
        let (width, len) = (self.table(table).width, self.table(table).values.len() as u64);
        if let Some(at) = self.as_const(index) {
            let value = usize::try_from(at).ok().and_then(|at| self.table(table).values.get(at).copied());
            return self.constant(width, value.unwrap_or(0));
        }
        let reachable = self.facts(index).max;
        let values = &self.table(table).values;
        if reachable < len && values.first().is_some_and(|first| values.iter().all(|value| value == first)) {
            let value = values[0];
            return self.constant(width, value);
        }
        if reachable < len - u64::from(len > 0) {
            let cut = usize::try_from(reachable).unwrap_or(usize::MAX).saturating_add(1);
            let shorter = Table { width, values: values[..cut].to_vec() };
            let shorter = self.add_table(shorter);
            return self.lookup(shorter, index);
        }
        self.intern(Node::Lookup(table, index), width)
    }

    /// Stores a node as it is, unless it exists or has a known value.
    fn intern(&mut self, node: Node, width: Width) -> Built {
        if let Some(&id) = self.interned.get(&(node, width)) {
            return Ok(id);
        }
        let facts = Facts::of(self, node, width);
        if let (Some(value), false) = (facts.value(), matches!(node, Node::Const(_))) {
            return self.constant(width, value);
        }
        if self.entries.len() >= self.node_limit {
            return Err(NodeBudgetSpent { limit: self.node_limit });
        }
        let id = ExprId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(Entry { node, width, facts });
        self.interned.insert((node, width), id);
        Ok(id)
    }

    /// Runs the rewriting rules of one constructor, unless the constructor that started it all has spent its share.
    fn rewrite(&mut self, rules: impl FnOnce(&mut Arena) -> Built, plain: (Node, Width)) -> Built {
        if self.depth == 0 {
            self.rewrites = REWRITES_MAX;
        }
        if self.depth >= REWRITE_DEPTH_MAX || self.rewrites == 0 {
            return self.intern(plain.0, plain.1);
        }
        self.depth += 1;
        self.rewrites -= 1;
        let built = rules(self);
        self.depth -= 1;
        built
    }

    /// An operator of two values of one width.
    pub fn binary(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Built {
        match op {
            BinaryOp::And => self.and(a, b),
            BinaryOp::Or => self.or(a, b),
            BinaryOp::Xor => self.xor(a, b),
            BinaryOp::Add => self.add(a, b),
            BinaryOp::Sub => self.sub(a, b),
            BinaryOp::Mul => self.mul(a, b),
            BinaryOp::Shl | BinaryOp::ShrU | BinaryOp::ShrS | BinaryOp::Rotl | BinaryOp::Rotr => self.shift(op, a, b),
            BinaryOp::UDiv | BinaryOp::URem | BinaryOp::SDiv | BinaryOp::SRem => self.divide(op, a, b),
        }
    }

    /// A relation of two words of one width.
    pub fn compare(&mut self, op: CompareOp, a: ExprId, b: ExprId) -> Built {
        match op {
            CompareOp::Eq => self.eq(a, b),
            CompareOp::Ult => self.ult(a, b),
            CompareOp::Slt => self.slt(a, b),
        }
    }
}

#[cfg(test)]
mod tests;
