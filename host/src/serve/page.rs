//! One page of a dump.
//!
//! In: a range, a filter, a rule to merge by, and a cursor. Out: records up to the page's limit of records, bytes or
//! time, and the cursor of the next one. Guaranteed: pages that follow one another hold the records of one dump, with
//! none twice and none left out, as long as the generation is the same, which the cursor names; every page gets further
//! than the one before, if only by a table.

use std::time::Instant;

use ptwalk_abi::{Geometry, VaRange, VirtAddr};
use serde_json::{Map, Value, json};

use super::answer::within;
use super::error::{AnswerError, RequestError};
use super::request::{Cursor, DumpRequest};
use super::service::Service;
use crate::admission::Ask;
use crate::engine::Wanted;
use crate::show::{self, records};
use crate::slot::Pin;
use crate::walk::merge::{Merge, Merged, Merger};
use crate::walk::{Event, Leaves, MapSink, Mapping, Passed, Problem, ProblemKind, WalkError, walk_into};

/// Leaves between two looks at the clock.
const LEAVES_A_LOOK: u32 = 1024;

/// Answers a dump; `head` is what every answer begins with.
pub(super) fn dump(
    service: &Service,
    pin: &Pin,
    request: &DumpRequest,
    until: Instant,
    head: &Map<String, Value>,
) -> Result<Vec<u8>, AnswerError> {
    let limit = request.limit.unwrap_or(service.limits.records_default);
    within("records", limit, service.limits.records)?;
    if let Some(cursor) = request.cursor.filter(|cursor| cursor.generation != pin.number()) {
        return Err(AnswerError::Generation { cursor: cursor.generation, current: pin.number() });
    }
    let mut out = Value::Object(head.clone()).to_string().into_bytes();
    out.pop();
    out.extend_from_slice(b",\"mappings\":[");
    let mut page = Page::new(out, pin.candidate().geometry(), request, limit.max(1), service.limits.page_bytes, until);
    let cursor = fill(service, pin, request, &mut page)?;
    service.metrics.entries.add(page.entries);
    Ok(page.close(cursor))
}

/// Walks from the cursor on until the page is full; returns where the next one begins.
fn fill(
    service: &Service,
    pin: &Pin,
    request: &DumpRequest,
    page: &mut Page<'_>,
) -> Result<Option<Cursor>, AnswerError> {
    let first = request.cursor.map_or(0, |cursor| cursor.root);
    let mut translated = false;
    for (i, root) in service.roots.iter().enumerate().skip(first) {
        let tables = pin.tables(&service.image, *root);
        let whole = tables.whole();
        let asked = whole.and_then(|whole| request.range.map_or(Some(whole), |range| whole.intersect(range)));
        translated |= asked.is_some();
        let cursor = request.cursor.filter(|cursor| cursor.root == i).map(|cursor| cursor.va);
        let Some(range) = asked.and_then(|range| from(range, cursor)) else { continue };
        let wanted = Wanted { leaves: request.filter.clone(), half: root.half, absent: false, ..Wanted::ALL };
        let mut engine = pin.engine(&Ask::Walk(wanted))?.start()?;
        page.begin(range);
        let walked = walk_into(&mut engine, &tables, range, page).and_then(|()| page.end());
        let next = |va| Cursor { generation: pin.number(), root: i, va };
        match walked {
            Ok(()) => {}
            Err(WalkError::Enough) => return Ok(Some(next(page.next))),
            Err(error) => return Err(error.into()),
        }
    }
    match request.range {
        Some(range) if !translated => Err(AnswerError::Range(range)),
        _ if request.cursor.is_some_and(|cursor| cursor.root >= service.roots.len()) => {
            Err(RequestError::Cursor(request.cursor.map(Cursor::text).unwrap_or_default()).into())
        }
        _ => Ok(None),
    }
}

/// The part of a range from an address on.
fn from(range: VaRange, va: Option<u64>) -> Option<VaRange> {
    let first = va.map_or(range.first, |va| VirtAddr(va.max(range.first.0)));
    (first.0 <= range.last.0).then_some(VaRange { first, last: range.last })
}

/// A page being filled.
struct Page<'a> {
    out: Vec<u8>,
    geometry: &'a Geometry,
    rule: Merge,
    merger: Merger,
    limit: usize,
    bytes_max: usize,
    until: Instant,
    records: usize,
    entries: u64,
    tables: u64,
    pages: u64,
    bytes: u128,
    /// What is being walked.
    range: VaRange,
    /// Where the walk is.
    at: u64,
    /// Where the next page begins, once this one is full.
    next: u64,
    leaves: u32,
    reason: Option<&'static str>,
}

impl<'a> Page<'a> {
    fn new(
        out: Vec<u8>,
        geometry: &'a Geometry,
        request: &DumpRequest,
        limit: usize,
        bytes_max: usize,
        until: Instant,
    ) -> Page<'a> {
        let rule = request.merge.unwrap_or(Merge::None);
        let nowhere = VaRange { first: VirtAddr(0), last: VirtAddr(0) };
        Page {
            bytes_max: out.len() + bytes_max,
            out,
            geometry,
            rule,
            merger: Merger::new(rule),
            limit,
            until,
            records: 0,
            entries: 0,
            tables: 0,
            pages: 0,
            bytes: 0,
            range: nowhere,
            at: 0,
            next: 0,
            leaves: 0,
            reason: None,
        }
    }

    fn begin(&mut self, range: VaRange) {
        (self.range, self.at) = (range, range.first.0);
        self.tables += 1;
    }

    /// The end of a range: what was held is a record too.
    fn end(&mut self) -> Result<(), WalkError> {
        if let Some(held) = self.merger.flush() {
            let start = held.mapping.range.first.0;
            self.room(start)?;
            self.record(&held);
        }
        Ok(())
    }

    /// Ends the page where it is full; the next one begins at `next`.
    fn room(&mut self, next: u64) -> Result<(), WalkError> {
        if self.records < self.limit && self.out.len() < self.bytes_max {
            return Ok(());
        }
        (self.next, self.reason) = (next, Some("limit"));
        Err(WalkError::Enough)
    }

    fn separator(&mut self) {
        if self.records > 0 {
            self.out.push(b',');
        }
        self.records += 1;
    }

    fn record(&mut self, merged: &Merged) {
        self.separator();
        let (page_shift, bytes) = (self.geometry.page_shift(), merged.mapping.range.bytes());
        records::json(&mut self.out, merged, page_shift);
        self.entries += merged.count;
        self.bytes += bytes;
        self.pages += u64::try_from(bytes >> page_shift).unwrap_or(u64::MAX);
    }

    fn mapping(&mut self, mapping: &Mapping) -> Result<(), WalkError> {
        self.leaves += 1;
        if self.leaves.is_multiple_of(LEAVES_A_LOOK) {
            self.look(mapping.range.first.0)?;
        }
        self.at = mapping.range.last.0;
        let Some(done) = self.merger.push(Merged { mapping: *mapping, count: 1 }) else { return Ok(()) };
        self.record(&done);
        self.room(mapping.range.first.0)
    }

    fn problem(&mut self, problem: &Problem) -> Result<(), WalkError> {
        self.end()?;
        self.room(problem.range.first.0)?;
        self.separator();
        self.out.extend_from_slice(show::problem(problem).to_string().as_bytes());
        if problem.kind != ProblemKind::Bad && self.reason.is_none() {
            self.reason = Some(problem.kind.reason());
        }
        self.at = problem.range.last.0;
        Ok(())
    }

    /// Ends the page where its time is up. What is held is a record if it is whole, or if there is no other: a page
    /// gets somewhere.
    fn look(&mut self, at: u64) -> Result<(), WalkError> {
        if Instant::now() < self.until {
            return Ok(());
        }
        self.next = at.max(self.range.first.0);
        if let Some(held) = self.merger.flush() {
            if self.rule == Merge::None || self.records == 0 {
                self.record(&held);
            } else {
                self.next = held.mapping.range.first.0;
            }
        }
        self.reason = Some("deadline");
        Err(WalkError::Enough)
    }

    /// The first address that an entry translates.
    fn address(&self, at: &Passed, trail: &[Passed]) -> u64 {
        let slots = self.geometry.slots();
        let root = slots[0];
        let all = (u64::from(root.entries) << root.shift).wrapping_sub(1);
        let passed = trail.iter().chain([at]).zip(slots);
        passed.fold(self.range.first.0 & !all, |va, (at, slot)| va | u64::from(at.index) << slot.shift)
    }

    fn close(mut self, cursor: Option<Cursor>) -> Vec<u8> {
        let mut summary = json!({
            "entries": self.entries,
            "tables": self.tables,
            "pages": self.pages,
            "bytes": u64::try_from(self.bytes).unwrap_or(u64::MAX),
            "complete": self.reason.is_none(),
        });
        if let Some(reason) = self.reason {
            summary["reason"] = reason.into();
        }
        let cursor = cursor.map_or(Value::Null, |cursor| cursor.text().into());
        let complete = self.reason.is_none();
        self.out.extend_from_slice(
            format!("],\"summary\":{summary},\"complete\":{complete},\"cursor\":{cursor}}}").as_bytes(),
        );
        self.out
    }
}

impl MapSink for Page<'_> {
    fn event(&mut self, event: &Event, trail: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Mapping(mapping) => self.mapping(mapping),
            Event::Table { at, .. } => {
                // The root and the way to where the page before ended are no progress.
                let address = self.address(at, trail);
                if address > self.range.first.0 {
                    self.look(address)?;
                }
                self.tables += 1;
                Ok(())
            }
            Event::Problem(problem) => self.problem(problem),
            Event::Hole { .. } | Event::NotPresent { .. } => Ok(()),
        }
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        leaves.mappings().try_for_each(|mapping| self.mapping(&mapping))
    }
}
