//! Images made piece by piece: what was put in can be read, what was not cannot, and loads that disagree are refused.
//!
//! Mutated images say that readers stand what is hostile; these say that they read what is there.

use std::collections::BTreeMap;

use ptwalk_abi::{Config, Extern, Half, Pfn, PhysAddr};
use tempfile::TempDir;

use super::clock::{PATIENCE, within};
use super::minimise::Kind;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use crate::image::builder::CoreBuilder;
use crate::image::ptimg::{TableInfo, Writer};
use crate::image::{ByteOrder, Image};
use crate::zone::{DevPagemap, PgmapType, Zone};

/// Of every reader of images.
pub(super) const CONTENTS: Entry = Entry {
    name: "contents",
    about: "cores and table images hold what was put into them, and loads that disagree are refused",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Contents { folder: tempfile::tempdir()? })),
};

/// Bytes of choices of an input.
const CHOICES: usize = 4 << 10;

struct Contents {
    folder: TempDir,
}

impl Property for Contents {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        within(PATIENCE, || if random.one_in(3) { self.table_image(random, tally) } else { core(random, tally) })
    }
}

/// Words by address.
type Words = BTreeMap<u64, u64>;

fn core(random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
    let order = random.pick(&[ByteOrder::Little, ByteOrder::Big]);
    let mut core = CoreBuilder::new(order, 183).align_notes(random.pick(&[0, 4, 8]));
    let (mut words, mut disagree) = (Words::new(), false);
    for _ in 0..1 + random.below(6) {
        let page = random.pick(&[0, 0, 0x1000, 1 << 40, u64::MAX - 0x1fff]);
        let start = page + random.below(64) * 8;
        let deviates = if random.one_in(8) { Some(random.below(8)) } else { None };
        let mut bytes = Vec::new();
        for i in 0..1 + random.below(100) {
            let pa = start + i * 8;
            let word = pa.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(deviates == Some(i));
            bytes.extend(if order == ByteOrder::Big { word.to_be_bytes() } else { word.to_le_bytes() });
            disagree |= words.insert(pa, word).is_some_and(|other| other != word);
        }
        // What is no whole entry at the end is left out.
        bytes.extend(vec![0xee; random.place(8)]);
        let len = bytes.len() as u64;
        core = core.load_of(start, &bytes, len + random.pick(&[0, 0, 64]));
    }
    let lines = lines(random);
    let text: String = lines.iter().map(|(key, value, _)| format!("{key}={value}\n")).collect();
    core = core.note("CORE", 1, &vec![7; random.place(9)]).note("VMCOREINFO", 0, text.as_bytes());
    if random.one_in(3) {
        core = core.count_in_section();
    }
    let opened = Image::from_bytes("core", core.build(), None);
    tally.judge(!disagree);
    match opened {
        Err(_) if disagree => Ok(()),
        Ok(_) if disagree => Err("overlap: loads that disagree are one memory".into()),
        Err(error) => Err(format!("refused: {error}").into()),
        Ok(image) => {
            vmcoreinfo(&image, &lines)?;
            holds(&image, order, &words, tally)
        }
    }
}

/// Keys of numbers, their values as kernels print them, and what they are. Some keys come twice.
fn lines(random: &mut Random<'_>) -> Vec<(String, String, i128)> {
    let mut lines = Vec::new();
    for _ in 0..random.below(8) {
        let (key, magnitude) =
            (random.pick(&["VA_BITS", "pageflags", "kimage_voffset"]), random.word() >> random.below(64));
        let (value, is) = match random.below(3) {
            0 => (format!("{magnitude:#x}"), i128::from(magnitude)),
            1 => (format!("-{}", magnitude >> 1), -i128::from(magnitude >> 1)),
            _ => (magnitude.to_string(), i128::from(magnitude)),
        };
        lines.push((format!("NUMBER({key})"), value, is));
    }
    lines
}

fn vmcoreinfo(image: &Image, lines: &[(String, String, i128)]) -> Result<(), Failure> {
    let info = image.vmcoreinfo().ok_or("notes: no VMCOREINFO")?;
    for (key, ..) in lines {
        let (_, value, is) = lines.iter().find(|(other, ..)| other == key).ok_or("a key")?;
        let name = key.trim_start_matches("NUMBER(").trim_end_matches(')');
        if info.get(key) != Some(value) || info.number(name) != Some(*is) {
            return Err(
                format!("vmcoreinfo: {key} is {value}, read {:?} {:?}", info.get(key), info.number(name)).into()
            );
        }
    }
    Ok(())
}

/// Every word that was put in, and none beside.
fn holds(image: &Image, order: ByteOrder, words: &Words, tally: &mut Tally) -> Result<(), Failure> {
    let read = |pa: u64| image.word(PhysAddr(pa)).map(|bytes| order.u64(bytes));
    for (pa, word) in words {
        if read(*pa) != Some(*word) {
            return Err(format!("word: {pa:#x} is {word:#x}, read {:x?}", read(*pa)).into());
        }
        let next = pa.wrapping_add(8);
        // What follows the last word of all is the first.
        if next != 0 && !words.contains_key(&next) && read(next).is_some() {
            return Err(format!("beyond: {next:#x} was not put in").into());
        }
        let run = image.run(PhysAddr(*pa), u64::MAX);
        let (chunks, rest) = run.as_chunks();
        let follow = (0..chunks.len() as u64).map(|i| words.get(&pa.wrapping_add(i * 8)).copied());
        if !rest.is_empty() || !follow.eq(chunks.iter().map(|bytes| Some(order.u64(*bytes)))) {
            return Err(format!("run: of {} words at {pa:#x}", chunks.len()).into());
        }
        tally.executions += 1;
    }
    if image.held_bytes() == words.len() as u64 * 8 { Ok(()) } else { Err("size: more or less than was put in".into()) }
}

impl Contents {
    fn table_image(&self, random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
        let path = self.folder.path().join("a.ptimg");
        let mut writer = Writer::create(&path, true)?;
        let mut words = Words::new();
        let mut pa = random.below(8) * 8;
        for _ in 0..1 + random.below(6) {
            let frame: Vec<u64> = (0..1 + random.below(600)).map(|i| (pa + i * 8).wrapping_mul(0x9e37_79b9)).collect();
            let bytes: Vec<u8> = frame.iter().flat_map(|word| word.to_le_bytes()).collect();
            writer.frame(PhysAddr(pa), &bytes)?;
            words.extend((0..).map(|i| pa + i * 8).zip(frame));
            pa += bytes.len() as u64 + random.pick(&[0, 8, 4096, 1 << 30]);
        }
        let info = info(random)?;
        writer.finish(&info)?;
        let image = Image::from_bytes("image", std::fs::read(&path)?, None);
        tally.judge(true);
        let image = image.map_err(|error| format!("refused: {error}"))?;
        let read = image.tables().ok_or("header: none")?;
        let told = |info: &TableInfo| {
            let pgmaps: Vec<DevPagemap> = info.zone.pgmaps().map(|(_, pgmap)| pgmap.clone()).collect();
            let counts: BTreeMap<Pfn, i64> = info.zone.refcounts().collect();
            let compounds: Vec<(Pfn, u32)> = info.zone.compounds().collect();
            let texts = [&info.arch, &info.provenance, &info.vmcoreinfo].map(String::clone);
            (texts, info.settings.clone(), info.roots.clone(), pgmaps, counts, compounds)
        };
        if told(read) != told(&info) {
            return Err(format!("header: {:x?} was written, {:x?} read", told(&info), told(read)).into());
        }
        holds(&image, ByteOrder::Little, &words, tally)
    }
}

fn info(random: &mut Random<'_>) -> Result<TableInfo, Failure> {
    let mut zone = Zone::default();
    for number in 0..random.below(4) {
        let start = PhysAddr(number << 30);
        let end = PhysAddr(start.0 + 1 + random.below(1 << 30));
        let kind = random.pick(&PgmapType::ALL);
        zone.register(DevPagemap { start, end, kind, live: random.one_in(2) })?;
        zone.add_compound(Pfn(number << 10), u32::try_from(random.below(11))?)?;
        zone.set_refcount(Pfn(random.word()), random.word().cast_signed());
    }
    let roots = (0..random.below(3)).map(|i| (PhysAddr(i * 4096), random.pick(&[Half::Lower, Half::Upper]))).collect();
    Ok(TableInfo {
        arch: random.pick(&["arm64", "x86", "ppc", "other"]).to_owned(),
        roots,
        settings: crate::image::ptimg::settings(
            &Config::DEFAULT.with(Extern::PKRU, i32::try_from(random.below(1 << 31))?),
        ),
        zone,
        provenance: "line\nline".repeat(random.place(3)),
        vmcoreinfo: "OSRELEASE=6.12.0\n".repeat(random.place(3)),
    })
}
