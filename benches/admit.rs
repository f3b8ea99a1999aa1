//! What does it take to let a plugin in?
//!
//! `benches/README.md` says what each ID means and what one run gave. Every verification measured here must end in a
//! verified plugin: a refusal, which stops early, would compare nothing. Before the stages, the whole matrix of
//! configurations is verified once, and its percentiles are printed.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ptwalk_abi::{Config, Extern, KVersion};
use ptwalk_verifier::bits::budget::{GATES, QueryBudget};
use ptwalk_verifier::blast::Prover;
use ptwalk_verifier::lift::{Module, lift};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawSet, Matrix, Outcome, Session, Timing};

/// What one configuration must not exceed in a release build.
const GOAL: Duration = Duration::from_millis(50);

/// Configurations of which the stages are measured: `PAGE_SHIFT`, `VA_BITS` and `PA_BITS`, and the kernel.
const SPREAD: [(&str, [i32; 3], (u8, u8)); 5] = [
    ("4k-39-v5.3", [12, 39, 48], (5, 3)),
    ("4k-48-v6.12", [12, 48, 48], (6, 12)),
    ("4k-52-v6.18", [12, 52, 52], (6, 18)),
    ("16k-47-v5.15", [14, 47, 48], (5, 15)),
    ("64k-52-v6.1", [16, 52, 52], (6, 1)),
];

fn configs() -> impl Iterator<Item = (&'static str, Config)> {
    SPREAD.into_iter().map(|(name, [page_shift, va_bits, pa_bits], (major, minor))| {
        let version = KVersion::new(major, minor, 0).code();
        let config = Config::DEFAULT
            .with(Extern::PAGE_SHIFT, page_shift)
            .with(Extern::VA_BITS, va_bits)
            .with(Extern::PA_BITS, pa_bits)
            .with(Extern::LINUX_VERSION_CODE, version);
        (name, config)
    })
}

/// One part of the time of a verification.
type Part = fn(&Timing) -> Duration;

fn arm64() -> Arc<ValidPlugin> {
    let bytes = include_bytes!("../walker-plugins/prebuilt/arm64.wasm");
    Arc::new(ValidPlugin::validate(bytes).expect("the shipped plugin is valid"))
}

fn host() -> LawSet {
    LawSet::host().expect("the host's laws are in order")
}

/// The time of each part of one verification, which must succeed.
fn verified(session: &Session<'_>, config: &Config, laws: &LawSet) -> Timing {
    match session.verify(config, laws) {
        Outcome::Verified(plugin) => plugin.timing(),
        Outcome::Refused(report) => panic!("the shipped plugin is refused: {:#?}", report.errors),
    }
}

/// What does not depend on the configuration.
fn bench_once(c: &mut Criterion) {
    let plugin = arm64();
    let mut group = c.benchmark_group("admit/once");
    group.bench_function("validate", |b| b.iter(|| ValidPlugin::validate(black_box(plugin.bytes()))));
    group.bench_function("decode", |b| b.iter(|| Session::new(black_box(&plugin)).is_ok()));
    group.bench_function("parse-laws", |b| b.iter(LawSet::host));
    group.finish();
}

/// From WebAssembly to closed forms; then the proofs, by the verification's own clock; then all of it.
fn bench_stages(c: &mut Criterion) {
    let (plugin, laws) = (arm64(), host());
    let module = Module::decode(plugin.bytes()).expect("a valid plugin can be decoded");
    let session = Session::new(&plugin).expect("a valid plugin can be decoded");
    for (name, config) in configs() {
        let mut group = c.benchmark_group(format!("admit/{name}"));
        group.bench_function("lift", |b| {
            b.iter(|| lift(&module, black_box(&config), &mut Prover::new(GATES, QueryBudget::default())));
        });
        let parts: [(&str, Part); 2] = [("safety", |t| t.safety), ("laws", |t| t.laws)];
        for (part, time) in parts {
            group.bench_function(part, |b| {
                b.iter_custom(|n| (0..n).map(|_| time(&verified(&session, &config, &laws))).sum());
            });
        }
        group.bench_function("verify", |b| b.iter(|| session.verify(black_box(&config), &laws)));
        group.finish();
    }
}

fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    sorted.get((sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Time that this thread has run, which is what a verification takes on an idle core. `None` where Linux does not say.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split(' ').next()?.parse().ok()?))
}

/// Every configuration of the matrix, once each: the parts by the clock, and the whole also by what the thread ran.
fn print_matrix(_: &mut Criterion) {
    let (plugin, laws) = (arm64(), host());
    let session = Session::new(&plugin).expect("a valid plugin can be decoded");
    let mut rows: [(&str, Vec<Duration>); 5] =
        ["lift", "safety", "laws", "all", "all, cpu"].map(|part| (part, Vec::new()));
    for config in Matrix::for_plugin(&plugin).configs() {
        let before = cpu_time();
        let time = verified(&session, config, &laws);
        let cpu = cpu_time().zip(before).map_or(Duration::ZERO, |(after, before)| after - before);
        let times = [time.lift, time.safety, time.laws, time.lift + time.safety + time.laws, cpu];
        rows.iter_mut().zip(times).for_each(|((_, all), time)| all.push(time));
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{} configurations, load {}", rows[0].1.len(), load.trim());
    println!("{:<8} {:>10} {:>10} {:>10} {:>10}  above {GOAL:?}", "", "p50", "p90", "p99", "max");
    for (part, times) in &mut rows {
        times.sort_unstable();
        let shown = [500, 900, 990, 1000].map(|per_mille| format!("{:.1?}", percentile(times, per_mille)));
        let over = times.iter().filter(|time| **time > GOAL).count();
        println!("{part:<8} {:>10} {:>10} {:>10} {:>10}  {over}", shown[0], shown[1], shown[2], shown[3]);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500));
    targets = print_matrix, bench_once, bench_stages
}
criterion_main!(benches);
