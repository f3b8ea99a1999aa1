//! Finding and loading plugins: embedded and installed ones by name, others from a `.wasm` or `.wat` file.
//!
//! In: a name or a path. Out: a [`ValidPlugin`], and with a configuration a [`VerifiedPlugin`]. Nothing is run here.

pub mod installed;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ptwalk_abi::{Config, Extern, KVersion, Kconfig};
use ptwalk_verifier::laws::LawError;
use ptwalk_verifier::limits::{MODULE_BYTES_MAX, SCAN_BYTES_MAX};
use ptwalk_verifier::report::Rejection;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawSet, Outcome, VerifiedPlugin, VerifyReport, verify};
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
    Embedded { name: "x86", wasm: include_bytes!("../../walker-plugins/prebuilt/x86.wasm") },
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
    /// The verifier refuses it.
    #[error("plugin {path} is refused, under {config}{}", Refusals(.report))]
    Refused {
        /// The file or name.
        path: String,
        /// The configuration, in words.
        config: String,
        /// Why.
        report: Box<VerifyReport>,
    },
    /// The laws of this program do not parse.
    #[error("the host's own laws: {0}")]
    Laws(#[from] LawError),
    /// The module is refused.
    #[error("plugin {path} is refused\n{rejection}")]
    Rejected {
        /// The file or name.
        path: String,
        /// Why.
        rejection: Rejection,
    },
}

/// The reasons of a report, one after the other.
struct Refusals<'a>(&'a VerifyReport);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.errors.iter().try_for_each(|error| write!(f, "\n{error}"))?;
        write!(f, "\n(--unverified looks at it in the sandbox all the same; its answers may be wrong)")
    }
}

/// A configuration, in words: `v6.12, 4K granule, 48-bit VA, 48-bit PA`, and the options that are not the default.
pub fn describe(config: &Config) -> String {
    let version = KVersion::from_code(config.get(Extern::LINUX_VERSION_CODE));
    let granule_kib = 1 << (config.get(Extern::PAGE_SHIFT) - 10);
    let (va, pa) = (config.get(Extern::VA_BITS), config.get(Extern::PA_BITS));
    let mut text = format!("v{version}, {granule_kib}K granule, {va}-bit VA, {pa}-bit PA");
    let derived =
        [Extern::LINUX_VERSION_CODE, Extern::PAGE_SHIFT, Extern::VA_BITS, Extern::PA_BITS, Extern::PGTABLE_LEVELS];
    let options = Extern::ALL.iter().filter(|key| !derived.contains(key));
    for key in options.filter(|key| config.get(**key) != key.default()) {
        text += &format!(", {key}={}", config.get(*key));
    }
    text
}

/// The host's laws, parsed once.
///
/// # Errors
/// [`LoadError::Laws`], which a test of the laws excludes.
pub fn host_laws() -> Result<&'static LawSet, LoadError> {
    static LAWS: OnceLock<LawSet> = OnceLock::new();
    if let Some(laws) = LAWS.get() {
        return Ok(laws);
    }
    let laws = LawSet::host()?;
    Ok(LAWS.get_or_init(|| laws))
}

/// Verifies a plugin for a configuration, by the host's laws. `spec` is what errors call it.
///
/// # Errors
/// [`LoadError::Refused`].
///
/// # Cost
/// Some ten milliseconds for arm64.
pub fn admit(spec: &str, plugin: &Arc<ValidPlugin>, config: &Config) -> Result<Arc<VerifiedPlugin>, LoadError> {
    match verify(plugin, config, host_laws()?) {
        Outcome::Verified(verified) => Ok(verified),
        Outcome::Refused(report) => Err(LoadError::Refused { path: spec.to_owned(), config: describe(config), report }),
    }
}

fn embedded_hint(path: &str) -> String {
    if Path::new(path).components().count() > 1 || path.contains('.') {
        return String::new();
    }
    let names: Vec<&str> = EMBEDDED.iter().map(|plugin| plugin.name).collect();
    format!(" (embedded plugins: {}; `ptwalk plugin list` has the installed ones)", names.join(", "))
}

/// Loads the plugin called `spec`: the name of an embedded or installed one, or a path. A path ending in `.wat` is read as text.
///
/// # Errors
/// [`LoadError`], which says what was wrong and where.
pub fn load(spec: &str) -> Result<Arc<ValidPlugin>, LoadError> {
    let validated = ValidPlugin::validate(&read(spec)?);
    validated.map(Arc::new).map_err(|rejection| LoadError::Rejected { path: spec.to_owned(), rejection })
}

/// The embedded plugin of a name.
pub fn embedded(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|plugin| plugin.name == name)
}

/// The file of the plugin called `spec`, which is not embedded: that of an installed one, or the path itself. A name is
/// looked for among the embedded plugins first, so that no file that turns up changes what `arm64` means; a file of the
/// working directory whose name is a word is `./NAME`.
pub fn file(spec: &str) -> Cow<'_, Path> {
    installed::find(spec).map_or(Cow::Borrowed(Path::new(spec)), Cow::Owned)
}

/// The bytes of the module called `spec`, as [`load`] finds it, whatever they are.
///
/// # Errors
/// [`LoadError::Io`] and [`LoadError::Wat`].
pub fn read(spec: &str) -> Result<Vec<u8>, LoadError> {
    if let Some(embedded) = embedded(spec) {
        return Ok(embedded.wasm.to_vec());
    }
    let path = file(spec);
    let mut bytes = Vec::new();
    // One byte more than the limit, so that what is too large is refused as that and not as cut short.
    let read = File::open(&path).and_then(|file| file.take(file_bytes_max(&path) + 1).read_to_end(&mut bytes));
    read.map_err(|cause| LoadError::Io { path: spec.to_owned(), cause })?;
    module(&path, bytes)
}

/// Whether a file is read as text.
fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wat")
}

/// Bytes that a plugin's file may have.
pub fn file_bytes_max(path: &Path) -> u64 {
    if is_text(path) { TEXT_BYTES_MAX } else { SCAN_BYTES_MAX as u64 }
}

/// The module that a file holds: its bytes, or what its text stands for.
///
/// # Errors
/// [`LoadError::Wat`].
pub fn module(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    if !is_text(path) {
        return Ok(bytes);
    }
    assemble(path, &bytes).map_err(|cause| LoadError::Wat { path: path.display().to_string(), cause })
}

/// Assembles a text, with a line table so that reports name its lines. The table names the file and not its folder: one
/// text is one module, and has one hash, wherever it lies. Where it would make the module too large it is left out.
fn assemble(path: &Path, text: &[u8]) -> Result<Vec<u8>, wat::Error> {
    let mut parser = wat::Parser::new();
    parser.generate_dwarf(wat::GenerateDwarf::Lines);
    match parser.parse_bytes(path.file_name().map(Path::new), text) {
        Ok(module) if module.len() <= MODULE_BYTES_MAX => Ok(module.into_owned()),
        // What is wrong is said with the whole path.
        _ => Ok(wat::Parser::new().parse_bytes(Some(path), text)?.into_owned()),
    }
}
