//! Where tables and pages lie in the synthetic machine's memory.
//!
//! In: the number of tables, their size, and the bits of a physical address. Out: the address of every table and the
//! ranges from which pages are taken. Guaranteed: the ranges are disjoint; every table has a place of its own, found in
//! both directions without a list. Not handled: memory that is neither.
//!
//! The root comes first. The others follow in the order of their numbers, or in one that has nothing to do with it: a
//! Feistel network of four rounds (Luby and Rackoff, 1988) permutes the next power of four, and what lies beyond the
//! last table is permuted on until it does not.

use ptwalk_abi::PhysAddr;

use super::SynthError;

/// Where the tables begin, and what pages are aligned to besides their own size: 1 GiB, which no table is larger than.
const TABLES_START: u64 = 1 << 30;

/// A run of physical memory whose size is a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: PhysAddr,
    /// Bytes.
    pub bytes: u64,
}

/// The physical address space.
#[derive(Clone, Debug)]
pub struct Place {
    /// Bytes that the root takes, rounded up to frames.
    root_bytes: u64,
    /// Bytes of the frame of any other table.
    pub frame_bytes: u64,
    /// Tables besides the root.
    others: u64,
    /// The first of these, which keep their order.
    in_order: u64,
    order: Option<Permutation>,
    /// Ordinary memory.
    pub memory: Region,
    /// Device memory. It has the highest bit of an address set, which a mask that is one bit short loses.
    pub device: Region,
}

/// What has to be placed.
pub struct Wanted {
    /// Bytes of the root table.
    pub root_bytes: u64,
    /// Bytes of the largest other table.
    pub frame_bytes: u64,
    /// Tables, with the root.
    pub tables: u64,
    /// The first of them, at least the root, whose order is not to be changed.
    pub in_order: u64,
    /// Bytes of the largest leaf.
    pub leaf_bytes: u64,
    /// Bytes to map.
    pub mapped: u64,
    /// Bits of a physical address.
    pub pa_bits: u32,
}

impl Place {
    /// Finds room; with `scatter`, for tables in an order that the seed gives.
    ///
    /// # Errors
    /// `Room`, where physical addresses have too few bits.
    pub fn new(wanted: &Wanted, scatter: Option<u64>) -> Result<Place, SynthError> {
        let root_bytes = wanted.root_bytes.next_multiple_of(wanted.frame_bytes);
        let (others, in_order) = (wanted.tables - 1, wanted.in_order - 1);
        let no_room = || SynthError::Room { pa_bits: wanted.pa_bits, mapped: wanted.mapped };
        let tables = others.checked_mul(wanted.frame_bytes).and_then(|bytes| bytes.checked_add(root_bytes));
        let tables_end = tables.and_then(|bytes| bytes.checked_add(TABLES_START)).ok_or_else(no_room)?;
        let device_start = 1_u64 << (wanted.pa_bits - 1);
        let memory_start =
            tables_end.checked_next_multiple_of(TABLES_START.max(wanted.leaf_bytes)).ok_or_else(no_room)?;
        let room = device_start.checked_sub(memory_start).filter(|room| *room > 0).ok_or_else(no_room)?;
        let enough = wanted.mapped.checked_next_power_of_two().unwrap_or(1 << 63);
        let memory_bytes = enough.max(wanted.leaf_bytes).min(1 << room.ilog2());
        let device_bytes = memory_bytes.max(TABLES_START).max(2 * wanted.leaf_bytes);
        if memory_bytes < wanted.leaf_bytes || device_bytes > device_start {
            return Err(no_room());
        }
        Ok(Place {
            root_bytes,
            frame_bytes: wanted.frame_bytes,
            others,
            in_order,
            order: scatter.map(|seed| Permutation::new(others - in_order, seed)),
            memory: Region { start: PhysAddr(memory_start), bytes: memory_bytes },
            device: Region { start: PhysAddr(device_start), bytes: device_bytes },
        })
    }

    /// Address of a table by its number; 0 is the root.
    pub fn table(&self, number: u64) -> PhysAddr {
        match number.checked_sub(1) {
            None => PhysAddr(TABLES_START),
            Some(other) => self.frame(self.reorder(other, Permutation::forward)),
        }
    }

    /// Number of the table in the frame of that position behind the root.
    pub fn table_at(&self, position: u64) -> u64 {
        1 + self.reorder(position, Permutation::inverse)
    }

    fn reorder(&self, position: u64, by: fn(&Permutation, u64) -> u64) -> u64 {
        match (&self.order, position.checked_sub(self.in_order)) {
            (Some(order), Some(position)) => self.in_order + by(order, position),
            _ => position,
        }
    }

    /// Address of the frame of that position behind the root.
    pub fn frame(&self, position: u64) -> PhysAddr {
        PhysAddr(TABLES_START + self.root_bytes + position * self.frame_bytes)
    }

    /// An address where no table is, nor anything else that the image holds.
    pub fn outside(&self, number: u64) -> PhysAddr {
        self.frame(self.others + number % 16)
    }
}

const ROUNDS: usize = 4;

/// A permutation of `0..count`.
#[derive(Clone, Debug)]
struct Permutation {
    count: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    fn new(count: u64, seed: u64) -> Permutation {
        let bits = 64 - count.saturating_sub(1).leading_zeros();
        let half_bits = bits.div_ceil(2).max(1);
        let mut key = seed;
        let keys = [(); ROUNDS].map(|()| {
            key = mix(key);
            key
        });
        Permutation { count, half_bits, keys }
    }

    fn forward(&self, value: u64) -> u64 {
        self.walk(value, |mut left, mut right| {
            for key in self.keys {
                (left, right) = (right, left ^ self.round(right, key));
            }
            (left, right)
        })
    }

    fn inverse(&self, value: u64) -> u64 {
        self.walk(value, |mut left, mut right| {
            for key in self.keys.into_iter().rev() {
                (left, right) = (right ^ self.round(left, key), left);
            }
            (left, right)
        })
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        mix(half ^ key) & ((1 << self.half_bits) - 1)
    }

    /// Applies `step` until the value is below `count` again, which it is after four times on average at most: every
    /// step is a permutation, and so is the walk.
    fn walk(&self, value: u64, step: impl Fn(u64, u64) -> (u64, u64)) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let mut value = value;
        loop {
            let (left, right) = step(value >> self.half_bits, value & mask);
            value = left << self.half_bits | right;
            if value < self.count {
                return value;
            }
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
pub fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_meets_every_number_once_and_comes_back() {
        for count in [1, 2, 3, 4, 5, 63, 64, 65, 1000] {
            let order = Permutation::new(count, 7);
            let mut met: Vec<u64> = (0..count).map(|value| order.forward(value)).collect();
            for (value, image) in met.iter().enumerate() {
                assert_eq!(order.inverse(*image), value as u64, "{count}");
            }
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_seed_gives_another_order() {
        let orders = [1, 2].map(|seed| {
            let order = Permutation::new(1000, seed);
            (0..1000).map(|value| order.forward(value)).collect::<Vec<_>>()
        });
        let same = orders[0].iter().zip(&orders[1]).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} of 1000 are in the same place");
    }
}
