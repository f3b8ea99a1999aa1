//! The bytes of a file under its name, read with every bound checked.
//!
//! In: offsets and sizes that a hostile header may have made up. Out: slices and integers, or the error that says which
//! field asked for what the file does not have. Guaranteed: no arithmetic wraps, nothing is read out of bounds. Not
//! handled: what the bytes mean.

use super::ByteOrder;
use super::error::{ImageError, Part};

/// A file being opened.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// Name for errors.
    pub image: &'a str,
    /// The whole file.
    pub bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn name(&self) -> String {
        self.image.to_owned()
    }

    pub fn file_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The `bytes` bytes at `start` that the field at `offset` promises.
    ///
    /// # Errors
    /// `Overflow` or `Truncated`.
    pub fn part(&self, part: Part, offset: u64, start: u64, bytes: u64) -> Result<&'a [u8], ImageError> {
        let end = start.checked_add(bytes).ok_or_else(|| ImageError::Overflow {
            image: self.name(),
            part,
            offset,
            start,
            bytes,
        })?;
        slice(self.bytes, start, bytes).ok_or_else(|| ImageError::Truncated {
            image: self.name(),
            part,
            offset,
            start,
            bytes,
            missing: end.saturating_sub(self.file_bytes()),
        })
    }

    pub fn u16(&self, part: Part, order: ByteOrder, offset: u64) -> Result<u16, ImageError> {
        Ok(order.u16(self.array(part, offset)?))
    }

    pub fn u32(&self, part: Part, order: ByteOrder, offset: u64) -> Result<u32, ImageError> {
        Ok(order.u32(self.array(part, offset)?))
    }

    pub fn u64(&self, part: Part, order: ByteOrder, offset: u64) -> Result<u64, ImageError> {
        Ok(order.u64(self.array(part, offset)?))
    }

    /// The byte at `offset`.
    pub fn u8(&self, part: Part, offset: u64) -> Result<u8, ImageError> {
        let [byte] = self.array(part, offset)?;
        Ok(byte)
    }

    fn array<const N: usize>(&self, part: Part, offset: u64) -> Result<[u8; N], ImageError> {
        let bytes = N as u64;
        let tail = slice(self.bytes, offset, self.file_bytes().saturating_sub(offset)).unwrap_or_default();
        tail.first_chunk().copied().ok_or_else(|| ImageError::Truncated {
            image: self.name(),
            part,
            offset,
            start: offset,
            bytes,
            missing: offset.saturating_add(bytes).saturating_sub(self.file_bytes()),
        })
    }
}

/// `bytes[start .. start + count]`, or `None` where it does not exist.
pub(super) fn slice(bytes: &[u8], start: u64, count: u64) -> Option<&[u8]> {
    let end = usize::try_from(start.checked_add(count)?).ok()?;
    bytes.get(usize::try_from(start).ok()?..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: Input<'static> = Input { image: "image", bytes: &[0, 1, 2, 3, 4, 5, 6, 7, 8] };

    #[test]
    fn integers_at_the_last_place_and_one_beyond() {
        let last = INPUT.u64(Part::ElfHeader, ByteOrder::Big, 1);
        assert!(matches!(last, Ok(0x0102_0304_0506_0708)));
        let beyond = INPUT.u64(Part::ElfHeader, ByteOrder::Big, 2);
        assert!(matches!(beyond, Err(ImageError::Truncated { offset: 2, bytes: 8, missing: 1, .. })));
        let far = INPUT.u32(Part::Notes, ByteOrder::Little, u64::MAX);
        assert!(matches!(far, Err(ImageError::Truncated { part: Part::Notes, .. })));
    }

    #[test]
    fn parts_at_both_ends_of_the_address_range() {
        assert!(INPUT.part(Part::Load, 0, 0, 9).is_ok_and(|part| part.len() == 9));
        assert!(INPUT.part(Part::Load, 0, 9, 0).is_ok_and(<[u8]>::is_empty));
        assert!(matches!(INPUT.part(Part::Load, 7, 9, 1), Err(ImageError::Truncated { offset: 7, missing: 1, .. })));
        assert!(matches!(INPUT.part(Part::Load, 7, u64::MAX, 0), Err(ImageError::Truncated { .. })));
        assert!(matches!(INPUT.part(Part::Load, 7, u64::MAX, 1), Err(ImageError::Overflow { start: u64::MAX, .. })));
    }
}
