//! The laws on an architecture compiled natively, without a proof.
//!
//! In: an architecture as [`Model`], configurations, words. Out: what holds, what is refuted and by which words. The
//! words are those of no, one and two bits, entries as kernels write them, and random ones.

use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use ptwalk_abi::{Config, Extern, Helper, KVersion, LAWS, Signature};
use ptwalk_verifier::laws::ast::{Term, TermId, Unary};
use ptwalk_verifier::laws::{self, Binding, Exports, Law};

/// An architecture, as the laws are evaluated on it.
pub struct Model {
    /// Name for messages.
    pub name: &'static str,
    /// What it implements.
    pub implemented: &'static [Helper],
    /// Calls a helper.
    pub native: fn(&Config, Helper, [u64; 2]) -> u64,
    /// Entries that its kernels write, and protections without a frame.
    pub entries: [u64; 14],
}

impl Model {
    pub fn exports(&self) -> Exports {
        self.implemented.iter().copied().collect()
    }

    /// Calls a helper as the sandbox would: an i32 is what of an i64 is in its low half.
    pub fn call(&self, config: &Config, helper: Helper, args: &[u64]) -> u64 {
        let arg = |i: usize| args.get(i).copied().unwrap_or(0);
        let second = if helper.signature() == Signature::Access { arg(1) & 0xffff_ffff } else { arg(1) };
        (self.native)(config, helper, [arg(0), second])
    }
}

/// A fixed sequence of random words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Values of the variables: column k holds variable k's value for every case.
pub struct Cases(pub [Rc<[u64]>; 2]);

impl Cases {
    /// `words`, beside entries of kernels and random words; the second variable runs through protections, small words
    /// and words close to the first.
    fn new(entries: &[u64; 14], mut words: Vec<u64>, random_words: usize) -> Cases {
        let mut random = Random(1);
        words.extend(entries);
        words.extend((0..random_words).map(|i| if i % 2 == 0 { random.next() } else { random.next() & random.next() }));
        let mut second = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            let other = random.next();
            second.push(match i % 5 {
                0 => entries[i / 5 % entries.len()],
                1 => 1,
                2 => entries[10 + i / 5 % 4],
                3 => word ^ (1 << (other & 63)),
                _ => other & random.next(),
            });
        }
        Cases([words.into(), second.into()])
    }

    /// No bit, every bit, one bit.
    pub fn one_bit(model: &Model) -> Cases {
        Cases::new(&model.entries, [0, u64::MAX].into_iter().chain((0..64).map(|bit| 1 << bit)).collect(), 30)
    }

    /// Two bits.
    pub fn two_bits(model: &Model) -> Cases {
        Cases::new(
            &model.entries,
            (0..64).flat_map(|high| (0..high).map(move |low| 1 << high | 1 << low)).collect(),
            400,
        )
    }

    pub fn len(&self) -> usize {
        self.0[0].len()
    }
}

/// The terms of all laws, equal ones once. A term's operands have smaller numbers.
#[derive(Default)]
struct Plan {
    terms: Vec<Term>,
    numbers: HashMap<String, usize>,
    /// Claim and precondition of each law.
    laws: Vec<(usize, Option<usize>)>,
}

impl Plan {
    fn new(laws: &[Law]) -> Plan {
        let mut plan = Plan::default();
        for law in laws {
            let mut own: Vec<usize> = Vec::new();
            for term in law.formula.terms() {
                let at = |id: &TermId| own[*id];
                let shared = match term {
                    Term::Call(helper, args) => Term::Call(*helper, args.iter().map(at).collect()),
                    Term::Bits { of, high, low } => Term::Bits { of: at(of), high: *high, low: *low },
                    Term::Truth(of) => Term::Truth(at(of)),
                    Term::Unary(op, of) => Term::Unary(*op, at(of)),
                    Term::Binary(op, a, b) => Term::Binary(*op, at(a), at(b)),
                    other => other.clone(),
                };
                let next = plan.terms.len();
                let number = *plan.numbers.entry(format!("{shared:?}")).or_insert(next);
                if number == next {
                    plan.terms.push(shared);
                }
                own.push(number);
            }
            let formula = &law.formula;
            plan.laws.push((own[formula.claim()], formula.precondition().map(|id| own[id])));
        }
        plan
    }
}

/// Values of the plan's terms for all cases under one configuration.
struct Columns<'p> {
    plan: &'p Plan,
    model: &'p Model,
    config: Config,
    exports: &'p Exports,
    cases: &'p Cases,
    known: Vec<Option<Rc<[u64]>>>,
}

impl Columns<'_> {
    fn values(&mut self, id: usize) -> Rc<[u64]> {
        if let Some(known) = &self.known[id] {
            return Rc::clone(known);
        }
        let values = self.compute(id);
        self.known[id] = Some(Rc::clone(&values));
        values
    }

    fn compute(&mut self, id: usize) -> Rc<[u64]> {
        let len = self.cases.len();
        let plan = self.plan;
        match &plan.terms[id] {
            Term::Var(place) => Rc::clone(&self.cases.0[*place]),
            Term::Number { value, .. } => vec![*value; len].into(),
            Term::Version(version) => vec![u64::from(version.code().unsigned_abs()); len].into(),
            Term::Extern(key) => vec![laws::extern_value(&self.config, *key); len].into(),
            Term::Exports(helper) => vec![u64::from(self.exports.has(*helper)); len].into(),
            Term::Call(helper, args) => {
                let args: Vec<Rc<[u64]>> = args.iter().map(|id| self.values(*id)).collect();
                let call = |x: u64, y: u64| self.model.call(&self.config, *helper, &[x, y]);
                match args.as_slice() {
                    [] => vec![call(0, 0); len].into(),
                    [x] => x.iter().map(|x| call(*x, 0)).collect(),
                    [x, y, ..] => x.iter().zip(y.iter()).map(|(x, y)| call(*x, *y)).collect(),
                }
            }
            Term::Bits { of, high, low } => {
                self.values(*of).iter().map(|word| laws::bits_value(*word, *high, *low)).collect()
            }
            Term::Truth(of) => self.values(*of).iter().map(|word| u64::from(*word != 0)).collect(),
            Term::Unary(Unary::Invert, of) => self.values(*of).iter().map(|word| !word).collect(),
            Term::Unary(Unary::Not, of) => self.values(*of).iter().map(|truth| 1 - truth).collect(),
            Term::Binary(op, a, b) => {
                let (a, b) = (self.values(*a), self.values(*b));
                a.iter().zip(b.iter()).map(|(a, b)| laws::binary_value(*op, *a, *b)).collect()
            }
        }
    }
}

/// What a run found out about one law.
#[derive(Clone, Default)]
struct Found {
    /// Configurations in which it applies.
    applies: u32,
    /// Those of them in which some input meets its precondition.
    met: u32,
    counterexample: Option<String>,
}

/// Evaluates every law under every configuration on every case. Returns how many evaluations that were.
fn run(
    model: &Model,
    laws: &[Law],
    plan: &Plan,
    configs: &[Config],
    cases: &Cases,
    found: &mut [Found],
) -> Result<u64, Box<dyn Error>> {
    let exports = model.exports();
    let mut evaluations = 0;
    for config in configs {
        let known = vec![None; plan.terms.len()];
        let mut columns = Columns { plan, model, config: *config, exports: &exports, cases, known };
        for (i, law) in laws.iter().enumerate() {
            let bound = match laws::bind(law, config, &exports) {
                Binding::Applicable(bound) => bound,
                Binding::NotApplicable(_) => continue,
                Binding::Refused(kind) => return Err(kind.into()),
            };
            let (claim, precondition) = plan.laws[i];
            let claim = columns.values(claim);
            let precondition = precondition.map(|id| columns.values(id));
            let meets = |case: usize| precondition.as_ref().is_none_or(|holds| holds[case] != 0);
            found[i].applies += 1;
            found[i].met += u32::from((0..cases.len()).any(meets));
            evaluations += cases.len() as u64;
            if let Some(case) = (0..cases.len()).find(|case| claim[*case] == 0 && meets(*case)) {
                let words: Vec<u64> = (0..law.formula.vars().len()).map(|k| cases.0[k][case]).collect();
                assert!(
                    bound.evaluate(&words, |helper, args| model.call(config, helper, args)).refutes(),
                    "{}",
                    law.id
                );
                found[i].counterexample = Some(format!("{} at {words:#x?} under {config:?}: {}", law.id, law.formula));
            }
        }
    }
    Ok(evaluations)
}

/// Evaluates every law: on words of one bit under `all`, on words of two bits under `part`. Fails where one is refuted,
/// where no input meets a precondition, and where a law says nothing for another reason than a helper's absence or that
/// it is about plugins that export some other, except those in `silent_too`.
pub fn keeps_every_law(
    model: &Model,
    all: &[Config],
    part: &[Config],
    silent_too: &[&str],
) -> Result<(), Box<dyn Error>> {
    let started = std::time::Instant::now();
    let laws = laws::host_laws()?;
    let plan = Plan::new(&laws);
    let mut found = vec![Found::default(); laws.len()];
    let mut evaluations = run(model, &laws, &plan, all, &Cases::one_bit(model), &mut found)?;
    let met_everywhere: Vec<bool> = found.iter().map(|found| found.applies == found.met).collect();
    evaluations += run(model, &laws, &plan, part, &Cases::two_bits(model), &mut found)?;
    let ids = |choose: &dyn Fn(usize) -> bool| -> Vec<&str> {
        (0..laws.len()).filter(|i| choose(*i)).map(|i| laws[i].id.as_str()).collect()
    };
    let silent = ids(&|i| found[i].applies == 0);
    println!(
        "{}: {} laws x {} configurations x {} inputs, {} of them x {} more: {evaluations} evaluations in {:?}; {} laws \
         say nothing: {silent:?}",
        model.name,
        laws.len(),
        all.len(),
        Cases::one_bit(model).len(),
        part.len(),
        Cases::two_bits(model).len(),
        started.elapsed(),
        silent.len()
    );
    let refuted: Vec<&String> = found.iter().filter_map(|found| found.counterexample.as_ref()).collect();
    assert!(refuted.is_empty(), "{refuted:#?}");
    let vacuous = ids(&|i| !met_everywhere[i]);
    assert!(vacuous.is_empty(), "in some configuration no input meets the precondition: {vacuous:?}");
    let exports = model.exports();
    let conditional = |name: &str| LAWS.iter().any(|law| law.id == name && law.text.contains("exports("));
    let explained = |i: usize| {
        let absent = laws[i].formula.helpers().iter().any(|helper| !exports.has(*helper));
        absent || conditional(&laws[i].name) || silent_too.contains(&laws[i].id.as_str())
    };
    let unexplained = ids(&|i| found[i].applies == 0 && !explained(i));
    assert!(unexplained.is_empty(), "silent without a reason: {unexplained:?}");
    Ok(())
}

/// A property that some kernel breaks, and the law that makes it true.
pub struct Broken {
    /// The law of the table.
    pub law: &'static str,
    /// The property without the law's precondition and `when`.
    pub bare: &'static str,
    pub version: (u8, u8),
    pub setting: Option<(Extern, i32)>,
    pub counterexample: &'static [u64],
}

/// Fails where a property holds of its counterexample, or the law does not.
pub fn broken_only_without_the_precondition(model: &Model, rows: &[Broken]) -> Result<(), Box<dyn Error>> {
    let (host, exports) = (laws::host_laws()?, model.exports());
    for broken in rows {
        let (major, minor) = broken.version;
        let code = KVersion::new(major, minor, 0).code();
        let mut config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, code);
        if let Some((key, value)) = broken.setting {
            config = config.with(key, value);
        }
        let law = host.iter().find(|law| law.id == broken.law).ok_or(broken.law)?;
        let (_, formula) = laws::parse_text(broken.bare)?.remove(0);
        let bare = Law { formula, ..law.clone() };
        let refutes = |law: &Law| match laws::bind(law, &config, &exports) {
            Binding::Applicable(bound) => {
                bound.evaluate(broken.counterexample, |helper, args| model.call(&config, helper, args)).refutes()
            }
            Binding::NotApplicable(_) | Binding::Refused(_) => false,
        };
        assert!(refutes(&bare), "{} should be refuted: {}", broken.law, broken.bare);
        assert!(!refutes(law), "{} should hold", broken.law);
    }
    Ok(())
}

/// Fails where a maker of `makers` could set or clear one of `bits` too many and no law refute it, but for those that
/// `may_touch` names by maker and bit.
pub fn refutes_every_mutant(
    model: &Model,
    makers: &[&str],
    bits: &[u32],
    may_touch: fn(&str, u32) -> bool,
) -> Result<(), Box<dyn Error>> {
    let config = &Config::DEFAULT;
    let (host, exports, cases) = (laws::host_laws()?, model.exports(), Cases::one_bit(model));
    let bound: Vec<_> = host
        .iter()
        .filter_map(|law| match laws::bind(law, config, &exports) {
            Binding::Applicable(bound) => Some(bound),
            Binding::NotApplicable(_) | Binding::Refused(_) => None,
        })
        .collect();
    let (mut survivors, mut mutants) = (Vec::new(), 0);
    for maker in ["pte", "pmd"].iter().flat_map(|level| makers.iter().map(move |maker| format!("{level}_{maker}"))) {
        let helper = Helper::by_name(&maker).ok_or("no such maker")?;
        let about: Vec<_> = bound.iter().filter(|law| law.formula().helpers().contains(&helper)).collect();
        for (bit, set) in bits.iter().flat_map(|bit| [false, true].map(|set| (*bit, set))) {
            let mutated = |asked: Helper, args: &[u64]| match model.call(config, asked, args) {
                result if asked != helper => result,
                result if set => result | 1 << bit,
                result => result & !(1 << bit),
            };
            let changes = |case: usize| {
                let args = [cases.0[0][case]];
                mutated(helper, &args) != model.call(config, helper, &args)
            };
            if !(0..cases.len()).any(changes) {
                continue;
            }
            mutants += 1;
            let refuted = about.iter().any(|law| {
                (0..cases.len()).any(|case| law.evaluate(&[cases.0[0][case], cases.0[1][case]], mutated).refutes())
            });
            if !refuted {
                survivors.push((maker.clone(), bit, if set { "sets" } else { "clears" }));
            }
        }
    }
    println!("{}: {mutants} mutants, {} unnoticed", model.name, survivors.len());
    assert!(mutants > makers.len() * bits.len(), "{mutants}");
    survivors.retain(|(maker, bit, _)| !may_touch(maker, *bit));
    assert!(survivors.is_empty(), "{survivors:#?}");
    Ok(())
}
