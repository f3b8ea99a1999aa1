//! Mappings as bytes: lines of text, CSV and JSON, by hand, because a dump has as many as there are pages.
//!
//! In: mappings. Out: bytes appended to a buffer. Guaranteed: the same numbers and names as everywhere else in the
//! interface. Not handled: documents around the records.

use super::size;
use crate::walk::merge::Merged;
use crate::walk::{Attrs, Effective};

/// The names of the attributes, as a CSV header has them.
pub const ATTRS: &str = "write,user,exec,young,dirty,special,devmap,protnone,cont";

/// Pairs of hexadecimal digits.
const HEX: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// A number in 16 hexadecimal digits, with `0x`.
fn hex16(out: &mut Vec<u8>, value: u64) {
    let mut text = *b"0x0000000000000000";
    for (pair, byte) in text[2..].as_chunks_mut().0.iter_mut().zip(value.to_be_bytes()) {
        *pair = HEX[usize::from(byte)];
    }
    out.extend_from_slice(&text);
}

/// The end of a range, which may be 2^64.
fn hex16_end(out: &mut Vec<u8>, end: u128) {
    match u64::try_from(end) {
        Ok(end) => hex16(out, end),
        Err(_) => out.extend_from_slice(b"0x10000000000000000"),
    }
}

/// A number in as many hexadecimal digits as it needs, with `0x`.
fn hex(out: &mut Vec<u8>, value: u64) {
    let mut text = *b"0000000000000000";
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(value.to_be_bytes()) {
        *pair = HEX[usize::from(byte)];
    }
    let zeros = (value.leading_zeros() / 4).min(15) as usize;
    out.extend_from_slice(b"0x");
    out.extend_from_slice(&text[zeros..]);
}

fn hex_end(out: &mut Vec<u8>, end: u128) {
    match u64::try_from(end) {
        Ok(end) => hex(out, end),
        Err(_) => out.extend_from_slice(b"0x10000000000000000"),
    }
}

/// A number in decimal digits.
fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// A line of text: range, size, level, physical address, flags.
pub fn text(out: &mut Vec<u8>, Merged { mapping, .. }: &Merged) {
    hex16(out, mapping.range.first.0);
    out.push(b'-');
    hex16_end(out, mapping.range.end());
    let bytes = size(mapping.range.bytes());
    out.extend(std::iter::repeat_n(b' ', 8 - bytes.len().min(7)));
    out.extend_from_slice(bytes.as_bytes());
    out.push(b' ');
    out.extend_from_slice(mapping.level.name().as_bytes());
    out.push(b' ');
    hex16(out, mapping.pa.0);
    out.push(b' ');
    flags(out, mapping.attrs, mapping.effective);
    out.push(b'\n');
}

/// Attributes in letters: what the MMU permits, then what is set.
pub fn flags(out: &mut Vec<u8>, attrs: Attrs, effective: Option<Effective>) {
    match effective {
        Some(effective) => {
            let letter = |set, letter| if set { letter } else { b'-' };
            let exec = letter(effective.exec, b'x');
            out.extend_from_slice(&[letter(effective.read, b'r'), letter(effective.write, b'w'), exec]);
        }
        None => out.extend_from_slice(b"???"),
    }
    for (name, set) in attrs.named() {
        if set && !matches!(name, "write" | "exec") {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
        }
    }
}

/// A line of CSV.
pub fn csv(out: &mut Vec<u8>, Merged { mapping, count }: &Merged, page_shift: u32) {
    hex(out, mapping.range.first.0);
    out.push(b',');
    hex_end(out, mapping.range.end());
    for address in [mapping.pa.0, mapping.pfn(page_shift).0] {
        out.push(b',');
        hex(out, address);
    }
    out.push(b',');
    out.extend_from_slice(mapping.level.name().as_bytes());
    out.push(b',');
    decimal(out, mapping.leaf_bytes);
    out.push(b',');
    hex(out, mapping.at.raw);
    out.push(b',');
    decimal(out, *count);
    for (_, set) in mapping.attrs.named() {
        out.extend_from_slice(if set { b",1" } else { b",0" });
    }
    out.push(b'\n');
}

/// A JSON object, without a separator.
pub fn json(out: &mut Vec<u8>, Merged { mapping, count }: &Merged, page_shift: u32) {
    out.extend_from_slice(b"{\"start\":\"");
    hex(out, mapping.range.first.0);
    out.extend_from_slice(b"\",\"end\":\"");
    hex_end(out, mapping.range.end());
    out.extend_from_slice(b"\",\"pa\":\"");
    hex(out, mapping.pa.0);
    out.extend_from_slice(b"\",\"pfn\":\"");
    hex(out, mapping.pfn(page_shift).0);
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(mapping.level.name().as_bytes());
    out.extend_from_slice(b"\",\"size\":");
    decimal(out, mapping.leaf_bytes);
    out.extend_from_slice(b",\"raw\":\"");
    hex(out, mapping.at.raw);
    out.extend_from_slice(b"\",\"attrs\":");
    truths(out, mapping.attrs.named().into_iter());
    out.extend_from_slice(b",\"effective\":");
    match mapping.effective {
        Some(Effective { read, write, exec, user }) => {
            truths(out, [("read", read), ("write", write), ("exec", exec), ("user", user)].into_iter());
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"count\":");
    decimal(out, *count);
    out.push(b'}');
}

/// A JSON object of booleans.
fn truths(out: &mut Vec<u8>, named: impl Iterator<Item = (&'static str, bool)>) {
    for (i, (name, set)) in named.enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(if set { b"\":true" } else { b"\":false" });
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_are_those_of_the_formatter() {
        let ones = (0..64).map(|bit| 1_u64 << bit);
        for value in ones.flat_map(|one| [one, one - 1, one | 0x5a]).chain([u64::MAX, 0]) {
            assert_eq!(written(|out| hex16(out, value)), format!("{value:#018x}"));
            assert_eq!(written(|out| hex(out, value)), format!("{value:#x}"));
            assert_eq!(written(|out| decimal(out, value)), value.to_string());
        }
        assert_eq!(written(|out| hex_end(out, 1 << 64)), format!("{:#x}", 1_u128 << 64));
        assert_eq!(written(|out| hex16_end(out, 1 << 64)), format!("{:#018x}", 1_u128 << 64));
    }
}
