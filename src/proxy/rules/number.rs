//! Samples that are numbers, or true or false, by themselves: what is known of a connection, of
//! proxies and of entries. Most rules ask for one of these, so they are told without the detour
//! over a value.

use std::net::SocketAddr;

use super::Context;
use super::entry;
use super::value::Key;
use crate::config::rules::expression::{BackendFact, EntryFact, Fetch, FrontendFact, ServerFact};
use crate::config::{BackendId, ServerIndex, TableId};
use crate::net::own_address::is_own;
use crate::proxy::Backend;
use crate::proxy::counters::PerSecond;
use crate::proxy::shared::random_below;
use crate::table::key::address_key;

/// What is told of a fetch as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// This.
    Number(i64),
    /// It would be one, but there is none.
    Missing,
    /// It is something else.
    Other,
}

impl Context<'_, '_> {
    /// The number that a fetch is. It does not change by what the client sends.
    pub(super) fn plain(&mut self, fetch: &Fetch) -> Plain {
        let number = match fetch {
            Fetch::SourcePort => port(self.facts.client),
            Fetch::SourceIsLocal => is_local(self.facts.client),
            Fetch::DestinationPort => port(self.facts.destination),
            Fetch::DestinationIsLocal => is_local(self.facts.destination),
            Fetch::Random(range) => Some(i64::from(random_below(self.random, *range))),
            Fetch::FrontendNumber
            | Fetch::Frontend(..)
            | Fetch::BackendNumber
            | Fetch::Backend(..)
            | Fetch::Server(..) => self.of_proxy(fetch),
            Fetch::TableUsed(table) => Some(i64::from(self.tables.get(*table).used())),
            Fetch::TableFree(table) => {
                let table = self.tables.get(*table);
                Some(i64::from(table.size() - table.used()))
            }
            Fetch::Tracked(slot, table, fact) => self.tracked(*slot, *table, *fact),
            Fetch::OfSource(table, fact) => self.of_source(*table, *fact),
            Fetch::Constant(_)
            | Fetch::Source
            | Fetch::Destination
            | Fetch::FrontendName
            | Fetch::BackendName
            | Fetch::RequestLen
            | Fetch::Payload(..)
            | Fetch::ServerName
            | Fetch::HelloType
            | Fetch::HelloVersion
            | Fetch::WaitEnd => return Plain::Other,
        };
        number.map_or(Plain::Missing, Plain::Number)
    }

    fn of_proxy(&self, fetch: &Fetch) -> Option<i64> {
        let backend = |id: Option<BackendId>| self.backends.get(id.or(self.facts.backend)?.index());
        Some(match fetch {
            Fetch::FrontendNumber => {
                self.frontends.get(self.facts.frontend.index())?.config.proxy_id.into()
            }
            Fetch::Frontend(id, fact) => {
                let counters = &self.frontends.get(id.index())?.counters;
                match fact {
                    FrontendFact::Connections => counters.current.into(),
                    FrontendFact::Rate => rate(counters.rate, self.now_ms),
                }
            }
            Fetch::BackendNumber => backend(None)?.config.proxy_id.into(),
            Fetch::Backend(id, fact) => of_backend(backend(*id)?, *fact, self.now_ms),
            Fetch::Server(id, server, fact) => {
                of_server(backend(Some(*id))?, *server, *fact, self.now_ms)?
            }
            _ => return None,
        })
    }

    fn tracked(&mut self, slot: u8, other: Option<TableId>, fact: EntryFact) -> Option<i64> {
        let track = self.tracks.as_ref().and_then(|tracks| tracks.get(slot));
        if fact == EntryFact::Exists {
            return Some(i64::from(track.is_some()));
        }
        let track = track?;
        match other {
            Some(other) if other != track.table => {
                let table = self.tables.get(track.table);
                let key = table.key(track.row).to_vec();
                let other = self.tables.get_mut(other);
                let row = other.find(&key, self.now_ms);
                entry::fact(other, row, fact, self.now_ms)
            }
            _ => entry::fact(self.tables.get_mut(track.table), Some(track.row), fact, self.now_ms),
        }
    }

    fn of_source(&mut self, table: TableId, fact: EntryFact) -> Option<i64> {
        let key = self.source_key(table)?;
        self.of_key(table, key.as_ref(), fact)
    }

    /// The client's address as a key of a table.
    pub(super) fn source_key(&self, table: TableId) -> Option<Key> {
        let key_type = self.tables.get(table).declaration().key_type;
        address_key(self.facts.client?.ip().to_canonical(), key_type).map(Key::Address)
    }

    /// What is said of the entry with this key; a fact that changes it makes it if need be.
    pub(super) fn of_key(&mut self, table: TableId, key: &[u8], fact: EntryFact) -> Option<i64> {
        let now_ms = self.now_ms;
        let table = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(table.find_or_insert(key, now_ms)?.0)
        } else {
            table.find(key, now_ms)
        };
        // HAProxy counts whoever looks as a tracker.
        let itself = i64::from(fact == EntryFact::Trackers && row.is_some());
        entry::fact(table, row, fact, now_ms).map(|value| value + itself)
    }
}

fn rate(counted: PerSecond, now_ms: u64) -> i64 {
    i64::try_from(counted.rate(now_ms)).unwrap_or(i64::MAX)
}

fn of_backend(backend: &Backend, fact: BackendFact, now_ms: u64) -> i64 {
    let queue = i64::from(backend.queues.total());
    let usable = || {
        let usable = match backend.active() {
            0 if backend.config.options.all_backups => backend.backups(),
            0 => backend.backups().min(1),
            active => active,
        };
        i64::try_from(usable).unwrap_or(i64::MAX)
    };
    match fact {
        BackendFact::Connections => backend.counters.current.into(),
        BackendFact::Rate => rate(backend.counters.rate, now_ms),
        BackendFact::Usable => usable(),
        BackendFact::Queue => queue,
        BackendFact::AverageQueue => match usable() {
            0 => 2 * queue,
            usable => (queue + usable - 1) / usable,
        },
        BackendFact::Slots => slots(backend),
    }
}

/// What the servers that are up and their queues still have room for; -1 where one has no limit.
fn slots(backend: &Backend) -> i64 {
    let servers = (0..u16::MAX).map(ServerIndex).zip(&backend.servers);
    let rooms = servers.filter(|(_, server)| server.is_usable_for_entry()).map(|(id, server)| {
        let (maxconn, maxqueue) = (server.maxconn, server.config.maxqueue);
        (maxconn > 0 && maxqueue > 0).then(|| {
            i64::from(maxconn) - i64::from(server.counters.current) + i64::from(maxqueue)
                - i64::from(backend.queues.len(Some(id)).0)
        })
    });
    rooms.sum::<Option<i64>>().unwrap_or(-1)
}

fn of_server(backend: &Backend, id: ServerIndex, fact: ServerFact, now_ms: u64) -> Option<i64> {
    let server = backend.servers.get(id.index())?;
    let current = server.counters.current;
    Some(match fact {
        ServerFact::IsUp => server.is_usable_for_entry().into(),
        ServerFact::Connections => current.into(),
        ServerFact::Free if server.maxconn == 0 => -1,
        ServerFact::Free => server.maxconn.saturating_sub(current).into(),
        ServerFact::Queue => backend.queues.len(Some(id)).0.into(),
        ServerFact::Rate => rate(server.counters.rate, now_ms),
    })
}

fn port(of: Option<SocketAddr>) -> Option<i64> {
    of.map(|address| i64::from(address.port()))
}

fn is_local(of: Option<SocketAddr>) -> Option<i64> {
    of.map(|address| i64::from(is_own(address.ip())))
}
