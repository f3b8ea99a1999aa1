//! ELF cores of physical memory: `/proc/vmcore`, makedumpfile -E, QEMU's dump-guest-memory.
//!
//! In: the bytes of a file that begins with ELF's magic number. Out: where each byte of physical memory is in the file,
//! the notes, VMCOREINFO and the machine. Guaranteed: every segment lies within the file and the address space, begins
//! at a multiple of 8 and overlaps no other; every note lies within the file; what is allocated is bounded by
//! [`limits`]. Memory that a core does not hold (the tail of a load whose `p_memsz` exceeds its `p_filesz`) is absent,
//! never zeros.
//!
//! Addresses are `p_paddr`; `p_vaddr` is not looked at. Not handled: 32-bit cores, sections, and every program header
//! other than PT_LOAD and PT_NOTE.

use std::mem::offset_of;

use object::Endianness;
use object::elf::{self, FileHeader64, Ident, ProgramHeader64, SectionHeader64};
use ptwalk_abi::PhysAddr;

use super::error::{ImageError, Part};
use super::input::{Input, slice};
use super::note::{Note, NoteSegment, VMCOREINFO_OWNER, read_notes};
use super::overlap::{ENTRY_BYTES, Load, resolve};
use super::vmcoreinfo::VmcoreInfo;
use super::{ByteOrder, Machine, Segment, limits};

type Header = FileHeader64<Endianness>;
type ProgramHeader = ProgramHeader64<Endianness>;
type SectionHeader = SectionHeader64<Endianness>;

const HEADER_BYTES: u64 = size_of::<Header>() as u64;
const PROGRAM_HEADER_BYTES: u64 = size_of::<ProgramHeader>() as u64;
const SECTION_HEADER_BYTES: u64 = size_of::<SectionHeader>() as u64;

/// What an ELF core says.
pub(super) struct Core {
    pub machine: Machine,
    pub order: ByteOrder,
    pub segments: Vec<Segment>,
    pub notes: Vec<Note>,
    pub vmcoreinfo: Option<VmcoreInfo>,
}

/// Whether the file claims to be ELF.
pub(super) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

/// Reads the headers and notes of a core.
///
/// # Errors
/// All variants of [`ImageError`] that speak of ELF, and `NoMemory`.
pub(super) fn read(input: Input<'_>) -> Result<Core, ImageError> {
    input.part(Part::ElfHeader, 0, 0, HEADER_BYTES)?;
    let order = check_ident(input)?;
    let type_at = offset_of!(Header, e_type) as u64;
    let e_type = input.u16(Part::ElfHeader, order, type_at)?;
    if e_type != elf::ET_CORE {
        return Err(ImageError::NotCore { image: input.name(), offset: type_at, e_type });
    }
    let machine = Machine::from_e_machine(input.u16(Part::ElfHeader, order, offset_of!(Header, e_machine) as u64)?);

    let mut loads = Vec::new();
    let mut notes = Vec::new();
    for header in program_headers(input, order)? {
        match input.u32(Part::ProgramHeaders, order, header + offset_of!(ProgramHeader, p_type) as u64)? {
            elf::PT_LOAD => loads.extend(read_load(input, order, header)?),
            elf::PT_NOTE => read_notes(input, order, &note_segment(input, order, header)?, &mut notes)?,
            _ => {}
        }
    }
    let segments = resolve_physical(input, loads)?;
    let vmcoreinfo = notes
        .iter()
        .find(|note| note.owner == VMCOREINFO_OWNER)
        .and_then(|note| slice(input.bytes, note.file_offset, note.len))
        .map(VmcoreInfo::parse);
    Ok(Core { machine, order, segments, notes, vmcoreinfo })
}

fn check_ident(input: Input<'_>) -> Result<ByteOrder, ImageError> {
    let image = input.name();
    let field = |offset: usize| -> Result<(u64, u8), ImageError> {
        let offset = offset as u64;
        Ok((offset, input.u8(Part::ElfHeader, offset)?))
    };
    let (offset, class) = field(offset_of!(Ident, class))?;
    if class != elf::ELFCLASS64 {
        return Err(ImageError::Class { image, offset, class });
    }
    let (offset, data) = field(offset_of!(Ident, data))?;
    let order = match data {
        elf::ELFDATA2LSB => ByteOrder::Little,
        elf::ELFDATA2MSB => ByteOrder::Big,
        _ => return Err(ImageError::ByteOrder { image, offset, data }),
    };
    let (offset, version) = field(offset_of!(Ident, version))?;
    if version != elf::EV_CURRENT {
        return Err(ImageError::Version { image, offset, version });
    }
    Ok(order)
}

/// The file offset of each program header; all are in the file.
fn program_headers(input: Input<'_>, order: ByteOrder) -> Result<impl Iterator<Item = u64>, ImageError> {
    let (count, count_at) = program_header_count(input, order)?;
    let table_at = offset_of!(Header, e_phoff) as u64;
    let start = input.u64(Part::ElfHeader, order, table_at)?;
    if count > 0 {
        let size_at = offset_of!(Header, e_phentsize) as u64;
        let bytes = input.u16(Part::ElfHeader, order, size_at)?;
        if u64::from(bytes) != PROGRAM_HEADER_BYTES {
            return Err(ImageError::EntrySize { image: input.name(), offset: size_at, bytes });
        }
    }
    if count > limits::PROGRAM_HEADERS {
        return Err(ImageError::HeaderCount { image: input.name(), offset: count_at, count });
    }
    input.part(Part::ProgramHeaders, table_at, start, count * PROGRAM_HEADER_BYTES)?;
    Ok((0..count).map(move |index| start + index * PROGRAM_HEADER_BYTES))
}

/// The number of program headers, and the file offset of the field that has it.
fn program_header_count(input: Input<'_>, order: ByteOrder) -> Result<(u64, u64), ImageError> {
    let count_at = offset_of!(Header, e_phnum) as u64;
    let count = input.u16(Part::ElfHeader, order, count_at)?;
    if count != elf::PN_XNUM {
        return Ok((count.into(), count_at));
    }
    let section_at = offset_of!(Header, e_shoff) as u64;
    let section = input.u64(Part::ElfHeader, order, section_at)?;
    if section == 0 {
        return Err(ImageError::NoSectionZero { image: input.name(), offset: section_at });
    }
    input.part(Part::SectionZero, section_at, section, SECTION_HEADER_BYTES)?;
    let info_at = section + offset_of!(SectionHeader, sh_info) as u64;
    Ok((input.u32(Part::SectionZero, order, info_at)?.into(), info_at))
}

/// The load that the program header at `header` describes, if it has bytes in the file.
fn read_load(input: Input<'_>, order: ByteOrder, header: u64) -> Result<Option<Load>, ImageError> {
    let field = |offset: usize| input.u64(Part::ProgramHeaders, order, header + offset as u64);
    let file_offset = field(offset_of!(ProgramHeader, p_offset))?;
    let pa = PhysAddr(field(offset_of!(ProgramHeader, p_paddr))?);
    let file_bytes = field(offset_of!(ProgramHeader, p_filesz))?;
    let memory_bytes = field(offset_of!(ProgramHeader, p_memsz))?;
    if file_bytes > memory_bytes {
        let offset = header + offset_of!(ProgramHeader, p_filesz) as u64;
        return Err(ImageError::FileSize { image: input.name(), offset, file_bytes, memory_bytes });
    }
    if file_bytes == 0 {
        return Ok(None);
    }
    let address_at = header + offset_of!(ProgramHeader, p_paddr) as u64;
    if !pa.0.is_multiple_of(ENTRY_BYTES) {
        return Err(ImageError::Misaligned { image: input.name(), offset: address_at, pa });
    }
    if pa.checked_add(memory_bytes).is_none() {
        return Err(ImageError::PhysOverflow { image: input.name(), offset: address_at, pa, bytes: memory_bytes });
    }
    input.part(Part::Load, header + offset_of!(ProgramHeader, p_offset) as u64, file_offset, file_bytes)?;
    Ok(Some(Load { segment: Segment { pa, len: file_bytes, file_offset }, header }))
}

fn note_segment(input: Input<'_>, order: ByteOrder, header: u64) -> Result<NoteSegment, ImageError> {
    let field = |offset: usize| input.u64(Part::ProgramHeaders, order, header + offset as u64);
    let start = field(offset_of!(ProgramHeader, p_offset))?;
    let bytes = field(offset_of!(ProgramHeader, p_filesz))?;
    let align = field(offset_of!(ProgramHeader, p_align))?;
    input.part(Part::Notes, header + offset_of!(ProgramHeader, p_offset) as u64, start, bytes)?;
    Ok(NoteSegment { start, end: start + bytes, align })
}

/// The segments that `loads` make up, and a better word for the overlaps in the core of a process: Linux writes
/// `p_paddr` 0 into each of its loads (`fs/binfmt_elf.c`, v6.12, `elf_core_dump`).
fn resolve_physical(input: Input<'_>, loads: Vec<Load>) -> Result<Vec<Segment>, ImageError> {
    let count = loads.len();
    let first_at_zero = loads.first().filter(|_| loads.iter().all(|load| load.segment.pa == PhysAddr(0))).copied();
    match (resolve(input, loads), first_at_zero) {
        (Err(ImageError::Overlap { image, .. } | ImageError::OverlapBudget { image, .. }), Some(first)) => {
            let offset = first.header + offset_of!(ProgramHeader, p_paddr) as u64;
            Err(ImageError::ProcessCore { image, offset, loads: count })
        }
        (result, _) => result,
    }
}
