//! Entries as the kernel builds them that are no leaves: pointers to tables, and swap entries.

use ptwalk_abi::{Arch, Config, Extern, KVersion, MmuPerms};
use ptwalk_ppc::Ppc;

fn cpus() -> impl Iterator<Item = (Ppc<Config>, u64, u64)> {
    let mmus = [(12, 1), (16, 1), (12, 0), (16, 0)];
    let versions = [(5, 3), (5, 10), (6, 6), (6, 14), (6, 17)];
    mmus.into_iter().flat_map(move |(page_shift, radix)| {
        versions.into_iter().map(move |(a, b)| {
            let config = Config::DEFAULT
                .with(Extern::PAGE_SHIFT, page_shift)
                .with(Extern::PPC_RADIX_MMU, radix)
                .with(Extern::LINUX_VERSION_CODE, KVersion::new(a, b, 0).code());
            // What a pointer to a table of ptes, and to one of pmds, has besides the address ({PMD,PUD}_VAL_BITS).
            let size_bits = |entries: u32| if radix == 1 { u64::from(entries.ilog2()) } else { 0 };
            let cpu = Ppc(config);
            (cpu, 1 << 63 | size_bits(cpu.PTRS_PER_PTE()), 1 << 63 | size_bits(cpu.PTRS_PER_PMD()))
        })
    })
}

/// Row A21: what the kernel puts in place of an empty entry is a table, and not bad. Radix aligns tables of ptes to the 256
/// bytes of a fragment; hash to the size of the table with what lies behind it.
#[test]
fn a_pointer_to_a_table_is_present_and_neither_bad_nor_a_leaf() {
    let mut checked = 0;
    for (cpu, pmd_bits, pud_bits) in cpus() {
        let radix = cpu.0.value(Extern::PPC_RADIX_MMU) == 1;
        for address in [0x1e2_8800u64, 0x1_2345_6700, 0xc00 << 8, 0x7_ffff_ffff_c000] {
            let pmd = (if radix { address } else { address & !0xfff }) | pmd_bits;
            let pud = (if radix { address } else { address & !0x3fff }) | pud_bits;
            assert!(cpu.pmd_present(pmd) && !cpu.pmd_bad(pmd) && !cpu.pmd_leaf(pmd) && !cpu.pmd_trans_huge(pmd));
            assert!(cpu.pud_present(pud) && !cpu.pud_bad(pud) && !cpu.pud_leaf(pud) && !cpu.is_hugepd(pud));
            // Bits 10 and 11 are address here, whatever they are in a leaf.
            assert!(!cpu.pmd_devmap(pmd) && !cpu.pud_devmap(pud) && !cpu.pmd_huge(pmd) && !cpu.pud_huge(pud));
            assert_eq!(cpu.pmd_page_paddr(pmd), pmd & !(pmd_bits | 0xff));
            assert_eq!(cpu.pud_page_paddr(pud), pud & !(pud_bits | 0xff));
            checked += 1;
        }
    }
    assert_eq!(checked, 4 * 5 * 4);
}

/// The walk follows what `mmu_perms` grants anything to, bad or not (x86_64 needs that): so a table permits everything, and
/// what is none permits nothing.
#[test]
fn only_a_table_or_a_leaf_permits_anything() {
    for (cpu, pmd_bits, pud_bits) in cpus() {
        let all = MmuPerms::ALL.bits();
        let (pmd, pud) = (0x1_2345_4000 | pmd_bits, 0x1_2345_4000 | pud_bits);
        assert_eq!((cpu.pmd_mmu_perms(pmd), cpu.pud_mmu_perms(pud)), (all, all));
        // What radix reserves, lowest and highest; with hash, what the smallest table is aligned to.
        let highest = if cpu.0.value(Extern::PPC_RADIX_MMU) == 1 { 1 << 61 } else { 1 << 9 };
        for reserved in [1 << 5, 1 << 7, highest] {
            let (pmd, pud) = (pmd | reserved, pud | reserved);
            assert!(cpu.pmd_bad(pmd) && cpu.pud_bad(pud));
            assert_eq!((cpu.pmd_mmu_perms(pmd), cpu.pud_mmu_perms(pud)), (0, 0));
        }
        assert_eq!((cpu.pmd_mmu_perms(pmd ^ 1 << 63), cpu.pud_mmu_perms(pud ^ 1 << 63)), (0, 0));
    }
}

/// A directory of huge pages (hash with 4K) is no table at any level, the top included, where nothing but 0 is bad.
#[test]
fn a_directory_of_huge_pages_permits_nothing() {
    let hash_4k = Config::DEFAULT.with(Extern::PAGE_SHIFT, 12).with(Extern::PPC_RADIX_MMU, 0);
    let directory = 1 << 63 | 0x1_2345_0000 | 15 << 2;
    for (version, folded) in [((5, 3), false), ((6, 6), true)] {
        let cpu = Ppc(hash_4k.with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code()));
        assert!(cpu.is_hugepd(directory));
        let top = if folded { cpu.p4d_mmu_perms(directory) } else { cpu.pgd_mmu_perms(directory) };
        assert_eq!([cpu.pmd_mmu_perms(directory), cpu.pud_mmu_perms(directory), top], [0; 3]);
    }
}

/// Row A23: type and offset come out of a swap entry as they went in, and it is neither present nor empty.
#[test]
fn swap_entries_round_trip() {
    for (cpu, ..) in cpus() {
        let page_shift = cpu.0.value(Extern::PAGE_SHIFT);
        for swap_type in [0, 1, 31] {
            for offset in [0, 1, 0x1234_5678, (1 << (53 - page_shift)) - 1] {
                let entry = 1 << 62 | offset << page_shift | swap_type;
                assert_eq!((cpu.swp_type(entry), cpu.swp_offset(entry)), (swap_type, offset));
                assert!(!cpu.pte_present(entry) && !cpu.pte_none(entry) && !cpu.pmd_present(entry));
            }
        }
    }
}
