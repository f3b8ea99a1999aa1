//! The laws of the page-table API on the native plugin: what mm/debug_vm_pgtable.c spot-checks (A) and what follows
//! from the rules (D), on every word of at most two bits, their complements and random ones, for a matrix of
//! configurations. Where a kernel version breaks a law, the counterexample is pinned.

use ptwalk_abi::{Arch, Config, Extern, KVersion, Kconfig, Level};
use ptwalk_arm64::Arm64;

type Cpu = Arm64<Config>;
type Maker = (&'static str, fn(&Cpu, u64) -> u64);

const WRITE: u64 = 1 << 51;
const DIRTY: u64 = 1 << 55;
const DEVMAP: u64 = 1 << 57;

fn at(version: (u8, u8)) -> Config {
    Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code())
}

/// Kernel versions on both sides of every threshold, and the series before its merge.
fn kernels() -> Vec<Config> {
    let versions = [
        (5, 2),
        (5, 3),
        (5, 4),
        (5, 7),
        (5, 8),
        (5, 10),
        (5, 15),
        (5, 18),
        (5, 19),
        (6, 6),
        (6, 7),
        (6, 8),
        (6, 9),
        (6, 10),
        (6, 11),
        (6, 12),
        (6, 13),
        (6, 14),
        (6, 15),
        (6, 16),
        (6, 17),
        (6, 18),
        (6, 19),
    ];
    let series = [30, 31].map(|series| at((5, 2)).with(Extern::DEVMAP_SERIES, series));
    versions.into_iter().map(at).chain(series).collect()
}

/// Granule, VA size, PA size.
const GEOMETRIES: [(i32, i32, i32); 11] = [
    (12, 39, 48),
    (12, 48, 48),
    (12, 52, 52),
    (14, 36, 48),
    (14, 47, 48),
    (14, 48, 48),
    (14, 52, 52),
    (16, 42, 48),
    (16, 48, 48),
    (16, 48, 52),
    (16, 52, 52),
];

/// Every kernel, also with every option off in turn, and every geometry on both sides of the change of the address mask.
fn matrix() -> Vec<Config> {
    let mut configs = kernels();
    for kernel in kernels() {
        for option in [
            Extern::TRANSPARENT_HUGEPAGE,
            Extern::HUGETLB_PAGE,
            Extern::NUMA_BALANCING,
            Extern::ARCH_HAS_PTE_DEVMAP,
            Extern::ARCH_HAS_PTE_SPECIAL,
        ] {
            configs.push(kernel.with(option, 0));
        }
    }
    for kernel in [(5, 3), (6, 8), (6, 9), (6, 19)] {
        for (page_shift, va_bits, pa_bits) in GEOMETRIES {
            let granule = at(kernel).with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
            configs.push(granule.with(Extern::PA_BITS, pa_bits));
        }
    }
    configs
}

fn describe(config: &Config) -> String {
    let set = Extern::ALL.iter().filter(|key| config.get(**key) != key.default());
    let text = |key: &Extern| match key {
        Extern::LINUX_VERSION_CODE => format!("v{}", KVersion::from_code(config.get(*key))),
        key => format!("{key}={}", config.get(*key)),
    };
    set.map(text).collect::<Vec<_>>().join(",")
}

/// Words of no, one and two bits, their complements, and random ones (xorshift64, Marsaglia 2003).
fn words() -> Vec<u64> {
    let mut words = vec![0, u64::MAX];
    for i in 0..64 {
        for j in i..64 {
            let word = 1u64 << i | 1u64 << j;
            words.extend([word, !word]);
        }
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..1000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.push(state);
    }
    words
}

const PTE_MAKERS: [Maker; 12] = [
    ("pte_mkwrite", |a, x| a.pte_mkwrite(x)),
    ("pte_wrprotect", |a, x| a.pte_wrprotect(x)),
    ("pte_mkclean", |a, x| a.pte_mkclean(x)),
    ("pte_mkdirty", |a, x| a.pte_mkdirty(x)),
    ("pte_mkyoung", |a, x| a.pte_mkyoung(x)),
    ("pte_mkold", |a, x| a.pte_mkold(x)),
    ("pte_mkspecial", |a, x| a.pte_mkspecial(x)),
    ("pte_mkhuge", |a, x| a.pte_mkhuge(x)),
    ("pte_mkcont", |a, x| a.pte_mkcont(x)),
    ("pte_mknoncont", |a, x| a.pte_mknoncont(x)),
    ("pte_mkpresent", |a, x| a.pte_mkpresent(x)),
    ("pte_mkinvalid", |a, x| a.pte_mkinvalid(x)),
];

const PMD_MAKERS: [Maker; 11] = [
    ("pmd_mkwrite", |a, x| a.pmd_mkwrite(x)),
    ("pmd_wrprotect", |a, x| a.pmd_wrprotect(x)),
    ("pmd_mkclean", |a, x| a.pmd_mkclean(x)),
    ("pmd_mkdirty", |a, x| a.pmd_mkdirty(x)),
    ("pmd_mkyoung", |a, x| a.pmd_mkyoung(x)),
    ("pmd_mkold", |a, x| a.pmd_mkold(x)),
    ("pmd_mkspecial", |a, x| a.pmd_mkspecial(x)),
    ("pmd_mkhuge", |a, x| a.pmd_mkhuge(x)),
    ("pmd_mkcont", |a, x| a.pmd_mkcont(x)),
    ("pmd_mkinvalid", |a, x| a.pmd_mkinvalid(x)),
    ("pmd_mknotpresent", |a, x| a.pmd_mknotpresent(x)),
];

const PUD_MAKERS: [Maker; 2] = [("pud_mkyoung", |a, x| a.pud_mkyoung(x)), ("pud_mkhuge", |a, x| a.pud_mkhuge(x))];

/// A law: its name, the configurations in which it holds, and whether it holds of a word.
struct Law {
    name: &'static str,
    applies: fn(&Config) -> bool,
    holds: fn(&Cpu, u64) -> bool,
}

const fn law(name: &'static str, applies: fn(&Config) -> bool, holds: fn(&Cpu, u64) -> bool) -> Law {
    Law { name, applies, holds }
}

fn always(_: &Config) -> bool {
    true
}

fn in_series(config: &Config) -> bool {
    config.on(Extern::DEVMAP_SERIES)
}

/// The modelled kernel has the devmap bit.
fn has_devmap(config: &Config) -> bool {
    let released = config.since(5, 3) && !config.since(6, 17);
    config.on(Extern::ARCH_HAS_PTE_DEVMAP) && (released || in_series(config))
}

fn has_pmd_devmap(config: &Config) -> bool {
    let unguarded = config.get(Extern::DEVMAP_SERIES) == 30;
    has_devmap(config) && (config.on(Extern::TRANSPARENT_HUGEPAGE) || unguarded)
}

fn has_special(config: &Config) -> bool {
    config.on(Extern::ARCH_HAS_PTE_SPECIAL)
}

fn frames_are_kept(makers: &[Maker], pfn: fn(&Cpu, u64) -> u64, cpu: &Cpu, x: u64) -> bool {
    makers.iter().all(|(_, make)| pfn(cpu, make(cpu, x)) == pfn(cpu, x))
}

fn making_again_changes_nothing(makers: &[Maker], cpu: &Cpu, x: u64) -> bool {
    makers.iter().all(|(_, make)| make(cpu, make(cpu, x)) == make(cpu, x))
}

fn devmap_is_kept(makers: &[Maker], devmap: fn(&Cpu, u64) -> bool, cpu: &Cpu, x: u64) -> bool {
    makers.iter().all(|(_, make)| devmap(cpu, make(cpu, x)) == devmap(cpu, x))
}

const PTE_LAWS: &[Law] = &[
    law("A1 pte", always, |a, x| a.pte_young(a.pte_mkyoung(a.pte_mkold(x)))),
    law("A2 pte", always, |a, x| !a.pte_young(a.pte_mkold(a.pte_mkyoung(x)))),
    law("A3 pte", always, |a, x| a.pte_dirty(a.pte_mkdirty(a.pte_mkclean(x)))),
    law("A4 pte", always, |a, x| !a.pte_dirty(a.pte_mkclean(a.pte_mkdirty(x)))),
    law("A5 pte", always, |a, x| a.pte_write(a.pte_mkwrite(a.pte_wrprotect(x)))),
    law("A6 pte", always, |a, x| !a.pte_write(a.pte_wrprotect(a.pte_mkwrite(x)))),
    law("A7 pte", always, |a, x| !a.pte_dirty(a.pte_wrprotect(a.pte_mkclean(x)))),
    law("A8 pte", always, |a, x| a.pte_dirty(a.pte_wrprotect(a.pte_mkdirty(x)))),
    law("A9 pte to v5.9", |c| !c.since(5, 10), |a, x| x & DIRTY != 0 || !a.pte_dirty(a.pte_wrprotect(x))),
    law("A9 pte", always, |a, x| a.pte_dirty(x) || !a.pte_dirty(a.pte_wrprotect(x))),
    law("A10 pte", always, |a, x| a.pte_same(x, x)),
    law("A11", has_special, |a, x| a.pte_special(a.pte_mkspecial(x))),
    law("A12", has_devmap, |a, x| a.pte_devmap(a.pte_mkdevmap(x))),
    law("A26.1 pte", always, |a, x| a.pte_dirty(a.pte_mkwrite(a.pte_mkdirty(x)))),
    law("A26.2 pte", always, |a, x| a.pte_write(a.pte_mkdirty(a.pte_mkwrite(x)))),
    law("A26.3 pte", |c| c.since(6, 18), |a, x| !a.pte_dirty(a.pte_mkwrite(a.pte_mkclean(x)))),
    law("D1 pte", always, |a, x| !a.pte_write(a.pte_wrprotect(x))),
    law("D2 pte", |c| c.since(5, 10), |a, x| !a.pte_dirty(x) || a.pte_dirty(a.pte_wrprotect(x))),
    law("D3", |c| has_devmap(c) && has_special(c) && !in_series(c), |a, x| a.pte_special(a.pte_mkdevmap(x))),
    law("D4 pte", always, |a, x| a.pte_present(a.pte_mkdevmap(x)) == a.pte_present(x)),
    law("D5 pte", always, |a, x| frames_are_kept(&PTE_MAKERS, |a, x| a.pte_pfn(x), a, x)),
    law("D5 pte_mkdevmap", always, |a, x| a.pte_pfn(a.pte_mkdevmap(x)) == a.pte_pfn(x)),
    law("D8 pte", always, |a, x| making_again_changes_nothing(&PTE_MAKERS, a, x)),
    law("D8 pte_mkdevmap", always, |a, x| a.pte_mkdevmap(a.pte_mkdevmap(x)) == a.pte_mkdevmap(x)),
    law("D9 pte", always, |a, x| devmap_is_kept(&PTE_MAKERS, |a, x| a.pte_devmap(x), a, x)),
    law("D10 pte", always, |a, x| !(a.pte_none(x) && a.pte_present(x))),
    law("D11 pte", always, |a, x| !a.pte_protnone(x) || (a.pte_present(x) && !a.pte_access_permitted(x, false))),
    law("D12 pte read", always, |a, x| !a.pte_access_permitted(x, false) || a.pte_present(x)),
    law("D12 pte write", always, |a, x| {
        a.pte_access_permitted(x, true) == (a.pte_access_permitted(x, false) && a.pte_write(x))
    }),
];

const HUGE_LAWS: &[Law] = &[
    law("A1 pmd", always, |a, x| a.pmd_young(a.pmd_mkyoung(a.pmd_mkold(x)))),
    law("A2 pmd", always, |a, x| !a.pmd_young(a.pmd_mkold(a.pmd_mkyoung(x)))),
    law("A3 pmd", always, |a, x| a.pmd_dirty(a.pmd_mkdirty(a.pmd_mkclean(x)))),
    law("A4 pmd", always, |a, x| !a.pmd_dirty(a.pmd_mkclean(a.pmd_mkdirty(x)))),
    law("A5 pmd", always, |a, x| a.pmd_write(a.pmd_mkwrite(a.pmd_wrprotect(x)))),
    law("A6 pmd", always, |a, x| !a.pmd_write(a.pmd_wrprotect(a.pmd_mkwrite(x)))),
    law("A7 pmd", always, |a, x| !a.pmd_dirty(a.pmd_wrprotect(a.pmd_mkclean(x)))),
    law("A8 pmd", always, |a, x| a.pmd_dirty(a.pmd_wrprotect(a.pmd_mkdirty(x)))),
    law("A9 pmd", always, |a, x| a.pmd_dirty(x) || !a.pmd_dirty(a.pmd_wrprotect(x))),
    law("A10 pmd", always, |a, x| a.pmd_same(x, x)),
    law("A13", has_pmd_devmap, |a, x| a.pmd_devmap(a.pmd_mkdevmap(x))),
    law(
        "A16",
        |c| c.on(Extern::TRANSPARENT_HUGEPAGE),
        |a, x| {
            let huge = a.pmd_mkhuge(x);
            huge == 0 || !a.pmd_present(x) || a.pmd_trans_huge(huge)
        },
    ),
    law("A17", always, |a, x| a.pmd_bad(a.pmd_mkhuge(x))),
    law(
        "A19",
        |c| c.since(5, 10) && c.on(Extern::TRANSPARENT_HUGEPAGE),
        |a, x| {
            let invalid = a.pmd_mkinvalid(a.pmd_mkhuge(x));
            a.pmd_present(invalid) && a.pmd_trans_huge(invalid) && (!a.0.since(5, 15) || a.pmd_leaf(invalid))
        },
    ),
    law("A20 pmd", |c| !leaf_misses_protnone(c), |a, x| !a.pmd_present(x) || a.pmd_leaf(a.pmd_mkhuge(x))),
    law("A26.1 pmd", always, |a, x| a.pmd_dirty(a.pmd_mkwrite(a.pmd_mkdirty(x)))),
    law("A26.2 pmd", always, |a, x| a.pmd_write(a.pmd_mkdirty(a.pmd_mkwrite(x)))),
    law("A26.3 pmd", |c| c.since(6, 18), |a, x| !a.pmd_dirty(a.pmd_mkwrite(a.pmd_mkclean(x)))),
    law("D1 pmd", always, |a, x| !a.pmd_write(a.pmd_wrprotect(x))),
    law("D2 pmd", |c| c.since(5, 10), |a, x| !a.pmd_dirty(x) || a.pmd_dirty(a.pmd_wrprotect(x))),
    law("D4 pmd", always, |a, x| a.pmd_present(a.pmd_mkdevmap(x)) == a.pmd_present(x)),
    law("D5 pmd", always, |a, x| frames_are_kept(&PMD_MAKERS, |a, x| a.pmd_pfn(x), a, x)),
    law("D5 pmd_mkdevmap", always, |a, x| a.pmd_pfn(a.pmd_mkdevmap(x)) == a.pmd_pfn(x)),
    law("D6 pmd", always, |a, x| a.pmd_pfn(a.pmd_mkhuge(x)) == a.pmd_pfn(x)),
    law("D6 pud", always, |a, x| frames_are_kept(&PUD_MAKERS, |a, x| a.pud_pfn(x), a, x)),
    law("D7", always, |a, x| a.pmd_pfn(a.pmd_mknotpresent(x)) == a.pmd_pfn(x)),
    law("D8 pmd", always, |a, x| making_again_changes_nothing(&PMD_MAKERS, a, x)),
    law("D8 pmd_mkdevmap", always, |a, x| a.pmd_mkdevmap(a.pmd_mkdevmap(x)) == a.pmd_mkdevmap(x)),
    law("D8 pud", always, |a, x| making_again_changes_nothing(&PUD_MAKERS, a, x)),
    law("D9 pmd", always, |a, x| devmap_is_kept(&PMD_MAKERS, |a, x| a.pmd_devmap(x), a, x)),
    law("D10 pmd", always, |a, x| !(a.pmd_none(x) && a.pmd_present(x))),
    law("D10 pud", always, |a, x| !(a.pud_none(x) && a.pud_present(x))),
    law("D10 p4d", always, |a, x| !(a.p4d_none(x) && a.p4d_present(x))),
    law("D10 pgd", always, |a, x| !(a.pgd_none(x) && a.pgd_present(x))),
    law("D11 pmd", always, |a, x| !a.pmd_protnone(x) || (a.pmd_present(x) && !a.pmd_access_permitted(x, false))),
    law("D12 pmd read", always, |a, x| !a.pmd_access_permitted(x, false) || a.pmd_present(x)),
    law("D12 pmd write", always, |a, x| {
        a.pmd_access_permitted(x, true) == (a.pmd_access_permitted(x, false) && a.pmd_write(x))
    }),
    law("D12 pud write", always, |a, x| {
        a.pud_access_permitted(x, true) == (a.pud_access_permitted(x, false) && a.pud_write(x))
    }),
    law("D15", |c| c.on(Extern::HUGETLB_PAGE), |a, x| !(a.pmd_present(x) && a.pmd_trans_huge(x)) || a.pmd_huge(x)),
    law("D17", without_thp, |a, x| {
        !a.pmd_devmap(x) && !a.pud_devmap(x) && !a.pgd_devmap(x) && !a.pmd_trans_huge(x) && !a.pud_trans_huge(x)
    }),
    law("D17 pte_devmap", without_thp, |a, x| {
        a.pte_devmap(x) == Arm64(a.0.with(Extern::TRANSPARENT_HUGEPAGE, 1)).pte_devmap(x)
    }),
];

/// Huge pages are off; v3 of the series has a `pmd_devmap` all the same.
fn without_thp(config: &Config) -> bool {
    !config.on(Extern::TRANSPARENT_HUGEPAGE) && config.get(Extern::DEVMAP_SERIES) != 30
}

/// `pmd_leaf` of v5.7 to v5.14 is the block type alone.
fn leaf_misses_protnone(config: &Config) -> bool {
    config.since(5, 7) && !config.since(5, 15)
}

fn named(name: &str) -> &'static Law {
    let mut laws = PTE_LAWS.iter().chain(HUGE_LAWS);
    laws.find(|law| law.name == name).expect("a law of that name")
}

#[test]
fn the_laws_hold_wherever_they_apply() {
    let words = words();
    for config in matrix() {
        let cpu = Arm64(config);
        for law in PTE_LAWS.iter().chain(HUGE_LAWS).filter(|law| (law.applies)(&config)) {
            let broken = words.iter().find(|x| !(law.holds)(&cpu, **x));
            assert_eq!(broken, None, "{} under {}", law.name, describe(&config));
        }
    }
}

#[test]
fn every_law_applies_somewhere() {
    let matrix = matrix();
    for law in PTE_LAWS.iter().chain(HUGE_LAWS) {
        assert!(matrix.iter().any(law.applies), "{}", law.name);
    }
}

/// Laws that a kernel version breaks: the first version in which each holds, and a counterexample for those before.
#[test]
fn broken_laws_have_their_counterexample() {
    for (name, cex, holds_from) in [
        ("D2 pte", WRITE, Some((5, 10))),
        ("D2 pmd", WRITE, Some((5, 10))),
        ("A26.3 pte", 0, Some((6, 18))),
        ("A26.3 pmd", 0, Some((6, 18))),
    ] {
        for kernel in kernels() {
            let holds = (named(name).holds)(&Arm64(kernel), cex);
            assert_eq!(holds, holds_from.is_some_and(|(a, b)| kernel.since(a, b)), "{name} {}", describe(&kernel));
        }
    }
    for series in [30, 31] {
        let cpu = Arm64(at((5, 2)).with(Extern::DEVMAP_SERIES, series));
        assert!(!(named("D3").holds)(&cpu, 0), "series {series}");
    }
    for version in [(5, 7), (5, 10), (5, 14)] {
        assert!(!(named("A20 pmd").holds)(&Arm64(at(version)), 1 << 58), "{version:?}");
    }
    assert!(!(named("A19").holds)(&Arm64(at((5, 9))), 1), "before v5.10 nothing keeps an invalidated pmd present");
    let v3 = at((5, 2)).with(Extern::DEVMAP_SERIES, 30).with(Extern::TRANSPARENT_HUGEPAGE, 0);
    assert!(!(named("D17").holds)(&Arm64(v3), DEVMAP));
}

/// D13 (`pmd_devmap` excludes `pmd_trans_huge`) and D14 (`pmd_devmap` implies `pmd_huge`) fail as long as there is a
/// devmap bit: on a devmap block and on a table descriptor with the bit.
#[test]
fn devmap_excludes_no_huge_page_and_asks_for_none() {
    for kernel in kernels() {
        let cpu = Arm64(kernel);
        let (block, table) = (DEVMAP | 0b01, DEVMAP | 0b11);
        assert_eq!(
            cpu.pmd_devmap(block) && cpu.pmd_trans_huge(block),
            has_pmd_devmap(&kernel),
            "{}",
            describe(&kernel)
        );
        assert_eq!(cpu.pmd_devmap(table) && !cpu.pmd_huge(table), has_pmd_devmap(&kernel), "{}", describe(&kernel));
    }
}

/// D16: addresses survive the entry, and address bits survive the address.
#[test]
fn addresses_round_trip_in_their_domains() {
    for config in matrix() {
        let cpu = Arm64(config);
        let page = u64::MAX << config.get(Extern::PAGE_SHIFT);
        let addresses = page & if config.get(Extern::PA_BITS) > 48 { (1 << 52) - 1 } else { (1 << 48) - 1 };
        let domain = cpu.phys_to_pte(addresses);
        // From v6.9 on the kernel writes PA[49:48] of a 64K entry twice; see the counterexample below.
        let doubled = config.get(Extern::PAGE_SHIFT) == 16 && config.get(Extern::PA_BITS) > 48 && config.since(6, 9);
        for x in words() {
            assert_eq!(cpu.pte_to_phys(cpu.phys_to_pte(x & addresses)), x & addresses, "{}", describe(&config));
            if !doubled {
                assert_eq!(cpu.phys_to_pte(cpu.pte_to_phys(x & domain)), x & domain, "{}", describe(&config));
            }
        }
    }
}

#[test]
fn a_64k_entry_of_v6_9_comes_back_with_more_bits() {
    let config = at((6, 9)).with(Extern::PAGE_SHIFT, 16).with(Extern::PA_BITS, 52);
    let cpu = Arm64(config);
    assert_eq!(cpu.phys_to_pte(cpu.pte_to_phys(1 << 12)), 1 << 12 | 1 << 48);
    let cpu = Arm64(config.with(Extern::LINUX_VERSION_CODE, KVersion::new(6, 8, 0).code()));
    assert_eq!(cpu.phys_to_pte(cpu.pte_to_phys(1 << 12)), 1 << 12);
}

/// A root's address survives the register, whatever ASID and CnP stand beside it.
#[test]
fn roots_round_trip() {
    for (page_shift, va_bits, pa_bits) in GEOMETRIES {
        let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
        let cpu = Arm64(config.with(Extern::PA_BITS, pa_bits));
        let roots = ((1 << pa_bits) - 1) & !63;
        for x in words() {
            let ttbr = cpu.phys_to_ttbr(x & roots);
            assert_eq!(cpu.root_phys(ttbr | x & 0xffff << 48 | x & 1), x & roots, "{page_shift}/{va_bits}/{pa_bits}");
        }
    }
}

/// The address that a table descriptor and a page descriptor hold is the same, and a pfn is that of a leaf's first byte.
#[test]
fn frames_are_addresses_in_units_of_the_granule() {
    for config in matrix() {
        let (cpu, page_shift) = (Arm64(config), config.get(Extern::PAGE_SHIFT).unsigned_abs());
        for x in words() {
            let pa = cpu.pte_to_phys(x);
            assert_eq!(pa, cpu.pte_pfn(x) << page_shift);
            for same in [cpu.pmd_page(x), cpu.pud_page(x), cpu.pgd_page(x)] {
                assert_eq!(same, cpu.pte_pfn(x));
            }
            for same in [cpu.pmd_page_paddr(x), cpu.pud_page_paddr(x), cpu.p4d_page_paddr(x), cpu.pgd_page_paddr(x)] {
                assert_eq!(same, pa);
            }
            assert_eq!(cpu.pmd_pfn(x) << page_shift, pa >> cpu.PMD_SHIFT() << cpu.PMD_SHIFT());
            assert_eq!(cpu.pud_pfn(x) << page_shift, pa >> cpu.PUD_SHIFT() << cpu.PUD_SHIFT());
        }
    }
}

/// Nothing is permitted through an invalid entry, nor through the type that is reserved at the lowest level.
#[test]
fn the_mmu_permits_nothing_through_what_it_does_not_use() {
    for config in matrix() {
        let cpu = Arm64(config);
        for x in words() {
            for (level, perms) in [(Level::Pte, cpu.pte_mmu_perms(x)), (Level::Pmd, cpu.pmd_mmu_perms(x))] {
                assert!(perms <= 0x3f && (x & 1 != 0 || perms == 0), "{level} {x:#x}");
            }
            assert_eq!(cpu.pte_mmu_perms(x & !0b10), 0);
        }
    }
}
