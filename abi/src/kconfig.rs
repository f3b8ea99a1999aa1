//! The configuration a plugin is specialised for: kernel options and facts, imported as functions `() -> i32`.

use core::fmt;
use core::ops::RangeInclusive;

/// Calls `$cb` with the one list of externs: name, default, accepted values, and what it means.
macro_rules! extern_list {
    ($cb:ident) => {
        $cb! {
            PAGE_SHIFT = 12 in 12..=16, "log2 of the granule in bytes (arm64: 12, 14 or 16)";
            VA_BITS = 48 in 32..=57, "bits of a virtual address that one half translates";
            PA_BITS = 48 in 32..=52, "bits of a physical address; above 48, arm64 entries take their 52-bit form";
            PGTABLE_LEVELS = 4 in 2..=5, "levels of table; derived from VA_BITS and PAGE_SHIFT unless given";
            LINUX_VERSION_CODE = 0x05_03_00 in 0x02_06_00..=0xff_ff_ff, "kernel version as KERNEL_VERSION(a, b, c)";
            CPU_BIG_ENDIAN = 0 in 0..=1, "the kernel runs, and writes its tables, big-endian";
            TRANSPARENT_HUGEPAGE = 1 in 0..=1, "CONFIG_TRANSPARENT_HUGEPAGE";
            HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD = 0 in 0..=1, "CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD";
            HUGETLB_PAGE = 1 in 0..=1, "CONFIG_HUGETLB_PAGE";
            NUMA_BALANCING = 1 in 0..=1, "CONFIG_NUMA_BALANCING";
            ARCH_HAS_PTE_DEVMAP = 1 in 0..=1, "CONFIG_ARCH_HAS_PTE_DEVMAP (kernels before v6.17)";
            ARCH_HAS_PTE_SPECIAL = 1 in 0..=1, "CONFIG_ARCH_HAS_PTE_SPECIAL";
            DEVMAP_SERIES = 0 in 0..=31, "0: as released; 30 or 31: arm64 as of v3 or v3.1 of the 2019 devmap series";
            ARM64_HW_AFDBM = 1 in 0..=1, "the MMU manages the dirty state (TCR_EL1.HD): a clean page with DBM is writable";
            POR_EL0 = 0x7777_7777 in i32::MIN..=i32::MAX, "low half of POR_EL0, the permission overlay of keys 0 to 7 (arm64, v6.12 and later)";
            PPC_RADIX_MMU = 1 in 0..=1, "the MMU walks a radix tree; 0: it hashes, and the tables are the kernel's own (ppc64)";
            AMR = 0 in i32::MIN..=i32::MAX, "high half of AMR, what protection keys 0 to 15 deny (ppc64 with hash); 0 denies nothing";
            MEM_SOFT_DIRTY = 0 in 0..=1, "CONFIG_MEM_SOFT_DIRTY: mkdirty also sets the soft-dirty mark";
            PAGE_TABLE_ISOLATION = 1 in 0..=1, "CONFIG_PAGE_TABLE_ISOLATION (x86_64; MITIGATION_… since v6.9): entries of the top table may bear NX";
            X86_INTEL_MEMORY_PROTECTION_KEYS = 1 in 0..=1, "CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS: bits 62:59 of a leaf are a key into PKRU";
            PKRU = 0 in i32::MIN..=i32::MAX, "the register of access rights by protection key (x86_64)";
            SME_C_BIT = 0 in 0..=51, "position of the memory encryption bit, which is no address bit (x86_64 SME, SEV); 0: none";
        }
    };
}

macro_rules! define_externs {
    ($($name:ident = $default:literal in $range:expr, $doc:literal;)*) => {
        /// A kernel option or fact that a plugin may import from the module [`KCONFIG_MODULE`](crate::KCONFIG_MODULE).
        ///
        /// The names are the kernel's (without `CONFIG_`). Each is a function `() -> i32` whose value is frozen when
        /// the plugin is loaded, so that what is checked and compiled is the plugin for that configuration.
        #[expect(non_camel_case_types, reason = "the kernel's names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Extern {
            $(#[doc = $doc] $name,)*
        }

        impl Extern {
            /// Every extern, in the order of the list.
            pub const ALL: &'static [Extern] = &[$(Extern::$name),*];

            /// The kernel's name, which is also the name of the import.
            pub const fn name(self) -> &'static str {
                match self { $(Extern::$name => stringify!($name),)* }
            }

            /// One line on what the value means.
            pub const fn doc(self) -> &'static str {
                match self { $(Extern::$name => $doc,)* }
            }

            /// The value where none is given.
            pub const fn default(self) -> i32 {
                match self { $(Extern::$name => $default,)* }
            }

            /// The values that are accepted.
            pub const fn range(self) -> RangeInclusive<i32> {
                match self { $(Extern::$name => $range,)* }
            }
        }

        /// Declares, in a plugin built for WASM, the imports from which [`Kconfig::get`](crate::Kconfig::get) reads.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! kconfig_imports {
            () => {
                #[link(wasm_import_module = "kconfig")]
                unsafe extern "C" { $(safe fn $name() -> i32;)* }

                /// The configuration that the host froze when it loaded this plugin.
                #[derive(Clone, Copy)]
                pub struct Imported;

                impl $crate::Kconfig for Imported {
                    #[inline(always)]
                    fn get(&self, key: $crate::Extern) -> i32 {
                        match key { $($crate::Extern::$name => $name(),)* }
                    }
                }
            };
        }
    };
}
extern_list!(define_externs);

impl Extern {
    /// The extern of that name.
    pub fn by_name(name: &str) -> Option<Extern> {
        Extern::ALL.iter().copied().find(|e| e.name() == name)
    }
}

impl fmt::Display for Extern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a plugin reads its configuration.
///
/// In WASM the values are imports; natively they are a [`Config`] or constants. An implementation must answer the
/// same each time.
pub trait Kconfig {
    /// The value of an extern.
    fn get(&self, key: Extern) -> i32;

    /// Whether a boolean option is set.
    #[inline(always)]
    fn on(&self, key: Extern) -> bool {
        self.get(key) != 0
    }

    /// Whether the modelled kernel is `a.b` or later.
    #[inline(always)]
    fn since(&self, a: u8, b: u8) -> bool {
        self.get(Extern::LINUX_VERSION_CODE) >= KVersion::new(a, b, 0).code()
    }
}

/// A value for every extern: one frozen configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    values: [i32; Extern::ALL.len()],
}

impl Config {
    /// Every extern at its default: arm64, 4K granule, 48-bit, four levels, v5.3.
    pub const DEFAULT: Config = {
        let mut values = [0; Extern::ALL.len()];
        let mut i = 0;
        while i < values.len() {
            values[i] = Extern::ALL[i].default();
            i += 1;
        }
        Config { values }
    };

    /// This configuration with one value replaced. `PGTABLE_LEVELS` follows `PAGE_SHIFT` and `VA_BITS` when one of
    /// these is set, by the rule of [`Config::levels_for`]; set it last to say otherwise.
    #[must_use]
    pub const fn with(mut self, key: Extern, value: i32) -> Config {
        self.values[key as usize] = value;
        if matches!(key, Extern::PAGE_SHIFT | Extern::VA_BITS) {
            let levels = Config::levels_for(self.value(Extern::VA_BITS), self.value(Extern::PAGE_SHIFT));
            self.values[Extern::PGTABLE_LEVELS as usize] = levels;
        }
        self
    }

    /// Levels that translate `va_bits` above a granule of `page_shift`, eight bytes an entry: arm64's
    /// `ARM64_HW_PGTABLE_LEVELS` (arch/arm64/include/asm/pgtable-hwdef.h, v5.3), which x86_64 agrees with.
    pub const fn levels_for(va_bits: i32, page_shift: i32) -> i32 {
        let per_level = page_shift - 3;
        if per_level < 1 { 0 } else { (va_bits - page_shift + per_level - 1) / per_level }
    }

    /// The value of an extern, in constant contexts; elsewhere [`Kconfig::get`] says the same.
    pub const fn value(&self, key: Extern) -> i32 {
        self.values[key as usize]
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::DEFAULT
    }
}

impl Kconfig for Config {
    #[inline(always)]
    fn get(&self, key: Extern) -> i32 {
        self.value(key)
    }
}

/// A kernel version, `a.b.c`, ordered as `LINUX_VERSION_CODE` orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KVersion(i32);

impl KVersion {
    /// `KERNEL_VERSION(a, b, c)`; like the kernel's macro since v4.4.257, a sublevel above 255 counts as 255.
    pub const fn new(a: u8, b: u8, c: u16) -> KVersion {
        let c = if c > 255 { 255 } else { c };
        KVersion(((a as i32) << 16) | ((b as i32) << 8) | c as i32)
    }

    /// The version in a `LINUX_VERSION_CODE`.
    pub const fn from_code(code: i32) -> KVersion {
        KVersion(code)
    }

    /// `LINUX_VERSION_CODE`.
    pub const fn code(self) -> i32 {
        self.0
    }
}

impl fmt::Display for KVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b, c) = (self.0 >> 16, (self.0 >> 8) & 0xff, self.0 & 0xff);
        if c == 0 { write!(f, "{a}.{b}") } else { write!(f, "{a}.{b}.{c}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_table_of_the_kernel() {
        let table = [(12, 39, 3), (12, 48, 4), (12, 52, 5), (14, 36, 2), (14, 47, 3), (14, 48, 4), (14, 52, 4)];
        for (page_shift, va_bits, levels) in table.into_iter().chain([(16, 42, 2), (16, 48, 3), (16, 52, 3)]) {
            let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
            assert_eq!(config.get(Extern::PGTABLE_LEVELS), levels, "{page_shift}/{va_bits}");
        }
    }

    #[test]
    fn defaults_lie_in_their_ranges() {
        for e in Extern::ALL {
            assert!(e.range().contains(&e.default()), "{e}");
            assert_eq!(Extern::by_name(e.name()), Some(*e));
        }
    }

    #[test]
    fn versions_are_those_of_the_kernel() {
        assert_eq!(KVersion::new(6, 12, 95).code(), 0x06_0c_5f);
        assert_eq!(KVersion::new(4, 4, 302).code(), 0x04_04_ff);
    }
}
