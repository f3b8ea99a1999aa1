//! Four and five levels yield geometries that the contract accepts, and nothing else does.

use Level::{P4d, Pgd, Pmd, Pte, Pud};
use ptwalk_abi::{Arch, Config, Extern, Geometry, GeometryError, Half, Level, VirtAddr};
use ptwalk_x86::X86;

fn evaluate(config: Config) -> Result<Geometry, GeometryError> {
    let page_shift = config.value(Extern::PAGE_SHIFT).unsigned_abs();
    Geometry::evaluate(page_shift, |helper, x| Ok(X86(config).call(helper, [x, 0])))
}

fn shape(geometry: &Geometry) -> Vec<(Level, u32, u32)> {
    geometry.slots().iter().map(|slot| (slot.level, slot.shift, slot.entries)).collect()
}

#[test]
fn four_levels_are_tested_as_p4d_and_five_as_pgd() -> Result<(), GeometryError> {
    let below = [(Pud, 30, 512), (Pmd, 21, 512), (Pte, 12, 512)];
    let four = evaluate(Config::DEFAULT)?;
    assert_eq!(shape(&four), [&[(P4d, 39, 512)][..], &below].concat());
    let five = evaluate(Config::DEFAULT.with(Extern::VA_BITS, 57))?;
    assert_eq!(shape(&five), [&[(Pgd, 48, 512), (P4d, 39, 512)][..], &below].concat());
    for geometry in [four, five] {
        assert!(geometry.shared_root && !geometry.big_endian);
    }
    Ok(())
}

#[test]
fn one_root_table_serves_both_halves() -> Result<(), GeometryError> {
    for (va_bits, half_bits) in [(48, 47), (57, 56)] {
        let geometry = evaluate(Config::DEFAULT.with(Extern::VA_BITS, va_bits))?;
        let end = 1u64 << half_bits;
        let start = end.wrapping_neg();
        assert_eq!(geometry.task_size_max(), end - 4096);
        for (va, half) in [
            (0, Some(Half::Lower)),
            (end - 1, Some(Half::Lower)),
            (end, None),
            (start - 1, None),
            (start, Some(Half::Upper)),
            (u64::MAX, Some(Half::Upper)),
        ] {
            assert_eq!(geometry.half_of(VirtAddr(va)), half, "{va:#x}");
        }
        let index = |va| geometry.slots()[0].index(VirtAddr(va));
        assert_eq!([index(0), index(end - 1), index(start), index(u64::MAX)], [0, 255, 256, 511]);
    }
    Ok(())
}

#[test]
fn what_x86_64_does_not_have_is_refused() {
    for levels in [2, 3] {
        let config = Config::DEFAULT.with(Extern::PGTABLE_LEVELS, levels);
        assert!(matches!(evaluate(config), Err(GeometryError::Entries { level: Pgd, entries: 0 })), "{levels}");
    }
    for page_shift in [13, 14, 16] {
        let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::PGTABLE_LEVELS, 4);
        assert!(matches!(evaluate(config), Err(GeometryError::Gap { .. })), "{page_shift}");
    }
}

/// Whatever the configuration, the helpers answer: every value of each extern that decides a shift or a mask.
#[test]
fn no_configuration_panics() {
    for levels in Extern::PGTABLE_LEVELS.range() {
        for bit in Extern::SME_C_BIT.range() {
            for pkru in [0, -1, i32::MIN] {
                let config = Config::DEFAULT.with(Extern::PGTABLE_LEVELS, levels);
                let config = config.with(Extern::SME_C_BIT, bit).with(Extern::PKRU, pkru);
                for helper in ptwalk_x86::IMPLEMENTED {
                    for x in [0, u64::MAX] {
                        let answer = X86(config).call(*helper, [x, x]);
                        assert!(!helper.signature().is_bool() || answer <= 1);
                    }
                }
            }
        }
    }
}
