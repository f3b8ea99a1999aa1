//! Every supported configuration yields a geometry that the contract accepts, and the one expected.

use Level::{P4d, Pgd, Pmd, Pte, Pud};
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Half, KVersion, Level, VirtAddr};
use ptwalk_arm64::Arm64;

fn evaluate(config: Config) -> Result<Geometry, GeometryError> {
    let arm64 = Arm64(config);
    let page_shift = config.value(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, x| Ok(arm64.call(helper, [x, 0])))
}

fn config(page_shift: i32, va_bits: i32, version: (u8, u8)) -> Config {
    Config::DEFAULT
        .with(Extern::PAGE_SHIFT, page_shift)
        .with(Extern::VA_BITS, va_bits)
        .with(Extern::PA_BITS, if va_bits == 52 { 52 } else { 48 })
        .with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code())
}

/// Granule, VA size, and the real levels as shift and entries, root first.
type Shape = (i32, i32, &'static [(u32, u32)]);

const SHAPES: [Shape; 10] = [
    (12, 39, &[(30, 512), (21, 512), (12, 512)]),
    (12, 48, &[(39, 512), (30, 512), (21, 512), (12, 512)]),
    (14, 36, &[(25, 2048), (14, 2048)]),
    (14, 47, &[(36, 2048), (25, 2048), (14, 2048)]),
    (14, 48, &[(47, 2), (36, 2048), (25, 2048), (14, 2048)]),
    (16, 42, &[(29, 8192), (16, 8192)]),
    (16, 48, &[(42, 64), (29, 8192), (16, 8192)]),
    (16, 52, &[(42, 1024), (29, 8192), (16, 8192)]),
    (12, 52, &[(48, 16), (39, 512), (30, 512), (21, 512), (12, 512)]),
    (14, 52, &[(47, 32), (36, 2048), (25, 2048), (14, 2048)]),
];

/// The names under which the words are tested, root first.
fn tested(depth: usize, nop4d: bool) -> &'static [Level] {
    match depth {
        2 => &[Pmd, Pte],
        3 => &[Pud, Pmd, Pte],
        4 if nop4d => &[P4d, Pud, Pmd, Pte],
        4 => &[Pgd, Pud, Pmd, Pte],
        _ => &[Pgd, P4d, Pud, Pmd, Pte],
    }
}

#[test]
fn every_supported_geometry_is_accepted() -> Result<(), GeometryError> {
    for (page_shift, va_bits, shape) in SHAPES {
        for version in [(5, 2), (5, 3), (5, 7), (5, 8), (5, 10), (6, 6), (6, 14), (6, 17), (6, 19)] {
            let geometry = evaluate(config(page_shift, va_bits, version))?;
            let slots: Vec<_> = geometry.slots().iter().map(|slot| (slot.shift, slot.entries)).collect();
            assert_eq!(slots, shape, "{page_shift}/{va_bits} {version:?}");
            let levels: Vec<_> = geometry.slots().iter().map(|slot| slot.level).collect();
            assert_eq!(levels, tested(shape.len(), version >= (5, 8)), "{page_shift}/{va_bits} {version:?}");
            assert!(!geometry.shared_root && !geometry.big_endian);
        }
    }
    Ok(())
}

#[test]
fn the_halves_have_va_bits_each() -> Result<(), GeometryError> {
    for (page_shift, va_bits, _) in SHAPES {
        let geometry = evaluate(config(page_shift, va_bits, (5, 3)))?;
        let end = 1u64 << va_bits;
        assert_eq!(geometry.task_size_max(), end);
        assert_eq!(geometry.half_of(VirtAddr(0)), Some(Half::Lower));
        assert_eq!(geometry.half_of(VirtAddr(end - 1)), Some(Half::Lower));
        assert_eq!(geometry.half_of(VirtAddr(end)), None);
        assert_eq!(geometry.half_of(VirtAddr(end.wrapping_neg() - 1)), None);
        assert_eq!(geometry.half_of(VirtAddr(end.wrapping_neg())), Some(Half::Upper));
        assert_eq!(geometry.half_of(VirtAddr(u64::MAX)), Some(Half::Upper));
    }
    Ok(())
}

#[test]
fn a_big_endian_kernel_writes_big_endian_tables() -> Result<(), GeometryError> {
    assert!(evaluate(Config::DEFAULT.with(Extern::CPU_BIG_ENDIAN, 1))?.big_endian);
    Ok(())
}

#[test]
fn what_arm64_does_not_have_is_refused() {
    for page_shift in [13, 15] {
        let granule = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift);
        assert!(matches!(evaluate(granule), Err(GeometryError::Entries { .. })), "{page_shift}");
    }
    for levels in [2, 3, 5] {
        let levels = Config::DEFAULT.with(Extern::PGTABLE_LEVELS, levels);
        assert!(matches!(evaluate(levels), Err(GeometryError::Entries { level: Pgd, entries: 0 })));
    }
}

/// Whatever the configuration, the helpers answer: every value of each extern that decides a shift.
#[test]
fn no_configuration_panics() {
    for page_shift in Extern::PAGE_SHIFT.range() {
        for va_bits in Extern::VA_BITS.range() {
            for levels in Extern::PGTABLE_LEVELS.range() {
                for pa_bits in [32, 48, 49, 52] {
                    let config = config(page_shift, va_bits, (6, 14));
                    let config = config.with(Extern::PA_BITS, pa_bits).with(Extern::PGTABLE_LEVELS, levels);
                    for helper in ptwalk_arm64::IMPLEMENTED {
                        for x in [0, u64::MAX] {
                            let answer = Arm64(config).call(*helper, [x, x]);
                            assert!(!helper.signature().is_bool() || answer <= 1);
                        }
                    }
                }
            }
        }
    }
}
