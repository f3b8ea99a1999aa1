//! The tables of an image alone.
//!
//! In: an image, an engine built with walk queries, and roots. Out: a table image of what a walk from the roots reads.
//! Guaranteed: a walk over it meets what a walk over the image meets, missing parts included; frames are copied from the
//! mapping to the file one after the other, and what is held besides is a few words a table. Not handled: tables that
//! only GUP would enter, such as those behind a word that is not present (v5.3).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ptwalk_abi::{Geometry, PhysAddr};

use crate::engine::Engine;
use crate::image::Image;
use crate::image::ptimg::{TableInfo, WriteError, Writer};
use crate::walk::map::Leaves;
use crate::walk::{Event, MapSink, Passed, Problem, ProblemKind, Root, TableSet, WalkError, walk_into};

/// Bytes copied at a time, between two words about progress.
const CHUNK_BYTES: u64 = 1 << 20;

/// The memory that tables take.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Bytes of the tables that begin at an address.
    tables: BTreeMap<PhysAddr, u64>,
    /// The first thing for which tables are missing, and how many there were.
    pub incomplete: Option<(Problem, u64)>,
}

impl Found {
    /// Walks from every root.
    ///
    /// # Errors
    /// [`WalkError`], where the plugin fails or `progress`, which is called for each table, ends it.
    pub fn walk<E: Engine + ?Sized>(
        engine: &mut E,
        image: &Image,
        geometry: &Geometry,
        roots: &[Root],
        progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Found, WalkError> {
        let mut found = Found::default();
        for root in roots {
            let tables = TableSet { image, geometry, root: *root };
            let Some(whole) = tables.whole() else { continue };
            found.add(root.pa, geometry.slots()[0].table_bytes());
            walk_into(engine, &tables, whole, &mut Collector { found: &mut found, progress })?;
        }
        Ok(found)
    }

    /// Tables, each counted once.
    pub fn tables(&self) -> u64 {
        self.tables.len() as u64
    }

    fn add(&mut self, table: PhysAddr, bytes: u64) {
        let known = self.tables.entry(table).or_default();
        *known = bytes.max(*known);
    }

    /// The memory as disjoint ranges of whole words, ascending: start and bytes.
    fn ranges(&self) -> Vec<(PhysAddr, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (table, bytes) in &self.tables {
            let start = table.0 & !7;
            let end = table.0.saturating_add(*bytes).checked_next_multiple_of(8).unwrap_or(!7);
            match ranges.last_mut() {
                Some((_, last_end)) if start <= *last_end => *last_end = end.max(*last_end),
                _ => ranges.push((start, end)),
            }
        }
        ranges.into_iter().map(|(start, end)| (PhysAddr(start), end - start)).collect()
    }

    /// Writes what `image` holds of the tables. Returns the bytes of tables and of the file.
    ///
    /// # Errors
    /// [`WriteError`]. Nothing is left behind then.
    pub fn write(
        &self,
        image: &Image,
        info: &TableInfo,
        mut writer: Writer,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<(u64, u64), WriteError> {
        let ranges = self.ranges();
        let total = ranges.iter().map(|(_, bytes)| bytes).sum();
        let mut written = 0;
        for (start, bytes) in ranges {
            let end = start.0 + bytes;
            let mut at = start;
            while let Some(present) = image.next_present(at).filter(|present| present.0 < end) {
                let run = image.run(present, CHUNK_BYTES.min(end - present.0));
                writer.frame(present, run)?;
                written += run.len() as u64;
                at = PhysAddr(present.0 + run.len() as u64);
                if progress(written, total).is_break() {
                    return Err(WriteError::Stopped);
                }
            }
        }
        Ok((written, writer.finish(info)?))
    }
}

/// Takes tables, and what keeps them from being seen.
struct Collector<'a> {
    found: &'a mut Found,
    progress: &'a mut dyn FnMut() -> ControlFlow<()>,
}

impl MapSink for Collector<'_> {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Table { table, bytes, .. } => {
                if (self.progress)().is_break() {
                    return Err(WalkError::Enough);
                }
                self.found.add(*table, *bytes);
            }
            Event::Problem(problem) if matches!(problem.kind, ProblemKind::OutsideImage | ProblemKind::Budget) => {
                self.found.incomplete.get_or_insert((*problem, 0)).1 += 1;
            }
            // Behind a bad entry or one that leads back up there is no table that was not seen.
            Event::Problem(_) | Event::Mapping(_) | Event::Hole { .. } | Event::NotPresent { .. } => {}
        }
        Ok(())
    }

    fn leaves(&mut self, _: &Leaves<'_>) -> Result<(), WalkError> {
        Ok(())
    }
}
