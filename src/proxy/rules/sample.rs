//! Fetching samples of every type.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::convert;
use super::hello;
use super::number::Plain;
use super::value::{Key, Value, key_of};
use super::{Context, Facts};
use crate::config::TableId;
use crate::config::rules::expression::{EntryFact, Expression, Fetch, ServerFact};

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
        let value = match self.plain(fetch) {
            Plain::Number(number) => Some(typed(fetch, number)),
            Plain::Missing => None,
            Plain::Other => match fetch {
                Fetch::Constant(constant) => Some(Value::constant(constant)),
                Fetch::Source => address(facts.client),
                Fetch::Destination => address(facts.destination),
                Fetch::FrontendName => {
                    let frontend = self.frontends.get(facts.frontend.index());
                    frontend.map(|frontend| name(&frontend.config.name))
                }
                Fetch::BackendName => {
                    let backend = facts.backend.and_then(|id| self.backends.get(id.index()));
                    backend.map(|backend| name(&backend.config.name))
                }
                _ => return of_payload(fetch, facts),
            },
        };
        Sample { value, may_change: false }
    }

    /// What a converter says of the entry with this value as its key.
    pub(super) fn look_up(
        &mut self,
        value: &Value<'_>,
        table: TableId,
        fact: EntryFact,
    ) -> Option<Value<'a>> {
        let key = self.key(value, table)?;
        self.of_key(table, key.as_ref(), fact).map(|value| match fact {
            EntryFact::Exists => Value::Bool(value != 0),
            _ => Value::Integer(value),
        })
    }

    /// A value as a key of a table.
    pub(super) fn key(&self, value: &Value<'_>, table: TableId) -> Option<Key> {
        key_of(value, self.tables.get(table).declaration().key_type)
    }
}

/// A plain number as a value of its fetch's type.
fn typed<'a>(fetch: &Fetch, number: i64) -> Value<'a> {
    match fetch {
        Fetch::SourceIsLocal
        | Fetch::DestinationIsLocal
        | Fetch::Server(_, _, ServerFact::IsUp)
        | Fetch::Tracked(_, _, EntryFact::Exists)
        | Fetch::OfSource(_, EntryFact::Exists) => Value::Bool(number != 0),
        _ => Value::Integer(number),
    }
}

fn address<'a>(of: Option<SocketAddr>) -> Option<Value<'a>> {
    // A dual-stack listener's IPv4 clients are IPv4 clients.
    Some(Value::Address(of?.ip().to_canonical()))
}

fn name(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text.as_bytes()))
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
                0 => payload.get(start..).filter(|_| !payload.is_empty()),
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
