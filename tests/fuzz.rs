//! A bounded fuzz smoke: properties over random input, each for a few seconds.
//!
//! `PTWALK_FUZZ_SECONDS` (default 2) is the time of each property; `PTWALK_FUZZ_SEED` the seed of its first round, which
//! is printed. Round n of seed s is round 0 of seed s + n, and a failure prints that seed.

#[path = "fuzz/images.rs"]
mod images;
#[path = "fuzz/plugins.rs"]
mod plugins;
mod support;
#[path = "fuzz/tables.rs"]
mod tables;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::random::Random;

type Failure = Box<dyn std::error::Error>;

/// Says which seed repeats the round that panicked or failed.
struct Round<'a> {
    property: &'a str,
    seed: u64,
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: PTWALK_FUZZ_SEED={} repeats this", self.property, self.seed);
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Runs rounds of a property until its time is up, one at least. A round returns how much it checked.
fn rounds(property: &str, mut round: impl FnMut(&mut Random) -> Result<u64, Failure>) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.subsec_nanos().into());
    let first = variable("PTWALK_FUZZ_SEED").unwrap_or_else(now);
    let time = Duration::from_secs(variable("PTWALK_FUZZ_SECONDS").unwrap_or(2));
    let begun = Instant::now();
    let (mut count, mut checked) = (0, 0);
    while count == 0 || begun.elapsed() < time {
        let guard = Round { property, seed: first.wrapping_add(count) };
        checked += round(&mut Random::new(guard.seed)).unwrap_or_else(|error| panic!("{error}"));
        count += 1;
    }
    println!("{property}: {count} rounds from PTWALK_FUZZ_SEED={first}, {checked} checked");
}

/// Changes a few bytes: bits, runs of one value, inserted, removed and copied pieces, and a cut end.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(6) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.place(bytes.len());
        let len = random.place((bytes.len() - at).min(16)) + 1;
        match random.below(8) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = random.pick(&[0, 1, 0x7f, 0x80, 0xff, 0x40]),
            3 => bytes[at..at + len].fill(random.pick(&[0, 0xff, 0x80])),
            4 => drop(bytes.drain(at..at + len)),
            5 => {
                let piece: Vec<u8> = bytes[at..at + len].to_vec();
                let to = random.place(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let word = random.pick(&[0, u64::MAX, 1 << 63, 1 << 32, 4096, u64::MAX - 4095]).to_le_bytes();
                bytes.iter_mut().skip(at).zip(word).for_each(|(byte, new)| *byte = new);
            }
            _ if random.one_in(4) => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}
