//! What a plugin exports: helpers, the marker of the ABI, and noise.
//!
//! In: the export section. Out: the function behind each helper, or errors that show the name and the signature
//! wanted. Guaranteed: a helper is accepted only as a function of its own signature, and no function is exported that
//! is not in the contract. Not handled: whether helpers are missing; that depends on what the plugin is used for.

use std::collections::BTreeSet;

use ptwalk_abi::{ABI_MARKER, ABI_MARKER_PREFIX, ABI_VERSION, Helper, Signature, ValType};
use wasmparser::{Export, ExternalKind};

use super::noise::Noise;
use super::subset::{FuncSig, Subset};
use crate::code::Code;
use crate::limits::{NAME_CHARS_MAX, NEAR_NAME_EDITS_MAX};
use crate::report::Diagnostic;
use crate::text;

/// Judges all exports of a module whose earlier sections are known.
pub(super) fn judge(subset: &mut Subset, exports: &[(usize, Export<'_>)]) {
    let is_function = |e: &Export<'_>| matches!(e.kind, ExternalKind::Func | ExternalKind::FuncExact);
    let present: BTreeSet<Helper> =
        exports.iter().filter(|(_, e)| is_function(e)).filter_map(|(_, e)| Helper::by_name(e.name)).collect();
    for &(offset, export) in exports {
        if is_function(&export) {
            function(subset, &present, offset, &export);
        } else {
            other(subset, offset, &export);
        }
    }
}

fn function(subset: &mut Subset, present: &BTreeSet<Helper>, offset: usize, export: &Export<'_>) {
    let sig = subset.function_sig(export.index);
    if let Some(helper) = Helper::by_name(export.name) {
        match sig {
            Some(sig) if sig.is(helper.signature()) => {
                subset.exports.insert(helper, export.index);
            }
            _ => {
                let error = wrong_signature(helper, sig).at(offset);
                subset.errors.push(error);
            }
        }
    } else if let Some(version) = export.name.strip_prefix(ABI_MARKER_PREFIX) {
        match sig {
            _ if export.name != ABI_MARKER => subset.errors.push(wrong_version(export.name, version).at(offset)),
            Some(sig) if sig.is_empty() => subset.abi_version = Some(ABI_VERSION),
            _ => {
                let found = shown(sig);
                let message = format!("{ABI_MARKER}: found {found}, wanted (func)");
                let reason = "the marker only carries the version in its name; it takes and returns nothing";
                let error = Diagnostic::new(Code::S121, message, reason).at(offset).export(ABI_MARKER);
                subset.errors.push(error.suggest(format!("export it as `extern \"C\" fn {ABI_MARKER}() {{}}`")));
            }
        }
    } else {
        // With a full report nothing more would be shown, and looking for near names is the dearest step of all.
        let near = if subset.errors.is_full() { None } else { nearest(export.name, present) };
        let error = unknown(export.name, near).at(offset).export(export.name);
        subset.errors.push(error);
    }
}

fn other(subset: &mut Subset, offset: usize, export: &Export<'_>) {
    let name = text::name(export.name);
    if let Some(helper) = Helper::by_name(export.name) {
        let message = format!("{helper}: exported, but not as a function");
        let reason = "it would not be called, and the generic stub would answer in its place";
        let error = Diagnostic::new(Code::S122, message, reason).at(offset).export(helper.name());
        subset.errors.push(error.suggest(format!("export `{}`", declaration(helper))));
        return;
    }
    match export.kind {
        ExternalKind::Memory => subset.ignored.push(Noise::ExportedMemory { name }),
        ExternalKind::Table => subset.ignored.push(Noise::ExportedTable { name }),
        ExternalKind::Global if subset.is_mutable(export.index) => {
            let message = format!("{name}: exported global that can change");
            let reason = "whoever holds the module could change it between two calls, and a helper would no longer \
                          be a function of its arguments";
            let error = Diagnostic::new(Code::S125, message, reason).at(offset).export(export.name);
            subset.errors.push(error.suggest("do not export it: link without --export-all"));
        }
        ExternalKind::Global => subset.ignored.push(Noise::ExportedGlobal { name }),
        // A tag is refused where it is defined.
        ExternalKind::Tag | ExternalKind::Func | ExternalKind::FuncExact => {}
    }
}

fn shown(sig: Option<&FuncSig>) -> String {
    sig.map_or("no function type".into(), FuncSig::to_string)
}

fn wrong_signature(helper: Helper, sig: Option<&FuncSig>) -> Diagnostic {
    let message = format!("{helper}: found {}, wanted (func {})", shown(sig), helper.signature());
    let reason = match helper.signature() {
        Signature::Count | Signature::Address => "it is a constant of the configuration, and takes no argument",
        sig if sig.is_bool() => "an entry is 64 bits (i64), and a predicate returns an i32 that is 0 or 1",
        _ => "an entry is 64 bits: with another type the helper would answer for part of one",
    };
    Diagnostic::new(Code::S121, message, reason)
        .export(helper.name())
        .suggest(format!("declare it as `{}`", declaration(helper)))
}

fn wrong_version(name: &str, version: &str) -> Diagnostic {
    let message = format!("{}: version {} of the plugin contract", text::name(name), text::name(version));
    let reason = format!("this host knows version {ABI_VERSION}; a helper may mean something else in another");
    Diagnostic::new(Code::S124, message, reason)
        .export(name)
        .suggest(format!("rebuild the plugin against version {ABI_VERSION}, which exports `{ABI_MARKER}`"))
}

fn unknown(name: &str, near: Option<Helper>) -> Diagnostic {
    let name = text::name(name);
    match near {
        Some(near) => Diagnostic::new(
            Code::S120,
            format!("{name}: no such helper, but {near} is missing"),
            "an export outside the contract is never called; the generic stub would silently stand in for the helper",
        )
        .suggest(format!(
            "export it as `{near}`, of type (func {}): `{}`",
            near.signature(),
            declaration(near)
        )),
        None => Diagnostic::new(
            Code::S123,
            format!("{name}: exported function outside the contract"),
            "what is exported can be called by whoever holds the module, and this would be neither proved nor listed",
        )
        .suggest("do not export it: make it static (C), drop no_mangle (Rust), or link without --export-all"),
    }
}

/// The missing helper that a name nearly spells.
fn nearest(name: &str, present: &BTreeSet<Helper>) -> Option<Helper> {
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let missing = Helper::ALL.iter().copied().filter(|helper| !present.contains(helper));
    let (edits, near) = missing.map(|h| (strsim::osa_distance(name, h.name()), h)).min_by_key(|&(edits, _)| edits)?;
    (edits <= NEAR_NAME_EDITS_MAX.min(near.name().len() / 3)).then_some(near)
}

/// How a helper is declared in Rust.
pub(super) fn declaration(helper: Helper) -> String {
    let rust = |ty: ValType| match ty {
        ValType::I32 => "i32",
        ValType::I64 => "u64",
    };
    let names: &[&str] = match helper.signature() {
        Signature::Access => &["entry", "write"],
        _ => &["x", "y"],
    };
    let sig = helper.signature();
    let params: Vec<String> =
        names.iter().zip(sig.params()).map(|(name, ty)| format!("{name}: {}", rust(*ty))).collect();
    format!("extern \"C\" fn {helper}({}) -> {}", params.join(", "), rust(sig.result()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_missing_helpers() {
        let none = BTreeSet::new();
        assert_eq!(nearest("pmd_mk_devmap", &none), Some(Helper::pmd_mkdevmap));
        assert_eq!(nearest("pte_devmpa", &none), Some(Helper::pte_devmap));
        assert_eq!(nearest("pte_devmpa", &BTreeSet::from([Helper::pte_devmap])), None);
        for far in ["backdoor", "", "_initialize", "__wasm_call_ctors", &"p".repeat(100_000)] {
            assert_eq!(nearest(far, &none), None, "{}", far.len());
        }
    }

    #[test]
    fn declarations_follow_the_signature() {
        assert_eq!(declaration(Helper::pte_devmap), "extern \"C\" fn pte_devmap(x: u64) -> i32");
        assert_eq!(
            declaration(Helper::pte_access_permitted),
            "extern \"C\" fn pte_access_permitted(entry: u64, write: i32) -> i32"
        );
        assert_eq!(declaration(Helper::PGDIR_SHIFT), "extern \"C\" fn PGDIR_SHIFT() -> i32");
    }
}
