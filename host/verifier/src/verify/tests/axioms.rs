//! The table of axioms for arm64 (A: mm/debug_vm_pgtable.c, D: derived), row by row on the shipped plugin: what holds
//! for every word is proved, what needs a precondition is refuted without it and proved with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ptwalk_abi::{Extern, KVersion};

use super::*;

/// A property, the kernel it is about, and the verdict.
pub(super) struct Row {
    /// The row of the table, and what of it.
    name: &'static str,
    version: (u8, u8),
    settings: &'static [(Extern, i32)],
    law: &'static str,
    /// `None` where it is proved; where it is refuted, a law that holds of the counterexample alone.
    refuted: Option<u64>,
}

pub(super) const fn proved(name: &'static str, law: &'static str) -> Row {
    Row { name, version: (5, 3), settings: &[], law, refuted: None }
}

pub(super) const fn refuted(name: &'static str, law: &'static str, counterexample: u64) -> Row {
    Row { name, version: (5, 3), settings: &[], law, refuted: Some(counterexample) }
}

pub(super) const fn since(version: (u8, u8), row: Row) -> Row {
    Row { version, ..row }
}

pub(super) const fn under(settings: &'static [(Extern, i32)], row: Row) -> Row {
    Row { settings, ..row }
}

const SERIES: &[(Extern, i32)] = &[(Extern::DEVMAP_SERIES, 31)];
const PA52: &[(Extern, i32)] = &[(Extern::PAGE_SHIFT, 16), (Extern::VA_BITS, 48), (Extern::PA_BITS, 52)];
const NO_THP: &[(Extern, i32)] = &[(Extern::TRANSPARENT_HUGEPAGE, 0)];

const ROWS: &[Row] = &[
    proved("A1", "for pXd in pte, pmd: forall x: u64. pXd_young(pXd_mkyoung(pXd_mkold(x)))"),
    proved("A2", "for pXd in pte, pmd: forall x: u64. !pXd_young(pXd_mkold(pXd_mkyoung(x)))"),
    proved("A3", "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_mkdirty(pXd_mkclean(x)))"),
    proved("A4", "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_mkclean(pXd_mkdirty(x)))"),
    proved("A5", "for pXd in pte, pmd: forall x: u64. pXd_write(pXd_mkwrite(pXd_wrprotect(x)))"),
    proved("A6", "for pXd in pte, pmd: forall x: u64. !pXd_write(pXd_wrprotect(pXd_mkwrite(x)))"),
    proved("A7", "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_wrprotect(pXd_mkclean(x)))"),
    proved("A8", "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_wrprotect(pXd_mkdirty(x)))"),
    refuted("A9", "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_wrprotect(x))", 1 << 55),
    proved("A9_fresh", "for pXd in pte, pmd: forall x: u64 where !x[55]. !pXd_dirty(pXd_wrprotect(x))"),
    proved("A10", "forall x: u64. pte_same(x, x)"),
    proved("A11", "forall x: u64. pte_special(pte_mkspecial(x))"),
    proved("A12", "forall x: u64. pte_devmap(pte_mkdevmap(x))"),
    proved("A13", "forall x: u64. pmd_devmap(pmd_mkdevmap(x))"),
    // "prot": of the protections, PAGE_NONE alone is meant.
    refuted("A15", "for pXd in pte, pmd: forall prot: u64. pXd_protnone(pfn_pXd(0, prot))", 0),
    proved(
        "A15_none",
        "for pXd in pte, pmd: forall pfn: u64 where pfn < 1 << 36. \
         pXd_protnone(pfn_pXd(pfn, 0x0460000000000f92)) && pXd_present(pfn_pXd(pfn, 0x0460000000000f92))",
    ),
    refuted("A16", "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))", 0),
    proved("A16_not_empty", "forall x: u64 where x & ~2 != 0. pmd_trans_huge(pmd_mkhuge(x))"),
    proved("A17", "forall x: u64. pmd_bad(pmd_mkhuge(x))"),
    refuted("A18", "forall x: u64. pud_bad(pud_mkhuge(x)) && pud_present(pud_mkhuge(x))", 0),
    proved("A18_bad", "forall x: u64. pud_bad(pud_mkhuge(x))"),
    refuted("A19_trans_huge", "forall x: u64. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))", 0),
    proved("A19_not_empty", "forall x: u64 where x & ~3 != 0. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))"),
    refuted("A19_present", "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))", 0),
    proved("A19_present_by_b58", "forall x: u64 where x[58]. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))"),
    since((5, 10), proved("A19_since", "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))")),
    since((5, 10), proved("A19_since_huge", "forall x: u64. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))")),
    since((5, 15), proved("A19_since_leaf", "forall x: u64. pmd_leaf(pmd_mkinvalid(pmd_mkhuge(x)))")),
    since((5, 15), refuted("A20", "forall x: u64. pmd_leaf(pmd_mkhuge(x))", 0)),
    since((5, 15), proved("A20_present", "forall x: u64 where pmd_present(x). pmd_leaf(pmd_mkhuge(x))")),
    proved("A21", "for pXd in pte, pmd, pud, pgd: pXd_none(0)"),
    // A populated entry is a table descriptor, whatever else is set in it.
    refuted("A21_bad", "for pXd in pmd, pud, pgd: forall x: u64. !pXd_bad(x)", 0),
    proved("A21_populated", "for pXd in pmd, pud, pgd: forall x: u64 where x[1:0] == 3. !pXd_bad(x)"),
    // What the functions that take a pointer leave behind.
    proved("A24_set_wrprotect", "for pXd in pte, pmd: forall x: u64. !pXd_write(pXd_wrprotect(x))"),
    proved("A24_clear", "for pXd in pte, pmd, pud: pXd_none(0)"),
    proved(
        "A24_access_flags",
        "for pXd in pte, pmd: forall x: u64. \
         pXd_write(pXd_mkdirty(pXd_mkwrite(x))) && pXd_dirty(pXd_mkdirty(pXd_mkwrite(x)))",
    ),
    proved("A24_clear_young", "for pXd in pte, pmd: forall x: u64. !pXd_young(pXd_mkold(x))"),
    proved("A25_dirty", "forall x: u64. pte_dirty(pte_mkdirty(pte_mkhuge(x)))"),
    proved("A25_write", "forall x: u64. pte_write(pte_mkwrite(pte_wrprotect(pte_mkhuge(x))))"),
    proved("A25_read_only", "forall x: u64. !pte_write(pte_wrprotect(pte_mkwrite(pte_mkhuge(x))))"),
    proved("A25_pmd", "forall x: u64. pmd_dirty(pmd_mkdirty(pmd_mkhuge(x)))"),
    proved("A26_1", "forall x: u64. pte_dirty(pte_mkwrite(pte_mkdirty(x)))"),
    proved("A26_2", "forall x: u64. pte_write(pte_mkdirty(pte_mkwrite(x)))"),
    refuted("A26_3", "forall x: u64. !pte_dirty(pte_mkwrite(pte_mkclean(x)))", 0),
    since((6, 14), refuted("A26_3_still", "forall x: u64. !pte_dirty(pte_mkwrite(pte_mkclean(x)))", 0)),
    since((6, 18), proved("A26_3_since", "forall x: u64. !pte_dirty(pte_mkwrite(pte_mkclean(x)))")),
    proved("D1", "for pXd in pte, pmd: forall x: u64. !pXd_write(pXd_wrprotect(x))"),
    refuted("D2", "for pXd in pte, pmd: forall x: u64. pXd_dirty(x) => pXd_dirty(pXd_wrprotect(x))", 1 << 51),
    proved(
        "D2_software",
        "for pXd in pte, pmd: forall x: u64 where x[55]. pXd_dirty(x) => pXd_dirty(pXd_wrprotect(x))",
    ),
    since(
        (5, 10),
        proved("D2_since", "for pXd in pte, pmd: forall x: u64. pXd_dirty(x) => pXd_dirty(pXd_wrprotect(x))"),
    ),
    proved("D3", "forall x: u64. pte_special(pte_mkdevmap(x))"),
    under(SERIES, refuted("D3_series", "forall x: u64. pte_special(pte_mkdevmap(x))", 0)),
    proved("D4", "for pXd in pte, pmd: forall x: u64. pXd_present(pXd_mkdevmap(x)) == pXd_present(x)"),
    proved(
        "D5",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkdevmap, mkspecial, mkhuge, mkcont: \
         for pXd in pte, pmd: forall x: u64. pXd_pfn(pXd_MAKER(x)) == pXd_pfn(x)",
    ),
    proved("D6", "forall x: u64. pmd_pfn(pmd_mkhuge(x)) == pmd_pfn(x)"),
    proved("D7", "forall x: u64. pmd_pfn(pmd_mknotpresent(x)) == pmd_pfn(x)"),
    proved(
        "D8",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkdevmap, mkspecial, mkhuge, mkcont: \
         for pXd in pte, pmd: forall x: u64. pXd_MAKER(pXd_MAKER(x)) == pXd_MAKER(x)",
    ),
    proved("D8_not_present", "forall x: u64. pmd_mknotpresent(pmd_mknotpresent(x)) == pmd_mknotpresent(x)"),
    proved(
        "D9",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkhuge, mkcont: \
         for pXd in pte, pmd: forall x: u64. pXd_devmap(pXd_MAKER(x)) == pXd_devmap(x)",
    ),
    proved("D10", "for pXd in pte, pmd, pud: forall x: u64. pXd_none(x) => !pXd_present(x)"),
    proved(
        "D11",
        "for pXd in pte, pmd: forall x: u64. pXd_protnone(x) => pXd_present(x) && !pXd_access_permitted(x, 0)",
    ),
    proved("D12", "for pXd in pte, pmd, pud: forall x: u64. pXd_access_permitted(x, 0) => pXd_present(x)"),
    proved(
        "D12_write",
        "for pXd in pte, pmd, pud: \
         forall x: u64. pXd_access_permitted(x, 1) <=> pXd_access_permitted(x, 0) && pXd_write(x)",
    ),
    refuted("D13", "forall x: u64. pmd_devmap(x) => !pmd_trans_huge(x)", 1 << 57),
    proved("D13_table", "forall x: u64 where x[1]. pmd_devmap(x) => !pmd_trans_huge(x)"),
    refuted("D14", "forall x: u64. pmd_devmap(x) => pmd_huge(x)", 1 << 57 | 2),
    proved("D14_no_table", "forall x: u64 where !x[1]. pmd_devmap(x) => pmd_huge(x)"),
    proved("D15", "forall x: u64. pmd_present(x) && pmd_trans_huge(x) => pmd_huge(x)"),
    under(PA52, refuted("D16", "forall pa: u64. pte_to_phys(phys_to_pte(pa)) == pa", 1)),
    under(
        PA52,
        proved("D16_domain", "forall pa: u64 where pa < 1 << 52 && pa[15:0] == 0. pte_to_phys(phys_to_pte(pa)) == pa"),
    ),
    under(PA52, refuted("D16_back", "forall x: u64. phys_to_pte(pte_to_phys(x)) == x", 1 << 6)),
    under(
        PA52,
        proved(
            "D16_back_domain",
            "forall x: u64 where x[63:48] == 0 && x[11:0] == 0. phys_to_pte(pte_to_phys(x)) == x",
        ),
    ),
    under(NO_THP, proved("D17", "for pXd in pmd, pud, pgd: forall x: u64. pXd_devmap(x) == 0")),
    under(NO_THP, proved("D17_trans_huge", "for pXd in pmd, pud: forall x: u64. pXd_trans_huge(x) == 0")),
    under(NO_THP, proved("D17_pte", "forall x: u64. pte_devmap(x) == x[57]")),
];

/// Rows that say nothing about arm64, with helpers of theirs that the plugin must not export: if it does, they say
/// something.
const NOT_OF_ARM64: [(&str, &[Helper]); 2] = [
    ("A14", &[Helper::pud_mkdevmap]),
    ("A22", &[Helper::pte_mksoft_dirty, Helper::pmd_mksoft_dirty, Helper::pte_swp_mksoft_dirty]),
];

/// Rows about helpers that the contract does not have: what makes a swap entry of a frame.
const NOT_OF_THE_CONTRACT: [(&str, &str); 1] = [("A23", "swp_entry")];

/// Not a law: that helpers are functions of their arguments. Verification proves it of every export.
const BY_VERIFICATION: &str = "D18";

#[test]
fn no_row_of_the_table_is_left_out() {
    let plugin = load("walker-plugins/prebuilt/arm64.wasm");
    let numbers = (1..=26).map(|n| format!("A{n}")).chain((1..=18).map(|n| format!("D{n}")));
    for number in numbers {
        let is_tested = ROWS.iter().any(|row| row.name.split('_').next() == Some(&number));
        let without = NOT_OF_ARM64.iter().find(|(name, _)| *name == number);
        let foreign = NOT_OF_THE_CONTRACT.iter().find(|(name, _)| *name == number);
        let is_left_out = without.is_some() || foreign.is_some() || number == BY_VERIFICATION;
        assert!(is_tested != is_left_out, "{number}");
        if let Some((_, helpers)) = without {
            assert!(helpers.iter().all(|helper| !plugin.has(*helper)), "{number}");
        }
        if let Some((_, word)) = foreign {
            assert!(Helper::ALL.iter().all(|helper| !helper.name().contains(word)), "{number}");
        }
    }
}

/// Row D18: no export keeps state or reads any, under each configuration of the table.
#[test]
fn every_export_is_a_function_of_its_arguments() {
    let plugin = load("walker-plugins/prebuilt/arm64.wasm");
    let session = Session::new(&plugin).expect("it can be decoded");
    let configs: std::collections::HashSet<Config> = ROWS.iter().map(config).collect();
    for config in configs {
        let outcome = session.verify(&config, &host());
        assert!(outcome.verified().is_some(), "{:#?}", outcome.report().errors);
    }
}

fn config(row: &Row) -> Config {
    let version = KVersion::new(row.version.0, row.version.1, 0).code();
    let config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, version);
    row.settings.iter().fold(config, |config, (key, value)| config.with(*key, *value))
}

#[test]
fn every_row_of_the_table() {
    check("walker-plugins/prebuilt/arm64.wasm", ROWS);
}

/// Fails where a row is not as the table says of the plugin.
pub(super) fn check(plugin: &str, rows: &[Row]) {
    let plugin = load(plugin);
    let session = Session::new(&plugin).expect("it can be decoded");
    let mut files: Vec<(Config, String, Vec<&Row>)> = Vec::new();
    for row in rows {
        let config = config(row);
        let at = files.iter().position(|(other, ..)| *other == config).unwrap_or_else(|| {
            files.push((config, String::new(), Vec::new()));
            files.len() - 1
        });
        let _ = writeln!(files[at].1, "law {}: {}", row.name, row.law);
        files[at].2.push(row);
    }
    for (config, text, rows) in &files {
        let laws = LawSet::with_file(text).expect("the host's laws are in order");
        assert!(laws.errors().is_empty(), "{:?}", laws.errors());
        let report = session.examine(config, &laws);
        let mut found: BTreeMap<&str, Vec<&LawReport>> = BTreeMap::new();
        for law in &report.laws {
            found.entry(law.id.split('.').next().unwrap_or_default()).or_default().push(law);
        }
        for row in rows {
            let laws = found.get(row.name).expect("the law is in the file");
            for law in laws {
                let Some(counterexample) = row.refuted else {
                    // Of D17, the plugin exports pmd_devmap alone; the generic stubs of the others are not asked.
                    let stub = law.verdict == "not_applicable" && row.name.starts_with("D17");
                    assert!(law.verdict == "proved" || stub, "{law:?}");
                    continue;
                };
                let shown = law.counterexample.as_ref().unwrap_or_else(|| panic!("{law:?}"));
                let values: Vec<u64> = shown.inputs.values().map(|value| value.0).collect();
                assert_eq!(values, [counterexample], "{}: {shown}", row.name);
            }
            assert!(laws.iter().any(|law| law.verdict != "not_applicable"), "{}: says nothing", row.name);
        }
    }
}
