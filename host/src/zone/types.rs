//! Types of device memory, by name: the numbers of `enum memory_type` changed with v5.3 and v6.1, so that a number says
//! nothing without its kernel.

use std::fmt;

use ptwalk_abi::KVersion;
use serde::{Deserialize, Serialize};

/// Type of a `dev_pagemap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PgmapType {
    /// `MEMORY_DEVICE_PRIVATE`.
    Private,
    /// `MEMORY_DEVICE_PUBLIC` (before v5.3).
    Public,
    /// `MEMORY_DEVICE_FS_DAX`.
    FsDax,
    /// `MEMORY_DEVICE_DEVDAX` (v5.3), `MEMORY_DEVICE_GENERIC` (v5.10 and later).
    #[serde(alias = "generic")]
    DevDax,
    /// `MEMORY_DEVICE_PCI_P2PDMA`.
    PciP2pdma,
    /// `MEMORY_DEVICE_COHERENT` (v6.1 and later).
    Coherent,
}

/// A kernel's types: their names after `MEMORY_DEVICE_`, in order of number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeNumbering {
    /// The first kernel that numbers them so.
    pub since: KVersion,
    /// The types.
    pub types: &'static [(PgmapType, &'static str)],
}

use PgmapType::{Coherent, DevDax, FsDax, PciP2pdma, Private, Public};

/// include/linux/memremap.h of the trees v4.19, v5.2.1, v5.3.1, v5.10.44 and v6.1-rc7.
const NUMBERINGS: [TypeNumbering; 5] = [
    TypeNumbering {
        since: KVersion::new(4, 19, 0),
        types: &[(Private, "PRIVATE"), (Public, "PUBLIC"), (FsDax, "FS_DAX")],
    },
    TypeNumbering {
        since: KVersion::new(5, 2, 0),
        types: &[(Private, "PRIVATE"), (Public, "PUBLIC"), (FsDax, "FS_DAX"), (PciP2pdma, "PCI_P2PDMA")],
    },
    TypeNumbering {
        since: KVersion::new(5, 3, 0),
        types: &[(Private, "PRIVATE"), (FsDax, "FS_DAX"), (DevDax, "DEVDAX"), (PciP2pdma, "PCI_P2PDMA")],
    },
    TypeNumbering {
        since: KVersion::new(5, 10, 0),
        types: &[(Private, "PRIVATE"), (FsDax, "FS_DAX"), (DevDax, "GENERIC"), (PciP2pdma, "PCI_P2PDMA")],
    },
    TypeNumbering {
        since: KVersion::new(6, 1, 0),
        types: &[
            (Private, "PRIVATE"),
            (Coherent, "COHERENT"),
            (FsDax, "FS_DAX"),
            (DevDax, "GENERIC"),
            (PciP2pdma, "PCI_P2PDMA"),
        ],
    },
];

impl TypeNumbering {
    /// The numbering of a kernel; `None` before v4.19.
    pub fn of(kernel: KVersion) -> Option<TypeNumbering> {
        NUMBERINGS.into_iter().rev().find(|numbering| numbering.since <= kernel)
    }

    /// Number and name of a type, where the kernel has it.
    pub fn number(self, kind: PgmapType) -> Option<(usize, &'static str)> {
        let index = self.types.iter().position(|(known, _)| *known == kind)?;
        Some((index + 1, self.types[index].1))
    }

    /// The type of a number.
    pub fn by_number(self, number: usize) -> Option<PgmapType> {
        let (kind, _) = self.types.get(number.checked_sub(1)?)?;
        Some(*kind)
    }
}

impl PgmapType {
    /// Every type.
    pub const ALL: [PgmapType; 6] = [Private, Public, FsDax, DevDax, PciP2pdma, Coherent];

    /// The name as the pgmap file and the JSON interface spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Private => "private",
            Public => "public",
            FsDax => "fs-dax",
            DevDax => "dev-dax",
            PciP2pdma => "pci-p2pdma",
            Coherent => "coherent",
        }
    }

    /// The type of that name.
    pub fn by_name(name: &str) -> Option<PgmapType> {
        PgmapType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PgmapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One number, five kernels: the reason to write types by name.
    #[test]
    fn numbers_are_those_of_their_kernel() {
        let number = |a, b, kind| TypeNumbering::of(KVersion::new(a, b, 0)).and_then(|n| Some(n.number(kind)?.0));
        for (kind, numbers) in [
            (Private, [Some(1), Some(1), Some(1), Some(1), Some(1)]),
            (Public, [Some(2), Some(2), None, None, None]),
            (FsDax, [Some(3), Some(3), Some(2), Some(2), Some(3)]),
            (DevDax, [None, None, Some(3), Some(3), Some(4)]),
            (PciP2pdma, [None, Some(4), Some(4), Some(4), Some(5)]),
            (Coherent, [None, None, None, None, Some(2)]),
        ] {
            let found = [(4, 19), (5, 2), (5, 4), (5, 15), (6, 14)].map(|(a, b)| number(a, b, kind));
            assert_eq!(found, numbers, "{kind}");
        }
        let v6 = TypeNumbering::of(KVersion::new(6, 6, 0)).expect("a kernel with device memory");
        assert_eq!(v6.number(DevDax), Some((4, "GENERIC")));
        assert_eq!((v6.by_number(0), v6.by_number(2), v6.by_number(6)), (None, Some(Coherent), None));
        assert_eq!(TypeNumbering::of(KVersion::new(4, 18, 0)), None);
    }
}
