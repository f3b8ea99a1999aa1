//! `ptwalk rmap`: every virtual address of a frame.

use serde_json::{Value, json};

use crate::image::{Files, PAGE, ROOT, user_memory};
use crate::support::core::ByteOrder;
use crate::{ptwalk, ptwalk_with};

/// The user image with a second mapping of frame 0x80000, and with the frame of its block mapped as a page too.
fn image(files: &Files) -> String {
    let mut memory = user_memory();
    memory.store(0x4028, 0x00e0_0000_8000_0fd3);
    memory.store(0x4030, 0x00e8_0000_900f_ff53);
    files.write("aliases.elf", &memory.core(ByteOrder::Little, 4096).build())
}

fn addresses(document: &Value, pa: &str) -> Vec<Value> {
    let mappings = document["mappings"].as_array().expect("a list").iter();
    mappings.filter(|mapping| mapping["pa"] == pa).map(|mapping| mapping["va"].clone()).collect()
}

#[test]
fn several_frames_are_found_in_one_walk() {
    let files = Files::new();
    let image = image(&files);
    let asked = ["0x80000123", "0x900ff008", "0x80001000"];
    let args = [&["rmap", &image], &asked[..], &["--root", ROOT, "--json"]].concat();
    let run = ptwalk(&args).exits(0);
    let document = run.document();
    assert_eq!(document["schema"], "ptwalk/1");
    // The image lacks a table, and so there may be more.
    assert_eq!((&document["complete"], &document["reason"]), (&json!(false), &json!("outside_image")));
    assert_eq!(addresses(&document, "0x80000123"), ["0x400123", "0x405123"]);
    assert_eq!(addresses(&document, "0x900ff008"), ["0x406008", "0x6ff008"]);
    // PROT_NONE: nobody may touch it, and it is mapped.
    assert_eq!(addresses(&document, "0x80001000"), ["0x401000"]);
    let first = &document["mappings"][0];
    assert_eq!((&first["root"], &first["half"], &first["level"]), (&json!("0x1000"), &json!("lower"), &json!("pte")));
    assert_eq!((&first["size"], &first["effective"]["write"]), (&json!(4096), &json!(true)));
    let counts: Vec<_> =
        document["frames"].as_array().expect("a list").iter().map(|frame| frame["mappings"].clone()).collect();
    assert_eq!(counts, [2, 1, 2], "in ascending order of address");
    assert_eq!(run.out, ptwalk(&[&args[..], &["--threads", "3"]].concat()).exits(0).out);
}

#[test]
fn a_frame_that_is_not_mapped_is_exit_code_1() {
    let files = Files::new();
    let image = image(&files);
    let run = ptwalk(&["rmap", &image, "0x80000000", "0x12345000", "--root", ROOT]).exits(1);
    assert!(run.out.contains("0x0000000080000000 <- 0x0000000000400000  pte 4K rw- "), "{}", run.out);
    assert!(run.out.ends_with("0x0000000012345000 not mapped\n"), "{}", run.out);
    // In a part that does not map it.
    ptwalk(&["ptov", &image, "0x80000000", "--root", ROOT, "--range", "0x401000+0x1000"]).exits(1);
    ptwalk(&["p2v", &image, "0x80000000", "--root", ROOT, "--range", &format!("{PAGE}+0x1000")]).exits(0);
}

#[test]
fn addresses_come_from_stdin_too() {
    let files = Files::new();
    let image = image(&files);
    let run =
        ptwalk_with(&["rmap", &image, "-", "--root", ROOT, "--format", "csv"], b"0x80000000\n\n0x70000fff\n").exits(0);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.out);
    assert!(lines.contains(&"0x70000fff,0x404fff,0x1000,lower,pte,4096,0x3e8000070000f53"), "{}", run.out);
    ptwalk_with(&["rmap", &image, "-", "--root", ROOT], b"frame\n").exits(2).says(&["stdin, line 1"]);
    ptwalk(&["rmap", &image, "--root", ROOT]).exits(2);
    let jsonl = ptwalk(&["rmap", &image, "0x70000fff", "--root", ROOT, "--format", "jsonl"]).exits(0).out;
    let last: Value = serde_json::from_str(jsonl.lines().last().expect("a summary")).expect("JSON");
    assert_eq!((jsonl.lines().count(), &last["summary"]["frames"][0]["mappings"]), (2, &json!(1)));
}
