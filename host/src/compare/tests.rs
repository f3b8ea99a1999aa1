//! The join against a comparison address by address, and what counts as which change.

use std::sync::mpsc::sync_channel;

use ptwalk_abi::{Level, PhysAddr, VaRange, VirtAddr};

use super::cell::{Cell, Extent, Leaf};
use super::change::{Change, Changes};
use super::join::Join;
use super::stream::{Incoming, Message};
use super::{Difference, Tally, join};
use crate::walk::merge::Merge;
use crate::walk::{Attrs, ProblemKind};

const NONE: Attrs = Attrs {
    write: false,
    user: false,
    exec: false,
    young: false,
    dirty: false,
    special: false,
    devmap: false,
    protnone: false,
    cont: false,
};

fn leaf(pa: u64) -> Leaf {
    Leaf { pa: PhysAddr(pa), raw: 7, leaf_bytes: 16, level: Level::Pte, attrs: NONE, effective: None }
}

fn extent(first: u64, last: u64, cell: Cell) -> Extent {
    Extent { range: VaRange { first: VirtAddr(first), last: VirtAddr(last) }, cell }
}

/// A sequence in parts of two, as if a walk had sent it.
fn incoming(extents: &[Extent], ends: bool) -> Incoming {
    let (to, from) = sync_channel(extents.len() + 1);
    for part in extents.chunks(2) {
        to.send(Message::Part(vec![part.to_vec()])).expect("there is room");
    }
    if ends {
        to.send(Message::End).expect("there is room");
    }
    Incoming::new(from)
}

/// What a side says of one address.
fn at(extents: &[Extent], va: u64) -> Option<Cell> {
    extents.iter().find(|extent| extent.range.contains(VirtAddr(va)))?.from(VirtAddr(va)).map(|rest| rest.cell)
}

#[test]
fn every_address_is_joined_with_what_either_side_says_of_it() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % end
    };
    for _ in 0..2000 {
        let mut sides = [Vec::new(), Vec::new()];
        for side in &mut sides {
            let mut next = below(6);
            for _ in 0..below(6) {
                let last = next + below(9);
                let cell = match below(3) {
                    0 => Cell::NotPresent { level: Level::Pmd, raw: below(2) },
                    _ => Cell::Leaf(leaf(below(40))),
                };
                side.push(extent(next, last, cell));
                next = last + 1 + below(2) * below(5);
            }
        }
        let [a, b] = &sides;
        let mut seen = 0;
        for (range, in_a, in_b) in Join::new(incoming(a, true), incoming(b, true)) {
            assert!(range.first.0 >= seen && range.first <= range.last, "{sides:?}");
            assert!((seen..range.first.0).all(|va| at(a, va).is_none() && at(b, va).is_none()), "{sides:?}");
            for va in range.first.0..=range.last.0 {
                let here = |cell: Option<Cell>| {
                    let cell = cell.map(|cell| extent(range.first.0, range.last.0, cell));
                    cell.and_then(|extent| extent.from(VirtAddr(va))).map(|rest| rest.cell)
                };
                assert_eq!((here(in_a), here(in_b)), (at(a, va), at(b, va)), "{va}: {sides:?}");
            }
            seen = range.last.0 + 1;
        }
        assert!((seen..100).all(|va| at(a, va).is_none() && at(b, va).is_none()), "{sides:?}");
    }
}

#[test]
fn passing_over_what_is_alike_changes_no_count() {
    let mut seed = 7_u64;
    for _ in 0..500 {
        let mut sides = [Vec::new(), Vec::new()];
        for place in 0..20 {
            seed = seed.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(17) | 1;
            let first = place * 16;
            let cell = match seed % 16 {
                0 => Cell::Problem { kind: ProblemKind::OutsideImage, level: Level::Pte, raw: 0 },
                1 => Cell::NotPresent { level: Level::Pte, raw: 5 },
                _ => Cell::Leaf(leaf(first)),
            };
            sides[0].push(extent(first, first + 15, cell));
            match seed >> 8 & 15 {
                0 => {}
                1 => sides[1].extend([0, 8].map(|at| extent(first + at, first + at + 7, cell.advanced(at)))),
                2 => sides[1].push(extent(first, first + 15, Cell::Leaf(leaf(first ^ 0x100)))),
                _ => sides[1].push(extent(first, first + 15, cell)),
            }
        }
        let both = || Join::new(incoming(&sides[0], true), incoming(&sides[1], true));
        let (mut plain, mut wanted) = (Tally::default(), Vec::new());
        for (range, a, b) in both() {
            let difference = Difference { range, a, b, changes: Changes::between(a, b), count: 1 };
            plain.add(&difference);
            wanted.extend(Some(difference).filter(|difference| !difference.changes.is_empty()));
        }
        let (mut tally, mut found) = (Tally::default(), Vec::new());
        let joined = join(both(), &mut tally, &mut |difference| {
            found.push(*difference);
            Ok(())
        });
        joined.expect("nothing fails");
        assert_eq!((tally, found), (plain, wanted), "{sides:?}");
    }
}

#[test]
fn the_last_address_ends_the_join() {
    let top = extent(u64::MAX - 15, u64::MAX, Cell::Leaf(leaf(0)));
    let pairs: Vec<_> = Join::new(incoming(&[top], true), incoming(&[], true)).collect();
    assert_eq!(pairs, [(top.range, Some(top.cell), None)]);
}

#[test]
fn what_follows_a_side_that_was_cut_off_is_not_compared() {
    let cells = [extent(0, 15, Cell::Leaf(leaf(0))), extent(16, 31, Cell::Leaf(leaf(16)))];
    let join = Join::new(incoming(&cells[..1], false), incoming(&cells, true));
    assert_eq!(join.count(), 1, "only what both had said");
}

fn names(a: Option<Cell>, b: Option<Cell>) -> Vec<&'static str> {
    Changes::between(a, b).iter().map(Change::name).collect()
}

#[test]
fn each_change_is_told_by_its_name() {
    let plain = leaf(0x1000);
    let with = |attrs: Attrs| Some(Cell::Leaf(Leaf { attrs, ..plain }));
    let here = Some(Cell::Leaf(plain));
    let swapped = |raw| Some(Cell::NotPresent { level: Level::Pte, raw });
    let problem = |kind| Some(Cell::Problem { kind, level: Level::Pte, raw: 1 });
    let devmap = with(Attrs { devmap: true, ..NONE });
    let special = with(Attrs { special: true, ..NONE });
    assert!(names(here, here).is_empty() && names(None, None).is_empty());
    assert_eq!(names(None, here), ["mapped"]);
    assert_eq!(names(here, None), ["unmapped"]);
    assert_eq!(names(here, swapped(1)), ["unmapped"]);
    assert_eq!(names(swapped(1), here), ["mapped"]);
    assert_eq!(names(swapped(1), swapped(2)), ["not_present"]);
    assert_eq!(names(None, swapped(2)), ["not_present"]);
    assert!(names(swapped(1), swapped(1)).is_empty());
    assert_eq!(names(here, problem(ProblemKind::OutsideImage)), ["unseen"]);
    assert_eq!(names(problem(ProblemKind::Bad), problem(ProblemKind::Cycle)), ["unseen"]);
    assert!(names(problem(ProblemKind::Bad), problem(ProblemKind::Bad)).is_empty());
    assert_eq!(names(here, Some(Cell::Leaf(leaf(0x2000)))), ["frame"]);
    assert_eq!(names(here, Some(Cell::Leaf(Leaf { level: Level::Pmd, leaf_bytes: 32, ..plain }))), ["level"]);
    assert_eq!(names(here, devmap), ["newly_devmap"]);
    assert_eq!(names(None, devmap), ["mapped", "newly_devmap"]);
    assert_eq!(names(special, swapped(1)), ["unmapped", "no_longer_special"]);
    assert_eq!(names(devmap, problem(ProblemKind::Cycle)), ["unseen"]);
    assert_eq!(names(devmap, special), ["no_longer_devmap", "newly_special"]);
    assert_eq!(names(special, here), ["no_longer_special"]);
    for attrs in [Attrs { write: true, ..NONE }, Attrs { user: true, ..NONE }, Attrs { protnone: true, ..NONE }] {
        assert_eq!(names(here, with(attrs)), ["permissions"]);
    }
    for attrs in [Attrs { young: true, ..NONE }, Attrs { dirty: true, ..NONE }, Attrs { cont: true, ..NONE }] {
        assert_eq!(names(with(attrs), here), ["attributes"]);
    }
    assert_eq!(names(here, Some(Cell::Leaf(Leaf { raw: 9, ..plain }))), ["other_bits"]);
    assert_eq!(Change::ALL.len(), 13, "each has a bit of its own, and each is tested above");
}

#[test]
fn neighbours_that_differ_alike_are_one() {
    let difference = |first: u64, pa: u64| {
        let (a, b) = (None, Some(Cell::Leaf(leaf(pa))));
        let range = VaRange { first: VirtAddr(first), last: VirtAddr(first + 15) };
        Difference { range, a, b, changes: Changes::between(a, b), count: 1 }
    };
    // (rule, the next one's address and frame, whether it is merged)
    let cases = [
        (Merge::None, 16, 0x1010, false),
        (Merge::Pa, 16, 0x1010, true),
        (Merge::Pa, 16, 0x2000, false),
        (Merge::Va, 16, 0x2000, true),
        (Merge::Va, 32, 0x1010, false),
    ];
    for (rule, first, pa, merges) in cases {
        let mut held = difference(0, 0x1000);
        assert_eq!(held.extend(rule, &difference(first, pa)), merges, "{rule:?} {first} {pa:#x}");
        assert_eq!((held.count, held.range.last.0), if merges { (2, 31) } else { (1, 15) });
    }
}
