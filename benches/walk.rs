//! How fast are leaves emitted, by which engine, and how much of it is the machine's doing?
//!
//! `benches/README.md` says what each ID means and what runs gave. Before anything is measured, every engine must find the
//! same leaves as the hand-written walk: a bench of different answers compares nothing.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ptwalk::bench::engines::{Named, arm64, engines, present, user_writable, walk};
use ptwalk::bench::native::{self, Scans, Tally};
use ptwalk::bench::tables::{Shape, Tables};
use ptwalk::bench::{SEED, machine};
use ptwalk::engine::{Queries, Wanted};

/// Words in the tables that hold leaves: 128 MiB of them, which no cache holds.
const ENTRIES: u64 = 16 << 20;

fn bench_engines(group: &mut BenchmarkGroup<'_, WallTime>, tables: &Tables, wanted: &Wanted, expected: Tally) {
    let plugin = arm64().expect("arm64 is verified");
    let queries = Queries::walk(plugin.geometry(), wanted);
    // By single calls this image would take minutes; `op` has that figure.
    for Named { name, mut engine } in engines(&plugin, &queries, false).expect("arm64 is fused") {
        let walk = |engine: &mut _| walk(engine, &tables.set()).expect("arm64 does not fail");
        assert_eq!(walk(&mut engine), expected, "{name} and the hand-written walk differ");
        group.bench_function(name, |bencher| bencher.iter(|| walk(&mut engine)));
    }
}

fn bench_walks(criterion: &mut Criterion) {
    let geometry = *arm64().expect("arm64 is verified").geometry();
    for shape in [Shape::Scattered, Shape::Linear, Shape::Holes, Shape::Blocks] {
        let tables = Tables::new(shape, ENTRIES, SEED, geometry).expect("128 MiB");
        let set = tables.set();
        let mut group = criterion.benchmark_group(format!("walk/arm64-4k/{}", shape.name()));
        group.throughput(Throughput::Elements(tables.entries));
        let scans = Scans { pte: native::present, pmd: native::blocks };
        let expected = native::walk(&set, &scans);
        assert!(expected.leaves > tables.entries * 8 / 10, "{expected:?}");
        group.bench_function("read", |bencher| {
            bencher.iter(|| machine::read_pages(black_box(tables.bytes()), &tables.leaf_tables));
        });
        group.bench_function("native", |bencher| bencher.iter(|| native::walk(&set, &scans)));
        #[cfg(target_arch = "x86_64")]
        if support::vector::is_available() && shape != Shape::Blocks {
            let plain = Scans { pte: support::vector::present, pmd: native::blocks };
            let ahead = Scans { pte: support::vector::present_ahead, pmd: native::blocks };
            assert_eq!([native::walk(&set, &plain), native::walk(&set, &ahead)], [expected; 2]);
            group.bench_function("native-avx512", |bencher| bencher.iter(|| native::walk(&set, &plain)));
            group.bench_function("native-avx512-ahead", |bencher| bencher.iter(|| native::walk(&set, &ahead)));
        }
        bench_engines(&mut group, &tables, &present(), expected);
        group.finish();
        if shape == Shape::Scattered {
            bench_filter(criterion, &tables);
        }
    }
}

/// The same image through a filter that is compiled in.
fn bench_filter(criterion: &mut Criterion, tables: &Tables) {
    let set = tables.set();
    let mut group = criterion.benchmark_group("walk/arm64-4k/scattered-user-write");
    group.throughput(Throughput::Elements(tables.entries));
    let scans = Scans { pte: native::user_writable, pmd: native::blocks };
    let expected = native::walk(&set, &scans);
    assert!(expected.leaves > tables.entries / 2, "{expected:?}");
    group.bench_function("native", |bencher| bencher.iter(|| native::walk(&set, &scans)));
    bench_engines(&mut group, tables, &user_writable(), expected);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(2000));
    targets = bench_walks
}
criterion_main!(benches);
