//! A bounded fuzz smoke: every property of `ptwalk::fuzz` over random inputs for a few seconds, and every stored find.
//!
//! `PTWALK_FUZZ_SECONDS` (default 2) is the time of each property; `PTWALK_FUZZ_SEED` (default 1) the seed of its first input, which
//! is printed. Input n of seed s is input 0 of seed s + n, and a failure prints that seed and writes the input, made
//! small, into the folder for temporary files.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    let entry = property(name).unwrap_or_else(|| panic!("no property {name}"));
    let campaign = run(entry, &context(), Budget::of(time, seed), &mut |_, _| {}).expect("the property can be made");
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
            assert_eq!(names, [$(stringify!($name)),*, "gup"]);
        }
    };
}

smokes! {
    cores table_images pgmap_files contents vmcoreinfo law_files zone_files requests sandbox claims hidden engines narrow provers
    alike limits compiled laws walks reference gup_model
}

#[test]
fn gup() {
    let tally = smoke("gup");
    assert!(tally.kinds("stop ") > 1, "every call came to the same: {:?}", tally.counts);
}

/// What fuzzing found once, made small: the property that found it holds of it now. The file's name begins with the
/// property's; its story is the comment of a text, and beside anything else a file of the same name that ends in `.md`.
#[test]
fn what_was_found_stays_mended() -> Result<(), Failure> {
    let mut stories = 0;
    for file in std::fs::read_dir(tests().join("regress"))? {
        let file = file?.path();
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a name")?;
        if name.ends_with(".md") {
            continue;
        }
        let entry = name.split('-').next().and_then(property).ok_or_else(|| format!("{name}: no such property"))?;
        let input = if name.ends_with(".wat") { wat::parse_file(&file)? } else { std::fs::read(&file)? };
        assert!(name.ends_with(".wat") || file.with_extension("md").exists(), "{name} has no story");
        let mut property = (entry.make)(&context())?;
        checked(property.as_mut(), &input, &mut Tally::default()).map_err(|what| format!("{name}: {what}"))?;
        stories += 1;
    }
    assert!(stories > 0, "tests/regress is empty");
    Ok(())
}
