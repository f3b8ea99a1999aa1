//! The shipped ppc64 plugin: verified under a sample of its configurations, and the rows of the table of axioms of which
//! the reference says that they hold for ppc64 are proved.

use ptwalk_abi::{Extern, KVersion};

use super::*;

const PPC: &str = "walker-plugins/prebuilt/ppc.wasm";

/// A step that is prime to the numbers of shapes, versions and choices meets every value of each.
const STEP: usize = 47;

fn config(page_shift: i32, radix: i32, version: (u8, u8)) -> Config {
    Config::DEFAULT
        .with(Extern::PAGE_SHIFT, page_shift)
        .with(Extern::PPC_RADIX_MMU, radix)
        .with(Extern::MEM_SOFT_DIRTY, 1)
        .with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code())
}

#[test]
fn verifies_under_a_sample_of_its_matrix() {
    let plugin = load(PPC);
    let session = Session::new(&plugin).expect("it can be decoded");
    let all = Matrix::for_plugin(&plugin);
    let sample = all.clone().sample(STEP);
    for key in plugin.imports().iter().copied().filter(|key| *key != Extern::ARCH_HAS_PTE_SPECIAL) {
        let values = |matrix: &Matrix| {
            let values = matrix.configs().iter().map(|config| config.value(key));
            values.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(values(&sample), values(&all), "the sample misses values of {key}");
        assert!(values(&all).len() > 1, "the matrix does not vary {key}");
    }
    let mut refused = Vec::new();
    let tally = sample.run(&session, &host(), 2, |case| {
        if let (Supported::Yes, Outcome::Refused(report)) = (case.supported, &case.outcome) {
            refused.push((case.config, report.errors.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
        true
    });
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(tally.passes() && tally.unsupported == 0, "{tally:?}");
}

/// What the matrix does not vary: protection keys that deny something, and a kernel without special ptes.
#[test]
fn keys_and_special_ptes_break_no_law() {
    let plugin = load(PPC);
    for (page_shift, version) in [(12, (5, 3)), (16, (5, 3)), (12, (5, 9)), (16, (6, 14))] {
        let hash = config(page_shift, 0, version);
        for config in [hash.with(Extern::AMR, 0x1234_5678), hash.with(Extern::AMR, -1)] {
            let report = verify(&plugin, &config, &host()).report();
            assert_eq!(report.verdict, Verdict::Verified, "{config:?}: {:#?}", report.errors);
        }
        let report = verify(&plugin, &hash.with(Extern::ARCH_HAS_PTE_SPECIAL, 0), &host()).report();
        assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.errors);
    }
}

/// Laws of the rows that hold for every entry, by the number of the row.
const ROWS: [(&str, &[&str]); 35] = [
    ("A1", &["mkyoung_makes_young"]),
    ("A2", &["mkold_makes_old"]),
    ("A3", &["mkdirty_makes_dirty"]),
    ("A4", &["mkclean_makes_clean"]),
    ("A5", &["mkwrite_makes_writable"]),
    ("A6", &["wrprotect_after_mkwrite"]),
    ("A7", &["wrprotect_keeps_clean"]),
    ("A8", &["wrprotect_keeps_mkdirty"]),
    ("A9", &["wrprotect_dirties_nothing"]),
    ("A10", &["same_as_itself"]),
    ("A11", &["mkspecial_makes_special"]),
    ("A12", &["mkdevmap_makes_devmap", "mkdevmap_makes_marked_devmap"]),
    ("A13", &["mkdevmap_makes_pmd_devmap"]),
    ("A15", &["protnone_from_protection"]),
    ("A17", &["mkhuge_makes_bad"]),
    ("A21", &["zero_is_none", "zero_is_none_pud"]),
    ("A22", &["soft_dirty_set_and_cleared", "mkdirty_makes_soft_dirty"]),
    ("A25", &["hugetlb_dirty_and_write"]),
    ("A26", &["mkwrite_keeps_dirty", "mkwrite_keeps_clean"]),
    ("D1", &["wrprotect_makes_unsaved_read_only"]),
    ("D2", &["wrprotect_keeps_dirty"]),
    ("D3", &["mkdevmap_makes_special"]),
    ("D4", &["pte_meaning_kept", "pmd_meaning_kept"]),
    ("D5", &["pfn_kept", "pte_pfn_kept"]),
    ("D6", &["mkhuge_keeps_pfn"]),
    ("D7", &["invalidation_keeps_pfn"]),
    ("D8", &["makers_are_idempotent", "wrprotect_is_idempotent_unless_saved", "invalidation_is_idempotent"]),
    ("D9", &["devmap_kept", "mkhuge_keeps_devmap"]),
    ("D10", &["none_is_not_present"]),
    ("D11", &["protnone_is_present"]),
    ("D12", &["access_needs_present", "access_above_needs_present", "access_is_read_and_write"]),
    ("D15", &["trans_huge_is_huge"]),
    ("savedwrite", &["savedwrite_round_trip", "savedwrite_is_no_access"]),
    ("hugepd", &["hugepd_is_no_leaf", "hugepd_size_range"]),
    ("serializing", &["serializing_is_refused", "mkinvalid_serializes"]),
];

/// Rows that hold where the MMU has huge pages.
const HUGE_ROWS: [(&str, &[&str]); 3] =
    [("A16", &["mkhuge_makes_trans_huge"]), ("A20", &["mkhuge_makes_leaf"]), ("D14", &["devmap_leaf_is_huge"])];

/// The verdicts on the expansions of a law that speak of helpers that the plugin has.
fn verdicts<'r>(report: &'r VerifyReport, name: &str) -> Vec<(&'r str, &'static str)> {
    let of_law = |id: &str| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let laws = report.laws.iter().filter(|law| of_law(&law.id));
    let laws = laws.filter(|law| !law.reason.as_deref().is_some_and(|reason| reason.starts_with("not exported")));
    laws.map(|law| (law.id.as_str(), law.verdict)).collect()
}

#[track_caller]
fn all_proved(report: &VerifyReport, rows: &[(&str, &[&str])], what: &str) {
    for (row, names) in rows {
        for name in *names {
            let found = verdicts(report, name);
            assert!(!found.is_empty(), "{row}: there is no {name}");
            assert!(found.iter().all(|(_, verdict)| *verdict == "proved"), "{what}, {row}: {found:?}");
        }
    }
}

#[test]
fn the_rows_of_the_table_of_axioms_are_proved() {
    let plugin = load(PPC);
    for (page_shift, radix) in [(12, 1), (16, 1), (12, 0), (16, 0)] {
        let what = format!("{page_shift} radix {radix}");
        let report = verify(&plugin, &config(page_shift, radix, (5, 3)), &host()).report();
        all_proved(&report, &ROWS, &what);
        let has_huge_pages = (page_shift, radix) != (12, 0);
        for (row, names) in HUGE_ROWS {
            let found = verdicts(&report, names[0]);
            let wanted = if has_huge_pages { "proved" } else { "not_applicable" };
            assert!(found.iter().all(|(_, verdict)| *verdict == wanted), "{what}, {row}: {found:?}");
        }
        // D13: hash with 64K took device memory for a transparent huge page before v5.7.
        for (version, wanted) in [((5, 3), if radix == 1 { "proved" } else { "not_applicable" }), ((5, 7), "proved")] {
            let report = verify(&plugin, &config(page_shift, radix, version), &host()).report();
            let found = verdicts(&report, "devmap_is_not_trans_huge");
            assert_eq!(found, [("devmap_is_not_trans_huge", wanted)], "{what} {version:?}");
        }
        // A12 of what pfn_pte makes, from v5.10 on; A19.
        let report = verify(&plugin, &config(page_shift, radix, (5, 10)), &host()).report();
        let rows: [(&str, &[&str]); 2] =
            [("A12", &["mkdevmap_makes_pfn_devmap"]), ("A19", &["mkinvalid_keeps_present", "mkinvalid_makes_invalid"])];
        all_proved(&report, &rows, &what);
        // D17.
        let without = config(page_shift, radix, (5, 3)).with(Extern::TRANSPARENT_HUGEPAGE, 0);
        let report = verify(&plugin, &without, &host()).report();
        let rows: [(&str, &[&str]); 1] = [("D17", &["no_huge_devmap.pmd", "no_trans_huge"])];
        all_proved(&report, &rows, &what);
        // A14.
        let puds = config(page_shift, 1, (6, 6)).with(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1);
        let report = verify(&plugin, &puds, &host()).report();
        let rows: [(&str, &[&str]); 1] =
            [("A14", &["mkdevmap_makes_pud_devmap", "mkhuge_makes_pud_trans_huge", "mkhuge_makes_pud_bad"])];
        all_proved(&report, &rows, &what);
    }
}
