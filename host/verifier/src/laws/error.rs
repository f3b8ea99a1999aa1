//! What can be wrong with a law's text, and where.
//!
//! In: a kind, the text and a span. Out: an error with line, column and the line itself with a caret under the fault.
//! Text shown is escaped and cut: a law file may carry control characters, and must not reach a terminal with them.

use std::num::ParseIntError;

use ptwalk_abi::Helper;

use super::ast::Ty;
use super::lex::Span;
use super::limits;

/// What is wrong with a law.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LawErrorKind {
    /// A character that starts no token.
    #[error("{character:?} means nothing here")]
    StrayCharacter {
        /// The character.
        character: char,
    },
    /// A string without its closing quote on the same line.
    #[error("the string does not end on its line")]
    UnterminatedString,
    /// A number that is none, or exceeds 64 bits.
    #[error("not a 64-bit number: {cause}")]
    Number {
        /// What the conversion said.
        cause: ParseIntError,
    },
    /// A version that is none.
    #[error("not a kernel version: at most three numbers, the first two below 256")]
    Version,
    /// Something else was due.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What was due.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A call of a helper that the contract does not have.
    #[error("there is no helper `{name}`{}", suggestion(.nearest))]
    UnknownHelper {
        /// The name called.
        name: String,
        /// The helper with the nearest name.
        nearest: Option<&'static str>,
    },
    /// The helper is in the contract, but this plugin does not export it and nothing stands in for it.
    #[error("the plugin does not export `{helper}`, which has no generic stub{}", suggestion(.nearest))]
    MissingExport {
        /// The helper.
        helper: Helper,
        /// The export with the nearest name.
        nearest: Option<&'static str>,
    },
    /// A name that is neither a variable nor a kconfig extern.
    #[error("`{name}` is neither a variable of this law nor a kconfig extern{}", suggestion(.nearest))]
    UnknownName {
        /// The name.
        name: String,
        /// The variable or extern with the nearest name.
        nearest: Option<String>,
    },
    /// A call with too few or too many arguments.
    #[error("`{helper}` takes {expected} argument{}, not {found}", if *.expected == 1 { "" } else { "s" })]
    Arity {
        /// The helper.
        helper: Helper,
        /// Arguments it takes.
        expected: usize,
        /// Arguments given.
        found: usize,
    },
    /// A helper's name without a call.
    #[error("`{helper}` is a helper: call it with {expected} argument{}", if *.expected == 1 { "" } else { "s" })]
    NotCalled {
        /// The helper.
        helper: Helper,
        /// Arguments it takes.
        expected: usize,
    },
    /// A value of another type was due.
    #[error("expected {expected}, found {found}{}", comparison_hint(*.expected, *.found))]
    Type {
        /// The type due.
        expected: Ty,
        /// The type given.
        found: Ty,
    },
    /// A comparison of two values of unlike types.
    #[error("{left} cannot be compared with {right}")]
    Unlike {
        /// Type on the left.
        left: Ty,
        /// Type on the right.
        right: Ty,
    },
    /// `a < b < c`, or `a <=> b <=> c`.
    #[error("comparisons do not chain: use parentheses")]
    Chained,
    /// A selection of bits that an entry does not have, or upside down.
    #[error("[{high}:{low}] selects no bits: high:low, both below 64")]
    BitRange {
        /// Highest bit asked for.
        high: u64,
        /// Lowest bit asked for.
        low: u64,
    },
    /// A variable of the name of another one, of an extern or of a placeholder.
    #[error("`{name}` is already taken")]
    Taken {
        /// The name.
        name: String,
    },
    /// What `when` cannot contain: it is decided before any entry is known.
    #[error("`when` speaks of the configuration only: externs, versions and exports(HELPER)")]
    EntryInWhen,
    /// `exports()` outside `when`.
    #[error("`exports` belongs into the `when` clause")]
    ExportsOutsideWhen,
    /// A placeholder that occurs nowhere in the law.
    #[error("`{name}` stands for nothing in this law")]
    IdlePlaceholder {
        /// The placeholder.
        name: String,
    },
    /// Two laws of one name in one file.
    #[error("there is already a law `{name}` in this file")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// More of something than is accepted.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much is accepted.
        limit: usize,
    },
}

/// What to do with a number where a condition was due.
fn comparison_hint(expected: Ty, found: Ty) -> &'static str {
    if (expected, found) == (Ty::Condition, Ty::Number) { ": compare it with something" } else { "" }
}

/// A hint at the name that was meant.
fn suggestion(nearest: &Option<impl AsRef<str>>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{}`?", name.as_ref()))
}

/// An error in a law's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {kind}{}", .expansion.as_ref().map_or_else(String::new, |e| format!(" (where {e})")))]
pub struct LawError {
    /// What is wrong.
    pub kind: Box<LawErrorKind>,
    /// Line of the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The expansion in which it is wrong: `pXd = pmd`.
    pub expansion: Option<String>,
    excerpt: String,
    caret: Span,
}

impl LawError {
    pub(super) fn new(kind: LawErrorKind, text: &str, span: Span) -> LawError {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let line = rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or("");
        let column = text.get(line_start..span.start).unwrap_or("").chars().count();
        let width = text.get(span.start..span.end.min(line_start + line.len())).unwrap_or("").chars().count().max(1);
        let skip = column.saturating_sub(limits::EXCERPT_CHARS / 2);
        let excerpt = shown_cut(line.chars().skip(skip), limits::EXCERPT_CHARS);
        let caret = Span { start: column - skip, end: (column - skip + width).min(limits::EXCERPT_CHARS) };
        LawError {
            kind: Box::new(kind),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            expansion: None,
            excerpt,
            caret,
        }
    }

    /// The error, in the expansion for these placeholders and values.
    pub(super) fn within(mut self, pairs: &[(&str, &str)]) -> LawError {
        let text: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{} = {}", shown(name), shown(value))).collect();
        self.expansion = (!text.is_empty()).then(|| text.join(", "));
        self
    }

    /// The code by which reports and `--explain` know it.
    pub fn code(&self) -> &'static str {
        match *self.kind {
            LawErrorKind::UnknownHelper { .. } | LawErrorKind::MissingExport { .. } => "C891",
            _ => "C892",
        }
    }

    /// The line at fault and, below it, carets under the fault.
    pub fn excerpt(&self) -> String {
        let mut shown = self.excerpt.clone();
        shown.push('\n');
        for _ in 0..self.caret.start {
            shown.push(' ');
        }
        for _ in self.caret.start..self.caret.end.max(self.caret.start + 1) {
            shown.push('^');
        }
        shown
    }
}

/// `text` without what could steer a terminal, cut to a name's length.
pub(super) fn shown(text: &str) -> String {
    shown_cut(text.chars(), limits::NAME_BYTES)
}

/// At most `limit` characters, each of one column: what is not printable ASCII shows as `?`, so that carets stay
/// under what they mark.
fn shown_cut(text: impl Iterator<Item = char>, limit: usize) -> String {
    text.take(limit)
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else if c == '\t' {
                ' '
            } else {
                '?'
            }
        })
        .collect()
}
