//! The author's loop as authors run it: `ptwalk plugin new`, the test that comes with it, `build`, and plugins by name.
//!
//! What needs a compiler that is not there is skipped, and says so loudly.

mod support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const ARCHES: [&str; 3] = ["arm64", "x86", "ppc"];

/// Runs something with the program in reach, and what it printed on both streams as text.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn ptwalk<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
    ran(command.args(args).current_dir(folder).env("XDG_DATA_HOME", folder).output().expect("the program runs"))
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "{text}: {}", self.err);
        self
    }
}

fn scaffold(parent: &Path, arch: &str, lang: &str) -> PathBuf {
    let name = format!("my-{arch}-{lang}");
    let made = ptwalk(parent, &["plugin", "new", &name, "--arch", arch, "--lang", lang]).exits(0);
    let folder = parent.join(&name);
    assert_eq!(made.out.trim_end(), format!("./{name}"));
    folder
}

/// Runs the test that comes with a plugin; `None` where there is no compiler for it.
fn own_test(folder: &Path) -> Option<Ran> {
    // From elsewhere: it finds its folder by itself.
    let test = Command::new(folder.join("test")).env("PTWALK", env!("CARGO_BIN_EXE_ptwalk")).current_dir("/").output();
    let ran = ran(test.expect("the test is executable"));
    if ran.err.contains("compiler for wasm32") {
        eprintln!("SKIPPED: {} WAS NOT BUILT: {}", folder.display(), ran.err);
        return None;
    }
    Some(ran)
}

/// Edits a file of a plugin, which must hold what is replaced.
fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("readable");
    assert!(text.contains(from), "{} does not hold {from}", file.display());
    std::fs::write(file, text.replace(from, to)).expect("writable");
}

/// A new plugin passes its own test, and fails it once a law is broken by `from`, `to` in `file`.
fn passes_until_broken(arch: &str, lang: &str, file: &str, from: &str, to: &str, law: &str) {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = scaffold(parent.path(), arch, lang);
    let Some(whole) = own_test(&folder) else { return };
    let whole = whole.exits(0);
    assert!(whole.out.starts_with(&format!("VERIFIED ./my-{arch}-{lang}.wasm")), "{}", whole.out);
    let module = std::fs::read(folder.join(format!("my-{arch}-{lang}.wasm"))).expect("the module is there");
    let version = format!("name = \"my-{arch}-{lang}\"");
    assert!(String::from_utf8_lossy(&module).contains(&version), "the manifest has the name");
    edit(&folder.join(file), from, to);
    let broken = own_test(&folder).expect("the compiler is still there").exits(4);
    assert!(broken.out.contains(law) && broken.out.contains("Counterexample:"), "{law}: {}", broken.out);
}

#[test]
fn new_plugins_in_wat_pass_until_a_law_is_broken() {
    // DEVMAP is no longer set.
    let edits = [
        ("arm64", "0x0300_0000_0000_0000"),
        ("x86", "0x0400_0000_0000_0200"),
        ("ppc", "0xc00) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP"),
    ];
    for (arch, from) in edits {
        let to = from.replace("0x0300", "0x0100").replace("0x0400", "0x0000").replace("0xc00", "0x400");
        let file = format!("my-{arch}-wat.wat");
        passes_until_broken(arch, "wat", &file, from, &to, "law made_devmap_is_devmap");
    }
}

#[test]
fn new_plugins_in_c_pass_until_a_law_is_broken() {
    for arch in ARCHES {
        let file = format!("my-{arch}-c.c");
        passes_until_broken(arch, "c", &file, "pte | DEVMAP | SPECIAL", "pte | SPECIAL", "law made_devmap_is_devmap");
    }
}

#[test]
fn new_plugins_in_rust_pass_until_a_law_is_broken() {
    for (arch, young) in [("arm64", "AF"), ("x86", "ACCESSED"), ("ppc", "ACCESSED")] {
        let (from, to) = (format!("pte_mkold |_, x| x & !{young}"), "pte_mkold |_, x| x".to_owned());
        passes_until_broken(arch, "rust", "src/lib.rs", &from, &to, "C801 law");
    }
}

#[test]
fn a_new_plugin_in_rust_is_the_embedded_one_but_for_its_manifest() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = scaffold(parent.path(), "arm64", "rust");
    if own_test(&folder).is_none() {
        return;
    }
    let embedded = ptwalk::plugin::read("arm64").expect("embedded");
    let built = std::fs::read(folder.join("my-arm64-rust.wasm")).expect("built");
    let code = |module: &[u8]| {
        let payloads = wasmparser::Parser::new(0).parse_all(module).map(|payload| payload.expect("a module"));
        let code = payloads.filter_map(|payload| match payload {
            wasmparser::Payload::CodeSectionEntry(body) => Some(module[body.range()].to_vec()),
            _ => None,
        });
        code.collect::<Vec<_>>()
    };
    assert!(code(&built) == code(&embedded), "the prebuilt module comes from another compiler or other flags");
}

#[test]
fn nothing_is_written_over_and_names_are_checked() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = scaffold(parent.path(), "arm64", "wat");
    let source = folder.join("my-arm64-wat.wat");
    std::fs::write(&source, "mine").expect("writable");
    let again = ["plugin", "new", "my-arm64-wat", "--arch", "x86", "--lang", "c"];
    ptwalk(parent.path(), &again).exits(2).says("is there already");
    assert_eq!(std::fs::read_to_string(&source).expect("readable"), "mine");
    assert!(!folder.join("ptwalk.h").exists());
    std::fs::write(parent.path().join("file"), "mine").expect("writable");
    ptwalk(parent.path(), &["plugin", "new", "file", "--arch", "x86", "--lang", "c"]).exits(2).says("is there already");
    for name in ["", "../up", "a/b", "Upper", "9lives", "with space", "mod", "-x", &"x".repeat(65)] {
        let refused = ptwalk(parent.path(), &["plugin", "new", "--arch", "x86", "--lang", "c", "--", name]).exits(2);
        assert!(refused.err.contains("is no name for a plugin"), "{name}: {}", refused.err);
    }
    let names: Vec<_> =
        std::fs::read_dir(parent.path()).expect("readable").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn without_a_compiler_the_message_says_how_to_get_one() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = scaffold(parent.path(), "ppc", "rust");
    let bare = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
        command.args(args).current_dir(&folder).env_clear().env("PATH", "/nonexistent").env("HOME", parent.path());
        ran(command.output().expect("the program runs"))
    };
    bare(&["plugin", "build"])
        .exits(2)
        .says("rustup toolchain install stable --profile minimal --target wasm32-unknown-unknown\n")
        .says("ptwalk plugin build --fetch");
    std::fs::write(folder.join("my-ppc-rust.wasm"), "kept").expect("writable");
    edit(&folder.join("Cargo.toml"), "[dependencies]", "[dependencies]\nserde = \"1\"");
    bare(&["plugin", "build"]).exits(2).says("no dependency but ptwalk-abi");
    assert_eq!(std::fs::read_to_string(folder.join("my-ppc-rust.wasm")).expect("readable"), "kept");
    std::fs::remove_file(folder.join("Cargo.toml")).expect("removable");
    bare(&["plugin", "build"]).exits(2).says("no plugin to build");
    std::fs::write(folder.join("a.wat"), "(module").expect("writable");
    bare(&["plugin", "build"]).exits(4).says("a.wat is not well-formed WAT");
    std::fs::write(folder.join("b.c"), "").expect("writable");
    bare(&["plugin", "build"]).exits(2).says("which one is the plugin");
    let left = std::fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("one").file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".ptwalk-build")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn installed_plugins_are_listed_and_found_by_name() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = scaffold(home.path(), "arm64", "wat");
    let installed = home.path().join("ptwalk/plugins");
    std::fs::create_dir_all(&installed).expect("made");
    let source = std::fs::read_to_string(folder.join("my-arm64-wat.wat")).expect("readable");
    let broken = source.replace("0x0300_0000_0000_0000", "0x0100_0000_0000_0001");
    for (name, text) in [("mine.wat", &source), ("arm64.wat", &source), ("lawless.wat", &broken)] {
        std::fs::write(installed.join(name), text).expect("writable");
    }
    std::fs::write(installed.join("cut.wasm"), &ptwalk::plugin::read("arm64").expect("embedded")[..100])
        .expect("writable");
    std::fs::write(installed.join("notes.txt"), "no plugin").expect("writable");

    let listed = ptwalk(home.path(), &["plugin", "list", "--json"]).exits(0);
    let document: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(document["schema"], "ptwalk/1");
    let plugins = document["plugins"].as_array().expect("a list");
    let row = |plugin: &Value| {
        let text = |key: &str| plugin[key].as_str().unwrap_or("null").to_owned();
        (text("name"), text("verdict"), plugin["embedded"] == true, plugin["shadowed"] == true)
    };
    let wanted = [
        ("arm64", "verified", true, false),
        ("ppc", "verified", true, false),
        ("x86", "verified", true, false),
        ("arm64", "verified", false, true),
        ("cut", "malformed", false, false),
        ("lawless", "refuted", false, false),
        ("mine", "verified", false, false),
    ];
    let wanted =
        wanted.map(|(name, verdict, embedded, shadowed)| (name.to_owned(), verdict.to_owned(), embedded, shadowed));
    assert_eq!(plugins.iter().map(row).collect::<Vec<_>>(), wanted);
    let mine = &plugins[6];
    assert_eq!((&mine["version"], &mine["abi"], &mine["kernel"]), (&"0.1.0".into(), &1.into(), &"v5.3".into()));
    assert_eq!(mine["sha256"].as_str().map(str::len), Some(64));
    assert!(plugins[5]["reasons"][0].as_str().expect("text").contains("C801"), "{}", plugins[5]);
    let text = ptwalk(home.path(), &["plugin", "list"]).exits(0).says(&installed.display().to_string());
    assert!(text.out.contains("REJECTED") && text.out.contains("not found by this name"), "{}", text.out);
    let other = ptwalk(home.path(), &["plugin", "list", "--dir", "/nonexistent", "--format", "csv"]).exits(0);
    assert_eq!(other.out.lines().count(), 4, "{}", other.out);

    let run = |name: &str, word: &str| ptwalk(home.path(), &["plugin", "run", name, "pte_mkdevmap", word]);
    assert_eq!(run("mine", "0x3").exits(0).out, "pte_mkdevmap(0x0000000000000003) = 0x0300000000000003\n");
    run("lawless", "0x3").exits(4);
    run("absent", "0x3").exits(2).says("embedded plugins");
    // The embedded one has helpers that the installed one of its name has not.
    ptwalk(home.path(), &["plugin", "run", "arm64", "pte_mkcont", "0x3"]).exits(0);
}
