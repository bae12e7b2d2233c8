//! The values of samples. Every kind of sample has one arm: in [`Context::number`] if it is a
//! number that does not depend on what the client sends, else in [`Context::fetch`].

use std::borrow::Cow;
use std::net::SocketAddr;

use super::context::{Context, Facts};
use super::hello::{Incomplete, hello_type, server_name, version};
use super::value::{Value, key_of};
use super::{convert, entry};
use crate::config::rules::{
    BackendFact, EntryFact, Expression, Fetch, FrontendFact, NumberFetch, ServerFact,
};
use crate::config::{ServerIndex, TableId};
use crate::net::own_address::is_own;
use crate::proxy::backend::Backend;
use crate::proxy::counters::PerSecond;
use crate::proxy::frontend::Frontend;
use crate::table::key::{Key, address_key};

/// A sample of a connection.
#[derive(Clone, Debug)]
pub(super) struct Sample<'a> {
    /// The value, if there is one.
    pub(super) value: Option<Value<'a>>,
    /// Whether the value may be another one when the client has sent more.
    pub(super) may_change: bool,
}

impl<'a> Context<'a, '_> {
    /// The value of an expression.
    pub(super) fn sample(&mut self, expression: &'a Expression) -> Sample<'a> {
        let mut sample = self.fetch(expression);
        for converter in &expression.converters {
            sample.value = sample.value.and_then(|value| convert::apply(converter, value, self));
        }
        sample
    }

    fn fetch(&mut self, expression: &'a Expression) -> Sample<'a> {
        let facts = self.facts;
        let value = match &expression.fetch {
            Fetch::Number(fetch) => {
                self.number(fetch).map(|number| Value::of_number(number, expression.fetch_type))
            }
            Fetch::Constant(constant) => Some(Value::constant(constant)),
            Fetch::Source => facts.client.map(address),
            Fetch::Destination => facts.destination.map(address),
            Fetch::FrontendName => {
                let frontend = self.frontends.get(facts.frontend.index());
                frontend.map(|frontend| Value::borrowed(&frontend.config.name))
            }
            Fetch::BackendName => {
                let backend = facts.backend.and_then(|id| self.backends.get(id.index()));
                backend.map(|backend| Value::borrowed(&backend.config.name))
            }
            Fetch::RequestLen => {
                let len = i64::try_from(facts.payload.len()).unwrap_or(i64::MAX);
                return sent(Some(Value::Integer(len)), true, facts);
            }
            Fetch::Payload(offset, len) => {
                let part = part(facts.payload, *offset, *len);
                let may_change = part.is_none() || *len == 0;
                return sent(
                    part.map(|part| Value::Binary(Cow::Borrowed(part))),
                    may_change,
                    facts,
                );
            }
            Fetch::ServerName => {
                return of_hello(server_name(facts.payload), Value::borrowed, facts);
            }
            Fetch::HelloType => {
                let number = |kind: u8| Value::Integer(kind.into());
                return of_hello(hello_type(facts.payload), number, facts);
            }
            Fetch::HelloVersion => {
                let number = |version: u32| Value::Integer(version.into());
                return of_hello(version(facts.payload), number, facts);
            }
            Fetch::WaitEnd => {
                return sent(facts.is_final.then_some(Value::Bool(true)), true, facts);
            }
        };
        Sample { value, may_change: false }
    }

    /// The value of a sample that is a number, or true or false as 1 or 0.
    pub(super) fn number(&mut self, fetch: &NumberFetch) -> Option<i64> {
        let now_ms = self.now_ms;
        Some(match fetch {
            NumberFetch::SourcePort => self.facts.client?.port().into(),
            NumberFetch::SourceIsLocal => is_own(self.facts.client?.ip()).into(),
            NumberFetch::DestinationPort => self.facts.destination?.port().into(),
            NumberFetch::DestinationIsLocal => is_own(self.facts.destination?.ip()).into(),
            NumberFetch::Random(range) => self.random.below(*range).into(),
            NumberFetch::FrontendNumber => {
                self.frontends.get(self.facts.frontend.index())?.config.proxy_id.into()
            }
            NumberFetch::BackendNumber => {
                self.backends.get(self.facts.backend?.index())?.config.proxy_id.into()
            }
            NumberFetch::Frontend(id, fact) => {
                of_frontend(self.frontends.get(id.index())?, *fact, now_ms)
            }
            NumberFetch::Backend(id, fact) => {
                of_backend(self.backends.get(id.index())?, *fact, now_ms)
            }
            NumberFetch::Server(id, server, fact) => {
                let backend = self.backends.get(id.index())?;
                of_server(backend, *server, *fact, now_ms)?
            }
            NumberFetch::TableUsed(table) => self.tables.get(*table).used().into(),
            NumberFetch::TableFree(table) => {
                let table = self.tables.get(*table);
                i64::from(table.size() - table.used())
            }
            NumberFetch::Tracked(slot, table, fact) => self.of_tracked(*slot, *table, *fact)?,
            NumberFetch::OfSource(table, fact) => {
                let key = self.source_key(*table)?;
                self.of_entry(*table, key.as_ref(), *fact)?
            }
        })
    }

    /// What is told of an entry that the connection tracks; with another table, of the entry with
    /// the same key there.
    fn of_tracked(&mut self, slot: u8, other: Option<TableId>, fact: EntryFact) -> Option<i64> {
        let tracked = self.tracks.as_ref().and_then(|tracks| tracks.get(slot));
        if fact == EntryFact::Exists {
            return Some(i64::from(tracked.is_some()));
        }
        let tracked = tracked?;
        match other {
            Some(other) if other != tracked.table => {
                let table = self.tables.get(tracked.table);
                let key = table.key(tracked.row).to_vec();
                let other = self.tables.get_mut(other);
                let row = other.find(&key, self.now_ms);
                entry::fact(other, row, fact, self.now_ms)
            }
            _ => {
                let table = self.tables.get_mut(tracked.table);
                entry::fact(table, Some(tracked.row), fact, self.now_ms)
            }
        }
    }

    /// What is told of the entry with this key. A fact that changes the entry makes a missing one.
    pub(super) fn of_entry(&mut self, table: TableId, key: &[u8], fact: EntryFact) -> Option<i64> {
        let now_ms = self.now_ms;
        let table = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(table.find_or_insert(key, now_ms)?.0)
        } else {
            table.find(key, now_ms)
        };
        // HAProxy counts the sample itself as a tracker of the entry.
        let itself = i64::from(fact == EntryFact::Trackers && row.is_some());
        entry::fact(table, row, fact, now_ms).map(|told| told + itself)
    }

    /// The client's address as a key of a table.
    pub(super) fn source_key(&self, table: TableId) -> Option<Key> {
        let key_type = self.tables.get(table).declaration().key_type;
        address_key(self.facts.client?.ip().to_canonical(), key_type).map(Key::Address)
    }

    /// A value as a key of a table.
    pub(super) fn key(&self, value: &Value<'_>, table: TableId) -> Option<Key> {
        key_of(value, self.tables.get(table).declaration().key_type)
    }
}

fn address<'a>(of: SocketAddr) -> Value<'a> {
    // An IPv4 client of a listener for both families is an IPv4 client.
    Value::Address(of.ip().to_canonical())
}

fn rate(counted: PerSecond, now_ms: u64) -> i64 {
    i64::try_from(counted.rate(now_ms)).unwrap_or(i64::MAX)
}

fn of_frontend(frontend: &Frontend, fact: FrontendFact, now_ms: u64) -> i64 {
    match fact {
        FrontendFact::Connections => frontend.counters.current.into(),
        FrontendFact::Rate => rate(frontend.counters.rate, now_ms),
    }
}

fn of_backend(backend: &Backend, fact: BackendFact, now_ms: u64) -> i64 {
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
    let servers = (0..u16::MAX).map(ServerIndex).zip(&backend.servers);
    let rooms = servers.filter(|(_, server)| server.is_usable_for_entry()).map(|(id, server)| {
        let (maxconn, maxqueue) = (server.maxconn, server.config.settings.maxqueue);
        (maxconn > 0 && maxqueue > 0).then(|| {
            i64::from(maxconn) - i64::from(server.counters.current) + i64::from(maxqueue)
                - i64::from(backend.queues.len(Some(id)))
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
        ServerFact::Free => match backend.limit_of(server) {
            None => -1,
            Some(limit) => limit.saturating_sub(current).into(),
        },
        ServerFact::Queue => backend.queues.len(Some(id)).into(),
        ServerFact::Rate => rate(server.counters.rate, now_ms),
    })
}

/// A sample of what the client has sent. It may change until the rules wait for nothing more.
fn sent<'a>(value: Option<Value<'a>>, may_change: bool, facts: Facts<'_>) -> Sample<'a> {
    Sample { value, may_change: may_change && !facts.is_final }
}

fn of_hello<'a, T>(
    told: Result<Option<T>, Incomplete>,
    value: impl Fn(T) -> Value<'a>,
    facts: Facts<'_>,
) -> Sample<'a> {
    match told {
        Ok(told) => sent(told.map(value), false, facts),
        Err(Incomplete) => sent(None, true, facts),
    }
}

/// Bytes that the client has sent; with a length of 0 all that follow the offset.
fn part(payload: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let start = offset as usize;
    match len {
        0 => payload.get(start..).filter(|_| !payload.is_empty()),
        len => payload.get(start..start.saturating_add(len as usize)),
    }
}
