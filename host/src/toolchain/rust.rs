//! Building a plugin in Rust: two crates, the contract and the plugin, and a linker.
//!
//! By hand rather than by cargo, for the bytes that `walker-plugins/build` yields too: a plugin has no dependency but the
//! contract, and what rustc passes to a linker exports more than the plugin.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::find::{self, Program, RustCompiler};
use super::{BuildError, Project, run};

const TARGET: &str = "wasm32-unknown-unknown";

/// For what each is: `walker-plugins/build`, which must yield the same.
const RUSTC_FLAGS: [&str; 18] = [
    "--edition",
    "2024",
    "--target",
    TARGET,
    "-C",
    "opt-level=2",
    "-C",
    "codegen-units=1",
    "-C",
    "panic=abort",
    "-C",
    "overflow-checks=off",
    "-C",
    "debug-assertions=off",
    "-C",
    "target-cpu=mvp",
    "--color",
    "auto",
];
const LINK_FLAGS: [&str; 9] = [
    "--no-entry",
    "--export=ptwalk_abi_1",
    "--export-dynamic",
    "--gc-sections",
    "--strip-all",
    "--compress-relocations",
    "--stack-first",
    "-z",
    "stack-size=4096",
];

const ADVICE: &str = "  rustup toolchain install stable --profile minimal --target wasm32-unknown-unknown\n\
                      or, where apt offers rustc-web and rust-web-src (Debian 12 with its security updates),\n  \
                      ptwalk plugin build --fetch\n\
                      which unpacks them into ~/.cache/ptwalk (300 MB, once) and installs nothing.";

/// Bytes that a `Cargo.toml` may have.
const CARGO_BYTES_MAX: u64 = 1 << 20;

/// What `Cargo.toml` says that matters here.
pub struct Package {
    pub name: String,
    /// The folder of the contract, relative to the plugin's.
    abi: Option<PathBuf>,
}

#[derive(Deserialize)]
struct CargoToml {
    package: CargoPackage,
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
}

impl Package {
    pub fn read(folder: &Path) -> Result<Package, BuildError> {
        use std::io::Read;
        let path = folder.join("Cargo.toml");
        let mut text = String::new();
        let file = std::fs::File::open(&path).map_err(BuildError::io("read", &path))?;
        file.take(CARGO_BYTES_MAX).read_to_string(&mut text).map_err(BuildError::io("read", &path))?;
        let cargo: CargoToml = match toml::from_str(&text) {
            Ok(cargo) => cargo,
            Err(error) => return Err(BuildError::Cargo { path, what: error.to_string() }),
        };
        let foreign = cargo.dependencies.keys().find(|name| *name != "ptwalk-abi");
        if let Some(name) = foreign {
            let what = format!("`{name}`: a plugin can have no dependency but ptwalk-abi");
            return Err(BuildError::Cargo { path, what });
        }
        let abi = cargo.dependencies.get("ptwalk-abi").and_then(|abi| abi.get("path")?.as_str());
        Ok(Package { name: cargo.package.name, abi: abi.map(PathBuf::from) })
    }
}

/// Builds, and says with what.
pub fn build(project: &Project, out: &Path) -> Result<String, BuildError> {
    let package = Package::read(&project.folder)?;
    let Some(abi) = &package.abi else {
        let what = "ptwalk-abi must be a dependency by its path".to_owned();
        return Err(BuildError::Cargo { path: project.folder.join("Cargo.toml"), what });
    };
    let (compiler, linker) = find()?;
    let work = tempfile::tempdir().map_err(BuildError::io("make", std::env::temp_dir()))?;
    let work = work.path();
    let krate = package.name.replace('-', "_");
    let folder = project.folder.canonicalize().map_err(BuildError::io("find", &project.folder))?;
    let rustc = || {
        let mut command = compiler.program.command();
        command.arg("--sysroot").arg(&compiler.sysroot).args(RUSTC_FLAGS);
        command
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}=/{to}", from.display());
    let abi = folder.join(abi);
    let mut command = rustc();
    command.args(["--crate-name", "ptwalk_abi", "--crate-type", "rlib"]).arg(remap(&abi, "ptwalk-abi"));
    command.arg("--out-dir").arg(work).arg(abi.join("src/lib.rs"));
    run(command)?;
    let archive = work.join(format!("{krate}.a"));
    let mut command = rustc();
    command.args(["--crate-name", &krate, "--crate-type", "staticlib", "-C", "lto=fat"]);
    command.arg(format!("--extern=ptwalk_abi={}", work.join("libptwalk_abi.rlib").display()));
    command.arg(remap(&folder, &krate)).arg("-o").arg(&archive).arg(folder.join("src/lib.rs"));
    run(command)?;
    let mut command = linker.command();
    command.args(LINK_FLAGS).arg(&archive).arg("-o").arg(out);
    run(command)?;
    Ok(compiler.program.ask(&["-V"]).unwrap_or_else(|| compiler.program.shown()))
}

/// A compiler that has `core` for the target, and a linker.
fn find() -> Result<(RustCompiler, Program), BuildError> {
    let mut tried = Vec::new();
    for compiler in find::rust_compilers() {
        if !has_core(&compiler.sysroot) {
            tried.push(format!("{} (not for {TARGET})", compiler.program.shown()));
            continue;
        }
        let own = find::linkers_of(&compiler.sysroot);
        match find::first_linker(own).or_else(|| find::first_linker(find::linkers())) {
            Some(linker) => return Ok((compiler, linker)),
            None => tried.push(format!("{} (no wasm-ld or rust-lld)", compiler.program.shown())),
        }
    }
    Err(BuildError::NoToolchain { what: "Rust compiler for wasm32-unknown-unknown", advice: ADVICE, tried })
}

fn has_core(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(entries) = std::fs::read_dir(library) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore") && name.ends_with(".rlib")
    })
}
