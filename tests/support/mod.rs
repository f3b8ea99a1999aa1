//! What several integration tests share: engines, memory built from words, ELF cores, random numbers, and the program
//! itself.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

pub mod core;
pub mod program;
pub mod random;

use std::sync::Arc;

use ptwalk::engine::Queries;
use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::plugin::{self, LoadError};
use ptwalk_abi::Config;
use ptwalk_arm64::Arm64;
use ptwalk_verifier::verify::VerifiedPlugin;

pub use ptwalk::fuzz::engines::{Named, Native, engines_of};
pub use ptwalk::fuzz::memory::{AARCH64, Memory, PPC64};

/// The embedded arm64 plugin, verified.
pub fn arm64(config: &Config) -> Result<Arc<VerifiedPlugin>, LoadError> {
    plugin::admit("arm64", &plugin::load("arm64")?, config)
}

/// Every engine that can answer for arm64 under a configuration.
pub fn engines(config: &Config, queries: &Queries) -> Result<Vec<Named>, Box<dyn std::error::Error>> {
    engines_of("arm64", Arm64(*config), config, queries)
}

/// The embedded arm64 plugin in the sandbox, whatever the verifier says of the configuration.
pub fn sandbox(config: &Config, queries: Queries) -> Result<Sandbox, Box<dyn std::error::Error>> {
    Ok(Compiled::unverified(plugin::load("arm64")?, config, queries)?.instantiate(Mode::Batched)?)
}
