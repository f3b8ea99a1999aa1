//! The fast walk itself: what GUP does at each entry, level by level (mm/gup.c), as its policy says.

use ptwalk_abi::{Geometry, Helper, Level, MmuPerms, Pfn, PhysAddr, VaRange, VirtAddr};
use ptwalk_verifier::fault::{Fault, seeded};

use super::policy::Taken;
use super::{FollFlags, Gup, Hold, PinnedPage, Policy, Stop, StopReason};
use crate::engine::{Engine, EngineError, Facts, Record};
use crate::walk::{Batch, Directory, Flow, Passed, Progress, TableSet, Visitor, WalkError};
use crate::zone::{PageKind, PgmapId, PgmapType, Zone};

/// One entry that GUP looks at.
#[derive(Clone, Copy)]
struct Step {
    at: Passed,
    /// The part of the request that the entry translates.
    range: VaRange,
    /// First address that the entry translates.
    span_start: VirtAddr,
}

impl Step {
    fn new(batch: &Batch<'_>, index: u32) -> Step {
        let table = &batch.table;
        Step { at: batch.passed(index), range: table.clip(index, index), span_start: table.span_start(index) }
    }
}

/// The state of one `get_user_pages_fast`.
pub(super) struct GupWalk<'a> {
    geometry: &'a Geometry,
    page_shift: u32,
    pte_depth: usize,
    zone: &'a mut Zone,
    policy: &'static Policy,
    flags: FollFlags,
    /// Something is known of pages or entries beyond references, or pins are asked for: each page is looked at closer.
    closely: bool,
    pages: Vec<PinnedPage>,
    /// Pages pinned when the current pte table was entered: `undo_dev_pagemap` goes back to here.
    pages_at_table: usize,
    /// The pgmap found last in the current pte table, with a reference.
    pgmap: Option<PgmapId>,
    stop: Option<Stop>,
}

impl<'a> GupWalk<'a> {
    pub(super) fn new(tables: &TableSet<'a>, zone: &'a mut Zone, gup: &Gup) -> GupWalk<'a> {
        let Gup { policy, flags, .. } = *gup;
        let peers = policy.refuses_p2pdma && zone.pgmaps().any(|(_, pgmap)| pgmap.kind == PgmapType::PciP2pdma);
        let closely = zone.may_change() || zone.has_kinds() || peers || flags.has(FollFlags::PIN);
        GupWalk {
            geometry: tables.geometry,
            page_shift: tables.geometry.page_shift(),
            pte_depth: tables.geometry.slots().len() - 1,
            zone,
            policy,
            flags,
            closely,
            pages: Vec::new(),
            pages_at_table: 0,
            pgmap: None,
            stop: None,
        }
    }

    pub(super) fn finish(self) -> (Vec<PinnedPage>, Option<Stop>) {
        (self.pages, self.stop)
    }

    /// The level at which an entry was refused, and why. The pages to keep were settled before. The first address not
    /// pinned is not always that of the entry: an undo goes back further.
    fn stop_at(&mut self, step: &Step, reason: StopReason) -> Flow {
        self.zone.put_dev_pagemap(self.pgmap.take());
        self.stop = Some(Stop { va: step.range.first, level: Some(step.at.level), raw: Some(step.at.raw), reason });
        Flow::Stop
    }

    /// The entry read again differs from the copy that decisions were made on.
    fn changed(&self, at: &Passed) -> bool {
        self.zone.reread(at.entry_pa(), at.raw) != at.raw
    }

    fn phys(&self, pfn: Pfn) -> PhysAddr {
        pfn.phys(self.page_shift)
    }

    /// `undo_dev_pagemap`: gives back every page from the `keep`th on.
    fn undo(&mut self, keep: usize) {
        for page in self.pages.drain(keep..).rev() {
            page.hold.release(self.zone, page.head, 1);
        }
    }

    /// The loop of `gup_pte_range`. The scan ended before the first entry that GUP does not go past
    /// ([`Policy::refuses_pte`]), device memory for long apart.
    fn ptes<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError> {
        let words = &batch.words[at.word..];
        self.pages.reserve(words.len());
        for word in words {
            let (index, pfn) = (at.index, Pfn(batch.layout.frame(*word)));
            let facts = batch.layout.facts(*word);
            if let Err(reason) = self.pte(batch, index, pfn, facts) {
                return Ok(self.stop_at(&Step::new(batch, index), reason));
            }
            *at = Progress { index: index + 1, word: at.word + 1 };
        }
        if at.index >= batch.end {
            return Ok(Flow::Next);
        }
        let Record { facts, .. } = record(engine, batch, at.index)?;
        let reason = self.policy.refuses_pte(facts, self.flags).unwrap_or(StopReason::NotPermitted);
        Ok(self.stop_at(&Step::new(batch, at.index), reason))
    }

    /// One pass of that loop, for an entry that GUP goes past if the page lets it.
    #[inline]
    fn pte(&mut self, batch: &Batch<'_>, index: u32, pfn: Pfn, facts: Facts) -> Result<(), StopReason> {
        let devmap = facts.has(Facts::DEVMAP);
        if devmap {
            if self.flags.has(FollFlags::LONGTERM) && !seeded(Fault::GupDevicePinnedForLong) {
                return Err(StopReason::LongtermDevmap);
            }
            self.pgmap = self.zone.get_dev_pagemap(self.phys(pfn), self.pgmap.take());
            if self.pgmap.is_none() {
                let last = self.pages.len().saturating_sub(1).max(self.pages_at_table);
                self.undo(if seeded(Fault::GupUndoOnePage) { last } else { self.pages_at_table });
                return Err(StopReason::NoPgmap);
            }
        }
        let head = if seeded(Fault::GupReferenceOnTail) { pfn } else { self.zone.compound_head(pfn) };
        let hold = if self.closely {
            self.pte_closely(batch, index, (pfn, head), facts)?
        } else if self.zone.try_get(head, 1) {
            Hold::Get
        } else {
            return Err(StopReason::Refcount);
        };
        let pgmap = if devmap { self.pgmap } else { None };
        // Ptes are never cut: the request is made of whole pages.
        let va = batch.table.span_start(index);
        self.pages.push(PinnedPage { va, pfn, head, level: Level::Pte, pgmap, hold });
        Ok(())
    }

    /// Takes hold of the page of a pte, with everything that may be known of it: reference, recheck, kind.
    fn pte_closely(
        &mut self,
        batch: &Batch<'_>,
        index: u32,
        (pfn, head): (Pfn, Pfn),
        facts: Facts,
    ) -> Result<Hold, StopReason> {
        let hold = self.grab(pfn, head, 1, false)?;
        let secret = self.policy.secretmem && self.zone.page_kind(head) == Some(PageKind::Secretmem);
        let secret = secret && !seeded(Fault::GupSecretTaken);
        let above = if self.policy.rechecks_pmd && !seeded(Fault::GupPmdNotRechecked) {
            batch.table.trail.last()
        } else {
            None
        };
        let checked = if secret && !self.policy.secretmem_after_recheck {
            Err(StopReason::Secretmem)
        } else if self.changed(&batch.passed(index)) || above.is_some_and(|at| self.changed(at)) {
            Err(StopReason::Changed)
        } else if secret {
            Err(StopReason::Secretmem)
        } else {
            self.may_pin(head, facts)
        };
        if let Err(reason) = checked {
            if !(seeded(Fault::GupChangedPageKept) && reason == StopReason::Changed) {
                hold.release(self.zone, head, 1);
            }
            return Err(reason);
        }
        Ok(hold)
    }

    /// An entry above the ptes.
    fn upper<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>, index: u32) -> Result<Flow, WalkError> {
        let record = record(engine, batch, index)?;
        let step = &Step::new(batch, index);
        Ok(match self.policy.takes(batch.table.slot.level, record.facts, self.flags) {
            Taken::Refused(reason) => self.stop_at(step, reason),
            Taken::Leaf => self.huge(step, record),
            Taken::Directory => match Directory::of(engine, self.geometry, batch, index)? {
                Some(directory) => Flow::Directory(directory),
                None => self.stop_at(step, StopReason::HugepdSize),
            },
            Taken::Table => Flow::Descend { table: PhysAddr(record.target), perms: MmuPerms::ALL, ahead: None },
        })
    }

    /// `gup_huge_pmd`, `gup_huge_pud`, `gup_huge_pgd`: the part of a leaf that the request covers, with one reference
    /// a page on the head, taken at once.
    fn huge(&mut self, step: &Step, Record { facts, target }: Record) -> Flow {
        if self.policy.devmap && facts.has(Facts::DEVMAP) && step.at.level != Level::Pgd {
            if self.flags.has(FollFlags::LONGTERM) {
                return self.stop_at(step, StopReason::LongtermDevmap);
            }
            return self.device_huge(step, Pfn(target));
        }
        self.compound(step, Record { facts, target })
    }

    /// `gup_hugepte`: a huge page of a directory. Its entry is rechecked, the one that leads to the directory is not.
    fn hugepte<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        index: u32,
    ) -> Result<Flow, WalkError> {
        let record = hugepte_record(engine, batch, index, self.policy.hugepte_written(self.flags))?;
        let step = &Step::new(batch, index);
        Ok(match self.policy.refuses_hugepte(record.facts) {
            Some(reason) => self.stop_at(step, reason),
            None => self.compound(step, record),
        })
    }

    /// The part of a huge page that the request covers, held by the head of the page that the entry names.
    fn compound(&mut self, step: &Step, Record { facts, target }: Record) -> Flow {
        let head = self.zone.compound_head(Pfn(target));
        let count = i64::try_from(step.range.bytes() >> self.page_shift).unwrap_or(i64::MAX);
        let count = if seeded(Fault::GupHugeOneReference) { 1 } else { count };
        let hold = match self.grab(Pfn(target), head, count, true) {
            Ok(hold) => hold,
            Err(reason) => return self.stop_at(step, reason),
        };
        let changed = self.changed(&step.at) && !seeded(Fault::GupHugeNotRechecked);
        let checked = if changed { Err(StopReason::Changed) } else { self.may_pin(head, facts) };
        if let Err(reason) = checked {
            hold.release(self.zone, head, count);
            return self.stop_at(step, reason);
        }
        for (va, pfn) in self.frames(step, Pfn(target)) {
            self.pages.push(PinnedPage { va, pfn, head, level: step.at.level, pgmap: None, hold });
        }
        Flow::Next
    }

    /// `__gup_device_huge`: page by page, each with its pgmap, so that a pgmap that ends inside the leaf undoes the
    /// whole leaf.
    fn device_huge(&mut self, step: &Step, base: Pfn) -> Flow {
        let keep = self.pages.len();
        for (va, pfn) in self.frames(step, base) {
            self.pgmap = self.zone.get_dev_pagemap(self.phys(pfn), self.pgmap.take());
            if self.pgmap.is_none() {
                self.undo(keep);
                return self.stop_at(step, StopReason::NoPgmap);
            }
            let head = self.zone.compound_head(pfn);
            let hold = if self.policy.device_grab_may_fail {
                match self.grab(pfn, head, 1, false) {
                    Ok(hold) => hold,
                    Err(reason) => {
                        self.undo(keep);
                        return self.stop_at(step, reason);
                    }
                }
            } else {
                self.zone.get(head);
                Hold::Get
            };
            self.pages.push(PinnedPage { va, pfn, head, level: step.at.level, pgmap: self.pgmap, hold });
        }
        self.zone.put_dev_pagemap(self.pgmap.take());
        if self.changed(&step.at) {
            self.undo(keep);
            return self.stop_at(step, StopReason::Changed);
        }
        Flow::Next
    }

    /// `try_grab_folio` and what was there before it: takes hold of `count` pages of a head. A huge leaf is a large page,
    /// also where nobody said so.
    fn grab(&mut self, pfn: Pfn, head: Pfn, count: i64, huge: bool) -> Result<Hold, StopReason> {
        let welcome = !self.policy.refuses_p2pdma || self.flags.has(FollFlags::PCI_P2PDMA);
        if !(welcome || seeded(Fault::GupPeersWelcome)) && self.device_kind(pfn) == Some(PgmapType::PciP2pdma) {
            return Err(StopReason::PciP2pdma);
        }
        let pin = self.flags.has(FollFlags::PIN);
        let kind = self.zone.page_kind(head);
        if pin && self.policy.pins_folios && kind == Some(PageKind::Zero) && !seeded(Fault::GupZeroHeld) {
            return Ok(Hold::Nothing);
        }
        let counted_from = self.policy.pincount_order + u32::from(seeded(Fault::GupPinsInReferences));
        let large = huge || self.zone.order(head) >= counted_from;
        let hold = match (pin, large) {
            (false, _) => Hold::Get,
            (true, true) => Hold::PinCount,
            (true, false) => Hold::Pin,
        };
        if !self.zone.try_get(head, hold.refs().saturating_mul(count)) {
            return Err(StopReason::Refcount);
        }
        if hold == Hold::PinCount {
            self.zone.add_pins(head, count);
        }
        let device_moves = match self.device_kind(pfn) {
            Some(PgmapType::Coherent) => true,
            Some(PgmapType::FsDax) => self.policy.dax_moves,
            _ => false,
        };
        let movable = kind == Some(PageKind::Movable) || device_moves;
        let movable = movable && !seeded(Fault::GupMovablePinned);
        if self.policy.pins_stay && pin && self.flags.has(FollFlags::LONGTERM) && movable {
            hold.release(self.zone, head, count);
            return Err(StopReason::NotPinnable);
        }
        Ok(hold)
    }

    /// `folio_fast_pin_allowed` and `gup_must_unshare`: what is asked once the entry did not change.
    fn may_pin(&self, head: Pfn, facts: Facts) -> Result<(), StopReason> {
        let (flags, kind) = (self.flags, self.zone.page_kind(head));
        let written_back = FollFlags::PIN | FollFlags::LONGTERM | FollFlags::WRITE;
        let file = kind == Some(PageKind::File) && !seeded(Fault::GupFilePinned);
        if self.policy.pins_folios && flags.has(written_back) && file {
            return Err(StopReason::NotPinnable);
        }
        let reads = flags.has(FollFlags::PIN) && !flags.has(FollFlags::WRITE) && !facts.has(Facts::WRITE);
        let shared = match kind {
            Some(PageKind::AnonShared) => !seeded(Fault::GupUnshareForgotten),
            Some(PageKind::File | PageKind::Zero) => {
                self.policy.unshares_files && flags.has(FollFlags::LONGTERM) && !seeded(Fault::GupFileReadForLong)
            }
            _ => false,
        };
        if self.policy.unshares && reads && shared {
            return Err(StopReason::Unshare);
        }
        Ok(())
    }

    /// The type of the device that a frame belongs to, whether or not its entry says that it is a device's.
    fn device_kind(&self, pfn: Pfn) -> Option<PgmapType> {
        self.zone.find(self.phys(pfn)).map(|id| self.zone.pgmap(id).kind)
    }

    /// Address and frame of each page of a leaf that the request covers; `base` is the leaf's first frame.
    fn frames(&self, step: &Step, base: Pfn) -> impl Iterator<Item = (VirtAddr, Pfn)> + use<> {
        let (first, shift) = (step.range.first, self.page_shift);
        let skipped = (first.0 - step.span_start.0) >> shift;
        let skipped = if seeded(Fault::GupHugeFromFirstPage) { 0 } else { skipped };
        let count = u64::try_from(step.range.bytes() >> shift).unwrap_or(u64::MAX);
        (0..count).map(move |i| (VirtAddr(first.0 + (i << shift)), Pfn(base.0.wrapping_add(skipped + i))))
    }
}

/// What the plugin says of an entry.
fn record<E: Engine + ?Sized>(engine: &mut E, batch: &Batch<'_>, index: u32) -> Result<Record, EngineError> {
    let record = engine.record(batch.table.depth, batch.raw(index));
    record.map_err(|error| error.on_entry(batch.table.pa, index))
}

/// What the plugin says of a huge pte, for the access that the kernel asks about.
fn hugepte_record<E: Engine + ?Sized>(
    engine: &mut E,
    batch: &Batch<'_>,
    index: u32,
    write: bool,
) -> Result<Record, EngineError> {
    let Record { facts, target } = record(engine, batch, index)?;
    let permitted = engine.call(Helper::pte_access_permitted, [batch.raw(index), u64::from(write)]);
    let permitted = permitted.map_err(|error| error.on_entry(batch.table.pa, index))? != 0;
    Ok(Record { facts: facts.with(Facts::PERMITTED, permitted), target })
}

impl Visitor for GupWalk<'_> {
    fn visit<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError> {
        let directory = batch.table.directory;
        if batch.table.slot.level == Level::Pte && !directory {
            return self.ptes(engine, batch, at);
        }
        while at.index < batch.end {
            let flow =
                if directory { self.hugepte(engine, batch, at.index)? } else { self.upper(engine, batch, at.index)? };
            at.index += 1;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn missing(&mut self, at: Passed, range: VaRange, _trail: &[Passed]) -> Result<Flow, WalkError> {
        self.zone.put_dev_pagemap(self.pgmap.take());
        let reason = StopReason::OutsideImage;
        self.stop = Some(Stop { va: range.first, level: Some(at.level), raw: None, reason });
        Ok(Flow::Stop)
    }

    fn enter(&mut self, depth: usize) {
        if depth == self.pte_depth {
            self.pages_at_table = self.pages.len();
        }
    }

    fn leave(&mut self, depth: usize) {
        if depth == self.pte_depth && !seeded(Fault::GupPgmapLeaks) {
            self.zone.put_dev_pagemap(self.pgmap.take());
        }
    }
}
