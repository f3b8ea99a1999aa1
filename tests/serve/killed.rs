//! `kill -9` in the middle of writing a verdict: what is there is whole.

use std::process::{Command, Stdio};
use std::time::Duration;

use ptwalk::admission::Cache;
use ptwalk::plugin;
use ptwalk_abi::{Config, Extern};
use ptwalk_verifier::verify::{VerifyReport, verify};

use crate::client::until;

/// Where the child writes; set for it alone.
const FOLDER: &str = "PTWALK_TEST_KILLED_CACHE";

/// Configurations of arm64 with one report each. The report is the same: it is about writing.
fn configs() -> impl Iterator<Item = Config> {
    (0..64).map(|i| Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, 6 << 16 | 1 << 8 | i))
}

fn report(config: &Config) -> VerifyReport {
    let plugin = plugin::load("arm64").expect("embedded");
    verify(&plugin, config, plugin::host_laws().expect("the host's laws")).report()
}

/// The child: writes verdicts until it is killed. Without its variable it is no test.
#[test]
fn writes_verdicts_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let cache = Cache::open(folder.as_ref()).expect("private");
    let (plugin, laws) = (plugin::load("arm64").expect("embedded"), plugin::host_laws().expect("the host's laws"));
    let first = report(&Config::DEFAULT);
    loop {
        for config in configs() {
            let values = Extern::ALL.iter().map(|key| (key.name().to_owned(), config.value(*key)));
            let report = VerifyReport { config: values.collect(), ..first.clone() };
            cache.store(&plugin, &config, laws, &report);
        }
    }
}

#[test]
fn a_verdict_is_whole_or_absent_whenever_its_writer_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (plugin, laws) = (plugin::load("arm64").expect("embedded"), plugin::host_laws().expect("the host's laws"));
    let mut found = 0;
    for round in 0..20_u64 {
        let at = folder.path().join(round.to_string());
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "killed::writes_verdicts_until_it_is_killed"])
            .env(FOLDER, &at)
            .stdout(Stdio::null())
            .spawn()
            .expect("this test starts");
        let is_verdict = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".verdict");
        let written = || std::fs::read_dir(&at).is_ok_and(|entries| entries.flatten().any(is_verdict));
        until("the first verdict", written);
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let cache = Cache::open(&at).expect("still private");
        found += configs().filter(|config| cache.find(&plugin, config, laws).is_some()).count();
        let state = cache.state();
        assert_eq!(state.damaged, 0, "round {round}: {state:?}");
    }
    assert!(found >= 20, "{found}");
}
