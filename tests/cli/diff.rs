//! `ptwalk diff`: two images, two plugins, one plugin twice; on images made word by word, and on real dumps where they are.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::image::{Files, ROOT, user_memory};
use crate::ptwalk;
use crate::support::core::{ByteOrder, CoreBuilder};

/// Where a record starts, how many entries it stands for, and its changes.
type Seen<'a> = (&'a str, u64, Vec<&'a str>);

fn seen(record: &Value) -> Seen<'_> {
    let changes = record["changes"].as_array().expect("a list").iter();
    let changes = changes.map(|change| change.as_str().expect("text")).collect();
    (record["start"].as_str().expect("text"), record["count"].as_u64().expect("a count"), changes)
}

fn changes(document: &Value) -> Vec<Seen<'_>> {
    document["differences"].as_array().expect("a list").iter().map(seen).collect()
}

/// The user image after: a page written to and given to a device, one swapped in, one swapped out elsewhere, the device
/// page gone, the block split into pages, of which two are another frame.
fn after(files: &Files) -> String {
    const PAGE: u64 = 0x00e8_0000_0000_0f53;
    let mut memory = user_memory();
    for (pa, word) in [
        (0x4000, PAGE | 0x8000_0000 | 1 << 57),
        (0x4008, PAGE | 0x8000_1000),
        (0x4010, 6 << 8 | 1 << 2),
        (0x4018, 7 << 8 | 1 << 2),
        (0x4020, 0),
        (0x3018, 0x6003),
    ] {
        memory.store(pa, word);
    }
    for i in 0..512 {
        let frame = 0x9000_0000 + i * 0x1000;
        memory.store(0x6000 + i * 8, PAGE | if i < 2 { frame ^ 0x4000_0000 } else { frame });
    }
    files.write("after.elf", &memory.core(ByteOrder::Little, 4096).build())
}

#[test]
fn two_images_are_compared_entry_by_entry() {
    let files = Files::new();
    let (before, after) = (files.user(), after(&files));
    let run = ptwalk(&["diff", &before, &after, "--root", ROOT, "--range", "0x400000-0x800000", "--json"]).exits(1);
    let document = run.document();
    let wanted: Vec<Seen<'_>> = vec![
        ("0x400000", 1, vec!["newly_devmap"]),
        ("0x401000", 1, vec!["permissions", "attributes"]),
        ("0x402000", 1, vec!["not_present"]),
        ("0x403000", 1, vec!["not_present"]),
        ("0x404000", 1, vec!["unmapped", "no_longer_devmap", "no_longer_special"]),
        ("0x600000", 2, vec!["level", "frame"]),
        ("0x602000", 510, vec!["level"]),
    ];
    assert_eq!(changes(&document), wanted, "{document}");
    assert_eq!(document["complete"], true);
    let summary = &document["summary"];
    assert_eq!(summary["different"], json!({ "entries": 517, "bytes": 0x0020_5000 }));
    assert_eq!(summary["changes"]["level"], json!({ "pte": { "entries": 512, "bytes": 2 << 20 } }));
    assert_eq!(summary["left_out"], 0);
    let first = &document["differences"][0];
    assert_eq!((&first["a"]["attrs"]["devmap"], &first["b"]["attrs"]["devmap"]), (&false.into(), &true.into()));
    assert_eq!((&first["a"]["pfn"], &first["b"]["pa"]), (&"0x80000".into(), &"0x80000000".into()));
    assert_eq!(document["differences"][3]["a"], Value::Null);
    assert_eq!(document["differences"][4]["b"], Value::Null);
    for (i, side) in document["sides"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(side["image"], [before.as_str(), after.as_str()][i]);
        assert_eq!((&side["plugin"], side["sha256"].as_str().map(str::len)), (&"arm64".into(), Some(64)));
    }

    // The other forms agree, on any number of threads.
    let args = |more: &[&'static str]| {
        let mut args = vec!["diff", &before, &after, "--root", ROOT, "--range", "0x400000-0x800000"];
        args.extend(more);
        ptwalk(&args).exits(1)
    };
    for threads in ["1", "2", "7"] {
        let lines = args(&["--format", "jsonl", "--threads", threads]).lines();
        let (last, records) = lines.split_last().expect("a summary");
        assert_eq!(json!(records), document["differences"], "{threads} threads");
        assert_eq!(last["summary"]["changes"], summary["changes"]);
    }
    assert_eq!(args(&["--format", "csv"]).out.lines().count(), 1 + wanted.len());
    let each = args(&["--merge", "none", "--limit", "3", "--format", "jsonl"]).lines();
    assert_eq!((each.len(), &each[3]["summary"]["left_out"]), (4, &514.into()));
    let text = args(&["--limit", "1"]).out;
    for wanted in [
        "0x0000000000400000-0x0000000000401000      4K pte newly_devmap\n",
        "  A pte 0x00e8000080000f53 -> 0x0000000080000000 rw- user young dirty\n",
        "  B pte 0x02e8000080000f53 -> 0x0000000080000000 rw- user young dirty devmap\n",
        "… and 6 more records (--limit)\n",
        "517 entries differ (2068K), 0 are alike (0B)\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn an_image_is_like_itself_and_what_is_not_seen_is_told() {
    let files = Files::new();
    let user = files.user();
    // A table is missing on both sides: no difference, but not complete either.
    let run =
        ptwalk(&["diff", &user, &user, "--root", ROOT, "--json"]).exits(0).says(&["of side A a part is not seen"]);
    let document = run.document();
    assert_eq!((&document["complete"], &document["reason"]), (&false.into(), &"outside_image".into()));
    assert_eq!(document["summary"]["different"]["entries"], 0);
    ptwalk(&["diff", &user, &user, "--root", ROOT, "--range", "0x400000-0x800000", "-q"]).exits(0).says(&[""]);
}

#[test]
fn roots_of_one_half_are_of_the_first_and_the_second_side() {
    let files = Files::new();
    let user = files.user();
    // 0x2000 as a root translates what the pud does.
    let run = ptwalk(&["diff", &user, "--root", ROOT, "--root", "0x2000", "--json"]).exits(1);
    assert!(run.document()["summary"]["different"]["entries"].as_u64() > Some(0));
    ptwalk(&["diff", &user, "--root", "0x1000", "--root", "0x2000", "--root", "0x3000"])
        .exits(2)
        .says(&["3 are given"]);
    ptwalk(&["diff", &user, &user]).exits(3).says(&["--root PA"]);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let files = Files::new();
    let user = files.user();
    let refused = |args: &[&str], code: i32, text: &str| {
        ptwalk(args).exits(code).prints_nothing().says(&[text]);
    };
    refused(&["diff", &user, "--root", ROOT], 2, "nothing to compare");
    refused(&["diff", &user, "--kernel", "5.3", "--kernel", "5.4", "--kernel", "5.5"], 2, "--kernel is given 3 times");
    refused(
        &["diff", &user, &user, "--root", ROOT, "--range", "0x1000000000000+4K"],
        2,
        "no root that both sides have",
    );
    refused(&["diff", &user, &user, &user], 2, "unexpected");
    let broken = files.write("broken.wat", b"(module)");
    refused(&["diff", "--plugin", "arm64", "--plugin", &broken, &user, "--root", ROOT], 4, "REJECTED");
}

/// One address space of x86_64, tables at 0x1000 to 0x4000, with a page that v6.6 has saved as dirty.
fn x86(files: &Files) -> String {
    let mut tables = vec![0; 0x4000];
    let words = [(0, 0x2067), (0x1000, 0x3067), (0x2000, 0x4067), (0x3000, 0x9000 | 1 << 58 | 0x25), (0x3008, 0xa067)];
    for (at, word) in words {
        tables[at..at + 8].copy_from_slice(&u64::to_le_bytes(word));
    }
    files.write("x86.elf", &CoreBuilder::new(ByteOrder::Little, 62).load(0x1000, &tables).build())
}

#[test]
fn a_plugin_for_two_kernels_reads_dirty_pages_as_device_memory_on_one() {
    let files = Files::new();
    let image = x86(&files);
    let run = ptwalk(&["diff", "--kernel", "6.6", "--kernel", "5.3", &image, "--root", "0x1000", "--json"]).exits(1);
    let document = run.document();
    // Bit 58 is SAVED_DIRTY of v6.6 and a software bit that v5.3 calls devmap.
    assert_eq!(document["summary"]["changes"]["newly_devmap"]["pte"]["entries"], 1, "{document}");
    assert_eq!(document["summary"]["alike"]["entries"], 1);
    let configs: Vec<&str> = [0, 1].map(|side| document["sides"][side]["config"].as_str().expect("text")).to_vec();
    assert!(configs[0].starts_with("v6.6,") && configs[1].starts_with("v5.3,"), "{configs:?}");
    let same = ptwalk(&[
        "diff",
        "--config",
        "TRANSPARENT_HUGEPAGE=1",
        "--config",
        "LINUX_VERSION_CODE=5.3",
        &image,
        "--root",
        "0x1000",
    ]);
    same.exits(0);
}

#[test]
fn two_plugins_read_one_image() {
    let files = Files::new();
    let user = files.user();
    let wat = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/arm64/plugin.wat");
    let wat = wat.to_str().expect("UTF-8");
    let common = ["--root", ROOT, "--range", "0x400000-0x800000", "--kernel", "5.3"];
    let run = |plugins: [&str; 2]| {
        let mut args = vec!["diff", "--plugin", plugins[0], "--plugin", plugins[1], &user];
        args.extend(common);
        ptwalk(&args)
    };
    let same = run(["arm64", wat]).exits(0);
    assert!(same.out.contains("@NAME@ 0.1.0"), "{}", same.out);
    let edited = files.write("edited.wat", crate::watch::other_devmap().as_bytes());
    assert!(run([wat, &edited]).exits(1).out.contains("no_longer_devmap   pte           1        4K"));
}

/// A file of a real dump, where there is one.
pub fn real(name: &str, file: &str) -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real");
    let path = std::env::var_os("PTWALK_REAL").map_or_else(beside, PathBuf::from).join(name).join(file);
    if path.is_file() {
        return Some(path.to_str().expect("UTF-8").to_owned());
    }
    eprintln!("SKIPPED: NOTHING WAS CHECKED against the real dump {name}: {} is absent", path.display());
    None
}

#[test]
fn real_dumps_differ_where_their_kernels_do() {
    let counted = |args: &[&str], code| ptwalk(args).exits(code).document()["summary"].clone();
    if let Some(arm64) = real("arm64-6.12", "tables-user.elf") {
        let root = ["--root", "0x4e9de000", "--json", "-q"];
        let mut args = vec!["diff", &arm64, "--kernel", "5.3", "--kernel", "6.12"];
        args.extend(root);
        // PROT_NONE moved in v6.11: v5.3 does not see these pages.
        let summary = counted(&args, 1);
        assert_eq!(summary["changes"]["mapped"]["pte"]["entries"], 48, "{summary}");
        assert_eq!(summary["changes"]["mapped"]["pmd"]["entries"], 2, "{summary}");
        let mut args = vec!["diff", &arm64, &arm64];
        args.extend(root);
        assert_eq!(counted(&args, 0)["alike"]["entries"], 1742 + 8, "leaves and absent entries, as census counts them");
    }
    if let Some(x86) = real("x86_64-6.1", "tables.elf") {
        let summary = counted(&["diff", &x86, "--kernel", "6.1", "--kernel", "6.6", "--json", "-q"], 1);
        assert_eq!(summary["changes"]["no_longer_devmap"]["pmd"]["entries"], 12, "{summary}");
    }
}
