//! Why a request is not answered.

use std::time::Duration;

use ptwalk_abi::{PhysAddr, VaRange};
use thiserror::Error;

use crate::admission::Refusal;
use crate::engine::EngineError;
use crate::engine::fused::FuseError;
use crate::number::NumberError;
use crate::typed::TypedError;
use crate::walk::filter::FilterError;
use crate::walk::{TranslateError, WalkError};

/// What is wrong with a request. Whoever sent it is at fault.
#[derive(Debug, Error)]
pub enum RequestError {
    /// It is no JSON, or not of the form that the verb wants.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON but no object.
    #[error("a request is a JSON object")]
    NotAnObject,
    /// The `id` is neither a string nor a number.
    #[error("an id is a string of at most {max} bytes, or a number")]
    Id {
        /// The longest string.
        max: usize,
    },
    /// There is no such verb.
    #[error("`op` is one of walk, gup, dump, swap, status")]
    Verb,
    /// `deadline_ms` is no number of milliseconds.
    #[error("`deadline_ms` is a number of milliseconds from 1 on")]
    Deadline,
    /// More is asked for than one answer holds.
    #[error("{asked} {what}, more than {max} for one request")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        asked: i64,
        /// The limit.
        max: i64,
    },
    /// A number in it.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A range, version or setting in it.
    #[error(transparent)]
    Typed(#[from] TypedError),
    /// The filter.
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
    /// A flag that no kernel has.
    #[error("there is no flag `{0}`")]
    Flag(String),
    /// GUP of a kernel that is older than the models.
    #[error("GUP is modelled from v5.3 on")]
    Epoch,
    /// The cursor is none that this service gave.
    #[error("`{0}` is not a cursor")]
    Cursor(String),
    /// A line that does not end.
    #[error("a request of more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
}

/// Why a request is not answered.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Too many wait already.
    #[error("busy: {waiting} requests wait already")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// Its time was up before the work was done.
    #[error("not done within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The plugin changed since the page before.
    #[error("the plugin changed: the cursor is of generation {cursor}, and generation {current} is in service")]
    Generation {
        /// Of the cursor.
        cursor: u64,
        /// In service.
        current: u64,
    },
    /// No root, or too many.
    #[error(transparent)]
    Roots(TranslateError),
    /// No root translates the range.
    #[error("no root translates {:#x}-{:#x}", .0.first.0, .0.end())]
    Range(VaRange),
    /// The plugin failed, in the sandbox.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// There is no engine for what is asked.
    #[error(transparent)]
    Fuse(#[from] FuseError),
    /// The plugin that was to come is not let in.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The plugin that was to come has another idea of root tables.
    #[error(
        "plugin {spec} has no use for the root {root}: it has no such half, or wants its root tables aligned otherwise"
    )]
    Unsuitable {
        /// The plugin.
        spec: String,
        /// The root.
        root: PhysAddr,
    },
    /// The service is ending.
    #[error("the service is ending")]
    Ending,
}

impl AnswerError {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            AnswerError::Request(RequestError::TooLong { .. }) => "too_long",
            AnswerError::Request(_) => "bad_request",
            AnswerError::Busy { .. } => "busy",
            AnswerError::Deadline(_) => "deadline",
            AnswerError::Generation { .. } => "generation_changed",
            AnswerError::Roots(TranslateError::TwoRoots { .. }) => "ambiguous_root",
            AnswerError::Roots(TranslateError::NoRoot { .. }) | AnswerError::Range(_) => "no_root",
            AnswerError::Roots(TranslateError::Walk(_)) | AnswerError::Walk(_) => "plugin_failed",
            AnswerError::Fuse(_) => "not_compiled",
            AnswerError::Refused(refusal) => refusal.cause.code(),
            AnswerError::Unsuitable { .. } => "unsuitable",
            AnswerError::Ending => "ending",
        }
    }
}

impl From<EngineError> for AnswerError {
    fn from(error: EngineError) -> AnswerError {
        AnswerError::Walk(error.into())
    }
}

impl From<TranslateError> for AnswerError {
    fn from(error: TranslateError) -> AnswerError {
        match error {
            TranslateError::Walk(error) => AnswerError::Walk(error),
            error => AnswerError::Roots(error),
        }
    }
}
