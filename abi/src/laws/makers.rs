//! What each maker makes.

use super::{DERIVED, Law, PTE_BASIC, PUD_BASIC, RST, law};

/// An entry means what it was made to mean.
pub(super) const MAKERS: &[Law] = &[
    law(
        "mkyoung_makes_young",
        PTE_BASIC,
        "an entry made old and then young is young",
        "for pXd in pte, pmd: forall x: u64. pXd_young(pXd_mkyoung(pXd_mkold(x)))",
    ),
    law(
        "mkold_makes_old",
        PTE_BASIC,
        "an entry made young and then old is not young",
        "for pXd in pte, pmd: forall x: u64. !pXd_young(pXd_mkold(pXd_mkyoung(x)))",
    ),
    law(
        "mkyoung_makes_pud_young",
        DERIVED,
        "a pud made young is young",
        "forall x: u64. pud_young(pud_mkyoung(x)) when PGTABLE_LEVELS > 2",
    ),
    law(
        "pud_made_young_and_old",
        PUD_BASIC,
        "a pud made young is young, and made old is not",
        "forall x: u64. pud_young(pud_mkyoung(pud_mkold(x))) && !pud_young(pud_mkold(pud_mkyoung(x)))
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "pud_made_dirty_and_clean",
        PUD_BASIC,
        "a pud made dirty is dirty, and made clean is not; write-protecting it changes neither",
        "forall x: u64. pud_dirty(pud_mkdirty(pud_mkclean(x))) && !pud_dirty(pud_mkclean(pud_mkdirty(x)))
         && !pud_dirty(pud_wrprotect(pud_mkclean(x))) && pud_dirty(pud_wrprotect(pud_mkdirty(x)))
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "pud_made_writable_and_read_only",
        PUD_BASIC,
        "a pud made writable is writable, and made read-only is not",
        "forall x: u64. pud_write(pud_mkwrite(pud_wrprotect(x))) && !pud_write(pud_wrprotect(pud_mkwrite(x)))
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "soft_dirty_set_and_cleared",
        "mm/debug_vm_pgtable.c: pte_soft_dirty_tests, pmd_soft_dirty_tests (v5.10)",
        "the soft-dirty mark is there once set and gone once cleared",
        "for pXd in pte, pmd: forall x: u64. pXd_soft_dirty(pXd_mksoft_dirty(x)) && \
         !pXd_soft_dirty(pXd_clear_soft_dirty(x)) when MEM_SOFT_DIRTY",
    ),
    law(
        "pud_soft_dirty_set_and_cleared",
        DERIVED,
        "the soft-dirty mark of a pud is there once set and gone once cleared",
        "forall x: u64. pud_soft_dirty(pud_mksoft_dirty(x)) && !pud_soft_dirty(pud_clear_soft_dirty(x))
         when MEM_SOFT_DIRTY && PGTABLE_LEVELS > 2",
    ),
    law(
        "swp_soft_dirty_set_and_cleared",
        "mm/debug_vm_pgtable.c: pte_swap_soft_dirty_tests, pmd_swap_soft_dirty_tests (v5.10)",
        "the soft-dirty mark of a swap entry is there once set and gone once cleared, and is no part of what it says",
        "for pXd in pte, pmd: forall x: u64. pXd_swp_soft_dirty(pXd_swp_mksoft_dirty(x)) && \
         !pXd_swp_soft_dirty(pXd_swp_clear_soft_dirty(x)) && swp_type(pXd_swp_mksoft_dirty(x)) == swp_type(x) && \
         swp_offset(pXd_swp_mksoft_dirty(x)) == swp_offset(x) when MEM_SOFT_DIRTY && exports(pte_swp_mksoft_dirty)",
    ),
    law(
        "mkdirty_makes_soft_dirty",
        DERIVED,
        "an entry made dirty is soft-dirty too",
        "for pXd in pte, pmd, pud: forall x: u64. pXd_soft_dirty(pXd_mkdirty(x))
         when MEM_SOFT_DIRTY && exports(pte_mksoft_dirty)",
    ),
    law(
        "mkdirty_makes_dirty",
        PTE_BASIC,
        "an entry made clean and then dirty is dirty",
        "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_mkdirty(pXd_mkclean(x)))",
    ),
    law(
        "mkclean_makes_clean",
        PTE_BASIC,
        "an entry made dirty and then clean is not dirty",
        "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_mkclean(pXd_mkdirty(x)))",
    ),
    law(
        "mkwrite_makes_writable",
        PTE_BASIC,
        "a write-protected entry made writable is writable",
        "for pXd in pte, pmd: forall x: u64. pXd_write(pXd_mkwrite(pXd_wrprotect(x)))",
    ),
    law(
        "wrprotect_after_mkwrite",
        PTE_BASIC,
        "a writable entry made read-only is not writable",
        "for pXd in pte, pmd: forall x: u64. !pXd_write(pXd_wrprotect(pXd_mkwrite(x)))",
    ),
    law(
        "wrprotect_keeps_clean",
        PTE_BASIC,
        "write-protecting a clean entry leaves it clean",
        "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_wrprotect(pXd_mkclean(x)))",
    ),
    law(
        "wrprotect_keeps_mkdirty",
        PTE_BASIC,
        "write-protecting an entry made dirty leaves it dirty",
        "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_wrprotect(pXd_mkdirty(x)))",
    ),
    law(
        "wrprotect_dirties_nothing",
        "mm/debug_vm_pgtable.c: pte_basic_tests (v5.11)",
        "write-protecting an entry that is not dirty does not make it dirty",
        "for pXd in pte, pmd: forall x: u64 where !pXd_dirty(x). !pXd_dirty(pXd_wrprotect(x))",
    ),
    law(
        "mkspecial_makes_special",
        "mm/debug_vm_pgtable.c: pte_special_tests (v5.10)",
        "an entry made special is special",
        "forall x: u64. pte_special(pte_mkspecial(x)) when ARCH_HAS_PTE_SPECIAL",
    ),
    law(
        "mkspecial_makes_pmd_special",
        RST,
        "a pmd made special is special; since huge pages may map frames without \
        a struct page (v6.12)",
        "forall x: u64. pmd_special(pmd_mkspecial(x)) when TRANSPARENT_HUGEPAGE && LINUX_VERSION_CODE >= 6.12",
    ),
    law(
        "mkspecial_makes_pud_special",
        RST,
        "a pud made special is special (v6.12 and later)",
        "forall x: u64. pud_special(pud_mkspecial(x))
         when TRANSPARENT_HUGEPAGE && HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD && LINUX_VERSION_CODE >= 6.12",
    ),
    law(
        "mkdevmap_makes_devmap",
        "mm/debug_vm_pgtable.c: pte_devmap_tests (v5.10)",
        "an entry with the marker of a leaf, made device memory, is device memory",
        "forall x: u64 where pte_present(x) && pmd_leaf(x). pte_devmap(pte_mkdevmap(x))
         when ARCH_HAS_PTE_DEVMAP && (LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17 || DEVMAP_SERIES != 0)",
    ),
    law(
        "mkdevmap_makes_any_devmap",
        DERIVED,
        "an entry made device memory is device memory, whatever it was; where leaves have no marker of their own",
        "forall x: u64. pte_devmap(pte_mkdevmap(x))
         when ARCH_HAS_PTE_DEVMAP && (LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17 || DEVMAP_SERIES != 0)
         && exports(pmd_sect)",
    ),
    law(
        "mkdevmap_makes_marked_devmap",
        DERIVED,
        "an entry given the marker of a leaf, made device memory, is device memory",
        "forall x: u64. pte_devmap(pte_mkdevmap(pte_mkpte(x)))
         when ARCH_HAS_PTE_DEVMAP && LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17",
    ),
    law(
        "mkdevmap_makes_pfn_devmap",
        "mm/debug_vm_pgtable.c: pte_devmap_tests (v5.10)",
        "a pte made of a frame and a protection, made device memory, is device memory",
        "forall pfn: u64, prot: u64. pte_devmap(pte_mkdevmap(pfn_pte(pfn, prot)))
         when ARCH_HAS_PTE_DEVMAP && LINUX_VERSION_CODE >= 5.10 && LINUX_VERSION_CODE < 6.17",
    ),
    law(
        "mkdevmap_makes_pmd_devmap",
        "mm/debug_vm_pgtable.c: pmd_devmap_tests (v5.10)",
        "a pmd made device memory is device memory",
        "forall x: u64. pmd_devmap(pmd_mkdevmap(x))
         when TRANSPARENT_HUGEPAGE && ARCH_HAS_PTE_DEVMAP
         && (LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17 || DEVMAP_SERIES != 0)",
    ),
    law(
        "mkdevmap_makes_pud_devmap",
        "mm/debug_vm_pgtable.c: pud_devmap_tests (v5.10)",
        "a pud made device memory is device memory",
        "forall x: u64 where has_transparent_pud_hugepage() == 1. pud_devmap(pud_mkdevmap(x))
         when TRANSPARENT_HUGEPAGE && HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD && ARCH_HAS_PTE_DEVMAP
         && LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17",
    ),
    law(
        "mkdevmap_makes_special",
        "include/linux/mm.h: vm_normal_page; arm64 commit 30e235389faa (v5.3-rc4)",
        "a pte made device memory is special too, or vm_normal_page hands out its page; the series as posted lacked it",
        "forall x: u64. pte_special(pte_mkdevmap(x))
         when ARCH_HAS_PTE_DEVMAP && ARCH_HAS_PTE_SPECIAL && DEVMAP_SERIES == 0
         && LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17",
    ),
    law(
        "mkhuge_makes_trans_huge",
        "mm/debug_vm_pgtable.c: pmd_thp_tests (v5.10)",
        "a present pmd made a leaf is a transparent huge page, unless it is device memory",
        "forall x: u64 where has_transparent_hugepage() == 1 && pmd_present(x) && !pmd_devmap(pmd_mkhuge(x)).
         pmd_trans_huge(pmd_mkhuge(x))
         when TRANSPARENT_HUGEPAGE",
    ),
    law(
        "mkhuge_makes_pud_trans_huge",
        "mm/debug_vm_pgtable.c: pud_thp_tests (v5.10)",
        "a present pud made a leaf is a transparent huge page, unless it is device memory",
        "forall x: u64 where has_transparent_pud_hugepage() == 1 && pud_present(x) && !pud_devmap(pud_mkhuge(x)).
         pud_trans_huge(pud_mkhuge(x))
         when TRANSPARENT_HUGEPAGE && HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD && PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_makes_bad",
        "mm/debug_vm_pgtable.c: pmd_leaf_tests (v5.10); Documentation/mm/arch_pgtable_helpers.rst",
        "an entry made a leaf is no table",
        "forall x: u64 where x[11:0] != 0. pmd_bad(pmd_mkhuge(x))",
    ),
    law(
        "mkhuge_makes_any_bad",
        DERIVED,
        "an entry made a leaf is no table, whatever it was",
        "forall x: u64. pmd_bad(pmd_mkhuge(x)) when exports(pmd_sect)",
    ),
    law(
        "mkhuge_makes_pud_bad",
        "mm/debug_vm_pgtable.c: pud_leaf_tests (v5.10)",
        "a pud made a leaf is no table",
        "forall x: u64 where has_transparent_pud_hugepage() == 1 && x[11:0] != 0. pud_bad(pud_mkhuge(x))
         when PGTABLE_LEVELS > 2",
    ),
    law(
        "mkhuge_makes_leaf",
        "mm/debug_vm_pgtable.c: pmd_leaf_tests (v5.10)",
        "a valid pmd made a leaf is a leaf",
        "forall x: u64 where has_transparent_hugepage() == 1 && pmd_valid(x). pmd_leaf(pmd_mkhuge(x))",
    ),
    law(
        "mkhuge_makes_present_leaf",
        "mm/debug_vm_pgtable.c: pmd_leaf_tests (v5.15)",
        "a present pmd made a leaf is a leaf; arm64 missed PROT_NONE blocks before v5.15",
        "forall x: u64 where has_transparent_hugepage() == 1 && pmd_present(x). pmd_leaf(pmd_mkhuge(x))
         when LINUX_VERSION_CODE >= 5.15",
    ),
    law(
        "mkhuge_makes_pud_leaf",
        "mm/debug_vm_pgtable.c: pud_leaf_tests (v5.10)",
        "a valid pud made a leaf is a leaf; arm64 has no pud leaf with 64K",
        "forall x: u64 where has_transparent_pud_hugepage() == 1 && pud_valid(x). pud_leaf(pud_mkhuge(x))
         when PGTABLE_LEVELS > 2 && PAGE_SHIFT < 16",
    ),
    law(
        "mkcont_sets_cont",
        DERIVED,
        "the contiguous hint is there once set",
        "for pXd in pte, pmd: forall x: u64. pXd_cont(pXd_mkcont(x))",
    ),
    law(
        "mknoncont_clears_cont",
        DERIVED,
        "the contiguous hint is gone once cleared",
        "forall x: u64. !pte_cont(pte_mknoncont(x))",
    ),
    law(
        "mkpresent_makes_valid",
        DERIVED,
        "an entry made present is valid, and so present",
        "forall x: u64. pte_valid(pte_mkpresent(x)) && pte_present(pte_mkpresent(x))",
    ),
    law(
        "mkinvalid_makes_invalid",
        RST,
        "an entry made invalid is not used by the hardware",
        "forall x: u64. !pmd_valid(pmd_mkinvalid(x))",
    ),
    law(
        "mkinvalid_makes_pte_invalid",
        DERIVED,
        "a pte made invalid is not used by the hardware (v6.11 and later)",
        "forall x: u64. !pte_valid(pte_mkinvalid(x)) && pte_present(pte_mkinvalid(x)) when LINUX_VERSION_CODE >= 6.11",
    ),
    law(
        "mkinvalid_keeps_present",
        "mm/debug_vm_pgtable.c: pmd_thp_tests (v5.10)",
        "a huge page made invalid stays present while it is split; before v5.10 arm64 lost it",
        "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))
         when TRANSPARENT_HUGEPAGE && LINUX_VERSION_CODE >= 5.10",
    ),
    law(
        "mkinvalid_keeps_trans_huge",
        "mm/debug_vm_pgtable.c: pmd_thp_tests (v5.10)",
        "a huge page made invalid stays a transparent huge page",
        "forall x: u64 where has_transparent_hugepage() == 1 && !pmd_devmap(pmd_mkhuge(x)).
         pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))
         when TRANSPARENT_HUGEPAGE && LINUX_VERSION_CODE >= 5.10",
    ),
    law(
        "mkinvalid_keeps_leaf",
        "mm/debug_vm_pgtable.c: pmd_thp_tests (v6.6)",
        "a huge page made invalid stays a leaf",
        "forall x: u64 where has_transparent_hugepage() == 1. pmd_leaf(pmd_mkinvalid(pmd_mkhuge(x)))
         when TRANSPARENT_HUGEPAGE && LINUX_VERSION_CODE >= 5.15",
    ),
    law(
        "mknotpresent_makes_invalid",
        DERIVED,
        "a pmd made not present is not used by the hardware",
        "forall x: u64. !pmd_valid(pmd_mknotpresent(x))",
    ),
    law(
        "hugetlb_dirty_and_write",
        "mm/debug_vm_pgtable.c: hugetlb_basic_tests (v5.10)",
        "dirty and write work on hugetlb entries as on others",
        "forall x: u64. pte_dirty(pte_mkdirty(pte_mkhuge(x))) && pte_write(pte_mkwrite(pte_wrprotect(pte_mkhuge(x))))
         && !pte_write(pte_wrprotect(pte_mkwrite(pte_mkhuge(x)))) when HUGETLB_PAGE",
    ),
    law(
        "mkwrite_keeps_dirty",
        "mm/debug_vm_pgtable.c: pte_basic_tests (v6.19)",
        "an entry made dirty and then writable is dirty, and writable whichever comes first",
        "for pXd in pte, pmd: forall x: u64. pXd_dirty(pXd_mkwrite(pXd_mkdirty(x))) && \
         pXd_write(pXd_mkdirty(pXd_mkwrite(x)))",
    ),
    law(
        "mkwrite_keeps_clean",
        "mm/debug_vm_pgtable.c: pte_basic_tests (v6.19)",
        "an entry made clean and then writable is clean; where the hardware keeps its own dirty state, since v6.18",
        "for pXd in pte, pmd: forall x: u64. !pXd_dirty(pXd_mkwrite(pXd_mkclean(x)))
         when LINUX_VERSION_CODE >= 6.18 || !exports(pte_hw_dirty)",
    ),
    law(
        "wrprotect_makes_read_only",
        DERIVED,
        "a write-protected entry is not writable",
        "for pXd in pte, pmd: forall x: u64 where pXd_valid(x). !pXd_write(pXd_wrprotect(x)) when !exports(pte_savedwrite)",
    ),
    law(
        "wrprotect_makes_unsaved_read_only",
        DERIVED,
        "a write-protected entry is not writable, but where a write-only one now looks like one to be writable again",
        "for pXd in pte, pmd: forall x: u64 where !pXd_savedwrite(pXd_wrprotect(x)). !pXd_write(pXd_wrprotect(x))",
    ),
    law(
        "wrprotect_makes_any_read_only",
        DERIVED,
        "a write-protected entry is not writable, whatever it was",
        "for pXd in pte, pmd: forall x: u64. !pXd_write(pXd_wrprotect(x)) when exports(pmd_sect)",
    ),
    law(
        "wrprotect_keeps_dirty",
        "arm64 commit ff1712f953e2 (v5.10)",
        "write-protecting a dirty entry leaves it dirty; where the hardware keeps its own dirty state, since v5.10",
        "for pXd in pte, pmd: forall x: u64 where pXd_dirty(x). pXd_dirty(pXd_wrprotect(x))
         when LINUX_VERSION_CODE >= 5.10 || !exports(pte_hw_dirty)",
    ),
    law(
        "wrprotect_keeps_software_dirty",
        DERIVED,
        "write-protecting an entry that is dirty by software's record leaves it dirty, in every version",
        "forall x: u64 where pte_dirty(x) && !pte_hw_dirty(x). pte_dirty(pte_wrprotect(x))",
    ),
    law(
        "makers_are_idempotent",
        DERIVED,
        "making an entry twice what it is to be is making it once",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, mkspecial, mkdevmap, mkhuge, mkcont:
         for pXd in pte, pmd:
         forall x: u64. pXd_MAKER(pXd_MAKER(x)) == pXd_MAKER(x)",
    ),
    law(
        "pte_makers_are_idempotent",
        DERIVED,
        "making a pte twice what it is to be is making it once",
        "for MAKER in mknoncont, mkpresent, mkinvalid: forall x: u64. pte_MAKER(pte_MAKER(x)) == pte_MAKER(x)",
    ),
    law(
        "pud_makers_are_idempotent",
        DERIVED,
        "making a pud twice what it is to be is making it once",
        "for MAKER in mkyoung, mkold, mkdirty, mkclean, mkwrite, wrprotect, mkspecial, mkdevmap, mkhuge:
         forall x: u64. pud_MAKER(pud_MAKER(x)) == pud_MAKER(x) when PGTABLE_LEVELS > 2",
    ),
    law(
        "pud_invalidation",
        "mm/debug_vm_pgtable.c: pud_thp_tests (v5.10)",
        "a huge pud made invalid is not used by the hardware and stays a huge page; made invalid twice it is the same",
        "for MAKER in mkinvalid, mknotpresent: forall x: u64 where !pud_devmap(pud_mkhuge(x)).
         !pud_valid(pud_MAKER(pud_mkhuge(x))) && pud_trans_huge(pud_MAKER(pud_mkhuge(x)))
         && pud_MAKER(pud_MAKER(pud_mkhuge(x))) == pud_MAKER(pud_mkhuge(x))
         when TRANSPARENT_HUGEPAGE && HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD && PGTABLE_LEVELS > 2",
    ),
    law(
        "invalidation_is_idempotent",
        DERIVED,
        "making a leaf pmd invalid twice is making it invalid once",
        "for MAKER in mkinvalid, mknotpresent: forall x: u64 where pmd_leaf(x). \
         pmd_MAKER(pmd_MAKER(x)) == pmd_MAKER(x)",
    ),
    law(
        "wrprotect_is_idempotent",
        DERIVED,
        "write-protecting twice is write-protecting once",
        "for pXd in pte, pmd: forall x: u64 where pXd_valid(x). pXd_wrprotect(pXd_wrprotect(x)) == pXd_wrprotect(x)
         when !exports(pte_savedwrite)",
    ),
    law(
        "wrprotect_is_idempotent_unless_saved",
        DERIVED,
        "write-protecting twice is once, but where a write-only entry now looks like one to be writable again",
        "for pXd in pte, pmd: forall x: u64 where !pXd_savedwrite(pXd_wrprotect(x)).
         pXd_wrprotect(pXd_wrprotect(x)) == pXd_wrprotect(x)",
    ),
    law(
        "savedwrite_round_trip",
        "mm/debug_vm_pgtable.c: pte_savedwrite_tests, pmd_savedwrite_tests (v5.10)",
        "a PROT_NONE entry is to be writable again as was last said; gone in v6.2",
        "for pXd in pte, pmd: forall x: u64 where pXd_protnone(x).
         pXd_savedwrite(pXd_mk_savedwrite(pXd_clear_savedwrite(x)))
         && !pXd_savedwrite(pXd_clear_savedwrite(pXd_mk_savedwrite(x)))
         when NUMA_BALANCING && LINUX_VERSION_CODE < 6.2",
    ),
    law(
        "mkuser_and_mkprivileged",
        DERIVED,
        "a pte is user mode's or the kernel's as was last said",
        "forall x: u64. pte_user(pte_mkuser(x)) && !pte_user(pte_mkprivileged(x))",
    ),
    law("mkexec_makes_executable", DERIVED, "a pte made executable is", "forall x: u64. pte_exec(pte_mkexec(x))"),
    law(
        "mkwrite_makes_readable",
        DERIVED,
        "what may be written may be read",
        "forall x: u64. pte_read(pte_mkwrite(x))",
    ),
    law(
        "mkinvalid_serializes",
        "arch/powerpc/mm/book3s64/pgtable.c: pmdp_invalidate (v5.3)",
        "a pmd made invalid is kept from lock-free walks",
        "forall x: u64. pmd_is_serializing(pmd_mkinvalid(x)) when exports(pmd_is_serializing)",
    ),
];
