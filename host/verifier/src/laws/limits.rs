//! Ceilings of the law language. Law files come from whoever runs the program, but they may be shared like plugins
//! are, so that parsing one is bounded too.

/// Bytes of a law file. The host's own table is a twentieth of this.
pub const FILE_BYTES: usize = 1 << 20;
/// Laws of a file, every expansion of a `for` counted.
pub const LAWS: usize = 10_000;
/// Laws that the `for` clauses of one text expand to.
pub const EXPANSIONS: usize = 256;
/// Terms of one law. The longest law of the host has 40.
pub const TERMS: usize = 1024;
/// Nesting of one law. The parser recurses this deep and no deeper; everything else is iterative.
pub const DEPTH: u32 = 64;
/// Quantified variables of one law. Two is what any helper takes.
pub const VARIABLES: usize = 4;
/// Bytes of a name.
pub const NAME_BYTES: usize = 64;
/// Errors reported from one file before the rest is left unread.
pub const ERRORS: usize = 20;
/// Characters of the offending line that an error shows.
pub const EXCERPT_CHARS: usize = 120;
