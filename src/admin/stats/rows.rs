//! The rows of the statistics: all objects in their order, and which of them a client asks for.

use std::collections::HashMap;

use super::object::{Object, Position};
use crate::admin::context::Context;
use crate::config::StatsScope;
use crate::proxy::backend::server::{Health, Server};

/// All objects, in the order of the configuration: a frontend and its listeners, or the servers of
/// a backend and then the backend.
pub(in crate::admin) fn positions(context: &Context<'_>) -> Vec<Position> {
    let shared = &context.shared;
    let frontends = shared.frontends.iter().enumerate();
    let frontends = frontends.map(|(at, proxy)| (proxy.config.proxy_id, Position::Frontend(at)));
    let listeners = context.clients.listeners().iter().enumerate();
    let listeners = listeners.filter(|(_, listener)| listener.counters.is_some());
    let listeners = listeners.map(|(at, listener)| {
        (shared.frontend(listener.frontend).config.proxy_id, Position::Listener(at))
    });
    let endpoints = context.endpoints.iter().enumerate();
    let endpoints = endpoints.map(|(at, proxy)| (proxy.config.proxy_id, Position::Endpoint(at)));
    let backends = shared.backends.iter().enumerate().flat_map(|(backend, proxy)| {
        let servers = proxy.servers.indexed();
        let servers = servers.map(move |(server, _)| Position::Server { backend, server });
        let id = proxy.config.proxy_id;
        servers.chain([Position::Backend(backend)]).map(move |position| (id, position))
    });
    let mut positions: Vec<_> =
        frontends.chain(listeners).chain(endpoints).chain(backends).collect();
    let ids = context.config.proxy_ids.iter().zip(0_usize..);
    let places: HashMap<u32, usize> = ids.map(|(id, place)| (*id, place)).collect();
    positions.sort_by_key(|(id, _)| (places.get(id), *id));
    positions.into_iter().map(|(_, position)| position).collect()
}

/// The rows that a client asks for.
#[derive(Debug)]
pub(in crate::admin) struct Filter {
    /// The number of a proxy.
    pub(in crate::admin) proxy: Option<u32>,
    /// The sum of 1 for frontends, 2 for backends, 4 for servers and 8 for listeners.
    pub(in crate::admin) types: i64,
    /// The number of a server or listener.
    pub(in crate::admin) server: Option<u32>,
    /// No servers in maintenance.
    pub(in crate::admin) no_maint: bool,
    /// No servers in maintenance, and none that is down without a sign of coming up.
    pub(in crate::admin) up: bool,
    /// The proxies of a statistics page; all of them when absent.
    pub(in crate::admin) scope: Option<ProxyScope>,
}

impl Filter {
    /// All rows.
    pub(in crate::admin) const ALL: Self =
        Self { proxy: None, types: -1, server: None, no_maint: false, up: false, scope: None };

    /// Whether the rows of the object's proxy are wanted.
    pub(in crate::admin) fn wants_proxy(&self, object: &Object<'_>) -> bool {
        self.proxy.is_none_or(|proxy| proxy == object.proxy_id())
            && self.scope.as_ref().is_none_or(|scope| scope.has(object))
    }

    /// Whether the row is wanted.
    pub(in crate::admin) fn wants(&self, object: &Object<'_>) -> bool {
        let type_bit = match object {
            Object::Frontend(_) | Object::Endpoint(_) => 1,
            Object::Backend(_) => 2,
            Object::Server(_) => 4,
            Object::Listener(_) => 8,
        };
        let is_other_listener = match object {
            Object::Listener(own) => self.server.is_some_and(|id| id != own.listener.number()),
            _ => false,
        };
        if is_other_listener {
            return false;
        }
        let wants_server = object.server().is_none_or(|server| self.wants_server(server));
        self.types & type_bit != 0 && self.wants_proxy(object) && wants_server
    }

    fn wants_server(&self, server: &Server) -> bool {
        let is_in_maintenance = server.is_in_maintenance();
        let is_hidden = (self.no_maint || self.up) && is_in_maintenance
            || self.up && server.health == Health::Down && !is_coming_up(server);
        self.server.is_none_or(|id| id == server.config.id) && !is_hidden
    }
}

/// Whether a check of a server that is down has succeeded, though not often enough yet.
fn is_coming_up(server: &Server) -> bool {
    server.checked.as_ref().is_some_and(|checked| checked.counter.health() > 0)
}

/// The proxies of a statistics page.
#[derive(Debug)]
pub(in crate::admin) struct ProxyScope {
    /// The number of the proxy that the page belongs to.
    pub(in crate::admin) own: u32,
    /// The proxies that the configuration allows; all of them where there is no entry.
    pub(in crate::admin) allowed: Vec<StatsScope>,
    /// A part of the names, in small letters, that the client asks for.
    pub(in crate::admin) part: Option<String>,
}

impl ProxyScope {
    fn has(&self, object: &Object<'_>) -> bool {
        let name = object.proxy_name();
        let is_named = |scope: &StatsScope| match scope {
            StatsScope::Itself => object.proxy_id() == self.own,
            StatsScope::Named(allowed) => allowed == name,
        };
        let is_allowed = self.allowed.is_empty() || self.allowed.iter().any(is_named);
        is_allowed && self.part.as_ref().is_none_or(|part| name.to_lowercase().contains(part))
    }
}
