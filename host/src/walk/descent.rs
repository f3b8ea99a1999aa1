//! The descent: from a table down to the entries that translate a range, in ascending order.
//!
//! In: a table set, an engine, a range of addresses. Out: one call of a [`Visitor`] for each run of entries that the
//! image holds in one piece, with the packed words of those that the engine's query keeps; the visitor decides whether to
//! go down, on, or stop. Forensic walks and GUP are visitors of this one descent.
//!
//! Guaranteed: never a panic, whatever the image holds; entries are read where the image has them, once for the scan and
//! once more for the few that are looked at closer; depth is that of the geometry; memory is the words of one table per
//! level. Not handled: what entries mean.

use std::ops::Range;

use ptwalk_abi::{Geometry, Half, Helper, Level, MmuPerms, PhysAddr, Slot, VaRange, VirtAddr};
use ptwalk_verifier::fault::{Fault, seeded};
use thiserror::Error;

use crate::engine::query::Layout;
use crate::engine::{Engine, EngineError, Run, Words};
use crate::image::Image;

/// Where a table set begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Physical address of the root table.
    pub pa: PhysAddr,
    /// The half of the address space that it translates.
    pub half: Half,
}

impl Root {
    /// Whether a root table of this geometry can lie there: every base register wants it aligned to its size.
    pub fn is_aligned(self, geometry: &Geometry) -> bool {
        self.pa.0.is_multiple_of(geometry.slots()[0].table_bytes().max(8))
    }
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

/// A table being visited, and how the walk came to it.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Depth of the level: 0 is the root.
    pub depth: usize,
    /// The level.
    pub slot: Slot,
    /// The table is a directory of huge pages, whose ptes `slot` describes.
    pub directory: bool,
    /// Physical address of the table.
    pub pa: PhysAddr,
    /// Address that entry 0 translates.
    pub base: u64,
    /// The part of the range asked for that the table translates.
    pub range: VaRange,
    /// What the entries above leave permitted.
    pub perms_above: MmuPerms,
    /// The entries passed, root first.
    pub trail: &'a [Passed],
}

impl Table<'_> {
    /// Physical address of an entry.
    #[inline]
    pub fn entry_pa(&self, index: u32) -> PhysAddr {
        PhysAddr(self.pa.0.saturating_add(u64::from(index) * 8))
    }

    /// An entry as one passed.
    #[inline]
    pub fn passed(&self, index: u32, raw: u64) -> Passed {
        Passed { level: self.slot.shown_level(self.depth == 0), table: self.pa, index, raw }
    }

    /// First address that an entry translates, whatever was asked for.
    #[inline]
    pub fn span_start(&self, index: u32) -> VirtAddr {
        VirtAddr(self.base + (u64::from(index) << self.slot.shift))
    }

    /// First and last address that the entries `first..=last` translate, cut to the range asked for.
    #[inline]
    pub fn clip(&self, first: u32, last: u32) -> VaRange {
        let start = self.span_start(first);
        let end = VirtAddr(self.span_start(last).0 + (self.slot.span_bytes() - 1));
        let last = if seeded(Fault::WalkRangeEndForgotten) { end } else { end.min(self.range.last) };
        VaRange { first: start.max(self.range.first), last }
    }
}

/// A run of entries of a table, and what the scan kept of it.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The table.
    pub table: Table<'a>,
    /// Index of the first entry of the run.
    pub first: u32,
    /// Index after the last.
    pub end: u32,
    /// The entries as the image holds them.
    pub bytes: &'a [u8],
    /// Entries are stored most significant byte first.
    pub big_endian: bool,
    /// What was kept, in ascending order of index.
    pub words: &'a [u64],
    /// Where the words have what.
    pub layout: Layout,
}

impl Batch<'_> {
    /// An entry of the run as read; 0 for an index beyond it, of which there is none.
    #[inline]
    pub fn raw(&self, index: u32) -> u64 {
        let word = self.bytes.as_chunks().0.get(index.wrapping_sub(self.first) as usize).copied().unwrap_or_default();
        if self.big_endian { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) }
    }

    /// An entry of the run as one passed.
    #[inline]
    pub fn passed(&self, index: u32) -> Passed {
        self.table.passed(index, self.raw(index))
    }
}

/// How far a batch was visited. A visitor that goes down into a table comes back to the same batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Index of the next entry.
    pub index: u32,
    /// Position of the next word.
    pub word: usize,
}

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next run of the same table, or what comes after the table above.
    Next,
    /// Down into a table, which the entry just before the progress leads to. At the pte level it means [`Flow::Next`].
    Descend {
        /// Its address.
        table: PhysAddr,
        /// What the entry leaves permitted.
        perms: MmuPerms,
        /// The table that will be next after it, where that is known and worth asking for while this one is scanned.
        ahead: Option<PhysAddr>,
    },
    /// Likewise, but into a directory of huge pages. It is the kernel's alone (the MMU that has them hashes), so that the
    /// entry above takes no permission away.
    Directory(Directory),
    /// Nothing more.
    Stop,
}

/// A directory of huge pages: ptes of one size, larger than a page, that hang off an entry above the ptes (hugepd: ppc64
/// with hash and 4K before v6.11). Linux finds the pte at `page + 8 * ((va & (span - 1)) >> shift)`
/// (`hugepte_offset`, arch/powerpc/include/asm/book3s/64/hugetlb.h, v5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where its ptes are.
    pub table: PhysAddr,
    /// What they span, and how many there are.
    pub slot: Slot,
}

impl Directory {
    /// The directory that an entry of `batch` leads to, of which the plugin says that it is one. `None` where no MMU has
    /// its pages: a size of 0, which is the kernel's BUG(), one below a page, or more ptes than an ordinary table has.
    ///
    /// # Errors
    /// When the plugin misbehaves.
    pub fn of<E: Engine + ?Sized>(
        engine: &mut E,
        geometry: &Geometry,
        batch: &Batch<'_>,
        index: u32,
    ) -> Result<Option<Directory>, EngineError> {
        let raw = batch.raw(index);
        let mut ask = |helper| engine.call(helper, [raw, 0]).map_err(|error| error.on_entry(batch.table.pa, index));
        let (table, shift) = (PhysAddr(ask(Helper::hugepd_page)?), ask(Helper::hugepd_shift)?);
        let Some(shift) = u32::try_from(shift).ok().filter(|shift| (geometry.page_shift()..64).contains(shift)) else {
            return Ok(None);
        };
        let index_bits = batch.table.slot.shift.saturating_sub(shift);
        let index_bits_max = geometry.slots().last().map_or(0, |slot| slot.entries.ilog2());
        let slot = Slot { level: Level::Pte, shift, entries: 1 << index_bits.min(index_bits_max) };
        Ok((index_bits <= index_bits_max).then_some(Directory { table, slot }))
    }
}

/// Decides what to do at each run of entries.
pub trait Visitor {
    /// Visits a batch from `at` on. On [`Flow::Next`] the batch is done; on [`Flow::Descend`] and [`Flow::Directory`] `at`
    /// says where to go on afterwards.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn visit<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError>;

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
    /// The consumer has as much as it wanted, or as it had time for.
    #[error("stopped by the consumer")]
    Enough,
}

/// A table to descend from, and how one comes to it.
#[derive(Clone, Debug)]
pub struct Subtree {
    /// Depth of its level.
    pub depth: usize,
    /// Set for a directory of huge pages, whose shape no level has.
    pub directory: Option<Slot>,
    /// Its address.
    pub table: PhysAddr,
    /// What to visit of it: never empty, and within what it translates.
    pub range: VaRange,
    /// What the entries above leave permitted.
    pub perms_above: MmuPerms,
    /// The entries passed, root first.
    pub trail: Vec<Passed>,
}

impl Subtree {
    /// The whole table set, cut to `range`; `None` where they share nothing.
    pub fn root(tables: &TableSet<'_>, range: VaRange) -> Option<Subtree> {
        let range = tables.whole()?.intersect(range)?;
        let table = tables.root.pa;
        Some(Subtree { depth: 0, directory: None, table, range, perms_above: MmuPerms::ALL, trail: Vec::new() })
    }
}

/// Descends from `start` to every entry that translates a part of its range.
///
/// The engine must have been built with one query per level of the geometry.
///
/// # Errors
/// [`WalkError`], when the plugin or the visitor fails. Everything before was visited.
///
/// # Cost
/// One scan per table visited, and the words of one table of memory per level.
pub fn descend<E: Engine + ?Sized, V: Visitor>(
    engine: &mut E,
    tables: &TableSet<'_>,
    start: Subtree,
    visitor: &mut V,
) -> Result<(), WalkError> {
    let Subtree { depth, directory, table, range, perms_above, trail } = start;
    let Some(slot) = tables.geometry.slots().get(depth) else { return Ok(()) };
    let shape = directory.map_or(Shape::table(*slot, depth), |slot| Shape { slot, depth, directory: true });
    let mut words = (0..tables.geometry.slots().len()).map(|_| Words::new()).collect::<Vec<_>>();
    let top = Frame::open(shape, table, range, perms_above);
    Descent { engine, tables, visitor, trail }.table(top, &mut words[depth..])?;
    Ok(())
}

/// What the visits of all tables share.
struct Descent<'a, 'i, E: ?Sized, V> {
    engine: &'a mut E,
    tables: &'a TableSet<'i>,
    visitor: &'a mut V,
    trail: Vec<Passed>,
}

impl<'i, E: Engine + ?Sized, V: Visitor> Descent<'_, 'i, E, V> {
    /// Visits a table, and calls itself for those below: as deep as the geometry. `words` is the room of this level and
    /// of those below. `false` where the visitor stopped.
    fn table(&mut self, mut frame: Frame<'i>, words: &mut [Words]) -> Result<bool, WalkError> {
        let Some((room, rooms_below)) = words.split_first_mut() else { return Ok(true) };
        let depth = frame.shape.depth;
        self.visitor.enter(depth);
        while frame.next <= frame.last {
            if frame.next >= frame.loaded.end && !frame.load(self.engine, self.tables, room)? {
                let (at, range) = frame.skip_missing(self.tables);
                if self.visitor.missing(at, range, &self.trail)? == Flow::Stop {
                    return Ok(false);
                }
                continue;
            }
            let batch = frame.batch(self.engine, room, &self.trail);
            let (shape, table, perms, ahead) = match self.visitor.visit(self.engine, &batch, &mut frame.progress)? {
                Flow::Stop => return Ok(false),
                Flow::Next => {
                    frame.next = frame.loaded.end;
                    continue;
                }
                Flow::Descend { table, perms, ahead } => {
                    let above = if seeded(Fault::WalkPermsUnfolded) { MmuPerms::ALL } else { frame.perms };
                    (self.shape(depth + 1, None), table, above & perms, ahead)
                }
                Flow::Directory(Directory { table, slot }) => {
                    (self.shape(depth + 1, Some(slot)), table, frame.perms, None)
                }
            };
            frame.next = frame.progress.index;
            let Some(shape) = shape else { continue };
            let through = frame.next.saturating_sub(1);
            let (range, at) = (batch.table.clip(through, through), batch.passed(through));
            let mut below = Frame::open(shape, table, range, perms);
            below.ahead = ahead.map_or(&[], |pa| self.tables.image.run(pa, shape.slot.table_bytes()));
            self.trail.push(at);
            if !self.table(below, &mut rooms_below[shape.depth - depth - 1..])? {
                return Ok(false);
            }
            self.trail.pop();
        }
        self.visitor.leave(depth);
        Ok(true)
    }

    /// What a table of this depth is, or a directory that hangs off the level above; `None` below the ptes.
    fn shape(&self, depth: usize, directory: Option<Slot>) -> Option<Shape> {
        let slots = self.tables.geometry.slots();
        let slot = slots.get(depth)?;
        Some(match directory {
            Some(slot) => Shape { slot, depth: slots.len() - 1, directory: true },
            None => Shape::table(*slot, depth),
        })
    }
}

/// What a table is.
#[derive(Clone, Copy)]
struct Shape {
    slot: Slot,
    /// Depth of the level whose query its entries answer.
    depth: usize,
    directory: bool,
}

impl Shape {
    const fn table(slot: Slot, depth: usize) -> Shape {
        Shape { slot, depth, directory: false }
    }
}

/// The table being visited at one depth.
struct Frame<'i> {
    shape: Shape,
    table: PhysAddr,
    /// Address that entry 0 translates.
    base: u64,
    range: VaRange,
    perms: MmuPerms,
    next: u32,
    last: u32,
    /// The entries that were scanned last, and their bytes.
    loaded: Range<u32>,
    bytes: &'i [u8],
    /// What the first scan asks for ahead of time.
    ahead: &'i [u8],
    progress: Progress,
    /// Why the engine could not answer for the entry after those.
    failed: Option<Box<EngineError>>,
}

impl<'i> Frame<'i> {
    fn open(shape: Shape, table: PhysAddr, range: VaRange, perms: MmuPerms) -> Frame<'i> {
        let slot = shape.slot;
        let offset_mask = (u64::from(slot.entries) - 1) << slot.shift | (slot.span_bytes() - 1);
        let (next, last) = (slot.index(range.first), slot.index(range.last));
        Frame {
            shape,
            table,
            base: range.first.0 & !offset_mask,
            range,
            perms,
            next,
            last,
            loaded: next..next,
            bytes: &[],
            ahead: &[],
            progress: Progress::default(),
            failed: None,
        }
    }

    fn table<'a>(&self, trail: &'a [Passed]) -> Table<'a> {
        let Shape { slot, depth, directory } = self.shape;
        let (pa, base, range) = (self.table, self.base, self.range);
        Table { depth, slot, directory, pa, base, range, perms_above: self.perms, trail }
    }

    fn batch<'a, E: Engine + ?Sized>(&self, engine: &E, words: &'a [u64], trail: &'a [Passed]) -> Batch<'a>
    where
        'i: 'a,
    {
        let queries = engine.queries();
        Batch {
            table: self.table(trail),
            first: self.loaded.start,
            end: self.loaded.end,
            bytes: self.bytes,
            big_endian: queries.big_endian,
            words,
            layout: queries.levels[self.shape.depth].scan.layout,
        }
    }

    /// Scans entries from `next` on, as many as the image holds in one piece. `false` where it does not hold the next.
    fn load<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        tables: &TableSet<'i>,
        words: &mut Words,
    ) -> Result<bool, WalkError> {
        if let Some(error) = self.failed.take() {
            return Err((*error).into());
        }
        let first = self.next;
        let wanted = u64::from(self.last - first) + 1;
        let image: &'i Image = tables.image;
        self.bytes = image.run(self.table(&[]).entry_pa(first), wanted * 8);
        let count = u32::try_from(self.bytes.len() / 8).unwrap_or(0);
        self.loaded = first..first + count;
        self.progress = Progress { index: first, word: 0 };
        if count == 0 {
            return Ok(false);
        }
        let run = Run { bytes: self.bytes, first, ahead: std::mem::take(&mut self.ahead) };
        if let Err(failed) = engine.scan(self.shape.depth, run, words) {
            let index = failed.index.clamp(first, first + count);
            let error = failed.cause.on_entry(self.table, index);
            if index == first {
                return Err(error.into());
            }
            // What was answered before the entry that failed is visited first: the error comes when it is due.
            self.loaded.end = index;
            self.failed = Some(Box::new(error));
        }
        Ok(true)
    }

    /// Steps over the entries, from `next` on, that the image does not hold.
    fn skip_missing(&mut self, tables: &TableSet<'_>) -> (Passed, VaRange) {
        let (first, table) = (self.next, self.table(&[]));
        let present = tables.image.next_present(table.entry_pa(first)).map(|pa| pa.0.saturating_sub(self.table.0));
        let resume = present.and_then(|bytes| u32::try_from(bytes.div_ceil(8)).ok()).unwrap_or(u32::MAX);
        let resume = if seeded(Fault::WalkMissingSkipsTable) { u32::MAX } else { resume };
        let resume = resume.clamp(first + 1, self.last + 1);
        self.next = resume;
        (table.passed(first, 0), table.clip(first, resume - 1))
    }
}
