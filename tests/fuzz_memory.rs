//! What strangers send takes bounded memory: the properties of images and texts, under an allocator that counts.
//!
//! Alone in its program, because what is counted is the process's. `PTWALK_FUZZ_SECONDS` (default 2) is the time of each
//! property, `PTWALK_FUZZ_SEED` the seed of its first input.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use ptwalk::fuzz::{Context, Random, Tally, checked, property};

#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

/// The verifier and the readers, and bytes that one input may take beside sixty-four times its own; a walk of the service may
/// take more, whose pages may be eight megabytes before they are written out.
const READERS: [(&str, usize); 9] = [
    ("limits", 64 << 20),
    ("cores", 64 << 20),
    ("table_images", 64 << 20),
    ("contents", 64 << 20),
    ("pgmap_files", 64 << 20),
    ("zone_files", 64 << 20),
    ("vmcoreinfo", 64 << 20),
    ("law_files", 64 << 20),
    ("requests", 128 << 20),
];

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn strangers_get_bounded_memory() {
    let before = COUNTED.current_usage();
    let held = vec![1_u8; 1 << 20];
    assert!(COUNTED.current_usage() >= before + held.len(), "the allocator does not count");
    drop(held);
    let time = Duration::from_secs(variable("PTWALK_FUZZ_SECONDS").unwrap_or(2));
    for (name, bytes) in READERS {
        let entry = property(name).unwrap_or_else(|| panic!("no property {name}"));
        let mut property = (entry.make)(&Context::embedded()).expect("the property can be made");
        let (begun, first, mut most) = (Instant::now(), variable("PTWALK_FUZZ_SEED").unwrap_or(1), 0);
        let mut tally = Tally::default();
        for seed in first.. {
            let input = property.generate(&mut Random::new(seed));
            COUNTED.reset_peak_usage();
            let before = COUNTED.current_usage();
            let found = checked(property.as_mut(), &input, &mut tally);
            let took = COUNTED.peak_usage().saturating_sub(before);
            assert!(found.is_ok(), "{name}: PTWALK_FUZZ_SEED={seed} repeats this: {found:?}");
            let granted = bytes + 64 * input.len();
            assert!(took <= granted, "{name}: PTWALK_FUZZ_SEED={seed}: {took} bytes for {}", input.len());
            most = most.max(took);
            tally.inputs += 1;
            if begun.elapsed() > time {
                break;
            }
        }
        println!("{name}: {} inputs, at most {most} bytes", tally.inputs);
        assert!(tally.accepted > 0, "{name} accepted nothing: it reaches nothing behind the first check");
    }
}
