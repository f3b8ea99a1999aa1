//! What an arm64 image says about itself.
//!
//! In: VMCOREINFO, and the pages around the kernel's root. Out: findings, roots and decoys in the [`Probe`]. Not handled:
//! TTBR0 and TTBR1, which no note of a core holds.
//!
//! Facts are those of arch/arm64/kernel/vmcore_info.c (v6.12; `crash_core.c` before v6.9): `VA_BITS` is the configured
//! size and `TCR_EL1_T1SZ` the one in use; `kimage_voffset` is the distance from the kernel image's virtual to its physical
//! address; symbols are absolute.

use ptwalk_abi::{Extern, Half, Kconfig, PhysAddr};

use super::{CandidateRoot, Decoy, Probe, holds};
use crate::image::{Image, VmcoreInfo};
use crate::walk::Root;

/// `TTBR1_BADDR_4852_OFFSET` (include/asm/pgtable-hwdef.h, v5.4 and later): a kernel with 64K pages that is built for 52
/// bits has 1024 entries in its root; where the CPU translates 48 bits, TTBR1 points to the last 64 of them
/// (`offset_ttbr1`, include/asm/assembler.h). With smaller pages levels are folded instead.
const TTBR1_BADDR_4852_OFFSET: u64 = ((1 << (52 - 42)) - (1 << (48 - 42))) * 8;

impl Probe {
    /// Adds what an arm64 image says.
    pub(super) fn arm64(&mut self, image: &Image, info: &VmcoreInfo) {
        let configured = info.number("VA_BITS").and_then(|bits| i32::try_from(bits).ok());
        let in_use = info.number("TCR_EL1_T1SZ").and_then(|t1sz| i32::try_from(64 - t1sz).ok());
        match (in_use, configured) {
            (Some(bits), _) => {
                self.find(Extern::VA_BITS, bits, format!("NUMBER(TCR_EL1_T1SZ)={:#x}, 64 less it", 64 - bits));
            }
            (None, Some(bits)) => self.find(Extern::VA_BITS, bits, format!("NUMBER(VA_BITS)={bits}")),
            (None, None) => self.unknown("VA bits", "--config VA_BITS=…"),
        }
        self.arm64_pa_bits(info, in_use.or(configured));
        let symbol = info.symbol("swapper_pg_dir");
        // An address, printed as the kernel pleases: hex, or decimal with a sign.
        let voffset = info.number("kimage_voffset").and_then(|offset| u64::try_from(offset.rem_euclid(1 << 64)).ok());
        let (Some(va), Some(voffset)) = (symbol, voffset) else { return };
        let swapper = PhysAddr(va.0.wrapping_sub(voffset));
        let mut evidence = format!("SYMBOL(swapper_pg_dir)={va:#x} less NUMBER(kimage_voffset)={voffset:#x}");
        let mut pa = swapper;
        let large_page = self.config().get(Extern::PAGE_SHIFT) == 16;
        if let (Some(48), Some(52), true) = (in_use, configured, large_page) {
            pa = PhysAddr(swapper.0.wrapping_add(TTBR1_BADDR_4852_OFFSET));
            evidence += &format!(
                "; plus {TTBR1_BADDR_4852_OFFSET:#x}, since NUMBER(VA_BITS)=52 and 48 are in use: the last 64 of 1024 entries"
            );
        }
        let root = Root { pa, half: Half::Upper };
        self.roots.push(CandidateRoot { root, name: "swapper_pg_dir", evidence, held: holds(image, pa) });
        self.arm64_trampoline(image, swapper);
    }

    /// With 4K and 16K pages, 52-bit output addresses are LPA2, and LPA2 changes where address bits are. A kernel built
    /// for it runs without it on a CPU that lacks it, and then translates 48 bits: T1SZ tells.
    fn arm64_pa_bits(&mut self, info: &VmcoreInfo, va_bits: Option<i32>) {
        let Some(bits) = info.number("MAX_PHYSMEM_BITS").and_then(|bits| i32::try_from(bits).ok()) else {
            self.unknown("PA bits, 48 assumed", "--config PA_BITS=52");
            return;
        };
        let evidence = format!("NUMBER(MAX_PHYSMEM_BITS)={bits}");
        let small_page = self.config().get(Extern::PAGE_SHIFT) < 16;
        if bits > 48 && small_page && va_bits.is_none_or(|va_bits| va_bits <= 48) {
            self.find(Extern::PA_BITS, 48, format!("{evidence}, but the VA size in use says that LPA2 is off"));
            self.unknown("whether LPA2 is on, off assumed", "--config PA_BITS=52");
        } else {
            self.find(Extern::PA_BITS, bits, evidence);
        }
    }

    /// What TTBR1 holds in user mode where the kernel is unmapped there (KPTI): a root that maps the vectors and nothing
    /// else. It lies two pages below `swapper_pg_dir`, behind it `reserved_pg_dir`, which is all zero
    /// (`TRAMP_SWAPPER_OFFSET`, include/asm/memory.h, v5.12 and later; v4.16 to v5.11 have it there or one page below,
    /// arch/arm64/kernel/vmlinux.lds.S). Its one entry leads to tables of the address that swapper maps too, as a fixmap.
    fn arm64_trampoline(&mut self, image: &Image, swapper: PhysAddr) {
        let page_bytes = 1u64 << self.config().get(Extern::PAGE_SHIFT).clamp(12, 16);
        let Some(of_swapper) = entries(image, swapper, page_bytes) else { return };
        let below = |pages: u64| PhysAddr(swapper.0.wrapping_sub(pages * page_bytes));
        let reserved = entries(image, below(1), page_bytes);
        let pages = if reserved.as_ref().is_some_and(Vec::is_empty) { 2 } else { 1 };
        let Some([(index, word)]) =
            entries(image, below(pages), page_bytes).as_deref().and_then(<[_]>::as_array).copied()
        else {
            return;
        };
        let is_table = word & 0b11 == 0b11;
        if is_table && of_swapper.iter().any(|(of_swapper, _)| *of_swapper == index) {
            let evidence = format!(
                "{pages} pages below swapper_pg_dir; its one entry [{index}]={word:#x} is where swapper_pg_dir has the fixmap: \
                 KPTI, and what TTBR1 holds in user mode; it maps the vectors alone"
            );
            self.decoys.push(Decoy { pa: below(pages), name: "tramp_pg_dir", evidence });
        }
    }
}

/// The words of a page that are not 0, by index; `None` where the image does not hold all of it.
fn entries(image: &Image, page: PhysAddr, page_bytes: u64) -> Option<Vec<(usize, u64)>> {
    let bytes = image.run(page, page_bytes);
    let words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).enumerate();
    (bytes.len() as u64 == page_bytes).then(|| words.filter(|(_, word)| *word != 0).collect())
}
