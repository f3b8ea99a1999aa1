//! How many tables there are at each level, which of their entries are leaves, and which table an entry leads to.
//!
//! In: a geometry, the bytes to cover from address 0 on, and a mix of leaf sizes. Out: a [`Shape`], in which every
//! question about any entry is answered by arithmetic, so that the tables can be written in any order with no memory of
//! the others. Guaranteed: the bytes are covered exactly, and leaves of each size take their share of them but for
//! rounding, spread evenly. Not handled: what the entries hold.
//!
//! The entries of one level are numbered through all its tables by ascending address. Entry `k` is a leaf exactly where
//! the leaves before `k + 1` are one more than those before `k`, and the leaves before `k` are `k` times their share,
//! rounded down. So the number of a table among those of its level is `k` less the leaves before it.

use ptwalk_abi::{Geometry, Half, Slot};

use super::SynthError;

/// Parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ppm(pub u32);

impl Ppm {
    /// The whole.
    pub const ONE: u32 = 1_000_000;

    fn of(self, count: u64) -> u64 {
        share(count, u64::from(self.0), u64::from(Ppm::ONE))
    }
}

/// `count * part / whole`, rounded down; `part` is at most `whole`.
fn share(count: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(count) * u128::from(part) / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

/// One level of the tables.
#[derive(Clone, Copy, Debug)]
pub struct LevelShape {
    /// Its geometry.
    pub slot: Slot,
    /// Number of its first table among all tables; those of a level follow each other.
    pub first_table: u64,
    /// Its tables.
    pub tables: u64,
    /// Entries that lead to them: more than `tables` where some are shared.
    references: u64,
    /// Entries in use, of all tables as if none were shared.
    entries: u64,
    /// The entries of which the whole span is covered; the last may be covered in part, and is a table then.
    full: u64,
    /// Share of the full entries that are leaves, as part and whole.
    leaf: (u64, u64),
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It maps memory.
    Leaf,
    /// It leads to a table of the next level: this reference of all.
    Table(u64),
}

impl LevelShape {
    /// Entries in use of the level's table `number`.
    pub fn used(&self, number: u64) -> u64 {
        let table_entries = u64::from(self.slot.entries);
        if number + 1 < self.tables { table_entries } else { self.entries - (self.references - 1) * table_entries }
    }

    fn leaves_before(&self, entry: u64) -> u64 {
        share(entry.min(self.full), self.leaf.0, self.leaf.1)
    }

    /// What entry `index` of table `number` is.
    pub fn kind(&self, number: u64, index: u64) -> Kind {
        let entry = number * u64::from(self.slot.entries) + index;
        let before = self.leaves_before(entry);
        if self.leaves_before(entry + 1) > before { Kind::Leaf } else { Kind::Table(entry - before) }
    }

    /// Whether some entries are leaves.
    pub fn has_leaves(&self) -> bool {
        self.leaf.0 > 0
    }

    /// Whether all entries are leaves.
    pub fn all_leaves(&self) -> bool {
        self.leaf.0 == self.leaf.1 && self.full == self.entries
    }
}

/// The tables as a whole.
#[derive(Clone, Debug)]
pub struct Shape {
    levels: Vec<LevelShape>,
    shared: Sharing,
}

/// Which tables are led to by more than one entry.
#[derive(Clone, Copy, Debug)]
enum Sharing {
    /// At the lowest level of table, this part of the references lead to a table that another one leads to as well.
    Lowest(Ppm),
    /// There is one table a level, to which every entry above leads.
    Everything,
}

impl Shape {
    /// The shape of tables that cover `bytes` from address 0 on by leaves of the sizes in `mix`, each with its weight.
    ///
    /// # Errors
    /// `Size`, `Mix` and `LeafSize`.
    pub fn new(geometry: &Geometry, bytes: u64, mix: &[(u64, u32)], shared: Ppm) -> Result<Shape, SynthError> {
        check_mix(geometry, bytes, mix)?;
        let weight = |slot: &Slot| -> u64 {
            mix.iter().filter(|(size, _)| *size == slot.span_bytes()).map(|(_, weight)| u64::from(*weight)).sum()
        };
        let mut levels: Vec<LevelShape> = Vec::new();
        let (mut covered, mut tables_above) = (bytes, 0);
        let mut left: u64 = geometry.slots().iter().map(weight).sum();
        for slot in geometry.slots() {
            if covered == 0 {
                break;
            }
            let entries = covered.div_ceil(slot.span_bytes());
            let full = covered >> slot.shift;
            let leaf = (weight(slot), left.max(1));
            let references = if levels.is_empty() { 1 } else { entries.div_ceil(u64::from(slot.entries)) };
            let level = LevelShape {
                slot: *slot,
                first_table: tables_above,
                tables: references,
                references,
                entries,
                full,
                leaf,
            };
            covered -= level.leaves_before(full) << slot.shift;
            left -= leaf.0;
            tables_above += references;
            levels.push(level);
        }
        // The root is never shared: nothing leads to it.
        if let [_, .., lowest] = levels.as_mut_slice() {
            lowest.tables -= shared.of(lowest.references - 1);
        }
        Ok(Shape { levels, shared: Sharing::Lowest(shared) })
    }

    /// One table a level, all of whose entries lead to the one below: the pages of the lowest are mapped as often as
    /// there are ways down.
    pub fn all_shared(geometry: &Geometry) -> Shape {
        let slots = geometry.slots();
        let level = |(number, slot): (usize, &Slot)| {
            let is_root = number == 0;
            let entries = if is_root { root_entries(geometry) } else { u64::from(slot.entries) };
            let leaf = (u64::from(number + 1 == slots.len()), 1);
            let first_table = number as u64;
            LevelShape { slot: *slot, first_table, tables: 1, references: 1, entries, full: entries, leaf }
        };
        Shape { levels: slots.iter().enumerate().map(level).collect(), shared: Sharing::Everything }
    }

    /// The levels that have tables, the root's first.
    pub fn levels(&self) -> &[LevelShape] {
        &self.levels
    }

    /// Tables of all levels.
    pub fn tables(&self) -> u64 {
        self.levels.last().map_or(0, |lowest| lowest.first_table + lowest.tables)
    }

    /// Tables of the lowest level; none where the root is the lowest.
    pub fn lowest_tables(&self) -> u64 {
        self.levels.last().map_or(0, |lowest| if lowest.first_table > 0 { lowest.tables } else { 0 })
    }

    /// The level of a table, and its number there.
    pub fn find(&self, table: u64) -> (usize, u64) {
        let depth = self.levels.partition_point(|level| level.first_table <= table).saturating_sub(1);
        (depth, table - self.levels.get(depth).map_or(0, |level| level.first_table))
    }

    /// The table, among all, to which `reference` of the level above `depth` leads.
    pub fn target(&self, depth: usize, reference: u64) -> u64 {
        let Some(level) = self.levels.get(depth) else { return 0 };
        let own = match self.shared {
            Sharing::Everything => 0,
            Sharing::Lowest(_) if depth + 1 < self.levels.len() => reference,
            Sharing::Lowest(part) => {
                let before = part.of(reference);
                let is_last = reference + 1 == level.references;
                if is_last || part.of(reference + 1) == before {
                    reference - before
                } else {
                    // Any but the last, which may be used in part only.
                    reference.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (level.tables - 1)
                }
            }
        };
        level.first_table + own
    }
}

/// Entries of the root table that translate the lower half.
pub fn root_entries(geometry: &Geometry) -> u64 {
    let root = geometry.slots()[0];
    geometry.half(Half::Lower).map_or(0, |half| u64::from(root.index(half.last)) + 1)
}

fn check_mix(geometry: &Geometry, bytes: u64, mix: &[(u64, u32)]) -> Result<(), SynthError> {
    let sizes = || geometry.slots().iter().map(|slot| slot.span_bytes());
    let weights: u64 = mix.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if weights == 0 {
        return Err(SynthError::Mix);
    }
    if let Some((size, _)) = mix.iter().find(|(size, _)| !sizes().any(|span| span == *size)) {
        return Err(SynthError::LeafSize { size: *size, sizes: sizes().collect() });
    }
    let smallest = mix.iter().filter(|(_, weight)| *weight > 0).map(|(size, _)| *size).min().unwrap_or(1);
    let max = geometry.half(Half::Lower).map_or(0, |half| half.last.0);
    if bytes == 0 || !bytes.is_multiple_of(smallest) || bytes - 1 > max {
        return Err(SynthError::Size { bytes, smallest, max });
    }
    Ok(())
}
