//! What does one operation cost: a scan of one table that the cache holds, a record, a call, an engine?
//!
//! IDs are `op/<operation>/<engine>`; `benches/README.md` says how to read them.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ptwalk::bench::engines::{Named, arm64, engines, present};
use ptwalk::bench::native::{self, CONFIG};
use ptwalk::bench::tables::{PAGE_BYTES, Shape, Tables};
use ptwalk::bench::{SEED, engines as walks};
use ptwalk::engine::sandbox::{Compiled, Mode};
use ptwalk::engine::{Engine, Fused, Queries, Run, Wanted, Words};
use ptwalk::plugin;
use ptwalk_abi::{Arch, Helper, PhysAddr};
use ptwalk_verifier::validate::ValidPlugin;

/// Words in the tables: a few tables are enough, one of them is scanned.
const ENTRIES: u64 = 4096;

fn bench_scan(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let queries = Queries::walk(plugin.geometry(), &present());
    let tables = Tables::new(Shape::Scattered, ENTRIES, SEED, *plugin.geometry()).expect("small");
    let bytes = &tables.bytes()[tables.leaf_tables[0]..][..PAGE_BYTES];
    let run = Run { bytes, first: 0, ahead: &[] };
    let depth = queries.levels.len() - 1;
    let mut group = criterion.benchmark_group("op/scan");
    group.throughput(Throughput::Elements(PAGE_BYTES as u64 / 8));
    let mut words = [0; 512];
    group.bench_function("native", |bencher| bencher.iter(|| native::present(black_box(run), &mut words)));
    #[cfg(target_arch = "x86_64")]
    if support::vector::is_available() {
        let scan = support::vector::present;
        group.bench_function("native-avx512", |bencher| bencher.iter(|| scan(black_box(run), &mut words)));
    }
    for Named { name, mut engine } in engines(&plugin, &queries, true).expect("arm64 is fused") {
        let mut words = Words::new();
        let mut scan = || engine.scan(depth, black_box(run), &mut words).expect("arm64 does not fail");
        group.bench_function(name, |bencher| bencher.iter(&mut scan));
    }
    group.finish();
}

fn bench_record(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let queries = Queries::walk(plugin.geometry(), &Wanted::ALL);
    let depth = queries.levels.len() - 1;
    let entry = 0x00e8_0004_4880_0f53;
    let mut group = criterion.benchmark_group("op/record");
    for Named { name, mut engine } in engines(&plugin, &queries, true).expect("arm64 is fused") {
        let mut record = || engine.record(depth, black_box(entry)).expect("arm64 does not fail");
        group.bench_function(name, |bencher| bencher.iter(&mut record));
    }
    group.finish();
    let mut group = criterion.benchmark_group("op/call/pte_mkdevmap");
    group.bench_function("native", |bencher| bencher.iter(|| native::ARCH.pte_mkdevmap(black_box(entry))));
    let compiled = Compiled::new(&plugin, Queries::none()).expect("arm64 compiles");
    let mut sandbox = compiled.instantiate(Mode::PerCall).expect("an instance");
    group.bench_function("sandbox", |bencher| {
        bencher.iter(|| sandbox.call(Helper::pte_mkdevmap, [black_box(entry), 0]).expect("arm64 does not fail"));
    });
    group.finish();
}

/// From nothing to an engine, and from the plugin's bytes to the first table walked.
fn bench_prepare(criterion: &mut Criterion) {
    let verified = arm64().expect("arm64 is verified");
    let queries = Queries::walk(verified.geometry(), &present());
    let mut group = criterion.benchmark_group("op/prepare");
    let one = {
        // A query is one level's; the pte's is the one that has most to it.
        let mut one = queries.clone();
        one.levels.drain(..one.levels.len() - 1);
        one
    };
    group.bench_function("fused-one-query", |bencher| {
        bencher.iter(|| Fused::new(&verified, one.clone()).expect("fused"))
    });
    group.bench_function("fused-four-levels", |bencher| {
        bencher.iter(|| Fused::new(&verified, queries.clone()).expect("fused"));
    });
    let everything = Queries::walk(verified.geometry(), &Wanted::ALL);
    group.bench_function("fused-four-levels-everything", |bencher| {
        bencher.iter(|| Fused::new(&verified, everything.clone()).expect("fused"));
    });
    group.bench_function("sandbox-four-levels", |bencher| {
        bencher.iter(|| Compiled::new(&verified, queries.clone()).expect("compiles"));
    });
    let bytes = plugin::read("arm64").expect("embedded");
    let tables = Tables::new(Shape::Scattered, 512, SEED, *verified.geometry()).expect("small");
    group.bench_function("bytes-to-first-table", |bencher| {
        bencher.iter(|| {
            let plugin = std::sync::Arc::new(ValidPlugin::validate(black_box(&bytes)).expect("valid"));
            let verified = plugin::admit("arm64", &plugin, &CONFIG).expect("verified");
            let mut fused = Fused::new(&verified, Queries::walk(verified.geometry(), &present())).expect("fused");
            walks::walk(&mut fused, &tables.set()).expect("arm64 does not fail")
        });
    });
    group.finish();
    assert!(tables.image.next_present(PhysAddr(0)).is_some());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = bench_scan, bench_record, bench_prepare
}
criterion_main!(benches);
