//! The host's laws against the helpers compiled natively: what the table says holds, and what the kernel breaks is broken
//! without its precondition and kept with it.
//!
//! Every law is evaluated for every granule, size of address, set of options and version of a matrix: on words of one
//! bit, entries as kernels write them and random words under all of them, on all words of two bits under a part that has
//! each version, each geometry and each option. Nothing is proved here; the point is that the laws are right about models
//! that were written without them. A law whose precondition no input meets fails.

#[path = "laws_native/arm64.rs"]
mod arm64;
#[path = "laws_native/model.rs"]
mod model;
#[path = "laws_native/x86.rs"]
mod x86;

type Outcome = Result<(), Box<dyn std::error::Error>>;
