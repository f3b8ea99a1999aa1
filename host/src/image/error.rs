//! What can be wrong with an image, and what to do about it.
//!
//! In: the facts of one fault. Out: one line of text through `Display`, and the cause through `source`. Guaranteed:
//! every variant names the image; every variant about the contents of a file has the file offset of the field at fault.
//! Not handled: faults of page tables, which are the walk's.

use std::fmt;
use std::io;

use ptwalk_abi::PhysAddr;

use super::container::Container;
use super::limits;
use super::ptimg::PtimgFault;

/// Why an image was refused. `image` is the path or the name it was opened by; `offset` is the file offset of the field
/// at fault.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file could not be opened, or its size not be learned.
    #[error("{image}: cannot be opened")]
    Open {
        /// Path as given.
        image: String,
        /// What the system said.
        source: io::Error,
    },
    /// The path names a directory, a pipe or a device.
    #[error("{image}: is {kind}; an image must be a regular file, copy it to one first")]
    NotRegular {
        /// Path as given.
        image: String,
        /// What the path names.
        kind: FileKind,
    },
    /// The system refused to map the file.
    #[error("{image}: cannot be mapped into memory; a file of /proc or /sys must be copied to a disk first")]
    Map {
        /// Path as given.
        image: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("{image}: empty file; was the dump interrupted?")]
    Empty {
        /// Path as given.
        image: String,
    },
    /// A known format that ptwalk does not read.
    #[error(
        "{image}: offset 0x0: the magic number says it is {container}, which ptwalk does not read; {}",
        container.advice()
    )]
    Foreign {
        /// Path as given.
        image: String,
        /// The format.
        container: Container,
    },
    /// No magic number that ptwalk knows, and no base to take it as raw memory.
    #[error(
        "{image}: offset 0x0: neither an ELF core nor a table image by its magic number; if this is raw physical memory, \
         say where it begins: --base ADDRESS"
    )]
    NoBase {
        /// Path as given.
        image: String,
    },
    /// The base of a raw image cannot hold page tables.
    #[error("{image}: base {base} is not a multiple of 8, the size of a page table entry")]
    BaseMisaligned {
        /// Path as given.
        image: String,
        /// Base as given.
        base: PhysAddr,
    },
    /// A raw image would reach beyond the physical address space.
    #[error("{image}: base {base} and the file's {bytes:#x} bytes exceed the 64-bit address space; check --base")]
    BaseOverflow {
        /// Path as given.
        image: String,
        /// Base as given.
        base: PhysAddr,
        /// Bytes of the file that would be mapped there.
        bytes: u64,
    },
    /// An ELF file of another class than ELFCLASS64.
    #[error(
        "{image}: offset {offset:#x}: EI_CLASS is {class}, not 2 (64-bit); 32-bit cores are not read, dump \
         with 64-bit ELF headers"
    )]
    Class {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `e_ident[EI_CLASS]`.
        class: u8,
    },
    /// An ELF file of no known byte order.
    #[error(
        "{image}: offset {offset:#x}: EI_DATA is {data}, neither 1 (little endian) nor 2 (big endian); the \
         header is damaged"
    )]
    ByteOrder {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `e_ident[EI_DATA]`.
        data: u8,
    },
    /// An ELF file of an unknown version.
    #[error("{image}: offset {offset:#x}: EI_VERSION is {version}, not 1; the header is damaged")]
    Version {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `e_ident[EI_VERSION]`.
        version: u8,
    },
    /// An ELF file that is not a core.
    #[error(
        "{image}: offset {offset:#x}: e_type is {e_type}, not 4 (ET_CORE); a vmlinux or other program holds no \
         memory, give the dump made of it"
    )]
    NotCore {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `e_type`.
        e_type: u16,
    },
    /// Program headers of another size than this version of ELF has.
    #[error("{image}: offset {offset:#x}: e_phentsize is {bytes}, not 56; the header is damaged")]
    EntrySize {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `e_phentsize`.
        bytes: u16,
    },
    /// `e_phnum` refers to section header 0, which does not exist.
    #[error(
        "{image}: offset {offset:#x}: e_phnum is PN_XNUM, but e_shoff is 0, so nothing says how many program \
         headers there are"
    )]
    NoSectionZero {
        /// Path as given.
        image: String,
        /// Offset of `e_shoff`.
        offset: u64,
    },
    /// More program headers than any real core has.
    #[error("{image}: offset {offset:#x}: {count} program headers exceed the limit of {}", limits::PROGRAM_HEADERS)]
    HeaderCount {
        /// Path as given.
        image: String,
        /// Offset of the count.
        offset: u64,
        /// How many the file claims.
        count: u64,
    },
    /// The file ends before something that its headers promise.
    #[error(
        "{image}: file is {missing:#x} bytes too short for {part}: offset {offset:#x} places {bytes:#x} bytes \
         at {start:#x}; copy or take the dump again"
    )]
    Truncated {
        /// Path as given.
        image: String,
        /// What is cut off.
        part: Part,
        /// Offset of the field that places it.
        offset: u64,
        /// File offset where it should begin.
        start: u64,
        /// Bytes it should have.
        bytes: u64,
        /// Bytes by which the file would have to be longer.
        missing: u64,
    },
    /// A part of the file that would end beyond 2^64.
    #[error(
        "{image}: offset {offset:#x}: {part} of {bytes:#x} bytes at {start:#x} ends beyond 2^64; the header is \
         damaged"
    )]
    Overflow {
        /// Path as given.
        image: String,
        /// What does not fit.
        part: Part,
        /// Offset of the field that places it.
        offset: u64,
        /// File offset where it should begin.
        start: u64,
        /// Bytes it should have.
        bytes: u64,
    },
    /// A segment that would end at or beyond physical address 2^64.
    #[error(
        "{image}: offset {offset:#x}: p_paddr {pa} and {bytes:#x} bytes exceed the 64-bit address space; the \
         header is damaged"
    )]
    PhysOverflow {
        /// Path as given.
        image: String,
        /// Offset of `p_paddr`.
        offset: u64,
        /// `p_paddr`.
        pa: PhysAddr,
        /// `p_memsz`.
        bytes: u64,
    },
    /// A segment that does not begin at an entry's boundary.
    #[error("{image}: offset {offset:#x}: p_paddr {pa} is not a multiple of 8, the size of a page table entry")]
    Misaligned {
        /// Path as given.
        image: String,
        /// Offset of `p_paddr`.
        offset: u64,
        /// `p_paddr`.
        pa: PhysAddr,
    },
    /// A segment that has more bytes in the file than in memory.
    #[error(
        "{image}: offset {offset:#x}: p_filesz {file_bytes:#x} exceeds p_memsz {memory_bytes:#x}; the header \
         is damaged"
    )]
    FileSize {
        /// Path as given.
        image: String,
        /// Offset of `p_filesz`.
        offset: u64,
        /// `p_filesz`.
        file_bytes: u64,
        /// `p_memsz`.
        memory_bytes: u64,
    },
    /// A core of a process, which knows no physical addresses.
    #[error(
        "{image}: offset {offset:#x}: p_paddr is 0 in all {loads} loads; this is the core of a process, give a \
         dump of the whole machine's memory"
    )]
    ProcessCore {
        /// Path as given.
        image: String,
        /// Offset of the first load's `p_paddr`.
        offset: u64,
        /// Loads with bytes in the file.
        loads: usize,
    },
    /// Two segments hold different bytes for the same physical address.
    #[error(
        "{image}: the program headers at offsets {first:#x} and {second:#x} hold different bytes for physical \
         address {pa}; which is right cannot be told"
    )]
    Overlap {
        /// Path as given.
        image: String,
        /// Offset of the program header with the lower physical address.
        first: u64,
        /// Offset of the other program header.
        second: u64,
        /// First address where they differ.
        pa: PhysAddr,
    },
    /// Segments overlap by more than can be compared in bounded time.
    #[error(
        "{image}: offset {offset:#x}: from this program header on, more memory is claimed twice than the {:#x} \
         bytes that are compared",
        limits::OVERLAP_BYTES
    )]
    OverlapBudget {
        /// Path as given.
        image: String,
        /// Offset of the program header whose comparison was not finished.
        offset: u64,
    },
    /// Nothing in the image has an address.
    #[error("{image}: holds no memory: no load has 8 bytes in the file")]
    NoMemory {
        /// Path as given.
        image: String,
    },
    /// A note that does not fit its segment.
    #[error("{image}: offset {offset:#x}: {field} of a note is {bytes:#x}, but its segment has {left:#x} bytes left")]
    NoteBounds {
        /// Path as given.
        image: String,
        /// Offset of the field, or of the incomplete header.
        offset: u64,
        /// What does not fit.
        field: NoteField,
        /// Bytes it should have.
        bytes: u64,
        /// Bytes there are.
        left: u64,
    },
    /// A note whose owner's name is absurdly long.
    #[error(
        "{image}: offset {offset:#x}: n_namesz of a note is {bytes:#x}, above the limit of {:#x}",
        limits::NOTE_OWNER_BYTES
    )]
    NoteOwner {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `n_namesz`.
        bytes: u64,
    },
    /// More notes than any real core has.
    #[error("{image}: offset {offset:#x}: more than {} notes", limits::NOTES)]
    NoteCount {
        /// Path as given.
        image: String,
        /// Offset of the first note too many.
        offset: u64,
    },
    /// A VMCOREINFO note that is absurdly large.
    #[error(
        "{image}: offset {offset:#x}: n_descsz of VMCOREINFO is {bytes:#x}, above the limit of {:#x}",
        limits::VMCOREINFO_BYTES
    )]
    VmcoreInfoSize {
        /// Path as given.
        image: String,
        /// Offset of the field.
        offset: u64,
        /// `n_descsz`.
        bytes: u64,
    },
    /// A table image that is none.
    #[error("{image}: offset {offset:#x}: {fault}")]
    Ptimg {
        /// Path as given.
        image: String,
        /// Offset of the field, or of the list that it is in.
        offset: u64,
        /// What is wrong.
        fault: Box<PtimgFault>,
    },
}

/// What a path names, where it is not a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// Something the system has no name for.
    Unknown,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Directory => "a directory",
            FileKind::Fifo => "a FIFO",
            FileKind::Socket => "a socket",
            FileKind::CharDevice => "a character device",
            FileKind::BlockDevice => "a block device",
            FileKind::Unknown => "not a file",
        })
    }
}

/// A part of an image that a header places in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The ELF header.
    ElfHeader,
    /// Section header 0, where the number of program headers is when there are many.
    SectionZero,
    /// The program header table.
    ProgramHeaders,
    /// The bytes of a PT_LOAD.
    Load,
    /// The bytes of a PT_NOTE.
    Notes,
    /// The preamble of a table image.
    Preamble,
    /// The header of a table image.
    TableHeader,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::ElfHeader => "the ELF header",
            Part::SectionZero => "section header 0",
            Part::ProgramHeaders => "the program headers",
            Part::Load => "a PT_LOAD",
            Part::Notes => "a PT_NOTE",
            Part::Preamble => "the preamble",
            Part::TableHeader => "the header",
        })
    }
}

/// A part of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteField {
    /// The header: three words.
    Header,
    /// The owner's name.
    NameSize,
    /// The descriptor.
    DescSize,
}

impl fmt::Display for NoteField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoteField::Header => "the header",
            NoteField::NameSize => "n_namesz",
            NoteField::DescSize => "n_descsz",
        })
    }
}
