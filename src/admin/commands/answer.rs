//! The answer to a command: a text, or a job that writes a long answer slice by slice.

use std::fmt::Debug;

use crate::admin::context::Context;
use crate::logging::Severity;

/// The answer to a command.
#[derive(Debug)]
pub(in crate::admin) enum Answer {
    /// The whole answer.
    Text(String),
    /// The whole answer, which is a message. Some clients want to see its severity.
    Message(Severity, String),
    /// The same without a line feed of its own, as HAProxy ends a few answers: the empty line that
    /// ends other answers ends its line.
    Bare(Severity, String),
    /// The answer is long, or the client has to wait for it.
    Job(Box<dyn Job>),
    /// There is no answer, and the connection is closed.
    Goodbye,
}

impl Answer {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn line(text: impl Into<String>) -> Self {
        Self::Text(text.into() + "\n")
    }

    pub(super) fn message(severity: Severity, text: impl Into<String>) -> Self {
        Self::Message(severity, text.into())
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self::message(Severity::Err, text)
    }

    pub(super) fn denied() -> Self {
        Self::error("Permission denied")
    }

    pub(super) fn job(job: impl Job + 'static) -> Self {
        Self::Job(Box::new(job))
    }
}

/// A command that is answered in slices.
pub(in crate::admin) trait Job: Debug {
    /// Appends the next slice to `out`.
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState;

    /// When the job gives up, if it waits for something that the process does.
    fn gives_up_at_ms(&self) -> Option<u64> {
        None
    }
}

/// What a job needs after a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum JobState {
    /// The job writes its next slice when the client has taken this one.
    Unfinished,
    /// The job goes on when the process says so.
    Waiting,
    /// The job writes more when the process wakes it, until the client says something or has heard
    /// nothing for too long.
    Following,
    /// The answer is complete.
    Finished,
}
