//! Device memory and page references, as far as GUP needs them: which frames a `dev_pagemap` covers, which pages are
//! compound, and what reference counts say.
//!
//! In: ranges and counts, from a TOML file ([`file`]) or from code. Out: the answers of `get_dev_pagemap`,
//! `compound_head` and `try_get_page`. An image of page tables holds no `struct page`; a page of which nothing is said
//! has one reference and is no part of a compound page.

pub mod file;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use ptwalk_abi::{Pfn, PhysAddr};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Type of a `dev_pagemap`, by name: the numbers of `enum memory_type` (include/linux/memremap.h) changed with v5.3,
/// v5.10 and v6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PgmapType {
    /// `MEMORY_DEVICE_PRIVATE`.
    Private,
    /// `MEMORY_DEVICE_PUBLIC` (before v5.3).
    Public,
    /// `MEMORY_DEVICE_FS_DAX`.
    FsDax,
    /// `MEMORY_DEVICE_DEVDAX` (v5.3), `MEMORY_DEVICE_GENERIC` (v5.10 and later).
    #[serde(alias = "generic")]
    DevDax,
    /// `MEMORY_DEVICE_PCI_P2PDMA`.
    PciP2pdma,
    /// `MEMORY_DEVICE_COHERENT` (v6.1 and later).
    Coherent,
}

impl PgmapType {
    /// The name as the pgmap file and the JSON interface spell it.
    pub const fn name(self) -> &'static str {
        match self {
            PgmapType::Private => "private",
            PgmapType::Public => "public",
            PgmapType::FsDax => "fs-dax",
            PgmapType::DevDax => "dev-dax",
            PgmapType::PciP2pdma => "pci-p2pdma",
            PgmapType::Coherent => "coherent",
        }
    }

    /// The type of that name.
    pub fn by_name(name: &str) -> Option<PgmapType> {
        use PgmapType::{Coherent, DevDax, FsDax, PciP2pdma, Private, Public};
        [Private, Public, FsDax, DevDax, PciP2pdma, Coherent].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PgmapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

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

/// The device ranges and page counts of one address space.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    pgmaps: Vec<DevPagemap>,
    /// By first byte, so that registering and finding one of many stays cheap.
    by_start: BTreeMap<PhysAddr, PgmapId>,
    pgmap_refs: Vec<u64>,
    /// GUP looks a page up here for every page that it pins: a hash that is quick, and seeded, because frames come from
    /// strangers.
    page_refs: HashMap<Pfn, i64, foldhash::fast::RandomState>,
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
        let before = self.by_start.range(..end).next_back().map(|(_, id)| self.pgmap(*id));
        if let Some(other) = before.filter(|other| start < other.end) {
            return Err(ZoneError::Overlap { start, end, other_start: other.start, other_end: other.end });
        }
        self.by_start.insert(start, PgmapId(self.pgmaps.len()));
        self.pgmaps.push(pgmap);
        self.pgmap_refs.push(0);
        Ok(())
    }

    /// Says how many references a page has; for a page inside a compound page, say it of the head.
    pub fn set_refcount(&mut self, pfn: Pfn, refcount: i64) {
        self.page_refs.insert(pfn, refcount);
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
        let (_, id) = self.by_start.range(..=pa).next_back()?;
        (pa < self.pgmap(*id).end).then_some(*id)
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
        let id = self.find(pa).filter(|id| self.pgmap(*id).live)?;
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
        let any = *refcount > 0;
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

/// What is wrong with a range, a compound page, or a file of them. Whoever wrote the file is at fault.
#[derive(Debug, Error)]
pub enum ZoneError {
    /// A range that ends where it starts, or before.
    #[error("pgmap [{start}, {end}) is empty")]
    Empty {
        /// First byte.
        start: PhysAddr,
        /// First byte above.
        end: PhysAddr,
    },
    /// Two ranges share bytes: no frame can belong to two pgmaps.
    #[error("pgmap [{start}, {end}) overlaps [{other_start}, {other_end})")]
    Overlap {
        /// First byte.
        start: PhysAddr,
        /// First byte above.
        end: PhysAddr,
        /// First byte of the earlier range.
        other_start: PhysAddr,
        /// First byte above the earlier range.
        other_end: PhysAddr,
    },
    /// A compound page that cannot be.
    #[error("compound page of order {order} at frame {head}: the head must be aligned to the order and free")]
    Compound {
        /// Its first frame.
        head: Pfn,
        /// log2 of its frames.
        order: u32,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file larger than any that makes sense.
    #[error("{path}: larger than {max} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// Bytes that are read.
        max: u64,
    },
    /// A file that is not what it should be.
    #[error("{path}: {cause}")]
    Syntax {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        cause: toml::de::Error,
    },
    /// A file with a range or page that cannot be.
    #[error("{path}: {cause}")]
    InFile {
        /// The file.
        path: String,
        /// What is wrong.
        cause: Box<ZoneError>,
    },
}
