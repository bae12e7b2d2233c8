//! The values of samples: every kind of sample has one arm in [`Context::fetch`].

use std::borrow::Cow;
use std::net::SocketAddr;

use super::context::{Context, Facts};
use super::hello::{Incomplete, hello_type, server_name, version};
use super::value::{Value, key_of};
use super::{convert, entry};
use crate::config::rules::{BackendFact, EntryFact, Expression, Fetch, FrontendFact, ServerFact};
use crate::config::{BackendId, FrontendId, ServerIndex, TableId};
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
        let mut sample = self.fetch(&expression.fetch);
        for converter in &expression.converters {
            sample.value = sample.value.and_then(|value| convert::apply(converter, value, self));
        }
        sample
    }

    fn fetch(&mut self, fetch: &'a Fetch) -> Sample<'a> {
        let Self { facts, frontends, backends, now_ms, .. } = *self;
        let frontend = |id: FrontendId| frontends.get(id.index());
        let backend = |id: BackendId| backends.get(id.index());
        let connected = || backend(facts.backend?);
        let value = match fetch {
            Fetch::Constant(constant) => Some(Value::constant(constant)),
            Fetch::Source => facts.client.map(address),
            Fetch::SourcePort => facts.client.map(port),
            Fetch::SourceIsLocal => facts.client.map(is_local),
            Fetch::Destination => facts.destination.map(address),
            Fetch::DestinationPort => facts.destination.map(port),
            Fetch::DestinationIsLocal => facts.destination.map(is_local),
            Fetch::Random(range) => Some(number(self.random.below(*range))),
            Fetch::FrontendName => {
                frontend(facts.frontend).map(|f| Value::borrowed(&f.config.name))
            }
            Fetch::BackendName => connected().map(|b| Value::borrowed(&b.config.name)),
            Fetch::FrontendNumber => frontend(facts.frontend).map(|f| number(f.config.proxy_id)),
            Fetch::BackendNumber => connected().map(|b| number(b.config.proxy_id)),
            Fetch::Frontend(id, fact) => frontend(*id).map(|f| of_frontend(f, *fact, now_ms)),
            Fetch::Backend(id, fact) => backend(*id).map(|b| of_backend(b, *fact, now_ms)),
            Fetch::Server(id, server, fact) => {
                backend(*id).and_then(|b| of_server(b, *server, *fact, now_ms))
            }
            Fetch::TableUsed(table) => Some(number(self.tables.get(*table).used())),
            Fetch::TableFree(table) => {
                let table = self.tables.get(*table);
                Some(number(table.size() - table.used()))
            }
            Fetch::Tracked(slot, table, fact) => self.of_tracked(*slot, *table, *fact),
            Fetch::OfSource(table, fact) => {
                let key = self.source_key(*table);
                key.and_then(|key| self.of_entry(*table, key.as_ref(), *fact))
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
            Fetch::HelloType => return of_hello(hello_type(facts.payload), number, facts),
            Fetch::HelloVersion => return of_hello(version(facts.payload), number, facts),
            Fetch::WaitEnd => {
                return sent(facts.is_final.then_some(Value::Bool(true)), true, facts);
            }
        };
        Sample { value, may_change: false }
    }

    /// What is told of an entry that the connection tracks; with another table, of the entry with
    /// the same key there.
    fn of_tracked(
        &mut self,
        slot: u8,
        other: Option<TableId>,
        fact: EntryFact,
    ) -> Option<Value<'a>> {
        let tracked = self.tracks.as_ref().and_then(|tracks| tracks.get(slot));
        if fact == EntryFact::Exists {
            return Some(Value::Bool(tracked.is_some()));
        }
        let tracked = tracked?;
        let (table, row) = match other {
            Some(other) if other != tracked.table => {
                let table = self.tables.get(tracked.table);
                let key = table.key(tracked.row).to_vec();
                let other = self.tables.get_mut(other);
                let row = other.find(&key, self.now_ms);
                (other, row)
            }
            _ => (self.tables.get_mut(tracked.table), Some(tracked.row)),
        };
        entry::fact(table, row, fact, self.now_ms).map(|told| entry::value(fact, told))
    }

    /// What is told of the entry with this key. A fact that changes the entry makes a missing one.
    pub(super) fn of_entry(
        &mut self,
        table: TableId,
        key: &[u8],
        fact: EntryFact,
    ) -> Option<Value<'a>> {
        let now_ms = self.now_ms;
        let table = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(table.find_or_insert(key, now_ms)?.0)
        } else {
            table.find(key, now_ms)
        };
        // HAProxy counts the sample itself as a tracker of the entry.
        let itself = i64::from(fact == EntryFact::Trackers && row.is_some());
        entry::fact(table, row, fact, now_ms).map(|told| entry::value(fact, told + itself))
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

fn number<'a>(number: impl Into<i64>) -> Value<'a> {
    Value::Integer(number.into())
}

fn address<'a>(of: SocketAddr) -> Value<'a> {
    // An IPv4 client of a listener for both families is an IPv4 client.
    Value::Address(of.ip().to_canonical())
}

fn port<'a>(of: SocketAddr) -> Value<'a> {
    number(of.port())
}

fn is_local<'a>(of: SocketAddr) -> Value<'a> {
    Value::Bool(is_own(of.ip()))
}

fn rate<'a>(counted: PerSecond, now_ms: u64) -> Value<'a> {
    Value::Integer(i64::try_from(counted.rate(now_ms)).unwrap_or(i64::MAX))
}

fn of_frontend<'a>(frontend: &Frontend, fact: FrontendFact, now_ms: u64) -> Value<'a> {
    match fact {
        FrontendFact::Connections => number(frontend.counters.current),
        FrontendFact::Rate => rate(frontend.counters.rate, now_ms),
    }
}

fn of_backend<'a>(backend: &Backend, fact: BackendFact, now_ms: u64) -> Value<'a> {
    let queue = i64::from(backend.queues.total());
    match fact {
        BackendFact::Connections => number(backend.counters.current),
        BackendFact::Rate => rate(backend.counters.rate, now_ms),
        BackendFact::Usable => number(usable_servers(backend)),
        BackendFact::Queue => number(queue),
        BackendFact::AverageQueue => number(match usable_servers(backend) {
            0 => 2 * queue,
            usable => (queue + usable - 1) / usable,
        }),
        BackendFact::Slots => number(free_slots(backend)),
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

/// The connections that the servers that are up and their queues still have room for; -1 where a
/// server has no limit.
fn free_slots(backend: &Backend) -> i64 {
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

fn of_server<'a>(
    backend: &Backend,
    id: ServerIndex,
    fact: ServerFact,
    now_ms: u64,
) -> Option<Value<'a>> {
    let server = backend.servers.get(id.index())?;
    let current = server.counters.current;
    Some(match fact {
        ServerFact::IsUp => Value::Bool(server.is_usable_for_entry()),
        ServerFact::Connections => number(current),
        ServerFact::Free if server.maxconn == 0 => number(-1),
        ServerFact::Free => number(server.maxconn.saturating_sub(current)),
        ServerFact::Queue => number(backend.queues.len(Some(id)).0),
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
