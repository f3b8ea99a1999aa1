//! Changing protections, building entries, and what predicates say of one another.

use super::{DERIVED, Law, PTE_BASIC, RST, law};

/// Changing the protection, and entries from a frame and a protection.
pub(super) const BUILT: &[Law] = &[
    law(
        "modify_keeps_marks",
        DERIVED,
        "changing the protection loses no mark: young, dirty, special, device memory",
        "for pXd in pte, pmd: for MEANING in young, dirty, special, devmap: forall x: u64, prot: u64.
         pXd_MEANING(x) => pXd_MEANING(pXd_modify(x, prot))",
    ),
    law(
        "modify_adds_no_mark",
        DERIVED,
        "changing the protection adds no mark that neither entry nor protection has",
        "for pXd in pte, pmd: for MARK in young, special, devmap: forall x: u64, prot: u64
         where (x | prot) & pXd_mkMARK(0) == 0. !pXd_MARK(pXd_modify(x, prot))",
    ),
    law(
        "modify_sets_write",
        DERIVED,
        "an entry is writable as its new protection says",
        "for pXd in pte, pmd: forall x: u64, prot: u64. pXd_write(pXd_modify(x, prot)) == pXd_write(prot)",
    ),
    law(
        "modify_sets_user",
        DERIVED,
        "a pte is user mode's to read and execute as its new protection says",
        "for MEANING in user, user_exec, exec: forall x: u64, prot: u64.
         pte_MEANING(pte_modify(x, prot)) == pte_MEANING(prot)",
    ),
    law(
        "modify_keeps_cont",
        DERIVED,
        "changing the protection leaves the contiguous hint as it was",
        "forall x: u64, prot: u64. pte_cont(pte_modify(x, prot)) == pte_cont(x)",
    ),
    law(
        "pfn_round_trip",
        DERIVED,
        "a pte made of a frame and a protection has that frame, unless the protection has address bits",
        "forall pfn: u64, prot: u64 where pfn < 1 << (PA_BITS - PAGE_SHIFT)
         && prot & pfn_pte((1 << (PA_BITS - PAGE_SHIFT)) - 1, 0) == 0 && pte_pfn(pfn_pte(0, prot)) == 0
         && !pte_none(prot). pte_pfn(pfn_pte(pfn, prot)) == pfn when SME_C_BIT == 0 || SME_C_BIT >= PA_BITS",
    ),
    law(
        "pmd_pfn_round_trip",
        DERIVED,
        "a pmd made of an aligned frame and a protection has that frame",
        "forall pfn: u64, prot: u64 where pfn < 1 << (PA_BITS - PAGE_SHIFT)
         && prot & pfn_pmd((1 << (PA_BITS - PAGE_SHIFT)) - (1 << (PMD_SHIFT() - PAGE_SHIFT)), 0) == 0
         && pmd_pfn(pfn_pmd(0, pmd_mkhuge(prot))) == 0 && !pmd_none(prot)
         && pfn & ((1 << (PMD_SHIFT() - PAGE_SHIFT)) - 1) == 0. pmd_pfn(pfn_pmd(pfn, pmd_mkhuge(prot))) == pfn
         when SME_C_BIT == 0 || SME_C_BIT >= PA_BITS",
    ),
    law(
        "pud_pfn_round_trip",
        DERIVED,
        "a pud made of an aligned frame and a protection has that frame",
        "forall pfn: u64, prot: u64 where pfn < 1 << (PA_BITS - PAGE_SHIFT)
         && prot & pfn_pud((1 << (PA_BITS - PAGE_SHIFT)) - (1 << (PUD_SHIFT() - PAGE_SHIFT)), 0) == 0
         && pud_pfn(pfn_pud(0, pud_mkhuge(prot))) == 0 && !pud_none(prot)
         && pfn & ((1 << (PUD_SHIFT() - PAGE_SHIFT)) - 1) == 0. pud_pfn(pfn_pud(pfn, pud_mkhuge(prot))) == pfn
         when PGTABLE_LEVELS > 2 && (SME_C_BIT == 0 || SME_C_BIT >= PA_BITS)",
    ),
    law(
        "protnone_from_protection",
        "mm/debug_vm_pgtable.c: pte_protnone_tests, pmd_protnone_tests (v5.10)",
        "an entry made with a PROT_NONE protection is PROT_NONE and present",
        "for pXd in pte, pmd: forall pfn: u64, prot: u64 where pfn < 1 << (PA_BITS - PAGE_SHIFT) && pXd_protnone(prot).
         pXd_protnone(pfn_pXd(pfn, prot)) && pXd_present(pfn_pXd(pfn, prot)) when NUMA_BALANCING",
    ),
    law(
        "address_round_trip",
        "arch/arm64/include/asm/pgtable.h: __pte_to_phys, __phys_to_pte_val (v5.3)",
        "an address put into an entry comes out again",
        "forall pa: u64 where pa < 1 << PA_BITS && pa & ((1 << PAGE_SHIFT) - 1) == 0.
         pte_to_phys(phys_to_pte(pa)) == pa",
    ),
    law(
        "address_from_entry",
        DERIVED,
        "the address taken from an entry and put into one comes out again",
        "forall x: u64. pte_to_phys(phys_to_pte(pte_to_phys(x))) == pte_to_phys(x)",
    ),
    law(
        "pfn_is_of_address",
        DERIVED,
        "the frame of a pte is that of its address",
        "forall x: u64. pte_pfn(x) == pte_to_phys(x) >> PAGE_SHIFT",
    ),
];

/// What predicates say of one another.
pub(super) const PREDICATES: &[Law] = &[
    law(
        "zero_is_none",
        "mm/debug_vm_pgtable.c: pte_clear_tests, pmd_clear_tests, pud_clear_tests (v5.10)",
        "a cleared entry holds nothing",
        "for pXd in pte, pmd: pXd_none(0)",
    ),
    law(
        "zero_is_none_pud",
        "mm/debug_vm_pgtable.c: pud_clear_tests (v5.10)",
        "a cleared pud holds nothing",
        "pud_none(0) when PGTABLE_LEVELS > 2",
    ),
    law(
        "none_is_not_present",
        DERIVED,
        "an entry that holds nothing is not present",
        "for pXd in pte, pmd, pud, p4d, pgd: forall x: u64. pXd_none(x) => !pXd_present(x)",
    ),
    law(
        "same_as_itself",
        PTE_BASIC,
        "an entry is the same as itself",
        "for pXd in pte, pmd: forall x: u64. pXd_same(x, x)",
    ),
    law(
        "same_either_way",
        DERIVED,
        "sameness does not depend on the order",
        "for pXd in pte, pmd: forall x: u64, y: u64. pXd_same(x, y) == pXd_same(y, x)",
    ),
    law(
        "same_frame",
        DERIVED,
        "entries that are the same map the same frame",
        "for pXd in pte, pmd: forall x: u64, y: u64. pXd_same(x, y) => pXd_pfn(x) == pXd_pfn(y)
         when exports(pXd_same)",
    ),
    law(
        "same_marks",
        DERIVED,
        "entries that are the same are alike in these meanings",
        "for pXd in pte, pmd: for MEANING in present, young, special, devmap, protnone: forall x: u64, y: u64.
         pXd_same(x, y) => pXd_MEANING(x) == pXd_MEANING(y) when exports(pXd_same)",
    ),
    law(
        "protnone_is_present",
        RST,
        "a PROT_NONE entry is present, and user mode may not even read",
        "for pXd in pte, pmd: forall x: u64. pXd_protnone(x) => pXd_present(x) && !pXd_access_permitted(x, 0)",
    ),
    law(
        "access_needs_present",
        DERIVED,
        "GUP-fast takes only what is present",
        "for pXd in pte, pmd: forall x: u64, write: u64. pXd_access_permitted(x, write) => pXd_present(x)",
    ),
    law(
        "access_above_needs_present",
        DERIVED,
        "GUP-fast takes only what is present; ppc64's pud_present does not know a leaf that is being taken apart",
        "for pXd in pud, pgd: forall x: u64, write: u64 where !pmd_is_serializing(x).
         pXd_access_permitted(x, write) => pXd_present(x)",
    ),
    law(
        "access_needs_write",
        DERIVED,
        "GUP-fast takes for writing only what is writable",
        "for pXd in pte, pmd, pud: forall x: u64. pXd_access_permitted(x, 1) => pXd_write(x)",
    ),
    law(
        "access_is_read_and_write",
        DERIVED,
        "what GUP-fast takes for writing is what it takes for reading and is writable; protection keys may say otherwise",
        "for pXd in pte, pmd, pud: forall x: u64.
         pXd_access_permitted(x, 1) <=> pXd_access_permitted(x, 0) && pXd_write(x)
         when (LINUX_VERSION_CODE < 6.12 || POR_EL0 == 0x77777777) && PKRU == 0 && AMR == 0",
    ),
    law(
        "any_write_flag",
        DERIVED,
        "any second argument that is not 0 asks for writing",
        "for pXd in pte, pmd, pud: forall x: u64, write: u64 where write[31:0] != 0.
         pXd_access_permitted(x, write) == pXd_access_permitted(x, 1)",
    ),
    law(
        "valid_is_present",
        DERIVED,
        "what the hardware uses is present",
        "for pXd in pte, pmd, pud: forall x: u64. pXd_valid(x) => pXd_present(x)",
    ),
    law(
        "invalid_permits_nothing",
        DERIVED,
        "the hardware permits nothing through an entry that it does not use",
        "for pXd in pte, pmd: forall x: u64 where !pXd_valid(x). pXd_mmu_perms(x) == 0",
    ),
    law(
        "devmap_leaf_is_huge",
        DERIVED,
        "a valid leaf of device memory is huge; of a table with the bit, arm64 and x86_64 say otherwise",
        "forall x: u64 where has_transparent_hugepage() == 1 && pmd_devmap(x) && pmd_leaf(x) && pmd_valid(x). pmd_huge(x)
         when HUGETLB_PAGE && TRANSPARENT_HUGEPAGE && ARCH_HAS_PTE_DEVMAP
         && (LINUX_VERSION_CODE >= 5.3 && LINUX_VERSION_CODE < 6.17 || DEVMAP_SERIES != 0)",
    ),
    law(
        "devmap_is_not_trans_huge",
        DERIVED,
        "device memory is no transparent huge page, except on arm64, which does not exclude it; ppc64's hash since v5.7",
        "forall x: u64. pmd_devmap(x) => !pmd_trans_huge(x) when TRANSPARENT_HUGEPAGE && !exports(pmd_sect)
         && (LINUX_VERSION_CODE >= 5.7 || PPC_RADIX_MMU || !exports(is_hugepd))",
    ),
    law(
        "pud_devmap_is_not_trans_huge",
        DERIVED,
        "device memory is no transparent huge page, at the pud level either",
        "forall x: u64. pud_devmap(x) => !pud_trans_huge(x) when TRANSPARENT_HUGEPAGE && !exports(pmd_sect)",
    ),
    law(
        "trans_huge_is_huge",
        DERIVED,
        "a present transparent huge page is huge",
        "forall x: u64. pmd_present(x) && pmd_trans_huge(x) => pmd_huge(x) when HUGETLB_PAGE",
    ),
    law(
        "savedwrite_is_no_access",
        DERIVED,
        "what is to be writable again may not even be read until then",
        "for pXd in pte, pmd: forall x: u64. pXd_savedwrite(x) => pXd_write(x) && !pXd_access_permitted(x, 0)",
    ),
    law(
        "serializing_is_refused",
        "arch/powerpc/include/asm/book3s/64/pgtable.h: pmd_access_permitted (v5.3)",
        "a pmd that is being taken apart is present, and neither the hardware nor GUP-fast uses it",
        "forall x: u64. pmd_is_serializing(x) => pmd_present(x) && !pmd_valid(x) && !pmd_access_permitted(x, 0)",
    ),
    law(
        "hugepd_is_no_leaf",
        "arch/powerpc/include/asm/book3s/64/hugetlb.h: hugepd_ok (v5.3)",
        "a directory of huge pages is present, and no leaf",
        "forall x: u64. is_hugepd(x) => pud_present(x) && !pud_leaf(x)",
    ),
    law(
        "table_or_block",
        DERIVED,
        "a descriptor is a table or a block, not both",
        "for pXd in pmd, pud: forall x: u64. !(pXd_table(x) && pXd_sect(x))",
    ),
    law(
        "table_is_no_leaf",
        DERIVED,
        "a table descriptor is no leaf",
        "for pXd in pmd, pud: forall x: u64. !(pXd_table(x) && pXd_leaf(x))",
    ),
    law("table_is_not_bad", DERIVED, "a table descriptor is not bad", "forall x: u64. pmd_table(x) => !pmd_bad(x)"),
    law(
        "block_is_leaf",
        DERIVED,
        "a block descriptor is a leaf, and present",
        "for pXd in pmd, pud: forall x: u64. pXd_sect(x) => pXd_leaf(x) && pXd_present(x)",
    ),
    law(
        "hw_dirty_is_dirty",
        DERIVED,
        "dirty by the hardware's record is dirty, and writable",
        "forall x: u64. pte_hw_dirty(x) => pte_dirty(x) && pte_write(x)",
    ),
];
