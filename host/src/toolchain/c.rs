//! Building a plugin in C: clang and a linker.

use std::path::Path;

use super::find::{self, Program};
use super::{BuildError, Project, run};

const CLANG_FLAGS: [&str; 6] = ["--target=wasm32", "-nostdlib", "-O2", "-Wall", "-Wextra", "-c"];

const ADVICE: &str = "  apt install clang lld\n\
                      or clang and lld of any other LLVM that has the target wasm32 (`clang --print-targets`), or\n  \
                      ptwalk plugin build --fetch\n\
                      which unpacks Debian's into ~/.cache/ptwalk (once) and installs nothing.";

/// Builds, and says with what.
pub fn build(project: &Project, out: &Path) -> Result<String, BuildError> {
    let (clang, linker) = find()?;
    let folder = project.folder.canonicalize().map_err(BuildError::io("find", &project.folder))?;
    let source = project.source.file_name().unwrap_or_default();
    let work = tempfile::tempdir().map_err(BuildError::io("make", std::env::temp_dir()))?;
    let object = work.path().join("plugin.o");
    let mut command = clang.command();
    // In the folder, where the manifest that the source names is.
    command.current_dir(&folder).args(CLANG_FLAGS).arg("-o").arg(&object).arg(source);
    run(command)?;
    let mut command = linker.command();
    command.arg("--no-entry").arg(&object).arg("-o").arg(out);
    run(command)?;
    let version = clang.ask(&["--version"]).unwrap_or_default();
    Ok(version.lines().next().unwrap_or("clang").to_owned())
}

/// A compiler that has the target, and a linker.
fn find() -> Result<(Program, Program), BuildError> {
    let mut tried = Vec::new();
    for clang in find::clangs() {
        let Some(targets) = clang.ask(&["--print-targets"]) else { continue };
        if !targets.contains("wasm32") {
            tried.push(format!("{} (no target wasm32)", clang.shown()));
            continue;
        }
        match find::first_linker(find::linkers()) {
            Some(linker) => return Ok((clang, linker)),
            None => tried.push(format!("{} (no wasm-ld or rust-lld)", clang.shown())),
        }
    }
    Err(BuildError::NoToolchain { what: "C compiler for wasm32", advice: ADVICE, tried })
}
