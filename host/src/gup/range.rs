//! The fast walk itself: what GUP does at each entry, level by level (mm/gup.c, v5.3).

use ptwalk_abi::{Level, MmuPerms, Pfn, PhysAddr, VaRange, VirtAddr};

use super::{FollFlags, PinnedPage, Stop, StopReason};
use crate::engine::{Engine, EngineError, Facts, Record};
use crate::walk::{Batch, Flow, Passed, Progress, TableSet, Visitor, WalkError};
use crate::zone::{PgmapId, Zone};

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
    page_shift: u32,
    pte_depth: usize,
    zone: &'a mut Zone,
    flags: FollFlags,
    pages: Vec<PinnedPage>,
    /// Pages pinned when the current pte table was entered: `undo_dev_pagemap` goes back to here.
    pages_at_table: usize,
    /// The pgmap found last in the current pte table, with a reference.
    pgmap: Option<PgmapId>,
    stop: Option<Stop>,
}

impl<'a> GupWalk<'a> {
    pub(super) fn new(tables: &TableSet<'_>, zone: &'a mut Zone, flags: FollFlags) -> GupWalk<'a> {
        GupWalk {
            page_shift: tables.geometry.page_shift(),
            pte_depth: tables.geometry.slots().len() - 1,
            zone,
            flags,
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
    fn changed(&self, step: &Step) -> bool {
        self.zone.reread(step.at.entry_pa(), step.at.raw) != step.at.raw
    }

    fn phys(&self, pfn: Pfn) -> PhysAddr {
        pfn.phys(self.page_shift)
    }

    /// `undo_dev_pagemap`: gives back every page from the `keep`th on.
    fn undo(&mut self, keep: usize) {
        for page in self.pages.drain(keep..).rev() {
            self.zone.put(page.head, 1);
        }
    }

    /// The loop of `gup_pte_range`. The scan ended before the first entry that is PROT_NONE, not permitted, or special
    /// and no device memory; device memory is tested before special, so that an entry with both bits (arm64 since
    /// v5.3-rc4) is device memory.
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
            let devmap = batch.layout.facts(*word).has(Facts::DEVMAP);
            if let Err(reason) = self.pte(batch, index, pfn, devmap) {
                return Ok(self.stop_at(&Step::new(batch, index), reason));
            }
            *at = Progress { index: index + 1, word: at.word + 1 };
        }
        if at.index >= batch.end {
            return Ok(Flow::Next);
        }
        let Record { facts, .. } = record(engine, batch, at.index)?;
        let reason = if facts.has(Facts::PROTNONE) {
            StopReason::Protnone
        } else if !facts.has(Facts::PERMITTED) {
            not_permitted(facts)
        } else {
            StopReason::Special
        };
        Ok(self.stop_at(&Step::new(batch, at.index), reason))
    }

    /// One pass of that loop, for an entry that GUP goes past if the page lets it.
    #[inline]
    fn pte(&mut self, batch: &Batch<'_>, index: u32, pfn: Pfn, devmap: bool) -> Result<(), StopReason> {
        if devmap {
            if self.flags.longterm {
                return Err(StopReason::LongtermDevmap);
            }
            self.pgmap = self.zone.get_dev_pagemap(self.phys(pfn), self.pgmap.take());
            if self.pgmap.is_none() {
                self.undo(self.pages_at_table);
                return Err(StopReason::NoPgmap);
            }
        }
        let head = self.zone.compound_head(pfn);
        if !self.zone.try_get(head, 1) {
            return Err(StopReason::Refcount);
        }
        if self.zone.may_change() && self.changed(&Step::new(batch, index)) {
            self.zone.put(head, 1);
            return Err(StopReason::Changed);
        }
        let pgmap = if devmap { self.pgmap } else { None };
        // Ptes are never cut: the request is made of whole pages.
        let va = batch.table.span_start(index);
        self.pages.push(PinnedPage { va, pfn, head, level: Level::Pte, pgmap });
        Ok(())
    }

    /// An entry above the ptes.
    fn upper<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>, index: u32) -> Result<Flow, WalkError> {
        let record = record(engine, batch, index)?;
        let Record { facts, target } = record;
        let step = &Step::new(batch, index);
        Ok(match batch.table.slot.level {
            Level::Pmd if !facts.has(Facts::PRESENT) => self.stop_at(step, not_permitted(facts)),
            Level::Pmd if facts.any(Facts::TRANS_HUGE.or(Facts::HUGE).or(Facts::DEVMAP)) => {
                if facts.has(Facts::PROTNONE) {
                    self.stop_at(step, StopReason::Protnone)
                } else {
                    self.huge(step, record)
                }
            }
            Level::Pud | Level::P4d | Level::Pgd if facts.has(Facts::NONE) => self.stop_at(step, StopReason::None),
            Level::Pud | Level::Pgd if facts.has(Facts::HUGE) => self.huge(step, record),
            _ => Flow::Descend(PhysAddr(target), MmuPerms::ALL),
        })
    }

    /// `gup_huge_pmd`, `gup_huge_pud`, `gup_huge_pgd`: the part of a leaf that the request covers, with one reference
    /// a page on the head, taken at once.
    fn huge(&mut self, step: &Step, Record { facts, target }: Record) -> Flow {
        if !facts.has(Facts::PERMITTED) {
            return self.stop_at(step, not_permitted(facts));
        }
        if facts.has(Facts::DEVMAP) && step.at.level != Level::Pgd {
            if self.flags.longterm {
                return self.stop_at(step, StopReason::LongtermDevmap);
            }
            return self.device_huge(step, Pfn(target));
        }
        let head = self.zone.compound_head(Pfn(target));
        let count = i64::try_from(step.range.bytes() >> self.page_shift).unwrap_or(i64::MAX);
        if !self.zone.try_get(head, count) {
            return self.stop_at(step, StopReason::Refcount);
        }
        if self.changed(step) {
            self.zone.put(head, count);
            return self.stop_at(step, StopReason::Changed);
        }
        for (va, pfn) in self.frames(step, Pfn(target)) {
            self.pages.push(PinnedPage { va, pfn, head, level: step.at.level, pgmap: None });
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
            self.pages.push(PinnedPage { va, pfn, head, level: step.at.level, pgmap: self.pgmap });
            self.zone.get(head);
        }
        self.zone.put_dev_pagemap(self.pgmap.take());
        if self.changed(step) {
            self.undo(keep);
            return self.stop_at(step, StopReason::Changed);
        }
        Flow::Next
    }

    /// Address and frame of each page of a leaf that the request covers; `base` is the leaf's first frame.
    fn frames(&self, step: &Step, base: Pfn) -> impl Iterator<Item = (VirtAddr, Pfn)> + use<> {
        let (first, shift) = (step.range.first, self.page_shift);
        let skipped = (first.0 - step.span_start.0) >> shift;
        let count = u64::try_from(step.range.bytes() >> shift).unwrap_or(u64::MAX);
        (0..count).map(move |i| (VirtAddr(first.0 + (i << shift)), Pfn(base.0.wrapping_add(skipped + i))))
    }
}

/// An access that is refused has a plainer name where the entry is empty or not present.
fn not_permitted(facts: Facts) -> StopReason {
    if facts.has(Facts::NONE) {
        StopReason::None
    } else if !facts.has(Facts::PRESENT) {
        StopReason::NotPresent
    } else {
        StopReason::NotPermitted
    }
}

/// What the plugin says of an entry.
fn record<E: Engine + ?Sized>(engine: &mut E, batch: &Batch<'_>, index: u32) -> Result<Record, EngineError> {
    let record = engine.record(batch.table.depth, batch.raw(index));
    record.map_err(|error| error.on_entry(batch.table.pa, index))
}

impl Visitor for GupWalk<'_> {
    fn visit<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError> {
        if batch.table.slot.level == Level::Pte {
            return self.ptes(engine, batch, at);
        }
        while at.index < batch.end {
            let flow = self.upper(engine, batch, at.index)?;
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
        if depth == self.pte_depth {
            self.zone.put_dev_pagemap(self.pgmap.take());
        }
    }
}
