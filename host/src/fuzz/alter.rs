//! Modules made from others by their operators: changed, padded with what does nothing, and opened for inspection.
//!
//! In: a module. Out: a module, or the same bytes where they are none. Guaranteed: of [`padded`], the meaning of every
//! export; of [`opened`], the same and the numbers of functions. [`changed`] guarantees nothing.

use std::collections::BTreeSet;
use std::ops::Range;

use wasm_encoder::ExportKind;
use wasmparser::{ConstExpr, DataKind, Operator, Parser, Payload};

use super::parts::{Parts, operators};
use super::random::Random;

/// Operators that leave a word of 64 bits as it is, encoded: `+ 0`, `| 0`, `^ 0`, `& -1`, `* 1`, `rotl 64`, `nop`.
const WIDE_IDENTITIES: [&[u8]; 7] = [
    &[0x42, 0, 0x7c],
    &[0x42, 0, 0x84],
    &[0x42, 0, 0x85],
    &[0x42, 0x7f, 0x83],
    &[0x42, 1, 0x7e],
    &[0x42, 0xc0, 0, 0x89],
    &[1],
];

/// The same of 32 bits.
const NARROW_IDENTITIES: [&[u8]; 7] = [
    &[0x41, 0, 0x6a],
    &[0x41, 0, 0x72],
    &[0x41, 0, 0x73],
    &[0x41, 0x7f, 0x71],
    &[0x41, 1, 0x6c],
    &[0x41, 0x20, 0x77],
    &[1],
];

/// A module whose mutable globals and memory are exported too.
pub(super) fn opened(bytes: &[u8]) -> Vec<u8> {
    let Some(mut parts) = Parts::of(bytes) else { return bytes.to_vec() };
    let taken: BTreeSet<String> = parts.exports.iter().map(|(name, ..)| name.clone()).collect();
    let (mut globals, mut memories) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::GlobalSection(section) => {
                globals = section.into_iter().map(|global| global.is_ok_and(|global| global.ty.mutable)).collect();
            }
            Payload::MemorySection(section) => memories = section.count(),
            _ => {}
        }
    }
    let globals = (0..).zip(globals).filter(|(_, mutable)| *mutable).map(|(index, _)| (index, ExportKind::Global));
    let memories = (0..memories).map(|index| (index, ExportKind::Memory));
    for (index, kind) in globals.chain(memories) {
        let name = format!("opened {kind:?} {index}");
        if !taken.contains(&name) {
            parts.exports.push((name, kind, index));
        }
    }
    parts.encode()
}

/// Memory that a module may use as a stack: below the first value of a mutable global of 32 bits, without data.
pub(super) fn scratch(bytes: &[u8]) -> Vec<Range<usize>> {
    let constant = |expression: &ConstExpr<'_>| match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => usize::try_from(value.cast_unsigned()).ok(),
        _ => None,
    };
    let (mut top, mut data) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::GlobalSection(section) => {
                let mut mutable = section.into_iter().filter_map(Result::ok).filter(|global| global.ty.mutable);
                top = mutable.find_map(|global| constant(&global.init_expr)).unwrap_or(0);
            }
            Payload::DataSection(section) => {
                for segment in section.into_iter().filter_map(Result::ok) {
                    let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
                    data.extend(constant(&offset_expr).map(|start| start..start + segment.data.len()));
                }
            }
            _ => {}
        }
    }
    data.sort_by_key(|range| range.start);
    let mut at = 0;
    let mut gaps = Vec::new();
    for range in data.into_iter().filter(|range| range.start < top) {
        gaps.push(at..range.start.max(at));
        at = at.max(range.end);
    }
    gaps.push(at.min(top)..top);
    gaps
}

/// A module in which some operators are gone, doubled, or others.
pub(super) fn changed(random: &mut Random<'_>, bytes: &[u8]) -> Vec<u8> {
    let Some(mut parts) = Parts::of(bytes) else { return bytes.to_vec() };
    if parts.bodies.is_empty() {
        return bytes.to_vec();
    }
    for _ in 0..1 + random.below(3) {
        let at = random.place(parts.bodies.len());
        let body = &mut parts.bodies[at];
        let places = operators(body);
        if places.is_empty() {
            continue;
        }
        let place = places[random.place(places.len())].clone();
        match random.below(6) {
            0 => drop(body.drain(place)),
            1 => {
                let piece = body[place.clone()].to_vec();
                drop(body.splice(place.end..place.end, piece));
            }
            2 => {
                let other = places[random.place(places.len())].clone();
                let piece = body[other].to_vec();
                drop(body.splice(place, piece));
            }
            // A neighbour among the operators: most of the same type stand side by side.
            _ if place.len() == 1 => {
                let by = random.pick(&[1, 2, 0xff, 0xfe]);
                body[place.start] = body[place.start].wrapping_add(by);
            }
            _ => body[place.end - 1] ^= 1 << random.below(6),
        }
    }
    parts.encode()
}

/// A module that does the same, with operators between that change nothing.
pub(super) fn padded(random: &mut Random<'_>, bytes: &[u8]) -> Vec<u8> {
    let Some(mut parts) = Parts::of(bytes) else { return bytes.to_vec() };
    for body in &mut parts.bodies {
        // From the end, so that places before stay where they are.
        for place in operators(body).into_iter().rev() {
            let Some(is_wide) = leaves(&body[place.clone()]) else { continue };
            if random.one_in(4) {
                let identity = random.pick(if is_wide { &WIDE_IDENTITIES } else { &NARROW_IDENTITIES });
                drop(body.splice(place.end..place.end, identity.iter().copied()));
            }
        }
    }
    parts.encode()
}

/// Whether an operator leaves a word of 64 bits, or of 32; `None` where it leaves neither for certain.
fn leaves(operator: &[u8]) -> Option<bool> {
    // The opcodes are ordered by type: constants, loads, comparisons, then i32, i64, conversions and extensions.
    match operator.first()? {
        0x42 | 0x29 | 0x30..=0x35 | 0x79..=0x8a | 0xac | 0xad | 0xc2..=0xc4 => Some(true),
        0x41 | 0x28 | 0x2c..=0x2f | 0x45..=0x5a | 0x67..=0x78 | 0xa7 | 0xc0 | 0xc1 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ptwalk_verifier::validate::ValidPlugin;

    use super::*;
    use crate::fuzz::grammar::{self, Shape};

    #[test]
    fn padded_and_opened_modules_are_valid_and_longer() {
        for seed in 0..300 {
            let random = &mut Random::new(seed);
            let bytes = grammar::module(random, Shape::SOME);
            let padded = padded(random, &bytes);
            assert!(padded.len() > bytes.len());
            if let Err(rejection) = ValidPlugin::validate(&padded) {
                panic!("seed {seed}: {rejection}");
            }
            assert!(wasmparser::Validator::new().validate_all(&opened(&bytes)).is_ok());
        }
    }
}
