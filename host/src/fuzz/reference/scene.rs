//! Random tables for any machine, and random pages and devices behind them.
//!
//! In: choices. Out: memory, a root, and books. Tables are mostly as a kernel makes them, so that walks get somewhere, and
//! otherwise as hostile as chance allows: they share tables, lead back to themselves, out of memory, or end in the middle.

use ptwalk_abi::{Level, Pfn, PhysAddr};

use super::gup::Books;
use super::memory::Physical;
use super::{Cpu, Machine};
use crate::fuzz::random::Random;
use crate::zone::{DevPagemap, PageKind, PgmapType, Zone};

/// Tables of a scene.
const TABLES: u64 = 9;
/// Frames that small leaves map, few enough that devices, counts and compound pages meet them.
const FRAMES: u64 = 1 << 9;

/// Tables in memory.
#[derive(Clone, Debug)]
pub(in crate::fuzz) struct Scene {
    pub memory: Physical,
    pub root: u64,
    /// Addresses of entries that were written.
    pub stored: Vec<u64>,
}

impl Scene {
    /// Random tables.
    pub fn new(random: &mut Random<'_>, m: &Machine) -> Scene {
        let depths = m.levels.len() as u64;
        let stride = (0..m.levels.len()).map(|depth| m.table_bytes(depth)).max().unwrap_or(0).max(1 << m.page_shift);
        let address = |table: u64| {
            // Tables of ptes are fragments of a page where they are smaller.
            let is_fragment = m.cpu == Cpu::Ppc && 2 * m.table_bytes(small(table % depths)) <= stride;
            let fragment = if is_fragment && (table + 1).is_multiple_of(depths) { 0x800 } else { 0 };
            (1 + table) * stride + fragment
        };
        let mut memory = Physical::default();
        let mut stored = Vec::new();
        for table in 0..TABLES {
            let depth = small(table % depths);
            let entries = 1u64 << m.levels[depth].2;
            let held = if random.one_in(10) { random.below(entries) + 1 } else { entries };
            let mut words = vec![0; small(held)];
            let anywhere = random.below(entries);
            let near_end = entries - 1 - random.below(entries.min(8));
            let first = random.pick(&[0, 0, near_end, anywhere]);
            let (last, read_only) = (m.levels[depth].0 == Level::Pte, random.one_in(3));
            for i in 0..2 + random.below(if last { 60 } else { 8 }) {
                let index = (first + i) % entries;
                if random.one_in(14) || index >= held {
                    continue;
                }
                let below = table + 1 + random.pick(&[0, 0, depths]);
                let next = if random.one_in(16) { random.below(TABLES + 1) } else { below % (TABLES + 1) };
                let ptes = address(table - table % depths + depths - 1);
                words[small(index)] = if m.has_directories() && !last && random.one_in(3) {
                    directory(random, depth, ptes)
                } else {
                    word(random, m, (depth, read_only), address(next))
                };
                stored.push(address(table) + index * 8);
            }
            memory.pieces.push((address(table), words));
        }
        let root =
            if random.one_in(12) { random.below(TABLES) } else { depths * random.below(TABLES.div_ceil(depths)) };
        Scene { memory, root: address(root), stored }
    }
}

/// A number that is below the entries of a table.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An entry that leads to a directory of huge pages, mostly of a size that goes with its level.
fn directory(random: &mut Random<'_>, depth: usize, ptes: u64) -> u64 {
    let any = random.below(16);
    let index = if random.one_in(4) { any } else { [14, 10, 2].get(depth).copied().unwrap_or(any) };
    1 << 63 | ptes | index << 2 | random.below(4)
}

/// An entry of a level whose leaves are mostly writable or mostly not; where it leads to a table, to `table`.
fn word(random: &mut Random<'_>, m: &Machine, (depth, read_only): (usize, bool), table: u64) -> u64 {
    let (level, shift, _) = m.levels[depth];
    let is_pte = level == Level::Pte;
    let small = random.below(FRAMES) << m.page_shift;
    // The frames of a larger leaf are few, and now and then not aligned to it.
    let large = random.below(2) << shift | if random.one_in(8) { small } else { 0 };
    let pa = if is_pte { small } else { large };
    let kind = random.below(24);
    let noise = random.word();
    let x = match kind {
        8 | 9 if !is_pte => {
            narrowed(m, shape(m, Kind::Table { next_is_pte: depth + 2 == m.levels.len() }), noise) | table
        }
        0..=7 if !is_pte => shape(m, Kind::Table { next_is_pte: depth + 2 == m.levels.len() }) | table,
        10 if !is_pte => shape(m, Kind::Table { next_is_pte: false }) | table | noise & noise << 7 & noise >> 9,
        0..=11 if read_only => shape(m, Kind::ReadOnly { is_pte }) | pa,
        0..=11 => shape(m, Kind::Leaf { is_pte }) | pa,
        12 | 13 => shape(m, Kind::Device { is_pte }) | pa,
        14 => shape(m, Kind::Device { is_pte }) & !(1 << 56 | 1 << 9 | 1 << 10) | pa,
        15 => shape(m, Kind::Leaf { is_pte }) ^ (1 << random.below(64)) | pa,
        16 => shape(m, Kind::Leaf { is_pte }) ^ (1 << random.below(12)) ^ (1 << random.below(64)) | pa,
        17 => shape(m, Kind::Special { is_pte }) | pa,
        18 => shape(m, Kind::Protnone) ^ if m.cpu == Cpu::X86 { 0 } else { pa },
        19 => noise & !0x0400_0000_0000_0003 & !(0xe << 60),
        20 => shape(m, Kind::Leaf { is_pte }) | pa | noise & 0x7ff0_0000_0000_0e6c,
        21 => 1 << random.below(64),
        22 => table | random.below(8),
        _ => noise,
    };
    // A level whose leaves are larger than what frames can tell of would need frames beyond 2^52.
    if random.one_in(40) { x | 1 << random.below(64) } else { x }
}

/// An entry that leads to a table, with less permitted below it.
fn narrowed(m: &Machine, shape: u64, noise: u64) -> u64 {
    match m.cpu {
        // PXNTable, UXNTable, APTable.
        Cpu::Arm64 => shape | noise & 0x7800_0000_0000_0000,
        // R/W, U/S, XD.
        Cpu::X86 => shape & !(noise & 6) | noise & 1 << 63,
        // All of it is said in the leaf.
        Cpu::Ppc => shape,
    }
}

/// Kinds of entries that kernels make.
#[derive(Clone, Copy)]
enum Kind {
    Table { next_is_pte: bool },
    Leaf { is_pte: bool },
    ReadOnly { is_pte: bool },
    Device { is_pte: bool },
    Special { is_pte: bool },
    Protnone,
}

/// What is in them beside the address.
fn shape(m: &Machine, kind: Kind) -> u64 {
    match (m.cpu, kind) {
        (Cpu::Arm64, Kind::Table { .. }) => 3,
        (Cpu::Arm64, Kind::Leaf { is_pte }) => 0x00e8_0000_0000_0f51 | u64::from(is_pte) << 1,
        (Cpu::Arm64, Kind::ReadOnly { is_pte }) => shape(m, Kind::Leaf { is_pte }) ^ (1 << 51 | 1 << 7),
        (Cpu::Arm64, Kind::Device { is_pte }) => 0x03e8_0000_0000_0f51 | u64::from(is_pte) << 1,
        (Cpu::Arm64, Kind::Special { is_pte }) => 0x01e8_0000_0000_0f51 | u64::from(is_pte) << 1,
        (Cpu::Arm64, Kind::Protnone) if m.recent => 0x0060_0000_0000_0f82,
        (Cpu::Arm64, Kind::Protnone) => 0x0460_0000_0000_0f92,
        (Cpu::X86, Kind::Table { .. }) => 0x67,
        (Cpu::X86, Kind::Leaf { is_pte }) => {
            if is_pte {
                0x8000_0000_0000_0067
            } else {
                0x8000_0000_0000_00e7
            }
        }
        (Cpu::X86, Kind::ReadOnly { is_pte }) => shape(m, Kind::Leaf { is_pte }) ^ 2,
        (Cpu::X86, Kind::Device { is_pte }) => {
            shape(m, Kind::Leaf { is_pte }) | 1 << if m.recent { 57 } else { 58 } | 0x200
        }
        (Cpu::X86, Kind::Special { is_pte }) => shape(m, Kind::Leaf { is_pte }) | 0x200,
        (Cpu::X86, Kind::Protnone) => 0x000f_ffff_fffb_a120,
        (Cpu::Ppc, Kind::Table { next_is_pte }) if !m.hash => {
            1 << 63 | if next_is_pte && m.page_shift == 16 { 5 } else { 9 }
        }
        (Cpu::Ppc, Kind::Table { .. }) => 1 << 63,
        (Cpu::Ppc, Kind::Leaf { .. }) => 0xc000_0000_0000_0186,
        (Cpu::Ppc, Kind::ReadOnly { .. }) => 0xc000_0000_0000_0184,
        (Cpu::Ppc, Kind::Device { .. }) => 0xc000_0000_0000_0d86,
        (Cpu::Ppc, Kind::Special { .. }) => 0xc000_0000_0000_0586,
        (Cpu::Ppc, Kind::Protnone) => 0xc000_0000_0000_0108,
    }
}

/// Random devices, pages and changes, twice: as the program keeps them, and as the reference does. Mostly they are about
/// frames that are `mapped`.
pub(in crate::fuzz) fn books(random: &mut Random<'_>, m: &Machine, scene: &Scene, mapped: &[u64]) -> (Zone, Books) {
    let (mut zone, mut books) = (Zone::default(), Books::default());
    let frames = |random: &mut Random<'_>| {
        if !mapped.is_empty() && !random.one_in(3) {
            return random.pick(mapped);
        }
        let (_, shift, _) = m.levels[m.levels.len() - 2];
        // Where small leaves are, and where larger ones are.
        let block = 1 << (shift - m.page_shift);
        let (start, end) = (random.pick(&[0, 0, block]), random.pick(&[FRAMES, 2 * block]));
        start + random.below(end)
    };
    for _ in 0..random.below(6) {
        let anywhere = frames(random);
        let start = random.pick(&[0, 0, anywhere]);
        let (few, many) = (random.below(FRAMES), random.below(1 << 14));
        let end = start + 1 + random.pick(&[few, many]);
        let kind = random.pick(&[PgmapType::FsDax, PgmapType::FsDax, PgmapType::PciP2pdma, PgmapType::Coherent]);
        let (start, end, live) = (start << m.page_shift, end << m.page_shift, !random.one_in(4));
        // Those that overlap an earlier one are refused by both.
        let free = books.pgmaps.iter().all(|(other, other_end, ..)| end <= *other || *other_end <= start);
        let pgmap = DevPagemap { start: PhysAddr(start), end: PhysAddr(end), kind, live };
        if zone.register(pgmap).is_ok() || free {
            books.pgmaps.push((start, end, kind, live));
        }
    }
    for _ in 0..random.pick(&[0, 0, 4, 20]) {
        let (head, count) = (frames(random), random.pick(&[0, -1, 1, 2, 1000]));
        zone.set_refcount(Pfn(head), count);
        books.refs.insert(head, count);
    }
    let kinds = [PageKind::Zero, PageKind::Movable, PageKind::File, PageKind::AnonShared, PageKind::Secretmem];
    let most = random.pick(&kinds);
    for _ in 0..random.pick(&[0, 20, 200]) {
        let (head, any) = (frames(random), random.pick(&kinds));
        let kind = if random.one_in(3) { any } else { most };
        zone.set_kind(Pfn(head), kind);
        books.kinds.insert(head, kind);
    }
    for _ in 0..random.below(5) {
        let order = random.below(10);
        let (head, count) = (frames(random) >> order << order, 1 << order);
        let free = books.compounds.iter().all(|(other, others)| head + count <= *other || other + others <= head);
        let added = u32::try_from(order).is_ok_and(|order| zone.add_compound(Pfn(head), order).is_ok());
        if added || free {
            books.compounds.push((head, count));
        }
    }
    if random.one_in(3) && !scene.stored.is_empty() {
        for _ in 0..1 + random.below(20) {
            let (at, now) = (random.pick(&scene.stored), if random.one_in(3) { 0 } else { random.word() });
            zone.inject_change(PhysAddr(at), now);
            books.changes.insert(at, now);
        }
    }
    (zone, books)
}
