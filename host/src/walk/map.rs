//! What a forensic walk makes of the descent: mappings, holes, pages that are elsewhere, and what is wrong.
//!
//! In: a table set and an engine built with walk queries. Out: one [`Event`] per entry of interest, ascending. The order
//! of the tests is the kernel's: empty, not present, leaf, bad, table. A leaf is what any of `pXd_leaf`, `pXd_huge` and
//! `pXd_trans_huge` calls one; `pXd_devmap` alone is not enough, because on a table descriptor with that bit the
//! hardware goes on to the next table (GUP does not: see [`gup`](crate::gup)). For the same reason a table that
//! `pXd_bad` calls bad is a problem only where the MMU would not use it: x86_64's espfix tables are read-only and not to
//! be executed, which `pud_bad` does not know (arch/x86/kernel/espfix_64.c, v6.1).
//!
//! Guaranteed: cycles are not followed, and no image can make a walk read more than [`VISITS_PER_FRAME`] times the
//! tables that it could hold.

use ptwalk_abi::{Half, Helper, Level, MmuPerms, Op, Pfn, PhysAddr, VaRange};
use serde::Serialize;

use super::descent::{Flow, Passed, Step, TableSet, Visitor, WalkError, descend};
use crate::engine::{Engine, Facts, Record};

/// Times that every table an image could hold may be visited in one walk. Tables are shared in earnest (the KASAN
/// shadow, hugetlb's shared pmd tables), but a few hundred crafted ones could expand to 2^36 visits.
pub const VISITS_PER_FRAME: u64 = 16;

/// Attributes of an entry, as the plugin's helpers tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Attrs {
    /// `pXd_write`.
    pub write: bool,
    /// User mode may do something with it, by the entry alone.
    pub user: bool,
    /// The half's own mode may execute it, by the entry alone.
    pub exec: bool,
    /// `pXd_young`.
    pub young: bool,
    /// `pXd_dirty`.
    pub dirty: bool,
    /// `pXd_special`.
    pub special: bool,
    /// `pXd_devmap`.
    pub devmap: bool,
    /// `pXd_protnone`.
    pub protnone: bool,
    /// `pXd_cont`.
    pub cont: bool,
}

impl Attrs {
    /// The attributes with their names, in the order of the JSON interface.
    pub fn named(self) -> [(&'static str, bool); 9] {
        [
            ("write", self.write),
            ("user", self.user),
            ("exec", self.exec),
            ("young", self.young),
            ("dirty", self.dirty),
            ("special", self.special),
            ("devmap", self.devmap),
            ("protnone", self.protnone),
            ("cont", self.cont),
        ]
    }

    fn new(facts: Facts, upper_half: bool) -> Attrs {
        let exec = if upper_half { MmuPerms::KERNEL_EXEC } else { MmuPerms::USER_EXEC };
        Attrs {
            write: facts.has(Facts::WRITE),
            user: facts.perms().user(),
            exec: facts.perms().has(exec),
            young: facts.has(Facts::YOUNG),
            dirty: facts.has(Facts::DIRTY),
            special: facts.has(Facts::SPECIAL),
            devmap: facts.has(Facts::DEVMAP),
            protnone: facts.has(Facts::PROTNONE),
            cont: facts.has(Facts::CONT),
        }
    }
}

/// What the MMU permits through all levels, as seen from the half's own mode: user mode in the lower half, the kernel in
/// the upper one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Effective {
    /// Loads.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Instruction fetches.
    pub exec: bool,
    /// User mode may do something.
    pub user: bool,
}

impl Effective {
    fn new(perms: MmuPerms, upper_half: bool) -> Effective {
        let (read, write, exec) = if upper_half {
            (MmuPerms::KERNEL_READ, MmuPerms::KERNEL_WRITE, MmuPerms::KERNEL_EXEC)
        } else {
            (MmuPerms::USER_READ, MmuPerms::USER_WRITE, MmuPerms::USER_EXEC)
        };
        Effective { read: perms.has(read), write: perms.has(write), exec: perms.has(exec), user: perms.user() }
    }
}

/// A leaf: an entry that maps memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The part of the range asked for that the leaf maps.
    pub range: VaRange,
    /// Frame of the first byte of `range`.
    pub pa: PhysAddr,
    /// The leaf's level.
    pub level: Level,
    /// Bytes that the whole leaf maps.
    pub leaf_bytes: u64,
    /// Where the entry is and what it holds.
    pub at: Passed,
    /// Its attributes.
    pub attrs: Attrs,
    /// What the MMU permits, or `None` where the plugin has no `pXd_mmu_perms`.
    pub effective: Option<Effective>,
}

impl Mapping {
    /// Frame number of the first byte of the range.
    pub fn pfn(&self, page_shift: u32) -> Pfn {
        self.pa.pfn(page_shift)
    }
}

/// Something that keeps the walk from going on below an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// The addresses that stay untranslated because of it.
    pub range: VaRange,
    /// The entry: the one that is bad or leads to the table, or the first missing one (whose `raw` is 0).
    pub at: Passed,
}

/// What keeps a walk from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `pXd_bad`: present, but neither a leaf nor a table; and the MMU would not use it.
    Bad,
    /// The entry is in a part of its table that the image does not hold.
    OutsideImage,
    /// The entry leads to a table that is already on its own trail.
    Cycle,
    /// Shared tables expand beyond [`VISITS_PER_FRAME`] visits of every table that the image could hold.
    Budget,
}

impl ProblemKind {
    /// The reason as the JSON interface names it.
    pub const fn reason(self) -> &'static str {
        match self {
            ProblemKind::Bad => "bad",
            ProblemKind::OutsideImage => "outside_image",
            ProblemKind::Cycle => "cycle",
            ProblemKind::Budget => "shared_tables",
        }
    }
}

/// What a walk met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A leaf.
    Mapping(Mapping),
    /// An entry that is neither empty nor present: swapped out, migrating, poisoned.
    NotPresent {
        /// The addresses it stands for.
        range: VaRange,
        /// The entry.
        at: Passed,
    },
    /// An empty entry.
    Hole {
        /// The addresses it stands for.
        range: VaRange,
        /// The entry.
        at: Passed,
    },
    /// A table is entered through this entry.
    Table {
        /// The entry.
        at: Passed,
        /// The table.
        table: PhysAddr,
        /// The table's level, by the name under which it is shown.
        below: Level,
    },
    /// The walk cannot go on below an entry; it goes on beside it.
    Problem(Problem),
}

/// Takes the events of a walk, each with the entries passed on the way to it.
pub type Sink<'a> = dyn FnMut(&Event, &[Passed]) -> Result<(), WalkError> + 'a;

/// Walks a range and hands every event to `sink`, which gets the trail of entries passed as well.
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
    sink: &mut Sink<'_>,
) -> Result<(), WalkError> {
    // The root may have as few as two entries, but there is one of it.
    let below_root = tables.geometry.slots().get(1..).unwrap_or_default();
    let smallest_table = below_root.iter().map(|slot| slot.table_bytes()).min().unwrap_or(8);
    let budget = (tables.image.held_bytes() / smallest_table + 64).saturating_mul(VISITS_PER_FRAME);
    let perms_known = Helper::find(Level::Pte, Op::MmuPerms).is_some_and(|helper| engine.has(helper));
    let upper_half = tables.root.half == Half::Upper;
    let mut walker = MapVisitor { tables, upper_half, perms_known, sink, budget };
    descend(engine, tables, range, &mut walker)
}

struct MapVisitor<'a, 'b> {
    tables: &'a TableSet<'a>,
    upper_half: bool,
    perms_known: bool,
    sink: &'b mut Sink<'a>,
    /// Tables that may still be visited.
    budget: u64,
}

impl MapVisitor<'_, '_> {
    fn mapping(&self, step: &Step<'_>, pfn: u64) -> Mapping {
        let page_shift = self.tables.geometry.page_shift();
        let offset = step.range.first.0 - step.span_start.0;
        let facts = step.record.facts;
        let effective = Effective::new(step.perms_above & facts.perms(), self.upper_half);
        Mapping {
            range: step.range,
            pa: PhysAddr(Pfn(pfn).phys(page_shift).0.wrapping_add(offset)),
            level: step.at.level,
            leaf_bytes: step.slot.span_bytes(),
            at: step.at,
            attrs: Attrs::new(facts, self.upper_half),
            effective: self.perms_known.then_some(effective),
        }
    }

    fn table(&mut self, step: &Step<'_>, table: PhysAddr) -> Result<Flow, WalkError> {
        let problem = |kind| Event::Problem(Problem { kind, range: step.range, at: step.at });
        let on_trail = step.at.table == table || step.trail.iter().any(|passed| passed.table == table);
        if on_trail {
            (self.sink)(&problem(ProblemKind::Cycle), step.trail)?;
            return Ok(Flow::Next);
        }
        if self.budget == 0 {
            (self.sink)(&problem(ProblemKind::Budget), step.trail)?;
            return Ok(Flow::Next);
        }
        self.budget -= 1;
        let below = self.tables.geometry.slots().get(step.depth + 1).map_or(Level::Pte, |slot| slot.level);
        (self.sink)(&Event::Table { at: step.at, table, below }, step.trail)?;
        Ok(Flow::Descend(table))
    }
}

impl Visitor for MapVisitor<'_, '_> {
    #[inline]
    fn entry(&mut self, step: &Step<'_>) -> Result<Flow, WalkError> {
        let Record { facts, target } = step.record;
        let is_leaf = step.slot.level == Level::Pte || facts.any(Facts::LEAF.or(Facts::HUGE).or(Facts::TRANS_HUGE));
        let (range, at) = (step.range, step.at);
        let event = if facts.has(Facts::NONE) {
            Event::Hole { range, at }
        } else if !facts.has(Facts::PRESENT) {
            Event::NotPresent { range, at }
        } else if is_leaf {
            Event::Mapping(self.mapping(step, target))
        } else if facts.has(Facts::BAD) && !(self.perms_known && facts.perms().bits() != 0) {
            Event::Problem(Problem { kind: ProblemKind::Bad, range, at })
        } else {
            return self.table(step, PhysAddr(target));
        };
        (self.sink)(&event, step.trail)?;
        Ok(Flow::Next)
    }

    fn missing(&mut self, at: Passed, range: VaRange, trail: &[Passed]) -> Result<Flow, WalkError> {
        (self.sink)(&Event::Problem(Problem { kind: ProblemKind::OutsideImage, range, at }), trail)?;
        Ok(Flow::Next)
    }
}
