//! Does fuzzing find what it should? Each seeded fault is switched on and must break a property within a minute.
//!
//! `cargo test --test power --features seeded-faults`. `PTWALK_POWER_SAMPLE=N` takes N faults, others every day, and
//! `PTWALK_POWER_ONLY=A,B` those of these names;
//! `PTWALK_FUZZ_SEED` is the seed of each hunt; `BLESS=1` writes their rows into the table of `docs/soundness.md`.

#[path = "support/finds.rs"]
mod finds;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use finds::finds;
use ptwalk::fuzz::power::{Kill, LIMIT, hunt, oracles};
use ptwalk::fuzz::{Context, Failure, Tally, checked, property};
use ptwalk_verifier::fault::{self, Fault};

const START: &str = "<!-- table: BLESS=1 cargo test --test power --features seeded-faults -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// The faults of today: all, or a sample that moves on with the day, so that each has its turn.
fn today() -> Vec<Fault> {
    let all = Fault::ALL;
    if let Ok(only) = std::env::var("PTWALK_POWER_ONLY") {
        let named = all.iter().copied().filter(|fault| only.split(',').any(|name| name == format!("{fault:?}")));
        let named: Vec<Fault> = named.collect();
        assert_eq!(named.len(), only.split(',').count(), "PTWALK_POWER_ONLY={only}: each is the name of a fault");
        return named;
    }
    let Some(sample) = variable("PTWALK_POWER_SAMPLE").and_then(|sample| usize::try_from(sample).ok()) else {
        return all.to_vec();
    };
    let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() / 86_400);
    let first = usize::try_from(days).expect("a day") * sample;
    (0..sample.min(all.len())).map(|i| all[(first + i) % all.len()]).collect()
}

fn row(fault: Fault, kill: &Kill) -> String {
    let kind = kill.what.split(':').next().unwrap_or_default();
    format!(
        "| {:?} | `{fault:?}` | {} | `{}`: {kind} | {:.1} | {} |\n",
        fault.area(),
        fault.story(),
        kill.property,
        kill.elapsed.as_secs_f64(),
        kill.inputs
    )
}

#[test]
fn every_oracle_exists() {
    for fault in Fault::ALL {
        assert!(!oracles(*fault).is_empty(), "{fault:?}");
        for name in oracles(*fault) {
            assert!(property(name).is_some(), "{fault:?}: no property {name}");
        }
    }
}

/// What choices make changes with the generator that reads them, and what a module shows with the properties. Where the
/// story of a stored find names a seeded fault, which is the bug or one like it, the find shows it still.
#[test]
fn what_was_found_would_be_found_again() -> Result<(), Failure> {
    let mut shown = 0;
    for find in finds()? {
        for fault in Fault::ALL.iter().filter(|fault| find.story.contains(&format!("`{fault:?}`"))) {
            let mut property = (find.entry.make)(&Context::embedded())?;
            let found = fault::with(&[*fault], || checked(property.as_mut(), &find.input, &mut Tally::default()));
            assert!(found.is_err(), "{} does not show {fault:?} any longer: hunt it anew", find.name);
            shown += 1;
        }
    }
    assert!(shown > 0, "no story names its fault");
    Ok(())
}

#[test]
fn every_seeded_fault_is_killed() {
    let folders = ["plugins/c", "verify/accept", "verify/reject"];
    let folders: Vec<PathBuf> = folders.iter().map(|folder| root().join("tests").join(folder)).collect();
    let context = Context::with_folders(&folders).expect("the corpora are part of the repository");
    let mut rows = Vec::new();
    let mut survivors = Vec::new();
    let faults = today();
    for fault in &faults {
        let kill = hunt(*fault, &context, variable("PTWALK_FUZZ_SEED").unwrap_or(1)).expect("the oracles can be made");
        match kill {
            Some(kill) => {
                println!(
                    "{fault:?}: {:.2} s, {} inputs, {}: {}",
                    kill.elapsed.as_secs_f64(),
                    kill.inputs,
                    kill.property,
                    kill.what.lines().next().unwrap_or_default()
                );
                rows.push((*fault, row(*fault, &kill)));
            }
            None => {
                println!("{fault:?}: survives {LIMIT:?}");
                survivors.push(*fault);
            }
        }
    }
    assert!(survivors.is_empty(), "{} of {} survive: {survivors:?}", survivors.len(), faults.len());
    if std::env::var_os("BLESS").is_some() {
        bless(&rows);
    }
}

/// Writes the rows of faults that were hunted, and leaves those of the others as they are.
fn bless(rows: &[(Fault, String)]) {
    let path = root().join("docs/soundness.md");
    let text = std::fs::read_to_string(&path).expect("docs/soundness.md is part of the repository");
    let (head, rest) = text.split_once(START).expect("docs/soundness.md marks where its table begins");
    let (old, tail) = rest.split_at(rest.find("\n\n").map_or(rest.len(), |at| at + 1));
    let mut table = String::from("| part | fault | story | noticed by | s | inputs |\n|---|---|---|---|---:|---:|\n");
    for fault in Fault::ALL {
        let name = format!("| `{fault:?}` |");
        let new = rows.iter().find(|(of, _)| of == fault).map(|(_, row)| row.as_str());
        let kept = old.lines().find(|line| line.contains(&name)).map(|line| format!("{line}\n"));
        table.push_str(new.map(str::to_owned).or(kept).as_deref().unwrap_or_default());
    }
    std::fs::write(&path, format!("{head}{START}{table}{tail}")).expect("writable");
}
