//! The five levels of a Linux page table.

use core::fmt;

/// A level, lowest first. The order is that of the descent reversed: `Pte < Pmd < Pud < P4d < Pgd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Page table entry: maps one granule.
    Pte,
    /// Page middle directory.
    Pmd,
    /// Page upper directory.
    Pud,
    /// Page fourth directory.
    P4d,
    /// Page global directory: the root.
    Pgd,
}

impl Level {
    /// All levels in the order of a descent: root first.
    pub const DESCENT: [Level; 5] = [Level::Pgd, Level::P4d, Level::Pud, Level::Pmd, Level::Pte];

    /// The kernel's name: `pte`, `pmd`, `pud`, `p4d` or `pgd`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Pte => "pte",
            Level::Pmd => "pmd",
            Level::Pud => "pud",
            Level::P4d => "p4d",
            Level::Pgd => "pgd",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
