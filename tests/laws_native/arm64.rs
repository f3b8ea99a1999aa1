//! The host's laws on the arm64 helpers: what holds of every version and configuration, and what arm64 kernels break.

use std::collections::BTreeSet;

use ptwalk_abi::{Arch, Config, Extern, KVersion};
use ptwalk_arm64::{Arm64, IMPLEMENTED};
use ptwalk_verifier::laws::{self, Binding, Origin};

use super::Outcome;
use super::model::{self, Broken, Model};

const ARM64: Model = Model {
    name: "arm64",
    implemented: IMPLEMENTED,
    native: |config, helper, args| Arm64(*config).call(helper, args),
    entries: ENTRIES,
};

/// Entries of arm64 kernels, and protections without a frame.
const ENTRIES: [u64; 14] = [
    0x02e8_0004_4880_0f53,
    0x0460_0000_8000_0f92,
    0x0020_0000_8000_0f93,
    0x0060_0000_8000_0fd3,
    0x0068_0000_8000_0f53,
    0x0268_0000_c000_0f51,
    0x0000_0000_1234_5003,
    0x0200_0000_1234_5003,
    0x0060_0000_801f_f0d1,
    0x0068_8765_4321_f753,
    0x0400_0000_0000_0000,
    0x0460_0000_0000_0f92,
    0x0040_0000_0000_0800,
    0x0060_0000_0000_0413,
];

/// Versions on either side of each change in arm64's layout or helpers.
const VERSIONS: [(u8, u8); 17] = [
    (5, 2),
    (5, 3),
    (5, 4),
    (5, 6),
    (5, 7),
    (5, 8),
    (5, 10),
    (5, 15),
    (6, 1),
    (6, 6),
    (6, 8),
    (6, 9),
    (6, 10),
    (6, 12),
    (6, 14),
    (6, 17),
    (6, 19),
];

/// Granule, VA and PA bits as kernels can be built.
const GEOMETRIES: [(i32, i32, i32); 14] = [
    (12, 39, 48),
    (12, 48, 40),
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
    (16, 42, 52),
    (12, 48, 52),
];

fn matrix() -> Vec<Config> {
    let mut configs = Vec::new();
    for (a, b) in VERSIONS {
        for (page_shift, va_bits, pa_bits) in GEOMETRIES {
            for options in 0..8 {
                let config = Config::DEFAULT
                    .with(Extern::LINUX_VERSION_CODE, KVersion::new(a, b, 0).code())
                    .with(Extern::PAGE_SHIFT, page_shift)
                    .with(Extern::VA_BITS, va_bits)
                    .with(Extern::PA_BITS, pa_bits)
                    .with(Extern::TRANSPARENT_HUGEPAGE, options & 1)
                    .with(Extern::HUGETLB_PAGE, options >> 1 & 1)
                    .with(Extern::NUMA_BALANCING, options >> 2);
                configs.push(config);
            }
        }
    }
    // Options that are not part of the product: alone, with and without huge pages.
    for thp in [0, 1] {
        let base = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, thp);
        let v6_12 = base.with(Extern::LINUX_VERSION_CODE, KVersion::new(6, 12, 0).code());
        configs.extend([
            base.with(Extern::ARCH_HAS_PTE_DEVMAP, 0),
            base.with(Extern::ARCH_HAS_PTE_SPECIAL, 0),
            base.with(Extern::DEVMAP_SERIES, 31),
            base.with(Extern::ARM64_HW_AFDBM, 0),
            v6_12.with(Extern::POR_EL0, 0x0123_4567),
            v6_12.with(Extern::POR_EL0, 0),
        ]);
    }
    configs
}

#[test]
fn arm64_keeps_every_law() -> Outcome {
    let all = matrix();
    let part: Vec<Config> = all.iter().copied().step_by(29).collect();
    for key in Extern::ALL {
        let values = |configs: &[Config]| configs.iter().map(|config| config.value(*key)).collect::<BTreeSet<i32>>();
        let rare = [Extern::ARCH_HAS_PTE_DEVMAP, Extern::ARCH_HAS_PTE_SPECIAL, Extern::DEVMAP_SERIES];
        let rare = rare.contains(key) || [Extern::ARM64_HW_AFDBM, Extern::POR_EL0].contains(key);
        assert!(rare || values(&part) == values(&all), "the part has not every value of {key}");
    }
    model::keeps_every_law(&ARM64, &all, &part, &[])
}

const BROKEN: [Broken; 13] = [
    Broken {
        law: "wrprotect_keeps_dirty.pte",
        bare: "forall x: u64. pte_dirty(x) => pte_dirty(pte_wrprotect(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[1 << 51],
    },
    Broken {
        law: "wrprotect_keeps_software_dirty",
        bare: "forall x: u64. pte_dirty(x) => pte_dirty(pte_wrprotect(x))",
        version: (5, 8),
        setting: None,
        counterexample: &[1 << 51],
    },
    Broken {
        law: "mkwrite_keeps_clean.pte",
        bare: "forall x: u64. !pte_dirty(pte_mkwrite(pte_mkclean(x)))",
        version: (6, 14),
        setting: None,
        counterexample: &[0],
    },
    Broken {
        law: "mkdevmap_makes_special",
        bare: "forall x: u64. pte_special(pte_mkdevmap(x))",
        version: (5, 3),
        setting: Some((Extern::DEVMAP_SERIES, 31)),
        counterexample: &[0x00e8_0004_4880_0f53],
    },
    Broken {
        law: "devmap_is_not_trans_huge",
        bare: "forall x: u64. pmd_devmap(x) => !pmd_trans_huge(x)",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0268_0000_c000_0f51],
    },
    Broken {
        law: "devmap_leaf_is_huge",
        bare: "forall x: u64. pmd_devmap(x) => pmd_huge(x)",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0200_0000_1234_5003],
    },
    Broken {
        law: "mkinvalid_keeps_present",
        bare: "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0060_0000_8000_0fd1],
    },
    Broken {
        law: "mkhuge_makes_trans_huge",
        bare: "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[2],
    },
    Broken {
        law: "mkhuge_makes_leaf",
        bare: "forall x: u64. pmd_leaf(pmd_mkhuge(x))",
        version: (5, 15),
        setting: None,
        counterexample: &[0],
    },
    Broken {
        law: "mkhuge_makes_present_leaf",
        bare: "forall x: u64 where pmd_present(x). pmd_leaf(pmd_mkhuge(x))",
        version: (5, 10),
        setting: None,
        counterexample: &[0x0460_0000_8000_0f92],
    },
    Broken {
        law: "wrprotect_dirties_nothing.pte",
        bare: "forall x: u64. !pte_dirty(pte_wrprotect(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[1 << 55],
    },
    Broken {
        law: "access_is_read_and_write.pte",
        bare: "forall x: u64. pte_access_permitted(x, 1) <=> pte_access_permitted(x, 0) && pte_write(x)",
        version: (6, 12),
        setting: Some((Extern::POR_EL0, 0x0123_4567)),
        counterexample: &[0x4008_0000_0000_0041],
    },
    Broken {
        law: "pfn_range.pte",
        bare: "forall x: u64. pte_pfn(x) < 1 << (PA_BITS - PAGE_SHIFT)",
        version: (6, 9),
        setting: None,
        counterexample: &[1 << 49],
    },
];

#[test]
fn what_arm64_kernels_break_is_broken_only_without_the_precondition() -> Outcome {
    model::broken_only_without_the_precondition(&ARM64, &BROKEN)
}

/// Bits of an arm64 entry whose loss or invention by any maker some law must notice: type, user, access flag, the
/// frame, and the software bits. Bit 7 is the makers' own way to say clean.
const MEANINGFUL: [u32; 16] = [0, 1, 6, 10, 21, 30, 39, 46, 47, 51, 52, 54, 55, 56, 57, 58];

/// What makers do to bits that are theirs, or that they may touch in v5.3: `mkcont` of a pte sets the type, and so on.
fn may_touch(maker: &str, bit: u32) -> bool {
    match bit {
        0 => matches!(maker, "pte_mkcont" | "pmd_mkcont"),
        1 => maker.ends_with("_mkhuge") || maker.starts_with("pte_"),
        // Special means nothing in a pmd before v6.12.
        56 => maker.starts_with("pmd_"),
        // What mkcont has made valid is present whatever bit 58 says.
        58 => maker == "pte_mkcont",
        _ => false,
    }
}

#[test]
fn an_arm64_maker_that_sets_or_clears_a_bit_too_many_is_refuted() -> Outcome {
    let makers =
        ["mkwrite", "wrprotect", "mkclean", "mkdirty", "mkyoung", "mkold", "mkspecial", "mkdevmap", "mkhuge", "mkcont"];
    model::refutes_every_mutant(&ARM64, &makers, &MEANINGFUL, may_touch)
}

#[test]
fn the_first_devmap_series_is_refuted_without_huge_pages_and_the_second_is_not() -> Outcome {
    let (host, exports) = (laws::host_laws()?, ARM64.exports());
    let law = host.iter().find(|law| law.id == "no_huge_devmap.pmd").ok_or("no law")?;
    assert_eq!(law.origin, Origin::Host);
    for (page_shift, va_bits) in [(16, 42), (12, 39), (12, 48)] {
        for (series, refuted) in [(30, true), (31, false), (0, false)] {
            let config = Config::DEFAULT
                .with(Extern::PAGE_SHIFT, page_shift)
                .with(Extern::VA_BITS, va_bits)
                .with(Extern::TRANSPARENT_HUGEPAGE, 0)
                .with(Extern::DEVMAP_SERIES, series);
            let Binding::Applicable(bound) = laws::bind(law, &config, &exports) else { return Err("not bound".into()) };
            let verdict = bound.evaluate(&[1 << 57], |helper, args| ARM64.call(&config, helper, args));
            assert_eq!(verdict.refutes(), refuted, "series {series}, {page_shift}/{va_bits}");
        }
    }
    Ok(())
}
