//! Table images as written, as damaged, and as anything at all.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use ptwalk_abi::{Config, Extern, Half, Pfn, PhysAddr};

use super::{PtimgFault, TableInfo, WriteError, Writer, settings};
use crate::image::{Format, Image, ImageError, OpenOptions, limits};
use crate::zone::{DevPagemap, PgmapType, Zone};

type Failure = Box<dyn std::error::Error>;

/// Where the header of [`sample`] begins: behind the preamble, one page of two frames, and one of a small table.
const HEADER: usize = 3 * 4096 + 4096;

fn info() -> Result<TableInfo, Failure> {
    let mut zone = Zone::default();
    let (start, end) = (PhysAddr(1 << 40), PhysAddr((1 << 40) + (1 << 30)));
    zone.register(DevPagemap { start, end, kind: PgmapType::DevDax, live: false })?;
    zone.add_compound(Pfn(0x200), 9)?;
    zone.set_refcount(Pfn(0x200), 512);
    zone.set_refcount(Pfn(1), -1);
    Ok(TableInfo {
        arch: "arm64".to_owned(),
        settings: settings(&Config::DEFAULT.with(Extern::VA_BITS, 39)),
        roots: vec![(PhysAddr(0x1000), Half::Lower), (PhysAddr(0x8000), Half::Upper)],
        zone,
        provenance: "a test".to_owned(),
        vmcoreinfo: "OSRELEASE=6.12.0\nPAGESIZE=4096\n".to_owned(),
    })
}

/// Two frames that follow each other, and a table of 256 bytes below them.
fn write(path: &Path) -> Result<u64, Failure> {
    let mut writer = Writer::create(path, true)?;
    writer.frame(PhysAddr(0x8000), &[1; 4096])?;
    writer.frame(PhysAddr(0x9000), &[2; 4096])?;
    writer.frame(PhysAddr(0x1100), &[3; 256])?;
    Ok(writer.finish(&info()?)?)
}

fn sample() -> Result<Vec<u8>, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sample.ptimg");
    let bytes = write(&path)?;
    let file = std::fs::read(path)?;
    assert_eq!(file.len() as u64, bytes);
    Ok(file)
}

fn open(bytes: Vec<u8>) -> Result<Image, ImageError> {
    Image::from_bytes("image", bytes, None)
}

#[test]
fn what_is_written_is_read() -> Result<(), Failure> {
    let image = open(sample()?)?;
    assert_eq!(image.format(), Format::Tables);
    let segments: Vec<_> = image.segments().iter().map(|s| (s.pa.0, s.len, s.file_offset)).collect();
    assert_eq!(segments, [(0x1100, 256, 0x3000), (0x8000, 8192, 0x1000)]);
    assert_eq!(image.word(PhysAddr(0x9ff8)), Some([2; 8]));
    assert_eq!(image.word(PhysAddr(0x11f8)), Some([3; 8]));
    assert_eq!(image.word(PhysAddr(0x1200)), None);
    assert_eq!(image.vmcoreinfo().and_then(|info| info.osrelease()), Some("6.12.0"));
    let (read, written) = (image.tables().ok_or("no header")?, info()?);
    assert_eq!((&read.arch, &read.settings), (&written.arch, &written.settings));
    assert_eq!((&read.roots, &read.provenance), (&written.roots, &written.provenance));
    let pgmaps = |zone: &Zone| zone.pgmaps().map(|(_, pgmap)| pgmap.clone()).collect::<Vec<_>>();
    assert_eq!(pgmaps(&read.zone), pgmaps(&written.zone));
    assert_eq!(read.zone.compounds().collect::<Vec<_>>(), [(Pfn(0x200), 9)]);
    assert_eq!((read.zone.refcount(Pfn(0x200)), read.zone.refcount(Pfn(1))), (512, -1));
    Ok(())
}

/// The example of `docs/ptimg.md`: offsets and bytes of the header, field by field.
#[test]
fn the_header_is_what_the_document_says() -> Result<(), Failure> {
    let file = sample()?;
    assert_eq!(&file[..16], b"PTIMG\r\n\x1a\x01\0\0\0\0\0\0\0");
    assert_eq!(&file[16..24], &(HEADER as u64).to_le_bytes());
    assert_eq!(&file[24..32], &((file.len() - HEADER) as u64).to_le_bytes());
    let header = &file[HEADER..];
    assert_eq!(&header[..13], b"\x05\0\0\0\0\0\0\0arm64");
    assert_eq!(&header[13..21], &(Extern::ALL.len() as u64).to_le_bytes());
    assert_eq!(&header[21..43], b"\x0a\0\0\0\0\0\0\0PAGE_SHIFT\x0c\0\0\0");
    // At the end, the extents: their number, then address and bytes of each.
    let extents: Vec<u8> = [2_u64, 0x8000, 0x2000, 0x1100, 0x100].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(header.ends_with(&extents));
    Ok(())
}

/// What the fault of a damaged file is, and at which offset it is said to be.
fn fault(file: Vec<u8>) -> Result<(u64, String), Failure> {
    match open(file) {
        Ok(image) => Err(format!("accepted: {image:?}").into()),
        Err(ImageError::Ptimg { offset, fault, .. }) => Ok((offset, fault.to_string())),
        Err(other) => Ok((0, other.to_string())),
    }
}

#[test]
fn every_damage_is_named_with_its_place() -> Result<(), Failure> {
    let file = sample()?;
    let len = file.len();
    let find = |text: &[u8]| file.windows(text.len()).position(|window| window == text).ok_or("not in the file");
    let config = find(b"\x0a\0\0\0\0\0\0\0PAGE_SHIFT")? - 8;
    let roots = find(b"\x02\0\0\0\0\0\0\0\x00\x10\0\0\0\0\0\0\x00")?;
    let pgmaps = roots + 8 + 2 * 9;
    let compounds = find(b"dev-dax")? + 8;
    let provenance = find(b"\x06\0\0\0\0\0\0\0a test")?;
    let extents = len - 40;
    let vmcoreinfo = provenance + 14;
    let wrapping = [0xffff_ffff_ffff_f000, 0x1000_u64].iter().flat_map(|word| word.to_le_bytes()).collect();
    let far =
        [0xf000_0000_0000_0000, 0, 0xf000_0000_0000_0000_u64].iter().flat_map(|word| word.to_le_bytes()).collect();
    let cases: Vec<(&str, usize, Vec<u8>, usize, &str)> = vec![
        ("version", 8, vec![2], 8, "version 2"),
        ("flags", 12, vec![1], 12, "reserved byte is 0x01"),
        ("reserved, first", 32, vec![0xff], 32, "reserved byte is 0xff"),
        ("reserved, last", 4095, vec![1], 4095, "reserved byte"),
        ("header at 0", 16, vec![0, 0, 0], 16, "begin at 0x0"),
        ("header unaligned", 16, vec![8], 16, "begin at 0x4008"),
        ("header far", 23, vec![0x80], 0, "too short for the header"),
        ("header wraps", 16, wrapping, 0, "ends beyond 2^64"),
        ("header huge", 27, vec![0x10], 24, "above the limit"),
        ("header one byte longer", 24, ((len - HEADER + 1) as u64).to_le_bytes().to_vec(), 0, "0x1 bytes too short"),
        (
            "header one byte shorter",
            24,
            ((len - HEADER - 1) as u64).to_le_bytes().to_vec(),
            len - 1,
            "0x1 bytes follow",
        ),
        ("header elsewhere", 17, vec![0x30], len - 4096, "follow the header"),
        ("arch with a blank", HEADER + 8, vec![b' '], HEADER, "the architecture: \" rm64\" is too long"),
        ("arch not UTF-8", HEADER + 8, vec![0xff], HEADER, "the architecture cannot be decoded"),
        ("arch without end", HEADER, vec![0xff; 8], HEADER, "the architecture cannot be decoded"),
        ("arch of all memory", HEADER + 3, vec![1], HEADER, "the architecture cannot be decoded"),
        ("no such extern", config + 16, vec![b'Q'], config, "no extern \"QAGE_SHIFT\""),
        ("extern out of range", config + 26, vec![99], config, "PAGE_SHIFT = 99 is out of range"),
        ("half", roots + 16, vec![2], roots, "root 0"),
        ("root twice", roots + 17, [&0x1000_u64.to_le_bytes()[..], &[0]].concat(), roots, "root 1 is there twice"),
        ("root unaligned", roots + 8, vec![4], roots, "root 0: 0x0000000000001004"),
        ("pgmap upside down", pgmaps + 8 + 5, vec![0xff], pgmaps, "is empty"),
        ("pgmap type", compounds - 8, vec![b'x'], pgmaps, "no pgmap type \"xev-dax\""),
        ("live is 2", compounds - 1, vec![2], pgmaps, "cannot be decoded"),
        ("compound order", compounds + 16, vec![64], compounds, "compound page of order 64"),
        ("provenance without end", provenance + 2, vec![0x10], provenance, "the provenance"),
        ("provenance that clears the screen", provenance + 8, vec![0x1b], provenance, "\"\\u{1b} test\""),
        ("vmcoreinfo without end", vmcoreinfo + 7, vec![0x10], vmcoreinfo, "VMCOREINFO cannot be decoded"),
        ("extents without end", extents + 4, vec![1], extents, "the list of extents cannot be decoded"),
        ("extent unaligned", extents + 8, vec![4], extents + 8, "at 0x0000000000008004"),
        ("extent of no bytes", extents + 17, vec![0], extents + 8, "an extent of 0x0 bytes"),
        ("extent of half an entry", extents + 32, vec![4], extents + 24, "an extent of 0x104 bytes"),
        ("extent wraps", extents + 24, vec![0xf8, 255, 255, 255, 255, 255, 255, 255], extents + 24, "address space"),
        ("extents overlap", extents + 24, vec![0xf8, 0x9f], extents, "two extents hold physical address"),
        ("extent too long", extents + 17, vec![0x30], extents, "end at file offset 0x5000"),
        ("extent beyond all", extents + 23, vec![0x70], extents, "end at file offset 0x7000000000004000"),
        ("extents beyond all", extents + 16, far, extents, "end at file offset 0xffffffffffffffff"),
        ("extent too short", extents + 17, vec![0x10], extents, "end at file offset 0x3000"),
        ("one extent less", extents, vec![1], extents, "end at file offset 0x3000"),
        ("no extent", extents, vec![0], extents, "end at file offset 0x1000"),
    ];
    for (name, at, bytes, offset, text) in cases {
        let mut damaged = file.clone();
        damaged[at..at + bytes.len()].copy_from_slice(&bytes);
        let (found_at, found) = fault(damaged).map_err(|error| format!("{name}: {error}"))?;
        assert!(found.contains(text), "{name}: {found}");
        assert_eq!(found_at, offset as u64, "{name}: {found}");
    }
    Ok(())
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() -> Result<(), Failure> {
    let file = sample()?;
    for len in 0..file.len() {
        assert!(open(file[..len].to_vec()).is_err(), "{len} of {} bytes", file.len());
    }
    let mut longer = file;
    longer.push(0);
    let at = longer.len() as u64 - 1;
    assert_eq!(fault(longer)?, (at, "0x1 bytes follow the header, which ends the file".to_owned()));
    Ok(())
}

#[test]
fn names_and_texts_at_their_limits() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let write = |info: &TableInfo| {
        let mut writer = Writer::create(&folder.path().join("limits.ptimg"), true)?;
        writer.frame(PhysAddr(0), &[0; 8])?;
        writer.finish(info)
    };
    let mut longest = info()?;
    longest.arch = "x".repeat(limits::PTIMG_NAME_BYTES);
    longest.provenance = "x".repeat(limits::PTIMG_PROVENANCE_BYTES);
    longest.vmcoreinfo = "x".repeat(usize::try_from(limits::VMCOREINFO_BYTES)?);
    write(&longest)?;
    let too_long: [fn(&mut TableInfo); 4] = [
        |info| info.arch.push('x'),
        |info| info.arch.clear(),
        |info| info.provenance.push('x'),
        |info| info.vmcoreinfo.push('x'),
    ];
    for change in too_long {
        let mut longer = longest.clone();
        change(&mut longer);
        let error = write(&longer);
        assert!(
            matches!(&error, Err(WriteError::ReadBack(ImageError::Ptimg { fault, .. }))
                if matches!(**fault, PtimgFault::Text { .. })),
            "{error:?}"
        );
    }
    Ok(())
}

/// Files in a folder.
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
    Ok(entries?.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

#[test]
fn a_failed_or_abandoned_write_leaves_what_was_there() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.ptimg");
    std::fs::write(&path, b"precious")?;
    assert!(matches!(Writer::create(&path, false), Err(WriteError::Exists { .. })));
    let mut abandoned = Writer::create(&path, true)?;
    abandoned.frame(PhysAddr(0), &[0; 4096])?;
    drop(abandoned);
    let mut twice = Writer::create(&path, true)?;
    for _ in 0..2 {
        twice.frame(PhysAddr(0), &[0; 4096])?;
    }
    assert!(matches!(twice.finish(&info()?), Err(WriteError::ReadBack(_))));
    let nothing = Writer::create(&path, true)?.finish(&info()?);
    assert!(matches!(nothing, Err(WriteError::ReadBack(ImageError::NoMemory { .. }))));
    assert_eq!((names(folder.path())?, std::fs::read(&path)?), (vec!["a.ptimg".to_owned()], b"precious".to_vec()));
    // What appeared while the image was written is not replaced either, unless that was asked for.
    std::fs::remove_file(&path)?;
    let mut late = Writer::create(&path, false)?;
    late.frame(PhysAddr(0), &[0; 4096])?;
    std::fs::write(&path, b"precious")?;
    assert!(matches!(late.finish(&info()?), Err(WriteError::Io { doing: "rename the finished file", .. })));
    assert_eq!((names(folder.path())?, std::fs::read(&path)?), (vec!["a.ptimg".to_owned()], b"precious".to_vec()));
    Ok(())
}

#[test]
fn a_target_that_is_no_file_or_in_no_folder_is_refused() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    assert!(matches!(Writer::create(folder.path(), true), Err(WriteError::NotRegular { .. })));
    assert!(matches!(Writer::create(Path::new("/dev/null"), true), Err(WriteError::NotRegular { .. })));
    let nowhere = folder.path().join("none/a.ptimg");
    assert!(matches!(Writer::create(&nowhere, false), Err(WriteError::Io { offset: 0, .. })));
    Ok(())
}

#[test]
fn an_image_opens_by_its_path() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.ptimg");
    write(&path)?;
    assert_eq!(Image::open(&path, &OpenOptions::default())?.held_bytes(), 8192 + 256);
    // A base makes raw memory of any file.
    let raw = Image::open(&path, &OpenOptions { base: Some(PhysAddr(0)) })?;
    assert_eq!(raw.format(), Format::Raw);
    Ok(())
}

/// [`sample`], written once.
static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| sample().expect("the sample can be written"));

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Whatever bytes are changed or missing, opening never panics, and what opens is sound.
    #[test]
    fn no_damage_makes_the_reader_panic(header in changes(), anywhere in changes(), keep in any::<prop::sample::Index>(), cut: bool) {
        let mut file = SAMPLE.clone();
        for (at, byte) in &header {
            let len = file.len() - HEADER;
            file[HEADER + at.index(len)] = *byte;
        }
        for (at, byte) in &anywhere {
            // Mostly the preamble's fields: the frames mean nothing to the reader.
            let at = at.index(64);
            if at >= 8 && *byte < 64 {
                file[at] = *byte;
            }
        }
        if cut {
            file.truncate(keep.index(file.len()));
        }
        if let Ok(image) = open(file) {
            super::super::tests::check_invariants(&image);
        }
    }
}
