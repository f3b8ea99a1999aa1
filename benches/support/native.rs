//! The `native` engine: the plugin crate compiled in, as good code as its source allows.
//!
//! In: the kind of query. Out: an [`Engine`] that gives the records that [`Query::evaluate`] gives, which the benches
//! assert before they measure. The configuration is a constant behind a type of no size, so that every question about
//! it folds, and each level's query is written out as straight-line code over the helpers: nothing is looked up, called
//! by pointer or dispatched by helper while entries are scanned. It is a baseline, and no part of the walker.

use ptwalk::engine::query::{FactKind, gup_queries, walk_queries};
use ptwalk::engine::{Engine, EngineError, Facts, Query, Record};
use ptwalk_abi::{Arch, Config, Extern, Geometry, Helper, Kconfig, Level, Stub};
use ptwalk_arm64::{Arm64, IMPLEMENTED};

/// The configuration of every bench: arm64, 4K granule, 48-bit addresses, v5.3.
pub const CONFIG: Config = Config::DEFAULT;

/// [`CONFIG`] as a type.
#[derive(Clone, Copy)]
pub struct Frozen;

impl Kconfig for Frozen {
    #[inline(always)]
    fn get(&self, key: Extern) -> i32 {
        CONFIG.value(key)
    }
}

/// What a native engine answers.
#[derive(Clone, Copy)]
enum Plan {
    Walk,
    Gup { write: bool },
}

/// The plugin crate under [`CONFIG`].
pub struct Native {
    arch: Arm64<Frozen>,
    plan: Plan,
    queries: Vec<Query>,
}

impl Native {
    /// Answers the queries of a walk.
    pub fn walk(geometry: &Geometry) -> Native {
        Native { arch: Arm64(Frozen), plan: Plan::Walk, queries: walk_queries(geometry) }
    }

    /// Answers the queries of GUP.
    pub fn gup(geometry: &Geometry, write: bool) -> Native {
        Native { arch: Arm64(Frozen), plan: Plan::Gup { write }, queries: gup_queries(geometry, write) }
    }
}

impl Engine for Native {
    fn queries(&self) -> &[Query] {
        &self.queries
    }

    fn has(&self, helper: Helper) -> bool {
        IMPLEMENTED.contains(&helper) || !matches!(helper.stub(), Stub::Undefined | Stub::Required)
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        if self.has(helper) { Ok(self.arch.call(helper, args)) } else { Err(EngineError::Absent { helper }) }
    }

    fn scan(&mut self, depth: usize, entries: &[u64], out: &mut Vec<Record>) -> Result<(), EngineError> {
        let arch = self.arch;
        match (self.plan, self.queries[depth].level) {
            (Plan::Walk, Level::Pte) => each(entries, out, |x| walk_pte(arch, x)),
            (Plan::Walk, Level::Pmd) => each(entries, out, |x| walk_pmd(arch, x)),
            (Plan::Walk, Level::Pud) => each(entries, out, |x| walk_pud(arch, x)),
            (Plan::Walk, Level::P4d) => each(entries, out, |x| walk_p4d(arch, x)),
            (Plan::Walk, Level::Pgd) => each(entries, out, |x| walk_pgd(arch, x)),
            (Plan::Gup { write }, Level::Pte) => each(entries, out, |x| gup_pte(arch, x, write)),
            (Plan::Gup { write }, Level::Pmd) => each(entries, out, |x| gup_pmd(arch, x, write)),
            (Plan::Gup { write }, Level::Pud) => each(entries, out, |x| gup_pud(arch, x, write)),
            (Plan::Gup { .. }, Level::P4d) => each(entries, out, |x| gup_p4d(arch, x)),
            (Plan::Gup { write }, Level::Pgd) => each(entries, out, |x| gup_pgd(arch, x, write)),
        }
        Ok(())
    }
}

#[inline(always)]
fn each(entries: &[u64], out: &mut Vec<Record>, record: impl Fn(u64) -> Record) {
    out.clear();
    out.extend(entries.iter().map(|entry| record(*entry)));
}

/// The facts whose test says yes.
macro_rules! facts {
    ($arch:ident, $x:ident: $($fact:ident $test:ident $(($write:ident))?),*) => {
        Facts(0 $(| if $arch.$test($x $(, $write)?) { Facts::$fact.0 } else { 0 })*)
    };
}

/// As [`facts`], with what the MMU permits; an empty entry has no other fact.
macro_rules! walk_facts {
    ($arch:ident, $x:ident, $none:ident, $perms:ident: $($fact:ident $test:ident),*) => {{
        if $arch.$none($x) {
            return Record { facts: Facts::NONE, target: 0 };
        }
        facts!($arch, $x: $($fact $test),*).or(FactKind::Perms.facts(u64::from($arch.$perms($x))))
    }};
}

const ANY_LEAF: Facts = Facts::LEAF.or(Facts::HUGE).or(Facts::TRANS_HUGE);

#[inline(always)]
fn walk_pte(arch: impl Arch, x: u64) -> Record {
    let facts = walk_facts!(arch, x, pte_none, pte_mmu_perms:
        PRESENT pte_present, DEVMAP pte_devmap, SPECIAL pte_special, PROTNONE pte_protnone, WRITE pte_write,
        YOUNG pte_young, DIRTY pte_dirty, CONT pte_cont);
    Record { facts, target: if facts.has(Facts::PRESENT) { arch.pte_pfn(x) } else { 0 } }
}

#[inline(always)]
fn walk_pmd(arch: impl Arch, x: u64) -> Record {
    let facts = walk_facts!(arch, x, pmd_none, pmd_mmu_perms:
        PRESENT pmd_present, LEAF pmd_leaf, HUGE pmd_huge, TRANS_HUGE pmd_trans_huge, BAD pmd_bad, DEVMAP pmd_devmap,
        SPECIAL pmd_special, PROTNONE pmd_protnone, WRITE pmd_write, YOUNG pmd_young, DIRTY pmd_dirty, CONT pmd_cont);
    Record { facts, target: walk_target(facts, arch.pmd_pfn(x), arch.pmd_page_paddr(x)) }
}

#[inline(always)]
fn walk_pud(arch: impl Arch, x: u64) -> Record {
    let facts = walk_facts!(arch, x, pud_none, pud_mmu_perms:
        PRESENT pud_present, LEAF pud_leaf, HUGE pud_huge, TRANS_HUGE pud_trans_huge, BAD pud_bad, DEVMAP pud_devmap,
        SPECIAL pud_special, WRITE pud_write, YOUNG pud_young);
    Record { facts, target: walk_target(facts, arch.pud_pfn(x), arch.pud_page_paddr(x)) }
}

#[inline(always)]
fn walk_p4d(arch: impl Arch, x: u64) -> Record {
    let facts = walk_facts!(arch, x, p4d_none, p4d_mmu_perms:
        PRESENT p4d_present, LEAF p4d_leaf, HUGE p4d_huge, BAD p4d_bad);
    Record { facts, target: if facts.has(Facts::PRESENT) { arch.p4d_page_paddr(x) } else { 0 } }
}

#[inline(always)]
fn walk_pgd(arch: impl Arch, x: u64) -> Record {
    let facts = walk_facts!(arch, x, pgd_none, pgd_mmu_perms:
        PRESENT pgd_present, LEAF pgd_leaf, HUGE pgd_huge, BAD pgd_bad, DEVMAP pgd_devmap);
    Record { facts, target: if facts.has(Facts::PRESENT) { arch.pgd_page_paddr(x) } else { 0 } }
}

#[inline(always)]
fn walk_target(facts: Facts, pfn: u64, table: u64) -> u64 {
    if facts.any(ANY_LEAF) {
        pfn
    } else if facts.has(Facts::PRESENT) {
        table
    } else {
        0
    }
}

#[inline(always)]
fn gup_pte(arch: impl Arch, x: u64, write: bool) -> Record {
    let facts = facts!(arch, x:
        NONE pte_none, PRESENT pte_present, PERMITTED pte_access_permitted(write), PROTNONE pte_protnone,
        DEVMAP pte_devmap, SPECIAL pte_special);
    Record { facts, target: arch.pte_pfn(x) }
}

#[inline(always)]
fn gup_pmd(arch: impl Arch, x: u64, write: bool) -> Record {
    let facts = facts!(arch, x:
        NONE pmd_none, PRESENT pmd_present, PERMITTED pmd_access_permitted(write), PROTNONE pmd_protnone,
        DEVMAP pmd_devmap, HUGE pmd_huge, TRANS_HUGE pmd_trans_huge);
    let target = if facts.has(Facts::DEVMAP) {
        arch.pmd_pfn(x)
    } else if facts.any(Facts::HUGE.or(Facts::TRANS_HUGE)) {
        arch.pmd_page(x)
    } else {
        arch.pmd_page_paddr(x)
    };
    Record { facts, target }
}

#[inline(always)]
fn gup_pud(arch: impl Arch, x: u64, write: bool) -> Record {
    let facts = facts!(arch, x:
        NONE pud_none, PRESENT pud_present, PERMITTED pud_access_permitted(write), DEVMAP pud_devmap, HUGE pud_huge);
    let target = if facts.has(Facts::HUGE.or(Facts::DEVMAP)) {
        arch.pud_pfn(x)
    } else if facts.has(Facts::HUGE) {
        arch.pud_page(x)
    } else {
        arch.pud_page_paddr(x)
    };
    Record { facts, target }
}

#[inline(always)]
fn gup_p4d(arch: impl Arch, x: u64) -> Record {
    Record { facts: facts!(arch, x: NONE p4d_none, PRESENT p4d_present), target: arch.p4d_page_paddr(x) }
}

#[inline(always)]
fn gup_pgd(arch: impl Arch, x: u64, write: bool) -> Record {
    let facts = facts!(arch, x:
        NONE pgd_none, PRESENT pgd_present, PERMITTED pgd_access_permitted(write), DEVMAP pgd_devmap, HUGE pgd_huge);
    Record { facts, target: if facts.has(Facts::HUGE) { arch.pgd_page(x) } else { arch.pgd_page_paddr(x) } }
}
