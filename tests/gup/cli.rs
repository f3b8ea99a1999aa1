//! The scenarios again, as a user runs them: a raw image and a pgmap file on disk, `ptwalk gup --json` over them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{Run, ptwalk};
use crate::{Call, Scenario, number, scenarios, span};

/// Pages that the command line lets one ask for.
const PAGES_MAX: i64 = 1 << 24;

/// The pgmap file of a scenario: its `[[zone.…]]` blocks without that prefix.
fn pgmap_text(scenario: &str) -> String {
    let mut within = false;
    let mut text = String::new();
    for line in scenario.lines() {
        if line.starts_with('[') {
            within = line.starts_with("[[zone.") || line.starts_with("[zone.");
        }
        if within {
            text.push_str(&line.replace("[zone.", "["));
            text.push('\n');
        }
    }
    text
}

struct Files {
    folder: tempfile::TempDir,
    base: u64,
}

impl Files {
    fn new(scenario: &Scenario, text: &str) -> Result<Files, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (base, bytes) = scenario.bytes()?;
        std::fs::write(folder.path().join("image"), bytes)?;
        std::fs::write(folder.path().join("pgmap.toml"), pgmap_text(text))?;
        Ok(Files { folder, base })
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// The command line of a call.
fn arguments(scenario: &Scenario, files: &Files, call: &Call, epoch: &str) -> Vec<String> {
    let config: Vec<String> = scenario.config.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut args: Vec<String> = ["gup", &files.path("image"), &call.va, &call.nr.to_string(), "--json", "--quiet"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
    option("base", format!("{:#x}", files.base));
    option("root", scenario.root.clone());
    option("plugin", scenario.arch.clone());
    option("kernel", scenario.kernel.clone());
    option("config", config.join(","));
    option("gup-epoch", epoch.to_owned());
    option("pgmap", files.path("pgmap.toml"));
    if !call.flags.is_empty() {
        option("flags", call.flags.join(","));
    }
    args.extend(
        [("--write", call.write), ("--longterm", call.longterm)]
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(f, _)| f.to_owned()),
    );
    args
}

fn check(call: &Call, epoch: &str, run: Run) -> Result<(), String> {
    let wanted: Vec<Value> =
        call.pinned.iter().flat_map(|frames| span(frames)).map(|pfn| format!("{pfn:#x}").into()).collect();
    let complete = i64::try_from(wanted.len()).is_ok_and(|pinned| pinned == call.nr);
    let run = run.exits(i32::from(!complete));
    let said = run.document();
    let pinned: Vec<Value> = said["pages"].as_array().into_iter().flatten().map(|page| page["pfn"].clone()).collect();
    let keys = [
        ("schema", json!("ptwalk/1")),
        ("epoch", json!(epoch)),
        ("requested", json!(call.nr)),
        ("pinned", json!(wanted.len())),
        ("errno", json!(call.errno)),
    ];
    if let Some((key, value)) = keys.into_iter().find(|(key, value)| said[*key] != *value) {
        return Err(format!("{key} is {}, wanted {value}", said[key]));
    }
    if pinned != wanted {
        return Err(format!("pages {pinned:?}, wanted {wanted:?}"));
    }
    let stop = &said["stop"];
    let va_wrong = call.stop.va.as_ref().is_some_and(|va| stop["va"] != format!("{:#x}", number(va)));
    let level_wrong = call.stop.level.as_ref().is_some_and(|level| stop["level"] != level.as_str());
    if stop["reason"] != call.stop.reason.as_str() || va_wrong || level_wrong {
        return Err(format!("stop {stop}, wanted {:?}", call.stop));
    }
    Ok(())
}

/// Every call of a scenario, of the first and the last kernel that it names.
fn reproduce(path: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    let scenario: Scenario = toml::from_str(&text)?;
    let files = Files::new(&scenario, &text)?;
    let mut runs = 0;
    // More pages than one may ask for are a usage error, which `tests/cli` covers.
    for call in scenario.call.iter().filter(|call| call.nr <= PAGES_MAX) {
        let named = [call.epochs.first(), call.epochs.last().filter(|_| call.epochs.len() > 1)];
        let mut epochs: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        if epochs.is_empty() {
            epochs.push("5.3");
        }
        for epoch in epochs {
            let args = arguments(&scenario, &files, call, epoch);
            let run = ptwalk(env!("CARGO_BIN_EXE_ptwalk"), &args);
            check(call, epoch, run).map_err(|error| format!("{args:?}: {error}"))?;
            runs += 1;
        }
    }
    Ok(runs)
}

#[test]
fn the_program_reproduces_every_scenario_from_files() {
    let mut failures = Vec::new();
    let mut runs = 0;
    for path in &scenarios() {
        match reproduce(path) {
            Ok(count) => runs += count,
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(failures.is_empty(), "{} scenarios fail:\n{}", failures.len(), failures.join("\n"));
    assert!(runs > 100, "only {runs} runs");
}
