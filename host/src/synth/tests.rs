//! Shapes by arithmetic against shapes by counting.

use ptwalk_abi::{Config, Extern, Geometry};
use ptwalk_arm64::Arm64;

use super::shape::{Kind, Ppm, Shape};

type Failure = Box<dyn std::error::Error>;

fn geometry(page_shift: i32, va_bits: i32) -> Result<Geometry, Failure> {
    use ptwalk_abi::{Arch, GeometryError};
    let config = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
    let arch = Arm64(config);
    let geometry =
        Geometry::evaluate::<GeometryError>(page_shift.unsigned_abs(), |helper, x| Ok(arch.call(helper, [x, 0])));
    Ok(geometry.map_err(|error| error.to_string())?)
}

/// Walks a shape from the root, entry by entry: the bytes of leaves by level, and how often each table is met.
fn count(shape: &Shape) -> (Vec<u64>, Vec<u64>) {
    let mut leaves = vec![0; shape.levels().len()];
    let mut met = vec![0; usize::try_from(shape.tables()).expect("a small shape")];
    let mut pending = vec![0];
    while let Some(table) = pending.pop() {
        met[usize::try_from(table).expect("a small shape")] += 1;
        let (depth, number) = shape.find(table);
        let level = shape.levels()[depth];
        for index in 0..level.used(number) {
            match level.kind(number, index) {
                Kind::Leaf => leaves[depth] += level.slot.span_bytes(),
                Kind::Table(reference) => pending.push(shape.target(depth + 1, reference)),
            }
        }
    }
    (leaves, met)
}

const M: u64 = 1 << 20;
const G: u64 = 1 << 30;

#[test]
fn the_bytes_are_covered_exactly_and_every_table_is_led_to_once() -> Result<(), Failure> {
    type Case<'a> = (i32, i32, u64, &'a [(u64, u32)]);
    let cases: [Case<'_>; 9] = [
        (12, 48, 4096, &[(4096, 1)]),
        (12, 48, 3 * G + 5 * M + 4096, &[(4096, 1)]),
        (12, 48, 3 * G + 5 * M + 4096, &[(4096, 60), (2 * M, 30), (G, 10)]),
        (12, 48, 64 * G, &[(2 * M, 1), (G, 3)]),
        (12, 39, 512 * G, &[(G, 1)]),
        (12, 39, 5 * G, &[(2 * M, 90), (G, 10)]),
        (14, 47, 3 * G + 16384, &[(16384, 1), (32 * M, 1)]),
        (16, 42, 1 << 36, &[(65536, 1), (512 * M, 3)]),
        (16, 48, 17 * G + 65536, &[(65536, 1)]),
    ];
    for (page_shift, va_bits, bytes, mix) in cases {
        let shape = Shape::new(&geometry(page_shift, va_bits)?, bytes, mix, Ppm(0))?;
        let (leaves, met) = count(&shape);
        assert_eq!(leaves.iter().sum::<u64>(), bytes, "{bytes:#x} by {mix:?}");
        assert!(met.iter().all(|times| *times == 1), "{bytes:#x} by {mix:?}");
        // Each size has its share, but for one leaf of each level above, and what ends in the middle of a leaf.
        let weights: u64 = mix.iter().map(|(_, weight)| u64::from(*weight)).sum();
        for (size, weight) in mix {
            let levels = shape.levels().iter().zip(&leaves);
            let got: u64 = levels.filter(|(level, _)| level.slot.span_bytes() == *size).map(|(_, bytes)| bytes).sum();
            let want = bytes / weights * u64::from(*weight);
            let largest = mix.iter().map(|(size, _)| *size).max().unwrap_or(0);
            assert!(got.abs_diff(want) <= 2 * largest, "{size:#x}: {got:#x}, not {want:#x} of {bytes:#x}");
        }
    }
    Ok(())
}

#[test]
fn shared_tables_are_as_many_as_asked_for() -> Result<(), Failure> {
    let geometry = geometry(12, 48)?;
    for (ppm, tables) in [(0, 1024), (1, 1024), (250_000, 769), (999_999, 2)] {
        let shape = Shape::new(&geometry, 2 * G, &[(4096, 1)], Ppm(ppm))?;
        let (leaves, met) = count(&shape);
        assert_eq!(shape.lowest_tables(), tables, "{ppm}");
        assert_eq!(leaves.iter().sum::<u64>(), 2 * G, "every reference leads to a whole table");
        assert!(met.iter().all(|times| *times >= 1), "{ppm}");
        assert_eq!(met.iter().sum::<u64>(), 1024 + 2 + 2, "{ppm}: visits are those of the references");
    }
    let whole = Shape::all_shared(&geometry);
    assert_eq!((whole.tables(), whole.levels().len()), (4, 4));
    Ok(())
}

#[test]
fn what_cannot_be_covered_is_refused() -> Result<(), Failure> {
    let geometry = geometry(12, 39)?;
    let refused = |bytes, mix: &[(u64, u32)]| match Shape::new(&geometry, bytes, mix, Ppm(0)) {
        Ok(shape) => format!("{} tables", shape.tables()),
        Err(error) => error.to_string(),
    };
    assert!(refused(0, &[(4096, 1)]).contains("0x0 bytes cannot be mapped"));
    assert!(refused(4095, &[(4096, 1)]).contains("a multiple of the smallest leaf, 0x1000"));
    assert!(refused(G + 4096, &[(2 * M, 1), (4096, 0)]).contains("the smallest leaf, 0x200000"));
    assert!(refused((1 << 39) + 4096, &[(4096, 1)]).contains("up to address 0x7fffffffff"));
    assert!(refused(G, &[(8192, 1)]).contains("no leaf has 0x2000 bytes here: 0x40000000, 0x200000, 0x1000 have"));
    assert!(refused(G, &[(4096, 0)]).contains("all weights of a mix are 0"));
    assert!(refused(1 << 39, &[(4096, 1)]).ends_with("tables"));
    Ok(())
}
