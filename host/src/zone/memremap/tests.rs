//! Registration: which check refuses what, in which order; the kernel's holes; what release leaves.

use std::collections::BTreeMap;

use super::*;
use crate::zone::section::Machine;

const M: u64 = 1 << 20;

fn kernel(a: u8, b: u8, wished: &[(KOption, bool)]) -> ZoneKernel {
    let wished: BTreeMap<KOption, bool> = wished.iter().copied().collect();
    ZoneKernel::new((KVersion::new(a, b, 0), false), (Machine::X86, 12), &wished).expect("a kernel that can be")
}

fn memremap(a: u8, b: u8, holes: Holes) -> Memremap {
    let kernel = kernel(a, b, &[]);
    Memremap::new(kernel, Alignment::of(kernel.version), holes, Vec::new())
}

fn range(start: u64, end: u64) -> Registration {
    let pgmap = DevPagemap { start: PhysAddr(start), end: PhysAddr(end), kind: PgmapType::FsDax, live: true };
    Registration { pgmap, altmap: None, page_free: true, migrate_to_ram: true }
}

fn refused(host: &mut Memremap, registration: &Registration) -> Refusal {
    host.register(registration).expect_err("a refusal")
}

fn span(start: u64, end: u64) -> Span {
    Span { start: PhysAddr(start), end: PhysAddr(end) }
}

/// Vectors 69 and 73: v5.2 rounds out, v5.3 refuses what is not whole sub-sections.
#[test]
fn one_range_two_alignments() {
    let misaligned = range(0x1_4810_0000, 0x1_5010_0000);
    let registered = memremap(5, 2, Holes::Strict).register(&misaligned).expect("sections");
    assert_eq!(registered.seen, span(0x1_4800_0000, 0x1_5800_0000));
    assert_eq!(registered.span, span(0x1_4810_0000, 0x1_5010_0000));
    let mut host = memremap(5, 3, Holes::Strict);
    let refusal = refused(&mut host, &misaligned);
    assert_eq!((refusal, refusal.errno()), (Refusal::Misaligned(2 * M), Some(Errno::Einval)));
    // What hot-add refuses is not found afterwards.
    assert_eq!(host.zone().find(PhysAddr(0x1_4810_0000)), None);
    assert_eq!(host.zone().pgmaps().count(), 0);
    assert!(host.register(&range(0x1_4820_0000, 0x1_5020_0000)).is_ok());
}

#[test]
fn types_are_checked_first_and_only_since_v5_3() {
    let of = |kind, page_free, migrate_to_ram| {
        let plain = range(0x1000, 0x2000);
        Registration { pgmap: DevPagemap { kind, ..plain.pgmap }, altmap: None, page_free, migrate_to_ram }
    };
    let with = |b, wished: &[(KOption, bool)]| {
        let kernel = kernel(5, b, wished);
        Memremap::new(kernel, Alignment::of(kernel.version), Holes::Strict, Vec::new())
    };
    let misaligned = Refusal::Misaligned(2 * M);
    let no_private = [(KOption::DevicePrivate, false)];
    let limited = [(KOption::FsDaxLimited, true)];
    for (wished, registration, refusal) in [
        (&no_private[..], of(PgmapType::Private, true, true), Refusal::Option(KOption::DevicePrivate)),
        (&[], of(PgmapType::Private, true, false), Refusal::Operation("migrate_to_ram")),
        (&[], of(PgmapType::Private, false, true), Refusal::Operation("page_free")),
        (&[], of(PgmapType::Private, true, true), misaligned),
        (&limited, of(PgmapType::FsDax, true, true), Refusal::Limited),
        (&[], of(PgmapType::FsDax, false, false), Refusal::Operation("page_free")),
        (&[], of(PgmapType::DevDax, false, false), misaligned),
        (&[], of(PgmapType::PciP2pdma, false, false), misaligned),
        (&[], of(PgmapType::Public, true, true), Refusal::NoSuchType),
        (&[(KOption::ZoneDevice, false)], of(PgmapType::DevDax, true, true), Refusal::NoZoneDevice),
    ] {
        assert_eq!(refused(&mut with(3, wished), &registration), refusal, "{wished:?} {registration:?}");
    }
    assert!(with(2, &no_private).register(&of(PgmapType::Private, false, false)).is_ok(), "v5.2 does not look");
    assert_eq!(Refusal::NoZoneDevice.errno(), Some(Errno::Enxio));
}

/// Conflict before RAM before hot-add.
#[test]
fn checks_come_in_the_order_of_the_kernel() {
    for holes in [Holes::Strict, Holes::Kernel] {
        let mut host = memremap(5, 3, holes);
        host.ram = vec![span(6 * M, 64 * M), span(0, M)];
        host.register(&range(2 * M, 4 * M)).expect("free");
        let conflict = refused(&mut host, &range(2 * M, 8 * M));
        assert_eq!((conflict, conflict.errno()), (Refusal::Conflict(span(2 * M, 4 * M)), Some(Errno::Enomem)));
        // The last frame is probed too.
        assert_eq!(refused(&mut host, &range(0, 4 * M)), Refusal::Conflict(span(2 * M, 4 * M)));
        let mixed = refused(&mut host, &range(5 * M, 7 * M));
        assert_eq!(mixed, Refusal::Ram { ram: span(6 * M, 64 * M), whole: false });
        let whole = refused(&mut host, &range(8 * M, 10 * M));
        assert_eq!(
            (whole, whole.errno()),
            (Refusal::Ram { ram: span(6 * M, 64 * M), whole: true }, Some(Errno::Enxio))
        );
    }
}

/// v5.2 sees whole sections: RAM in the same section is RAM in the range.
#[test]
fn sections_meet_ram_that_the_range_does_not() {
    let mut host = memremap(5, 2, Holes::Kernel);
    host.ram = vec![span(0, 100 * M)];
    assert_eq!(refused(&mut host, &range(112 * M, 120 * M)), Refusal::Ram { ram: span(0, 100 * M), whole: false });
    assert!(host.register(&range(128 * M, 130 * M)).is_ok());
}

/// A range strictly inside a new one meets neither probe.
#[test]
fn a_small_range_inside_a_new_one_is_overwritten_by_v5_2_and_lost_by_v5_3() {
    let (small, large) = (range(400 * M, 402 * M), range(256 * M, 640 * M));
    let mut host = memremap(5, 2, Holes::Kernel);
    host.register(&small).expect("free");
    let taken = host.register(&large).expect("the hole");
    assert_eq!(host.zone().find(PhysAddr(400 * M)), Some(taken.id));

    let mut host = memremap(5, 3, Holes::Kernel);
    let lost = host.register(&small).expect("free");
    let present = refused(&mut host, &large);
    assert_eq!((present, present.errno()), (Refusal::Present(lost.span), Some(Errno::Eexist)));
    assert_eq!(host.zone().find(PhysAddr(400 * M)), None, "erased with the range that was refused");

    for b in [2, 3] {
        let mut host = memremap(5, b, Holes::Strict);
        let kept = host.register(&small).expect("free");
        assert_eq!(refused(&mut host, &large), Refusal::Conflict(kept.span));
        assert_eq!(host.zone().find(PhysAddr(400 * M)), Some(kept.id));
    }
}

#[test]
fn a_killed_range_is_no_conflict_to_the_kernel_but_its_memory_is_there() {
    let mut dead = range(128 * M, 256 * M);
    dead.pgmap.live = false;
    let again = range(128 * M, 256 * M);
    let mut host = memremap(5, 2, Holes::Kernel);
    host.register(&dead).expect("free");
    assert!(host.register(&again).is_ok());
    let mut host = memremap(5, 3, Holes::Kernel);
    host.register(&dead).expect("free");
    assert_eq!(refused(&mut host, &again), Refusal::Present(span(128 * M, 256 * M)));
    let mut host = memremap(5, 3, Holes::Strict);
    host.register(&dead).expect("free");
    assert_eq!(refused(&mut host, &again), Refusal::Conflict(span(128 * M, 256 * M)));
}

/// Two ranges of one section, the second below the first: its aligned ends lie in neither.
#[test]
fn two_ranges_in_one_section_are_both_accepted_by_v5_2() {
    let (first, second) = (range(10 * M, 20 * M), range(40 * M, 50 * M));
    let mut host = memremap(5, 2, Holes::Kernel);
    let first_id = host.register(&first).expect("free").id;
    let second_id = host.register(&second).expect("the hole").id;
    assert_eq!(host.zone().find(PhysAddr(10 * M)), Some(first_id));
    assert_eq!(host.zone().find(PhysAddr(40 * M)), Some(second_id));
    let mut host = memremap(5, 2, Holes::Strict);
    host.register(&first).expect("free");
    assert_eq!(refused(&mut host, &second), Refusal::Conflict(span(10 * M, 20 * M)));
}

#[test]
fn an_altmap_takes_pages_from_the_start_and_lookup_finds_them_all_the_same() {
    let mut host = memremap(5, 3, Holes::Strict);
    let altmap = Some(Altmap { reserve: 2, free: 62 });
    let registered = host.register(&Registration { altmap, ..range(2 * M, 4 * M) }).expect("free");
    assert_eq!((registered.first_pfn, registered.page_refs), (Pfn(512 + 64), 512 - 64));
    assert_eq!(host.zone().find(PhysAddr(2 * M)), Some(registered.id));
    let all = Some(Altmap { reserve: u64::MAX, free: 1 });
    let registered = host.register(&Registration { altmap: all, ..range(4 * M, 6 * M) }).expect("free");
    assert_eq!((registered.first_pfn, registered.page_refs), (Pfn(1536), 0));
}

/// Killed first: lookups fail while references are waited for; then memory and lookup go.
#[test]
fn release_waits_for_references_and_is_seen_at_once() {
    let mut host = memremap(5, 3, Holes::Strict);
    let Registered { id, span, .. } = host.register(&range(2 * M, 4 * M)).expect("free");
    let held = host.zone_mut().get_dev_pagemap(PhysAddr(2 * M), None);
    assert_eq!(held, Some(id));
    assert_eq!(host.release(id), Err(Busy { refs: 1 }));
    assert_eq!(host.zone_mut().get_dev_pagemap(PhysAddr(2 * M), None), None, "killed");
    // Whoever holds the cached pgmap goes on: the cache is asked before the reference.
    assert_eq!(host.zone_mut().get_dev_pagemap(PhysAddr(3 * M), held), Some(id));
    assert_eq!(refused(&mut host, &range(2 * M, 4 * M)), Refusal::Conflict(span));
    host.zone_mut().put_dev_pagemap(held);
    assert_eq!(host.release(id), Ok(()));
    assert_eq!(host.zone().find(PhysAddr(2 * M)), None);
    assert!(host.register(&range(2 * M, 4 * M)).is_ok());
}

#[test]
fn ranges_that_cannot_be_are_refused_without_wrapping() {
    let mut host = memremap(5, 2, Holes::Strict);
    assert_eq!(refused(&mut host, &range(M, M)), Refusal::Empty);
    assert_eq!(refused(&mut host, &range(M, M + 1)), Refusal::Misaligned(4096));
    assert_eq!(refused(&mut host, &range(M, !0xfff)), Refusal::TooHigh);
}
