//! Runs the verifier over the corpus in `tests/verify`: one module a file, its expectation inside.
//!
//! In: `reject/*` and `accept/*`, as `.wat`, or `.hex` for bytes that WAT cannot express (`;` starts a comment). Out: a
//! readable difference for every file that does not do what it says. Guaranteed: a file without an expectation fails,
//! and so does an error, a warning or a directive that nobody expected, and so does a file that takes longer than
//! [`PATIENCE`]. Not handled: running what is accepted.
//!
//! A comment line of one word and a colon is a directive:
//!
//! ```text
//! ;; expect: S110 at 0x1a, export pte_pfn    code and place: 0xOFFSET, export NAME, function INDEX, op TEXT, module
//! ;; message: env.log                        part of the message of the last expected error
//! ;; reason: …    ;; suggests: …             part of its reason, or of its suggestion
//! ;; source: frame.c:4                       part of its source line; `none` where it has none
//! ;; counterexample: x = 0x2                 its counterexample begins so, and no digit follows
//! ;; omitted: 9980                           how many errors are found and not shown, where it is not none
//! ;; claim: memory 1 pages                   what is said about a module that is accepted; the whole line
//! ;; claim: bound pte_pfn <= 12              instructions of a call at most; likewise `stack pte_pfn <= 24`, in bytes
//! ;; claim: law NAME proved                  the verdict on a law of the host or of the file
//! ;; claim: verified                         a walk may use it: the contract's required helpers are there as well
//! ;; claim: forall x: u64. pte_pfn(x) == x   a law (docs/laws.md) that must hold; proved here, apart from the verdict
//! ;; warning: assumed version 1              part of a warning; each warning wants its own
//! ;; config: PAGE_SHIFT = 16                 a value that is not the default
//! ;; law: law NAME: forall x: u64. …         a line of the law file that the plugin is verified with
//! ;; debug: lines                            the module gets a line table, as assemblers write one
//! ;; stages: validate                        stops after validation: the file is about the module's form
//! ;; generate: NAME = 100 x block            {NAME} in module or laws stands for the text 100 times, separated by spaces;
//!                                            in quotes, for the text without spaces; {i} and {i+1} count in it
//! ```
//!
//! Expectations stand in the order of the errors, by offset. `BLESS=1` rewrites the offset of an expectation whose
//! code and other places are right, and nothing else; write `0x?` where it is not known yet.
//!
//! What a plugin must export for a walk is not asked of these modules, which are fragments; everything else is decided
//! as `ptwalk verify` decides it. A later stage is added in [`outcome`]: errors, warnings and claims are all that the
//! corpus compares.

#[path = "verify/case.rs"]
mod case;
#[path = "verify/footprint.rs"]
mod footprint;
#[path = "verify/golden.rs"]
mod golden;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use case::{Case, Place, generate, is_counterexample, is_law};
use ptwalk_abi::{Config, Extern};
use ptwalk_verifier::bits::budget::{GATES, QueryBudget};
use ptwalk_verifier::bits::decide::Implication;
use ptwalk_verifier::blast::Prover;
use ptwalk_verifier::laws::{Binding, Exports, Law, Origin, bind, lower, parse_text};
use ptwalk_verifier::lift::{Module, lift};
use ptwalk_verifier::report::{Diagnostic, Rejection, Warning};
use ptwalk_verifier::validate::{Manifest, ValidPlugin};
use ptwalk_verifier::verify::{LawSet, Session, VerifyReport};

/// Time that one file may take. The aim is a second; the tests may share the machine with others.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for which mutants of the corpus are verified.
const MUTANTS_TIME: Duration = Duration::from_secs(5);

/// Step, a prime, from one mutant that is verified to the next.
const MUTANTS_STEP: usize = 7919;

/// Files that are listed with the time they took.
const SLOWEST_SHOWN: usize = 20;

/// What the verifier says about a module.
#[derive(Default)]
struct Outcome {
    errors: Vec<Diagnostic>,
    warnings: Vec<String>,
    claims: BTreeSet<String>,
    /// Errors that were found and are not shown.
    omitted: usize,
}

/// Runs every stage, as far as it goes.
fn outcome(case: &Case, bytes: &[u8]) -> Outcome {
    let plugin = match ValidPlugin::validate(bytes) {
        Err(rejection) => return refused(&rejection),
        Ok(plugin) => Arc::new(plugin),
    };
    let mut found = Outcome {
        warnings: plugin.warnings().iter().map(Warning::to_string).collect(),
        claims: claims_of_validation(&plugin),
        ..Outcome::default()
    };
    if case.validate_only {
        return found;
    }
    let laws = if case.laws.is_empty() { LawSet::host() } else { LawSet::with_file(&case.laws) };
    let laws = laws.expect("the host's laws are in order");
    let session = match Session::new(&plugin) {
        Err(rejection) => return refused(&rejection),
        Ok(session) => session,
    };
    let report = session.examine(&case.config, &laws);
    found.claims.extend(claims_of_verification(&report));
    if plugin.missing_for_walk().is_empty() && session.verify(&case.config, &laws).verified().is_some() {
        found.claims.insert("verified".into());
    }
    found.warnings = report.warnings.iter().map(Warning::to_string).collect();
    found.omitted = report.omitted;
    found.errors = report.errors;
    found
}

fn refused(rejection: &Rejection) -> Outcome {
    Outcome { errors: rejection.errors().to_vec(), omitted: rejection.omitted(), ..Outcome::default() }
}

fn claims_of_verification(report: &VerifyReport) -> BTreeSet<String> {
    let mut claims = BTreeSet::new();
    for (name, export) in &report.exports {
        claims.insert(format!("bound {name} <= {}", export.instructions_max));
        claims.insert(format!("stack {name} <= {}", export.stack_bytes));
    }
    claims.extend(report.laws.iter().map(|law| format!("law {} {}", law.id, law.verdict)));
    claims
}

/// Proves a claim that is a law, from the code and apart from the verdict.
fn prove(text: &str, config: &Config, bytes: &[u8]) -> Result<(), String> {
    let formula = parse_text(text).map_err(|error| error.to_string())?.remove(0).1;
    let mut law = Law {
        id: String::new(),
        name: String::new(),
        doc: String::new(),
        source: String::new(),
        origin: Origin::File,
        formula,
    };
    law.id = "claim".into();
    let module = Module::decode(bytes).map_err(|error| error.to_string())?;
    let mut prover = Prover::new(GATES, QueryBudget::default());
    let mut lifted = lift(&module, config, &mut prover).map_err(|findings| findings.to_string())?;
    let exports: Exports = lifted.exports.iter().filter_map(|export| export.helper).collect();
    let Binding::Applicable(bound) = bind(&law, config, &exports) else { return Err("it does not apply".into()) };
    let forms: Vec<_> = lifted.exports.iter().map(|export| (export.helper, export.result)).collect();
    let form = |helper| forms.iter().find(|(found, _)| *found == Some(helper))?.1;
    let lowered = lower(&bound, &mut lifted.arena, form).map_err(|error| error.to_string())?;
    match prover.implies(&lifted.arena, lowered.precondition, lowered.claim) {
        Ok(Implication::Proved { .. }) => Ok(()),
        Ok(other) => Err(format!("{other:x?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn claims_of_validation(plugin: &ValidPlugin) -> BTreeSet<String> {
    let sizes = plugin.sizes();
    let mut claims: BTreeSet<String> = plugin.ignored().iter().map(|noise| format!("ignored {noise}")).collect();
    claims.extend(plugin.exports().iter().map(|(helper, index)| format!("exports {helper} as function {index}")));
    claims.extend((0..512).filter_map(|i| Some(format!("function {i} is named {}", plugin.function_name(i)?))));
    let imports: Vec<&str> = plugin.imports().iter().map(|e| e.name()).collect();
    claims.insert(format!("imports {}", imports.join(" ")));
    claims.insert(format!("abi version {}", plugin.abi_version()));
    claims.insert(format!("module {} bytes", sizes.module_bytes));
    claims.insert(format!("functions {}", sizes.functions));
    claims.insert(format!("data {} bytes", sizes.data_bytes));
    claims.insert(format!("memory {} pages", sizes.memory_pages));
    let Manifest { name, version, author, arch, kernel, source } = plugin.manifest().clone();
    let values = [name, version, author, arch, kernel, source];
    for (key, value) in ptwalk_abi::MANIFEST_KEYS.iter().zip(values) {
        claims.extend(value.map(|value| format!("manifest {key} = {value}")));
    }
    claims
}

/// Writes the offsets found into a file whose expectations are right otherwise; says whether anything changed.
fn bless(path: &Path, source: &str, case: &Case, found: &Outcome) -> bool {
    let codes = case.expected.iter().map(|e| e.code);
    if !codes.eq(found.errors.iter().map(|e| e.code)) {
        return false;
    }
    let mut lines: Vec<String> = source.lines().map(String::from).collect();
    for (expected, error) in case.expected.iter().zip(&found.errors) {
        let others = expected.places.iter().filter(|place| !matches!(place, Place::Offset(_)));
        let wanted = expected.places.iter().find_map(|place| match place {
            Place::Offset(offset) => Some(offset.map_or("0x?".into(), |offset| format!("{offset:#x}"))),
            _ => None,
        });
        if let (Some(wanted), Some(offset), true) = (wanted, error.offset, others.into_iter().all(|p| p.is_of(error))) {
            lines[expected.line] = lines[expected.line].replacen(&wanted, &format!("{offset:#x}"), 1);
        }
    }
    let blessed = lines.join("\n") + "\n";
    blessed != source && fs::write(path, blessed).is_ok()
}

/// Whether a name is a case's number, perhaps with a letter, and words.
fn is_case_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let words = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = stem.len() - words.len();
    let words = words.strip_prefix(|c: char| c.is_ascii_lowercase()).unwrap_or(words);
    let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    digits == 3 && words.starts_with('-') && words.chars().all(slug) && ["wat", "hex"].contains(&extension)
}

/// Every file of a folder of the corpus, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verify").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

/// Reads one file of the corpus.
fn load(path: &Path) -> Result<(String, Case, Vec<u8>), String> {
    if !is_case_name(path) {
        return Err("not named like 003-import-env-log.wat".into());
    }
    let source = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = Case::parse(&source)?;
    let module = case.module(path, &source)?;
    Ok((source, case, module))
}

/// Runs one file: the time that the verifier took, and what is wrong, line by line.
fn run(path: &Path, is_reject: bool) -> (Duration, Vec<String>) {
    let (source, case, module) = match load(path) {
        Ok(loaded) => loaded,
        Err(error) => return (Duration::ZERO, vec![error]),
    };
    if is_reject && (case.expected.is_empty() || !case.claims.is_empty()) {
        return (Duration::ZERO, vec!["a file in reject/ wants an expect and no claim".into()]);
    }
    if !is_reject && (!case.expected.is_empty() || case.claims.is_empty()) {
        return (Duration::ZERO, vec!["a file in accept/ wants a claim and no expect".into()]);
    }
    let start = Instant::now();
    let found = outcome(&case, &module);
    let time = start.elapsed();
    let mut differences = case.differences(&found);
    if time > PATIENCE {
        differences.push(format!("it took {time:?}, more than {PATIENCE:?}"));
    }
    for claim in case.claims.iter().filter(|claim| is_law(claim)) {
        if let Err(why) = prove(claim, &case.config, &module) {
            differences.push(format!("not proved: {claim}\n  {why}"));
        }
    }
    if std::env::var_os("BLESS").is_some_and(|v| v == "1") && bless(path, &source, &case, &found) {
        differences.push("offsets were rewritten; run again without BLESS".into());
    }
    (time, differences)
}

#[test]
fn corpus_does_what_it_says() {
    let mut report = String::new();
    let mut counts = [0, 0];
    let mut times = Vec::new();
    for (is_reject, folder) in [(true, "reject"), (false, "accept")] {
        let files = files(folder);
        assert!(!files.is_empty(), "tests/verify/{folder} is empty");
        for path in files {
            counts[usize::from(is_reject)] += 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (time, differences) = run(&path, is_reject);
            times.push((time, format!("{folder}/{name}")));
            if !differences.is_empty() {
                let _ = writeln!(report, "--- tests/verify/{folder}/{name}\n{}\n", differences.join("\n"));
            }
        }
    }
    let [accepted, rejected] = counts;
    println!("{rejected} modules to reject, {accepted} to accept");
    times.sort_unstable();
    for (time, name) in times.iter().rev().take(SLOWEST_SHOWN) {
        println!("{time:>8.1?} {name}");
    }
    assert!(report.is_empty(), "\n{report}({rejected} modules to reject, {accepted} to accept)");
}

#[test]
fn directives_are_strict() {
    for bad in [
        ";; expct: S110 at 0x1a",
        ";;Expect: S110 at 0x1a",
        ";; expect: S110",
        ";; expect: S999 at 0x1a",
        ";; expect: S110 at somewhere",
        ";; expect: S110 at 0xzz",
        ";; message: before any expect",
        ";; generate: A = x block",
        ";; claim:",
        ";; config: PAGE_SHIFT=16",
        ";; config: PAGE_SHIFT = 9",
        ";; config: NO_SUCH = 1",
        ";; omitted: some",
        ";; stages: lift",
    ] {
        assert!(Case::parse(bad).is_err(), "{bad}");
    }
    let good = ";; What follows: a comment.\n;; expect: S110 at 0x1a, export e, op f64.add, function 3\n;; message: m";
    let case = Case::parse(good).expect("every directive is known");
    assert_eq!(case.expected[0].places.len(), 4);
    assert_eq!(generate("A = 2 x f{i} g{i+1}"), Ok(("A".into(), "f0 g1 f1 g2 ".into())));
    assert_eq!(generate("A = 3 x \".\""), Ok(("A".into(), "...".into())));
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let module = wat::parse_str("(module (import \"env\" \"log\" (func)))").expect("WAT");
    let found = outcome(&Case::default(), &module);
    let offset = found.errors[0].offset.expect("an import lies somewhere");
    let right = format!(";; expect: S110 at {offset:#x}\n;; message: env.log");
    let differences = |source: &str| Case::parse(source).expect("known directives").differences(&found);
    assert_eq!(differences(&right), Vec::<String>::new());
    for wrong in [
        String::new(),
        right.replace("S110", "S111"),
        right.replace("env.log", "env.lag"),
        format!(";; expect: S110 at {:#x}", offset + 1),
        ";; expect: S110 at 0x?".into(),
        format!("{right}\n;; expect: S130 at 0x1"),
        format!("{right}\n;; claim: memory 1 pages"),
        format!("{right}\n;; warning: odd"),
    ] {
        assert!(!differences(&wrong).is_empty(), "{wrong}");
    }
}

/// Claims of every kind, of a module that adds 1: what it does not do is not claimed.
#[test]
fn a_wrong_claim_is_noticed() {
    let wat = "(module (func (export \"ptwalk_abi_1\")) (func (export \"pte_to_phys\") (param i64) (result i64) \
        (i64.add (local.get 0) (i64.const 1))))";
    let module = wat::parse_str(wat).expect("WAT");
    let found = outcome(&Case::default(), &module);
    let differences = |claim: &str| {
        let claim = format!(";; claim: {claim}");
        Case::parse(&claim).expect("known directives").differences(&found)
    };
    for right in ["bound pte_to_phys <= 4", "stack pte_to_phys <= 24", "law address_round_trip not_applicable"] {
        assert_eq!(differences(right), Vec::<String>::new());
    }
    for wrong in ["bound pte_to_phys <= 5", "stack pte_to_phys <= 16", "law address_round_trip proved", "verified"] {
        assert!(!differences(wrong).is_empty(), "{wrong}");
    }
    let prove = |claim: &str| prove(claim, &Config::DEFAULT, &module);
    assert_eq!(prove("forall x: u64. pte_to_phys(x) == x + 1"), Ok(()));
    for wrong in [
        "forall x: u64. pte_to_phys(x) == x + 2",
        "forall x: u64. pte_to_phys(x) > x",
        "forall x: u64 where x < x. pte_to_phys(x) == x",
        "forall x: u64. pte_pfn(x) == x",
        "forall x: u64. pte_to_phys(x)",
    ] {
        assert!(is_law(wrong) && prove(wrong).is_err(), "{wrong}");
    }
    assert!(is_counterexample("x = 0x2", "x = 0x2") && is_counterexample("x = 0x2", "x = 0x2 (bit 1)"));
    assert!(!is_counterexample("x = 0x2", "x = 0x20") && !is_counterexample("x = 0x2", "y = 0x2"));
}

#[test]
fn blessing_changes_offsets_only() {
    let folder = std::env::temp_dir().join(format!("ptwalk-bless-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("001-import.wat");
    let found = outcome(&Case::default(), &wat::parse_str("(module (import \"env\" \"log\" (func)))").expect("WAT"));
    let offset = found.errors[0].offset.expect("an import lies somewhere");
    let try_bless = |source: &str| {
        let case = Case::parse(source).expect("known directives");
        bless(&path, source, &case, &found)
    };
    assert!(try_bless(";; expect: S110 at 0x?\n"));
    let blessed = fs::read_to_string(&path).expect("it was written");
    assert_eq!(blessed, format!(";; expect: S110 at {offset:#x}\n"));
    assert!(!try_bless(";; expect: S111 at 0x?\n"), "a code was blessed");
    assert!(!try_bless(";; expect: S110 at 0x?, export pte_pfn\n"), "an export was blessed");
    assert!(!try_bless(";; expect: S110 at 0x?\n;; expect: S110 at 0x?\n"), "a missing error was blessed");
    fs::remove_dir_all(&folder).expect("the temporary folder can go");
}

/// What an author reads first, word for word: a forbidden import, a wrong signature, a start function, floats.
#[test]
fn the_four_refusals_read_well() {
    let path = files("reject").into_iter().find(|path| path.ends_with("119-four-refusals.wat"));
    let (_, _, module) = load(&path.expect("the case is there")).expect("the case is readable");
    let rejection = ValidPlugin::validate(&module).expect_err("four reasons to refuse it");
    let mut text = String::new();
    for error in rejection.errors() {
        let suggestion = error.suggestion.as_deref().unwrap_or("");
        let place = error.place().unwrap_or_default();
        let _ = writeln!(text, "{} {}\n{}\n{place}\n{suggestion}\n", error.code, error.message, error.reason);
    }
    let externs: Vec<&str> = Extern::ALL.iter().map(|e| e.name()).collect();
    assert_eq!(text.replace(&externs.join(", "), "(every extern)"), include_str!("verify/119-four-refusals.txt"));
}

/// An error in a law file has a caret under the fault.
#[test]
fn errors_in_laws_are_pointed_at() {
    let path = files("reject").into_iter().find(|path| path.ends_with("106b-law-with-wrong-arity.wat"));
    let (_, case, _) = load(&path.expect("the case is there")).expect("the case is readable");
    let laws = LawSet::with_file(&case.laws).expect("the host's laws are in order");
    let excerpts: Vec<String> = laws.errors().iter().map(|error| error.excerpt()).collect();
    assert_eq!(
        excerpts,
        ["law two: forall x: u64. pte_young(x, x)\n                        ^^^^^^^^^^^^^^^"],
        "{:?}",
        laws.errors()
    );
}

/// Every stage must survive anything; the corpus is a good place to start from. Validation, which is fast, sees every
/// mutant, and what it lets through is verified until [`MUTANTS_TIME`] has passed.
#[test]
fn broken_modules_never_panic() {
    let mut accepted = Vec::new();
    for path in files("reject").into_iter().chain(files("accept")) {
        let (_, _, module) = load(&path).expect("the corpus is readable");
        if module.len() > 2000 {
            continue;
        }
        for end in 0..module.len() {
            accepted.extend(ValidPlugin::validate(&module[..end]));
        }
        for at in 8..module.len() {
            for flip in [0x01, 0x40, 0x80, 0xff] {
                let mut mutant = module.clone();
                mutant[at] ^= flip;
                accepted.extend(ValidPlugin::validate(&mutant));
            }
        }
    }
    let count = accepted.len();
    assert!(count > 100, "only {count} mutants were accepted: they are not close enough to valid modules");
    let (start, laws) = (Instant::now(), LawSet::host().expect("the host's laws are in order"));
    let mut verified = 0;
    // A step that shares no factor with the count spreads what is verified over the whole corpus.
    for turn in 0..count {
        if start.elapsed() > MUTANTS_TIME {
            break;
        }
        let plugin = Arc::new(accepted[turn * MUTANTS_STEP % count].clone());
        let session = Session::new(&plugin).expect("what is valid can be decoded");
        session.examine(&Config::DEFAULT, &laws);
        verified += 1;
    }
    println!("{verified} of {count} mutants that are valid were verified");
    assert!(verified > 20, "only {verified} mutants were verified in {MUTANTS_TIME:?}");
}
