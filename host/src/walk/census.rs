//! Counting what a walk meets: entries and bytes by level and attribute, tables, and what is wrong.

use std::collections::BTreeMap;

use ptwalk_abi::Level;
use serde::Serialize;

use super::map::{Event, Mapping, ProblemKind};
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
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
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

    /// All leaves.
    pub fn leaves(&self) -> Count {
        self.levels.values().fold(Count::default(), |sum, level| Count {
            entries: sum.entries + level.leaves.entries,
            bytes: sum.bytes.saturating_add(level.leaves.bytes),
        })
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
