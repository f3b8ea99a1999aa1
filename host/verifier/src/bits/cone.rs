//! The part of a graph that one question depends on, and assignments to its inputs.
//!
//! In: a graph and a root. Out: a dense copy of the root's cone of influence, which simulation, decision diagrams and
//! SAT share. Guaranteed: gates in topological order, operands numbered below their gate, every input and gate of the
//! cone and nothing else. Not handled: several roots; conjoin them first.

use super::aig::{Aig, InputBit, Lit, Node};

/// A value for every input word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    words: Vec<u64>,
}

impl Model {
    /// All inputs zero.
    pub fn zero(input_words: usize) -> Model {
        Model { words: vec![0; input_words] }
    }

    /// The given values, one per input word in order of creation. Bits above a word's width are ignored.
    pub fn new(words: Vec<u64>) -> Model {
        Model { words }
    }

    /// One value per input word, in order of creation.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Value of one input bit; bits nobody set are zero.
    pub fn bit(&self, input: InputBit) -> bool {
        self.words.get(input.word as usize).is_some_and(|word| word >> input.bit & 1 == 1)
    }

    pub(super) fn set(&mut self, input: InputBit, value: bool) {
        if let Some(word) = self.words.get_mut(input.word as usize) {
            *word = *word & !(1 << input.bit) | u64::from(value) << input.bit;
        }
    }
}

/// The cone of one root. Node 0 is the constant false, then come the inputs, then the gates.
#[derive(Debug)]
pub(super) struct Cone {
    inputs: Vec<InputBit>,
    gates: Vec<(Lit, Lit)>,
    root: Lit,
    input_words: usize,
}

impl Cone {
    /// Extracts the cone of `root`.
    ///
    /// # Cost
    /// Linear in the cone, plus a table of eight bytes per node below the root.
    pub(super) fn of(aig: &Aig, root: Lit) -> Cone {
        let mut local: Vec<Option<Lit>> = vec![None; root.node() + 1];
        let mut reached = Vec::new();
        let mut pending = vec![root.node()];
        while let Some(index) = pending.pop() {
            if index == 0 || local[index].replace(Lit::FALSE).is_some() {
                continue;
            }
            reached.push(index);
            if let Node::And(a, b) = aig.node(index) {
                pending.extend([a.node(), b.node()]);
            }
        }
        reached.sort_unstable();
        let mut inputs = Vec::new();
        for &index in &reached {
            if let Node::Input(input) = aig.node(index) {
                inputs.push(input);
                local[index] = Some(Lit::of_node(inputs.len()));
            }
        }
        let mut gates = Vec::with_capacity(reached.len() - inputs.len());
        let translate =
            |local: &[Option<Lit>], lit: Lit| local[lit.node()].unwrap_or(Lit::FALSE).flip_if(lit.is_complemented());
        for &index in &reached {
            if let Node::And(a, b) = aig.node(index) {
                gates.push((translate(&local, a), translate(&local, b)));
                local[index] = Some(Lit::of_node(inputs.len() + gates.len()));
            }
        }
        Cone { root: translate(&local, root), inputs, gates, input_words: aig.input_widths().len() }
    }

    /// The inputs, in the order of their node numbers.
    pub(super) fn inputs(&self) -> &[InputBit] {
        &self.inputs
    }

    /// The gates' operands, in topological order; gate `i` is node `1 + inputs + i`.
    pub(super) fn gates(&self) -> &[(Lit, Lit)] {
        &self.gates
    }

    /// The root, as a literal of this cone.
    pub(super) fn root(&self) -> Lit {
        self.root
    }

    /// Input words of the whole graph: the length of a model.
    pub(super) fn input_words(&self) -> usize {
        self.input_words
    }

    /// Nodes including the constant.
    pub(super) fn len(&self) -> usize {
        1 + self.inputs.len() + self.gates.len()
    }

    /// A model from one truth value per input of the cone; inputs outside it are zero.
    pub(super) fn model(&self, mut value_of: impl FnMut(usize) -> bool) -> Model {
        let mut model = Model::zero(self.input_words);
        for (index, &input) in self.inputs.iter().enumerate() {
            model.set(input, value_of(index));
        }
        model
    }
}
