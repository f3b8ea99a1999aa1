//! What a forensic walk must find, entry by entry.
//!
//! The rules are those at the head of `walk/map.rs`: empty, not present, leaf, bad unless the MMU uses it, table; a table on
//! its own trail is a cycle; no more tables are visited than sixteen times those that the memory could hold.

use ptwalk_abi::Level;

use super::memory::Physical;
use super::{Directory, Machine, Meaning, Perms};

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
    let (_, shift, bits) = m.levels[0];
    walk.table(Table { depth: 0, pa: root, shift, bits }, range, Perms::ALL);
    walk.met
}

/// A table: the depth of its entries, its address, log2 of what an entry spans, log2 of the entries.
#[derive(Clone, Copy)]
struct Table {
    depth: usize,
    pa: u64,
    shift: u32,
    bits: u32,
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

    fn table(&mut self, table: Table, (first, last): (u64, u64), perms: Perms) {
        let Table { depth, pa, shift, bits } = table;
        let level = self.m.levels[depth].0;
        let index_of = |va: u64| u32::try_from(va >> shift & ((1 << bits) - 1)).unwrap_or(0);
        for index in index_of(first)..=index_of(last) {
            if self.met.len() >= ENOUGH {
                return;
            }
            let below = (1u64 << shift) - 1;
            let start = first & !((1 << (shift + bits)) - 1) | u64::from(index) << shift;
            let part = (start.max(first), (start | below).min(last));
            let at = |raw| (self.m.shown(depth), pa, index, raw);
            let Some(x) = self.memory.word(pa + u64::from(index) * 8) else {
                self.join("outside_image", part, at(0));
                continue;
            };
            let meaning = self.m.meaning(level, x);
            let at = at(x);
            if meaning.none {
                self.hole(part, (at.0, pa, 0, 0));
            } else if !meaning.present {
                self.meet(What::NotPresent, part, at);
            } else if level == Level::Pte || meaning.huge || meaning.trans_huge || meaning.leaf {
                let pa = (meaning.pfn << self.m.page_shift).wrapping_add(part.0 - start);
                let (attrs, effective) = (self.attrs(&meaning), self.effective(perms.and(meaning.perms)));
                self.meet(What::Mapping(pa, 1 << shift, attrs, effective), part, at);
            } else {
                self.below(table, &meaning, part, at, perms);
            }
        }
    }

    fn below(&mut self, table: Table, meaning: &Meaning, part: (u64, u64), at: Passed, perms: Perms) {
        let (next, perms) = match meaning.directory {
            Some(directory) => (self.directory(table, directory), perms),
            None if meaning.bad && !meaning.perms.any() => (None, perms),
            None => {
                let (_, shift, bits) = self.m.levels[table.depth + 1];
                let next = Table { depth: table.depth + 1, pa: meaning.table, shift, bits };
                (Some(next), perms.and(meaning.perms))
            }
        };
        let Some(next) = next else { return self.meet(What::Problem("bad"), part, at) };
        if at.1 == next.pa || self.trail.iter().any(|(_, table, ..)| *table == next.pa) {
            self.meet(What::Problem("cycle"), part, at);
        } else if self.budget == 0 {
            self.meet(What::Problem("shared_tables"), part, at);
        } else {
            self.budget -= 1;
            self.meet(What::Table(next.pa), part, at);
            self.trail.push(at);
            self.table(next, part, perms);
            self.trail.pop();
        }
    }

    /// The ptes of a directory of huge pages, where there is such a size and they are no more than other ptes.
    fn directory(&self, above: Table, Directory { table, shift }: Directory) -> Option<Table> {
        let depth = self.m.levels.len() - 1;
        let bits = above.shift.saturating_sub(shift);
        let fits = shift >= self.m.page_shift && bits <= self.m.levels[depth].2;
        fits.then_some(Table { depth, pa: table, shift, bits })
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
