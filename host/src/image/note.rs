//! Notes of an ELF core.
//!
//! In: the bytes of a PT_NOTE. Out: the list of its notes, each with the place of its descriptor in the file.
//! Guaranteed: every listed note lies within its segment; the list is bounded by [`limits::NOTES`]. Not handled: the
//! contents of descriptors, except that the first note owned by `VMCOREINFO` is found and bounded.
//!
//! A header with `n_namesz` 0 ends the segment's notes, as in Linux (`fs/proc/vmcore.c`, v6.12,
//! `update_note_header_size_elf64`): the kernel reserves a page per CPU and leaves the rest of it zero.

use object::Endianness;
use object::elf::NoteHeader64;
use ptwalk_verifier::fault::{Fault, seeded};
use std::mem::offset_of;

use super::ByteOrder;
use super::error::{ImageError, NoteField, Part};
use super::input::{Input, slice};
use super::limits;

type Header = NoteHeader64<Endianness>;
const HEADER_BYTES: u64 = size_of::<Header>() as u64;

/// Owner of the note that describes the kernel (`include/linux/vmcore_info.h`, v6.12, `VMCOREINFO_NOTE_NAME`).
pub const VMCOREINFO_OWNER: &str = "VMCOREINFO";

/// One note of an ELF core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who defined the type, `CORE` for instance; bytes that are not UTF-8 are replaced.
    pub owner: String,
    /// `n_type`, whose meaning is the owner's.
    pub note_type: u32,
    /// File offset of the descriptor.
    pub file_offset: u64,
    /// Bytes of the descriptor.
    pub len: u64,
}

/// A PT_NOTE whose bytes are known to be in the file.
pub(super) struct NoteSegment {
    /// File offset of its first byte.
    pub start: u64,
    /// File offset of its end.
    pub end: u64,
    /// `p_align`: 8 aligns notes to 8 bytes, everything else to 4, as binutils and the kernel do.
    pub align: u64,
}

/// Appends the notes of `segment` to `notes`.
///
/// # Errors
/// `NoteBounds`, `NoteOwner`, `NoteCount`, `VmcoreInfoSize`.
pub(super) fn read_notes(
    input: Input<'_>,
    order: ByteOrder,
    segment: &NoteSegment,
    notes: &mut Vec<Note>,
) -> Result<(), ImageError> {
    let align = if segment.align == 8 && !seeded(Fault::NotesUnaligned) { 8 } else { 4 };
    let mut at = segment.start;
    while at < segment.end {
        let left = segment.end - at;
        if left < HEADER_BYTES {
            if slice(input.bytes, at, left).is_some_and(|tail| tail.iter().all(|&byte| byte == 0)) {
                break;
            }
            return Err(out_of_bounds(input, at, NoteField::Header, HEADER_BYTES, left));
        }
        let name_size_at = at + offset_of!(Header, n_namesz) as u64;
        let desc_size_at = at + offset_of!(Header, n_descsz) as u64;
        let name_bytes = u64::from(input.u32(Part::Notes, order, name_size_at)?);
        let desc_bytes = u64::from(input.u32(Part::Notes, order, desc_size_at)?);
        let note_type = input.u32(Part::Notes, order, at + offset_of!(Header, n_type) as u64)?;
        if name_bytes == 0 {
            break;
        }
        if notes.len() >= limits::NOTES {
            return Err(ImageError::NoteCount { image: input.name(), offset: at });
        }
        if name_bytes > limits::NOTE_OWNER_BYTES {
            return Err(ImageError::NoteOwner { image: input.name(), offset: name_size_at, bytes: name_bytes });
        }
        let name_start = at + HEADER_BYTES;
        if name_bytes > segment.end - name_start {
            let left = segment.end - name_start;
            return Err(out_of_bounds(input, name_size_at, NoteField::NameSize, name_bytes, left));
        }
        let owner = owner(slice(input.bytes, name_start, name_bytes).unwrap_or_default());
        // Padding counts from the note's beginning; the last note's may be cut off.
        let desc_start = at + (HEADER_BYTES + name_bytes).next_multiple_of(align);
        let left = segment.end.saturating_sub(desc_start);
        if desc_bytes > left {
            return Err(out_of_bounds(input, desc_size_at, NoteField::DescSize, desc_bytes, left));
        }
        if owner == VMCOREINFO_OWNER && desc_bytes > limits::VMCOREINFO_BYTES {
            return Err(ImageError::VmcoreInfoSize { image: input.name(), offset: desc_size_at, bytes: desc_bytes });
        }
        notes.push(Note { owner, note_type, file_offset: desc_start.min(segment.end), len: desc_bytes });
        at = desc_start.saturating_add(desc_bytes.next_multiple_of(align));
    }
    Ok(())
}

fn out_of_bounds(input: Input<'_>, offset: u64, field: NoteField, bytes: u64, left: u64) -> ImageError {
    ImageError::NoteBounds { image: input.name(), offset, field, bytes, left }
}

/// The name up to its NUL.
fn owner(name: &[u8]) -> String {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that gets no notes has failed")]
mod tests {
    use super::*;

    fn header(name_bytes: u32, desc_bytes: u32, note_type: u32) -> Vec<u8> {
        [name_bytes, desc_bytes, note_type].iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn note(owner: &[u8], desc: &[u8], align: usize) -> Vec<u8> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut bytes = header(size(owner), size(desc), 7);
        for part in [owner, desc] {
            bytes.extend_from_slice(part);
            bytes.resize(bytes.len().next_multiple_of(align), 0);
        }
        bytes
    }

    fn read(bytes: &[u8], align: u64) -> Result<Vec<Note>, ImageError> {
        let mut notes = Vec::new();
        let segment = NoteSegment { start: 0, end: bytes.len() as u64, align };
        read_notes(Input { image: "image", bytes }, ByteOrder::Big, &segment, &mut notes)?;
        Ok(notes)
    }

    #[test]
    fn notes_follow_each_other_padded_to_4_or_8() {
        for align in [4_u8, 8] {
            let mut bytes = note(b"CORE\0", b"12345", usize::from(align));
            let second = bytes.len() as u64;
            bytes.extend(note(b"VMCOREINFO\0", b"A=1\n", usize::from(align)));
            let notes = read(&bytes, align.into()).unwrap();
            let read: Vec<_> = notes.iter().map(|n| (n.owner.as_str(), n.note_type, n.file_offset, n.len)).collect();
            let desc = if align == 8 { (24, second + 24) } else { (20, second + 24) };
            assert_eq!(read, [("CORE", 7, desc.0, 5), ("VMCOREINFO", 7, desc.1, 4)]);
        }
    }

    #[test]
    fn zeros_end_the_notes_of_a_segment() {
        for zeros in [1, 11, 12, 100] {
            let mut bytes = note(b"CORE\0", b"1234", 4);
            bytes.extend(vec![0; zeros]);
            assert_eq!(read(&bytes, 4).unwrap().len(), 1, "{zeros}");
        }
    }

    #[test]
    fn the_last_padding_may_be_missing() {
        let mut bytes = note(b"CORE\0", b"12345", 4);
        bytes.truncate(25);
        assert_eq!(read(&bytes, 4).unwrap().first().map(|n| n.len), Some(5));
        let mut empty = note(b"CORE\0", b"", 4);
        empty.truncate(17);
        assert_eq!(read(&empty, 4).unwrap().first().map(|n| (n.file_offset, n.len)), Some((17, 0)));
    }

    #[test]
    fn whatever_does_not_fit_its_segment_is_named() {
        let cases = [
            (b"\0\0\0\x05".to_vec(), 0, NoteField::Header, 12, 4),
            (header(5, 0, 0), 0, NoteField::NameSize, 5, 0),
            ([header(4, 1, 0), b"GNU\0".to_vec()].concat(), 4, NoteField::DescSize, 1, 0),
            ([header(4, u32::MAX, 0), b"GNU\0".to_vec()].concat(), 4, NoteField::DescSize, u64::from(u32::MAX), 0),
        ];
        for (bytes, at, what, needed, has) in cases {
            let error = read(&bytes, 0).unwrap_err();
            assert!(
                matches!(error, ImageError::NoteBounds { offset, field, bytes, left, .. }
                    if (offset, field, bytes, left) == (at, what, needed, has)),
                "{error}"
            );
        }
    }

    #[test]
    fn limits_at_both_ends() {
        let longest = vec![b'x'; usize::try_from(limits::NOTE_OWNER_BYTES).unwrap()];
        assert_eq!(read(&note(&longest, b"", 4), 4).unwrap().len(), 1);
        let longer = [&longest[..], b"x"].concat();
        assert!(matches!(read(&note(&longer, b"", 4), 4), Err(ImageError::NoteOwner { offset: 0, bytes: 65, .. })));

        let mut largest = vec![b'\n'; usize::try_from(limits::VMCOREINFO_BYTES).unwrap()];
        assert_eq!(read(&note(b"VMCOREINFO\0", &largest, 4), 4).unwrap().len(), 1);
        largest.push(b'\n');
        assert_eq!(read(&note(b"OTHER\0", &largest, 4), 4).unwrap().len(), 1);
        let error = read(&note(b"VMCOREINFO\0", &largest, 4), 4);
        assert!(matches!(error, Err(ImageError::VmcoreInfoSize { offset: 4, .. })));

        let mut many = note(b"x\0", b"", 4).repeat(limits::NOTES);
        assert_eq!(read(&many, 4).unwrap().len(), limits::NOTES);
        let at = many.len() as u64;
        many.extend(note(b"x\0", b"", 4));
        assert!(matches!(read(&many, 4), Err(ImageError::NoteCount { offset, .. }) if offset == at));
    }

    #[test]
    fn an_owner_that_is_not_utf8_is_kept_as_far_as_it_goes() {
        assert_eq!(read(&note(b"a\xffb\0junk", b"", 4), 4).unwrap().first().unwrap().owner, "a\u{fffd}b");
    }
}
