//! `is_device_private_page` and its like (include/linux/mm.h, include/linux/memremap.h), version by version.
//!
//! In: a kernel, and the type of the pgmap of a page in ZONE_DEVICE. Out: what the predicate says, which depends on
//! options as much as on the page.

use ptwalk_abi::KVersion;

use super::config::{KOption, WITHOUT_PAGEMAP_OPS, ZoneKernel};
use super::{PgmapType, TypeNumbering};

/// A predicate on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// `is_device_private_page`.
    Private,
    /// `is_device_public_page`.
    Public,
    /// `is_pci_p2pdma_page`.
    PciP2pdma,
    /// `is_device_coherent_page`.
    Coherent,
}

/// The forms that the predicates had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// v5.2.
    V5_2,
    /// The 2019 series, v3, on v5.2.
    Series,
    /// v5.3.
    V5_3,
    /// v6.14, and since `DEV_PAGEMAP_OPS` is gone.
    V6_14,
}

impl Predicate {
    /// Every predicate.
    pub const ALL: [Predicate; 4] = [Predicate::Private, Predicate::Public, Predicate::PciP2pdma, Predicate::Coherent];

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            Predicate::Private => "is_device_private_page",
            Predicate::Public => "is_device_public_page",
            Predicate::PciP2pdma => "is_pci_p2pdma_page",
            Predicate::Coherent => "is_device_coherent_page",
        }
    }

    /// The type it asks for.
    pub const fn kind(self) -> PgmapType {
        match self {
            Predicate::Private => PgmapType::Private,
            Predicate::Public => PgmapType::Public,
            Predicate::PciP2pdma => PgmapType::PciP2pdma,
            Predicate::Coherent => PgmapType::Coherent,
        }
    }

    /// The options without which it is constant 0; `None` where there is no such predicate.
    const fn options(self, rules: Rules) -> Option<&'static [KOption]> {
        use KOption::{DevPagemapOps, DevicePrivate, DevicePublic, PciP2pdma};
        match (self, rules) {
            (Predicate::Private | Predicate::Public, Rules::V5_2) => Some(&[DevPagemapOps]),
            (Predicate::Private, Rules::Series | Rules::V5_3) => Some(&[DevPagemapOps, DevicePrivate]),
            (Predicate::Private, Rules::V6_14) => Some(&[DevicePrivate]),
            (Predicate::Public, Rules::Series) => Some(&[DevPagemapOps, DevicePublic]),
            (Predicate::Public, Rules::V5_3 | Rules::V6_14) => None,
            (Predicate::PciP2pdma, Rules::V6_14) => Some(&[PciP2pdma]),
            (Predicate::PciP2pdma, _) => Some(&[DevPagemapOps, PciP2pdma]),
            (Predicate::Coherent, Rules::V6_14) => Some(&[]),
            (Predicate::Coherent, _) => None,
        }
    }

    /// What a kernel answers of a page: `page` is the type of its pgmap where it lies in ZONE_DEVICE. `None` where the
    /// kernel has no such predicate, or no such type.
    pub fn of(self, kernel: &ZoneKernel, page: Option<PgmapType>) -> Option<bool> {
        TypeNumbering::of(kernel.version)?.number(self.kind())?;
        let options = self.options(rules(kernel))?;
        Some(is_zone_device_page(kernel, page) && options.iter().all(|o| kernel.on(*o)) && page == Some(self.kind()))
    }
}

fn rules(kernel: &ZoneKernel) -> Rules {
    if kernel.version >= WITHOUT_PAGEMAP_OPS {
        Rules::V6_14
    } else if kernel.version >= KVersion::new(5, 3, 0) {
        Rules::V5_3
    } else if kernel.series {
        Rules::Series
    } else {
        Rules::V5_2
    }
}

/// `is_zone_device_page`.
pub fn is_zone_device_page(kernel: &ZoneKernel, page: Option<PgmapType>) -> bool {
    kernel.on(KOption::ZoneDevice) && page.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::section::Machine;
    use KOption::{DevPagemapOps, DevicePrivate, DevicePublic, FsDax, FsDaxLimited, PciP2pdma, ZoneDevice};
    use Predicate as P;

    /// A kernel with these options and, of the others that matter, none.
    fn kernel(a: u8, b: u8, series: bool, on: &[KOption]) -> Result<ZoneKernel, crate::zone::config::ConfigError> {
        let all = [ZoneDevice, DevicePrivate, DevicePublic, PciP2pdma, FsDax, FsDaxLimited];
        let mut wished: std::collections::BTreeMap<KOption, bool> = all.map(|o| (o, on.contains(&o))).into();
        wished.extend(on.contains(&DevPagemapOps).then_some((DevPagemapOps, true)));
        ZoneKernel::new((KVersion::new(a, b, 0), series), (Machine::X86, 12), &wished)
    }

    /// The truth table of the reference: OPS (here by FS_DAX), own option, and then each kernel. `None`: the kernel
    /// cannot be built, or has no such predicate.
    #[test]
    fn every_cell_of_the_truth_table() {
        const KERNELS: [(u8, u8, bool); 4] = [(5, 2, false), (5, 2, true), (5, 3, false), (6, 14, false)];
        const NO: Option<bool> = Some(false);
        const YES: Option<bool> = Some(true);
        let cells = [
            (P::Private, DevicePrivate, false, false, [NO, NO, NO, NO]),
            // Its own option selects OPS: without OPS there is no such kernel, until there is no OPS.
            (P::Private, DevicePrivate, false, true, [YES, YES, YES, YES]),
            (P::Private, DevicePrivate, true, false, [YES, NO, NO, NO]),
            (P::Private, DevicePrivate, true, true, [YES, YES, YES, YES]),
            (P::Public, DevicePublic, false, false, [NO, NO, None, None]),
            (P::Public, DevicePublic, false, true, [YES, YES, None, None]),
            (P::Public, DevicePublic, true, false, [YES, NO, None, None]),
            (P::Public, DevicePublic, true, true, [YES, YES, None, None]),
            (P::PciP2pdma, PciP2pdma, false, false, [NO, NO, NO, NO]),
            (P::PciP2pdma, PciP2pdma, false, true, [NO, NO, NO, YES]),
            (P::PciP2pdma, PciP2pdma, true, false, [NO, NO, NO, NO]),
            (P::PciP2pdma, PciP2pdma, true, true, [YES, YES, YES, YES]),
        ];
        for (predicate, own, ops, own_on, expected) in cells {
            let mut on = vec![ZoneDevice];
            on.extend(ops.then_some(FsDax));
            on.extend(own_on.then_some(own));
            let found = KERNELS.map(|(a, b, series)| {
                let kernel = kernel(a, b, series, &on).ok()?;
                let selects = own != PciP2pdma && own_on;
                let has_ops = kernel.version < WITHOUT_PAGEMAP_OPS && (ops || selects);
                assert_eq!(kernel.on(DevPagemapOps), has_ops, "{own} v{a}.{b}");
                predicate.of(&kernel, Some(predicate.kind()))
            });
            assert_eq!(found, expected, "{} with OPS {ops}, {own} {own_on}", predicate.name());
        }
        for (a, b, series, expected) in
            [(5, 2, false, None), (5, 3, false, None), (5, 18, false, None), (6, 14, false, YES)]
        {
            let kernel = kernel(a, b, series, &[ZoneDevice]).expect("possible");
            assert_eq!(P::Coherent.of(&kernel, Some(PgmapType::Coherent)), expected, "v{a}.{b}");
        }
    }

    /// The cells that no kernel can have are refused, and not answered.
    #[test]
    fn private_without_ops_cannot_be_built() {
        for own in [DevicePrivate, DevicePublic] {
            let wished = [(own, true), (DevPagemapOps, false)].into();
            assert!(ZoneKernel::new((KVersion::new(5, 2, 0), false), (Machine::X86, 12), &wished).is_err(), "{own}");
        }
    }

    /// In every configuration: no predicate holds outside ZONE_DEVICE, without ZONE_DEVICE, or of another type.
    #[test]
    fn no_predicate_holds_of_anything_else() {
        let options = [ZoneDevice, DevicePrivate, DevicePublic, PciP2pdma, FsDax];
        let mut kernels = 0;
        for (a, b, series) in
            [(5, 2, false), (5, 2, true), (5, 3, false), (5, 10, false), (6, 1, false), (6, 14, false)]
        {
            for set in 0u32..1 << options.len() {
                let on: Vec<KOption> = (0..).zip(options).filter(|(i, _)| set >> i & 1 != 0).map(|(_, o)| o).collect();
                let Ok(kernel) = kernel(a, b, series, &on) else { continue };
                kernels += 1;
                for predicate in Predicate::ALL {
                    assert_ne!(predicate.of(&kernel, None), Some(true));
                    for kind in PgmapType::ALL {
                        let holds = predicate.of(&kernel, Some(kind)) == Some(true);
                        assert!(!holds || (kind == predicate.kind() && on.contains(&ZoneDevice)), "{on:?} {kind}");
                    }
                }
            }
        }
        assert!(kernels > 60, "{kernels} kernels could be built");
    }
}
