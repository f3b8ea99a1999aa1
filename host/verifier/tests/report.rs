//! What a refusal says, whole: every section of every error of a few plugins of the corpus, under one configuration.
//!
//! In: plugins of `tests/verify/reject` and of `report/`. Out: a difference for each whose refusal does not read as the
//! `.txt` of the same name in `report/` has it. `BLESS=1` writes those anew. Not handled: what is refused and why, which
//! the corpus itself tests.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use ptwalk_abi::{Config, Extern};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawSet, Session};

/// The refusal of one plugin as it is printed.
fn refusal(path: &Path) -> Result<String, Box<dyn Error>> {
    let plugin = Arc::new(ValidPlugin::validate(&wat::parse_file(path)?)?);
    let config = Config::DEFAULT.with(Extern::ARCH_HAS_PTE_SPECIAL, 0);
    let report = Session::new(&plugin)?.examine(&config, &LawSet::host()?);
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    Ok(errors.join("\n\n") + "\n")
}

fn reads_as_kept(plugin: &str) -> Result<(), Box<dyn Error>> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = crate_dir.join(plugin);
    let name = path.file_stem().ok_or("a file")?;
    let kept = crate_dir.join("tests/report").join(name).with_extension("txt");
    let text = refusal(&path)?;
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, &text)?;
    }
    assert_eq!(text, std::fs::read_to_string(&kept)?, "{}", kept.display());
    Ok(())
}

macro_rules! cases {
    ($($name:ident $plugin:literal,)*) => {
        $(#[test]
        fn $name() -> Result<(), Box<dyn Error>> {
            reads_as_kept($plugin)
        })*
    };
}

cases! {
    predicate_of_two_bits "../../tests/verify/reject/086-predicate-of-two-bits.wat",
    maker_sets_another_bit "../../tests/verify/reject/090-mkdevmap-sets-another-bit.wat",
    maker_toggles "tests/report/092-maker-toggles.wat",
    backdoor "tests/report/096-backdoor.wat",
    division_by_zero "../../tests/verify/reject/056-division-by-zero.wat",
    unreachable_reached "../../tests/verify/reject/061-unreachable-reached.wat",
    load_past_the_memory "../../tests/verify/reject/069-load-past-the-memory-at-an-index.wat",
    index_past_the_table "../../tests/verify/reject/073-index-past-the-table.wat",
    law_that_holds_where_present "tests/report/holds-where-present.wat",
    path_through_memory_and_calls "tests/report/path-through-memory.wat",
    long_path "tests/report/long-path.wat",
}
