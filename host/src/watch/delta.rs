//! What a change did to the proof.

use std::collections::BTreeMap;

use ptwalk_verifier::verify::{LawReport, VerifyReport};

/// The verdict on each law, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts(BTreeMap<String, &'static str>);

impl Verdicts {
    /// Those of a report.
    pub fn of(report: &VerifyReport) -> Verdicts {
        Verdicts(report.laws.iter().map(|law| (law.id.clone(), law.verdict)).collect())
    }

    /// Laws that are proved.
    pub fn proved(&self) -> usize {
        self.0.values().filter(|verdict| **verdict == "proved").count()
    }

    fn is_broken(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|verdict| is_broken(verdict))
    }
}

/// Laws whose verdict a change has turned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LawDelta {
    /// Refuted or open now, and not before.
    pub broken: Vec<LawReport>,
    /// Refuted or open now as before.
    pub still_broken: Vec<String>,
    /// Refuted or open before, and not now: proved, or not applicable any more.
    pub repaired: Vec<String>,
}

impl LawDelta {
    /// From what was said before to what a report says. A report on a module that is none says nothing of laws, so that
    /// nothing is repaired by it.
    pub fn between(before: &Verdicts, report: &VerifyReport) -> LawDelta {
        let mut delta = LawDelta::default();
        for law in &report.laws {
            match (before.is_broken(&law.id), is_broken(law.verdict)) {
                (false, true) => delta.broken.push(law.clone()),
                (true, true) => delta.still_broken.push(law.id.clone()),
                (true, false) => delta.repaired.push(law.id.clone()),
                (false, false) => {}
            }
        }
        delta
    }
}

fn is_broken(verdict: &str) -> bool {
    matches!(verdict, "refuted" | "unknown")
}

#[cfg(test)]
mod tests {
    use ptwalk_abi::Config;
    use ptwalk_verifier::validate::ValidPlugin;
    use ptwalk_verifier::verify::{LawSet, verify};

    use super::*;

    fn report(text: &str) -> VerifyReport {
        let module = wat::parse_str(text).expect("well-formed");
        let plugin = ValidPlugin::validate(&module).expect("a plugin");
        verify(&plugin.into(), &Config::DEFAULT, &LawSet::host().expect("the host's laws")).report()
    }

    #[test]
    fn a_law_is_broken_stays_so_and_is_repaired() {
        let whole = include_str!("../../templates/arm64/plugin.wat");
        // An entry made young gets a bit of its address instead.
        let broken =
            whole.replace("(i64.or (local.get $x) (i64.const 0x400))", "(i64.or (local.get $x) (i64.const 0x1000))");
        let [whole, broken] = [report(whole), report(&broken)];
        let first = LawDelta::between(&Verdicts::default(), &whole);
        assert_eq!(first, LawDelta::default());
        let second = LawDelta::between(&Verdicts::of(&whole), &broken);
        assert!(!second.broken.is_empty() && second.repaired.is_empty() && second.still_broken.is_empty());
        assert!(second.broken.iter().all(|law| law.counterexample.is_some()), "{:?}", second.broken);
        let ids: Vec<&str> = second.broken.iter().map(|law| law.id.as_str()).collect();
        let third = LawDelta::between(&Verdicts::of(&broken), &broken);
        assert_eq!(third.still_broken, ids);
        let fourth = LawDelta::between(&Verdicts::of(&broken), &whole);
        assert_eq!(fourth.repaired, ids);
        assert!(Verdicts::of(&whole).proved() > Verdicts::of(&broken).proved());
    }
}
