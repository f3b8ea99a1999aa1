//! The native plugin on `tests/vectors/ppc.tsv`.

use ptwalk_abi::{Arch, Config};
use ptwalk_ppc::{IMPLEMENTED, Ppc};

#[path = "../../../tests/vectors/native.rs"]
mod native;

const PPC: &str = include_str!("../../../tests/vectors/ppc.tsv");

#[test]
fn every_vector_is_answered() -> Result<(), String> {
    native::every_row_is_answered(PPC, 5426, |config, helper, args| Ppc(config).call(helper, args))
}

#[test]
fn every_helper_has_a_vector_and_every_truth_value_both_answers() -> Result<(), String> {
    native::every_helper_has_rows(PPC, IMPLEMENTED)
}

#[test]
fn the_reference_vectors_are_all_there() -> Result<(), String> {
    assert_eq!(native::reference_vectors(PPC)?, (44..=64).chain([71]).collect());
    Ok(())
}

/// Reference vector 71: what v5.2 made of a range of device memory that begins and ends within sections
/// (kernel/memremap.c: devm_memremap_pages).
#[test]
fn device_memory_is_aligned_to_sections() {
    let section_bytes = 1u64 << Ppc(Config::DEFAULT).SECTION_SIZE_BITS();
    let (start, size) = (0x1_4810_0000u64, 0x800_0000u64);
    let aligned_start = start & !(section_bytes - 1);
    let aligned_size = (start + size).next_multiple_of(section_bytes) - aligned_start;
    assert_eq!((aligned_start, aligned_size), (0x1_4800_0000, 0x900_0000));
}
