//! Random choices: from a seed, or from bytes that somebody else chose.
//!
//! In: a seed, or bytes. Out: numbers. Guaranteed: equal seeds and equal bytes give equal numbers; bytes that are used up
//! are followed by zeros, so that every choice then is the first and generators that loop until they are lucky end. A
//! choice takes one byte where there are few possibilities and eight where there are many, so that what makes an input
//! smaller, whether a fuzzer or a minimiser, works on choices. Not handled: secrets.

/// Numbers that a seed, or bytes, repeat.
#[derive(Clone, Debug)]
pub struct Random<'b> {
    source: Source<'b>,
}

#[derive(Clone, Debug)]
enum Source<'b> {
    /// xorshift64*, by Vigna ("An experimental exploration of Marsaglia's xorshift generators, scrambled", 2014).
    Seed(u64),
    /// What is left of the bytes.
    Bytes(&'b [u8]),
}

impl Random<'static> {
    /// Numbers from a seed.
    pub fn new(seed: u64) -> Random<'static> {
        Random { source: Source::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1) }
    }
}

impl<'b> Random<'b> {
    /// Numbers that are read from bytes.
    pub fn from_bytes(bytes: &'b [u8]) -> Random<'b> {
        Random { source: Source::Bytes(bytes) }
    }

    /// Whether bytes are used up. A seed never is.
    pub fn is_spent(&self) -> bool {
        matches!(self.source, Source::Bytes([]))
    }

    /// A number of which `bytes` bytes are used.
    fn draw(&mut self, bytes: usize) -> u64 {
        match &mut self.source {
            Source::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                state.wrapping_mul(0x2545_f491_4f6c_dd1d)
            }
            Source::Bytes(left) => {
                let (taken, rest) = left.split_at(bytes.min(left.len()));
                *left = rest;
                taken.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
            }
        }
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.draw(8)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        match self.source {
            Source::Seed(_) => (self.draw(8) >> 11) % end,
            Source::Bytes(_) => {
                let bytes = match end {
                    0..=0x100 => 1,
                    0x101..=0x1_0000 => 2,
                    _ => 8,
                };
                self.draw(bytes) % end
            }
        }
    }

    /// A place in something of `len` elements, which is not 0.
    pub fn place(&mut self, len: usize) -> usize {
        // What is below a length is one.
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, which are not empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.place(choices.len())]
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.word().to_le_bytes()).take(len.div_ceil(8));
        let mut bytes: Vec<u8> = words.flatten().collect();
        bytes.truncate(len);
        bytes
    }

    /// A number of a page-table entry's kind: dense, sparse, one bit, or a neighbour of a power of two.
    pub fn entry(&mut self) -> u64 {
        match self.below(8) {
            0 => 1 << self.below(64),
            1 => !(1 << self.below(64)),
            2 => (1_u64 << self.below(64)).wrapping_add(self.below(3)).wrapping_sub(1),
            3 => self.word() & self.word() & self.word(),
            4 => self.word() | self.word(),
            5 => self.pick(&[0, 1, 3, u64::MAX, 0x7ff, 0xffff_ffff, 1 << 63, 0x00e8_0000_4000_0f53]),
            _ => self.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn equal_seeds_and_equal_bytes_repeat_themselves() {
        let bytes = Random::new(7).bytes(100);
        assert_eq!(bytes, Random::new(7).bytes(100));
        assert_ne!(bytes, Random::new(8).bytes(100));
        let draw =
            |mut random: Random<'_>| [random.below(10), random.word(), random.below(1000), random.below(1 << 40)];
        assert_eq!(draw(Random::from_bytes(&bytes)), draw(Random::from_bytes(&bytes)));
    }

    #[test]
    fn few_possibilities_take_one_byte_and_the_end_is_zeros() {
        let mut random = Random::from_bytes(&[7, 1, 2, 9]);
        assert_eq!((random.below(5), random.below(1000), random.below(256)), (2, 0x201, 9));
        assert_eq!((random.word(), random.below(3), random.one_in(9)), (0, 0, true));
    }
}
