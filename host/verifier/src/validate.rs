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
use crate::source::SourceLines;
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
    lines: SourceLines,
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
        // A module that is too large is not searched for debug information.
        named(scan.errors, &scan.names, &BTreeMap::new(), &SourceLines::default()).into_result()?;
        let lines = SourceLines::of(bytes);

        // The narrow features are the gate. The wide ones only tell what is not WebAssembly at all from what is, but
        // lies outside the subset, so that the walk can name every breach instead of the first.
        let narrow = wasm::check(bytes, wasm::SUBSET);
        if !narrow.is_empty() {
            let mut errors = Errors::default();
            for fault in wasm::check(bytes, wasm::standard()) {
                errors.push(fault.outside_subset());
            }
            named(errors, &scan.names, &BTreeMap::new(), &lines).into_result()?;
        }
        let mut subset = subset::walk(bytes, scan.names, scan.global_names);
        if subset.errors.is_empty() {
            for fault in narrow {
                subset.errors.push(fault.outside_subset());
            }
        }
        named(subset.errors, &subset.function_names, &subset.exports, &lines).into_result()?;

        let mut warnings = scan.warnings;
        warnings.append(&mut subset.warnings);
        warnings.extend(lines.error().map(|error| Warning::new(error.to_string())));
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
            function_names: subset.function_names,
            lines,
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

    /// Adds the name of the function and of its export, and the source line, to a diagnostic about this plugin.
    #[must_use]
    pub fn name(&self, diagnostic: Diagnostic) -> Diagnostic {
        name_one(diagnostic, &self.function_names, &self.exports, &self.lines)
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

fn name_one(
    error: Diagnostic,
    names: &BTreeMap<u32, String>,
    exports: &BTreeMap<Helper, u32>,
    lines: &SourceLines,
) -> Diagnostic {
    let error = error.source(lines);
    let Some(index) = error.function.as_ref().map(|function| function.index) else { return error };
    error.named(names.get(&index).map(String::as_str), helper_of(exports, index).map(Helper::name))
}

fn named(
    mut errors: Errors,
    names: &BTreeMap<u32, String>,
    exports: &BTreeMap<Helper, u32>,
    lines: &SourceLines,
) -> Errors {
    errors.map(|error| name_one(error, names, exports, lines));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(wat: &str) -> ValidPlugin {
        let bytes = wat::parse_str(wat).expect("WAT");
        ValidPlugin::validate(&bytes).expect("within the subset")
    }

    #[test]
    fn keeps_the_bytes_and_their_hash() {
        let module = plugin("(module)");
        assert_eq!(module.bytes(), b"\0asm\x01\0\0\0");
        // sha256sum of these eight bytes.
        let hex = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
        assert_eq!(module.sha256_hex(), hex);
        assert_eq!(module.sha256()[0], 0x93);
    }

    #[test]
    fn knows_what_a_walk_cannot_do_without() {
        let required: Vec<Helper> = Helper::ALL.iter().copied().filter(|h| h.stub() == Stub::Required).collect();
        let without = |absent: Option<Helper>| {
            let mut wat = String::from("(module (func (export \"ptwalk_abi_1\"))");
            for helper in required.iter().filter(|helper| Some(**helper) != absent) {
                wat += &format!("(func (export \"{helper}\") {} unreachable)", helper.signature());
            }
            plugin(&(wat + ")"))
        };
        assert_eq!(without(None).missing_for_walk(), []);
        assert_eq!(without(None).check_walkable(), Ok(()));
        for helper in &required {
            let plugin = without(Some(*helper));
            assert_eq!(plugin.missing_for_walk(), [*helper]);
            assert!(!plugin.has(*helper));
            let rejection = plugin.check_walkable().expect_err("a required helper is absent");
            assert_eq!(rejection.errors().len(), 1);
            assert_eq!(rejection.errors()[0].code, Code::S120);
            assert_eq!(rejection.errors()[0].export.as_deref(), Some(helper.name()));
        }
    }

    #[test]
    fn names_functions_in_diagnostics() {
        let module = plugin("(module (func $ptwalk (export \"pte_pfn\") (param i64) (result i64) (local.get 0)))");
        let named = module.name(Diagnostic::new(Code::S100, "m", "r").in_function(0));
        assert_eq!(named.place().as_deref(), Some("function 0 `ptwalk`, export pte_pfn"));
        assert_eq!(module.helper_of(0), Some(Helper::pte_pfn));
        assert_eq!(module.helper_of(1), None);
    }

    #[test]
    fn every_helper_is_accepted_with_its_own_signature_only() {
        for helper in Helper::ALL {
            for other in Helper::ALL {
                let wat = format!("(module (func (export \"{helper}\") {} unreachable))", other.signature());
                let bytes = wat::parse_str(wat).expect("WAT");
                let same_type = helper.signature().params() == other.signature().params()
                    && helper.signature().result() == other.signature().result();
                assert_eq!(ValidPlugin::validate(&bytes).is_ok(), same_type, "{helper} typed as {other}");
            }
        }
    }

    #[test]
    fn every_extern_can_be_imported() {
        for key in Extern::ALL {
            let module = plugin(&format!("(module (import \"kconfig\" \"{key}\" (func (result i32))))"));
            assert_eq!(module.imports(), [*key]);
        }
    }
}
