use std::path::PathBuf;

use ptwalk_abi::Extern;

use super::*;

fn shipped(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A plugin that the verifier refuses under this configuration (README, "Proved for every entry").
fn refused() -> Order {
    let config = Config::DEFAULT.with(Extern::DEVMAP_SERIES, 31).with(Extern::TRANSPARENT_HUGEPAGE, 0);
    Order::new(shipped("tests/plugins/thread/v3.wat"), config)
}

fn with_cache() -> (tempfile::TempDir, Admission) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::open(&folder.path().join("cache")).expect("a private directory");
    (folder, Admission::new(Some(cache)).expect("the host's laws"))
}

fn counts(admission: &Admission) -> (u64, u64, u64, u64) {
    let state = admission.cache().expect("it has one").state();
    (state.hits, state.misses, state.damaged, state.stored)
}

#[test]
fn a_plugin_is_let_in_with_its_engines_and_the_time_of_each_stage() {
    let admission = Admission::new(None).expect("the host's laws");
    let pass = admission.admit(&Order::new("arm64", Config::DEFAULT)).expect("arm64 is verified");
    assert!(pass.stages.named().iter().all(|(_, time)| !time.is_zero()), "{}", pass.stages);
    assert!(!pass.again && pass.stamp.is_none());
    assert_eq!(pass.candidate.asks().len(), 1);
    assert!(matches!(pass.candidate.admitted(), Admitted::Verified(_)));
    let again = admission.admit(&Order::new("arm64", Config::DEFAULT)).expect("arm64 is verified");
    assert!(again.again && Arc::ptr_eq(&again.candidate, &pass.candidate));
    assert_eq!(again.stages.laws + again.stages.compile, std::time::Duration::ZERO);
    let other = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, 0x0006_0c00);
    let other = admission.admit(&Order::new("arm64", other)).expect("arm64 is verified");
    assert!(!other.again, "another configuration is another plugin");
}

#[test]
fn a_refusal_holds_the_report_and_what_it_took() {
    let refusal = Admission::new(None).expect("the host's laws").admit(&refused()).expect_err("v3 breaks a law");
    let report = refusal.cause.report().expect("the verifier spoke");
    assert_eq!(report.verdict, Verdict::Refuted);
    assert_eq!(refusal.cause.code(), "refused");
    assert!(refusal.to_string().contains("REJECTED C801 law no_huge_devmap.pmd"), "{refusal}");
    assert!(!refusal.to_string().contains('\n'), "{refusal}");
    assert!(refusal.stages.laws > std::time::Duration::ZERO && refusal.stages.compile.is_zero());
}

#[test]
fn a_refusal_is_remembered_and_a_proof_is_not() {
    let (folder, admission) = with_cache();
    let first = admission.admit(&refused()).expect_err("v3 breaks a law");
    assert!(matches!(first.cause, AdmissionError::Refused { .. }));
    let second = admission.admit(&refused()).expect_err("v3 still does");
    assert!(matches!(second.cause, AdmissionError::Remembered { .. }), "{second}");
    assert!(second.stages.lift.is_zero());
    assert!(second.to_string().contains("REJECTED C801 law no_huge_devmap.pmd"), "{second}");
    assert_eq!(counts(&admission), (1, 1, 0, 1));

    admission.admit(&Order::new("arm64", Config::DEFAULT)).expect("arm64 is verified");
    assert_eq!(counts(&admission), (1, 2, 0, 2));
    // As if the program had been started anew.
    let cache = Cache::open(&folder.path().join("cache")).expect("a private directory");
    let later = Admission::new(Some(cache)).expect("the host's laws");
    let pass = later.admit(&Order::new("arm64", Config::DEFAULT)).expect("arm64 is verified");
    assert!(!pass.stages.laws.is_zero(), "what the cache says is never believed of a plugin that it lets in");
    assert_eq!(counts(&later), (1, 0, 0, 0));
}

#[test]
fn another_law_set_asks_anew() {
    let (folder, admission) = with_cache();
    admission.admit(&refused()).expect_err("v3 breaks a law");
    let cache = Cache::open(&folder.path().join("cache")).expect("a private directory");
    let laws =
        LawSet::with_file("law mine: forall x: u64. pte_present(x) == pte_present(x)\n").expect("the host's laws");
    let other = Admission::with_laws(laws, Some(cache));
    let refusal = other.admit(&refused()).expect_err("v3 still does");
    assert!(matches!(refusal.cause, AdmissionError::Refused { .. }), "{refusal}");
}

#[test]
fn half_a_module_is_never_let_in() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path: PathBuf = folder.path().join("p.wasm");
    let whole = plugin::read("arm64").expect("embedded");
    let admission = Admission::new(None).expect("the host's laws");
    let order = Order::new(path.display().to_string(), Config::DEFAULT);
    // The last custom section may be missing: what it holds is for people.
    let code_ends = whole.len() - custom_bytes(&whole);
    for len in (0..code_ends).step_by(101).chain([8, code_ends - 1]) {
        std::fs::write(&path, &whole[..len]).expect("written");
        let refusal = admission.admit(&order).expect_err("half a module");
        assert_eq!(refusal.cause.code(), "refused", "{len} bytes: {refusal}");
    }
    std::fs::write(&path, &whole).expect("written");
    let pass = admission.admit(&order).expect("the whole module");
    assert_eq!(pass.stamp, Some(Stamp::at(&path).expect("there")));
}

/// Bytes of the custom sections at the end of a module.
fn custom_bytes(module: &[u8]) -> usize {
    let mut trailing = 0;
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        match payload.expect("a module") {
            wasmparser::Payload::CustomSection(section) => {
                trailing = trailing.max(module.len() - section.range().start + 6)
            }
            wasmparser::Payload::CodeSectionEntry(_) => trailing = 0,
            _ => {}
        }
    }
    trailing
}

#[test]
fn what_vanished_is_unreadable_and_says_so() {
    let admission = Admission::new(None).expect("the host's laws");
    let refusal = admission.admit(&Order::new("/nonexistent/p.wasm", Config::DEFAULT)).expect_err("nothing is there");
    assert_eq!(refusal.cause.code(), "unreadable");
    assert!(refusal.to_string().contains("cannot open /nonexistent/p.wasm"), "{refusal}");
}

#[test]
fn engines_are_kept_within_bounds() {
    let admission = Admission::new(None).expect("the host's laws");
    let pass = admission.admit(&Order::new("arm64", Config::DEFAULT)).expect("arm64 is verified");
    let names = ["write", "user", "exec", "young", "dirty"];
    let filters = names.iter().flat_map(|a| names.iter().map(move |b| format!("{a} & !{b} | pmd")));
    for text in filters.take(candidate::ENGINES_MAX + 2) {
        let leaves = Some(crate::walk::Filter::parse(&text).expect("a filter"));
        pass.candidate.prepare(&Ask::Walk(Wanted { leaves, ..Wanted::ALL })).expect("compiled");
    }
    assert_eq!(pass.candidate.asks().len(), candidate::ENGINES_MAX);
}

#[test]
fn what_is_not_proved_needs_the_orders_word_and_stays_in_the_sandbox() {
    let admission = Admission::new(None).expect("the host's laws");
    let traps = || Order::new(shipped("tests/plugins/hostile/traps-on-one-entry.wat"), Config::DEFAULT);
    let order = Order { unverified: true, ..traps() };
    let pass = admission.admit(&order).expect("the order says so");
    let prepared = pass.candidate.prepare(&order.asks[0]).expect("compiled");
    assert!(matches!(prepared, crate::engine::Prepared::Sandbox(..)));
    admission.admit(&traps()).expect_err("the next order does not say so");
}
