//! What every plugin's crate asks of its vector file: that the native build answers each row, and that rows are enough.
//!
//! In: the text of a vector file and a plugin compiled in. Out: nothing, or what is wrong. Not handled: the module that
//! users load, which `tests/vectors.rs` runs on the same rows.

use std::collections::BTreeSet;

use ptwalk_abi::{Config, Helper};

#[path = "rows.rs"]
mod rows;

/// Checks that the file has `wanted` rows, so that one that gets lost is missed, and that each is answered as it says.
pub fn every_row_is_answered(
    text: &str,
    wanted: usize,
    call: impl Fn(Config, Helper, [u64; 2]) -> u64,
) -> Result<(), String> {
    let rows = rows::parse(text)?;
    assert_eq!(rows.len(), wanted);
    let mut wrong = Vec::new();
    for row in &rows {
        let answer = call(row.config, row.helper, row.args);
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

/// Checks that every helper has a row, and every truth value rows with both answers.
pub fn every_helper_has_rows(text: &str, implemented: &[Helper]) -> Result<(), String> {
    let answered: BTreeSet<_> = rows::parse(text)?.iter().map(|row| (row.helper, row.result)).collect();
    for helper in implemented {
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

/// The numbers of the reference vectors in the file.
pub fn reference_vectors(text: &str) -> Result<BTreeSet<u32>, String> {
    Ok(rows::parse(text)?.iter().filter_map(|row| row.label.parse().ok()).collect())
}
