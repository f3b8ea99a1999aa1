//! `pfn_t`: a frame number with flags on what stands behind it (include/linux/pfn_t.h, v5.3; gone by v6.17).
//!
//! In: the 64-bit value, log2 of the page, the two options. Out: what the kernel's accessors say. Guaranteed: no value
//! panics. Not handled: `pfn_t_valid`, which asks the memory map; making values.

use crate::{Config, Extern, Kconfig, Pfn, bits};

/// A device's frame: no page, or one of a dev_pagemap.
const DEV: u64 = 1 << 61;
/// A frame that has a struct page all the same.
const MAP: u64 = 1 << 60;
/// A frame to be mapped special.
const SPECIAL: u64 = 1 << 59;

/// A `pfn_t` under a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PfnT {
    value: u64,
    config: Config,
}

impl PfnT {
    /// The value as the kernel holds it.
    pub const fn new(value: u64, config: Config) -> PfnT {
        PfnT { value, config }
    }

    /// The top `PAGE_SHIFT` bits: `PFN_FLAGS_MASK`.
    fn flags_mask(self) -> u64 {
        let page_shift = self.config.get(Extern::PAGE_SHIFT).unsigned_abs().clamp(1, 63);
        bits(63, 64 - page_shift)
    }

    /// `pfn_t_to_pfn`.
    pub fn pfn(self) -> Pfn {
        Pfn(self.value & !self.flags_mask())
    }

    /// `pfn_t_has_page`: ordinary memory, or device memory with a struct page.
    pub const fn has_page(self) -> bool {
        self.value & MAP != 0 || self.value & DEV == 0
    }

    /// `pfn_t_devmap`: memory of a dev_pagemap, where the architecture has a bit for it.
    pub fn devmap(self) -> bool {
        self.config.on(Extern::ARCH_HAS_PTE_DEVMAP) && self.value & (DEV | MAP) == DEV | MAP
    }

    /// `pfn_t_special`.
    pub fn special(self) -> bool {
        self.config.on(Extern::ARCH_HAS_PTE_SPECIAL) && self.value & SPECIAL != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_vector_68() {
        for (value, devmap, has_page) in [
            (0x3000_0000_0012_3456, true, true),
            (0x2000_0000_0012_3456, false, false),
            (0x1000_0000_0012_3456, false, true),
            (0x0000_0000_0012_3456, false, true),
        ] {
            let pfn = PfnT::new(value, Config::DEFAULT);
            assert_eq!((pfn.devmap(), pfn.has_page(), pfn.pfn()), (devmap, has_page, Pfn(0x12_3456)), "{value:#x}");
        }
    }

    #[test]
    fn flags_take_as_many_bits_as_an_offset_in_a_page() {
        for (page_shift, pfn) in [(12, (1 << 52) - 1), (14, (1 << 50) - 1), (16, (1 << 48) - 1)] {
            let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift);
            assert_eq!(PfnT::new(u64::MAX, config).pfn(), Pfn(pfn));
        }
    }

    #[test]
    fn an_option_that_is_off_makes_its_accessor_0() {
        let all = PfnT::new(u64::MAX, Config::DEFAULT);
        assert!(all.devmap() && all.special());
        assert!(!PfnT::new(u64::MAX, Config::DEFAULT.with(Extern::ARCH_HAS_PTE_DEVMAP, 0)).devmap());
        assert!(!PfnT::new(u64::MAX, Config::DEFAULT.with(Extern::ARCH_HAS_PTE_SPECIAL, 0)).special());
    }
}
