//! What the connections of clients say of a server's health, as configured.

use crate::config::keywords::{Action, Keyword, Refusal, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Report};
use crate::config::text::draft::ServerSettings;
use crate::config::text::line::Line;

/// What the connections to a server say of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Errors in a row that are too many.
    pub error_limit: u32,
    /// What to do then.
    pub on_error: OnError,
}

/// What to do when a server's connections fail too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Check it at `fastinter`.
    FastInter,
    /// Count one failed check.
    #[default]
    FailCheck,
    /// Count one failed check, and the next one brings it down.
    SuddenDeath,
    /// It is down.
    MarkDown,
}

/// The words of a server as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObserveDraft {
    is_on: bool,
    error_limit: Option<u32>,
    on_error: OnError,
}

const ERROR_LIMIT: u32 = 10;

impl ObserveDraft {
    pub(crate) fn resolve(&self) -> Option<Observe> {
        let error_limit = self.error_limit.unwrap_or(ERROR_LIMIT);
        self.is_on.then_some(Observe { error_limit, on_error: self.on_error })
    }
}

const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerSettings, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let action = Action::Server(read);
    Keyword { name, scope: Scope::SERVER, arity: exactly(1), arguments, help, action }
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("observe", "layer4 | none", "failed connects count as its health", |server, line, _| {
        server.health.observe.is_on = read_observe(line)?;
        Ok(())
    }),
    row("error-limit", "<count>", "failures in a row that are too many (10)", |s, line, _| {
        s.health.observe.error_limit = Some(line.number(0, 1..=i32::MAX.unsigned_abs())?);
        Ok(())
    }),
    row(
        "on-error",
        "fastinter | fail-check | sudden-death | mark-down",
        "what to do then (fail-check)",
        |server, line, _| {
            server.health.observe.on_error = read_on_error(line)?;
            Ok(())
        },
    ),
];

fn read_observe(line: &Line<'_>) -> Parsed<bool> {
    let word = line.argument(0)?;
    let message = match word.value {
        "layer4" => return Ok(true),
        "none" => return Ok(false),
        "layer7" => format!("'observe layer7' is refused: {}", Refusal::HttpOnly.reason()),
        other => format!("'{other}' cannot be observed: layer4 or none"),
    };
    Err(Mistake::new(word.place, message))
}

fn read_on_error(line: &Line<'_>) -> Parsed<OnError> {
    let word = line.argument(0)?;
    match word.value {
        "fastinter" => Ok(OnError::FastInter),
        "fail-check" => Ok(OnError::FailCheck),
        "sudden-death" => Ok(OnError::SuddenDeath),
        "mark-down" => Ok(OnError::MarkDown),
        other => {
            let message = format!(
                "'on-error' takes fastinter, fail-check, sudden-death or mark-down, not '{other}'"
            );
            Err(Mistake::new(word.place, message))
        }
    }
}
