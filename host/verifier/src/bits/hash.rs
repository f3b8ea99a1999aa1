//! A keyed hash for tables of small integers.
//!
//! In: keys made of `u32` and `u64`. Out: hashes that differ from one process to the next. A plugin chooses which
//! gates are built, so with a fixed hash it could choose colliding ones and make every look-up linear. No result
//! depends on the hash, because no table here is ever iterated. Not for secrets: the key protects time only.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A hash map with the keyed hash of this module.
pub(super) type KeyedMap<K, V> = HashMap<K, V, Keyed>;

/// The key, drawn from the operating system once per table.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
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
    /// Hash of one word, for direct-mapped caches.
    pub(super) fn of(&self, word: u64) -> u64 {
        fold(self.start ^ word, self.factor)
    }
}

/// Multiplies into 128 bits and folds the halves, one step per word of the key.
pub(super) struct Folding {
    state: u64,
    factor: u64,
}

#[expect(clippy::cast_possible_truncation, reason = "the two casts split a 128-bit product into its halves")]
fn fold(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor);
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
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
