//! `get_user_pages_fast`, as of the kernel in [`MODELLED_KERNEL`].
//!
//! In: the tables of a user address space, an engine built with [`Queries::gup`](crate::engine::Queries::gup), a
//! [`Zone`] of device ranges and page references, and a request. Out: the pages pinned, and where and why it stopped;
//! the kernel's fast walk never says why. Same order of tests, same stop, same partial count, same undo as mm/gup.c:
//! `gup_pgd_range` … `gup_pte_range`, `gup_huge_*`, `__gup_device_huge`, `undo_dev_pagemap`.
//!
//! Not handled: the slow path (it needs the VMAs), hugepd, and the flags other than WRITE and LONGTERM, which v5.3
//! refuses.

mod range;

use ptwalk_abi::{Helper, KVersion, Level, Pfn, VaRange, VirtAddr};

use crate::engine::Engine;
use crate::walk::{Subtree, TableSet, WalkError, descend};
use crate::zone::{PgmapId, Zone};

/// The kernel whose GUP is modelled. What an entry means is the plugin's, and may be of another kernel.
pub const MODELLED_KERNEL: KVersion = KVersion::new(5, 3, 0);

/// Flags of a request (include/linux/mm.h, v5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollFlags {
    /// `FOLL_WRITE`: the caller will write to the pages.
    pub write: bool,
    /// `FOLL_LONGTERM`: the pages stay pinned for long, which device memory of a file does not allow.
    pub longterm: bool,
}

/// A page that was pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedPage {
    /// Its address.
    pub va: VirtAddr,
    /// Its frame.
    pub pfn: Pfn,
    /// The frame whose reference count holds the reference: the head of the compound page. All pages of a huge leaf are
    /// held by the head of its first, also where nobody said that they are one compound page.
    pub head: Pfn,
    /// Level of the leaf that maps it.
    pub level: Level,
    /// The device that it belongs to, where it was pinned as device memory.
    pub pgmap: Option<PgmapId>,
}

/// Why a walk stopped. The names are those of the JSON interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Every page asked for was pinned.
    Complete,
    /// An empty entry.
    None,
    /// An entry that is not present: swapped out or migrating.
    NotPresent,
    /// PROT_NONE.
    Protnone,
    /// `pXd_access_permitted` says no.
    NotPermitted,
    /// A special page that is not device memory.
    Special,
    /// Device memory, asked for with LONGTERM.
    LongtermDevmap,
    /// Device memory without a live pgmap.
    NoPgmap,
    /// The page has no reference, so that it is being freed.
    Refcount,
    /// The entry changed between the first look and the recheck.
    Changed,
    /// The table is not in the image. A kernel would have read whatever is there.
    OutsideImage,
    /// The range is not user memory, or wraps.
    AccessOk,
}

impl StopReason {
    /// The name in the JSON interface.
    pub const fn name(self) -> &'static str {
        match self {
            StopReason::Complete => "complete",
            StopReason::None => "none",
            StopReason::NotPresent => "not_present",
            StopReason::Protnone => "protnone",
            StopReason::NotPermitted => "not_permitted",
            StopReason::Special => "special",
            StopReason::LongtermDevmap => "longterm_devmap",
            StopReason::NoPgmap => "no_pgmap",
            StopReason::Refcount => "refcount",
            StopReason::Changed => "changed",
            StopReason::OutsideImage => "outside_image",
            StopReason::AccessOk => "access_ok",
        }
    }

    /// A sentence for people.
    pub const fn describe(self) -> &'static str {
        match self {
            StopReason::Complete => "every page asked for was pinned",
            StopReason::None => "the entry is empty",
            StopReason::NotPresent => "the entry is not present (swapped out or migrating)",
            StopReason::Protnone => "the page is PROT_NONE",
            StopReason::NotPermitted => "the entry does not permit the access",
            StopReason::Special => "the page is special: it has no struct page that may be used",
            StopReason::LongtermDevmap => "device memory may not be pinned for long",
            StopReason::NoPgmap => "device memory without a live dev_pagemap (register its range with --pgmap)",
            StopReason::Refcount => "the page has no reference: it is being freed",
            StopReason::Changed => "the entry changed while it was looked at",
            StopReason::OutsideImage => "the table is not in the image",
            StopReason::AccessOk => "the range is not user memory",
        }
    }
}

/// Where and why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Address whose entry stopped the walk; where all was pinned, the first address after the request. After an undo,
    /// pages before it are missing too.
    pub va: VirtAddr,
    /// Level of the entry that stopped the walk, where one did.
    pub level: Option<Level>,
    /// That entry as read.
    pub raw: Option<u64>,
    /// Why.
    pub reason: StopReason,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GupOutcome {
    /// Pages asked for.
    pub requested: i64,
    /// Pages pinned: a gap-free prefix of the request.
    pub pages: Vec<PinnedPage>,
    /// Where and why it stopped.
    pub stop: Stop,
}

/// `get_user_pages_fast(start, nr, flags)` without its slow path.
///
/// `start` may carry a tag; it is rounded down to its page. References taken stay in `zone` (put them back with
/// [`put_pages`]).
///
/// # Errors
/// [`WalkError`] when the plugin fails. Nothing that the image or the request holds is an error.
///
/// # Cost
/// One crossing into the plugin per table; memory for the pages pinned.
pub fn get_user_pages_fast<E: Engine + ?Sized>(
    engine: &mut E,
    tables: &TableSet<'_>,
    zone: &mut Zone,
    start: VirtAddr,
    nr: i64,
    flags: FollFlags,
) -> Result<GupOutcome, WalkError> {
    let geometry = tables.geometry;
    let page_bytes = 1u64 << geometry.page_shift();
    let start = VirtAddr(engine.call(Helper::untagged_addr, [start.0, 0])? & !(page_bytes - 1));
    let refused = |reason| GupOutcome {
        requested: nr,
        pages: Vec::new(),
        stop: Stop { va: start, level: None, raw: None, reason },
    };
    if nr <= 0 {
        return Ok(refused(StopReason::Complete));
    }
    let Some(range) = user_range(tables, start, nr) else { return Ok(refused(StopReason::AccessOk)) };
    let mut walk = range::GupWalk::new(tables, zone, flags);
    if let Some(start) = Subtree::root(tables, range) {
        descend(engine, tables, start, &mut walk)?;
    }
    let (pages, stop) = walk.finish();
    let end = VirtAddr(range.last.0.wrapping_add(1));
    let stop = stop.unwrap_or(Stop { va: end, level: None, raw: None, reason: StopReason::Complete });
    Ok(GupOutcome { requested: nr, pages, stop })
}

/// `access_ok(start, nr << PAGE_SHIFT)`: the range, if it is user memory, does not wrap, and is what the root translates.
fn user_range(tables: &TableSet<'_>, start: VirtAddr, nr: i64) -> Option<VaRange> {
    let geometry = tables.geometry;
    let len = u64::try_from(nr).ok()?.checked_mul(1 << geometry.page_shift())?;
    let end = start.0.checked_add(len)?;
    if end > geometry.task_size_max() {
        return None;
    }
    let range = VaRange::new(start, len)?;
    let whole = tables.whole()?;
    (whole.contains(range.first) && whole.contains(range.last)).then_some(range)
}

/// `put_page` for every page: gives back what [`get_user_pages_fast`] took.
pub fn put_pages(zone: &mut Zone, pages: &[PinnedPage]) {
    for page in pages {
        zone.put(page.head, 1);
    }
}
