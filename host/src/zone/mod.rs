//! Device memory and page references, as far as GUP needs them: which frames a `dev_pagemap` covers, which pages are
//! compound, and what reference counts say.
//!
//! In: ranges and counts, from a TOML file ([`file`]) or from code. Out: the answers of `get_dev_pagemap`,
//! `compound_head` and `try_get_page`. An image of page tables holds no `struct page`; a page of which nothing is said
//! has one reference and is no part of a compound page.
//!
//! [`Zone`] takes ranges as they are. What a kernel of a given version and configuration would register, and how its
//! predicates would answer, is said by [`memremap`], [`section`], [`config`] and [`predicates`].

pub mod config;
mod error;
pub mod file;
pub mod memremap;
pub mod predicates;
pub mod section;
mod types;

use std::collections::{BTreeMap, HashMap};

use ptwalk_abi::{Pfn, PhysAddr};
use ptwalk_verifier::fault::{Fault, seeded};
use serde::{Deserialize, Serialize};

pub use error::ZoneError;
pub use types::{PgmapType, TypeNumbering};

/// A registered range of device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevPagemap {
    /// First byte.
    pub start: PhysAddr,
    /// First byte above.
    pub end: PhysAddr,
    /// What the device is.
    pub kind: PgmapType,
    /// Whether new references are still given; a killed pgmap is found by nobody.
    pub live: bool,
}

/// Index of a pgmap in its [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PgmapId(usize);

/// What a page is, as far as it matters to who pins it. No page table says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageKind {
    /// The zero page.
    Zero,
    /// In ZONE_MOVABLE or CMA: it may have to move.
    Movable,
    /// Of a file that is written back.
    File,
    /// Anonymous, and shared by several processes.
    AnonShared,
    /// Of `memfd_secret`.
    Secretmem,
}

/// The device ranges and page counts of one address space.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    pgmaps: Vec<DevPagemap>,
    /// By first byte, with the first byte above, so that registering and finding one of many stays cheap. Parts that a
    /// later range took are gone from here.
    by_start: BTreeMap<PhysAddr, (PhysAddr, PgmapId)>,
    pgmap_refs: Vec<u64>,
    /// GUP looks a page up here for every page that it pins: a hash that is quick, and seeded, because frames come from
    /// strangers.
    page_refs: HashMap<Pfn, i64, foldhash::fast::RandomState>,
    page_kinds: HashMap<Pfn, PageKind>,
    /// Pins of large pages, by head, which references do not tell.
    pins: HashMap<Pfn, i64>,
    /// Order of a compound page, by its first frame.
    compounds: BTreeMap<Pfn, u32>,
    /// Entries that change between the first look and the recheck: physical address of the entry, new value.
    changes: HashMap<PhysAddr, u64>,
}

impl Zone {
    /// Registers a range.
    ///
    /// # Errors
    /// [`ZoneError::Empty`] and [`ZoneError::Overlap`].
    pub fn register(&mut self, pgmap: DevPagemap) -> Result<(), ZoneError> {
        let (start, end) = (pgmap.start, pgmap.end);
        if start >= end {
            return Err(ZoneError::Empty { start, end });
        }
        // Registered ranges do not overlap, so the last that starts below `end` is the only one that can.
        let before = self.by_start.range(..end).next_back();
        if let Some((other_start, (other_end, _))) = before.filter(|(_, (other_end, _))| start < *other_end) {
            return Err(ZoneError::Overlap { start, end, other_start: *other_start, other_end: *other_end });
        }
        self.store(pgmap);
        Ok(())
    }

    /// `xa_store_range` of `memremap_pages`: the range is found from now on, and what was found there before is not.
    fn store(&mut self, pgmap: DevPagemap) -> PgmapId {
        let (start, end, id) = (pgmap.start, pgmap.end, PgmapId(self.pgmaps.len()));
        self.erase(start, end);
        self.by_start.insert(start, (end, id));
        self.pgmaps.push(pgmap);
        self.pgmap_refs.push(0);
        id
    }

    /// Nothing is found from `start` to `end` any more.
    fn erase(&mut self, start: PhysAddr, end: PhysAddr) {
        let first = self.by_start.range(..=start).next_back().filter(|(_, (above, _))| *above > start);
        let first = first.map_or(start, |(first, _)| *first);
        let taken: Vec<_> = self.by_start.range(first..end).map(|(start, part)| (*start, *part)).collect();
        for (part_start, (part_end, id)) in taken {
            self.by_start.remove(&part_start);
            if part_start < start {
                self.by_start.insert(part_start, (start, id));
            }
            if end < part_end {
                self.by_start.insert(end, (part_end, id));
            }
        }
    }

    /// Takes the range that was stored last out again.
    fn withdraw_last(&mut self) {
        if let Some(DevPagemap { start, end, .. }) = self.pgmaps.pop() {
            self.pgmap_refs.pop();
            self.erase(start, end);
        }
    }

    /// New references are no longer given (`percpu_ref_kill`). Those that are held stay.
    pub fn kill(&mut self, id: PgmapId) {
        self.pgmaps[id.0].live = false;
    }

    /// Says how many references a page has; for a page inside a compound page, say it of the head.
    pub fn set_refcount(&mut self, pfn: Pfn, refcount: i64) {
        self.page_refs.insert(pfn, refcount);
    }

    /// Says what a page is; for a page inside a compound page, say it of the head.
    pub fn set_kind(&mut self, pfn: Pfn, kind: PageKind) {
        self.page_kinds.insert(pfn, kind);
    }

    /// What a page is, by its head, where somebody said so.
    pub fn page_kind(&self, head: Pfn) -> Option<PageKind> {
        self.page_kinds.get(&head).copied()
    }

    /// Whether it was said of any page what it is.
    pub fn has_kinds(&self) -> bool {
        !self.page_kinds.is_empty()
    }

    /// Pins of a large page, by its head.
    pub fn pins(&self, head: Pfn) -> i64 {
        self.pins.get(&head).copied().unwrap_or(0)
    }

    /// Adds to the pins of a large page.
    pub fn add_pins(&mut self, head: Pfn, count: i64) {
        let pins = self.pins.entry(head).or_default();
        *pins = pins.saturating_add(count);
    }

    /// log2 of the frames of the compound page with that head; 0 for an ordinary page.
    pub fn order(&self, head: Pfn) -> u32 {
        self.compounds.get(&head).copied().unwrap_or(0)
    }

    /// Says that the `1 << order` frames from `head` are one compound page.
    ///
    /// # Errors
    /// [`ZoneError::Compound`] where the order is absurd, the head not aligned to it, or the frames taken.
    pub fn add_compound(&mut self, head: Pfn, order: u32) -> Result<(), ZoneError> {
        let fits = order < 40 && head.0 & ((1u64 << order) - 1) == 0;
        if !fits {
            return Err(ZoneError::Compound { head, order });
        }
        // Compound pages do not overlap, so the last that starts within or below this one is the only one that can.
        let last = Pfn(head.0 | ((1u64 << order) - 1));
        let before = self.compounds.range(..=last).next_back();
        if before.is_some_and(|(other, other_order)| other.0 | ((1u64 << other_order) - 1) >= head.0) {
            return Err(ZoneError::Compound { head, order });
        }
        self.compounds.insert(head, order);
        Ok(())
    }

    /// Makes the entry at `entry_pa` read as `value` from the second look on, to test what GUP does when a page table
    /// changes under it.
    pub fn inject_change(&mut self, entry_pa: PhysAddr, value: u64) {
        self.changes.insert(entry_pa, value);
    }

    /// Whether any change was injected.
    pub fn may_change(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The entry at `entry_pa` looked at again: `raw` unless a change was injected.
    pub fn reread(&self, entry_pa: PhysAddr, raw: u64) -> u64 {
        self.changes.get(&entry_pa).copied().unwrap_or(raw)
    }

    /// A pgmap by its index.
    pub fn pgmap(&self, id: PgmapId) -> &DevPagemap {
        &self.pgmaps[id.0]
    }

    /// References held on a pgmap by GUP: 0 outside of a walk.
    pub fn pgmap_refs(&self, id: PgmapId) -> u64 {
        self.pgmap_refs[id.0]
    }

    /// Every registered pgmap.
    pub fn pgmaps(&self) -> impl Iterator<Item = (PgmapId, &DevPagemap)> {
        self.pgmaps.iter().enumerate().map(|(i, pgmap)| (PgmapId(i), pgmap))
    }

    /// Every compound page: its first frame and the log2 of its frames, ascending.
    pub fn compounds(&self) -> impl Iterator<Item = (Pfn, u32)> {
        self.compounds.iter().map(|(head, order)| (*head, *order))
    }

    /// Every page of whose references something is known, in no order.
    pub fn refcounts(&self) -> impl Iterator<Item = (Pfn, i64)> {
        self.page_refs.iter().map(|(pfn, count)| (*pfn, *count))
    }

    /// The pgmap whose range holds a frame, live or not, without taking a reference.
    pub fn find(&self, pa: PhysAddr) -> Option<PgmapId> {
        let (_, (end, id)) = self.by_start.range(..=pa).next_back()?;
        (pa < *end || (pa == *end && seeded(Fault::PgmapEndIncluded))).then_some(*id)
    }

    /// `get_dev_pagemap(pfn, cached)` (kernel/memremap.c, v5.3): the cached pgmap, whose reference is kept, if it holds
    /// the frame; else its reference is dropped and the pgmap of the frame is returned with one, if it is live.
    pub fn get_dev_pagemap(&mut self, pa: PhysAddr, cached: Option<PgmapId>) -> Option<PgmapId> {
        if let Some(id) = cached {
            let pgmap = self.pgmap(id);
            if pgmap.start <= pa && pa < pgmap.end {
                return cached;
            }
            self.put_dev_pagemap(cached);
        }
        let gives = |id: &PgmapId| self.pgmap(*id).live || seeded(Fault::GupKilledPgmapFound);
        let id = self.find(pa).filter(gives)?;
        self.pgmap_refs[id.0] += 1;
        Some(id)
    }

    /// `put_dev_pagemap`: drops a reference; nothing on `None`.
    pub fn put_dev_pagemap(&mut self, pgmap: Option<PgmapId>) {
        if let Some(id) = pgmap {
            self.pgmap_refs[id.0] = self.pgmap_refs[id.0].saturating_sub(1);
        }
    }

    /// `compound_head`: the first frame of the compound page that holds `pfn`, or `pfn`.
    pub fn compound_head(&self, pfn: Pfn) -> Pfn {
        match self.compounds.range(..=pfn).next_back() {
            Some((head, order)) if pfn.0 - head.0 < 1 << order => *head,
            _ => pfn,
        }
    }

    /// References on a page, by its head: 1 where nothing is said.
    pub fn refcount(&self, head: Pfn) -> i64 {
        self.page_refs.get(&head).copied().unwrap_or(1)
    }

    /// `try_get_compound_head`: adds `count` references to a head that has any, and says whether it did.
    pub fn try_get(&mut self, head: Pfn, count: i64) -> bool {
        let refcount = self.page_refs.entry(head).or_insert(1);
        let any = *refcount > 0 || seeded(Fault::GupFreedPageTaken);
        if any {
            *refcount = refcount.saturating_add(count);
        }
        any
    }

    /// `get_page`: adds a reference to a head whatever its count.
    pub fn get(&mut self, head: Pfn) {
        self.page_refs.insert(head, self.refcount(head).saturating_add(1));
    }

    /// `put_page`, `count` times, on a head.
    pub fn put(&mut self, head: Pfn, count: i64) {
        self.page_refs.insert(head, self.refcount(head).saturating_sub(count));
    }
}
