//! Texts from strangers: VMCOREINFO, files of laws, and pgmap files that name a kernel.
//!
//! In: any bytes. Checked: no panic, bounded time, errors in plain lines, and of VMCOREINFO what a reader of ten lines reads.

use ptwalk_verifier::laws;

use super::clock::{PATIENCE, within};
use super::minimise::Kind;
use super::mutate::mutate;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use crate::image::VmcoreInfo;
use crate::zone::file::ZoneFile;

/// Of VMCOREINFO.
pub(super) const VMCOREINFO: Entry = Entry {
    name: "vmcoreinfo",
    about: "every line of any VMCOREINFO is kept, the first of a key counts, and numbers are what they say",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(Text { seeds: &[KERNEL], check: vmcoreinfo })),
};

/// Of files of laws.
pub(super) const LAW_FILES: Entry = Entry {
    name: "law_files",
    about: "any file of laws is read in bounded time, and what is wrong with it is said with its place",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(Text { seeds: &[LAWS, DEEP], check: law_file })),
};

/// Of pgmap files that name a kernel.
pub(super) const ZONE_FILES: Entry = Entry {
    name: "zone_files",
    about: "any pgmap file with a kernel is registered or refused in bounded time, without overlap",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(Text { seeds: &[ZONE], check: zone_file })),
};

const KERNEL: &str = "OSRELEASE=6.12.95+deb12-arm64\nBUILD-ID=b4c0fd99\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffbfa9374e9000\n\
    SIZE(page)=64\nOFFSET(page.flags)=0\nLENGTH(mem_section)=16384\nNUMBER(VA_BITS)=52\nNUMBER(PHYS_OFFSET)=0xfff095bc80000000\n\
    NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\nKERNELOFFSET=3fa8b5800000\nCRASHTIME=1700000000\nNUMBER(VA_BITS)=48\n=\n\nx\n";

const LAWS: &str = "law kept \"frames stay\": for pXd in pte, pmd: forall x: u64 where pXd_present(x). pXd_pfn(pXd_mkold(x)) == pXd_pfn(x)\n\
    law bits: forall x: u64. (x & 0xff00)[15:8] == x >> 8 & 0xff && !(pte_none(x) && x != 0) || x <= ~0\n\
    law same when TRANSPARENT_HUGEPAGE: forall x: u64, y: u64. pte_same(x, y) <=> pte_same(y, x)\n";

const DEEP: &str =
    "law deep: forall x: u64. ((((((((((((((((x))))))))))))))) + (~~~~~~~~x << 1)) == (x - 1 ^ 2 | 3 & 4)\n";

const ZONE: &str = "[zone]\nkernel = \"5.3\"\nmachine = \"x86_64\"\npage_shift = 12\nalignment = \"section-v5.2\"\nholes = \"kernel\"\n\
    config = { DEVICE_PRIVATE = false }\n[[ram]]\nstart = \"0x0\"\nend = \"0x100000000\"\n\
    [[pgmap]]\nstart = \"0x140000000\"\nend = \"0x148000000\"\ntype = \"fs-dax\"\naltmap = { reserve = 2, free = 8192 }\n\
    [[pgmap]]\nstart = \"0x148000000\"\nend = \"0x14a000000\"\ntype = \"pci-p2pdma\"\npage_free = false\n\
    [[page]]\npfn = \"0x80001\"\nrefcount = 0\nkind = \"zero\"\n[[compound]]\nhead = \"0xc0000\"\norder = 9\n\
    [[change]]\nentry = \"0x3000\"\nvalue = \"0x0\"\n";

/// A text and what must hold of it.
struct Text {
    seeds: &'static [&'static str],
    check: fn(&[u8], &mut Tally) -> Result<(), Failure>,
}

impl Property for Text {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        let mut bytes = random.pick(self.seeds).as_bytes().to_vec();
        for _ in 0..random.below(4) {
            match random.below(4) {
                // A line twice, or a piece many times: what is nested becomes deep, what is a list long.
                0 => {
                    let at = random.place(bytes.len().max(1));
                    let piece: Vec<u8> = bytes.iter().skip(at).take(1 + random.place(40)).copied().collect();
                    let times = random.pick(&[2, 50, 3000]);
                    drop(bytes.splice(at.min(bytes.len())..at.min(bytes.len()), piece.repeat(times)));
                }
                1 => {
                    let number =
                        random.pick(&["-1", "0x", "99999999999999999999", "1e9", "0xffffffffffffffff", "\u{ff11}"]);
                    let at = random.place(bytes.len().max(1));
                    drop(bytes.splice(at..at, number.bytes()));
                }
                _ => mutate(random, &mut bytes),
            }
        }
        bytes.truncate(256 << 10);
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        within(PATIENCE, || (self.check)(input, tally))
    }
}

fn vmcoreinfo(input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
    let info = VmcoreInfo::parse(input);
    let text = String::from_utf8_lossy(input);
    let lines = text.trim_end_matches('\0').split('\n').filter(|line| !line.is_empty());
    let pairs: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once('=')).filter(|(key, _)| !key.is_empty()).collect();
    tally.judge(!pairs.is_empty());
    let found: Vec<(&str, &str)> = info.entries().collect();
    if found != pairs {
        let at = found.iter().zip(&pairs).position(|(a, b)| a != b);
        return Err(format!("lines: {} of {}, differing at {at:?}", found.len(), pairs.len()).into());
    }
    // Looking a key up takes a scan of the lines; a few are as good as all.
    for (key, _) in pairs.iter().take(20) {
        let first = pairs.iter().find(|(other, _)| other == key).map(|(_, value)| *value);
        if info.get(key) != first {
            return Err(format!("first: {key} is {:?}, not {first:?}", info.get(key)).into());
        }
        let name = key.strip_prefix("NUMBER(").and_then(|rest| rest.strip_suffix(')'));
        let expected = first.and_then(number);
        if let Some(name) = name
            && info.number(name) != expected
        {
            return Err(format!("number: {key} is {:?}, not {expected:?}", info.number(name)).into());
        }
        tally.executions += 1;
    }
    info.malformed().for_each(|line| tally.count(format!("{:?}", line.fault)));
    Ok(())
}

/// A number digit by digit: 64 bits, negative ones as far as they go.
fn number(text: &str) -> Option<i128> {
    let (negative, digits, radix) = match (text.strip_prefix('-'), text.strip_prefix("0x")) {
        (Some(digits), _) => (true, digits, 10),
        (_, Some(digits)) => (false, digits, 16),
        _ => (false, text, 10),
    };
    let value = digits.chars().try_fold(0_i128, |value, c| {
        let value = value * radix + i128::from(c.to_digit(u32::try_from(radix).ok()?)?);
        (value < 1 << 64).then_some(value)
    })?;
    let fits = !digits.is_empty() && (!negative || value <= 1 << 63);
    fits.then_some(if negative { -value } else { value })
}

fn law_file(input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(input);
    let file = laws::parse_file(&text);
    tally.judge(!file.laws.is_empty());
    tally.executions += (file.laws.len() + file.errors.len()) as u64;
    for error in &file.errors {
        let (said, excerpt) = (error.to_string(), error.excerpt());
        if said.is_empty() || said.chars().chain(excerpt.chars()).any(|c| c.is_control() && c != '\n') {
            return Err(format!("plain: {said:?} {excerpt:?}").into());
        }
    }
    for law in &file.laws {
        let claim = law.formula.term_text(law.formula.claim());
        if claim.len() > 64 * text.len() + 64 {
            return Err(format!("size: {} bytes of {}", claim.len(), text.len()).into());
        }
    }
    Ok(())
}

fn zone_file(input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(input);
    let parsed = ZoneFile::parse(&text, "mutant.toml");
    let zone = parsed.and_then(|file| file.zone());
    tally.judge(zone.is_ok());
    match zone {
        Ok(zone) => {
            for (_, pgmap) in zone.pgmaps() {
                let found = zone.find(pgmap.start).map(|id| zone.pgmap(id).start);
                if pgmap.start >= pgmap.end || found.is_none() {
                    return Err(format!("range: {pgmap:x?} is found as {found:x?}").into());
                }
                tally.executions += 1;
            }
            Ok(())
        }
        Err(error) if error.to_string().is_empty() => Err("plain: an error without words".into()),
        Err(_) => Ok(()),
    }
}
