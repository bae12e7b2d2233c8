//! `disable frontend`, `enable frontend`, `shutdown frontend`: whether clients can come in.

use std::io;

use super::metrics::EndpointState;
use super::words::{Words, text};
use super::{Answer, Client, World};
use crate::config::FrontendId;

/// A frontend that a command is about: one that relays, or one of the exporter.
#[derive(Clone, Copy)]
enum Target {
    Frontend(FrontendId),
    Endpoint(usize),
}

/// `disable frontend <frontend>`: clients are refused until it is enabled.
pub(super) fn disable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
            let done = match target {
                Target::Frontend(id) => world.clients.pause_frontend(id, world.shared),
                Target::Endpoint(at) => set_endpoint(at, EndpointState::Paused, world),
            };
            answer(words, done, "paused")
        }
    }
}

/// `enable frontend <frontend>`.
pub(super) fn enable(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
            let done = match target {
                Target::Frontend(id) => world.clients.resume_frontend(id, world.shared),
                Target::Endpoint(at) => set_endpoint(at, EndpointState::Open, world),
            };
            answer(words, done, "resumed")
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
    let done = match target {
        Target::Frontend(id) => {
            world.clients.close_frontend(id, world.shared);
            Ok(())
        }
        Target::Endpoint(at) => set_endpoint(at, EndpointState::Stopped, world),
    };
    answer(words, done, "shut down")
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

/// The listeners follow at the end of the turn.
fn set_endpoint(at: usize, state: EndpointState, world: &mut World<'_>) -> io::Result<()> {
    if let Some(endpoint) = world.endpoints.get_mut(at) {
        endpoint.state = state;
    }
    Ok(())
}

fn answer(words: &Words, done: io::Result<()>, what: &str) -> Answer {
    let name = words.get(2).map(|word| text(word)).unwrap_or_default();
    match done {
        Ok(()) => {
            log::info!("frontend {name}: {what} through the Runtime API");
            Answer::text("")
        }
        Err(error) => Answer::error(format!("Frontend could not be {what}: {error}.")),
    }
}
