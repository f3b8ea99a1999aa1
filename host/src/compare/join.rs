//! Two ascending sequences of extents as one sequence of pairs.
//!
//! In: two [`Incoming`]. Out: stretches of addresses of which at least one side says something, each cut so that neither
//! side says two things of it. Guaranteed: ascending, and every stretch is shorter than what it was cut from, so the
//! sequence ends. Ends early where a side is cut off: its silence means nothing then.

use ptwalk_abi::{VaRange, VirtAddr};

use super::cell::{Cell, Extent};
use super::stream::{Cut, Incoming};

/// A stretch and what either side says of its first address.
type Pair = (VaRange, Option<Cell>, Option<Cell>);

/// The join.
pub struct Join {
    a: Incoming,
    b: Incoming,
    /// What is left of the extent that each side is at.
    at: [Option<Extent>; 2],
}

impl Join {
    pub fn new(a: Incoming, b: Incoming) -> Join {
        Join { a, b, at: [None; 2] }
    }

    fn fill(&mut self) -> Result<(), Cut> {
        let [a, b] = &mut self.at;
        if a.is_none() {
            *a = self.a.next()?;
        }
        if b.is_none() {
            *b = self.b.next()?;
        }
        Ok(())
    }
}

impl Join {
    /// Passes over entries that are the same on both sides, as far as they are at hand, and says how many there were and how
    /// much they map. Most are, and they need no cutting.
    pub fn skip_alike(&mut self) -> (u64, u64) {
        if self.at.iter().any(Option::is_some) {
            return (0, 0);
        }
        let mut bytes = 0_u64;
        let pairs = self.a.at_hand().iter().zip(self.b.at_hand());
        let alike = pairs.take_while(|(a, b)| a == b && !matches!(a.cell, Cell::Problem { .. })).map(|(a, _)| a.range);
        let sum = |range: VaRange| bytes = bytes.saturating_add(u64::try_from(range.bytes()).unwrap_or(u64::MAX));
        let count = alike.map(sum).count();
        self.a.skip(count);
        self.b.skip(count);
        (count as u64, bytes)
    }
}

impl Iterator for Join {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.fill().is_err() {
            return None;
        }
        let firsts = self.at.iter().flatten().map(|extent| extent.range.first);
        let first = firsts.min()?;
        // The stretch ends where an extent that began does, or where the other one begins.
        let ends = self.at.iter().flatten().map(|extent| {
            if extent.range.first == first { extent.range.last } else { VirtAddr(extent.range.first.0 - 1) }
        });
        let last = ends.min()?;
        let mut cells = [None; 2];
        for (at, cell) in self.at.iter_mut().zip(&mut cells) {
            let Some(extent) = at.filter(|extent| extent.range.first == first) else { continue };
            *cell = Some(extent.cell);
            *at = last.0.checked_add(1).and_then(|next| extent.from(VirtAddr(next)));
        }
        Some((VaRange { first, last }, cells[0], cells[1]))
    }
}
