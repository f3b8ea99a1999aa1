//! arm64 page tables made from a seed: 4K granule, 48-bit addresses, Linux v5.3, the lower half.
//!
//! In: a [`Shape`] and a seed. Out: a raw [`Image`] that holds nothing but the tables, each in a page of its own, in an
//! order that has nothing to do with the addresses they translate, as the pages of a long-lived kernel have none. Every
//! attribute is drawn entry by entry: real tables come in runs, so that branches are harder to predict here than there.
//! The bits are those of arch/arm64/include/asm/pgtable-prot.h (v5.3); entries are put together by the plugin's own
//! makers.

use std::io;

use memmap2::MmapMut;
use thiserror::Error;

use crate::image::{Image, ImageError};
use crate::walk::{Root, TableSet};
use crate::zone::{DevPagemap, PgmapType, Zone};
use ptwalk_abi::{Arch, Config, Geometry, Half, PhysAddr};
use ptwalk_arm64::Arm64;

use super::Rng;

/// Bytes of a table, and of a page.
pub const PAGE_BYTES: usize = 4096;
/// Entries of a table.
pub const PTRS: u64 = 512;

/// Where the image begins.
const BASE: u64 = 0x8000_0000;
/// `PAGE_SHARED`: user memory, writable and dirty.
const PAGE_SHARED: u64 = 0x0068_0000_0000_0f53;
/// `PAGE_READONLY`.
const PAGE_READONLY: u64 = 0x0060_0000_0000_0fd3;
/// `PAGE_NONE`.
const PAGE_NONE: u64 = 0x0460_0000_0000_0f92;
/// `PMD_TYPE_TABLE`, the same at every level.
const TYPE_TABLE: u64 = 3;
/// A page swapped out: type 1 in bits 7:2, the offset from bit 8 up.
const SWAPPED: u64 = 1 << 2;
const SWAP_OFFSET_SHIFT: u32 = 8;

/// Frames of memory: 4 GiB from 4 GiB on.
const MEMORY_FRAMES: (u64, u64) = (0x10_0000, 0x20_0000);
/// Frames of a device: 4 GiB from 1 TiB on.
const DEVICE_FRAMES: (u64, u64) = (0x1000_0000, 0x1010_0000);
/// Frames of a 2 MiB block.
const BLOCK_FRAMES: u64 = 512;

/// What the tables look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Ptes of which 95 in 100 are present; of those some are read-only, special, device memory or PROT_NONE, and of the
    /// others half are swapped out. Table pages in random order.
    Scattered,
    /// The same, table pages in the order of the addresses that they translate.
    Linear,
    /// Ptes of which 90 in 100 are present and the others empty, in random order.
    Holes,
    /// Blocks of 2 MiB, 95 entries in 100 being one.
    Blocks,
    /// Ptes all of which GUP can pin for writing; one in 16 is device memory.
    Pinnable,
}

impl Shape {
    /// The name in the IDs of the benches.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Scattered => "scattered",
            Shape::Linear => "linear",
            Shape::Holes => "holes",
            Shape::Blocks => "blocks",
            Shape::Pinnable => "pinnable",
        }
    }

    /// Depth from below of the tables that hold leaves.
    const fn leaf_level(self) -> usize {
        if let Shape::Blocks = self { 1 } else { 0 }
    }
}

/// Why there are no tables.
#[derive(Debug, Error)]
pub enum TablesError {
    /// The system has no memory for them.
    #[error("no memory for the tables: {0}")]
    Memory(#[from] io::Error),
    /// They make no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Tables in memory, which begin at pages as those of mapped files do.
pub struct Tables {
    /// The image.
    pub image: Image,
    /// Words in the tables that hold leaves.
    pub entries: u64,
    /// Offsets in the image of the tables that hold leaves, in the order in which a walk comes to them.
    pub leaf_tables: Vec<usize>,
    geometry: Geometry,
    root: Root,
}

impl Tables {
    /// Makes tables of a shape, with that many words in those that hold leaves.
    ///
    /// # Errors
    /// [`ImageError`], and the system's where there are more tables than memory.
    pub fn new(shape: Shape, entries: u64, seed: u64, geometry: Geometry) -> Result<Tables, TablesError> {
        Tables::in_memory(MmapMut::map_anon, shape, entries, seed, geometry)
    }

    /// The same in huge pages, as far as the system has some, as table images are mapped where it gives them to files.
    ///
    /// # Errors
    /// As [`Tables::new`].
    pub fn in_huge_pages(shape: Shape, entries: u64, seed: u64, geometry: Geometry) -> Result<Tables, TablesError> {
        let memory = |bytes| {
            let memory = MmapMut::map_anon(bytes)?;
            #[cfg(target_os = "linux")]
            memory.advise(memmap2::Advice::HugePage)?;
            Ok(memory)
        };
        Tables::in_memory(memory, shape, entries, seed, geometry)
    }

    fn in_memory(
        memory: impl FnOnce(usize) -> io::Result<MmapMut>,
        shape: Shape,
        entries: u64,
        seed: u64,
        geometry: Geometry,
    ) -> Result<Tables, TablesError> {
        let mut rng = Rng(seed);
        let mut counts = vec![0; shape.leaf_level()];
        let mut tables = entries.div_ceil(PTRS);
        for _ in shape.leaf_level()..4 {
            counts.push(usize::try_from(tables).unwrap_or(usize::MAX));
            tables = tables.div_ceil(PTRS);
        }
        let total: usize = counts.iter().sum();
        let mut pages: Vec<usize> = (0..total).collect();
        if shape != Shape::Linear {
            rng.shuffle(&mut pages);
        }
        let mut bytes = memory(total * PAGE_BYTES)?;
        let mut below: &[usize] = &[];
        let mut rest = pages.as_slice();
        for (level, count) in counts.into_iter().enumerate() {
            let (tables, above) = rest.split_at(count);
            for (i, page) in tables.iter().enumerate() {
                let table = &mut bytes[page * PAGE_BYTES..][..PAGE_BYTES];
                let children = below.iter().skip(i * 512).map(|page| pa(*page) | TYPE_TABLE);
                if level == shape.leaf_level() {
                    fill(table, std::iter::repeat_with(|| leaf(shape, &mut rng)));
                } else {
                    fill(table, children);
                }
            }
            (below, rest) = (tables, above);
        }
        let leaves = usize::try_from(entries.div_ceil(PTRS)).unwrap_or(usize::MAX);
        let leaf_tables = pages[..leaves].iter().map(|page| page * PAGE_BYTES).collect();
        let root = Root { pa: PhysAddr(pa(below[0])), half: Half::Lower };
        let image = Image::from_mapping(shape.name(), bytes.make_read_only()?, Some(PhysAddr(BASE)))?;
        Ok(Tables { image, entries: entries.div_ceil(PTRS) * PTRS, leaf_tables, geometry, root })
    }

    /// The tables as a walk takes them.
    pub fn set(&self) -> TableSet<'_> {
        TableSet { image: &self.image, geometry: &self.geometry, root: self.root }
    }

    /// The image's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.image.run(PhysAddr(BASE), u64::MAX)
    }
}

/// Physical address of a page of the image.
fn pa(page: usize) -> u64 {
    BASE + (page * PAGE_BYTES) as u64
}

/// A zone that knows the device whose frames the tables map.
pub fn zone() -> Zone {
    let mut zone = Zone::default();
    let [start, end] = [DEVICE_FRAMES.0, DEVICE_FRAMES.1].map(|pfn| PhysAddr(pfn << 12));
    // The only range overlaps nothing.
    let registered = zone.register(DevPagemap { start, end, kind: PgmapType::FsDax, live: true });
    debug_assert!(registered.is_ok());
    zone
}

fn fill(table: &mut [u8], entries: impl Iterator<Item = u64>) {
    for (bytes, entry) in table.chunks_exact_mut(8).zip(entries) {
        bytes.copy_from_slice(&entry.to_le_bytes());
    }
}

fn frame(rng: &mut Rng, (start, end): (u64, u64)) -> u64 {
    start + rng.below(end - start)
}

fn leaf(shape: Shape, rng: &mut Rng) -> u64 {
    match shape {
        Shape::Scattered | Shape::Linear => pte(rng, 95, true),
        Shape::Holes => pte(rng, 90, false),
        Shape::Blocks => block(rng),
        Shape::Pinnable => pinnable(rng),
    }
}

fn pte(rng: &mut Rng, present_in_100: u64, swaps: bool) -> u64 {
    let arch = Arm64(Config::DEFAULT);
    if rng.below(100) >= present_in_100 {
        return if !swaps || rng.below(2) == 0 { 0 } else { SWAPPED | rng.below(1 << 30) << SWAP_OFFSET_SHIFT };
    }
    let memory = frame(rng, MEMORY_FRAMES);
    match rng.below(100) {
        0..84 => arch.pfn_pte(memory, PAGE_SHARED),
        84..92 => arch.pfn_pte(memory, PAGE_READONLY),
        92..95 => arch.pte_mkspecial(arch.pfn_pte(memory, PAGE_SHARED)),
        95..98 => arch.pte_mkdevmap(arch.pfn_pte(frame(rng, DEVICE_FRAMES), PAGE_SHARED)),
        _ => arch.pfn_pte(memory, PAGE_NONE),
    }
}

fn block(rng: &mut Rng) -> u64 {
    let arch = Arm64(Config::DEFAULT);
    let aligned = |pfn: u64| pfn & !(BLOCK_FRAMES - 1);
    let memory = aligned(frame(rng, MEMORY_FRAMES));
    match rng.below(100) {
        0..5 => 0,
        5..80 => arch.pmd_mkhuge(arch.pfn_pmd(memory, PAGE_SHARED)),
        80..95 => arch.pmd_mkhuge(arch.pfn_pmd(memory, PAGE_READONLY)),
        _ => arch.pmd_mkdevmap(arch.pmd_mkhuge(arch.pfn_pmd(aligned(frame(rng, DEVICE_FRAMES)), PAGE_SHARED))),
    }
}

fn pinnable(rng: &mut Rng) -> u64 {
    let arch = Arm64(Config::DEFAULT);
    if rng.below(16) == 0 {
        arch.pte_mkdevmap(arch.pfn_pte(frame(rng, DEVICE_FRAMES), PAGE_SHARED))
    } else {
        arch.pfn_pte(frame(rng, MEMORY_FRAMES), PAGE_SHARED)
    }
}
