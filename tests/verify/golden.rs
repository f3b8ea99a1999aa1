//! The whole report on the example of each code, kept as a file.
//!
//! In: [`Code::ALL`] and the corpus. Out: a difference for every code whose example is reported otherwise than
//! `tests/verify/golden/CODE.txt` says. Guaranteed: a code without a file fails, and so does a file without a code;
//! `BLESS=1` writes them. A code that no input produces cannot have a file, as its example must show it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ptwalk_verifier::code::Code;
use ptwalk_verifier::report::Diagnostic;

use super::{Outcome, load, outcome};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verify/golden")
}

/// Which budget a hard question spends, and how far a loop is unrolled until then, depends on the machine: the file says
/// so, and the corpus checks the rest.
fn settled(mut error: Diagnostic) -> Diagnostic {
    if error.code == Code::L910 {
        error.message.retain(|c| !c.is_ascii_digit());
    }
    if error.code == Code::L920 {
        assert!(error.reason.contains("is spent"), "{error}");
        "(the budget that is spent: of one question, of all, or the time)".clone_into(&mut error.reason);
    }
    error
}

/// Everything that is said, as it is said.
fn shown(found: Outcome) -> String {
    let mut text = String::new();
    for warning in &found.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for error in found.errors {
        let _ = writeln!(text, "{}", settled(error));
    }
    if found.omitted > 0 {
        let _ = writeln!(text, "({} further errors are not shown)", found.omitted);
    }
    text
}

#[test]
fn every_code_has_its_report() {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut differences = String::new();
    for code in Code::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(code.explain().example_file);
        let (_, case, module) = load(&path).expect("the page's example is in the corpus");
        let text = shown(outcome(&case, &module));
        assert!(text.contains(code.text()), "{}: no {code} in\n{text}", path.display());
        let golden = folder().join(format!("{code}.txt"));
        let kept = fs::read_to_string(&golden).unwrap_or_default();
        if kept == text {
            continue;
        }
        if bless {
            fs::write(&golden, &text).expect("the folder can be written");
        }
        let _ = writeln!(differences, "--- {}\n{kept}--- is now\n{text}", golden.display());
    }
    assert!(differences.is_empty(), "\n{differences}(BLESS=1 rewrites them; then look at the difference)");
}

#[test]
fn every_report_is_of_a_code() {
    let files = fs::read_dir(folder()).expect("the folder is there");
    let names: BTreeSet<String> =
        files.map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    let wanted: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.txt")).collect();
    assert_eq!(names, wanted);
}
