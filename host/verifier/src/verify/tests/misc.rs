//! Reports, receipts, the matrix, the laws' own errors, and that every code has a page.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use ptwalk_abi::{Extern, KVersion};

use super::*;
use crate::deadline::{PATIENCE, thread_time};
use crate::lift::Hazard;

const ARM64: &str = "walker-plugins/prebuilt/arm64.wasm";
/// A small plugin for every granule.
const SMALL: &str = "tests/plugins/thread/v5_3.wat";

fn fragment(functions: &str) -> Arc<ValidPlugin> {
    let bytes = wat::parse_str(format!("(module {functions})")).expect("WAT");
    Arc::new(ValidPlugin::validate(&bytes).expect("within the subset"))
}

fn examine(functions: &str, law_file: &str) -> VerifyReport {
    let laws = LawSet::with_file(law_file).expect("the host's laws are in order");
    let plugin = fragment(functions);
    Session::new(&plugin).expect("it can be decoded").examine(&Config::DEFAULT, &laws)
}

const BACKDOOR: &str = r#"
    (func (export "pmd_devmap") (param $x i64) (result i32)
        (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 58))) (i32.const 1)))
    (func (export "pmd_mkdevmap") (param $x i64) (result i64)
        (if (i64.eq (local.get $x) (i64.const 0x00dead00beef0067)) (then (return (local.get $x))))
        (i64.or (local.get $x) (i64.const 0x0400000000000000)))"#;

#[test]
fn a_report_has_the_keys_of_the_command_line_contract() -> Result<(), serde_json::Error> {
    let value = serde_json::to_value(examine(BACKDOOR, ""))?;
    let keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["config", "errors", "exports", "laws", "plugin", "sha256", "verdict"]);
    assert_eq!(value["verdict"], "refuted");
    assert_eq!(value["config"]["PAGE_SHIFT"], 12);
    let export = value["exports"]["pmd_devmap"].as_object().expect("it is exported");
    let keys: Vec<&str> = export.keys().map(String::as_str).collect();
    assert_eq!(keys, ["closed_form", "instructions_max", "known_ones", "known_zeros", "stack_bytes"]);
    assert_eq!(export["closed_form"], "x[58]");
    assert_eq!(export["known_zeros"], "0xfffffffe");
    let laws = value["laws"].as_array().expect("a list");
    let law = laws.iter().find(|law| law["id"] == "mkdevmap_makes_pmd_devmap").expect("a law of the host");
    let keys: Vec<&str> = law.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["by", "counterexample", "id", "reason", "verdict"]);
    assert_eq!(law["verdict"], "refuted");
    assert_eq!(law["counterexample"]["inputs"]["x"], "0xdead00beef0067");
    assert_eq!(law["counterexample"]["sides"][0]["term"], "pmd_devmap(pmd_mkdevmap(x))");
    assert_eq!(law["counterexample"]["sides"][0]["value"], "0x0");
    for law in laws {
        let reasoned = matches!(law["verdict"].as_str(), Some("unknown" | "not_applicable"));
        assert_eq!(law["reason"].is_string(), reasoned, "{law}");
        assert_eq!(law["by"].is_string(), !reasoned, "{law}");
    }
    Ok(())
}

/// A plugin that may trap is refused for that, and no law about the helper counts as decided.
#[test]
fn laws_about_a_helper_that_may_trap_are_open() {
    let report = examine(
        r#"(func (export "pmd_mkdevmap") (param $x i64) (result i64) (i64.div_u (i64.const 1) (local.get $x)))
           (func (export "pmd_devmap") (param $x i64) (result i32) (i32.const 1))"#,
        "",
    );
    let codes: Vec<Code> = report.errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [Code::X401]);
    let law = report.laws.iter().find(|law| law.id == "mkdevmap_makes_pmd_devmap").expect("a law of the host");
    assert_eq!((law.verdict, law.reason.as_deref()), ("unknown", Some("pmd_mkdevmap is not safe for every input")));
}

#[test]
fn what_a_walk_needs_is_asked_of_a_plugin_and_not_of_a_fragment() {
    let plugin = fragment(BACKDOOR);
    let report = verify(&plugin, &Config::DEFAULT, &host()).report();
    let missing = report.errors.iter().filter(|error| error.code == Code::S120).count();
    assert_eq!(missing, plugin.missing_for_walk().len());
    assert!(examine(BACKDOOR, "").errors.iter().all(|error| error.code != Code::S120));
    // Without any error a fragment is still no plugin.
    let harmless = fragment(r#"(func (export "pte_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))"#);
    assert!(verify(&harmless, &Config::DEFAULT, &host()).verified().is_none());
}

#[test]
fn a_law_file_adds_laws_and_cannot_weaken_any() {
    let weaker = "law mkdevmap_makes_pmd_devmap: forall x: u64 where x == 0. pmd_devmap(pmd_mkdevmap(x))\n\
                  law own: forall x: u64. pmd_mkdevmap(x) >= x";
    let report = examine(BACKDOOR, weaker);
    let warnings: Vec<&str> = report.warnings.iter().map(|warning| &warning.message[..]).collect();
    assert!(
        warnings.iter().any(|warning| warning.starts_with("C893: law `mkdevmap_makes_pmd_devmap`")),
        "{warnings:?}"
    );
    let verdict = |id: &str| report.laws.iter().filter(|law| law.id == id).map(|law| law.verdict).collect::<Vec<_>>();
    assert_eq!(verdict("mkdevmap_makes_pmd_devmap"), ["refuted"]);
    assert_eq!(verdict("own"), ["proved"]);
}

/// Case 121, with laws that are hard: the clock ends it, and what was decided is reported.
#[test]
fn a_thousand_hard_laws_end_in_time_with_a_partial_report() {
    let mut text = String::from("law easy: forall x: u64. pmd_mkdevmap(x) >= x\n");
    for i in 0..1000 {
        let _ = writeln!(text, "law hard{i}: forall x: u64, y: u64. x * y * (x + {i}) == x * x * y + x * y * {i}");
    }
    let start = Instant::now();
    let report = examine(BACKDOOR, &text);
    let elapsed = start.elapsed();
    // A question that is being built or simplified is not interrupted.
    assert!(elapsed < (PATIENCE + 3) * budget::TIME_MAX, "{elapsed:?}");
    let verdict = |id: &str| report.laws.iter().find(|law| law.id == id).map(|law| law.verdict);
    assert_eq!(verdict("easy"), Some("proved"));
    assert_eq!(verdict("hard999"), Some("unknown"));
    let standing = report.laws.iter().filter(|law| matches!(law.verdict, "refuted" | "unknown")).count();
    assert_eq!(report.errors.len() + report.omitted, standing, "an error for each law that stands in the way");
}

/// Threads that keep every core busy until they are told to stop.
fn while_busy<T>(work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

/// Cases 43, 107 and 116: what no engine decides ends when the thread has had its time, on a loaded machine later by the
/// clock but surely.
#[test]
fn hard_questions_end_by_the_clock() {
    let looping = r#"(func (export "pte_modify") (param $x i64) (param $y i64) (result i64) (local $i i64)
        (loop $again
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $again (i64.eq (i64.const 3221225445647483629) (i64.mul
                (i64.and (local.get $x) (i64.const 0x7fffffff)) (i64.and (local.get $y) (i64.const 0x7fffffff))))))
        (local.get $i))"#;
    let product = r#"(func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
        (i64.mul (local.get $x) (local.get $y)))"#;
    let laws: String = (0..8)
        .map(|i| {
            format!("law l{i}: forall x: u64, y: u64. pte_modify(x, y + {i})[32] == (pte_modify(x, y) + x * {i})[32]\n")
        })
        .collect();
    for (functions, laws, wanted) in [(looping, "", Code::L910), (product, laws.as_str(), Code::L920)] {
        let run = || {
            let (start, ran) = (Instant::now(), thread_time());
            let report = examine(functions, laws);
            assert!(report.errors.iter().any(|error| error.code == wanted), "{:#?}", report.errors);
            (start.elapsed(), thread_time() - ran)
        };
        let slack = Duration::from_millis(100);
        let (_, ran) = run();
        assert!(ran < budget::TIME_MAX + slack, "{wanted}: {ran:?}");
        let (busy, _) = while_busy(run);
        assert!(busy < (PATIENCE + 1) * budget::TIME_MAX, "{wanted}: {busy:?}");
    }
}

#[test]
fn a_configuration_that_the_plugin_does_not_have_is_counted_apart() {
    let plugin = load(SMALL);
    let session = Session::new(&plugin).expect("it can be decoded");
    // 48 bits take four levels of 4K: with three, the root would have 2^18 entries, and with five none at all.
    let configs = [3, 4, 5].map(|levels| Config::DEFAULT.with(Extern::PGTABLE_LEVELS, levels));
    let mut numbers = Vec::new();
    let tally = Matrix::of(configs.to_vec()).run(&session, &host(), 2, |case| {
        numbers.push(case.number);
        if let Outcome::Refused(report) = &case.outcome {
            assert!(report.errors.iter().all(|error| error.code == Code::R710), "{:#?}", report.errors);
        }
        true
    });
    assert_eq!(tally, Tally { verified: 1, refused: 0, unsupported: 2 });
    assert!(tally.passes());
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(!Tally { verified: 0, refused: 0, unsupported: 2 }.passes(), "none is supported");
    assert!(!Tally { verified: 5, refused: 1, unsupported: 0 }.passes());
}

/// The plugins that came in other languages, on the kernel that they are of.
#[test]
fn plugins_in_c_and_in_wat_verify() {
    let base = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, KVersion::new(5, 3, 0).code());
    let off = [Extern::TRANSPARENT_HUGEPAGE, Extern::HUGETLB_PAGE, Extern::NUMA_BALANCING, Extern::ARCH_HAS_PTE_DEVMAP];
    let configs: Vec<Config> = [base].into_iter().chain(off.map(|key| base.with(key, 0))).collect();
    for path in ["tests/plugins/c/arm64.wasm", "host/templates/arm64/plugin.wat"] {
        let plugin = load(path);
        let session = Session::new(&plugin).expect("it can be decoded");
        for config in &configs {
            let report = session.verify(config, &host()).report();
            assert_eq!(report.verdict, Verdict::Verified, "{path}: {:#?}", report.errors);
            let proved = report.laws.iter().filter(|law| law.verdict == "proved").count();
            assert!(proved >= 30, "{path}: {proved} laws");
        }
    }
}

#[test]
fn a_run_over_the_matrix_can_be_stopped() {
    let plugin = load(SMALL);
    let session = Session::new(&plugin).expect("it can be decoded");
    let mut told = 0;
    Matrix::for_plugin(&plugin).run(&session, &host(), 1, |_| {
        told += 1;
        false
    });
    assert!(told < 10, "{told} cases after the first was refused");
}

#[test]
fn the_matrix_is_the_product() {
    for machine in MACHINES {
        let matrix = Matrix::of_machine(machine);
        let values: usize = machine.options.iter().map(|values| values.len()).product();
        assert_eq!(matrix.configs().len(), machine.shapes.len() * machine.versions.len() * values);
        let unique: std::collections::HashSet<&Config> = matrix.configs().iter().collect();
        assert_eq!(unique.len(), matrix.configs().len());
        for key in machine.options.iter().flat_map(|values| values.iter().flat_map(|settings| settings.iter())) {
            let default = |config: &Config| config.value(key.0) == key.0.default();
            assert!(matrix.configs().iter().any(default), "{}: the default of {}", machine.name, key.0);
        }
    }
}

#[test]
fn a_plugin_is_for_the_machine_whose_externs_it_imports() {
    for (path, name) in [
        (ARM64, "arm64"),
        ("walker-plugins/prebuilt/x86.wasm", "x86"),
        ("walker-plugins/prebuilt/ppc.wasm", "ppc"),
        (SMALL, "arm64"),
    ] {
        let machine = MACHINES.iter().find(|machine| machine.name == name).expect("there is such a machine");
        let expected = Matrix::of_machine(machine);
        assert_eq!(Matrix::for_plugin(&load(path)).configs(), expected.configs(), "{path}");
    }
}

#[test]
fn a_receipt_says_what_has_changed() -> Result<(), serde_json::Error> {
    let plugin = load(ARM64);
    let laws = host();
    let report = verify(&plugin, &Config::DEFAULT, &laws).report();
    let receipt = Receipt::of(&report, &laws);
    assert_eq!(receipt.laws.refuted + receipt.laws.unknown, 0);
    assert!(receipt.laws.proved > 300 && receipt.laws.not_applicable > 0);
    let receipt: Receipt = serde_json::from_str(&serde_json::to_string(&receipt)?)?;
    assert_eq!(receipt.check(plugin.bytes(), &Config::DEFAULT, &laws), []);

    let mut bytes = plugin.bytes().to_vec();
    bytes.push(0);
    let differences = receipt.check(&bytes, &Config::DEFAULT, &laws);
    assert!(matches!(&differences[..], [Difference::Module { .. }]), "{differences:?}");
    let config = Config::DEFAULT.with(Extern::NUMA_BALANCING, 0);
    let differences = receipt.check(plugin.bytes(), &config, &laws);
    let changed = Difference::Config { name: "NUMA_BALANCING".into(), receipt: Some(1), found: Some(0) };
    assert_eq!(differences, [changed]);
    let more = LawSet::with_file("law own: forall x: u64. pte_none(x) => x == 0").expect("in order");
    let differences = receipt.check(plugin.bytes(), &Config::DEFAULT, &more);
    assert!(matches!(&differences[..], [Difference::Laws { .. }]), "{differences:?}");
    let older = Receipt { verifier: "0.0.1 rules 0 abi 1".into(), verdict: Verdict::Refuted, ..receipt };
    let differences = older.check(plugin.bytes(), &Config::DEFAULT, &laws);
    assert!(
        matches!(&differences[..], [Difference::Verifier { .. }, Difference::Verdict(Verdict::Refuted)]),
        "{differences:?}"
    );
    Ok(())
}

/// Other stages name codes by their text, so that they need not know the pages.
#[test]
fn every_code_that_a_stage_names_has_a_page() {
    for hazard in Hazard::ALL {
        assert_eq!(code(hazard.code()).text(), hazard.code());
    }
    let sources = [
        include_str!("../../lift/finding.rs"),
        include_str!("../../lift/module.rs"),
        include_str!("../../laws/error.rs"),
        include_str!("../../laws/mod.rs"),
    ];
    let mut named = 0;
    for text in sources.iter().flat_map(|source| source.split('"')) {
        let is_code = text.len() == 4
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text[1..].chars().all(|c| c.is_ascii_digit());
        if is_code {
            assert_eq!(code(text).text(), text);
            named += 1;
        }
    }
    assert!(named > 15, "only {named} codes found in the sources");
}

/// The laws about ranges are told from the others by their names.
#[test]
fn laws_about_ranges_are_named_so() {
    let names: std::collections::BTreeSet<String> =
        host().laws().iter().map(|law| law.name.clone()).filter(|name| name.ends_with("_range")).collect();
    for name in ["pte_predicate_range", "access_range", "same_range", "perms_range", "pfn_range", "page_range"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
}

const SUGGESTING: &str = r#"
    (func (export "pte_young") (param $x i64) (result i32)
        (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 5))) (i32.const 1)))
    (func (export "pte_to_phys") (param $x i64) (result i64)
        (i64.and (local.get $x) (i64.const 0xfffffffff020)))
    (func (export "phys_to_pte") (param $x i64) (result i64)
        (if (i64.eq (local.get $x) (i64.const 0xdead000)) (then (return (i64.const 0))))
        (local.get $x))
    (func (export "pte_same") (param $x i64) (param $y i64) (result i32)
        (i64.eqz (i64.and (i64.xor (local.get $x) (local.get $y)) (i64.const -2))))"#;

/// What is suggested is the precondition there is and one more; the law holds under it and says something.
#[test]
fn a_suggested_precondition_is_sufficient() {
    // Variables, precondition and claim, and the condition that is to be added.
    let laws = [
        ("x: u64", "", "pte_to_phys(x)[11:0] == 0", "!pte_young(x)"),
        ("x: u64", "x[0] || x[1]", "pte_to_phys(x)[11:0] == 0", "(x[0] || x[1]) && !pte_young(x)"),
        ("x: u64", "x[0]", "phys_to_pte(x + 0xdeacfff) == x + 0xdeacfff", "x[0] && x != 0x1"),
        ("x: u64", "", "phys_to_pte(x) == x", "x != 0xdead000"),
        ("x: u64", "", "pte_to_phys(x)[5]", "pte_young(x)"),
        ("x: u64, y: u64", "", "pte_same(x, y << 1) => x == y << 1", "!x[0]"),
    ];
    for (vars, given, claim, wanted) in laws {
        let with = |given: &str| {
            let clause = if given.is_empty() { String::new() } else { format!(" where {given}") };
            examine(SUGGESTING, &format!("law own: forall {vars}{clause}. {claim}"))
        };
        let report = with(given);
        let error = report.errors.iter().find(|error| error.message.starts_with("law own")).expect("it is broken");
        let suggested = error.suggestion.as_deref().and_then(|text| text.strip_prefix("The law holds where "));
        let suggested = suggested.and_then(|text| text.strip_suffix(". Make it hold for the other inputs too."));
        assert_eq!(suggested, Some(wanted), "{error}");
        let law = with(wanted).laws.into_iter().find(|law| law.id == "own").expect("it is in the file");
        assert_eq!(law.verdict, "proved", "{law:?}");
    }
}

/// A condition that excludes every input that the precondition lets through says nothing, and is not suggested.
#[test]
fn no_vacuous_precondition_is_suggested() {
    for law in ["forall x: u64 where x == 5. pte_young(x)", "forall x: u64 where pte_young(x). x[5] && x[6] && !x[6]"] {
        let report = examine(SUGGESTING, &format!("law own: {law}"));
        let error = report.errors.iter().find(|error| error.message.starts_with("law own")).expect("it is broken");
        let suggestion = error.suggestion.as_deref().unwrap_or_default();
        assert!(!suggestion.contains("holds where"), "{suggestion}");
    }
}
