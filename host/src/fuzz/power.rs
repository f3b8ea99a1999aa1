//! The power of the properties: each seeded fault must break one of them, soon.
//!
//! In: a fault, and a time. Out: the property that noticed, and after how long. Guaranteed: the switch is the process's, so
//! one fault is hunted at a time; it is off again afterwards. Not handled: faults of which the program would not return.

use std::time::{Duration, Instant};

use ptwalk_verifier::fault::{self, Area, Fault};

use super::run::{Budget, Context, Failure, Finding, kind_of, search};
use super::{Entry, property};

/// Time within which every fault must be found.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Who noticed a fault.
#[derive(Clone, Debug)]
pub struct Kill {
    /// The property.
    pub property: &'static str,
    /// How long it took, over all properties that were asked.
    pub elapsed: Duration,
    /// Inputs that it took.
    pub inputs: u64,
    /// What it said.
    pub what: String,
}

/// The properties that should notice a fault, the likeliest first.
pub const fn oracles(fault: Fault) -> &'static [&'static str] {
    match (fault, fault.area()) {
        // What outlives a call is seen in an engine's memory and globals.
        (Fault::StackPointerUnchecked | Fault::GlobalUnchecked, _) => &["engines"],
        (Fault::RemainderSign, _) => &["provers"],
        (Fault::UnknownIsNever, _) => &["hidden"],
        (_, Area::Lifter | Area::Rewriter | Area::Verifier) => &["claims", "narrow"],
        (_, Area::Prover) => &["provers", "narrow", "compiled"],
        (_, Area::Laws) => &["laws"],
        (_, Area::Reducer | Area::CodeGenerator) => &["compiled"],
        (_, Area::VectorKernel) => &["compiled", "reference"],
        (_, Area::Walker) => &["reference"],
        (_, Area::Gup) => &["gup_model"],
        (Fault::PgmapEndIncluded, _) => &["pgmap_files"],
        (_, Area::Inputs) => &["contents"],
    }
}

/// Faults that are switched on together with one: those of defence in depth need one that makes the defence necessary.
const fn together(fault: Fault) -> Option<Fault> {
    match fault {
        Fault::ModelUnchecked => Some(Fault::ModelOrder),
        _ => None,
    }
}

/// Switches a fault on and looks for it, for [`LIMIT`] at most. `None`: it survives. What is found is a kill only if the
/// same inputs are clean without the fault, or, where it defends against another, show something else without it.
///
/// # Errors
/// Where a property cannot be made, or finds the same without the fault, which is the caller's fault and no kill.
pub fn hunt(fault: Fault, context: &Context, seed: u64) -> Result<Option<Kill>, Failure> {
    let entries: Vec<&Entry> = oracles(fault).iter().filter_map(|name| property(name)).collect();
    let begun = Instant::now();
    let faults: Vec<Fault> = [fault].into_iter().chain(together(fault)).collect();
    for (position, entry) in entries.iter().enumerate() {
        // Those that are left share the time that is left.
        let share = LIMIT.saturating_sub(begun.elapsed()) / u32::try_from(entries.len() - position)?;
        let search = |budget| search(entry, context, budget, &mut |_, _| {});
        let campaign = fault::with(&faults, || search(Budget::of(share, seed)))?;
        let Some(Finding { what, .. }) = campaign.finding else { continue };
        let (elapsed, inputs) = (begun.elapsed(), campaign.tally.inputs);
        let same = Budget { inputs: Some(inputs), ..Budget::of(LIMIT, seed) };
        let without: Vec<Fault> = together(fault).into_iter().collect();
        let clean = fault::with(&without, || search(same))?.finding;
        if clean.as_ref().is_some_and(|finding| without.is_empty() || kind_of(&finding.what) == kind_of(&what)) {
            return Err(
                format!("{} finds without {fault:?}: {:?}", entry.name, clean.map(|finding| finding.what)).into()
            );
        }
        return Ok(Some(Kill { property: entry.name, elapsed, inputs, what }));
    }
    Ok(None)
}
