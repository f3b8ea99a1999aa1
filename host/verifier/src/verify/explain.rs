//! What makes a refusal teach: named bits, the path of the counterexample through the code, a command that shows it.
//!
//! In: an error about a law or a hazard, and the input for which it goes wrong. Out: the same error with the
//! counterexample's bits by the names that the plugin's own closed forms give them, the operators that led to it, the
//! place of the last of them, and a command line. Guaranteed: no verdict changes here. Not handled: names of bits that
//! no helper of the level tells apart; they keep their numbers.

use ptwalk_abi::{Config, Extern, Helper, Level, Op, Signature};

use super::Run;
use super::budget::{BITS_LISTED_MAX, PATH_LINES_MAX};
use super::values::{Counterexample, Side, Value, arguments, counterexample_text};
use crate::diagram::EntryLayout;
use crate::expr::{Arena, ExprId};
use crate::laws::BoundLaw;
use crate::laws::ast::Term;
use crate::lift::{Effect, Ending, Goal, Lifted, Path, PathStep, Place, Source, path, replay_export};
use crate::report::Diagnostic;

/// The names of the bits of entries, by level; each is derived once, when the first error asks.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<EntryLayout>);

impl Names {
    fn layout(&mut self, level: Level, arena: &Arena, forms: &[(Helper, ExprId)]) -> &EntryLayout {
        let known = self.0.iter().position(|layout| layout.level == level);
        let at = known.unwrap_or_else(|| {
            let forms: Vec<_> = forms.iter().map(|(helper, form)| (*helper, arena, *form)).collect();
            self.0.push(EntryLayout::new(level, &forms));
            self.0.len() - 1
        });
        &self.0[at]
    }
}

/// The closed forms of the helpers that the plugin exports.
pub(super) fn exported(lifted: &Lifted) -> Vec<(Helper, ExprId)> {
    lifted.exports.iter().filter_map(|export| Some((export.helper?, export.result?))).collect()
}

/// A value with its bits by number and name: `0x200000000000000 (bit 57 devmap)`.
fn named(layout: &EntryLayout, value: u64) -> String {
    let bits: Vec<u8> = (0..64).rev().filter(|bit| value >> bit & 1 == 1).collect();
    let label = |bit: u8| {
        let field = layout.fields.iter().find(|field| (field.low..=field.high).contains(&bit))?;
        let labels = field.labels();
        (!labels.is_empty()).then(|| labels.join("/"))
    };
    let labels: Vec<Option<String>> = bits.iter().map(|bit| label(*bit)).collect();
    if bits.len() > BITS_LISTED_MAX as usize || labels.iter().all(Option::is_none) {
        return Value(value).to_string();
    }
    let one = |(bit, label): (&u8, &Option<String>)| match label {
        Some(label) => format!("{bit} {label}"),
        None => bit.to_string(),
    };
    let listed: Vec<String> = bits.iter().zip(&labels).map(one).collect();
    format!("{value:#x} (bit{} {})", if bits.len() == 1 { "" } else { "s" }, listed.join(", "))
}

/// Whether argument `number` of a helper is an entry, or permissions that lie as an entry's do.
fn is_entry(helper: Helper, number: usize) -> bool {
    match helper.signature() {
        Signature::Predicate | Signature::Perms | Signature::Reader | Signature::Maker => number == 0,
        Signature::Access => number == 0,
        Signature::Compare => true,
        Signature::Combine => number == 1 || helper.op() == Op::Modify,
        Signature::Count | Signature::Address => false,
    }
}

/// The level whose entries a variable of a law stands for.
pub(super) fn level_of(law: &BoundLaw<'_>, var: usize) -> Option<Level> {
    let terms = law.formula().terms();
    terms.iter().find_map(|term| {
        let Term::Call(helper, args) = term else { return None };
        let is_var = |arg: &usize| terms.get(*arg) == Some(&Term::Var(var));
        let number = args.iter().position(is_var)?;
        is_entry(*helper, number).then_some(helper.level())
    })
}

/// The level whose entry a term makes, where it is the call of a maker and nothing else.
fn level_made(term: &str) -> Option<Level> {
    let (name, rest) = term.split_once('(')?;
    let helper = Helper::by_name(name).filter(|helper| makes_entry(*helper))?;
    let mut depth = 1_usize;
    let closes = rest.char_indices().find(|(_, c)| {
        depth = match c {
            '(' => depth + 1,
            ')' => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    (closes?.0 + 1 == rest.len()).then(|| helper.level())
}

/// Whether a helper returns an entry.
const fn makes_entry(helper: Helper) -> bool {
    matches!(helper.signature(), Signature::Maker | Signature::Combine)
}

/// One call of a helper in a law, with its result.
struct Call {
    helper: Helper,
    args: Vec<u64>,
    path: Path,
}

/// The command that runs a helper on these arguments under a configuration, of a plugin that is refused.
fn command(config: &Config, helper: &str, args: &[u64]) -> String {
    let args: Vec<String> = args.iter().map(|arg| format!("{arg:#x}")).collect();
    let differs = |key: &&Extern| config.value(**key) != Config::DEFAULT.value(**key);
    let setting = |key: &Extern| format!("{}={}", key.name(), config.value(*key));
    let settings: Vec<String> = Extern::ALL.iter().filter(differs).map(setting).collect();
    let mut line = format!("ptwalk plugin run PLUGIN {helper}");
    if !args.is_empty() {
        line.push(' ');
        line.push_str(&args.join(" "));
    }
    if !settings.is_empty() {
        line.push_str(" --config ");
        line.push_str(&settings.join(","));
    }
    line + " --unverified"
}

/// One call as lines: what was called, then the operators, the middle left out where they are many.
fn lines(helper: Helper, args: &[u64], path: &Path) -> Vec<String> {
    let names = arguments(helper);
    let given: Vec<String> = names.iter().zip(args).map(|(name, arg)| format!("{name} = {arg:#x}")).collect();
    let end = match path.ending {
        Ending::Returned(Some(result)) => format!(" = {result:#x}"),
        Ending::Trapped(hazard) => format!(": {hazard}"),
        Ending::Returned(None) | Ending::Running => String::new(),
    };
    let mut lines = vec![format!("{helper}({}){end}", given.join(", "))];
    let (head, tail) = match path.steps.len().checked_sub(PATH_LINES_MAX) {
        None | Some(0) => (&path.steps[..], &[][..]),
        Some(over) => {
            let (head, rest) = path.steps.split_at(PATH_LINES_MAX / 2);
            // The line that says how many are left out takes the place of one more.
            (head, rest.get(over + 1..).unwrap_or_default())
        }
    };
    lines.extend(head.iter().map(|step| line(names, step)));
    let omitted = path.steps.len() - head.len() - tail.len();
    if omitted > 0 {
        lines.push(format!("  \u{2026} {omitted} more"));
    }
    lines.extend(tail.iter().map(|step| line(names, step)));
    lines
}

fn line(names: &[&str], step: &PathStep) -> String {
    let operand = |operand: &crate::lift::Traced| match operand.source {
        Source::Argument(number) => match names.get(number) {
            Some(name) => format!("{name} = {:#x}", operand.bits),
            None => format!("{:#x}", operand.bits),
        },
        Source::Given | Source::Step(_) => format!("{:#x}", operand.bits),
    };
    let operands: Vec<String> = step.operands.iter().map(operand).collect();
    let from = if operands.is_empty() { String::new() } else { format!(" (from {})", operands.join(", ")) };
    let constant = step.place.op.split_once(".const ").map(|(ty, _)| ty);
    // A constant says its value itself, in hexadecimal as all the others.
    let op = match (constant, step.effect) {
        (Some(ty), Effect::Value(value)) => format!("{ty}.const {value:#x}"),
        _ => step.place.op.clone(),
    };
    let effect = match step.effect {
        Effect::Value(_) if constant.is_some() => String::new(),
        Effect::Value(value) => format!(" = {value:#x}"),
        Effect::Branch { taken: true } => ": taken".to_owned(),
        Effect::Branch { taken: false } => ": not taken".to_owned(),
        Effect::Stored => String::new(),
        Effect::Trapped => ": traps".to_owned(),
    };
    format!("  {:#x} {op}{effect}{from}", step.place.offset)
}

fn at(error: Diagnostic, place: Option<&Place>) -> Diagnostic {
    match place {
        Some(place) => error.at(place.offset).in_function(place.function).op(&place.op),
        None => error,
    }
}

impl Run<'_, '_> {
    /// A law that does not hold, explained on the values of its variables.
    pub(super) fn explain_breach(
        &mut self,
        error: Diagnostic,
        law: &BoundLaw<'_>,
        counterexample: &Counterexample,
        lifted: &Lifted,
    ) -> Diagnostic {
        let names = law.formula().vars();
        let level = |name: &str| level_of(law, names.iter().position(|var| var == name)?);
        let shown = self.name_bits(counterexample, level, (&lifted.arena, &exported(lifted)));
        let error = error.counterexample(shown);
        let value = |name| counterexample.inputs.get(name).map_or(0, |value| value.0);
        let vars: Vec<u64> = names.iter().map(value).collect();
        let calls = self.calls(law, &vars);
        // The maker is what a law is about; where there is none, what is called last decides.
        let makes = |call: &&Call| makes_entry(call.helper);
        let Some(blamed) = calls.iter().rfind(makes).or(calls.last()) else { return error };
        let shown = calls.iter().flat_map(|call| lines(call.helper, &call.args, &call.path));
        let error = at(error.export(blamed.helper.name()), blamed.path.at.as_ref());
        error.causal_path(shown).repro(command(self.config, blamed.helper.name(), &blamed.args))
    }

    /// The counterexample with the bits of entries by name; `level` is that of an input which is one.
    fn name_bits(
        &mut self,
        counterexample: &Counterexample,
        level: impl Fn(&str) -> Option<Level>,
        (arena, forms): (&Arena, &[(Helper, ExprId)]),
    ) -> String {
        let mut text = |level: Option<Level>, value: Value| match level {
            Some(level) => named(self.names.layout(level, arena, forms), value.0),
            None => value.to_string(),
        };
        let inputs = counterexample.inputs.iter();
        let inputs: Vec<String> =
            inputs.map(|(name, value)| format!("{name} = {}", text(level(name), *value))).collect();
        let side = |side: &Side| {
            let level = level(&side.term).or_else(|| level_made(&side.term));
            format!("{} = {}", side.term, text(level, side.value))
        };
        let sides: Vec<String> = counterexample.sides.iter().map(side).collect();
        counterexample_text(&inputs, &sides)
    }

    /// Every call that a law makes, once, in order.
    fn calls(&self, law: &BoundLaw<'_>, vars: &[u64]) -> Vec<Call> {
        let mut calls: Vec<(Helper, Vec<u64>)> = Vec::new();
        law.evaluate(vars, |helper, args| {
            if !calls.iter().any(|(other, with)| *other == helper && with == args) {
                calls.push((helper, args.to_vec()));
            }
            match replay_export(&self.session.module, self.config, helper.name(), args).map(|replay| replay.ending) {
                Some(Ending::Returned(Some(result))) => result,
                _ => 0,
            }
        });
        let traced = |(helper, args): (Helper, Vec<u64>)| {
            let path = path(&self.session.module, self.config, helper.name(), &args, Goal::End)?;
            Some(Call { helper, args, path })
        };
        calls.into_iter().filter_map(traced).collect()
    }

    /// An export that goes wrong for an input: what leads to the goal, which is also the place where it is the end.
    pub(super) fn explain_call(
        &mut self,
        error: Diagnostic,
        helper: Helper,
        counterexample: &Counterexample,
        goal: Goal,
        known: (&Arena, &[(Helper, ExprId)]),
    ) -> Diagnostic {
        if !self.explains {
            return error;
        }
        let names = arguments(helper);
        let args: Vec<u64> =
            names.iter().map(|name| counterexample.inputs.get(*name).map_or(0, |value| value.0)).collect();
        let level = |name: &str| {
            let number = names.iter().position(|argument| *argument == name)?;
            is_entry(helper, number).then_some(helper.level())
        };
        let shown = self.name_bits(counterexample, level, known);
        let error = error.counterexample(shown).repro(command(self.config, helper.name(), &args));
        let Some(path) = path(&self.session.module, self.config, helper.name(), &args, goal) else { return error };
        let error = if goal == Goal::End { at(error, path.at.as_ref()) } else { error };
        error.causal_path(lines(helper, &args, &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Width;

    #[test]
    fn a_command_states_what_differs_from_the_default() {
        let config = Config::DEFAULT.with(Extern::ARCH_HAS_PTE_SPECIAL, 0);
        assert_eq!(command(&Config::DEFAULT, "pte_shift", &[]), "ptwalk plugin run PLUGIN pte_shift --unverified");
        assert_eq!(
            command(&config, "pte_modify", &[1, 0x20]),
            "ptwalk plugin run PLUGIN pte_modify 0x1 0x20 --config ARCH_HAS_PTE_SPECIAL=0 --unverified"
        );
    }

    #[test]
    fn long_paths_lose_their_middle() {
        let helper = Helper::find(Level::Pte, Op::Pfn).expect("a helper");
        let shown = |steps: usize| {
            let step = |offset| PathStep {
                place: Place { function: 0, offset, op: "i64.popcnt".to_owned() },
                operands: Vec::new(),
                effect: Effect::Value(0),
            };
            let ending = Ending::Returned(Some(1));
            lines(helper, &[0], &Path { ending, steps: (0..steps).map(step).collect(), at: None })
        };
        assert_eq!(shown(0), ["pte_pfn(x = 0x0) = 0x1"]);
        assert_eq!(shown(PATH_LINES_MAX).len(), 1 + PATH_LINES_MAX);
        assert!(!shown(PATH_LINES_MAX).iter().any(|line| line.contains("more")));
        let cut = shown(PATH_LINES_MAX + 1);
        assert_eq!(cut.len(), 1 + PATH_LINES_MAX);
        assert_eq!((cut[6].as_str(), cut[7].as_str()), ("  0x5 i64.popcnt = 0x0", "  \u{2026} 2 more"));
        assert_eq!(cut[12], "  0xc i64.popcnt = 0x0");
    }

    #[test]
    fn an_entry_is_what_a_maker_alone_returns() {
        assert_eq!(level_made("pmd_mkdevmap(pmd_mkyoung(x))"), Some(Level::Pmd));
        assert_eq!(level_made("pmd_mkdevmap(x) ^ pmd_mkdevmap(x)"), None);
        assert_eq!(level_made("pmd_pfn(x)"), None);
        assert_eq!(level_made("x"), None);
    }

    #[test]
    fn bits_have_the_names_of_the_predicates_that_they_are() {
        let mut arena = Arena::new(1_000);
        let built = arena.input(0, Width::W64).and_then(|x| {
            let shift = arena.constant(Width::W64, 58)?;
            let shifted = arena.binary(crate::expr::BinaryOp::ShrU, x, shift)?;
            let one = arena.constant(Width::W64, 1)?;
            arena.and(shifted, one)
        });
        let form = built.expect("few nodes");
        let mut names = Names::default();
        let layout =
            names.layout(Level::Pte, &arena, &[(Helper::find(Level::Pte, Op::Devmap).expect("a helper"), form)]);
        assert_eq!(named(layout, 1 << 58), "0x400000000000000 (bit 58 devmap)");
        assert_eq!(named(layout, 1 << 58 | 3), "0x400000000000003 (bits 58 devmap, 1, 0)");
        assert_eq!(named(layout, 1 << 57), "0x200000000000000 (bit 57)");
        assert_eq!(named(layout, 0), "0x0");
        assert_eq!(named(layout, u64::MAX), "0xffffffffffffffff");
    }
}
