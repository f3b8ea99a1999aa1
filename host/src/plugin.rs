//! Finding and loading plugins: embedded ones by name, others from a `.wasm` or `.wat` file.
//!
//! In: a name or a path. Out: a [`ValidPlugin`]. Nothing is run here.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ptwalk_verifier::limits::SCAN_BYTES_MAX;
use ptwalk_verifier::report::Rejection;
use ptwalk_verifier::validate::ValidPlugin;
use thiserror::Error;

/// Bytes that a plugin in text form may have: text is some ten times as long as the module it stands for.
const TEXT_BYTES_MAX: u64 = 8 * SCAN_BYTES_MAX as u64;

/// A plugin that is part of the program.
pub struct Embedded {
    /// Name by which `--plugin` finds it.
    pub name: &'static str,
    /// The module.
    pub wasm: &'static [u8],
}

/// The plugins that are part of the program; `walker-plugins/build` makes them from source.
pub const EMBEDDED: &[Embedded] = &[
    Embedded { name: "arm64", wasm: include_bytes!("../../walker-plugins/prebuilt/arm64.wasm") },
    Embedded { name: "ppc", wasm: include_bytes!("../../walker-plugins/prebuilt/ppc.wasm") },
];

/// Why a plugin cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read plugin {path}: {cause}{}", embedded_hint(.path))]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The text form does not parse.
    #[error("plugin {path} is not well-formed WAT: {cause}")]
    Wat {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        cause: wat::Error,
    },
    /// The module is refused.
    #[error("plugin {path} is refused\n{rejection}")]
    Rejected {
        /// The file or name.
        path: String,
        /// Why.
        rejection: Rejection,
    },
}

fn embedded_hint(path: &str) -> String {
    if Path::new(path).components().count() > 1 || path.contains('.') {
        return String::new();
    }
    let names: Vec<&str> = EMBEDDED.iter().map(|plugin| plugin.name).collect();
    format!(" (embedded plugins: {})", names.join(", "))
}

/// Loads the plugin called `spec`: the name of an embedded one, or a path. A path ending in `.wat` is read as text.
///
/// # Errors
/// [`LoadError`], which says what was wrong and where.
pub fn load(spec: &str) -> Result<Arc<ValidPlugin>, LoadError> {
    let validated = ValidPlugin::validate(&read(spec)?);
    validated.map(Arc::new).map_err(|rejection| LoadError::Rejected { path: spec.to_owned(), rejection })
}

/// The bytes of the module called `spec`, as [`load`] finds it, whatever they are.
///
/// # Errors
/// [`LoadError::Io`] and [`LoadError::Wat`].
pub fn read(spec: &str) -> Result<Vec<u8>, LoadError> {
    if let Some(embedded) = EMBEDDED.iter().find(|plugin| plugin.name == spec) {
        return Ok(embedded.wasm.to_vec());
    }
    let path = Path::new(spec);
    let is_text = path.extension().is_some_and(|extension| extension == "wat");
    let limit = if is_text { TEXT_BYTES_MAX } else { SCAN_BYTES_MAX as u64 };
    let mut bytes = Vec::new();
    // One byte more than the limit, so that what is too large is refused as that and not as cut short.
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|cause| LoadError::Io { path: spec.to_owned(), cause })?;
    if is_text {
        let wasm = wat::Parser::new().parse_bytes(Some(path), &bytes);
        bytes = wasm.map_err(|cause| LoadError::Wat { path: spec.to_owned(), cause })?.into_owned();
    }
    Ok(bytes)
}
