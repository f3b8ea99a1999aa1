//! What a forensic walk must find, entry by entry.
//!
//! The rules are those at the head of `walk/map.rs`: empty, not present, leaf, bad unless the MMU uses it, table; a table on
//! its own trail is a cycle; no more tables are visited than sixteen times those that the memory could hold.

use ptwalk_abi::Level;

use super::memory::Physical;
use super::{Machine, Meaning, Perms};

/// An entry passed on the way down: level, table, index, word.
pub(in crate::fuzz) type Passed = (Level, u64, u32, u64);

/// Something met, from the first to the last address, at an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fuzz) struct Met {
    pub what: What,
    pub first: u64,
    pub last: u64,
    /// The entry; of empty ones no index, as runs of them may be told of in parts.
    pub at: Passed,
    /// The entries above.
    pub trail: Vec<Passed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fuzz) enum What {
    /// First address mapped, bytes of the leaf, attributes and effective permissions in the order of the JSON interface.
    Mapping(u64, u64, [bool; 9], [bool; 4]),
    NotPresent,
    Hole,
    /// The address of the table.
    Table(u64),
    Problem(&'static str),
}

/// Walks `first..=last` of the tables of a root.
pub(in crate::fuzz) fn walk(m: &Machine, memory: &Physical, root: u64, upper: bool, range: (u64, u64)) -> Vec<Met> {
    // The root is one table, however small; every other could be the smallest there is.
    let smallest = (1..m.levels.len()).map(|depth| m.table_bytes(depth)).min().unwrap_or(8);
    let budget = (memory.bytes() / smallest + 64) * 16;
    let mut walk = Walk { m, memory, upper, budget, met: Vec::new(), trail: Vec::new() };
    walk.table(0, root, range, Perms::ALL);
    walk.met
}

struct Walk<'a> {
    m: &'a Machine,
    memory: &'a Physical,
    upper: bool,
    budget: u64,
    met: Vec<Met>,
    trail: Vec<Passed>,
}

/// Things met after which the walk is left as it is: what is shared may expand.
pub(in crate::fuzz) const ENOUGH: usize = 6000;

impl Walk<'_> {
    fn meet(&mut self, what: What, (first, last): (u64, u64), at: Passed) {
        self.met.push(Met { what, first, last, at, trail: self.trail.clone() });
    }

    fn table(&mut self, depth: usize, table: u64, (first, last): (u64, u64), perms: Perms) {
        let (level, shift, bits) = self.m.levels[depth];
        let index_of = |va: u64| u32::try_from(va >> shift & ((1 << bits) - 1)).unwrap_or(0);
        for index in index_of(first)..=index_of(last) {
            if self.met.len() >= ENOUGH {
                return;
            }
            let below = (1u64 << shift) - 1;
            let start = first & !((1 << (shift + bits)) - 1) | u64::from(index) << shift;
            let part = (start.max(first), (start | below).min(last));
            let at = |raw| (self.m.shown(depth), table, index, raw);
            let Some(x) = self.memory.word(table + u64::from(index) * 8) else {
                self.join("outside_image", part, at(0));
                continue;
            };
            let meaning = self.m.meaning(level, x);
            let at = at(x);
            if meaning.none {
                self.hole(part, (at.0, table, 0, 0));
            } else if !meaning.present {
                self.meet(What::NotPresent, part, at);
            } else if level == Level::Pte || meaning.huge || meaning.trans_huge || meaning.leaf {
                let pa = (meaning.pfn << self.m.page_shift).wrapping_add(part.0 - start);
                let (attrs, effective) = (self.attrs(&meaning), self.effective(perms.and(meaning.perms)));
                self.meet(What::Mapping(pa, 1 << shift, attrs, effective), part, at);
            } else {
                self.below(depth, &meaning, part, at, perms);
            }
        }
    }

    fn below(&mut self, depth: usize, meaning: &Meaning, part: (u64, u64), at: Passed, perms: Perms) {
        let next = meaning.table;
        if meaning.bad && !meaning.perms.any() {
            self.meet(What::Problem("bad"), part, at);
        } else if at.1 == next || self.trail.iter().any(|(_, table, ..)| *table == next) {
            self.meet(What::Problem("cycle"), part, at);
        } else if self.budget == 0 {
            self.meet(What::Problem("shared_tables"), part, at);
        } else {
            self.budget -= 1;
            self.meet(What::Table(next), part, at);
            self.trail.push(at);
            self.table(depth + 1, next, part, perms.and(meaning.perms));
            self.trail.pop();
        }
    }

    /// Entries that are not there are one problem as long as they follow one another.
    fn join(&mut self, reason: &'static str, part: (u64, u64), at: Passed) {
        let trail = &self.trail;
        let extends = |met: &&mut Met| {
            met.what == What::Problem(reason)
                && met.at.1 == at.1
                && met.last.wrapping_add(1) == part.0
                && met.trail == *trail
        };
        match self.met.last_mut().filter(extends) {
            Some(met) => met.last = part.1,
            None => self.meet(What::Problem(reason), part, at),
        }
    }

    fn hole(&mut self, part: (u64, u64), at: Passed) {
        join_hole(&mut self.met, Met { what: What::Hole, first: part.0, last: part.1, at, trail: self.trail.clone() });
    }

    fn attrs(&self, x: &Meaning) -> [bool; 9] {
        let user = x.perms.user.contains(&true);
        let exec = if self.upper { x.perms.kernel[2] } else { x.perms.user[2] };
        [x.write, user, exec, x.young, x.dirty, x.special, x.devmap, x.protnone, x.cont]
    }

    fn effective(&self, perms: Perms) -> [bool; 4] {
        let own = if self.upper { perms.kernel } else { perms.user };
        [own[0], own[1], own[2], perms.user.contains(&true)]
    }
}

/// Adds empty entries to what was met; those that follow others of the same table are one with them.
pub(in crate::fuzz) fn join_hole(met: &mut Vec<Met>, hole: Met) {
    match met.last_mut() {
        Some(last)
            if last.what == What::Hole
                && last.at == hole.at
                && last.trail == hole.trail
                && last.last.wrapping_add(1) == hole.first =>
        {
            last.last = hole.last;
        }
        _ => met.push(hole),
    }
}
