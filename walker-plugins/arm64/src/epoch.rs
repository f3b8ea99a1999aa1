//! What changed when: each difference between kernel versions as one question with one threshold.
//!
//! In: `LINUX_VERSION_CODE`, `DEVMAP_SERIES` and the options that a change depends on. Out: yes or no, or the bits
//! that are in use. Guaranteed: no other module compares versions.
//!
//! Each threshold says where it comes from. **Read**: seen in arch/arm64/include/asm/pgtable.h of the trees v5.3.1,
//! v5.10.13, v5.10.44, v5.13-rc3, v5.15.97, v6.1-rc7, v6.6.17, v6.14, v6.17, v6.18.2, v6.18.16 and v6.19, of vendors'
//! trees of v5.4 and v6.6, or in entries that a running v6.1.176 and v6.12.95 wrote. Where two trees differ and the
//! threshold lies between, its release is **inferred** from the history of the change. Versions are those of Linus's
//! releases: a fix that a stable or vendor kernel took earlier is not modelled, because only `DEVMAP_SERIES` says more
//! than `LINUX_VERSION_CODE` does.

use ptwalk_abi::{Extern, Kconfig, Level};

use crate::Arm64;
use crate::layout::{ATTR_INDEX, DEVMAP, GP, NG, PMD_PRESENT_INVALID, PO_INDEX, PROT_NONE, SPECIAL};

/// `DEVMAP_SERIES` of the series as first posted: `pmd_devmap` whether or not huge pages are configured.
const SERIES_V3: i32 = 30;
/// `DEVMAP_SERIES` of the series with that build break mended.
const SERIES_V3_1: i32 = 31;

impl<K: Kconfig> Arm64<K> {
    /// Whether the kernel is that of the devmap series before it was merged.
    #[inline(always)]
    fn devmap_series(&self) -> bool {
        matches!(self.0.get(Extern::DEVMAP_SERIES), SERIES_V3 | SERIES_V3_1)
    }

    /// Whether bit 57 means device memory. Read: in v5.3.1 and v6.14, absent from v5.2.1 and v6.17. The removal was
    /// posted after the merge window of v6.16. The series has the bit whatever the version says.
    #[inline(always)]
    pub(crate) fn has_devmap(&self) -> bool {
        let released = self.0.since(5, 3) && !self.0.since(6, 17);
        self.0.on(Extern::ARCH_HAS_PTE_DEVMAP) && (released || self.devmap_series())
    }

    /// Whether `pmd_devmap` is more than the constant 0: with huge pages, and in v3 of the series always.
    #[inline(always)]
    pub(crate) fn has_pmd_devmap(&self) -> bool {
        let unguarded = self.0.get(Extern::DEVMAP_SERIES) == SERIES_V3;
        self.has_devmap() && (unguarded || self.0.on(Extern::TRANSPARENT_HUGEPAGE))
    }

    /// What `mkdevmap` sets. In a pte v5.3-rc4 added SPECIAL (commit 30e235389faa), which the series had not; a pmd
    /// never had it. Read.
    #[inline(always)]
    pub(crate) fn devmap_bits(&self, level: Level) -> u64 {
        if !self.has_devmap() {
            0
        } else if level == Level::Pte && !self.devmap_series() {
            DEVMAP | SPECIAL
        } else {
            DEVMAP
        }
    }

    /// Bits of which any, besides VALID, makes an entry present. Read: PROT_NONE until v6.6.17, nG in v6.14 and in
    /// entries of v6.12; v6.11 (a series of May 2024) is inferred. PMD_PRESENT_INVALID: read in v5.10.13 and later,
    /// absent from v5.3.1; v5.10 is inferred.
    #[inline(always)]
    pub(crate) fn present_though_invalid(&self, level: Level) -> u64 {
        if self.present_invalid_is_ng() {
            NG
        } else if level == Level::Pmd && self.0.since(5, 10) {
            PROT_NONE | PMD_PRESENT_INVALID
        } else {
            PROT_NONE
        }
    }

    /// Whether nG and not PROT_NONE marks an invalid entry as present; see [`Arm64::present_though_invalid`].
    #[inline(always)]
    pub(crate) fn present_invalid_is_ng(&self) -> bool {
        self.0.since(6, 11)
    }

    /// Whether `pmd_trans_huge` asks for a present entry. Read: v5.3.1 does not, v5.10.13 does; v5.10 is inferred.
    #[inline(always)]
    pub(crate) fn trans_huge_is_present(&self) -> bool {
        self.0.since(5, 10)
    }

    /// Whether `pmd_bad` and `pud_bad` look at both type bits. Read: v5.10 at bit 1 only, v5.15.97 at both; the
    /// release between them is inferred.
    #[inline(always)]
    fn huge_bad_is_not_table(&self) -> bool {
        self.0.since(5, 15)
    }

    /// Whether `p4d_bad` and `pgd_bad` look at both type bits. Read: v6.6 at bit 1 only, v6.18.16 at both; v6.15 (with
    /// the removal of P4D_TABLE_BIT and PGD_TABLE_BIT) is inferred.
    #[inline(always)]
    fn top_bad_is_not_table(&self) -> bool {
        self.0.since(6, 15)
    }

    /// Whether `bad` looks at both type bits.
    #[inline(always)]
    pub(crate) fn bad_is_not_table(&self, level: Level) -> bool {
        if level > Level::Pud { self.top_bad_is_not_table() } else { self.huge_bad_is_not_table() }
    }

    /// Whether `leaf` is the block type alone, which misses a PROT_NONE block. Read: v5.10.13 is so, v5.15.97 is not
    /// (mainline mended it in v5.18 and stable kernels took it). The helper came in v5.7 (inferred); for a kernel
    /// without it, what it was later mended to stands in.
    #[inline(always)]
    pub(crate) fn leaf_is_block_type(&self) -> bool {
        self.0.since(5, 7) && !self.0.since(5, 15)
    }

    /// Whether `pXd_huge` has given way to `pXd_leaf`. Read: GUP asks the one in v6.6.17 and the other in v6.14; v6.10 is
    /// inferred.
    #[inline(always)]
    pub(crate) fn huge_is_leaf(&self) -> bool {
        self.0.since(6, 10)
    }

    /// Whether the top word of four levels is tested as p4d, not as pgd: since arm64 gave up
    /// asm-generic/5level-fixup.h. Read: v5.3.1 has it, v5.10.13 has not; v5.8 (commit e9f6376858b9) is inferred.
    #[inline(always)]
    pub(crate) fn folds_by_nop4d(&self) -> bool {
        self.0.since(5, 8)
    }

    /// Highest bit of the output address in the low field: 49 since v6.9, before it 47. Read: v6.6.17 and v6.14; the
    /// LPA2 series of February 2024 (v6.9) lies between. An entry in LPA2 form has bits 49:48 by the manual, whatever
    /// the kernel.
    #[inline(always)]
    pub(crate) fn address_reaches_bit_49(&self) -> bool {
        self.0.since(6, 9) || self.lpa2()
    }

    /// Whether `wrprotect` saves the hardware's dirty state in DIRTY. Read: v5.3.1 does not, v5.10.13 does; v5.10
    /// (commit ff1712f953e2) is inferred.
    #[inline(always)]
    pub(crate) fn wrprotect_keeps_dirty(&self) -> bool {
        self.0.since(5, 10)
    }

    /// Whether `mkwrite` leaves a clean entry clean. Read: v6.14 does not, v6.18.2 does; v6.18 (commit 143937ca51cc)
    /// is inferred.
    #[inline(always)]
    pub(crate) fn mkwrite_keeps_clean(&self) -> bool {
        self.0.since(6, 18)
    }

    /// Whether `pte_mkcont` also sets the type bits. Read: v5.3.1 to v6.6 do, v6.14 does not; v6.14 is inferred.
    #[inline(always)]
    pub(crate) fn mkcont_sets_type(&self) -> bool {
        !self.0.since(6, 14)
    }

    /// Bit by which `pmd_mkinvalid` keeps a huge page present. Read: nG in v6.14, bit 59 in v5.10 to v6.6, and before
    /// v5.10 (where it was called `pmd_mknotpresent` until v5.8) none.
    #[inline(always)]
    pub(crate) fn pmd_mkinvalid_bit(&self) -> u64 {
        if self.present_invalid_is_ng() {
            NG
        } else if self.0.since(5, 10) {
            PMD_PRESENT_INVALID
        } else {
            0
        }
    }

    /// Whether `pte_same` ignores RDONLY of a present operand. Read: v5.3.1 does, v5.10.13 and a vendor's v5.4 have no
    /// `pte_same` of their own; v5.4 is inferred.
    #[inline(always)]
    pub(crate) fn same_ignores_rdonly(&self) -> bool {
        !self.0.since(5, 4)
    }

    /// Whether pmds have SPECIAL: v6.12 with huge pages (ARCH_SUPPORTS_PMD_PFNMAP). Read: absent from v6.6, in
    /// v6.18.16; v6.12 is inferred.
    #[inline(always)]
    pub(crate) fn has_pmd_special(&self) -> bool {
        self.0.since(6, 12) && self.0.on(Extern::TRANSPARENT_HUGEPAGE)
    }

    /// Whether `access_permitted` asks the permission overlay. Read: v6.6.17 does not, v6.14 does; v6.12 is inferred.
    #[inline(always)]
    pub(crate) fn has_overlay(&self) -> bool {
        self.0.since(6, 12)
    }

    /// What `modify` takes from the new protection besides what it always took. Read: none in v5.3.1, GP and AttrIndx
    /// in v5.13, POIndex in v6.18.16. Inferred: GP v5.8 (BTI), AttrIndx v5.10 (MTE), POIndex v6.12 (POE).
    #[inline(always)]
    pub(crate) fn modify_also_replaces(&self) -> u64 {
        let gp = if self.0.since(5, 8) { GP } else { 0 };
        let attr_index = if self.0.since(5, 10) { ATTR_INDEX } else { 0 };
        let po_index = if self.0.since(6, 12) { PO_INDEX } else { 0 };
        gp | attr_index | po_index
    }

    /// Whether `modify` makes a software-dirty entry hardware-dirty where the new protection lets it. Read: v5.13 does
    /// not, v6.18.16 does; v6.7 (commit 3c0696076aad) is inferred.
    #[inline(always)]
    pub(crate) fn modify_makes_hw_dirty(&self) -> bool {
        self.0.since(6, 7)
    }

    /// Lowest bit and width of the type in a swap entry. Read: 7:2 in v5.3.1 and v5.13, 7:3 in v6.6, 10:6 in v6.18.16.
    /// Entries of v6.1 and v6.12, all of type 0 with bit 2 set, agree with the latter two and not with 7:2. Inferred:
    /// v5.19 (bit 2 became the exclusive marker) and v6.11.
    #[inline(always)]
    pub(crate) fn swap_type_field(&self) -> (u32, u32) {
        if self.present_invalid_is_ng() {
            (6, 5)
        } else if self.0.since(5, 19) {
            (3, 5)
        } else {
            (2, 6)
        }
    }

    /// Lowest bit of the 50 bits of the offset in a swap entry; sources as for [`Arm64::swap_type_field`].
    #[inline(always)]
    pub(crate) fn swap_offset_shift(&self) -> u32 {
        if self.present_invalid_is_ng() { 12 } else { 8 }
    }
}
