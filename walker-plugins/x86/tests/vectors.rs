//! The native plugin on `tests/vectors/x86.tsv`.

use std::collections::BTreeSet;

use ptwalk_abi::Arch;
use ptwalk_x86::{IMPLEMENTED, X86};

#[path = "../../../tests/vectors/rows.rs"]
mod rows;

const VECTORS: &str = include_str!("../../../tests/vectors/x86.tsv");

/// Rows in the file, so that one that gets lost is missed.
const ROWS: usize = 1902;

#[test]
fn every_vector_is_answered() -> Result<(), String> {
    let rows = rows::parse(VECTORS)?;
    assert_eq!(rows.len(), ROWS);
    let mut wrong = Vec::new();
    for row in &rows {
        let answer = X86(row.config).call(row.helper, row.args);
        if answer != row.result {
            wrong.push(format!(
                "line {} ({}, {}): {}({:#x}, {:#x}) = {answer:#x}, not {:#x}",
                row.line, row.label, row.config_text, row.helper, row.args[0], row.args[1], row.result
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_helper_has_a_vector_and_every_truth_value_both_answers() -> Result<(), String> {
    let answered: BTreeSet<_> = rows::parse(VECTORS)?.iter().map(|row| (row.helper, row.result)).collect();
    for helper in IMPLEMENTED {
        if helper.signature().is_bool() {
            for truth in [0, 1] {
                assert!(answered.contains(&(*helper, truth)), "no vector in which {helper} is {truth}");
            }
        } else {
            assert!(answered.iter().any(|(tried, _)| tried == helper), "no vector of {helper}");
        }
    }
    Ok(())
}

#[test]
fn the_reference_vectors_are_all_there() -> Result<(), String> {
    let rows = rows::parse(VECTORS)?;
    let labels: BTreeSet<u32> = rows.iter().filter_map(|row| row.label.parse().ok()).collect();
    assert_eq!(labels, (25..=43).collect());
    Ok(())
}
