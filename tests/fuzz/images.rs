//! Mutated ELF cores, table images and pgmap files: typed errors or images that keep their promises.

use std::path::Path;

use ptwalk::image::Image;
use ptwalk::image::ptimg::{TableInfo, Writer, settings};
use ptwalk::probe::Probe;
use ptwalk::zone::file;
use ptwalk_abi::{Config, Half, Pfn, PhysAddr};

use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::random::Random;
use crate::{Failure, mutate, rounds};

fn core(random: &mut Random) -> Vec<u8> {
    let order = random.pick(&[ByteOrder::Little, ByteOrder::Big]);
    let mut core = CoreBuilder::new(order, random.pick(&[183, 62, 21, 0]));
    for _ in 0..random.below(4) {
        let bytes: Vec<u8> = (0..random.below(40) * 8).map(|_| random.word().to_le_bytes()[7]).collect();
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

/// What every image that opens promises.
fn check(image: &Image, random: &mut Random) -> Result<(), Failure> {
    let mut end = 0;
    for segment in image.segments() {
        let sorted = segment.pa.0 >= end && segment.len > 0;
        end = segment.pa.0.checked_add(segment.len).ok_or("a segment beyond 2^64")?;
        let whole = image.run(segment.pa, u64::MAX);
        if !sorted || whole.len() as u64 != segment.len || segment.pa.0 % 8 != 0 || segment.len % 8 != 0 {
            return Err(format!("{segment:x?} of {:x?}", image.segments()).into());
        }
    }
    for _ in 0..50 {
        let near = image.segments().get(random.place(image.segments().len().max(1))).map_or(0, |segment| segment.pa.0);
        let pa = PhysAddr(near.wrapping_add(random.below(1024)).wrapping_sub(512));
        let run = image.run(pa, random.pick(&[0, 1, 8, 4096, u64::MAX]));
        if image.next_present(pa) != Some(pa) && !run.is_empty() {
            return Err(format!("{pa} is absent, and has {} bytes", run.len()).into());
        }
        image.word(pa);
    }
    let probe = Probe::new(image);
    for finding in &probe.findings {
        if !finding.key.range().contains(&finding.value) {
            return Err(format!("{finding:?} is out of range").into());
        }
    }
    probe.config();
    Ok(())
}

#[test]
fn mutated_cores_are_errors_or_sound_images() {
    let mut total = 0;
    rounds("cores", |random| {
        let mut opened = 0;
        for i in 0..200 {
            let mut bytes = core(random);
            if i % 8 != 0 {
                mutate(random, &mut bytes);
            }
            let base = if random.one_in(10) { Some(PhysAddr(random.word() >> random.below(64))) } else { None };
            match Image::from_bytes("mutant", bytes, base) {
                Ok(image) => {
                    check(&image, random)?;
                    opened += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    if !text.starts_with("mutant: ") || text.lines().count() != 1 {
                        return Err(format!("an error that does not name the image: {text}").into());
                    }
                }
            }
        }
        total += opened;
        Ok(opened)
    });
    assert!(total > 0, "no core was opened: this test reaches nothing behind the reader");
}

/// Frames of eight bytes at a few addresses, with a header that has something of everything.
fn table_image(random: &mut Random, path: &Path) -> Result<Vec<u8>, Failure> {
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

#[test]
fn mutated_table_images_are_errors_or_sound_images() {
    let mut total = 0;
    let folder = tempfile::tempdir().expect("a temporary folder");
    rounds("table images", |random| {
        let image = table_image(random, &folder.path().join("a.ptimg"))?;
        let mut opened = 0;
        for i in 0..500 {
            let mut bytes = image.clone();
            match i % 8 {
                0 => {}
                1 => mutate(random, &mut bytes),
                _ => {
                    // The header is at the end, and the rest is mostly zeros.
                    let header = usize::try_from(u64::from_le_bytes(*bytes[16..].first_chunk().ok_or("too short")?))?;
                    let at = header + random.place(bytes.len() - header);
                    bytes[at] = random.word().to_le_bytes()[7];
                }
            }
            match Image::from_bytes("mutant", bytes, None) {
                Ok(image) => {
                    check(&image, random)?;
                    opened += 1;
                }
                Err(error) if error.to_string().starts_with("mutant: ") && error.to_string().lines().count() == 1 => {}
                Err(error) => return Err(format!("an error that does not name the image: {error}").into()),
            }
        }
        total += opened;
        Ok(opened)
    });
    assert!(total > 0, "no image was opened: this test reaches nothing behind the reader");
}

const PGMAPS: &str = "[[pgmap]]\nstart = \"0x140000000\"\nend = \"0x1_4800_0000\"\ntype = \"fs-dax\"\nlive = true\n\
                      [[pgmap]]\nstart = \"7G\"\nend = \"0x8G\"\ntype = \"generic\"\n\
                      [[page]]\npfn = \"0x80001\"\nrefcount = -1\n[[compound]]\nhead = \"0xc0000\"\norder = 9\n\
                      [[change]]\nentry = \"0x3000\"\nvalue = \"0x0\"\n";

#[test]
fn mutated_pgmap_files_are_errors_or_sound_zones() {
    let mut total = 0;
    rounds("pgmap files", |random| {
        let mut parsed = 0;
        for i in 0..500 {
            let mut bytes = PGMAPS.as_bytes().to_vec();
            if random.one_in(2) {
                bytes.extend_from_slice(PGMAPS.replace("0x1_4800", "0x1_3800").as_bytes());
            }
            if i % 8 != 0 {
                mutate(random, &mut bytes);
            }
            match file::parse(&String::from_utf8_lossy(&bytes), "mutant.toml") {
                Ok(zone) => {
                    parsed += 1;
                    for (id, pgmap) in zone.pgmaps() {
                        let last = PhysAddr(pgmap.end.0 - 1);
                        if zone.find(pgmap.start) != Some(id)
                            || zone.find(last) != Some(id)
                            || zone.find(pgmap.end) == Some(id)
                        {
                            return Err(format!("{pgmap:?} is not found").into());
                        }
                    }
                    for _ in 0..20 {
                        let pfn = Pfn(0xc0000 + random.below(2048));
                        let head = zone.compound_head(pfn);
                        if head > pfn || zone.compound_head(head) != head {
                            return Err(format!("the head of {pfn} is {head}").into());
                        }
                    }
                }
                Err(error) => {
                    if !error.to_string().contains("mutant.toml") {
                        return Err(format!("an error that does not name the file: {error}").into());
                    }
                }
            }
        }
        total += parsed;
        Ok(parsed)
    });
    assert!(total > 0, "no file was read: this test reaches nothing behind the parser");
}
