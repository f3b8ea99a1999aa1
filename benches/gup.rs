//! How long does one `get_user_pages_fast` of a million pages take?
//!
//! IDs are `gup/arm64-4k/1m/<engine>`. Every engine pins through the same model of references and device ranges, so that
//! what differs is who answers what an entry means; `read` is the tables read once and nothing done.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ptwalk::bench::engines::{Named, arm64, engines};
use ptwalk::bench::native::NativeGup;
use ptwalk::bench::tables::{Shape, Tables, zone};
use ptwalk::bench::{SEED, machine};
use ptwalk::engine::{Engine, Queries};
use ptwalk::gup::{FollFlags, GupOutcome, StopReason, get_user_pages_fast};
use ptwalk::zone::Zone;
use ptwalk_abi::VirtAddr;

/// Pages of the request.
const PAGES: i64 = 1 << 20;

const FLAGS: FollFlags = FollFlags { write: true, longterm: false };

fn gup<E: Engine>(engine: &mut E, tables: &Tables, zone: &mut Zone) -> GupOutcome {
    get_user_pages_fast(engine, &tables.set(), zone, VirtAddr(0), PAGES, FLAGS).expect("arm64 does not fail")
}

fn bench_gup(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let tables = Tables::new(Shape::Pinnable, PAGES.unsigned_abs(), SEED, *plugin.geometry()).expect("8 MiB");
    let queries = Queries::gup(plugin.geometry(), FLAGS.write);
    let mut native = NativeGup::new(queries.clone());
    let expected = gup(&mut native, &tables, &mut zone());
    assert_eq!((expected.pages.len() as i64, expected.stop.reason), (PAGES, StopReason::Complete));
    let mut group = criterion.benchmark_group("gup/arm64-4k/1m");
    group.throughput(Throughput::Elements(PAGES.unsigned_abs()));
    group.bench_function("read", |bencher| {
        bencher.iter(|| machine::read_pages(black_box(tables.bytes()), &tables.leaf_tables));
    });
    group.bench_function("native", |bencher| {
        bencher.iter_batched_ref(zone, |zone| gup(&mut native, &tables, zone), BatchSize::PerIteration);
    });
    for Named { name, mut engine } in engines(&plugin, &queries, true).expect("arm64 is fused") {
        assert_eq!(gup(&mut engine, &tables, &mut zone()), expected, "{name} and native differ");
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(zone, |zone| gup(&mut engine, &tables, zone), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(2000));
    targets = bench_gup
}
criterion_main!(benches);
