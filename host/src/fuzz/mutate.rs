//! Small changes to bytes.

use super::random::Random;

/// Changes a few bytes: bits, runs of one value, inserted, removed and copied pieces, and a cut end.
pub fn mutate(random: &mut Random<'_>, bytes: &mut Vec<u8>) {
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
