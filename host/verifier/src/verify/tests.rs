//! The stage on shipped and written plugins.

use std::path::Path;
use std::sync::Arc;

use ptwalk_abi::Helper;

use super::*;

mod axioms;
mod misc;
mod ppc;
mod shipped;
mod thread;
mod x86;

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A validated plugin of the repository: `.wasm`, or `.wat` to assemble.
fn load(path: &str) -> Arc<ValidPlugin> {
    let bytes = std::fs::read(repository().join(path)).expect("the plugin is there");
    let bytes = if path.ends_with(".wat") { wat::parse_bytes(&bytes).expect("WAT").into_owned() } else { bytes };
    Arc::new(ValidPlugin::validate(&bytes).expect("within the subset"))
}

fn host() -> LawSet {
    LawSet::host().expect("the host's laws are in order")
}
