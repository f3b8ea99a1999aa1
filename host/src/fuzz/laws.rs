//! Random laws about modules of the grammar, true and false.
//!
//! In: choices. Out: a narrow module of some helpers and a law file about them. The verifier decides each law; the law is
//! then evaluated for all that the helpers can do, on the code. Guaranteed: what is proved holds for every input, what is
//! refuted does not hold for the input that is shown, and of laws this small none is left open. Laws mention their variable
//! in calls alone, or in terms that look at ten bits as the helpers do.

use std::sync::Arc;

use ptwalk_abi::{Config, Helper, Signature};
use ptwalk_verifier::laws::{Binding, BoundLaw, Exports, bind};
use ptwalk_verifier::lift::{Ending, Module, replay_export};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawReport, LawSet, Session};

use super::grammar::{self, NARROW_BITS, Shape};
use super::minimise::Kind;
use super::random::Random;
use super::run::{Entry, Failure, Property, Tally};

/// Of the laws: parser, lowering, proof.
pub(super) const LAWS: Entry = Entry {
    name: "laws",
    about: "a law is proved, refuted or vacuous as evaluating it on the code for all inputs says",
    kind: Kind::Choices,
    make: |_| Ok(Box::new(Laws)),
};

/// Choices of a module and its laws.
const CHOICES: usize = 4000;

/// Laws about one module.
const LAWS_EACH: usize = 6;

struct Laws;

impl Property for Laws {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        random.bytes(CHOICES)
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let random = &mut Random::from_bytes(input);
        let bytes = grammar::module(random, Shape { exports: 3, ..Shape::NARROW.careful() });
        let plugin = Arc::new(ValidPlugin::validate(&bytes)?);
        let helpers: Vec<Helper> = plugin.exports().keys().copied().filter(|helper| takes_entries(*helper)).collect();
        if helpers.is_empty() {
            return Ok(());
        }
        let text: String =
            (0..LAWS_EACH).map(|number| format!("law fuzz{number}: {}\n", law(random, &helpers))).collect();
        let laws = LawSet::with_file(&text)?;
        if let Some(error) = laws.errors().first() {
            return Err(format!("parser: {error} in {text}").into());
        }
        let session = Session::new(&plugin)?;
        let config = Config::DEFAULT;
        let report = session.examine(&config, &laws);
        let exports: Exports = plugin.exports().keys().copied().collect();
        let world = World { module: Module::decode(&bytes)?, config };
        for law in laws.laws().iter().filter(|law| law.name.starts_with("fuzz")) {
            let Binding::Applicable(bound) = bind(law, &config, &exports) else { continue };
            let found = report.laws.iter().find(|found| found.id == law.id).ok_or("a law without a verdict")?;
            let unsafe_helper = found.reason.as_ref().is_some_and(|reason| reason.contains("not safe"));
            tally.judge(!unsafe_helper && !report.exports.is_empty());
            // What has no closed form, or is not safe, has no laws.
            if unsafe_helper || report.exports.is_empty() {
                continue;
            }
            tally.count(format!("law {}", found.verdict));
            tally.executions +=
                world.judge(&bound, found).map_err(|what| format!("{what}: {}", law_of(&text, &law.id)))?;
        }
        Ok(())
    }
}

fn law_of<'t>(text: &'t str, id: &str) -> &'t str {
    text.lines().find(|line| line.split([' ', ':']).nth(1) == Some(id)).unwrap_or_default()
}

fn takes_entries(helper: Helper) -> bool {
    !matches!(helper.signature(), Signature::Count | Signature::Address)
}

/// The code that laws are evaluated on.
struct World<'m> {
    module: Module<'m>,
    config: Config,
}

impl World<'_> {
    /// Whether a verdict is what evaluating the law for every input says.
    fn judge(&self, law: &BoundLaw<'_>, found: &LawReport) -> Result<u64, Failure> {
        let (mut held, mut refuted, mut runs) = (false, false, 0);
        for x in 0..1_u64 << NARROW_BITS[0] {
            let verdict = law.evaluate(&[x], |helper, args| self.call(helper, args));
            held |= verdict.precondition;
            refuted |= verdict.refutes();
            runs += 1;
        }
        if let Some(shown) = &found.counterexample {
            let vars: Vec<u64> =
                law.formula().vars().iter().map(|var| shown.inputs.get(var).map_or(0, |v| v.0)).collect();
            if !law.evaluate(&vars, |helper, args| self.call(helper, args)).refutes() {
                return Err(format!("law counterexample: {vars:x?} does not refute").into());
            }
        }
        let right = match found.verdict {
            "proved" => held && !refuted,
            "refuted" => refuted,
            // What else would not apply is not bound.
            "not_applicable" => !held,
            _ => false,
        };
        if right {
            Ok(runs)
        } else {
            Err(format!("law verdict: {}, evaluated: {held} {refuted}", found.verdict).into())
        }
    }

    /// A helper by its code. One that a law may speak of does not trap.
    fn call(&self, helper: Helper, args: &[u64]) -> u64 {
        match replay_export(&self.module, &self.config, helper.name(), args).map(|replay| replay.ending) {
            Some(Ending::Returned(Some(value))) => value,
            _ => 0,
        }
    }
}

/// A law: about calls, in every operator that laws have.
fn law(random: &mut Random<'_>, helpers: &[Helper]) -> String {
    let mut terms = Terms { random, helpers };
    let precondition = if terms.random.one_in(2) { format!(" where {}", terms.condition(1)) } else { String::new() };
    format!("forall x: u64{precondition}. {}", terms.condition(2))
}

struct Terms<'r, 'b, 'h> {
    random: &'r mut Random<'b>,
    helpers: &'h [Helper],
}

impl Terms<'_, '_, '_> {
    fn condition(&mut self, depth: u32) -> String {
        if depth > 0 && self.random.one_in(2) {
            let operator = self.random.pick(&["&&", "||", "=>", "<=>"]);
            return format!("({}) {operator} ({})", self.condition(depth - 1), self.condition(depth - 1));
        }
        match self.random.below(6) {
            0 => format!("!({})", self.relation()),
            1 => {
                // True whatever the helper does.
                let term = self.number(1);
                format!("({term}) & 0xff <= 0xff")
            }
            2 => {
                let (term, low) = (self.number(1), self.random.below(60));
                format!("({term})[{}:{low}] == ({term}) >> {low} & 0x7", low + 2)
            }
            _ => self.relation(),
        }
    }

    fn relation(&mut self) -> String {
        let relation = self.random.pick(&["==", "!=", "<", "<=", ">", ">="]);
        format!("{} {relation} {}", self.number(2), self.number(2))
    }

    fn number(&mut self, depth: u32) -> String {
        let helper = self.random.pick(self.helpers);
        match self.random.below(if depth > 0 { 8 } else { 3 }) {
            0 => format!("{:#x}", self.random.entry()),
            1 | 2 => {
                let args: Vec<String> = helper.signature().params().iter().map(|_| self.argument(depth)).collect();
                format!("{helper}({})", args.join(", "))
            }
            3 => format!("~({})", self.number(depth - 1)),
            4 => format!("(({}) >> {})", self.number(depth - 1), self.random.below(70)),
            5 => format!("(({}) << {})", self.number(depth - 1), self.random.below(70)),
            _ => {
                let operator = self.random.pick(&["+", "-", "&", "|", "^"]);
                format!("(({}) {operator} ({}))", self.number(depth - 1), self.number(depth - 1))
            }
        }
    }

    /// The variable, a constant, or what another helper makes of it.
    fn argument(&mut self, depth: u32) -> String {
        match self.random.below(5) {
            0 => format!("{:#x}", self.random.entry()),
            1 if depth > 0 => self.number(depth - 1),
            _ => "x".to_owned(),
        }
    }
}
