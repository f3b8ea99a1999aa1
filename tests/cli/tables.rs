//! `ptwalk gen` and `ptwalk extract`: table images that need no flags, and what is refused.

use std::process::Command;

use crate::image::{Files, KERNEL_PAGE, PAGE, ROOT};
use crate::ptwalk;
use crate::support::program::arg;

#[test]
fn generated_tables_need_no_flags() {
    let files = Files::new();
    let path = files.path("a.ptimg");
    let image = arg(&path);
    let gen_args =
        ["--mapped", "6M", "--pages", "4K:1,2M:1", "--holes", "10%", "--devmap", "0.1", "--scatter", "--json"];
    let made = ptwalk(&[&["gen", image][..], &gen_args].concat()).exits(0).document();
    assert_eq!((&made["root"], &made["half"], &made["seed"]), (&"0x40000000".into(), &"lower".into(), &"1".into()));
    assert_eq!(made["table_bytes"], 5 * 4096, "root, pud, pmd and two tables of ptes");
    let leaves: u64 =
        made["levels"].as_array().expect("a list").iter().map(|l| l["leaves"].as_u64().expect("a count")).sum();

    let dump = ptwalk(&["dump", image, "--json"]).exits(0).says(&["header of the table image"]).document();
    assert_eq!((&dump["summary"]["entries"], &dump["summary"]["tables"]), (&leaves.into(), &5.into()));
    assert_eq!(dump["complete"], true);
    let first = &dump["mappings"][0];
    let start = first["start"].as_str().expect("an address");
    let walked = ptwalk(&["walk", image, start, "--json"]).exits(0).document();
    assert_eq!(walked["walks"][0]["pa"], first["pa"]);
    assert_eq!(walked["walks"][0]["trail"].as_array().map(Vec::len), Some(4));

    let probe = ptwalk(&["probe", image, "--json"]).exits(0).document();
    assert_eq!((&probe["arch"], &probe["roots"][0]["pa"]), (&"arm64".into(), &"0x40000000".into()));
    assert_eq!(probe["unknown"].as_array().map(Vec::len), Some(0));
    let info = ptwalk(&["info", image, "--json"]).exits(0).document();
    assert_eq!((&info["format"], &info["held_bytes"]), (&"table image".into(), &made["table_bytes"]));
    assert!(
        info["tables"]["provenance"].as_str().is_some_and(|text| text.contains("--pages 4K:1,2M:1 --holes 0.100000"))
    );

    // The device ranges of the header count where none are given.
    let census = ptwalk(&["census", image, "--json"]).exits(0).document();
    let census = &census["roots"][0]["census"];
    assert!(census["devices"].as_object().is_some_and(|devices| !devices.is_empty()), "{census}");
    assert_eq!(census["unregistered_devmap"]["entries"], 0);
    let none = files.write("none.toml", b"");
    let without = ptwalk(&["census", image, "--json", "--pgmap", &none]).exits(0).document();
    assert!(without["roots"][0]["census"]["unregistered_devmap"]["entries"].as_u64() > Some(0));
}

#[test]
fn every_form_of_the_summary_says_the_same() {
    let files = Files::new();
    let path = files.path("a.ptimg");
    let made =
        |form: &[&str]| ptwalk(&[&["gen", arg(&path), "--force", "--mapped", "2M"][..], form].concat()).exits(0).out;
    let text = made(&[]);
    assert!(text.ends_with("pte: 1 tables: 512 leaves, 0 table descriptors, 0 holes\n"), "{text}");
    assert!(text.contains("root 0x0000000040000000 (lower half)\n"), "{text}");
    let csv = made(&["--format", "csv"]);
    assert!(csv.starts_with("level,tables,leaves,table_descriptors,holes\npgd,1,0,1,0\n"), "{csv}");
    assert_eq!(made(&["--format", "jsonl"]).lines().count(), 1);
}

#[test]
fn what_cannot_be_generated_exits_2_and_names_the_fix() {
    let files = Files::new();
    let path = files.path("a.ptimg");
    let there = files.write("there.ptimg", b"precious");
    let image = arg(&path);
    let cases: &[(&[&str], &str)] = &[
        (&[], "<OUT>"),
        (&[&there], "--force replaces it"),
        (&["/dev/null", "--force"], "no regular file"),
        (&["/nowhere/a.ptimg"], "cannot create the file"),
        (&[image, "--mapped", "1"], "a multiple of the smallest leaf, 0x1000"),
        (&[image, "--mapped", "1000T"], "up to address 0xffffffffffff"),
        (&[image, "--pages", "8K"], "no leaf has 0x2000 bytes"),
        (&[image, "--pages", "4K:0"], "weights"),
        (&[image, "--pages", "4K:-1"], "not a number"),
        (&[image, "--holes", "2"], "more than all"),
        (&[image, "--devmap", "x"], "0.05 and 5% are"),
        (&[image, "--shared", "100%"], "first one is not"),
        (&[image, "--perms", "rwx"], "rw, ro, rx or none"),
        (&[image, "--run", "0"], "--run"),
        (&[image, "--hostile", "evil"], "deep-sharing"),
        (&[image, "--arch", "alpha"], "embedded plugins: arm64"),
        (&[image, "--config", "PA_BITS=32"], "no room"),
    ];
    for (args, text) in cases {
        ptwalk(&[&["gen"][..], args].concat()).exits(2).says(&[text]).prints_nothing();
    }
    assert_eq!(std::fs::read(&there).expect("it is there"), b"precious");
    assert!(!path.exists());
}

/// A limit on the size of files is to the program what a full disk is.
#[test]
fn a_write_that_fails_leaves_nothing() {
    let files = Files::new();
    let path = files.path("a.ptimg");
    let script = r#"trap "" XFSZ; ulimit -f 64; exec "$0" gen "$1" --mapped 1G"#;
    let run =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_ptwalk"), arg(&path)]).output().expect("sh starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("a.ptimg: offset 0x") && said.contains("cannot write: "), "{said}");
    let folder = path.parent().expect("in a folder");
    assert_eq!(std::fs::read_dir(folder).expect("readable").count(), 0);
}

#[test]
fn an_extract_answers_as_its_source_without_a_flag() {
    let files = Files::new();
    let (kernel, user) = (files.kernel(), files.user());
    let path = files.path("kernel.ptimg");
    let extract = arg(&path);
    let made = ptwalk(&["extract", &kernel, extract, "--json"]).exits(0).document();
    assert_eq!((&made["tables"], &made["complete"], &made["arch"]), (&4.into(), &true.into(), &"arm64".into()));
    let answer = |image: &str| ptwalk(&["walk", image, KERNEL_PAGE, "--json"]).exits(0).out;
    assert_eq!(answer(extract), answer(&kernel));
    let probe = ptwalk(&["probe", extract, "--json"]).exits(0).document();
    assert_eq!((&probe["roots"][0]["name"], &probe["release"]), (&"swapper_pg_dir".into(), &"6.1.0-50-arm64".into()));

    let path = files.path("user.ptimg");
    let extract = arg(&path);
    let pgmap = files.pgmap();
    // One table is missing from the source, and the answer says so.
    let made = ptwalk(&["extract", &user, extract, "--root", ROOT, "--pgmap", &pgmap, "--json"]).exits(1);
    assert_eq!(made.document()["reason"], "outside_image");
    let dump = |args: &[&str]| ptwalk(&[&["dump", "--json"][..], args].concat()).exits(0).out;
    assert_eq!(dump(&[extract]), dump(&[&user, "--root", ROOT]));
    let pin = |args: &[&str]| ptwalk(&[&["gup", args[0], PAGE, "1", "--json"][..], &args[1..]].concat()).exits(0).out;
    assert_eq!(pin(&[extract]), pin(&[&user, "--root", ROOT, "--pgmap", &pgmap]));
}

#[test]
fn extracts_that_cannot_be_made_are_refused() {
    let files = Files::new();
    let (kernel, user) = (files.kernel(), files.user());
    let path = files.path("a.ptimg");
    let there = files.write("there.ptimg", b"precious");
    ptwalk(&["extract", &kernel, &there]).exits(2).says(&["--force replaces it"]).prints_nothing();
    ptwalk(&["extract", &kernel]).exits(2).says(&["<OUT>"]).prints_nothing();
    ptwalk(&["extract", &user, arg(&path)]).exits(3).says(&["--root"]).prints_nothing();
    ptwalk(&["extract", &there, arg(&path)]).exits(3).says(&["--base"]).prints_nothing();
    assert!(!path.exists());
    // A damaged table image is named with the place.
    let mut damaged = b"PTIMG\r\n\x1a\x07".to_vec();
    damaged.resize(5000, 0);
    let damaged = files.write("damaged.ptimg", &damaged);
    ptwalk(&["dump", &damaged]).exits(3).says(&["offset 0x8: version 7", "version 1"]).prints_nothing();
}

#[test]
fn what_gen_cannot_make_is_named_and_what_a_kernel_lacks_is_left_out() {
    let files = Files::new();
    let out = files.path("t.ptimg").to_str().expect("UTF-8").to_owned();
    let generated = |more: &[&str]| ptwalk(&[&["gen", &out, "--force", "-q"], more].concat());
    generated(&["--arch", "ppc", "--config", "PPC_RADIX_MMU=0"]).exits(2).says(&["hash MMU", "PPC_RADIX_MMU=0"]);
    generated(&["--mapped", "4T", "--pages", "512G:1"]).exits(2).says(&["no kernel has a helper", "leaf of level pgd"]);
    // x86 has no PROT_NONE puds.
    let mixed = ["--arch", "x86", "--mapped", "8G", "--pages", "4K:60,2M:30,1G:10"];
    generated(&[&mixed[..], &["--perms", "rw:70,ro:20,rx:9,none:1"]].concat()).exits(0);
    generated(&[&mixed[..], &["--perms", "none:1"]].concat()).exits(2).says(&["none leaf of level pud"]);
    for bit in ["47", "51"] {
        let config = format!("SME_C_BIT={bit},PA_BITS=52");
        generated(&["--arch", "x86", "--mapped", "2M", "--config", &config]).exits(0);
        let dump = ptwalk(&["dump", &out, "--format", "jsonl"]).exits(0).lines();
        assert_eq!(dump.len(), 512 + 1, "{config}");
    }
}

#[test]
fn tables_that_are_elsewhere_cannot_be_extracted() {
    let files = Files::new();
    let (image, out) = (files.user(), files.path("t.ptimg").to_str().expect("UTF-8").to_owned());
    let run = ptwalk(&["extract", &image, &out, "--root", "0x7f000000"]).exits(3);
    run.says(&["root 0x000000007f000000: not in the image", "--root"]);
    assert!(!files.path("t.ptimg").exists());
    ptwalk(&["extract", &image, &out, "--root", "0x1000", "--root", "0x1000"]).exits(2).says(&["given twice"]);
}
