//! Merging neighbouring mappings into one line, as ptdump does.

use ptwalk_abi::VaRange;

use super::event::Mapping;

/// Which neighbours become one record. Only leaves of one level with equal attributes and permissions ever do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// None: one record a leaf.
    None,
    /// Those that follow one another in virtual addresses.
    Va,
    /// Those that also follow one another in physical addresses: no information but `raw` is lost.
    Pa,
}

/// One or more mappings as one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The first mapping, its range extended over all.
    pub mapping: Mapping,
    /// Leaves merged.
    pub count: u64,
}

/// Merges a stream of mappings in ascending order. Holds one record.
#[derive(Clone, Debug)]
pub struct Merger {
    rule: Merge,
    held: Option<Merged>,
}

impl Merger {
    /// A merger that follows `rule`.
    pub fn new(rule: Merge) -> Merger {
        Merger { rule, held: None }
    }

    /// Takes the next record, and returns the one that it does not extend.
    pub fn push(&mut self, next: Merged) -> Option<Merged> {
        if self.held.as_mut().is_some_and(|held| self.rule.extend(held, &next)) {
            return None;
        }
        self.held.replace(next)
    }

    /// The record still held, at the end of the stream or where something lies between.
    pub fn flush(&mut self) -> Option<Merged> {
        self.held.take()
    }
}

impl Merge {
    /// Makes `next` a part of `held`, if it follows it, and says whether it did.
    pub fn extend(self, held: &mut Merged, next: &Merged) -> bool {
        let follows = self.follows(&held.mapping, &next.mapping);
        if follows {
            held.mapping.range = VaRange { first: held.mapping.range.first, last: next.mapping.range.last };
            held.count += next.count;
        }
        follows
    }

    fn follows(self, first: &Mapping, next: &Mapping) -> bool {
        let alike = first.level == next.level && first.attrs == next.attrs && first.effective == next.effective;
        let va_follows = first.range.end() == u128::from(next.range.first.0);
        let pa_follows = u128::from(first.pa.0) + first.range.bytes() == u128::from(next.pa.0);
        match self {
            Merge::None => false,
            Merge::Va => alike && va_follows,
            Merge::Pa => alike && va_follows && pa_follows,
        }
    }
}
