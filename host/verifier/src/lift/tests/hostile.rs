//! Modules made to exhaust the lifter: refused in bounded time, naming the ceiling.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::*;

/// Time that a hostile module may take. The tests run unoptimised and beside others; the aim is a second in release.
const PATIENCE: Duration = Duration::from_secs(20);

fn refused(wat: &str) -> &'static str {
    let bytes = bytes(wat);
    let start = Instant::now();
    let code = match Module::decode(&bytes) {
        Err(error) => error.code(),
        Ok(module) => match lift(&module, &Config::DEFAULT, &mut NoOracle) {
            Ok(_) => "accepted",
            Err(findings) => findings.0[0].problem.code(),
        },
    };
    assert!(start.elapsed() < PATIENCE, "{code} after {:?}", start.elapsed());
    code
}

/// Case 111.
#[test]
fn nested_blocks() {
    // Assembled by hand: the text parser limits nesting itself.
    let depth = 100_000u32;
    let mut body = vec![0u8];
    body.extend([0x02u8, 0x40].repeat(depth as usize));
    body.extend(vec![0x0bu8; depth as usize + 1]);
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0".to_vec();
    let leb = |mut value: usize| {
        let mut out = Vec::new();
        loop {
            let [low, ..] = (value & 0x7f).to_le_bytes();
            value >>= 7;
            out.push(if value == 0 { low } else { low | 0x80 });
            if value == 0 {
                return out;
            }
        }
    };
    let size = leb(body.len());
    bytes.push(0x0a);
    bytes.extend(leb(1 + size.len() + body.len()));
    bytes.push(1);
    bytes.extend(size);
    bytes.extend(body);
    let start = Instant::now();
    let error = Module::decode(&bytes).unwrap_err();
    assert_eq!(error.code(), "L901", "{error}");
    assert!(start.elapsed() < PATIENCE);
}

/// Case 112.
#[test]
fn a_megabyte_of_multiplications() {
    let body = "local.get $x i64.mul ".repeat(350_000);
    assert_eq!(refused(&func(&format!("local.get $x {body}"))), "T240");
}

/// Case 113.
#[test]
fn a_very_large_table_of_branches() {
    let targets = "0 ".repeat(100_000);
    assert_eq!(
        refused(&func(&format!("(block (br_table {targets} (i32.wrap_i64 (local.get $x)))) local.get $x"))),
        "L903"
    );
}

/// Case 114.
#[test]
fn a_chain_of_ten_thousand_calls() {
    let mut wat = String::from("(module (func $f0 (export \"f\") (call $f1))");
    for at in 1..9_999 {
        write!(wat, "(func $f{at} (call $f{}))", at + 1).unwrap();
    }
    wat.push_str("(func $f9999))");
    assert_eq!(refused(&wat), "K301");
}

#[test]
fn a_graph_of_exponentially_many_calls() {
    let mut wat = String::from("(module (func $f0 (export \"f\") (call $f1) (call $f1))");
    for at in 1..7 {
        let calls = format!("(call $f{})", at + 1).repeat(20);
        write!(wat, "(func $f{at} {calls})").unwrap();
    }
    wat.push_str("(func $f7))");
    assert_eq!(refused(&wat), "T240");
}

/// Operators that cost no fuel still cost work.
#[test]
fn free_operators_in_many_calls() {
    let mut wat = String::from("(module (func $free ");
    wat.push_str(&"(block (nop) (nop))".repeat(10_000));
    wat.push_str(") (func (export \"f\")");
    wat.push_str(&"(call $free)".repeat(1000));
    wat.push_str("))");
    assert_eq!(refused(&wat), "L907");
}

/// Every branch out of the block leaves a state of a thousand words behind.
#[test]
fn many_states_with_many_locals() {
    let mut wat = String::from(r#"(module (func (export "f") (param $x i64) (local "#);
    wat.push_str(&"i64 ".repeat(1000));
    wat.push_str(") (block $out");
    for at in 0..1000 {
        write!(wat, "(br_if $out (i64.eq (local.get $x) (i64.const {at})))").unwrap();
    }
    wat.push_str(")))");
    assert_eq!(refused(&wat), "L908");
}

/// Case 43: Collatz. Nothing bounds it, and an input above the ceiling exists.
#[test]
fn collatz() {
    let wat = func(
        "(block $out (loop $l
            (br_if $out (i64.le_u (local.get $x) (i64.const 1)))
            (if (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1)))
                (then (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 3)) (i64.const 1))))
                (else (local.set $x (i64.shr_u (local.get $x) (i64.const 1)))))
            (br $l)))
         (local.get $x)",
    );
    let code = refused(&wat);
    assert!(["T210", "L910", "L902", "L907"].contains(&code), "{code}");
}

/// A state is duplicated and mixed in every iteration: the DAG stays small, the tree it stands for does not.
#[test]
fn values_that_double() {
    let wat = func(
        "(local $i i32)
         (loop $l
            (local.set $x (i64.add (i64.mul (local.get $x) (local.get $x)) (i64.rotl (local.get $x) (local.get $x))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 200))))
         (local.get $x)",
    );
    let found = lifted(&wat, true);
    assert!(found.arena.len() < 2000);
    assert!(form(&found).len() < 40_000);
}

#[test]
fn a_table_that_is_too_large() {
    let data = "\\01\\02".repeat(20_000);
    let wat = format!(
        r#"(module (memory 1) (data (i32.const 0) "{data}") (func (export "f") (param $x i64) (result i64)
            (i64.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x7fff)))))"#
    );
    assert_eq!(refused(&wat), "L906");
}

#[test]
fn invalid_and_foreign_modules_are_errors() {
    assert_eq!(Module::decode(b"\0asm").unwrap_err().code(), "S100");
    for wat in [
        "(module (func (result f64) (f64.const 0)))",
        "(module (table 1 funcref) (func (param i32) (call_indirect (local.get 0))))",
        "(module (memory 1) (func (drop (memory.grow (i32.const 1)))))",
        r#"(module (import "env" "g" (global i32)))"#,
        "(module (func $s) (start $s))",
    ] {
        let bytes = bytes(wat);
        assert_eq!(Module::decode(&bytes).unwrap_err().code(), "S141", "{wat}");
    }
}
