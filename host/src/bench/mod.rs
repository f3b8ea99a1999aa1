//! What is measured, and what it is measured against.
//!
//! In: shapes of tables and engines. Out: walks of one kind by every engine and by hand-written code, and this machine's
//! bandwidth, for `ptwalk bench` and for the criterion benches. Guaranteed: nothing here is part of a walk; the plugin
//! crate that is compiled in is a baseline and answers for nobody else. Not handled: how often a thing is measured
//! ([`timing`] does that for `ptwalk bench`, criterion for the others).

pub mod engines;
pub mod machine;
pub mod native;
pub mod tables;
pub mod timing;

/// From this seed every image is made.
pub const SEED: u64 = 0x7074_7761_6c6b;

/// Sebastiano Vigna's splitmix64: the same numbers on every machine, which is all that is asked of it.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `bound`, which is small beside 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// Puts `items` into an order that every seed makes differently (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }
}
