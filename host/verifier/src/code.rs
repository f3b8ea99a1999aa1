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
                        example_file: concat!("tests/verify/", $example),
                        example: include_str!(concat!("../../../tests/verify/", $example)),
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
        example: "reject/021-i32-add-on-i64.wat",
    }
    S101 "not a core module" {
        means: "The file is a WebAssembly component, the container format of the component model.",
        why: "The contract of a plugin is core WebAssembly: numbers in, a number out.",
        fix: "Build a core module (for Rust: --target wasm32-unknown-unknown --crate-type cdylib), or unbundle the \
            one inside with wasm-tools component unbundle.",
        example: "reject/002-component.hex",
    }
    S103 "too many locals" {
        means: "One function declares more locals than any engine accepts.",
        why: "A few bytes can declare billions of locals; the ceiling is checked before anything is allocated for \
            them.",
        fix: "Split the function, or find out what generated it.",
        example: "reject/023-locals-50001.wat",
    }
    S110 "forbidden import of a function" {
        means: "The module imports a function that is not a value of the kernel configuration.",
        why: "A helper is a pure function of its arguments and of a frozen configuration. What the host would have \
            to run for it could do anything, so that nothing could be proved.",
        fix: "Remove the import. It often comes from logging, panics or a C library linked in. What may be imported \
            is `kconfig.NAME`, a function () -> i32, for the names the message lists.",
        example: "reject/003-import-env-log.wat",
    }
    S111 "forbidden import of a memory" {
        means: "The module imports its memory.",
        why: "Imported memory is shared with whoever provides it: its contents are unknown and may change during a \
            call.",
        fix: "Let the module define its memory: link without --import-memory.",
        example: "reject/004-import-memory.wat",
    }
    S112 "forbidden import of a global" {
        means: "The module imports a global.",
        why: "The value is chosen by whoever provides it. Configuration comes as functions of the module `kconfig`, \
            which have a list of names and ranges.",
        fix: "Define the global in the module, or import the configuration value as a function. Position-independent \
            code (-shared, -fPIC) imports globals: link without.",
        example: "reject/005-import-global.wat",
    }
    S113 "forbidden import of a table or tag" {
        means: "The module imports a table or an exception tag.",
        why: "Neither can be used inside the subset, and both reach outside the plugin.",
        fix: "Link without --import-table, and build without exceptions.",
        example: "reject/005b-import-table.wat",
    }
    S120 "helper misspelt or missing" {
        means: "A helper is not there; where an export has nearly its name, that export is named.",
        why: "An export outside the contract is never called, so a misspelt helper would silently be replaced by the \
            generic stub, and a walk cannot start without the required ones.",
        fix: "Export the helper by the kernel's name with the signature shown.",
        example: "reject/006-misspelt-helper.wat",
    }
    S121 "wrong signature" {
        means: "A helper, the marker of the ABI or an import has other parameters or another result than the \
            contract says.",
        why: "An entry is 64 bits. A helper that takes 32 would answer for half an entry.",
        fix: "Give it the signature shown: entries are i64, predicates return i32.",
        example: "reject/007-wrong-signature.wat",
    }
    S122 "helper is not a function" {
        means: "The name of a helper is exported, but as a global, a memory or a table.",
        why: "It would not be called, and the generic stub would answer in its place.",
        fix: "Export a function of that name; for a constant, one without parameters. In C, a variable of that name \
            was exported.",
        example: "reject/007b-helper-is-a-global.wat",
    }
    S123 "export outside the contract" {
        means: "The module exports a function that is not a helper.",
        why: "What is exported can be called by whoever holds the module, and it would be neither proved nor listed.",
        fix: "Do not export it: make it static (C), drop no_mangle (Rust), or link without --export-all.",
        example: "reject/009-export-outside-contract.wat",
    }
    S124 "unsupported version of the contract" {
        means: "The module exports the marker of a version of the ABI that this host does not know.",
        why: "The meaning of a helper may differ between versions; guessing could only go wrong silently.",
        fix: "Rebuild the plugin with the ptwalk-abi crate (or header) of this host, or use a newer host.",
        example: "reject/009b-abi-version-2.wat",
    }
    S125 "exported mutable global" {
        means: "The module exports a global that can change.",
        why: "Whoever holds the module could change it between two calls, and the helper would no longer be a \
            function of its arguments.",
        fix: "Do not export it: link without --export-all and without --export=__stack_pointer.",
        example: "reject/083-exported-mutable-global.wat",
    }
    S130 "start function" {
        means: "The module runs a function when it is instantiated.",
        why: "What it did to memory would be the state that every helper starts from, and it runs before anything is \
            proved.",
        fix: "Remove it. Let constants be static data; in C++ and Rust, remove static constructors, and link with \
            --no-entry.",
        example: "reject/010-start-function.wat",
    }
    S131 "indirect call" {
        means: "A function calls through a table.",
        why: "Which function runs would depend on data, so that neither a bound nor a closed form could be given.",
        fix: "Call the functions directly, with a match or switch. In Rust, avoid dyn and fn pointers; core::fmt \
            uses both.",
        example: "reject/011-call-indirect.wat",
    }
    S140 "floating point" {
        means: "The module uses f32 or f64.",
        why: "Page tables are integers. Floats have results that engines may choose (the bits of a NaN), and their \
            proofs cost far more.",
        fix: "Use integers. In Rust and C, look for f32/f64, powi, or a library that formats numbers.",
        example: "reject/013-f64-add.wat",
    }
    S141 "outside the integer subset" {
        means: "The module uses a feature of WebAssembly that the subset leaves out: vectors, atomics, 64-bit or \
            several memories, tail calls, exceptions, references, bulk memory, several results.",
        why: "Each feature must be lifted, bounded and proved; these bring nothing that reading an entry needs.",
        fix: "Compile for the baseline: -C target-cpu=mvp (Rust, with -Zbuild-std where core itself uses the \
            feature) or -mcpu=mvp (clang).",
        example: "reject/015-atomic-rmw.wat",
    }
    S150 "segment outside its memory or table" {
        means: "A data or element segment does not fit where it is to be copied.",
        why: "Instantiation would trap: no helper could ever be called.",
        fix: "Declare enough memory, or correct the offset. A linker does not emit this.",
        example: "reject/025-data-outside-memory.wat",
    }
    S151 "memory too large" {
        means: "The module declares more memory at the start than a plugin may have.",
        why: "The sandbox engine allocates it for every instance. Helpers need a stack and a few tables.",
        fix: "Link with a smaller stack (-z stack-size=65536) and without --initial-memory.",
        example: "reject/026-memory-65536.wat",
    }
    T200 "loop without an exit" {
        means: "A loop, once it is in the state named, is never left: an iteration changes nothing that its exits depend on.",
        why: "The walker calls helpers for every entry of a table; one call that does not return stops it for good.",
        fix: "Change in each iteration what the exit test reads, or branch out of the loop.",
        example: "reject/030-loop-without-exit.wat",
    }
    T210 "loop too long" {
        means: "For the input shown, a loop is still running after the ceiling on iterations or instructions.",
        why: "Every call has a bound that is known before it runs, and the bound must be small: a walk makes millions of \
            calls.",
        fix: "Bound the loop by a constant, at most 1,024 iterations and 4,096 instructions in all. A loop over the bits \
            of an entry takes 64.",
        example: "reject/032-loop-up-to-the-argument.wat",
    }
    T220 "nested loops too long" {
        means: "Loops within each other multiply to more instructions than one call may execute. The factors are shown.",
        why: "Each loop by itself looks bounded; the product is what a call costs.",
        fix: "Flatten the loops, or replace the inner one by arithmetic on the word or by a table in read-only data.",
        example: "reject/039-nested-loops.wat",
    }
    T230 "recursion" {
        means: "Functions call each other in a circle, whatever stands in between.",
        why: "Neither the stack nor the number of instructions of a recursive call can be bounded by its shape alone.",
        fix: "Write a loop with a constant bound.",
        example: "reject/036-recursion.wat",
    }
    T240 "too many instructions" {
        means: "The longest path through an export executes more instructions than one call may.",
        why: "The bound is what the sandbox engine gets as fuel, and what a walk multiplies by the number of entries.",
        fix: "Shorten the path. The largest helper of a real kernel takes some 200 instructions.",
        example: "reject/044-loop-of-a-thousand.wat",
    }
    K301 "calls nest too deeply" {
        means: "A chain of calls has more functions than may be active at once. The chain is shown.",
        why: "Calls are lifted by putting the callee in place; work multiplies along a chain.",
        fix: "Build with optimisation, which inlines small functions, or merge functions of the chain.",
        example: "reject/050-call-chain-of-nine.wat",
    }
    K302 "too much stack" {
        means: "Locals, operands and shadow stack of a call together exceed the ceiling in bytes.",
        why: "The engine's stack is finite, and overflowing it would trap in the middle of a walk.",
        fix: "Keep less in locals and arrays; constant tables belong into read-only data.",
        example: "reject/051-locals-2000.wat",
    }
    K304 "stack pointer out of its stack" {
        means: "A function moves the shadow stack's pointer below the stack or above its start.",
        why: "What lies there is other data, or nothing: loads and stores through the pointer would reach it.",
        fix: "Allocate less on the stack, or link with a larger one (-z stack-size).",
        example: "reject/053-stack-pointer-wraps.wat",
    }
    K305 "stack pointer not restored" {
        means: "On some path an export returns with another stack pointer than it was called with.",
        why: "The next call would start from there: after enough calls the stack is used up, and results may differ.",
        fix: "Restore the pointer on every path out of the function, early returns included. Compilers do.",
        example: "reject/054-stack-pointer-lost.wat",
    }
    X401 "division by zero" {
        means: "For the input shown, a division or remainder has the divisor 0, which traps.",
        why: "A helper must have a result for every word that can stand in a table, however broken.",
        fix: "Test the divisor first, or divide by a constant. Shifts do not trap.",
        example: "reject/056-division-by-zero.wat",
    }
    X402 "division overflows" {
        means: "For the input shown, a signed division has the quotient -MIN, which traps.",
        why: "A helper must have a result for every word that can stand in a table. (The remainder is 0 and no trap.)",
        fix: "Divide unsigned: entries are not signed.",
        example: "reject/057-division-overflows.wat",
    }
    X403 "unreachable is reached" {
        means: "For the input shown, execution comes to an unreachable operator, which traps.",
        why: "Compilers put it where a panic or an assertion ends, or where undefined behaviour was promised away.",
        fix: "Return a value instead of panicking. In Rust, look for unwrap, indexing, overflow checks and match arms \
            with unreachable!().",
        example: "reject/061-unreachable-reached.wat",
    }
    M501 "access outside the memory" {
        means: "A load or store at a constant address lies outside the memory, which traps.",
        why: "A helper must have a result for every word that can stand in a table.",
        fix: "Correct the address, or declare the memory that the program was linked for.",
        example: "reject/067-load-past-the-memory.wat",
    }
    M502 "computed address outside the memory" {
        means: "For the input shown, a load at a computed address lies outside the memory, which traps. Address and \
            offset add up without wrapping.",
        why: "A helper must have a result for every word that can stand in a table.",
        fix: "Mask the index to the size of the table.",
        example: "reject/069-load-past-the-memory-at-an-index.wat",
    }
    M503 "load beyond the data" {
        means: "For the input shown, a load begins in a piece of read-only data, or near it, and reads past its end.",
        why: "What lies behind the data is not part of it: the result would depend on how the module was linked.",
        fix: "Mask the index to the number of entries, or make the table longer.",
        example: "reject/073-index-past-the-table.wat",
    }
    M504 "computed load may read the stack" {
        means: "For the input shown, a load at a computed address reads the shadow stack.",
        why: "What is there depends on what was called before. Loads of the stack must be at constant addresses.",
        fix: "Mask the index so that it stays within the table, and do not index arrays on the stack: make them static.",
        example: "reject/073b-index-into-the-stack.wat",
    }
    M510 "store into data" {
        means: "A function writes where the module has data.",
        why: "The next call would read what this one wrote. Data is read-only to a plugin.",
        fix: "Do not write statics; compute into locals.",
        example: "reject/074-store-into-data.wat",
    }
    M511 "store at a computed address" {
        means: "A function writes at an address that depends on its arguments.",
        why: "Where it writes could not be told from the closed form; compilers need it for arrays on the stack alone.",
        fix: "Do not write to arrays by index; use shifts and masks on a word.",
        example: "reject/074b-store-at-an-index.wat",
    }
    P601 "memory.grow" {
        means: "A function grows the memory.",
        why: "That is state which outlives the call: a second call would see another size. It may also fail, \
            depending on the host.",
        fix: "Do not allocate. In Rust, do not link alloc; in C, do not call malloc.",
        example: "reject/027-memory-grow.wat",
    }
    P602 "memory.size of a memory that may grow" {
        means: "A result depends on the size of a memory whose maximum is larger than its start.",
        why: "The host may give it another size, and the helper would answer otherwise.",
        fix: "Declare the maximum equal to the minimum, or do not ask.",
        example: "reject/084-memory-size.wat",
    }
    P610 "global keeps a value" {
        means: "A global has another value after a call than before it.",
        why: "The next call would see it: the same arguments could give another result. A helper is a pure function of \
            its arguments.",
        fix: "Keep nothing between calls: no counters, no caches, no lazily computed values.",
        example: "reject/081-counter-in-a-global.wat",
    }
    P611 "memory keeps a value" {
        means: "A function writes memory outside the shadow stack.",
        why: "The next call would read it: the same arguments could give another result. A helper is a pure function of \
            its arguments.",
        fix: "Keep nothing between calls: no static variables, no caches.",
        example: "reject/082-cache-in-memory.wat",
    }
    P620 "load of stack that was not written" {
        means: "For the input shown, a function reads bytes of the shadow stack that this call has not written.",
        why: "They hold what an earlier call left there, so that the result would depend on it.",
        fix: "Initialise variables on every path before they are read.",
        example: "reject/076-stack-read-before-written.wat",
    }
    R701 "predicate neither 0 nor 1" {
        means: "For the input shown, a predicate returns something other than 0 and 1.",
        why: "The walker combines predicates bit by bit. The kernel's own return a masked word in places; here each is a \
            truth value.",
        fix: "Compare with 0: (x & BIT) != 0.",
        example: "reject/086-predicate-of-two-bits.wat",
    }
    R702 "result out of range" {
        means: "For the input shown, a reader returns more than its range: a frame beyond 2^52 bytes, permissions \
            without a meaning, fields that do not fit.",
        why: "The walker packs results into records; a frame number with flag bits in it names no frame.",
        fix: "Mask the field before shifting it down.",
        example: "reject/088-frame-without-a-mask.wat",
    }
    R710 "geometry does not add up" {
        means: "Levels, shifts, numbers of entries and halves of the address space do not fit together under this \
            configuration.",
        why: "A walk that descends by wrong shifts reads the wrong entries and reports nonsense with confidence.",
        fix: "Correct the geometry exports, or choose a configuration that the plugin supports. A folded level has one \
            entry, and exactly one level name tests each word.",
        example: "reject/089-geometry-with-a-gap.wat",
    }
    C801 "law broken" {
        means: "A law of the page-table API does not hold for every input. The input shown breaks it; both sides are \
            shown with the values they have.",
        why: "The kernel's generic code relies on the law for whatever stands in a table; mm/debug_vm_pgtable.c checks \
            it for a few entries at boot.",
        fix: "Run the helpers on the counterexample (ptwalk plugin run) and compare bit by bit. A maker may touch only \
            the bits of what it makes.",
        example: "reject/090-mkdevmap-sets-another-bit.wat",
    }
    C890 "precondition of a law holds for no input" {
        means: "A law of a law file says nothing, because no input meets its precondition.",
        why: "It would be kept by every plugin, and whoever wrote it relies on what is not checked.",
        fix: "Correct the precondition; `&&` of two conditions that exclude each other is the usual cause.",
        example: "reject/104-vacuous-law.wat",
    }
    C891 "law about a helper that is not there" {
        means: "A law of a law file calls a helper that does not exist, or that the plugin does not export and that has \
            no generic stub.",
        why: "The law would say nothing, and whoever wrote it relies on what is not checked.",
        fix: "Correct the name, or export the helper.",
        example: "reject/105-law-about-a-missing-export.wat",
    }
    C892 "law that cannot be read" {
        means: "The text of a law in a law file has an error of syntax or type, or exceeds a limit. docs/laws.md describes \
            the language.",
        why: "A law that was skipped would look as if it had been kept.",
        fix: "Correct the text at the line and column shown.",
        example: "reject/106-law-with-a-type-error.wat",
    }
    C893 "law file repeats a law of the host" {
        means: "A law of a law file has the name of one of the host's. The host's stands, the file's is left out. This is a \
            warning: it refuses nothing.",
        why: "A file that comes with a plugin must not weaken what every plugin has to keep.",
        fix: "Give the law another name.",
        example: "accept/110-law-of-the-same-name.wat",
    }
    L900 "module too large" {
        means: "The module has more bytes than a plugin may have.",
        why: "Every stage of the verifier is bounded by the size of the module, and this is checked before anything \
            is read.",
        fix: "Strip debug information (wasm-tools strip, or -C strip=debuginfo), build with optimisation, and look \
            for formatting or panic code that was linked in.",
        example: "reject/112-megabyte-of-mul.wat",
    }
    L901 "blocks nested too deeply" {
        means: "A function opens more blocks within each other than the ceiling.",
        why: "Later stages keep a state for each open block.",
        fix: "Split the function, or replace a very large switch by a table.",
        example: "reject/111-nested-blocks.wat",
    }
    L902 "closed forms too large" {
        means: "The closed forms of the plugin together need more nodes than the ceiling.",
        why: "Each node is held, printed, proved and compiled. Real plugins take some ten thousand.",
        fix: "Simplify the export named, which spent the last of them; large switches repeated by calls are the usual \
            cause.",
        example: "reject/112c-closed-forms-too-large.wat",
    }
    L903 "br_table too large" {
        means: "One br_table has more targets than the ceiling.",
        why: "Each target becomes a comparison and a merge in the closed form.",
        fix: "Replace the switch by a table in read-only data, or by arithmetic on the bits.",
        example: "reject/113-br-table.wat",
    }
    L904 "too many functions" {
        means: "The module defines more functions than the ceiling.",
        why: "Chains of calls through many functions are cheap to write and expensive to inline.",
        fix: "Build with optimisation and link-time garbage collection (--gc-sections), and do not link a runtime.",
        example: "reject/114-functions.wat",
    }
    L905 "too many entries in a section" {
        means: "The module declares more types, imports, exports, globals, segments, table slots or custom sections \
            than the ceiling, or a type has too many parameters.",
        why: "Each ceiling is well above what compilers emit for a plugin; above it, reports become unreadable and \
            later stages slow.",
        fix: "Build with optimisation and --gc-sections, and do not link a runtime.",
        example: "reject/117-types.wat",
    }
    L906 "table too large" {
        means: "A load may choose from more entries of read-only data than the ceiling, or all loads together may.",
        why: "Each entry becomes an input of a multiplexer in a proof.",
        fix: "Mask the index to the entries in use, or compute the value.",
        example: "reject/115-table-too-large.wat",
    }
    L907 "too much work on all paths" {
        means: "All paths through an export together take more work than the ceiling, though no single one is long.",
        why: "The longest path bounds a call; the sum of the paths bounds the verifier.",
        fix: "Do not repeat large switches, and do not call large functions many times.",
        example: "reject/115b-many-free-operators.wat",
    }
    L908 "states too large" {
        means: "States that wait for open blocks to end hold more words than the ceiling.",
        why: "Every branch out of a block leaves a copy of the locals behind until the block ends.",
        fix: "Use fewer locals in functions with many branches.",
        example: "reject/115c-many-states-with-many-locals.wat",
    }
    L910 "loop not decided" {
        means: "Whether a loop can go on was decided neither by simplification nor, within its budget, by the prover, up \
            to the ceiling on iterations.",
        why: "What is not known to end is treated as what does not.",
        fix: "Make the bound visible: count to a constant beside the test that is hard to decide.",
        example: "reject/043-loop-while-a-product-has-a-value.wat",
    }
    L920 "not decided" {
        means: "Whether a hazard can happen, or whether a law holds, was not decided within the budget named.",
        why: "What is not known to hold is treated as what does not.",
        fix: "Simplify the helper: products of two unknown words, and remainders by them, are what the prover cannot do. \
            Laws of a law file may be stated in smaller steps.",
        example: "reject/107-law-about-products.wat",
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
            // C893 is a warning, of modules that are accepted.
            let expects = [format!(";; expect: {code} "), format!(";; warning: {code}")];
            let is_expected = |line: &str| expects.iter().any(|expects| line.starts_with(expects));
            assert!(page.example.lines().any(is_expected), "{}", page.example_file);
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
