//! VMCOREINFO: what the kernel says of itself to whoever reads its dump.
//!
//! In: the descriptor of a `VMCOREINFO` note, lines of `KEY=VALUE` (`Documentation/admin-guide/kdump/vmcoreinfo.rst`,
//! v6.12). Out: the values by key, in the order of the file. Guaranteed: every line is kept; a line that is not
//! understood is listed, and never fails the image; bytes that are not UTF-8 are replaced. Not handled: whether a value
//! is true; the dump's author wrote it.
//!
//! Where a key occurs twice the first counts, as in makedumpfile (`read_vmcoreinfo_symbol` stops at the first match).

use std::ops::Range;

use ptwalk_abi::VirtAddr;
use ptwalk_verifier::fault::{Fault, seeded};

/// The parsed lines of a VMCOREINFO note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmcoreInfo {
    text: String,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    all: Range<usize>,
    key: Range<usize>,
    value: Range<usize>,
    fault: Option<LineFault>,
}

/// Why a line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// There is no `=`.
    NoEquals,
    /// There is nothing before the `=`.
    NoKey,
    /// The key calls for a number, and the value is none that fits.
    BadNumber,
}

/// A line that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedLine<'a> {
    /// Line number, from 1.
    pub number: usize,
    /// The line.
    pub text: &'a str,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// How the kernel prints the value of a key (`include/linux/vmcore_info.h`, v6.12).
#[derive(Clone, Copy)]
enum Form {
    /// `%lx`: hexadecimal without a prefix.
    Hex,
    /// `%lu`.
    Decimal,
    /// `%ld`, or `0x%lx` where an architecture prints an address as a number.
    Number,
    /// A size of pages: a power of two.
    PageSize,
    /// Anything.
    Text,
}

impl Form {
    fn of(key: &str) -> Form {
        match key {
            "PAGESIZE" => Form::PageSize,
            "KERNELOFFSET" => Form::Hex,
            "CRASHTIME" => Form::Decimal,
            _ => match key.strip_suffix(')').and_then(|key| key.split_once('(')) {
                Some(("SYMBOL", _)) => Form::Hex,
                Some(("NUMBER", _)) => Form::Number,
                Some(("OFFSET" | "SIZE" | "LENGTH", _)) => Form::Decimal,
                _ => Form::Text,
            },
        }
    }

    /// Whether `value` is one that its accessor returns.
    fn accepts(self, value: &str) -> bool {
        match self {
            Form::Hex => parse_hex(value).is_some(),
            Form::Decimal => parse_decimal(value).is_some(),
            Form::Number => parse_number(value).is_some(),
            Form::PageSize => parse_page_size(value).is_some(),
            Form::Text => true,
        }
    }
}

impl VmcoreInfo {
    /// Parses the descriptor of a VMCOREINFO note, or the same text found elsewhere.
    ///
    /// # Cost
    /// Memory proportional to `descriptor`, which the caller bounds.
    pub fn parse(descriptor: &[u8]) -> VmcoreInfo {
        let end = descriptor.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let text = String::from_utf8_lossy(descriptor.get(..end).unwrap_or_default()).into_owned();
        let mut lines = Vec::new();
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let content = line.strip_suffix('\n').unwrap_or(line);
            if !content.is_empty() {
                lines.push(Line::parse(index + 1, start, content));
            }
            start += line.len();
        }
        VmcoreInfo { text, lines }
    }

    /// The text of the note.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keys and values in the order of the note, duplicates included.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines
            .iter()
            .filter(|line| !matches!(line.fault, Some(LineFault::NoEquals | LineFault::NoKey)))
            .map(|line| (self.at(&line.key), self.at(&line.value)))
    }

    /// Lines that are not understood.
    pub fn malformed(&self) -> impl Iterator<Item = MalformedLine<'_>> {
        self.lines.iter().filter_map(|line| {
            Some(MalformedLine { number: line.number, text: self.at(&line.all), fault: line.fault? })
        })
    }

    /// The value of `key`, as written.
    ///
    /// # Cost
    /// A scan of the lines, as for all accessors.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut found = self.entries().filter(|&(found, _)| found == key).map(|(_, value)| value);
        if seeded(Fault::LastKeyWins) { found.last() } else { found.next() }
    }

    /// `OSRELEASE`: the kernel's version as `uname -r` prints it.
    pub fn osrelease(&self) -> Option<&str> {
        self.get("OSRELEASE")
    }

    /// `BUILD-ID` of the kernel, in hexadecimal.
    pub fn build_id(&self) -> Option<&str> {
        self.get("BUILD-ID")
    }

    /// `PAGESIZE` in bytes, if it is a power of two.
    pub fn page_size(&self) -> Option<u64> {
        parse_page_size(self.get("PAGESIZE")?)
    }

    /// `KERNELOFFSET`: by how much KASLR moved the kernel.
    pub fn kernel_offset(&self) -> Option<u64> {
        parse_hex(self.get("KERNELOFFSET")?)
    }

    /// `SYMBOL(name)`: the address of a kernel symbol.
    pub fn symbol(&self, name: &str) -> Option<VirtAddr> {
        parse_hex(self.get_of("SYMBOL", name)?).map(VirtAddr)
    }

    /// `NUMBER(name)`. The kernel prints some numbers signed and some as 64-bit addresses, and only who asks knows
    /// which it is; `i128` holds both.
    pub fn number(&self, name: &str) -> Option<i128> {
        parse_number(self.get_of("NUMBER", name)?)
    }

    /// `OFFSET(name)`, where `name` is `structure.member`.
    pub fn offset(&self, name: &str) -> Option<u64> {
        parse_decimal(self.get_of("OFFSET", name)?)
    }

    /// `SIZE(name)` in bytes.
    pub fn size(&self, name: &str) -> Option<u64> {
        parse_decimal(self.get_of("SIZE", name)?)
    }

    /// `LENGTH(name)`: elements of an array.
    pub fn length(&self, name: &str) -> Option<u64> {
        parse_decimal(self.get_of("LENGTH", name)?)
    }

    /// The value of the key `kind(name)`.
    fn get_of(&self, kind: &str, name: &str) -> Option<&str> {
        let named = |key: &str| {
            key.strip_prefix(kind).and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'))
                == Some(name)
        };
        self.entries().find(|&(key, _)| named(key)).map(|(_, value)| value)
    }

    fn at(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

impl Line {
    /// Line `number`, whose `content` begins at `start` of the text.
    fn parse(number: usize, start: usize, content: &str) -> Line {
        let end = start + content.len();
        let all = start..end;
        let Some((key, value)) = content.split_once('=') else {
            return Line { number, key: all.clone(), value: end..end, all, fault: Some(LineFault::NoEquals) };
        };
        let fault = if key.is_empty() {
            Some(LineFault::NoKey)
        } else if Form::of(key).accepts(value) {
            None
        } else {
            Some(LineFault::BadNumber)
        };
        let value_start = start + key.len() + 1;
        Line { number, key: start..start + key.len(), value: value_start..end, all, fault }
    }
}

/// Digits of one radix and nothing else; `from_str_radix` alone would take a sign.
fn parse_digits(digits: &str, radix: u32) -> Option<u64> {
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

fn parse_hex(value: &str) -> Option<u64> {
    parse_digits(value.strip_prefix("0x").unwrap_or(value), 16)
}

fn parse_decimal(value: &str) -> Option<u64> {
    parse_digits(value, 10)
}

fn parse_page_size(value: &str) -> Option<u64> {
    parse_decimal(value).filter(|size| size.is_power_of_two())
}

fn parse_number(value: &str) -> Option<i128> {
    if let Some(digits) = value.strip_prefix('-') {
        return parse_decimal(digits).map(|magnitude| -i128::from(magnitude)).filter(|&n| n >= i128::from(i64::MIN));
    }
    let magnitude = match value.strip_prefix("0x") {
        Some(digits) => parse_digits(digits, if seeded(Fault::HexOfNumbers) { 10 } else { 16 }),
        None => parse_decimal(value),
    };
    magnitude.map(i128::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "OSRELEASE=6.12.95+deb12-arm64\nBUILD-ID=b4c0fd99\nPAGESIZE=4096\n\
        SYMBOL(swapper_pg_dir)=ffffbfa9374e9000\nSIZE(page)=64\nOFFSET(page.flags)=0\nLENGTH(mem_section)=16384\n\
        NUMBER(VA_BITS)=52\nNUMBER(PHYS_OFFSET)=0xfff095bc80000000\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\n\
        KERNELOFFSET=3fa8b5800000\nCONFIG_ARM64_PTR_AUTH_KERNEL=y\n";

    #[test]
    fn every_accessor_reads_its_form() {
        let info = VmcoreInfo::parse(TEXT.as_bytes());
        assert_eq!(info.osrelease(), Some("6.12.95+deb12-arm64"));
        assert_eq!(info.build_id(), Some("b4c0fd99"));
        assert_eq!(info.page_size(), Some(4096));
        assert_eq!(info.symbol("swapper_pg_dir"), Some(VirtAddr(0xffff_bfa9_374e_9000)));
        assert_eq!(info.size("page"), Some(64));
        assert_eq!(info.offset("page.flags"), Some(0));
        assert_eq!(info.length("mem_section"), Some(16384));
        assert_eq!(info.number("VA_BITS"), Some(52));
        assert_eq!(info.number("PHYS_OFFSET"), Some(0xfff0_95bc_8000_0000));
        assert_eq!(info.number("PAGE_BUDDY_MAPCOUNT_VALUE"), Some(-268_435_456));
        assert_eq!(info.kernel_offset(), Some(0x3fa8_b580_0000));
        assert_eq!(info.get("CONFIG_ARM64_PTR_AUTH_KERNEL"), Some("y"));
        assert_eq!(info.malformed().count(), 0);
        assert_eq!(info.entries().count(), 12);
        assert_eq!(info.entries().next(), Some(("OSRELEASE", "6.12.95+deb12-arm64")));
    }

    #[test]
    fn what_is_absent_or_of_another_kind_is_none() {
        let info = VmcoreInfo::parse(TEXT.as_bytes());
        assert_eq!(info.symbol("VA_BITS"), None);
        assert_eq!(info.size("page.flags"), None);
        assert_eq!(info.number(""), None);
        assert_eq!(info.get("OSRELEAS"), None);
        assert_eq!(VmcoreInfo::parse(b"").entries().count(), 0);
        assert_eq!(VmcoreInfo::parse(b"\0\0\n\n\0").entries().count(), 0);
    }

    #[test]
    fn the_first_of_two_equal_keys_counts_and_both_are_listed() {
        let info = VmcoreInfo::parse(b"NUMBER(X)=1\nNUMBER(X)=2\n");
        assert_eq!(info.number("X"), Some(1));
        assert_eq!(info.entries().collect::<Vec<_>>(), [("NUMBER(X)", "1"), ("NUMBER(X)", "2")]);
    }

    #[test]
    fn malformed_lines_are_listed_and_the_rest_is_read() {
        let info = VmcoreInfo::parse(b"junk\n\n=1\nSYMBOL(a)=xyz\nPAGESIZE=4095\nPAGESIZE=\nA=b=c\nlast=1\0\0");
        let listed: Vec<_> = info.malformed().map(|line| (line.number, line.text, line.fault)).collect();
        let expected = [
            (1, "junk", LineFault::NoEquals),
            (3, "=1", LineFault::NoKey),
            (4, "SYMBOL(a)=xyz", LineFault::BadNumber),
            (5, "PAGESIZE=4095", LineFault::BadNumber),
            (6, "PAGESIZE=", LineFault::BadNumber),
        ];
        assert_eq!(listed, expected);
        assert_eq!(info.symbol("a"), None);
        assert_eq!(info.page_size(), None);
        assert_eq!(info.get("A"), Some("b=c"));
        assert_eq!(info.get("last"), Some("1"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_other_lines_read() {
        let info = VmcoreInfo::parse(b"OSRELEASE=6.\xff\nPAGESIZE=65536");
        assert_eq!(info.osrelease(), Some("6.\u{fffd}"));
        assert_eq!(info.page_size(), Some(65536));
    }

    #[test]
    fn numbers_at_both_ends_and_one_beyond() {
        for (value, number) in [
            ("-9223372036854775808", Some(i128::from(i64::MIN))),
            ("-9223372036854775809", None),
            ("18446744073709551615", Some(i128::from(u64::MAX))),
            ("18446744073709551616", None),
            ("0xffffffffffffffff", Some(i128::from(u64::MAX))),
            ("0x10000000000000000", None),
            ("0x0", Some(0)),
            ("", None),
            ("-", None),
            ("0x", None),
            ("+1", None),
            ("--1", None),
            ("-0x1", None),
            (" 1", None),
            ("1\r", None),
        ] {
            assert_eq!(parse_number(value), number, "{value:?}");
        }
        assert_eq!(parse_hex("ffffffffffffffff"), Some(u64::MAX));
        assert_eq!(parse_hex("0x+1"), None);
        assert_eq!(parse_hex(""), None);
    }
}
