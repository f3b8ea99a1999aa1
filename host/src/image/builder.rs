//! Writes small ELF cores for tests and for fuzzing, by the layout of the ELF-64 Object File Format and not by what the reader uses.
//!
//! In: loads and notes. Out: the bytes of a core. Guaranteed: a valid core, unless the caller patches it; `p_vaddr` is
//! never `p_paddr`, so that a reader of the wrong one is found out. Not handled: 32-bit cores.

use super::ByteOrder;

pub(crate) const EHDR_BYTES: usize = 64;
pub(crate) const PHDR_BYTES: usize = 56;
const SHDR_BYTES: usize = 64;

#[derive(Clone)]
struct Load {
    pa: u64,
    bytes: Vec<u8>,
    memory_bytes: u64,
}

/// A core being put together. The note segment, if there are notes, has the first program header.
#[derive(Clone)]
pub struct CoreBuilder {
    order: ByteOrder,
    machine: u16,
    loads: Vec<Load>,
    notes: Vec<u8>,
    note_align: u64,
    count_in_section: bool,
}

impl CoreBuilder {
    /// A core of a machine (`e_machine`) without memory.
    pub fn new(order: ByteOrder, machine: u16) -> CoreBuilder {
        CoreBuilder { order, machine, loads: Vec::new(), notes: Vec::new(), note_align: 0, count_in_section: false }
    }

    /// Memory at `pa`.
    pub fn load(self, pa: u64, bytes: &[u8]) -> CoreBuilder {
        let memory_bytes = bytes.len() as u64;
        self.load_of(pa, bytes, memory_bytes)
    }

    /// Memory at `pa` of which only the beginning is in the file.
    pub fn load_of(mut self, pa: u64, bytes: &[u8], memory_bytes: u64) -> CoreBuilder {
        self.loads.push(Load { pa, bytes: bytes.to_vec(), memory_bytes });
        self
    }

    /// What notes are aligned to, as `p_align` says: 8, or else 4. To be said before the first.
    pub fn align_notes(mut self, align: u64) -> CoreBuilder {
        self.note_align = align;
        self
    }

    /// A note.
    ///
    /// # Panics
    /// Where it takes 4 GiB.
    pub fn note(mut self, owner: &str, note_type: u32, desc: &[u8]) -> CoreBuilder {
        let align = if self.note_align == 8 { 8 } else { 4 };
        let size = |len: usize| u32::try_from(len).expect("a note of a test is small");
        for word in [size(owner.len() + 1), size(desc.len()), note_type] {
            put(&mut self.notes, self.order, word.into(), 4);
        }
        for part in [owner.as_bytes(), desc] {
            self.notes.extend_from_slice(part);
            if part == owner.as_bytes() {
                self.notes.push(0);
            }
            self.notes.resize(self.notes.len().next_multiple_of(align), 0);
        }
        self
    }

    /// Puts the number of program headers into section header 0, as with 65535 and more of them.
    pub fn count_in_section(mut self) -> CoreBuilder {
        self.count_in_section = true;
        self
    }

    /// The core.
    pub fn build(&self) -> Vec<u8> {
        let order = self.order;
        let headers = self.loads.len() + usize::from(!self.notes.is_empty());
        let sections = usize::from(self.count_in_section);
        let section_at = EHDR_BYTES + headers * PHDR_BYTES;
        let mut data_at = (section_at + sections * SHDR_BYTES) as u64;
        let header_count = headers as u64;

        let mut file = vec![0x7f, b'E', b'L', b'F', 2, if order == ByteOrder::Little { 1 } else { 2 }, 1];
        file.resize(16, 0);
        let section_offset = if sections > 0 { section_at as u64 } else { 0 };
        let (inline_count, section_count) = if sections > 0 { (0xffff, header_count) } else { (header_count, 0) };
        let fields: [(u64, usize); 13] = [
            (4, 2), // e_type
            (self.machine.into(), 2),
            (1, 4), // e_version
            (0, 8), // e_entry
            (EHDR_BYTES as u64, 8),
            (section_offset, 8),
            (0, 4), // e_flags
            (EHDR_BYTES as u64, 2),
            (PHDR_BYTES as u64, 2),
            (inline_count, 2),
            (SHDR_BYTES as u64, 2),
            (sections as u64, 2),
            (0, 2), // e_shstrndx
        ];
        for (value, bytes) in fields {
            put(&mut file, order, value, bytes);
        }
        if !self.notes.is_empty() {
            put_program_header(&mut file, order, (4, self.note_align), data_at, 0, self.notes.len() as u64, 0);
            data_at += self.notes.len() as u64;
        }
        for load in &self.loads {
            put_program_header(&mut file, order, (1, 0), data_at, load.pa, load.bytes.len() as u64, load.memory_bytes);
            data_at += load.bytes.len() as u64;
        }
        if sections > 0 {
            file.resize(section_at + 44, 0);
            put(&mut file, order, section_count, 4); // sh_info
            file.resize(section_at + SHDR_BYTES, 0);
        }
        file.extend_from_slice(&self.notes);
        for load in &self.loads {
            file.extend_from_slice(&load.bytes);
        }
        file
    }
}

fn put_program_header(
    file: &mut Vec<u8>,
    order: ByteOrder,
    (p_type, p_align): (u64, u64),
    file_offset: u64,
    pa: u64,
    file_bytes: u64,
    memory_bytes: u64,
) {
    let p_vaddr = 0xffff_8000_0000_0000 ^ pa;
    put(file, order, p_type, 4);
    put(file, order, 4, 4); // p_flags: readable
    for value in [file_offset, p_vaddr, pa, file_bytes, memory_bytes, p_align] {
        put(file, order, value, 8);
    }
}

/// Appends the low `bytes` bytes of `value`.
fn put(file: &mut Vec<u8>, order: ByteOrder, value: u64, bytes: usize) {
    let at = file.len();
    file.resize(at + bytes, 0);
    patch(file, order, at, value, bytes);
}

/// Overwrites `bytes` bytes at `at` by the low bytes of `value`.
pub(crate) fn patch(file: &mut [u8], order: ByteOrder, at: usize, value: u64, bytes: usize) {
    let field = &mut file[at..at + bytes];
    match order {
        ByteOrder::Little => field.copy_from_slice(&value.to_le_bytes()[..bytes]),
        ByteOrder::Big => field.copy_from_slice(&value.to_be_bytes()[8 - bytes..]),
    }
}
