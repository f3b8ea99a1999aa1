//! The configurations that kernels of each architecture can have: what `--all-configs` verifies a plugin under.
//!
//! In: nothing. Out: [`MACHINES`]. Guaranteed: every option has the value of `Config::DEFAULT` among its values. Not
//! handled: which of the configurations a plugin supports, which its geometry tells.

use ptwalk_abi::Extern;

/// The configurations of an architecture's kernels, as a product.
#[derive(Debug)]
pub struct Machine {
    /// Name of the architecture.
    pub name: &'static str,
    /// Externs that only kernels of this architecture have, by which a plugin says that it is for it.
    pub own: &'static [Extern],
    /// `PAGE_SHIFT`, `VA_BITS`, `PA_BITS` as kernels can be built.
    pub shapes: &'static [(i32, i32, i32)],
    /// Kernel versions: the first of each epoch in which helpers differ from those before.
    pub versions: &'static [(u8, u8)],
    /// Options, each with its values; a value is what it sets.
    pub options: &'static [&'static [&'static [(Extern, i32)]]],
}

/// The values of an option that is off or on.
macro_rules! off_or_on {
    ($key:ident) => {
        &[&[(Extern::$key, 0)], &[(Extern::$key, 1)]]
    };
}

/// The architectures.
pub const MACHINES: &[Machine] = &[
    Machine {
        name: "arm64",
        own: &[Extern::ARM64_HW_AFDBM, Extern::POR_EL0, Extern::DEVMAP_SERIES],
        // The ten combinations of granule and VA size (v6.14, arch/arm64/Kconfig), 64K with 48 bits of VA in both forms
        // of the address.
        shapes: &[
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
        ],
        versions: &[
            (5, 3),
            (5, 4),
            (5, 8),
            (5, 10),
            (5, 15),
            (5, 19),
            (6, 1),
            (6, 6),
            (6, 9),
            (6, 11),
            (6, 12),
            (6, 14),
            (6, 17),
            (6, 18),
        ],
        options: &[
            off_or_on!(TRANSPARENT_HUGEPAGE),
            off_or_on!(HUGETLB_PAGE),
            off_or_on!(NUMA_BALANCING),
            off_or_on!(ARCH_HAS_PTE_DEVMAP),
            &[&[(Extern::DEVMAP_SERIES, 0)], &[(Extern::DEVMAP_SERIES, 31)]],
        ],
    },
    Machine {
        name: "x86",
        own: &[Extern::PAGE_TABLE_ISOLATION, Extern::X86_INTEL_MEMORY_PROTECTION_KEYS, Extern::PKRU, Extern::SME_C_BIT],
        // Four and five levels. An address does not reach the encryption bit.
        shapes: &[(12, 48, 47), (12, 57, 51)],
        versions: &[(5, 3), (5, 7), (6, 1), (6, 6), (6, 10), (6, 12), (6, 17)],
        options: &[
            &[
                &[(Extern::TRANSPARENT_HUGEPAGE, 0)],
                &[(Extern::TRANSPARENT_HUGEPAGE, 1)],
                &[(Extern::TRANSPARENT_HUGEPAGE, 1), (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1)],
            ],
            off_or_on!(HUGETLB_PAGE),
            off_or_on!(NUMA_BALANCING),
            off_or_on!(MEM_SOFT_DIRTY),
            &[&[(Extern::PAGE_TABLE_ISOLATION, 0)], &[(Extern::SME_C_BIT, 0)], &[(Extern::SME_C_BIT, 51)]],
            // Without keys, with keys that permit everything, and with two that do not.
            &[
                &[(Extern::X86_INTEL_MEMORY_PROTECTION_KEYS, 0)],
                &[(Extern::X86_INTEL_MEMORY_PROTECTION_KEYS, 1)],
                &[(Extern::X86_INTEL_MEMORY_PROTECTION_KEYS, 1), (Extern::PKRU, 0x5555_5554)],
            ],
        ],
    },
    Machine {
        name: "ppc",
        own: &[Extern::PPC_RADIX_MMU, Extern::AMR],
        // Page sizes; the MMU decides the rest.
        shapes: &[(12, 52, 52), (16, 52, 52)],
        versions: &[(5, 3), (5, 7), (5, 8), (5, 9), (5, 10), (6, 1), (6, 2), (6, 6), (6, 11), (6, 14), (6, 17)],
        options: &[
            off_or_on!(PPC_RADIX_MMU),
            &[
                &[(Extern::TRANSPARENT_HUGEPAGE, 0)],
                &[(Extern::TRANSPARENT_HUGEPAGE, 1)],
                &[(Extern::TRANSPARENT_HUGEPAGE, 1), (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1)],
            ],
            off_or_on!(HUGETLB_PAGE),
            off_or_on!(NUMA_BALANCING),
            off_or_on!(ARCH_HAS_PTE_DEVMAP),
            // Keys that permit everything, and two that do not.
            &[&[(Extern::AMR, 0)], &[(Extern::AMR, 0x1234_5678)]],
        ],
    },
];
