//! `disable frontend`, `enable frontend` and `shutdown frontend`: whether a frontend accepts
//! clients.

use std::io;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::target;
use super::target::AnyFrontend;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::context::endpoint::{Change, EndpointId, EndpointState};

/// `disable frontend <frontend>`: clients are refused until `enable frontend`.
pub(super) fn disable(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    change(EndpointState::Paused, line, context)
}

/// `enable frontend <frontend>`.
pub(super) fn enable(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    change(EndpointState::Open, line, context)
}

fn change(wanted: EndpointState, line: &CommandLine, context: &mut Context<'_>) -> Answer {
    let target = match target::frontend(line, 2, context) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    let opens = wanted == EndpointState::Open;
    let (verb, what) = if opens { ("enable", "resumed") } else { ("disable", "paused") };
    match (state(target, context), target) {
        (EndpointState::Stopped, _) => {
            Answer::error(format!("Frontend was previously shut down, cannot {verb}."))
        }
        (now, _) if now == wanted => Answer::error(format!("All sockets are already {verb}d.")),
        (_, AnyFrontend::Relaying(id)) => {
            let done = if opens {
                context.clients.resume_frontend(id, context.shared)
            } else {
                context.clients.pause_frontend(id, context.shared)
            };
            answer(&name(line), done, what)
        }
        (_, AnyFrontend::Endpoint(at)) => set_endpoint(at, wanted, what, context),
    }
}

/// `shutdown frontend <frontend>`: the listening sockets are closed for good; open connections go
/// on.
pub(super) fn shutdown(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let target = match target::frontend(line, 2, context) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    if state(target, context) == EndpointState::Stopped {
        return Answer::error("Frontend was already shut down.");
    }
    let what = "shut down";
    match target {
        AnyFrontend::Relaying(id) => {
            context.clients.close_frontend(id, context.shared);
            answer(&name(line), Ok(()), what)
        }
        AnyFrontend::Endpoint(at) => set_endpoint(at, EndpointState::Stopped, what, context),
    }
}

fn state(target: AnyFrontend, context: &Context<'_>) -> EndpointState {
    match target {
        AnyFrontend::Relaying(id) => {
            let frontend = context.shared.frontend(id);
            match (frontend.stopped, frontend.is_paused) {
                (true, _) => EndpointState::Stopped,
                (false, true) => EndpointState::Paused,
                (false, false) => EndpointState::Open,
            }
        }
        AnyFrontend::Endpoint(at) => context
            .endpoints
            .get(at.index())
            .map_or(EndpointState::Stopped, |endpoint| endpoint.state),
    }
}

/// Asks for a new state of an endpoint. The sockets change at the end of the turn; the answer comes
/// after that.
fn set_endpoint(
    at: EndpointId,
    state: EndpointState,
    what: &'static str,
    context: &mut Context<'_>,
) -> Answer {
    if let Some(endpoint) = context.endpoints.get_mut(at.index()) {
        endpoint.state = state;
        endpoint.change = Change::Asked;
    }
    Answer::job(EndpointChange { at, what })
}

/// Waits until the sockets of an endpoint have changed.
#[derive(Debug)]
struct EndpointChange {
    at: EndpointId,
    what: &'static str,
}

impl Job for EndpointChange {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let Some(endpoint) = context.endpoints.get_mut(self.at.index()) else {
            return JobState::Finished;
        };
        let Some(done) = endpoint.take_change_result() else { return JobState::Unfinished };
        if let Answer::Message(_, text) = answer(&endpoint.config.name, done, self.what) {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        JobState::Finished
    }
}

fn name(line: &CommandLine) -> String {
    line.word(2).map(|word| text(word).into_owned()).unwrap_or_default()
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
