//! What the connections of clients say of a server's health, as configured.

use crate::config::OnError;
use crate::config::drafts::ServerWords;
use crate::config::keywords::{Action, Keyword, Refusal, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerWords, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let action = Action::Server(read);
    Keyword::new(name, Scope::SERVER, exactly(1), arguments, help, action)
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("observe", "layer4 | none", "failed connects count as its health", |server, line, _| {
        server.settings.health.observe.is_on = read_observe(line)?;
        Ok(())
    }),
    row("error-limit", "<count>", "failures in a row that are too many (10)", |s, line, _| {
        s.settings.health.observe.error_limit = line.number(0, 1..=i32::MAX.unsigned_abs())?;
        Ok(())
    }),
    row(
        "on-error",
        "fastinter | fail-check | sudden-death | mark-down",
        "what to do then (fail-check)",
        |server, line, _| {
            server.settings.health.observe.on_error = read_on_error(line)?;
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
