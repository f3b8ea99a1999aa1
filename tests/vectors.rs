//! Every row of `tests/vectors/*.tsv` through the WASM plugins, and scans of every word in them.
//!
//! The native build of a plugin answers the same rows in its own crate's tests; here the module that users load must, and
//! so must the closed forms to which the verifier lifts it.

#[path = "vectors/rows.rs"]
mod rows;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use ptwalk::engine::sandbox::{Compiled, Mode, Sandbox};
use ptwalk::engine::{Engine, EngineError, Queries, Record, Run, Wanted, Words};
use ptwalk::gup::{FollFlags, Gup};
use ptwalk::plugin;
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Kconfig};
use ptwalk_arm64::Arm64;
use ptwalk_ppc::Ppc;
use ptwalk_verifier::expr::Evaluator;
use ptwalk_verifier::lift::{Module, NoOracle, lift};
use ptwalk_x86::X86 as X86Cpu;
use rows::Row;

const ARM64: &str = include_str!("vectors/arm64.tsv");
const PPC: &str = include_str!("vectors/ppc.tsv");
const X86: &str = include_str!("vectors/x86.tsv");

type Failure = Box<dyn std::error::Error>;

fn native_geometry(cpu: &impl Arch, config: Config) -> Result<Geometry, GeometryError> {
    let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, arg| Ok(cpu.call(helper, [arg, 0])))
}

/// Every list of queries of a configuration: a walk's, and GUP's for reading and for writing.
fn queries(geometry: &Geometry) -> [Queries; 3] {
    let gup = |flags| Queries::gup(geometry, &Gup::new(flags));
    [Queries::walk(geometry, &Wanted::ALL), gup(FollFlags::NONE), gup(FollFlags::WRITE)]
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
fn scans_agree<A: Arch + Copy + 'static>(
    (name, is_refused): (&str, bool),
    cpu: A,
    config: &Config,
    geometry: &Geometry,
    words: &[u64],
) -> Result<usize, Failure> {
    let mut count = 0;
    for queries in queries(geometry) {
        let of = if is_refused { support::unverified_of } else { support::engines_of };
        let mut engines = of(name, cpu, config, &queries)?;
        let table: Vec<u8> = words.iter().flat_map(|word| bytes_of(&queries, *word)).collect();
        for (depth, query) in queries.levels.iter().enumerate() {
            let slots = 8 << query.scan.layout.index_bits;
            let runs: Vec<&[u8]> = table.chunks(slots.min(4096)).chain(table.chunks(8)).collect();
            let mut answers: Vec<(String, Vec<Record>, Vec<Vec<u64>>)> = Vec::new();
            for (engine_name, engine) in &mut engines {
                let records = words.iter().map(|word| engine.record(depth, *word)).collect::<Result<_, _>>()?;
                let mut scans = Vec::new();
                for bytes in &runs {
                    let mut kept = Words::new();
                    engine.scan(depth, Run { bytes, first: 0, ahead: &[] }, &mut kept)?;
                    scans.push(kept.to_vec());
                }
                answers.push((engine_name.clone(), records, scans));
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

/// Configurations of vectors under which there are no tables, and those under which the plugin is refused.
struct Odd {
    without_geometry: Vec<String>,
    refused: Vec<String>,
}

/// Every row of `text` and every word in it.
fn module_agrees<A: Arch + Copy + 'static>(
    name: &str,
    text: &str,
    cpu: fn(Config) -> A,
) -> Result<(usize, Odd), Failure> {
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
    let (mut wrong, mut checked, mut scanned) = (Vec::new(), 0, 0);
    let (mut without_geometry, mut refused) = (Vec::new(), Vec::new());
    for (text, rows) in &by_config {
        let config = rows[0].config;
        let geometry = native_geometry(&cpu(config), config);
        let compiled = Compiled::unverified(plugin.clone(), &config, Queries::none())?;
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
                let is_refused = plugin::admit(name, &plugin, &config).is_err();
                if is_refused {
                    refused.push((*text).to_owned());
                }
                let agree = scans_agree((name, is_refused), cpu(config), &config, &native, &words);
                scanned += agree.map_err(|error| format!("{text}: {error}"))?;
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
    Ok((configs, Odd { without_geometry, refused }))
}

#[test]
fn every_arm64_vector_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    let (configs, odd) = module_agrees("arm64", ARM64, Arm64)?;
    // The rows about configurations that arm64 does not have.
    assert!(odd.without_geometry.len() * 10 <= configs, "{:?}", odd.without_geometry);
    // No arm64 kernel has puds that are transparent huge pages, and v3 of the series was wrong without any.
    let [puds, v3] =
        ["HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD=1", "LINUX_VERSION_CODE=5.2,DEVMAP_SERIES=30,TRANSPARENT_HUGEPAGE=0"];
    assert_eq!(odd.refused, [puds, v3]);
    Ok(())
}

#[test]
fn every_ppc_vector_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    let (_, odd) = module_agrees("ppc", PPC, Ppc)?;
    assert!(odd.without_geometry.is_empty(), "{:?}", odd.without_geometry);
    assert_eq!(odd.refused, [""; 0]);
    Ok(())
}

#[test]
fn every_x86_vector_holds_in_the_module_and_every_scan_agrees() -> Result<(), Failure> {
    let (_, odd) = module_agrees("x86", X86, X86Cpu)?;
    assert_eq!(odd.without_geometry, ["PGTABLE_LEVELS=2", "PGTABLE_LEVELS=3"]);
    assert_eq!(odd.refused, [""; 0]);
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
