//! Modules to begin from: those of the program, and those in folders.
//!
//! In: folders. Out: modules, in the order of their names. Not handled: files that are no modules, which are left out.

use std::io;
use std::path::{Path, PathBuf};

use super::run::Context;
use crate::plugin;

/// Bytes of the modules that are taken: the ceilings of the verifier have their own tests, and here only cost time.
const MODULE_BYTES_MAX: usize = 16 << 10;

impl Context {
    /// The plugins of the program.
    pub fn embedded() -> Context {
        Context { modules: plugin::EMBEDDED.iter().map(|embedded| embedded.wasm.to_vec()).collect(), subject: None }
    }

    /// The same, and every `.wasm` and `.wat` of some folders that is a module.
    ///
    /// # Errors
    /// Where a folder or a file cannot be read.
    pub fn with_folders(folders: &[PathBuf]) -> io::Result<Context> {
        let mut context = Context::embedded();
        for folder in folders {
            context.modules.extend(modules(folder)?);
        }
        Ok(context)
    }
}

fn modules(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut modules = Vec::new();
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            // Templates of the corpus, which its own test fills in, are no modules as they stand.
            Some("wat") => modules.extend(wat::parse_file(&path).ok()),
            Some("wasm") => modules.push(std::fs::read(&path)?),
            _ => {}
        }
    }
    modules.retain(|module| module.len() <= MODULE_BYTES_MAX);
    Ok(modules)
}
