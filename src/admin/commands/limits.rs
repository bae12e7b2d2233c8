//! `set maxconn` and `set rate-limit`: how many connections the process, a frontend or a server
//! accepts.

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::target;
use super::target::{AnyFrontend, Target};
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;

const NOT_A_NUMBER: &str = "Integer value expected.";
const OUT_OF_RANGE: &str = "Value out of range.";

/// The highest limit of a frontend, as in the configuration. The limit of the process holds too.
const FRONTEND_MAX: u32 = i32::MAX.unsigned_abs();

/// `set maxconn frontend <frontend> <value>`.
pub(super) fn set_frontend_maxconn(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let frontend = match target::frontend(line, 3, context) {
        Ok(frontend) => frontend,
        Err(answer) => return answer,
    };
    let most = match frontend {
        AnyFrontend::Relaying(_) => FRONTEND_MAX,
        // The limit of the process does not count the exporter's clients, so it bounds this value.
        AnyFrontend::Endpoint(_) => context.shared.totals.hard_maxconn,
    };
    let maxconn = match parse(line, 4, NOT_A_NUMBER) {
        Ok(maxconn) if maxconn <= most => maxconn,
        Ok(_) => return Answer::error(OUT_OF_RANGE),
        Err(answer) => return answer,
    };
    match frontend {
        AnyFrontend::Relaying(id) => {
            context.shared.frontend_mut(id).maxconn = Some(maxconn);
            context.clients.handle_limits_changed(context.shared);
        }
        AnyFrontend::Endpoint(id) => {
            if let Some(endpoint) = context.endpoints.get_mut(id.index()) {
                endpoint.maxconn = maxconn;
            }
        }
    }
    Answer::text("")
}

/// `set maxconn global <value>`; 0 stands for the limit at the start of the process.
pub(super) fn set_global_maxconn(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let maxconn = match parse(line, 3, "Expects an integer value.") {
        Ok(maxconn) => maxconn,
        Err(answer) => return answer,
    };
    let totals = &mut context.shared.totals;
    if maxconn > totals.hard_maxconn {
        return Answer::error(OUT_OF_RANGE);
    }
    totals.maxconn = if maxconn == 0 { totals.hard_maxconn } else { maxconn };
    totals.is_own_limit &= maxconn == 0;
    context.clients.handle_limits_changed(context.shared);
    Answer::text("")
}

/// `set maxconn server <b>/<s> <value>`; 0 stands for no limit. As in HAProxy, the bits of a
/// negative number are read as a large number, so -1 means no limit as well.
pub(super) fn set_server_maxconn(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Target { backend, server } = match target::server(line, 3, context) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    match line.word(4).map(|word| server_maxconn(&text(word))) {
        Some(Ok(maxconn)) => {
            context.shared.set_server_maxconn(backend, server, maxconn);
            Answer::text("")
        }
        Some(Err(message)) => Answer::error(message),
        None => Answer::error("Require <maxconn>."),
    }
}

fn server_maxconn(word: &str) -> Result<u32, &'static str> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("maxconn string empty or preceded by garbage");
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("Trailing garbage in maxconn string");
    }
    let negative = || word.parse().ok().map(i32::cast_unsigned);
    word.parse().ok().or_else(negative).ok_or(OUT_OF_RANGE)
}

/// `set rate-limit connections|sessions global <value>`: how many the process accepts in a second;
/// 0 stands for no limit.
pub(super) fn set_rate_limit(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let limits = &mut context.shared.totals.limits;
    let limit = match (line.word(2), line.word(3)) {
        (Some(b"connections"), Some(b"global")) => &mut limits.connection_rate,
        (Some(b"sessions"), Some(b"global")) => &mut limits.session_rate,
        (Some(b"ssl-sessions"), Some(b"global")) => {
            return Answer::error(
                "'ssl-sessions' is not supported: clients with TLS have no limit of their own.",
            );
        }
        (Some(b"http-compression"), Some(b"global")) => {
            return Answer::error("'http-compression' is not supported: nothing is compressed.");
        }
        _ => {
            return Answer::error(
                "'set rate-limit' only supports :\n   \
                 - 'connections global' to set the per-process maximum connection rate\n   \
                 - 'sessions global' to set the per-process maximum session rate",
            );
        }
    };
    match parse(line, 4, "Expects an integer value.") {
        Ok(value) => {
            *limit = Some(value).filter(|value| *value > 0);
            context.clients.handle_limits_changed(context.shared);
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

fn parse(line: &CommandLine, position: usize, usage: &'static str) -> Result<u32, Answer> {
    let Some(word) = line.word(position) else { return Err(Answer::error(usage)) };
    match text(word).parse::<i64>() {
        Ok(number) => u32::try_from(number).map_err(|_| Answer::error(OUT_OF_RANGE)),
        Err(_) => Err(Answer::error(usage)),
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn the_limit_of_the_exporters_connections_changes() {
        let mut fixture = Fixture::with_endpoint();
        fixture.converse(&[("set maxconn frontend stats 3", "")]);
        assert_eq!(fixture.endpoints[0].maxconn, 3);
        // The limit of the process bounds the value.
        fixture.converse(&[("set maxconn frontend stats 2000", "")]);
        fixture.converse(&[("set maxconn frontend stats 2001", "Value out of range.")]);
        assert_eq!(fixture.endpoints[0].maxconn, 2000);
    }

    #[test]
    fn limits_of_connections_change() {
        let mut fixture = Fixture::new();
        fixture.converse(&[("set maxconn frontend fe 5", ""), ("set maxconn global 7", "")]);
        assert_eq!(fixture.shared.frontends[0].maxconn, Some(5));
        assert_eq!(fixture.shared.totals.maxconn, 7);
        fixture.converse(&[("set maxconn server web/s1 3", "")]);
        assert_eq!(fixture.shared.backends[0].servers[0].maxconn, 3);
        fixture.converse(&[("set maxconn global 0", "")]);
        assert_eq!(fixture.shared.totals.maxconn, 2000);
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            ("set maxconn frontend", "A frontend name is expected."),
            ("set maxconn frontend nope 3", "No such frontend."),
            ("set maxconn frontend fe", "Integer value expected."),
            ("set maxconn frontend fe -1", "Value out of range."),
            ("set maxconn frontend fe 2147483647", ""),
            ("set maxconn frontend fe 2147483648", "Value out of range."),
            ("set maxconn server", "Require 'backend/server'."),
            ("set maxconn server web/s1", "Require <maxconn>."),
            ("set maxconn global", "Expects an integer value."),
            ("set maxconn global 2001", "Value out of range."),
        ]);
    }
}
