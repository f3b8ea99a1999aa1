//! Makes a sorted list of disjoint segments from loads in any order that may overlap.
//!
//! In: the loads of a core, each checked to lie within the file and the address space. Out: segments sorted by physical
//! address, none overlapping, each beginning at a multiple of 8 and holding whole page table entries; neighbours that
//! are neighbours in the file as well are one segment.
//!
//! Linux's `/proc/vmcore` lists the kernel's text twice (`kernel/crash_core.c`, v6.12, `crash_prepare_elf64_headers`
//! adds a header of its own for it), and each header gets its own copy in the file. So overlapping loads are accepted
//! where they say the same: either they are the same bytes of the file, or the bytes are compared. Loads that disagree
//! are refused, because an answer would depend on the order of the headers.
//!
//! Guaranteed: the work is bounded by [`limits::OVERLAP_BYTES`], whatever the headers say. Not handled: choosing
//! between loads that disagree.

use std::cmp::Reverse;

use ptwalk_abi::PhysAddr;
use ptwalk_verifier::fault::{Fault, seeded};

use super::Segment;
use super::error::ImageError;
use super::input::{Input, slice};
use super::limits;

/// Bytes of one page table entry; segments hold whole entries.
pub(super) const ENTRY_BYTES: u64 = 8;

/// Bytes compared at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// One load, and the program header it comes from.
#[derive(Clone, Copy)]
pub(super) struct Load {
    /// Where the bytes are in memory and in the file.
    pub segment: Segment,
    /// File offset of the program header.
    pub header: u64,
}

impl Load {
    /// The part of this load in `[start, end)`, which must overlap it.
    fn part(&self, start: u64, end: u64) -> Load {
        let skipped = start.saturating_sub(self.segment.pa.0);
        let segment = Segment {
            pa: PhysAddr(start),
            len: end.saturating_sub(start),
            file_offset: self.segment.file_offset.saturating_add(skipped),
        };
        Load { segment, ..*self }
    }
}

/// The segments that `loads` make up.
///
/// # Errors
/// `Overlap`, `OverlapBudget`, or `NoMemory` where no load has a whole entry.
pub(super) fn resolve(input: Input<'_>, mut loads: Vec<Load>) -> Result<Vec<Segment>, ImageError> {
    for load in &mut loads {
        load.segment.len -= load.segment.len % ENTRY_BYTES;
    }
    loads.retain(|load| load.segment.len > 0);
    // The longest first among equals, so that a copy of its beginning does not cut it in two.
    loads.sort_unstable_by_key(|load| (load.segment.pa, Reverse(load.segment.len), load.header));

    let mut budget = limits::OVERLAP_BYTES;
    let mut pieces: Vec<Load> = Vec::with_capacity(loads.len());
    for load in loads {
        let (start, end) = (load.segment.pa.0, load.segment.end().0);
        let covered = pieces.last().map_or(0, |piece| piece.segment.end().0);
        if start < covered {
            // Loads come by rising address, so pieces cover all of [start, covered).
            let first = pieces.partition_point(|piece| piece.segment.end().0 <= start);
            compare_all(input, pieces.get(first..).unwrap_or_default(), &load, &mut budget)?;
        }
        if end > covered {
            pieces.push(load.part(start.max(covered), end));
        }
    }

    let mut segments: Vec<Segment> = Vec::new();
    for Load { segment, .. } in pieces {
        match segments.last_mut() {
            Some(last) if last.end() == segment.pa && last.delta() == segment.delta() => last.len += segment.len,
            _ => segments.push(segment),
        }
    }
    segments.shrink_to_fit();
    if segments.is_empty() {
        return Err(ImageError::NoMemory { image: input.name() });
    }
    Ok(segments)
}

/// Compares `load` with every piece it overlaps.
fn compare_all(input: Input<'_>, pieces: &[Load], load: &Load, budget: &mut u64) -> Result<(), ImageError> {
    for piece in pieces {
        let start = piece.segment.pa.max(load.segment.pa).0;
        let end = piece.segment.end().min(load.segment.end()).0;
        if start >= end {
            break;
        }
        let same_bytes = piece.segment.delta() == load.segment.delta() || seeded(Fault::LoadsUncompared);
        let cost = limits::OVERLAP_VISIT_BYTES + if same_bytes { 0 } else { end - start };
        *budget = budget
            .checked_sub(cost)
            .ok_or_else(|| ImageError::OverlapBudget { image: input.name(), offset: load.header })?;
        if same_bytes {
            continue;
        }
        if let Some(at) =
            first_difference(bytes_of(input, &piece.part(start, end)), bytes_of(input, &load.part(start, end)))
        {
            return Err(ImageError::Overlap {
                image: input.name(),
                first: piece.header,
                second: load.header,
                pa: PhysAddr(start + at),
            });
        }
    }
    Ok(())
}

fn bytes_of<'a>(input: Input<'a>, load: &Load) -> &'a [u8] {
    slice(input.bytes, load.segment.file_offset, load.segment.len).unwrap_or_default()
}

/// Index of the first byte in which two slices of one length differ.
fn first_difference(a: &[u8], b: &[u8]) -> Option<u64> {
    let chunks = a.chunks(CHUNK_BYTES).zip(b.chunks(CHUNK_BYTES));
    let (index, (a, b)) = chunks.enumerate().find(|(_, (a, b))| a != b)?;
    let within = a.iter().zip(b).position(|(a, b)| a != b)?;
    Some((index * CHUNK_BYTES + within) as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that gets no segments has failed")]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn load(header: u64, pa: u64, len: u64, file_offset: u64) -> Load {
        Load { segment: Segment { pa: PhysAddr(pa), len, file_offset }, header }
    }

    fn run(bytes: &[u8], loads: &[Load]) -> Result<Vec<(u64, u64, u64)>, ImageError> {
        let segments = resolve(Input { image: "image", bytes }, loads.to_vec())?;
        Ok(segments.iter().map(|s| (s.pa.0, s.len, s.file_offset)).collect())
    }

    /// Bytes with a period of 256, so that two copies agree exactly where their distance is a multiple of it.
    fn pattern(len: u32) -> Vec<u8> {
        (0..len).map(|i| i.to_le_bytes()[0]).collect()
    }

    #[test]
    fn loads_are_sorted_and_neighbours_in_memory_and_file_become_one() {
        let file = pattern(1024);
        let loads = [load(3, 0x3000, 64, 0), load(1, 0x1000, 64, 128), load(2, 0x1040, 64, 192)];
        assert_eq!(run(&file, &loads).unwrap(), [(0x1000, 128, 128), (0x3000, 64, 0)]);
    }

    #[test]
    fn neighbours_in_memory_alone_stay_two() {
        let loads = [load(1, 0x1000, 64, 0), load(2, 0x1040, 64, 128)];
        assert_eq!(run(&pattern(1024), &loads).unwrap(), [(0x1000, 64, 0), (0x1040, 64, 128)]);
    }

    #[test]
    fn the_same_bytes_of_the_file_twice_are_one_segment() {
        let loads = [load(1, 0x1000, 128, 0), load(2, 0x1040, 128, 64), load(3, 0x1000, 128, 0)];
        assert_eq!(run(&pattern(1024), &loads).unwrap(), [(0x1000, 192, 0)]);
    }

    #[test]
    fn a_copy_within_a_load_is_compared_and_dropped() {
        let file = pattern(1024);
        let loads = [load(1, 0x1000, 512, 0), load(2, 0x1040, 64, 512 + 64)];
        assert_eq!(run(&file, &loads).unwrap(), [(0x1000, 512, 0)]);
        let beginning = [load(1, 0x1000, 64, 512), load(2, 0x1000, 512, 0)];
        assert_eq!(run(&file, &beginning).unwrap(), [(0x1000, 512, 0)]);
    }

    #[test]
    fn a_copy_that_goes_on_where_the_load_ends_adds_its_rest() {
        let loads = [load(1, 0x1000, 128, 0), load(2, 0x1040, 128, 512 + 64)];
        assert_eq!(run(&pattern(1024), &loads).unwrap(), [(0x1000, 128, 0), (0x1080, 64, 512 + 128)]);
    }

    #[test]
    fn a_load_over_several_pieces_is_compared_with_each() {
        let mut file = pattern(2048);
        let loads = [load(1, 0x1000, 128, 0), load(2, 0x1040, 128, 512 + 64), load(3, 0x1048, 256, 1024 + 72)];
        let merged = [(0x1000, 128, 0), (0x1080, 64, 512 + 128), (0x10c0, 136, 1024 + 192)];
        assert_eq!(run(&file, &loads).unwrap(), merged);
        // Only the second piece disagrees now, in its last byte.
        file[1024 + 191] ^= 1;
        let error = run(&file, &loads).unwrap_err();
        assert!(matches!(error, ImageError::Overlap { first: 2, second: 3, pa: PhysAddr(0x10bf), .. }), "{error}");
    }

    #[test]
    fn the_first_difference_is_found_at_both_ends_of_a_chunk() {
        let zeros = vec![0; CHUNK_BYTES * 3];
        assert_eq!(first_difference(&zeros, &zeros), None);
        for at in [0, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES * 3 - 1] {
            let mut other = zeros.clone();
            other[at] = 1;
            assert_eq!(first_difference(&zeros, &other), Some(at as u64));
        }
    }

    #[test]
    fn an_incomplete_entry_at_the_end_is_left_out_and_its_place_may_be_taken() {
        let file = pattern(1024);
        assert_eq!(run(&file, &[load(1, 0, 15, 0), load(2, 8, 8, 800)]).unwrap(), [(0, 8, 0), (8, 8, 800)]);
        let none = run(&file, &[load(1, 0, 7, 0)]);
        assert!(matches!(none, Err(ImageError::NoMemory { .. })));
    }

    #[test]
    fn the_work_is_bounded_in_bytes() {
        // 1 MiB that says the same at every shift, claimed by enough headers to exceed the budget.
        let file = vec![0; 2 << 20];
        let claims = limits::OVERLAP_BYTES / (1 << 20) + 2;
        let loads: Vec<Load> = (0..claims).map(|i| load(i, 0, 1 << 20, i * 8)).collect();
        let start = Instant::now();
        let result = run(&file, &loads);
        assert!(matches!(result, Err(ImageError::OverlapBudget { .. })));
        assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    }

    #[test]
    fn the_work_is_bounded_in_visits() {
        // A staircase of the same bytes of the file: nothing to compare, but each load meets all the steps before it.
        let file = vec![0; 1 << 20];
        let loads: Vec<Load> = (0..20_000).map(|i| load(i, i * 8, 512 << 10, i * 8)).collect();
        let start = Instant::now();
        let result = run(&file, &loads);
        assert!(matches!(result, Err(ImageError::OverlapBudget { .. })));
        assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    }
}
