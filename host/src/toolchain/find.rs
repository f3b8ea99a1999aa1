//! Finding programs: on the PATH, among rustup's toolchains, where Debian puts LLVM's, and in the cache that
//! `walker-plugins/toolchain.sh` makes.
//!
//! Out: a [`Program`] that can be run, or what was looked at. Guaranteed: nothing is downloaded by looking; rustup, which
//! may do so on behalf of a project's `rust-toolchain.toml`, is asked from the root directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::xdg;

/// A program, with what it needs to run.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    /// Folders of libraries that come before the system's.
    libraries: Vec<PathBuf>,
}

impl Program {
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program { path: path.into(), args: Vec::new(), libraries: Vec::new() }
    }

    fn arg(mut self, arg: impl Into<OsString>) -> Program {
        self.args.push(arg.into());
        self
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args);
        if !self.libraries.is_empty() {
            let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
            let inherited = std::env::split_paths(&inherited).filter(|path| !path.as_os_str().is_empty());
            // A folder with a colon in its name cannot be named there: the system's libraries are used.
            if let Ok(joined) = std::env::join_paths(self.libraries.iter().cloned().chain(inherited)) {
                command.env("LD_LIBRARY_PATH", joined);
            }
        }
        command
    }

    /// What it prints when asked; `None` where it is not there, fails or prints no text.
    pub fn ask(&self, args: &[&str]) -> Option<String> {
        let mut command = self.command();
        let output = command.args(args).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        Some(text.trim().to_owned())
    }

    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// Folders of a folder that begin with `prefix`, the last by name first: the newest where the names are versions of as
/// many digits.
fn folders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(named).collect();
    found.sort();
    found.reverse();
    found
}

/// The folders of toolchains that `toolchain.sh` has unpacked, complete ones alone.
fn cached(which: &str) -> Vec<PathBuf> {
    let caches = match xdg::absolute("PTWALK_WASM_TOOLCHAIN") {
        Some(cache) => vec![cache],
        None => xdg::cache_home().map(|cache| folders(&cache.join("ptwalk"), "wasm-toolchain-")).unwrap_or_default(),
    };
    caches.into_iter().map(|cache| cache.join(which)).filter(|folder| folder.join("stamp").is_file()).collect()
}

/// A program of a cached toolchain, unpacked there or else the system's.
fn in_cache(folder: &Path, path: &str) -> Program {
    let unpacked = folder.join("root").join(path);
    if !unpacked.exists() {
        return Program::new(Path::new("/").join(path));
    }
    let roots = ["usr/lib", "lib"].map(|lib| folder.join("root").join(lib));
    let libraries = roots
        .iter()
        .flat_map(|lib| folders(lib, ""))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu")));
    Program { libraries: libraries.collect(), ..Program::new(unpacked) }
}

/// Programs of LLVM: on the PATH, by version, where Debian has them, in the cache.
fn of_llvm(name: &str) -> Vec<Program> {
    let mut found = vec![Program::new(name)];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versioned = std::env::split_paths(&path).flat_map(|folder| folders(&folder, &format!("{name}-")));
    let is_version = |path: &PathBuf| {
        let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        file.rsplit('-')
            .next()
            .is_some_and(|version| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
    };
    found.extend(versioned.filter(is_version).map(Program::new));
    let debian = folders(Path::new("/usr/lib"), "llvm-").into_iter().map(|folder| folder.join("bin").join(name));
    found.extend(debian.filter(|path| path.is_file()).map(Program::new));
    for folder in ["clang", "debian"].into_iter().flat_map(cached) {
        let llvm = folders(&folder.join("root/usr/lib"), "llvm-");
        let programs = llvm
            .iter()
            .filter_map(|llvm| llvm.file_name())
            .map(|llvm| in_cache(&folder, &format!("usr/lib/{}/bin/{name}", llvm.to_string_lossy())));
        found.extend(programs.filter(|program| program.path.is_file()));
    }
    found
}

/// Compilers of C, the likeliest first.
pub fn clangs() -> Vec<Program> {
    of_llvm("clang")
}

/// Linkers for WebAssembly, LLVM's own and those that come with Rust.
pub fn linkers() -> Vec<Program> {
    let mut found = of_llvm("wasm-ld");
    for compiler in rust_compilers() {
        found.extend(linkers_of(&compiler.sysroot));
    }
    found
}

/// A compiler of Rust with the folder that its libraries are in.
#[derive(Clone, Debug)]
pub struct RustCompiler {
    pub program: Program,
    pub sysroot: PathBuf,
}

/// The linkers that come with a compiler of Rust.
pub fn linkers_of(sysroot: &Path) -> Vec<Program> {
    let hosts = folders(&sysroot.join("lib/rustlib"), "");
    let linkers = hosts.into_iter().map(|host| host.join("bin/rust-lld")).filter(|path| path.is_file());
    linkers.map(|path| Program::new(path).arg("-flavor").arg("wasm")).collect()
}

/// Compilers of Rust, whatever they compile for: the one on the PATH, rustup's, the cached.
pub fn rust_compilers() -> Vec<RustCompiler> {
    let mut programs = vec![Program::new("rustc")];
    let toolchains = Program::new("rustup").ask(&["toolchain", "list"]).unwrap_or_default();
    for name in toolchains.lines().filter_map(|line| line.split_whitespace().next()) {
        let path = Program::new("rustup").ask(&["which", "--toolchain", name, "rustc"]);
        programs.extend(path.map(Program::new));
    }
    let mut found: Vec<RustCompiler> = Vec::new();
    for program in programs {
        let Some(sysroot) = program.ask(&["--print", "sysroot"]).map(PathBuf::from) else { continue };
        if found.iter().all(|known| known.sysroot != sysroot) {
            found.push(RustCompiler { program, sysroot });
        }
    }
    for folder in cached("debian") {
        let (program, sysroot) = (in_cache(&folder, "usr/bin/rustc"), folder.join("sysroot"));
        found.push(RustCompiler { program, sysroot });
    }
    found
}

/// The first linker that runs.
pub fn first_linker(candidates: Vec<Program>) -> Option<Program> {
    candidates.into_iter().find(|linker| linker.ask(&["--version"]).is_some())
}
