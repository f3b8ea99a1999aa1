//! Every configuration of a plugin.
//!
//! In: a plugin and laws. Out: the verdict under each configuration of a product of options, on several threads, as
//! they come. Guaranteed: a configuration under which the plugin's own geometry does not add up is counted apart, as
//! one it does not support; everything else is verified in full, as [`Session::verify`] does. Not handled: values
//! between those of the product.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use ptwalk_abi::{Config, Extern, KVersion};

use crate::validate::ValidPlugin;

use super::{Demand, LawSet, Outcome, Session};

/// `PAGE_SHIFT`, `VA_BITS`, `PA_BITS` as kernels can be built: arm64's ten combinations of granule and VA size (v6.14,
/// arch/arm64/Kconfig), 64K with 48 bits of VA in both forms of the address. Other architectures support some of them.
const SHAPES: [(i32, i32, i32); 11] = [
    (12, 39, 48),
    (12, 48, 48),
    (12, 52, 52),
    (14, 36, 48),
    (14, 47, 48),
    (14, 48, 48),
    (14, 52, 52),
    (16, 42, 48),
    (16, 48, 48),
    (16, 48, 52),
    (16, 52, 52),
];

/// Kernel versions: the first of each epoch, in which some architecture's helpers differ from those before.
const VERSIONS: [(u8, u8); 17] = [
    (5, 3),
    (5, 4),
    (5, 7),
    (5, 8),
    (5, 9),
    (5, 10),
    (5, 15),
    (5, 19),
    (6, 1),
    (6, 2),
    (6, 6),
    (6, 9),
    (6, 11),
    (6, 12),
    (6, 14),
    (6, 17),
    (6, 18),
];

/// Options and the values they take.
const OPTIONS: [(Extern, [i32; 2]); 5] = [
    (Extern::TRANSPARENT_HUGEPAGE, [0, 1]),
    (Extern::HUGETLB_PAGE, [0, 1]),
    (Extern::NUMA_BALANCING, [0, 1]),
    (Extern::ARCH_HAS_PTE_DEVMAP, [0, 1]),
    (Extern::DEVMAP_SERIES, [0, 31]),
];

/// Options that only some architectures have, and the values they take: tried where a plugin asks for the option.
const OWN_OPTIONS: [(Extern, [i32; 2]); 2] =
    [(Extern::PPC_RADIX_MMU, [1, 0]), (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, [0, 1])];

/// Whether the plugin has tables under a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supported {
    /// Its geometry adds up, or was not asked for because the plugin failed before.
    Yes,
    /// Its geometry does not add up.
    No,
}

/// The verdict under one configuration.
#[derive(Debug)]
pub struct Case {
    /// Its number in the matrix.
    pub number: usize,
    /// The configuration.
    pub config: Config,
    /// Whether the plugin supports it. If not, the outcome is a refusal that says what does not add up.
    pub supported: Supported,
    /// What became of it.
    pub outcome: Outcome,
}

/// How many configurations ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Safe and lawful.
    pub verified: usize,
    /// Supported, and refused all the same.
    pub refused: usize,
    /// Not supported.
    pub unsupported: usize,
}

impl Tally {
    /// Counts a case.
    pub fn add(&mut self, case: &Case) {
        match (case.supported, case.outcome.verified()) {
            (Supported::No, _) => self.unsupported += 1,
            (Supported::Yes, Some(_)) => self.verified += 1,
            (Supported::Yes, None) => self.refused += 1,
        }
    }

    /// Whether the plugin is verified under every configuration that it supports, and supports one.
    pub const fn passes(&self) -> bool {
        self.verified > 0 && self.refused == 0
    }
}

/// A list of configurations to verify a plugin under.
#[derive(Clone, Debug)]
pub struct Matrix {
    configs: Vec<Config>,
}

impl Matrix {
    /// The product of what every architecture has.
    pub fn all() -> Matrix {
        Matrix::product(&SHAPES, &OPTIONS)
    }

    /// The product for one plugin. Options that it asks for are added to those that every architecture has; to a plugin
    /// that does not ask for `VA_BITS`, shapes with the same page size are one.
    pub fn of_plugin(plugin: &ValidPlugin) -> Matrix {
        let asks = |key: &Extern| plugin.imports().contains(key);
        let last_of_its_page_size = |at: usize| SHAPES[at + 1..].iter().all(|later| later.0 != SHAPES[at].0);
        let shapes: Vec<_> = (0..SHAPES.len())
            .filter(|at| asks(&Extern::VA_BITS) || last_of_its_page_size(*at))
            .map(|at| SHAPES[at])
            .collect();
        let own = OWN_OPTIONS.into_iter().filter(|(key, _)| asks(key));
        Matrix::product(&shapes, &OPTIONS.into_iter().chain(own).collect::<Vec<_>>())
    }

    fn product(shapes: &[(i32, i32, i32)], options: &[(Extern, [i32; 2])]) -> Matrix {
        let mut configs = Vec::new();
        for (page_shift, va_bits, pa_bits) in shapes {
            let shape = Config::DEFAULT.with(Extern::PAGE_SHIFT, *page_shift).with(Extern::VA_BITS, *va_bits);
            for (a, b) in VERSIONS {
                let version = KVersion::new(a, b, 0).code();
                let epoch = shape.with(Extern::PA_BITS, *pa_bits).with(Extern::LINUX_VERSION_CODE, version);
                for choice in 0..1usize << options.len() {
                    let chosen = options
                        .iter()
                        .enumerate()
                        .fold(epoch, |config, (bit, (key, values))| config.with(*key, values[choice >> bit & 1]));
                    configs.push(chosen);
                }
            }
        }
        Matrix { configs }
    }

    /// Every `step`th configuration of the product. A step that shares no factor with the numbers of values reaches
    /// every value of every option.
    pub fn sample(step: usize) -> Matrix {
        Matrix { configs: Matrix::all().configs.into_iter().step_by(step.max(1)).collect() }
    }

    /// The given configurations.
    pub fn of(configs: Vec<Config>) -> Matrix {
        Matrix { configs }
    }

    /// The configurations, in the order of their numbers.
    pub fn configs(&self) -> &[Config] {
        &self.configs
    }

    /// Verifies a plugin under each, on `threads` threads. `each` is told of every case as it ends, in no particular
    /// order; where it returns `false` no further case is begun.
    pub fn run(
        &self,
        session: &Session<'_>,
        laws: &LawSet,
        threads: usize,
        mut each: impl FnMut(&Case) -> bool,
    ) -> Tally {
        let mut tally = Tally::default();
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (send, receive) = mpsc::sync_channel(threads.max(1) * 2);
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                let (send, next, stop) = (send.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(config) = self.configs.get(number) else { break };
                        // The receiver is gone only once nobody wants to know.
                        if send.send(session.case(number, config, laws)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            for case in receive {
                tally.add(&case);
                if !each(&case) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        tally
    }
}

impl Session<'_> {
    fn case(&self, number: usize, config: &Config, laws: &LawSet) -> Case {
        let decided = self.decide(config, laws, Demand::Supported);
        let supported = if decided.unsupported { Supported::No } else { Supported::Yes };
        Case { number, config: *config, supported, outcome: self.conclude(decided) }
    }
}
