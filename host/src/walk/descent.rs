//! The descent: from a root table down to the entries that translate a range, in ascending order.
//!
//! In: a table set, an engine, a range of addresses. Out: one call of a [`Visitor`] for each entry that translates a
//! part of the range, with what the plugin says of it; the visitor decides whether to go down, on, or stop. Forensic
//! walks and GUP are visitors of this one descent.
//!
//! Guaranteed: never a panic, whatever the image holds; each table is read once per visit, and decisions are made on
//! that copy; depth is that of the geometry; memory is one table per level. Not handled: what entries mean.

use std::ops::Range;

use ptwalk_abi::{Geometry, Half, Helper, Level, MmuPerms, Op, PhysAddr, Slot, VaRange, VirtAddr};
use thiserror::Error;

use crate::engine::{Engine, EngineError, Record};
use crate::image::Image;

/// Where a table set begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Physical address of the root table.
    pub pa: PhysAddr,
    /// The half of the address space that it translates.
    pub half: Half,
}

/// The tables of one address space in an image.
#[derive(Clone, Copy)]
pub struct TableSet<'a> {
    /// The memory that holds the tables.
    pub image: &'a Image,
    /// Their shape.
    pub geometry: &'a Geometry,
    /// Where they begin.
    pub root: Root,
}

impl TableSet<'_> {
    /// Every address that the root translates; `None` where the architecture has no such half.
    pub fn whole(&self) -> Option<VaRange> {
        self.geometry.half(self.root.half)
    }
}

/// An entry passed on the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The level of the entry, by the name under which it is shown.
    pub level: Level,
    /// Physical address of its table.
    pub table: PhysAddr,
    /// Its index in the table.
    pub index: u32,
    /// The entry as read.
    pub raw: u64,
}

impl Passed {
    /// Physical address of the entry itself. Cannot overflow for an entry that was read from an image.
    pub fn entry_pa(&self) -> PhysAddr {
        PhysAddr(self.table.0.wrapping_add(u64::from(self.index) * 8))
    }
}

/// One entry met in the descent.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Depth of the level: 0 is the root.
    pub depth: usize,
    /// The level.
    pub slot: Slot,
    /// Where the entry is and what it holds.
    pub at: Passed,
    /// What the plugin says of it.
    pub record: Record,
    /// The part of the range asked for that the entry translates.
    pub range: VaRange,
    /// First address that the entry translates, whatever was asked for.
    pub span_start: VirtAddr,
    /// What the entries above leave permitted.
    pub perms_above: MmuPerms,
    /// The entries passed, root first, without this one.
    pub trail: &'a [Passed],
}

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next entry of the same table, or of the one above.
    Next,
    /// Down into the table at this address. At the pte level it means [`Flow::Next`].
    Descend(PhysAddr),
    /// Nothing more.
    Stop,
}

/// Decides what to do at each entry.
pub trait Visitor {
    /// An entry that translates a part of the range.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn entry(&mut self, step: &Step<'_>) -> Result<Flow, WalkError>;

    /// A part of a table that the image does not hold: `at` is its first missing entry (`raw` is 0), `range` what the
    /// missing entries would translate.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn missing(&mut self, at: Passed, range: VaRange, trail: &[Passed]) -> Result<Flow, WalkError>;

    /// A table of `depth` is entered.
    fn enter(&mut self, _depth: usize) {}

    /// The table of `depth` is done and the descent goes on above it; not called when a walk stops inside.
    fn leave(&mut self, _depth: usize) {}
}

/// Why a walk ended with an error. What the image holds is never a reason: that is reported to the visitor.
#[derive(Debug, Error)]
pub enum WalkError {
    /// The plugin failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The consumer of the walk's results failed.
    #[error("cannot write the result: {0}")]
    Output(#[from] std::io::Error),
}

/// Descends from `tables.root` to every entry that translates a part of `range`.
///
/// `range` must lie in the half that the root translates; what lies outside is cut off. The engine must have been
/// built with one query per level of the geometry.
///
/// # Errors
/// [`WalkError`], when the plugin or the visitor fails. Everything before was visited.
///
/// # Cost
/// One crossing into the plugin per table visited, and one table's entries of memory per level.
pub fn descend<E: Engine + ?Sized, V: Visitor + ?Sized>(
    engine: &mut E,
    tables: &TableSet<'_>,
    range: VaRange,
    visitor: &mut V,
) -> Result<(), WalkError> {
    let Some(range) = tables.whole().and_then(|whole| whole.intersect(range)) else { return Ok(()) };
    let slots = tables.geometry.slots();
    let perms_known: Vec<bool> = slots
        .iter()
        .map(|slot| Helper::find(slot.level, Op::MmuPerms).is_some_and(|helper| engine.has(helper)))
        .collect();
    let mut buffers: Vec<Buffer> = slots.iter().map(|_| Buffer::default()).collect();
    let mut trail: Vec<Passed> = Vec::with_capacity(slots.len());
    let mut frames = vec![Frame::open(slots[0], 0, tables.root.pa, range, MmuPerms::ALL)];
    visitor.enter(0);
    while let Some(frame) = frames.last_mut() {
        let depth = frame.depth;
        let buffer = &mut buffers[depth];
        if frame.next > frame.last {
            visitor.leave(depth);
            frames.pop();
            trail.pop();
            continue;
        }
        if frame.next >= frame.loaded.end && !frame.load(engine, tables, buffer)? {
            let (at, range) = frame.skip_missing(tables);
            if visitor.missing(at, range, &trail)? == Flow::Stop {
                return Ok(());
            }
            continue;
        }
        let Some((step, flow)) = frame.visit(buffer, &trail, visitor)? else { continue };
        match flow {
            Flow::Stop => return Ok(()),
            Flow::Descend(table) if depth + 1 < slots.len() => {
                let own = if perms_known[depth] { step.record.facts.perms() } else { MmuPerms::ALL };
                let below = Frame::open(slots[depth + 1], depth + 1, table, step.range, step.perms_above & own);
                let at = step.at;
                trail.push(at);
                frames.push(below);
                visitor.enter(depth + 1);
            }
            Flow::Next | Flow::Descend(_) => {}
        }
    }
    Ok(())
}

/// What was read of the table at one depth; kept from table to table, so that a walk allocates once a level.
#[derive(Default)]
struct Buffer {
    raws: Vec<u64>,
    records: Vec<Record>,
}

/// The table being read at one depth.
struct Frame {
    slot: Slot,
    depth: usize,
    table: PhysAddr,
    /// Address that entry 0 translates.
    base: u64,
    range: VaRange,
    perms: MmuPerms,
    next: u32,
    last: u32,
    /// The entries that the buffer holds.
    loaded: Range<u32>,
    /// Why the engine could not answer for the entry after those.
    failed: Option<EngineError>,
}

impl Frame {
    fn open(slot: Slot, depth: usize, table: PhysAddr, range: VaRange, perms: MmuPerms) -> Frame {
        let offset_mask = (u64::from(slot.entries) - 1) << slot.shift | (slot.span_bytes() - 1);
        let (next, last) = (slot.index(range.first), slot.index(range.last));
        Frame {
            slot,
            depth,
            table,
            base: range.first.0 & !offset_mask,
            range,
            perms,
            next,
            last,
            loaded: next..next,
            failed: None,
        }
    }

    /// First and last address that the entries `first..=last` translate, cut to the range asked for.
    fn clip(&self, first: u32, last: u32) -> VaRange {
        let start = self.base + (u64::from(first) << self.slot.shift);
        let end = self.base + (u64::from(last) << self.slot.shift) + (self.slot.span_bytes() - 1);
        VaRange { first: VirtAddr(start).max(self.range.first), last: VirtAddr(end).min(self.range.last) }
    }

    fn entry_pa(&self, index: u32) -> PhysAddr {
        PhysAddr(self.table.0.saturating_add(u64::from(index) * 8))
    }

    fn passed(&self, index: u32, raw: u64) -> Passed {
        Passed { level: self.slot.shown_level(self.depth == 0), table: self.table, index, raw }
    }

    /// Reads entries from `next` on, as many as the image holds in one piece, and asks the engine about them. `false`
    /// where the image does not hold the next one.
    fn load<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        tables: &TableSet<'_>,
        buffer: &mut Buffer,
    ) -> Result<bool, WalkError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let wanted = u64::from(self.last - self.next) + 1;
        let bytes = tables.image.run(self.entry_pa(self.next), wanted * 8);
        let big_endian = tables.geometry.big_endian;
        buffer.raws.clear();
        buffer.raws.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| if big_endian { u64::from_be_bytes(*bytes) } else { u64::from_le_bytes(*bytes) }),
        );
        if buffer.raws.is_empty() {
            return Ok(false);
        }
        let scanned = engine.scan(self.depth, &buffer.raws, &mut buffer.records);
        let count = u32::try_from(buffer.records.len().min(buffer.raws.len())).unwrap_or(0);
        match scanned.map_err(|error| error.on_entry(self.table, self.next.saturating_add(count))) {
            // What was answered before the entry that failed is visited first: the error comes when it is due.
            Err(error) if count > 0 => self.failed = Some(error),
            other => other?,
        }
        self.loaded = self.next..self.next + count;
        Ok(count > 0)
    }

    /// Steps over the entries, from `next` on, that the image does not hold.
    fn skip_missing(&mut self, tables: &TableSet<'_>) -> (Passed, VaRange) {
        let first = self.next;
        let present = tables.image.next_present(self.entry_pa(first)).map(|pa| pa.0.saturating_sub(self.table.0));
        let resume = present.and_then(|bytes| u32::try_from(bytes.div_ceil(8)).ok()).unwrap_or(u32::MAX);
        let resume = resume.clamp(first + 1, self.last + 1);
        self.next = resume;
        (self.passed(first, 0), self.clip(first, resume - 1))
    }

    /// Visits the entries that the buffer holds, up to the first after which the visitor wants something else than the
    /// next: that entry and what it wants. This is the loop that a walk spends its time in, one pass an entry.
    fn visit<'a, V: Visitor + ?Sized>(
        &mut self,
        buffer: &Buffer,
        trail: &'a [Passed],
        visitor: &mut V,
    ) -> Result<Option<(Step<'a>, Flow)>, WalkError> {
        let done = (self.next - self.loaded.start) as usize;
        for (raw, record) in buffer.raws.iter().zip(&buffer.records).skip(done) {
            let index = self.next;
            let step = Step {
                depth: self.depth,
                slot: self.slot,
                at: self.passed(index, *raw),
                record: *record,
                range: self.clip(index, index),
                span_start: VirtAddr(self.base + (u64::from(index) << self.slot.shift)),
                perms_above: self.perms,
                trail,
            };
            self.next += 1;
            let flow = visitor.entry(&step)?;
            if flow != Flow::Next {
                return Ok(Some((step, flow)));
            }
        }
        Ok(None)
    }
}
