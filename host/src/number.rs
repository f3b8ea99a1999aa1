//! Numbers as people type them: `0x` or decimal, `_` between digits, and K/M/G/T after a decimal or hex size.

use thiserror::Error;

/// First address above 64 bits.
const BOUND_MAX: u128 = 1 << 64;

/// A number that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NumberError {
    /// No digits, or something that is none.
    #[error("`{0}` is not a number (0x1000, 4096 and 4K are)")]
    Malformed(String),
    /// More than 64 bits.
    #[error("`{0}` does not fit in 64 bits")]
    TooLarge(String),
}

/// Parses an unsigned number as [`parse_bound`] does, of 64 bits.
///
/// # Errors
/// [`NumberError`], which quotes the text.
pub fn parse_u64(text: &str) -> Result<u64, NumberError> {
    let value = parse_bound(text)?;
    u64::try_from(value).ok().ok_or_else(|| NumberError::TooLarge(quoted(text)))
}

fn quoted(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Parses an unsigned number up to and with 2^64, the first address above a range that ends with the last one: `0x`
/// means hex, a last letter K, M, G or T multiplies by a power of 1024.
///
/// # Errors
/// [`NumberError`], which quotes the text.
pub fn parse_bound(text: &str) -> Result<u128, NumberError> {
    let malformed = || NumberError::Malformed(quoted(text));
    let too_large = || NumberError::TooLarge(quoted(text));
    let trimmed = text.trim();
    let (digits, shift) = match trimmed.char_indices().last() {
        Some((at, 'K' | 'k')) => (&trimmed[..at], 10),
        Some((at, 'M' | 'm')) => (&trimmed[..at], 20),
        Some((at, 'G' | 'g')) => (&trimmed[..at], 30),
        Some((at, 'T' | 't')) => (&trimmed[..at], 40),
        _ => (trimmed, 0),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    if digits.is_empty() || digits.starts_with('_') {
        return Err(malformed());
    }
    let mut value = 0u128;
    let mut fits = true;
    for c in digits.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(radix).ok_or_else(malformed)?;
        value = value * u128::from(radix) + u128::from(digit);
        fits &= value <= BOUND_MAX;
        value = value.min(BOUND_MAX);
    }
    let value = value << shift;
    if fits && value <= BOUND_MAX { Ok(value) } else { Err(too_large()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (text, value) in [
            ("0", 0),
            ("4096", 4096),
            ("0xffff_ffff_ffff_ffff", u64::MAX),
            ("4K", 4096),
            ("0x10M", 16 << 20),
            ("1T", 1 << 40),
            (" 7 ", 7),
        ] {
            assert_eq!(parse_u64(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn a_bound_may_be_two_to_the_64th() {
        for text in ["0x10000000000000000", "18446744073709551616", "16777216T"] {
            assert_eq!(parse_bound(text), Ok(1 << 64), "{text}");
        }
        for text in ["0x10000000000000001", "16777217T", "0x1000000000000000000000000000000000000000000"] {
            assert!(matches!(parse_bound(text), Err(NumberError::TooLarge(_))), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "0x", "_1", "x", "-1", "1 2", "0xg", "K", "é"] {
            assert!(matches!(parse_u64(text), Err(NumberError::Malformed(_))), "{text}");
        }
        for text in ["18446744073709551616", "0x1_0000_0000_0000_0000", "16777216T"] {
            assert!(matches!(parse_u64(text), Err(NumberError::TooLarge(_))), "{text}");
        }
    }
}
