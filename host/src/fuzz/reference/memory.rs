//! Memory of the reference: pieces of words.

use ptwalk_abi::PhysAddr;

use crate::fuzz::run::Failure;
use crate::image::builder::CoreBuilder;
use crate::image::{ByteOrder, Image};

/// Pieces of physical memory that do not overlap.
#[derive(Clone, Debug, Default)]
pub(in crate::fuzz) struct Physical {
    pub pieces: Vec<(u64, Vec<u64>)>,
}

impl Physical {
    /// The word at an address, where there is one.
    pub fn word(&self, pa: u64) -> Option<u64> {
        self.pieces.iter().find_map(|(start, words)| {
            let offset = pa.checked_sub(*start)?;
            words.get(usize::try_from(offset / 8).ok()?).copied()
        })
    }

    /// Bytes that there are.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|(_, words)| words.len() as u64 * 8).sum()
    }

    /// The same in one piece, with zeros where there was nothing.
    pub fn flat(&self) -> Physical {
        let base = self.pieces.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let mut flat = Vec::new();
        for (start, words) in &self.pieces {
            let at = usize::try_from((start - base) / 8).unwrap_or(0);
            flat.resize(flat.len().max(at + words.len()), 0);
            flat[at..][..words.len()].copy_from_slice(words);
        }
        Physical { pieces: vec![(base, flat)] }
    }

    /// The same as an image: raw memory where it is one piece, otherwise an ELF core.
    ///
    /// # Errors
    /// Where the image does not open, which is a finding.
    pub fn image(&self, big_endian: bool) -> Result<Image, Failure> {
        let order = if big_endian { ByteOrder::Big } else { ByteOrder::Little };
        let stored = |words: &[u64]| -> Vec<u8> {
            words.iter().flat_map(|word| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() }).collect()
        };
        let (bytes, base) = match self.pieces.as_slice() {
            [(start, words)] => (stored(words), Some(PhysAddr(*start))),
            pieces => {
                let core = CoreBuilder::new(order, 0);
                (pieces.iter().fold(core, |core, (start, words)| core.load(*start, &stored(words))).build(), None)
            }
        };
        Ok(Image::from_bytes("reference", bytes, base)?)
    }
}
