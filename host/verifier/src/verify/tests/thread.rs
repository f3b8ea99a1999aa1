//! The devmap series of 2019 as plugins: what a reviewer saw in v3 is refused with a counterexample, what mended it is
//! accepted under every number of levels, with and without huge pages.

use ptwalk_abi::Extern;

use super::*;

/// The law file that asks for the definitions which the generic header leaves to the architecture.
const DEFINITIONS: &str = include_str!("../../../../../tests/plugins/thread/definitions.laws");

/// A configuration for each number of levels that arm64 had, by `PAGE_SHIFT` and `VA_BITS`.
const LEVELS: [(i32, i32, i32); 3] = [(2, 16, 42), (3, 12, 39), (4, 12, 48)];

/// `DEVMAP_SERIES` of v3 and v3.1; 0 as released.
const V3: i32 = 30;
const V3_1: i32 = 31;
const RELEASED: i32 = 0;

fn config(shape: (i32, i32, i32), huge_pages: i32, series: i32) -> Config {
    let (levels, page_shift, va_bits) = shape;
    let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
    assert_eq!(config.value(Extern::PGTABLE_LEVELS), levels);
    config.with(Extern::TRANSPARENT_HUGEPAGE, huge_pages).with(Extern::DEVMAP_SERIES, series)
}

fn report(file: &str, config: &Config) -> VerifyReport {
    let laws = LawSet::with_file(DEFINITIONS).expect("the host's laws are in order");
    assert!(laws.errors().is_empty(), "{:?}", laws.errors());
    verify(&load(&format!("tests/plugins/thread/{file}.wat")), config, &laws).report()
}

/// The first posting under one configuration: with two levels it lacks a definition, so that it is another module.
fn v3(shape: (i32, i32, i32)) -> &'static str {
    if shape.0 == 2 { "v3_levels2" } else { "v3" }
}

#[test]
fn v3_defines_what_the_generic_header_defines() {
    for shape in LEVELS {
        let report = report(v3(shape), &config(shape, 0, V3));
        assert_eq!(report.verdict, Verdict::Refuted, "{shape:?}");
        let codes: Vec<&str> = report.errors.iter().map(|error| error.code.text()).collect();
        assert_eq!(codes, ["C801"], "{shape:?}: {:#?}", report.errors);
        let law = report.laws.iter().find(|law| law.id == "no_huge_devmap.pmd").expect("a law of the host");
        let counterexample = law.counterexample.as_ref().expect("it is refuted");
        assert_eq!(counterexample.inputs["x"], Value(1 << 57));
        assert_eq!(counterexample.to_string(), "x = 0x200000000000000 (bit 57): pmd_devmap(x) = 0x1, 0 = 0x0");
    }
}

#[test]
fn v3_lacks_a_definition_with_two_levels() {
    let [two, three, four] = LEVELS;
    let refused = report(v3(two), &config(two, 1, V3));
    let failed: Vec<&str> = refused.laws.iter().filter(|law| law.verdict == "refuted").map(|law| &law.id[..]).collect();
    assert_eq!(failed, ["pud_devmap_is_defined"]);
    assert_eq!(refused.verdict, Verdict::Refuted);
    for shape in [three, four] {
        let report = report(v3(shape), &config(shape, 1, V3));
        assert_eq!(report.verdict, Verdict::Verified, "{shape:?}: {:#?}", report.errors);
    }
}

#[test]
fn v3_1_and_v5_3_hold_everywhere() {
    for (file, series) in [("v3_1", V3_1), ("v5_3", RELEASED)] {
        for shape in LEVELS {
            for huge_pages in [0, 1] {
                let report = report(file, &config(shape, huge_pages, series));
                assert_eq!(report.verdict, Verdict::Verified, "{file} {shape:?} {huge_pages}: {:#?}", report.errors);
            }
        }
    }
}

/// What v5.3-rc4 added: without SPECIAL the page of a device is handed out as any other.
#[test]
fn v3_1_is_refused_as_a_release() {
    let report = report("v3_1", &config(LEVELS[2], 1, RELEASED));
    let failed: Vec<&str> = report.laws.iter().filter(|law| law.verdict == "refuted").map(|law| &law.id[..]).collect();
    assert_eq!(failed, ["mkdevmap_makes_special"]);
}
