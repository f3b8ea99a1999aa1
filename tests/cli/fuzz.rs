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
    let out = files.write("marker", b"");
    let folder = std::path::Path::new(&out).parent().and_then(std::path::Path::to_str).expect("a folder").to_owned();
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
    let out = files.write("marker", b"");
    let folder = std::path::Path::new(&out).parent().and_then(std::path::Path::to_str).expect("a folder").to_owned();
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
    ptwalk(&["fuzz", "--property", "nothing"]).exits(2).says(&["no property nothing"]).prints_nothing();
    ptwalk(&["fuzz", "--against", "arm64"]).exits(2).prints_nothing();
    ptwalk(&["fuzz", "--replay", "x"]).exits(2).says(&["one --property"]).prints_nothing();
    ptwalk(&["fuzz", "no-such-plugin"]).exits(2).says(&["cannot read plugin"]).prints_nothing();
}
