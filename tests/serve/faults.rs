//! The fault drill: whatever happens to plugins and disks, the last good plugin answers, and `status` tells the story.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ptwalk::admission::Order;
use ptwalk::plugin;
use ptwalk::serve::{Limits, Service, follow};
use serde_json::{Value, json};

use crate::client::{PAGE, Program, ask, config, service, until};

/// A service that follows a file in a directory of its own.
struct Followed {
    _folder: tempfile::TempDir,
    directory: PathBuf,
    path: PathBuf,
    service: Service,
    order: Order,
}

impl Followed {
    fn new(first: &[u8], name: &str) -> Followed {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = folder.path().join("plugins");
        fs::create_dir(&directory).expect("created");
        let path = directory.join(name);
        fs::write(&path, first).expect("written");
        let order = Order::new(path.display().to_string(), config());
        let service = service(order.clone(), None, Limits::new(2));
        Followed { _folder: folder, directory, path, service, order }
    }

    /// Follows the file while `drill` goes on.
    fn during(&self, drill: impl FnOnce(&Followed)) {
        std::thread::scope(|scope| {
            let (follows, end) = channel();
            scope.spawn(move || follow::follow(&self.service, &self.order, Duration::from_millis(20), &end));
            drill(self);
            drop(follows);
        });
    }

    fn swaps(&self, key: &str) -> u64 {
        self.service.status()["swaps"][key].as_u64().expect("a count")
    }

    /// Waits for the next refusal, and checks that the last good plugin still answers.
    #[track_caller]
    fn refuses(&self, before: u64, code: &str, says: &str) {
        until(says, || self.swaps("refused") > before);
        let refusal = self.service.status()["swaps"]["last_refusal"].clone();
        assert_eq!(refusal["code"], code, "{refusal}");
        assert!(refusal["message"].as_str().is_some_and(|text| text.contains(says)), "{refusal}");
        self.answers(None);
    }

    #[track_caller]
    fn answers(&self, generation: Option<u64>) {
        let walk = ask(&self.service, &json!({ "op": "walk", "addresses": [PAGE] }));
        assert_eq!(walk["walks"][0]["pa"], "0x71019000", "{walk}");
        if let Some(generation) = generation {
            assert_eq!(walk["plugin"]["generation"], generation);
        }
    }
}

fn arm64() -> Vec<u8> {
    plugin::read("arm64").expect("embedded")
}

/// arm64 by hand, as an author begins.
fn by_hand() -> String {
    include_str!("../../host/templates/arm64/plugin.wat").replace("@NAME@", "by-hand")
}

/// Replaces a file as one should: by renaming another to its name.
fn replace(path: &Path, contents: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, contents).expect("written");
    fs::rename(&next, path).expect("renamed");
}

#[test]
fn a_truncated_plugin_leaves_the_last_good_one() {
    let whole = arm64();
    let followed = Followed::new(&whole, "p.wasm");
    followed.during(|followed| {
        for len in [0, 7, whole.len() / 2] {
            let before = followed.swaps("refused");
            fs::write(&followed.path, &whole[..len]).expect("written");
            followed.refuses(before, "refused", "REJECTED");
        }
        followed.answers(Some(1));
        let before = followed.swaps("unchanged");
        fs::write(&followed.path, &whole).expect("written");
        until("whole again", || followed.swaps("unchanged") > before);
        followed.answers(Some(1));
    });
}

#[test]
fn a_refused_plugin_leaves_the_last_good_one_and_a_mended_one_replaces_it() {
    let good = by_hand();
    // An entry is empty where it is valid.
    let broken = good.replacen("(i64.eqz (local.get $x))", "(i64.eq (local.get $x) (i64.const 1))", 1);
    assert_ne!(good, broken);
    let followed = Followed::new(good.as_bytes(), "p.wat");
    followed.during(|followed| {
        let before = followed.swaps("refused");
        replace(&followed.path, broken.as_bytes());
        followed.refuses(before, "refused", "REJECTED C801 law");
        let before = followed.swaps("refused");
        replace(&followed.path, b"(module (func");
        followed.refuses(before, "malformed_text", "not well-formed WAT");
        replace(&followed.path, good.replace("0.1.0", "0.1.1").as_bytes());
        until("the next version", || followed.swaps("published") == 1);
        followed.answers(Some(2));
    });
    assert_eq!(followed.service.slot().pin().identity().version.as_deref(), Some("0.1.1"));
}

#[test]
fn a_directory_that_vanishes_leaves_the_last_good_one() {
    let followed = Followed::new(&arm64(), "p.wasm");
    followed.during(|followed| {
        let away = followed.directory.with_extension("away");
        let before = followed.swaps("refused");
        fs::rename(&followed.directory, &away).expect("renamed");
        followed.refuses(before, "unreadable", "cannot open");
        // Another directory in its place, with another plugin.
        let other = followed.directory.with_extension("other");
        fs::create_dir(&other).expect("created");
        let wat = wat::parse_str(by_hand()).expect("WAT");
        fs::write(other.join("p.wasm"), wat).expect("written");
        fs::rename(&other, &followed.directory).expect("renamed");
        until("the other directory's plugin", || followed.swaps("published") == 1);
        followed.answers(Some(2));
        assert_eq!(followed.service.slot().pin().identity().name, "by-hand");
        fs::remove_dir_all(&followed.directory).expect("removed");
        followed.refuses(before + 1, "unreadable", "cannot open");
        fs::rename(&away, &followed.directory).expect("renamed");
        until("the first directory's plugin", || followed.swaps("published") == 2);
        followed.answers(Some(3));
    });
}

/// A writer that never stops: the file is never read in the middle of a write, and never for good.
#[test]
fn a_plugin_that_is_written_all_the_time_is_never_half_read() {
    let whole = arm64();
    let followed = Followed::new(&whole, "p.wasm");
    followed.during(|followed| {
        for round in 0..50 {
            let mut file = fs::File::create(&followed.path).expect("created");
            for part in whole.chunks(whole.len() / 5) {
                std::io::Write::write_all(&mut file, part).expect("written");
                std::thread::sleep(Duration::from_millis(3));
            }
            if round % 10 == 0 {
                followed.answers(Some(1));
            }
        }
        let pause = followed.swaps("followed");
        until("a look after the last write", || followed.swaps("followed") > pause || followed.swaps("unchanged") > 0);
    });
    let swaps = followed.service.status()["swaps"].clone();
    assert_eq!(swaps["published"], 0, "no half of it is a plugin: {swaps}");
}

/// arm64 by hand, with a term in one predicate that is always 0, as only a proof can tell.
fn slow(terms: u32) -> String {
    let square = |k: u32| {
        let sum = format!("(i64.add (local.get $x) (i64.const {k}))");
        // A square is 0 or 1 modulo 4.
        format!("(i64.and (i64.mul {sum} {sum}) (i64.const 2))")
    };
    let zero = (1..terms).fold(square(0), |all, k| format!("(i64.or {all}\n {})", square(k)));
    let young = "(i64.ne (i64.and (local.get $x) (i64.const 0x400)) (i64.const 0))";
    let slow = format!("(i64.ne (i64.or (i64.and (local.get $x) (i64.const 0x400)) {zero}) (i64.const 0))");
    // Without makers: what they keep of such a term takes more than the prover may spend.
    let makers = ["mkdevmap", "mkspecial", "mkyoung", "mkold", "mkdirty", "mkclean", "mkwrite", "mkhuge"];
    let exports = makers.iter().flat_map(|maker| ["pte", "pmd"].map(|level| format!("(export \"{level}_{maker}\")")));
    exports.fold(by_hand().replacen(young, &slow, 1), |text, export| text.replace(&export, ""))
}

#[test]
fn a_plugin_that_compiles_slowly_keeps_no_walk_waiting() {
    let service = service(Order::new("arm64", config()), None, Limits::new(2));
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("slow.wat");
    fs::write(&path, slow(60)).expect("written");
    let (swap, walks, slowest) = std::thread::scope(|scope| {
        let swap = scope.spawn(|| ask(&service, &json!({ "op": "swap", "plugin": path, "kernel": "6.12" })));
        let (mut walks, mut slowest) = (0_u32, Duration::ZERO);
        while !swap.is_finished() {
            let start = Instant::now();
            let walk = ask(&service, &json!({ "op": "walk", "addresses": [PAGE] }));
            slowest = slowest.max(start.elapsed());
            assert_eq!(walk["walks"][0]["pa"], "0x71019000");
            walks += 1;
        }
        (swap.join().expect("no panic"), walks, slowest)
    });
    println!("admission {}; {walks} walks meanwhile, the slowest {slowest:?}", swap["stages_us"]);
    assert_eq!(swap["changed"], true, "{swap}");
    // If they waited for it, there would be one.
    assert!(walks > 20, "{walks} walks, the slowest {slowest:?}");
}

/// What a full disk is to a program: the file does not grow. The signal that comes with the limit is ignored, as it does
/// not come with a full disk.
#[test]
fn a_full_disk_costs_the_cache_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let cache = folder.path().join("cache");
    let program = Program::start_in(
        folder,
        "trap '' XFSZ; ulimit -f 0; exec \"$@\"",
        &["--cache", cache.to_str().expect("UTF-8")],
    );
    let mut client = program.client();
    let swap = client.ask(&json!({ "op": "swap", "plugin": "arm64", "kernel": "6.1" }));
    assert_eq!(swap["changed"], true, "{swap}");
    let status = client.status();
    let cache_state = &status["cache"];
    assert_eq!((&cache_state["stored"], &cache_state["failed"]), (&json!(0), &json!(2)), "{cache_state}");
    assert!(cache_state["last_failure"].as_str().is_some_and(|text| text.contains("File too large")), "{cache_state}");
    client.walk();
    let left: Vec<_> = fs::read_dir(&cache).expect("there").filter_map(Result::ok).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn refusals_are_remembered_across_services() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let cache = folder.path().join("cache");
    let v3 = format!("{}/../tests/plugins/thread/v3.wat", env!("CARGO_MANIFEST_DIR"));
    let config = "DEVMAP_SERIES=31,TRANSPARENT_HUGEPAGE=0";
    let request = json!({ "op": "swap", "plugin": v3, "config": config, "kernel": "5.3" });
    let swap = || -> (Value, Value) {
        let cache = ptwalk::admission::Cache::open(&cache).expect("private");
        let service = service(Order::new("arm64", crate::client::config()), Some(cache), Limits::new(2));
        (ask(&service, &request), service.status()["cache"].clone())
    };
    let (first, state) = swap();
    assert_eq!((&first["error"]["code"], &state["hits"], &state["stored"]), (&json!("refused"), &json!(0), &json!(2)));
    let (second, state) = swap();
    assert_eq!((&second["error"]["code"], &state["hits"], &state["stored"]), (&json!("refused"), &json!(2), &json!(0)));
    assert_eq!(second["error"]["stages_us"]["laws"], 0);
    assert_eq!(second["error"]["errors"], first["error"]["errors"], "with counterexample and all");
}
