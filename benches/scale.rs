//! Does an entry cost the same however many there are, and do two threads walk twice as fast?
//!
//! IDs are `scale/<shape>/<millions>`, `scale/<shape>-read/<millions>` (a plain read of the same tables in the same order,
//! which shows what of it is the machine's doing) and `scale/threads/<threads>`; `scale/cold-<shape>…` is the same with
//! nothing of the image in any cache and the image in huge pages, so that images of all sizes meet the same memory. The peak
//! of memory beyond the image is printed.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ptwalk::bench::engines::{arm64, present, walk};
use ptwalk::bench::native::Tally;
use ptwalk::bench::tables::{Shape, Tables};
use ptwalk::bench::{SEED, machine};
use ptwalk::engine::{Fused, Prepared, Queries};
use ptwalk::walk::walk_split;

/// Words in the tables of the image that threads walk: 512 MiB, which no cache holds.
const THREADS_ENTRIES: u64 = 64 << 20;

/// Bytes to read so that caches forget everything else: four times the largest here.
const EVICTION_BYTES: usize = 128 << 20;

/// Peak of memory in use, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn bench_entries(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let mut fused = Fused::new(&plugin, Queries::walk(plugin.geometry(), &present())).expect("arm64 is fused");
    for shape in [Shape::Linear, Shape::Scattered] {
        let mut group = criterion.benchmark_group("scale");
        for millions in [1, 4, 16, 64, 256] {
            let tables = Tables::new(shape, millions << 20, SEED, *plugin.geometry()).expect("2 GiB at most");
            let before = peak_kib();
            walk(&mut fused, &tables.set()).expect("arm64 does not fail");
            println!("{millions} M entries: the walk raised the peak of memory by {} KiB", peak_kib() - before);
            group.throughput(Throughput::Elements(tables.entries));
            let read = BenchmarkId::new(format!("{}-read", shape.name()), millions);
            group.bench_function(read, |bencher| {
                bencher.iter(|| machine::read_pages(black_box(tables.bytes()), &tables.leaf_tables));
            });
            group.bench_function(BenchmarkId::new(shape.name(), millions), |bencher| {
                bencher.iter(|| walk(&mut fused, &tables.set()).expect("arm64 does not fail"));
            });
        }
        group.finish();
    }
}

fn bench_cold_entries(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let mut fused = Fused::new(&plugin, Queries::walk(plugin.geometry(), &present())).expect("arm64 is fused");
    let elsewhere = machine::memory(EVICTION_BYTES);
    let evict = || black_box(machine::read_sequential(black_box(&elsewhere)));
    let mut group = criterion.benchmark_group("scale");
    for shape in [Shape::Linear, Shape::Scattered] {
        for millions in [1, 4, 16, 64, 256] {
            let tables = Tables::in_huge_pages(shape, millions << 20, SEED, *plugin.geometry()).expect("2 GiB at most");
            group.throughput(Throughput::Elements(tables.entries));
            let read = BenchmarkId::new(format!("cold-{}-read", shape.name()), millions);
            group.bench_function(read, |bencher| {
                let read = |_| machine::read_pages(black_box(tables.bytes()), &tables.leaf_tables);
                bencher.iter_batched(evict, read, BatchSize::PerIteration);
            });
            group.bench_function(BenchmarkId::new(format!("cold-{}", shape.name()), millions), |bencher| {
                let walk = |_| walk(&mut fused, &tables.set()).expect("arm64 does not fail");
                bencher.iter_batched(evict, walk, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

fn bench_threads(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let tables = Tables::new(Shape::Scattered, THREADS_ENTRIES, SEED, *plugin.geometry()).expect("512 MiB");
    let fused = Fused::new(&plugin, Queries::walk(plugin.geometry(), &present())).expect("arm64 is fused");
    let prepared = Prepared::Fused(fused.clone());
    let expected = walk(&mut fused.clone(), &tables.set()).expect("arm64 does not fail");
    let mut group = criterion.benchmark_group("scale/threads");
    group.throughput(Throughput::Elements(tables.entries));
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).expect("not 0");
        let walk = || {
            let mut all = Tally::default();
            let whole = tables.set().whole().expect("arm64 has a lower half");
            walk_split(&prepared, &tables.set(), whole, threads, &Tally::default, &mut |part| {
                all.leaves += part.leaves;
                all.sum = all.sum.wrapping_add(part.sum);
                Ok(())
            })
            .expect("arm64 does not fail");
            all
        };
        assert_eq!(walk(), expected, "{threads} threads");
        group.bench_function(BenchmarkId::from_parameter(threads), |bencher| bencher.iter(walk));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(3000));
    targets = bench_entries, bench_cold_entries, bench_threads
}
criterion_main!(benches);
