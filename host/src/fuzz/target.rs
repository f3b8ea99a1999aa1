//! Properties as targets of coverage-guided fuzzing: what `tests/fuzz/` calls.

use std::cell::RefCell;
use std::collections::HashMap;

use super::property;
use super::run::{Context, Property, Tally};

thread_local! {
    /// Properties by name, made when they are first asked for.
    static MADE: RefCell<HashMap<&'static str, Box<dyn Property>>> = RefCell::default();
}

/// Checks an input of one of the properties called `names`. Where there are several, its first byte picks one and the rest
/// is the input.
///
/// # Panics
/// Where the input breaks the property, which is how the fuzzer learns of it; and where there is no such property.
pub fn target(names: &[&'static str], input: &[u8]) {
    let (name, input) = match (names, input) {
        ([name], input) => (*name, input),
        (_, [picked, input @ ..]) => match names.get(usize::from(*picked)) {
            Some(name) => (*name, input),
            None => return,
        },
        (_, []) => return,
    };
    MADE.with_borrow_mut(|made| {
        let property = made.entry(name).or_insert_with(|| {
            let entry = property(name).unwrap_or_else(|| panic!("no property {name}"));
            (entry.make)(&Context::embedded()).unwrap_or_else(|error| panic!("{name}: {error}"))
        });
        if let Err(failure) = property.check(input, &mut Tally::default()) {
            panic!("{name}: {failure}");
        }
    });
}
