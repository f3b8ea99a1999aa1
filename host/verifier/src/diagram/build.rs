//! From closed forms to fields.
//!
//! In: helpers of one level with their closed forms. Out: the [`EntryLayout`]. Guaranteed: see the parent module. Not
//! handled: helpers whose argument is no entry (`pfn_pte`, `phys_to_pte`, the root's register, geometry); they are left
//! out. Those that read a swap entry are listed and name no bit, because what they read is no field of a present entry.

use std::collections::BTreeSet;

use ptwalk_abi::{Helper, Level, Op, Signature};

use super::bits::{Bits, Origin, origin, support};
use super::{EntryLayout, Field, HelperBits, Kind, Name, Role};
use crate::expr::{Arena, ExprId};

/// Bits of an entry.
const ENTRY_BITS: u8 = 64;
/// Number of the argument that is the entry.
const ENTRY: u32 = 0;

/// How a helper uses an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Tells something about it.
    Predicate,
    /// Takes the frame number or address from it.
    Frame,
    /// Takes a field of a swap entry from it.
    Swap,
    /// Makes another entry of it.
    Maker,
}

impl Use {
    /// How a helper uses an entry, where its first argument is one.
    pub(super) const fn of(helper: Helper) -> Option<Use> {
        match (helper.signature(), helper.op()) {
            (Signature::Predicate | Signature::Access | Signature::Compare | Signature::Perms, _) => {
                Some(Use::Predicate)
            }
            (_, Op::Pfn | Op::Page | Op::PagePaddr | Op::ToPhys) => Some(Use::Frame),
            (_, Op::SwpType | Op::SwpOffset) => Some(Use::Swap),
            (Signature::Maker, _) | (_, Op::Modify) => Some(Use::Maker),
            _ => None,
        }
    }
}

/// What a helper's second argument is called in a closed form.
const fn second_argument(helper: Helper) -> &'static str {
    match helper.signature() {
        Signature::Access => "write",
        Signature::Combine => "prot",
        _ => "y",
    }
}

/// What is known about one bit, by role.
#[derive(Clone, Debug, Default)]
struct BitNames {
    is: Vec<Name>,
    frame: Vec<Name>,
    /// With the number of bits that the helper reads: what reads fewest says most about each.
    reads: Vec<(u32, Name)>,
    writes: Vec<Name>,
}

impl BitNames {
    fn resolve(mut self) -> (Kind, Vec<Name>) {
        self.reads.sort_by_key(|(bits, name)| (*bits, name.helper));
        let reads: Vec<Name> = self.reads.into_iter().map(|(_, name)| name).collect();
        match (self.is.is_empty(), self.frame.is_empty(), reads.is_empty()) {
            (false, true, _) => (Kind::Bit, self.is),
            (true, false, true) => (Kind::Frame, self.frame),
            (false, false, _) => (Kind::Shared, [self.is, self.frame].concat()),
            (true, false, false) => (Kind::Shared, [self.frame, reads].concat()),
            (true, true, false) => (Kind::Shared, reads),
            (true, true, true) if !self.writes.is_empty() => (Kind::Shared, self.writes),
            (true, true, true) => (Kind::Unused, Vec::new()),
        }
    }
}

impl EntryLayout {
    /// What the helpers of `level` make of an entry. Helpers of other levels, and those that take no entry, are skipped;
    /// input 0 of a closed form is the entry.
    ///
    /// # Cost
    /// For each helper linear in the nodes that its closed form reaches, up to a logarithm.
    pub fn new(level: Level, forms: &[(Helper, &Arena, ExprId)]) -> EntryLayout {
        let mut forms: Vec<_> = forms.iter().filter(|(helper, ..)| helper.level() == level).collect();
        forms.sort_by_key(|(helper, ..)| *helper);
        let mut names = vec![BitNames::default(); ENTRY_BITS.into()];
        let helpers = forms
            .into_iter()
            .filter_map(|&(helper, arena, form)| {
                let found = match Use::of(helper)? {
                    Use::Predicate => predicate(helper, arena, form, &mut names),
                    Use::Frame => frame(helper, arena, form, &mut names),
                    Use::Swap => HelperBits::reading(support(arena, form, ENTRY, u64::MAX), helper),
                    Use::Maker => maker(helper, arena, form, &mut names),
                };
                Some(HelperBits { form: form_text(helper, arena, form), ..found })
            })
            .collect();
        EntryLayout { level, fields: join(names), helpers }
    }
}

impl HelperBits {
    fn reading(bits: u64, helper: Helper) -> HelperBits {
        let none = Bits::default();
        HelperBits { helper, form: None, reads: Bits(bits), sets: none, clears: none, changes: none }
    }
}

/// Nodes of the largest closed form that is printed: what people read is far below, and the text grows with the nodes.
const FORM_NODES_MAX: usize = 1024;

/// The closed form as text, unless it is very large.
fn form_text(helper: Helper, arena: &Arena, form: ExprId) -> Option<String> {
    let mut seen = BTreeSet::from([form]);
    let mut open = vec![form];
    while let Some(id) = open.pop() {
        open.extend(arena.node(id).operands().filter(|operand| seen.insert(*operand)));
        if seen.len() > FORM_NODES_MAX {
            return None;
        }
    }
    Some(arena.display(form, &["x", second_argument(helper)]).to_string())
}

/// Calls `each` for every bit of the set, lowest first, with what is known about it.
fn on_bits(bits: u64, names: &mut [BitNames], mut each: impl FnMut(&mut BitNames)) {
    names.iter_mut().enumerate().filter(|(bit, _)| (bits >> bit) & 1 == 1).for_each(|(_, names)| each(names));
}

fn predicate(helper: Helper, arena: &Arena, form: ExprId, names: &mut [BitNames]) -> HelperBits {
    let found = HelperBits::reading(support(arena, form, ENTRY, u64::MAX), helper);
    let single = match origin(arena, form, 0, ENTRY) {
        Origin::Bit { index, negated } if helper.signature() == Signature::Predicate => Some((index, negated)),
        _ => None,
    };
    if let (Some((index, negated)), true) = (single, arena.facts(form).possible() == 1) {
        let role = if negated { Role::IsNot } else { Role::Is };
        on_bits(1 << index, names, |names| names.is.push(Name { helper, role }));
        // The bit is all there is to it, whatever detour the form takes.
        return HelperBits { reads: Bits(1 << index), ..found };
    }
    if !found.reads_word() {
        let count = found.reads.0.count_ones();
        on_bits(found.reads.0, names, |names| names.reads.push((count, Name { helper, role: Role::Reads })));
    }
    found
}

fn frame(helper: Helper, arena: &Arena, form: ExprId, names: &mut [BitNames]) -> HelperBits {
    let found = HelperBits::reading(support(arena, form, ENTRY, u64::MAX), helper);
    let mut placed: Vec<(u8, u8)> = Vec::new();
    let mut taken = 0u64;
    for result in 0..ENTRY_BITS {
        if let Some(index) = origin(arena, form, result, ENTRY).carrier()
            && (taken >> index) & 1 == 0
        {
            taken |= 1 << index;
            placed.push((index, result));
        }
    }
    let distance = |&(index, result): &(u8, u8)| i16::from(result) - i16::from(index);
    let split = placed.iter().any(|bit| placed.first().map(distance) != Some(distance(bit)));
    for &(index, result) in &placed {
        let role = Role::Frame { result_low: result, split };
        on_bits(1 << index, names, |names| names.frame.push(Name { helper, role }));
    }
    // What else the frame depends on: a condition, or arithmetic.
    let others = found.reads.0 & !taken;
    if found.reads.0 != u64::MAX && others.count_ones() <= super::BITS_NAMED_MAX {
        let count = found.reads.0.count_ones();
        on_bits(others, names, |names| names.reads.push((count, Name { helper, role: Role::Reads })));
    }
    found
}

fn maker(helper: Helper, arena: &Arena, form: ExprId, names: &mut [BitNames]) -> HelperBits {
    let (mut sets, mut clears, mut changes) = (0u64, 0u64, 0u64);
    for bit in 0..ENTRY_BITS {
        match origin(arena, form, bit, ENTRY) {
            Origin::Constant(true) => sets |= 1 << bit,
            Origin::Constant(false) => clears |= 1 << bit,
            Origin::Bit { index, negated: false } if index == bit => {}
            _ => changes |= 1 << bit,
        }
    }
    let written = sets | clears | changes;
    if written.count_ones() <= super::BITS_NAMED_MAX {
        on_bits(written, names, |names| names.writes.push(Name { helper, role: Role::Writes }));
    }
    HelperBits {
        sets: Bits(sets),
        clears: Bits(clears),
        changes: Bits(changes),
        ..HelperBits::reading(support(arena, form, ENTRY, changes), helper)
    }
}

/// Adjacent bits with the same names as one field.
fn join(names: Vec<BitNames>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (bit, names) in (0u8..).zip(names) {
        let (kind, names) = names.resolve();
        match fields.last_mut() {
            Some(field) if field.kind == kind && continues(field, &names) => field.high = bit,
            _ => fields.push(Field { high: bit, low: bit, names, kind }),
        }
    }
    fields
}

/// Whether the bit above a field is more of the same.
pub(super) fn continues(field: &Field, names: &[Name]) -> bool {
    let bits = field.bits();
    field.names.len() == names.len()
        && field.names.iter().zip(names).all(|(before, next)| {
            before.helper == next.helper
                && match (before.role, next.role) {
                    (Role::Frame { result_low, split }, Role::Frame { result_low: next, split: next_split }) => {
                        split == next_split && result_low + bits == next
                    }
                    (before, next) => before == next,
                }
        })
}
