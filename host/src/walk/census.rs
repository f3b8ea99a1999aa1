//! Counting what a walk meets: entries and bytes by level and attribute, tables, and what is wrong.

use std::collections::BTreeMap;

use ptwalk_abi::Level;
use serde::Serialize;

use super::descent::{Passed, WalkError};
use super::event::{Attrs, Event, Mapping, ProblemKind};
use super::map::{Leaves, MapSink};
use crate::engine::Facts;
use crate::zone::{PgmapType, Zone};

/// Entries, and the bytes that they map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Leaves.
    pub entries: u64,
    /// Bytes that they map.
    pub bytes: u64,
}

impl Count {
    /// Counts one more entry.
    pub fn add(&mut self, bytes: u64) {
        self.add_all(1, bytes);
    }

    /// Counts more entries, which map `bytes` together.
    pub fn add_all(&mut self, entries: u64, bytes: u64) {
        self.entries += entries;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn merge(&mut self, other: Count) {
        self.add_all(other.entries, other.bytes);
    }
}

/// Counts of one level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LevelCensus {
    /// Tables of the level that were visited.
    pub tables: u64,
    /// Leaves.
    pub leaves: Count,
    /// Leaves by attribute; one leaf counts under each that it has. The names are those of the JSON `attrs`.
    pub attrs: BTreeMap<&'static str, Count>,
    /// Leaves with both devmap and PROT_NONE.
    pub devmap_protnone: Count,
    /// Entries that are neither empty nor present.
    pub not_present: u64,
    /// Empty entries.
    pub holes: u64,
}

/// Counts of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    /// By level, root first.
    pub levels: BTreeMap<std::cmp::Reverse<LevelKey>, LevelCensus>,
    /// Leaves whose first byte lies in a registered device range, by the device's type.
    pub devices: BTreeMap<&'static str, Count>,
    /// Devmap leaves that lie in no registered range.
    pub unregistered_devmap: Count,
    /// What kept the walk from going on, by reason.
    pub problems: BTreeMap<&'static str, u64>,
}

/// A level that serialises as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelKey(pub Level);

impl Serialize for LevelKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl Census {
    /// Counts one event. `zone` tells device types.
    pub fn add(&mut self, event: &Event, zone: &Zone) {
        match event {
            Event::Mapping(mapping) => self.add_mapping(mapping, zone),
            Event::NotPresent { at, .. } => self.level(at.level).not_present += 1,
            Event::Hole { at, entries, .. } => self.level(at.level).holes += u64::from(*entries),
            Event::Table { below, .. } => self.level(*below).tables += 1,
            Event::Problem(problem) => *self.problems.entry(problem.kind.reason()).or_default() += 1,
        }
    }

    /// The counts of a level.
    pub fn level(&mut self, level: Level) -> &mut LevelCensus {
        self.levels.entry(std::cmp::Reverse(LevelKey(level))).or_default()
    }

    /// Whether every part of the range was seen.
    pub fn complete(&self) -> bool {
        self.problems.keys().all(|reason| *reason == ProblemKind::Bad.reason())
    }

    /// All tables.
    pub fn tables(&self) -> u64 {
        self.levels.values().map(|level| level.tables).sum()
    }

    /// All leaves.
    pub fn leaves(&self) -> Count {
        self.levels.values().fold(Count::default(), |sum, level| Count {
            entries: sum.entries + level.leaves.entries,
            bytes: sum.bytes.saturating_add(level.leaves.bytes),
        })
    }

    /// Counts leaves, none of which is cut by the range asked for.
    fn add_leaves(&mut self, leaves: &Leaves<'_>, zone: &Zone) {
        let count = leaves.words().len() as u64;
        let each = leaves.leaf_bytes();
        if leaves.bytes() != count.saturating_mul(each) || zone.pgmaps().next().is_some() {
            return leaves.mappings().for_each(|mapping| self.add_mapping(&mapping, zone));
        }
        let level = self.level(leaves.level());
        level.leaves.add_all(count, leaves.bytes());
        for (name, count) in Attrs::NAMES.into_iter().zip(leaves.attrs()).filter(|(_, count)| *count > 0) {
            level.attrs.entry(name).or_default().add_all(count, count * each);
        }
        let both = leaves.mappings().filter(|mapping| mapping.attrs.devmap && mapping.attrs.protnone);
        let devmap = leaves.count(Facts::DEVMAP);
        if devmap > 0 {
            both.for_each(|_| level.devmap_protnone.add(each));
            self.unregistered_devmap.add_all(devmap, devmap * each);
        }
    }

    /// Adds the counts of another part of the same walk.
    pub fn merge(&mut self, other: Census) {
        for (key, theirs) in other.levels {
            let ours = self.levels.entry(key).or_default();
            ours.tables += theirs.tables;
            ours.leaves.merge(theirs.leaves);
            ours.devmap_protnone.merge(theirs.devmap_protnone);
            ours.not_present += theirs.not_present;
            ours.holes += theirs.holes;
            for (name, count) in theirs.attrs {
                ours.attrs.entry(name).or_default().merge(count);
            }
        }
        for (kind, count) in other.devices {
            self.devices.entry(kind).or_default().merge(count);
        }
        self.unregistered_devmap.merge(other.unregistered_devmap);
        for (reason, count) in other.problems {
            *self.problems.entry(reason).or_default() += count;
        }
    }

    fn add_mapping(&mut self, mapping: &Mapping, zone: &Zone) {
        let bytes = u64::try_from(mapping.range.bytes()).unwrap_or(u64::MAX);
        let attrs = mapping.attrs;
        let level = self.level(mapping.level);
        level.leaves.add(bytes);
        for (name, set) in attrs.named() {
            if set {
                level.attrs.entry(name).or_default().add(bytes);
            }
        }
        if attrs.devmap && attrs.protnone {
            level.devmap_protnone.add(bytes);
        }
        match zone.find(mapping.pa).map(|id| zone.pgmap(id).kind) {
            Some(kind) => self.devices.entry(PgmapType::name(kind)).or_default().add(bytes),
            None if attrs.devmap => self.unregistered_devmap.add(bytes),
            None => {}
        }
    }
}

/// A census as the sink of a walk.
pub struct Counting<'z> {
    /// What was counted.
    pub census: Census,
    zone: &'z Zone,
}

impl<'z> Counting<'z> {
    /// Nothing counted; `zone` tells device types.
    pub fn new(zone: &'z Zone) -> Counting<'z> {
        Counting { census: Census::default(), zone }
    }
}

impl MapSink for Counting<'_> {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        self.census.add(event, self.zone);
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.census.add_leaves(leaves, self.zone);
        Ok(())
    }

    fn wants_holes(&self) -> bool {
        true
    }
}
