//! The native plugin on `tests/vectors/ppc.tsv`.

use ptwalk_abi::Arch;
use ptwalk_ppc::{IMPLEMENTED, Ppc};

#[path = "../../../tests/vectors/native.rs"]
mod native;

const PPC: &str = include_str!("../../../tests/vectors/ppc.tsv");

#[test]
fn every_vector_is_answered() -> Result<(), String> {
    native::every_row_is_answered(PPC, 5418, |config, helper, args| Ppc(config).call(helper, args))
}

#[test]
fn every_helper_has_a_vector_and_every_truth_value_both_answers() -> Result<(), String> {
    native::every_helper_has_rows(PPC, IMPLEMENTED)
}

#[test]
fn the_reference_vectors_are_all_there() -> Result<(), String> {
    assert_eq!(native::reference_vectors(PPC)?, (44..=64).collect());
    Ok(())
}
