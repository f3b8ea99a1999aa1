//! Any bytes at all are refused or judged in bounded time.
//!
//! What counts is the time that the thread ran, as the kernel counts it, so that a busy machine is no finding. Not handled:
//! memory, which needs an allocator that counts (`tests/fuzz_memory.rs`).

use std::time::Duration;

use super::Judged;
use super::source::{Mix, Source};
use crate::fuzz::clock::Clock;
use crate::fuzz::grammar::{Guards, Shape};
use crate::fuzz::minimise::Kind;
use crate::fuzz::random::Random;
use crate::fuzz::run::{Entry, Failure, Property, Tally};

/// O7.
pub(in crate::fuzz) const LIMITS: Entry = Entry {
    name: "limits",
    about: "any bytes are validated, lifted and judged without a panic, within a second (O7)",
    kind: Kind::Module,
    make: |context| {
        let mix = Mix { grammar: 10, near_miss: 0, smith: 15, operators: 30, bytes: 30 };
        Ok(Box::new(Limits { source: Source::new(context, mix, Shape { guards: Guards::Careless(2), ..Shape::SOME }) }))
    },
};

/// Longest that one module may take: the second after which a verification gives up, and what it takes to notice and to say
/// so. Without optimisation everything takes several times as long.
const PATIENCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 8000 } else { 1250 });

struct Limits {
    source: Source,
}

impl Property for Limits {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        self.source.module(random)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let begun = Clock::now();
        let judged = Judged::of(input, tally);
        let took = begun.elapsed();
        tally.executions += u64::from(judged.is_some());
        if took > PATIENCE { Err(format!("slow: {} bytes took {took:?}", input.len()).into()) } else { Ok(()) }
    }
}
