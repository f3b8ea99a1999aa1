//! The native plugin on `tests/vectors/arm64.tsv`.

use ptwalk_abi::Arch;
use ptwalk_arm64::{Arm64, IMPLEMENTED};

#[path = "../../../tests/vectors/native.rs"]
mod native;

const ARM64: &str = include_str!("../../../tests/vectors/arm64.tsv");

#[test]
fn every_vector_is_answered() -> Result<(), String> {
    native::every_row_is_answered(ARM64, 934, |config, helper, args| Arm64(config).call(helper, args))
}

#[test]
fn every_helper_has_a_vector_and_every_truth_value_both_answers() -> Result<(), String> {
    native::every_helper_has_rows(ARM64, IMPLEMENTED)
}

#[test]
fn the_reference_vectors_are_all_there() -> Result<(), String> {
    assert_eq!(native::reference_vectors(ARM64)?, (1..=24).chain(65..=67).collect());
    Ok(())
}
