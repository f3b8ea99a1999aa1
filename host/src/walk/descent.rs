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
        /// A table that will come soon after it, where that is known and worth asking for while this one is scanned.
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
        let fits = index_bits <= index_bits_max || seeded(Fault::WalkDirectoryUnbounded);
        Ok(fits.then_some(Directory { table, slot }))
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

    /// Visits a batch of the last level, whose entries lead nowhere. `false` stops.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn visit_last<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>) -> Result<bool, WalkError> {
        let mut at = Progress { index: batch.first, word: 0 };
        Ok(self.visit(engine, batch, &mut at)? != Flow::Stop)
    }

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
    let slots = tables.geometry.slots();
    let Some(slot) = slots.get(depth) else { return Ok(()) };
    let shape = directory.map_or(Shape::table(*slot, depth), |slot| Shape { slot, depth, directory: true });
    let queries = engine.queries();
    let (big_endian, layouts) = (queries.big_endian, queries.levels.iter().map(|query| query.scan.layout).collect());
    let mut words = slots.iter().map(|_| Words::new()).collect::<Vec<_>>();
    let top = Place { shape, pa: table, range, perms_above };
    let image = tables.image;
    let mut descent = Descent { engine, image, slots, visitor, trail, big_endian, layouts };
    descent.table(top, &[], &mut words[depth..])?;
    Ok(())
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

/// A table to visit.
#[derive(Clone, Copy)]
struct Place {
    shape: Shape,
    pa: PhysAddr,
    /// The part of the range asked for that it translates.
    range: VaRange,
    perms_above: MmuPerms,
}

impl Place {
    /// The table as a visitor sees it.
    #[inline]
    fn table<'a>(self, trail: &'a [Passed]) -> Table<'a> {
        let Place { shape: Shape { slot, depth, directory }, pa, range, perms_above } = self;
        let offset_mask = (u64::from(slot.entries) - 1) << slot.shift | (slot.span_bytes() - 1);
        Table { depth, slot, directory, pa, base: range.first.0 & !offset_mask, range, perms_above, trail }
    }

    /// First and last entry to visit.
    #[inline]
    fn entries(self) -> (u32, u32) {
        (self.shape.slot.index(self.range.first), self.shape.slot.index(self.range.last))
    }

    /// The entries from `first` on that the image does not hold, though it should up to `last`: the first one, what they
    /// would translate, and the index after them.
    #[cold]
    fn missing(self, image: &Image, first: u32, last: u32) -> (Passed, VaRange, u32) {
        let table = self.table(&[]);
        let present = image.next_present(table.entry_pa(first)).map(|pa| pa.0.saturating_sub(self.pa.0));
        let resume = present.and_then(|bytes| u32::try_from(bytes.div_ceil(8)).ok()).unwrap_or(u32::MAX);
        let resume = if seeded(Fault::WalkMissingSkipsTable) { u32::MAX } else { resume };
        let resume = resume.clamp(first + 1, last + 1);
        (table.passed(first, 0), table.clip(first, resume - 1), resume)
    }
}

/// Entries of a table that were scanned together: none where the image does not hold the first.
struct Piece<'i> {
    bytes: &'i [u8],
    first: u32,
    end: u32,
    /// Why the engine could not answer for the entry after them. It is told when they were visited.
    failed: Option<Box<EngineError>>,
}

impl Piece<'_> {
    /// What a visitor sees of it.
    #[inline(always)]
    fn batch<'a>(
        &'a self,
        place: Place,
        words: &'a [u64],
        trail: &'a [Passed],
        big_endian: bool,
        layouts: &[Layout],
    ) -> Batch<'a> {
        let Piece { bytes, first, end, .. } = *self;
        let layout = layouts[place.shape.depth];
        Batch { table: place.table(trail), first, end, bytes, big_endian, words, layout }
    }
}

/// What the visits of all tables share.
struct Descent<'a, 'i, E: ?Sized, V> {
    engine: &'a mut E,
    image: &'i Image,
    slots: &'i [Slot],
    visitor: &'a mut V,
    trail: Vec<Passed>,
    big_endian: bool,
    /// Of the words of each depth.
    layouts: Vec<Layout>,
}

impl<'i, E: Engine + ?Sized, V: Visitor> Descent<'_, 'i, E, V> {
    /// Visits a table, and calls itself for those below: as deep as the geometry. `ahead` is what its first scan asks for
    /// meanwhile, `words` the room of its level and of those below. `false` where the visitor stopped.
    fn table(&mut self, place: Place, ahead: &'i [u8], words: &mut [Words]) -> Result<bool, WalkError> {
        match words {
            [] => Ok(true),
            [room] => self.pieces::<true>(place, ahead, room, &mut []),
            [room, rooms_below @ ..] => self.pieces::<false>(place, ahead, room, rooms_below),
        }
    }

    /// Visits a table piece by piece as the image holds it. The entries of the last level lead nowhere: nearly all tables are
    /// such, and nearly all time goes there, so that their visit is compiled into that of the table above.
    #[inline(always)]
    fn pieces<const LAST: bool>(
        &mut self,
        place: Place,
        mut ahead: &'i [u8],
        room: &mut Words,
        rooms_below: &mut [Words],
    ) -> Result<bool, WalkError> {
        self.visitor.enter(place.shape.depth);
        let (mut next, last) = place.entries();
        while next <= last {
            let piece = self.load(place, next..last + 1, std::mem::take(&mut ahead), room)?;
            if piece.bytes.is_empty() {
                let (at, range, resume) = place.missing(self.image, next, last);
                if self.visitor.missing(at, range, &self.trail)? == Flow::Stop {
                    return Ok(false);
                }
                next = resume;
                continue;
            }
            next = piece.end;
            let went_on = if LAST {
                let batch = piece.batch(place, room, &self.trail, self.big_endian, &self.layouts);
                self.visitor.visit_last(self.engine, &batch)?
            } else {
                self.piece(place, &piece, room, rooms_below)?
            };
            if !went_on {
                return Ok(false);
            }
            if let Some(error) = piece.failed {
                return Err((*error).into());
            }
        }
        self.visitor.leave(place.shape.depth);
        Ok(true)
    }

    /// Scans entries, as many of those wanted as the image holds in one piece.
    #[inline(always)]
    fn load(
        &mut self,
        place: Place,
        wanted: Range<u32>,
        ahead: &'i [u8],
        room: &mut Words,
    ) -> Result<Piece<'i>, WalkError> {
        let first = wanted.start;
        let pa = PhysAddr(place.pa.0.saturating_add(u64::from(first) * 8));
        let (entries, _) = self.image.run(pa, (wanted.end - first) as u64 * 8).as_chunks::<8>();
        let bytes = entries.as_flattened();
        let count = u32::try_from(entries.len()).unwrap_or(0);
        let mut piece = Piece { bytes, first, end: first + count, failed: None };
        if count > 0
            && let Err(failed) = self.engine.scan(place.shape.depth, Run { bytes, first, ahead }, room)
        {
            let index = failed.index.clamp(first, piece.end);
            let error = failed.cause.on_entry(place.pa, index);
            if index == first {
                return Err(error.into());
            }
            (piece.end, piece.failed) = (index, Some(Box::new(error)));
        }
        Ok(piece)
    }

    /// Visits a piece of a table above the last level, and the tables that it leads to.
    fn piece(
        &mut self,
        place: Place,
        piece: &Piece<'i>,
        room: &Words,
        rooms_below: &mut [Words],
    ) -> Result<bool, WalkError> {
        let depth = place.shape.depth;
        let mut progress = Progress { index: piece.first, word: 0 };
        loop {
            let batch = piece.batch(place, room, &self.trail, self.big_endian, &self.layouts);
            let (shape, pa, perms, ahead) = match self.visitor.visit(self.engine, &batch, &mut progress)? {
                Flow::Stop => return Ok(false),
                Flow::Next => return Ok(true),
                Flow::Descend { table, perms, ahead } => {
                    let above = if seeded(Fault::WalkPermsUnfolded) { MmuPerms::ALL } else { place.perms_above };
                    (self.shape(depth + 1, None), table, above & perms, ahead)
                }
                Flow::Directory(Directory { table, slot }) => {
                    (self.shape(depth + 1, Some(slot)), table, place.perms_above, None)
                }
            };
            let Some(shape) = shape else { continue };
            let through = progress.index.saturating_sub(1);
            let below = Place { shape, pa, range: batch.table.clip(through, through), perms_above: perms };
            let ahead = ahead.map_or(&[][..], |pa| self.image.run(pa, shape.slot.table_bytes()));
            let at = batch.passed(through);
            self.trail.push(at);
            let went_on = match &mut rooms_below[shape.depth - depth - 1..] {
                [room] => self.pieces::<true>(below, ahead, room, &mut [])?,
                rooms => self.table(below, ahead, rooms)?,
            };
            if !went_on {
                return Ok(false);
            }
            self.trail.pop();
        }
    }

    /// What a table of this depth is, or a directory that hangs off the level above; `None` below the ptes.
    fn shape(&self, depth: usize, directory: Option<Slot>) -> Option<Shape> {
        let slots = self.slots;
        let slot = slots.get(depth)?;
        Some(match directory {
            Some(slot) => Shape { slot, depth: slots.len() - 1, directory: true },
            None => Shape::table(*slot, depth),
        })
    }
}
