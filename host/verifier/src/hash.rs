//! A keyed hash for tables of small integers, and of what is made of them.
//!
//! In: keys of a few integers. Out: hashes that differ from one process to the next. A plugin chooses which
//! nodes and gates are built, so with a fixed hash it could choose colliding ones and make every look-up linear. No result
//! depends on the hash, because no table here is ever iterated. A table that forgets must not be keyed: what it forgets
//! decides how much work is done, so which engine answers first, and with which counterexample; for it there is
//! [`Keyed::FIXED`]. Not for secrets: the key protects time only.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A hash map with the keyed hash of this module.
pub(crate) type KeyedMap<K, V> = HashMap<K, V, Keyed>;

/// The key, drawn from the operating system once per table.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    start: u64,
    factor: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Keyed { start: random.hash_one(0_u8), factor: random.hash_one(1_u8) | 1 }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { state: self.start, factor: self.factor }
    }
}

impl Keyed {
    /// The same key in every process, for caches whose entries are overwritten. Collisions there cost steps, which are
    /// counted. The constants are odd bits of the golden ratio and of the square root of 2.
    pub(crate) const FIXED: Keyed = Keyed { start: 0x6a09_e667_f3bc_c908, factor: 0x9e37_79b9_7f4a_7c15 };

    /// Hash of one word, for tables that are addressed directly.
    pub(crate) fn of(&self, word: u64) -> u64 {
        fold(self.start ^ word, self.factor)
    }
}

/// Multiplies into 128 bits and folds the halves, one step per word of the key.
pub(crate) struct Folding {
    state: u64,
    factor: u64,
}

#[expect(clippy::cast_possible_truncation, reason = "the two casts split a 128-bit product into its halves")]
fn fold(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor);
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for Folding {
    /// Whatever has no method of its own below, eight bytes a step.
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for &byte in rest {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.state = fold(self.state ^ value, self.factor);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
