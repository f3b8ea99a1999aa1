//! A second reading of the kernel's page tables, to compare the walker, GUP and the plugins with.
//!
//! In: a [`Machine`] and words of memory. Out: what an entry means ([`Meaning`]), what a forensic walk must find
//! ([`walk`]) and what the fast GUP must pin ([`gup`]). It is written from the kernel's and the processors' rules once
//! more, entry by entry, without scans, kernels or plugins, and shares no code with what it judges but the names of
//! levels and flags. Guaranteed: nothing; where the two differ, somebody has to look. Not handled: configurations other
//! than those of [`MACHINES`].

mod arm64;
pub(super) mod gup;
pub(super) mod memory;
mod ppc;
pub(super) mod rows;
pub(super) mod scene;
pub(super) mod walk;
mod x86;

use ptwalk_abi::{Config, Extern, KVersion, Level};

/// What a kernel and a processor make of one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    pub none: bool,
    pub present: bool,
    pub huge: bool,
    pub trans_huge: bool,
    pub leaf: bool,
    pub bad: bool,
    pub devmap: bool,
    pub special: bool,
    pub protnone: bool,
    pub write: bool,
    pub young: bool,
    pub dirty: bool,
    pub cont: bool,
    /// What the kernel lets user mode do: read, write.
    pub permitted: [bool; 2],
    /// What the MMU lets through.
    pub perms: Perms,
    /// `pXd_pfn`.
    pub pfn: u64,
    /// The frame of `pXd_page`.
    pub page: u64,
    /// Address of the next table.
    pub table: u64,
    /// It leads to a directory of huge pages instead.
    pub directory: Option<Directory>,
}

/// A directory of huge pages: ptes at an address, each of a page of `1 << shift` bytes; 0 where the size is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub table: u64,
    pub shift: u32,
}

/// What the MMU lets through an entry: user mode first, then the kernel; read, write, execute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Perms {
    pub user: [bool; 3],
    pub kernel: [bool; 3],
}

impl Perms {
    pub const ALL: Perms = Perms { user: [true; 3], kernel: [true; 3] };

    pub fn and(self, other: Perms) -> Perms {
        let both = |a: [bool; 3], b: [bool; 3]| [a[0] && b[0], a[1] && b[1], a[2] && b[2]];
        Perms { user: both(self.user, other.user), kernel: both(self.kernel, other.kernel) }
    }

    pub fn any(self) -> bool {
        self != Perms::default()
    }
}

/// What decides about entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cpu {
    Arm64,
    X86,
    Ppc,
}

/// One kernel on one processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    pub cpu: Cpu,
    /// The kernel is v6.14; otherwise it is v5.3.
    pub recent: bool,
    pub page_shift: u32,
    pub va_bits: u32,
    pub pa_bits: u32,
    pub hash: bool,
    /// Options that are off.
    pub off: &'static [Extern],
    /// Root first: the name under which the kernel tests the word, log2 of what an entry spans, log2 of the entries.
    pub levels: &'static [(Level, u32, u32)],
}

use Level::{P4d, Pgd, Pmd, Pte, Pud};

const ARM64: Machine = Machine {
    cpu: Cpu::Arm64,
    recent: false,
    page_shift: 12,
    va_bits: 48,
    pa_bits: 48,
    hash: false,
    off: &[],
    levels: &[],
};
const X86: Machine = Machine { cpu: Cpu::X86, pa_bits: 52, ..ARM64 };
const PPC: Machine = Machine { cpu: Cpu::Ppc, page_shift: 16, ..ARM64 };

/// Shifts and entries are those of the tables in the kernel's headers, written out (arch/arm64/include/asm/pgtable-hwdef.h,
/// arch/x86/include/asm/pgtable_64_types.h, arch/powerpc/include/asm/book3s/64/{radix,hash}-{4k,64k}.h, v5.3).
pub(super) const MACHINES: &[Machine] = &[
    Machine { va_bits: 39, levels: &[(Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..ARM64 },
    Machine { levels: &[(Pgd, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..ARM64 },
    Machine { page_shift: 14, va_bits: 47, levels: &[(Pud, 36, 11), (Pmd, 25, 11), (Pte, 14, 11)], ..ARM64 },
    Machine { page_shift: 16, pa_bits: 52, levels: &[(Pud, 42, 6), (Pmd, 29, 13), (Pte, 16, 13)], ..ARM64 },
    Machine { page_shift: 16, va_bits: 42, levels: &[(Pmd, 29, 13), (Pte, 16, 13)], ..ARM64 },
    Machine { recent: true, levels: &[(P4d, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..ARM64 },
    Machine { levels: &[(P4d, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..X86 },
    Machine { va_bits: 57, levels: &[(Pgd, 48, 9), (P4d, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..X86 },
    Machine { recent: true, levels: &[(P4d, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..X86 },
    Machine { levels: &[(Pgd, 39, 13), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 16, 5)], ..PPC },
    Machine { page_shift: 12, levels: &[(Pgd, 39, 13), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..PPC },
    Machine { hash: true, levels: &[(Pgd, 44, 8), (Pud, 34, 10), (Pmd, 24, 10), (Pte, 16, 8)], ..PPC },
    Machine { hash: true, page_shift: 12, levels: &[(Pgd, 37, 9), (Pud, 28, 9), (Pmd, 21, 7), (Pte, 12, 9)], ..PPC },
    Machine {
        off: &[Extern::TRANSPARENT_HUGEPAGE],
        levels: &[(Pgd, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)],
        ..ARM64
    },
    Machine { off: &[Extern::HUGETLB_PAGE], levels: &[(P4d, 39, 9), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 12, 9)], ..X86 },
    Machine {
        off: &[Extern::NUMA_BALANCING, Extern::HUGETLB_PAGE],
        levels: &[(Pgd, 39, 13), (Pud, 30, 9), (Pmd, 21, 9), (Pte, 16, 5)],
        ..PPC
    },
];

impl Machine {
    /// The plugin's name.
    pub fn plugin(&self) -> &'static str {
        match self.cpu {
            Cpu::Arm64 => "arm64",
            Cpu::X86 => "x86",
            Cpu::Ppc => "ppc",
        }
    }

    /// What a plugin must be told to be of this machine.
    pub fn config(&self) -> Config {
        let number = |bits: u32| bits.cast_signed();
        let version = if self.recent { KVersion::new(6, 14, 0) } else { KVersion::new(5, 3, 0) };
        let config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, version.code());
        let config = self.off.iter().fold(config, |config, option| config.with(*option, 0));
        match self.cpu {
            Cpu::Arm64 => config
                .with(Extern::PAGE_SHIFT, number(self.page_shift))
                .with(Extern::VA_BITS, number(self.va_bits))
                .with(Extern::PA_BITS, number(self.pa_bits)),
            Cpu::X86 => config
                .with(Extern::VA_BITS, number(self.va_bits))
                .with(Extern::PA_BITS, number(self.pa_bits))
                .with(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1),
            Cpu::Ppc => config
                .with(Extern::PAGE_SHIFT, number(self.page_shift))
                .with(Extern::PGTABLE_LEVELS, 4)
                .with(Extern::PPC_RADIX_MMU, i32::from(!self.hash)),
        }
    }

    /// An option is on.
    pub fn has(&self, option: Extern) -> bool {
        !self.off.contains(&option)
    }

    /// Whether directories of huge pages are what this kernel has (hash with 4K, before v6.11).
    pub fn has_directories(&self) -> bool {
        self.hash && self.page_shift == 12 && self.has(Extern::HUGETLB_PAGE)
    }

    /// Tables are stored most significant byte first.
    pub fn big_endian(&self) -> bool {
        self.cpu == Cpu::Ppc
    }

    /// First address that user mode cannot have.
    pub fn task_size(&self) -> u64 {
        match self.cpu {
            Cpu::Arm64 => 1 << self.va_bits,
            Cpu::X86 => (1 << (self.va_bits - 1)) - 4096,
            Cpu::Ppc if self.page_shift == 16 => 1 << 52,
            Cpu::Ppc => 1 << 46,
        }
    }

    /// The name that is shown for the level of a depth.
    pub fn shown(&self, depth: usize) -> Level {
        let (level, ..) = self.levels[depth];
        if depth == 0 && level == P4d { Pgd } else { level }
    }

    /// Bytes of a table.
    pub fn table_bytes(&self, depth: usize) -> u64 {
        8 << self.levels[depth].2
    }

    /// What an entry of a level means. An option that is off leaves the stubs of asm-generic.
    pub fn meaning(&self, level: Level, x: u64) -> Meaning {
        let x = match self.cpu {
            Cpu::Arm64 => arm64::meaning(self, level, x),
            Cpu::X86 => x86::meaning(self, level, x),
            Cpu::Ppc => ppc::meaning(self, level, x),
        };
        let thp = self.has(Extern::TRANSPARENT_HUGEPAGE);
        Meaning {
            huge: x.huge && self.has(Extern::HUGETLB_PAGE),
            trans_huge: x.trans_huge && thp,
            devmap: x.devmap && (thp || level == Pte),
            protnone: x.protnone && self.has(Extern::NUMA_BALANCING),
            ..x
        }
    }
}

/// Bits `high` to `low`, both inclusive.
const fn field(high: u32, low: u32) -> u64 {
    (u64::MAX >> (63 - high)) & (u64::MAX << low)
}

/// Bit `n` of `x`.
const fn bit(x: u64, n: u32) -> bool {
    x >> n & 1 == 1
}
