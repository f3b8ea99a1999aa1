//! Every row of `tests/vectors/*.tsv` through the WASM plugins, and scans of every word in it.
//!
//! The native build of the plugin answers the same rows in its own crate's tests; here the module that users load must.

#[path = "vectors/rows.rs"]
mod rows;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use ptwalk::engine::query::{gup_queries, walk_queries};
use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::engine::{Engine, EngineError, Query};
use ptwalk::plugin;
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Kconfig};
use ptwalk_arm64::Arm64;
use ptwalk_ppc::Ppc;
use rows::Row;
use support::Native;

type Failure = Box<dyn std::error::Error>;

fn native_geometry(config: Config, arch: &impl Arch) -> Result<Geometry, GeometryError> {
    let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, arg| Ok(arch.call(helper, [arg, 0])))
}

/// Every query of a configuration: a walk's, and GUP's for reading and for writing, level by level.
fn queries(geometry: &Geometry) -> Vec<Query> {
    [walk_queries(geometry), gup_queries(geometry, false), gup_queries(geometry, true)].concat()
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

/// Scans `words` by every query: a batch, call by call, and natively.
fn scans_agree(compiled: &Compiled, arch: impl Arch, words: &[u64]) -> Result<usize, Failure> {
    let mut batched = compiled.instantiate(Mode::Batched)?;
    let mut per_call = compiled.instantiate(Mode::PerCall)?;
    let mut native = Native::new(arch, batched.queries().to_vec());
    let mut records = [Vec::new(), Vec::new(), Vec::new()];
    let count = native.queries().len();
    for depth in 0..count {
        batched.scan(depth, words, &mut records[0])?;
        per_call.scan(depth, words, &mut records[1])?;
        native.scan(depth, words, &mut records[2])?;
        for (i, word) in words.iter().enumerate() {
            let answers = [records[0].get(i), records[1].get(i), records[2].get(i)];
            if answers[0].is_none() || answers[0] != answers[1] || answers[0] != answers[2] {
                let level = native.queries()[depth].level;
                return Err(
                    format!("{word:#x} at {level}, query {depth}: batched, per call, native {answers:x?}").into()
                );
            }
        }
    }
    Ok(count * words.len())
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
        let queries = geometry.as_ref().map(queries).unwrap_or_default();
        let compiled = Compiled::new(plugin.clone(), &config, queries)?;
        let mut sandbox = compiled.instantiate(Mode::PerCall)?;
        wrong.extend(wrong_rows(&mut sandbox, rows));
        checked += rows.len();
        let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
        let asked =
            Geometry::evaluate(page_shift, |helper, arg| sandbox.call(helper, [arg, 0]).map_err(Answer::Engine));
        match (geometry, asked) {
            (Ok(native), Ok(asked)) => {
                assert_eq!(native, asked, "{text}");
                scanned += scans_agree(&compiled, arch(config), &words).map_err(|error| format!("{text}: {error}"))?;
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
