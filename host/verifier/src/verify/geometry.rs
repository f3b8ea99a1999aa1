//! The shape of the tables that a plugin describes under a configuration.
//!
//! In: the closed forms of the geometry's helpers, which have no arguments and so are constants. Out: a [`Geometry`]
//! that adds up, or an error with the values that do not.

use ptwalk_abi::{Config, Extern, Geometry, GeometryError, Helper, Stub};

use super::{Demand, Run};
use crate::code::Code;
use crate::expr::Evaluator;
use crate::lift::Lifted;
use crate::report::Diagnostic;

/// What came of it.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// It adds up.
    Sound(Geometry),
    /// It does not: the plugin is wrong, or does not support the configuration.
    Inconsistent,
    /// Not asked: helpers that it needs are missing.
    Missing,
}

impl Run<'_, '_> {
    pub(super) fn check_geometry(&mut self, lifted: &Lifted, demand: Demand) -> Shape {
        if let Err(rejection) = self.session.plugin.check_walkable() {
            if demand != Demand::Fragment {
                for error in rejection.errors() {
                    self.refuse(error.clone());
                }
            }
            return Shape::Missing;
        }
        match evaluate(lifted, self.config) {
            Ok(geometry) => Shape::Sound(geometry),
            Err(error) => {
                let message = format!("geometry: {error}");
                let told = told(lifted);
                let reason = format!("{} What the plugin says: {told}", Code::R710.explain().why);
                self.refuse(Diagnostic::new(Code::R710, message, reason).suggest(Code::R710.explain().fix));
                Shape::Inconsistent
            }
        }
    }
}

fn evaluate(lifted: &Lifted, config: &Config) -> Result<Geometry, GeometryError> {
    let page_shift = config.value(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, word| Ok(value(lifted, helper, word)))
}

/// What a helper of no or one argument says; the stub's constant where the plugin has none.
fn value(lifted: &Lifted, helper: Helper, word: u64) -> u64 {
    match lifted.helper(helper).and_then(|export| export.result) {
        Some(form) => Evaluator::new(vec![word]).value(&lifted.arena, form),
        None if helper.stub() == Stub::One => 1,
        None => 0,
    }
}

/// The values that the plugin gives, on one line.
fn told(lifted: &Lifted) -> String {
    let without_arguments = lifted.exports.iter().filter_map(|export| export.helper);
    let without_arguments = without_arguments.filter(|helper| helper.signature().params().is_empty());
    let values = without_arguments.map(|helper| format!("{helper} {:#x}", value(lifted, helper, 0)));
    values.collect::<Vec<_>>().join(", ")
}
