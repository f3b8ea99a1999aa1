//! A new plugin: a folder that builds and is proved as it is.
//!
//! In: a name, an architecture, a language. Out: a folder with source, manifest, a law of its own and a test. Guaranteed:
//! nothing that is there is written over, and what could not be finished is taken away again; no network is needed, now
//! or to build. In Rust the source is the embedded plugin's, with the contract crate beside it; in C and WAT a smaller
//! one, for v5.3, from `host/templates`. Not handled: finding a compiler, see [`toolchain`](crate::toolchain).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use thiserror::Error;

/// Characters that a name may have: it becomes a file name, a crate name and a line of text.
const NAME_CHARS_MAX: usize = 64;

/// The architecture that a new plugin starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// arm64.
    Arm64,
    /// x86_64.
    X86,
    /// ppc64 book3s.
    Ppc,
}

/// The language that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// C.
    C,
    /// WebAssembly's own text form.
    Wat,
}

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Scaffold<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// Where it starts from.
    pub arch: Arch,
    /// What it is written in.
    pub language: Language,
}

/// Why there is no new plugin.
#[derive(Debug, Error)]
pub enum ScaffoldError {
    /// The name cannot be one of a file and a crate.
    #[error(
        "`{name}` is no name for a plugin: up to {NAME_CHARS_MAX} of a-z, 0-9, - and _, beginning with a letter, and no \
         word of Rust's"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Something of that name is there.
    #[error("{} is there already, and nothing is written over", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The system says no.
    #[error("cannot write {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// What differs between architectures.
struct OfArch {
    /// For people.
    title: &'static str,
    rust: &'static Dir<'static>,
    c: &'static str,
    wat: &'static str,
    /// The manifest of the one in C; that in WAT has it within.
    manifest: &'static str,
    /// What makes any entry one that `pte_devmap` looks at, as a term behind it in a law.
    leaf: &'static str,
}

static ABI: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../abi/src");
static ARM64: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../walker-plugins/arm64");
static X86: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../walker-plugins/x86");
static PPC: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../walker-plugins/ppc");

const CARGO: &str = include_str!("../../templates/rust/Cargo.toml");
const ABI_CARGO: &str = include_str!("../../templates/rust/abi.toml");
const HEADER: &str = include_str!("../../templates/ptwalk.h");
const LAWS: &str = include_str!("../../templates/plugin.laws");
const TEST: &str = include_str!("../../templates/test");
const README: &str = include_str!("../../templates/README.md");

macro_rules! of_arch {
    ($rust:ident, $folder:literal, $title:literal, $leaf:literal) => {
        OfArch {
            title: $title,
            rust: &$rust,
            c: include_str!(concat!("../../templates/", $folder, "/plugin.c")),
            wat: include_str!(concat!("../../templates/", $folder, "/plugin.wat")),
            manifest: include_str!(concat!("../../templates/", $folder, "/plugin.toml")),
            leaf: $leaf,
        }
    };
}

impl Arch {
    fn parts(self) -> OfArch {
        match self {
            Arch::Arm64 => of_arch!(ARM64, "arm64", "arm64", ""),
            Arch::X86 => of_arch!(X86, "x86", "x86_64", ""),
            // _PAGE_PTE, without which ppc64 has no device memory.
            Arch::Ppc => of_arch!(PPC, "ppc", "ppc64", " | 1 << 62"),
        }
    }
}

impl Language {
    const fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::Wat => "WAT",
        }
    }
}

/// A file of the folder.
struct Made {
    path: PathBuf,
    bytes: Vec<u8>,
    executable: bool,
}

impl Scaffold<'_> {
    /// Makes the folder, in `parent`.
    ///
    /// # Errors
    /// [`ScaffoldError`]; nothing is left behind.
    pub fn create(&self, parent: &Path) -> Result<PathBuf, ScaffoldError> {
        if !is_name(self.name) {
            return Err(ScaffoldError::Name { name: self.name.to_owned() });
        }
        let folder = parent.join(self.name);
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(ScaffoldError::Exists { folder });
            }
            Err(cause) => return Err(ScaffoldError::Io { path: folder, cause }),
        }
        let written = self.files().iter().try_for_each(|made| write(&folder, made));
        if let Err(error) = written {
            // The folder is ours since a moment ago. What cannot be taken away stays: the error says where.
            let _ = fs::remove_dir_all(&folder);
            return Err(error);
        }
        Ok(folder)
    }

    fn files(&self) -> Vec<Made> {
        let parts = self.arch.parts();
        let mut files = vec![
            self.text("README.md", &self.readme(&parts)),
            self.text(&format!("{}.laws", self.name), &LAWS.replace(" @LEAF@", parts.leaf)),
            Made { executable: true, ..self.text("test", TEST) },
        ];
        match self.language {
            Language::Rust => self.rust(&parts, &mut files),
            Language::C => {
                files.push(self.text(&format!("{}.c", self.name), parts.c));
                files.push(self.text("ptwalk.h", HEADER));
                files.push(self.text("plugin.toml", parts.manifest));
            }
            Language::Wat => files.push(self.text(&format!("{}.wat", self.name), parts.wat)),
        }
        files
    }

    /// A file of text with the names put in.
    fn text(&self, path: &str, text: &str) -> Made {
        let (arch, language) = (self.arch.parts().title, self.language.title());
        let text = text.replace("@NAME@", self.name).replace("@ARCH@", arch).replace("@LANGUAGE@", language);
        Made { path: path.into(), bytes: text.into_bytes(), executable: false }
    }

    fn readme(&self, parts: &OfArch) -> String {
        let place = match self.language {
            Language::Rust => {
                "The source is that of ptwalk's own plugin, for every configuration of the kernel: change it, or take away \
                 what you do not need. `src/lib.rs` lists the helpers. `vendor/ptwalk-abi` is the contract."
            }
            Language::C => "`ptwalk.h` is all that it needs: no libc.",
            Language::Wat => "It is its own source: ptwalk reads the `.wat` wherever it reads a `.wasm`.",
        };
        let mut text = README.replace("@WHERE@", place);
        if let (Language::Rust, Some(notes)) = (self.language, file_of(parts.rust, "README.md")) {
            text = format!("{text}\n{}", String::from_utf8_lossy(notes));
        }
        text
    }

    fn rust(&self, parts: &OfArch, files: &mut Vec<Made>) {
        files.push(self.text("Cargo.toml", CARGO));
        files.push(self.text(".gitignore", "/target\n"));
        files.push(self.text("vendor/ptwalk-abi/Cargo.toml", ABI_CARGO));
        let manifest = file_of(parts.rust, "plugin.toml").map(String::from_utf8_lossy).unwrap_or_default();
        files.push(self.text("plugin.toml", &renamed(&manifest, self.name)));
        if let Some(source) = parts.rust.get_dir("src") {
            copy(source, Path::new(""), files);
        }
        copy(&ABI, Path::new("vendor/ptwalk-abi/src"), files);
    }
}

/// The manifest of an embedded plugin as one of this name; author and place are the embedded one's and go.
fn renamed(manifest: &str, name: &str) -> String {
    let mut text = String::new();
    for line in manifest.lines() {
        match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("name") => text += &format!("name = \"{name}\"\n"),
            Some("author" | "source") => {}
            _ => text += &format!("{line}\n"),
        }
    }
    text
}

fn file_of(dir: &'static Dir<'static>, path: &str) -> Option<&'static [u8]> {
    dir.get_file(path).map(include_dir::File::contents)
}

/// The files of an embedded folder, by their paths in it, under `to`.
fn copy(dir: &Dir<'_>, to: &Path, files: &mut Vec<Made>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => copy(dir, to, files),
            DirEntry::File(file) => {
                files.push(Made { path: to.join(file.path()), bytes: file.contents().to_vec(), executable: false });
            }
        }
    }
}

fn write(folder: &Path, made: &Made) -> Result<(), ScaffoldError> {
    let path = folder.join(&made.path);
    let written = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if made.executable { 0o777 } else { 0o666 };
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?.write_all(&made.bytes)
    };
    written().map_err(|cause| ScaffoldError::Io { path: path.clone(), cause })
}

/// Words of Rust that are no crate's name (edition 2024), and names of crates that every crate has.
const RESERVED: [&str; 59] = [
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "core",
    "alloc",
    "std",
    "test",
    "proc_macro",
    "ptwalk-abi",
    "ptwalk_abi",
    "plugin",
];

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
        && !RESERVED.contains(&name)
}
