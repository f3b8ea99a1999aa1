//! Addresses in entries and registers.
//!
//! In: an entry, a physical address, a frame number or a TTBRn_EL1 value. Out: the same in another form. Three forms
//! of entry: 48 bits of PA; 52 bits with the 64K granule, PA\[51:48\] in bits 15:12; 52 bits with 4K and 16K (LPA2),
//! PA\[51:50\] in bits 9:8, where other forms have the shareability. Guaranteed: no operation panics, whatever the
//! configuration. Not handled: whether an address is within the machine's memory or aligned.

use ptwalk_abi::{Extern, Kconfig, Level, bits};

use crate::Arm64;

/// Bits 15:12: PA\[51:48\] in an entry of the 64K granule.
const HIGH_64K: u64 = bits(15, 12);
/// Bits 9:8: PA\[51:50\] in an entry of the LPA2 form.
const HIGH_LPA2: u64 = bits(9, 8);
/// Bits of an LPA2 entry that may hold address bits, as the kernel masks them.
const ENCODE_LPA2: u64 = bits(49, 8);
/// How far [`HIGH_64K`] lies below its place.
const HIGH_64K_SHIFT: u32 = 36;
/// How far [`HIGH_LPA2`] lies below its place.
const HIGH_LPA2_SHIFT: u32 = 42;

/// TTBR: baddr without the ASID above and CnP below.
const BADDR_48: u64 = bits(47, 1);
/// TTBR with 52 bits of PA: PA\[47:6\].
const BADDR_52_LOW: u64 = bits(47, 6);
/// TTBR with 52 bits of PA: the field that holds PA\[51:48\].
const BADDR_52_HIGH: u64 = bits(5, 2);
/// TTBR with 52 bits of PA: both fields.
const BADDR_52: u64 = bits(47, 2);
/// How far [`BADDR_52_HIGH`] lies below its place.
const BADDR_52_SHIFT: u32 = 46;

impl<K: Kconfig> Arm64<K> {
    /// Whether entries take a 52-bit form.
    #[inline(always)]
    pub(crate) fn pa52(&self) -> bool {
        self.0.get(Extern::PA_BITS) > 48
    }

    /// Whether entries take the LPA2 form.
    #[inline(always)]
    pub(crate) fn lpa2(&self) -> bool {
        self.pa52() && self.page_shift() < 16
    }

    /// The address bits that stand in an entry where they stand in the address.
    #[inline(always)]
    fn low_mask(&self) -> u64 {
        let top = if self.address_reaches_bit_49() { bits(49, 0) } else { bits(47, 0) };
        top & u64::MAX.wrapping_shl(self.page_shift())
    }

    /// The physical address in an entry, not aligned to the size of a leaf: `__pte_to_phys`.
    #[inline(always)]
    pub(crate) fn phys(&self, x: u64) -> u64 {
        let low = x & self.low_mask();
        if !self.pa52() {
            low
        } else if self.lpa2() {
            low | (x & HIGH_LPA2) << HIGH_LPA2_SHIFT
        } else {
            low | (x & HIGH_64K) << HIGH_64K_SHIFT
        }
    }

    /// An address as the address bits of an entry: `__phys_to_pte_val`, which trusts a 48-bit address.
    #[inline(always)]
    pub(crate) fn encode(&self, pa: u64) -> u64 {
        if !self.pa52() {
            pa
        } else if self.lpa2() {
            (pa | pa >> HIGH_LPA2_SHIFT) & ENCODE_LPA2
        } else {
            (pa | pa >> HIGH_64K_SHIFT) & (self.low_mask() | HIGH_64K)
        }
    }

    /// The frame of the entry's address as it stands: `pte_pfn`, and the frame of `pmd_page`, `pud_page`, `pgd_page`.
    #[inline(always)]
    pub(crate) fn page(&self, x: u64) -> u64 {
        self.phys(x).wrapping_shr(self.page_shift())
    }

    /// The frame of the first byte that a leaf of this level maps: `pXd_pfn`.
    #[inline(always)]
    pub(crate) fn pfn(&self, level: Level, x: u64) -> u64 {
        let aligned = self.phys(x) & u64::MAX.wrapping_shl(self.shift(level));
        aligned.wrapping_shr(self.page_shift())
    }

    /// An entry from a frame number and a protection: `pfn_pXd`.
    #[inline(always)]
    pub(crate) fn leaf_of(&self, pfn: u64, prot: u64) -> u64 {
        self.encode(pfn.wrapping_shl(self.page_shift())) | prot
    }

    /// A root's address as baddr: `phys_to_ttbr`, the same in v5.3 and v6.18.
    #[inline(always)]
    pub(crate) fn ttbr_of(&self, pa: u64) -> u64 {
        if self.pa52() { (pa | pa >> BADDR_52_SHIFT) & BADDR_52 } else { pa }
    }

    /// The root's address in a TTBRn_EL1 value, whose ASID and CnP are dropped.
    #[inline(always)]
    pub(crate) fn root_of(&self, ttbr: u64) -> u64 {
        if self.pa52() { ttbr & BADDR_52_LOW | (ttbr & BADDR_52_HIGH) << BADDR_52_SHIFT } else { ttbr & BADDR_48 }
    }
}

/// An address with bits 63:56 replaced by bit 55, which top-byte-ignore leaves as the only one that counts:
/// `__untagged_addr`. Since v5.4 the kernel keeps the tag of a kernel address when it untags (inferred); what GUP asks
/// is about user addresses, where the two agree.
#[inline(always)]
pub(crate) const fn untagged(va: u64) -> u64 {
    (((va << 8) as i64) >> 8) as u64
}
