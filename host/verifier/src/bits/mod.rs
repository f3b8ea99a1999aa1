//! The bit-level engine: circuits of 64-bit arithmetic, and what is true of them for every input.
//!
//! In: circuits built through [`word`] on an [`aig::Aig`]. Out: verdicts of [`decide::Decider`]: proved, refuted with
//! an input, or unknown with the budget that ran out. The layers, from the bottom: [`aig`] (gates, rewriting), [`word`]
//! (WebAssembly's integer operations), the engines (`simulate`, `bdd`, `sat`) on the cone of one question,
//! which `assume` has made smaller, and
//! [`decide`] (the portfolio). Nothing here knows about WebAssembly modules. Every loop is bounded by [`budget`] and
//! nothing recurses, so a hostile circuit costs time and memory up to those ceilings and no more.

pub mod aig;
pub mod budget;
pub mod cover;
pub mod decide;
pub mod word;

mod assume;
mod bdd;
mod cone;
mod sat;
mod simulate;
#[cfg(test)]
pub(crate) mod tests;

pub use cone::Model;
