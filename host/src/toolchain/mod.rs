//! Building a plugin from source, with whatever compiler is there.
//!
//! In: the folder of a plugin. Out: its module, written to a temporary file and renamed. Guaranteed: nothing is installed
//! or downloaded unless [`fetch`] is called; where there is no compiler, the error says how to get one and where it was
//! looked for; a build that fails leaves the module that was there. Not handled: whether the module is a lawful plugin,
//! which is for the verifier; other languages, whose authors have a command of their own.

mod c;
mod find;
mod rust;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;

use crate::plugin::{self, LoadError};
use crate::scaffold::Language;

/// The recipe by which Debian's compilers are unpacked into a cache, as `walker-plugins/build` does.
const RECIPE: &str = include_str!("../../../walker-plugins/toolchain.sh");

/// A folder with a plugin's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// The plugin's name, and that of its module.
    pub name: String,
    /// The file that a compiler is given.
    pub source: PathBuf,
}

/// Why there is no module.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The folder holds nothing that can be built.
    #[error(
        "{}: no plugin to build: there is neither src/lib.rs with Cargo.toml nor a single .c or .wat file \
         (`ptwalk plugin new` makes a folder that has one)", folder.display()
    )]
    NoSource {
        /// The folder.
        folder: PathBuf,
    },
    /// It holds several things that can.
    #[error("{}: which one is the plugin? There are {}", folder.display(), files.join(", "))]
    Several {
        /// The folder.
        folder: PathBuf,
        /// The files.
        files: Vec<String>,
    },
    /// `Cargo.toml` does not say what is needed.
    #[error("{}: {what}", path.display())]
    Cargo {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no compiler.
    #[error("no {what}. Either\n{advice}\nLooked at: {}", if tried.is_empty() { "nothing".to_owned() } else { tried.join(", ") })]
    NoToolchain {
        /// What is missing.
        what: &'static str,
        /// How to get it.
        advice: &'static str,
        /// What was looked at.
        tried: Vec<String>,
    },
    /// The compiler or linker refused; it has said why on stderr.
    #[error("{program} failed ({status})")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The text does not assemble.
    #[error(transparent)]
    Wat(#[from] LoadError),
    /// The system says no.
    #[error("cannot {operation} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl BuildError {
    fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BuildError {
        let path = path.into();
        move |cause| BuildError::Io { operation, path, cause }
    }
}

impl Project {
    /// What a folder holds.
    ///
    /// # Errors
    /// [`BuildError::NoSource`], [`BuildError::Several`], [`BuildError::Cargo`], [`BuildError::Io`].
    pub fn open(folder: &Path) -> Result<Project, BuildError> {
        let lib = folder.join("src/lib.rs");
        if folder.join("Cargo.toml").is_file() && lib.is_file() {
            let name = rust::Package::read(folder)?.name;
            return Ok(Project { folder: folder.to_owned(), language: Language::Rust, name, source: lib });
        }
        let failed = || BuildError::io("read", folder);
        let mut sources = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let language = match path.extension().and_then(|extension| extension.to_str()) {
                Some("c") => Language::C,
                Some("wat") => Language::Wat,
                _ => continue,
            };
            sources.push((path, language));
        }
        sources.sort_by(|a, b| a.0.cmp(&b.0));
        if sources.len() > 1 {
            let files = sources.iter().map(|(path, _)| path.display().to_string()).collect();
            return Err(BuildError::Several { folder: folder.to_owned(), files });
        }
        let Some((source, language)) = sources.pop() else {
            return Err(BuildError::NoSource { folder: folder.to_owned() });
        };
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Project { folder: folder.to_owned(), language, name, source })
    }

    /// Where the module goes if nobody says otherwise.
    pub fn module(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// Its own laws, if it has any.
    pub fn laws(&self) -> Option<PathBuf> {
        Some(self.folder.join(format!("{}.laws", self.name))).filter(|path| path.is_file())
    }

    /// Builds the module, and says with what.
    ///
    /// # Errors
    /// [`BuildError`]; what was at `out` stays there.
    pub fn build(&self, out: &Path) -> Result<String, BuildError> {
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Beside the result, so that it can be renamed to it.
        let failed = || BuildError::io("write", out);
        let mut module = tempfile::Builder::new().prefix(".ptwalk-build-").tempfile_in(parent).map_err(failed())?;
        let with = match self.language {
            Language::Rust => rust::build(self, module.path())?,
            Language::C => c::build(self, module.path())?,
            Language::Wat => {
                let bytes = plugin::read(&self.source.display().to_string())?;
                module.write_all(&bytes).map_err(failed())?;
                "ptwalk's assembler".to_owned()
            }
        };
        publish(module, out).map_err(failed())?;
        Ok(with)
    }
}

/// Gives the file the permissions that a new one has, and its name.
fn publish(module: tempfile::NamedTempFile, out: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(module.path(), std::fs::Permissions::from_mode(0o644))?;
    module.persist(out)?;
    Ok(())
}

/// Unpacks Debian's compiler for a language into the cache, where it is not there yet.
///
/// # Errors
/// [`BuildError::Failed`] where apt does not offer it; [`BuildError::Io`] where there is no bash.
///
/// # Cost
/// A download of about a hundred megabytes, and for Rust half a minute to compile `core`; once.
pub fn fetch(language: Language) -> Result<(), BuildError> {
    let function = match language {
        Language::Rust => "use_rust debian",
        Language::C => "use_clang",
        Language::Wat => return Ok(()),
    };
    let folder = tempfile::tempdir().map_err(BuildError::io("make", std::env::temp_dir()))?;
    let recipe = folder.path().join("toolchain.sh");
    std::fs::write(&recipe, RECIPE).map_err(BuildError::io("write", &recipe))?;
    let script = format!("set -euo pipefail; export LC_ALL=C; source \"$1\"; {function}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script, "ptwalk"]).arg(&recipe);
    run(bash)
}

/// Runs a program that says on stderr what is wrong.
fn run(mut command: Command) -> Result<(), BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.map_err(BuildError::io("run", &program))?;
    if status.success() { Ok(()) } else { Err(BuildError::Failed { program, status }) }
}
