//! What a ppc64 image says about itself.
//!
//! In: the VMCOREINFO of the image, if it has one. Out: findings, roots and unknowns in the [`Probe`]. Facts are those of
//! arch/powerpc/kexec/vmcore_info.c (v6.9; core.c before) and arch/powerpc/include/asm/page.h: the kernel's image lies in
//! its linear map, so that the address of a symbol is a physical one with 0xc in the top four bits, wherever the kernel
//! was loaded. `RADIX_MMU` is there since v6.7 and in stable kernels that took the change; of others the kernel's own root
//! tells, whose words bear the size of the next table with radix and nothing in those bits with hash (`RADIX_PGD_VAL_BITS`
//! and `HASH_PGD_VAL_BITS`, include/asm/book3s/64/{radix,hash}.h, v5.3).

use ptwalk_abi::{Extern, Half, PhysAddr, bits};

use super::{CandidateRoot, Probe, holds};
use crate::image::{Image, VmcoreInfo};
use crate::walk::Root;

/// `__pa`: what of an address in the linear map is not physical.
const PAGE_OFFSET_MASK: u64 = 0xf000_0000_0000_0000;
/// PAGE_OFFSET: where the linear map begins.
const PAGE_OFFSET: u64 = 0xc000_0000_0000_0000;

/// Bytes of the largest root, that of radix.
const ROOT_BYTES_MAX: u64 = 1 << 16;
/// Bytes of a table below it.
const TABLE_BYTES: u64 = 1 << 12;
/// Tables of one level that are looked into for the size of the next: what user mode maps lies at the ends of its half.
const TABLES_MAX: usize = 1 << 10;
/// `_PAGE_PRESENT`, and `_PAGE_PTE`, the marker of a leaf.
const PRESENT: u64 = 1 << 63;
const PTE: u64 = 1 << 62;
/// The size of the next table in radix, log2 of its entries: 9, but 5 of a table of ptes with 64K
/// (`RADIX_PTE_INDEX_SIZE`, include/asm/book3s/64/radix-{4k,64k}.h, v5.3).
const NEXT_SIZE: u64 = 0x1f;
const NEXT_SIZE_64K: u64 = 5;
/// The address of the next table.
const NEXT_TABLE: u64 = bits(59, 8);

/// The words of a table that lead to other tables.
fn tables(image: &Image, table: PhysAddr, bytes: u64) -> impl Iterator<Item = u64> + use<'_> {
    let words = image.run(table, bytes).as_chunks().0.iter().map(|word| u64::from_be_bytes(*word));
    words.filter(|word| word & (PRESENT | PTE) == PRESENT)
}

/// Whether the tables below a root are radix, by the first of its words that leads to one, and that word.
fn mmu_of(image: &Image, root: PhysAddr) -> Option<(bool, u64)> {
    let word = tables(image, root, ROOT_BYTES_MAX).next()?;
    match word & NEXT_SIZE {
        0 => Some((false, word)),
        NEXT_SIZE_64K | 9 => Some((true, word)),
        _ => None,
    }
}

/// log2 of the page size below a radix root, by the first pmd that leads to a table of ptes, and that pmd.
fn radix_page_shift(image: &Image, root: PhysAddr) -> Option<(i32, u64)> {
    let below = |words: Vec<u64>| -> Vec<u64> {
        let next = words.into_iter().flat_map(|word| tables(image, PhysAddr(word & NEXT_TABLE), TABLE_BYTES));
        next.take(TABLES_MAX).collect()
    };
    let puds = below(tables(image, root, ROOT_BYTES_MAX).take(TABLES_MAX).collect());
    let pmd = below(puds).into_iter().next()?;
    match pmd & NEXT_SIZE {
        NEXT_SIZE_64K => Some((16, pmd)),
        9 => Some((12, pmd)),
        _ => None,
    }
}

fn with(size: bool) -> &'static str {
    if size { "with" } else { "without" }
}

impl Probe {
    /// What the note says of the MMU and of the kernel's root.
    pub(super) fn ppc(&mut self, image: &Image, info: &VmcoreInfo) {
        let swapper = info.symbol("swapper_pg_dir").filter(|va| va.0 & PAGE_OFFSET_MASK == PAGE_OFFSET);
        let root = swapper.map(|va| PhysAddr(va.0 & !PAGE_OFFSET_MASK));
        let told = info.number("RADIX_MMU").and_then(|radix| i32::try_from(radix).ok());
        match (told, root.and_then(|root| mmu_of(image, root))) {
            (Some(radix), _) => self.find(Extern::PPC_RADIX_MMU, radix, format!("NUMBER(RADIX_MMU)={radix}")),
            (None, Some((radix, word))) => {
                let evidence = format!(
                    "swapper_pg_dir holds {word:#018x}: {}",
                    if radix {
                        "bits 4:0 are the size of the next table"
                    } else {
                        "no size of a next table in bits 4:0"
                    }
                );
                self.find(Extern::PPC_RADIX_MMU, radix.into(), evidence);
            }
            (None, None) => self.ppc_mmu_unknown("VMCOREINFO has no RADIX_MMU"),
        }
        if let (Some(va), Some(pa)) = (swapper, root) {
            let evidence = format!("SYMBOL(swapper_pg_dir)={va:#x} in the linear map");
            let root = Root { pa, half: Half::Upper };
            self.roots.push(CandidateRoot { root, name: "swapper_pg_dir", evidence, held: holds(image, pa) });
        }
    }

    /// What a root that somebody names tells of itself, where nothing else did: the MMU, and with radix the page size.
    pub(super) fn ppc_root(&mut self, image: &Image, root: PhysAddr) {
        let known = |probe: &Probe, key| probe.findings.iter().any(|finding| finding.key == key);
        let mmu = mmu_of(image, root);
        if let (false, Some((radix, word))) = (known(self, Extern::PPC_RADIX_MMU), mmu) {
            let evidence = format!("root {root} holds {word:#018x}, {} the size of the next table", with(radix));
            self.find(Extern::PPC_RADIX_MMU, radix.into(), evidence);
        }
        let radix = mmu.filter(|(radix, _)| *radix).and_then(|_| radix_page_shift(image, root));
        if let (false, Some((shift, pmd))) = (known(self, Extern::PAGE_SHIFT), radix) {
            let entries = 1 << (pmd & NEXT_SIZE);
            self.find(Extern::PAGE_SHIFT, shift, format!("pmd {pmd:#018x} under root {root} leads to {entries} ptes"));
        }
    }

    /// Says that the MMU is not known.
    pub(super) fn ppc_mmu_unknown(&mut self, why: &str) {
        self.unknown(&format!("whether the MMU is radix or hash, radix assumed ({why})"), "--config PPC_RADIX_MMU=0");
    }
}
