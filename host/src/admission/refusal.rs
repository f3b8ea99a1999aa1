//! Why a plugin is not let in.

use std::fmt;

use ptwalk_abi::Config;
use ptwalk_verifier::verify::VerifyReport;
use serde_json::{Value, json};
use thiserror::Error;

use super::Stages;
use super::cache::Record;
use super::stable::ReadError;
use crate::engine::fused::FuseError;
use crate::engine::sandbox::BindError;
use crate::plugin::{LoadError, describe};

/// A plugin that is not let in.
#[derive(Debug, Error)]
#[error("plugin {spec}: {cause}")]
pub struct Refusal {
    /// The file or name.
    pub spec: String,
    /// How long the stages took that were reached.
    pub stages: Stages,
    /// Why.
    pub cause: AdmissionError,
}

/// Why a plugin is not let in: the file, the plugin, or the machine is at fault, in this order.
#[derive(Debug, Error)]
pub enum AdmissionError {
    /// The file cannot be read as a whole.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The text does not parse.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The verifier refuses it.
    #[error("refused, under {}{}", describe(config), Reasons(report.errors.iter()))]
    Refused {
        /// The configuration.
        config: Config,
        /// Why.
        report: Box<VerifyReport>,
    },
    /// The verifier refused it before, and nothing has changed since.
    #[error("refused before, under {}{}", describe(config), Reasons(record.reasons.iter()))]
    Remembered {
        /// The configuration.
        config: Config,
        /// What was said.
        record: Box<Record>,
    },
    /// A walk cannot do with it, or its geometry does not add up.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It cannot be compiled, or the code fails its self-test.
    #[error(transparent)]
    Fuse(#[from] FuseError),
}

impl AdmissionError {
    /// A word for programs: `unreadable`, `malformed_text`, `refused`, `unusable`, `not_compiled`.
    pub const fn code(&self) -> &'static str {
        match self {
            AdmissionError::Read(_) | AdmissionError::Load(LoadError::Io { .. }) => "unreadable",
            AdmissionError::Load(_) => "malformed_text",
            AdmissionError::Refused { .. } | AdmissionError::Remembered { .. } => "refused",
            AdmissionError::Bind(_) => "unusable",
            AdmissionError::Fuse(_) => "not_compiled",
        }
    }

    /// Whether trying again may help although nothing has changed since: somebody was writing.
    pub const fn is_passing(&self) -> bool {
        matches!(self, AdmissionError::Read(error) if error.is_passing())
    }

    /// The verifier's reasons, as `ptwalk verify --json` prints them; `null` where it did not speak.
    pub fn errors_json(&self) -> Value {
        match self {
            AdmissionError::Refused { report, .. } => json!(report.errors),
            AdmissionError::Remembered { record, .. } => record.errors.clone(),
            _ => Value::Null,
        }
    }

    /// The verifier's report, where this run has made one.
    pub fn report(&self) -> Option<&VerifyReport> {
        match self {
            AdmissionError::Refused { report, .. } => Some(report),
            _ => None,
        }
    }
}

/// The first line of each reason: the rest is in the report.
struct Reasons<I>(I);

impl<I: Iterator<Item: fmt::Display> + Clone> fmt::Display for Reasons<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = ": ";
        for reason in self.0.clone() {
            let reason = reason.to_string();
            write!(f, "{separator}{}", reason.lines().next().unwrap_or_default())?;
            separator = "; ";
        }
        Ok(())
    }
}
