//! The shipped plugins: each verified under every configuration that its architecture has.

use std::collections::BTreeMap;
use std::time::Duration;

use ptwalk_abi::{Extern, KVersion};

use super::*;

const ARM64: &str = "walker-plugins/prebuilt/arm64.wasm";
const X86: &str = "walker-plugins/prebuilt/x86.wasm";

#[test]
fn verifies_under_the_default_configuration() {
    let plugin = load(ARM64);
    let outcome = verify(&plugin, &Config::DEFAULT, &host());
    let report = outcome.report();
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.errors);
    let verified = outcome.verified().expect("the report says so");
    assert_eq!(verified.config(), &Config::DEFAULT);
    assert_eq!(verified.geometry().slots().len(), 4);
    assert_eq!(verified.laws().len(), host().laws().len());
    let proved = report.laws.iter().filter(|law| law.verdict == "proved").count();
    assert!(proved > 300, "only {proved} laws were decided");
    let form = |name: &str| report.exports[name].closed_form.clone().expect("a helper has a result");
    assert_eq!(form("pte_devmap"), "x[57]");
    assert_eq!(form("pte_pfn"), "x[47:12]");
    assert_eq!(form("pmd_mkdevmap"), "x | 1<<57");
    assert_eq!(report.exports["pmd_mkdevmap"].known_ones, Value(1 << 57));
    assert_eq!(report.exports["pte_pfn"].known_zeros, Value(!0 << 36));
}

#[test]
fn every_helper_with_a_meaning_has_a_form() {
    let outcome = verify(&load(ARM64), &Config::DEFAULT, &host());
    let verified = outcome.verified().expect("it verifies");
    let (mut exported, mut stubs) = (0, 0);
    for helper in Helper::ALL.iter().copied() {
        match verified.form(helper).map(|form| form.source) {
            Some(FormSource::Plugin) => {
                assert!(verified.plugin().has(helper), "{helper}");
                exported += 1;
            }
            Some(FormSource::Stub(stub)) => {
                assert_eq!(stub, helper.stub());
                assert!(!verified.plugin().has(helper), "{helper}");
                stubs += 1;
            }
            None => assert_eq!(helper.stub(), ptwalk_abi::Stub::Undefined, "{helper}"),
        }
        assert_eq!(verified.facts(helper).is_some(), verified.plugin().has(helper), "{helper}");
    }
    assert_eq!(exported, verified.plugin().exports().len());
    assert!(stubs > 5, "{stubs}");
}

/// What every configuration of a matrix led to.
fn run(path: &str, matrix: &Matrix) -> (Tally, Vec<Timing>) {
    let start = Instant::now();
    let plugin = load(path);
    let loaded = Instant::now();
    let session = Session::new(&plugin).expect("it can be decoded");
    let decoded = Instant::now();
    let laws = host();
    println!("once: validate {:?}, decode {:?}, parse laws {:?}", loaded - start, decoded - loaded, decoded.elapsed());
    let mut timings = Vec::new();
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let tally = matrix.run(&session, &laws, 2, |case| {
        match (case.supported, &case.outcome) {
            (_, Outcome::Verified(verified)) => timings.push(verified.timing()),
            (Supported::No, _) => {}
            (Supported::Yes, Outcome::Refused(report)) => {
                for error in &report.errors {
                    refused.entry(error.to_string()).or_default().push(described(&case.config));
                }
            }
        }
        true
    });
    assert!(refused.is_empty(), "{refused:#?}");
    (tally, timings)
}

fn described(config: &Config) -> String {
    let set = Extern::ALL.iter().filter(|key| config.value(**key) != key.default());
    let text = |key: &Extern| match key {
        Extern::LINUX_VERSION_CODE => format!("v{}", KVersion::from_code(config.value(*key))),
        key => format!("{key}={}", config.value(*key)),
    };
    set.map(text).collect::<Vec<_>>().join(",")
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn print(tally: &Tally, timings: &[Timing]) {
    println!("{tally:?}");
    for name in ["lift", "safety", "laws", "all"] {
        let of = |timing: &Timing| match name {
            "lift" => timing.lift,
            "safety" => timing.safety,
            "laws" => timing.laws,
            _ => timing.lift + timing.safety + timing.laws,
        };
        let mut times: Vec<Duration> = timings.iter().map(of).collect();
        println!("{name}: p50 {:?}, p99 {:?}", percentile(&mut times, 50), percentile(&mut times, 99));
    }
}

/// A step that is prime to the numbers of shapes, versions and choices meets every value of each.
const STEP: usize = 23;

fn verifies_under_a_sample(path: &str) {
    let all = Matrix::for_plugin(&load(path));
    let sample = all.clone().sample(STEP);
    for key in Extern::ALL.iter().copied() {
        let values = |matrix: &Matrix| {
            let values = matrix.configs().iter().map(|config| config.value(key));
            values.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(values(&sample), values(&all), "the sample misses values of {key}");
    }
    let (tally, timings) = run(path, &sample);
    print(&tally, &timings);
    assert!(tally.passes(), "{tally:?}");
    assert_eq!(tally.verified + tally.unsupported, sample.configs().len());
}

#[test]
fn arm64_verifies_under_a_sample_of_its_matrix() {
    verifies_under_a_sample(ARM64);
}

#[test]
fn x86_verifies_under_a_sample_of_its_matrix() {
    verifies_under_a_sample(X86);
}

fn verifies_under_all(path: &str) {
    let (tally, timings) = run(path, &Matrix::for_plugin(&load(path)));
    print(&tally, &timings);
    assert!(tally.passes(), "{tally:?}");
}

#[test]
#[ignore = "the whole product takes minutes; run with --release"]
fn arm64_verifies_under_the_whole_matrix() {
    verifies_under_all(ARM64);
}

#[test]
#[ignore = "the whole product takes minutes; run with --release"]
fn x86_verifies_under_the_whole_matrix() {
    verifies_under_all(X86);
}
