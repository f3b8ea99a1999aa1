//! What the machine can read at all: the roofline of a walk, which must read every entry once.

use super::Rng;
use super::tables::PAGE_BYTES;

/// Sums every word, first to last.
pub fn read_sequential(bytes: &[u8]) -> u64 {
    sum(bytes)
}

/// Sums every word, page by page, of the pages that begin at `offsets`.
pub fn read_pages(bytes: &[u8], offsets: &[usize]) -> u64 {
    offsets.iter().fold(0, |total, offset| total.wrapping_add(sum(&bytes[*offset..][..PAGE_BYTES])))
}

/// The pages of `bytes` in an order that no prefetcher foresees, as offsets.
pub fn scattered(bytes: &[u8], seed: u64) -> Vec<usize> {
    let mut pages: Vec<usize> = (0..bytes.len() / PAGE_BYTES).map(|page| page * PAGE_BYTES).collect();
    Rng(seed).shuffle(&mut pages);
    pages
}

/// Memory of that size, of which no two pages are one page of zeros.
pub fn memory(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0; bytes];
    for (i, page) in memory.chunks_exact_mut(PAGE_BYTES).enumerate() {
        page[..8].copy_from_slice(&i.to_le_bytes());
    }
    memory
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(0, u64::wrapping_add)
}
