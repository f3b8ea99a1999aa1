//! The native plugin on `tests/vectors/x86.tsv`.

use ptwalk_abi::Arch;
use ptwalk_x86::{IMPLEMENTED, X86};

#[path = "../../../tests/vectors/native.rs"]
mod native;

const VECTORS: &str = include_str!("../../../tests/vectors/x86.tsv");

#[test]
fn every_vector_is_answered() -> Result<(), String> {
    native::every_row_is_answered(VECTORS, 1902, |config, helper, args| X86(config).call(helper, args))
}

#[test]
fn every_helper_has_a_vector_and_every_truth_value_both_answers() -> Result<(), String> {
    native::every_helper_has_rows(VECTORS, IMPLEMENTED)
}

#[test]
fn the_reference_vectors_are_all_there() -> Result<(), String> {
    assert_eq!(native::reference_vectors(VECTORS)?, (25..=43).collect());
    Ok(())
}
