//! Makes a module that breaks a property smaller: exports, functions and operators go before single bytes do.
//!
//! In: a module and a way to ask. Out: a module that still breaks the property. Guaranteed: what is asked about is a module
//! whose sections are those of the first, with a function's body, an export or a few operators less; whether it is still
//! valid is for the question to find out. Not handled: bytes that are no module, which come back as they are.

use super::parts::{Parts, operators};

/// A body that fits every type: no locals, `unreachable`, `end`.
const EMPTY_BODY: &[u8] = &[0x00, 0x00, 0x0b];

/// What may stand in the place of operators that leave one word.
const PLACEHOLDERS: [&[u8]; 3] = [&[], &[0x42, 0x00], &[0x41, 0x00]];

/// The smallest module found.
pub(super) fn module(bytes: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let Some(mut best) = Parts::of(&bytes) else { return bytes };
    // What is only written anew must show the same, or trimming would hide it.
    if !fails(&best.encode()) {
        return bytes;
    }
    let mut attempt = |best: &mut Parts, change: &dyn Fn(&mut Parts)| {
        let mut candidate = best.clone();
        change(&mut candidate);
        let better = fails(&candidate.encode());
        if better {
            *best = candidate;
        }
        better
    };
    for at in (0..best.exports.len()).rev() {
        attempt(&mut best, &|parts| drop(parts.exports.remove(at)));
    }
    for at in 0..best.bodies.len() {
        attempt(&mut best, &|parts| parts.bodies[at] = EMPTY_BODY.to_vec());
    }
    for at in 0..best.bodies.len() {
        operators_of(&mut best, at, &mut attempt);
    }
    best.encode()
}

type Attempt<'a> = dyn FnMut(&mut Parts, &dyn Fn(&mut Parts)) -> bool + 'a;

/// Takes operators away from a body, longer runs first.
fn operators_of(best: &mut Parts, body: usize, attempt: &mut Attempt<'_>) {
    let count = operators(&best.bodies[body]).len();
    let mut run = count.next_power_of_two() / 2;
    while run > 0 {
        let mut at = 0;
        loop {
            let places = operators(&best.bodies[body]);
            // The last operator ends the function.
            let last = places.len().saturating_sub(1);
            if at + run > last {
                break;
            }
            let bytes = places[at].start..places[at + run - 1].end;
            let went = PLACEHOLDERS.iter().filter(|instead| instead.len() < bytes.len()).any(|instead| {
                attempt(best, &|parts| drop(parts.bodies[body].splice(bytes.clone(), instead.iter().copied())))
            });
            at += usize::from(!went);
        }
        run /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_of_a_module_stays() {
        let wat = r#"(module
            (func (export "a") (param i64) (result i64) (i64.add (local.get 0) (i64.const 5)))
            (func (export "b") (param i64) (result i64)
                (i64.mul (i64.const 7) (i64.div_u (i64.const 9) (i64.and (local.get 0) (i64.const 3))))))"#;
        let bytes = wat::parse_str(wat).expect("WAT");
        // 0x80 is `i64.div_u`.
        let mut asks = |bytes: &[u8]| {
            let valid = wasmparser::Validator::new().validate_all(bytes).is_ok();
            valid && bodies_of(bytes).iter().any(|body| body.contains(&0x80))
        };
        let small = module(bytes.clone(), &mut asks);
        let left = bodies_of(&small);
        assert_eq!(left[0], EMPTY_BODY);
        let operators_left: Vec<usize> =
            bodies_of(&bytes).iter().chain(&left).map(|body| operators(body).len()).collect();
        assert!(operators_left[1] == 8 && operators_left[3] <= 6, "{left:x?}");
        assert!(small.len() < bytes.len());
    }

    fn bodies_of(bytes: &[u8]) -> Vec<Vec<u8>> {
        Parts::of(bytes).expect("a module").bodies
    }

    #[test]
    fn what_is_no_module_comes_back() {
        assert_eq!(module(vec![1, 2, 3], &mut |_| true), [1, 2, 3]);
    }
}
