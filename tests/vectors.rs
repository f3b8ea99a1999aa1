//! Every row of `tests/vectors/*.tsv` through the WASM plugins, and scans of every word in them.
//!
//! The native build of a plugin answers the same rows in its own crate's tests; here the module that users load must, and
//! so must the closed forms to which the verifier lifts it.

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
use ptwalk_verifier::expr::Evaluator;
use ptwalk_verifier::lift::{Module, NoOracle, lift};
use ptwalk_x86::X86 as X86Cpu;
use rows::Row;
use support::Native;

const ARM64: &str = include_str!("vectors/arm64.tsv");
const X86: &str = include_str!("vectors/x86.tsv");

type Failure = Box<dyn std::error::Error>;

fn native_geometry(cpu: &impl Arch, config: Config) -> Result<Geometry, GeometryError> {
    let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, arg| Ok(cpu.call(helper, [arg, 0])))
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
fn scans_agree<A: Arch>(compiled: &Compiled, cpu: A, words: &[u64]) -> Result<usize, Failure> {
    let mut batched = compiled.instantiate(Mode::Batched)?;
    let mut per_call = compiled.instantiate(Mode::PerCall)?;
    let mut native = Native::new(cpu, batched.queries().to_vec());
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

/// The rows that the closed forms of the module answer otherwise.
fn wrong_forms(module: &Module<'_>, rows: &[Row<'_>]) -> Result<Vec<String>, Failure> {
    let lifted = lift(module, &rows[0].config, &mut NoOracle).map_err(|finding| format!("{finding:?}"))?;
    let mut wrong = Vec::new();
    for row in rows {
        // A generic stub is the host's own.
        let Some(export) = lifted.helper(row.helper) else { continue };
        let form = export.result.ok_or("a helper without a result")?;
        let result = Evaluator::new(row.args.to_vec()).value(&lifted.arena, form);
        if result != row.result {
            wrong.push(format!("line {}: the closed form of {} says {result:#x}", row.line, row.helper));
        }
    }
    Ok(wrong)
}

/// Every row of `text` and every word in it; returns the configurations without a geometry.
fn module_agrees<A: Arch>(name: &str, text: &str, cpu: fn(Config) -> A) -> Result<(usize, Vec<String>), Failure> {
    let rows = rows::parse(text)?;
    assert!(rows.len() > 900, "{} rows", rows.len());
    let words: BTreeSet<u64> = rows.iter().flat_map(|row| row.args).chain([u64::MAX, 1 << 63]).collect();
    let words: Vec<u64> = words.into_iter().collect();
    let mut by_config: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in &rows {
        by_config.entry(row.config_text).or_default().push(*row);
    }
    let plugin = plugin::load(name)?;
    let module = Module::decode(plugin.bytes()).map_err(|error| format!("{error:?}"))?;
    let (mut wrong, mut checked, mut scanned, mut without_geometry) = (Vec::new(), 0, 0, Vec::new());
    for (text, rows) in &by_config {
        let config = rows[0].config;
        let geometry = native_geometry(&cpu(config), config);
        let queries = geometry.as_ref().map(queries).unwrap_or_default();
        let compiled = Compiled::new(plugin.clone(), &config, queries)?;
        let mut sandbox = compiled.instantiate(Mode::PerCall)?;
        wrong.extend(wrong_rows(&mut sandbox, rows));
        wrong.extend(wrong_forms(&module, rows)?);
        checked += rows.len();
        let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
        let asked =
            Geometry::evaluate(page_shift, |helper, arg| sandbox.call(helper, [arg, 0]).map_err(Answer::Engine));
        match (geometry, asked) {
            (Ok(native), Ok(asked)) => {
                assert_eq!(native, asked, "{text}");
                scanned += scans_agree(&compiled, cpu(config), &words).map_err(|error| format!("{text}: {error}"))?;
            }
            (Err(native), Err(Answer::Geometry(asked))) if native == asked => without_geometry.push((*text).to_owned()),
            other => return Err(format!("{text}: {other:?}").into()),
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, rows.len());
    let configs = by_config.len();
    println!(
        "{name}: {checked} rows under {configs} configurations, {scanned} scanned words; no geometry: \
         {without_geometry:?}"
    );
    Ok((configs, without_geometry))
}

#[test]
fn every_arm64_vector_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    let (configs, without_geometry) = module_agrees("arm64", ARM64, Arm64)?;
    // The rows about configurations that arm64 does not have.
    assert!(without_geometry.len() * 10 <= configs, "{without_geometry:?}");
    Ok(())
}

#[test]
fn every_x86_vector_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    let (_, without_geometry) = module_agrees("x86", X86, X86Cpu)?;
    assert_eq!(without_geometry, ["PGTABLE_LEVELS=2", "PGTABLE_LEVELS=3"]);
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
