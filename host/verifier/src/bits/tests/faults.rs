//! The power of the properties: each seeded fault must be noticed by one of them.

use super::{Finding, circuits, portfolio, words};
use crate::fault::{self, Fault};
use std::time::Instant;

type Property = (&'static str, fn() -> Result<(), Finding>);

const PROPERTIES: [Property; 17] = [
    ("preconditions_decide_laws", portfolio::preconditions_decide_laws),
    ("vacuous_preconditions_are_noticed", portfolio::vacuous_preconditions_are_noticed),
    ("counterexamples_are_minimal", portfolio::counterexamples_are_minimal),
    ("backdoors_are_found", portfolio::backdoors_are_found),
    ("every_extension", words::every_extension),
    ("every_table_index", words::every_table_index),
    ("every_constant_operand_at_four_bits", words::every_constant_operand_at_four_bits),
    ("every_constant_factor_at_eight_bits", words::every_constant_factor_at_eight_bits),
    ("every_pair_at_four_and_eight_bits", words::every_pair_at_four_and_eight_bits),
    ("rewriting_keeps_truth_tables", circuits::rewriting_keeps_truth_tables),
    ("rebuilding_keeps_truth_tables", circuits::rebuilding_keeps_truth_tables),
    ("the_diagram_agrees_with_truth_tables", circuits::the_diagram_agrees_with_truth_tables),
    ("the_sat_search_agrees_with_truth_tables", circuits::the_sat_search_agrees_with_truth_tables),
    ("simulation_agrees_with_truth_tables", circuits::simulation_agrees_with_truth_tables),
    ("the_portfolio_agrees_with_truth_tables", circuits::the_portfolio_agrees_with_truth_tables),
    ("a_starved_portfolio_is_still_right", circuits::a_starved_portfolio_is_still_right),
    ("interrupted_engines_arrive", circuits::interrupted_engines_arrive),
];

/// Faults of defence in depth are seeded together with one that makes the defence necessary.
const FAULTS: [&[Fault]; 24] = [
    &[Fault::SubstitutionSign],
    &[Fault::ResolutionSign],
    &[Fault::ContradictionMissed],
    &[Fault::HashIgnoresSign],
    &[Fault::CarryDropped],
    &[Fault::SignedAsUnsigned],
    &[Fault::ShiftAmountUnmasked],
    &[Fault::ShiftFillZero],
    &[Fault::MuxSwapped],
    &[Fault::CountOfZero],
    &[Fault::FactorDigitCarry],
    &[Fault::RemainderSign],
    &[Fault::TableIndexCut],
    &[Fault::ClauseDropped],
    &[Fault::SatAnswerInverted],
    &[Fault::BddComplementLost],
    &[Fault::BddCacheKey],
    &[Fault::ModelOrder],
    &[Fault::AssumedSign],
    &[Fault::PreconditionIgnored],
    &[Fault::VacuityMissed],
    &[Fault::SimulationRootSign],
    &[Fault::ShrinkUnchecked],
    &[Fault::ModelOrder, Fault::ModelUnchecked],
];

fn first_to_notice() -> Option<(&'static str, Finding)> {
    PROPERTIES.iter().find_map(|(name, property)| property().err().map(|finding| (*name, finding)))
}

#[test]
fn every_seeded_fault_is_killed() {
    assert_eq!(first_to_notice(), None, "without a fault");
    for faults in FAULTS {
        let start = Instant::now();
        match fault::with(faults, first_to_notice) {
            Some((property, finding)) => {
                println!("{faults:?}: killed in {:?} by {property}: {finding}", start.elapsed());
            }
            None => panic!("{faults:?} survives"),
        }
    }
}
