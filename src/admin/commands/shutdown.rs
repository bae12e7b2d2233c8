//! The commands that end connections: `shutdown session`, `shutdown sessions server`.

use super::show_sess::{identity, parse_identity};
use super::target;
use super::words::{Words, text};
use crate::admin::{Answer, Client, World};
use crate::proxy::connection::termination::Cause;

/// `shutdown session <id>`, where the id is what stands first in a line of `show sess`.
pub(crate) fn shutdown_session(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let wanted = words.get(2).map(|word| text(word));
    // No pointer at all is another mistake than one that is not known.
    let Some(wanted) = wanted.filter(|word| word.starts_with("0x")) else {
        return Answer::error("Session pointer expected (use 'show sess').");
    };
    let wanted = parse_identity(&wanted);
    let mut is_known = false;
    if let Some(wanted) = wanted {
        is_known = world.clients.connections().any(|connection| identity(connection) == wanted);
        world
            .clients
            .kill_where(world.shared, Cause::Killed, |connection| identity(connection) == wanted);
    }
    if is_known { Answer::text("") } else { Answer::error("No such session (use 'show sess').") }
}

/// `shutdown sessions server <b>/<s>`.
pub(crate) fn shutdown_sessions(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 3, world) {
        Ok((backend, server)) => {
            world.clients.kill_where(world.shared, Cause::Killed, |connection| {
                connection.is_at(backend, server)
            });
            Answer::text("")
        }
        Err(answer) => answer,
    }
}
