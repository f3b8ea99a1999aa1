//! `ptwalk explain`: which judge refuses, and at which level.

use serde_json::{Value, json};

use crate::image::{BLOCK, DEVICE, Files, HOLE, KERNEL_PAGE, PAGE, PROTNONE, ROOT, SWAPPED};
use crate::ptwalk;
use crate::support::Memory;
use crate::support::core::ByteOrder;

fn explain(image: &str, va: &str, access: &str, el: &str, more: &[&str], code: i32) -> Value {
    let args = ["explain", image, va, "--access", access, "--el", el, "--json"];
    let document = ptwalk(&[&args[..], more].concat()).exits(code).document();
    assert_eq!((&document["schema"], &document["refused"]), (&json!("ptwalk/1"), &json!(code == 1)), "{document}");
    document
}

fn judges(document: &Value) -> [Value; 4] {
    let of = |judge: &str| [document[judge]["reason"].clone(), document[judge]["level"].clone()];
    let ([mmu, mmu_level], [gup, gup_level]) = (of("mmu"), of("gup"));
    [mmu, mmu_level, gup, gup_level]
}

#[test]
fn both_judges_say_where_they_stop() {
    let files = Files::new();
    let (image, pgmap) = (files.user(), files.pgmap());
    let root = ["--root", ROOT];
    for (va, access, el, code, wanted) in [
        (PAGE, "r", "0", 0, json!(["permitted", null, "complete", null])),
        (PAGE, "w", "0", 0, json!(["permitted", null, "complete", null])),
        (PAGE, "x", "0", 1, json!(["not_permitted", "pte", "complete", null])),
        (PROTNONE, "r", "0", 1, json!(["not_permitted", "pte", "protnone", "pte"])),
        (SWAPPED, "r", "0", 1, json!(["swap", "pte", "not_present", "pte"])),
        (HOLE, "r", "0", 1, json!(["none", "pte", "none", "pte"])),
        (BLOCK, "x", "1", 1, json!(["not_permitted", "pmd", "complete", null])),
        // The MMU has nothing against device memory; GUP wants to know whose it is.
        (DEVICE, "r", "0", 1, json!(["permitted", null, "no_pgmap", "pte"])),
        (DEVICE, "r", "1", 0, json!(["permitted", null, "no_pgmap", "pte"])),
    ] {
        let document = explain(&image, va, access, el, &root, code);
        assert_eq!(json!(judges(&document)), wanted, "{va} {access} EL{el}: {document}");
    }
    let known = explain(&image, DEVICE, "r", "0", &[&root[..], &["--pgmap", &pgmap]].concat(), 0);
    assert_eq!(known["gup"]["permitted"], true);
    let later = explain(&image, DEVICE, "r", "0", &[&root[..], &["--gup-epoch", "6.17"]].concat(), 1);
    assert_eq!((&later["gup"]["epoch"], &later["gup"]["reason"]), (&json!("6.17"), &json!("special")));
}

/// APTable in a table descriptor: the MMU folds it, GUP never looks.
#[test]
fn a_table_that_takes_rights_away_is_refused_by_the_mmu_alone() {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x1000, 0x2003),
        (0x2000, 0x3003),
        (0x3000, 1 << 62 | 0x4003), // APTable[1]: nobody writes below
        (0x4000, 0x00e8_0000_8000_0f53_u64),
    ] {
        memory.store(pa, word);
    }
    let files = Files::new();
    let image = files.write("aptable.elf", &memory.core(ByteOrder::Little, 4096).build());
    let document = explain(&image, "0x0", "w", "0", &["--root", ROOT], 1);
    assert_eq!(json!(judges(&document)), json!(["not_permitted", "pmd", "complete", null]));
    let levels = &document["levels"];
    assert_eq!(levels.as_array().map(Vec::len), Some(4));
    let refuses: Vec<&Value> = levels.as_array().into_iter().flatten().map(|level| &level["mmu"]["refuses"]).collect();
    assert_eq!(refuses, [false, false, true, false]);
    assert_eq!((&levels[2]["gup"], &levels[3]["gup"]), (&json!("table"), &json!("leaf")));
    assert_eq!((&levels[3]["mmu"]["own"]["user"], &levels[3]["mmu"]["folded"]["user"]), (&json!("rw-"), &json!("r--")));
    explain(&image, "0x0", "r", "0", &["--root", ROOT], 0);
}

#[test]
fn kernel_addresses_are_not_for_gup() {
    let files = Files::new();
    let document = explain(&files.kernel(), KERNEL_PAGE, "r", "1", &[], 0);
    assert_eq!(document["gup"], Value::Null);
    explain(&files.kernel(), KERNEL_PAGE, "r", "0", &[], 1);
}

#[test]
fn every_form_names_the_refusing_level() {
    let files = Files::new();
    let image = files.user();
    let args = ["explain", &image, PAGE, "--access", "x", "--el", "0", "--root", ROOT];
    let text = ptwalk(&args).exits(1).out;
    assert!(text.contains("mmu refuses at pte: not_permitted\n"), "{text}");
    assert!(text.contains("gup (v5.3) pins the page\n"), "{text}");
    let csv = ptwalk(&[&args[..], &["--format", "csv"]].concat()).exits(1).out;
    assert_eq!(csv.lines().filter(|line| line.contains(",true,")).count(), 1, "{csv}");
    ptwalk(&["explain", &image, PAGE, "--access", "x", "--el", "2", "--root", ROOT]).exits(2);
    ptwalk(&["explain", &image, PAGE, "--el", "0", "--root", ROOT]).exits(2).says(&["--access"]);
}

/// A page that was not accessed yet, on a CPU that sets the access flag and on one that leaves it to the kernel.
#[test]
fn the_access_flag_counts_where_the_cpu_does_not_set_it() {
    let mut memory = Memory::default();
    for (pa, word) in [(0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x4003), (0x4000, 0x00e8_0000_8000_0b53_u64)] {
        memory.store(pa, word);
    }
    let files = Files::new();
    let image = files.write("old.elf", &memory.core(ByteOrder::Little, 4096).build());
    let root = ["--root", ROOT];
    let set = explain(&image, "0x0", "r", "0", &root, 0);
    assert_eq!(json!(judges(&set)), json!(["permitted", null, "complete", null]));
    assert!(set["note"].as_str().is_some_and(|note| note.contains("ARM64_HW_AFDBM=1")), "{set}");
    let left = explain(&image, "0x0", "r", "0", &[&root[..], &["--config", "ARM64_HW_AFDBM=0"]].concat(), 1);
    assert_eq!(json!(judges(&left)), json!(["access_flag", "pte", "complete", null]));
    assert!(left["note"].as_str().is_some_and(|note| note.contains("does not set it (ARM64_HW_AFDBM=0)")), "{left}");
    // What was accessed needs no note.
    assert_eq!(explain(&files.user(), PAGE, "r", "0", &root, 0)["note"], Value::Null);
}
