//! What a ppc64 image says about itself.
//!
//! In: the VMCOREINFO of the image, if it has one. Out: findings, roots and unknowns in the [`Probe`]. Facts are those of
//! arch/powerpc/kexec/vmcore_info.c (v6.9; core.c before) and arch/powerpc/include/asm/page.h: the kernel's image lies in
//! its linear map, so that the address of a symbol is a physical one with 0xc in the top four bits, wherever the kernel
//! was loaded. `RADIX_MMU` is there since v6.7 and in stable kernels that took the change.

use ptwalk_abi::{Extern, Half, PhysAddr};

use super::{CandidateRoot, Probe, holds};
use crate::image::{Image, VmcoreInfo};
use crate::walk::Root;

/// `__pa`: what of an address in the linear map is not physical.
const PAGE_OFFSET_MASK: u64 = 0xf000_0000_0000_0000;
/// PAGE_OFFSET: where the linear map begins.
const PAGE_OFFSET: u64 = 0xc000_0000_0000_0000;

impl Probe {
    /// What the note says of the MMU and of the kernel's root.
    pub(super) fn ppc(&mut self, image: &Image, info: &VmcoreInfo) {
        match info.number("RADIX_MMU").and_then(|radix| i32::try_from(radix).ok()) {
            Some(radix) => self.find(Extern::PPC_RADIX_MMU, radix, format!("NUMBER(RADIX_MMU)={radix}")),
            None => self.ppc_mmu_unknown("VMCOREINFO has no RADIX_MMU"),
        }
        let Some(va) = info.symbol("swapper_pg_dir") else { return };
        if va.0 & PAGE_OFFSET_MASK == PAGE_OFFSET {
            let pa = PhysAddr(va.0 & !PAGE_OFFSET_MASK);
            let evidence = format!("SYMBOL(swapper_pg_dir)={va:#x} in the linear map");
            let root = Root { pa, half: Half::Upper };
            self.roots.push(CandidateRoot { root, name: "swapper_pg_dir", evidence, held: holds(image, pa) });
        }
    }

    /// Says that the MMU is not known.
    pub(super) fn ppc_mmu_unknown(&mut self, why: &str) {
        self.unknown(&format!("whether the MMU is radix or hash, radix assumed ({why})"), "--config PPC_RADIX_MMU=0");
    }
}
