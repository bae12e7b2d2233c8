//! `disable frontend`, `enable frontend`, `shutdown frontend`: whether clients can come in.

use std::io;

use super::target;
use super::target::AnyFrontend;
use super::words::{Words, text};
use crate::admin::metrics::{Change, EndpointId, EndpointState};
use crate::admin::{Answer, Client, Job, Progress, World};

/// `disable frontend <frontend>`: clients are refused until it is enabled.
pub(crate) fn disable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    change(EndpointState::Paused, words, world)
}

/// `enable frontend <frontend>`.
pub(crate) fn enable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    change(EndpointState::Open, words, world)
}

fn change(wanted: EndpointState, words: &Words, world: &mut World<'_>) -> Answer {
    let target = match target::frontend(words, 2, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    let opens = wanted == EndpointState::Open;
    let (verb, what) = if opens { ("enable", "resumed") } else { ("disable", "paused") };
    match (state(target, world), target) {
        (EndpointState::Stopped, _) => {
            Answer::error(format!("Frontend was previously shut down, cannot {verb}."))
        }
        (now, _) if now == wanted => Answer::error(format!("All sockets are already {verb}d.")),
        (_, AnyFrontend::Relaying(id)) => {
            let done = if opens {
                world.clients.resume_frontend(id, world.shared)
            } else {
                world.clients.pause_frontend(id, world.shared)
            };
            answer(&name(words), done, what)
        }
        (_, AnyFrontend::Endpoint(at)) => set_endpoint(at, wanted, what, world),
    }
}

/// `shutdown frontend <frontend>`: its sockets are closed for good; its connections go on.
pub(crate) fn shutdown(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let target = match target::frontend(words, 2, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    if state(target, world) == EndpointState::Stopped {
        return Answer::error("Frontend was already shut down.");
    }
    let what = "shut down";
    match target {
        AnyFrontend::Relaying(id) => {
            world.clients.close_frontend(id, world.shared);
            answer(&name(words), Ok(()), what)
        }
        AnyFrontend::Endpoint(at) => set_endpoint(at, EndpointState::Stopped, what, world),
    }
}

fn state(target: AnyFrontend, world: &World<'_>) -> EndpointState {
    match target {
        AnyFrontend::Relaying(id) => {
            let frontend = world.shared.frontend(id);
            match (frontend.stopped, frontend.is_paused) {
                (true, _) => EndpointState::Stopped,
                (false, true) => EndpointState::Paused,
                (false, false) => EndpointState::Open,
            }
        }
        AnyFrontend::Endpoint(at) => world
            .endpoints
            .get(at.index())
            .map_or(EndpointState::Stopped, |endpoint| endpoint.state),
    }
}

/// The listeners follow at the end of the turn, and the answer comes after that.
fn set_endpoint(
    at: EndpointId,
    state: EndpointState,
    what: &'static str,
    world: &mut World<'_>,
) -> Answer {
    if let Some(endpoint) = world.endpoints.get_mut(at.index()) {
        endpoint.state = state;
        endpoint.change = Change::Asked;
    }
    Answer::Job(Job::Endpoint(EndpointChange { at, what }))
}

/// Waits for the listeners of an endpoint.
#[derive(Debug)]
pub(crate) struct EndpointChange {
    at: EndpointId,
    what: &'static str,
}

impl EndpointChange {
    pub(crate) fn advance(&mut self, world: &mut World<'_>, out: &mut Vec<u8>) -> Progress {
        let Some(endpoint) = world.endpoints.get_mut(self.at.index()) else {
            return Progress::Done;
        };
        let done = match std::mem::replace(&mut endpoint.change, Change::None) {
            Change::Asked => {
                endpoint.change = Change::Asked;
                return Progress::More;
            }
            Change::Followed(done) => done,
            // Somebody else who asked has been told.
            Change::None => Ok(()),
        };
        if let Answer::Message(_, text) = answer(&endpoint.config.name, done, self.what) {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        Progress::Done
    }
}

fn name(words: &Words) -> String {
    words.get(2).map(|word| text(word).into_owned()).unwrap_or_default()
}

fn answer(name: &str, done: io::Result<()>, what: &str) -> Answer {
    match done {
        Ok(()) => {
            log::info!("frontend {name}: {what} through the Runtime API");
            Answer::text("")
        }
        Err(error) => Answer::error(format!("Frontend could not be {what}: {error}.")),
    }
}
