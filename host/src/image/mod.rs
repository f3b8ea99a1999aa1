//! Physical memory images: what a dump holds of a machine's memory, by physical address.
//!
//! In: a file: an ELF core, a table image of our own ([`ptimg`]), or raw memory with a base address. Out: an [`Image`],
//! which gives the bytes at a physical address as slices of the mapped file. Guaranteed: alignment, bounds and truncation
//! are checked once, at open; afterwards no read fails or panics, and what the image does not hold is absent, never
//! zeros. What is allocated is the segment list, the notes, VMCOREINFO and a table image's header, all bounded by
//! [`limits`], however large the file.
//!
//! Not handled: compressed and flattened dumps (recognised and refused, [`Container`]), virtual addresses, and a file
//! that changes while it is open (see `map.rs`).

pub mod builder;
mod container;
mod elf;
mod error;
mod input;
pub mod limits;
mod map;
mod note;
mod overlap;
pub mod ptimg;
mod vmcoreinfo;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use memmap2::Mmap;
use ptwalk_abi::PhysAddr;
use ptwalk_verifier::fault::{Fault, seeded};

pub use container::Container;
pub use error::{FileKind, ImageError, NoteField, Part};
pub(crate) use map::prefetch;
#[cfg(target_arch = "x86_64")]
pub(crate) use map::prefetch_line;
pub use note::{Note, VMCOREINFO_OWNER};
pub use vmcoreinfo::{LineFault, MalformedLine, VmcoreInfo};

use input::{Input, slice};
use overlap::ENTRY_BYTES;
use ptimg::{TableInfo, reader};

use crate::zone::Zone;

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The physical address of the file's first byte. Given, the file is raw memory, whatever it begins with.
    pub base: Option<PhysAddr>,
}

/// A run of physical memory that lies in one piece in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Physical address of the first byte, a multiple of 8.
    pub pa: PhysAddr,
    /// Bytes, a multiple of 8 and not 0.
    pub len: u64,
    /// File offset of the first byte, of any alignment.
    pub file_offset: u64,
}

impl Segment {
    /// The address after the last byte.
    pub fn end(&self) -> PhysAddr {
        PhysAddr(self.pa.0.saturating_add(self.len))
    }

    /// The same for two segments exactly where they give the same byte of the file to the same address.
    fn delta(&self) -> u64 {
        self.pa.0.wrapping_sub(self.file_offset)
    }
}

/// What kind of file an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An ELF core of physical memory.
    ElfCore,
    /// A table image ([`ptimg`]).
    Tables,
    /// Raw memory from a base address on.
    Raw,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::ElfCore => "ELF core",
            Format::Tables => "table image",
            Format::Raw => "raw",
        })
    }
}

/// The order of bytes in the words of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant first.
    Little,
    /// Most significant first.
    Big,
}

impl ByteOrder {
    /// Two bytes as an integer.
    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Four bytes as an integer.
    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Eight bytes as an integer.
    pub fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// The architecture that an ELF core names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// `EM_AARCH64`.
    Aarch64,
    /// `EM_X86_64`.
    X86_64,
    /// `EM_PPC64`.
    Ppc64,
    /// Any other `e_machine`.
    Other(u16),
}

impl Machine {
    fn from_e_machine(e_machine: u16) -> Machine {
        match e_machine {
            object::elf::EM_AARCH64 => Machine::Aarch64,
            object::elf::EM_X86_64 => Machine::X86_64,
            object::elf::EM_PPC64 => Machine::Ppc64,
            other => Machine::Other(other),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Machine::Aarch64 => f.write_str("arm64"),
            Machine::X86_64 => f.write_str("x86_64"),
            Machine::Ppc64 => f.write_str("ppc64"),
            Machine::Other(e_machine) => write!(f, "e_machine {e_machine}"),
        }
    }
}

enum Backing {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

/// Physical memory as a dump holds it. Shared freely between threads.
pub struct Image {
    name: String,
    backing: Backing,
    layout: Layout,
}

/// What is decoded at open, and never read from the file again.
struct Layout {
    format: Format,
    machine: Option<Machine>,
    byte_order: Option<ByteOrder>,
    /// Sorted by address, disjoint, not empty.
    segments: Vec<Segment>,
    notes: Vec<Note>,
    vmcoreinfo: Option<VmcoreInfo>,
    tables: Option<TableInfo>,
}

impl Image {
    /// Maps the file at `path` and checks all that its headers promise. Reads the headers, the notes, and memory only
    /// where segments overlap.
    ///
    /// # Errors
    /// [`ImageError`], each variant with the file offset of the field at fault.
    ///
    /// # Panics
    /// Never, whatever the file holds. The process dies of SIGBUS where the file is truncated while it is mapped.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Image, ImageError> {
        let name = path.display().to_string();
        let image = Image::new(name.clone(), Backing::Mapped(map::map(path, &name)?), options.base)?;
        if let (Format::Tables, Backing::Mapped(mapping)) = (image.layout.format, &image.backing) {
            map::advise_dense(mapping);
        }
        Ok(image)
    }

    /// The same for bytes in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Image::open`], without those about files.
    ///
    /// # Panics
    /// Never, whatever the bytes are.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, base: Option<PhysAddr>) -> Result<Image, ImageError> {
        Image::new(name.to_owned(), Backing::Owned(bytes), base)
    }

    /// The same for memory that was mapped, which begins at a page as a file's does, so that its tables do.
    ///
    /// # Errors
    /// As [`Image::from_bytes`].
    ///
    /// # Panics
    /// Never, whatever the bytes are.
    pub fn from_mapping(name: &str, mapping: Mmap, base: Option<PhysAddr>) -> Result<Image, ImageError> {
        Image::new(name.to_owned(), Backing::Mapped(mapping), base)
    }

    fn new(name: String, backing: Backing, base: Option<PhysAddr>) -> Result<Image, ImageError> {
        let layout = Layout::read(Input { image: &name, bytes: backing.bytes() }, base)?;
        Ok(Image { name, backing, layout })
    }

    /// The longest part of `[pa, pa + len)` that begins at `pa` and lies in one piece in the file.
    ///
    /// It is empty where the image does not hold `pa`. It ends at a segment's end even where the next segment goes on in
    /// memory; ask again there. From a multiple of 8 on it holds whole entries, unless `len` cuts one.
    ///
    /// # Panics
    /// Never.
    ///
    /// # Cost
    /// One binary search over the segments.
    #[inline]
    pub fn run(&self, pa: PhysAddr, len: u64) -> &[u8] {
        let segments = &self.layout.segments;
        let after = segments.partition_point(|segment| segment.pa <= pa);
        let Some(segment) = after.checked_sub(1).and_then(|index| segments.get(index)) else { return &[] };
        let skipped = pa.0 - segment.pa.0;
        let Some(left) = segment.len.checked_sub(skipped) else { return &[] };
        let left = if seeded(Fault::RunBeyondSegment) { segment.len } else { left };
        slice(self.backing.bytes(), segment.file_offset + skipped, len.min(left)).unwrap_or_default()
    }

    /// The first address from `pa` on that the image holds.
    ///
    /// # Cost
    /// One binary search over the segments.
    pub fn next_present(&self, pa: PhysAddr) -> Option<PhysAddr> {
        let segments = &self.layout.segments;
        let next = segments.get(segments.partition_point(|segment| segment.end() <= pa))?;
        Some(next.pa.max(pa))
    }

    /// The 8 bytes at `pa`, also where two adjacent segments share them; `None` where one of them is absent.
    ///
    /// # Cost
    /// One binary search over the segments, two across segments.
    pub fn word(&self, pa: PhysAddr) -> Option<[u8; 8]> {
        let head = self.run(pa, ENTRY_BYTES);
        if let Some(word) = head.first_chunk() {
            return Some(*word);
        }
        // Segments hold whole words, so no word lies across three of them.
        let head_bytes = head.len() as u64;
        let tail = self.run(pa.checked_add(head_bytes)?, ENTRY_BYTES - head_bytes);
        let mut word = [0; 8];
        let (to_head, to_tail) = word.split_at_mut_checked(head.len())?;
        if to_tail.len() != tail.len() {
            return None;
        }
        to_head.copy_from_slice(head);
        to_tail.copy_from_slice(tail);
        Some(word)
    }

    /// What the image holds, sorted by address; no two overlap.
    pub fn segments(&self) -> &[Segment] {
        &self.layout.segments
    }

    /// Bytes of physical memory that the image holds.
    pub fn held_bytes(&self) -> u64 {
        self.segments().iter().map(|segment| segment.len).sum()
    }

    /// What kind of file it is.
    pub fn format(&self) -> Format {
        self.layout.format
    }

    /// The path or name it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of the file, headers included.
    pub fn file_bytes(&self) -> u64 {
        self.backing.bytes().len() as u64
    }

    /// The notes of an ELF core, in the order of the file.
    pub fn notes(&self) -> &[Note] {
        &self.layout.notes
    }

    /// The descriptor of one of [`Image::notes`].
    pub fn note_bytes(&self, note: &Note) -> &[u8] {
        slice(self.backing.bytes(), note.file_offset, note.len).unwrap_or_default()
    }

    /// VMCOREINFO, parsed: the first note of that name, or what a table image has of it.
    pub fn vmcoreinfo(&self) -> Option<&VmcoreInfo> {
        self.layout.vmcoreinfo.as_ref()
    }

    /// What a table image says about its tables; `None` for other images.
    pub fn tables(&self) -> Option<&TableInfo> {
        self.layout.tables.as_ref()
    }

    /// Device ranges and page references, as far as the image says anything of them: a table image may, no other does.
    pub fn zone(&self) -> Zone {
        self.tables().map(|info| info.zone.clone()).unwrap_or_default()
    }

    /// The architecture, where an ELF core names one.
    pub fn machine(&self) -> Option<Machine> {
        self.layout.machine
    }

    /// The order of bytes of the file's headers, which is the order of the machine that wrote the dump; `None` where
    /// the file does not say.
    pub fn byte_order(&self) -> Option<ByteOrder> {
        self.layout.byte_order
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("name", &self.name)
            .field("format", &self.layout.format)
            .field("file_bytes", &self.file_bytes())
            .field("segments", &self.layout.segments.len())
            .finish_non_exhaustive()
    }
}

impl Backing {
    fn bytes(&self) -> &[u8] {
        match self {
            Backing::Mapped(mapping) => mapping,
            Backing::Owned(bytes) => bytes,
        }
    }
}

impl Layout {
    fn read(input: Input<'_>, base: Option<PhysAddr>) -> Result<Layout, ImageError> {
        if input.bytes.is_empty() {
            return Err(ImageError::Empty { image: input.name() });
        }
        if let Some(base) = base {
            return Layout::read_raw(input, base);
        }
        if elf::is_elf(input.bytes) {
            let elf::Core { machine, order, segments, notes, vmcoreinfo } = elf::read(input)?;
            let (machine, byte_order) = (Some(machine), Some(order));
            let format = Format::ElfCore;
            return Ok(Layout { format, machine, byte_order, segments, notes, vmcoreinfo, tables: None });
        }
        if reader::is_ptimg(input.bytes) {
            return Layout::read_tables(input);
        }
        Err(match Container::detect(input.bytes) {
            Some(container) => ImageError::Foreign { image: input.name(), container },
            None => ImageError::NoBase { image: input.name() },
        })
    }

    /// The whole file from `base` on, but for an incomplete entry at its end.
    fn read_raw(input: Input<'_>, base: PhysAddr) -> Result<Layout, ImageError> {
        let image = input.name();
        if !base.0.is_multiple_of(ENTRY_BYTES) {
            return Err(ImageError::BaseMisaligned { image, base });
        }
        let len = input.file_bytes() - input.file_bytes() % ENTRY_BYTES;
        if len == 0 {
            return Err(ImageError::NoMemory { image });
        }
        if base.checked_add(len).is_none() {
            return Err(ImageError::BaseOverflow { image, base, bytes: len });
        }
        Ok(Layout {
            format: Format::Raw,
            machine: None,
            byte_order: None,
            segments: vec![Segment { pa: base, len, file_offset: 0 }],
            notes: Vec::new(),
            vmcoreinfo: None,
            tables: None,
        })
    }

    fn read_tables(input: Input<'_>) -> Result<Layout, ImageError> {
        let reader::Tables { segments, info } = reader::read(input)?;
        let vmcoreinfo = Some(info.vmcoreinfo.as_bytes()).filter(|text| !text.is_empty()).map(VmcoreInfo::parse);
        Ok(Layout {
            format: Format::Tables,
            machine: None,
            byte_order: None,
            segments,
            notes: Vec::new(),
            vmcoreinfo,
            tables: Some(info),
        })
    }
}
