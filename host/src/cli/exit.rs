//! Exit codes: 0 done, 1 done and the answer is negative, 2 usage, 3 image unreadable or ambiguous, 4 plugin refused,
//! 5 plugin trapped or hit a limit, 130 interrupted.

use std::io::{self, Write};
use std::process::ExitCode;

use ptwalk::engine::EngineError;
use ptwalk::engine::fused::FuseError;
use ptwalk::engine::sandbox::BindError;
use ptwalk::image::ImageError;
use ptwalk::plugin::LoadError;
use ptwalk::serve::AnswerError;
use ptwalk::synth::SynthError;
use ptwalk::toolchain::BuildError;
use ptwalk::walk::WalkError;
use thiserror::Error;

use super::interrupt;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Yes,
    /// Done, and the answer is negative: not mapped, fewer pages than asked for.
    No,
    /// A signal ended it.
    Interrupted,
}

impl Answer {
    /// [`Answer::Yes`] if `yes`.
    pub fn new(yes: bool) -> Answer {
        if yes { Answer::Yes } else { Answer::No }
    }
}

/// What is wrong with the command line, or with what the image leaves open.
#[derive(Debug, Error)]
pub enum Fault {
    /// The arguments do not make sense.
    #[error("{0}")]
    Usage(String),
    /// The image leaves something open that the command needs.
    #[error("{0}")]
    Ambiguous(String),
    /// A plugin is refused, and stdout says why.
    #[error("refused")]
    Refused,
    /// A receipt does not hold.
    #[error("{0}")]
    Receipt(String),
}

/// The exit code for a result; prints errors to stderr. A closed pipe is no error: whoever read had enough.
pub fn code(result: anyhow::Result<Answer>) -> ExitCode {
    let error = match result {
        Ok(Answer::Yes) => return ExitCode::SUCCESS,
        Ok(Answer::No) => return ExitCode::from(1),
        Ok(Answer::Interrupted) => return ExitCode::from(130),
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    if interrupt::is_asked() {
        let _ = writeln!(io::stderr(), "ptwalk: interrupted");
        return ExitCode::from(130);
    }
    // Nothing can be done about a closed stderr.
    let _ = writeln!(io::stderr(), "ptwalk: {}", text_of(&error));
    ExitCode::from(number(&error))
}

fn number(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(2)
}

/// Why a command ended early, as the last record of its output says it.
pub fn reason(error: &anyhow::Error) -> &'static str {
    if interrupt::is_asked() {
        return "interrupted";
    }
    if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(WalkError::Output(_)))) {
        return "output";
    }
    match number(error) {
        3 => "image",
        4 => "plugin_refused",
        5 => "plugin_trapped",
        _ => "usage",
    }
}

/// The error and its causes, without those that the text before them already quotes.
fn text_of(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether whoever read the output has closed it.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = match cause.downcast_ref::<WalkError>() {
            Some(WalkError::Output(io)) => Some(io),
            _ => cause.downcast_ref::<io::Error>(),
        };
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(fault) = cause.downcast_ref::<Fault>() {
        return Some(match fault {
            Fault::Usage(_) => 2,
            Fault::Ambiguous(_) => 3,
            Fault::Refused | Fault::Receipt(_) => 4,
        });
    }
    if cause.is::<ImageError>() {
        return Some(3);
    }
    if let Some(load) = cause.downcast_ref::<LoadError>() {
        return Some(match load {
            LoadError::Io { .. } => 2,
            LoadError::Wat { .. } | LoadError::Rejected { .. } | LoadError::Refused { .. } | LoadError::Laws(_) => 4,
        });
    }
    if let Some(build) = cause.downcast_ref::<BuildError>() {
        return Some(match build {
            // Source that is none is as good as a plugin that is none.
            BuildError::Failed { .. } | BuildError::Wat(_) => 4,
            _ => 2,
        });
    }
    if let Some(bind) = cause.downcast_ref::<BindError>() {
        return Some(match bind {
            BindError::Engine(engine) => engine_code(engine),
            BindError::Missing { .. } | BindError::Geometry(_) => 4,
        });
    }
    if let Some(AnswerError::Refused(_) | AnswerError::Unsuitable { .. }) = cause.downcast_ref::<AnswerError>() {
        return Some(4);
    }
    if let Some(fuse) = cause.downcast_ref::<FuseError>() {
        return Some(fuse_code(fuse));
    }
    if let Some(WalkError::Engine(engine)) = cause.downcast_ref::<WalkError>() {
        return Some(engine_code(engine));
    }
    if let Some(SynthError::Engine(engine)) = cause.downcast_ref::<SynthError>() {
        return Some(engine_code(engine));
    }
    cause.downcast_ref::<EngineError>().map(engine_code)
}

fn fuse_code(error: &FuseError) -> u8 {
    match error {
        FuseError::Sandbox(engine) => engine_code(engine),
        _ => 5,
    }
}

fn engine_code(error: &EngineError) -> u8 {
    match error {
        EngineError::Frame { .. } | EngineError::Trap { .. } | EngineError::TrapOnEntry { .. } => 5,
        EngineError::Absent { .. } | EngineError::Build { .. } => 4,
    }
}
