//! What is told of frontends, backends and servers.

use crate::config::ServerIndex;
use crate::config::rules::{BackendFact, FrontendFact, ServerFact};
use crate::proxy::backend::Backend;
use crate::proxy::counters::PerSecond;
use crate::proxy::frontend::Frontend;
use crate::proxy::rules::context::Context;

impl Context<'_, '_> {
    /// The usable servers of the backend with this name.
    pub(in crate::proxy::rules) fn usable_servers(&self, name: &[u8]) -> Option<i64> {
        self.backend_named(name).map(usable_servers)
    }

    /// The connections that wait for a server: one of the backend that stands before a slash, or
    /// of the section itself.
    pub(in crate::proxy::rules) fn server_queue(&self, name: &[u8]) -> Option<i64> {
        let slash = name.iter().position(|byte| *byte == b'/');
        let (backend, name) = match slash.and_then(|at| name.split_at_checked(at)) {
            Some((backend, rest)) => (self.backend_named(backend)?, rest.get(1..)?),
            None => {
                let own = self.facts.backend.and_then(|id| self.backends.get(id.index()));
                let frontend = || self.frontends.get(self.facts.frontend.index());
                let listen = || self.backend_named(frontend()?.config.name.as_bytes());
                (own.or_else(listen)?, name)
            }
        };
        let servers = backend.servers.indexed();
        let mut named = servers.filter(|(_, server)| server.config.name.as_bytes() == name);
        named.next().map(|(id, _)| backend.queues.len(Some(id)).into())
    }

    fn backend_named(&self, name: &[u8]) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.config.name.as_bytes() == name)
    }
}

fn rate(counted: PerSecond, now_ms: u64) -> i64 {
    i64::try_from(counted.rate(now_ms)).unwrap_or(i64::MAX)
}

pub(super) fn of_frontend(frontend: &Frontend, fact: FrontendFact, now_ms: u64) -> i64 {
    match fact {
        FrontendFact::Connections => frontend.counters.current.into(),
        FrontendFact::Rate => rate(frontend.counters.rate, now_ms),
    }
}

pub(super) fn of_backend(backend: &Backend, fact: BackendFact, now_ms: u64) -> i64 {
    let queue = i64::from(backend.queues.total());
    match fact {
        BackendFact::Connections => backend.counters.current.into(),
        BackendFact::Rate => rate(backend.counters.rate, now_ms),
        BackendFact::Usable => usable_servers(backend),
        BackendFact::Queue => queue,
        BackendFact::AverageQueue => match usable_servers(backend) {
            0 => 2 * queue,
            usable => (queue + usable - 1) / usable,
        },
        BackendFact::Free => free_connections(backend),
        BackendFact::Slots => free_slots(backend),
    }
}

fn usable_servers(backend: &Backend) -> i64 {
    let usable = match backend.active() {
        0 if backend.config.options.all_backups => backend.backups(),
        0 => backend.backups().min(1),
        active => active,
    };
    i64::try_from(usable).unwrap_or(i64::MAX)
}

/// The connections that the servers to which new clients may go still take; -1 if one of these
/// servers has no limit.
fn free_connections(backend: &Backend) -> i64 {
    let (is_backup, most) = match backend.active() {
        0 if backend.config.options.all_backups => (true, usize::MAX),
        0 => (true, 1),
        _ => (false, usize::MAX),
    };
    let servers = backend.servers.iter();
    let chosen =
        servers.filter(|server| server.is_usable() && server.config.settings.backup == is_backup);
    let free = chosen.take(most).map(|server| {
        let limit = backend.limit_of(server)?;
        Some(i64::from(limit.saturating_sub(server.counters.current)))
    });
    free.sum::<Option<i64>>().unwrap_or(-1)
}

/// The connections that the servers that are up and their queues still have room for; -1 where a
/// server has no limit.
fn free_slots(backend: &Backend) -> i64 {
    let servers = backend.servers.indexed();
    let rooms = servers.filter(|(_, server)| server.is_usable_for_entry()).map(|(id, server)| {
        let (maxconn, maxqueue) = (server.maxconn, server.config.settings.maxqueue);
        (maxconn > 0 && maxqueue > 0).then(|| {
            i64::from(maxconn) - i64::from(server.counters.current) + i64::from(maxqueue)
                - i64::from(backend.queues.len(Some(id)))
        })
    });
    rooms.sum::<Option<i64>>().unwrap_or(-1)
}

pub(super) fn of_server(
    backend: &Backend,
    id: ServerIndex,
    fact: ServerFact,
    now_ms: u64,
) -> Option<i64> {
    let server = backend.servers.get(id)?;
    let current = server.counters.current;
    Some(match fact {
        ServerFact::IsUp => server.is_usable_for_entry().into(),
        ServerFact::Connections => current.into(),
        ServerFact::Free => match backend.limit_of(server) {
            None => -1,
            Some(limit) => limit.saturating_sub(current).into(),
        },
        ServerFact::Queue => backend.queues.len(Some(id)).into(),
        ServerFact::Weight => match server.throttle() {
            None => server.weight.into(),
            Some(percent) => i64::from(server.weight) * i64::from(percent) / 100,
        },
        ServerFact::UserWeight => server.weight.into(),
        ServerFact::InitialWeight => server.config.settings.weight.into(),
        ServerFact::Rate => rate(server.counters.rate, now_ms),
    })
}
