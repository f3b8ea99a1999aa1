//! The walk as one would write it by hand for one question: no engine, no records, no events.
//!
//! In: tables of four levels under [`CONFIG`](super::native::CONFIG). Out: the [`Tally`] that the benches' sink makes of
//! a walk's events. What it lacks beside `walk_map`: trails, permissions, holes, cycles, tables outside of the image,
//! and any other configuration.

use ptwalk::image::Image;
use ptwalk::walk::{Mapping, TableSet};
use ptwalk_abi::{Arch, Level, PhysAddr};
use ptwalk_arm64::Arm64;

use super::native::Frozen;
use super::tables::PAGE_BYTES;

/// What is made of the mappings of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Leaves.
    pub mappings: u64,
    /// Sum of their frames, modulo 2^64.
    pub frames: u64,
    /// Leaves that are device memory.
    pub devmap: u64,
    /// Leaves that are writable in the kernel's sense.
    pub writable: u64,
}

impl Tally {
    /// Adds a leaf.
    #[inline(always)]
    pub fn add(&mut self, pfn: u64, devmap: bool, writable: bool) {
        self.mappings += 1;
        self.frames = self.frames.wrapping_add(pfn);
        self.devmap += u64::from(devmap);
        self.writable += u64::from(writable);
    }

    /// Adds a mapping that `walk_map` found.
    #[inline(always)]
    pub fn add_mapping(&mut self, mapping: &Mapping) {
        self.add(mapping.pfn(12).0, mapping.attrs.devmap, mapping.attrs.write);
    }
}

/// Every leaf under the root.
pub fn walk(tables: &TableSet<'_>) -> Tally {
    let mut tally = Tally::default();
    table(tables.image, tables.root.pa, Level::Pgd, &mut tally);
    tally
}

/// Every leaf under a table; calls itself once a level.
fn table(image: &Image, pa: PhysAddr, level: Level, tally: &mut Tally) {
    let arch = Arm64(Frozen);
    let words = image.run(pa, PAGE_BYTES as u64).as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
    match level {
        Level::Pte => words.filter(|x| arch.pte_present(*x)).for_each(|x| {
            tally.add(arch.pte_pfn(x), arch.pte_devmap(x), arch.pte_write(x));
        }),
        Level::Pmd => words.filter(|x| arch.pmd_present(*x)).for_each(|x| {
            if arch.pmd_leaf(x) {
                tally.add(arch.pmd_pfn(x), arch.pmd_devmap(x), arch.pmd_write(x));
            } else {
                table(image, PhysAddr(arch.pmd_page_paddr(x)), Level::Pte, tally);
            }
        }),
        Level::Pud => words.filter(|x| arch.pud_present(*x)).for_each(|x| {
            table(image, PhysAddr(arch.pud_page_paddr(x)), Level::Pmd, tally);
        }),
        Level::P4d | Level::Pgd => words.filter(|x| !arch.pgd_none(*x)).for_each(|x| {
            table(image, PhysAddr(arch.pgd_page_paddr(x)), Level::Pud, tally);
        }),
    }
}
