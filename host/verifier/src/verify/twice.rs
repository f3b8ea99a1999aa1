//! What lasting state does: two calls with equal arguments and different results.
//!
//! In: an export that leaves something behind, and an input for which it does. Out: [`Twice`], found by executing
//! calls one after another on the code; or nothing, where what is left behind shows in no result that was tried.
//! Guaranteed: both results are what the code returns. Bounded by the inputs tried, and by the clock of the
//! verification. Not handled: state that shows only after three calls or more.

use ptwalk_abi::Helper;

use super::Run;
use super::values::arguments;
use crate::lift::{Ending, Hazard, LiftedExport, replay_calls};

/// Two calls of one helper that should have returned the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Twice {
    /// The helper called twice.
    pub helper: Helper,
    /// Its arguments, both times.
    pub args: Vec<u64>,
    /// The call that leaves something behind: between the two, or the first of them.
    pub culprit: (Helper, Vec<u64>),
    /// What they return.
    pub results: [u64; 2],
}

impl Twice {
    /// Whether the culprit's first call shows in its own second.
    pub(super) fn is_own(&self) -> bool {
        self.culprit.0 == self.helper && self.culprit.1 == self.args
    }

    /// A call as a report writes it.
    pub(super) fn call(helper: Helper, args: &[u64]) -> String {
        let given: Vec<String> =
            arguments(helper).iter().zip(args).map(|(name, arg)| format!("{name} = {arg:#x}")).collect();
        format!("{helper}({})", given.join(", "))
    }
}

/// Whether a hazard leaves something behind that a later call may see.
pub(super) const fn lasts(hazard: Hazard) -> bool {
    matches!(hazard, Hazard::GlobalChanged | Hazard::StackPointerLost | Hazard::MemoryKept | Hazard::StoreToData)
}

impl Run<'_, '_> {
    /// Looks for two such calls: of the export itself, then of every other with one of its calls between.
    pub(super) fn call_twice(&self, export: &LiftedExport, input: &[u64], exports: &[LiftedExport]) -> Option<Twice> {
        let culprit = export.helper?;
        let fit = |value: u64| -> Vec<u64> { arguments(culprit).iter().map(|_| value).collect() };
        let given: Vec<u64> = input.iter().copied().chain(std::iter::repeat(0)).take(fit(0).len()).collect();
        let bits = (0..u64::BITS).map(|bit| fit(1 << bit));
        let tried: Vec<Vec<u64>> = [given.clone()].into_iter().chain(bits).chain([fit(u64::MAX)]).collect();
        tried.iter().find_map(|args| self.differ(culprit, args, None)).or_else(|| {
            let others = exports.iter().filter_map(|other| other.helper).filter(|helper| *helper != culprit);
            let mut calls = others.flat_map(|helper| [0, u64::MAX].map(|value| (helper, value)));
            calls.find_map(|(helper, value)| {
                let args: Vec<u64> = arguments(helper).iter().map(|_| value).collect();
                let between = tried.iter().filter(|between| [&given, &fit(u64::MAX)].contains(between));
                between.clone().find_map(|between| self.differ(helper, &args, Some((culprit, between))))
            })
        })
    }

    fn differ(&self, helper: Helper, args: &[u64], between: Option<(Helper, &Vec<u64>)>) -> Option<Twice> {
        if self.deadline.has_passed() {
            return None;
        }
        let mut calls = vec![(helper.name(), args), (helper.name(), args)];
        if let Some((other, with)) = between {
            calls.insert(1, (other.name(), with));
        }
        let endings = replay_calls(&self.session.module, self.config, &calls)?;
        let (Some(Ending::Returned(Some(first))), Some(Ending::Returned(Some(second)))) =
            (endings.first(), endings.last())
        else {
            return None;
        };
        let culprit = between.map_or_else(|| (helper, args.to_vec()), |(other, with)| (other, with.clone()));
        (first != second).then(|| Twice { helper, args: args.to_vec(), culprit, results: [*first, *second] })
    }
}
