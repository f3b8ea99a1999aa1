//! What a side says of a stretch of addresses, in as little memory as a comparison needs.

use ptwalk_abi::{Level, PhysAddr, VaRange, VirtAddr};

use crate::walk::Effective;
use crate::walk::merge::Merge;
use crate::walk::{Attrs, Mapping, ProblemKind};

/// Memory that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Address that the first byte maps to.
    pub pa: PhysAddr,
    /// The entry as read.
    pub raw: u64,
    /// Bytes that the whole leaf maps.
    pub leaf_bytes: u64,
    /// Its level.
    pub level: Level,
    /// Its attributes.
    pub attrs: Attrs,
    /// What the MMU permits, or `None` where the plugin does not tell.
    pub effective: Option<Effective>,
}

impl Leaf {
    /// What a comparison keeps of a mapping.
    pub fn new(mapping: &Mapping) -> Leaf {
        let Mapping { pa, level, leaf_bytes, at, attrs, effective, .. } = *mapping;
        Leaf { pa, raw: at.raw, leaf_bytes, level, attrs, effective }
    }
}

/// What a side says, where it says anything but that nothing is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Memory is mapped.
    Leaf(Leaf),
    /// An entry is neither empty nor present: swapped out, migrating, poisoned.
    NotPresent {
        /// Its level.
        level: Level,
        /// The entry as read.
        raw: u64,
    },
    /// The walk could not go on here.
    Problem {
        /// What it is.
        kind: ProblemKind,
        /// The entry's level.
        level: Level,
        /// The entry as read.
        raw: u64,
    },
}

impl Cell {
    /// Level of the entry.
    pub fn level(self) -> Level {
        match self {
            Cell::Leaf(leaf) => leaf.level,
            Cell::NotPresent { level, .. } | Cell::Problem { level, .. } => level,
        }
    }

    /// The entry as read.
    pub fn raw(self) -> u64 {
        match self {
            Cell::Leaf(leaf) => leaf.raw,
            Cell::NotPresent { raw, .. } | Cell::Problem { raw, .. } => raw,
        }
    }

    /// The leaf, if it is one.
    pub fn leaf(self) -> Option<Leaf> {
        if let Cell::Leaf(leaf) = self { Some(leaf) } else { None }
    }

    /// What holds `bytes` further on.
    pub(super) fn advanced(self, bytes: u64) -> Cell {
        match self {
            Cell::Leaf(leaf) => Cell::Leaf(Leaf { pa: PhysAddr(leaf.pa.0.wrapping_add(bytes)), ..leaf }),
            other => other,
        }
    }

    /// Whether `next`, `bytes` further on, is alike by `rule`.
    pub(super) fn is_followed_by(self, next: Cell, bytes: u128, rule: Merge) -> bool {
        match (self, next) {
            (Cell::Leaf(held), Cell::Leaf(next)) => {
                let alike = (held.level, held.leaf_bytes, held.attrs, held.effective)
                    == (next.level, next.leaf_bytes, next.attrs, next.effective);
                alike && (rule == Merge::Va || u128::from(held.pa.0) + bytes == u128::from(next.pa.0))
            }
            (Cell::NotPresent { level, raw }, Cell::NotPresent { level: next, raw: word }) => {
                level == next && (rule == Merge::Va || raw == word)
            }
            (held, next) => held == next,
        }
    }
}

/// A stretch of addresses, and what a side says of the first of them; the others follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The addresses.
    pub range: VaRange,
    /// What is said of them.
    pub cell: Cell,
}

impl Extent {
    /// What is left from `first` on, which is no address before the extent; `None` if nothing is.
    pub(super) fn from(self, first: VirtAddr) -> Option<Extent> {
        if first > self.range.last {
            return None;
        }
        let cell = self.cell.advanced(first.0 - self.range.first.0);
        Some(Extent { range: VaRange { first, last: self.range.last }, cell })
    }
}
