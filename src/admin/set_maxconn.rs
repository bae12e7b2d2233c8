//! `set maxconn`: how many connections the process, its frontends and servers take.

use super::target::{self, AnyFrontend};
use super::words::{Words, text};
use super::{Answer, Client, World};

const NOT_A_NUMBER: &str = "Integer value expected.";
const OUT_OF_RANGE: &str = "Value out of range.";

/// The highest limit of a frontend, as in the configuration. Whatever it says, the process's own
/// limit holds.
const FRONTEND_MAX: u32 = i32::MAX.unsigned_abs();

/// `set maxconn frontend <frontend> <value>`.
pub(super) fn set_frontend(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
pub(super) fn set_global(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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

/// `set maxconn server <b>/<s> <value>`; 0 stands for no limit.
pub(super) fn set_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let (backend, server) = match target::server(words, 3, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    match parse(words, 4, "Require <maxconn>.") {
        Ok(maxconn) => {
            world.shared.set_server_maxconn(backend, server, maxconn);
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
