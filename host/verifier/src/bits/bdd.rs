//! Reduced ordered binary decision diagram of one cone.
//!
//! In: a cone and budgets. Out: whether its root is constantly false, or a path to true. Guaranteed: canonical (with
//! complement edges the false-child is never complemented), so the root is false for every input exactly when its
//! edge is the constant; never more nodes or steps than allowed; a run that ran out can be resumed with more and loses
//! nothing. Not handled: variable reordering and garbage collection. The order is fixed, bit 0 of every input word
//! first, then bit 1 of every word: adders, comparisons and bitwise operations are linear in it, multiplication is
//! exponential in every order (R. Bryant, IEEE Trans. Computers 40(2), 1991), which is what the SAT engine is for.

use super::aig::Lit;
use super::budget::BDD_STEPS_PER_NODE;
use super::cone::{Cone, Model};
use super::cover::Cube;
use crate::deadline::Deadline;
use crate::fault::{Fault, seeded};
use crate::hash::Keyed;

/// A diagram node or its complement. The same packing as a graph literal, over other nodes: 0 is the constant.
type Edge = Lit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    level: u32,
    low: Edge,
    high: Edge,
}

/// Level of the constant, below every variable.
const CONSTANT_LEVEL: u32 = u32::MAX;

/// Smallest and largest size of the lossy cache of conjunctions, in entries of 16 bytes.
const CACHE_MIN: usize = 1 << 12;
const CACHE_MAX: usize = 1 << 18;

/// Slots of the smallest unique table.
const UNIQUE_MIN: usize = 1 << 12;

/// Steps between two looks at the clock.
const STEPS_PER_CLOCK: u64 = 1 << 14;

/// What one run may have cost in all, earlier runs included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    pub(super) nodes: usize,
    pub(super) steps: u64,
    pub(super) deadline: Option<Deadline>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    AlwaysFalse,
    Model(Model),
    Exhausted,
}

/// Work of the conjunction algorithm that waits on its stack.
enum Task {
    Conjoin(Edge, Edge),
    Join { f: Edge, g: Edge, level: u32 },
}

/// A ceiling was reached.
struct OutOfBudget;

/// The diagram, with the edge of every node of the cone done so far.
pub(super) struct Bdd<'a> {
    cone: &'a Cone,
    nodes: Vec<Node>,
    /// Edges of the nodes by their hash, found by linear probing and at most half full; the constant's means empty.
    unique: Vec<Edge>,
    cache: Vec<Option<(Edge, Edge, Edge)>>,
    hash: Keyed,
    /// Edge of each cone node, filled in topological order.
    edges: Vec<Edge>,
    /// Level of each cone input, and the inverse.
    level_of: Vec<u32>,
    input_at: Vec<usize>,
    steps: u64,
}

impl<'a> Bdd<'a> {
    pub(super) fn new(cone: &'a Cone) -> Bdd<'a> {
        Bdd::with_tables(cone, UNIQUE_MIN, CACHE_MIN)
    }

    /// A diagram that is expected to be small: its tables begin with a few hundred entries.
    pub(super) fn small(cone: &'a Cone) -> Bdd<'a> {
        Bdd::with_tables(cone, UNIQUE_MIN >> 4, CACHE_MIN >> 4)
    }

    fn with_tables(cone: &'a Cone, unique: usize, cache: usize) -> Bdd<'a> {
        let mut input_at: Vec<usize> = (0..cone.inputs().len()).collect();
        input_at.sort_by_key(|&index| (cone.inputs()[index].bit, cone.inputs()[index].word));
        let mut level_of = vec![0; input_at.len()];
        for (level, &index) in (0_u32..).zip(&input_at) {
            level_of[index] = level;
        }
        Bdd {
            cone,
            nodes: vec![Node { level: CONSTANT_LEVEL, low: Edge::FALSE, high: Edge::FALSE }],
            unique: vec![Edge::FALSE; unique],
            cache: vec![None; cache],
            hash: Keyed::default(),
            edges: vec![Edge::FALSE],
            level_of,
            input_at,
            steps: 0,
        }
    }

    /// Nodes made so far.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Steps taken so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Builds the diagram of the root, from where the last run stopped.
    pub(super) fn run(&mut self, ceiling: &Ceiling) -> Outcome {
        while self.edges.len() < self.cone.len() {
            match self.next_edge(ceiling) {
                Ok(edge) => self.edges.push(edge),
                Err(OutOfBudget) => return Outcome::Exhausted,
            }
        }
        match self.edge_of(self.cone.root()) {
            Edge::FALSE => Outcome::AlwaysFalse,
            root => Outcome::Model(self.model(root)),
        }
    }

    /// Every path to true, as a cube over the first input word; `None` where there are more than `limit`, or the
    /// diagram needs more than `nodes`.
    pub(super) fn paths(&mut self, nodes: usize, limit: usize) -> Option<Vec<Cube>> {
        let ceiling = Ceiling { nodes, steps: nodes as u64 * BDD_STEPS_PER_NODE, deadline: None };
        if self.run(&ceiling) == Outcome::Exhausted {
            return None;
        }
        let mut cubes = Vec::new();
        let mut open = vec![(self.edge_of(self.cone.root()), Cube { mask: 0, value: 0 })];
        while let Some((edge, Cube { mask, value })) = open.pop() {
            match edge.as_constant() {
                Some(false) => {}
                Some(true) if cubes.len() == limit => return None,
                Some(true) => cubes.push(Cube { mask, value }),
                None => {
                    let level = self.nodes[edge.node()].level;
                    let bit = 1 << self.cone.inputs()[self.input_at[level as usize]].bit;
                    let (low, high) = self.children(edge, level);
                    open.push((high, Cube { mask: mask | bit, value: value | bit }));
                    open.push((low, Cube { mask: mask | bit, value }));
                }
            }
        }
        Some(cubes)
    }

    fn next_edge(&mut self, ceiling: &Ceiling) -> Result<Edge, OutOfBudget> {
        let index = self.edges.len() - 1;
        if let Some(&level) = self.level_of.get(index) {
            return self.make(level, Edge::FALSE, Edge::TRUE, ceiling);
        }
        let (a, b) = self.cone.gates()[index - self.level_of.len()];
        self.and(self.edge_of(a), self.edge_of(b), ceiling)
    }

    fn edge_of(&self, lit: Lit) -> Edge {
        self.edges[lit.node()].flip_if(lit.is_complemented())
    }

    /// The node with the given children, found or made.
    fn make(&mut self, level: u32, low: Edge, high: Edge, ceiling: &Ceiling) -> Result<Edge, OutOfBudget> {
        if low == high {
            return Ok(low);
        }
        let flip = low.is_complemented();
        let (low, high) = (low.flip_if(flip), high.flip_if(flip));
        let node = Node { level, low, high };
        let mut slot = self.unique_slot(&node);
        let mut edge = self.unique[slot];
        if edge == Edge::FALSE {
            if self.len() >= ceiling.nodes {
                return Err(OutOfBudget);
            }
            if self.nodes.len() * 2 > self.unique.len() {
                self.grow_unique();
                slot = self.unique_slot(&node);
            }
            edge = Edge::of_node(self.nodes.len());
            self.nodes.push(node);
            self.unique[slot] = edge;
        }
        Ok(edge.flip_if(flip))
    }

    /// The slot that holds the node, or the empty one where it belongs.
    fn unique_slot(&self, node: &Node) -> usize {
        let mask = self.unique.len() - 1;
        let mut slot = masked(self.hash.of(self.hash.of(node.low.packed(node.high)) ^ u64::from(node.level)), mask);
        while self.unique[slot] != Edge::FALSE && self.nodes[self.unique[slot].node()] != *node {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow_unique(&mut self) {
        self.unique = vec![Edge::FALSE; self.unique.len() * 4];
        for index in 1..self.nodes.len() {
            let slot = self.unique_slot(&self.nodes[index]);
            self.unique[slot] = Edge::of_node(index);
        }
    }

    /// Conjunction, with its own stack instead of recursion.
    fn and(&mut self, f: Edge, g: Edge, ceiling: &Ceiling) -> Result<Edge, OutOfBudget> {
        self.grow_cache();
        let mut tasks = vec![Task::Conjoin(f, g)];
        let mut results: Vec<Edge> = Vec::new();
        while let Some(task) = tasks.pop() {
            let result = match task {
                Task::Conjoin(f, g) => {
                    self.count_step(ceiling)?;
                    let (f, g) = if f <= g { (f, g) } else { (g, f) };
                    if let Some(known) = terminal(f, g).or_else(|| self.cached(f, g)) {
                        known
                    } else {
                        let level = self.nodes[f.node()].level.min(self.nodes[g.node()].level);
                        let (f0, f1) = self.children(f, level);
                        let (g0, g1) = self.children(g, level);
                        tasks.extend([Task::Join { f, g, level }, Task::Conjoin(f1, g1), Task::Conjoin(f0, g0)]);
                        continue;
                    }
                }
                Task::Join { f, g, level } => {
                    let high = results.pop().unwrap_or(Edge::FALSE);
                    let low = results.pop().unwrap_or(Edge::FALSE);
                    let edge = self.make(level, low, high, ceiling)?;
                    let slot = self.slot(f, g);
                    self.cache[slot] = Some((f, g, edge));
                    edge
                }
            };
            results.push(result);
        }
        Ok(results.pop().unwrap_or(Edge::FALSE))
    }

    fn count_step(&mut self, ceiling: &Ceiling) -> Result<(), OutOfBudget> {
        if self.steps >= ceiling.steps {
            return Err(OutOfBudget);
        }
        self.steps += 1;
        let look = self.steps.is_multiple_of(STEPS_PER_CLOCK);
        if look && ceiling.deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(OutOfBudget);
        }
        Ok(())
    }

    /// Both children of an edge at a level, which is its own or above it.
    fn children(&self, edge: Edge, level: u32) -> (Edge, Edge) {
        let node = self.nodes[edge.node()];
        if node.level != level {
            return (edge, edge);
        }
        let flip = edge.is_complemented() && !seeded(Fault::BddComplementLost);
        (node.low.flip_if(flip), node.high.flip_if(flip))
    }

    fn slot(&self, f: Edge, g: Edge) -> usize {
        masked(Keyed::FIXED.of(f.packed(g)), self.cache.len() - 1)
    }

    fn cached(&self, f: Edge, g: Edge) -> Option<Edge> {
        self.cache[self.slot(f, g)]
            .filter(|entry| entry.0 == f && (entry.1 == g || seeded(Fault::BddCacheKey)))
            .map(|entry| entry.2)
    }

    /// Keeps the cache about as large as the diagram. Entries are lost, which costs steps and nothing else.
    fn grow_cache(&mut self) {
        if self.nodes.len() > self.cache.len() && self.cache.len() < CACHE_MAX {
            let size = (self.nodes.len() * 2).next_power_of_two().min(CACHE_MAX);
            let old = std::mem::replace(&mut self.cache, vec![None; size]);
            for (f, g, edge) in old.into_iter().flatten() {
                let slot = self.slot(f, g);
                self.cache[slot] = Some((f, g, edge));
            }
        }
    }

    /// A path to true, taking the 0-branch wherever it does not end in false.
    fn model(&self, root: Edge) -> Model {
        let mut values = vec![false; self.input_at.len()];
        let mut edge = root;
        while edge.as_constant().is_none() {
            let level = self.nodes[edge.node()].level;
            let (low, high) = self.children(edge, level);
            let take_high = low == Edge::FALSE;
            let position = if seeded(Fault::ModelOrder) { level as usize } else { self.input_at[level as usize] };
            values[position] = take_high;
            edge = if take_high { high } else { low };
        }
        self.cone.model(|index| values[index])
    }
}

/// A hash as a position in a table of `mask + 1` entries, a power of two.
fn masked(hash: u64, mask: usize) -> usize {
    usize::try_from(hash & mask as u64).unwrap_or(0)
}

/// Conjunctions that need no look at the nodes.
fn terminal(f: Edge, g: Edge) -> Option<Edge> {
    if f == Edge::FALSE || g == Edge::FALSE || f == !g {
        return Some(Edge::FALSE);
    }
    if f == Edge::TRUE || f == g {
        return Some(g);
    }
    (g == Edge::TRUE).then_some(f)
}
