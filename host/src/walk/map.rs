//! What a forensic walk makes of the descent: mappings, holes, pages that are elsewhere, and what is wrong.
//!
//! In: a table set and an engine built with walk queries. Out: leaves in runs and one [`Event`] for everything else of
//! interest, ascending, to a [`MapSink`]. The order of the tests is the kernel's: empty, not present, leaf, bad, table. A
//! leaf is what any of `pXd_leaf`, `pXd_huge` and `pXd_trans_huge` calls one; `pXd_devmap` alone is not enough, because
//! on a table descriptor with that bit the hardware goes on to the next table (GUP does not: see [`gup`](crate::gup)).
//! For the same reason a table that `pXd_bad` calls bad is a problem only where the MMU would not use it: x86_64's espfix
//! tables are read-only and not to be executed, which `pud_bad` does not know (arch/x86/kernel/espfix_64.c, v6.1).
//! A directory of huge pages (`is_hugepd`) is neither leaf nor table: its ptes are leaves of the size that it says.
//!
//! Guaranteed: cycles are not followed, and no image can make a walk read more than [`VISITS_PER_FRAME`] times the
//! tables that it could hold.

use ptwalk_abi::{Half, Helper, Level, MmuPerms, Op, Pfn, PhysAddr, Slot, VaRange};
use ptwalk_verifier::fault::{Fault, seeded};

use super::descent::{Batch, Directory, Flow, Passed, Progress, Subtree, TableSet, Visitor, WalkError, descend};
use super::event::{Attrs, Effective, Event, Mapping, Problem, ProblemKind};
use crate::engine::query::{Layout, Query};
use crate::engine::{Condition, Engine, Facts, Record};

/// Times that every table an image could hold may be visited in one walk. Tables are shared in earnest (the KASAN
/// shadow, hugetlb's shared pmd tables), but a few hundred crafted ones could expand to 2^36 visits.
pub const VISITS_PER_FRAME: u64 = 16;

/// What every leaf of a walk has in common.
#[derive(Clone, Copy, Debug)]
struct Context {
    page_shift: u32,
    upper_half: bool,
    perms_known: bool,
}

/// Leaves of one table, in ascending order.
#[derive(Clone, Copy)]
pub struct Leaves<'a> {
    batch: &'a Batch<'a>,
    words: &'a [u64],
    context: Context,
}

impl<'a> Leaves<'a> {
    /// Their packed words, laid out as [`Leaves::layout`] says.
    pub fn words(&self) -> &'a [u64] {
        self.words
    }

    /// Where a word has what.
    pub fn layout(&self) -> Layout {
        self.batch.layout
    }

    /// Level of the leaves, by the name under which it is shown.
    pub fn level(&self) -> Level {
        self.batch.table.passed(0, 0).level
    }

    /// Bytes that each of them maps.
    pub fn leaf_bytes(&self) -> u64 {
        self.batch.table.slot.span_bytes()
    }

    /// The entries passed, root first.
    pub fn trail(&self) -> &'a [Passed] {
        self.batch.table.trail
    }

    /// How many have each attribute, in the order of [`Attrs::named`].
    pub fn attrs(&self) -> [u64; 9] {
        Attrs::FACTS.map(|of_half| self.count(of_half[usize::from(self.context.upper_half)]))
    }

    /// How many have any of `facts`.
    pub fn count(&self, facts: Facts) -> u64 {
        let mask = u64::from(facts.0) << self.layout().facts_shift();
        self.words.iter().map(|word| u64::from(word & mask != 0)).sum()
    }

    /// Bytes that they map together of the range asked for.
    pub fn bytes(&self) -> u64 {
        let whole = (self.words.len() as u64).saturating_mul(self.leaf_bytes());
        // Only the first and the last can be cut.
        let cut = |word: Option<&u64>| match word {
            Some(word) => {
                let index = self.layout().index(*word);
                let range = self.batch.table.clip(index, index).bytes();
                self.leaf_bytes() - u64::try_from(range).unwrap_or(self.leaf_bytes())
            }
            None => 0,
        };
        let last = if self.words.len() > 1 { cut(self.words.last()) } else { 0 };
        whole - cut(self.words.first()) - last
    }

    /// Each leaf, in full.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping> + use<'a> {
        let leaves = *self;
        self.words.iter().map(move |word| leaves.mapping(*word))
    }

    /// The leaf of one of their words, in full.
    #[inline]
    pub fn mapping(&self, word: u64) -> Mapping {
        let layout = self.batch.layout;
        self.context.mapping(self.batch, layout.index(word), layout.facts(word), layout.frame(word))
    }
}

impl Context {
    #[inline]
    fn mapping(self, batch: &Batch<'_>, index: u32, facts: Facts, pfn: u64) -> Mapping {
        let table = &batch.table;
        let range = table.clip(index, index);
        let offset = range.first.0 - table.span_start(index).0;
        let offset = if seeded(Fault::WalkOffsetLost) { 0 } else { offset };
        let perms = table.perms_above & facts.perms();
        let at = batch.passed(index);
        Mapping {
            range,
            pa: PhysAddr(Pfn(pfn).phys(self.page_shift).0.wrapping_add(offset)),
            level: at.level,
            leaf_bytes: table.slot.span_bytes(),
            at,
            attrs: Attrs::new(facts, self.upper_half),
            effective: self.perms_known.then(|| Effective::new(perms, self.upper_half)),
            perms,
        }
    }
}

/// Takes what a walk meets.
pub trait MapSink {
    /// Anything; mappings come here only where [`MapSink::leaves`] hands them on. `trail` holds the entries passed on the
    /// way, root first.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn event(&mut self, event: &Event, trail: &[Passed]) -> Result<(), WalkError>;

    /// Leaves of one table, with nothing else between them that the walk was asked for.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        leaves.mappings().try_for_each(|mapping| self.event(&Event::Mapping(mapping), leaves.trail()))
    }

    /// Whether empty entries are of interest. They are told of only by queries that keep everything else
    /// ([`Wanted::ALL`](crate::engine::Wanted::ALL)).
    fn wants_holes(&self) -> bool {
        false
    }

    /// A subtree at the depth at which the walk is split, for whoever splits walks. `budget` is the number of tables that
    /// may still be visited; what the subtree visits, its own table included, is to be taken from it.
    ///
    /// # Errors
    /// Whatever ends the walk with an error.
    fn subtree(&mut self, _subtree: Subtree, _budget: &mut u64) -> Result<(), WalkError> {
        Ok(())
    }
}

/// Takes every event, holes included, with the entries passed on the way to it.
pub type EventSink<'a> = dyn FnMut(&Event, &[Passed]) -> Result<(), WalkError> + 'a;

struct EachEvent<'a, 'b>(&'a mut EventSink<'b>);

impl MapSink for EachEvent<'_, '_> {
    fn event(&mut self, event: &Event, trail: &[Passed]) -> Result<(), WalkError> {
        (self.0)(event, trail)
    }

    fn wants_holes(&self) -> bool {
        true
    }
}

/// Walks a range and hands every event to `sink`, one by one.
///
/// # Errors
/// [`WalkError`], when the plugin or `sink` fails. What the image holds is never an error: see [`Event::Problem`].
///
/// # Cost
/// As [`descend`].
pub fn walk_map<E: Engine + ?Sized>(
    engine: &mut E,
    tables: &TableSet<'_>,
    range: VaRange,
    sink: &mut EventSink<'_>,
) -> Result<(), WalkError> {
    walk_into(engine, tables, range, &mut EachEvent(sink))
}

/// Walks a range and hands what it meets to `sink`, leaves in runs.
///
/// # Errors
/// As [`walk_map`].
///
/// # Cost
/// As [`descend`].
pub fn walk_into<E: Engine + ?Sized, S: MapSink + ?Sized>(
    engine: &mut E,
    tables: &TableSet<'_>,
    range: VaRange,
    sink: &mut S,
) -> Result<(), WalkError> {
    let Some(start) = Subtree::root(tables, range) else { return Ok(()) };
    let mut visitor = MapVisitor::new(engine, tables, visits_max(tables), sink);
    descend(engine, tables, start, &mut visitor)
}

/// Tables that one walk may visit, [`VISITS_PER_FRAME`] times those that the image could hold.
pub fn visits_max(tables: &TableSet<'_>) -> u64 {
    // The root may have as few as two entries, but there is one of it.
    let below_root = tables.geometry.slots().get(1..).unwrap_or_default();
    let smallest_table = below_root.iter().map(|slot| slot.table_bytes()).min().unwrap_or(8);
    (tables.image.held_bytes() / smallest_table + 64).saturating_mul(VISITS_PER_FRAME)
}

/// The visitor of a forensic walk.
pub(super) struct MapVisitor<'a, 'i, S: ?Sized> {
    tables: &'a TableSet<'i>,
    sink: &'a mut S,
    context: Context,
    /// Which leaves are wanted, by depth, and whether all that is not empty is kept.
    filters: Vec<Condition>,
    absent: bool,
    /// Whether the filter of each depth speaks of permissions through all levels, which the scan does not know.
    exact: Vec<bool>,
    /// For each depth, whether nothing wanted can lie below with the permissions that were asked about last.
    pruned: Vec<Option<(MmuPerms, bool)>>,
    /// Empty entries are told of: whatever a scan does not keep is one.
    holes: bool,
    /// Whether a scan of each depth says all that is shown of a mapping.
    detailed: Vec<bool>,
    /// Whether whatever a scan of each depth keeps is a leaf that is wanted, and nothing else is to be told of.
    plain: Vec<bool>,
    /// Whether anything wanted can lie at a depth or below it.
    fruitful: Vec<bool>,
    /// Depth whose tables are handed to the sink as subtrees, not visited.
    split: Option<usize>,
    /// Tables that may still be visited.
    budget: u64,
    /// For each depth, what the entries of the batch being visited lead to, by their words; empty before the first table.
    found: Vec<Vec<Option<Record>>>,
}

/// A table below an entry.
struct Below {
    table: PhysAddr,
    /// Set for a directory of huge pages.
    slot: Option<Slot>,
    /// What the entry leaves permitted.
    perms: MmuPerms,
}

impl<'a, 'i, S: MapSink + ?Sized> MapVisitor<'a, 'i, S> {
    /// A visitor that may visit `budget` tables.
    pub(super) fn new<E: Engine + ?Sized>(
        engine: &E,
        tables: &'a TableSet<'i>,
        budget: u64,
        sink: &'a mut S,
    ) -> MapVisitor<'a, 'i, S> {
        let queries = engine.queries();
        let depths = 0..queries.levels.len();
        let filters: Vec<Condition> = queries.levels.iter().map(|query| query.leaves.clone()).collect();
        let perms_known = Helper::find(Level::Pte, Op::MmuPerms).is_some_and(|helper| engine.has(helper));
        let context = Context {
            page_shift: tables.geometry.page_shift(),
            upper_half: tables.root.half == Half::Upper,
            perms_known,
        };
        let exact: Vec<bool> = filters.iter().map(|filter| filter.facts().any(Facts::EFFECTIVE)).collect();
        let shows = |query: &Query| query.shows(queries.shown, |helper| engine.has(helper));
        let detailed: Vec<bool> = queries.levels.iter().map(shows).collect();
        let is_plain = |(depth, query): (usize, &Query)| {
            query.level == Level::Pte && !queries.absent && !exact[depth] && detailed[depth]
        };
        MapVisitor {
            tables,
            context,
            holes: queries.absent && filters.iter().all(|filter| *filter == Condition::Always) && sink.wants_holes(),
            plain: queries.levels.iter().enumerate().map(is_plain).collect(),
            exact,
            pruned: vec![None; filters.len()],
            filters,
            absent: queries.absent,
            detailed,
            fruitful: depths.map(|depth| engine.may_find(depth)).collect(),
            split: None,
            budget,
            found: vec![Vec::new(); queries.levels.len()],
            sink,
        }
    }

    /// Hands the tables of `depth` to the sink instead of visiting them.
    pub(super) fn split_at(mut self, depth: usize) -> Self {
        self.split = Some(depth);
        self
    }

    /// Tables that may still be visited.
    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    /// The leaves from `at` on that follow one another.
    fn leaves(&mut self, batch: &Batch<'_>, at: &mut Progress) -> Result<(), WalkError> {
        let (filter, exact) = (&self.filters[batch.table.depth], self.exact[batch.table.depth]);
        let wanted = |word: u64| {
            let facts = batch.layout.facts(word);
            let above = if seeded(Fault::WalkFilterOwnPermissions) { MmuPerms::ALL } else { batch.table.perms_above };
            !exact || filter.holds(facts.or(Facts::effective((facts.perms() & above).bits())))
        };
        let is_pte = batch.table.slot.level == Level::Pte;
        let maps = |word: u64| {
            let facts = batch.layout.facts(word);
            facts.has(Facts::PRESENT) && (is_pte || facts.has(Facts::MAPS))
        };
        let rest = &batch.words[at.word..];
        let skipped = rest.iter().take_while(|word| maps(**word) && !wanted(**word)).count();
        let rest = &rest[skipped..];
        let first = rest.first().map_or(0, |word| batch.layout.index(*word));
        let follows = |(i, word): &(u32, &u64)| {
            maps(**word) && wanted(**word) && (!self.holes || batch.layout.index(**word) == first + i)
        };
        let count = (0..).zip(rest).take_while(follows).count();
        let words = &rest[..count];
        at.word += skipped + count;
        at.index = match batch.words.get(at.word.wrapping_sub(1)) {
            Some(word) => batch.layout.index(*word) + 1,
            None => at.index,
        };
        if words.is_empty() { Ok(()) } else { self.sink.leaves(&Leaves { batch, words, context: self.context }) }
    }

    /// A leaf of a table whose packed words do not say enough.
    fn leaf<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>, index: u32) -> Result<(), WalkError> {
        let record =
            engine.record(batch.table.depth, batch.raw(index)).map_err(|e| e.on_entry(batch.table.pa, index))?;
        let effective = Facts::effective((record.facts.perms() & batch.table.perms_above).bits());
        if !self.filters[batch.table.depth].holds(record.facts.or(effective)) {
            return Ok(());
        }
        let mapping = self.context.mapping(batch, index, record.facts, record.target);
        self.sink.event(&Event::Mapping(mapping), batch.table.trail)
    }

    /// Finds what every entry of a batch leads to, so that the tables that come next can be on their way from memory.
    fn find<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>) {
        let depth = batch.table.depth;
        let leads_on = |word: u64| {
            let facts = batch.layout.facts(word);
            facts.has(Facts::PRESENT) && !facts.has(Facts::MAPS)
        };
        let mut find = |word: u64| {
            // An error is told when its entry is reached.
            if leads_on(word) { engine.record(depth, batch.raw(batch.layout.index(word))).ok() } else { None }
        };
        self.found[depth].clear();
        self.found[depth].extend(batch.words.iter().map(|word| find(*word)));
    }

    /// The table that will be visited after the next one, where it is worth asking for: the processor itself goes on to what
    /// follows in memory.
    fn ahead(&self, batch: &Batch<'_>, at: &Progress, table: PhysAddr, table_bytes: u64) -> Option<PhysAddr> {
        let ahead = PhysAddr(self.found[batch.table.depth].get(at.word + 2).copied().flatten()?.target);
        (ahead.0 != table.0.wrapping_add(2 * table_bytes)).then_some(ahead)
    }

    /// An entry that is present and no leaf.
    fn table<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &Progress,
        index: u32,
    ) -> Result<Option<Flow>, WalkError> {
        let depth = batch.table.depth;
        if self.found[depth].is_empty() {
            self.find(engine, batch);
        }
        let Record { facts, target } = match self.found[depth].get(at.word).copied().flatten() {
            Some(found) => found,
            None => engine.record(depth, batch.raw(index)).map_err(|error| error.on_entry(batch.table.pa, index))?,
        };
        let table = PhysAddr(target);
        let used = self.context.perms_known && facts.perms().bits() != 0;
        let below = if facts.has(Facts::HUGEPD) {
            let directory = Directory::of(engine, self.tables.geometry, batch, index)?;
            let perms = if seeded(Fault::WalkDirectoryTakesPerms) { facts.perms() } else { MmuPerms::ALL };
            directory.map(|Directory { table, slot }| Below { table, slot: Some(slot), perms })
        } else if facts.has(Facts::BAD) && !used && !seeded(Fault::WalkBadFollowed) {
            None
        } else {
            let perms = if self.context.perms_known { facts.perms() } else { MmuPerms::ALL };
            Some(Below { table, slot: None, perms })
        };
        let (passed, trail) = (batch.passed(index), batch.table.trail);
        let problem = |kind| Event::Problem(Problem { kind, range: batch.table.clip(index, index), at: passed });
        let Some(below) = below else {
            self.sink.event(&problem(ProblemKind::Bad), trail)?;
            return Ok(None);
        };
        let is_above = trail.iter().any(|passed| passed.table == below.table) && !seeded(Fault::WalkCycleUnseen);
        if passed.table == below.table || is_above {
            self.sink.event(&problem(ProblemKind::Cycle), trail)?;
            return Ok(None);
        }
        if self.prunes(depth, batch.table.perms_above & below.perms) {
            return Ok(None);
        }
        if self.budget == 0 {
            self.sink.event(&problem(ProblemKind::Budget), trail)?;
            return Ok(None);
        }
        self.enter(batch, at, index, &below)
    }

    /// Goes down into a table that may be visited, or hands it to the sink where the walk is split.
    fn enter(
        &mut self,
        batch: &Batch<'_>,
        at: &Progress,
        index: u32,
        below: &Below,
    ) -> Result<Option<Flow>, WalkError> {
        let Below { table, slot: directory, perms } = *below;
        let slots = self.tables.geometry.slots();
        let depth = if directory.is_some() { slots.len() - 1 } else { batch.table.depth + 1 };
        let slot = directory.or_else(|| slots.get(depth).copied());
        let (level, bytes) = slot.map_or((Level::Pte, 0), |slot| (slot.level, slot.table_bytes()));
        let passed = batch.passed(index);
        self.sink.event(&Event::Table { at: passed, table, below: level, bytes }, batch.table.trail)?;
        // A directory leads past the depth at which the walk is split.
        if self.split.is_some_and(|split| split <= depth) {
            let trail = batch.table.trail.iter().copied().chain([passed]).collect();
            let (range, perms_above) = (batch.table.clip(index, index), batch.table.perms_above & perms);
            let perms_above = if seeded(Fault::WalkPartForgetsAbove) { MmuPerms::ALL } else { perms_above };
            self.sink.subtree(Subtree { depth, directory, table, range, perms_above, trail }, &mut self.budget)?;
            return Ok(None);
        }
        self.budget -= 1;
        Ok(Some(match directory {
            Some(slot) => Flow::Directory(Directory { table, slot }),
            None => Flow::Descend { table, perms, ahead: self.ahead(batch, at, table, bytes) },
        }))
    }

    /// Whether nothing that is wanted can lie below an entry of `depth`, given what the entries down to it permit.
    fn prunes(&mut self, depth: usize, perms: MmuPerms) -> bool {
        if let Some((_, pruned)) = self.pruned[depth].filter(|(asked, _)| *asked == perms) {
            return pruned;
        }
        // What the entries above take is no leaf's any more.
        let denied = Facts::effective(!perms.bits());
        let barren = |depth: usize| {
            !self.fruitful[depth] || self.filters[depth].clone().assume(denied, Facts(0)) == Condition::Never
        };
        let pruned = !self.absent && (depth + 1..self.filters.len()).all(barren);
        self.pruned[depth] = Some((perms, pruned));
        pruned
    }

    /// The entries from `at` to `end`, of which the scan kept none: empty, where they are told of.
    fn gap(&mut self, batch: &Batch<'_>, at: &mut Progress, end: u32) -> Result<(), WalkError> {
        let first = std::mem::replace(&mut at.index, end);
        if first >= end || !self.holes {
            return Ok(());
        }
        let range = batch.table.clip(first, end - 1);
        let hole = Event::Hole { range, at: batch.passed(first), entries: end - first };
        self.sink.event(&hole, batch.table.trail)
    }

    #[inline(never)]
    fn visit_last_each<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>) -> Result<bool, WalkError> {
        let mut at = Progress { index: batch.first, word: 0 };
        self.visit_each(engine, batch, &mut at).map(|flow| flow != Flow::Stop)
    }

    /// Visits the words of a batch one by one, but for leaves that follow one another.
    #[inline(always)]
    fn visit_each<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError> {
        let level = batch.table.slot.level;
        if at.word == 0 {
            self.found[batch.table.depth].clear();
        }
        while let Some(word) = batch.words.get(at.word) {
            let (index, facts) = (batch.layout.index(*word), batch.layout.facts(*word));
            if index >= batch.end {
                break;
            }
            self.gap(batch, at, index)?;
            let maps = level == Level::Pte || facts.has(Facts::MAPS);
            if facts.has(Facts::PRESENT) && maps && self.detailed[batch.table.depth] {
                self.leaves(batch, at)?;
                continue;
            }
            let mut flow = None;
            if !facts.has(Facts::PRESENT) {
                let event = Event::NotPresent { range: batch.table.clip(index, index), at: batch.passed(index) };
                self.sink.event(&event, batch.table.trail)?;
            } else if maps {
                self.leaf(engine, batch, index)?;
            } else {
                flow = self.table(engine, batch, at, index)?;
            }
            *at = Progress { index: index + 1, word: at.word + 1 };
            if let Some(flow) = flow {
                return Ok(flow);
            }
        }
        self.gap(batch, at, batch.end)?;
        Ok(Flow::Next)
    }
}

impl<S: MapSink + ?Sized> Visitor for MapVisitor<'_, '_, S> {
    #[inline(always)]
    fn visit<E: Engine + ?Sized>(
        &mut self,
        engine: &mut E,
        batch: &Batch<'_>,
        at: &mut Progress,
    ) -> Result<Flow, WalkError> {
        self.visit_each(engine, batch, at)
    }

    #[inline(always)]
    fn visit_last<E: Engine + ?Sized>(&mut self, engine: &mut E, batch: &Batch<'_>) -> Result<bool, WalkError> {
        if !self.plain[batch.table.depth] {
            return self.visit_last_each(engine, batch);
        }
        if !batch.words.is_empty() {
            self.sink.leaves(&Leaves { batch, words: batch.words, context: self.context })?;
        }
        Ok(true)
    }

    fn missing(&mut self, at: Passed, range: VaRange, trail: &[Passed]) -> Result<Flow, WalkError> {
        self.sink.event(&Event::Problem(Problem { kind: ProblemKind::OutsideImage, range, at }), trail)?;
        Ok(Flow::Next)
    }
}
