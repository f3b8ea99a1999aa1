//! First stage: is this a module that the verifier can judge?
//!
//! In: the bytes of a WASM module. Out: a [`ValidPlugin`], or a [`Rejection`] with up to twenty independent errors.
//! Guaranteed of a `ValidPlugin`: it is valid WebAssembly by `wasmparser` with no feature but sign extension; all calls
//! are direct; it imports only values of the kernel configuration; every exported function is a helper with the
//! helper's signature, or the marker of the ABI; instantiation neither traps nor runs anything; every size is below its
//! ceiling. Not handled: what the helpers compute, whether they end, trap or keep state.
//!
//! # Cost
//! Linear in the size of the module, which is judged first; no recursion.

mod exports;
mod imports;
mod manifest;
mod noise;
mod scan;
mod subset;
mod wasm;

use std::collections::BTreeMap;
use std::sync::Arc;

use ptwalk_abi::{ABI_MARKER, ABI_VERSION, Extern, Helper, Stub};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use self::manifest::Manifest;
pub use self::noise::Noise;
use crate::code::Code;
use crate::report::{Diagnostic, Errors, Rejection, Warning};
use crate::text;

/// A plugin that is within the integer subset and the contract's types.
///
/// Holding one proves what the module's documentation guarantees. There is no other way to one than
/// [`ValidPlugin::validate`].
#[derive(Clone, Debug)]
pub struct ValidPlugin {
    bytes: Arc<[u8]>,
    sha256: [u8; 32],
    exports: BTreeMap<Helper, u32>,
    imports: Vec<Extern>,
    abi_version: u32,
    manifest: Manifest,
    ignored: Vec<Noise>,
    warnings: Vec<Warning>,
    sizes: Sizes,
    function_names: BTreeMap<u32, String>,
}

/// How large a plugin is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Bytes of the module.
    pub module_bytes: usize,
    /// Functions that it defines, without imports.
    pub functions: usize,
    /// Bytes of the code section.
    pub code_bytes: usize,
    /// Bytes of all data segments.
    pub data_bytes: usize,
    /// Pages (64 KiB) of memory at the start.
    pub memory_pages: u64,
}

impl ValidPlugin {
    /// Validates a module.
    ///
    /// Ceilings come first, then the rules of WebAssembly, then those of the subset and the contract; a breach at one
    /// step keeps the next from being judged.
    ///
    /// # Errors
    /// [`Rejection`] with every error of the step that failed, by offset, at most twenty.
    ///
    /// # Panics
    /// Never, whatever the bytes hold.
    pub fn validate(bytes: &[u8]) -> Result<ValidPlugin, Rejection> {
        header(bytes)?;
        let scan = scan::scan(bytes);
        named(scan.errors, &scan.names, &BTreeMap::new()).into_result()?;

        // The narrow features are the gate. The wide ones only tell what is not WebAssembly at all from what is, but
        // lies outside the subset, so that the walk can name every breach instead of the first.
        let narrow = wasm::check(bytes, wasm::SUBSET);
        if !narrow.is_empty() {
            let mut errors = Errors::default();
            for fault in wasm::check(bytes, wasm::standard()) {
                errors.push(fault.outside_subset());
            }
            named(errors, &scan.names, &BTreeMap::new()).into_result()?;
        }
        let mut subset = subset::walk(bytes, scan.global_names);
        if subset.errors.is_empty() {
            for fault in narrow {
                subset.errors.push(fault.outside_subset());
            }
        }
        named(subset.errors, &scan.names, &subset.exports).into_result()?;

        let mut warnings = scan.warnings;
        warnings.append(&mut subset.warnings);
        if subset.abi_version.is_none() {
            let message = format!("no export `{ABI_MARKER}`: assumed version {ABI_VERSION} of the contract");
            warnings.push(Warning::new(message));
        }
        Ok(ValidPlugin {
            bytes: bytes.into(),
            sha256: Sha256::digest(bytes).into(),
            exports: subset.exports,
            imports: subset.imports,
            abi_version: subset.abi_version.unwrap_or(ABI_VERSION),
            manifest: subset.manifest.unwrap_or_default(),
            ignored: subset.ignored,
            warnings,
            sizes: subset.sizes,
            function_names: scan.names,
        })
    }

    /// The module, byte for byte as it was validated.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the module.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// SHA-256 of the module, in 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The function behind each helper, by its index with imports counted; it may itself be an import.
    pub fn exports(&self) -> &BTreeMap<Helper, u32> {
        &self.exports
    }

    /// Whether the plugin exports a helper.
    pub fn has(&self, helper: Helper) -> bool {
        self.exports.contains_key(&helper)
    }

    /// The configuration values that it imports; position is function index. One value may occur twice.
    pub fn imports(&self) -> &[Extern] {
        &self.imports
    }

    /// Version of the contract it was built for.
    pub fn abi_version(&self) -> u32 {
        self.abi_version
    }

    /// What it says about itself. Never to be trusted.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What is in the module and has no part in what the helpers mean.
    pub fn ignored(&self) -> &[Noise] {
        &self.ignored
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How large it is.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Name of a function by the name section, fit to print.
    pub fn function_name(&self, index: u32) -> Option<&str> {
        self.function_names.get(&index).map(String::as_str)
    }

    /// The helper that a function is exported as; the first in the order of the contract where there are several.
    pub fn helper_of(&self, index: u32) -> Option<Helper> {
        helper_of(&self.exports, index)
    }

    /// Adds the name of the function and of its export to a diagnostic about this plugin.
    #[must_use]
    pub fn name(&self, diagnostic: Diagnostic) -> Diagnostic {
        name_one(diagnostic, &self.function_names, &self.exports)
    }

    /// Helpers that are absent and without which no page table can be walked.
    pub fn missing_for_walk(&self) -> Vec<Helper> {
        let required = Helper::ALL.iter().copied().filter(|helper| helper.stub() == Stub::Required);
        required.filter(|helper| !self.has(*helper)).collect()
    }

    /// Whether the plugin has what a walk cannot do without.
    ///
    /// # Errors
    /// [`Rejection`] with one error for each helper of [`ValidPlugin::missing_for_walk`].
    pub fn check_walkable(&self) -> Result<(), Rejection> {
        let mut errors = Errors::default();
        for helper in self.missing_for_walk() {
            let message = format!("{helper}: not exported, and no walk can do without it");
            let reason = format!("the kernel has no generic definition to stand in for it ({})", helper.op().doc());
            let wanted =
                format!("export `{helper}`, of type (func {}): `{}`", helper.signature(), exports::declaration(helper));
            errors.push(Diagnostic::new(Code::S120, message, reason).export(helper.name()).suggest(wanted));
        }
        errors.into_result()
    }
}

fn helper_of(exports: &BTreeMap<Helper, u32>, index: u32) -> Option<Helper> {
    exports.iter().find(|&(_, found)| *found == index).map(|(helper, _)| *helper)
}

fn name_one(error: Diagnostic, names: &BTreeMap<u32, String>, exports: &BTreeMap<Helper, u32>) -> Diagnostic {
    let Some(index) = error.function.as_ref().map(|function| function.index) else { return error };
    error.named(names.get(&index).map(String::as_str), helper_of(exports, index).map(Helper::name))
}

fn named(mut errors: Errors, names: &BTreeMap<u32, String>, exports: &BTreeMap<Helper, u32>) -> Errors {
    errors.map(|error| name_one(error, names, exports));
    errors
}

/// Checks the eight bytes that every module starts with, to say plainly what the file is instead.
fn header(bytes: &[u8]) -> Result<(), Rejection> {
    const MAGIC: [u8; 4] = *b"\0asm";
    const CORE_1: [u8; 4] = [1, 0, 0, 0];
    let Some((found, rest)) = bytes.split_at_checked(8).map(|(header, _)| header.split_at(4)) else {
        let reason = "a module starts with the bytes 00 61 73 6d 01 00 00 00";
        let message = format!("the file ends after {} bytes, inside the header of a module", bytes.len());
        let error = Diagnostic::new(Code::S100, message, reason).at(bytes.len());
        return Err(error.suggest("check that the file was written and copied whole").into());
    };
    if found != MAGIC {
        let shown = text::name(&String::from_utf8_lossy(found));
        let message = format!("not a WASM module: it starts with `{shown}`");
        let error = Diagnostic::new(Code::S100, message, "a module starts with the bytes 00 61 73 6d").at(0);
        let suggestion = match bytes.trim_ascii_start().first() {
            Some(b'(' | b';') => "this looks like WAT text: assemble it first (`wasm-tools parse` or `wat2wasm`)",
            _ => "give the file that the compiler wrote for a wasm32 target",
        };
        return Err(error.suggest(suggestion).into());
    }
    if rest == CORE_1 {
        return Ok(());
    }
    let layer_is_component = rest.get(2..) == Some(&[1, 0]);
    let error = if layer_is_component {
        let reason = "a component is a container; the contract of a plugin is core WebAssembly";
        Diagnostic::new(Code::S101, "component, not a core module", reason)
            .suggest("build a core module, or take the one inside with `wasm-tools component unbundle`")
    } else {
        let message = format!("unknown version of WebAssembly: {rest:02x?}");
        Diagnostic::new(Code::S100, message, "the only version of core WebAssembly is 01 00 00 00")
            .suggest("rebuild the module")
    };
    Err(error.at(4).into())
}
