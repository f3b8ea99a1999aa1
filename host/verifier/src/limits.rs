//! Every ceiling of the verifier, each with its unit and its reason.
//!
//! In: nothing. Out: constants. Guaranteed: no other module of this crate compares the size of something hostile with
//! a number of its own. Not handled here: the message for a ceiling that is exceeded; see [`crate::code`].

/// Bytes of a module. Real plugins take three to ten kilobytes; every later stage is linear or worse in this.
pub const MODULE_BYTES_MAX: usize = 64 << 10;

/// Bytes of a module that is refused for its size, up to which it is scanned for what made it large. The scan is one
/// pass over the bytes at some 100 MB/s; beyond this only the size itself is reported.
pub const SCAN_BYTES_MAX: usize = 4 << 20;

/// Functions that a module defines. A plugin with every helper of the contract has about 160, before shared bodies.
pub const FUNCTIONS_MAX: u32 = 256;

/// Open blocks at any place of a function. Compilers open one block for each arm of a `br_table`; the largest real
/// helper opens some 40. Later stages keep a state for each open block.
pub const NESTING_MAX: u32 = 256;

/// Targets of one `br_table`, without the default. Each becomes a comparison and a merge in the closed form.
pub const BR_TABLE_TARGETS_MAX: u32 = 256;

/// Locals of one function, the limit of every engine (<https://webassembly.github.io/spec/js-api/#limits>). What they
/// cost in stack is judged later, in bytes.
pub const LOCALS_MAX: u64 = 50_000;

/// Types that a module declares. One for each signature in use; the helpers need nine.
pub const TYPES_MAX: u32 = 256;

/// Parameters or results of one type. Helpers take two; an operator in unreachable code costs this many steps to
/// validate, so that the ceiling keeps validation linear in the size of the module.
pub const ARITY_MAX: usize = 32;

/// Imports. There are 15 configuration values, and a compiler may import the same one twice.
pub const IMPORTS_MAX: u32 = 64;

/// Exports. Every helper, the marker of the ABI, and what toolchains add.
pub const EXPORTS_MAX: u32 = 512;

/// Globals. A toolchain emits a stack pointer and some ten linker symbols.
pub const GLOBALS_MAX: u32 = 64;

/// Data segments. A linker merges them into two or three.
pub const DATA_SEGMENTS_MAX: u32 = 256;

/// Element segments. They can only be noise, as nothing may call through a table.
pub const ELEMENT_SEGMENTS_MAX: u32 = 64;

/// Custom sections. Full debug information takes ten; each is listed by name.
pub const CUSTOM_SECTIONS_MAX: u32 = 128;

/// Slots of the table that nothing uses: one for each function and the null slot, with room.
pub const TABLE_SLOTS_MAX: u64 = 1024;

/// Pages (64 KiB) of memory at the start. Rust's default is a stack of 1 MiB, 17 pages in all; the sandbox engine
/// allocates what is declared.
pub const MEMORY_PAGES_MAX: u64 = 256;

/// Bytes of the manifest section.
pub const MANIFEST_BYTES_MAX: usize = 4 << 10;

/// Characters shown of one value of the manifest.
pub const MANIFEST_VALUE_CHARS_MAX: usize = 256;

/// Characters shown of a name that comes from the plugin.
pub const NAME_CHARS_MAX: usize = 64;

/// Bytes read of a name in debug information. Paths are shorter, and more than the end of one is not shown.
pub const SOURCE_NAME_BYTES_MAX: usize = 512;

/// Characters shown of one sentence of a diagnostic, which may quote several names.
pub const TEXT_CHARS_MAX: usize = 2000;

/// Errors in one report. More than a screen of them hides the first.
pub const ERRORS_MAX: usize = 20;

/// Edits by which an unknown name may differ from one that is suggested in its place.
pub const NEAR_NAME_EDITS_MAX: usize = 2;
