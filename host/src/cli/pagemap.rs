//! `ptwalk dump --format bin`: a range as `/proc/pid/pagemap` would show it.
//!
//! One little-endian word a page of each range, in order: bits 54:0 the frame number, or of a page that is swapped out the
//! swap type (4:0) and offset (54:5); bit 62 swapped, bit 63 present (Documentation/admin-guide/mm/pagemap.rst, v6.1). The
//! bits that page tables alone do not tell (soft-dirty, exclusively mapped, uffd-wp, file-mapped) are 0.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Engine, Started};
use ptwalk::walk::{Event, MapSink, Passed, Root, WalkError, walk_split};
use ptwalk_abi::{Helper, Level, VaRange, VirtAddr};

use super::args::DumpArgs;
use super::exit::{Answer, Fault};
use super::interrupt;
use super::output::{progress, stdout};
use super::session::Session;

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const FRAME: u64 = (1 << 55) - 1;
const SWAP_OFFSET_SHIFT: u32 = 5;
const SWAP_TYPE: u64 = (1 << SWAP_OFFSET_SHIFT) - 1;

/// Words written at a time.
const CHUNK: usize = 1 << 13;

/// Pages that follow one another.
struct Pages {
    range: VaRange,
    what: What,
}

enum What {
    /// From this frame on.
    Frames(u64),
    /// An entry that is not present.
    Absent(u64),
}

pub fn run(session: &Session, args: &DumpArgs, ranges: &[(Root, VaRange)]) -> Result<Answer> {
    if args.range.is_empty() {
        let text = "--format bin writes a word for every page, mapped or not: say which with --range A-B";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    interrupt::watch()?;
    let bar = progress(&args.output.plain(), "walking");
    let mut out = stdout();
    let mut engines = super::dump::Engines::default();
    for (root, range) in ranges {
        let make = || super::dump::prepare(session, args, *root, args.filter.is_none());
        let prepared = engines.of(root.half, make)?;
        let page_shift = session.geometry.page_shift();
        let mut words = Words { out: &mut out, page_shift, next: u128::from(range.first.0) >> page_shift };
        let mut engine = prepared.start()?;
        let part = || Pagemap { page_shift, pages: Vec::new(), tables: 0 };
        walk_split(prepared, &session.tables(*root), *range, args.threads.count(), &part, &mut |part| {
            interrupt::check()?;
            bar.inc(part.tables);
            part.pages.iter().try_for_each(|pages| words.pages(&mut engine, pages))
        })?;
        words.holes_to((range.end() + (1 << page_shift) - 1) >> page_shift)?;
    }
    out.flush()?;
    bar.finish_and_clear();
    Ok(Answer::Yes)
}

/// The pages of a part.
struct Pagemap {
    page_shift: u32,
    pages: Vec<Pages>,
    tables: u64,
}

impl MapSink for Pagemap {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Mapping(mapping) => {
                let what = What::Frames(mapping.pfn(self.page_shift).0);
                self.pages.push(Pages { range: mapping.range, what });
            }
            Event::NotPresent { range, at } if at.level == Level::Pte => {
                self.pages.push(Pages { range: *range, what: What::Absent(at.raw) });
            }
            Event::Table { .. } => self.tables += 1,
            Event::NotPresent { .. } | Event::Hole { .. } | Event::Problem(_) => {}
        }
        Ok(())
    }
}

/// Writes words in the order of pages.
struct Words<'a, W> {
    out: &'a mut W,
    page_shift: u32,
    /// Number of the page that is written next.
    next: u128,
}

impl<W: Write> Words<'_, W> {
    fn pages(&mut self, engine: &mut Started, pages: &Pages) -> Result<(), WalkError> {
        self.holes_to(u128::from(pages.range.first.0 >> self.page_shift))?;
        let VirtAddr(last) = pages.range.last;
        let count = u128::from(last >> self.page_shift) + 1 - self.next;
        let first = match pages.what {
            What::Frames(frame) => frame,
            What::Absent(raw) => {
                let [kind, offset] = [Helper::swp_type, Helper::swp_offset].map(|helper| engine.call(helper, [raw, 0]));
                // A plugin without swap entries cannot say more than that the page is elsewhere.
                let (kind, offset) = (kind.unwrap_or(0), offset.unwrap_or(0));
                let word = SWAPPED | (kind & SWAP_TYPE) | (offset << SWAP_OFFSET_SHIFT & FRAME);
                return Ok(self.words(count, |_| word)?);
            }
        };
        Ok(self.words(count, |i| PRESENT | (first.wrapping_add(i) & FRAME))?)
    }

    fn holes_to(&mut self, page: u128) -> std::io::Result<()> {
        self.words(page.saturating_sub(self.next), |_| 0)
    }

    fn words(&mut self, count: u128, word: impl Fn(u64) -> u64) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(CHUNK * 8);
        let mut done: u128 = 0;
        while done < count {
            let chunk = usize::try_from(count - done).unwrap_or(CHUNK).min(CHUNK);
            bytes.clear();
            let first = u64::try_from(done).unwrap_or(u64::MAX);
            bytes.extend((0..chunk as u64).flat_map(|i| word(first.wrapping_add(i)).to_le_bytes()));
            self.out.write_all(&bytes)?;
            done += chunk as u128;
        }
        self.next += count;
        Ok(())
    }
}
