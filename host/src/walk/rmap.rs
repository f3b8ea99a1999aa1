//! Which virtual addresses a frame has.
//!
//! In: physical addresses, any number of them, and a walk. Out: the leaves that map one of them. Guaranteed: leaves are
//! tested as packed words, one lookup in a table of 8 KiB for most of them, so that looking for many costs what looking
//! for one does; only leaves that map something asked for are kept. Not handled: what is mapped by hardware other than
//! these tables.

use ptwalk_abi::PhysAddr;

use super::descent::{Passed, WalkError};
use super::event::{Event, Incomplete, Mapping};
use super::map::{Leaves, MapSink};

/// Words of the table in which a frame number is looked up first.
const SIEVE_WORDS: usize = 1 << 10;

/// The addresses that are looked for.
pub struct Wanted {
    /// Each once, ascending.
    addresses: Vec<PhysAddr>,
    /// A bit for each frame number, by its lowest bits. Where it is not set, no address lies in the frame.
    sieve: Vec<u64>,
    page_shift: u32,
}

impl Wanted {
    /// The addresses, in any order.
    pub fn new(mut addresses: Vec<PhysAddr>, page_shift: u32) -> Wanted {
        addresses.sort_unstable();
        addresses.dedup();
        let mut sieve = vec![0; SIEVE_WORDS];
        for pa in &addresses {
            let (word, bit) = place(pa.pfn(page_shift).0);
            sieve[word] |= bit;
        }
        Wanted { addresses, sieve, page_shift }
    }

    /// The addresses, each once, ascending.
    pub fn addresses(&self) -> &[PhysAddr] {
        &self.addresses
    }

    /// Those that a mapping maps, by their positions in [`Wanted::addresses`].
    pub fn mapped_by(&self, mapping: &Mapping) -> std::ops::Range<usize> {
        self.between(mapping.pa.0, u64::try_from(mapping.range.bytes()).unwrap_or(u64::MAX))
    }

    fn between(&self, start: u64, bytes: u64) -> std::ops::Range<usize> {
        let last = start.saturating_add(bytes - 1);
        let from = self.addresses.partition_point(|pa| pa.0 < start);
        from..from + self.addresses[from..].partition_point(|pa| pa.0 <= last)
    }

    /// Whether a leaf of `bytes` whose first frame is this may map one of them.
    #[inline]
    fn may_lie_in(&self, frame: u64, bytes: u64) -> bool {
        if bytes >> self.page_shift == 1 {
            let (word, bit) = place(frame);
            return self.sieve[word] & bit != 0;
        }
        !self.between(frame << self.page_shift, bytes).is_empty()
    }
}

/// Where the sieve has a frame number.
#[inline]
fn place(frame: u64) -> (usize, u64) {
    let word = usize::try_from(frame >> 6).unwrap_or(0) & (SIEVE_WORDS - 1);
    (word, 1 << (frame & 63))
}

/// The sink of a part of a walk.
pub struct Finding<'w> {
    /// The leaves that map something wanted.
    pub mappings: Vec<Mapping>,
    /// Tables met.
    pub tables: u64,
    /// What was not seen.
    pub incomplete: Incomplete,
    wanted: &'w Wanted,
}

impl<'w> Finding<'w> {
    /// Nothing found yet.
    pub fn new(wanted: &'w Wanted) -> Finding<'w> {
        Finding { mappings: Vec::new(), tables: 0, incomplete: Incomplete::default(), wanted }
    }

    fn mapping(&mut self, mapping: Mapping) {
        if !self.wanted.mapped_by(&mapping).is_empty() {
            self.mappings.push(mapping);
        }
    }
}

impl MapSink for Finding<'_> {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Mapping(mapping) => self.mapping(*mapping),
            Event::Table { .. } => self.tables += 1,
            Event::Problem(problem) => self.incomplete.add(problem),
            Event::Hole { .. } | Event::NotPresent { .. } => {}
        }
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        let (layout, bytes) = (leaves.layout(), leaves.leaf_bytes());
        for word in leaves.words() {
            if self.wanted.may_lie_in(layout.frame(*word), bytes) {
                self.mapping(leaves.mapping(*word));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sieve_lets_through_every_frame_that_is_wanted() {
        let addresses: Vec<PhysAddr> = (0..3000u64)
            .map(|i| PhysAddr(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12))
            .chain([PhysAddr(u64::MAX)])
            .collect();
        let wanted = Wanted::new([&addresses[..], &addresses[..7]].concat(), 12);
        assert_eq!(wanted.addresses().len(), addresses.len());
        for pa in &addresses {
            assert!(wanted.may_lie_in(pa.0 >> 12, 1 << 12), "{pa}");
            assert!(wanted.may_lie_in(pa.0 >> 21 << 9, 1 << 21), "{pa}");
        }
        let few = Wanted::new(vec![PhysAddr(0x20_0fff), PhysAddr(0x40_0000)], 12);
        let let_through = [(0x200, 12), (0x201, 12), (0x200, 21), (0x000, 21), (0x400, 21), (0x201, 21)]
            .map(|(frame, shift)| few.may_lie_in(frame, 1 << shift));
        assert_eq!(let_through, [true, false, true, false, true, true]);
    }
}
