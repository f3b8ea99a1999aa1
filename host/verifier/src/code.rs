//! The reasons for which a plugin is refused, each with a stable code and a page that explains it.
//!
//! In: a code, or its text. Out: its title and its page. Guaranteed: every code has a page, and the page's example is
//! a file of the corpus in `tests/verify`, so that it is known to trigger the code. Not handled: the facts of one
//! refusal; see [`crate::report`].
//!
//! Families: S structure, T termination, K stack, X traps, M memory, P purity, R ranges, C laws, L limits. A code is
//! added by adding its entry to the list below, and nowhere else. Codes are never reused.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::report::WRAP_COLUMNS;
use crate::text;

macro_rules! codes {
    ($($code:ident $title:literal {
        means: $means:literal,
        why: $why:literal,
        fix: $fix:literal,
        example: $example:literal,
    })*) => {
        /// A reason for which a plugin is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// The code as it is printed, for example `S110`.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What is wrong, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The page about the code.
            pub const fn explain(self) -> Page {
                match self {
                    $(Code::$code => Page {
                        code: Code::$code,
                        means: $means,
                        why: $why,
                        fix: $fix,
                        example_file: concat!("tests/verify/reject/", $example),
                        example: include_str!(concat!("../../../tests/verify/reject/", $example)),
                    },)*
                }
            }
        }
    };
}

codes! {
    S100 "not valid WebAssembly" {
        means: "The bytes are not a module by the rules of WebAssembly itself: cut short, badly encoded, or ill-typed.",
        why: "Nothing can be said about a module that has no meaning. No engine would load it either.",
        fix: "Rebuild the module, and check that the file was copied whole. Compilers do not emit such modules; a \
            hand-written one is best checked with wasm-tools validate.",
        example: "021-i32-add-on-i64.wat",
    }
    S101 "not a core module" {
        means: "The file is a WebAssembly component, the container format of the component model.",
        why: "The contract of a plugin is core WebAssembly: numbers in, a number out.",
        fix: "Build a core module (for Rust: --target wasm32-unknown-unknown --crate-type cdylib), or unbundle the \
            one inside with wasm-tools component unbundle.",
        example: "002-component.hex",
    }
    S103 "too many locals" {
        means: "One function declares more locals than any engine accepts.",
        why: "A few bytes can declare billions of locals; the ceiling is checked before anything is allocated for \
            them.",
        fix: "Split the function, or find out what generated it.",
        example: "023-locals-50001.wat",
    }
    S110 "forbidden import of a function" {
        means: "The module imports a function that is not a value of the kernel configuration.",
        why: "A helper is a pure function of its arguments and of a frozen configuration. What the host would have \
            to run for it could do anything, so that nothing could be proved.",
        fix: "Remove the import. It often comes from logging, panics or a C library linked in. What may be imported \
            is `kconfig.NAME`, a function () -> i32, for the names the message lists.",
        example: "003-import-env-log.wat",
    }
    S111 "forbidden import of a memory" {
        means: "The module imports its memory.",
        why: "Imported memory is shared with whoever provides it: its contents are unknown and may change during a \
            call.",
        fix: "Let the module define its memory: link without --import-memory.",
        example: "004-import-memory.wat",
    }
    S112 "forbidden import of a global" {
        means: "The module imports a global.",
        why: "The value is chosen by whoever provides it. Configuration comes as functions of the module `kconfig`, \
            which have a list of names and ranges.",
        fix: "Define the global in the module, or import the configuration value as a function. Position-independent \
            code (-shared, -fPIC) imports globals: link without.",
        example: "005-import-global.wat",
    }
    S113 "forbidden import of a table or tag" {
        means: "The module imports a table or an exception tag.",
        why: "Neither can be used inside the subset, and both reach outside the plugin.",
        fix: "Link without --import-table, and build without exceptions.",
        example: "005b-import-table.wat",
    }
    S120 "helper misspelt or missing" {
        means: "A helper is not there; where an export has nearly its name, that export is named.",
        why: "An export outside the contract is never called, so a misspelt helper would silently be replaced by the \
            generic stub, and a walk cannot start without the required ones.",
        fix: "Export the helper by the kernel's name with the signature shown.",
        example: "006-misspelt-helper.wat",
    }
    S121 "wrong signature" {
        means: "A helper, the marker of the ABI or an import has other parameters or another result than the \
            contract says.",
        why: "An entry is 64 bits. A helper that takes 32 would answer for half an entry.",
        fix: "Give it the signature shown: entries are i64, predicates return i32.",
        example: "007-wrong-signature.wat",
    }
    S122 "helper is not a function" {
        means: "The name of a helper is exported, but as a global, a memory or a table.",
        why: "It would not be called, and the generic stub would answer in its place.",
        fix: "Export a function of that name; for a constant, one without parameters. In C, a variable of that name \
            was exported.",
        example: "007b-helper-is-a-global.wat",
    }
    S123 "export outside the contract" {
        means: "The module exports a function that is not a helper.",
        why: "What is exported can be called by whoever holds the module, and it would be neither proved nor listed.",
        fix: "Do not export it: make it static (C), drop no_mangle (Rust), or link without --export-all.",
        example: "009-export-outside-contract.wat",
    }
    S124 "unsupported version of the contract" {
        means: "The module exports the marker of a version of the ABI that this host does not know.",
        why: "The meaning of a helper may differ between versions; guessing could only go wrong silently.",
        fix: "Rebuild the plugin with the ptwalk-abi crate (or header) of this host, or use a newer host.",
        example: "009b-abi-version-2.wat",
    }
    S125 "exported mutable global" {
        means: "The module exports a global that can change.",
        why: "Whoever holds the module could change it between two calls, and the helper would no longer be a \
            function of its arguments.",
        fix: "Do not export it: link without --export-all and without --export=__stack_pointer.",
        example: "083-exported-mutable-global.wat",
    }
    S130 "start function" {
        means: "The module runs a function when it is instantiated.",
        why: "What it did to memory would be the state that every helper starts from, and it runs before anything is \
            proved.",
        fix: "Remove it. Let constants be static data; in C++ and Rust, remove static constructors, and link with \
            --no-entry.",
        example: "010-start-function.wat",
    }
    S131 "indirect call" {
        means: "A function calls through a table.",
        why: "Which function runs would depend on data, so that neither a bound nor a closed form could be given.",
        fix: "Call the functions directly, with a match or switch. In Rust, avoid dyn and fn pointers; core::fmt \
            uses both.",
        example: "011-call-indirect.wat",
    }
    S140 "floating point" {
        means: "The module uses f32 or f64.",
        why: "Page tables are integers. Floats have results that engines may choose (the bits of a NaN), and their \
            proofs cost far more.",
        fix: "Use integers. In Rust and C, look for f32/f64, powi, or a library that formats numbers.",
        example: "013-f64-add.wat",
    }
    S141 "outside the integer subset" {
        means: "The module uses a feature of WebAssembly that the subset leaves out: vectors, atomics, 64-bit or \
            several memories, tail calls, exceptions, references, bulk memory, several results.",
        why: "Each feature must be lifted, bounded and proved; these bring nothing that reading an entry needs.",
        fix: "Compile for the baseline: -C target-cpu=mvp (Rust, with -Zbuild-std where core itself uses the \
            feature) or -mcpu=mvp (clang).",
        example: "015-atomic-rmw.wat",
    }
    S150 "segment outside its memory or table" {
        means: "A data or element segment does not fit where it is to be copied.",
        why: "Instantiation would trap: no helper could ever be called.",
        fix: "Declare enough memory, or correct the offset. A linker does not emit this.",
        example: "025-data-outside-memory.wat",
    }
    S151 "memory too large" {
        means: "The module declares more memory at the start than a plugin may have.",
        why: "The sandbox engine allocates it for every instance. Helpers need a stack and a few tables.",
        fix: "Link with a smaller stack (-z stack-size=65536) and without --initial-memory.",
        example: "026-memory-65536.wat",
    }
    P601 "memory.grow" {
        means: "A function grows the memory.",
        why: "That is state which outlives the call: a second call would see another size. It may also fail, \
            depending on the host.",
        fix: "Do not allocate. In Rust, do not link alloc; in C, do not call malloc.",
        example: "027-memory-grow.wat",
    }
    L900 "module too large" {
        means: "The module has more bytes than a plugin may have.",
        why: "Every stage of the verifier is bounded by the size of the module, and this is checked before anything \
            is read.",
        fix: "Strip debug information (wasm-tools strip, or -C strip=debuginfo), build with optimisation, and look \
            for formatting or panic code that was linked in.",
        example: "112-megabyte-of-mul.wat",
    }
    L901 "blocks nested too deeply" {
        means: "A function opens more blocks within each other than the ceiling.",
        why: "Later stages keep a state for each open block.",
        fix: "Split the function, or replace a very large switch by a table.",
        example: "111-nested-blocks.wat",
    }
    L903 "br_table too large" {
        means: "One br_table has more targets than the ceiling.",
        why: "Each target becomes a comparison and a merge in the closed form.",
        fix: "Replace the switch by a table in read-only data, or by arithmetic on the bits.",
        example: "113-br-table.wat",
    }
    L904 "too many functions" {
        means: "The module defines more functions than the ceiling.",
        why: "Chains of calls through many functions are cheap to write and expensive to inline.",
        fix: "Build with optimisation and link-time garbage collection (--gc-sections), and do not link a runtime.",
        example: "114-functions.wat",
    }
    L905 "too many entries in a section" {
        means: "The module declares more types, imports, exports, globals, segments, table slots or custom sections \
            than the ceiling, or a type has too many parameters.",
        why: "Each ceiling is well above what compilers emit for a plugin; above it, reports become unreadable and \
            later stages slow.",
        fix: "Build with optimisation and --gc-sections, and do not link a runtime.",
        example: "117-types.wat",
    }
}

impl Code {
    /// The code of that text, in either case.
    pub fn by_text(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.text().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// What is to be known about a code; prints as a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// What it says about the module.
    pub means: &'static str,
    /// Why the rule exists.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Path of the example in the repository.
    pub example_file: &'static str,
    /// A small module that triggers it.
    pub example: &'static str,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n", self.code, self.code.title())?;
        let part = |title: &str, body| format!("{title}{}", text::wrap(body, title.len(), 0, WRAP_COLUMNS));
        writeln!(f, "{}\n", part("", self.means))?;
        writeln!(f, "{}\n", part("Why: ", self.why))?;
        writeln!(f, "{}\n", part("Fix: ", self.fix))?;
        writeln!(f, "Example ({}):\n", self.example_file)?;
        for line in self.example.lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_again() {
        for code in Code::ALL {
            assert_eq!(Code::by_text(code.text()), Some(*code));
            assert_eq!(Code::by_text(&code.text().to_lowercase()), Some(*code));
        }
        assert_eq!(Code::by_text("S999"), None);
    }

    #[test]
    fn the_example_of_a_page_expects_its_code() {
        for code in Code::ALL {
            let page = code.explain();
            let expects = format!(";; expect: {code} ");
            assert!(page.example.lines().any(|line| line.starts_with(&expects)), "{}", page.example_file);
        }
    }

    #[test]
    fn pages_fit_the_screen() {
        for code in Code::ALL {
            let page = code.explain().to_string();
            let (text, _) = page.split_once("Example (").expect("a page ends in an example");
            assert!(text.lines().all(|line| line.chars().count() <= WRAP_COLUMNS), "{text}");
            assert!(text.starts_with(code.text()) && text.contains("\nWhy: ") && text.contains("\nFix: "), "{text}");
        }
    }
}
