//! Every row of `tests/vectors/*.tsv` through the closed forms of the shipped modules.
//!
//! The native builds answer the same rows in their crates' tests, and the modules themselves in `tests/vectors.rs`.

#[path = "vectors/rows.rs"]
mod rows;

use std::collections::BTreeMap;
use std::path::Path;

use ptwalk_abi::Signature;
use ptwalk_verifier::bits::budget::{GATES, QueryBudget};
use ptwalk_verifier::blast::Prover;
use ptwalk_verifier::expr::Evaluator;
use ptwalk_verifier::lift::{Module, lift};
use rows::Row;

/// Checks the rows of a plugin's file.
fn every_vector_holds(name: &str, vectors: &str) -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../walker-plugins/prebuilt/{name}.wasm"));
    let bytes = std::fs::read(path)?;
    let module = Module::decode(&bytes)?;
    let rows = rows::parse(vectors)?;
    let mut by_config: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in &rows {
        by_config.entry(row.config_text).or_default().push(*row);
    }
    let (mut wrong, mut stubs) = (Vec::new(), 0);
    for rows in by_config.values() {
        let mut prover = Prover::new(GATES, QueryBudget::default());
        let lifted = lift(&module, &rows[0].config, &mut prover).map_err(|findings| findings.to_string())?;
        for row in rows {
            let Some(form) = lifted.helper(row.helper).and_then(|export| export.result) else {
                stubs += 1;
                continue;
            };
            let second =
                if row.helper.signature() == Signature::Access { row.args[1] & 0xffff_ffff } else { row.args[1] };
            let answer = Evaluator::new(vec![row.args[0], second]).value(&lifted.arena, form);
            if answer != row.result {
                wrong.push(format!(
                    "line {} ({}; {}): {}({:#x?}) = {answer:#x}, wanted {:#x}",
                    row.line, row.label, row.config_text, row.helper, row.args, row.result
                ));
            }
        }
    }
    println!("{name}: {} rows under {} configurations, {stubs} about stubs", rows.len(), by_config.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(stubs * 10 < rows.len(), "{stubs} rows have no form");
    Ok(())
}

#[test]
fn the_closed_forms_of_arm64_answer_every_vector() -> Result<(), Box<dyn std::error::Error>> {
    every_vector_holds("arm64", include_str!("vectors/arm64.tsv"))
}

#[test]
fn the_closed_forms_of_ppc_answer_every_vector() -> Result<(), Box<dyn std::error::Error>> {
    every_vector_holds("ppc", include_str!("vectors/ppc.tsv"))
}
