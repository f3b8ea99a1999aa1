//! What only the benches have: loops written by hand with vector instructions.

#[cfg(target_arch = "x86_64")]
pub mod vector;
