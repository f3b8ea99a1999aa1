//! How fast are tables walked, by which engine, and how much of it is the machine's doing?
//!
//! `benches/README.md` says what each ID means and what one run gave. Before anything is measured, every engine must
//! give the same answer to every entry and to every request: a bench of different answers compares nothing.

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use ptwalk::engine::query::{gup_queries, walk_queries};
use ptwalk::engine::sandbox::{Compiled, Mode};
use ptwalk::engine::{Engine, Query, Record};
use ptwalk::gup::{FollFlags, GupOutcome, StopReason, get_user_pages_fast};
use ptwalk::plugin;
use ptwalk::walk::{Event, walk_map};
use ptwalk::zone::Zone;
use ptwalk_abi::{Geometry, VirtAddr};
use ptwalk_verifier::validate::ValidPlugin;
use support::machine;
use support::native::{CONFIG, Native};
use support::scalar::{self, Tally};
use support::tables::{Shape, Tables, zone};

/// From this seed every image is made.
const SEED: u64 = 0x7074_7761_6c6b;

/// Bytes that no cache holds.
const MEMORY_BYTES: usize = 256 << 20;

/// Pages of one request: all of [`Shape::Pinnable`].
const GUP_PAGES: i64 = 1 << 16;

const GUP_FLAGS: FollFlags = FollFlags { write: true, longterm: false };

struct Named {
    name: &'static str,
    engine: Box<dyn Engine>,
}

/// The plugin in the sandbox, and the plugin crate compiled in.
fn engines(plugin: &Arc<ValidPlugin>, queries: Vec<Query>, native: Native) -> [Named; 3] {
    let compiled = Compiled::new(plugin.clone(), &CONFIG, queries).expect("the embedded plugin compiles");
    let sandbox = |name, mode| {
        let engine = Box::new(compiled.instantiate(mode).expect("an instance of the embedded plugin"));
        Named { name, engine }
    };
    [
        sandbox("sandbox-per-call", Mode::PerCall),
        sandbox("sandbox-batched", Mode::Batched),
        Named { name: "native", engine: Box::new(native) },
    ]
}

fn walk(engine: &mut dyn Engine, tables: &Tables) -> Tally {
    let set = tables.set();
    let mut tally = Tally::default();
    let range = set.whole().expect("arm64 has a lower half");
    walk_map(engine, &set, range, &mut |event, _| {
        if let Event::Mapping(mapping) = event {
            tally.add_mapping(mapping);
        }
        Ok(())
    })
    .expect("the embedded plugin does not fail");
    tally
}

fn gup(engine: &mut dyn Engine, tables: &Tables, zone: &mut Zone) -> GupOutcome {
    get_user_pages_fast(engine, &tables.set(), zone, VirtAddr(0), GUP_PAGES, GUP_FLAGS)
        .expect("the embedded plugin does not fail")
}

/// Asserts that all engines say the same of every word of the image, at whatever depth it is asked about.
fn assert_same_records(engines: &mut [Named], tables: &Tables) {
    let words: Vec<u64> = tables.bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let depths = engines[0].engine.queries().len();
    for depth in 0..depths {
        for table in words.chunks(512) {
            let mut answers = engines.iter_mut().map(|named| {
                let mut records: Vec<Record> = Vec::new();
                named.engine.scan(depth, table, &mut records).expect("the embedded plugin does not fail");
                (named.name, records)
            });
            let (first, expected) = answers.next().expect("there are engines");
            for (name, records) in answers {
                assert_eq!(records, expected, "{name} and {first} differ at depth {depth}");
            }
        }
    }
}

fn bench_walks(criterion: &mut Criterion) {
    let plugin = plugin::load("arm64").expect("arm64 is embedded");
    let geometry = Compiled::geometry(&plugin, &CONFIG).expect("the default configuration is arm64's");
    for shape in [Shape::Dense, Shape::Holes, Shape::Blocks, Shape::Large] {
        let tables = Tables::new(shape, SEED, geometry);
        let native = Native::walk(&geometry);
        let mut engines = engines(&plugin, walk_queries(&geometry), native);
        // The large image is the dense one again, and takes minutes by single calls.
        let measured = if shape == Shape::Large { &mut engines[1..] } else { &mut engines[..] };
        if shape != Shape::Large {
            assert_same_records(measured, &tables);
        }
        let expected = scalar::walk(&tables.set());
        assert!(expected.mappings > tables.entries / 3 && expected.devmap > 0, "{expected:?}");

        let mut group = criterion.benchmark_group(format!("walk/arm64-4k/{}", shape.name()));
        group.throughput(Throughput::Elements(tables.entries));
        for Named { name, engine } in measured {
            assert_eq!(walk(engine, &tables), expected, "{name} and the hand-written walk differ");
            group.bench_function(*name, |bencher| bencher.iter(|| walk(engine, &tables)));
        }
        group.bench_function("native-scalar", |bencher| bencher.iter(|| scalar::walk(&tables.set())));
        group.finish();
    }
}

fn bench_gup(criterion: &mut Criterion) {
    let plugin = plugin::load("arm64").expect("arm64 is embedded");
    let geometry: Geometry = Compiled::geometry(&plugin, &CONFIG).expect("the default configuration is arm64's");
    let tables = Tables::new(Shape::Pinnable, SEED, geometry);
    let native = Native::gup(&geometry, GUP_FLAGS.write);
    let mut engines = engines(&plugin, gup_queries(&geometry, GUP_FLAGS.write), native);
    assert_same_records(&mut engines, &tables);
    let expected = gup(&mut engines[0].engine, &tables, &mut zone());
    assert_eq!((expected.pages.len() as i64, expected.stop.reason), (GUP_PAGES, StopReason::Complete));

    let mut group = criterion.benchmark_group("walk/arm64-4k/gup-64k");
    group.throughput(Throughput::Elements(GUP_PAGES.unsigned_abs()));
    for Named { name, engine } in &mut engines {
        assert_eq!(gup(engine, &tables, &mut zone()), expected, "{name} and sandbox-per-call differ");
        group.bench_function(*name, |bencher| {
            bencher.iter_batched_ref(zone, |zone| gup(engine, &tables, zone), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn bench_machine(criterion: &mut Criterion) {
    let plugin = plugin::load("arm64").expect("arm64 is embedded");
    let geometry = Compiled::geometry(&plugin, &CONFIG).expect("the default configuration is arm64's");
    let image = Tables::new(Shape::Dense, SEED, geometry).bytes;
    let memory = machine::memory(MEMORY_BYTES);
    let mut group = criterion.benchmark_group("walk/machine");
    read(&mut group, "dense", &image);
    read(&mut group, "memory", &memory);
    group.finish();
}

fn read(group: &mut BenchmarkGroup<'_, WallTime>, what: &str, bytes: &[u8]) {
    let pages = machine::scattered(bytes, SEED);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(format!("sequential/{what}"), |bencher| {
        bencher.iter(|| machine::read_sequential(black_box(bytes)));
    });
    group.bench_function(format!("random-4k/{what}"), |bencher| {
        bencher.iter(|| machine::read_pages(black_box(bytes), &pages));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500));
    targets = bench_machine, bench_walks, bench_gup
}
criterion_main!(benches);
