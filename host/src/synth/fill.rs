//! What the entries of a table hold.
//!
//! In: a table's number. Out: its words. Guaranteed: the words depend on the number, the seed and the parameters alone,
//! whatever was written before. Not handled: where the words go.
//!
//! Leaves come in runs: neighbours with the same attributes, mapping neighbouring frames, as real address spaces have
//! them; every run draws its length, its attributes and its first frame.

use ptwalk_abi::bits;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::Hostile;
use super::forms::Form;
use super::place::{Place, Region};
use super::shape::{Kind, LevelShape, Shape};

/// What a run of leaves can be.
pub struct Class {
    /// Draws below this, of 32 bits, choose it or one before it.
    pub below: u64,
    /// Its entries and the memory that they map; `None` where nothing is mapped.
    pub leaf: Option<(Form, Region)>,
}

/// How the entries of one level are made.
pub struct LevelForms {
    /// What leaves can be; empty where the level has none.
    pub classes: Vec<Class>,
    /// Descriptors of tables below; `None` at the lowest level.
    pub table: Option<Form>,
}

/// Fills tables.
pub struct Filler<'a> {
    /// Which tables there are.
    pub shape: &'a Shape,
    /// Where they and the pages lie.
    pub place: &'a Place,
    /// How entries are made, by depth.
    pub forms: &'a [LevelForms],
    /// log2 of the granule.
    pub page_shift: u32,
    /// The longest run of leaves.
    pub run: u64,
    /// What is wrong with the tables.
    pub hostile: Option<Hostile>,
    /// Entries of the root that translate the half.
    pub root_entries: u64,
    /// Seed of all.
    pub seed: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries that map memory.
    pub leaves: u64,
    /// Entries in use that map nothing.
    pub holes: u64,
    /// Entries that lead to tables.
    pub tables: u64,
}

impl Filler<'_> {
    /// Writes the words of a table into `words`, which are zero, and adds to the counts of its level.
    pub fn fill(&self, table: u64, words: &mut [u64], counts: &mut Counts) {
        let (depth, number) = self.shape.find(table);
        let (Some(level), Some(forms)) = (self.shape.levels().get(depth), self.forms.get(depth)) else { return };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_add(table));
        let used = usize::try_from(level.used(number)).unwrap_or(usize::MAX).min(words.len());
        let words_used = &mut words[..used];
        if level.has_leaves() {
            self.leaves(level, forms, &mut rng, words_used);
        }
        if level.all_leaves() {
            let holes = words_used.iter().filter(|word| **word == 0).count() as u64;
            counts.holes += holes;
            counts.leaves += used as u64 - holes;
        } else {
            self.tables((depth, level), forms, number, words_used, counts);
        }
        if self.hostile == Some(Hostile::Reserved) {
            for word in words_used.iter_mut().filter(|word| **word != 0) {
                let draw = rng.next_u64();
                *word ^= if draw % 8 == 0 { draw & bits(63, 48) } else { 0 };
            }
        }
        if self.hostile == Some(Hostile::SelfMap) && depth == 0 {
            let last = usize::try_from(self.root_entries).unwrap_or(usize::MAX).min(words.len()) - 1;
            words[last] = forms.table.as_ref().map_or(0, |form| form.entry(self.place.table(0).0));
        }
    }

    /// Leaves in every word, run by run. This is the loop that most of the time is spent in.
    fn leaves(&self, level: &LevelShape, forms: &LevelForms, rng: &mut Xoshiro256PlusPlus, words: &mut [u64]) {
        let mut rest = words;
        while !rest.is_empty() {
            let run = if self.run > 1 { 1 + below(rng, self.run) } else { 1 };
            let run = usize::try_from(run).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(run);
            rest = later;
            let draw = rng.next_u64() >> 32;
            let class = forms.classes.iter().find(|class| draw < class.below);
            if let Some((form, region)) = class.and_then(|class| class.leaf.as_ref()) {
                let frames = region.bytes >> level.slot.shift;
                let first = below(rng, frames);
                for (frame, word) in (first..).zip(now) {
                    let pa = region.start.0 + ((frame & (frames - 1)) << level.slot.shift);
                    *word = form.entry(pa >> self.page_shift);
                }
            }
        }
    }

    /// Descriptors in place of what is no leaf.
    fn tables(
        &self,
        (depth, level): (usize, &LevelShape),
        forms: &LevelForms,
        number: u64,
        words: &mut [u64],
        counts: &mut Counts,
    ) {
        let lowest = depth + 2 == self.shape.levels().len();
        for (index, word) in (0..).zip(words) {
            let Kind::Table(reference) = level.kind(number, index) else {
                *(if *word == 0 { &mut counts.holes } else { &mut counts.leaves }) += 1;
                continue;
            };
            counts.tables += 1;
            let below = match self.hostile {
                Some(Hostile::Cycle) if lowest && number == 0 && index == 0 => self.place.table(0),
                Some(Hostile::Outside) if reference % 8 == 7 => self.place.outside(reference),
                _ => self.place.table(self.shape.target(depth + 1, reference)),
            };
            *word = forms.table.as_ref().map_or(0, |form| form.entry(below.0));
        }
    }
}

/// A number below `end`, which is not 0; by Lemire's multiplication, without the rejection that would make it exact,
/// which matters to nobody below 2^40.
fn below(rng: &mut Xoshiro256PlusPlus, end: u64) -> u64 {
    u64::try_from((u128::from(rng.next_u64()) * u128::from(end)) >> 64).unwrap_or(0)
}
