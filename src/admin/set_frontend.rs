//! `disable frontend`, `enable frontend`, `shutdown frontend`: whether clients can come in.

use std::io;

use super::metrics::{Change, EndpointState};
use super::words::{Words, text};
use super::{Answer, Client, Job, Progress, World};
use crate::config::FrontendId;

/// A successor shares the listening sockets: what is done to one would be done to it, too.
const RELOADING: &str = "A reload is under way, try again after it.";

/// A frontend that a command is about: one that relays, or one of the exporter.
#[derive(Clone, Copy)]
enum Target {
    Frontend(FrontendId),
    Endpoint(usize),
}

/// `disable frontend <frontend>`: clients are refused until it is enabled.
pub(super) fn disable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    if world.process.is_reloading {
        return Answer::error(RELOADING);
    }
    let target = match target(words, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    match state(target, world) {
        EndpointState::Stopped => {
            Answer::error("Frontend was previously shut down, cannot disable.")
        }
        EndpointState::Paused => Answer::error("All sockets are already disabled."),
        EndpointState::Open => {
            let what = "paused";
            match target {
                Target::Frontend(id) => {
                    let done = world.clients.pause_frontend(id, world.shared);
                    answer(&name(words), done, what)
                }
                Target::Endpoint(at) => set_endpoint(at, EndpointState::Paused, what, world),
            }
        }
    }
}

/// `enable frontend <frontend>`.
pub(super) fn enable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    if world.process.is_reloading {
        return Answer::error(RELOADING);
    }
    let target = match target(words, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    match state(target, world) {
        EndpointState::Stopped => {
            Answer::error("Frontend was previously shut down, cannot enable.")
        }
        EndpointState::Open => Answer::error("All sockets are already enabled."),
        EndpointState::Paused => {
            let what = "resumed";
            match target {
                Target::Frontend(id) => {
                    let done = world.clients.resume_frontend(id, world.shared);
                    answer(&name(words), done, what)
                }
                Target::Endpoint(at) => set_endpoint(at, EndpointState::Open, what, world),
            }
        }
    }
}

/// `shutdown frontend <frontend>`: its sockets are closed for good; its connections go on.
pub(super) fn shutdown(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let target = match target(words, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    if state(target, world) == EndpointState::Stopped {
        return Answer::error("Frontend was already shut down.");
    }
    let what = "shut down";
    match target {
        Target::Frontend(id) => {
            world.clients.close_frontend(id, world.shared);
            answer(&name(words), Ok(()), what)
        }
        Target::Endpoint(at) => set_endpoint(at, EndpointState::Stopped, what, world),
    }
}

fn target(words: &Words, world: &World<'_>) -> Result<Target, Answer> {
    let Some(word) = words.get(2) else {
        return Err(Answer::error("A frontend name is expected."));
    };
    let name = text(word);
    let mut frontends = (0..).map(FrontendId).zip(&world.shared.frontends);
    if let Some((id, _)) = frontends.find(|(_, frontend)| frontend.config.name == name) {
        return Ok(Target::Frontend(id));
    }
    let endpoint = world.endpoints.iter().position(|endpoint| endpoint.config.name == name);
    endpoint.map(Target::Endpoint).ok_or_else(|| Answer::error("No such frontend."))
}

fn state(target: Target, world: &World<'_>) -> EndpointState {
    match target {
        Target::Frontend(id) => {
            let frontend = world.shared.frontend(id);
            match (frontend.stopped, frontend.is_paused) {
                (true, _) => EndpointState::Stopped,
                (false, true) => EndpointState::Paused,
                (false, false) => EndpointState::Open,
            }
        }
        Target::Endpoint(at) => {
            world.endpoints.get(at).map_or(EndpointState::Stopped, |endpoint| endpoint.state)
        }
    }
}

/// The listeners follow at the end of the turn, and the answer comes after that.
fn set_endpoint(
    at: usize,
    state: EndpointState,
    what: &'static str,
    world: &mut World<'_>,
) -> Answer {
    if let Some(endpoint) = world.endpoints.get_mut(at) {
        endpoint.state = state;
        endpoint.change = Change::Asked;
    }
    Answer::Job(Job::Endpoint(EndpointChange { at, what }))
}

/// Waits for the listeners of an endpoint.
#[derive(Debug)]
pub(crate) struct EndpointChange {
    at: usize,
    what: &'static str,
}

impl EndpointChange {
    pub(super) fn advance(&mut self, world: &mut World<'_>, out: &mut Vec<u8>) -> Progress {
        let Some(endpoint) = world.endpoints.get_mut(self.at) else { return Progress::Done };
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
