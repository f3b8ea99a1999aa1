//! Fuzzing: properties that must hold of any input, generators of inputs, and what runs them.
//!
//! In: a [`Context`] of modules and a [`Budget`]. Out: a [`Campaign`] for each of [`PROPERTIES`], with an input made small
//! where one breaks it. Each property is a module of its own, so that the smoke test, the coverage-guided targets, the
//! stored regressions and `ptwalk fuzz` check the same thing: bytes in, a verdict out. Guaranteed: a seed repeats its
//! inputs; the verdict on an input depends on nothing but its bytes. Not handled: inputs that abort the process.
//! What is claimed and what the properties have shown is in `docs/soundness.md`.

mod alter;
mod clock;
mod contents;
mod corpus;
pub mod engines;
pub mod grammar;
mod gup_model;
mod images;
mod laws;
pub mod memory;
pub mod minimise;
mod modules;
mod mutate;
mod parts;
mod plugins;
#[cfg(feature = "seeded-faults")]
pub mod power;
mod random;
mod reference;
mod requests;
mod run;
mod subject;
mod tables;
mod target;
mod texts;
mod trim;
mod walker;

pub use mutate::mutate;
pub use random::Random;
pub use run::{Budget, Campaign, Context, Entry, Failure, Finding, Property, Tally, checked, run, search};
pub use subject::{PLUGIN, Subject};
pub use target::target;

/// Every property.
pub static PROPERTIES: &[Entry] = &[
    images::CORES,
    images::TABLE_IMAGES,
    images::PGMAP_FILES,
    contents::CONTENTS,
    texts::VMCOREINFO,
    texts::LAW_FILES,
    texts::ZONE_FILES,
    requests::REQUESTS,
    plugins::SANDBOX,
    modules::claims::CLAIMS,
    modules::claims::HIDDEN,
    modules::engines::ENGINES,
    modules::narrow::NARROW,
    modules::provers::PROVERS,
    modules::alike::ALIKE,
    modules::limits::LIMITS,
    modules::compiled::COMPILED,
    laws::LAWS,
    tables::WALKS,
    walker::REFERENCE,
    gup_model::GUP_MODEL,
    tables::GUP,
];

/// The property of a name.
pub fn property(name: &str) -> Option<&'static Entry> {
    PROPERTIES.iter().find(|entry| entry.name == name)
}

/// A seed for what is done with an input, so that it depends on the input alone: FNV-1a (Fowler, Noll and Vo).
fn seed_of(input: &[u8]) -> u64 {
    input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
