//! Physical memory as words, for tables that are made entry by entry.
//!
//! In: words at addresses. Out: ELF cores and raw bytes that hold exactly the pages stored to; what is between the words
//! is zero. Not handled: memory of more than a few pages.

use std::collections::BTreeMap;

use crate::image::ByteOrder;
use crate::image::builder::CoreBuilder;

/// `EM_AARCH64`.
pub const AARCH64: u16 = 183;
/// `EM_PPC64`.
pub const PPC64: u16 = 21;
/// `EM_X86_64`.
pub const X86_64: u16 = 62;

/// Physical memory as words; what is between them is zero.
#[derive(Clone, Default)]
pub struct Memory {
    words: BTreeMap<u64, u64>,
}

impl Memory {
    /// Stores a word.
    ///
    /// # Panics
    /// At an address that no entry has: entries are aligned.
    pub fn store(&mut self, pa: u64, word: u64) {
        assert_eq!(pa % 8, 0, "entries are aligned");
        self.words.insert(pa, word);
    }

    /// An arm64 core that holds exactly the pages stored to.
    pub fn core(&self, order: ByteOrder, page_bytes: u64) -> CoreBuilder {
        self.load_into(CoreBuilder::new(order, AARCH64), order, page_bytes)
    }

    /// `core` with exactly the pages stored to, their words in `order`.
    pub fn load_into(&self, core: CoreBuilder, order: ByteOrder, page_bytes: u64) -> CoreBuilder {
        let mut pages: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (pa, word) in &self.words {
            let page = pages.entry(pa & !(page_bytes - 1)).or_insert_with(|| vec![0; small(page_bytes)]);
            let at = small(pa & (page_bytes - 1));
            page[at..at + 8].copy_from_slice(&stored(*word, order));
        }
        pages.iter().fold(core, |core, (pa, bytes)| core.load(*pa, bytes))
    }

    /// The bytes from the first page stored to, to the end of the last, and the address of the first.
    pub fn bytes(&self, order: ByteOrder, page_bytes: u64) -> (u64, Vec<u8>) {
        let first = self.words.keys().next().map_or(0, |pa| pa & !(page_bytes - 1));
        let end = self.words.keys().next_back().map_or(first, |pa| (pa | (page_bytes - 1)) + 1);
        let mut bytes = vec![0; small(end - first)];
        for (pa, word) in &self.words {
            let at = small(pa - first);
            bytes[at..at + 8].copy_from_slice(&stored(*word, order));
        }
        (first, bytes)
    }
}

/// A word as memory holds it.
fn stored(word: u64, order: ByteOrder) -> [u8; 8] {
    match order {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    }
}

/// A size or offset of memory that was made word by word.
fn small(bytes: u64) -> usize {
    usize::try_from(bytes).expect("memory made word by word is small")
}
