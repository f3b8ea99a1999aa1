//! Which of the options that decide on device memory a kernel can have together (mm/Kconfig, fs/Kconfig,
//! drivers/pci/Kconfig of v5.2 and v5.3).
//!
//! In: version, machine, and what is wished for. Out: a [`ZoneKernel`], every option decided: as wished, or else on where
//! the kernel can have it; or the option that it cannot have, and why. Not handled: options that other options of no
//! concern here select.

use std::collections::BTreeMap;
use std::fmt;

use ptwalk_abi::KVersion;
use serde::Deserialize;
use thiserror::Error;

use super::section::Machine;

/// A kernel option, without `CONFIG_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the kernel's names")]
pub enum KOption {
    MemoryHotplug,
    MemoryHotremove,
    SparsememVmemmap,
    ZoneDevice,
    DevicePrivate,
    DevicePublic,
    #[serde(rename = "PCI_P2PDMA")]
    PciP2pdma,
    FsDaxLimited,
    FsDax,
    DevPagemapOps,
}

impl KOption {
    /// Every option, each after those it depends on.
    pub const ALL: [KOption; 10] = [
        KOption::MemoryHotplug,
        KOption::MemoryHotremove,
        KOption::SparsememVmemmap,
        KOption::ZoneDevice,
        KOption::DevicePrivate,
        KOption::DevicePublic,
        KOption::PciP2pdma,
        KOption::FsDaxLimited,
        KOption::FsDax,
        KOption::DevPagemapOps,
    ];

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            KOption::MemoryHotplug => "MEMORY_HOTPLUG",
            KOption::MemoryHotremove => "MEMORY_HOTREMOVE",
            KOption::SparsememVmemmap => "SPARSEMEM_VMEMMAP",
            KOption::ZoneDevice => "ZONE_DEVICE",
            KOption::DevicePrivate => "DEVICE_PRIVATE",
            KOption::DevicePublic => "DEVICE_PUBLIC",
            KOption::PciP2pdma => "PCI_P2PDMA",
            KOption::FsDaxLimited => "FS_DAX_LIMITED",
            KOption::FsDax => "FS_DAX",
            KOption::DevPagemapOps => "DEV_PAGEMAP_OPS",
        }
    }
}

impl fmt::Display for KOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Since when `DEV_PAGEMAP_OPS` is gone (inferred: v5.15.97 has it, v6.14 has it not).
pub const WITHOUT_PAGEMAP_OPS: KVersion = KVersion::new(5, 18, 0);

/// Since when arm64 can remove memory (inferred: v5.3.1 cannot, v5.10.44 can).
const ARM64_HOTREMOVE: KVersion = KVersion::new(5, 7, 0);

/// Since when ZONE_DEVICE asks for `ARCH_HAS_PTE_DEVMAP`, which arm64 has, and not for `ARCH_HAS_ZONE_DEVICE`.
const PTE_DEVMAP_SYMBOL: KVersion = KVersion::new(5, 3, 0);

/// Why an option cannot be on, or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It depends on an option that is off.
    Needs(KOption),
    /// The kernel has no such option.
    Absent,
    /// The machine lacks what the option depends on.
    Machine(&'static str),
    /// It has no prompt, and nothing that selects it is on.
    NotSelected,
    /// It is wished off, but an option that is on selects it.
    SelectedBy(KOption),
}

/// An option that a kernel cannot have as wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The option.
    pub option: KOption,
    /// What was wished.
    pub wished: bool,
    /// Why it cannot be.
    pub obstacle: Obstacle,
    /// The kernel.
    pub kernel: KVersion,
    /// The machine.
    pub machine: Machine,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { option, wished, obstacle, kernel, machine } = self;
        let value = if *wished { "y" } else { "n" };
        write!(f, "{machine} v{kernel} cannot have {option}={value}: ")?;
        match obstacle {
            Obstacle::Needs(needed) => write!(f, "it depends on {needed}, which is off"),
            Obstacle::Absent => f.write_str("it has no such option"),
            Obstacle::Machine(lacks) => write!(f, "the architecture has no {lacks}"),
            Obstacle::NotSelected => f.write_str("it has no prompt, and nothing that selects it is on"),
            Obstacle::SelectedBy(other) => write!(f, "{other} selects it"),
        }
    }
}

/// A kernel, as far as device memory is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneKernel {
    /// Its version.
    pub version: KVersion,
    /// With the 2019 devmap series (v3) on top, which v5.3 has anyway.
    pub series: bool,
    /// The machine.
    pub machine: Machine,
    /// log2 of the page.
    pub page_shift: u32,
    on: [bool; KOption::ALL.len()],
}

impl ZoneKernel {
    /// The kernel with the options that are `wished`, and everything else that it can have; `FS_DAX_LIMITED`, which is
    /// of one driver of s390, is off.
    ///
    /// # Errors
    /// [`ConfigError`], for the first option that cannot be as wished.
    pub fn new(
        (version, series): (KVersion, bool),
        (machine, page_shift): (Machine, u32),
        wished: &BTreeMap<KOption, bool>,
    ) -> Result<ZoneKernel, ConfigError> {
        let mut kernel = ZoneKernel { version, series, machine, page_shift, on: [false; KOption::ALL.len()] };
        for option in KOption::ALL {
            let obstacle = kernel.obstacle(option);
            let error = |wished, obstacle| ConfigError { option, wished, obstacle, kernel: version, machine };
            kernel.on[option as usize] = match (wished.get(&option), obstacle) {
                (Some(true), Some(obstacle)) => return Err(error(true, obstacle)),
                (Some(false), _) => match kernel.selector(option) {
                    Some(selector) => return Err(error(false, Obstacle::SelectedBy(selector))),
                    None => false,
                },
                (Some(true), None) => true,
                (None, obstacle) => obstacle.is_none() && option != KOption::FsDaxLimited,
            };
        }
        Ok(kernel)
    }

    /// Whether an option is on.
    pub const fn on(&self, option: KOption) -> bool {
        self.on[option as usize]
    }

    /// Why an option is off, where it could not be on.
    pub fn cannot(&self, option: KOption) -> Option<ConfigError> {
        let obstacle = self.obstacle(option)?;
        Some(ConfigError { option, wished: true, obstacle, kernel: self.version, machine: self.machine })
    }

    /// Whether `DEV_PAGEMAP_OPS` exists and is on, or is not needed any more.
    pub fn has_pagemap_ops(&self) -> bool {
        self.version >= WITHOUT_PAGEMAP_OPS || self.on(KOption::DevPagemapOps)
    }

    /// Why an option cannot be on, given those before it.
    fn obstacle(&self, option: KOption) -> Option<Obstacle> {
        // What the machine lacks is told in place of the option that needs it.
        let needs = |needed: &[KOption]| {
            let needed = needed.iter().find(|needed| !self.on(**needed))?;
            let lacks = self.obstacle(*needed).filter(|obstacle| matches!(obstacle, Obstacle::Machine(_)));
            Some(lacks.unwrap_or(Obstacle::Needs(*needed)))
        };
        match option {
            KOption::MemoryHotremove => {
                let lacks = self.machine == Machine::Arm64 && self.version < ARM64_HOTREMOVE;
                let machine = lacks.then_some(Obstacle::Machine("memory hot-remove (ARCH_ENABLE_MEMORY_HOTREMOVE)"));
                machine.or_else(|| needs(&[KOption::MemoryHotplug]))
            }
            KOption::ZoneDevice => {
                let symbol = self.version >= PTE_DEVMAP_SYMBOL || self.series;
                let lacks = self.machine == Machine::Arm64 && !symbol;
                let machine = lacks.then_some(Obstacle::Machine("ARCH_HAS_ZONE_DEVICE"));
                machine
                    .or_else(|| needs(&[KOption::MemoryHotplug, KOption::MemoryHotremove, KOption::SparsememVmemmap]))
            }
            KOption::DevicePublic if self.version >= KVersion::new(5, 3, 0) => Some(Obstacle::Absent),
            KOption::DevicePrivate | KOption::DevicePublic | KOption::PciP2pdma => needs(&[KOption::ZoneDevice]),
            KOption::DevPagemapOps if self.version >= WITHOUT_PAGEMAP_OPS => Some(Obstacle::Absent),
            KOption::DevPagemapOps if self.selector(option).is_none() => Some(Obstacle::NotSelected),
            _ => None,
        }
    }

    /// What selects an option: only `DEV_PAGEMAP_OPS` is selected. `PCI_P2PDMA` does not select it.
    fn selector(&self, option: KOption) -> Option<KOption> {
        if option != KOption::DevPagemapOps || self.version >= WITHOUT_PAGEMAP_OPS {
            return None;
        }
        let dax = self.on(KOption::FsDax) && self.on(KOption::ZoneDevice) && !self.on(KOption::FsDaxLimited);
        let selectors = [
            (KOption::DevicePrivate, self.on(KOption::DevicePrivate)),
            (KOption::DevicePublic, self.on(KOption::DevicePublic)),
            (KOption::FsDax, dax),
        ];
        selectors.into_iter().find(|(_, on)| *on).map(|(selector, _)| selector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(a: u8, b: u8, machine: Machine, wished: &[(KOption, bool)]) -> Result<ZoneKernel, ConfigError> {
        let wished = wished.iter().copied().collect();
        ZoneKernel::new((KVersion::new(a, b, 0), false), (machine, 12), &wished)
    }

    /// The trap: v5.3 gives arm64 ARCH_HAS_PTE_DEVMAP and ZONE_DEVICE can still not be had.
    #[test]
    fn arm64_has_no_device_memory_before_it_can_remove_memory() {
        for (a, b) in [(5, 2), (5, 3), (5, 6)] {
            let error = kernel(a, b, Machine::Arm64, &[(KOption::ZoneDevice, true)]).expect_err("no hot-remove");
            assert!(matches!(error.obstacle, Obstacle::Machine(_)), "{error}");
            assert_eq!(error.option, KOption::ZoneDevice, "{error}");
            let usual = kernel(a, b, Machine::Arm64, &[]).expect("nothing is wished for");
            assert!(!usual.on(KOption::ZoneDevice) && !usual.on(KOption::DevicePrivate));
            assert_eq!(usual.cannot(KOption::ZoneDevice), Some(error));
        }
        let text = kernel(5, 3, Machine::Arm64, &[(KOption::MemoryHotremove, true)]).expect_err("no hot-remove");
        let text = text.to_string();
        assert!(text.starts_with("arm64 v5.3 cannot have MEMORY_HOTREMOVE=y: "), "{text}");
        assert!(kernel(5, 10, Machine::Arm64, &[]).expect("possible").on(KOption::ZoneDevice));
        for machine in [Machine::X86, Machine::Ppc] {
            assert!(kernel(5, 2, machine, &[]).expect("possible").on(KOption::ZoneDevice), "{machine}");
        }
    }

    #[test]
    fn what_depends_and_what_is_selected() {
        use KOption::{DevPagemapOps, DevicePrivate, DevicePublic, FsDax, FsDaxLimited, PciP2pdma, ZoneDevice};
        let x86 = |b, wished: &[(KOption, bool)]| kernel(5, b, Machine::X86, wished);
        for (b, wished, obstacle) in [
            (3, vec![(ZoneDevice, false), (DevicePrivate, true)], Obstacle::Needs(ZoneDevice)),
            (3, vec![(ZoneDevice, false), (PciP2pdma, true)], Obstacle::Needs(ZoneDevice)),
            (
                3,
                vec![(KOption::SparsememVmemmap, false), (ZoneDevice, true)],
                Obstacle::Needs(KOption::SparsememVmemmap),
            ),
            (3, vec![(DevicePublic, true)], Obstacle::Absent),
            (3, vec![(DevPagemapOps, false)], Obstacle::SelectedBy(DevicePrivate)),
            (3, vec![(DevicePrivate, false), (DevPagemapOps, false)], Obstacle::SelectedBy(FsDax)),
            (3, vec![(DevicePrivate, false), (FsDax, false), (DevPagemapOps, true)], Obstacle::NotSelected),
            (18, vec![(DevPagemapOps, true)], Obstacle::Absent),
        ] {
            assert_eq!(x86(b, &wished).map_err(|error| error.obstacle), Err(obstacle), "v5.{b} {wished:?}");
        }
        assert!(x86(2, &[(DevicePublic, true)]).is_ok());
        // P2PDMA alone selects no ops; neither does DAX that is limited.
        let alone = x86(3, &[(DevicePrivate, false), (FsDaxLimited, true)]).expect("possible");
        assert!(alone.on(PciP2pdma) && alone.on(FsDax) && !alone.on(DevPagemapOps));
    }
}
