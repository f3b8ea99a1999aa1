//! x86_64's page tables as a ptwalk plugin: long mode with four or five levels, as Linux v5.3 to v6.19 uses it.
//!
//! In: a frozen configuration (kernel version, levels in use, options, facts about the CPU) and raw entries as native
//! integers. Out: the kernel's page-table helpers on them. Guaranteed: every helper is a pure function of its
//! arguments and the configuration, ends, and cannot panic. Not handled: 32-bit kernels, nested paging, shadow stacks.
//!
//! The table in this file is the one list of what the plugin implements. A helper that is not in it is the generic
//! stub. The manual's words and where each kernel version was looked up are in this crate's `README.md`.
#![no_std]
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod address;
mod epoch;
mod geometry;
mod layout;
mod makers;
mod permissions;
mod predicates;

use ptwalk_abi::Level;

use crate::layout::{ACCESSED, NX, PRESENT, PSE, RW, USER, all, any};

/// x86_64 under the configuration `K`.
#[derive(Clone, Copy, Debug)]
pub struct X86<K>(pub K);

ptwalk_abi::plugin! {
    manifest: "../plugin.toml",
    arch: X86,
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
    predicate pmd_leaf |cpu, x| cpu.leaf(Level::Pmd, x);
    predicate pud_leaf |cpu, x| cpu.leaf(Level::Pud, x);
    predicate pmd_large |_, x| any(x, PSE);
    predicate pud_large |_, x| all(x, PSE | PRESENT);
    predicate pmd_huge |cpu, x| cpu.huge(Level::Pmd, x);
    predicate pud_huge |cpu, x| cpu.huge(Level::Pud, x);
    predicate pmd_trans_huge |cpu, x| cpu.trans_huge(Level::Pmd, x);
    predicate pud_trans_huge |cpu, x| cpu.trans_huge(Level::Pud, x);
    predicate pte_devmap |cpu, x| cpu.devmap(Level::Pte, x);
    predicate pmd_devmap |cpu, x| cpu.devmap(Level::Pmd, x);
    predicate pud_devmap |cpu, x| cpu.devmap(Level::Pud, x);
    predicate pte_special |cpu, x| cpu.special(Level::Pte, x);
    predicate pmd_special |cpu, x| cpu.special(Level::Pmd, x);
    predicate pud_special |cpu, x| cpu.special(Level::Pud, x);
    predicate pte_protnone |cpu, x| cpu.protnone(x);
    predicate pmd_protnone |cpu, x| cpu.protnone(x);
    predicate pte_valid |_, x| any(x, PRESENT);
    predicate pmd_valid |_, x| any(x, PRESENT);
    predicate pud_valid |_, x| any(x, PRESENT);
    predicate pte_write |_, x| any(x, RW);
    predicate pmd_write |_, x| any(x, RW);
    predicate pud_write |_, x| any(x, RW);
    predicate pte_young |_, x| any(x, ACCESSED);
    predicate pmd_young |_, x| any(x, ACCESSED);
    predicate pud_young |_, x| any(x, ACCESSED);
    predicate pte_dirty |cpu, x| cpu.dirty(x);
    predicate pmd_dirty |cpu, x| cpu.dirty(x);
    predicate pud_dirty |cpu, x| cpu.dirty(x);
    predicate pte_user |_, x| any(x, USER);
    predicate pte_exec |_, x| !any(x, NX);
    predicate pte_soft_dirty |cpu, x| any(x, cpu.soft_dirty_bit());
    predicate pmd_soft_dirty |cpu, x| any(x, cpu.soft_dirty_bit());
    predicate pud_soft_dirty |cpu, x| any(x, cpu.soft_dirty_bit());
    predicate pte_swp_soft_dirty |cpu, x| any(x, cpu.swp_soft_dirty_bit());
    predicate pmd_swp_soft_dirty |cpu, x| any(x, cpu.swp_soft_dirty_bit());
    access pte_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pmd_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pud_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    perms pte_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pte, x);
    perms pmd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pmd, x);
    perms pud_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pud, x);
    perms p4d_mmu_perms |cpu, x| cpu.mmu_perms(Level::P4d, x);
    perms pgd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pgd, x);
    entry pte_pfn |cpu, x| cpu.pfn(Level::Pte, x);
    entry pmd_pfn |cpu, x| cpu.pfn(Level::Pmd, x);
    entry pud_pfn |cpu, x| cpu.pfn(Level::Pud, x);
    entry pmd_page |cpu, x| cpu.pfn(Level::Pmd, x);
    entry pud_page |cpu, x| cpu.pfn(Level::Pud, x);
    entry pgd_page |cpu, x| cpu.pfn(Level::Pgd, x);
    entry pmd_page_paddr |cpu, x| cpu.table(Level::Pmd, x);
    entry pud_page_paddr |cpu, x| cpu.table(Level::Pud, x);
    entry p4d_page_paddr |cpu, x| cpu.table(Level::P4d, x);
    entry pgd_page_paddr |cpu, x| cpu.table(Level::Pgd, x);
    entry swp_type |_, x| predicates::swap_type(x);
    entry swp_offset |_, x| predicates::swap_offset(x);
    entry root_phys |cpu, cr3| cpu.root_of(cr3);
    entry pte_mkwrite |cpu, x| cpu.mkwrite(x);
    entry pmd_mkwrite |cpu, x| cpu.mkwrite(x);
    entry pud_mkwrite |cpu, x| cpu.mkwrite(x);
    entry pte_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pmd_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pud_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pte_mkclean |cpu, x| cpu.mkclean(x);
    entry pmd_mkclean |cpu, x| cpu.mkclean(x);
    entry pud_mkclean |cpu, x| cpu.mkclean(x);
    entry pte_mkdirty |cpu, x| cpu.mkdirty(x);
    entry pmd_mkdirty |cpu, x| cpu.mkdirty(x);
    entry pud_mkdirty |cpu, x| cpu.mkdirty(x);
    entry pte_mkyoung |_, x| x | ACCESSED;
    entry pmd_mkyoung |_, x| x | ACCESSED;
    entry pud_mkyoung |_, x| x | ACCESSED;
    entry pte_mkold |_, x| x & !ACCESSED;
    entry pmd_mkold |_, x| x & !ACCESSED;
    entry pud_mkold |_, x| x & !ACCESSED;
    entry pte_mkspecial |cpu, x| cpu.mkspecial(Level::Pte, x);
    entry pmd_mkspecial |cpu, x| cpu.mkspecial(Level::Pmd, x);
    entry pud_mkspecial |cpu, x| cpu.mkspecial(Level::Pud, x);
    entry pte_mkdevmap |cpu, x| cpu.mkdevmap(Level::Pte, x);
    entry pmd_mkdevmap |cpu, x| cpu.mkdevmap(Level::Pmd, x);
    entry pud_mkdevmap |cpu, x| cpu.mkdevmap(Level::Pud, x);
    entry pte_mkhuge |_, x| x | PSE;
    entry pmd_mkhuge |_, x| x | PSE;
    entry pud_mkhuge |_, x| x | PSE;
    entry pmd_mkinvalid |cpu, x| cpu.invalidated(Level::Pmd, x);
    entry pud_mkinvalid |cpu, x| cpu.invalidated(Level::Pud, x);
    entry pmd_mknotpresent |cpu, x| cpu.invalidated(Level::Pmd, x);
    entry pud_mknotpresent |cpu, x| cpu.invalidated(Level::Pud, x);
    entry pte_mksoft_dirty |cpu, x| x | cpu.soft_dirty_bit();
    entry pmd_mksoft_dirty |cpu, x| x | cpu.soft_dirty_bit();
    entry pud_mksoft_dirty |cpu, x| x | cpu.soft_dirty_bit();
    entry pte_clear_soft_dirty |cpu, x| x & !cpu.soft_dirty_bit();
    entry pmd_clear_soft_dirty |cpu, x| x & !cpu.soft_dirty_bit();
    entry pud_clear_soft_dirty |cpu, x| x & !cpu.soft_dirty_bit();
    entry pte_swp_mksoft_dirty |cpu, x| x | cpu.swp_soft_dirty_bit();
    entry pmd_swp_mksoft_dirty |cpu, x| x | cpu.swp_soft_dirty_bit();
    entry pte_swp_clear_soft_dirty |cpu, x| x & !cpu.swp_soft_dirty_bit();
    entry pmd_swp_clear_soft_dirty |cpu, x| x & !cpu.swp_soft_dirty_bit();
    entry pte_modify |cpu, x, prot| cpu.modify(Level::Pte, x, prot);
    entry pmd_modify |cpu, x, prot| cpu.modify(Level::Pmd, x, prot);
    entry pfn_pte |cpu, pfn, prot| cpu.leaf_of(Level::Pte, pfn, prot);
    entry pfn_pmd |cpu, pfn, prot| cpu.leaf_of(Level::Pmd, pfn, prot);
    entry pfn_pud |cpu, pfn, prot| cpu.leaf_of(Level::Pud, pfn, prot);
    count PGDIR_SHIFT |cpu| cpu.shift(Level::Pgd);
    count P4D_SHIFT |cpu| cpu.shift(Level::P4d);
    count PUD_SHIFT |cpu| cpu.shift(Level::Pud);
    count PMD_SHIFT |cpu| cpu.shift(Level::Pmd);
    count PTRS_PER_PGD |cpu| cpu.entries(Level::Pgd);
    count PTRS_PER_P4D |cpu| cpu.entries(Level::P4d);
    count PTRS_PER_PUD |cpu| cpu.entries(Level::Pud);
    count PTRS_PER_PMD |cpu| cpu.entries(Level::Pmd);
    count PTRS_PER_PTE |cpu| cpu.entries(Level::Pte);
    count SHARED_ROOT |_| 1;
    address LOWER_HALF_END |cpu| cpu.lower_half_end();
    address UPPER_HALF_START |cpu| cpu.upper_half_start();
    address TASK_SIZE_MAX |cpu| cpu.task_size_max();
}
