//! What a plugin imports: values of the kernel configuration, and nothing else.
//!
//! In: one import. Out: the [`Extern`] it stands for, or an error that says what was wanted. Guaranteed: an import is
//! accepted only as a function `() -> i32` of a known name. Not handled: the values; they are bound when a
//! configuration is.

use ptwalk_abi::{Extern, KCONFIG_MODULE};
use wasmparser::{Import, TypeRef};

use super::subset::FuncSig;
use crate::code::Code;
use crate::limits::{NAME_CHARS_MAX, NEAR_NAME_EDITS_MAX};
use crate::report::Diagnostic;
use crate::text;

/// Judges an import; `sig` is its type where it is a function.
pub(super) fn judge(import: &Import<'_>, offset: usize, sig: Option<&FuncSig>) -> Result<Extern, Box<Diagnostic>> {
    let shown = format!("{}.{}", text::name(import.module), text::name(import.name));
    let refused = |code, what: &str, reason: &str, advice: &str| {
        let message = format!("import {shown}: {what}");
        Box::new(Diagnostic::new(code, message, reason).at(offset).suggest(advice))
    };
    let outside = "a helper is a pure function of its arguments and the frozen configuration; what comes from outside \
                   may change between two calls";
    match import.ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => {}
        TypeRef::Memory(_) => {
            let advice = "let the module define its memory: link without --import-memory";
            return Err(refused(Code::S111, "a plugin must own its memory", outside, advice));
        }
        TypeRef::Global(_) => {
            let advice =
                "define the global in the module; position-independent code imports them: link without -shared";
            return Err(refused(Code::S112, "a plugin may not import a global", outside, advice));
        }
        TypeRef::Table(_) => {
            let advice = "link without --import-table and -shared";
            return Err(refused(Code::S113, "a plugin may not import a table", outside, advice));
        }
        TypeRef::Tag(_) => {
            let advice = "build without exceptions: panic=abort (Rust), -fno-exceptions (C++)";
            return Err(refused(Code::S113, "a plugin may not import an exception tag", outside, advice));
        }
    }
    if import.module != KCONFIG_MODULE {
        let what = "not a value of the kernel configuration, which is all that a plugin may import";
        let reason = "a helper is a pure function of its arguments and the frozen configuration; an imported function \
                      could do anything, and counts even where it is never called";
        return Err(refused(Code::S110, what, reason, &advice(import)));
    }
    let Some(found) = Extern::by_name(import.name) else {
        let what = "no such value of the kernel configuration";
        let reason = "its value would be unknown, and nothing could be proved with it";
        return Err(refused(Code::S110, what, reason, &advice(import)));
    };
    match sig {
        Some(sig) if sig.is_count() => Ok(found),
        _ => {
            let sig = sig.map_or("no function".into(), FuncSig::to_string);
            let what = format!("found {sig}, wanted (func (result i32))");
            let reason = "a configuration value is a function without parameters that returns an i32";
            let advice = format!("in Rust `safe fn {found}() -> i32`, in C `int {found}(void)`");
            Err(refused(Code::S121, &what, reason, &advice))
        }
    }
}

/// What to do about the import of a function that is not in the list.
fn advice(import: &Import<'_>) -> String {
    let names: Vec<&str> = Extern::ALL.iter().map(|e| e.name()).collect();
    let list = format!("allowed are the functions () -> i32 of module `{KCONFIG_MODULE}`: {}", names.join(", "));
    match nearest(import.name) {
        Some(near) if import.module == KCONFIG_MODULE => format!("did you mean `{near}`? {list}"),
        // Clang and rustc import from `env` unless told otherwise.
        Some(near) => format!("did you mean `{KCONFIG_MODULE}.{near}`, a function () -> i32? {list}"),
        None => format!("remove the import and what uses it; {list}"),
    }
}

/// The extern that a name nearly spells.
fn nearest(name: &str) -> Option<Extern> {
    let name = name.strip_prefix("CONFIG_").unwrap_or(name);
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let distance = |e: &Extern| strsim::osa_distance(&upper, e.name());
    let near = Extern::ALL.iter().copied().min_by_key(distance)?;
    (distance(&near) <= NEAR_NAME_EDITS_MAX.min(near.name().len() / 3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("PAGESHIFT"), Some(Extern::PAGE_SHIFT));
        assert_eq!(nearest("CONFIG_TRANSPARENT_HUGEPAGE"), Some(Extern::TRANSPARENT_HUGEPAGE));
        assert_eq!(nearest("va_bits"), Some(Extern::VA_BITS));
        for far in ["log", "memcpy", "", "PAGE_SIZE_IN_BYTES", &"P".repeat(100_000)] {
            assert_eq!(nearest(far), None, "{}", far.len());
        }
    }
}
