//! From a plugin's file to something a walk can use, away from every walk.
//!
//! In: an [`Order`]: a file or name, a configuration, and what will be asked. Out: a [`Candidate`], validated, lifted,
//! proved, compiled and self-tested, or the [`Refusal`] with the verifier's report; either with the time of each of its
//! [`Stages`]. Guaranteed: a file is read as a whole or not at all ([`stable`]); nothing here touches what is in service;
//! a candidate of a plugin that is not verified exists only where the order says so, and runs in the sandbox. Not
//! handled: publication, which is the [`slot`](crate::slot)'s.

pub mod cache;
mod candidate;
mod refusal;
pub mod stable;
mod stages;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ptwalk_abi::Config;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawSet, Outcome, Verdict, VerifyReport, verify};

use crate::engine::fused::Kernels;
use crate::engine::{Admitted, Choice, Wanted};
use crate::plugin::{self, LoadError};

pub use cache::Cache;
pub use candidate::{Ask, Candidate};
pub use refusal::{AdmissionError, Refusal};
pub use stable::{ReadError, Stamp};
pub use stages::Stages;

/// Candidates that are kept, to be found again without work when a plugin comes back: a few layouts to compare.
const RECENT_MAX: usize = 4;

/// What is to be admitted.
#[derive(Clone, Debug)]
pub struct Order {
    /// The name of an embedded or installed plugin, or a file.
    pub spec: String,
    /// The configuration.
    pub config: Config,
    /// The engine.
    pub choice: Choice,
    /// Whether a plugin that is not proved is let into the sandbox.
    pub unverified: bool,
    /// What will be asked: engines for it are ready before the first walk.
    pub asks: Vec<Ask>,
}

impl Order {
    /// An order for the fused engine and a walk that is told everything.
    pub fn new(spec: impl Into<String>, config: Config) -> Order {
        let (choice, asks) = (Choice::Fused(Kernels::Best), vec![Ask::Walk(Wanted::ALL)]);
        Order { spec: spec.into(), config, choice, unverified: false, asks }
    }
}

/// A plugin that is let in.
#[derive(Clone, Debug)]
pub struct Pass {
    /// What a walk needs.
    pub candidate: Arc<Candidate>,
    /// How long each stage took this time; nothing for what was found again.
    pub stages: Stages,
    /// The state of the file that was read, where it is one.
    pub stamp: Option<Stamp>,
    /// The candidate was made earlier in this process.
    pub again: bool,
}

/// Admits plugins, one at a time.
#[derive(Debug)]
pub struct Admission {
    laws: LawSet,
    cache: Option<Cache>,
    recent: Mutex<Vec<Arc<Candidate>>>,
}

impl Admission {
    /// Admission by the host's laws.
    ///
    /// # Errors
    /// [`LoadError::Laws`], which a test of the laws excludes.
    pub fn new(cache: Option<Cache>) -> Result<Admission, LoadError> {
        Ok(Admission::with_laws(plugin::host_laws()?.clone(), cache))
    }

    /// Admission by these laws. Refusals that are known to `cache` are not worked out again.
    pub fn with_laws(laws: LawSet, cache: Option<Cache>) -> Admission {
        Admission { laws, cache, recent: Mutex::new(Vec::new()) }
    }

    /// The laws.
    pub fn laws(&self) -> &LawSet {
        &self.laws
    }

    /// The verdicts that are kept.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Admits a plugin.
    ///
    /// # Errors
    /// [`Refusal`]; whatever is in service is not touched.
    ///
    /// # Cost
    /// Some tens of milliseconds for arm64; at most [`TIME_MAX`](ptwalk_verifier::verify::budget::TIME_MAX) for the proof.
    pub fn admit(&self, order: &Order) -> Result<Pass, Box<Refusal>> {
        let mut stages = Stages::default();
        let taken = self.take(order, &mut stages);
        taken.map_err(|cause| Box::new(Refusal { spec: order.spec.clone(), stages, cause }))
    }

    fn take(&self, order: &Order, stages: &mut Stages) -> Result<Pass, AdmissionError> {
        let start = Instant::now();
        let (bytes, stamp) = read(&order.spec)?;
        stages.read = start.elapsed();
        let start = Instant::now();
        let validated = ValidPlugin::validate(&bytes);
        stages.validate = start.elapsed();
        let plugin = validated.map(Arc::new).map_err(|rejection| {
            let report = VerifyReport::invalid(&order.spec, &bytes, &order.config, &rejection);
            AdmissionError::Refused { config: order.config, report: Box::new(report) }
        })?;
        if let Some(candidate) = self.find_recent(order, &plugin) {
            candidate.prepare_all(&order.asks, stages)?;
            return Ok(Pass { candidate, stages: *stages, stamp, again: true });
        }
        let admitted = self.judge(order, plugin, stages)?;
        let candidate = Arc::new(Candidate::new(&order.spec, admitted, order.choice)?);
        candidate.prepare_all(&order.asks, stages)?;
        self.keep_recent(&candidate);
        Ok(Pass { candidate, stages: *stages, stamp, again: false })
    }

    /// Whether the plugin may be used at all. A verdict to refuse may be an old one; a proof is always new.
    fn judge(&self, order: &Order, plugin: Arc<ValidPlugin>, stages: &mut Stages) -> Result<Admitted, AdmissionError> {
        let config = order.config;
        if order.unverified {
            return Ok(Admitted::Unverified(plugin, config));
        }
        let known = self.cache.as_ref().and_then(|cache| cache.find(&plugin, &config, &self.laws));
        let said_before = known.as_ref().map(|record| record.receipt.verdict);
        if let Some(record) = known.filter(|record| record.receipt.verdict != Verdict::Verified) {
            return Err(AdmissionError::Remembered { config, record: Box::new(record) });
        }
        let outcome = verify(&plugin, &config, &self.laws);
        let (verdict, timing) = match &outcome {
            Outcome::Verified(verified) => (Verdict::Verified, verified.timing()),
            Outcome::Refused(report) => (report.verdict, report.timing),
        };
        stages.proved(timing);
        if let Some(cache) = self.cache.as_ref().filter(|_| said_before != Some(verdict)) {
            cache.store(&plugin, &config, &self.laws, &outcome.report());
        }
        match outcome {
            Outcome::Verified(verified) => Ok(Admitted::Verified(verified)),
            Outcome::Refused(report) => Err(AdmissionError::Refused { config, report }),
        }
    }

    /// A candidate of this process for the very same order. There is no doubt about it: it is the verified plugin itself.
    fn find_recent(&self, order: &Order, plugin: &ValidPlugin) -> Option<Arc<Candidate>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|candidate| candidate.answers(order, plugin))?;
        let candidate = recent.remove(at);
        recent.push(candidate.clone());
        Some(candidate)
    }

    fn keep_recent(&self, candidate: &Arc<Candidate>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT_MAX {
            recent.remove(0);
        }
        recent.push(candidate.clone());
    }
}

/// The module called `spec`, and the state of its file, where it has one.
fn read(spec: &str) -> Result<(Vec<u8>, Option<Stamp>), AdmissionError> {
    if let Some(embedded) = plugin::embedded(spec) {
        return Ok((embedded.wasm.to_vec(), None));
    }
    let path = plugin::file(spec);
    let (bytes, stamp) = stable::read(&path, plugin::file_bytes_max(&path))?;
    Ok((plugin::module(&path, bytes)?, Some(stamp)))
}

#[cfg(test)]
mod tests;
