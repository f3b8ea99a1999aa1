//! The table of axioms for x86_64 (A: mm/debug_vm_pgtable.c, D: derived), row by row on the shipped plugin: what holds for
//! every word is proved, what needs a precondition is refuted without it and proved with it.

use ptwalk_abi::Extern;

use super::axioms::{Row, check, proved, refuted, since, under};

const PUD: &[(Extern, i32)] = &[(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1)];
const SOFT_DIRTY: &[(Extern, i32)] = &[(Extern::MEM_SOFT_DIRTY, 1)];
const NO_THP: &[(Extern, i32)] = &[(Extern::TRANSPARENT_HUGEPAGE, 0), (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1)];
const WRITE_DISABLED: &[(Extern, i32)] = &[(Extern::PKRU, 2)];
const FIVE_LEVELS: &[(Extern, i32)] = &[(Extern::VA_BITS, 57)];

/// What is set in device memory before v6.6.
const B58: u64 = 1 << 58;

const ROWS: &[Row] = &[
    under(PUD, proved("A1", "for pXd in pte, pmd, pud: forall x: u64. pXd_young(pXd_mkyoung(pXd_mkold(x)))")),
    under(PUD, proved("A2", "for pXd in pte, pmd, pud: forall x: u64. !pXd_young(pXd_mkold(pXd_mkyoung(x)))")),
    under(PUD, proved("A3", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(pXd_mkdirty(pXd_mkclean(x)))")),
    under(PUD, proved("A4", "for pXd in pte, pmd, pud: forall x: u64. !pXd_dirty(pXd_mkclean(pXd_mkdirty(x)))")),
    under(PUD, proved("A5", "for pXd in pte, pmd, pud: forall x: u64. pXd_write(pXd_mkwrite(pXd_wrprotect(x)))")),
    under(PUD, proved("A6", "for pXd in pte, pmd, pud: forall x: u64. !pXd_write(pXd_wrprotect(pXd_mkwrite(x)))")),
    under(PUD, proved("A7", "for pXd in pte, pmd, pud: forall x: u64. !pXd_dirty(pXd_wrprotect(pXd_mkclean(x)))")),
    under(PUD, proved("A8", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(pXd_wrprotect(pXd_mkdirty(x)))")),
    since(
        (6, 6),
        proved("A3_since", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(pXd_mkdirty(pXd_mkclean(x)))"),
    ),
    since(
        (6, 6),
        proved("A4_since", "for pXd in pte, pmd, pud: forall x: u64. !pXd_dirty(pXd_mkclean(pXd_mkdirty(x)))"),
    ),
    since(
        (6, 6),
        proved("A7_since", "for pXd in pte, pmd, pud: forall x: u64. !pXd_dirty(pXd_wrprotect(pXd_mkclean(x)))"),
    ),
    since(
        (6, 6),
        proved("A8_since", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(pXd_wrprotect(pXd_mkdirty(x)))"),
    ),
    refuted("A9", "forall x: u64. !pte_dirty(pte_wrprotect(x))", 1 << 6),
    proved("A9_fresh", "forall x: u64 where !x[6]. !pte_dirty(pte_wrprotect(x))"),
    since((6, 6), refuted("A9_since", "forall x: u64 where !x[6]. !pte_dirty(pte_wrprotect(x))", B58)),
    // Equality is the generic stub, of which no law speaks alone.
    proved("A10", "forall x: u64. pte_present(x) => pte_same(x, x)"),
    proved("A11", "forall x: u64. pte_special(pte_mkspecial(x))"),
    proved("A12", "forall x: u64. pte_devmap(pte_mkdevmap(x))"),
    proved("A13", "forall x: u64. pmd_devmap(pmd_mkdevmap(x))"),
    under(PUD, proved("A14", "forall x: u64. pud_devmap(pud_mkdevmap(x))")),
    since((6, 6), proved("A12_since", "forall x: u64. pte_devmap(pte_mkdevmap(x)) && pte_mkdevmap(x)[57]")),
    proved(
        "A15",
        "for pXd in pte, pmd: forall pfn: u64 where pfn < 1 << 40. \
         pXd_protnone(pfn_pXd(pfn, 0x8000000000000120)) && pXd_present(pfn_pXd(pfn, 0x8000000000000120))",
    ),
    refuted("A16", "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))", B58),
    proved("A16_no_devmap", "forall x: u64 where !x[58]. pmd_trans_huge(pmd_mkhuge(x))"),
    proved("A17", "forall x: u64. pmd_bad(pmd_mkhuge(x))"),
    under(PUD, proved("A18", "forall x: u64. pud_bad(pud_mkhuge(x))")),
    under(PUD, refuted("A18_trans_huge", "forall x: u64. pud_trans_huge(pud_mkhuge(x))", B58)),
    under(PUD, proved("A18_no_devmap", "forall x: u64 where !x[58]. pud_trans_huge(pud_mkhuge(x))")),
    proved("A19", "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x))) && pmd_leaf(pmd_mkinvalid(pmd_mkhuge(x)))"),
    refuted("A19_trans_huge", "forall x: u64. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))", B58),
    proved("A19_no_devmap", "forall x: u64 where !x[58]. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))"),
    proved("A20", "forall x: u64. pmd_leaf(pmd_mkhuge(x))"),
    since((6, 12), proved("A20_pud", "forall x: u64. pud_leaf(pud_mkhuge(x))")),
    refuted("A20_large", "forall x: u64. pud_leaf(pud_mkhuge(x))", 0),
    proved("A20_large_valid", "forall x: u64 where x[0]. pud_leaf(pud_mkhuge(x))"),
    proved("A21", "for pXd in pte, pmd, pud, p4d: pXd_none(0)"),
    under(FIVE_LEVELS, proved("A21_five", "for pXd in p4d, pgd: pXd_none(0)")),
    proved("A21_populated", "for pXd in pmd, pud, p4d: forall x: u64 where x & ~0xffffffffff000 == 0x67. !pXd_bad(x)"),
    under(FIVE_LEVELS, proved("A21_pgd", "forall x: u64 where x & ~0xffffffffff000 == 0x67. !pgd_bad(x)")),
    under(
        SOFT_DIRTY,
        proved(
            "A22",
            "for pXd in pte, pmd: forall x: u64. pXd_soft_dirty(pXd_mksoft_dirty(x)) \
             && !pXd_soft_dirty(pXd_clear_soft_dirty(x))",
        ),
    ),
    under(
        SOFT_DIRTY,
        proved(
            "A22_swp",
            "for pXd in pte, pmd: forall x: u64. pXd_swp_soft_dirty(pXd_swp_mksoft_dirty(x)) \
             && !pXd_swp_soft_dirty(pXd_swp_clear_soft_dirty(x))",
        ),
    ),
    // The conversion to and from a swap entry keeps the word; type and offset put together again yield it too.
    proved("A23", "forall x: u64. swp_type(x) << 59 | (~swp_offset(x) & 0x3ffffffffffff) << 9 | x[8:0] == x"),
    proved(
        "A25",
        "forall x: u64. pte_dirty(pte_mkdirty(pte_mkhuge(x))) && pte_write(pte_mkwrite(pte_wrprotect(pte_mkhuge(x))))",
    ),
    proved("A25_read_only", "forall x: u64. !pte_write(pte_wrprotect(pte_mkwrite(pte_mkhuge(x))))"),
    proved(
        "A26",
        "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_mkwrite(pXd_mkdirty(x))) && pXd_write(pXd_mkdirty(pXd_mkwrite(x)))",
    ),
    proved("A26_3", "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_mkwrite(pXd_mkclean(x)))"),
    since((6, 6), proved("A26_3_since", "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_mkwrite(pXd_mkclean(x)))")),
    proved("D1", "for pXd in pte, pmd, pud: forall x: u64. !pXd_write(pXd_wrprotect(x))"),
    proved("D2", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(x) => pXd_dirty(pXd_wrprotect(x))"),
    since(
        (6, 6),
        proved("D2_since", "for pXd in pte, pmd, pud: forall x: u64. pXd_dirty(x) => pXd_dirty(pXd_wrprotect(x))"),
    ),
    proved("D3", "forall x: u64. pte_special(pte_mkdevmap(x))"),
    proved("D4", "for pXd in pte, pmd, pud: forall x: u64. pXd_present(pXd_mkdevmap(x)) == pXd_present(x)"),
    proved(
        "D5_present",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkdevmap, mkspecial: \
         for pXd in pte, pmd: forall x: u64 where x[0]. pXd_pfn(pXd_MAKER(x)) == pXd_pfn(x)",
    ),
    proved(
        "D5_not_empty",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkdevmap, mkspecial: \
         for pXd in pte, pmd: forall x: u64 where x != 0 && pXd_MAKER(x) != 0. pXd_pfn(pXd_MAKER(x)) == pXd_pfn(x)",
    ),
    refuted("D5", "forall x: u64. pte_pfn(pte_mkwrite(x)) == pte_pfn(x)", 0),
    refuted("D5_mkold", "forall x: u64. pte_pfn(pte_mkold(x)) == pte_pfn(x)", 0x20),
    refuted("D6", "forall x: u64 where x[0]. pmd_pfn(pmd_mkhuge(x)) == pmd_pfn(x)", 0x1001),
    proved("D6_aligned", "forall x: u64 where x[0] && x[20:12] == 0 || x[7]. pmd_pfn(pmd_mkhuge(x)) == pmd_pfn(x)"),
    proved("D6_pud", "forall x: u64 where x[0] && x[29:12] == 0 || x[7]. pud_pfn(pud_mkhuge(x)) == pud_pfn(x)"),
    refuted("D7", "forall x: u64. pmd_pfn(pmd_mknotpresent(x)) == pmd_pfn(x)", 1 << 20),
    proved("D7_leaf", "for pXd in pmd, pud: forall x: u64 where x[7]. pXd_pfn(pXd_mknotpresent(x)) == pXd_pfn(x)"),
    proved(
        "D8",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkdevmap, mkspecial, mkhuge: \
         for pXd in pte, pmd, pud: forall x: u64. pXd_MAKER(pXd_MAKER(x)) == pXd_MAKER(x)",
    ),
    proved(
        "D8_not_present",
        "for pXd in pmd, pud: forall x: u64 where x[7]. pXd_mknotpresent(pXd_mknotpresent(x)) == pXd_mknotpresent(x)",
    ),
    under(
        PUD,
        proved(
            "D9",
            "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkhuge: \
             for pXd in pte, pmd, pud: forall x: u64. pXd_devmap(pXd_MAKER(x)) == pXd_devmap(x)",
        ),
    ),
    since(
        (6, 6),
        proved(
            "D9_since",
            "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkhuge: \
             for pXd in pte, pmd: forall x: u64. pXd_devmap(pXd_MAKER(x)) == pXd_devmap(x)",
        ),
    ),
    proved("D10", "for pXd in pte, pmd, pud, p4d: forall x: u64. pXd_none(x) => !pXd_present(x)"),
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
    under(
        WRITE_DISABLED,
        refuted(
            "D12_keys",
            "forall x: u64. pte_access_permitted(x, 1) <=> pte_access_permitted(x, 0) && pte_write(x)",
            7,
        ),
    ),
    under(PUD, proved("D13", "for pXd in pmd, pud: forall x: u64. pXd_devmap(x) => !pXd_trans_huge(x)")),
    refuted("D14", "forall x: u64. pmd_devmap(x) => pmd_huge(x)", B58 | 1),
    proved("D15", "forall x: u64. pmd_present(x) && pmd_trans_huge(x) => pmd_huge(x)"),
    under(NO_THP, proved("D17", "for pXd in pmd, pud: forall x: u64. pXd_devmap(x) == 0 && pXd_trans_huge(x) == 0")),
    under(NO_THP, proved("D17_pte", "forall x: u64. pte_devmap(x) == x[58]")),
];

#[test]
fn every_row_of_the_table() {
    check("walker-plugins/prebuilt/x86.wasm", ROWS);
}
