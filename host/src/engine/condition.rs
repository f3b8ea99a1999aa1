//! Which entries are meant: a formula over facts.
//!
//! In: facts, joined by and, or and not. Out: a [`Condition`], simplified as it is built, that every engine compiles or
//! interprets. Guaranteed: constants are folded, so that a condition that is plainly constant is [`Condition::Always`] or
//! [`Condition::Never`]. Not handled: what a fact means, which the query says.

use std::ops::Not;

use super::query::Facts;

/// A formula over facts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Every entry.
    Always,
    /// No entry.
    Never,
    /// Any of these facts holds.
    Any(Facts),
    /// The formula does not hold.
    Not(Box<Condition>),
    /// Both hold.
    And(Box<Condition>, Box<Condition>),
    /// At least one holds.
    Or(Box<Condition>, Box<Condition>),
}

impl Condition {
    /// Any of `facts` holds.
    pub const fn any(facts: Facts) -> Condition {
        if facts.0 == 0 { Condition::Never } else { Condition::Any(facts) }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Condition) -> Condition {
        match (self, other) {
            (Condition::Never, _) | (_, Condition::Never) => Condition::Never,
            (Condition::Always, other) | (other, Condition::Always) => other,
            (a, b) => Condition::And(Box::new(a), Box::new(b)),
        }
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Condition) -> Condition {
        match (self, other) {
            (Condition::Always, _) | (_, Condition::Always) => Condition::Always,
            (Condition::Never, other) | (other, Condition::Never) => other,
            (Condition::Any(a), Condition::Any(b)) => Condition::Any(a.or(b)),
            (a, b) => Condition::Or(Box::new(a), Box::new(b)),
        }
    }

    /// Whether it holds of an entry with these facts.
    pub fn holds(&self, facts: Facts) -> bool {
        match self {
            Condition::Always => true,
            Condition::Never => false,
            Condition::Any(any) => facts.any(*any),
            Condition::Not(inner) => !inner.holds(facts),
            Condition::And(a, b) => a.holds(facts) && b.holds(facts),
            Condition::Or(a, b) => a.holds(facts) || b.holds(facts),
        }
    }

    /// What is left of it where each of the facts `known` holds exactly if it is among `held`.
    #[must_use]
    pub fn assume(self, known: Facts, held: Facts) -> Condition {
        match self {
            Condition::Any(any) if any.and(known).any(held) => Condition::Always,
            Condition::Any(any) => Condition::any(Facts(any.0 & !known.0)),
            Condition::Not(inner) => !inner.assume(known, held),
            Condition::And(a, b) => a.assume(known, held).and(b.assume(known, held)),
            Condition::Or(a, b) => a.assume(known, held).or(b.assume(known, held)),
            constant => constant,
        }
    }

    /// What a leaf alone must fulfil for the whole to be possible: permissions through all levels are at most those of
    /// the leaf, and may be none.
    #[must_use]
    pub fn without_effective(self) -> Condition {
        self.bound(true)
    }

    /// A condition without [`Facts::EFFECTIVE`] that this one implies, or (not `above`) that implies this one.
    fn bound(self, above: bool) -> Condition {
        match self {
            Condition::Any(any) => {
                let plain = Facts(any.0 & !Facts::EFFECTIVE.0);
                Condition::any(if above { plain.or(any.own_permissions()) } else { plain })
            }
            Condition::Not(inner) => !inner.bound(!above),
            Condition::And(a, b) => a.bound(above).and(b.bound(above)),
            Condition::Or(a, b) => a.bound(above).or(b.bound(above)),
            constant => constant,
        }
    }

    /// The facts that it is about.
    pub fn facts(&self) -> Facts {
        match self {
            Condition::Always | Condition::Never => Facts(0),
            Condition::Any(any) => *any,
            Condition::Not(inner) => inner.facts(),
            Condition::And(a, b) | Condition::Or(a, b) => a.facts().or(b.facts()),
        }
    }
}

impl Not for Condition {
    type Output = Condition;

    fn not(self) -> Condition {
        match self {
            Condition::Always => Condition::Never,
            Condition::Never => Condition::Always,
            Condition::Not(inner) => *inner,
            other => Condition::Not(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formulas over three facts, built from a number as a small program.
    fn formula(mut code: u32) -> Condition {
        let mut stack = vec![Condition::any(Facts::WRITE)];
        while code != 0 {
            let top = stack.pop().unwrap_or(Condition::Always);
            match code % 7 {
                0 => stack.extend([top, Condition::any(Facts::PRESENT)]),
                1 => stack.extend([top, Condition::any(Facts::DIRTY.or(Facts::WRITE))]),
                2 => stack.push(!top),
                3 => stack.extend([top, Condition::Never]),
                4 => {
                    let below = stack.pop().unwrap_or(Condition::Always);
                    stack.push(below.and(top));
                }
                _ => {
                    let below = stack.pop().unwrap_or(Condition::Never);
                    stack.push(below.or(top));
                }
            }
            code /= 7;
        }
        stack.into_iter().fold(Condition::Always, Condition::and)
    }

    #[test]
    fn assuming_changes_nothing_where_the_assumption_holds() {
        let three = [Facts::PRESENT, Facts::WRITE, Facts::DIRTY];
        let subset = |bits: u32| (0..3).filter(|i| bits >> i & 1 == 1).fold(Facts(0), |all, i| all.or(three[i]));
        for code in 0..7u32.pow(5) {
            let condition = formula(code);
            for (facts, known) in (0..8).flat_map(|facts| (0..8).map(move |known| (facts, known))) {
                let (facts, known) = (subset(facts), subset(known));
                let assumed = condition.clone().assume(known, facts.and(known));
                assert_eq!(assumed.holds(facts), condition.holds(facts), "{condition:?} {facts:?} {known:?}");
                assert!(!assumed.facts().any(known), "{assumed:?}");
            }
        }
    }

    #[test]
    fn opposites_and_constants_fold() {
        let write = Condition::any(Facts::WRITE);
        assert_eq!(!!write.clone(), write);
        assert_eq!(write.clone().and(Condition::Never), Condition::Never);
        assert_eq!(write.clone().or(Condition::Always), Condition::Always);
        assert_eq!(Condition::any(Facts(0)), Condition::Never);
        assert_eq!(write.assume(Facts::WRITE, Facts(0)), Condition::Never);
    }
}
