//! Addresses and frame numbers as types with one printed form each.

use core::fmt;

/// Mask of the bits `high..=low`, in the manuals' high:low notation: `bits(47, 12)` is bits 47 down to 12.
///
/// # Panics
/// When `high > 63` or `low > high`, at compile time where the arguments are constants.
pub const fn bits(high: u32, low: u32) -> u64 {
    assert!(high <= 63 && low <= high);
    (u64::MAX >> (63 - high)) & (u64::MAX << low)
}

/// Whether any bit of `mask` is set.
#[inline(always)]
pub const fn any(x: u64, mask: u64) -> bool {
    x & mask != 0
}

/// Whether all bits of `mask` are set.
#[inline(always)]
pub const fn all(x: u64, mask: u64) -> bool {
    x & mask == mask
}

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#018x}", self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}

address!(
    /// A physical address of the guest, in bytes. Printed as `0x` and 16 hex digits.
    PhysAddr
);
address!(
    /// A virtual address of the guest, in bytes. Printed as `0x` and 16 hex digits.
    VirtAddr
);
address!(
    /// A page frame number: a physical address in units of the granule. Printed as `0x` and 16 hex digits.
    Pfn
);

impl PhysAddr {
    /// The address `bytes` further on, or `None` past the end of the address space.
    pub const fn checked_add(self, bytes: u64) -> Option<PhysAddr> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(PhysAddr(sum)),
            None => None,
        }
    }

    /// The frame that holds this address.
    pub const fn pfn(self, page_shift: u32) -> Pfn {
        Pfn(self.0 >> page_shift)
    }
}

impl Pfn {
    /// First byte of the frame. Bits shifted out at the top are lost, as in the kernel's `PFN_PHYS`.
    pub const fn phys(self, page_shift: u32) -> PhysAddr {
        PhysAddr(self.0 << page_shift)
    }
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn bits_include_both_ends() {
        assert_eq!(bits(63, 0), u64::MAX);
        assert_eq!(bits(0, 0), 1);
        assert_eq!(bits(63, 63), 1 << 63);
        assert_eq!(bits(47, 12), 0x0000_ffff_ffff_f000);
    }
}
