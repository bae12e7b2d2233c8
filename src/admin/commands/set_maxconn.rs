//! `set maxconn`: how many connections the process, its frontends and servers take.

use super::target;
use super::target::AnyFrontend;
use super::words::{Words, text};
use crate::admin::{Answer, Client, World};

const NOT_A_NUMBER: &str = "Integer value expected.";
const OUT_OF_RANGE: &str = "Value out of range.";

/// The highest limit of a frontend, as in the configuration. Whatever it says, the process's own
/// limit holds.
const FRONTEND_MAX: u32 = i32::MAX.unsigned_abs();

/// `set maxconn frontend <frontend> <value>`.
pub(crate) fn set_frontend(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let frontend = match target::frontend(words, 3, world) {
        Ok(frontend) => frontend,
        Err(answer) => return answer,
    };
    let most = match frontend {
        AnyFrontend::Relaying(_) => FRONTEND_MAX,
        // Scrapers are counted apart from clients, so the process's limit has to hold here.
        AnyFrontend::Endpoint(_) => world.shared.totals.hard_maxconn,
    };
    let maxconn = match parse(words, 4, NOT_A_NUMBER) {
        Ok(maxconn) if maxconn <= most => maxconn,
        Ok(_) => return Answer::error(OUT_OF_RANGE),
        Err(answer) => return answer,
    };
    match frontend {
        AnyFrontend::Relaying(id) => {
            world.shared.frontend_mut(id).config.maxconn = Some(maxconn);
            world.clients.handle_limits_changed(world.shared);
        }
        AnyFrontend::Endpoint(id) => {
            if let Some(endpoint) = world.endpoints.get_mut(id.index()) {
                endpoint.config.maxconn = maxconn;
            }
        }
    }
    Answer::text("")
}

/// `set maxconn global <value>`; 0 stands for the most there may be.
pub(crate) fn set_global(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let maxconn = match parse(words, 3, "Expects an integer value.") {
        Ok(maxconn) => maxconn,
        Err(answer) => return answer,
    };
    let totals = &mut world.shared.totals;
    if maxconn > totals.hard_maxconn {
        return Answer::error(OUT_OF_RANGE);
    }
    totals.maxconn = if maxconn == 0 { totals.hard_maxconn } else { maxconn };
    world.clients.handle_limits_changed(world.shared);
    Answer::text("")
}

/// `set maxconn server <b>/<s> <value>`; 0 stands for no limit. As in HAProxy a negative number is
/// the largest, so -1 is none either.
pub(crate) fn set_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let (backend, server) = match target::server(words, 3, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    match words.get(4).map(|word| server_maxconn(&text(word))) {
        Some(Ok(maxconn)) => {
            world.shared.set_server_maxconn(backend, server, maxconn);
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

/// `set rate-limit connections|sessions global <value>`: how many a second the process takes; 0
/// stands for no limit.
pub(crate) fn set_rate_limit(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let limits = &mut world.shared.totals.limits;
    let limit = match (words.get(2).map(Vec::as_slice), words.get(3).map(Vec::as_slice)) {
        (Some(b"connections"), Some(b"global")) => &mut limits.connection_rate,
        (Some(b"sessions"), Some(b"global")) => &mut limits.session_rate,
        _ => {
            return Answer::error(
                "'set rate-limit' only supports :\n   \
                 - 'connections global' to set the per-process maximum connection rate\n   \
                 - 'sessions global' to set the per-process maximum session rate",
            );
        }
    };
    match parse(words, 4, "Expects an integer value.") {
        Ok(value) => {
            *limit = Some(value).filter(|value| *value > 0);
            world.clients.handle_limits_changed(world.shared);
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

fn parse(words: &Words, position: usize, usage: &'static str) -> Result<u32, Answer> {
    let Some(word) = words.get(position) else { return Err(Answer::error(usage)) };
    match text(word).parse::<i64>() {
        Ok(number) => u32::try_from(number).map_err(|_| Answer::error(OUT_OF_RANGE)),
        Err(_) => Err(Answer::error(usage)),
    }
}
