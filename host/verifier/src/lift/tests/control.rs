//! Branches, calls and loops.

use std::fmt::Write as _;

use super::*;
use crate::bits::budget;
use crate::bits::budget::QueryBudget;
use crate::blast::Prover;

#[test]
fn either_side_of_an_if() {
    let found = lifted(
        &func2(
            "(if (result i64) (i64.lt_u (local.get $x) (local.get $y))
                (then (i64.add (local.get $x) (i64.const 1))) (else (local.get $y)))",
        ),
        true,
    );
    assert_eq!(form(&found), "if x <u y then x + 1 else y");
    let without_else =
        lifted(&func2("(if (i64.eqz (local.get $x)) (then (local.set $x (local.get $y)))) (local.get $x)"), true);
    assert_eq!(form(&without_else), "if x == 0 then y else x");
}

#[test]
fn blocks_take_and_leave_operands() {
    let found = lifted(
        &func2(
            "local.get $x local.get $y
             (block (param i64 i64) (result i64) i64.sub (br_if 0 (i64.eqz (local.get $x))) i64.const 1 i64.add)
             (loop (param i64) (result i64) i64.const 3 i64.mul)",
        ),
        true,
    );
    assert_eq!(form(&found), "(x - y + (x != 0)) * 3");
}

#[test]
fn returns_and_branches_out_of_several_blocks_meet() {
    let found = lifted(
        &func2(
            "(if (i64.eqz (local.get $x)) (then (return (i64.const 10))))
             (block $out (result i64)
                (block $in
                    (br_if $in (i64.eqz (local.get $y)))
                    (br $out (i64.const 20)))
                (i64.const 30))",
        ),
        true,
    );
    assert_eq!(form(&found), "if x == 0 then 0xa else if y == 0 then 0x1e else 0x14");
}

#[test]
fn code_after_a_branch_is_not_run() {
    let found = lifted(
        &func(
            "(block (br 0) (unreachable)) (block (block (br 1)) (unreachable)) (return (local.get $x)) (unreachable)",
        ),
        true,
    );
    assert_eq!(form(&found), "x");
    assert!(hazards(&found).is_empty());
}

#[test]
fn a_table_of_branches() {
    let wat = func(
        "(block $d (block $c (block $b (block $a
            (br_table $a $b $a $c $d (i32.wrap_i64 (local.get $x))))
            (return (i64.const 100)))
            (return (i64.const 200)))
            (return (i64.const 300)))
         (i64.const 400)",
    );
    let found = lifted(&wat, true);
    assert_eq!(
        form(&found),
        "if x[31:2] == 0 & ~x[0] then 0x64 else if x[31:0] == 1 then 0xc8 else if x[31:0] == 3 then 0x12c else 0x190"
    );
}

/// Case 64: the index cannot reach the default, so `unreachable` there is no hazard.
#[test]
fn the_default_of_a_full_table_is_dead() {
    let wat = func(
        "(block $bad (block $c (block $b (block $a
            (br_table $a $b $c $c $bad (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))
            (return (i64.const 1)))
            (return (i64.const 2)))
            (return (i64.const 3)))
         (unreachable)",
    );
    let found = lifted(&wat, true);
    assert!(hazards(&found).is_empty());
    assert_eq!(form(&found), "if x[1:0] == 0 then 1 else if x[1:0] == 1 then 2 else 3");
}

#[test]
fn calls_are_inlined_with_their_own_locals() {
    let wat = r#"(module
        (func $twice (param i64) (result i64) (local i64)
            (local.set 1 (i64.add (local.get 0) (local.get 0)))
            (if (i64.eqz (local.get 0)) (then (return (i64.const 7))))
            (local.get 1))
        (func (export "f") (param $x i64) (param $y i64) (result i64) (local $l i64)
            (local.set $l (i64.const 5))
            (i64.add (call $twice (call $twice (local.get $x))) (local.get $l))))"#;
    let found = lifted(wat, false);
    assert_eq!(form(&found).matches("x == 0").count(), 1, "{}", form(&found));
    let export = found.export("f").unwrap();
    // Entry, two consts/sets, three gets, add; twice: call, entry, seven, and what `if` costs on the longer side.
    assert_eq!(export.obligations, []);
    assert!(export.stack_bytes >= 8 * 6);
}

/// Case 40: 64 diamonds are 2^64 paths, and one word.
#[test]
fn diamonds_that_rebuild_a_word_are_the_word() {
    let mut body = String::from("(local $r i64)");
    for bit in 0..64 {
        write!(
            body,
            "(if (i64.ne (i64.and (local.get $x) (i64.shl (i64.const 1) (i64.const {bit}))) (i64.const 0))
                (then (local.set $r (i64.or (local.get $r) (i64.shl (i64.const 1) (i64.const {bit})))))
                (else (nop)))"
        )
        .unwrap();
    }
    let found = lifted(&func(&(body + "(local.get $r)")), true);
    let export = found.export("f").unwrap();
    assert_eq!(form(&found), "x");
    assert_eq!(export.instructions, 1 + 64 * (8 + 6) + 1);
    assert!(found.arena.len() < 2000, "{} nodes", found.arena.len());
}

/// Case 41: clearing bit after bit ends after at most 64 rounds, by simplification alone.
#[test]
fn a_loop_that_clears_bits_ends() {
    let wat = func(
        "(local $n i64)
         (block $out (loop $l
            (br_if $out (i64.eqz (local.get $x)))
            (local.set $x (i64.and (local.get $x) (i64.sub (local.get $x) (i64.const 1))))
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br $l)))
         (local.get $n)",
    );
    let found = lifted(&wat, true);
    let export = found.export("f").unwrap();
    assert!(found.arena.facts(export.result.unwrap()).max <= 64);
    assert_eq!(export.instructions, 1 + 64 * (3 + 6 + 4 + 1) + 3 + 1);
}

/// The same where the word is a field: its mask must not hide that a bit is cleared.
#[test]
fn a_loop_that_clears_the_bits_of_a_field_ends() {
    let wat = func(
        "(local.set $x (i64.and (local.get $x) (i64.const 0xf0f)))
         (block $out (loop $l
            (br_if $out (i64.eqz (local.get $x)))
            (local.set $x (i64.and (local.get $x) (i64.sub (local.get $x) (i64.const 1))))
            (br $l)))
         (local.get $x)",
    );
    let found = lifted(&wat, true);
    assert_eq!(form(&found), "0");
    assert_eq!(found.export("f").unwrap().instructions, 1 + 4 + 8 * (3 + 6 + 1) + 3 + 1);
}

/// Case 42: shifting a word out counts its length.
#[test]
fn a_loop_that_shifts_ends() {
    let wat = func(
        "(local $n i64)
         (block $out (loop $l
            (br_if $out (i64.eqz (local.get $x)))
            (local.set $x (i64.shr_u (local.get $x) (i64.const 1)))
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br $l)))
         (local.get $n)",
    );
    let found = lifted(&wat, true);
    for x in CORNERS {
        let result = found.export("f").unwrap().result.unwrap();
        let length = 64 - u64::from(x.leading_zeros());
        assert_eq!(Evaluator::new(vec![x]).value(&found.arena, result), length);
    }
}

#[test]
fn counted_loops_fold() {
    let wat = func(
        "(local $i i64)
         (loop $l
            (local.set $x (i64.xor (local.get $x) (local.get $i)))
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $l (i64.lt_u (local.get $i) (i64.const 8))))
         (local.get $x)",
    );
    let found = lifted(&wat, true);
    assert_eq!(form(&found), "x");
    assert_eq!(found.export("f").unwrap().instructions, 1 + 8 * 12 + 1);
}

/// Cases 30, 31, 34: nothing ever leaves the loop.
#[test]
fn loops_without_an_exit_are_refused() {
    let bare = finding(&func("(loop (br 0)) (unreachable)"));
    assert_eq!(bare.problem, Problem::NoExit { iterations: 1, input: None });
    assert_eq!(bare.problem.code(), "T200");
    assert_eq!(bare.place.unwrap().op, "end");
    let copied = finding(&func(
        "(local $y i64) (local.set $y (local.get $x)) (loop (local.get $y) (drop) (br 0)) (unreachable)",
    ));
    assert_eq!(copied.problem.code(), "T200");
    let always = func(
        "(local $i i64)
         (loop $l
            (local.set $i (i64.and (i64.add (local.get $i) (i64.const 1)) (i64.const 255)))
            (br_if $l (i64.lt_u (local.get $i) (i64.const 256))))
         (local.get $i)",
    );
    let always = finding(&always);
    assert!(matches!(always.problem, Problem::NoExit { input: None, .. }), "{always}");
}

/// Case 49: the test is on a copy that the loop does not change.
#[test]
fn a_stale_exit_test_is_refused_with_an_input() {
    let wat = func2(
        "(loop $l (local.set $x (i64.add (local.get $x) (i64.const 1))) (br_if $l (i64.lt_u (local.get $y) (i64.const 10)))) (local.get $x)",
    );
    let Problem::NoExit { input: Some(input), .. } = finding(&wat).problem else {
        panic!("{}", finding(&wat));
    };
    assert!(input[1] < 10);
}

/// Case 32: the loop ends, but not within the ceiling for every input.
#[test]
fn a_loop_up_to_the_argument_is_refused_with_an_input() {
    let wat = func(
        "(local $i i64) (loop $l (local.set $i (i64.add (local.get $i) (i64.const 1))) (br_if $l (i64.lt_u (local.get $i) (local.get $x)))) (local.get $i)",
    );
    let found = finding(&wat);
    let Problem::StillLooping { input, iterations, .. } = &found.problem else { panic!("{found}") };
    assert_eq!(input, &[u64::MAX]);
    assert!(*iterations > 400);
    assert_eq!(found.problem.code(), "T210");
}

/// Case 47: one case of a table goes back to a loop around it.
#[test]
fn a_table_case_that_loops_is_found() {
    let wat = func(
        "(loop $l (block $b (block $a
            (br_table $a $b $l $b (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)))) (nop)))
         (local.get $x)",
    );
    let Problem::NoExit { input: Some(input), .. } = finding(&wat).problem else { panic!("{}", finding(&wat)) };
    assert_eq!(input[0] & 3, 2);
}

/// Case 39: two loops multiply, and the message says what by what.
#[test]
fn nested_loops_show_their_factors() {
    let wat = func(
        "(local $i i32) (local $j i32)
         (loop $outer
            (local.set $j (i32.const 0))
            (loop $inner
                (local.set $j (i32.add (local.get $j) (i32.const 1)))
                (br_if $inner (i32.lt_u (local.get $j) (i32.const 1000))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $outer (i32.lt_u (local.get $i) (i32.const 1000))))
         (local.get $x)",
    );
    let found = finding(&wat);
    let Problem::NestedLoops { factors, .. } = &found.problem else { panic!("{found}") };
    assert_eq!(factors, &[1000, 1000]);
    assert_eq!(found.problem.code(), "T220");
}

/// Cases 36, 37, 38, 55.
#[test]
fn recursion_is_refused_with_its_cycle() {
    let itself = finding(r#"(module (func $f (export "f") (call $f)))"#);
    assert_eq!(itself.problem, Problem::Recursion { cycle: vec![0, 0] });
    assert_eq!(itself.export.as_deref(), Some("f"));
    let three = finding(r#"(module (func $a (export "f") (call $b)) (func $b (call $c)) (func $c (call $a)))"#);
    assert_eq!(three.problem, Problem::Recursion { cycle: vec![0, 1, 2, 0] });
    assert_eq!(three.problem.to_string(), "recursion: 0 → 1 → 2 → 0");
    let guarded = finding(
        r#"(module (func $f (export "f") (param i64) (if (i64.eqz (local.get 0)) (then (return))) (call $f (i64.const 0))))"#,
    );
    assert_eq!(guarded.problem.code(), "T230");
    let exports = finding(r#"(module (func $a (export "f") (call $b)) (func $b (export "g") (call $a)))"#);
    assert_eq!(exports.problem.code(), "T230");
}

/// Case 50, at both ends of the ceiling.
#[test]
fn calls_nest_to_the_ceiling() {
    let chain = |functions: u32| {
        let mut wat = String::from("(module (func $f0 (export \"f\") (call $f1))");
        for at in 1..functions - 1 {
            write!(wat, "(func $f{at} (call $f{}))", at + 1).unwrap();
        }
        write!(wat, "(func $f{}))", functions - 1).unwrap();
        wat
    };
    assert!(lift_wat(&chain(8)).is_ok());
    let found = finding(&chain(9));
    assert_eq!(found.problem, Problem::CallDepth { chain: (0..9).collect(), depth: 9, limit: 8 });
}

/// A loop that ends for a reason simplification does not see ends where the prover says so, and its exits together are
/// unconditional again.
#[test]
fn the_prover_ends_a_loop() {
    // A square is 0 or 1 modulo 4, so the first test leaves.
    let wat = func(
        "(local $n i64)
         (block $out (loop $l
            (br_if $out (i64.ne (i64.and (i64.mul (local.get $x) (local.get $x)) (i64.const 3)) (i64.const 2)))
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br $l)))
         (if (i64.eqz (local.get $x)) (then (unreachable)))
         (local.get $n)",
    );
    let undecided = finding(&wat).problem;
    assert!(matches!(undecided, Problem::UndecidedLoop { .. }), "{undecided}");
    assert_eq!(undecided.code(), "L910");
    let bytes = bytes(&wat);
    let mut prover = Prover::new(budget::GATES, QueryBudget::default());
    let found = lift(&Module::decode(&bytes).unwrap(), &Config::DEFAULT, &mut prover).unwrap();
    assert_eq!(hazards(&found), [("X403", "x == 0".to_owned())]);
    assert_eq!(form(&found), "0");
    assert_eq!(found.export("f").unwrap().instructions, 1 + 8 + 3 + 1);
}

/// Where the samples do not keep a loop running, the prover's model is the input of the message.
#[test]
fn the_prover_finds_an_input_that_loops() {
    let wat = func(
        "(local $i i64)
         (if (i64.ne (i64.mul (local.get $x) (i64.const 3)) (i64.const 0x1234567890abcde7)) (then (return (local.get $x))))
         (loop $l (local.set $i (i64.add (local.get $i) (i64.const 1))) (br_if $l (i64.lt_u (local.get $i) (local.get $x))))
         (local.get $i)",
    );
    let bytes = bytes(&wat);
    let mut prover = Prover::new(budget::GATES, QueryBudget::default());
    let found = lift(&Module::decode(&bytes).unwrap(), &Config::DEFAULT, &mut prover).unwrap_err().0.remove(0);
    let Problem::StillLooping { input, .. } = &found.problem else { panic!("{found}") };
    assert_eq!(input[0].wrapping_mul(3), 0x1234_5678_90ab_cde7);
}

/// An oracle that answers with an input that does not do what it says is not believed.
#[test]
fn a_wrong_witness_is_not_believed() {
    struct Wrong;
    impl Oracle for Wrong {
        fn satisfiable(&mut self, _: &Arena, _: ExprId) -> Answer {
            Answer::Holds(vec![0])
        }
    }
    let wat =
        func("(if (i64.ne (local.get $x) (i64.const 77)) (then (return (local.get $x)))) (loop (br 0)) (unreachable)");
    let bytes = bytes(&wat);
    let found = lift(&Module::decode(&bytes).unwrap(), &Config::DEFAULT, &mut Wrong).unwrap_err().0.remove(0);
    assert!(matches!(found.problem, Problem::UndecidedLoop { .. }), "{found}");
}
