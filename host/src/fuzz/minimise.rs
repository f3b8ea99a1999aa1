//! Makes an input that breaks a property smaller.
//!
//! In: the input, what its bytes are, and a way to ask whether a smaller one still breaks it. Out: one that does and from
//! which nothing more could be taken, or as far as the time went. The algorithm is the deletion half of delta debugging
//! (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), on bytes and for modules on
//! functions and operators first. Guaranteed: the result breaks the property if the input does. Not handled: the one
//! smallest input.

use std::time::Instant;

use super::trim;

/// What the bytes of an input are, by which it is made smaller and its file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly module.
    Module,
    /// The choices of a generator ([`super::Random::from_bytes`]).
    Choices,
    /// Something else: an image, a text.
    Bytes,
}

impl Kind {
    /// Extension of a file that holds such an input.
    pub const fn extension(self) -> &'static str {
        match self {
            Kind::Module => "wasm",
            Kind::Choices => "choices",
            Kind::Bytes => "bin",
        }
    }
}

/// The smallest input found before the deadline.
pub fn smaller(kind: Kind, input: &[u8], deadline: Instant, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut ask = |candidate: &[u8]| Instant::now() < deadline && fails(candidate);
    if kind == Kind::Module {
        best = trim::module(best, &mut ask);
    }
    best = shorter(best, &mut ask);
    if kind == Kind::Choices { lower(best, &mut ask) } else { best }
}

/// Takes pieces away, larger ones first, until no single byte can go.
fn shorter(mut best: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut piece = best.len().next_power_of_two() / 2;
    while piece > 0 {
        let (mut at, mut went) = (0, false);
        while at < best.len() {
            let mut candidate = best.clone();
            candidate.drain(at..(at + piece).min(best.len()));
            if fails(&candidate) {
                (best, went) = (candidate, true);
            } else {
                at += piece;
            }
        }
        if !went {
            piece /= 2;
        }
    }
    best
}

/// Makes bytes 0, as the first choice is the simplest.
fn lower(mut best: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    for at in 0..best.len() {
        if best[at] == 0 {
            continue;
        }
        let mut candidate = best.clone();
        candidate[at] = 0;
        if fails(&candidate) {
            best = candidate;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_matters_stays() {
        let input: Vec<u8> = (0..=255).collect();
        let mut fails = |input: &[u8]| input.contains(&77) && input.contains(&200);
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(smaller(Kind::Bytes, &input, deadline, &mut fails), [77, 200]);
    }

    #[test]
    fn choices_become_first_choices() {
        let mut fails = |input: &[u8]| input.len() >= 3 && input[2] == 9;
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(smaller(Kind::Choices, &[1, 2, 9, 4, 5], deadline, &mut fails), [0, 0, 9]);
    }

    #[test]
    fn after_the_deadline_nothing_is_asked() {
        let mut fails = |_: &[u8]| panic!("asked");
        assert_eq!(smaller(Kind::Bytes, &[1, 2], Instant::now(), &mut fails), [1, 2]);
    }
}
