#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use ptwalk_abi::{Config, Extern};

use super::*;
use crate::expr::Evaluator;

mod control;
mod hostile;
mod memory;
mod traps;

const NAMES: [&str; 3] = ["x", "y", "z"];

const CORNERS: [u64; 12] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    u64::MAX - 1,
    0x0123_4567_89ab_cdef,
];

fn bytes(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

fn lift_wat_for(wat: &str, config: &Config) -> Result<Lifted, Findings> {
    let bytes = bytes(wat);
    lift(&Module::decode(&bytes).unwrap(), config, &mut NoOracle)
}

fn lift_wat(wat: &str) -> Result<Lifted, Findings> {
    lift_wat_for(wat, &Config::DEFAULT)
}

/// Lifts a module that has a closed form, and checks the form against replays of the export `f` on corner inputs:
/// result, traps, and the bound on instructions, which some input must reach where `exact` says so.
fn lifted(wat: &str, exact: bool) -> Lifted {
    let found = lift_wat(wat).unwrap();
    let bytes = bytes(wat);
    let module = Module::decode(&bytes).unwrap();
    let export = found.export("f").unwrap();
    let mut most = 0;
    for x in CORNERS {
        for y in CORNERS {
            let replay = replay_export(&module, &Config::DEFAULT, "f", &[x, y]).unwrap();
            let mut evaluator = Evaluator::new(vec![x, y]);
            let hazards: Vec<Hazard> = export
                .obligations
                .iter()
                .filter(|obligation| evaluator.value(&found.arena, obligation.when) != 0)
                .map(|obligation| obligation.hazard)
                .collect();
            match replay.ending {
                Ending::Returned(value) if hazards.is_empty() => {
                    let closed = export.result.map(|result| evaluator.value(&found.arena, result));
                    assert_eq!(closed, value, "f({x:#x}, {y:#x})");
                }
                Ending::Returned(_) => {}
                Ending::Trapped(_) => assert!(!hazards.is_empty(), "f({x:#x}, {y:#x}) traps"),
                Ending::Running => panic!("f({x:#x}, {y:#x}) does not end"),
            }
            if hazards.is_empty() {
                assert!(replay.instructions <= u64::from(export.instructions), "f({x:#x}, {y:#x})");
                most = most.max(replay.instructions);
            }
        }
    }
    if exact {
        assert_eq!(most, u64::from(export.instructions));
    }
    found
}

/// The printed result of `f`.
fn form(found: &Lifted) -> String {
    let export = found.export("f").unwrap();
    found.arena.display(export.result.unwrap(), &NAMES).to_string()
}

/// Hazards of `f` that simplification did not rule out, with the printed condition.
fn hazards(found: &Lifted) -> Vec<(&'static str, String)> {
    let obligations = &found.export("f").unwrap().obligations;
    obligations.iter().map(|o| (o.hazard.code(), found.arena.display(o.when, &NAMES).to_string())).collect()
}

/// The one finding about a module.
fn finding(wat: &str) -> Finding {
    let mut findings = lift_wat(wat).unwrap_err().0;
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

fn func(body: &str) -> String {
    format!(r#"(module (func (export "f") (param $x i64) (result i64) {body}))"#)
}

fn func2(body: &str) -> String {
    format!(r#"(module (func (export "f") (param $x i64) (param $y i64) (result i64) {body}))"#)
}

#[test]
fn helpers_print_as_mathematics() {
    let wat = r#"(module
        (func (export "pte_devmap") (param i64) (result i32)
            local.get 0 i64.const 57 i64.shr_u i32.wrap_i64 i32.const 1 i32.and)
        (func (export "pte_pfn") (param i64) (result i64)
            local.get 0 i64.const 12 i64.shr_u i64.const 0xfffffffff i64.and)
        (func (export "pmd_pfn") (param i64) (result i64)
            local.get 0 i64.const 0xffffffe00000 i64.and i64.const 12 i64.shr_u)
        (func (export "pmd_mkdevmap") (param i64) (result i64)
            local.get 0 i64.const 0x200000000000000 i64.or)
        (func (export "pte_write") (param i64) (result i32)
            local.get 0 i64.const 0x8000000000080 i64.and i64.const 0x8000000000000 i64.eq)
        (func (export "ptwalk_abi_1")))"#;
    let found = lift_wat(wat).unwrap();
    let text = |name: &str| {
        let result = found.export(name).unwrap().result.unwrap();
        found.arena.display(result, &NAMES).to_string()
    };
    assert_eq!(text("pte_devmap"), "x[57]");
    assert_eq!(text("pte_pfn"), "x[47:12]");
    assert_eq!(text("pmd_pfn"), "x[47:21] << 9");
    assert_eq!(text("pmd_mkdevmap"), "x | 1<<57");
    assert_eq!(text("pte_write"), "x[51] & ~x[7]");
    assert_eq!(found.helper(Helper::pte_devmap).unwrap().instructions, 7);
    assert_eq!(found.export("ptwalk_abi_1").unwrap().result, None);
    assert_eq!(found.export("ptwalk_abi_1").unwrap().instructions, 1);
}

#[test]
fn the_configuration_is_folded() {
    let wat = r#"(module
        (import "kconfig" "TRANSPARENT_HUGEPAGE" (func $thp (result i32)))
        (import "kconfig" "PAGE_SHIFT" (func $shift (result i32)))
        (func (export "f") (param $x i64) (result i64)
            (if (result i64) (call $thp)
                (then (i64.shr_u (local.get $x) (i64.extend_i32_u (call $shift))))
                (else (i64.const 0)))))"#;
    let found = lift_wat(wat).unwrap();
    assert_eq!(form(&found), "x[63:12]");
    assert_eq!(found.export("f").unwrap().instructions, 1 + 1 + 1 + 1 + 1 + 1 + 1);
    let off = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, 0);
    let found = lift_wat_for(wat, &off).unwrap();
    assert_eq!(form(&found), "0");
    assert_eq!(found.export("f").unwrap().instructions, 4);
    let big = Config::DEFAULT.with(Extern::PAGE_SHIFT, 16);
    assert_eq!(form(&lift_wat_for(wat, &big).unwrap()), "x[63:16]");
}

#[test]
fn other_imports_are_refused() {
    let called = r#"(module (import "env" "log" (func $l (result i32)))
        (func (export "f") (result i32) (call $l)))"#;
    assert_eq!(finding(called).problem.code(), "S110");
    let unknown = r#"(module (import "kconfig" "NO_SUCH" (func $l (result i32)))
        (func (export "f") (result i32) (call $l)))"#;
    assert_eq!(finding(unknown).problem.code(), "S110");
}
