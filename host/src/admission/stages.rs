//! The time that each stage of an admission took.

use std::fmt;
use std::time::Duration;

use ptwalk_verifier::verify;

use crate::engine::fused;

/// Time by stage, in the order in which they come. A stage that was not reached or not needed took none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Reading the file, or assembling the text.
    pub read: Duration,
    /// Is it a module within the subset?
    pub validate: Duration,
    /// From WebAssembly to closed forms.
    pub lift: Duration,
    /// Traps, memory, purity, ranges, geometry.
    pub safety: Duration,
    /// The laws.
    pub laws: Duration,
    /// Reduction and code, for everything that is asked.
    pub compile: Duration,
    /// Code and kernels against the closed forms.
    pub self_test: Duration,
}

impl Stages {
    /// Each stage with its name.
    pub const fn named(&self) -> [(&'static str, Duration); 7] {
        let Stages { read, validate, lift, safety, laws, compile, self_test } = *self;
        [
            ("read", read),
            ("validate", validate),
            ("lift", lift),
            ("safety", safety),
            ("laws", laws),
            ("compile", compile),
            ("self_test", self_test),
        ]
    }

    /// All of them.
    pub fn total(&self) -> Duration {
        self.named().iter().map(|(_, time)| *time).sum()
    }

    pub(super) fn proved(&mut self, timing: verify::Timing) {
        self.lift += timing.lift;
        self.safety += timing.safety;
        self.laws += timing.laws;
    }

    pub(super) fn fused(&mut self, timing: fused::Timing) {
        self.compile += timing.compile;
        self.self_test += timing.self_test;
    }
}

/// For people: `validate 0.1 ms, lift 2.1 ms, … = 21.3 ms`, without stages that took no time.
impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mut comma = "";
        for (name, time) in self.named().into_iter().filter(|(_, time)| !time.is_zero()) {
            write!(f, "{comma}{} {:.1} ms", name.replace('_', "-"), ms(time))?;
            comma = ", ";
        }
        write!(f, " = {:.1} ms", ms(self.total()))
    }
}
