//! Law text as tokens with their places.
//!
//! In: any string. Out: tokens and where each stands, or the first character that starts none. `#` begins a comment
//! that runs to the end of the line. Not handled here: which names exist.

use ptwalk_abi::KVersion;

use super::error::{LawError, LawErrorKind};

/// A stretch of the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the start of one to the end of the other.
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }
}

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    Number { value: u64, hex: bool },
    Version(KVersion),
    Text(&'t str),
    Mark(&'static str),
    End,
}

impl Token<'_> {
    /// As an error names it.
    pub fn describe(self) -> String {
        match self {
            Token::Name(name) => format!("`{}`", super::error::shown(name)),
            Token::Number { value, hex: true } => format!("{value:#x}"),
            Token::Number { value, hex: false } => value.to_string(),
            Token::Version(version) => version.to_string(),
            Token::Text(_) => "a string".to_owned(),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Longest first, so that `<=>` is not read as `<=` and `>`.
const MARKS: [&str; 27] = [
    "<=>", "=>", "<=", ">=", "<<", ">>", "==", "!=", "&&", "||", "(", ")", "[", "]", ",", ".", ":", "~", "&", "|", "^",
    "*", "+", "-", "<", ">", "!",
];

/// Splits `text`. The last token is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Span)>, LawError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_ascii_whitespace() {
            at += 1;
        } else if first == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
        } else {
            let (token, length) = token(rest).map_err(|(kind, length)| {
                LawError::new(kind, text, Span { start: at, end: at + length.max(first.len_utf8()) })
            })?;
            found.push((token, Span { start: at, end: at + length }));
            at += length;
        }
    }
    found.push((Token::End, Span { start: text.len(), end: text.len() }));
    Ok(found)
}

/// The token at the start of `rest` and its length, or what is wrong with how many bytes.
fn token(rest: &str) -> Result<(Token<'_>, usize), (LawErrorKind, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return number(rest);
    }
    if is_name(first) {
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        return match rest.get(..length) {
            Some(name) if length <= super::limits::NAME_BYTES => Ok((Token::Name(name), length)),
            _ => Err((LawErrorKind::TooMany { what: "bytes in a name", limit: super::limits::NAME_BYTES }, length)),
        };
    }
    if first == '"' {
        let inner = rest.get(1..).unwrap_or("");
        return match inner.find(['"', '\n']) {
            Some(length) if inner.as_bytes().get(length) == Some(&b'"') => {
                Ok((Token::Text(inner.get(..length).unwrap_or("")), length + 2))
            }
            _ => Err((LawErrorKind::UnterminatedString, 1)),
        };
    }
    match MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
        Some(mark) => Ok((Token::Mark(mark), mark.len())),
        None => Err((LawErrorKind::StrayCharacter { character: first }, first.len_utf8())),
    }
}

/// A number (`12`, `0xfff`, `1_000`) or a version (`5.10`, `6.12.95`).
fn number(rest: &str) -> Result<(Token<'_>, usize), (LawErrorKind, usize)> {
    let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let digits = rest.get(..length).unwrap_or("");
    let after = rest.get(length..).unwrap_or("");
    if after.strip_prefix('.').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
        return version(rest);
    }
    let (hex, bare) = match digits.strip_prefix("0x") {
        Some(bare) => (true, bare.replace('_', "")),
        None => (false, digits.replace('_', "")),
    };
    match u64::from_str_radix(&bare, if hex { 16 } else { 10 }) {
        Ok(value) => Ok((Token::Number { value, hex }, length)),
        Err(cause) => Err((LawErrorKind::Number { cause }, length)),
    }
}

fn version(rest: &str) -> Result<(Token<'_>, usize), (LawErrorKind, usize)> {
    let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    // A full stop that ends the sentence (`forall … where 5.10 <= v.`) is not part of the number.
    let text = rest.get(..length).unwrap_or("").trim_end_matches('.');
    let mut parts = [0u16; 3];
    for (place, part) in text.split('.').enumerate() {
        let slot = parts.get_mut(place).ok_or((LawErrorKind::Version, text.len()))?;
        *slot = part.parse().map_err(|cause| (LawErrorKind::Number { cause }, text.len()))?;
    }
    match (u8::try_from(parts[0]), u8::try_from(parts[1])) {
        (Ok(major), Ok(minor)) => Ok((Token::Version(KVersion::new(major, minor, parts[2])), text.len())),
        _ => Err((LawErrorKind::Version, text.len())),
    }
}
