//! What each maker leaves alone: the frame, and every meaning but its own.

use super::{DERIVED, Law, law};

/// No maker moves an entry to another frame.
pub(super) const FRAMES: &[Law] = &[
    law(
        "pfn_kept",
        DERIVED,
        "no maker moves an entry to another frame",
        "for pXd in pte, pmd:
         for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap, mkcont:
         forall x: u64 where !pXd_none(x) && !pXd_none(pXd_MAKER(x)). pXd_pfn(pXd_MAKER(x)) == pXd_pfn(x)",
    ),
    law(
        "pte_pfn_kept",
        DERIVED,
        "no maker moves a pte to another frame",
        "for MAKER in mkhuge, mknoncont, mkpresent, mkinvalid, mk_savedwrite, clear_savedwrite, mksoft_dirty, \
         clear_soft_dirty, mkpte, mkuser, mkprivileged, mkexec:
         forall x: u64 where !pte_none(x) && !pte_none(pte_MAKER(x)). pte_pfn(pte_MAKER(x)) == pte_pfn(x)",
    ),
    law(
        "pud_pfn_kept",
        DERIVED,
        "no maker moves a pud to another frame",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap:
         forall x: u64 where !pud_none(x) && !pud_none(pud_MAKER(x)).
         pud_pfn(pud_MAKER(x)) == pud_pfn(x) when PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_keeps_pfn",
        DERIVED,
        "making a leaf of an entry whose frame is aligned to the leaf keeps the frame",
        "for pXd in pmd, pud: forall x: u64 where !pXd_none(x) && pXd_pfn(x) & ((1 << (PXD_SHIFT() - PAGE_SHIFT)) - 1) \
         == 0. pXd_pfn(pXd_mkhuge(x)) == pXd_pfn(x) when PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_keeps_pmd_pfn",
        DERIVED,
        "as mkhuge_keeps_pfn, with two levels of table",
        "forall x: u64 where !pmd_none(x) && pmd_pfn(x) & ((1 << (PMD_SHIFT() - PAGE_SHIFT)) - 1) == 0.
         pmd_pfn(pmd_mkhuge(x)) == pmd_pfn(x) when PGTABLE_LEVELS == 2",
    ),
    law(
        "invalidation_keeps_pfn",
        DERIVED,
        "making a leaf pmd invalid keeps its frame",
        "for MAKER in mkinvalid, mknotpresent: forall x: u64 where pmd_leaf(x). pmd_pfn(pmd_MAKER(x)) == pmd_pfn(x)",
    ),
    law(
        "invalidation_keeps_pud_pfn",
        DERIVED,
        "making a leaf pud invalid keeps its frame",
        "for MAKER in mkinvalid, mknotpresent: forall x: u64 where pud_leaf(x). pud_pfn(pud_MAKER(x)) == pud_pfn(x)
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "modify_keeps_pfn",
        DERIVED,
        "changing the protection to another that is present and has no address bits does not move a pte to another frame",
        "forall x: u64, prot: u64 where prot & pfn_pte((1 << (PA_BITS - PAGE_SHIFT)) - 1, 0) == 0 && pte_present(prot)
         && pte_pfn(prot) == 0
         && !pte_none(x) && !pte_none(pte_modify(x, prot)). pte_pfn(pte_modify(x, prot)) == pte_pfn(x)",
    ),
    law(
        "modify_keeps_pmd_pfn",
        DERIVED,
        "changing the protection to another that is present and has no address bits moves no leaf to another frame",
        "forall x: u64, prot: u64 where prot & pfn_pmd((1 << (PA_BITS - PAGE_SHIFT)) - 1, 0) == 0 && pmd_present(prot)
         && pmd_pfn(prot) == 0
         && pmd_leaf(x) && !pmd_none(pmd_modify(x, prot)). pmd_pfn(pmd_modify(x, prot)) == pmd_pfn(x)",
    ),
    law(
        "modify_keeps_any_pfn",
        DERIVED,
        "changing the protection to another without a frame does not move an entry to another frame, whatever it was",
        "for pXd in pte, pmd: forall x: u64, prot: u64
         where pXd_pfn(prot) == 0 && !pXd_none(x) && !pXd_none(pXd_modify(x, prot)).
         pXd_pfn(pXd_modify(x, prot)) == pXd_pfn(x) when exports(pmd_sect)",
    ),
];

/// No maker changes another meaning than its own. Entries that hold nothing are left out where some predicate
/// answers differently for the word 0.
pub(super) const MEANINGS: &[Law] = &[
    law(
        "pte_meaning_kept",
        DERIVED,
        "these makers change one meaning of a pte, and none of those named here",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkspecial, mkdevmap:
         for MEANING in present, protnone, valid, write, cont, user, user_exec, exec:
         forall x: u64 where !pte_none(x) && !pte_none(pte_MAKER(x)). pte_MEANING(pte_MAKER(x)) == pte_MEANING(x)",
    ),
    law(
        "pmd_meaning_kept",
        DERIVED,
        "these makers change one meaning of a pmd, and none of those named here",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkspecial, mkdevmap:
         for MEANING in present, valid, write, cont:
         forall x: u64 where !pmd_none(x) && !pmd_none(pmd_MAKER(x)). pmd_MEANING(pmd_MAKER(x)) == pmd_MEANING(x)",
    ),
    law(
        "shape_kept",
        DERIVED,
        "these makers make no table of a leaf and no leaf of a table",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkcont:
         for MEANING in leaf, huge, trans_huge, table, sect:
         forall x: u64 where !pmd_none(x) && !pmd_none(pmd_MAKER(x)). pmd_MEANING(pmd_MAKER(x)) == pmd_MEANING(x)",
    ),
    law(
        "leaf_stays_bad",
        DERIVED,
        "a leaf stays what is no table, where the marker of a leaf makes it so",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap:
         forall x: u64 where pmd_leaf(x) && pmd_bad(pmd_mkhuge(0)). pmd_bad(pmd_MAKER(x)) == pmd_bad(x)",
    ),
    law(
        "mkdevmap_keeps_leaf",
        DERIVED,
        "a leaf made device memory stays a leaf, and resident or not as it was",
        "for MEANING in leaf, huge, table, sect, protnone: forall x: u64 where pmd_leaf(x).
         pmd_MEANING(pmd_mkdevmap(x)) == pmd_MEANING(x)",
    ),
    law(
        "mkdevmap_keeps_shape",
        DERIVED,
        "a pmd made device memory stays the leaf or table that it was; where leaves have no marker of their own",
        "for MEANING in bad, leaf, huge, trans_huge, table, sect, protnone: forall x: u64 where !pmd_none(x).
         pmd_MEANING(pmd_mkdevmap(x)) == pmd_MEANING(x) when exports(pmd_sect)",
    ),
    law(
        "mkdevmap_makes_no_trans_huge",
        DERIVED,
        "a leaf made device memory does not become a transparent huge page",
        "forall x: u64 where pmd_leaf(x). pmd_trans_huge(pmd_mkdevmap(x)) => pmd_trans_huge(x)",
    ),
    law(
        "pmd_protnone_kept",
        DERIVED,
        "these makers make no pmd PROT_NONE, and none accessible",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkspecial, mkcont:
         forall x: u64 where !pmd_none(x) && !pmd_none(pmd_MAKER(x)). pmd_protnone(pmd_MAKER(x)) == pmd_protnone(x)",
    ),
    law(
        "young_kept",
        DERIVED,
        "only mkyoung and mkold change whether an entry is young",
        "for pXd in pte, pmd: for MAKER in mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap, mkhuge, mkcont:
         forall x: u64. pXd_young(pXd_MAKER(x)) == pXd_young(x)",
    ),
    law(
        "dirty_kept",
        DERIVED,
        "makers that are not about writing leave an entry clean or dirty, as it was",
        "for pXd in pte, pmd: for MAKER in mkyoung, mkold, mkspecial, mkdevmap, mkhuge, mkcont:
         forall x: u64. pXd_dirty(pXd_MAKER(x)) == pXd_dirty(x)",
    ),
    law(
        "hw_dirty_kept",
        DERIVED,
        "makers that are not about writing leave the hardware's dirty state as it was",
        "for MAKER in mkyoung, mkold, mkspecial, mkdevmap, mkhuge, mkcont, mknoncont, mkpresent, mkinvalid:
         forall x: u64. pte_hw_dirty(pte_MAKER(x)) == pte_hw_dirty(x)",
    ),
    law(
        "special_kept",
        DERIVED,
        "makers other than mkspecial (and mkdevmap of a pte) leave special as it was",
        "for pXd in pte, pmd: for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkhuge, mkcont:
         forall x: u64. pXd_special(pXd_MAKER(x)) == pXd_special(x)",
    ),
    law(
        "mkdevmap_keeps_pmd_special",
        DERIVED,
        "a pmd made device memory is special if it was",
        "forall x: u64. pmd_special(pmd_mkdevmap(x)) == pmd_special(x)",
    ),
    law(
        "devmap_kept",
        DERIVED,
        "makers other than mkdevmap leave device memory as it was",
        "for pXd in pte, pmd: for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkcont:
         forall x: u64. pXd_devmap(pXd_MAKER(x)) == pXd_devmap(x)",
    ),
    law(
        "mkhuge_keeps_devmap",
        DERIVED,
        "device memory made a leaf stays device memory",
        "for pXd in pte, pmd: forall x: u64. pXd_devmap(x) => pXd_devmap(pXd_mkhuge(x))",
    ),
    law(
        "mkhuge_makes_no_pte_devmap",
        DERIVED,
        "making a huge page of a pte makes no device memory",
        "forall x: u64 where !pte_devmap(x). !pte_devmap(pte_mkhuge(x))",
    ),
    law(
        "mkhuge_keeps_huge",
        DERIVED,
        "a transparent huge page made a leaf is what it was, bit for bit",
        "forall x: u64 where pmd_trans_huge(x). pmd_mkhuge(x) == x when TRANSPARENT_HUGEPAGE",
    ),
    law(
        "mkhuge_keeps_huge_pud",
        DERIVED,
        "a transparent huge pud made a leaf is what it was, bit for bit",
        "forall x: u64 where pud_trans_huge(x). pud_mkhuge(x) == x
         when TRANSPARENT_HUGEPAGE && HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD && PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_makes_no_devmap",
        DERIVED,
        "making a leaf makes no device memory; where leaves have no marker of their own",
        "for pXd in pte, pmd: forall x: u64 where !pXd_devmap(x). !pXd_devmap(pXd_mkhuge(x)) when exports(pmd_sect)",
    ),
    law(
        "writing_keeps_the_rest",
        DERIVED,
        "making an entry writable or read-only leaves these meanings as they were",
        "for MAKER in mkwrite, wrprotect: for MEANING in present, valid, cont, user_exec, exec:
         forall x: u64 where !pte_none(x) && !pte_none(pte_MAKER(x)). pte_MEANING(pte_MAKER(x)) == pte_MEANING(x)",
    ),
    law(
        "pmd_writing_keeps_the_rest",
        DERIVED,
        "making a pmd writable or read-only leaves these meanings as they were",
        "for MAKER in mkwrite, wrprotect: for MEANING in present, valid, cont:
         forall x: u64 where !pmd_none(x) && !pmd_none(pmd_MAKER(x)). pmd_MEANING(pmd_MAKER(x)) == pmd_MEANING(x)",
    ),
    law(
        "mkwrite_keeps_user",
        DERIVED,
        "making a pte writable does not hand it to user mode",
        "forall x: u64. pte_user(pte_mkwrite(x)) == pte_user(x)",
    ),
    law(
        "mkwrite_makes_no_protnone",
        DERIVED,
        "making an entry writable does not make it PROT_NONE",
        "for pXd in pte, pmd: forall x: u64. pXd_protnone(pXd_mkwrite(x)) => pXd_protnone(x)",
    ),
    law(
        "mkwrite_keeps_read_access",
        DERIVED,
        "making an entry writable gives no right to read; on ppc64 it does",
        "for pXd in pte, pmd: forall x: u64.
         pXd_access_permitted(pXd_mkwrite(x), 0) == pXd_access_permitted(x, 0) when exports(pmd_sect)",
    ),
    law(
        "mkwrite_keeps_dirty_record",
        DERIVED,
        "an entry made dirty, writable and read-only again is still dirty",
        "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_wrprotect(pXd_mkwrite(pXd_mkdirty(x))))",
    ),
    law(
        "mkwrite_adds_no_dirty_record",
        DERIVED,
        "an entry made clean, writable and read-only again is still clean; arm64 took it for dirty from v5.10 to v6.17",
        "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_wrprotect(pXd_mkwrite(pXd_mkclean(x))))
         when LINUX_VERSION_CODE < 5.10 || LINUX_VERSION_CODE >= 6.18 || !exports(pte_hw_dirty)",
    ),
    law(
        "wrprotect_keeps_protnone",
        DERIVED,
        "write-protecting a PROT_NONE entry leaves it so",
        "for pXd in pte, pmd: forall x: u64. pXd_protnone(x) => pXd_protnone(pXd_wrprotect(x))",
    ),
    law(
        "wrprotect_keeps_read_access",
        DERIVED,
        "write-protecting an entry takes and gives no right to read",
        "for pXd in pte, pmd: forall x: u64.
         pXd_access_permitted(pXd_wrprotect(x), 0) == pXd_access_permitted(x, 0)",
    ),
    law(
        "write_kept",
        DERIVED,
        "makers that are not about writing leave an entry writable or not, as it was",
        "for pXd in pte, pmd: for MAKER in mkhuge, mkcont: forall x: u64 where pXd_valid(x).
         pXd_write(pXd_MAKER(x)) == pXd_write(x)",
    ),
    law(
        "access_kept",
        DERIVED,
        "these makers change nothing that GUP-fast asks of a leaf; on ppc64 mkdevmap makes one of a table",
        "for pXd in pte, pmd: for MAKER in mkyoung, mkold, mkdirty, mkclean, mkspecial, mkdevmap:
         forall x: u64, write: u64 where pte_present(pXd_MAKER(x)) == pte_present(x). pXd_access_permitted(pXd_MAKER(x), write) == pXd_access_permitted(x, write)",
    ),
    law(
        "perms_kept",
        DERIVED,
        "software bits do not change what the hardware permits; on ppc64 mkdevmap makes a leaf of a table",
        "for pXd in pte, pmd: for MAKER in mkspecial, mkdevmap:
         forall x: u64 where pXd_valid(x) && pmd_leaf(pXd_MAKER(x)) == pmd_leaf(x).
         pXd_mmu_perms(pXd_MAKER(x)) == pXd_mmu_perms(x)",
    ),
    law(
        "access_kept_of_valid",
        DERIVED,
        "of an entry that the hardware uses, these makers change nothing that GUP-fast asks",
        "for pXd in pte, pmd: for MAKER in mkhuge, mkcont:
         forall x: u64, write: u64 where pXd_valid(x) && pte_present(pXd_MAKER(x)) == pte_present(x).
         pXd_access_permitted(pXd_MAKER(x), write) == pXd_access_permitted(x, write)",
    ),
    law(
        "perms_kept_by_age",
        DERIVED,
        "making a young entry young, or old and young again, changes nothing that the hardware permits",
        "for pXd in pte, pmd: forall x: u64 where pXd_valid(x) && pXd_young(x).
         pXd_mmu_perms(pXd_mkyoung(x)) == pXd_mmu_perms(x) && \
         pXd_mmu_perms(pXd_mkyoung(pXd_mkold(x))) == pXd_mmu_perms(x)",
    ),
    law(
        "user_exec_kept",
        DERIVED,
        "makers that are about writing do not change whether user mode may execute; on ppc64 they make tables of what is \
         none, and the reverse, for tables hold an address where leaves hold these bits",
        "for pXd in pte, pmd: for MAKER in mkdirty, mkclean, mkwrite, wrprotect:
         forall x: u64 where pXd_valid(x) && (pmd_leaf(x) || (!pmd_bad(x) || pXd_mmu_perms(x) != 0) && \
         (!pmd_bad(pXd_MAKER(x)) || pXd_mmu_perms(pXd_MAKER(x)) != 0)).
         pXd_mmu_perms(pXd_MAKER(x))[2] == pXd_mmu_perms(x)[2]",
    ),
    law(
        "mkcont_keeps_perms",
        DERIVED,
        "the contiguous hint changes nothing that the hardware permits through a leaf",
        "forall x: u64 where pmd_valid(x) && pmd_leaf(x). pmd_mmu_perms(pmd_mkcont(x)) == pmd_mmu_perms(x)",
    ),
    law(
        "mkhuge_keeps_perms",
        DERIVED,
        "a leaf made a leaf permits what it did",
        "forall x: u64 where pmd_valid(x) && pmd_leaf(x). pmd_mmu_perms(pmd_mkhuge(x)) == pmd_mmu_perms(x)",
    ),
    law(
        "mkhuge_keeps_the_rest",
        DERIVED,
        "making a leaf changes none of these, where leaf and present are not of the same bits",
        "for MEANING in present, protnone, valid, cont: for pXd in pte, pmd: forall x: u64.
         pXd_MEANING(pXd_mkhuge(x)) == pXd_MEANING(x) when exports(pmd_sect)",
    ),
    law(
        "mkhuge_keeps_user",
        DERIVED,
        "making a leaf of a pte does not change what user mode may do",
        "for MEANING in user, user_exec, exec: forall x: u64. pte_MEANING(pte_mkhuge(x)) == pte_MEANING(x)",
    ),
    law(
        "mkcont_keeps_the_rest",
        DERIVED,
        "the contiguous hint changes nothing else of a valid pte",
        "for MAKER in mkcont, mknoncont:
         for MEANING in present, protnone, valid, write, young, dirty, special, devmap, user, user_exec:
         forall x: u64 where pte_valid(x). pte_MEANING(pte_MAKER(x)) == pte_MEANING(x)",
    ),
    law(
        "mkcont_keeps_pmd",
        DERIVED,
        "the contiguous hint changes nothing else of a pmd",
        "for MEANING in present, bad, valid, protnone: forall x: u64 where !pmd_none(x).
         pmd_MEANING(pmd_mkcont(x)) == pmd_MEANING(x)",
    ),
    law(
        "validity_keeps_the_rest",
        DERIVED,
        "making a pte valid or invalid changes nothing but that",
        "for MAKER in mkpresent, mkinvalid:
         for MEANING in write, young, dirty, special, devmap, cont, user, user_exec:
         forall x: u64. pte_MEANING(pte_MAKER(x)) == pte_MEANING(x)",
    ),
    law(
        "invalidation_keeps_the_rest",
        DERIVED,
        "making a leaf pmd invalid changes nothing but that",
        "for MAKER in mkinvalid, mknotpresent: for MEANING in write, young, dirty, special, devmap:
         forall x: u64 where pmd_leaf(x). pmd_MEANING(pmd_MAKER(x)) == pmd_MEANING(x)",
    ),
    law(
        "pud_meaning_kept",
        DERIVED,
        "a pud made young changes in nothing else",
        "for MEANING in present, leaf, huge, trans_huge, devmap, special, valid, write, table, sect:
         forall x: u64 where !pud_none(x). pud_MEANING(pud_mkyoung(x)) == pud_MEANING(x) when PGTABLE_LEVELS > 2",
    ),
    law(
        "pud_makers_keep_the_rest",
        DERIVED,
        "these makers change no pud in any of these meanings",
        "for MAKER in mkold, mkdirty, mkclean, mkwrite, wrprotect:
         for MEANING in present, leaf, huge, trans_huge, devmap, special, valid:
         forall x: u64 where !pud_none(x) && !pud_none(pud_MAKER(x)). pud_MEANING(pud_MAKER(x)) == pud_MEANING(x)
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "soft_dirty_kept",
        DERIVED,
        "only mkdirty and the makers of the mark change whether an entry is soft-dirty",
        "for pXd in pte, pmd, pud:
         for MAKER in mkyoung, mkold, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap, mkhuge:
         forall x: u64. pXd_soft_dirty(pXd_MAKER(x)) == pXd_soft_dirty(x)",
    ),
    law(
        "pud_mkhuge_keeps_the_rest",
        DERIVED,
        "a pud made a leaf is young and writable if it was",
        "for MEANING in young, write, special, valid: forall x: u64 where !pud_none(x).
         pud_MEANING(pud_mkhuge(x)) == pud_MEANING(x) when PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_keeps_valid",
        DERIVED,
        "a pmd made a leaf is valid if it was",
        "forall x: u64. pmd_valid(pmd_mkhuge(x)) == pmd_valid(x)",
    ),
];
