//! arm64's page tables as a ptwalk plugin: VMSAv8-64 stage 1, as Linux v5.3 to v6.19 uses it.
//!
//! In: a frozen configuration (kernel version, granule, VA and PA size, options) and raw entries as native integers.
//! Out: the kernel's page-table helpers on them. Guaranteed: every helper is a pure function of its arguments and the
//! configuration, ends, and cannot panic. Not handled: 128-bit descriptors (D128), stage 2, levels folded at boot.
//!
//! The table in this file is the one list of what the plugin implements: the [`Arch`](ptwalk_abi::Arch) methods, [`IMPLEMENTED`] and the
//! exports of the WASM module are made from it. A helper that is not in it is the generic stub. The manual's words and where
//! each kernel version was looked up are in this crate's `README.md`.
#![no_std]
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod address;
mod epoch;
mod geometry;
mod layout;
mod makers;
mod permissions;
mod predicates;

use ptwalk_abi::{Extern, Level};

use crate::layout::{AF, CONT, TABLE, USER, UXN, VALID, WRITE, any};

/// arm64 under the configuration `K`.
#[derive(Clone, Copy, Debug)]
pub struct Arm64<K>(pub K);

ptwalk_abi::plugin! {
    manifest: "../plugin.toml",
    arch: Arm64,
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
    predicate pmd_table |cpu, x| cpu.table(Level::Pmd, x);
    predicate pud_table |cpu, x| cpu.table(Level::Pud, x);
    predicate pmd_sect |cpu, x| cpu.sect(Level::Pmd, x);
    predicate pud_sect |cpu, x| cpu.sect(Level::Pud, x);
    predicate pmd_huge |cpu, x| cpu.huge(Level::Pmd, x);
    predicate pud_huge |cpu, x| cpu.huge(Level::Pud, x);
    predicate pmd_trans_huge |cpu, x| cpu.pmd_trans_huge(x);
    predicate pte_devmap |cpu, x| cpu.pte_devmap(x);
    predicate pmd_devmap |cpu, x| cpu.pmd_devmap(x);
    predicate pte_special |cpu, x| cpu.pte_special(x);
    predicate pmd_special |cpu, x| cpu.pmd_special(x);
    predicate pte_protnone |cpu, x| cpu.protnone(x);
    predicate pmd_protnone |cpu, x| cpu.protnone(x);
    predicate pte_valid |cpu, x| cpu.valid(Level::Pte, x);
    predicate pmd_valid |cpu, x| cpu.valid(Level::Pmd, x);
    predicate pud_valid |cpu, x| cpu.valid(Level::Pud, x);
    predicate pte_write |_, x| any(x, WRITE);
    predicate pmd_write |_, x| any(x, WRITE);
    predicate pud_write |_, x| any(x, WRITE);
    predicate pte_young |_, x| any(x, AF);
    predicate pmd_young |_, x| any(x, AF);
    predicate pud_young |_, x| any(x, AF);
    predicate pte_dirty |_, x| predicates::dirty(x);
    predicate pmd_dirty |_, x| predicates::dirty(x);
    predicate pte_hw_dirty |_, x| predicates::hw_dirty(x);
    predicate pte_cont |_, x| any(x, CONT);
    predicate pmd_cont |_, x| any(x, CONT);
    predicate pte_user |_, x| any(x, USER);
    predicate pte_user_exec |_, x| !any(x, UXN);
    access pte_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pmd_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    access pud_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
    compare pte_same |cpu, x, y| cpu.pte_same(x, y);
    perms pte_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pte, x);
    perms pmd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pmd, x);
    perms pud_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pud, x);
    perms p4d_mmu_perms |cpu, x| cpu.mmu_perms(Level::P4d, x);
    perms pgd_mmu_perms |cpu, x| cpu.mmu_perms(Level::Pgd, x);
    entry pte_pfn |cpu, x| cpu.page(x);
    entry pmd_pfn |cpu, x| cpu.pfn(Level::Pmd, x);
    entry pud_pfn |cpu, x| cpu.pfn(Level::Pud, x);
    entry pmd_page |cpu, x| cpu.page(x);
    entry pud_page |cpu, x| cpu.page(x);
    entry pgd_page |cpu, x| cpu.page(x);
    entry pmd_page_paddr |cpu, x| cpu.phys(x);
    entry pud_page_paddr |cpu, x| cpu.phys(x);
    entry p4d_page_paddr |cpu, x| cpu.phys(x);
    entry pgd_page_paddr |cpu, x| cpu.phys(x);
    entry pte_to_phys |cpu, x| cpu.phys(x);
    entry phys_to_pte |cpu, pa| cpu.encode(pa);
    entry swp_type |cpu, x| cpu.swap_type(x);
    entry swp_offset |cpu, x| cpu.swap_offset(x);
    entry phys_to_ttbr |cpu, pa| cpu.ttbr_of(pa);
    entry root_phys |cpu, ttbr| cpu.root_of(ttbr);
    entry untagged_addr |_, va| address::untagged(va);
    entry pte_mkwrite |cpu, x| cpu.mkwrite(x);
    entry pmd_mkwrite |cpu, x| cpu.mkwrite(x);
    entry pte_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pmd_wrprotect |cpu, x| cpu.wrprotect(x);
    entry pte_mkclean |_, x| makers::mkclean(x);
    entry pmd_mkclean |_, x| makers::mkclean(x);
    entry pte_mkdirty |_, x| makers::mkdirty(x);
    entry pmd_mkdirty |_, x| makers::mkdirty(x);
    entry pte_mkyoung |_, x| x | AF;
    entry pmd_mkyoung |_, x| x | AF;
    entry pud_mkyoung |_, x| x | AF;
    entry pte_mkold |_, x| x & !AF;
    entry pmd_mkold |_, x| x & !AF;
    entry pte_mkspecial |cpu, x| cpu.pte_mkspecial(x);
    entry pmd_mkspecial |cpu, x| cpu.pmd_mkspecial(x);
    entry pte_mkdevmap |cpu, x| cpu.mkdevmap(Level::Pte, x);
    entry pmd_mkdevmap |cpu, x| cpu.mkdevmap(Level::Pmd, x);
    entry pte_mkhuge |_, x| x & !TABLE;
    entry pmd_mkhuge |_, x| x & !TABLE;
    entry pud_mkhuge |_, x| x & !TABLE;
    entry pte_mkcont |cpu, x| cpu.pte_mkcont(x);
    entry pmd_mkcont |_, x| x | CONT;
    entry pte_mknoncont |_, x| x & !CONT;
    entry pte_mkpresent |_, x| x | VALID;
    entry pte_mkinvalid |cpu, x| cpu.pte_mkinvalid(x);
    entry pmd_mkinvalid |cpu, x| cpu.pmd_mkinvalid(x);
    entry pmd_mknotpresent |_, x| x & !VALID;
    entry pte_modify |cpu, x, prot| cpu.modify(x, prot);
    entry pmd_modify |cpu, x, prot| cpu.modify(x, prot);
    entry pfn_pte |cpu, pfn, prot| cpu.leaf_of(pfn, prot);
    entry pfn_pmd |cpu, pfn, prot| cpu.leaf_of(pfn, prot);
    entry pfn_pud |cpu, pfn, prot| cpu.leaf_of(pfn, prot);
    count PGDIR_SHIFT |cpu| cpu.shift(Level::Pgd);
    count P4D_SHIFT |cpu| cpu.shift(Level::P4d);
    count PUD_SHIFT |cpu| cpu.shift(Level::Pud);
    count PMD_SHIFT |cpu| cpu.shift(Level::Pmd);
    count PTRS_PER_PGD |cpu| cpu.entries(Level::Pgd);
    count PTRS_PER_P4D |cpu| cpu.entries(Level::P4d);
    count PTRS_PER_PUD |cpu| cpu.entries(Level::Pud);
    count PTRS_PER_PMD |cpu| cpu.entries(Level::Pmd);
    count PTRS_PER_PTE |cpu| cpu.entries(Level::Pte);
    count CONT_PTES |cpu| cpu.cont_ptes();
    count CONT_PMDS |cpu| cpu.cont_pmds();
    count TABLES_BIG_ENDIAN |cpu| u32::from(cpu.0.on(Extern::CPU_BIG_ENDIAN));
    count SHARED_ROOT |_| 0;
    address LOWER_HALF_END |cpu| cpu.lower_half_end();
    address UPPER_HALF_START |cpu| cpu.upper_half_start();
    address TASK_SIZE_MAX |cpu| cpu.lower_half_end();
}
