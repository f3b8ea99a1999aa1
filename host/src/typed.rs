//! What people type and programs send beyond numbers: ranges, kernel versions, settings of the configuration.
//!
//! In: text. Out: values, or a [`TypedError`] that quotes the text. Guaranteed: a setting lies in the range of its extern.
//! Not handled: numbers, see [`number`](crate::number); filters, see [`filter`](crate::walk::filter).

use ptwalk_abi::{Config, Extern, KVersion, VaRange, VirtAddr};
use thiserror::Error;

use crate::number::{NumberError, parse_bound, parse_u64};
use crate::probe::parse_release;

/// What is wrong with a text. Whoever typed it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TypedError {
    /// A number in it.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is no range.
    #[error("expected A-B or A+N")]
    NotARange,
    /// A range of nothing.
    #[error("the range is empty: {end:#x} is not above {start:#x}")]
    EmptyRange {
        /// Its start.
        start: u64,
        /// Its end.
        end: u128,
    },
    /// A range that ends nowhere.
    #[error("the range ends at {end:#x}, beyond the last address of 64 bits")]
    RangeTooHigh {
        /// Its end.
        end: u128,
    },
    /// It is no version.
    #[error("`{0}` is not a kernel version (6.12 and 5.3.1 are)")]
    NotAVersion(String),
    /// A version that the configuration does not know.
    #[error("`{text}` is not a kernel version from {first} to {last}")]
    VersionUnknown {
        /// The text.
        text: String,
        /// The oldest one known.
        first: KVersion,
        /// The newest.
        last: KVersion,
    },
    /// It is no setting.
    #[error("`{0}` is not KEY=VALUE")]
    NotASetting(String),
    /// There is no such key.
    #[error("there is no extern `{name}`; did you mean {nearest}? (`ptwalk plugin externs` lists them)")]
    UnknownExtern {
        /// The name.
        name: String,
        /// The one that is spelled most like it.
        nearest: Extern,
    },
    /// A value beyond what any extern holds.
    #[error("{value} is too large for {key}")]
    ValueTooLarge {
        /// The key.
        key: Extern,
        /// The value, as typed.
        value: String,
    },
    /// A value that the key cannot have.
    #[error("{key} must lie in {}..={}: {}", .key.range().start(), .key.range().end(), .key.doc())]
    ValueOutOfRange {
        /// The key.
        key: Extern,
    },
}

/// A range as typed, `A-B` or `A+N`. Its end may be 2^64, which is how the output writes the end of the address space.
///
/// # Errors
/// [`TypedError`].
pub fn parse_range(text: &str) -> Result<VaRange, TypedError> {
    const ADDRESS_SPACE: u128 = 1 << 64;
    let (start, end) = if let Some((start, len)) = text.split_once('+') {
        let start = parse_u64(start)?;
        (start, u128::from(start) + parse_bound(len)?)
    } else {
        let (start, end) = text.split_once('-').ok_or(TypedError::NotARange)?;
        (parse_u64(start)?, parse_bound(end)?)
    };
    if end <= u128::from(start) {
        return Err(TypedError::EmptyRange { start, end });
    }
    match u64::try_from(end - 1) {
        Ok(last) if end <= ADDRESS_SPACE => Ok(VaRange { first: VirtAddr(start), last: VirtAddr(last) }),
        _ => Err(TypedError::RangeTooHigh { end }),
    }
}

/// A kernel version as typed: `6.12` or `5.3.1`.
///
/// # Errors
/// [`TypedError`].
pub fn parse_version(text: &str) -> Result<KVersion, TypedError> {
    let malformed = || TypedError::NotAVersion(text.to_owned());
    let parts: Vec<&str> = text.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(digits) {
        return Err(malformed());
    }
    let version = parse_release(text).ok_or_else(malformed)?;
    let range = Extern::LINUX_VERSION_CODE.range();
    if !range.contains(&version.code()) {
        let [first, last] = [*range.start(), *range.end()].map(KVersion::from_code);
        return Err(TypedError::VersionUnknown { text: text.to_owned(), first, last });
    }
    Ok(version)
}

/// A setting as typed: `KEY=VALUE`, the key with or without `CONFIG_`, the value a number, `y`, `n`, or a version.
///
/// # Errors
/// [`TypedError`].
pub fn parse_setting(text: &str) -> Result<(Extern, i32), TypedError> {
    let (name, value) = text.split_once('=').ok_or_else(|| TypedError::NotASetting(text.to_owned()))?;
    let name = name.trim().trim_start_matches("CONFIG_");
    let key = Extern::by_name(name).ok_or_else(|| unknown(name))?;
    let value = match value.trim() {
        "y" => 1,
        "n" => 0,
        version if key == Extern::LINUX_VERSION_CODE && version.contains('.') => parse_version(version)?.code(),
        number => parse_value(number, key)?,
    };
    if !key.range().contains(&value) {
        return Err(TypedError::ValueOutOfRange { key });
    }
    Ok((key, value))
}

/// A value of an extern, with a sign or without. Where values below 0 are allowed it is half of a register, or a whole
/// one of 32 bits: 0x80000000 and up mean the same bits as the negative numbers.
fn parse_value(text: &str, key: Extern) -> Result<i32, TypedError> {
    let too_large = || TypedError::ValueTooLarge { key, value: text.to_owned() };
    if let Some(text) = text.strip_prefix('-') {
        let value = i64::try_from(parse_u64(text)?).ok().and_then(|value| i32::try_from(-value).ok());
        return value.ok_or_else(too_large);
    }
    let value = parse_u64(text)?;
    let register = *key.range().start() < 0;
    let bits = u32::try_from(value).ok().filter(|_| register).map(u32::cast_signed);
    bits.or_else(|| i32::try_from(value).ok()).ok_or_else(too_large)
}

fn unknown(name: &str) -> TypedError {
    let alike = |key: &Extern| strsim::jaro(key.name(), name);
    let nearest = Extern::ALL.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let nearest = nearest.copied().unwrap_or(Extern::PAGE_SHIFT);
    TypedError::UnknownExtern { name: name.to_owned(), nearest }
}

/// `base` with settings over it.
pub fn configure(base: Config, settings: impl IntoIterator<Item = (Extern, i32)>) -> Config {
    // PGTABLE_LEVELS follows PAGE_SHIFT and VA_BITS, so what is said of it must come after them.
    let (levels, others): (Vec<_>, Vec<_>) = settings.into_iter().partition(|(key, _)| *key == Extern::PGTABLE_LEVELS);
    others.into_iter().chain(levels).fold(base, |config, (key, value)| config.with(key, value))
}
