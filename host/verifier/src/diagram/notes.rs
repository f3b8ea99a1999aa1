//! What the picture's legend says below the fields.
//!
//! In: a layout. Out: [`Note`]s in a fixed order, the same for the terminal and for SVG. Guaranteed: every helper of the
//! layout that is not simply one bit, and every maker, is mentioned. Not handled: breaking lines.

use super::build::Use;
use super::{EntryLayout, HelperBits, Role, short_name};

/// Characters up to which a closed form is quoted; a longer one is left to the list of closed forms.
const FORM_CHARS_MAX: usize = 120;

/// One entry of the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The helper, or what several have in common.
    pub head: String,
    /// What is said about it.
    pub text: String,
}

/// Notes under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub heading: &'static str,
    pub notes: Vec<Note>,
}

/// Sections that have something to say, in the order in which they are shown.
pub(super) fn sections(layout: &EntryLayout) -> Vec<Section> {
    let used = |wanted: Use| layout.helpers.iter().filter(move |helper| Use::of(helper.helper) == Some(wanted));
    let section = |heading, notes: Vec<Note>| Section { heading, notes };
    let several = used(Use::Predicate).filter(|helper| !is_single(layout, helper) && !helper.reads.is_empty());
    let constant: Vec<String> = used(Use::Predicate)
        .filter(|helper| helper.reads.is_empty())
        .map(|helper| format!("{} {}", short_name(helper.helper), quoted(helper)))
        .collect();
    let constant = match constant.is_empty() {
        true => Vec::new(),
        false => vec![Note { head: "no bit".to_owned(), text: constant.join(", ") }],
    };
    let depends: Vec<Note> = several.map(depends).chain(constant).collect();
    [
        section("frame", used(Use::Frame).map(|helper| note(helper, quoted(helper))).collect()),
        section("depends on several bits", depends),
        section("makers", used(Use::Maker).map(|helper| note(helper, effect(helper))).collect()),
        section("of a swap entry", used(Use::Swap).map(|helper| note(helper, quoted(helper))).collect()),
    ]
    .into_iter()
    .filter(|section| !section.notes.is_empty())
    .collect()
}

fn note(helper: &HelperBits, text: String) -> Note {
    Note { head: short_name(helper.helper).to_owned(), text }
}

/// Whether the helper is one bit, which the picture shows already.
fn is_single(layout: &EntryLayout, helper: &HelperBits) -> bool {
    let names = layout.fields.iter().flat_map(|field| &field.names);
    names.into_iter().any(|name| name.helper == helper.helper && matches!(name.role, Role::Is | Role::IsNot))
}

/// The closed form, where it is short.
fn short_form(helper: &HelperBits) -> Option<&str> {
    helper.form.as_deref().filter(|form| form.chars().count() <= FORM_CHARS_MAX)
}

/// The closed form; where it is long, the bits that it depends on.
fn quoted(helper: &HelperBits) -> String {
    match short_form(helper) {
        Some(form) => format!("= {form}"),
        None => format!("depends on {}", helper.reads),
    }
}

fn depends(helper: &HelperBits) -> Note {
    let on = match helper.reads_word() {
        true => "the whole word".to_owned(),
        false => helper.reads.to_string(),
    };
    let text = short_form(helper).map_or(on.clone(), |form| format!("{on}: {form}"));
    note(helper, text)
}

fn effect(helper: &HelperBits) -> String {
    let changes = match helper.reads.is_empty() {
        true => "replaces",
        false => "changes",
    };
    let parts: Vec<String> = [("sets", helper.sets), ("clears", helper.clears), (changes, helper.changes)]
        .into_iter()
        .filter(|(_, bits)| !bits.is_empty())
        .map(|(verb, bits)| format!("{verb} {bits}"))
        .collect();
    match parts.is_empty() {
        true => "changes nothing".to_owned(),
        false => parts.join(", "),
    }
}
