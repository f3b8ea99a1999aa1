//! `ptwalk fuzz`: what it finds in plugins, how a find is repeated, and what it says of itself.

use crate::image::Files;
use crate::ptwalk;

/// What is made young is young.
const LAW: &str = "law made_young: forall x: u64. pte_young(pte_mkyoung(x))\n";

/// Wrong for one entry in sixteen.
const WRONG: &str = r#"(module
    (func (export "pte_young") (param i64) (result i32)
        (i32.wrap_i64 (i64.and (i64.shr_u (local.get 0) (i64.const 10)) (i64.const 1))))
    (func (export "pte_mkyoung") (param i64) (result i64)
        (if (result i64) (i64.eq (i64.and (local.get 0) (i64.const 15)) (i64.const 9))
            (then (local.get 0)) (else (i64.or (local.get 0) (i64.const 1024))))))"#;

/// As it should be.
const RIGHT: &str = r#"(module
    (func (export "pte_young") (param i64) (result i32)
        (i32.wrap_i64 (i64.and (i64.shr_u (local.get 0) (i64.const 10)) (i64.const 1))))
    (func (export "pte_mkyoung") (param i64) (result i64) (i64.or (local.get 0) (i64.const 1024))))"#;

#[test]
fn a_plugin_that_breaks_a_law_is_found_out_and_the_input_repeats_it() {
    let files = Files::new();
    let plugin = files.write("wrong.wat", WRONG.as_bytes());
    let folder = files.path("finds").to_str().expect("UTF-8").to_owned();
    let laws = files.write("young.laws", LAW.as_bytes());
    let run = ptwalk(&["fuzz", &plugin, "--laws", &laws, "--seed", "1", "--seconds", "30", "--out", &folder, "--json"]);
    let run = run.exits(1);
    let document = run.document();
    let row = &document["properties"][0];
    assert_eq!(row["name"], "plugin");
    let finding = &row["finding"];
    assert!(
        finding["what"].as_str().is_some_and(|what| what.starts_with("law: made_young does not hold for x = ")),
        "{finding}"
    );
    assert!(finding["bytes"].as_u64() < finding["generated_bytes"].as_u64(), "{finding}");
    let file = finding["file"].as_str().expect("the input is stored").to_owned();
    let replay = ptwalk(&["fuzz", &plugin, "--laws", &laws, "--replay", &file]).exits(1);
    assert!(replay.out.starts_with("plugin: law: made_young"), "{}", replay.out);
    let right = files.write("right.wat", RIGHT.as_bytes());
    let mended = ptwalk(&["fuzz", &right, "--laws", &laws, "--replay", &file]).exits(0);
    assert_eq!(mended.out, "plugin: holds\n");
}

#[test]
fn a_second_plugin_is_compared_helper_by_helper() {
    let files = Files::new();
    let right = files.write("right.wat", RIGHT.as_bytes());
    let other = files.write("other.wat", RIGHT.replace("1024", "3072").as_bytes());
    let folder = files.path("finds").to_str().expect("UTF-8").to_owned();
    let run = ptwalk(&["fuzz", &right, "--against", &other, "--seed", "1", "--out", &folder]).exits(1);
    assert!(run.out.contains("FOUND against: pte_mkyoung("), "{}", run.out);
}

#[test]
fn a_shipped_plugin_and_a_property_hold_and_say_how_much_was_done() {
    let plugin = ptwalk(&["fuzz", "arm64", "--runs", "3", "--seed", "1", "--json"]).exits(0).document();
    let row = &plugin["properties"][0];
    assert_eq!((row["inputs"].as_u64(), row["finding"].is_null()), (Some(3), true));
    assert!(row["executions"].as_u64() > Some(1000) && row["executions_per_s"].as_f64() > Some(0.0), "{row}");
    assert!(row["helpers"].as_array().is_some_and(|helpers| helpers.len() > 100), "{row}");
    let own = ptwalk(&["fuzz", "--property", "claims", "--runs", "50", "--seed", "1", "--seconds", "60"]).exits(0);
    assert!(own.out.starts_with("claims ") && own.out.ends_with("nothing found\n"), "{}", own.out);
}

#[test]
fn properties_are_listed_and_unknown_ones_are_usage() {
    let list = ptwalk(&["fuzz", "--list"]).exits(0);
    for name in ["claims", "narrow", "provers", "compiled", "walks", "plugin"] {
        assert!(list.out.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {}", list.out);
    }
    let list = ptwalk(&["fuzz", "--list", "--json"]).exits(0).document();
    assert_eq!(list["properties"][0]["name"], "cores");
    ptwalk(&["fuzz", "--property", "nothing"]).exits(2).says(&["no property nothing"]).prints_nothing();
    ptwalk(&["fuzz", "--against", "arm64"]).exits(2).prints_nothing();
    let args = ["fuzz", "--against", "arm64", "--property", "claims"];
    ptwalk(&args).exits(2).says(&["are about a plugin"]).prints_nothing();
    ptwalk(&["fuzz", "--replay", "x"]).exits(2).says(&["one --property"]).prints_nothing();
    ptwalk(&["fuzz", "no-such-plugin"]).exits(2).says(&["cannot read plugin"]).prints_nothing();
}

/// A predicate of that body, and a global to count calls in.
fn young(body: &str) -> String {
    format!(
        r#"(module (global $calls (mut i32) (i32.const 0)) (func (export "pte_young") (param i64) (result i32) {body}))"#
    )
}

#[test]
fn what_the_verifier_says_goes_wrong_is_tried_first() {
    let files = Files::new();
    // One word in four billion.
    let hidden = "(if (i64.eq (i64.and (i64.add (i64.mul (local.get 0) (i64.const 3)) (i64.const 77))
        (i64.const 0xffffffff)) (i64.const 0x12345678)) (then (unreachable))) (i32.const 1)";
    let trap = files.write("trap.wat", young(hidden).as_bytes());
    let folder = files.path("finds").to_str().expect("UTF-8").to_owned();
    let run = ptwalk(&["fuzz", &trap, "--runs", "1", "--seed", "1", "--out", &folder]).exits(1);
    assert!(run.says(&["the verifier refuses the plugin"]).out.contains("FOUND trap: pte_young("));
    for (name, law) in [
        ("rare", "law rare: forall x: u64 where x < 0x200. x != 0x155 || pte_present(x) == 5\n"),
        ("three", "law three: forall x: u64, y: u64, z: u64. pte_present(x) == pte_present(z)\n"),
    ] {
        let laws = files.write(name, law.as_bytes());
        let args = ["fuzz", "arm64", "--laws", &laws, "--runs", "1", "--seed", "1", "--out", &folder];
        let run = ptwalk(&args).exits(1);
        assert!(run.out.contains(&format!("FOUND law: {name} does not hold for x = ")), "{}", run.out);
    }
}

#[test]
fn what_a_plugin_keeps_does_not_outlive_an_input() {
    let files = Files::new();
    let counting = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.gt_u (global.get $calls) (i32.const 300)) (then (unreachable))) (i32.const 1)";
    let folder = files.path("finds").to_str().expect("UTF-8").to_owned();
    let plugin = files.write("count.wat", young(counting).as_bytes());
    // No input makes three hundred calls, so that it is the first call that is found.
    let run = ptwalk(&["fuzz", &plugin, "--runs", "100", "--seed", "1", "--out", &folder]);
    let run = run.exits(1).says(&["the verifier refuses the plugin"]);
    assert!(run.out.contains("FOUND state: pte_young("), "{}", run.out);
}

#[test]
fn what_could_find_nothing_is_usage() {
    let files = Files::new();
    let empty = files.write("empty.wat", b"(module)");
    let right = files.write("right.wat", RIGHT.as_bytes());
    let folder = files.path("right.wat").join("below").to_str().expect("UTF-8").to_owned();
    for (args, says) in [
        (&["fuzz", &empty][..], "exports no helper"),
        (&["fuzz", &right, "--against", &empty], "no helper in common"),
        (&["fuzz", &right, "--runs", "0"], "nothing would be checked"),
        (&["fuzz", "--property", "claims", "--kernel", "6.12"], "are about a plugin"),
        (&["fuzz", &right, "--out", &folder], "--out: no file can be written"),
        (&["fuzz", "--property", "plugin"], "name it, as in"),
        (&["fuzz", "--list", "--property", "claims"], "cannot be used with"),
    ] {
        ptwalk(args).exits(2).says(&[says]).prints_nothing();
    }
}

#[test]
fn what_is_found_is_found_though_nobody_reads_it() {
    let files = Files::new();
    let trap = files.write("trap.wat", young("(unreachable)").as_bytes());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ptwalk"));
    command.args(["fuzz", &trap, "--runs", "1", "--seed", "1", "-q", "--out"]).arg(files.path("finds"));
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("the program ends").code(), Some(1));
}

#[test]
fn a_fault_of_one_engine_is_no_finding_about_a_plugin() {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/regress/engines-wasmi-select.wasm");
    ptwalk(&["fuzz", module, "--runs", "20", "--seed", "1"]).exits(0);
}
