//! The objects that have statistics: frontends, listeners, backends and servers.

use std::ops::Deref;

use crate::admin::context::Context;
use crate::admin::context::endpoint::Endpoint;
use crate::config::ServerIndex;
use crate::net::address::Address;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::Server;
use crate::proxy::counters::ListenerCounters;
use crate::proxy::frontend::Frontend;
use crate::proxy::frontend::listener::Listener;

/// An object that has statistics.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) enum Object<'a> {
    /// A frontend of `mode tcp`.
    Frontend(&'a Frontend),
    /// A frontend of the exporter.
    Endpoint(&'a Endpoint),
    Backend(&'a Backend),
    Server(BackendServer<'a>),
    /// A listener that is counted by itself.
    Listener(BoundListener<'a>),
}

/// A listener with its frontend.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct BoundListener<'a> {
    pub(in crate::admin) frontend: &'a Frontend,
    pub(in crate::admin) listener: &'a Listener,
    pub(in crate::admin) counters: &'a ListenerCounters,
}

impl<'a> BoundListener<'a> {
    /// The listener at a position, if it is counted by itself.
    fn at(at: usize, context: &'a Context<'_>) -> Option<Self> {
        let listener = context.clients.listeners().get(at)?;
        let counters = listener.counters.as_deref()?;
        Some(Self { frontend: context.shared.frontend(listener.frontend), listener, counters })
    }

    /// Its name, or `sock-` and its number.
    pub(in crate::admin) fn name(&self) -> String {
        let name = self.listener.bind.settings.name.clone();
        name.unwrap_or_else(|| format!("sock-{}", self.listener.number()))
    }

    /// The address that it listens on.
    pub(super) fn address(&self) -> String {
        match self.listener.address() {
            Address::Ip(address) => address.to_string(),
            Address::Unix(_) | Address::Abstract(_) => "unix".to_owned(),
        }
    }
}

/// A server with its backend.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct BackendServer<'a> {
    pub(in crate::admin) backend: &'a Backend,
    pub(in crate::admin) server: &'a Server,
    index: ServerIndex,
}

impl<'a> BackendServer<'a> {
    /// The server with this index in a backend.
    fn at(backend: &'a Backend, index: ServerIndex) -> Option<Self> {
        Some(Self { backend, server: backend.servers.get(index)?, index })
    }

    /// How many connections wait for a slot at the server, now and at most so far.
    pub(super) fn queue_len(self) -> (u32, u32) {
        let queues = &self.backend.queues;
        (queues.len(Some(self.index)), queues.max_len(Some(self.index)))
    }
}

impl Deref for BackendServer<'_> {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.server
    }
}

/// The kinds of objects that a table of metrics is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum ObjectKind {
    /// Frontends of both modes.
    Frontend,
    /// Frontends of the exporter.
    Endpoint,
    Backend,
    Server,
    Listener,
}

/// The position of an object in its list. Positions last as long as the process; those of servers
/// last until the server is deleted.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) enum Position {
    Frontend(usize),
    Endpoint(usize),
    Backend(usize),
    /// A server of a backend.
    Server {
        backend: usize,
        server: ServerIndex,
    },
    /// A listener that is counted by itself.
    Listener(usize),
}

impl Position {
    /// The object at this position.
    pub(in crate::admin) fn object<'a>(self, context: &'a Context<'_>) -> Option<Object<'a>> {
        let shared = &context.shared;
        match self {
            Self::Frontend(at) => shared.frontends.get(at).map(Object::Frontend),
            Self::Endpoint(at) => context.endpoints.get(at).map(Object::Endpoint),
            Self::Backend(at) => shared.backends.get(at).map(Object::Backend),
            Self::Server { backend, server } => {
                BackendServer::at(shared.backends.get(backend)?, server).map(Object::Server)
            }
            Self::Listener(at) => BoundListener::at(at, context).map(Object::Listener),
        }
    }
}

impl<'a> Object<'a> {
    /// The server, if the object is a server.
    pub(in crate::admin) fn server(&self) -> Option<&'a Server> {
        match self {
            Self::Server(server) => Some(server.server),
            Self::Frontend(_) | Self::Endpoint(_) | Self::Backend(_) | Self::Listener(_) => None,
        }
    }

    /// The name of the frontend or backend.
    pub(in crate::admin) fn proxy_name(&self) -> &'a str {
        match self {
            Self::Frontend(frontend) => &frontend.config.name,
            Self::Endpoint(endpoint) => &endpoint.config.name,
            Self::Listener(listener) => &listener.frontend.config.name,
            Self::Backend(backend) | Self::Server(BackendServer { backend, .. }) => {
                &backend.config.name
            }
        }
    }

    /// The number of the frontend or backend.
    pub(in crate::admin) fn proxy_id(&self) -> u32 {
        match self {
            Self::Frontend(frontend) => frontend.config.proxy_id,
            Self::Endpoint(endpoint) => endpoint.config.proxy_id,
            Self::Listener(listener) => listener.frontend.config.proxy_id,
            Self::Backend(backend) | Self::Server(BackendServer { backend, .. }) => {
                backend.config.proxy_id
            }
        }
    }

    /// The description of the frontend or backend.
    pub(in crate::admin) fn description(&self) -> Option<&'a str> {
        match self {
            Self::Frontend(frontend) => frontend.config.description.as_deref(),
            Self::Endpoint(endpoint) => endpoint.config.description.as_deref(),
            Self::Listener(listener) => listener.frontend.config.description.as_deref(),
            Self::Backend(backend) | Self::Server(BackendServer { backend, .. }) => {
                backend.config.description.as_deref()
            }
        }
    }
}
