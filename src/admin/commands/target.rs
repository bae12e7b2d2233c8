//! The `backend/server` and the names of proxies that commands are about.

use super::words::{Words, text};
use crate::admin::metrics::EndpointId;
use crate::admin::{Answer, World};
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::proxy::backend::server::Server;

/// A server that a command is about.
pub(crate) type Target = (BackendId, ServerIndex);

/// The server that the word at `position` names.
pub(crate) fn server(words: &Words, position: usize, world: &World<'_>) -> Result<Target, Answer> {
    let word = words.get(position).map(|word| text(word)).unwrap_or_default();
    let named = word.split_once('/').filter(|(_, server)| !server.is_empty());
    let Some((backend, server)) = named else {
        return Err(Answer::error("Require 'backend/server'."));
    };
    let Some(id) = backend_named(backend, world) else {
        return Err(Answer::error("No such backend."));
    };
    let mut servers = (0..).map(ServerIndex).zip(&world.shared.backend(id).servers);
    match servers.find(|(_, known)| known.config.name == server) {
        Some((index, _)) => Ok((id, index)),
        None => Err(Answer::error("No such server.")),
    }
}

/// The server as it is now.
pub(crate) fn get<'a>(target: Target, world: &'a World<'_>) -> &'a Server {
    world.shared.backend(target.0).server(target.1)
}

/// The backend with this name.
pub(super) fn backend_named(name: &str, world: &World<'_>) -> Option<BackendId> {
    let mut backends = (0..).map(BackendId).zip(&world.shared.backends);
    backends.find(|(_, backend)| backend.config.name == name).map(|(id, _)| id)
}

/// A frontend that a command is about: one that relays, or one of the exporter.
#[derive(Clone, Copy)]
pub(crate) enum AnyFrontend {
    Relaying(FrontendId),
    Endpoint(EndpointId),
}

/// The frontend that the word at `position` names.
pub(crate) fn frontend(
    words: &Words,
    position: usize,
    world: &World<'_>,
) -> Result<AnyFrontend, Answer> {
    let Some(word) = words.get(position) else {
        return Err(Answer::error("A frontend name is expected."));
    };
    let is_named = |name: &str| name.as_bytes() == word.as_slice();
    let mut frontends = (0..).map(FrontendId).zip(&world.shared.frontends);
    if let Some((id, _)) = frontends.find(|(_, frontend)| is_named(&frontend.config.name)) {
        return Ok(AnyFrontend::Relaying(id));
    }
    let mut endpoints = (0..).map(EndpointId).zip(&*world.endpoints);
    match endpoints.find(|(_, endpoint)| is_named(&endpoint.config.name)) {
        Some((id, _)) => Ok(AnyFrontend::Endpoint(id)),
        None => Err(Answer::error("No such frontend.")),
    }
}
