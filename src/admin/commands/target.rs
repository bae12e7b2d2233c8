//! The servers, backends and frontends that commands name.

use super::answer::Answer;
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointId;
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::proxy::backend::server::Server;

/// The server that a command names.
#[derive(Clone, Copy)]
pub(in crate::admin) struct Target {
    pub(in crate::admin) backend: BackendId,
    pub(in crate::admin) server: ServerIndex,
}

/// The server that the word at `position` names.
pub(super) fn server(
    line: &CommandLine,
    position: usize,
    context: &Context<'_>,
) -> Result<Target, Answer> {
    let word = line.text(position).unwrap_or_default();
    let named = word.split_once('/').filter(|(_, server)| !server.is_empty());
    let Some((backend, server)) = named else {
        return Err(Answer::error("Require 'backend/server'."));
    };
    let Some(id) = backend_named(backend, context) else {
        return Err(Answer::error("No such backend."));
    };
    match context.shared.backend(id).servers.named(server) {
        Some(server) => Ok(Target { backend: id, server }),
        None => Err(Answer::error("No such server.")),
    }
}

/// The server at run time.
pub(super) fn get<'a>(target: Target, context: &'a Context<'_>) -> &'a Server {
    context.shared.backend(target.backend).server(target.server)
}

/// The backend with this name.
pub(super) fn backend_named(name: &str, context: &Context<'_>) -> Option<BackendId> {
    let mut backends = (0..).map(BackendId).zip(&context.shared.backends);
    backends.find(|(_, backend)| backend.config.name == name).map(|(id, _)| id)
}

/// The frontend that a command names: a frontend of `mode tcp`, or one of the exporter.
#[derive(Clone, Copy)]
pub(super) enum AnyFrontend {
    Relaying(FrontendId),
    Endpoint(EndpointId),
}

/// The frontend that the word at `position` names.
pub(super) fn frontend(
    line: &CommandLine,
    position: usize,
    context: &Context<'_>,
) -> Result<AnyFrontend, Answer> {
    let Some(word) = line.word(position) else {
        return Err(Answer::error("A frontend name is expected."));
    };
    let is_named = |name: &str| name.as_bytes() == word;
    let mut frontends = (0..).map(FrontendId).zip(&context.shared.frontends);
    if let Some((id, _)) = frontends.find(|(_, frontend)| is_named(&frontend.config.name)) {
        return Ok(AnyFrontend::Relaying(id));
    }
    let mut endpoints = (0..).map(EndpointId).zip(&*context.endpoints);
    match endpoints.find(|(_, endpoint)| is_named(&endpoint.config.name)) {
        Some((id, _)) => Ok(AnyFrontend::Endpoint(id)),
        None => Err(Answer::error("No such frontend.")),
    }
}
