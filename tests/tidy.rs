//! What the documents name exists, and what they count is counted.
//!
//! Every path in backticks or in a link of a Markdown file must be in the repository. The table of the trusted base in
//! `docs/trust.md` is rewritten by `BLESS=1 cargo test --test tidy`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, keep: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with(".git") {
            files(&path, keep, found);
        } else if path.is_file() && keep(&path) {
            found.push(path);
        }
    }
}

/// Words of a line that look like paths of this repository: with a slash, under one of its folders.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let tops = ["abi/", "host/", "walker-plugins/", "benches/", "tests/", "docs/", ".ci/"];
    line.split(['`', '(', ')', ' ', ',', ';', '"', '[', ']', '|'])
        .map(|word| word.trim_end_matches(['.', ':']).split('#').next().unwrap_or_default())
        .filter(move |word| tops.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['*', '{', '<', '…', '$', '=']))
}

#[test]
fn documents_name_what_exists() {
    let root = root();
    let mut documents = Vec::new();
    let is_markdown = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    files(&root, &is_markdown, &mut documents);
    let mut named = 0;
    let mut missing = Vec::new();
    for document in &documents {
        let text = std::fs::read_to_string(document).expect("readable");
        let folder = document.parent().unwrap_or(&root);
        for (number, line) in text.lines().enumerate() {
            for path in paths(line) {
                named += 1;
                if !root.join(path).exists() && !folder.join(path).exists() {
                    missing.push(format!("{}:{}: {path}", document.display(), number + 1));
                }
            }
        }
    }
    assert!(named > 20, "{named} paths in {} documents", documents.len());
    assert!(missing.is_empty(), "documents name what is not there:\n{}", missing.join("\n"));
}

/// The parts of the trusted base, and what each is trusted with.
const TRUSTED: [(&str, &str); 7] = [
    ("host/verifier/src/validate", "admits the integer subset and nothing else"),
    ("host/verifier/src/lift", "the closed form of an export is what its code computes"),
    ("host/verifier/src/expr", "simplifications keep the value of a closed form"),
    ("host/verifier/src/blast.rs", "a closed form and its circuit compute the same"),
    ("host/verifier/src/bits", "no question is answered \"proved\" that has a counterexample"),
    ("host/verifier/src/laws", "a law's text means what `docs/laws.md` says"),
    ("host/verifier/src/verify", "nothing that is open or refuted becomes a verified plugin"),
];

/// Lines of code: not blank, not comment, not under `#[cfg(test)]` or in a file of tests.
fn code_lines(path: &Path) -> usize {
    let name = path.display().to_string();
    if name.contains("/tests") || name.ends_with("fault.rs") {
        return 0;
    }
    let text = std::fs::read_to_string(path).expect("readable");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

fn trusted_table() -> String {
    let mut table = String::from("| part | lines | trusted with |\n|---|---:|---|\n");
    let mut total = 0;
    for (part, with) in TRUSTED {
        let path = root().join(part);
        let mut sources = Vec::new();
        if path.is_dir() {
            files(&path, &|path| path.extension().is_some_and(|extension| extension == "rs"), &mut sources);
            let module = path.with_extension("rs");
            sources.extend(Some(module).filter(|module| module.is_file()));
        } else {
            sources.push(path);
        }
        let lines: usize = sources.iter().map(|source| code_lines(source)).sum();
        total += lines;
        writeln!(table, "| `{part}` | {lines} | {with} |").expect("a string takes what is written");
    }
    writeln!(table, "| all | {total} | |").expect("a string takes what is written");
    table
}

#[test]
fn the_trusted_base_is_as_large_as_the_document_says() {
    const START: &str = "<!-- table: BLESS=1 cargo test --test tidy -->\n";
    let path = root().join("docs/trust.md");
    let text = std::fs::read_to_string(&path).expect("docs/trust.md is part of the repository");
    let (head, rest) = text.split_once(START).expect("docs/trust.md marks where its table begins");
    let end = rest.find("\n\n").map_or(rest.len(), |at| at + 1);
    let table = trusted_table();
    let numbers = |table: &str| -> Vec<f64> { table.split('|').filter_map(|cell| cell.trim().parse().ok()).collect() };
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{head}{START}{table}{}", &rest[end..])).expect("writable");
        return;
    }
    let (said, counted) = (numbers(&rest[..end]), numbers(&table));
    // The size is what matters, not the last line.
    let near = |(said, counted): (&f64, &f64)| (said - counted).abs() <= counted * 0.1;
    let agree = said.len() == counted.len() && said.iter().zip(&counted).all(near);
    assert!(agree, "docs/trust.md is out of date (BLESS=1 cargo test --test tidy); counted:\n{table}");
}
