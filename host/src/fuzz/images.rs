//! Mutated ELF cores, table images and pgmap files: typed errors, or images and zones that keep their promises.

use std::path::Path;

use ptwalk_abi::{Config, Half, Pfn, PhysAddr};
use tempfile::TempDir;

use super::clock::{PATIENCE, within};
use super::minimise::Kind;
use super::mutate::mutate;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use super::seed_of;
use crate::image::builder::CoreBuilder;
use crate::image::ptimg::{TableInfo, Writer, settings};
use crate::image::{ByteOrder, Image, ImageError};
use crate::probe::Probe;
use crate::zone::{Zone, file};

/// Of an image reader and what is behind it.
pub(super) const CORES: Entry = Entry {
    name: "cores",
    about: "an ELF core or raw image is refused in one line, or all that it holds can be read",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(Cores)),
};

/// Of the reader of table images.
pub(super) const TABLE_IMAGES: Entry = Entry {
    name: "table_images",
    about: "a table image is refused in one line, or all that it holds can be read",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(TableImages { folder: tempfile::tempdir()? })),
};

/// Of the reader of pgmap files.
pub(super) const PGMAP_FILES: Entry = Entry {
    name: "pgmap_files",
    about: "a pgmap file is refused by name, or every range and compound page in it is found again",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(PgmapFiles)),
};

struct Cores;

impl Property for Cores {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        let mut bytes = core(random);
        if !random.one_in(8) {
            mutate(random, &mut bytes);
        }
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let mut random = Random::new(seed_of(input));
        let base = if random.one_in(10) { Some(PhysAddr(random.word() >> random.below(64))) } else { None };
        within(PATIENCE, || judge(Image::from_bytes("mutant", input.to_vec(), base), &mut random, tally))
    }
}

fn core(random: &mut Random<'_>) -> Vec<u8> {
    let order = random.pick(&[ByteOrder::Little, ByteOrder::Big]);
    let mut core = CoreBuilder::new(order, random.pick(&[183, 62, 21, 0]));
    for _ in 0..random.below(4) {
        let len = random.place(40) * 8;
        let bytes = random.bytes(len);
        let pa = random.pick(&[0, 0x1000, 0x1040, 1 << 40, !0xfff]);
        core = core.load_of(pa, &bytes, bytes.len() as u64 + random.pick(&[0, 8, 4096]));
    }
    let info = "OSRELEASE=6.12.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffff800010000000\nNUMBER(VA_BITS)=48\n\
                NUMBER(kimage_voffset)=0xffff80000ffff000\nNUMBER(TCR_EL1_T1SZ)=0x10\nNUMBER(MAX_PHYSMEM_BITS)=52\n";
    let mut info = info.as_bytes().to_vec();
    if random.one_in(2) {
        mutate(random, &mut info);
    }
    if random.one_in(4) {
        core = core.count_in_section();
    }
    core.note("VMCOREINFO", 0, &info).note("CORE", 1, b"registers").build()
}

/// An image that opens keeps its promises; one that does not is refused in one line that names it.
fn judge(opened: Result<Image, ImageError>, random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
    tally.judge(opened.is_ok());
    match opened {
        Ok(image) => promises(&image, random, tally),
        Err(error) => {
            let text = error.to_string();
            let is_plain = text.starts_with("mutant: ") && text.lines().count() == 1;
            if is_plain { Ok(()) } else { Err(format!("an error that does not name the image: {text}").into()) }
        }
    }
}

/// What every image that opens promises.
fn promises(image: &Image, random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
    let mut end = 0;
    for segment in image.segments() {
        let sorted = segment.pa.0 >= end && segment.len > 0;
        end = segment.pa.0.checked_add(segment.len).ok_or("a segment beyond 2^64")?;
        let whole = image.run(segment.pa, u64::MAX);
        if !sorted || whole.len() as u64 != segment.len || segment.pa.0 % 8 != 0 || segment.len % 8 != 0 {
            return Err(format!("a segment: {segment:x?} of {:x?}", image.segments()).into());
        }
    }
    for _ in 0..50 {
        let near = image.segments().get(random.place(image.segments().len().max(1))).map_or(0, |segment| segment.pa.0);
        let pa = PhysAddr(near.wrapping_add(random.below(1024)).wrapping_sub(512));
        let run = image.run(pa, random.pick(&[0, 1, 8, 4096, u64::MAX]));
        if image.next_present(pa) != Some(pa) && !run.is_empty() {
            return Err(format!("absent memory: {pa} has {} bytes", run.len()).into());
        }
        image.word(pa);
        tally.executions += 1;
    }
    let probe = Probe::new(image);
    for finding in &probe.findings {
        if !finding.key.range().contains(&finding.value) {
            return Err(format!("out of range: {finding:?}").into());
        }
    }
    probe.config();
    Ok(())
}

struct TableImages {
    folder: TempDir,
}

impl Property for TableImages {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        // A folder that cannot be written gives inputs that no image reader opens, which whoever runs this sees.
        let mut bytes = table_image(random, &self.folder.path().join("a.ptimg")).unwrap_or_default();
        let header = bytes.get(16..24).and_then(|field| field.first_chunk()).map_or(0, |at| u64::from_le_bytes(*at));
        match random.below(8) {
            0 => {}
            1 => mutate(random, &mut bytes),
            // The header is at the end, and the rest is mostly zeros.
            _ => {
                let header = usize::try_from(header).unwrap_or(0).min(bytes.len());
                let byte = random.bytes(1);
                let at = header + random.place((bytes.len() - header).max(1));
                bytes.iter_mut().skip(at).zip(byte).for_each(|(old, new)| *old = new);
            }
        }
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let mut random = Random::new(seed_of(input));
        within(PATIENCE, || judge(Image::from_bytes("mutant", input.to_vec(), None), &mut random, tally))
    }
}

/// Frames of eight bytes at a few addresses, with a header that has something of everything.
fn table_image(random: &mut Random<'_>, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut writer = Writer::create(path, true)?;
    let distance = random.pick(&[8, 16, 4096]);
    for number in 0..1 + random.below(4) {
        writer.frame(PhysAddr(number * distance), &random.word().to_le_bytes())?;
    }
    let info = TableInfo {
        arch: random.pick(&["arm64", "none"]).to_owned(),
        settings: settings(&Config::DEFAULT),
        roots: vec![(PhysAddr(0), Half::Lower), (PhysAddr(0x1000), Half::Upper)],
        zone: file::parse(PGMAPS, "pgmaps.toml")?,
        provenance: "fuzz".to_owned(),
        vmcoreinfo: "OSRELEASE=6.12.0\n".to_owned(),
    };
    writer.finish(&info)?;
    Ok(std::fs::read(path)?)
}

struct PgmapFiles;

const PGMAPS: &str = "[[pgmap]]\nstart = \"0x140000000\"\nend = \"0x1_4800_0000\"\ntype = \"fs-dax\"\nlive = true\n\
                      [[pgmap]]\nstart = \"7G\"\nend = \"0x8G\"\ntype = \"generic\"\n\
                      [[page]]\npfn = \"0x80001\"\nrefcount = -1\n[[compound]]\nhead = \"0xc0000\"\norder = 9\n\
                      [[change]]\nentry = \"0x3000\"\nvalue = \"0x0\"\n";

impl Property for PgmapFiles {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        let mut bytes = PGMAPS.as_bytes().to_vec();
        if random.one_in(2) {
            bytes.extend_from_slice(PGMAPS.replace("0x1_4800", "0x1_3800").as_bytes());
        }
        if !random.one_in(8) {
            mutate(random, &mut bytes);
        }
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        within(PATIENCE, || {
            let parsed = file::parse(&String::from_utf8_lossy(input), "mutant.toml");
            tally.judge(parsed.is_ok());
            match parsed {
                Ok(zone) => finds_again(&zone, &mut Random::new(seed_of(input)), tally),
                Err(error) if error.to_string().contains("mutant.toml") => Ok(()),
                Err(error) => Err(format!("an error that does not name the file: {error}").into()),
            }
        })
    }
}

fn finds_again(zone: &Zone, random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
    for (id, pgmap) in zone.pgmaps() {
        let last = PhysAddr(pgmap.end.0 - 1);
        let inside = zone.find(pgmap.start) == Some(id) && zone.find(last) == Some(id);
        if !inside || zone.find(pgmap.end) == Some(id) {
            return Err(format!("not found: {pgmap:?}").into());
        }
        tally.executions += 3;
    }
    for _ in 0..20 {
        let pfn = Pfn(0xc0000 + random.below(2048));
        let head = zone.compound_head(pfn);
        if head > pfn || zone.compound_head(head) != head {
            return Err(format!("a compound page: the head of {pfn} is {head}").into());
        }
        tally.executions += 1;
    }
    Ok(())
}
