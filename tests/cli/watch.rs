//! `ptwalk watch` as authors use it: the program runs, files change under it, and it says what that did to the answer and
//! to the proof.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::diff::real;
use crate::image::{Files, ROOT};
use crate::ptwalk;

/// Longer than any event takes on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(60);

const PLUGIN: &str = include_str!("../../host/templates/arm64/plugin.wat");

/// The plugin with device memory in bit 63, lawful and different.
pub fn other_devmap() -> String {
    let edits = [
        ("(i64.const 57)", "(i64.const 63)"),
        ("0x0300_0000_0000_0000", "0x8100_0000_0000_0000"),
        ("(i64.const 0x0200_0000_0000_0000)", "(i64.const 0x8000_0000_0000_0000)"),
    ];
    edits.iter().fold(PLUGIN.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// The plugin with a `pte_mkdevmap` that makes no device memory.
fn lawless() -> String {
    PLUGIN.replace("0x0300_0000_0000_0000", "0x0100_0000_0000_0000")
}

/// The program at work.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn new(args: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ptwalk"));
        command.arg("watch").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (to, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Running { child, lines }
    }

    /// The next event, which must come and be of this kind.
    #[track_caller]
    fn next(&self, kind: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("an event");
        let event: Value = serde_json::from_str(&line).expect("a JSON document a line");
        assert_eq!((&event["schema"], &event["event"]), (&"ptwalk/1".into(), &kind.into()), "{event}");
        event
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    fn ends(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where a test went as it should.
        let _ = self.child.kill();
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("writable");
}

/// What is written beside a file and renamed to it is there at once.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    write(&beside, text);
    std::fs::rename(&beside, path).expect("renamed");
}

/// How many entries a change counts, over all levels.
fn count(event: &Value, change: &str) -> u64 {
    let levels = event["summary"]["changes"][change].as_object();
    levels.map_or(0, |levels| levels.values().map(|count| count["entries"].as_u64().expect("a count")).sum())
}

#[test]
fn each_edit_is_told_with_its_effect_and_its_proof() {
    let files = Files::new();
    let (image, plugin) = (files.user(), files.path("p.wat"));
    write(&plugin, PLUGIN);
    let path = plugin.to_str().expect("UTF-8");
    let running = Running::new(&[&image, path, "--root", ROOT, "--range", "0x400000-0x800000", "--kernel", "5.3"]);
    assert_eq!(running.next("started")["image"], image.as_str());
    let first = running.next("admitted");
    assert_eq!((&first["first"], &first["plugin"]["generation"]), (&true.into(), &1.into()));
    assert_eq!(first["summary"]["alike"]["entries"], 5);

    write(&plugin, &other_devmap());
    let second = running.next("admitted");
    assert_eq!((count(&second, "no_longer_devmap"), &second["plugin"]["generation"]), (1, &2.into()));
    assert_eq!(second["differences"][0]["start"], "0x404000");
    assert_ne!(second["plugin"]["sha256"], first["plugin"]["sha256"]);
    let stages = ["read", "validate", "lift", "safety", "laws", "compile", "self_test", "walk", "total"];
    let times = stages.map(|stage| second["ms"][stage].as_f64().expect("a time"));
    assert!(times.iter().all(|time| *time >= 0.0) && times[8] > times[4], "{}", second["ms"]);

    // Refused: the laws with inputs that break them, and the answer stays with the second.
    replace(&plugin, &lawless());
    let refused = running.next("refused");
    assert_eq!((&refused["verdict"], &refused["in_service"]["generation"]), (&"refuted".into(), &2.into()));
    assert_eq!(refused["in_service"]["sha256"], second["plugin"]["sha256"]);
    let broken = refused["laws"]["broken"].as_array().expect("a list");
    let law = broken.iter().find(|law| law["id"] == "mkdevmap_makes_devmap").expect("the law");
    assert_eq!(law["counterexample"]["inputs"], json!({ "x": "0x1" }));
    // Not even a module: what is known of the laws stays.
    replace(&plugin, "(module");
    let text = running.next("refused");
    assert_eq!((&text["code"], &text["laws"]["repaired"]), (&"malformed_text".into(), &json!([])));
    replace(&plugin, &lawless().replace("version = \\\"0.1.0", "version = \\\"0.1.1"));
    let still = running.next("refused");
    assert_eq!(still["laws"]["broken"], json!([]));
    assert!(still["laws"]["still_broken"].as_array().expect("a list").contains(&"mkdevmap_makes_devmap".into()));

    // Good again: compared with the last good one, not with what was refused.
    write(&plugin, PLUGIN);
    let third = running.next("admitted");
    assert_eq!((count(&third, "newly_devmap"), &third["plugin"]["generation"]), (1, &3.into()));
    assert!(third["laws"]["repaired"].as_array().expect("a list").contains(&"mkdevmap_makes_devmap".into()));

    running.signal("INT");
    let ended = running.next("ended");
    assert_eq!((&ended["reason"], &ended["complete"]), (&"interrupted".into(), &false.into()));
    assert_eq!(running.ends().code(), Some(130));
}

#[test]
fn a_folder_may_go_and_come_back() {
    let files = Files::new();
    let (image, folder) = (files.user(), files.path("plugins"));
    let plugin = folder.join("p.wat");
    // Nothing is there yet, not even the folder.
    let path = plugin.to_str().expect("UTF-8").to_owned();
    let running = Running::new(&[&image, &path, "--root", ROOT, "--kernel", "5.3"]);
    running.next("started");
    let absent = running.next("refused");
    assert_eq!((&absent["code"], &absent["in_service"]), (&"unreadable".into(), &Value::Null));
    std::fs::create_dir(&folder).expect("made");
    replace(&plugin, PLUGIN);
    assert_eq!(running.next("admitted")["plugin"]["generation"], 1);
    std::fs::rename(&folder, files.path("away")).expect("renamed");
    let gone = running.next("refused");
    assert_eq!((&gone["code"], &gone["in_service"]["generation"]), (&"unreadable".into(), &1.into()));
    std::fs::create_dir(&folder).expect("made");
    write(&plugin, &other_devmap());
    assert_eq!(count(&running.next("admitted"), "no_longer_devmap"), 1);
    running.signal("TERM");
    running.next("ended");
    assert_eq!(running.ends().code(), Some(130));
}

#[test]
fn sources_are_built_first_and_a_build_that_fails_changes_nothing() {
    let files = Files::new();
    let (image, module) = (files.user(), files.path("p.wasm"));
    let source = files.path("p.wat");
    write(&source, PLUGIN);
    let folder = module.parent().expect("a folder").display().to_string();
    let build = format!("echo building; {} plugin build '{folder}' --no-check", env!("CARGO_BIN_EXE_ptwalk"));
    let path = module.to_str().expect("UTF-8");
    let running = Running::new(&[&image, path, "--root", ROOT, "--kernel", "5.3", "--build", &build]);
    running.next("started");
    let first = running.next("admitted");
    assert!(first["ms"]["build"].as_f64() > Some(0.0), "{}", first["ms"]);
    // In one step: a build may begin between the two of a plain write.
    replace(&source, "(module");
    let failed = running.next("build_failed");
    assert_eq!((&failed["status"], &failed["in_service"]["generation"]), (&"exit status: 4".into(), &1.into()));
    replace(&source, &other_devmap());
    assert_eq!(count(&running.next("admitted"), "no_longer_devmap"), 1);
    // What the build wrote is no change.
    assert!(running.lines.recv_timeout(Duration::from_millis(600)).is_err());
}

#[test]
fn a_build_that_hangs_ends_with_the_loop() {
    let files = Files::new();
    let (image, module) = (files.user(), files.path("p.wasm"));
    let path = module.to_str().expect("UTF-8");
    let running = Running::new(&[&image, path, "--root", ROOT, "--build", "exec sleep 600"]);
    running.next("started");
    running.signal("INT");
    running.next("ended");
    assert_eq!(running.ends().code(), Some(130));
}

#[test]
fn scripts_can_ask_once() {
    let files = Files::new();
    let (image, plugin) = (files.user(), files.path("p.wat"));
    write(&plugin, PLUGIN);
    let path = plugin.to_str().expect("UTF-8");
    let once = |format: &str, code| {
        ptwalk(&["watch", &image, path, "--root", ROOT, "--kernel", "5.3", "--times", "1", "--format", format])
            .exits(code)
    };
    let events: Vec<_> = once("jsonl", 0).lines().into_iter().map(|event| event["event"].clone()).collect();
    assert_eq!(events, ["started", "admitted", "ended"]);
    let text = once("text", 0).out;
    assert!(text.contains("generation 1: @NAME@ 0.1.0") && text.contains("ms from change to answer"), "{text}");
    write(&plugin, &lawless());
    let text = once("text", 4).out;
    for wanted in [
        "REFUSED; there is no good plugin yet\n",
        "  newly broken: law mkdevmap_makes_devmap (refuted)\n    x = 0x1: pte_devmap(pte_mkdevmap(x)) = 0x0\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    ptwalk(&["watch", &image, "arm64"]).exits(2).says(&["`arm64` is embedded"]).prints_nothing();
    ptwalk(&["watch", &image, path, "--source", "."]).exits(2).says(&["--build"]);
    // The image says nothing of roots: a lawful plugin is of no use.
    write(&plugin, PLUGIN);
    let unusable = ptwalk(&["watch", &image, path, "--times", "1", "--kernel", "5.3"]).exits(4).lines();
    assert_eq!((&unusable[1]["event"], &unusable[1]["code"]), (&"refused".into(), &"unusable".into()));
}

#[test]
fn an_edit_is_answered_within_a_second_on_a_real_dump() {
    let Some(image) = real("arm64-6.12", "tables-user.elf") else { return };
    let files = Files::new();
    let plugin = files.path("p.wat");
    write(&plugin, PLUGIN);
    let path = plugin.to_str().expect("UTF-8");
    // v5.3's rules on entries of v6.12: PROT_NONE pages are not seen, devmap is.
    let running = Running::new(&[&image, path, "--root", "0x4e9de000", "--kernel", "5.3"]);
    running.next("started");
    let first = running.next("admitted");
    assert!(first["summary"]["alike"]["entries"].as_u64() > Some(1000), "{first}");
    write(&plugin, &other_devmap());
    let second = running.next("admitted");
    assert!(count(&second, "no_longer_devmap") > 100, "{}", second["summary"]);
    let total = second["ms"]["total"].as_f64().expect("a time");
    println!("edit to answer: {total} ms, {}", second["ms"]);
    assert!(total < 1000.0, "{}", second["ms"]);
}
