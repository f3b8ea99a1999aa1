//! ppc64's page tables as a ptwalk plugin: book3s with radix and with hash, as Linux v5.3 to v6.19 uses them.
//!
//! In: a frozen configuration (kernel version, page size, MMU, options) and raw entries as native integers: the host
//! reads them most significant byte first, on either byte order of the kernel. Out: the kernel's page-table helpers on
//! them. Guaranteed: every helper is a pure function of its arguments and the configuration, ends, and cannot panic.
//! Not handled: nohash (book3e) and 32-bit kernels, partition-scoped tables (a guest's second stage), the hash table.
//!
//! The table in this file is the one list of what the plugin implements; a helper that is not in it is the generic stub.
//! The manual's words and where each kernel version was looked up are in this crate's `README.md`.
#![no_std]
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod address;
mod epoch;
mod geometry;
mod hash;
mod hugepd;
mod layout;
mod makers;
mod permissions;
mod predicates;

use ptwalk_abi::Level;

use crate::layout::{ACCESSED, DIRTY, EXEC, PRESENT, PRIVILEGED, PTE, READ, SOFT_DIRTY, any};

/// ppc64 book3s under the configuration `K`.
#[derive(Clone, Copy, Debug)]
pub struct Ppc<K>(pub K);

ptwalk_abi::plugin! {
    manifest: "../plugin.toml",
    arch: Ppc,
    predicate pte_none |cpu, x| cpu.none(Level::Pte, x);
    predicate pmd_none |cpu, x| cpu.none(Level::Pmd, x);
    predicate pud_none |cpu, x| cpu.none(Level::Pud, x);
    predicate p4d_none |cpu, x| cpu.none(Level::P4d, x);
    predicate pgd_none |cpu, x| cpu.none(Level::Pgd, x);
    predicate pte_present |cpu, x| cpu.present(Level::Pte, x);
    predicate pmd_present |cpu, x| cpu.present(Level::Pmd, x);
    predicate pud_present |cpu, x| cpu.present(Level::Pud, x);
    predicate p4d_present |cpu, x| cpu.present(Level::P4d, x);
    predicate pgd_present |cpu, x| cpu.present(Level::Pgd, x);
    predicate pmd_bad |cpu, x| cpu.bad(Level::Pmd, x);
    predicate pud_bad |cpu, x| cpu.bad(Level::Pud, x);
    predicate p4d_bad |cpu, x| cpu.bad(Level::P4d, x);
    predicate pgd_bad |cpu, x| cpu.bad(Level::Pgd, x);
    predicate pmd_leaf |_, x| any(x, PTE);
    predicate pud_leaf |_, x| any(x, PTE);
    predicate pgd_leaf |cpu, x| cpu.is_tested(Level::Pgd) && any(x, PTE);
    predicate pmd_huge |cpu, x| cpu.huge(Level::Pmd, x);
    predicate pud_huge |cpu, x| cpu.huge(Level::Pud, x);
    predicate pgd_huge |cpu, x| cpu.huge(Level::Pgd, x);
    predicate pmd_trans_huge |cpu, x| cpu.pmd_trans_huge(x);
    predicate pud_trans_huge |cpu, x| cpu.pud_trans_huge(x);
    predicate pte_devmap |cpu, x| cpu.pte_devmap(x);
    predicate pmd_devmap |cpu, x| cpu.pmd_devmap(x);
    predicate pud_devmap |cpu, x| cpu.pud_devmap(x);
    predicate pte_special |cpu, x| cpu.pte_special(x);
    predicate pte_protnone |cpu, x| cpu.protnone(x);
    predicate pmd_protnone |cpu, x| cpu.protnone(x);
    predicate pte_valid |cpu, x| cpu.valid(Level::Pte, x);
    predicate pmd_valid |cpu, x| cpu.valid(Level::Pmd, x);
    predicate pud_valid |cpu, x| cpu.valid(Level::Pud, x);
    predicate pmd_is_serializing |_, x| predicates::serializing(x);
    predicate is_hugepd |cpu, x| cpu.is_hugepd(x);
    predicate pte_write |cpu, x| cpu.write(x);
    predicate pmd_write |cpu, x| cpu.write(x);
    predicate pud_write |cpu, x| cpu.write(x);
    predicate pte_savedwrite |cpu, x| cpu.savedwrite(x);
    predicate pmd_savedwrite |cpu, x| cpu.savedwrite(x);
    predicate pte_read |_, x| any(x, READ);
    predicate pte_exec |_, x| any(x, EXEC);
    predicate pte_young |_, x| any(x, ACCESSED);
    predicate pmd_young |_, x| any(x, ACCESSED);
    predicate pud_young |_, x| any(x, ACCESSED);
    predicate pte_dirty |_, x| any(x, DIRTY);
    predicate pmd_dirty |_, x| any(x, DIRTY);
    predicate pud_dirty |_, x| any(x, DIRTY);
    predicate pte_soft_dirty |_, x| any(x, SOFT_DIRTY);
    predicate pmd_soft_dirty |_, x| any(x, SOFT_DIRTY);
    predicate pte_user |_, x| !any(x, PRIVILEGED);
    access pte_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pmd_access_permitted |cpu, x, write| cpu.pmd_access_permitted(x, write);
    access pud_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pgd_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    compare pte_same |cpu, x, y| cpu.pte_same(x, y);
    compare pmd_same |cpu, x, y| cpu.pmd_same(x, y);
    perms pte_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pte, x);
    perms pmd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pmd, x);
    perms pud_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pud, x);
    perms p4d_mmu_perms |cpu, x| cpu.mmu_perms(Level::P4d, x);
    perms pgd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pgd, x);
    entry pte_pfn |cpu, x| cpu.pfn(x);
    entry pmd_pfn |cpu, x| cpu.pfn(x);
    entry pud_pfn |cpu, x| cpu.pfn(x);
    entry pmd_page |cpu, x| cpu.pfn(x);
    entry pud_page |cpu, x| cpu.pfn(x);
    entry pgd_page |cpu, x| cpu.pfn(x);
    entry pmd_page_paddr |_, x| address::table(x);
    entry pud_page_paddr |_, x| address::table(x);
    entry p4d_page_paddr |_, x| address::table(x);
    entry pgd_page_paddr |_, x| address::table(x);
    entry hugepd_page |cpu, x| cpu.hugepd_page(x);
    entry hugepd_shift |cpu, x| cpu.hugepd_shift(x);
    entry swp_type |_, x| address::swap_type(x);
    entry swp_offset |cpu, x| cpu.pfn(x);
    entry root_phys |_, prte| address::root(prte);
    entry pte_mkwrite |_, x| makers::mkwrite(x);
    entry pmd_mkwrite |_, x| makers::mkwrite(x);
    entry pte_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pmd_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pte_mkclean |_, x| x & !DIRTY;
    entry pmd_mkclean |_, x| x & !DIRTY;
    entry pte_mkdirty |_, x| makers::mkdirty(x);
    entry pmd_mkdirty |_, x| makers::mkdirty(x);
    entry pte_mkyoung |_, x| x | ACCESSED;
    entry pmd_mkyoung |_, x| x | ACCESSED;
    entry pud_mkyoung |_, x| x | ACCESSED;
    entry pte_mkold |_, x| x & !ACCESSED;
    entry pmd_mkold |_, x| x & !ACCESSED;
    entry pte_mkspecial |cpu, x| cpu.pte_mkspecial(x);
    entry pte_mkdevmap |cpu, x| cpu.pte_mkdevmap(x);
    entry pmd_mkdevmap |cpu, x| cpu.pmd_mkdevmap(x);
    entry pud_mkdevmap |cpu, x| cpu.pud_mkdevmap(x);
    entry pte_mkhuge |_, x| x;
    entry pmd_mkhuge |cpu, x| cpu.pmd_mkhuge(x);
    entry pud_mkhuge |cpu, x| cpu.pud_mkhuge(x);
    entry pmd_mkinvalid |_, x| makers::pmd_mkinvalid(x);
    entry pmd_mknotpresent |_, x| x & !PRESENT;
    entry pte_mk_savedwrite |cpu, x| cpu.mk_savedwrite(x);
    entry pmd_mk_savedwrite |cpu, x| cpu.mk_savedwrite(x);
    entry pte_clear_savedwrite |cpu, x| cpu.clear_savedwrite(x);
    entry pmd_clear_savedwrite |cpu, x| cpu.clear_savedwrite(x);
    entry pte_mksoft_dirty |_, x| x | SOFT_DIRTY;
    entry pmd_mksoft_dirty |_, x| x | SOFT_DIRTY;
    entry pte_clear_soft_dirty |_, x| x & !SOFT_DIRTY;
    entry pmd_clear_soft_dirty |_, x| x & !SOFT_DIRTY;
    entry pte_mkpte |_, x| x | PTE;
    entry pte_mkuser |_, x| x & !PRIVILEGED;
    entry pte_mkprivileged |_, x| x | PRIVILEGED;
    entry pte_mkexec |_, x| x | EXEC;
    entry pte_modify |cpu, x, prot| cpu.pte_modify(x, prot);
    entry pmd_modify |cpu, x, prot| cpu.pmd_modify(x, prot);
    entry pfn_pte |cpu, pfn, prot| cpu.pfn_pte(pfn, prot);
    entry pfn_pmd |cpu, pfn, prot| cpu.pfn_pmd(pfn, prot);
    entry pfn_pud |cpu, pfn, prot| cpu.pfn_pud(pfn, prot);
    count PGDIR_SHIFT |cpu| cpu.shift(Level::Pgd);
    count P4D_SHIFT |cpu| cpu.shift(Level::P4d);
    count PUD_SHIFT |cpu| cpu.shift(Level::Pud);
    count PMD_SHIFT |cpu| cpu.shift(Level::Pmd);
    count PTRS_PER_PGD |cpu| cpu.entries(Level::Pgd);
    count PTRS_PER_P4D |cpu| cpu.entries(Level::P4d);
    count PTRS_PER_PUD |cpu| cpu.entries(Level::Pud);
    count PTRS_PER_PMD |cpu| cpu.entries(Level::Pmd);
    count PTRS_PER_PTE |cpu| cpu.entries(Level::Pte);
    count has_transparent_hugepage |cpu| u32::from(cpu.has_transparent_hugepage());
    count has_transparent_pud_hugepage |cpu| u32::from(cpu.has_pud_thp());
    count PTE_PA_BITS |_| layout::PA_BITS;
    count SECTION_SIZE_BITS |_| geometry::SECTION_SIZE_BITS;
    count TABLES_BIG_ENDIAN |_| 1;
    count SHARED_ROOT |_| 0;
    address LOWER_HALF_END |cpu| cpu.lower_half_end();
    address UPPER_HALF_START |cpu| cpu.upper_half_start();
    address TASK_SIZE_MAX |cpu| cpu.task_size_max();
}
