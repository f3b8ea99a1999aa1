//! What changed when: each difference between kernel versions as one question with one threshold.
//!
//! In: `LINUX_VERSION_CODE` and the options that a change depends on. Out: yes or no, or the bits that are in use.
//! Guaranteed: no other module compares versions.
//!
//! Each threshold says where it comes from. **Read**: seen in arch/powerpc/include/asm/book3s/64 of the trees v5.3.1,
//! v5.10.44, v6.1-rc7, v6.6.17, v6.14 and v6.17, or in the patch as it was posted. Where two trees differ and the
//! threshold lies between, its release is **inferred** from the date of the patch. Versions are those of Linus's
//! releases: a fix that a stable or vendor kernel took earlier is not modelled.

use ptwalk_abi::{Extern, Kconfig};

use crate::Ppc;
use crate::layout::DEVMAP;

impl<K: Kconfig> Ppc<K> {
    /// DEVMAP where the modelled kernel has it, else nothing. Read: in v5.3.1 (it came with v4.13) and v6.14, gone from
    /// v6.17. No released kernel for book3s is without ARCH_HAS_PTE_DEVMAP before v6.17.
    #[inline(always)]
    pub(crate) fn devmap_bit(&self) -> u64 {
        if self.0.on(Extern::ARCH_HAS_PTE_DEVMAP) && !self.0.since(6, 17) { DEVMAP } else { 0 }
    }

    /// Whether the devmap helpers are more than generic stubs.
    #[inline(always)]
    pub(crate) fn has_devmap(&self) -> bool {
        self.devmap_bit() != 0
    }

    /// Whether device memory is no transparent huge page with hash and 64K either, and `pmd_mkdevmap` sets THP_HUGE
    /// there. Read: v5.3.1 does neither, v5.10.44 excludes, v6.14 does both; one patch of February 2020 has both, so
    /// v5.7 is inferred.
    #[inline(always)]
    pub(crate) fn hash_devmap_is_thp_like(&self) -> bool {
        self.0.since(5, 7)
    }

    /// Whether the top word is tested as p4d, not as pgd: since ppc64 gave up asm-generic/5level-fixup.h. The change
    /// was one series with arm64's, so v5.8 is inferred; a tree after v6.19 includes pgtable-nop4d.h.
    #[inline(always)]
    pub(crate) fn folds_by_nop4d(&self) -> bool {
        self.0.since(5, 8)
    }

    /// Whether BUSY and HASHPTE of hash, and the bits of the protection key, are where the ISA's radix tree leaves
    /// room. Read: v5.3.1, v5.10.44 and the patch, posted in June 2020; v5.9 is inferred.
    #[inline(always)]
    pub(crate) fn hash_bits_moved(&self) -> bool {
        self.0.since(5, 9)
    }

    /// Whether only what has the marker of a leaf is a present pte. Read: v5.3.1 does not ask for it, v5.10.44 does;
    /// v5.10 is inferred.
    #[inline(always)]
    pub(crate) fn present_needs_marker(&self) -> bool {
        self.0.since(5, 10)
    }

    /// Whether `pfn_pte` and `pfn_pmd` set the marker themselves rather than leave it to who stores the entry. Read:
    /// v5.3.1, v5.10.44; v5.10 (patches of September 2020) is inferred.
    #[inline(always)]
    pub(crate) fn pfn_sets_marker(&self) -> bool {
        self.0.since(5, 10)
    }

    /// Whether an entry without any permission, not even the kernel's, is a writable page that NUMA balancing made
    /// PROT_NONE. Read: v6.1-rc7 has it, v6.6.17 has not; v6.2 is inferred.
    #[inline(always)]
    pub(crate) fn has_savedwrite(&self) -> bool {
        self.0.on(Extern::NUMA_BALANCING) && !self.0.since(6, 2)
    }

    /// Whether puds can be transparent huge pages and device memory. Read: v6.1-rc7 has none, v6.6.17 has; the patches
    /// are of July 2023, so v6.6 is inferred. Radix only.
    #[inline(always)]
    pub(crate) fn has_pud_thp(&self) -> bool {
        let configured =
            self.0.on(Extern::TRANSPARENT_HUGEPAGE) && self.0.on(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD);
        configured && self.radix() && self.0.since(6, 6)
    }

    /// Whether hash with 4K has its huge pages in directories of their own. Read: v6.6.17 has hugepd, v6.14 has not;
    /// v6.11 is inferred. Since then they are runs of equal leaves in the ordinary tables.
    #[inline(always)]
    pub(crate) fn has_hugepd(&self) -> bool {
        self.0.on(Extern::HUGETLB_PAGE) && self.hash_4k() && !self.0.since(6, 11)
    }
}
