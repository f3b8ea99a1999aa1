//! What the fast GUP must pin, page by page, with the books of references and what is given back.
//!
//! Written from mm/gup.c's rules as docs/gup.md and the reference of the kernel's semantics have them, one recursion over
//! tables and one loop over ptes; kernels differ by [`Row`].

use std::collections::BTreeMap;

use ptwalk_abi::Level;

use super::memory::Physical;
use super::rows::Row;
use super::{Cpu, Directory, Machine, Meaning};
use crate::gup::FollFlags;
use crate::zone::{PageKind, PgmapType};

/// What is known of pages and devices.
#[derive(Clone, Debug, Default)]
pub(in crate::fuzz) struct Books {
    /// First byte, first byte above, type, live.
    pub pgmaps: Vec<(u64, u64, PgmapType, bool)>,
    /// First frame and frames.
    pub compounds: Vec<(u64, u64)>,
    pub kinds: BTreeMap<u64, PageKind>,
    /// References by head; 1 where there is none.
    pub refs: BTreeMap<u64, i64>,
    pub pins: BTreeMap<u64, i64>,
    /// Entries that read differently the second time.
    pub changes: BTreeMap<u64, u64>,
}

impl Books {
    fn head(&self, pfn: u64) -> (u64, u64) {
        let holds = |(first, frames): &&(u64, u64)| *first <= pfn && pfn - first < *frames;
        self.compounds.iter().find(holds).copied().unwrap_or((pfn, 1))
    }

    fn pgmap(&self, pa: u64) -> Option<usize> {
        self.pgmaps.iter().position(|(start, end, ..)| *start <= pa && pa < *end)
    }

    pub fn refs(&self, head: u64) -> i64 {
        self.refs.get(&head).copied().unwrap_or(1)
    }

    fn add(&mut self, page: &Page, sign: i64) {
        *self.refs.entry(page.head).or_insert(1) += sign * page.refs;
        *self.pins.entry(page.head).or_insert(0) += sign * page.pins;
    }
}

/// A page that was pinned, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fuzz) struct Page {
    pub va: u64,
    pub pfn: u64,
    pub head: u64,
    pub level: Level,
    pub device: bool,
    /// References of its head, and pins counted apart.
    pub refs: i64,
    pub pins: i64,
}

/// Where it stopped: address, level and word of the entry, the name of the reason.
pub(in crate::fuzz) type Stop = (u64, Option<Level>, Option<u64>, &'static str);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fuzz) struct Outcome {
    pub pages: Vec<Page>,
    pub stop: Stop,
    pub errno: Option<i32>,
}

/// One call.
pub(in crate::fuzz) struct Call<'a> {
    pub m: &'a Machine,
    pub memory: &'a Physical,
    pub root: u64,
    pub row: Row,
    pub flags: FollFlags,
}

const EFAULT: i32 = 14;
const EINVAL: i32 = 22;
const EOVERFLOW: i32 = 75;

/// Pins of a small page: `GUP_PIN_COUNTING_BIAS`.
const BIAS: i64 = 1024;

impl Call<'_> {
    /// `get_user_pages_fast` without its slow path.
    pub fn run(&self, books: &mut Books, start: u64, nr: i64) -> Outcome {
        let tagged = if self.m.cpu == Cpu::Arm64 { ((start << 8).cast_signed() >> 8).cast_unsigned() } else { start };
        let start = tagged >> self.m.page_shift << self.m.page_shift;
        let end = match self.range(start, nr) {
            Ok(end) => end,
            Err((reason, errno)) => {
                return Outcome { pages: Vec::new(), stop: (start, None, None, reason), errno };
            }
        };
        let mut walk = Walk { call: self, books, pages: Vec::new() };
        let stopped = walk.table(0, self.root, (start, end - 1), None).err();
        let stop = stopped.unwrap_or((end, None, None, "complete"));
        Outcome { pages: walk.pages, stop, errno: None }
    }

    /// The end of the range, or why none is walked.
    fn range(&self, start: u64, nr: i64) -> Result<u64, (&'static str, Option<i32>)> {
        let hidden = self.row.fast_only_hides_errors() && self.flags.has(FollFlags::FAST_ONLY);
        if !self.row.accepts(self.flags) {
            return Err(("flags", (!hidden).then_some(EINVAL)));
        }
        let error = |number: i32| ("access_ok", (!hidden).then_some(number));
        // The parameter is an int.
        if i32::try_from(nr).is_err() {
            return Err(error(EFAULT));
        }
        let len = (nr << self.m.page_shift).cast_unsigned();
        let end = start.wrapping_add(len);
        if self.row.wrapping_is_an_error() && end < start {
            return Err(error(EOVERFLOW));
        }
        if end <= start {
            return Err((if nr > 0 { "access_ok" } else { "complete" }, None));
        }
        let limit = self.m.task_size();
        let apart = self.m.cpu == Cpu::Ppc && self.row.ppc_forgets_the_sum();
        let fits = if apart { start < limit && len < limit } else { end <= limit };
        if (self.row.asks_access_ok() && !fits) || (self.row.compares_task_size() && end > limit) {
            return Err(error(EFAULT));
        }
        // Beyond the tables nothing is known of what a kernel would read.
        let (_, shift, bits) = self.m.levels[0];
        let half = match self.m.cpu {
            Cpu::X86 => 1 << (self.m.va_bits - 1),
            _ => 1 << (shift + bits),
        };
        if end > half { Err(("access_ok", None)) } else { Ok(end) }
    }
}

struct Walk<'a> {
    call: &'a Call<'a>,
    books: &'a mut Books,
    pages: Vec<Page>,
}

impl Walk<'_> {
    /// The tables above the ptes. `above` is the entry that led here, as it was read.
    fn table(
        &mut self,
        depth: usize,
        table: u64,
        (first, last): (u64, u64),
        above: Option<(u64, u64)>,
    ) -> Result<(), Stop> {
        let (call, m) = (self.call, self.call.m);
        let (level, shift, bits) = m.levels[depth];
        if level == Level::Pte {
            return self.ptes(depth, table, (first, last), above);
        }
        let size = 1u64 << shift;
        let mut va = first;
        loop {
            let part_last = (va | (size - 1)).min(last);
            let at = table + (va >> shift & ((1 << bits) - 1)) * 8;
            let raw = call.memory.word(at).ok_or((va, Some(m.shown(depth)), None, "outside_image"))?;
            let x = m.meaning(level, raw);
            let stop = |reason| (va, Some(m.shown(depth)), Some(raw), reason);
            if x.none && level != Level::Pmd {
                return Err(stop("none"));
            }
            if call.row.stops_at_absent(level) && !x.present {
                return Err(stop(refusal(&x)));
            }
            // A devmap bit is not looked at where nobody asks for devices.
            let x = Meaning { devmap: x.devmap && call.row.knows_devices(), ..x };
            if call.row.huge(level, &x) {
                self.leaf(depth, &x, (va, part_last), at, raw).map_err(stop)?;
            } else if let Some(directory) = x.directory.filter(|_| call.row.has_directories()) {
                if !self.fits(shift, directory) {
                    return Err(stop("hugepd_size"));
                }
                self.huge_ptes(shift, directory, (va, part_last))?;
            } else {
                self.table(depth + 1, x.table, (va, part_last), Some((at, raw)))?;
            }
            if part_last == last {
                return Ok(());
            }
            va = part_last + 1;
        }
    }

    /// Whether a directory has pages of a size, and no more of them than a table has ptes.
    fn fits(&self, above: u32, Directory { shift, .. }: Directory) -> bool {
        let (_, page_shift, bits) = self.call.m.levels[self.call.m.levels.len() - 1];
        shift >= page_shift && above.saturating_sub(shift) <= bits
    }

    /// `gup_huge_pd`: the ptes of a directory below an entry of `1 << above` bytes.
    fn huge_ptes(&mut self, above: u32, directory: Directory, (first, last): (u64, u64)) -> Result<(), Stop> {
        let (call, m) = (self.call, self.call.m);
        let (depth, size) = (m.levels.len() - 1, 1u64 << directory.shift);
        let mut va = first;
        loop {
            let part_last = (va | (size - 1)).min(last);
            let at = directory.table + ((va & ((1 << above) - 1)) >> directory.shift) * 8;
            let raw = call.memory.word(at).ok_or((va, Some(Level::Pte), None, "outside_image"))?;
            let x = m.meaning(Level::Pte, raw);
            let stop = |reason| (va, Some(Level::Pte), Some(raw), reason);
            if !x.permitted[usize::from(call.row.writes_to_huge(call.flags))] {
                return Err(stop(refusal(&x)));
            }
            let (skipped, count) = ((va & (size - 1)) >> m.page_shift, (part_last - va + 1) >> m.page_shift);
            let before = self.pages.len();
            if let Err(reason) = self.huge(depth, &x, skipped, (va, count), at, raw) {
                self.undo(before);
                return Err(stop(reason));
            }
            if part_last == last {
                return Ok(());
            }
            va = part_last + 1;
        }
    }

    fn leaf(
        &mut self,
        depth: usize,
        x: &Meaning,
        (first, last): (u64, u64),
        at: u64,
        raw: u64,
    ) -> Result<(), &'static str> {
        let (row, flags, m) = (self.call.row, self.call.flags, self.call.m);
        let (level, shift, _) = m.levels[depth];
        if level == Level::Pmd && x.protnone && !row.passes_protnone(flags) {
            return Err("protnone");
        }
        if !x.permitted[usize::from(flags.has(FollFlags::WRITE))] {
            return Err(refusal(x));
        }
        if row.special_stops(level) && x.special {
            return Err("special");
        }
        let skipped = (first & ((1 << shift) - 1)) >> m.page_shift;
        let count = (last - first + 1) >> m.page_shift;
        let before = self.pages.len();
        let done = if x.devmap && level != Level::Pgd {
            self.device(depth, x.pfn + skipped, (first, count), at, raw)
        } else {
            self.huge(depth, x, skipped, (first, count), at, raw)
        };
        if done.is_err() {
            self.undo(before);
        }
        done
    }

    /// Pages of a device, each with its pgmap.
    fn device(
        &mut self,
        depth: usize,
        pfn: u64,
        (first, count): (u64, u64),
        at: u64,
        raw: u64,
    ) -> Result<(), &'static str> {
        if self.call.flags.has(FollFlags::LONGTERM) {
            return Err("longterm_devmap");
        }
        let m = self.call.m;
        let mut cached = None;
        for i in 0..count {
            let pfn = pfn + i;
            cached = self.find_pgmap(pfn, cached);
            if cached.is_none() {
                return Err("no_pgmap");
            }
            let (head, frames) = self.books.head(pfn);
            let va = first + (i << m.page_shift);
            let page = Page { va, pfn, head, level: m.shown(depth), device: true, refs: 1, pins: 0 };
            let page = if self.call.row.device_page_may_be_gone() {
                self.grab(page, frames >= self.call.row.counts_pins_from(), 1)?
            } else {
                self.books.add(&page, 1);
                page
            };
            self.pages.push(page);
        }
        if self.changed(at, raw) { Err("changed") } else { Ok(()) }
    }

    /// An ordinary huge page: all of its pages at once, by the head of its first.
    fn huge(
        &mut self,
        depth: usize,
        x: &Meaning,
        skipped: u64,
        (first, count): (u64, u64),
        at: u64,
        raw: u64,
    ) -> Result<(), &'static str> {
        let m = self.call.m;
        let (head, _) = self.books.head(x.page);
        let level = m.shown(depth);
        let page = Page { va: first, pfn: x.page, head, level, device: false, refs: 1, pins: 0 };
        let page = self.grab(page, true, i64::try_from(count).unwrap_or(i64::MAX))?;
        for i in 0..count {
            self.pages.push(Page { va: first + (i << m.page_shift), pfn: x.page + skipped + i, ..page });
        }
        if self.changed(at, raw) { Err("changed") } else { self.may_pin(head, x) }
    }

    fn ptes(
        &mut self,
        depth: usize,
        table: u64,
        (first, last): (u64, u64),
        above: Option<(u64, u64)>,
    ) -> Result<(), Stop> {
        let (call, m) = (self.call, self.call.m);
        let (level, shift, bits) = m.levels[depth];
        let before = self.pages.len();
        let mut cached = None;
        for va in (first..=last).step_by(1 << shift) {
            let at = table + (va >> shift & ((1 << bits) - 1)) * 8;
            let raw = call.memory.word(at).ok_or((va, Some(level), None, "outside_image"))?;
            let x = m.meaning(level, raw);
            let page = self.pte(va, &x, &mut cached, before).map_err(|reason| (va, Some(level), Some(raw), reason))?;
            let secret = call.row.secret_stops() && self.books.kinds.get(&page.head) == Some(&PageKind::Secretmem);
            let moved = self.changed(at, raw)
                || (call.row.rechecks_pmd() && above.is_some_and(|(at, raw)| self.changed(at, raw)));
            let checked = if secret && call.row.secret_first() {
                Err("secretmem")
            } else if moved {
                Err("changed")
            } else if secret {
                Err("secretmem")
            } else {
                self.may_pin(page.head, &x)
            };
            if let Err(reason) = checked {
                self.books.add(&page, -1);
                return Err((va, Some(level), Some(raw), reason));
            }
            self.pages.push(page);
        }
        Ok(())
    }

    /// A pte up to the reference on its page.
    fn pte(&mut self, va: u64, x: &Meaning, cached: &mut Option<usize>, before: usize) -> Result<Page, &'static str> {
        let (row, flags) = (self.call.row, self.call.flags);
        if x.protnone && !row.passes_protnone(flags) {
            return Err("protnone");
        }
        if !x.permitted[usize::from(flags.has(FollFlags::WRITE))] {
            return Err(refusal(x));
        }
        let device = row.knows_devices() && x.devmap;
        if device {
            if flags.has(FollFlags::LONGTERM) {
                return Err("longterm_devmap");
            }
            *cached = self.find_pgmap(x.pfn, *cached);
            if cached.is_none() {
                // Everything of this visit of the table goes back, ordinary pages too.
                self.undo(before);
                return Err("no_pgmap");
            }
        } else if x.special {
            return Err("special");
        }
        let (head, frames) = self.books.head(x.pfn);
        let page = Page { va, pfn: x.pfn, head, level: Level::Pte, device, refs: 1, pins: 0 };
        self.grab(page, frames >= row.counts_pins_from(), 1)
    }

    /// Takes hold of `count` pages like this one.
    fn grab(&mut self, page: Page, large: bool, count: i64) -> Result<Page, &'static str> {
        let (row, flags) = (self.call.row, self.call.flags);
        let pin = flags.has(FollFlags::PIN);
        let kind = self.books.kinds.get(&page.head).copied();
        let owner = self.books.pgmap(page.pfn << self.call.m.page_shift).map(|id| self.books.pgmaps[id].2);
        if row.peers_stop() && !flags.has(FollFlags::PCI_P2PDMA) && owner == Some(PgmapType::PciP2pdma) {
            return Err("pci_p2pdma");
        }
        if row.looks_at_folios() && pin && kind == Some(PageKind::Zero) {
            return Ok(Page { refs: 0, pins: 0, ..page });
        }
        let (refs, pins) = match (pin, large) {
            (false, _) => (1, 0),
            (true, true) => (1, 1),
            (true, false) => (BIAS, 0),
        };
        if self.books.refs(page.head) <= 0 {
            return Err("refcount");
        }
        let moves = kind == Some(PageKind::Movable)
            || owner == Some(PgmapType::Coherent)
            || (row.moves_dax() && owner == Some(PgmapType::FsDax));
        if row.pins_stay() && pin && flags.has(FollFlags::LONGTERM) && moves {
            return Err("not_pinnable");
        }
        let page = Page { refs, pins, ..page };
        (0..count).for_each(|_| self.books.add(&page, 1));
        Ok(page)
    }

    fn may_pin(&self, head: u64, x: &Meaning) -> Result<(), &'static str> {
        let (row, flags, kind) = (self.call.row, self.call.flags, self.books.kinds.get(&head));
        let pin = flags.has(FollFlags::PIN);
        let for_long = pin && flags.has(FollFlags::LONGTERM) && flags.has(FollFlags::WRITE);
        if row.looks_at_folios() && for_long && kind == Some(&PageKind::File) {
            return Err("not_pinnable");
        }
        let reads = pin && !flags.has(FollFlags::WRITE) && !x.write;
        let private = match kind {
            Some(PageKind::AnonShared) => true,
            Some(PageKind::File | PageKind::Zero) => flags.has(FollFlags::LONGTERM) && !row.reads_files_for_long(),
            _ => false,
        };
        if row.unshares() && reads && private { Err("unshare") } else { Ok(()) }
    }

    /// `get_dev_pagemap`: what was found last if it holds the frame, even if it was killed since; else what holds it and
    /// lives.
    fn find_pgmap(&self, pfn: u64, cached: Option<usize>) -> Option<usize> {
        let found = self.books.pgmap(pfn << self.call.m.page_shift)?;
        (cached == Some(found) || self.books.pgmaps[found].3).then_some(found)
    }

    fn changed(&self, at: u64, raw: u64) -> bool {
        self.books.changes.get(&at).is_some_and(|now| *now != raw)
    }

    fn undo(&mut self, keep: usize) {
        for page in self.pages.split_off(keep) {
            self.books.add(&page, -1);
        }
    }
}

/// What an access that is refused is called.
fn refusal(x: &Meaning) -> &'static str {
    if x.none {
        "none"
    } else if !x.present {
        "not_present"
    } else {
        "not_permitted"
    }
}
