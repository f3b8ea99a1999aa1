//! `docs/plugins.md`, run as it stands: every command of its blocks, in order, in an empty folder. The lines below a command
//! must be in what it prints.
//!
//! Where there is no compiler for a language, the rest of that block is skipped, and says so loudly.

use std::path::Path;
use std::process::Command;

/// A command, the exit code it must have, and what it must print.
#[derive(Debug)]
struct Step {
    line: usize,
    command: String,
    code: i32,
    prints: Vec<String>,
}

fn blocks(text: &str) -> Vec<Vec<Step>> {
    let mut blocks: Vec<Vec<Step>> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line == "```console" {
            inside = true;
            blocks.push(Vec::new());
        } else if line == "```" {
            inside = false;
        } else if let (true, Some(block)) = (inside, blocks.last_mut()) {
            match (line.strip_prefix("$ "), block.last_mut()) {
                (Some(command), _) => {
                    let (command, code) = match command.split_once("# exit code ") {
                        Some((command, code)) => (command.trim_end(), code.parse().expect("a number")),
                        None => (command, 0),
                    };
                    block.push(Step { line: number + 1, command: command.to_owned(), code, prints: Vec::new() });
                }
                (None, Some(step)) => step.prints.push(line.to_owned()),
                (None, None) => panic!("line {}: output of no command", number + 1),
            }
        }
    }
    blocks
}

#[test]
fn the_document_for_authors_works_as_it_stands() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugins.md");
    let text = std::fs::read_to_string(document).expect("readable");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (bin, work) = (folder.path().join("bin"), folder.path().join("work"));
    for made in [&bin, &work] {
        std::fs::create_dir(made).expect("made");
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ptwalk"), bin.join("ptwalk")).expect("linked");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("there is a PATH"));
    let mut ran = 0;
    for block in blocks(&text) {
        for Step { line, command, code, prints } in block {
            let mut shell = Command::new("sh");
            shell.args(["-c", &command]).current_dir(&work).env("PATH", &path).env("XDG_DATA_HOME", work.join("data"));
            let output = shell.output().expect("sh runs");
            let printed =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            if printed.contains("compiler for wasm32") {
                eprintln!("SKIPPED: docs/plugins.md:{line} WAS NOT RUN: {printed}");
                break;
            }
            assert_eq!(output.status.code(), Some(code), "docs/plugins.md:{line}: {command}\n{printed}");
            for wanted in prints {
                assert!(printed.contains(&wanted), "docs/plugins.md:{line}: {command}\nwanted: {wanted}\n{printed}");
            }
            ran += 1;
        }
    }
    assert!(ran >= 25, "{ran} commands");
}
