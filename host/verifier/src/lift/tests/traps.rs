//! Division, `unreachable`, and operators with a meaning that is easily got wrong.

use super::*;

/// Cases 56 to 59.
#[test]
fn divisions_are_guarded_or_obliged() {
    let plain = lifted(&func2("(i64.div_u (local.get $x) (local.get $y))"), true);
    assert_eq!(hazards(&plain), [("X401", "y == 0".to_owned())]);
    assert_eq!(form(&plain), "x /u y");
    let place = &plain.export("f").unwrap().obligations[0].place;
    assert_eq!((place.function, place.op.as_str()), (0, "i64.div_u"));
    let module = bytes(&func2("(i64.div_u (local.get $x) (local.get $y))"));
    assert_eq!(module[place.offset], 0x80, "the offset is that of the operator");

    let signed = lifted(
        &func2(
            "(if (result i64) (i64.eqz (local.get $y)) (then (i64.const 0)) (else (i64.div_s (local.get $x) (local.get $y))))",
        ),
        true,
    );
    let [(code, when)] = &hazards(&signed)[..] else { panic!("{:?}", hazards(&signed)) };
    assert_eq!(*code, "X402");
    let when_true = [i64::MIN.cast_unsigned(), u64::MAX];
    let obligation = &signed.export("f").unwrap().obligations[0];
    assert_eq!(Evaluator::new(when_true.to_vec()).value(&signed.arena, obligation.when), 1, "{when}");

    let remainder = lifted(
        &func2(
            "(if (result i64) (i64.eqz (local.get $y)) (then (i64.const 0)) (else (i64.rem_s (local.get $x) (local.get $y))))",
        ),
        true,
    );
    assert!(hazards(&remainder).is_empty());
    let odd = lifted(&func2("(i64.div_u (local.get $x) (i64.or (local.get $y) (i64.const 1)))"), true);
    assert!(hazards(&odd).is_empty());
    assert_eq!(odd.export("f").unwrap().discharged, 1);
}

/// Cases 61 and 62.
#[test]
fn unreachable_is_obliged_with_its_condition() {
    let backdoor = lifted(
        &func("(if (i64.eq (local.get $x) (i64.const 0xdeadbeefcafef00d)) (then (unreachable))) (local.get $x)"),
        false,
    );
    assert_eq!(hazards(&backdoor), [("X403", "x == 0xdeadbeefcafef00d".to_owned())]);
    assert_eq!(form(&backdoor), "x");
    let parity = lifted(
        &func(
            "(if (i32.wrap_i64 (i64.and (i64.add (i64.mul (local.get $x) (local.get $x)) (local.get $x)) (i64.const 1))) (then (unreachable))) (local.get $x)",
        ),
        false,
    );
    assert!(hazards(&parity).is_empty());
    let always = lift_wat(&func("(unreachable)")).unwrap();
    assert_eq!(hazards(&always), [("X403", "1".to_owned())]);
    assert_eq!(always.export("f").unwrap().result, None);
}

/// Case 65: shift amounts count modulo the width.
#[test]
fn shifts_are_modulo_the_width() {
    let same = lifted(&func("(i64.shl (local.get $x) (i64.const 64))"), true);
    assert_eq!(form(&same), "x");
    let wat = r#"(module (func (export "f") (param $x i32) (result i32) (i32.shr_u (local.get $x) (i32.const 37))))"#;
    assert_eq!(form(&lifted(wat, true)), "x[31:5]");
}

#[test]
fn narrow_operators_zero_the_upper_half() {
    let wat = func("(i64.extend_i32_u (i32.add (i32.wrap_i64 (local.get $x)) (i32.const -1)))");
    assert_eq!(form(&lifted(&wat, true)), "x[31:0] - 1");
    let wat = func("(i64.extend32_s (local.get $x))");
    assert_eq!(form(&lifted(&wat, true)), "sext(x[31:0])");
    let wat = func("(i64.extend8_s (local.get $x))");
    assert_eq!(form(&lifted(&wat, true)), "x << 56 >>s 56");
    let wat = func("(i64.extend_i32_s (i32.extend16_s (i32.wrap_i64 (local.get $x))))");
    lifted(&wat, true);
}

/// Every relation, against Rust's.
#[test]
fn relations_are_signed_where_they_say_so() {
    type Relation = (&'static str, fn(i64, i64) -> bool, fn(u64, u64) -> bool);
    let relations: [Relation; 5] = [
        ("lt", |a, b| a < b, |a, b| a < b),
        ("gt", |a, b| a > b, |a, b| a > b),
        ("le", |a, b| a <= b, |a, b| a <= b),
        ("ge", |a, b| a >= b, |a, b| a >= b),
        ("ne", |a, b| a != b, |a, b| a != b),
    ];
    let value = |op: &str, width: &str, x: u64, y: u64| {
        let wat = format!(
            r#"(module (func (export "f") (param $x {width}) (param $y {width}) (result i32)
                ({width}.{op} (local.get $x) (local.get $y))))"#
        );
        let found = lift_wat(&wat).unwrap();
        Evaluator::new(vec![x, y]).value(&found.arena, found.export("f").unwrap().result.unwrap())
    };
    for (op, signed, unsigned) in relations {
        let (op_s, op_u) = if op == "ne" { (op.into(), op.into()) } else { (format!("{op}_s"), format!("{op}_u")) };
        for (x, y) in [(0, 0), (1, 2), (2, 1), (u64::MAX, 0), (0, u64::MAX), (1 << 63, (1 << 63) - 1)] {
            assert_eq!(
                value(&op_s, "i64", x, y),
                u64::from(signed(x.cast_signed(), y.cast_signed())),
                "{op_s} {x:#x} {y:#x}"
            );
            assert_eq!(value(&op_u, "i64", x, y), u64::from(unsigned(x, y)), "{op_u} {x:#x} {y:#x}");
            let (x, y) = (x >> 32, y >> 32);
            let narrow = |value: u64| i64::from(u32::try_from(value).unwrap().cast_signed());
            assert_eq!(value(&op_s, "i32", x, y), u64::from(signed(narrow(x), narrow(y))), "i32 {op_s} {x:#x} {y:#x}");
            assert_eq!(value(&op_u, "i32", x, y), u64::from(unsigned(x, y)), "i32 {op_u} {x:#x} {y:#x}");
        }
    }
}

#[test]
fn a_select_is_a_choice_and_an_instruction() {
    let wat = func2("(select (local.get $x) (local.get $y) (i32.wrap_i64 (local.get $x)))");
    let found = lifted(&wat, true);
    assert_eq!(form(&found), "if x[31:0] == 0 then y else x");
    assert_eq!(found.export("f").unwrap().instructions, 1 + 5);
}

/// What wasmtime charges nothing for: `default_operator_cost`.
#[test]
fn structure_costs_nothing() {
    let wat = func("(block (nop) (drop (local.get $x)) (loop)) (return (local.get $x))");
    assert_eq!(lifted(&wat, true).export("f").unwrap().instructions, 1 + 2);
}
