//! Instruction sets that have a vector kernel.

/// The instruction set of a vector kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 F and BW with POPCNT and BMI1: eight entries at a time, compressed by the processor.
    Avx512,
    /// AVX2 with POPCNT and BMI1: four entries at a time, compressed through a table of permutations.
    Avx2,
}

impl Isa {
    /// The best that this processor has.
    pub fn detect() -> Option<Isa> {
        [Isa::Avx512, Isa::Avx2].into_iter().find(|isa| isa.is_available())
    }

    /// Whether this processor has it.
    #[cfg(target_arch = "x86_64")]
    pub fn is_available(self) -> bool {
        let bits = is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1");
        match self {
            // All that the kernels are compiled for.
            Isa::Avx512 => bits && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
            Isa::Avx2 => bits && is_x86_feature_detected!("avx2"),
        }
    }

    /// Whether this processor has it.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn is_available(self) -> bool {
        false
    }

    /// The name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
        }
    }
}
