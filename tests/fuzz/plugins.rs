//! Random and mutated plugins: validation never panics, and what it admits is compiled, runs bounded, and answers or
//! errs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ptwalk::engine::sandbox::{BindError, Compiled, Mode};
use ptwalk::engine::{Engine, EngineError};
use ptwalk::engine::{Failed, Queries, Run, Wanted, Words};
use ptwalk::plugin;
use ptwalk_abi::{Config, Helper};
use ptwalk_verifier::validate::ValidPlugin;

use crate::support::random::Random;
use crate::{Failure, mutate, rounds};

/// Longest that validating, compiling and asking one plugin may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Modules to mutate: the embedded plugin, those of the test folders, and the verifier's corpus.
fn corpus() -> Result<Vec<Vec<u8>>, Failure> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut modules: Vec<Vec<u8>> = plugin::EMBEDDED.iter().map(|embedded| embedded.wasm.to_vec()).collect();
    for folder in ["plugins/hostile", "plugins/wat", "plugins/c", "verify/accept", "verify/reject"] {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(tests.join(folder))? {
            paths.push(entry?.path());
        }
        paths.sort();
        for path in paths {
            match path.extension().and_then(|extension| extension.to_str()) {
                // Templates of the corpus, which its own test fills in, are no modules as they stand.
                Some("wat") => modules.extend(wat::parse_file(&path).ok()),
                Some("wasm") => modules.push(std::fs::read(&path)?),
                _ => {}
            }
        }
    }
    // The ceilings have their own tests; here they only cost time.
    modules.retain(|module| module.len() < 16 << 10);
    Ok(modules)
}

/// Asks every helper of what validated. A plugin may trap, and may not do worse.
fn ask(plugin: &Arc<ValidPlugin>, random: &mut Random) -> Result<(), Failure> {
    let config = Config::DEFAULT;
    let queries = match Compiled::geometry(plugin, &config) {
        Ok(geometry) => Queries::walk(&geometry, &Wanted::ALL),
        Err(BindError::Missing { .. } | BindError::Geometry(_)) => Queries::none(),
        Err(BindError::Engine(EngineError::Trap { .. })) => Queries::none(),
        Err(error) => return Err(format!("a valid plugin cannot be bound: {error}").into()),
    };
    let depths = queries.levels.len();
    let mut sandbox = Compiled::unverified(plugin.clone(), &config, queries)?.instantiate(Mode::Batched)?;
    let words: Vec<u64> = (0..20).map(|_| random.word() >> random.below(64)).chain([0, u64::MAX]).collect();
    for helper in Helper::ALL {
        match sandbox.call(*helper, [random.pick(&words), random.pick(&words)]) {
            Ok(_) | Err(EngineError::Trap { .. } | EngineError::Absent { .. }) => {}
            Err(error) => return Err(format!("{helper}: {error}").into()),
        }
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut kept = Words::new();
    for depth in 0..depths {
        match sandbox.scan(depth, Run { bytes: &bytes, first: 0, ahead: &[] }, &mut kept) {
            Ok(()) if kept.len() <= words.len() => {}
            Err(Failed { index, cause: EngineError::Trap { .. } | EngineError::Frame { .. } })
                if (index as usize) < words.len() => {}
            other => return Err(format!("{} kept of {}: {other:?}", kept.len(), words.len()).into()),
        }
    }
    Ok(())
}

#[test]
fn plugins_are_refused_or_contained() -> Result<(), Failure> {
    let corpus = corpus()?;
    assert!(corpus.len() > 60, "{} modules", corpus.len());
    let mut valid = 0;
    rounds("plugins", |random| {
        for i in 0..200 {
            // The embedded plugin as it is, one of the others as it is, and mutants.
            let mut bytes = if i == 0 { corpus[0].clone() } else { random_module(random, &corpus) };
            if i > 1 {
                mutate(random, &mut bytes);
            }
            let begun = Instant::now();
            if let Ok(plugin) = ValidPlugin::validate(&bytes) {
                valid += 1;
                ask(&Arc::new(plugin), random)?;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} bytes took {:?}", bytes.len(), begun.elapsed()).into());
            }
        }
        Ok(200)
    });
    println!("plugins: {valid} validated and ran");
    assert!(valid > 0, "nothing validated: this test reaches nothing behind validation");
    Ok(())
}

fn random_module(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    if random.one_in(20) {
        let mut bytes = if random.one_in(2) { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
        let len = random.below(300);
        bytes.extend((0..len).map(|_| random.word().to_le_bytes()[7]));
        return bytes;
    }
    corpus[random.place(corpus.len())].clone()
}
