use std::os::unix::fs::PermissionsExt;

use ptwalk_abi::Extern;
use ptwalk_verifier::verify::verify;

use super::*;
use crate::admission::{Admission, Order};
use crate::plugin;

struct Fixture {
    _folder: tempfile::TempDir,
    at: PathBuf,
    plugin: std::sync::Arc<ValidPlugin>,
    laws: LawSet,
    report: VerifyReport,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let plugin = plugin::load("arm64").expect("embedded");
        let laws = plugin::host_laws().expect("the host's laws").clone();
        let report = verify(&plugin, &Config::DEFAULT, &laws).report();
        Fixture { at: folder.path().join("cache"), _folder: folder, plugin, laws, report }
    }

    fn open(&self) -> Cache {
        Cache::open(&self.at).expect("a private directory")
    }

    fn store(&self, cache: &Cache) {
        cache.store(&self.plugin, &Config::DEFAULT, &self.laws, &self.report);
    }

    fn find(&self, cache: &Cache) -> Option<Record> {
        cache.find(&self.plugin, &Config::DEFAULT, &self.laws)
    }

    fn record(&self, cache: &Cache) -> PathBuf {
        cache.path(&self.plugin, &Config::DEFAULT, &self.laws)
    }

    /// Writes a record over the one that is there, with a checksum that fits.
    fn forge(&self, cache: &Cache, change: impl FnOnce(&mut Record)) {
        let mut record = self.find(cache).expect("stored before");
        change(&mut record);
        let body = serde_json::to_string(&record).expect("serialised");
        let text = format!("{MAGIC}{}\n{body}", hex(&Sha256::digest(&body)));
        fs::write(self.record(cache), text).expect("written");
    }
}

#[test]
fn a_verdict_is_found_again_and_no_other() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    assert!(fixture.find(&cache).is_none());
    fixture.store(&cache);
    let record = fixture.find(&fixture.open()).expect("stored");
    assert_eq!(record.receipt, Receipt::of(&fixture.report, &fixture.laws));
    assert_eq!((record.reasons.len(), record.errors), (0, serde_json::json!([])));
    let other = Config::DEFAULT.with(Extern::NUMA_BALANCING, 0);
    assert!(cache.find(&fixture.plugin, &other, &fixture.laws).is_none());
    let mode = fs::metadata(fixture.record(&cache)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_damaged_is_thrown_away() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    fixture.store(&cache);
    let path = fixture.record(&cache);
    let whole = fs::read(&path).expect("readable");
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut damages: Vec<Vec<u8>> = [0, 20, 90, whole.len() / 2, whole.len() - 1].map(flip).into();
    damages.extend([0, 1, 82, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec()));
    damages.push([&whole[..], b" "].concat());
    damages.push(vec![0xff; 100]);
    for (i, damage) in damages.iter().enumerate() {
        fs::write(&path, damage).expect("written");
        assert!(fixture.find(&cache).is_none(), "damage {i}");
        assert!(!path.exists(), "damage {i}");
    }
    assert_eq!(cache.state().damaged, damages.len() as u64);
    fixture.store(&cache);
    assert!(fixture.find(&cache).is_some(), "and it is written anew");
}

#[test]
fn a_record_of_another_question_is_not_believed() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    let changes: [fn(&mut Record); 5] = [
        |record| record.build.push('0'),
        |record| record.receipt.sha256.replace_range(..1, "z"),
        |record| record.receipt.laws_sha256.replace_range(..1, "z"),
        |record| record.receipt.verifier.push('0'),
        |record| record.receipt.config.values_mut().for_each(|value| *value += 1),
    ];
    for change in changes {
        fixture.store(&cache);
        fixture.forge(&cache, change);
        assert!(fixture.find(&cache).is_none());
    }
}

/// The worst that whoever can write to the cache can do: keep a plugin out.
#[test]
fn a_forged_verdict_lets_nothing_in() {
    let fixture = Fixture::new();
    let refused = Config::DEFAULT.with(Extern::DEVMAP_SERIES, 31).with(Extern::TRANSPARENT_HUGEPAGE, 0);
    let v3 = format!("{}/../tests/plugins/thread/v3.wat", env!("CARGO_MANIFEST_DIR"));
    let module = plugin::load(&v3).expect("valid");
    let report = verify(&module, &refused, &fixture.laws).report();
    assert_eq!(report.verdict, Verdict::Refuted);
    let cache = fixture.open();
    let lie = VerifyReport { verdict: Verdict::Verified, errors: Vec::new(), ..report };
    cache.store(&module, &refused, &fixture.laws, &lie);
    assert!(cache.find(&module, &refused, &fixture.laws).is_some(), "the lie is well-formed");
    let admission = Admission::with_laws(fixture.laws.clone(), Some(cache));
    let refusal = admission.admit(&Order::new(v3, refused)).expect_err("it is proved, not looked up");
    assert!(refusal.cause.report().is_some(), "{refusal}");
    let cache = admission.cache().expect("it has one");
    let record = cache.find(&module, &refused, &fixture.laws).expect("written anew");
    assert_eq!(record.receipt.verdict, Verdict::Refuted);
}

#[test]
fn what_a_budget_cut_short_is_not_kept() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    let report = VerifyReport { verdict: Verdict::Unknown, ..fixture.report.clone() };
    cache.store(&fixture.plugin, &Config::DEFAULT, &fixture.laws, &report);
    assert!(fixture.find(&cache).is_none());
    assert_eq!(cache.state().stored, 0);
}

#[test]
fn a_directory_that_others_can_use_is_not_used() {
    let fixture = Fixture::new();
    fixture.open();
    let mode = fs::metadata(&fixture.at).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for mode in [0o777, 0o770, 0o702, 0o755] {
        fs::set_permissions(&fixture.at, fs::Permissions::from_mode(mode)).expect("ours");
        let refused = Cache::open(&fixture.at);
        assert!(matches!(refused, Err(CacheError::NotPrivate { mode: found, .. }) if found == mode), "{refused:?}");
    }
    fs::set_permissions(&fixture.at, fs::Permissions::from_mode(0o700)).expect("ours");
    let link = fixture.at.with_extension("link");
    std::os::unix::fs::symlink(&fixture.at, &link).expect("linked");
    assert!(matches!(Cache::open(&link), Err(CacheError::NotADirectory { .. })));
    let file = fixture.at.with_extension("file");
    fs::write(&file, "").expect("written");
    assert!(matches!(Cache::open(&file), Err(CacheError::Io { operation: "make", .. })));
}

#[test]
fn the_directory_is_bounded_and_tidied() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    let old = SystemTime::now() - Duration::from_secs(3600);
    for i in 0..RECORDS_MAX + 10 {
        let file = File::create(fixture.at.join(format!("{i}{SUFFIX}"))).expect("created");
        file.set_modified(old).expect("ours");
    }
    let abandoned = fixture.at.join(".tmp-abandoned");
    File::create(&abandoned).and_then(|file| file.set_modified(old)).expect("created");
    let in_use = fixture.at.join(".tmp-in-use");
    File::create(&in_use).expect("created");
    fixture.store(&cache);
    let records = fs::read_dir(&fixture.at).expect("ours").filter_map(Result::ok);
    let records = records.filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX)).count();
    assert_eq!(records, RECORDS_MAX);
    assert!(fixture.find(&cache).is_some(), "the newest stays");
    assert!(!abandoned.exists() && in_use.exists());
}

#[test]
fn a_cache_that_cannot_be_written_is_no_obstacle() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    fs::remove_dir_all(&fixture.at).expect("ours");
    fixture.store(&cache);
    let state = cache.state();
    assert_eq!((state.stored, state.failed), (0, 1));
    assert!(state.last_failure.is_some());
}
