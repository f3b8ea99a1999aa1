//! What a walk meets: leaves with their attributes, and everything else of interest as one [`Event`] each.
//!
//! In: facts that a query told, permissions folded on the way. Out: what sinks are handed. Not handled: the walk itself,
//! which is [`map`](super::map).

use ptwalk_abi::{Level, MmuPerms, Pfn, PhysAddr, VaRange};
use serde::Serialize;

use super::descent::Passed;
use crate::engine::Facts;

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
        let Attrs { write, user, exec, young, dirty, special, devmap, protnone, cont } = self;
        let set = [write, user, exec, young, dirty, special, devmap, protnone, cont];
        std::array::from_fn(|i| (Attrs::NAMES[i], set[i]))
    }

    pub(super) fn new(facts: Facts, upper_half: bool) -> Attrs {
        let [write, user, exec, young, dirty, special, devmap, protnone, cont] =
            Attrs::FACTS.map(|of_half| facts.any(of_half[usize::from(upper_half)]));
        Attrs { write, user, exec, young, dirty, special, devmap, protnone, cont }
    }

    /// The facts of which any gives each attribute, in the order of [`Attrs::named`]: in the lower half, in the upper.
    pub(super) const FACTS: [[Facts; 2]; 9] = [
        [Facts::WRITE; 2],
        [Facts::of_perms(MmuPerms::USER_READ | MmuPerms::USER_WRITE | MmuPerms::USER_EXEC); 2],
        [Facts::of_perms(MmuPerms::USER_EXEC), Facts::of_perms(MmuPerms::KERNEL_EXEC)],
        [Facts::YOUNG; 2],
        [Facts::DIRTY; 2],
        [Facts::SPECIAL; 2],
        [Facts::DEVMAP; 2],
        [Facts::PROTNONE; 2],
        [Facts::CONT; 2],
    ];

    /// The names of the attributes, in the order of the JSON interface.
    pub const NAMES: [&str; 9] = ["write", "user", "exec", "young", "dirty", "special", "devmap", "protnone", "cont"];
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
    pub(super) fn new(perms: MmuPerms, upper_half: bool) -> Effective {
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
    /// The same for both modes; nothing where it is not known.
    pub perms: MmuPerms,
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
    /// Shared tables expand beyond [`VISITS_PER_FRAME`](super::map::VISITS_PER_FRAME) visits of every table that the image could hold.
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
    /// Empty entries that follow one another in a table.
    Hole {
        /// The addresses they stand for.
        range: VaRange,
        /// The first of them.
        at: Passed,
        /// How many.
        entries: u32,
    },
    /// A table is entered through this entry.
    Table {
        /// The entry.
        at: Passed,
        /// The table.
        table: PhysAddr,
        /// The table's level, by the name under which it is shown; that of ptes for a directory of huge pages.
        below: Level,
        /// Bytes that its entries take.
        bytes: u64,
    },
    /// The walk cannot go on below an entry; it goes on beside it.
    Problem(Problem),
}

/// What kept parts of a walk from being seen: the first of it, and how many there were.
#[derive(Clone, Copy, Debug, Default)]
pub struct Incomplete(Option<(Problem, u64)>);

impl Incomplete {
    /// A bad entry maps nothing, so nothing is missed; all other problems leave a part unseen.
    pub fn add(&mut self, problem: &Problem) {
        if problem.kind != ProblemKind::Bad {
            self.0.get_or_insert((*problem, 0)).1 += 1;
        }
    }

    /// Adds those of a later part of the walk.
    pub fn merge(&mut self, later: Incomplete) {
        self.0 = match (self.0, later.0) {
            (Some((first, count)), Some((_, more))) => Some((first, count + more)),
            (first, later) => first.or(later),
        };
    }

    /// The first problem, and how many there were; `None` where everything was seen.
    pub fn first(&self) -> Option<(Problem, u64)> {
        self.0
    }

    /// The reason of the first, as the JSON interface names it.
    pub fn reason(&self) -> Option<&'static str> {
        self.0.map(|(problem, _)| problem.kind.reason())
    }
}
