//! One plugin against everything that is said of it: its claims, its laws, a second plugin, and every engine.
//!
//! In: choices, of which entries are made. Out: the first helper and entry for which somebody disagrees. Who is asked: the
//! verifier's closed forms, bounds and known bits; wasmtime and wasmi on the plugin's own code; the scans and records of the
//! fused engine, with every kernel; the laws, evaluated on the code; the helpers of a second plugin. Guaranteed: nothing is
//! compared that does not apply: a plugin that is not verified has no fused engine, and its helpers may trap, which is then
//! the finding. The inputs for which the verifier refuses it come first.

use std::collections::BTreeMap;
use std::sync::Arc;

use ptwalk_abi::{Config, Helper};
use ptwalk_verifier::expr::Evaluator;
use ptwalk_verifier::laws::{Binding, Exports, Origin, bind};
use ptwalk_verifier::report::Rejection;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{Claims, Effort, LawReport, LawSet, Outcome, Session, VerifiedPlugin, Witness};

use super::engines::Named;
use super::minimise::Kind;
use super::modules::{Compiled, Ended, Interpreted, Wasmi, Wasmtime, call, constants, widths};
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};
use crate::engine::fused::{Isa, Kernels};
use crate::engine::sandbox::{self, Mode};
use crate::engine::{Engine, Fused, Queries, Run, Wanted, Words};

/// What is fuzzed.
#[derive(Clone, Debug)]
pub struct Subject {
    plugin: Arc<ValidPlugin>,
    against: Option<Arc<ValidPlugin>>,
    config: Config,
    laws: LawSet,
    said: Arc<Said>,
}

/// What the verifier says of a plugin.
#[derive(Debug)]
struct Said {
    claims: Claims,
    outcome: Outcome,
}

impl Subject {
    /// A plugin under a configuration, with the laws that it is held to and a plugin that should compute the same.
    ///
    /// # Errors
    /// [`Rejection`] where it cannot be decoded, which validation excludes.
    pub fn new(
        plugin: Arc<ValidPlugin>,
        against: Option<Arc<ValidPlugin>>,
        config: Config,
        laws: LawSet,
    ) -> Result<Subject, Rejection> {
        let session = Session::new(&plugin)?;
        let said = Said { claims: session.claims(&config, Effort::WHOLE), outcome: session.verify(&config, &laws) };
        Ok(Subject { plugin, against, config, laws, said: Arc::new(said) })
    }

    /// Whether the verifier refuses the plugin.
    pub fn is_refused(&self) -> bool {
        self.said.outcome.verified().is_none()
    }
}

/// The property of the subject of a [`super::Context`].
pub const PLUGIN: Entry = Entry {
    name: "plugin",
    about: "a plugin does what is claimed of it, keeps its laws, and is the same in every engine",
    kind: Kind::Choices,
    make: |context| {
        let subject = context.subject.clone().ok_or("no plugin to fuzz")?;
        Ok(Box::new(World::new(subject)?))
    },
};

/// Choices of one input: some entries.
const CHOICES: usize = 400;

/// Values for the variables of a law, of which it has four at most, and for arguments.
const VARS: usize = 4;

/// Entries of one input.
const ENTRIES: u64 = 16;

struct World {
    subject: Subject,
    constants: Vec<u64>,
    compiled: Compiled,
    interpreted: Interpreted,
    against: Option<Compiled>,
    engines: Vec<Named>,
    exports: Exports,
    suspects: Suspects,
}

/// What the verifier says goes wrong: it is tried before anything is drawn.
#[derive(Default)]
struct Suspects {
    /// Exports with arguments.
    calls: Vec<(Helper, Vec<u64>)>,
    /// Laws by their names, with the values of their variables by name.
    laws: Vec<(String, BTreeMap<String, u64>)>,
}

impl Suspects {
    fn of(Said { claims, outcome }: &Said) -> Suspects {
        let Outcome::Refused(report) = outcome else { return Suspects::default() };
        let call = |witness: &Witness| Some((Helper::by_name(&witness.export)?, witness.input.clone()));
        let law = |law: &LawReport| {
            let inputs = law.counterexample.as_ref()?.inputs.iter();
            Some((law.id.clone(), inputs.map(|(name, value)| (name.clone(), value.0)).collect()))
        };
        Suspects {
            calls: claims.witnesses.iter().filter_map(call).collect(),
            laws: report.laws.iter().filter_map(law).collect(),
        }
    }
}

impl World {
    fn new(subject: Subject) -> Result<World, Failure> {
        let Subject { plugin, against, config, laws, said } = &subject;
        let engines = said.outcome.verified().map_or_else(|| Ok(Vec::new()), engines)?;
        let suspects = Suspects::of(said);
        let wasmtime = Wasmtime::new()?;
        let compiled = wasmtime.load(plugin, config)?;
        let interpreted = Wasmi::new().load(plugin, config)?;
        let against = against.as_ref().map(|other| wasmtime.load(other, config)).transpose()?;
        let exports = plugin.exports().keys().copied().collect();
        let constants = constants(plugin.bytes()).into_iter().chain(numbers(laws)).collect();
        Ok(World { constants, compiled, interpreted, against, engines, exports, suspects, subject })
    }

    fn entry(&self, random: &mut Random<'_>) -> u64 {
        if !self.constants.is_empty() && random.one_in(4) {
            let constant = random.pick(&self.constants);
            return constant ^ random.pick(&[0, 0, 1, 1 << 63, u64::MAX]);
        }
        if random.one_in(8) { random.below(1 << 10) } else { random.entry() }
    }
}

/// The numbers that laws of a file speak of.
fn numbers(laws: &LawSet) -> impl Iterator<Item = u64> {
    let of_files = laws.laws().iter().filter(|law| law.origin != Origin::Host);
    of_files.flat_map(|law| law.formula.numbers())
}

/// The fused engine with each of its kernels, and the sandbox.
fn engines(verified: &Arc<VerifiedPlugin>) -> Result<Vec<Named>, Failure> {
    let queries = Queries::walk(verified.geometry(), &Wanted::ALL);
    let sandboxed = sandbox::Compiled::new(verified, queries.clone())?.instantiate(Mode::PerCall)?;
    let mut engines: Vec<Named> = vec![("sandbox".to_owned(), Box::new(sandboxed))];
    let vector = [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available());
    for kernels in vector.map(Kernels::Only).chain([Kernels::Scalar]) {
        let fused = Fused::with_kernels(verified, queries.clone(), kernels)?;
        engines.push((format!("fused {kernels:?}"), Box::new(fused)));
    }
    Ok(engines)
}

impl Property for World {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let count = 1 + random.below(ENTRIES);
        let rows: Vec<[u64; VARS]> = (0..count).map(|_| std::array::from_fn(|_| self.entry(random))).collect();
        if self.subject.is_refused() {
            // Who knows what it keeps from one call to the next: each input begins with the plugin as it was made.
            self.compiled = Wasmtime::new()?.load(&self.subject.plugin, &self.subject.config)?;
            self.interpreted = Wasmi::new().load(&self.subject.plugin, &self.subject.config)?;
        }
        let before = self.compiled.kept(u64::MAX);
        self.suspects(tally)?;
        for row in &rows {
            self.subject.plugin.clone().exports().keys().try_for_each(|helper| self.helper(*helper, row, tally))?;
            self.laws(|law, _| row.get(law).copied().unwrap_or(0), None, tally)?;
        }
        if self.compiled.kept(u64::MAX) != before {
            return Err(self.keeper(&rows)?.into());
        }
        let entries: Vec<u64> = rows.iter().map(|row| row[0]).collect();
        self.scans(&entries, tally)
    }
}

impl World {
    /// Which call it was that left memory or globals other than they were.
    fn keeper(&self, rows: &[[u64; VARS]]) -> Result<String, Failure> {
        let Subject { plugin, config, .. } = &self.subject;
        let mut fresh = Wasmtime::new()?.load(plugin, config)?;
        let before = fresh.kept(u64::MAX);
        let suspected = self.suspects.calls.iter().map(|(helper, args)| (*helper, args.as_slice()));
        let drawn = rows.iter().flat_map(|row| plugin.exports().keys().map(move |helper| (*helper, row.as_slice())));
        for (helper, row) in suspected.chain(drawn) {
            let args = arguments(helper, row);
            fresh.call(helper.name(), &widths(helper), &args)?;
            if fresh.kept(u64::MAX) != before {
                return Ok(format!(
                    "state: {} leaves memory or globals other than they were",
                    call(helper.name(), &args)
                ));
            }
        }
        Ok("state: a call of a law leaves memory or globals other than they were".to_owned())
    }

    /// What the verifier says goes wrong.
    fn suspects(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        let Suspects { calls, laws } = std::mem::take(&mut self.suspects);
        let tried = calls.iter().try_for_each(|(helper, args)| self.helper(*helper, args, tally)).and_then(|()| {
            laws.iter()
                .try_for_each(|(id, vars)| self.laws(|_, name| vars.get(name).copied().unwrap_or(0), Some(id), tally))
        });
        self.suspects = Suspects { calls, laws };
        tried
    }

    /// One call of a helper, in every engine that takes single calls.
    fn helper(&mut self, helper: Helper, row: &[u64], tally: &mut Tally) -> Result<(), Failure> {
        let (widths, args) = (widths(helper), arguments(helper, row));
        let what = || call(helper.name(), &args);
        let (ended, fuel) = self.compiled.call(helper.name(), &widths, &args)?;
        let second = self.interpreted.call(helper.name(), &widths, &args)?;
        tally.executions += 2;
        tally.judge(matches!(ended, Ended::Returned(_)));
        tally.helpers.insert(helper);
        let Ended::Returned(value) = ended else {
            return Err(format!("trap: {} ends as {ended}", what()).into());
        };
        if helper.signature().is_bool() && value > 1 {
            return Err(format!("boolean: {} is {value:#x}", what()).into());
        }
        let claims = &self.subject.said.claims;
        let claim = claims.exports.iter().find(|claim| claim.sound && claim.name == helper.name());
        if let Some(claim) = claim {
            let facts = &claim.facts;
            if fuel > facts.instructions_max.into() {
                return Err(format!("bound: {} takes {fuel}, claimed {}", what(), facts.instructions_max).into());
            }
            if value & facts.known_zeros != 0 || !value & facts.known_ones != 0 {
                return Err(format!("known bits: {} is {value:#x}, claimed {facts:x?}", what()).into());
            }
            let form = claim.result.map(|form| Evaluator::new(args.clone()).value(&claims.arena, form));
            if form.is_some_and(|form| form != value) {
                return Err(format!("closed form: {} is {value:#x}, claimed {form:x?}", what()).into());
            }
            tally.executions += 1;
        }
        if second != ended {
            return Err(format!("engines: {} is {value:#x} in wasmtime, {second} in wasmi", what()).into());
        }
        if let Some(other) = &mut self.against
            && let Ok((other, _)) = other.call(helper.name(), &widths, &args)
        {
            tally.executions += 1;
            if other != ended {
                return Err(format!("against: {} is {value:#x}, of the other {other}", what()).into());
            }
        }
        Ok(())
    }

    /// Every law, or that of a name, on the code, with values for its variables by number and name.
    fn laws(
        &mut self,
        value: impl Fn(usize, &str) -> u64,
        only: Option<&str>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let World { subject, compiled, exports, .. } = self;
        for law in subject.laws.laws().iter().filter(|law| only.is_none_or(|only| law.id == only)) {
            let Binding::Applicable(bound) = bind(law, &subject.config, exports) else { continue };
            let vars: Vec<u64> =
                bound.formula().vars().iter().enumerate().map(|(at, name)| value(at, &name.to_string())).collect();
            let mut trouble = None;
            let verdict =
                bound.evaluate(&vars, |helper, args| match compiled.call(helper.name(), &widths(helper), args) {
                    Ok((Ended::Returned(value), _)) => value,
                    Ok((ended, _)) => {
                        trouble = Some(format!("trap: {} ends as {ended}", call(helper.name(), args)));
                        0
                    }
                    Err(error) => {
                        trouble = Some(error.to_string());
                        0
                    }
                });
            if let Some(trouble) = trouble {
                return Err(trouble.into());
            }
            tally.executions += 1;
            if verdict.refutes() {
                let vars: Vec<String> =
                    bound.formula().vars().iter().zip(&vars).map(|(v, x)| format!("{v} = {x:#x}")).collect();
                return Err(format!("law: {} does not hold for {}", law.id, vars.join(", ")).into());
            }
        }
        Ok(())
    }

    /// Records and scans of some entries by every engine.
    fn scans(&mut self, entries: &[u64], tally: &mut Tally) -> Result<(), Failure> {
        let Some((first, others)) = self.engines.split_first_mut() else { return Ok(()) };
        let big_endian = first.1.queries().big_endian;
        let bytes: Vec<u8> =
            entries.iter().flat_map(|x| if big_endian { x.to_be_bytes() } else { x.to_le_bytes() }).collect();
        let run = Run { bytes: &bytes, first: 0, ahead: &[] };
        for depth in 0..first.1.queries().levels.len() {
            let (mut expected, mut found) = (Words::new(), Words::new());
            let scanned = first.1.scan(depth, run, &mut expected).is_ok();
            for (name, engine) in others.iter_mut() {
                for entry in entries {
                    let (a, b) = (first.1.record(depth, *entry).ok(), engine.record(depth, *entry).ok());
                    tally.executions += 2;
                    if a != b {
                        return Err(format!("record: {name} says {b:x?} of {entry:#x}, the sandbox {a:x?}").into());
                    }
                }
                let scanned_too = engine.scan(depth, run, &mut found).is_ok();
                if scanned_too != scanned || scanned && found[..] != expected[..] {
                    return Err(format!(
                        "scan: {name} keeps {:x?} of {entries:x?}, the sandbox {:x?}",
                        &found[..],
                        &expected[..]
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}

/// The arguments of a helper that a row has; those that are missing are 0.
fn arguments(helper: Helper, row: &[u64]) -> Vec<u64> {
    let given = row.iter().copied().chain(std::iter::repeat(0));
    widths(helper).iter().zip(given).map(|(width, arg)| arg & width.mask()).collect()
}
