//! `FOLL_*` flags, by name: their numbers changed with v6.3, so that a number says nothing without its kernel.

use std::fmt;
use std::ops::BitOr;

/// Flags of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollFlags(u16);

impl FollFlags {
    /// No flag: pages to read, for a short time.
    pub const NONE: FollFlags = FollFlags(0);
    /// The caller will write to the pages.
    pub const WRITE: FollFlags = FollFlags(1 << 0);
    /// References are taken; every caller means it unless it says [`FollFlags::PIN`].
    pub const GET: FollFlags = FollFlags(1 << 1);
    /// Permissions of the mapping may be overridden. The fast walk accepts it and does not act on it.
    pub const FORCE: FollFlags = FollFlags(1 << 2);
    /// The slow path may not fault pages in.
    pub const NOFAULT: FollFlags = FollFlags(1 << 3);
    /// The pages stay pinned for long, which device memory of a file does not allow.
    pub const LONGTERM: FollFlags = FollFlags(1 << 4);
    /// Memory of PCI peers is welcome.
    pub const PCI_P2PDMA: FollFlags = FollFlags(1 << 5);
    /// PROT_NONE for NUMA balancing is a reason to fault.
    pub const HONOR_NUMA_FAULT: FollFlags = FollFlags(1 << 6);
    /// The pages are pinned for direct access to their contents.
    pub const PIN: FollFlags = FollFlags(1 << 7);
    /// No slow path.
    pub const FAST_ONLY: FollFlags = FollFlags(1 << 8);

    /// Every flag, with the name that follows `FOLL_` in the kernel.
    pub const ALL: [(FollFlags, &'static str); 9] = [
        (FollFlags::WRITE, "WRITE"),
        (FollFlags::GET, "GET"),
        (FollFlags::FORCE, "FORCE"),
        (FollFlags::NOFAULT, "NOFAULT"),
        (FollFlags::LONGTERM, "LONGTERM"),
        (FollFlags::PCI_P2PDMA, "PCI_P2PDMA"),
        (FollFlags::HONOR_NUMA_FAULT, "HONOR_NUMA_FAULT"),
        (FollFlags::PIN, "PIN"),
        (FollFlags::FAST_ONLY, "FAST_ONLY"),
    ];

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: FollFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    pub const fn meets(self, flags: FollFlags) -> bool {
        self.0 & flags.0 != 0
    }

    /// The flags of both.
    #[must_use]
    pub const fn or(self, flags: FollFlags) -> FollFlags {
        FollFlags(self.0 | flags.0)
    }

    /// These flags, and `flag` if `wanted`.
    #[must_use]
    pub const fn with(self, flag: FollFlags, wanted: bool) -> FollFlags {
        if wanted { FollFlags(self.0 | flag.0) } else { self }
    }

    /// The flags that are set, one by one, with their names.
    pub fn each(self) -> impl Iterator<Item = (FollFlags, &'static str)> {
        FollFlags::ALL.into_iter().filter(move |(flag, _)| self.has(*flag))
    }

    /// The flag of that name, with or without `FOLL_`, in any case, `-` for `_`.
    pub fn by_name(name: &str) -> Option<FollFlags> {
        let name = name.to_ascii_uppercase().replace('-', "_");
        let name = name.strip_prefix("FOLL_").unwrap_or(&name);
        FollFlags::ALL.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }
}

impl BitOr for FollFlags {
    type Output = FollFlags;

    fn bitor(self, other: FollFlags) -> FollFlags {
        self.or(other)
    }
}

impl fmt::Display for FollFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.each().map(|(_, name)| format!("FOLL_{name}")).collect();
        f.pad(&if names.is_empty() { "0".to_owned() } else { names.join("|") })
    }
}

/// The numbers that a kernel gives to the flags that its `get_user_pages_fast` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering(pub &'static [(FollFlags, u32)]);

impl Numbering {
    /// The word for `flags`.
    ///
    /// # Errors
    /// The first flag that the kernel does not accept.
    pub fn word(self, flags: FollFlags) -> Result<u32, FollFlags> {
        flags.each().try_fold(0, |word, (flag, _)| {
            let number = self.0.iter().find(|(known, _)| *known == flag);
            number.map(|(_, number)| word | number).ok_or(flag)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_written() {
        for (flag, name) in FollFlags::ALL {
            let kebab = name.to_ascii_lowercase().replace('_', "-");
            for spelt in [name, &format!("FOLL_{name}"), &kebab] {
                assert_eq!(FollFlags::by_name(spelt), Some(flag), "{spelt}");
            }
        }
        assert_eq!(FollFlags::by_name("TOUCH"), None);
        assert_eq!((FollFlags::WRITE | FollFlags::PIN).to_string(), "FOLL_WRITE|FOLL_PIN");
    }
}
