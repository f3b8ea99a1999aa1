//! Exit codes 4 and 5: plugins that are refused, and plugins that fail while they run. The messages name the thing, its
//! place and, where there is one, the fix.
//!
//! The plugins are files: those of the verifier's corpus, and `tests/plugins/hostile/*.wat`, whose first lines say the
//! exit code and what must be said.

use std::path::{Path, PathBuf};

use crate::image::Files;
use crate::ptwalk;
use crate::support::Memory;
use crate::support::core::ByteOrder;
use crate::support::program::arg;

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// A table of two levels for the hostile plugins: entries 0 and 3 of the pte table at 0x1000.
fn raw_image(files: &Files) -> String {
    let mut memory = Memory::default();
    memory.store(0, 0x1001);
    memory.store(0x1000, 0x8000_0000_0000_0001);
    memory.store(0x1018, 0x8000_0000_dead_0001);
    files.write("raw", &memory.bytes(ByteOrder::Little, 4096).1)
}

#[test]
fn the_four_refusals_name_the_thing_its_offset_and_the_fix() {
    let files = Files::new();
    let image = raw_image(&files);
    let cases: [(&str, &[&str]); 5] = [
        ("003-import-env-log", &["import env.log", "offset 0x15", "Suggestion: remove the import"]),
        ("003d-import-wrong-signature", &["kconfig.PAGE_SHIFT", "offset 0x17", "Suggestion: in Rust"]),
        ("007-wrong-signature", &["pte_devmap", "offset 0x17", "Suggestion: declare it as"]),
        ("013-f64-add", &["f64.add", "floats", "offset 0x1d", "Suggestion: use i32 and i64 only"]),
        ("010-start-function", &["start function", "offset 0x19", "Suggestion: remove it"]),
    ];
    for (name, texts) in cases {
        let path = tests_folder().join(format!("verify/reject/{name}.wat"));
        let plugin = arg(&path);
        let texts = [texts, &["is refused", plugin]].concat();
        ptwalk(&["plugin", "inspect", plugin]).exits(4).says(&texts).prints_nothing();
        ptwalk(&["plugin", "run", plugin, "pte_none", "0"]).exits(4).says(&texts).prints_nothing();
        for verb in [&["walk", &image, "0"][..], &["dump", &image], &["census", &image], &["gup", &image, "0", "1"]] {
            let options = ["--base", "0", "--root", "0", "--plugin", plugin];
            ptwalk(&[verb, &options].concat()).exits(4).says(&texts).prints_nothing();
        }
    }
}

#[test]
fn text_that_is_no_wat_is_refused_with_line_and_column() {
    let files = Files::new();
    let plugin =
        files.write("typo.wat", b"(module\n  (func (export \"pte_none\") (param i64) (result i32) (i64.eqzz)))\n");
    ptwalk(&["plugin", "inspect", &plugin]).exits(4).says(&["typo.wat", "not well-formed WAT", ":2:"]).prints_nothing();
    let plugin = files.write("text.wasm", b"(module)");
    ptwalk(&["plugin", "inspect", &plugin]).exits(4).says(&["text.wasm", "is refused"]).prints_nothing();
    let huge = files.write("huge.wasm", &vec![0; 17 << 20]);
    ptwalk(&["plugin", "inspect", &huge]).exits(4).says(&["huge.wasm", "is refused"]).prints_nothing();
}

struct Hostile {
    path: PathBuf,
    exit: i32,
    messages: Vec<String>,
}

fn hostile() -> Vec<Hostile> {
    let folder = tests_folder().join("plugins/hostile");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("part of the repository")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("readable");
        let says = |key: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned()).collect()
        };
        let exit = says(";; exit:");
        let [exit] = exit.as_slice() else { panic!("{}: no line `;; exit: N`", path.display()) };
        let messages = says(";; message:");
        assert!(!messages.is_empty(), "{}: no line `;; message: TEXT`", path.display());
        Hostile { path, exit: exit.parse().expect("a number"), messages }
    };
    paths.into_iter().map(read).collect()
}

/// No plugin is trusted: what the verifier refuses meets no image, unless somebody says so.
#[test]
fn what_is_not_verified_walks_nothing_unless_asked() {
    let files = Files::new();
    let image = raw_image(&files);
    for (name, code) in [("divides-by-an-entry", "X401"), ("loops-forever", "T200"), ("no-pte-pfn", "pte_pfn")] {
        let path = tests_folder().join(format!("plugins/hostile/{name}.wat"));
        let options = ["--base", "0", "--root", "0", "--plugin", arg(&path)];
        for verb in [&["walk", &image, "0"][..], &["dump", &image], &["census", &image], &["gup", &image, "0", "1"]] {
            ptwalk(&[verb, &options].concat()).exits(4).says(&[code, "--unverified"]).prints_nothing();
            let fused = [verb, &options, &["--unverified", "--engine", "fused"]].concat();
            ptwalk(&fused).exits(2).says(&["--unverified", "sandbox"]).prints_nothing();
        }
        ptwalk(&["plugin", "run", arg(&path), "pte_young", "1"]).exits(4).says(&[code, "--unverified"]);
    }
}

#[test]
fn hostile_plugins_are_contained_and_named() {
    let files = Files::new();
    let image = raw_image(&files);
    let corpus = hostile();
    assert!(corpus.len() >= 13, "{} plugins", corpus.len());
    for Hostile { path, exit, messages } in &corpus {
        let options = ["--base", "0", "--root", "0", "--unverified", "--plugin", arg(path)];
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        let dump =
            ptwalk(&[&["dump", &image, "--format", "jsonl"], &options[..]].concat()).exits(*exit).says(&messages);
        if *exit == 4 {
            assert_eq!(dump.out, "", "{}", path.display());
        } else if let Some(last) = dump.lines().last() {
            let summary = &last["summary"];
            let ending = (&summary["complete"], &summary["reason"]);
            assert_eq!(ending, (&false.into(), &"plugin_trapped".into()), "{}", path.display());
        }
        ptwalk(&[&["census", &image], &options[..]].concat()).exits(*exit).says(&messages).prints_nothing();
        // Entry 3 is the one that some of them trap on; those that trap on entry 0 trap on 3 too.
        let walk = ptwalk(&[&["walk", &image, "0x3000", "--json"], &options[..]].concat()).exits(*exit);
        if *exit == 5 && !walk.out.is_empty() {
            assert!(walk.err.contains("on 0x0000000000001000[3]"), "{}: {}", path.display(), walk.err);
            let document = walk.document();
            assert_eq!((&document["complete"], &document["reason"]), (&false.into(), &"plugin_trapped".into()));
        }
    }
    // Where it does not trap, a plugin that would trap elsewhere is used; its shape is its own, not the default.
    let path = tests_folder().join("plugins/hostile/traps-on-one-entry.wat");
    let options = ["--base", "0", "--root", "0", "--unverified", "--plugin", arg(&path)];
    ptwalk(&[&["walk", &image, "0"], &options[..]].concat()).exits(0).says(&["4K granule, 2 levels, 30-bit VA"]);
}

/// What was answered before the entry that a plugin traps on is not lost with it.
#[test]
fn mappings_before_the_entry_that_traps_are_printed() {
    let files = Files::new();
    let image = raw_image(&files);
    let path = tests_folder().join("plugins/hostile/traps-on-one-entry.wat");
    let options = ["--base", "0", "--root", "0", "--unverified", "--plugin", arg(&path), "--format", "jsonl"];
    let dump = ptwalk(&[&["dump", &image], &options[..]].concat()).exits(5);
    let first = dump.out.lines().next().unwrap_or_default();
    assert!(first.contains(r#""start":"0x0""#) && first.contains("0x8000000000000001"), "{}", dump.out);
    assert!(dump.err.contains("on 0x0000000000001000[3]"), "{}", dump.err);
}

/// A range that the root does not translate is refused: walking none of it and calling that complete would be a lie.
#[test]
fn gup_beyond_the_lower_half_is_refused_whatever_the_plugin_grants() {
    let files = Files::new();
    let image = raw_image(&files);
    let path = tests_folder().join("plugins/hostile/traps-on-one-entry.wat");
    let text = std::fs::read_to_string(path).expect("part of the repository");
    let grants = "(module\n  (func (export \"TASK_SIZE_MAX\") (result i64) (i64.const 0x1_0000_0000))\n";
    let generous = files.write("generous.wat", text.replacen("(module\n", grants, 1).as_bytes());
    for (start, pages) in [("0x40000000", "1"), ("0x3ffff000", "2")] {
        let options = ["--base", "0", "--root", "0", "--unverified", "--plugin", &generous, "--json"];
        let document = ptwalk(&[&["gup", &image, start, pages], &options[..]].concat()).exits(1).document();
        assert_eq!((&document["pinned"], &document["stop"]["reason"]), (&0.into(), &"access_ok".into()), "{start}");
    }
}

#[test]
fn a_helper_that_fails_is_named_by_plugin_run() {
    let folder = tests_folder().join("plugins/hostile");
    for (name, helper, text) in [
        ("loops-forever", "pte_young", "exceeded its budget"),
        ("recurses", "pte_dirty", "exceeded its stack"),
        ("divides-by-an-entry", "pte_dirty", "divide by zero"),
    ] {
        let path = folder.join(format!("{name}.wat"));
        let call = format!("{helper}(0x80000000dead0001)");
        let run = ptwalk(&["plugin", "run", arg(&path), helper, "0x80000000dead0001", "--json", "--unverified"]);
        let run = run.exits(5).says(&[text, &call]);
        assert_eq!(run.document()["complete"], false);
    }
    let path = folder.join("no-pte-pfn.wat");
    ptwalk(&["plugin", "run", arg(&path), "pte_pfn", "0", "--unverified"]).exits(4).says(&["does not export pte_pfn"]);
    ptwalk(&["plugin", "run", arg(&path), "pte_young", "0", "--unverified"])
        .exits(4)
        .says(&["does not export pte_young"]);
    // A helper with a generic stub answers without an export.
    assert_eq!(
        ptwalk(&["plugin", "run", arg(&path), "pte_special", "0", "--unverified"]).exits(0).out,
        "pte_special(0x0000000000000000) = 0\n"
    );
}
