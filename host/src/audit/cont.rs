//! Contiguous runs that are none.
//!
//! In: the leaves of tables, ascending. Out: a [`BrokenRun`] for each group of entries of which some have the contiguous
//! hint and which is no run all the same. The architecture has the MMU take any entry of a run for all of them (Arm ARM
//! DDI 0487, "The Contiguous bit"), so that such a group translates to what one of its entries says, and nobody knows
//! which. Guaranteed: one group at a time is held. Not handled: groups that the range asked for cuts, and accessed and
//! dirty state, in which the entries of a run may differ (arch/arm64/mm/contpte.c, v6.12).

use ptwalk_abi::{Helper, Level, PhysAddr, VaRange, VirtAddr};

use crate::engine::{Engine, EngineError};
use crate::walk::{Attrs, Mapping};

/// Entries of a run of ptes and of pmds, as the plugin's `CONT_PTES` and `CONT_PMDS` say; 1 where there is no such hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntries {
    pte: u32,
    pmd: u32,
}

impl RunEntries {
    /// Asks the plugin.
    ///
    /// # Errors
    /// When it misbehaves.
    pub fn of<E: Engine + ?Sized>(engine: &mut E) -> Result<RunEntries, EngineError> {
        let mut ask = |helper| -> Result<u32, EngineError> {
            let entries = if engine.has(helper) { engine.call(helper, [0, 0])? } else { 1 };
            Ok(u32::try_from(entries).ok().filter(|entries| entries.is_power_of_two()).unwrap_or(1))
        };
        Ok(RunEntries { pte: ask(Helper::CONT_PTES)?, pmd: ask(Helper::CONT_PMDS)? })
    }

    fn at(self, level: Level) -> Option<u32> {
        let entries = match level {
            Level::Pte => self.pte,
            Level::Pmd => self.pmd,
            Level::Pud | Level::P4d | Level::Pgd => 1,
        };
        (entries > 1).then_some(entries)
    }
}

/// What is wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not every entry has the hint.
    Hint,
    /// The frames do not follow one another, or the first is not aligned to the run.
    Frames,
    /// Attributes or permissions differ.
    Attributes,
}

impl Fault {
    /// The name in the JSON interface.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Hint => "hint",
            Fault::Frames => "frames",
            Fault::Attributes => "attributes",
        }
    }
}

/// A group of entries that the hint makes one, and that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenRun {
    /// First address of the group.
    pub va: VirtAddr,
    /// Its table, and the index of its first entry.
    pub table: PhysAddr,
    /// See [`BrokenRun::table`].
    pub index: u32,
    /// Its level.
    pub level: Level,
    /// Entries of the group, and how many of them are leaves with the hint.
    pub entries: u32,
    /// See [`BrokenRun::entries`].
    pub hinted: u32,
    /// What is wrong.
    pub fault: Fault,
    /// Bytes that the group translates.
    pub bytes: u64,
}

impl BrokenRun {
    /// First address above the group.
    pub fn end(&self) -> u128 {
        u128::from(self.va.0) + u128::from(self.bytes)
    }
}

/// Watches the leaves of a walk.
pub struct Runs {
    entries: RunEntries,
    range: VaRange,
    group: Option<Group>,
}

/// The group that the last leaf lies in.
struct Group {
    first: Mapping,
    broken: BrokenRun,
    fault: Option<Fault>,
}

impl Runs {
    /// For a walk of `range`.
    pub fn new(entries: RunEntries, range: VaRange) -> Runs {
        Runs { entries, range, group: None }
    }

    /// Takes the next leaf, and returns the broken run that ended before it.
    pub fn add(&mut self, mapping: &Mapping) -> Option<BrokenRun> {
        let entries = self.entries.at(mapping.level)?;
        let index = mapping.at.index - mapping.at.index % entries;
        let same = self
            .group
            .as_ref()
            .is_some_and(|group| group.broken.table == mapping.at.table && group.broken.index == index);
        let ended = if same { None } else { self.finish() };
        if mapping.attrs.cont {
            match &mut self.group {
                Some(group) => group.add(mapping),
                None => self.group = self.open(mapping, index, entries),
            }
        }
        ended
    }

    /// The run that was not ended, if it is broken.
    pub fn finish(&mut self) -> Option<BrokenRun> {
        let Group { broken, fault, .. } = self.group.take()?;
        let fault = if broken.hinted < broken.entries { Some(Fault::Hint) } else { fault };
        fault.map(|fault| BrokenRun { fault, ..broken })
    }

    /// A group that begins with the first of its leaves that has the hint; `None` where it is cut.
    fn open(&self, mapping: &Mapping, index: u32, entries: u32) -> Option<Group> {
        let bytes = mapping.leaf_bytes;
        let va = VirtAddr(mapping.range.first.0.wrapping_sub(u64::from(mapping.at.index - index) * bytes));
        let bytes = bytes.checked_mul(entries.into())?;
        let whole = VaRange::new(va, bytes)?;
        if !self.range.contains(whole.first) || !self.range.contains(whole.last) {
            return None;
        }
        let fault = (!mapping.pa.0.is_multiple_of(bytes)).then_some(Fault::Frames);
        let (table, level) = (mapping.at.table, mapping.level);
        let broken = BrokenRun { va, table, index, level, entries, hinted: 1, fault: Fault::Hint, bytes };
        Some(Group { first: *mapping, broken, fault })
    }
}

impl Group {
    fn add(&mut self, mapping: &Mapping) {
        let first = &self.first;
        self.broken.hinted += 1;
        let follows = mapping.pa.0.wrapping_sub(first.pa.0) == mapping.range.first.0.wrapping_sub(first.range.first.0);
        let state = |mapping: &Mapping| {
            let attrs = Attrs { young: false, dirty: false, ..mapping.attrs };
            (attrs, mapping.perms)
        };
        if !follows {
            self.fault.get_or_insert(Fault::Frames);
        } else if state(mapping) != state(first) {
            self.fault.get_or_insert(Fault::Attributes);
        }
    }
}
