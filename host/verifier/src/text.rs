//! Text that came from a plugin, made fit to print.
//!
//! In: any string. Out: one line without control characters, terminal escapes, invisible characters or characters that
//! change the direction of writing, cut to a length. Guaranteed: applying a function twice changes nothing more. Not
//! handled: characters that merely look alike.

use std::fmt::Write as _;

use crate::limits::{NAME_CHARS_MAX, TEXT_CHARS_MAX};

/// Whether a character prints as itself, takes room, and leaves its neighbours in their order.
///
/// Letters and digits of scripts written from right to left are escaped as well: they reorder the punctuation and
/// figures beside them, which is enough to make `0x12` read as something else.
fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic() || c == ' ';
    }
    let right_to_left = matches!(c,
        '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    (c.is_alphanumeric() && !right_to_left) || matches!(c, '\u{2026}' | '\u{2013}' | '\u{2014}' | '\u{2192}' | '\u{d7}')
}

/// The text with everything escaped that is not plain, cut to `chars_max` characters.
pub fn printable(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut len = 0;
    for c in text.chars() {
        let width = if is_plain(c) { 1 } else { c.escape_unicode().len() };
        if len + width > chars_max {
            cut(&mut out, text, chars_max);
            return out;
        }
        len += width;
        match is_plain(c) {
            true => out.push(c),
            false => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// Ends a text that is cut by saying how long it was, within the same number of characters.
fn cut(out: &mut String, text: &str, chars_max: usize) {
    let mut tail = String::new();
    // Writing to a String cannot fail.
    let _ = write!(tail, "\u{2026}({} bytes)", text.len());
    let keep = chars_max.saturating_sub(tail.chars().count());
    let end = out.char_indices().nth(keep).map_or(out.len(), |(at, _)| at);
    out.truncate(end);
    out.push_str(&tail);
}

/// A name of the plugin's, fit to print in a sentence.
pub fn name(name: &str) -> String {
    printable(name, NAME_CHARS_MAX)
}

/// A sentence that quotes the plugin, fit to print.
pub fn sentence(text: &str) -> String {
    printable(text, TEXT_CHARS_MAX)
}

/// A number and what it counts: `1 slot`, `2 slots`.
pub fn count(n: impl Into<u64>, noun: &str) -> String {
    match n.into() {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// Breaks a text at spaces into lines of at most `columns`, where no word is longer. The first line starts at column
/// `start`, the others are indented by `indent`.
pub fn wrap(text: &str, start: usize, indent: usize, columns: usize) -> String {
    let mut out = String::new();
    let mut column = start;
    for (i, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if i > 0 && column + 1 + width > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_singular_and_plural() {
        assert_eq!([0u32, 1, 2].map(|n| count(n, "slot")), ["0 slots", "1 slot", "2 slots"]);
    }

    #[test]
    fn wraps_at_the_last_column() {
        assert_eq!(wrap("ab cd ef", 0, 2, 5), "ab cd\n  ef");
        assert_eq!(wrap("ab cd ef", 1, 2, 5), "ab\n  cd\n  ef");
        assert_eq!(wrap("unbreakable x", 0, 0, 5), "unbreakable\nx");
    }

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(name("a\u{1b}[31mred\u{7}\n"), "a\\u{1b}[31mred\\u{7}\\u{a}");
        assert_eq!(name("x\u{202e}y\u{200b}z\u{feff}\u{5d0}"), "x\\u{202e}y\\u{200b}z\\u{feff}\\u{5d0}");
        assert_eq!(name("José Müller"), "José Müller");
    }

    #[test]
    fn cuts_to_the_ceiling_and_says_so() {
        assert_eq!(name(&"n".repeat(NAME_CHARS_MAX)), "n".repeat(NAME_CHARS_MAX));
        let long = name(&"n".repeat(100_000));
        assert_eq!(long.chars().count(), NAME_CHARS_MAX);
        assert!(long.ends_with("\u{2026}(100000 bytes)"), "{long}");
        assert!(name(&"\u{202e}".repeat(50)).chars().count() <= NAME_CHARS_MAX);
    }

    #[test]
    fn is_idempotent() {
        for text in ["plain", "a\u{1b}b\\", &"é\u{202e}".repeat(90), &"q".repeat(70)] {
            let once = name(text);
            assert_eq!(name(&once), once);
        }
    }
}
