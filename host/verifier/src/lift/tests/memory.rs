//! Read-only data, the shadow stack, and everything else that memory must not be used for.

use super::*;

const DATA: &str = r#"(memory 1) (data (i32.const 1024) "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f")"#;
const STACK: &str = r#"(memory 1 1) (global $sp (mut i32) (i32.const 65536))"#;

fn module(head: &str, body: &str) -> String {
    format!(r#"(module {head} (func (export "f") (param $x i64) (param $y i64) (result i64) {body}))"#)
}

/// Cases 67 to 70: the effective address is the sum, not the sum modulo 2^32.
#[test]
fn addresses_outside_the_memory() {
    let constant = module("(memory 1)", "(i64.load (i32.const 65533))");
    assert_eq!(hazards(&lifted(&constant, false)), [("M501", "1".to_owned())]);
    let last = module("(memory 1)", "(i64.load (i32.const 65528))");
    assert!(hazards(&lifted(&last, true)).is_empty());

    let inside = module(
        "(memory 1)",
        "(i64.extend_i32_u (i32.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xffff))))",
    );
    let inside = lifted(&inside, true);
    assert!(hazards(&inside).is_empty());
    assert_eq!(form(&inside), "0");
    let over = module("(memory 1)", "(i64.load (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xffff)))");
    let over = lifted(&over, false);
    let when = over.export("f").unwrap().obligations[0].when;
    assert_eq!(hazards(&over)[0].0, "M502");
    assert_eq!(Evaluator::new(vec![0xfff8]).value(&over.arena, when), 0);
    assert_eq!(Evaluator::new(vec![0xfff9]).value(&over.arena, when), 1);
    let any = module("(memory 1)", "(i64.extend_i32_u (i32.load8_u (i32.wrap_i64 (local.get $x))))");
    assert_eq!(hazards(&lifted(&any, false))[0].0, "M502");

    // 0xffffffff + 1 is 2^32, far outside; modulo 2^32 it would be 0.
    let wraps = module("(memory 1)", "(i64.extend_i32_u (i32.load8_u offset=1 (i32.const -1)))");
    assert_eq!(hazards(&lifted(&wraps, false))[0].0, "M501");
    let wraps = module(
        "(memory 1)",
        "(i64.extend_i32_u (i32.load8_u offset=1 (i32.or (i32.wrap_i64 (local.get $x)) (i32.const -2))))",
    );
    assert_eq!(hazards(&lifted(&wraps, false)), [("M502", "1".to_owned())]);
}

/// Cases 72 and 73.
#[test]
fn tables_are_read_within_their_data() {
    let fits = module(
        DATA,
        "(i64.load8_u (i32.add (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 60))) (i32.const 1024)))",
    );
    let fits = lifted(&fits, true);
    assert!(hazards(&fits).is_empty());
    assert!(form(&fits).ends_with("[x[63:60]]"), "{}", form(&fits));
    let by_offset = module(DATA, "(i64.load8_u offset=1024 (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 60))))");
    assert_eq!(form(&lifted(&by_offset, true)), form(&fits));

    let beyond = module(DATA, "(i64.load8_u offset=1024 (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 31)))");
    let beyond = lifted(&beyond, false);
    assert_eq!(hazards(&beyond), [("M503", "x[4]".to_owned())]);
    let guarded = module(
        DATA,
        "(if (result i64) (i64.lt_u (local.get $x) (i64.const 16))
            (then (i64.load8_u offset=1024 (i32.wrap_i64 (local.get $x)))) (else (i64.const 0)))",
    );
    let guarded = lifted(&guarded, true);
    for obligation in &guarded.export("f").unwrap().obligations {
        for x in CORNERS.into_iter().chain(14..18) {
            assert_eq!(Evaluator::new(vec![x]).value(&guarded.arena, obligation.when), 0);
        }
    }
}

#[test]
fn entries_are_as_wide_as_their_stride() {
    let words = module(
        DATA,
        "(i64.extend_i32_s (i32.load16_s offset=1024 (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 14))))",
    );
    let words = lifted(&words, true);
    assert!(hazards(&words).is_empty());
    let whole = module(
        DATA,
        "(i64.load offset=1024 (i32.shl (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)) (i32.const 3)))",
    );
    let whole = lifted(&whole, true);
    assert_eq!(form(&whole), "{0x1716151413121110, 0x1f1e1d1c1b1a1918}[x[0]]");
    let constant = module(DATA, "(i64.load32_u (i32.const 1026))");
    assert_eq!(form(&lifted(&constant, true)), "0x15141312");
}

/// Case 46: pointers in data lead to data.
#[test]
fn a_list_in_data_is_followed() {
    let list = r#"(memory 1) (data (i32.const 1024)
        "\10\04\00\00\07\00\00\00" "\18\04\00\00\08\00\00\00" "\08\04\00\00\09\00\00\00" "\00\00\00\00\0a\00\00\00")"#;
    let body = "(local $p i32) (local $n i64)
        (local.set $p (i32.add (i32.const 1024) (i32.shl (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)) (i32.const 3))))
        (block $out (loop $l
            (br_if $out (i32.eqz (local.get $p)))
            (local.set $n (i64.add (local.get $n) (i64.load32_u offset=4 (local.get $p))))
            (local.set $p (i32.load (local.get $p)))
            (br $l)))
        (local.get $n)";
    let bytes = bytes(&module(list, body));
    let found = lift(&Module::decode(&bytes).unwrap(), &Config::DEFAULT, &mut LowBits).unwrap();
    let export = found.export("f").unwrap();
    for x in 0..4u64 {
        let mut evaluator = Evaluator::new(vec![x, 0]);
        let sum = [7 + 9 + 8 + 10, 8 + 10, 9 + 8 + 10, 10][usize::try_from(x).unwrap()];
        assert_eq!(evaluator.value(&found.arena, export.result.unwrap()), sum);
        for obligation in &export.obligations {
            assert_eq!(evaluator.value(&found.arena, obligation.when), 0, "{obligation:?}");
        }
    }
}

/// An oracle for conditions on the two low bits of the first argument: it tries all four values.
struct LowBits;

impl Oracle for LowBits {
    fn satisfiable(&mut self, arena: &Arena, condition: ExprId) -> Answer {
        let found = (0..4).find(|x| Evaluator::new(vec![*x]).value(arena, condition) != 0);
        found.map_or(Answer::Never, |x| Answer::Holds(vec![x]))
    }
}

/// Case 74.
#[test]
fn data_is_not_written() {
    let store = module(DATA, "(i64.store8 (i32.const 1030) (local.get $x)) (local.get $x)");
    assert_eq!(hazards(&lifted(&store, false)), [("M510", "1".to_owned())]);
    let computed = module(STACK, "(i64.store8 (i32.wrap_i64 (local.get $x)) (local.get $x)) (local.get $x)");
    assert_eq!(hazards(&lift_wat(&computed).unwrap()), [("M511", "1".to_owned())]);
}

/// Cases 75 and 76.
#[test]
fn the_stack_gives_back_what_was_put_there() {
    let frame = "(global.set $sp (i32.sub (global.get $sp) (i32.const 32)))";
    let restore = "(global.set $sp (i32.add (global.get $sp) (i32.const 32)))";
    let spill = module(
        STACK,
        &format!(
            "{frame} (i64.store offset=8 (global.get $sp) (local.get $x)) (i64.load offset=8 (global.get $sp)) {restore}"
        ),
    );
    let spill = lifted(&spill, true);
    assert_eq!(form(&spill), "x");
    assert!(hazards(&spill).is_empty());
    let export = spill.export("f").unwrap();
    assert!((32..32 + 8 * 8).contains(&export.stack_bytes), "{}", export.stack_bytes);

    let bytes = module(
        STACK,
        "(i64.store (i32.const 65528) (local.get $x)) (i64.store8 (i32.const 65530) (local.get $y)) (i64.load (i32.const 65528))",
    );
    let bytes = lifted(&bytes, true);
    assert_eq!(form(&bytes), "y[7:0] << 16 | x & 0xffffffffff00ffff");

    let part =
        module(STACK, "(i32.store (i32.const 65532) (i32.wrap_i64 (local.get $x))) (i64.load (i32.const 65528))");
    assert_eq!(hazards(&lifted(&part, false)), [("P620", "1".to_owned())]);
    let one_side = module(
        STACK,
        "(if (i64.eqz (local.get $x)) (then (i64.store (i32.const 65528) (local.get $y)))) (i64.load (i32.const 65528))",
    );
    assert_eq!(hazards(&lifted(&one_side, false)), [("P620", "x != 0".to_owned())]);
    let both_sides = module(
        STACK,
        "(if (i64.eqz (local.get $x)) (then (i64.store (i32.const 65528) (local.get $y)))
            (else (i64.store (i32.const 65528) (local.get $x)))) (i64.load (i32.const 65528))",
    );
    let both_sides = lifted(&both_sides, true);
    assert_eq!(form(&both_sides), "if x == 0 then y else x");
    assert!(hazards(&both_sides).is_empty());
}

/// Case 53, and a pointer that is not put back, on one path only.
#[test]
fn the_stack_pointer_stays_and_returns() {
    let wraps = module(
        STACK,
        "(global.set $sp (i32.sub (global.get $sp) (i32.const 65552))) (global.set $sp (i32.const 65536)) (local.get $x)",
    );
    assert_eq!(hazards(&lifted(&wraps, false)), [("K304", "1".to_owned())]);
    let lost = module(
        STACK,
        "(global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
         (if (i64.eqz (local.get $x)) (then (return (i64.const 0))))
         (global.set $sp (i32.add (global.get $sp) (i32.const 16))) (local.get $x)",
    );
    assert_eq!(hazards(&lifted(&lost, false)), [("K305", "x == 0".to_owned())]);
    let deep = module(
        STACK,
        "(global.set $sp (i32.sub (global.get $sp) (i32.const 16384))) (global.set $sp (i32.const 65536)) (local.get $x)",
    );
    assert_eq!(finding(&deep).problem.code(), "K302");
}

/// Case 51, at both ends of the ceiling.
#[test]
fn locals_count_as_stack() {
    let with = |locals: usize| format!(r#"(module (func (export "f") (local {})))"#, "i64 ".repeat(locals));
    let found = finding(&with(2000));
    assert_eq!(found.problem, Problem::StackBytes { bytes: 16_000, limit: 8192 });
    assert!(lift_wat(&with(1024)).is_ok());
    assert!(lift_wat(&with(1025)).is_err());
}

/// Cases 81, 82 and 84.
#[test]
fn nothing_is_kept_between_calls() {
    let counter = r#"(module (global $n (mut i64) (i64.const 0)) (func (export "f") (param i64 i64) (result i64)
        (global.set $n (i64.add (global.get $n) (i64.const 1))) (global.get $n)))"#;
    assert_eq!(hazards(&lift_wat(counter).unwrap()), [("P610", "1".to_owned())]);
    let restored = r#"(module (global $n (mut i64) (i64.const 3)) (func (export "f") (param i64 i64) (result i64)
        (global.set $n (local.get 0)) (i64.add (global.get $n) (i64.const 1)) (global.set $n (i64.const 3))))"#;
    assert!(hazards(&lifted(restored, true)).is_empty());
    let cache = module("(memory 1)", "(i64.load (i32.const 8)) (i64.store (i32.const 8) (local.get $x))");
    assert_eq!(hazards(&lift_wat(&cache).unwrap()), [("P611", "1".to_owned())]);
    let size = module("(memory 1 2)", "(i64.extend_i32_u (memory.size))");
    assert_eq!(hazards(&lifted(&size, false)), [("P602", "1".to_owned())]);
    let fixed = module("(memory 2 2)", "(i64.extend_i32_u (memory.size))");
    let fixed = lifted(&fixed, true);
    assert_eq!((form(&fixed), hazards(&fixed).len()), ("2".to_owned(), 0));
}

/// Case 79: where segments overlap, the last one wins.
#[test]
fn overlapping_segments_are_layered() {
    let head = r#"(memory 1) (data (i32.const 16) "\01\02\03\04") (data (i32.const 18) "\09\0a\0b") (data (i32.const 40) "\07")"#;
    let wat = module(head, "(i64.load32_u (i32.const 16))");
    assert_eq!(form(&lifted(&wat, true)), "0xa090201");
    let wat = module(head, "(i64.load8_u (i32.const 20))");
    assert_eq!(form(&lifted(&wat, true)), "0xb");
}

/// A load that may hit the stack, or no single table, is obliged not to.
#[test]
fn computed_loads_keep_to_data() {
    let head =
        r#"(memory 1) (global $sp (mut i32) (i32.const 1024)) (data (i32.const 1024) "\01\02\03\04\05\06\07\08")"#;
    let wat = module(head, "(i64.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x7ff)))");
    let found = lifted(&wat, false);
    let codes: Vec<&str> = hazards(&found).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["M503", "M504"]);
}
