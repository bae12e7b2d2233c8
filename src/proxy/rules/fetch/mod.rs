//! The values of samples. Every kind of sample has one arm: in [`Context::number`] if it is a
//! number that does not depend on what the client sends, in `content` if it does, else in
//! [`Context::fetch`].

mod content;
mod entries;
mod http;
mod http_parts;
mod objects;
mod process;
mod rdp;
mod sample;
mod sockets;
mod tls;

use std::net::SocketAddr;

use super::context::Context;
use super::convert;
use super::value::Value;
use crate::config::Bind;
use crate::config::rules::{Converter, Expression, Fetch, Needs, NumberFetch, TimeUnit};
use crate::net::own_address::is_own;
use crate::proxy::backend::queue::Priority;
use objects::{of_backend, of_frontend, of_server};
use tls::SideFailure;

pub(in crate::proxy::rules) use process::hostname;
pub(super) use sample::Sample;

impl<'a> Context<'a, '_> {
    /// The value of an expression; of a sample with several values the one that HAProxy chooses.
    pub(super) fn sample(&mut self, expression: &'a Expression) -> Sample<'a> {
        let sample = self.fetch(expression);
        self.converted(sample, expression)
    }

    /// The values of an expression for every value of its sample.
    pub(super) fn samples(&mut self, expression: &'a Expression) -> Vec<Sample<'a>> {
        let Fetch::Content(fetch) = &expression.fetch else { return vec![self.sample(expression)] };
        let samples = content::samples(fetch, expression, &self.facts);
        samples.into_iter().map(|sample| self.converted(sample, expression)).collect()
    }

    fn converted(&mut self, mut sample: Sample<'a>, expression: &'a Expression) -> Sample<'a> {
        for converter in &expression.converters {
            sample.value = sample.value.and_then(|value| convert::apply(converter, value, self));
            // What more content may change has no value yet.
            let is_final = matches!(converter, Converter::MqttIsValid | Converter::FixIsValid);
            sample.may_change &= sample.value.is_none() || !is_final;
        }
        sample
    }

    /// The value of the RDP client's cookie with this name, as far as it has come.
    pub fn rdp_cookie(&self, name: &str) -> Option<&'a [u8]> {
        let payload = self.facts.sent.payload(Needs::Request)?;
        rdp::cookie(payload, Some(name)).ok().flatten().filter(|value| !value.is_empty())
    }

    fn fetch(&mut self, expression: &'a Expression) -> Sample<'a> {
        let facts = self.facts;
        let value = match &expression.fetch {
            Fetch::Number(fetch) => {
                self.number(fetch).map(|number| Value::of_number(number, expression.fetch_type))
            }
            Fetch::Constant(constant) => Some(Value::constant(constant)),
            Fetch::Nothing => None,
            Fetch::Hostname => Some(Value::text_of(hostname())),
            Fetch::Uuid => Some(Value::text_of(process::uuid(self.random))),
            Fetch::Source => facts.client.map(address),
            Fetch::Destination => facts.destination.map(address),
            Fetch::OwnSource => self.own_client().map(address),
            Fetch::OwnDestination => self.own_destination().map(address),
            Fetch::FrontendName => {
                let frontend = self.frontends.get(facts.frontend.index());
                frontend.map(|frontend| Value::borrowed(&frontend.config.name))
            }
            Fetch::DefaultBackendName => {
                let frontend = self.frontends.get(facts.frontend.index());
                let backend = frontend.and_then(|frontend| frontend.config.default_backend);
                let backend = backend.and_then(|id| self.backends.get(id.index()));
                backend.map(|backend| Value::borrowed(&backend.config.name))
            }
            Fetch::BackendName => {
                let backend = facts.backend.and_then(|id| self.backends.get(id.index()));
                backend.map(|backend| Value::borrowed(&backend.config.name))
            }
            Fetch::ServerName => self.server().map(|server| Value::borrowed(&server.config.name)),
            Fetch::ServerSource => self.server_source().map(address),
            Fetch::ServerAddress => self.server_address().map(address),
            Fetch::LastRuleFile => {
                let file =
                    self.memory.last_rule.and_then(|place| self.files.get(usize::from(place.file)));
                file.map(Value::borrowed)
            }
            Fetch::Capture(slot) => {
                self.memory.capture(*slot).cloned().map(|text| Value::Text(text.into()))
            }
            Fetch::Variable(variable, default) => {
                let default = || default.as_ref().map(Value::borrowed);
                self.variable(*variable).or_else(default)
            }
            Fetch::SocketName => {
                let frontend = self.frontends.get(facts.frontend.index());
                let binds = frontend.map(|frontend| &frontend.config.binds);
                let is_own = |bind: &&Bind| bind.id == Some(facts.socket);
                let bind = binds.and_then(|binds| binds.iter().find(is_own));
                bind.and_then(|bind| bind.settings.name.as_ref()).map(Value::borrowed)
            }
            Fetch::HeaderAuthority => {
                let header = facts.header.and_then(|header| header.authority.as_deref());
                header.map(Value::borrowed)
            }
            Fetch::HeaderUniqueId => {
                let header = facts.header.and_then(|header| header.unique_id.as_deref());
                header.map(Value::borrowed)
            }
            Fetch::UniqueId => self.unique_id().map(|id| Value::Text(id.to_vec().into())),
            Fetch::Tls(peer, fact) => facts.tls.fact(*peer, fact),
            Fetch::FailureNumber(peer) => self.failure(*peer).map(SideFailure::number),
            Fetch::FailureText(peer) => self.failure(*peer).map(SideFailure::text),
            Fetch::Content(fetch) => {
                return content::sample(fetch, expression, &facts);
            }
            // Where a sample has several values, converters are applied to the last value.
            Fetch::Http(fetch) => facts.page.and_then(|page| page.values(fetch).pop()),
        };
        Sample { value, may_change: false }
    }

    /// The place in queues, once the content rules have begun.
    fn priority(&self) -> Option<Priority> {
        self.has_transaction.then_some(self.memory.priority)
    }

    /// The value of a sample that is a number, or true or false as 1 or 0.
    pub(super) fn number(&mut self, fetch: &NumberFetch) -> Option<i64> {
        let now_ms = self.now_ms;
        Some(match fetch {
            NumberFetch::SourcePort => self.facts.client?.port().into(),
            NumberFetch::OwnSourcePort => self.own_client()?.port().into(),
            NumberFetch::OwnSourceIsLocal => is_own(self.own_client()?.ip()).into(),
            NumberFetch::OwnDestinationPort => self.own_destination()?.port().into(),
            NumberFetch::OwnDestinationIsLocal => is_own(self.own_destination()?.ip()).into(),
            NumberFetch::SourceIsLocal => is_own(self.facts.client?.ip()).into(),
            NumberFetch::DestinationPort => self.facts.destination?.port().into(),
            NumberFetch::DestinationIsLocal => is_own(self.facts.destination?.ip()).into(),
            NumberFetch::IsStopping => {
                i64::from(self.frontends.iter().all(|frontend| frontend.stopped))
            }
            NumberFetch::ClientTimeout => {
                let frontend = self.frontends.get(self.facts.frontend.index())?;
                frontend.config.timeout_client_ms.unwrap_or(0).into()
            }
            NumberFetch::ServerTimeout => {
                let backend = self.backends.get(self.facts.backend?.index())?;
                backend.config.timeout_server_ms.unwrap_or(0).into()
            }
            NumberFetch::TunnelTimeout => {
                let backend = self.backends.get(self.facts.backend?.index())?;
                backend.config.timeout_tunnel_ms.unwrap_or(0).into()
            }
            NumberFetch::Random(range) => self.random.below(*range).into(),
            NumberFetch::Date(offset, unit) => process::date(*offset, *unit),
            NumberFetch::MicrosecondOfSecond => {
                process::date(0, TimeUnit::Microseconds) % 1_000_000
            }
            NumberFetch::LastRuleLine => self.memory.last_rule?.line.get().into(),
            NumberFetch::SocketNumber => self.facts.socket.into(),
            NumberFetch::HasHeader => self.facts.header.is_some().into(),
            NumberFetch::PriorityClass => self.priority()?.class.into(),
            NumberFetch::PriorityOffset => self.priority()?.offset_ms.into(),
            NumberFetch::FrontendNumber => {
                self.frontends.get(self.facts.frontend.index())?.config.proxy_id.into()
            }
            NumberFetch::BackendNumber => {
                self.backends.get(self.facts.backend?.index())?.config.proxy_id.into()
            }
            NumberFetch::ServerNumber => self.server()?.config.id.into(),
            NumberFetch::ServerSourcePort => self.server_source()?.port().into(),
            NumberFetch::ServerPort => self.server_address()?.port().into(),
            NumberFetch::Measured(measurement) => self.measured(*measurement)?,
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
            NumberFetch::TableUsed(table) => self.tables.used_of(*table).into(),
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
}

fn address<'a>(of: SocketAddr) -> Value<'a> {
    // An IPv4 client of a listener for both families is an IPv4 client.
    Value::Address(of.ip().to_canonical())
}
