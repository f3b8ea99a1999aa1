//! The walk as one would write it by hand for arm64 with a 4K granule and 48-bit addresses, over the plugin crate.
//!
//! In: tables under [`CONFIG`]. Out: for each table the packed words of what was asked for, in a buffer of one table that
//! is used again, summed up by [`Tally`] as the engines' are. The configuration is a constant behind a type of no size, so
//! that every question about it folds; words are stored whether they stay or not and the end of the buffer moved on by a
//! truth value, because whether an entry is present is not to be predicted. What it lacks beside the engines: trails,
//! permissions, holes, cycles, tables outside of the image, and any other configuration or question.

use crate::engine::query::Layout;
use crate::engine::{Engine, EngineError, Failed, Queries, Record, Run, Words};
use crate::walk::TableSet;
use ptwalk_abi::{Arch, Config, Extern, Helper, Kconfig, Level, PhysAddr, Stub};
use ptwalk_arm64::{Arm64, IMPLEMENTED};

use super::tables::PAGE_BYTES;

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

/// The plugin crate under [`CONFIG`].
pub const ARCH: Arm64<Frozen> = Arm64(Frozen);

/// What is made of the packed words of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub leaves: u64,
    /// Their sum, modulo 2^64.
    pub sum: u64,
}

impl Tally {
    /// Adds the words of a table.
    #[inline(always)]
    pub fn add(&mut self, words: &[u64]) {
        self.leaves += words.len() as u64;
        self.sum = words.iter().fold(self.sum, |sum, word| sum.wrapping_add(*word));
    }
}

/// Scans the entries of a table into `words`, and says how many stay.
pub trait Scan: Fn(Run<'_>, &mut [u64; 512]) -> usize {}
impl<F: Fn(Run<'_>, &mut [u64; 512]) -> usize> Scan for F {}

/// Scans that [`walk`] descends with.
pub struct Scans<P, M> {
    /// Ptes.
    pub pte: P,
    /// Pmds that are blocks.
    pub pmd: M,
}

const LAYOUT: Layout = Layout { page_shift: 12, frame_bits: 40, index_bits: 9 };

/// Bits of a packed word: `present` and `devmap` as [`ptwalk::engine::Facts`] has them.
#[inline(always)]
fn word(pfn: u64, index: u64, facts: u64) -> u64 {
    pfn | index << LAYOUT.frame_bits | facts << LAYOUT.facts_shift()
}

#[inline(always)]
fn scan(run: Run<'_>, words: &mut [u64; 512], keep: impl Fn(u64) -> bool, word: impl Fn(u64, u64) -> u64) -> usize {
    let mut kept = 0;
    for (index, bytes) in (u64::from(run.first)..).zip(run.bytes.as_chunks().0) {
        let x = u64::from_le_bytes(*bytes);
        words[kept & 511] = word(x, index);
        kept += usize::from(keep(x));
    }
    kept
}

/// Every page that is present: frame, presence, device memory.
pub fn present(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    let of = |x, index| word(ARCH.pte_pfn(x), index, 1 | u64::from(ARCH.pte_devmap(x)) << 2);
    scan(run, words, |x| ARCH.pte_present(x), of)
}

/// Every page that is present, writable, and user mode's.
pub fn user_writable(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    let of = |x, index| word(ARCH.pte_pfn(x), index, 1 | u64::from(ARCH.pte_devmap(x)) << 2);
    scan(run, words, |x| ARCH.pte_present(x) & ARCH.pte_write(x) & (ARCH.pte_mmu_perms(x) & 7 != 0), of)
}

/// Every block that is present.
pub fn blocks(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    let of = |x, index| word(ARCH.pmd_pfn(x), index, 3 | u64::from(ARCH.pmd_devmap(x)) << 2);
    let maps = |x| ARCH.pmd_leaf(x) | ARCH.pmd_huge(x) | ARCH.pmd_trans_huge(x);
    scan(run, words, |x| ARCH.pmd_present(x) & maps(x), of)
}

/// Every leaf under the root that the scans keep.
pub fn walk(tables: &TableSet<'_>, scans: &Scans<impl Scan, impl Scan>) -> Tally {
    let mut tally = Tally::default();
    table(tables, tables.root.pa, Level::Pgd, &[], scans, &mut [0; 512], &mut tally);
    tally
}

/// Every leaf under a table; calls itself once a level. `ahead` is the table that comes next, for scans that want it on
/// its way.
fn table(
    tables: &TableSet<'_>,
    pa: PhysAddr,
    level: Level,
    ahead: &[u8],
    scans: &Scans<impl Scan, impl Scan>,
    words: &mut [u64; 512],
    tally: &mut Tally,
) {
    let bytes = tables.image.run(pa, PAGE_BYTES as u64);
    let run = Run { bytes, first: 0, ahead };
    if level == Level::Pte {
        let kept = (scans.pte)(run, words);
        return tally.add(&words[..kept]);
    }
    if level == Level::Pmd {
        let kept = (scans.pmd)(run, words);
        tally.add(&words[..kept]);
    }
    let mut entries = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).peekable();
    while let Some(x) = entries.next() {
        let (present, leaf, next, below) = match level {
            Level::Pmd => (ARCH.pmd_present(x), ARCH.pmd_leaf(x), ARCH.pmd_page_paddr(x), Level::Pte),
            Level::Pud => (ARCH.pud_present(x), ARCH.pud_leaf(x), ARCH.pud_page_paddr(x), Level::Pmd),
            _ => (!ARCH.pgd_none(x), false, ARCH.pgd_page_paddr(x), Level::Pud),
        };
        if present && !leaf {
            let ahead = entries.peek().map_or(0, |x| ARCH.pmd_page_paddr(*x));
            // The processor itself goes on to what follows in memory.
            let follows = level != Level::Pmd || ahead == next + PAGE_BYTES as u64;
            let ahead = if follows { &[] } else { tables.image.run(PhysAddr(ahead), PAGE_BYTES as u64) };
            table(tables, PhysAddr(next), below, ahead, scans, words, tally);
        }
    }
}

/// GUP's queries over the plugin crate: the engine that `get_user_pages_fast` is compared with.
pub struct NativeGup {
    queries: Queries,
}

impl NativeGup {
    /// Answers `queries`, which must be GUP's for writing.
    pub fn new(queries: Queries) -> NativeGup {
        NativeGup { queries }
    }
}

impl Engine for NativeGup {
    fn queries(&self) -> &Queries {
        &self.queries
    }

    fn has(&self, helper: Helper) -> bool {
        IMPLEMENTED.contains(&helper) || !matches!(helper.stub(), Stub::Undefined | Stub::Required)
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        if self.has(helper) { Ok(ARCH.call(helper, args)) } else { Err(EngineError::Absent { helper }) }
    }

    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        self.queries.levels[depth].evaluate(entry, |_| true, |helper, args| Ok(ARCH.call(helper, args)))
    }

    /// The ptes that GUP goes past, up to the first that it does not.
    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        out.clear();
        if self.queries.levels[depth].level != Level::Pte {
            return Ok(());
        }
        for (index, bytes) in (u64::from(run.first)..).zip(run.bytes.as_chunks().0) {
            let x = u64::from_le_bytes(*bytes);
            let devmap = ARCH.pte_devmap(x);
            let usable = ARCH.pte_access_permitted(x, true) && !ARCH.pte_protnone(x);
            if !usable || (ARCH.pte_special(x) && !devmap) {
                break;
            }
            out.push(word(ARCH.pte_pfn(x), index, u64::from(devmap) << 2));
        }
        Ok(())
    }
}
