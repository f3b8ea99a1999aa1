//! `get_user_pages_fast`, of the kernel whose [`Policy`] is asked for.
//!
//! In: the tables of a user address space, an engine built with [`Queries::gup`](crate::engine::Queries::gup), a
//! [`Zone`] of device ranges and page references, and a request. Out: the pages pinned, and where and why it stopped;
//! the kernel's fast walk never says why. Same order of tests, same stop, same partial count, same undo as mm/gup.c:
//! `gup_pgd_range` … `gup_pte_range`, `gup_huge_*`, `gup_huge_pd`, `__gup_device_huge`, `undo_dev_pagemap`.
//!
//! Not handled: the slow path (it needs the VMAs), and what docs/gup.md lists.

mod entry;
mod flags;
pub mod policy;
mod range;

use ptwalk_abi::{Helper, Level, Pfn, VirtAddr};
use ptwalk_verifier::fault::{Fault, seeded};

use crate::engine::Engine;
use crate::errno::Errno;
use crate::walk::{Subtree, TableSet, WalkError, descend};
use crate::zone::{PgmapId, Zone};

pub use entry::AccessOk;
pub use flags::{FollFlags, Numbering};
pub use policy::Policy;

/// What is asked for, and of which kernel. What an entry means is the plugin's, and may be of another kernel.
#[derive(Clone, Copy, Debug)]
pub struct Gup {
    /// The kernel's rules.
    pub policy: &'static Policy,
    /// The flags.
    pub flags: FollFlags,
    /// How the architecture checks the range.
    pub access_ok: AccessOk,
}

impl Gup {
    /// A request of v5.3.
    pub const fn new(flags: FollFlags) -> Gup {
        Gup { policy: &Policy::V5_3, flags, access_ok: AccessOk::Sum }
    }

    /// Whether it matters if an entry is writable beyond what the access needs.
    pub(crate) const fn needs_write(&self) -> bool {
        self.policy.unshares && self.flags.has(FollFlags::PIN)
    }
}

/// How a page is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A reference on the head.
    Get,
    /// A pin: [`PIN_BIAS`] references on the head.
    Pin,
    /// A pin of a large page: a reference on the head, and a pin in a count of its own.
    PinCount,
    /// Nothing: the zero page is not pinned.
    Nothing,
}

/// `GUP_PIN_COUNTING_BIAS` (include/linux/mm.h, v5.10).
pub const PIN_BIAS: i64 = 1024;

impl Hold {
    /// References that a page holds.
    pub fn refs(self) -> i64 {
        match self {
            Hold::Get | Hold::PinCount => 1,
            Hold::Pin if seeded(Fault::GupPinAsReference) => 1,
            Hold::Pin => PIN_BIAS,
            Hold::Nothing => 0,
        }
    }

    /// Gives `count` pages of a head back.
    fn release(self, zone: &mut Zone, head: Pfn, count: i64) {
        zone.put(head, self.refs().saturating_mul(count));
        if self == Hold::PinCount {
            zone.add_pins(head, count.saturating_neg());
        }
    }
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
    /// How it is held.
    pub hold: Hold,
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
    /// A flag, or flags together, that the kernel does not accept.
    Flags,
    /// Memory of a PCI peer, for which the request did not ask.
    PciP2pdma,
    /// The page may have to move or to be written back, and cannot be pinned for long.
    NotPinnable,
    /// Secret memory.
    Secretmem,
    /// A shared anonymous page, of which a pin would keep the wrong copy, or for long a page of a file, which may be one.
    Unshare,
    /// A directory of huge pages of a size that no MMU has, at which the kernel stops with BUG(), or of more ptes than a
    /// table has, which no kernel makes.
    HugepdSize,
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
            StopReason::Flags => "flags",
            StopReason::PciP2pdma => "pci_p2pdma",
            StopReason::NotPinnable => "not_pinnable",
            StopReason::Secretmem => "secretmem",
            StopReason::Unshare => "unshare",
            StopReason::HugepdSize => "hugepd_size",
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
            StopReason::Flags => {
                "this kernel does not accept the flags, or not together (LONGTERM needs PIN since v5.10)"
            }
            StopReason::PciP2pdma => "memory of a PCI peer, and FOLL_PCI_P2PDMA is not set",
            StopReason::NotPinnable => "the page may have to move or to be written back: it cannot be pinned for long",
            StopReason::Secretmem => "the page is secret memory",
            StopReason::Unshare => "the page may have to be unshared before it is pinned for reading",
            StopReason::HugepdSize => {
                "no kernel makes such a directory of huge pages: no MMU has the size, or it is too small"
            }
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
    /// What the function returns instead of a number of pages, where the entry checks refuse the request.
    pub errno: Option<Errno>,
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
    gup: &Gup,
    start: VirtAddr,
    nr: i64,
) -> Result<GupOutcome, WalkError> {
    let page_bytes = 1u64 << tables.geometry.page_shift();
    let start = VirtAddr(engine.call(Helper::untagged_addr, [start.0, 0])? & !(page_bytes - 1));
    let range = match entry::range(tables, gup, start, nr) {
        Ok(range) => range,
        Err(entry::Refused { reason, errno }) => {
            let stop = Stop { va: start, level: None, raw: None, reason };
            return Ok(GupOutcome { requested: nr, pages: Vec::new(), stop, errno });
        }
    };
    let mut walk = range::GupWalk::new(tables, zone, gup);
    if let Some(start) = Subtree::root(tables, range) {
        descend(engine, tables, start, &mut walk)?;
    }
    let (pages, stop) = walk.finish();
    let end = VirtAddr(range.last.0.wrapping_add(1));
    let stop = stop.unwrap_or(Stop { va: end, level: None, raw: None, reason: StopReason::Complete });
    Ok(GupOutcome { requested: nr, pages, stop, errno: None })
}

/// `put_page` for every page: gives back what [`get_user_pages_fast`] took.
pub fn put_pages(zone: &mut Zone, pages: &[PinnedPage]) {
    for page in pages {
        page.hold.release(zone, page.head, 1);
    }
}
