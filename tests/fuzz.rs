//! A bounded fuzz smoke: every property of `ptwalk::fuzz` over random inputs for a few seconds, and every stored find.
//!
//! `PTWALK_FUZZ_SECONDS` (default 2) is the time of each property; `PTWALK_FUZZ_SEED` (default 1) the seed of its first input, which
//! is printed. Input n of seed s is input 0 of seed s + n, and a failure prints that seed and writes the input, made
//! small, into the folder for temporary files.

#[path = "support/finds.rs"]
mod finds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use finds::finds;
use ptwalk::fuzz::{Budget, Context, Failure, PROPERTIES, Tally, checked, property, run};

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

fn context() -> Context {
    let folders = ["plugins/hostile", "plugins/c", "plugins/thread", "verify/accept", "verify/reject"];
    let folders: Vec<PathBuf> = folders.iter().map(|folder| tests().join(folder)).collect();
    let context = Context::with_folders(&folders).expect("the corpora are part of the repository");
    assert!(context.modules.len() > 60, "{} modules", context.modules.len());
    context
}

/// Runs a property for its time, and demands that it reached what it is about.
fn smoke(name: &str) -> Tally {
    // The same inputs every time, so that a change is judged by what it changes; new ones are a campaign's business.
    let seed = variable("PTWALK_FUZZ_SEED").unwrap_or(1);
    let time = Duration::from_secs(variable("PTWALK_FUZZ_SECONDS").unwrap_or(2));
    hold(name, Budget::of(time, seed))
}

/// Runs a property, and panics where it does not hold.
fn hold(name: &str, budget: Budget) -> Tally {
    let (entry, seed) = (property(name).unwrap_or_else(|| panic!("no property {name}")), budget.seed);
    let campaign = run(entry, &context(), budget, &mut |_, _| {}).expect("the property can be made");
    let tally = campaign.tally;
    let others: Vec<String> = tally.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!(
        "{name}: {} inputs from PTWALK_FUZZ_SEED={seed}, {:.0} % of {} accepted, {} executions, {} helpers; {}",
        tally.inputs,
        100.0 * tally.acceptance(),
        tally.judged,
        tally.executions,
        tally.helpers.len(),
        others.join(", ")
    );
    if let Some(finding) = campaign.finding {
        let file = std::env::temp_dir().join(format!("ptwalk-{name}-{:x}.{}", finding.seed, entry.kind.extension()));
        std::fs::write(&file, &finding.input).expect("the folder for temporary files can be written");
        panic!("{name}: PTWALK_FUZZ_SEED={} repeats this, {}: {}", finding.seed, file.display(), finding.what);
    }
    assert!(tally.accepted > 0, "{name} accepted nothing: it reaches nothing behind the first check");
    tally
}

macro_rules! smokes {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            smoke(stringify!($name));
        })*

        #[test]
        fn every_property_has_its_smoke() {
            let names: Vec<&str> = PROPERTIES.iter().map(|entry| entry.name).collect();
            assert_eq!(names, [$(stringify!($name)),*, "gup_model", "gup"]);
        }
    };
}

smokes! {
    cores table_images pgmap_files contents vmcoreinfo law_files zone_files requests sandbox claims hidden engines narrow provers
    alike limits compiled laws walks reference
}

/// Every reason to stop.
#[test]
fn gup_model() {
    let inputs = Budget { inputs: Some(200), ..Budget::of(Duration::from_secs(60), 1) };
    let tally = hold("gup_model", inputs);
    for reason in [
        "complete",
        "none",
        "not_present",
        "protnone",
        "not_permitted",
        "special",
        "longterm_devmap",
        "no_pgmap",
        "refcount",
        "changed",
        "outside_image",
        "access_ok",
        "flags",
        "pci_p2pdma",
        "not_pinnable",
        "secretmem",
        "unshare",
        "hugepd_size",
    ] {
        let stops = tally.counts.get(format!("stop {reason}").as_str()).copied().unwrap_or(0);
        assert!(stops > 3, "{stops} of {} calls stop for {reason}", tally.judged);
    }
    smoke("gup_model");
}

#[test]
fn gup() {
    let tally = smoke("gup");
    assert!(tally.kinds("stop ") > 1, "every call came to the same: {:?}", tally.counts);
}

/// The property that found it holds of it now.
#[test]
fn what_was_found_stays_mended() -> Result<(), Failure> {
    for find in finds()? {
        let mut property = (find.entry.make)(&context())?;
        let verdict = checked(property.as_mut(), &find.input, &mut Tally::default());
        verdict.map_err(|what| format!("{}: {what}\n{}", find.name, find.story))?;
    }
    Ok(())
}
