//! How a kernel aligns a range that it adds as memory: to whole sections (v5.2), or not at all but in units of
//! sub-sections (v5.3 and later).
//!
//! In: a range of bytes. Out: the aligned range, or why it cannot be added. Guaranteed: no range overflows.

use std::fmt;

use ptwalk_abi::{KVersion, PhysAddr};
use serde::Deserialize;

/// Architectures whose sections are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Machine {
    /// arm64.
    #[serde(rename = "arm64")]
    Arm64,
    /// x86_64.
    #[serde(rename = "x86_64", alias = "x86")]
    X86,
    /// ppc64, book3s.
    #[serde(rename = "ppc64", alias = "ppc")]
    Ppc,
}

impl Machine {
    /// Every machine.
    pub const ALL: [Machine; 3] = [Machine::Arm64, Machine::X86, Machine::Ppc];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Machine::Arm64 => "arm64",
            Machine::X86 => "x86_64",
            Machine::Ppc => "ppc64",
        }
    }

    /// `SECTION_SIZE_BITS` (arch/*/include/asm/sparsemem.h): arm64 made its sections smaller with v5.12.
    pub fn section_size_bits(self, kernel: KVersion, page_shift: u32) -> u32 {
        match self {
            Machine::X86 => 27,
            Machine::Ppc => 24,
            Machine::Arm64 if kernel < KVersion::new(5, 12, 0) => 30,
            Machine::Arm64 if page_shift == 16 => 29,
            Machine::Arm64 => 27,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a range is aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Alignment {
    /// kernel/memremap.c, v5.2, and the patch that names `PA_SECTION_SIZE`: probes, RAM test and hot-add see whole
    /// sections; the lookup sees the range as it is.
    #[serde(rename = "section-v5.2")]
    Section,
    /// mm/memremap.c, v5.3: exact everywhere, and what is not whole sub-sections of 2 MiB is refused.
    #[serde(rename = "subsection-v5.3")]
    SubSection,
}

impl Alignment {
    /// Both.
    pub const ALL: [Alignment; 2] = [Alignment::Section, Alignment::SubSection];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Alignment::Section => "section-v5.2",
            Alignment::SubSection => "subsection-v5.3",
        }
    }

    /// What a kernel does.
    pub fn of(kernel: KVersion) -> Alignment {
        if kernel < KVersion::new(5, 3, 0) { Alignment::Section } else { Alignment::SubSection }
    }
}

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `SUBSECTION_SHIFT` (include/linux/mmzone.h, v5.3): 2 MiB on every architecture.
pub const SUBSECTION_SHIFT: u32 = 21;

/// A range of bytes, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: PhysAddr,
    /// First byte above.
    pub end: PhysAddr,
}

impl Span {
    /// Whether the ranges share a byte.
    pub fn meets(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies within.
    pub fn holds(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest range of whole units of `1 << shift` bytes around this one: `align_start` and `align_size` of
    /// kernel/memremap.c, v5.2. `None` where it ends beyond 64 bits.
    pub fn rounded_out(self, shift: u32) -> Option<Span> {
        let mask = below(shift);
        let end = self.end.0.checked_add(mask)? & !mask;
        Some(Span { start: PhysAddr(self.start.0 & !mask), end: PhysAddr(end) })
    }

    /// Whether it begins and ends at a multiple of `1 << shift` bytes.
    pub fn is_aligned(self, shift: u32) -> bool {
        (self.start.0 | self.end.0) & below(shift) == 0
    }
}

/// The bits of an address below a unit of `1 << shift` bytes: all of them where the unit is larger than any address.
fn below(shift: u32) -> u64 {
    1_u64.checked_shl(shift).map_or(u64::MAX, |unit| unit - 1)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_vectors_69_to_72() {
        let span = Span { start: PhysAddr(0x1_4810_0000), end: PhysAddr(0x1_5010_0000) };
        let (old, new) = (KVersion::new(5, 3, 0), KVersion::new(5, 12, 0));
        for (machine, kernel, page_shift, bits, start, bytes) in [
            (Machine::X86, old, 12, 27, 0x1_4800_0000, 0x1000_0000),
            (Machine::Arm64, new, 12, 27, 0x1_4800_0000, 0x1000_0000),
            (Machine::Arm64, old, 12, 30, 0x1_4000_0000, 0x4000_0000),
            (Machine::Ppc, old, 16, 24, 0x1_4800_0000, 0x900_0000),
            (Machine::Arm64, new, 16, 29, 0x1_4000_0000, 0x2000_0000),
        ] {
            let section = machine.section_size_bits(kernel, page_shift);
            assert_eq!(section, bits, "{machine}");
            let aligned = span.rounded_out(section).expect("no wrap");
            assert_eq!((aligned.start.0, aligned.end.0 - aligned.start.0), (start, bytes), "{machine} {kernel}");
        }
    }

    #[test]
    fn an_aligned_range_stays_and_one_at_the_end_of_memory_is_refused() {
        let span = Span { start: PhysAddr(1 << 27), end: PhysAddr(2 << 27) };
        assert_eq!(span.rounded_out(27), Some(span));
        assert!(span.is_aligned(27) && !span.is_aligned(28));
        let last = Span { start: PhysAddr(u64::MAX - 0x1000), end: PhysAddr(u64::MAX) };
        assert_eq!(last.rounded_out(27), None);
    }
}
