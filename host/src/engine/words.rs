//! The words that a scan keeps.
//!
//! In: words one by one, or written into room asked for. Out: a slice. Guaranteed: the first word is the first of a page,
//! as the first entry of a table is. A scan stores a little behind of where it loads, seen from the beginning of either
//! page; elsewhere it would store a little ahead, and a processor that compares the lower bits of addresses would take its
//! next loads for loads of what it has just stored, and wait. Not handled: growing in place.

use std::ops::Deref;

/// Words of the smallest page.
const PAGE_WORDS: usize = 512;

/// Packed words, in ascending order of the entries that they stand for.
#[derive(Debug, Default)]
pub struct Words {
    buffer: Vec<u64>,
    /// Where in the buffer a page begins.
    start: usize,
    len: usize,
}

impl Words {
    /// None yet.
    pub const fn new() -> Words {
        Words { buffer: Vec::new(), start: 0, len: 0 }
    }

    /// Forgets all words and keeps the room.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// One more.
    pub fn push(&mut self, word: u64) {
        self.room(1)[0] = word;
        self.len += 1;
    }

    /// Exactly `count` places after the last word. What is in them is no word before [`Words::keep`].
    #[inline]
    pub(super) fn room(&mut self, count: usize) -> &mut [u64] {
        if self.buffer.len() < self.start + self.len + count {
            self.grow(self.len + count);
        }
        &mut self.buffer[self.start + self.len..][..count]
    }

    /// Makes words of the first `count` places.
    ///
    /// # Panics
    /// Where there are fewer.
    #[inline]
    pub(super) fn keep(&mut self, count: usize) {
        let len = self.len + count;
        assert!(self.start + len <= self.buffer.len(), "{count} places were not asked for");
        self.len = len;
    }

    #[cold]
    fn grow(&mut self, words: usize) {
        let mut buffer = vec![0; words.max(2 * self.len) + PAGE_WORDS];
        let beyond = buffer.as_ptr().addr() / size_of::<u64>() % PAGE_WORDS;
        let start = (PAGE_WORDS - beyond) % PAGE_WORDS;
        buffer[start..start + self.len].copy_from_slice(self);
        (self.buffer, self.start) = (buffer, start);
    }
}

impl Deref for Words {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        &self.buffer[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_in_order_and_at_the_beginning_of_a_page() {
        let mut words = Words::new();
        for word in 0..5000 {
            words.push(word);
            assert_eq!(words.as_ptr().addr() % 4096, 0);
        }
        words.room(3).copy_from_slice(&[5000, 5001, 7]);
        words.keep(2);
        assert!(words.iter().copied().eq(0..5002));
        words.clear();
        assert!(words.is_empty());
    }

    #[test]
    #[should_panic(expected = "1024 places were not asked for")]
    fn no_word_comes_from_beyond_the_room() {
        let mut words = Words::new();
        words.room(8);
        words.keep(2 * PAGE_WORDS);
    }
}
