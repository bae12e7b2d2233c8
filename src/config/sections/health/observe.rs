//! The words of a `server` line about what the connections of clients say of its health.

use crate::config::OnError;
use crate::config::drafts::ServerWords;
use crate::config::keywords::{Handling, Keyword, Refusal, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerWords, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let handling = Handling::Server(read);
    Keyword::new(name, Scope::SERVER, exactly(1), arguments, help, handling)
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "observe",
        "layer4 | none",
        "Counts the failed connects of clients as a sign of the server's health; `none` counts \
         nothing.",
        |server, line, _| {
            server.settings.health.observe.is_on = read_observe(line)?;
            Ok(())
        },
    )
    .by_default("none")
    .example("server s1 192.0.2.1:80 check observe layer4")
    .differs("HAProxy's `layer7` looks at HTTP."),
    row(
        "error-limit",
        "<count>",
        "Sets how many failures in a row call for `on-error`.",
        |s, line, _| {
            s.settings.health.observe.error_limit = line.number(0, 1..=i32::MAX.unsigned_abs())?;
            Ok(())
        },
    )
    .by_default("10")
    .example("server s1 192.0.2.1:80 check observe layer4 error-limit 5"),
    row(
        "on-error",
        "fastinter | fail-check | sudden-death | mark-down",
        "Says what follows `error-limit` failures in a row: check at the time of `fastinter`, \
         count one failed check, count one and let the next failed check take the server down, or \
         take the server down at once.",
        |server, line, _| {
            server.settings.health.observe.on_error = read_on_error(line)?;
            Ok(())
        },
    )
    .by_default("fail-check")
    .example("server s1 192.0.2.1:80 check observe layer4 on-error mark-down"),
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
