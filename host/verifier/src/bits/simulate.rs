//! Evaluation of a cone on 64 assignments at a time.
//!
//! In: a cone and batches of 64 assignments. Out: the lanes on which the root is true. [`Patterns`] yields the batches
//! that come before any search: every corner value in every input word, then random words from a fixed seed, so that
//! two runs see the same patterns. [`shrink`] clears bits of a counterexample while it remains one. Simulation only
//! refutes; it proves nothing.

use super::aig::{InputBit, Lit};
use super::budget;
use super::cone::{Cone, Model};
use crate::fault::{Fault, seeded};

/// Values of every node of a cone in 64 lanes.
pub(super) struct Simulator<'a> {
    cone: &'a Cone,
    values: Vec<u64>,
}

impl<'a> Simulator<'a> {
    pub(super) fn new(cone: &'a Cone) -> Simulator<'a> {
        Simulator { cone, values: vec![0; cone.len()] }
    }

    /// The lanes in which the root is true, when `lanes_of` gives each input's value in every lane.
    pub(super) fn run(&mut self, mut lanes_of: impl FnMut(usize, InputBit) -> u64) -> u64 {
        for (index, &input) in self.cone.inputs().iter().enumerate() {
            self.values[1 + index] = lanes_of(index, input);
        }
        let first_gate = 1 + self.cone.inputs().len();
        for (index, &(a, b)) in self.cone.gates().iter().enumerate() {
            self.values[first_gate + index] = self.lanes(a) & self.lanes(b);
        }
        let root = self.cone.root().flip_if(seeded(Fault::SimulationRootSign));
        self.lanes(root)
    }

    fn lanes(&self, lit: Lit) -> u64 {
        self.values[lit.node()] ^ u64::from(lit.is_complemented()).wrapping_neg()
    }

    /// The first of up to 64 models under which the root is true.
    pub(super) fn first_true(&mut self, models: &[Model]) -> Option<usize> {
        let lanes = self.run(|_, input| {
            let lane_bits = models.iter().take(64).enumerate();
            lane_bits.fold(0, |lanes, (lane, model)| lanes | u64::from(model.bit(input)) << lane)
        });
        let first = lanes.trailing_zeros() as usize;
        (first < models.len().min(64)).then_some(first)
    }
}

/// Splitmix64 (G. Steele and others, OOPSLA 2014): the generator of the random patterns.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`, which must not be 0. The bias of the remainder does not matter to patterns.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Words with few transitions between runs of equal bits, and masks that occur in page-table entries: address fields
/// of 4, 16 and 64 KiB granules, attribute blocks, the sign-extension boundary.
pub(super) fn corner_words() -> Vec<u64> {
    let mut corners = vec![0, u64::MAX];
    corners.extend((0..64).map(|bit| 1 << bit));
    corners.extend((0..64).map(|bit| !(1 << bit)));
    corners.extend((1..64).map(|bit| (1 << bit) - 1));
    corners.extend((1..64).map(|bit| u64::MAX << bit));
    corners.extend((0..63).map(|bit| 3 << bit));
    corners.extend([
        0x0000_ffff_ffff_f000,
        0x0000_ffff_ffff_c000,
        0x0000_ffff_ffff_0000,
        0x000f_ffff_ffff_f000,
        0x000f_ffff_ffe0_0000,
        0xfff0_0000_0000_0fff,
        0xffff_0000_0000_0fff,
        0xffff_8000_0000_0000,
        0x0000_7fff_ffff_ffff,
        0x5555_5555_5555_5555,
        0xaaaa_aaaa_aaaa_aaaa,
        0x0101_0101_0101_0101,
        0x8080_8080_8080_8080,
        0x0123_4567_89ab_cdef,
        0xffff_ffff_0000_0000,
        0x0000_0001_0000_0000,
        0x0000_0000_8000_0000,
        0x0000_0000_7fff_ffff,
    ]);
    corners
}

/// The batches of assignments, simplest first.
pub(super) struct Patterns {
    corners: Vec<u64>,
    words: Vec<usize>,
    position: usize,
    random: Random,
    random_left: u32,
}

impl Patterns {
    /// Patterns for a cone; words that do not occur in it stay zero.
    pub(super) fn new(cone: &Cone) -> Patterns {
        let mut words: Vec<usize> = cone.inputs().iter().map(|input| input.word as usize).collect();
        words.sort_unstable();
        words.dedup();
        Patterns {
            corners: corner_words(),
            words,
            position: 0,
            random: Random::new(0x7074_7761_6c6b_2e31),
            random_left: budget::RANDOM_BATCHES,
        }
    }

    /// The next 64 values of every word, as lanes per bit; `None` after the last batch.
    pub(super) fn next_batch(&mut self, input_words: usize) -> Option<Vec<[u64; 64]>> {
        let corner_patterns = self.corners.len() * (1 + 2 * self.words.len());
        let random = self.position >= corner_patterns;
        if random {
            self.random_left = self.random_left.checked_sub(1)?;
        }
        let mut batch = vec![[0; 64]; input_words];
        for lane in 0..64 {
            if random {
                self.random_lane(&mut batch, lane);
            } else {
                self.corner_lane(&mut batch, lane);
            }
        }
        for word in &mut batch {
            transpose(word);
        }
        Some(batch)
    }

    /// First each corner in all words at once, then in one word with the others zero, then with the others all-one.
    fn corner_lane(&mut self, batch: &mut [[u64; 64]], lane: usize) {
        let corner = self.corners[self.position % self.corners.len()];
        let round = self.position / self.corners.len();
        let varied = self.words.get((round.saturating_sub(1)) / 2).copied();
        let rest = if round % 2 == 1 { 0 } else { u64::MAX };
        for &word in &self.words {
            batch[word][lane] = if round == 0 || Some(word) == varied { corner } else { rest };
        }
        self.position += 1;
    }

    /// Each word is random, a corner, or a corner with a few bits flipped.
    fn random_lane(&mut self, batch: &mut [[u64; 64]], lane: usize) {
        for &word in &self.words {
            let corner = self.corners[self.random.below(self.corners.len())];
            batch[word][lane] = match self.random.next() % 4 {
                0 => corner,
                1 => corner ^ 1 << self.random.below(64) ^ 1 << self.random.below(64),
                _ => self.random.next(),
            };
        }
    }
}

/// Turns 64 words of 64 bits into 64 lanes: bit `j` of word `i` becomes bit `i` of word `j`. Swaps off-diagonal
/// blocks of halving size.
pub(super) fn transpose(matrix: &mut [u64; 64]) {
    let mut size = 32;
    let mut mask = 0x0000_0000_ffff_ffff_u64;
    while size > 0 {
        let mut row = 0;
        while row < 64 {
            let swapped = (matrix[row] >> size ^ matrix[row + size]) & mask;
            matrix[row] ^= swapped << size;
            matrix[row + size] ^= swapped;
            row = (row + size + 1) & !size;
        }
        size /= 2;
        mask ^= mask << size;
    }
}

/// Clears words, then single bits from the top, of a model under which the root is true, for as long as it stays true.
/// The result is minimal: clearing any one further bit makes the root false (unless the ceiling on rounds came first).
pub(super) fn shrink(cone: &Cone, model: Model) -> Model {
    let mut simulator = Simulator::new(cone);
    let mut model = model;
    for input in cone.inputs() {
        let word = input.word as usize;
        if model.words().get(word).is_some_and(|&value| value != 0) {
            let mut words = model.words().to_vec();
            words[word] = 0;
            let candidate = Model::new(words);
            if seeded(Fault::ShrinkUnchecked) || simulator.first_true(std::slice::from_ref(&candidate)).is_some() {
                model = candidate;
            }
        }
    }
    for _ in 0..budget::SHRINK_ROUNDS {
        match shrink_once(cone, &mut simulator, &model) {
            Some(smaller) => model = smaller,
            None => break,
        }
    }
    model
}

/// The model with one bit less, if one can be spared: the highest such bit of the highest-numbered inputs first.
fn shrink_once(cone: &Cone, simulator: &mut Simulator<'_>, model: &Model) -> Option<Model> {
    let set: Vec<usize> = (0..cone.inputs().len()).rev().filter(|&index| model.bit(cone.inputs()[index])).collect();
    for chunk in set.chunks(64) {
        let mut cleared = vec![0_u64; cone.inputs().len()];
        for (lane, &index) in chunk.iter().enumerate() {
            cleared[index] = 1 << lane;
        }
        let lanes = simulator.run(|index, input| u64::from(model.bit(input)).wrapping_neg() & !cleared[index]);
        let lane = lanes.trailing_zeros() as usize;
        if let Some(&index) = chunk.get(lane) {
            let mut smaller = model.clone();
            smaller.set(cone.inputs()[index], false);
            return Some(smaller);
        }
    }
    None
}
