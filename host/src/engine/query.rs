//! What is asked of the entries of a level.
//!
//! In: the geometry's levels and what the caller wants to know. Out: [`Queries`], one [`Query`] a level. A query says two
//! things: what a [`Record`] tells of one entry, and which entries of a run a [`Scan`] keeps, each as one packed word.
//! Every engine answers the same query: interpreted call by call, generated as WASM, or compiled from closed forms. This
//! module states what it means once ([`Query::evaluate`], [`Query::keep`]).

use ptwalk_abi::{Geometry, Half, Helper, Level, MmuPerms, Op, Slot};
use ptwalk_verifier::fault::{Fault, seeded};

use super::condition::Condition;
use super::{EngineError, Failed, Words};
use crate::gup::{FollFlags, Gup};
use crate::walk::filter::Filter;

/// Truth values about one entry, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts(pub u32);

impl Facts {
    /// `pXd_present`.
    pub const PRESENT: Facts = Facts(1 << 0);
    /// Any of `pXd_leaf`, `pXd_huge` and `pXd_trans_huge`: the entry maps memory at a level above the pte.
    pub const MAPS: Facts = Facts(1 << 1);
    /// `pXd_devmap`.
    pub const DEVMAP: Facts = Facts(1 << 2);
    /// `pXd_special`.
    pub const SPECIAL: Facts = Facts(1 << 3);
    /// `pXd_protnone`.
    pub const PROTNONE: Facts = Facts(1 << 4);
    /// `pXd_write`.
    pub const WRITE: Facts = Facts(1 << 5);
    /// `pXd_young`.
    pub const YOUNG: Facts = Facts(1 << 6);
    /// `pXd_dirty`.
    pub const DIRTY: Facts = Facts(1 << 7);
    /// `pXd_cont`. It is the last of [`Facts::SHOWABLE`] because ppc64, whose words with 4K pages lack one bit, has none.
    pub const CONT: Facts = Facts(1 << 14);
    /// `pXd_none`.
    pub const NONE: Facts = Facts(1 << 15);
    /// `pXd_bad`.
    pub const BAD: Facts = Facts(1 << 16);
    /// `pXd_huge`, where it is asked for apart from [`Facts::MAPS`].
    pub const HUGE: Facts = Facts(1 << 17);
    /// `pXd_trans_huge`, likewise.
    pub const TRANS_HUGE: Facts = Facts(1 << 18);
    /// `pXd_access_permitted` for the access the query was made for.
    pub const PERMITTED: Facts = Facts(1 << 19);

    /// `pXd_leaf`, where it is asked for apart from [`Facts::MAPS`].
    pub const LEAF: Facts = Facts(1 << 26);
    /// `is_hugepd`: a directory of huge pages, not a table.
    pub const HUGEPD: Facts = Facts(1 << 27);

    /// Lowest bit of the field that holds `pXd_mmu_perms`.
    const PERMS_SHIFT: u32 = 8;

    /// What a packed word has room for: everything that is shown of a mapping.
    pub const SHOWABLE: Facts = Facts((1 << Facts::SHOWABLE_BITS) - 1);

    /// What the MMU permits through all levels, as far as a filter asks for it. No query answers this: it depends on
    /// the entries above.
    pub const EFFECTIVE: Facts = Facts(MmuPerms::ALL.bits() << Facts::EFFECTIVE_SHIFT);

    /// Lowest bit of [`Facts::EFFECTIVE`].
    const EFFECTIVE_SHIFT: u32 = 20;

    /// Bits of [`Facts::SHOWABLE`], which are the lowest.
    pub const SHOWABLE_BITS: u32 = 15;

    /// What the MMU permits, as the facts that say so.
    pub const fn of_perms(perms: u32) -> Facts {
        Facts(MmuPerms::from_bits_truncate(perms).bits() << Facts::PERMS_SHIFT)
    }

    /// What the MMU permits through all levels, as the facts that say so.
    pub const fn effective(perms: u32) -> Facts {
        Facts(MmuPerms::from_bits_truncate(perms).bits() << Facts::EFFECTIVE_SHIFT)
    }

    /// The permissions that [`Facts::EFFECTIVE`] speaks of, as those of the entry itself.
    pub const fn own_permissions(self) -> Facts {
        Facts::of_perms(self.and(Facts::EFFECTIVE).0 >> Facts::EFFECTIVE_SHIFT)
    }

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

    /// These facts, and `fact` exactly if it `holds`.
    #[must_use]
    pub const fn with(self, fact: Facts, holds: bool) -> Facts {
        Facts(self.0 & !fact.0 | if holds { fact.0 } else { 0 })
    }

    /// The facts of both.
    pub const fn and(self, other: Facts) -> Facts {
        Facts(self.0 & other.0)
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

/// One fact and a helper that decides it. Where several sources name one fact, it holds if any of them says so.
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
            FactKind::Bit(bit) if result != 0 => bit,
            FactKind::Bit(_) => Facts(0),
            FactKind::Perms => Facts::of_perms(u32::try_from(result & u64::from(MmuPerms::ALL.bits())).unwrap_or(0)),
        }
    }

    /// Every fact that a result could set.
    pub const fn possible(self) -> Facts {
        match self {
            FactKind::Bit(bit) => bit,
            FactKind::Perms => Facts::of_perms(MmuPerms::ALL.bits()),
        }
    }
}

/// Where a packed word has what: the frame number in the lowest bits, above it the index in the table, above that the
/// facts. With every granule of arm64 it comes to 64 bits for the largest table below
/// the root; where there is less room, what is shown of a leaf is asked for apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// log2 of the page size.
    pub page_shift: u32,
    /// Bits of the frame number.
    pub frame_bits: u32,
    /// Bits of the index.
    pub index_bits: u32,
}

impl Layout {
    fn new(pa_bits: u32, page_shift: u32, slot: Slot) -> Layout {
        Layout { page_shift, frame_bits: pa_bits - page_shift, index_bits: slot.entries.trailing_zeros() }
    }

    /// Where the facts begin.
    pub const fn facts_shift(self) -> u32 {
        self.frame_bits + self.index_bits
    }

    /// The facts that there is room for.
    pub const fn room(self) -> Facts {
        let bits = 64 - self.facts_shift();
        if bits >= Facts::SHOWABLE_BITS { Facts::SHOWABLE } else { Facts((1 << bits) - 1) }
    }

    /// The frame number in a packed word.
    pub const fn frame(self, word: u64) -> u64 {
        word & ((1 << self.frame_bits) - 1)
    }

    /// The index in a packed word.
    #[expect(clippy::cast_possible_truncation, reason = "tables have at most 2^16 entries")]
    pub const fn index(self, word: u64) -> u32 {
        ((word >> self.frame_bits) & ((1 << self.index_bits) - 1)) as u32
    }

    /// The facts in a packed word.
    #[expect(clippy::cast_possible_truncation, reason = "there are at most 15")]
    pub const fn facts(self, word: u64) -> Facts {
        Facts((word >> self.facts_shift()) as u32)
    }

    /// A packed word; `None` where the frame number is too large for any machine.
    pub const fn pack(self, frame: u64, index: u32, facts: Facts) -> Option<u64> {
        if frame >> self.frame_bits != 0 {
            return None;
        }
        Some(frame | (index as u64) << self.frame_bits | (facts.0 as u64) << self.facts_shift())
    }
}

/// Which entries of a run are kept, and what their packed words hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Which entries are kept. One that [`Query::skip_none`] says is empty never is.
    pub keep: Condition,
    /// The scan ends before the first entry that is not kept, instead of passing over it.
    pub until: bool,
    /// The reader of the frame number; 0 stands for it where there is none.
    pub frame: Option<Helper>,
    /// The facts that packed words hold, of [`Facts::SHOWABLE`].
    pub shown: Facts,
    /// Where they hold what.
    pub layout: Layout,
}

/// What is asked of the entries of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The level under whose name entries are tested.
    pub level: Level,
    /// Where set, this helper is asked first, and where it says yes the record is [`Facts::NONE`] and nothing else is
    /// asked: most words of most tables are empty.
    pub skip_none: Option<Helper>,
    /// What is asked of every other entry.
    pub facts: Vec<FactSource>,
    /// Which reader fills a record's target: the first whose facts all hold.
    pub targets: Vec<(Facts, Helper)>,
    /// Which leaves of the level are wanted. The scan keeps those that may be: permissions through all levels are known
    /// to the walk alone.
    pub leaves: Condition,
    /// What a scan keeps.
    pub scan: Scan,
}

/// The queries of a descent, by depth: 0 is the root level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queries {
    /// Entries are stored most significant byte first.
    pub big_endian: bool,
    /// See [`Wanted::absent`].
    pub absent: bool,
    /// See [`Wanted::shown`].
    pub shown: Facts,
    /// One query a real level.
    pub levels: Vec<Query>,
}

/// What a walk wants to hear of, besides tables and what is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which leaves; all where there is no filter.
    pub leaves: Option<Filter>,
    /// The half of the address space, which decides whose right to execute a filter means.
    pub half: Half,
    /// Entries that are neither empty nor present.
    pub absent: bool,
    /// What is shown of a leaf, of [`Facts::SHOWABLE`]; attributes that are not are not computed, and none has them.
    pub shown: Facts,
}

impl Wanted {
    /// Everything.
    pub const ALL: Wanted = Wanted { leaves: None, half: Half::Lower, absent: true, shown: Facts::SHOWABLE };

    fn leaves(&self, level: Level) -> Condition {
        self.leaves.as_ref().map_or(Condition::Always, |filter| filter.condition(level, self.half))
    }
}

impl Query {
    fn new(level: Level, layout: Layout) -> Query {
        let scan = Scan { keep: Condition::Never, until: false, frame: None, shown: Facts(0), layout };
        let (facts, targets, leaves) = (Vec::new(), Vec::new(), Condition::Always);
        Query { level, skip_none: None, facts, targets, leaves, scan }
    }

    fn ask(mut self, fact: Facts, op: Op, arg: u64) -> Query {
        if let Some(helper) = Helper::find(self.level, op) {
            self.facts.push(FactSource { fact: FactKind::Bit(fact), helper, arg });
        }
        self
    }

    /// Asks whether the entry leads to a directory of huge pages. The helper is one for all levels above the pte.
    fn ask_hugepd(mut self) -> Query {
        let fact = FactKind::Bit(Facts::HUGEPD);
        self.facts.push(FactSource { fact, helper: Helper::is_hugepd, arg: 0 });
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
    fn walk(level: Level, layout: Layout, wanted: &Wanted) -> Query {
        let attributes = [
            (Facts::PRESENT, Op::Present),
            (Facts::MAPS, Op::Leaf),
            (Facts::MAPS, Op::Huge),
            (Facts::MAPS, Op::TransHuge),
            (Facts::BAD, Op::Bad),
            (Facts::DEVMAP, Op::Devmap),
            (Facts::SPECIAL, Op::Special),
            (Facts::PROTNONE, Op::Protnone),
            (Facts::WRITE, Op::Write),
            (Facts::YOUNG, Op::Young),
            (Facts::DIRTY, Op::Dirty),
            (Facts::CONT, Op::Cont),
        ];
        let query = Query::new(level, layout);
        let mut query = attributes.into_iter().fold(query, |query, (fact, op)| query.ask(fact, op, 0));
        query.skip_none = Helper::find(level, Op::None);
        if let Some(helper) = Helper::find(level, Op::MmuPerms) {
            query.facts.push(FactSource { fact: FactKind::Perms, helper, arg: 0 });
        }
        query.scan.frame = Helper::find(level, Op::Pfn);
        let classes = Facts::PRESENT.or(Facts::MAPS);
        query.scan.shown = wanted.shown.or(classes).and(layout.room());
        query.leaves = wanted.leaves(level);
        query.scan.keep = query.kept(wanted.absent);
        if level == Level::Pte {
            return query.target(Facts::PRESENT, Op::Pfn);
        }
        // At the pgd a frame has the name of its page alone.
        let frame = if query.scan.frame.is_some() || seeded(Fault::WalkLeafWithoutReader) { Op::Pfn } else { Op::Page };
        query.ask_hugepd().target(Facts::MAPS, frame).target(Facts::PRESENT, Op::PagePaddr)
    }

    /// Every fact that the query could come to.
    fn asked(&self) -> Facts {
        self.facts.iter().fold(Facts(0), |all, source| all.or(source.fact.possible()))
    }

    /// Leaves that are wanted, everything else that is present, and on demand everything else that is not empty.
    fn kept(&self, absent: bool) -> Condition {
        let leaf = match self.level {
            Level::Pte => Condition::Always,
            _ => Condition::any(Facts::MAPS),
        };
        let present = Condition::any(Facts::PRESENT);
        // A fact of which this level knows nothing is never one; what is left of the condition may be constant.
        let leaves = self.leaves.clone().without_effective().assume(Facts(!self.asked().0), Facts(0));
        let kept = present.clone().and((!leaf).or(leaves));
        if absent { kept.or(!present) } else { kept }
    }

    /// What `get_user_pages_fast` tests at a level. `NONE` and `PRESENT` are asked at every level so that a refusal can
    /// be named, also where the kernel does not tell them apart. A scan of ptes runs to the first that GUP does not go
    /// past; above them every entry is looked at by itself.
    fn gup(level: Level, layout: Layout, gup: &Gup) -> Query {
        let Gup { policy, flags, .. } = *gup;
        let write = u64::from(flags.has(FollFlags::WRITE) && !seeded(Fault::GupReadsOnly));
        let ask_if = |query: Query, asked: bool, fact, op| if asked { query.ask(fact, op, 0) } else { query };
        let query = Query::new(level, layout)
            .ask(Facts::NONE, Op::None, 0)
            .ask(Facts::PRESENT, Op::Present, 0)
            .ask(Facts::PERMITTED, Op::AccessPermitted, write)
            .ask(Facts::PROTNONE, Op::Protnone, 0);
        let query = ask_if(query, policy.devmap, Facts::DEVMAP, Op::Devmap);
        let query = ask_if(query, gup.needs_write(), Facts::WRITE, Op::Write);
        if level == Level::Pte {
            let mut query = query.ask(Facts::SPECIAL, Op::Special, 0).target(Facts(0), Op::Pfn);
            let protnone = Condition::any(Facts::PROTNONE);
            let permitted = Condition::any(Facts::PERMITTED);
            let usable = if policy.stops_at_protnone(flags) { permitted.and(!protnone) } else { permitted };
            let ordinary = !Condition::any(Facts::SPECIAL);
            let known = if policy.devmap && !seeded(Fault::GupSpecialBeforeDevmap) {
                Condition::any(Facts::DEVMAP).or(ordinary)
            } else {
                ordinary
            };
            let shown = query.asked().and(Facts::DEVMAP.or(Facts::WRITE));
            query.scan =
                Scan { keep: usable.and(known), until: true, frame: Helper::find(level, Op::Pfn), shown, layout };
            return query;
        }
        let huge = policy.level(level).huge;
        let kinds = [(Facts::HUGE, Op::Huge), (Facts::TRANS_HUGE, Op::TransHuge), (Facts::LEAF, Op::Leaf)];
        let asked = kinds.into_iter().filter(|(fact, _)| huge.has(*fact));
        let query = asked.clone().fold(query, |query, (fact, op)| query.ask(fact, op, 0));
        let query = ask_if(query, policy.special_leaves, Facts::SPECIAL, Op::Special);
        let query = if policy.hugepd { query.ask_hugepd() } else { query };
        // A device page is found by pmd_pfn, the others by pmd_page; at the pgd no device is asked for.
        let device = if huge.has(Facts::DEVMAP) { Facts::DEVMAP } else { Facts::DEVMAP.or(huge) };
        let device_leaves = policy.devmap && level != Level::Pgd && huge != Facts(0);
        let query = if device_leaves { query.target(device, Op::Pfn) } else { query };
        asked.fold(query, |query, (fact, _)| query.target(fact, Op::Page)).target(Facts(0), Op::PagePaddr)
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

    /// Whether a scan keeps the entry of which `facts` hold.
    pub fn keeps(&self, facts: Facts) -> bool {
        !(self.skip_none.is_some() && facts.has(Facts::NONE)) && self.scan.keep.holds(facts)
    }

    /// Whether packed words say all that is wanted of a leaf, its frame included. What no helper that `has` says is there
    /// tells of is never so.
    pub fn shows(&self, wanted: Facts, has: impl Fn(Helper) -> bool) -> bool {
        let sources = self.facts.iter().filter(|source| has(source.helper));
        let told = sources.fold(Facts(0), |all, source| all.or(source.fact.possible()));
        self.scan.frame.is_some() && self.scan.shown.has(wanted.and(told))
    }

    /// What a scan says of a run of entries, by asking call by call: the meaning of a scan, and the way of the engines
    /// that have no better one.
    ///
    /// Appends to `out`.
    ///
    /// # Errors
    /// What `call` returned, or [`EngineError::Frame`], with the index of the entry.
    pub fn interpret(
        &self,
        entries: impl Iterator<Item = u64>,
        first: u32,
        out: &mut Words,
        has: impl Fn(Helper) -> bool + Copy,
        mut call: impl FnMut(Helper, [u64; 2]) -> Result<u64, EngineError>,
    ) -> Result<(), Failed> {
        for (index, entry) in (first..).zip(entries) {
            match self.word(entry, index, has, &mut call).map_err(|cause| Failed { index, cause })? {
                Some(word) => out.push(word),
                None if self.scan.until => return Ok(()),
                None => {}
            }
        }
        Ok(())
    }

    /// The packed word of an entry, if a scan keeps it.
    fn word(
        &self,
        entry: u64,
        index: u32,
        has: impl Fn(Helper) -> bool + Copy,
        mut call: impl FnMut(Helper, [u64; 2]) -> Result<u64, EngineError>,
    ) -> Result<Option<u64>, EngineError> {
        let facts = self.evaluate(entry, has, &mut call)?.facts;
        if !self.keeps(facts) {
            return Ok(None);
        }
        let shown = facts.and(self.scan.shown);
        let Some(helper) = self.scan.frame.filter(|helper| has(*helper)) else {
            return Ok(self.scan.layout.pack(0, index, shown));
        };
        let frame = call(helper, [entry, 0])?;
        let layout = self.scan.layout;
        match layout.pack(frame, index, shown) {
            None => {
                let pa_bits = layout.frame_bits + layout.page_shift;
                Err(EngineError::Frame { helper, entry, frame, pa_bits })
            }
            word => Ok(word),
        }
    }
}

impl Queries {
    /// What a walk asks.
    pub fn walk(geometry: &Geometry, wanted: &Wanted) -> Queries {
        let queries = Queries::of(geometry, |level, layout| Query::walk(level, layout, wanted));
        Queries { absent: wanted.absent, shown: wanted.shown, ..queries }
    }

    /// What `get_user_pages_fast` asks.
    pub fn gup(geometry: &Geometry, gup: &Gup) -> Queries {
        Queries::of(geometry, |level, layout| Query::gup(level, layout, gup))
    }

    /// No query at all: for an engine that only calls helpers.
    pub const fn none() -> Queries {
        Queries { big_endian: false, absent: false, shown: Facts(0), levels: Vec::new() }
    }

    fn of(geometry: &Geometry, query: impl Fn(Level, Layout) -> Query) -> Queries {
        let layout = |slot: &Slot| Layout::new(geometry.pa_bits(), geometry.page_shift(), *slot);
        let levels = geometry.slots().iter().map(|slot| query(slot.level, layout(slot))).collect();
        Queries { big_endian: geometry.big_endian, levels, ..Queries::none() }
    }

    /// The entries of a run, in the order of bytes of the tables. An incomplete entry at its end is dropped.
    pub fn entries<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = u64> + Clone + use<'a> {
        let big_endian = self.big_endian;
        let word = move |bytes: &[u8; 8]| {
            if big_endian { u64::from_be_bytes(*bytes) } else { u64::from_le_bytes(*bytes) }
        };
        bytes.as_chunks().0.iter().map(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_words_give_back_what_was_put_in() {
        for (pa_bits, page_shift, entries) in
            [(52, 12, 512), (52, 14, 2048), (52, 16, 8192), (52, 12, 8192), (52, 12, 2), (53, 12, 512), (53, 16, 32)]
        {
            let layout = Layout::new(pa_bits, page_shift, Slot { level: Level::Pte, shift: page_shift, entries });
            let top = (1 << (pa_bits - page_shift)) - 1;
            for frame in [0, 1, top >> 1, 1 << (pa_bits - page_shift - 1), top] {
                for index in [0, 1, entries - 1] {
                    for facts in [Facts(0), Facts(1), layout.room()] {
                        let word = layout.pack(frame, index, facts).expect("the frame is a machine's");
                        assert_eq!(layout.frame(word), frame);
                        assert_eq!(layout.index(word), index);
                        assert_eq!(layout.facts(word), facts);
                    }
                }
            }
            assert_eq!(layout.pack(top + 1, 0, Facts(0)), None);
        }
    }

    #[test]
    fn tables_below_the_root_have_room_for_everything() {
        for (page_shift, entries) in [(12, 512), (14, 2048), (16, 8192)] {
            let layout = Layout::new(52, page_shift, Slot { level: Level::Pmd, shift: 30, entries });
            assert_eq!(layout.room(), Facts::SHOWABLE);
        }
        let ppc64 = Layout::new(53, 12, Slot { level: Level::Pte, shift: 12, entries: 512 });
        assert_eq!(ppc64.room(), Facts::SHOWABLE.with(Facts::CONT, false), "but for the hint that it has not");
        let large = Layout::new(52, 12, Slot { level: Level::Pgd, shift: 39, entries: 8192 });
        assert!(large.room().has(Facts::PRESENT.or(Facts::MAPS)), "a walk cannot do without these");
        assert_ne!(large.room(), Facts::SHOWABLE);
    }
}
