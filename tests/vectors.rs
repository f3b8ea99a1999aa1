//! Every row of `tests/vectors/*.tsv` through the WASM plugins, and scans of every word in it.
//!
//! The native build of the plugin answers the same rows in its own crate's tests; here the module that users load must.

#[path = "vectors/rows.rs"]
mod rows;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::engine::{Engine, EngineError, Queries, Record, Run, Wanted};
use ptwalk::plugin;
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Kconfig};
use ptwalk_arm64::Arm64;
use ptwalk_ppc::Ppc;
use rows::Row;

type Failure = Box<dyn std::error::Error>;

fn native_geometry(config: Config, arch: &impl Arch) -> Result<Geometry, GeometryError> {
    let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, arg| Ok(arch.call(helper, [arg, 0])))
}

/// Every list of queries of a configuration: a walk's, and GUP's for reading and for writing.
fn queries(geometry: &Geometry) -> [Queries; 3] {
    [Queries::walk(geometry, &Wanted::ALL), Queries::gup(geometry, false), Queries::gup(geometry, true)]
}

fn wrong_rows(sandbox: &mut Sandbox, rows: &[Row<'_>]) -> Vec<String> {
    let answer = |row: &Row<'_>| match sandbox.call(row.helper, row.args) {
        Ok(result) if result == row.result => None,
        other => Some(format!(
            "line {} ({}; {}): {}({:#x?}) = {other:#x?}, wanted {:#x}",
            row.line, row.label, row.config_text, row.helper, row.args, row.result
        )),
    };
    rows.iter().filter_map(answer).collect()
}

/// Records and scans of `words` by every query, in every engine; entries are scanned one by one as well, because a scan
/// may end early.
fn scans_agree(name: &str, geometry: &Geometry, config: &Config, words: &[u64]) -> Result<usize, Failure> {
    let mut count = 0;
    for queries in queries(geometry) {
        let mut engines = support::engines(name, config, &queries)?;
        let table: Vec<u8> = words.iter().flat_map(|word| bytes_of(&queries, *word)).collect();
        for (depth, query) in queries.levels.iter().enumerate() {
            let slots = 8 << query.scan.layout.index_bits;
            let runs: Vec<&[u8]> = table.chunks(slots.min(4096)).chain(table.chunks(8)).collect();
            let mut answers: Vec<(String, Vec<Record>, Vec<Vec<u64>>)> = Vec::new();
            for (name, engine) in &mut engines {
                let records = words.iter().map(|word| engine.record(depth, *word)).collect::<Result<_, _>>()?;
                let mut scans = Vec::new();
                for bytes in &runs {
                    let mut kept = Vec::new();
                    engine.scan(depth, Run { bytes, first: 0 }, &mut kept)?;
                    scans.push(kept);
                }
                answers.push((name.clone(), records, scans));
            }
            let (last, expected_records, expected_scans) = answers.pop().ok_or("there are engines")?;
            for (name, records, scans) in answers {
                let differ = (0..words.len()).find(|i| records[*i] != expected_records[*i]);
                if let Some(i) = differ {
                    let (found, expected) = (records[i], expected_records[i]);
                    return Err(
                        format!("{:#x} at {}: {name} {found:x?}, {last} {expected:x?}", words[i], query.level).into()
                    );
                }
                let differ = (0..runs.len()).find(|i| scans[*i] != expected_scans[*i]);
                if let Some(i) = differ {
                    let (found, expected) = (&scans[i], &expected_scans[i]);
                    return Err(
                        format!("{:x?} at {}: {name} {found:x?}, {last} {expected:x?}", runs[i], query.level).into()
                    );
                }
            }
            count += words.len();
        }
    }
    Ok(count)
}

fn bytes_of(queries: &Queries, word: u64) -> [u8; 8] {
    if queries.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
}

#[test]
fn every_vector_of_arm64_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    every_vector_holds("arm64", include_str!("vectors/arm64.tsv"), Arm64)
}

#[test]
fn every_vector_of_ppc_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    every_vector_holds("ppc", include_str!("vectors/ppc.tsv"), Ppc)
}

/// Runs the rows of `vectors` through the plugin called `name`, and beside it the native build, `arch`.
fn every_vector_holds<A: Arch>(name: &str, vectors: &str, arch: fn(Config) -> A) -> Result<(), Failure> {
    let rows = rows::parse(vectors)?;
    assert!(rows.len() > 900, "{} rows", rows.len());
    let words: BTreeSet<u64> = rows.iter().flat_map(|row| row.args).chain([u64::MAX, 1 << 63]).collect();
    let words: Vec<u64> = words.into_iter().collect();
    let mut by_config: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in &rows {
        by_config.entry(row.config_text).or_default().push(*row);
    }
    let plugin = plugin::load(name)?;
    let (mut wrong, mut checked, mut scanned, mut without_geometry) = (Vec::new(), 0, 0, Vec::new());
    for (text, rows) in &by_config {
        let config = rows[0].config;
        let geometry = native_geometry(config, &arch(config));
        let compiled = Compiled::unverified(plugin.clone(), &config, Queries::none())?;
        let mut sandbox = compiled.instantiate(Mode::PerCall)?;
        wrong.extend(wrong_rows(&mut sandbox, rows));
        checked += rows.len();
        let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
        let asked =
            Geometry::evaluate(page_shift, |helper, arg| sandbox.call(helper, [arg, 0]).map_err(Answer::Engine));
        match (geometry, asked) {
            (Ok(native), Ok(asked)) => {
                assert_eq!(native, asked, "{text}");
                scanned += scans_agree(name, &native, &config, &words).map_err(|error| format!("{text}: {error}"))?;
            }
            (Err(native), Err(Answer::Geometry(asked))) if native == asked => without_geometry.push(*text),
            other => return Err(format!("{text}: {other:?}").into()),
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, rows.len());
    // The rows about configurations that the architecture does not have.
    assert!(without_geometry.len() * 10 <= by_config.len(), "{without_geometry:?}");
    let configs = by_config.len();
    println!(
        "{name}: {checked} rows under {configs} configurations, {scanned} scanned words; no geometry: {without_geometry:?}"
    );
    Ok(())
}

/// What asking the sandbox for the geometry may come to.
#[derive(Debug)]
enum Answer {
    Geometry(GeometryError),
    Engine(#[expect(dead_code, reason = "shown in a failure")] EngineError),
}

impl From<GeometryError> for Answer {
    fn from(error: GeometryError) -> Answer {
        Answer::Geometry(error)
    }
}
