//! What is asked of each entry of a level.
//!
//! In: the geometry's levels and what the caller wants to know. Out: a [`Query`], a list of helpers whose truth values
//! become bits of a [`Record`] and a choice of which reader fills its `target`. The same query is interpreted call by
//! call, generated as WASM, or run natively; this module states what it means once ([`Query::evaluate`]).

use ptwalk_abi::{Geometry, Helper, Level, MmuPerms, Op, Slot};

/// Truth values about one entry, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub u32);

impl Facts {
    /// `pXd_none`.
    pub const NONE: Facts = Facts(1 << 0);
    /// `pXd_present`.
    pub const PRESENT: Facts = Facts(1 << 1);
    /// `pXd_leaf`.
    pub const LEAF: Facts = Facts(1 << 2);
    /// `pXd_huge`.
    pub const HUGE: Facts = Facts(1 << 3);
    /// `pXd_trans_huge`.
    pub const TRANS_HUGE: Facts = Facts(1 << 4);
    /// `pXd_bad`.
    pub const BAD: Facts = Facts(1 << 5);
    /// `pXd_devmap`.
    pub const DEVMAP: Facts = Facts(1 << 6);
    /// `pXd_special`.
    pub const SPECIAL: Facts = Facts(1 << 7);
    /// `pXd_protnone`.
    pub const PROTNONE: Facts = Facts(1 << 8);
    /// `pXd_write`.
    pub const WRITE: Facts = Facts(1 << 9);
    /// `pXd_young`.
    pub const YOUNG: Facts = Facts(1 << 10);
    /// `pXd_dirty`.
    pub const DIRTY: Facts = Facts(1 << 11);
    /// `pXd_cont`.
    pub const CONT: Facts = Facts(1 << 12);
    /// `pXd_access_permitted` for the access the query was made for.
    pub const PERMITTED: Facts = Facts(1 << 13);

    /// Lowest bit of the field that holds `pXd_mmu_perms`.
    const PERMS_SHIFT: u32 = 16;

    /// Whether all of `facts` hold.
    pub const fn has(self, facts: Facts) -> bool {
        self.0 & facts.0 == facts.0
    }

    /// Whether any of `facts` holds.
    pub const fn any(self, facts: Facts) -> bool {
        self.0 & facts.0 != 0
    }

    /// The facts of either.
    pub const fn or(self, other: Facts) -> Facts {
        Facts(self.0 | other.0)
    }

    /// What the MMU permits through the entry; nothing where the query did not ask.
    pub const fn perms(self) -> MmuPerms {
        MmuPerms::from_bits_truncate(self.0 >> Facts::PERMS_SHIFT)
    }
}

/// What is known of one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The truth values asked for.
    pub facts: Facts,
    /// A frame number or the address of the next table, as the query's targets say; else 0.
    pub target: u64,
}

/// One fact and the helper that decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactSource {
    /// The bit, or for permissions the field, that it sets.
    pub fact: FactKind,
    /// The helper.
    pub helper: Helper,
    /// Its second argument, if it takes one.
    pub arg: u64,
}

/// How a helper's result becomes facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Any result but 0 sets this one bit.
    Bit(Facts),
    /// The result's bits are [`MmuPerms`].
    Perms,
}

impl FactKind {
    /// The facts that follow from a helper's result.
    pub fn facts(self, result: u64) -> Facts {
        match self {
            FactKind::Bit(bit) => {
                if result != 0 {
                    bit
                } else {
                    Facts(0)
                }
            }
            FactKind::Perms => {
                let bits = u32::try_from(result & u64::from(MmuPerms::ALL.bits())).unwrap_or(0);
                Facts(bits << Facts::PERMS_SHIFT)
            }
        }
    }
}

/// What is asked of each entry of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The level under whose name entries are tested.
    pub level: Level,
    /// Where set, this helper is asked first, and where it says yes the record is [`Facts::NONE`] and nothing else is
    /// asked: most words of most tables are empty.
    pub skip_none: Option<Helper>,
    /// What is asked of every other entry.
    pub facts: Vec<FactSource>,
    /// Which reader fills the target: the first whose facts all hold.
    pub targets: Vec<(Facts, Helper)>,
}

impl Query {
    fn new(level: Level) -> Query {
        Query { level, skip_none: None, facts: Vec::new(), targets: Vec::new() }
    }

    fn ask(mut self, fact: Facts, op: Op, arg: u64) -> Query {
        if let Some(helper) = Helper::find(self.level, op) {
            self.facts.push(FactSource { fact: FactKind::Bit(fact), helper, arg });
        }
        self
    }

    fn target(mut self, when: Facts, op: Op) -> Query {
        if let Some(helper) = Helper::find(self.level, op) {
            self.targets.push((when, helper));
        }
        self
    }

    /// Everything a walk shows of an entry of a level: state, attributes, permissions, and the frame it maps or the
    /// table it points to.
    fn walk(level: Level) -> Query {
        let attributes = [
            (Facts::PRESENT, Op::Present),
            (Facts::LEAF, Op::Leaf),
            (Facts::HUGE, Op::Huge),
            (Facts::TRANS_HUGE, Op::TransHuge),
            (Facts::BAD, Op::Bad),
            (Facts::DEVMAP, Op::Devmap),
            (Facts::SPECIAL, Op::Special),
            (Facts::PROTNONE, Op::Protnone),
            (Facts::WRITE, Op::Write),
            (Facts::YOUNG, Op::Young),
            (Facts::DIRTY, Op::Dirty),
            (Facts::CONT, Op::Cont),
        ];
        let mut query = attributes.into_iter().fold(Query::new(level), |query, (fact, op)| query.ask(fact, op, 0));
        query.skip_none = Helper::find(level, Op::None);
        if let Some(helper) = Helper::find(level, Op::MmuPerms) {
            query.facts.push(FactSource { fact: FactKind::Perms, helper, arg: 0 });
        }
        if level == Level::Pte {
            return query.target(Facts::PRESENT, Op::Pfn);
        }
        query
            .target(Facts::LEAF, Op::Pfn)
            .target(Facts::HUGE, Op::Pfn)
            .target(Facts::TRANS_HUGE, Op::Pfn)
            .target(Facts::PRESENT, Op::PagePaddr)
    }

    /// What `get_user_pages_fast` tests at a level (mm/gup.c, v5.3). `NONE` and `PRESENT` are asked at every level so
    /// that a refusal can be named, also where the kernel does not tell them apart.
    fn gup(level: Level, write: bool) -> Query {
        let query = Query::new(level)
            .ask(Facts::NONE, Op::None, 0)
            .ask(Facts::PRESENT, Op::Present, 0)
            .ask(Facts::PERMITTED, Op::AccessPermitted, u64::from(write))
            .ask(Facts::PROTNONE, Op::Protnone, 0)
            .ask(Facts::DEVMAP, Op::Devmap, 0);
        let huge = |query: Query| query.ask(Facts::HUGE, Op::Huge, 0);
        match level {
            Level::Pte => query.ask(Facts::SPECIAL, Op::Special, 0).target(Facts(0), Op::Pfn),
            // All three lead to the huge path, devmap whatever the type of the word: a device page is found by
            // pmd_pfn, the others by pmd_page.
            Level::Pmd => huge(query)
                .ask(Facts::TRANS_HUGE, Op::TransHuge, 0)
                .target(Facts::DEVMAP, Op::Pfn)
                .target(Facts::HUGE, Op::Page)
                .target(Facts::TRANS_HUGE, Op::Page)
                .target(Facts(0), Op::PagePaddr),
            Level::Pud => huge(query)
                .target(Facts::HUGE.or(Facts::DEVMAP), Op::Pfn)
                .target(Facts::HUGE, Op::Page)
                .target(Facts(0), Op::PagePaddr),
            Level::P4d => query.target(Facts(0), Op::PagePaddr),
            Level::Pgd => huge(query).target(Facts::HUGE, Op::Page).target(Facts(0), Op::PagePaddr),
        }
    }

    /// What the query says of one entry, by asking `call` for each helper that `has` says is there.
    ///
    /// # Errors
    /// What `call` returned.
    pub fn evaluate<E>(
        &self,
        entry: u64,
        has: impl Fn(Helper) -> bool,
        mut call: impl FnMut(Helper, [u64; 2]) -> Result<u64, E>,
    ) -> Result<Record, E> {
        if let Some(none) = self.skip_none
            && call(none, [entry, 0])? != 0
        {
            return Ok(Record { facts: Facts::NONE, target: 0 });
        }
        let mut record = Record::default();
        for source in self.facts.iter().filter(|source| has(source.helper)) {
            let result = call(source.helper, [entry, source.arg])?;
            record.facts = record.facts.or(source.fact.facts(result));
        }
        let target = self.targets.iter().find(|(when, _)| record.facts.has(*when));
        if let Some((_, reader)) = target.filter(|(_, reader)| has(*reader)) {
            record.target = call(*reader, [entry, 0])?;
        }
        Ok(record)
    }
}

/// The queries of a walk, one a real level.
pub fn walk_queries(geometry: &Geometry) -> Vec<Query> {
    geometry.slots().iter().map(|slot: &Slot| Query::walk(slot.level)).collect()
}

/// The queries of `get_user_pages_fast` for reading or writing, one a real level.
pub fn gup_queries(geometry: &Geometry, write: bool) -> Vec<Query> {
    geometry.slots().iter().map(|slot: &Slot| Query::gup(slot.level, write)).collect()
}
