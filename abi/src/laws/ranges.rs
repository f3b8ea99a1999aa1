//! Ranges of results, and the generic stubs.

use super::{DERIVED, GENERIC_MM, Law, law};

/// What results lie in.
pub(super) const RANGES: &[Law] = &[
    law(
        "pte_predicate_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for MEANING in none, present, devmap, special, protnone, valid, write, young, dirty, hw_dirty, cont, user, \
         user_exec, savedwrite, read, exec, soft_dirty, swp_soft_dirty: forall x: u64. pte_MEANING(x) <= 1",
    ),
    law(
        "pmd_predicate_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for MEANING in none, present, bad, leaf, table, sect, huge, trans_huge, devmap, special, protnone, valid, \
         write, young, dirty, cont, is_serializing, savedwrite, large, soft_dirty, swp_soft_dirty:
         forall x: u64. pmd_MEANING(x) <= 1",
    ),
    law(
        "pud_predicate_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for MEANING in none, present, bad, leaf, table, sect, huge, trans_huge, devmap, special, valid, write, young, \
         dirty, large, soft_dirty: forall x: u64. pud_MEANING(x) <= 1",
    ),
    law(
        "top_predicate_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for pXd in p4d, pgd: for MEANING in none, present, bad, leaf, huge: forall x: u64. pXd_MEANING(x) <= 1",
    ),
    law("hugepd_predicate_range", DERIVED, "a predicate is 0 or 1", "forall x: u64. is_hugepd(x) <= 1"),
    law(
        "has_transparent_hugepage_range",
        DERIVED,
        "huge pages are there or not",
        "has_transparent_hugepage() <= 1 && has_transparent_pud_hugepage() <= 1",
    ),
    law(
        "access_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for pXd in pte, pmd, pud, pgd: forall x: u64, write: u64. pXd_access_permitted(x, write) <= 1",
    ),
    law(
        "same_range",
        DERIVED,
        "a predicate is 0 or 1",
        "for pXd in pte, pmd: forall x: u64, y: u64. pXd_same(x, y) <= 1",
    ),
    law(
        "perms_range",
        DERIVED,
        "permissions are the six bits that have a meaning",
        "for pXd in pte, pmd, pud, p4d, pgd: forall x: u64. pXd_mmu_perms(x) <= 0x3f",
    ),
    law(
        "pfn_range",
        DERIVED,
        "a frame lies below 2^52 bytes; arm64 looks at bits up to 49 from v6.9 on, whatever PA_BITS is",
        "for pXd in pte, pmd, pud: forall x: u64. pXd_pfn(x) < 1 << (52 - PAGE_SHIFT) when !exports(PTE_PA_BITS)",
    ),
    law(
        "wide_pfn_range",
        "arch/powerpc/include/asm/book3s/64/pgtable.h: _PAGE_PA_MAX (v5.3)",
        "a frame lies below what an entry may hold: on ppc64 2^53 bytes",
        "for pXd in pte, pmd, pud: forall x: u64. pXd_pfn(x) < 1 << (PTE_PA_BITS() - PAGE_SHIFT) when exports(PTE_PA_BITS)",
    ),
    law(
        "page_range",
        DERIVED,
        "a frame lies below 2^52 bytes",
        "for pXd in pmd, pud, pgd: forall x: u64. pXd_page(x) < 1 << (52 - PAGE_SHIFT) when !exports(PTE_PA_BITS)",
    ),
    law(
        "wide_page_range",
        "arch/powerpc/include/asm/book3s/64/pgtable.h: _PAGE_PA_MAX (v5.3)",
        "a frame lies below what an entry may hold: on ppc64 2^53 bytes",
        "for pXd in pmd, pud, pgd: forall x: u64. pXd_page(x) < 1 << (PTE_PA_BITS() - PAGE_SHIFT) when exports(PTE_PA_BITS)",
    ),
    law(
        "leaf_pfn_is_aligned",
        "Documentation/mm/arch_pgtable_helpers.rst (v6.14); abi Op::Pfn",
        "the frame of a leaf is aligned to the leaf; ppc64 takes it as it stands in the entry",
        "for pXd in pmd, pud: forall x: u64. pXd_leaf(x) && PXD_SHIFT() > PAGE_SHIFT =>
         pXd_pfn(x) & ((1 << (PXD_SHIFT() - PAGE_SHIFT)) - 1) == 0 when !exports(is_hugepd)",
    ),
    law(
        "table_address_is_aligned",
        DERIVED,
        "the address of a next table is aligned to its entries",
        "for pXd in pmd, pud: forall x: u64. pXd_page_paddr(x)[2:0] == 0 when PGTABLE_LEVELS > 2",
    ),
    law(
        "swap_fields_range",
        "include/linux/swapops.h: swp_entry (v5.3)",
        "type and offset of a swap entry fit together into one word",
        "forall x: u64. swp_type(x) < 1 << 6 && swp_offset(x) < 1 << 58",
    ),
    law(
        "hugepd_size_range",
        "arch/powerpc/include/asm/mmu.h: MMU_PAGE_* (v5.3)",
        "a directory of huge pages has pages of at most 64G, and its entries are aligned",
        "forall x: u64. hugepd_shift(x) <= 36 && hugepd_page(x)[5:0] == 0",
    ),
];

/// What the generic stubs say, of helpers that a plugin defines all the same. Two definitions of one helper do not
/// build; the first version of the 2019 devmap series for arm64 did not with TRANSPARENT_HUGEPAGE=n.
pub(super) const STUBS: &[Law] = &[
    law(
        "no_pte_devmap",
        GENERIC_MM,
        "pte_devmap is 0 where the architecture has none, and since v6.17",
        "forall x: u64. pte_devmap(x) == 0
         when !ARCH_HAS_PTE_DEVMAP || LINUX_VERSION_CODE >= 6.17 && DEVMAP_SERIES == 0",
    ),
    law(
        "no_huge_devmap",
        GENERIC_MM,
        "devmap is 0 above the pte without huge pages, or without pte_devmap",
        "for pXd in pmd, pud, pgd: forall x: u64. pXd_devmap(x) == 0
         when !TRANSPARENT_HUGEPAGE || !ARCH_HAS_PTE_DEVMAP || LINUX_VERSION_CODE >= 6.17 && DEVMAP_SERIES == 0",
    ),
    law(
        "no_pud_devmap",
        GENERIC_MM,
        "pud_devmap is 0 without huge pages at that level",
        "forall x: u64. pud_devmap(x) == 0 when !HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD",
    ),
    law("no_pgd_devmap", GENERIC_MM, "pgd_devmap is 0", "forall x: u64. pgd_devmap(x) == 0"),
    law(
        "no_trans_huge",
        "include/asm-generic/pgtable.h (v5.3)",
        "trans_huge is 0 without transparent huge pages",
        "for pXd in pmd, pud: forall x: u64. pXd_trans_huge(x) == 0 when !TRANSPARENT_HUGEPAGE",
    ),
    law(
        "no_pud_trans_huge",
        "include/asm-generic/pgtable.h (v5.3)",
        "pud_trans_huge is 0 without huge puds",
        "forall x: u64. pud_trans_huge(x) == 0 when !HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD",
    ),
    law(
        "no_trans_huge_without_mmu",
        "include/linux/huge_mm.h, mm/debug_vm_pgtable.c: has_transparent_hugepage (v5.10)",
        "trans_huge is 0 where the MMU of the day has no huge pages",
        "forall x: u64. has_transparent_hugepage() == 0 => pmd_trans_huge(x) == 0",
    ),
    law(
        "no_pud_trans_huge_without_mmu",
        "mm/debug_vm_pgtable.c: has_transparent_pud_hugepage (v6.6)",
        "pud_trans_huge and pud_devmap are 0 where the MMU of the day has no huge puds",
        "forall x: u64. has_transparent_pud_hugepage() == 0 => pud_trans_huge(x) == 0 && pud_devmap(x) == 0",
    ),
    law(
        "no_hugepd",
        "include/linux/hugetlb.h: is_hugepd (v5.3)",
        "there are no directories of huge pages without hugetlb",
        "forall x: u64. is_hugepd(x) == 0 when !HUGETLB_PAGE",
    ),
    law(
        "no_huge",
        "include/linux/hugetlb.h (v5.3)",
        "huge is 0 without hugetlb",
        "for pXd in pmd, pud, p4d, pgd: forall x: u64. pXd_huge(x) == 0 when !HUGETLB_PAGE",
    ),
    law(
        "no_protnone",
        "include/asm-generic/pgtable.h (v5.3)",
        "protnone is 0 without NUMA balancing, in every version",
        "for pXd in pte, pmd: forall x: u64. pXd_protnone(x) == 0 when !NUMA_BALANCING",
    ),
    law(
        "no_pmd_special",
        "include/linux/mm.h (v6.14)",
        "pmd_special is 0 without transparent huge pages",
        "forall x: u64. pmd_special(x) == 0 when !TRANSPARENT_HUGEPAGE",
    ),
    law(
        "no_pud_special",
        "include/linux/mm.h (v6.14)",
        "pud_special is 0 without huge puds",
        "forall x: u64. pud_special(x) == 0 when !TRANSPARENT_HUGEPAGE || !HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD",
    ),
];
