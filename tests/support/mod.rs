//! What several integration tests share: engines, memory built from words, ELF cores, random numbers, and the program
//! itself.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

pub mod core;
pub mod program;
pub mod random;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ptwalk::engine::Queries;
use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::plugin::{self, LoadError};
use ptwalk_abi::Config;
use ptwalk_arm64::Arm64;
use ptwalk_verifier::verify::VerifiedPlugin;

pub use ptwalk::fuzz::engines::{Named, Native, engines_of, unverified_of};
pub use ptwalk::fuzz::memory::{AARCH64, Memory, PPC64, X86_64};

/// The folder of a real dump; where it is absent, says loudly that nothing is checked.
pub fn real(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real");
    let folder = std::env::var_os("PTWALK_REAL").map_or_else(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: NOTHING WAS CHECKED against the real dump {name}: {} is absent", folder.display());
    None
}

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
