//! The way to the server: where the socket connects to and how, and what follows when a connect
//! fails.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;

use super::log_record::{Cause, Phase, Termination};
use super::route::{AfterFailure, ConnectFailure, Target};
use super::state::{Closed, State};
use super::{Connection, Wanted, proxy_header};
use crate::config::ServerIndex;
use crate::config::rules::Needs;
use crate::net::address::Address;
use crate::net::proxy_protocol::{Extras, TlsExtras};
use crate::net::socket::ConnectOptions;
use crate::net::tcp::TcpOptions;
use crate::net::tls::TlsError;
use crate::net::tls::certificate::CertificateFact;
use crate::net::tls::session::Session;
use crate::proxy::backend::Backend;
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::rules::{Context, Facts, Sent, Sessions, Sockets};
use crate::proxy::shared::Turn;

impl Connection {
    /// Where and how to connect to a server. There is no address if that follows from where the
    /// client connected to, and it is not known.
    pub fn way_to<'a>(
        &self,
        server: ServerIndex,
        backend: &'a Backend,
    ) -> (Option<Cow<'a, Address>>, ConnectOptions) {
        let destination = || proxy_header::destination(&self.client, self.destination.as_deref());
        let address = backend.server(server).address.for_client(destination);
        (address, connect_options(backend, server, self.address))
    }

    /// Takes the socket that [`Wanted::Socket`] asked for, registered, or why there is none.
    pub fn handle_opened(
        &mut self,
        target: Target,
        opened: io::Result<OwnedFd>,
        turn: &mut Turn<'_>,
    ) {
        match opened {
            Ok(fd) => {
                self.server_failure = None;
                let now_ms = turn.now_ms;
                let backend = turn.shared.backend_mut(target.backend);
                let timeout_ms = backend.config.timeout_connect_ms;
                let server = backend.server_mut(target.server);
                server.counters.connections += 1;
                server.counters.rate.count(now_ms);
                server.counters.last_used_ms = Some(now_ms);
                let is_tcp = server.address.ip().is_some();
                let mut server = Side::connecting(fd, is_tcp, now_ms);
                match self.session_with(target, turn) {
                    Ok(None) => {}
                    Ok(Some(session)) => {
                        turn.shared.totals.tls.connections += 1;
                        server.secure(session);
                    }
                    Err(error) => {
                        log::trace!("{}: {error}", self.slot.generation);
                        self.retry(target, ConnectFailure::Refused, turn);
                        return;
                    }
                }
                let until_ms = turn.deadline_ms(timeout_ms);
                self.enter(State::Connecting { target, server, until_ms });
            }
            Err(error) => {
                let failure = ConnectFailure::of(&error);
                if failure == ConnectFailure::Resource {
                    turn.shared.totals.resource_errors += 1;
                }
                self.retry(target, failure, turn);
            }
        }
    }

    /// Prepares TLS with a server that speaks it.
    fn session_with(
        &mut self,
        target: Target,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Session>, TlsError> {
        let backend = turn.shared.backend(target.backend);
        let Some(tls) = &backend.server(target.server).config.settings.tls else {
            return Ok(None);
        };
        let connector = tls.connector.clone();
        let header = self.header_for(target, turn).unwrap_or_default();
        let name = self.asked_name(target, turn);
        Session::connecting(&connector, name.as_deref(), header).map(Some)
    }

    /// The name that the server is asked for (`sni`).
    fn asked_name(&mut self, target: Target, turn: &mut Turn<'_>) -> Option<String> {
        let (objects, scratch) = turn.shared.for_rules();
        let server = objects.backends.get(target.backend.index())?.server(target.server);
        let sni = server.config.settings.tls.as_ref()?.sni.as_ref()?;
        let destination = (sni.needs == Needs::Destination)
            .then(|| proxy_header::destination(&self.client, self.destination.as_deref()))
            .flatten();
        let len = match sni.needs.is_content().then(|| self.client.peek(scratch)) {
            Some(Ok(Read::Bytes(len))) => len,
            Some(Ok(Read::End | Read::Nothing) | Err(_)) | None => 0,
        };
        let facts = Facts {
            client: self.address,
            destination,
            socket: self.socket,
            header: self.header.as_deref(),
            tls: Sessions::of(self.client.session(), None),
            sockets: Sockets {
                client: Some(self.client.as_fd()),
                chosen: Some(target.server),
                server: None,
            },
            frontend: self.route.frontend,
            backend: Some(target.backend),
            sent: Sent::ByClient(scratch.get(..len).unwrap_or_default()),
            is_final: true,
            page: None,
            noted: None,
        };
        let name = Context::new(facts, objects, &mut self.memory, turn.now_ms).text_of(sni)?;
        String::from_utf8(name).ok()
    }

    /// The PROXY header that a server is sent first, if it is sent one.
    pub(super) fn header_for(&mut self, target: Target, turn: &mut Turn<'_>) -> Option<Vec<u8>> {
        let settings = &turn.shared.backend(target.backend).server(target.server).config.settings;
        let (version, v2) = (settings.proxy_header()?, settings.proxy_v2);
        let unique_id = v2.unique_id.then(|| self.unique_id(turn));
        let destination = proxy_header::destination(&self.client, self.destination.as_deref());
        let client = self.client.session();
        let authority = self.header.as_ref().and_then(|told| told.authority.as_deref());
        let asked = || client.and_then(Session::server_name).map(str::as_bytes);
        let own = |is_wanted: bool, fact| {
            client.filter(|_| is_wanted).and_then(|it| proxy_header::text_of_own(it, &fact))
        };
        let signature = own(v2.signature, CertificateFact::SignatureAlgorithm);
        let key = own(v2.key, CertificateFact::Key);
        let extras = Extras {
            authority: authority.or_else(asked).filter(|_| v2.authority),
            unique_id: unique_id.as_deref(),
            protocol: client.and_then(Session::protocol),
            tls: v2.tells_tls().then(|| TlsExtras {
                signature: signature.as_deref(),
                key: key.as_deref(),
                ..proxy_header::told_of(client, v2)
            }),
            has_checksum: v2.crc32c,
        };
        Some(proxy_header::for_server(version, extras, self.address, destination))
    }

    pub(super) fn await_connect(
        &mut self,
        target: Target,
        until_ms: Option<u64>,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        if self.client.has_left() {
            let backend = turn.shared.backend_mut(target.backend);
            backend.count(target.server, |counters| counters.client_aborts += 1);
            return self.close(Termination::new(Cause::ClientAbort, Phase::Connect), turn.shared);
        }
        if turn.has_reached(until_ms) {
            return self.retry(target, ConnectFailure::TimedOut, turn);
        }
        Some(Wanted::Event)
    }

    pub(super) fn turn_around(
        &mut self,
        target: Target,
        until_ms: u64,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        if self.client.has_left_silently() {
            return self.close(Termination::new(Cause::ClientAbort, Phase::Connect), turn.shared);
        }
        if turn.now_ms >= until_ms {
            self.enter(State::Opening(target))
        } else {
            Some(Wanted::Event)
        }
    }

    /// Goes on after a connect has failed. The server's socket is closed with the state.
    pub(super) fn retry(
        &mut self,
        target: Target,
        failure: ConnectFailure,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        let Target { backend: id, server } = target;
        let is_in_handshake =
            self.server().is_some_and(|server| server.is_handshaking() && server.is_writable());
        // HAProxy does not count a handshake for which the time was too short.
        if is_in_handshake && failure != ConnectFailure::TimedOut {
            let backend = turn.shared.backend_mut(id);
            backend.count(server, |counters| counters.tls.failed += 1);
        }
        turn.shared.count_failed_connect(id, server, failure, turn.now_ms);
        let backend = turn.shared.backend_mut(id);
        match self.route.after_failure(failure, server, backend) {
            AfterFailure::Retry => self.enter(State::Opening(target)),
            AfterFailure::RetryAfter(delay_ms) => {
                let until_ms = turn.now_ms + u64::from(delay_ms);
                self.enter(State::TurnAround { target, until_ms })
            }
            AfterFailure::Redispatch => {
                self.enter(State::Choosing { backend: id, failed: Some(server) })
            }
            AfterFailure::GiveUp => {
                backend.count(server, |counters| counters.connect_errors += 1);
                self.client.discard(&mut turn.shared.buffers.scratch);
                let cause = match failure {
                    ConnectFailure::Refused => Cause::ServerAbort,
                    ConnectFailure::TimedOut => Cause::ServerTimeout,
                    ConnectFailure::Resource => Cause::Resource,
                };
                let termination = Termination::new(cause, Phase::Connect);
                let held = Some(server);
                self.enter(State::Closed(Closed { held, ..Closed::new(termination) }))
            }
        }
    }
}

/// How to connect to a server.
fn connect_options(
    backend: &Backend,
    server: ServerIndex,
    client: Option<SocketAddr>,
) -> ConnectOptions {
    let server = backend.server(server);
    let source = server.config.settings.source.as_ref().or(backend.config.source.as_ref());
    let user_timeout_ms = server.config.settings.user_timeout_ms;
    let (address, is_foreign) = source.map(|source| source.towards_server(client)).unzip();
    ConnectOptions {
        source: address,
        is_foreign: is_foreign.unwrap_or(false),
        interface: source.and_then(|source| source.interface.clone()),
        tcp: TcpOptions { user_timeout_ms, ..backend.tcp },
    }
}
