//! What the benches share: tables made from a seed, the engines that walk them, hand-written baselines, and the machine's
//! own bandwidth.
#![allow(dead_code, reason = "each bench uses a part")]

pub mod engines;
pub mod machine;
pub mod native;
pub mod tables;
#[cfg(target_arch = "x86_64")]
pub mod vector;

/// From this seed every image is made.
pub const SEED: u64 = 0x7074_7761_6c6b;

/// Sebastiano Vigna's splitmix64: the same numbers on every machine, which is all that is asked of it.
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `bound`, which is small beside 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Puts `items` into an order that every seed makes differently (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).expect("an index");
            items.swap(last, other);
        }
    }
}
