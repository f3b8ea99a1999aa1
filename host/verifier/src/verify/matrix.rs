//! Every configuration of a plugin.
//!
//! In: a plugin and laws. Out: the verdict under each configuration of a [`Machine`]'s product, on several threads, as
//! they come. Guaranteed: a configuration under which the plugin's own geometry does not add up is counted apart, as
//! one it does not support; everything else is verified in full, as [`Session::verify`] does. Not handled: values
//! between those of the product.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use ptwalk_abi::{Config, Extern, KVersion};

use super::machines::{MACHINES, Machine};
use super::{Demand, LawSet, Outcome, Session};
use crate::validate::ValidPlugin;

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
    /// The whole product of a machine.
    pub fn of_machine(machine: &Machine) -> Matrix {
        let mut configs = Vec::new();
        for (page_shift, va_bits, pa_bits) in machine.shapes.iter().copied() {
            let shape = Config::DEFAULT.with(Extern::PAGE_SHIFT, page_shift).with(Extern::VA_BITS, va_bits);
            for (a, b) in machine.versions.iter().copied() {
                let version = KVersion::new(a, b, 0).code();
                let epoch = shape.with(Extern::PA_BITS, pa_bits).with(Extern::LINUX_VERSION_CODE, version);
                configs.extend(choices(epoch, machine.options));
            }
        }
        Matrix { configs }
    }

    /// The products of the machines that the plugin is for: those of which it imports an extern that no other has. A
    /// plugin that imports none is verified under the first machine's.
    pub fn for_plugin(plugin: &ValidPlugin) -> Matrix {
        let imported = |machine: &&Machine| plugin.imports().iter().any(|key| machine.own.contains(key));
        let mut configs: Vec<Config> =
            MACHINES.iter().filter(imported).flat_map(|machine| Matrix::of_machine(machine).configs).collect();
        if configs.is_empty() {
            configs = MACHINES.first().map(Matrix::of_machine).map_or_else(Vec::new, |matrix| matrix.configs);
        }
        Matrix { configs }
    }

    /// Every `step`th configuration. A step that shares no factor with the numbers of values reaches every value of every
    /// option.
    #[must_use]
    pub fn sample(self, step: usize) -> Matrix {
        Matrix { configs: self.configs.into_iter().step_by(step.max(1)).collect() }
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

/// Every choice of one value for each option, over `base`.
fn choices(base: Config, options: &[&[&[(Extern, i32)]]]) -> Vec<Config> {
    let with = |config: Config, settings: &[(Extern, i32)]| {
        settings.iter().fold(config, |config, (key, value)| config.with(*key, *value))
    };
    options.iter().fold(vec![base], |configs, values| {
        values.iter().flat_map(|settings| configs.iter().map(|config| with(*config, settings))).collect()
    })
}

impl Session<'_> {
    fn case(&self, number: usize, config: &Config, laws: &LawSet) -> Case {
        let decided = self.decide(config, laws, Demand::Supported);
        let supported = if decided.unsupported { Supported::No } else { Supported::Yes };
        Case { number, config: *config, supported, outcome: self.conclude(decided) }
    }
}
