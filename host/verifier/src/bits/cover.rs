//! A circuit of one word as cubes: conditions of the form `(x & mask) == value` that exclude one another.
//!
//! In: a graph and a literal. Out: the cubes under which the literal is true, read off the paths of its decision diagram.
//! Guaranteed: exact, because the diagram is; no two cubes hold at once; no more than were asked for. Not handled:
//! literals that depend on other input words than the first; the least number of cubes.

use super::aig::{Aig, Lit};
use super::bdd::Bdd;
use super::cone::Cone;

/// Nodes of the diagram of a literal that is to become a handful of cubes. One cube over all bits takes 64, and up to
/// half their square on the way, as nothing is given back.
const NODES: usize = 8_000;

/// `(x & mask) == value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cube {
    /// The bits that matter.
    pub mask: u64,
    /// What they are.
    pub value: u64,
}

impl Cube {
    /// Whether the cube holds.
    pub const fn holds(self, x: u64) -> bool {
        x & self.mask == self.value
    }
}

/// The cubes under which `lit` is true; `None` where there are more than `limit`, or the diagram is large.
pub fn cubes(aig: &Aig, lit: Lit, limit: usize) -> Option<Vec<Cube>> {
    if let Some(constant) = lit.as_constant() {
        return Some(if constant { vec![Cube { mask: 0, value: 0 }] } else { Vec::new() });
    }
    let cone = Cone::of(aig, lit);
    if cone.inputs().iter().any(|input| input.word != 0) {
        return None;
    }
    Bdd::new(&cone).paths(NODES, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubes_are_the_circuit_and_exclude_one_another() {
        let mut aig = Aig::new(1_000);
        let x = aig.input_word(64).expect("an input");
        let either = aig.or(x[0], x[58]).expect("a gate");
        let both = aig.and(x[3], !x[63]).expect("a gate");
        let mixed = aig.xor(either, both).expect("gates");
        for lit in [either, both, mixed, !mixed, x[63], !x[0], Lit::TRUE, Lit::FALSE] {
            let cubes = cubes(&aig, lit, 8).expect("few cubes");
            for i in 0..16_u64 {
                let spread = |bit: u64, to: u32| (i >> bit & 1) << to;
                let word = spread(0, 0) | spread(1, 58) | spread(2, 3) | spread(3, 63);
                let holding = cubes.iter().filter(|cube| cube.holds(word)).count();
                let expected = aig.evaluate(lit, &crate::bits::Model::new(vec![word]));
                assert_eq!(holding, usize::from(expected), "{cubes:x?} at {word:#x}");
            }
        }
    }

    #[test]
    fn one_test_of_the_whole_word_is_one_cube_and_its_opposite_is_too_many() {
        let mut aig = Aig::new(1_000);
        let x = aig.input_word(64).expect("an input");
        let zero = x.iter().try_fold(Lit::TRUE, |all, bit| aig.and(all, !*bit)).expect("gates");
        assert_eq!(cubes(&aig, zero, 1), Some(vec![Cube { mask: u64::MAX, value: 0 }]));
        assert_eq!(cubes(&aig, !zero, 63), None);
        assert_eq!(cubes(&aig, !zero, 64).map(|cubes| cubes.len()), Some(64));
    }

    #[test]
    fn other_words_have_no_cubes() {
        let mut aig = Aig::new(1_000);
        aig.input_word(64).expect("an input");
        let y = aig.input_word(64).expect("an input");
        assert_eq!(cubes(&aig, y[0], 8), None);
    }
}
