//! Fetching samples: what is known of a connection, of proxies and of entries.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::convert;
use super::entry;
use super::hello;
use super::value::{Key, Value, key_of};
use super::{Context, Facts};
use crate::config::expression::{
    BackendFact, EntryFact, Expression, Fetch, FrontendFact, ServerFact,
};
use crate::config::{BackendId, TableId};
use crate::proxy::shared::random_below;

/// A sample, or that there is none.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The value.
    pub value: Option<Value<'a>>,
    /// Whether it may be another one once the client has sent more.
    pub may_change: bool,
}

impl<'a> Context<'a, '_> {
    /// The value of an expression.
    pub fn sample(&mut self, expression: &'a Expression) -> Sample<'a> {
        let mut sample = self.fetch(&expression.fetch);
        for converter in &expression.converters {
            sample.value = sample.value.and_then(|value| convert::apply(converter, value, self));
        }
        sample
    }

    fn fetch(&mut self, fetch: &'a Fetch) -> Sample<'a> {
        let facts = self.facts;
        let value = match fetch {
            Fetch::Constant(constant) => Some(Value::constant(constant)),
            Fetch::Source => address(facts.client),
            Fetch::SourcePort => port(facts.client),
            Fetch::SourceIsLocal => is_local(facts.client),
            Fetch::Destination => address(facts.destination),
            Fetch::DestinationPort => port(facts.destination),
            Fetch::DestinationIsLocal => is_local(facts.destination),
            Fetch::Random(range) => {
                Some(Value::Integer(i64::from(random_below(self.random, *range))))
            }
            Fetch::FrontendName
            | Fetch::FrontendNumber
            | Fetch::Frontend(..)
            | Fetch::BackendName
            | Fetch::BackendNumber
            | Fetch::Backend(..)
            | Fetch::Server(..) => self.of_proxy(fetch),
            Fetch::TableUsed(table) => {
                Some(Value::Integer(i64::from(self.tables.get(*table).used())))
            }
            Fetch::TableFree(table) => {
                let table = self.tables.get(*table);
                Some(Value::Integer(i64::from(table.size() - table.used())))
            }
            Fetch::Tracked(slot, table, fact) => {
                let value = self.tracked(*slot, *table, *fact);
                value.map(|value| as_type(*fact, value))
            }
            Fetch::OfSource(table, fact) => {
                let value = self.of_source(*table, *fact);
                value.map(|value| as_type(*fact, value))
            }
            Fetch::RequestLen
            | Fetch::Payload(..)
            | Fetch::ServerName
            | Fetch::HelloType
            | Fetch::HelloVersion
            | Fetch::WaitEnd => return of_payload(fetch, facts),
        };
        Sample { value, may_change: false }
    }

    fn of_proxy(&self, fetch: &Fetch) -> Option<Value<'a>> {
        let number = |number: u32| Value::Integer(i64::from(number));
        let own_frontend = || self.frontends.get(self.facts.frontend.index());
        let backend = |id: Option<BackendId>| self.backends.get(id.or(self.facts.backend)?.index());
        Some(match fetch {
            Fetch::FrontendName => {
                Value::Text(Cow::Borrowed(own_frontend()?.config.name.as_bytes()))
            }
            Fetch::FrontendNumber => number(own_frontend()?.config.proxy_id),
            Fetch::Frontend(id, fact) => {
                let counters = &self.frontends.get(id.index())?.counters;
                match fact {
                    FrontendFact::Connections => number(counters.current),
                    FrontendFact::Rate => number(counters.rate.rate(self.now_ms)),
                }
            }
            Fetch::BackendName => Value::Text(Cow::Borrowed(backend(None)?.config.name.as_bytes())),
            Fetch::BackendNumber => number(backend(None)?.config.proxy_id),
            Fetch::Backend(id, fact) => {
                let backend = backend(*id)?;
                match fact {
                    BackendFact::Connections => number(backend.counters.current),
                    BackendFact::Rate => number(backend.counters.rate.rate(self.now_ms)),
                    BackendFact::Usable => {
                        let usable = match backend.active() {
                            0 => backend.backups(),
                            active => active,
                        };
                        Value::Integer(i64::try_from(usable).unwrap_or(i64::MAX))
                    }
                    BackendFact::Queue => number(backend.queues.total()),
                }
            }
            Fetch::Server(id, server, fact) => {
                let server = backend(Some(*id))?.servers.get(server.index())?;
                match fact {
                    ServerFact::IsUp => Value::Bool(server.is_usable_for_entry()),
                    ServerFact::Connections => number(server.counters.current),
                }
            }
            _ => return None,
        })
    }

    fn tracked(&mut self, slot: u8, other: Option<TableId>, fact: EntryFact) -> Option<i64> {
        let track = self.tracks.as_ref().and_then(|tracks| tracks.get(slot));
        let Some(track) = track else {
            return (fact == EntryFact::Exists).then_some(0);
        };
        match other {
            Some(other) if other != track.table => {
                let table = self.tables.get(track.table);
                let key = table.key(track.row).to_vec();
                self.of_key(other, &key, fact)
            }
            _ => entry::fact(self.tables.get_mut(track.table), Some(track.row), fact, self.now_ms),
        }
    }

    fn of_source(&mut self, table: TableId, fact: EntryFact) -> Option<i64> {
        let key_type = self.tables.get(table).declaration().key_type;
        let key = key_of(&address(self.facts.client)?, key_type)?;
        self.of_key(table, key.as_ref(), fact)
    }

    /// What is said of the entry with this key; a fact that changes it makes it if need be.
    fn of_key(&mut self, table: TableId, key: &[u8], fact: EntryFact) -> Option<i64> {
        let now_ms = self.now_ms;
        let table = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(table.find_or_insert(key, now_ms)?.0)
        } else {
            table.find(key, now_ms)
        };
        entry::fact(table, row, fact, now_ms)
    }

    /// What a converter says of the entry with this value as its key.
    pub(super) fn look_up(
        &mut self,
        value: &Value<'_>,
        table: TableId,
        fact: EntryFact,
    ) -> Option<Value<'a>> {
        let key = self.key(value, table)?;
        self.of_key(table, key.as_ref(), fact).map(|value| as_type(fact, value))
    }

    /// A value as a key of a table.
    pub(super) fn key(&self, value: &Value<'_>, table: TableId) -> Option<Key> {
        key_of(value, self.tables.get(table).declaration().key_type)
    }
}

fn as_type<'a>(fact: EntryFact, value: i64) -> Value<'a> {
    if fact == EntryFact::Exists { Value::Bool(value != 0) } else { Value::Integer(value) }
}

fn address<'a>(of: Option<SocketAddr>) -> Option<Value<'a>> {
    let ip = of?.ip();
    // A dual-stack listener's IPv4 clients are IPv4 clients.
    Some(Value::Address(ip.to_canonical()))
}

fn port<'a>(of: Option<SocketAddr>) -> Option<Value<'a>> {
    of.map(|address| Value::Integer(i64::from(address.port())))
}

fn is_local<'a>(of: Option<SocketAddr>) -> Option<Value<'a>> {
    of.map(|address| {
        Value::Bool(match address.ip().to_canonical() {
            IpAddr::V4(v4) => v4.is_loopback(),
            IpAddr::V6(v6) => v6.is_loopback(),
        })
    })
}

/// Samples of what the client has sent. They may change until nothing more is waited for.
fn of_payload<'a>(fetch: &Fetch, facts: Facts<'a>) -> Sample<'a> {
    let payload = facts.payload;
    let number = |number: u32| Some(Value::Integer(i64::from(number)));
    let (value, may_change) = match fetch {
        Fetch::RequestLen => {
            let len = i64::try_from(payload.len()).unwrap_or(i64::MAX);
            (Some(Value::Integer(len)), true)
        }
        Fetch::Payload(offset, len) => {
            let start = *offset as usize;
            let part = match len {
                0 => payload.get(start..).filter(|part| !part.is_empty()),
                len => payload.get(start..start.saturating_add(*len as usize)),
            };
            (part.map(|part| Value::Binary(Cow::Borrowed(part))), part.is_none() || *len == 0)
        }
        Fetch::ServerName => match hello::server_name(payload) {
            Ok(name) => (name.map(|name| Value::Text(Cow::Borrowed(name))), false),
            Err(hello::Incomplete) => (None, true),
        },
        Fetch::HelloType => match hello::hello_type(payload) {
            Ok(kind) => (kind.and_then(|kind| number(u32::from(kind))), false),
            Err(hello::Incomplete) => (None, true),
        },
        Fetch::HelloVersion => match hello::version(payload) {
            Ok(version) => (version.and_then(number), false),
            Err(hello::Incomplete) => (None, true),
        },
        _ => (facts.is_final.then_some(Value::Bool(true)), true),
    };
    Sample { value, may_change: may_change && !facts.is_final }
}
