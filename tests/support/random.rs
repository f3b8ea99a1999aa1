//! Random numbers that a seed repeats.

pub use ptwalk::fuzz::Random;
