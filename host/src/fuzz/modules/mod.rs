//! Properties of modules: what the verifier claims of one is attacked.
//!
//! In: modules from [`source`]. The properties differ in who contradicts: the verifier's own interpreter ([`claims`]), two
//! engines ([`engines`]), every input there is ([`narrow`]), the engines of proof among each other ([`provers`]), a module
//! that means the same ([`alike`]), the compiled code ([`compiled`]), the clock ([`limits`]). Guaranteed: what they compare
//! is data that [`ptwalk_verifier::verify::Session::claims`] gives; they read nothing else of the verifier.

pub(super) mod alike;
pub(super) mod claims;
pub(super) mod compiled;
pub(super) mod engines;
mod execute;
pub(super) mod limits;
pub(super) mod narrow;
pub(super) mod provers;
mod source;

use std::sync::Arc;

pub(super) use self::execute::{Compiled, Ended, Interpreted, Wasmi, Wasmtime};

use ptwalk_abi::{Config, Extern, Helper, ValType};
use ptwalk_verifier::bits::budget::QueryBudget;
use ptwalk_verifier::expr::{Arena, ExprId, Width};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{Claim, Claims, Effort, Session};
use wasmparser::{Operator, Parser, Payload};

use super::random::Random;
use super::run::Tally;
use super::seed_of;
use crate::engine::fused::columns_of;

/// Arguments that are tried of each export.
const ATTACKS: usize = 64;

/// Words at which arithmetic is odd.
const CORNERS: [u64; 14] = [
    0,
    1,
    2,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    0x00e8_0000_4000_0f53,
    0x5555_5555_5555_5555,
];

/// Enough for most, a hundredth of what a verification spends on the others. What is left open is refused, and what is
/// claimed is claimed by the same code.
const SMALL: Effort = Effort {
    gates: 10_000,
    query: QueryBudget { bdd_nodes: 2_000, sat_conflicts: 40, deadline: None },
    explains: false,
};

/// A module that validated, the configuration it is judged under, and what is claimed of it.
struct Judged {
    plugin: Arc<ValidPlugin>,
    config: Config,
    claims: Claims,
}

impl Judged {
    /// Judges a module; `None` where it does not validate.
    fn of(bytes: &[u8], tally: &mut Tally) -> Option<Judged> {
        Judged::within(bytes, Effort::WHOLE, tally)
    }

    /// The same with this much effort.
    fn within(bytes: &[u8], effort: Effort, tally: &mut Tally) -> Option<Judged> {
        let judged = Judged::under(bytes, configuration(&mut Random::new(seed_of(bytes))), effort)?;
        let Judged { plugin, claims, .. } = &judged;
        if claims.exports.is_empty() {
            (0..plugin.exports().len().max(1)).for_each(|_| tally.judge(false));
        }
        for claim in &claims.exports {
            tally.judge(claim.sound);
            if claim.sound {
                tally.helpers.extend(Helper::by_name(&claim.name));
            }
        }
        for error in &claims.errors {
            tally.count(error.code.text());
        }
        Some(judged)
    }

    /// Judges a module under a configuration, and counts nothing.
    fn under(bytes: &[u8], config: Config, effort: Effort) -> Option<Judged> {
        let plugin = Arc::new(ValidPlugin::validate(bytes).ok()?);
        let claims = Session::new(&plugin).ok()?.claims(&config, effort);
        Some(Judged { plugin, config, claims })
    }

    /// The exports whose closed form stands for the code.
    fn sound(&self) -> impl Iterator<Item = &Claim> {
        self.claims.exports.iter().filter(|claim| claim.sound)
    }
}

/// Most of the time the default, else one with a value changed.
fn configuration(random: &mut Random<'_>) -> Config {
    if !random.one_in(3) {
        return Config::DEFAULT;
    }
    let key = random.pick(Extern::ALL);
    let range = key.range();
    let span = u64::from(range.end().abs_diff(*range.start())) + 1;
    let value = i64::from(*range.start()) + random.below(span).cast_signed();
    Config::DEFAULT.with(key, i32::try_from(value).unwrap_or(*range.start()))
}

/// Arguments to try: corners, the module's own constants and their neighbours, entries; one list for each argument.
fn attacks(bytes: &[u8], arity: usize, count: usize) -> Vec<Vec<u64>> {
    let random = &mut Random::new(seed_of(bytes) ^ 1);
    let constants = constants(bytes);
    let word = |random: &mut Random<'_>| match random.below(4) {
        0 => random.pick(&CORNERS),
        1 if !constants.is_empty() => {
            let constant = random.pick(&constants);
            match random.below(4) {
                0 => !constant,
                1 => constant.wrapping_add(random.below(3)).wrapping_sub(1),
                2 => constant ^ 1 << random.below(64),
                _ => constant,
            }
        }
        2 => random.word(),
        _ => random.entry(),
    };
    let mut columns = vec![Vec::with_capacity(count); arity];
    for at in 0..count {
        for (number, column) in columns.iter_mut().enumerate() {
            column.push(match constants.get(at.wrapping_sub(count / 4)) {
                _ if number > 0 => word(random),
                _ if at < count / 4 => random.pick(&CORNERS),
                Some(constant) if at < count / 2 => *constant,
                _ => word(random),
            });
        }
    }
    columns
}

/// Widths of a helper's arguments.
pub(super) fn widths(helper: Helper) -> Vec<Width> {
    let width = |ty: &ValType| match ty {
        ValType::I32 => Width::W32,
        ValType::I64 => Width::W64,
    };
    helper.signature().params().iter().map(width).collect()
}

/// The constants of a module's code, at most a few dozen.
pub(super) fn constants(bytes: &[u8]) -> Vec<u64> {
    let mut constants = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        let Payload::CodeSectionEntry(body) = payload else { continue };
        let Ok(operators) = body.get_operators_reader() else { continue };
        for operator in operators.into_iter().map_while(Result::ok) {
            match operator {
                Operator::I64Const { value } => constants.push(value.cast_unsigned()),
                Operator::I32Const { value } => constants.push(u64::from(value.cast_unsigned())),
                _ => {}
            }
        }
    }
    constants.truncate(64);
    constants
}

/// The values of a form for columns of arguments.
fn values(arena: &Arena, form: ExprId, inputs: &[Vec<u64>]) -> Vec<u64> {
    // A form without arguments has one value, whatever the columns.
    let none = vec![Vec::new()];
    let inputs = if inputs.is_empty() { &none } else { inputs };
    let rows: Vec<&[u64]> = inputs.iter().map(Vec::as_slice).collect();
    let single = [0];
    let rows = if rows[0].is_empty() { vec![&single[..]] } else { rows };
    columns_of(arena, &[form], &rows).pop().unwrap_or_default()
}

/// The arguments of one row, cut to their widths.
fn row(inputs: &[Vec<u64>], widths: &[Width], at: usize) -> Vec<u64> {
    inputs.iter().zip(widths).map(|(column, width)| column[at] & width.mask()).collect()
}

/// A call as findings show it.
pub(super) fn call(name: &str, args: &[u64]) -> String {
    let args: Vec<String> = args.iter().map(|arg| format!("{arg:#x}")).collect();
    format!("{name}({})", args.join(", "))
}
