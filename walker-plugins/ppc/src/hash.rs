//! What hash keeps in an entry for itself: where its HPTE is, and the protection key.
//!
//! In: a raw entry. Out: the bits, the key, what the AMR says of it. Guaranteed: no operation panics. Radix has none of
//! this; the kernel's masks of bits to keep hold the hash bits of the page size whatever the MMU, and so do these. Not
//! handled: AMR of keys 16 to 31 (allowed), IAMR, UAMOR, hash slots behind a table.

use ptwalk_abi::{Extern, Kconfig, bits};

use crate::Ppc;
use crate::layout::any;

/// 64K: COMBO (a page of 4K parts) and HASHPTE; BUSY, which moved, is to be added.
const HPTE_64K: u64 = 1 << 12 | 1 << 55;
/// 4K: F_GIX (55:53) and F_SECOND (56); BUSY and HASHPTE, which moved, are to be added.
const HPTE_4K: u64 = bits(56, 53);
/// Bits of AMR for a key (arch/powerpc/mm/book3s64/pkeys.c, v5.3).
const AMR_BITS_PER_PKEY: u64 = 2;
/// Bits of AMR for key 0 lie at the top.
const AMR_KEY_0_SHIFT: u64 = 64 - AMR_BITS_PER_PKEY;
/// AMR of a key: reading is denied.
const AMR_RD_BIT: u64 = 0b01;
/// AMR of a key: writing is denied.
const AMR_WR_BIT: u64 = 0b10;

impl<K: Kconfig> Ppc<K> {
    /// _PAGE_HPTEFLAGS: what an entry may hold and be none, and differ in and be the same.
    #[inline(always)]
    pub(crate) fn hpte_flags(&self) -> u64 {
        match (self.is_64k(), self.hash_bits_moved()) {
            (true, false) => HPTE_64K | 1 << 56,
            (true, true) => HPTE_64K | 1 << 6,
            (false, false) => HPTE_4K | 1 << 60 | 1 << 59,
            (false, true) => HPTE_4K | 1 << 6 | 1 << 60,
        }
    }

    /// The protection key: five bits with 64K, three with 4K.
    #[inline(always)]
    fn pkey(&self, x: u64) -> u64 {
        match (self.is_64k(), self.hash_bits_moved()) {
            (true, false) => x >> 56 & 0b11110 | x >> 6 & 1,
            (true, true) => x >> 56 & 0b11111,
            (false, false) => x >> 56 & 0b110 | x >> 6 & 1,
            (false, true) => x >> 57 & 0b111,
        }
    }

    /// What the AMR says of the entry's key. As in the kernel, a write is asked of the write bit alone.
    #[inline(always)]
    pub(crate) fn amr_permits(&self, x: u64, write: bool) -> bool {
        let amr = u64::from(self.0.get(Extern::AMR).cast_unsigned()) << 32;
        let denied = amr >> (AMR_KEY_0_SHIFT - self.pkey(x) * AMR_BITS_PER_PKEY);
        self.radix() || !any(denied, if write { AMR_WR_BIT } else { AMR_RD_BIT })
    }
}
