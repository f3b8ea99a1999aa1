//! What only `dump` has: filters, threads, and the form of `/proc/pid/pagemap`.

use crate::image::{Files, ROOT};
use crate::ptwalk;

/// Starts of the records of a filtered dump.
fn starts(image: &str, filter: &str, more: &[&str]) -> Vec<String> {
    let args = ["dump", image, "--root", ROOT, "--plugin", "arm64", "--format", "jsonl", "--filter", filter];
    let records = ptwalk(&[&args, more].concat()).exits(0).lines();
    let starts = records.iter().filter_map(|record| record["start"].as_str().map(str::to_owned));
    starts.collect()
}

#[test]
fn filters_keep_the_leaves_of_which_they_hold_in_every_engine() {
    let files = Files::new();
    let image = files.user();
    let (page, protnone, device, block) = ("0x400000", "0x401000", "0x404000", "0x600000");
    for (filter, wanted) in [
        ("pte | pmd", &[page, protnone, device, block][..]),
        ("devmap", &[device]),
        ("!devmap & pte", &[page, protnone]),
        ("protnone | pmd", &[protnone, block]),
        ("write & dirty & !protnone", &[page, device, block]),
        ("effective.write", &[page, device, block]),
        ("!effective.read", &[protnone]),
        ("user & !effective.user", &[]),
        ("pud", &[]),
        ("cont", &[]),
    ] {
        for engine in ["fused", "fused-scalar", "sandbox"] {
            assert_eq!(starts(&image, filter, &["--engine", engine]), wanted, "{filter} by {engine}");
        }
    }
}

/// What the tables above permit is no less a part of a filter than the leaf's own bits, and prunes.
#[test]
fn effective_permissions_are_those_of_all_levels() {
    let files = Files::new();
    let mut memory = crate::image::user_memory();
    // APTable: no writes below this pmd entry.
    memory.store(0x3010, 1 << 62 | 0x4003);
    let image = files.write("read-only.elf", &memory.core(crate::support::core::ByteOrder::Little, 4096).build());
    assert_eq!(starts(&image, "effective.write", &[]), ["0x600000"]);
    assert_eq!(starts(&image, "write & !effective.write", &[]), ["0x400000", "0x404000"]);
    let visited = |filter| {
        let args = ["dump", &image, "--root", ROOT, "--plugin", "arm64", "--format", "jsonl", "--filter", filter];
        let last = ptwalk(&args).exits(0).lines().pop().expect("a summary");
        last["summary"]["tables"].as_u64().expect("a count")
    };
    assert!(visited("effective.write") < visited("write"), "the pte table holds nothing that could be written");
    assert!(visited("pmd") < visited("pte"), "below the pmds there are no pmds");
}

#[test]
fn a_filter_that_is_none_is_refused_with_its_column() {
    let files = Files::new();
    let image = files.user();
    let args = ["dump", &image, "--root", ROOT, "--filter", "write & yuong"];
    ptwalk(&args).exits(2).says(&["`yuong` is no name at column 9; did you mean young?"]).prints_nothing();
}

#[test]
fn any_number_of_threads_prints_the_same() {
    let files = Files::new();
    let image = files.path("tables.ptimg");
    let image = crate::support::program::arg(&image);
    let gen_args =
        ["gen", image, "--mapped", "3G", "--holes", "5%", "--devmap", "3%", "--scatter", "--seed", "7", "-q"];
    ptwalk(&gen_args).exits(0);
    for more in [&["--merge", "va"][..], &["--merge", "pa", "--format", "csv"], &["--json", "--filter", "devmap"]] {
        let dump = |threads| ptwalk(&[&["dump", image, "--threads", threads, "-q"], more].concat()).exits(0).out;
        let expected = dump("1");
        assert!(expected.lines().count() > 100, "{}", expected.lines().count());
        assert_eq!(dump("2"), expected, "{more:?}");
        assert_eq!(dump("7"), expected, "{more:?}");
    }
    let census = |threads| ptwalk(&["census", image, "--threads", threads, "-q", "--json"]).exits(0).out;
    assert_eq!(census("1"), census("3"));
    ptwalk(&["dump", image, "--threads", "0"]).exits(2);
}

#[test]
fn bin_is_the_layout_of_pagemap() {
    let files = Files::new();
    let image = files.user();
    let args = ["dump", &image, "--root", ROOT, "--plugin", "arm64", "--format", "bin"];
    ptwalk(&args).exits(2).says(&["--range"]).prints_nothing();
    let run = ptwalk(&[&args[..], &["--range", "0x3ff000-0x406000", "--range", "0x600000+0x2000"]].concat()).exits(0);
    let words: Vec<u64> = run.bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (present, swapped) = (1_u64 << 63, 1_u64 << 62);
    assert_eq!(
        words,
        [
            0,
            present | 0x8_0000,
            present | 0x8_0001,
            swapped | 5 << 5 | 1,
            0,
            present | 0x7_0000,
            0,
            present | 0x9_0000,
            present | 0x9_0001,
        ],
        "{words:x?}"
    );
}
