//! Images as a whole: what is read from good files, how bad ones are refused, and that no file makes it panic.
//!
//! In: cores from the builder, patched. Out: verdicts. Every variant of [`ImageError`] is met here or in the module
//! that makes it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ptwalk_abi::PhysAddr;

use super::builder::{CoreBuilder, EHDR_BYTES, PHDR_BYTES, patch};
use super::*;

const AARCH64: u16 = 183;
const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

/// Offsets of fields in the ELF header and in a program header, from the specification.
const EI_CLASS: usize = 4;
const EI_DATA: usize = 5;
const EI_VERSION: usize = 6;
const E_TYPE: usize = 16;
const E_PHOFF: usize = 32;
const E_SHOFF: usize = 40;
const E_PHENTSIZE: usize = 54;
const E_PHNUM: usize = 56;
const P_OFFSET: usize = 8;
const P_PADDR: usize = 24;
const P_FILESZ: usize = 32;
const P_MEMSZ: usize = 40;

const fn phdr(index: usize) -> usize {
    EHDR_BYTES + index * PHDR_BYTES
}

fn counting(len: u8) -> Vec<u8> {
    (0..len).collect()
}

/// A note segment, two loads with a gap, one that adjoins the second, and one that is half absent.
fn sample(order: ByteOrder) -> CoreBuilder {
    CoreBuilder::new(order, AARCH64)
        .note("CORE", 1, b"registers")
        .note("VMCOREINFO", 0, b"OSRELEASE=6.12\nPAGESIZE=4096\nbroken\n")
        .load(0x4000_0000, &counting(64))
        .load(0x4000_1000, &counting(32))
        .load(0x4000_1020, &counting(16))
        .load_of(0x4000_2000, &counting(24), 0x1000)
}

fn open(bytes: Vec<u8>) -> Result<Image, ImageError> {
    Image::from_bytes("image", bytes, None)
}

fn refused(bytes: Vec<u8>) -> ImageError {
    match open(bytes) {
        Ok(image) => panic!("accepted: {:?}", image.segments()),
        Err(error) => error,
    }
}

/// `file` with one field of `bytes` bytes overwritten.
fn patched(file: &[u8], order: ByteOrder, at: usize, value: u64, bytes: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    patch(&mut file, order, at, value, bytes);
    file
}

/// What must hold of every image, however its file came about.
pub(super) fn check_invariants(image: &Image) {
    assert!(!image.segments().is_empty());
    let mut covered = 0;
    for segment in image.segments() {
        assert!(segment.pa.0 >= covered && segment.pa.0 % 8 == 0 && segment.len > 0 && segment.len % 8 == 0);
        covered = segment.pa.0.checked_add(segment.len).expect("a segment ends within the address space");
        assert!(segment.file_offset + segment.len <= image.file_bytes());
        assert_eq!(image.run(segment.pa, u64::MAX).len() as u64, segment.len);
        assert_eq!(image.run(PhysAddr(covered - 1), 8).len(), 1);
        assert_eq!(image.next_present(segment.pa), Some(segment.pa));
        assert!(image.word(PhysAddr(covered - 8)).is_some());
    }
    assert_eq!(image.next_present(PhysAddr(covered)), None);
    for note in image.notes() {
        assert_eq!(image.note_bytes(note).len() as u64, note.len);
    }
}

#[test]
fn a_core_of_either_byte_order_is_read() {
    for order in ORDERS {
        let image = open(sample(order).build()).expect("a valid core");
        check_invariants(&image);
        assert_eq!((image.format(), image.machine()), (Format::ElfCore, Some(Machine::Aarch64)));
        assert_eq!((image.byte_order(), image.name()), (Some(order), "image"));
        // The second and third load adjoin in memory and in the file; the fourth ends where its bytes do.
        let segments: Vec<_> = image.segments().iter().map(|s| (s.pa.0, s.len)).collect();
        assert_eq!(segments, [(0x4000_0000, 64), (0x4000_1000, 48), (0x4000_2000, 24)]);
        let notes: Vec<_> = image.notes().iter().map(|n| (n.owner.as_str(), n.note_type)).collect();
        assert_eq!(notes, [("CORE", 1), ("VMCOREINFO", 0)]);
        assert_eq!(image.note_bytes(&image.notes()[0]), b"registers");
        let info = image.vmcoreinfo().expect("the note is there");
        assert_eq!((info.osrelease(), info.page_size()), (Some("6.12"), Some(4096)));
        assert_eq!(info.malformed().count(), 1);
    }
}

#[test]
fn runs_end_where_the_bytes_end() {
    let image = open(sample(ByteOrder::Little).build()).expect("a valid core");
    assert_eq!(image.run(PhysAddr(0x4000_0000), 4), [0, 1, 2, 3]);
    assert_eq!(image.run(PhysAddr(0x4000_003e), 100), [62, 63]);
    assert_eq!(image.run(PhysAddr(0x4000_0000), 0), []);
    for absent in [0, 0x3fff_ffff, 0x4000_0040, 0x4000_2018, u64::MAX] {
        assert_eq!(image.run(PhysAddr(absent), u64::MAX), [], "{absent:#x}");
    }
}

#[test]
fn next_present_skips_holes() {
    let image = open(sample(ByteOrder::Little).build()).expect("a valid core");
    for (from, to) in [
        (0, Some(0x4000_0000)),
        (0x4000_003f, Some(0x4000_003f)),
        (0x4000_0040, Some(0x4000_1000)),
        (0x4000_2017, Some(0x4000_2017)),
        (0x4000_2018, None),
        (u64::MAX, None),
    ] {
        assert_eq!(image.next_present(PhysAddr(from)), to.map(PhysAddr), "{from:#x}");
    }
}

#[test]
fn words_cross_adjacent_segments_and_nothing_else() {
    // Adjacent in memory, but in the other order in the file, so two segments.
    let core = CoreBuilder::new(ByteOrder::Little, AARCH64).load(0x1008, &counting(16)).load(0x1000, &[0xff; 8]);
    let image = open(core.build()).expect("a valid core");
    assert_eq!(image.segments().len(), 2);
    assert_eq!(image.word(PhysAddr(0x1000)), Some([0xff; 8]));
    assert_eq!(image.word(PhysAddr(0x1003)), Some([0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 2]));
    assert_eq!(image.word(PhysAddr(0x1010)), Some([8, 9, 10, 11, 12, 13, 14, 15]));
    for absent in [0xfff, 0xff8, 0x1011, 0x1018, u64::MAX] {
        assert_eq!(image.word(PhysAddr(absent)), None, "{absent:#x}");
    }
}

#[test]
fn many_program_headers_are_counted_in_section_zero() {
    for order in ORDERS {
        let mut core = CoreBuilder::new(order, AARCH64).count_in_section();
        for index in 0..0x1_0001 {
            core = core.load(index * 0x1000, &index.to_le_bytes());
        }
        let image = open(core.build()).expect("a valid core");
        assert_eq!(image.segments().len(), 0x1_0001);
        assert_eq!(image.word(PhysAddr(0x1000_0000)), Some(0x1_0000_u64.to_le_bytes()));
    }
}

#[test]
fn machines_are_named() {
    for (e_machine, machine) in [(62, Machine::X86_64), (21, Machine::Ppc64), (243, Machine::Other(243))] {
        let core = CoreBuilder::new(ByteOrder::Big, e_machine).load(0, &[0; 8]);
        assert_eq!(open(core.build()).expect("a valid core").machine(), Some(machine));
    }
}

#[test]
fn damaged_elf_headers_are_refused_by_field() {
    for order in ORDERS {
        let file = sample(order).build();
        let with = |at, value, bytes| refused(patched(&file, order, at, value, bytes));
        assert!(matches!(with(EI_CLASS, 1, 1), ImageError::Class { offset: 4, class: 1, .. }));
        assert!(matches!(with(EI_DATA, 3, 1), ImageError::ByteOrder { offset: 5, data: 3, .. }));
        assert!(matches!(with(EI_VERSION, 0, 1), ImageError::Version { offset: 6, version: 0, .. }));
        assert!(matches!(with(E_TYPE, 2, 2), ImageError::NotCore { offset: 16, e_type: 2, .. }));
        assert!(matches!(with(E_PHENTSIZE, 32, 2), ImageError::EntrySize { offset: 54, bytes: 32, .. }));
        assert!(matches!(with(E_PHNUM, 0, 2), ImageError::NoMemory { .. }));
        assert!(matches!(with(E_PHNUM, 0xffff, 2), ImageError::NoSectionZero { offset: 40, .. }));
        let table = with(E_PHOFF, u64::MAX, 8);
        assert!(matches!(table, ImageError::Overflow { part: Part::ProgramHeaders, offset: 32, .. }));
        let table = with(E_PHNUM, 0xfffe, 2);
        assert!(matches!(table, ImageError::Truncated { part: Part::ProgramHeaders, offset: 32, start: 64, .. }));
        assert!(matches!(
            refused(file[..63].to_vec()),
            ImageError::Truncated { part: Part::ElfHeader, missing: 1, .. }
        ));
    }
}

#[test]
fn the_count_in_section_zero_is_bounded() {
    for order in ORDERS {
        let file = sample(order).count_in_section().build();
        let info_at = phdr(5) + 44;
        let count = refused(patched(&file, order, info_at, limits::PROGRAM_HEADERS + 1, 4));
        assert!(matches!(count, ImageError::HeaderCount { offset, count, .. }
            if offset == info_at as u64 && count == limits::PROGRAM_HEADERS + 1));
        let most = refused(patched(&file, order, info_at, limits::PROGRAM_HEADERS, 4));
        assert!(matches!(most, ImageError::Truncated { part: Part::ProgramHeaders, .. }));
        let section = refused(patched(&file, order, E_SHOFF, file.len() as u64 - 63, 8));
        assert!(matches!(section, ImageError::Truncated { part: Part::SectionZero, offset: 40, missing: 1, .. }));
    }
}

#[test]
fn damaged_loads_are_refused_by_field() {
    for order in ORDERS {
        let file = sample(order).build();
        let load = phdr(1);
        let with = |field, value| refused(patched(&file, order, load + field, value, 8));
        let at = |field: usize| (load + field) as u64;

        assert!(matches!(with(P_PADDR, 0x4000_0004), ImageError::Misaligned { offset, .. } if offset == at(P_PADDR)));
        assert!(matches!(with(P_MEMSZ, 63), ImageError::FileSize { offset, file_bytes: 64, memory_bytes: 63, .. }
            if offset == at(P_FILESZ)));
        assert!(matches!(with(P_OFFSET, u64::MAX - 62), ImageError::Overflow { part: Part::Load, offset, .. }
            if offset == at(P_OFFSET)));
        let start = file.len() as u64 - 63;
        let cut = with(P_OFFSET, start);
        assert!(matches!(cut, ImageError::Truncated { part: Part::Load, offset, bytes: 64, missing: 1, .. }
            if offset == at(P_OFFSET)));
        let over = with(P_PADDR, u64::MAX - 63);
        assert!(matches!(over, ImageError::PhysOverflow { offset, bytes: 64, .. }
            if offset == at(P_PADDR)));
        let highest = open(patched(&file, order, load + P_PADDR, u64::MAX - 71, 8)).expect("ends just below 2^64");
        check_invariants(&highest);

        // A load without bytes is absent, and the rest of its header does not matter.
        let mut absent = patched(&file, order, load + P_FILESZ, 0, 8);
        patch(&mut absent, order, load + P_PADDR, 3, 8);
        let image = open(absent).expect("the other loads are there");
        assert_eq!(image.next_present(PhysAddr(0)), Some(PhysAddr(0x4000_1000)));
    }
}

#[test]
fn loads_that_disagree_are_refused_and_copies_are_not() {
    for order in ORDERS {
        let core =
            |copy: &[u8]| CoreBuilder::new(order, AARCH64).load(0x1000, &counting(64)).load(0x1010, copy).build();
        let image = open(core(&counting(64)[16..32])).expect("the second load is a copy");
        assert_eq!(image.segments().len(), 1);
        let error = refused(core(&counting(64)[17..33]));
        assert!(matches!(error, ImageError::Overlap { first, second, pa: PhysAddr(0x1010), .. }
            if (first, second) == (phdr(0) as u64, phdr(1) as u64)));
    }
}

#[test]
fn the_core_of_a_process_is_told_from_an_overlap() {
    let core = CoreBuilder::new(ByteOrder::Little, 62).load(0, &[1; 16]).load(0, &[2; 16]).load(0, &[3; 8]);
    let error = refused(core.build());
    assert!(matches!(error, ImageError::ProcessCore { offset, loads: 3, .. } if offset == (phdr(0) + P_PADDR) as u64));
    // Memory that begins at 0, and a copy of its beginning.
    let core = CoreBuilder::new(ByteOrder::Big, 21).load(0, &[1; 16]).load(0, &[1; 8]);
    assert!(open(core.build()).is_ok());
}

#[test]
fn damaged_notes_are_refused() {
    for order in ORDERS {
        let file = sample(order).build();
        let note = phdr(5);
        let size = refused(patched(&file, order, note, 1 << 16, 4));
        assert!(matches!(size, ImageError::NoteOwner { offset, .. } if offset == note as u64));
        let size = refused(patched(&file, order, note + 4, u64::from(u32::MAX), 4));
        assert!(matches!(size, ImageError::NoteBounds { offset, field: NoteField::DescSize, .. }
            if offset == note as u64 + 4));
        let segment = refused(patched(&file, order, phdr(0) + P_FILESZ, u64::MAX, 8));
        assert!(matches!(segment, ImageError::Overflow { part: Part::Notes, .. }));
    }
}

#[test]
fn raw_memory_needs_a_base() {
    let bytes = counting(20);
    assert!(matches!(refused(bytes.clone()), ImageError::NoBase { .. }));
    let raw = |base| Image::from_bytes("image", bytes.clone(), Some(PhysAddr(base)));
    let image = raw(0x8000_0008).expect("an aligned base");
    check_invariants(&image);
    assert_eq!((image.format(), image.machine(), image.byte_order()), (Format::Raw, None, None));
    assert_eq!(image.segments(), [Segment { pa: PhysAddr(0x8000_0008), len: 16, file_offset: 0 }]);
    assert_eq!(image.word(PhysAddr(0x8000_0010)), Some([8, 9, 10, 11, 12, 13, 14, 15]));

    assert!(matches!(raw(0x8000_0004), Err(ImageError::BaseMisaligned { .. })));
    assert!(matches!(raw(u64::MAX - 15), Err(ImageError::BaseOverflow { bytes: 16, .. })));
    check_invariants(&raw(u64::MAX - 23).expect("ends just below 2^64"));
}

#[test]
fn raw_memory_may_begin_with_a_magic_number() {
    let image = Image::from_bytes("image", sample(ByteOrder::Big).build(), Some(PhysAddr(0)));
    assert_eq!(image.expect("a base was given").format(), Format::Raw);
}

#[test]
fn files_without_memory_are_refused() {
    assert!(matches!(refused(Vec::new()), ImageError::Empty { .. }));
    assert!(matches!(Image::from_bytes("image", Vec::new(), Some(PhysAddr(0))), Err(ImageError::Empty { .. })));
    assert!(matches!(Image::from_bytes("image", vec![0; 7], Some(PhysAddr(0))), Err(ImageError::NoMemory { .. })));
    let zstd = refused(b"\x28\xb5\x2f\xfd and more".to_vec());
    assert!(matches!(zstd, ImageError::Foreign { container: Container::Zstd, .. }));
    assert!(zstd.to_string().contains("zstd -d"), "{zstd}");
}

#[test]
fn a_file_is_opened_by_its_path() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("vmcore");
    let file = sample(ByteOrder::Big).build();
    std::fs::write(&path, &file)?;
    let image = Image::open(&path, &OpenOptions::default())?;
    check_invariants(&image);
    assert_eq!(image.name(), path.display().to_string());
    assert_eq!(image.file_bytes(), file.len() as u64);
    let raw = Image::open(&path, &OpenOptions { base: Some(PhysAddr(0x1000)) })?;
    assert_eq!(raw.run(PhysAddr(0x1000), 4), b"\x7fELF");
    std::fs::write(&path, b"")?;
    assert!(matches!(Image::open(&path, &OpenOptions::default()), Err(ImageError::Empty { .. })));
    Ok(())
}

#[test]
fn an_image_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Image>();
}

#[test]
fn errors_name_the_file_and_the_place_in_one_line() {
    let file = patched(&sample(ByteOrder::Little).build(), ByteOrder::Little, phdr(1) + P_PADDR, 0x4000_0004, 8);
    assert_eq!(
        refused(file).to_string(),
        "image: offset 0x90: p_paddr 0x0000000040000004 is not a multiple of 8, the size of a page table entry"
    );
    let mut short = sample(ByteOrder::Little).build();
    short.truncate(short.len() - 5);
    let error = refused(short).to_string();
    assert!(error.starts_with("image: file is 0x5 bytes too short for a PT_LOAD: offset 0x128 places 0x18 bytes at"));
}

#[test]
fn a_core_cut_anywhere_is_refused_or_whole() {
    for order in ORDERS {
        let file = sample(order).build();
        for len in 0..file.len() {
            let error = refused(file[..len].to_vec());
            let typed = match len {
                0 => matches!(error, ImageError::Empty { .. }),
                1..4 => matches!(error, ImageError::NoBase { .. }),
                _ => matches!(error, ImageError::Truncated { missing, .. } if missing > 0),
            };
            assert!(typed, "{len}: {error}");
        }
    }
}

#[test]
fn a_core_with_any_header_byte_changed_is_refused_or_consistent() {
    for order in ORDERS {
        for core in [sample(order), sample(order).count_in_section()] {
            let file = core.build();
            let data_at = file.len() - (64 + 32 + 16 + 24);
            for at in 0..data_at {
                for flip in [0x01, 0x08, 0x80, 0xff] {
                    let mut changed = file.clone();
                    changed[at] ^= flip;
                    if let Ok(image) = open(changed) {
                        check_invariants(&image);
                    }
                }
            }
        }
    }
}

#[test]
fn a_million_headers_are_opened_in_seconds() {
    // The most headers there may be, each with the same note and the same load.
    let order = ByteOrder::Little;
    let file = CoreBuilder::new(order, AARCH64).count_in_section().load(0x1000, &[0; 8]).build();
    let table_at = file.len().next_multiple_of(8);
    let header = file[phdr(0)..phdr(1)].to_vec();
    let mut hostile = file;
    hostile.resize(table_at, 0);
    patch(&mut hostile, order, E_PHOFF, table_at as u64, 8);
    patch(&mut hostile, order, phdr(1) + 44, limits::PROGRAM_HEADERS, 4);
    for _ in 0..limits::PROGRAM_HEADERS {
        hostile.extend_from_slice(&header);
    }
    let start = Instant::now();
    let image = open(hostile).expect("all loads are the same");
    assert_eq!(image.segments().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

/// Values that headers go wrong at.
fn edge(file_bytes: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        0..64_u64,
        (0..64_u64).prop_map(|i| u64::MAX - i),
        (0..64_u64).prop_map(move |i| (file_bytes + 32).saturating_sub(i)),
        any::<u64>(),
    ]
}

proptest! {
    /// Loads against a model that knows every byte on its own.
    #[test]
    fn loads_agree_with_a_map_of_single_bytes(
        loads in prop::collection::vec((0..12_u64, 0..40_u64, 0..96_usize), 1..8),
        // Few different bytes, so that copies happen.
        memory in prop::collection::vec(0..8_u8, 136),
        order in prop::sample::select(&ORDERS[..]),
    ) {
        // Every byte of memory in the file is its address's, but one in eight: those come from elsewhere.
        let mut core = CoreBuilder::new(order, AARCH64);
        let mut model: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for &(word, len, from) in &loads {
            let pa = word * 8;
            let true_start = usize::try_from(pa)?;
            let start = if from < 12 { from } else { true_start };
            let bytes = &memory[start..start + usize::try_from(len)?];
            core = core.load(pa, bytes);
            let whole = bytes.len() - bytes.len() % 8;
            for (at, &byte) in (pa..).zip(&bytes[..whole]) {
                model.entry(at).or_default().push(byte);
            }
        }
        let disagrees = |bytes: &Vec<u8>| bytes.iter().any(|&byte| byte != bytes[0]);
        match open(core.build()) {
            Ok(image) => {
                check_invariants(&image);
                for pa in 0..160 {
                    let expected = model.get(&pa).map(|bytes| bytes[0]);
                    prop_assert!(!model.get(&pa).is_some_and(disagrees));
                    prop_assert_eq!(image.run(PhysAddr(pa), 1).first().copied(), expected);
                    let next = model.range(pa..).next().map(|(&pa, _)| PhysAddr(pa));
                    prop_assert_eq!(image.next_present(PhysAddr(pa)), next);
                    let word: Option<Vec<u8>> = (pa..pa + 8).map(|at| model.get(&at).map(|bytes| bytes[0])).collect();
                    prop_assert_eq!(image.word(PhysAddr(pa)).map(|word| word.to_vec()), word);
                }
            }
            Err(ImageError::Overlap { pa, .. }) => prop_assert!(disagrees(&model[&pa.0])),
            Err(ImageError::ProcessCore { .. }) => {
                prop_assert!(loads.iter().all(|&(word, len, _)| word == 0 || len == 0));
            }
            Err(ImageError::NoMemory { .. }) => prop_assert!(model.is_empty()),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    /// Any few fields of the headers at their edges.
    #[test]
    fn headers_at_their_edges_never_panic(
        order in prop::sample::select(&ORDERS[..]),
        changes in prop::collection::vec((0..5_usize, 0..7_usize, edge(600)), 1..5),
        align in prop::sample::select(vec![0_u64, 4, 8]),
    ) {
        let mut file = sample(order).build();
        patch(&mut file, order, phdr(0) + 48, align, 8);
        for (header, word, value) in changes {
            patch(&mut file, order, phdr(header) + word * 8, value, 8);
        }
        if let Ok(image) = open(file) {
            check_invariants(&image);
        }
    }
}
