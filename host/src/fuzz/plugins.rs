//! Random and mutated plugins in the sandbox: validation never panics, and what it admits is compiled, runs bounded, and
//! answers or errs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ptwalk_abi::{Config, Helper};
use ptwalk_verifier::validate::ValidPlugin;

use super::minimise::Kind;
use super::mutate::mutate;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use super::seed_of;
use crate::engine::sandbox::{BindError, Compiled, Mode};
use crate::engine::{Engine, EngineError, Failed, Queries, Run, Wanted, Words};

/// Longest that validating, compiling and asking one plugin may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of the sandbox: plugins that nobody proved do no harm.
pub(super) const SANDBOX: Entry = Entry {
    name: "sandbox",
    about: "a plugin that is valid and not proved answers or errs in the sandbox, in bounded time",
    kind: Kind::Module,
    make: |context| {
        if context.modules.is_empty() { Err("no modules to change".into()) } else { Ok(Box::new(Mutants::of(context))) }
    },
};

struct Mutants {
    modules: Vec<Vec<u8>>,
}

impl Mutants {
    fn of(context: &super::Context) -> Mutants {
        Mutants { modules: context.modules.clone() }
    }
}

impl Property for Mutants {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        if random.one_in(20) {
            let mut bytes = if random.one_in(2) { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
            let len = random.place(300);
            bytes.extend(random.bytes(len));
            return bytes;
        }
        let mut bytes = self.modules[random.place(self.modules.len())].clone();
        if !random.one_in(20) {
            mutate(random, &mut bytes);
        }
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let begun = Instant::now();
        let validated = ValidPlugin::validate(input);
        tally.judge(validated.is_ok());
        if let Ok(plugin) = validated {
            ask(&Arc::new(plugin), &mut Random::new(seed_of(input)), tally)?;
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("too slow: {} bytes took {:?}", input.len(), begun.elapsed()).into());
        }
        Ok(())
    }
}

/// Asks every helper of what validated. A plugin may trap, and may not do worse.
fn ask(plugin: &Arc<ValidPlugin>, random: &mut Random<'_>, tally: &mut Tally) -> Result<(), Failure> {
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
            Ok(_) | Err(EngineError::Trap { .. } | EngineError::Absent { .. }) => tally.executions += 1,
            Err(error) => return Err(format!("a call: {helper}: {error}").into()),
        }
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut kept = Words::new();
    for depth in 0..depths {
        match sandbox.scan(depth, Run { bytes: &bytes, first: 0, ahead: &[] }, &mut kept) {
            Ok(()) if kept.len() <= words.len() => {}
            Err(Failed { index, cause: EngineError::Trap { .. } | EngineError::Frame { .. } })
                if (index as usize) < words.len() => {}
            other => return Err(format!("a scan: {} kept of {}: {other:?}", kept.len(), words.len()).into()),
        }
        tally.executions += words.len() as u64;
    }
    Ok(())
}
