//! Every supported geometry is the one expected, and what ppc64 does not have is refused.

use Level::{P4d, Pgd, Pmd, Pte, Pud};
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Half, KVersion, Level, VirtAddr};
use ptwalk_ppc::Ppc;

fn evaluate(config: Config) -> Result<Geometry, GeometryError> {
    let page_shift = config.value(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, x| Ok(Ppc(config).call(helper, [x, 0])))
}

fn config(page_shift: i32, radix: i32, version: (u8, u8)) -> Config {
    Config::DEFAULT
        .with(Extern::PAGE_SHIFT, page_shift)
        .with(Extern::PPC_RADIX_MMU, radix)
        .with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code())
}

/// Page size, MMU, the levels as shift and entries, root first, log2 of what a root translates and of user mode's part.
type Shape = (i32, i32, [(u32, u32); 4], u32, u32);

const SHAPES: [Shape; 4] = [
    (12, 1, [(39, 8192), (30, 512), (21, 512), (12, 512)], 52, 46),
    (16, 1, [(39, 8192), (30, 512), (21, 512), (16, 32)], 52, 52),
    (12, 0, [(37, 512), (28, 512), (21, 128), (12, 512)], 46, 46),
    (16, 0, [(44, 256), (34, 1024), (24, 1024), (16, 256)], 52, 52),
];

#[test]
fn every_supported_geometry_is_accepted() -> Result<(), GeometryError> {
    for (page_shift, radix, shape, ea_bits, task_bits) in SHAPES {
        for (version, top) in [((5, 3), Pgd), ((5, 7), Pgd), ((5, 8), P4d), ((6, 14), P4d), ((6, 17), P4d)] {
            let geometry = evaluate(config(page_shift, radix, version))?;
            let slots: Vec<_> = geometry.slots().iter().map(|slot| (slot.shift, slot.entries)).collect();
            assert_eq!(slots, shape, "{page_shift} radix {radix} {version:?}");
            let levels: Vec<_> = geometry.slots().iter().map(|slot| slot.level).collect();
            assert_eq!(levels, [top, Pud, Pmd, Pte], "{page_shift} radix {radix} {version:?}");
            assert!(geometry.big_endian && !geometry.shared_root);
            assert_eq!(geometry.root_level(), Pgd);
            assert_eq!(geometry.task_size_max(), 1 << task_bits);
            let end = 1u64 << ea_bits;
            for (va, half) in [
                (0, Some(Half::Lower)),
                (end - 1, Some(Half::Lower)),
                (end, None),
                (0xbfff_ffff_ffff_ffff, None),
                (0xc000_0000_0000_0000, Some(Half::Upper)),
                (0xc000_0000_0000_0000 + (end - 1), Some(Half::Upper)),
                (0xc000_0000_0000_0000 + end, None),
                (u64::MAX, None),
            ] {
                assert_eq!(geometry.half_of(VirtAddr(va)), half, "{va:#x}, {page_shift} radix {radix}");
            }
        }
    }
    Ok(())
}

/// What arm64 derives levels from has no say, and neither has the byte order of the kernel.
#[test]
fn nothing_but_page_size_and_mmu_shapes_the_tables() -> Result<(), GeometryError> {
    let config = config(16, 1, (6, 1));
    let geometry = evaluate(config)?;
    for (key, value) in [(Extern::VA_BITS, 39), (Extern::PGTABLE_LEVELS, 2), (Extern::CPU_BIG_ENDIAN, 1)] {
        assert_eq!(evaluate(config.with(key, value))?, geometry, "{key}");
    }
    Ok(())
}

#[test]
fn what_ppc64_does_not_have_is_refused() {
    for page_shift in [13, 14, 15] {
        for radix in [0, 1] {
            let refused = evaluate(config(page_shift, radix, (5, 3)));
            assert!(matches!(refused, Err(GeometryError::Entries { level: Pgd, entries: 0 })), "{refused:?}");
        }
    }
}

/// Whatever the configuration, the helpers answer.
#[test]
fn no_configuration_panics() {
    for page_shift in Extern::PAGE_SHIFT.range() {
        for radix in Extern::PPC_RADIX_MMU.range() {
            for version in [(5, 3), (5, 9), (6, 14), (6, 19)] {
                for amr in [0, -1, i32::MIN] {
                    let config = config(page_shift, radix, version).with(Extern::AMR, amr);
                    for helper in ptwalk_ppc::IMPLEMENTED {
                        for x in [0, u64::MAX] {
                            let answer = Ppc(config).call(*helper, [x, x]);
                            assert!(!helper.signature().is_bool() || answer <= 1);
                        }
                    }
                }
            }
        }
    }
}
