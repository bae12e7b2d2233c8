//! The rules about what the server sends first: `tcp-response content`, which may wait for more of
//! it, and `stick store-response`. What the server has sent is looked at and stays in the kernel;
//! what the client sends goes on to the server meanwhile.
//!
//! Without `tcp-response inspect-delay` the rules decide as soon as the server has accepted, as in
//! HAProxy, usually before the server has sent anything.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::content_rules::LOOK_MAX;
use super::log_record::{Cause, LogRecord, Phase, Termination};
use super::proxy_header;
use super::relaying::Relaying;
use super::route::Route;
use crate::config::FrontendId;
use crate::net::proxy_protocol::Additions;
use crate::proxy::backend::Backend;
use crate::proxy::relay::Fault;
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::rules;
use crate::proxy::rules::{Context, Facts, Memory, RulesVerdict, Sent, Sessions, Sockets};
use crate::proxy::shared::{Shared, Turn};

/// A connection whose server has been reached, while rules look at what the server sends.
#[derive(Debug)]
pub(super) struct Inspecting {
    relaying: Relaying,
    /// The position of the rule to go on with.
    rule: usize,
    /// When the rules have to decide with what has come (`inspect-delay`).
    until_ms: Option<u64>,
}

/// What the rules look at besides what the server has sent.
#[derive(Debug)]
pub(super) struct Subject<'c> {
    /// The client's side.
    pub(super) client: &'c mut Side,
    /// The number of the listener in the frontend.
    pub(super) socket: u32,
    /// What the PROXY header says beside the addresses.
    pub(super) header: Option<&'c Additions>,
    /// The client's address.
    pub(super) address: Option<SocketAddr>,
    /// The destination that a PROXY header names.
    pub(super) destination: Option<&'c SocketAddr>,
    /// Where the connection comes from and goes to.
    pub(super) route: &'c mut Route,
    /// What the rules remember of the connection.
    pub(super) memory: &'c mut Memory,
    /// What its unique id is made of, if rules may ask for that.
    pub(super) noted: Option<&'c LogRecord>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// More of what a side sends, or time, has to come.
    Event,
    /// The same again in the next turn: the client has more to send.
    Turn,
    /// The server's bytes pass.
    Relay,
    /// The connection is over.
    Close(Termination),
    /// The same, and the client is not told.
    Drop(Termination),
}

impl Inspecting {
    /// Begins with the first rule, at the time `now_ms`.
    pub(super) fn new(relaying: Relaying, backend: &Backend, now_ms: u64) -> Self {
        let response = &backend.config.rules.response;
        let delay_ms = response.inspect_delay_ms.filter(|_| !response.content.is_empty());
        let until_ms = delay_ms.map(|delay_ms| now_ms + u64::from(delay_ms));
        Self { relaying, rule: 0, until_ms }
    }

    pub(super) fn relaying(&self) -> &Relaying {
        &self.relaying
    }

    pub(super) fn relaying_mut(&mut self) -> &mut Relaying {
        &mut self.relaying
    }

    /// Ends the look: the server's bytes pass from now on. A timeout that was reached meanwhile
    /// counts then.
    pub(super) fn into_relaying(mut self) -> Relaying {
        self.relaying.handle_timeout();
        self.relaying
    }

    /// When to go on although nothing happens: at the end of the delay, or of a side's timeout.
    pub(super) fn deadline_ms(
        &self,
        client: &Side,
        frontend: FrontendId,
        shared: &Shared,
    ) -> Option<u64> {
        let timeout_ms = self.relaying.deadline_ms(client, frontend, shared);
        self.until_ms.into_iter().chain(timeout_ms).min()
    }

    /// Goes on with the rules, and passes on what the client sends while the rules wait. The server
    /// is looked at first: when it has answered and closed, the client's next bytes make its system
    /// reset the connection, and the answer would be lost.
    pub(super) fn advance(&mut self, mut subject: Subject<'_>, turn: &mut Turn<'_>) -> Next {
        match self.run(&mut subject, turn) {
            Next::Event => {}
            next @ (Next::Turn | Next::Relay | Next::Close(_) | Next::Drop(_)) => return next,
        }
        let Subject { client, route, .. } = subject;
        match self.relaying.advance_request(client, route.frontend, turn) {
            Ok(true) => Next::Turn,
            Ok(false) => Next::Event,
            Err(termination) => Next::Close(termination),
        }
    }

    fn run(&mut self, subject: &mut Subject<'_>, turn: &mut Turn<'_>) -> Next {
        let Subject { client, socket, header, address, destination, .. } = subject;
        let Subject { route, memory, noted, .. } = subject;
        let (address, frontend) = (*address, route.frontend);
        let target = self.relaying.target();
        let is_late = self.relaying.is_late(client, frontend, turn.shared, turn.now_ms);
        let is_due = is_late || turn.has_reached(self.until_ms);
        let Turn { shared, now_ms } = turn;
        let (objects, scratch) = shared.for_rules();
        let room = scratch.len().min(LOOK_MAX);
        let room = &mut scratch[..room];
        let backend = &objects.backends[target.backend.index()];
        let response = &backend.config.rules.response;
        let server = self.relaying.server_mut();
        let sent = if response.needs_payload { server.peek(room) } else { Ok(Read::Nothing) };
        let (payload, is_over) = match sent {
            Ok(Read::Bytes(len)) => (&room[..len], len == room.len()),
            Ok(Read::Nothing) => (&room[..0], false),
            Ok(Read::End) => (&room[..0], true),
            Err(error) => {
                let fault = Fault::Server(error);
                return Next::Close(self.relaying.pass_on_fault(&fault, client, turn));
            }
        };
        let is_over = is_over || server.has_announced_end();
        let is_final = is_over || is_due || self.until_ms.is_none();
        let destination = response
            .needs_destination
            .then(|| proxy_header::destination(client, *destination))
            .flatten();
        let sent = Sent::ByServer(payload);
        let of = Some(target.backend);
        let facts = Facts {
            client: address,
            destination,
            socket: *socket,
            header: *header,
            tls: Sessions::of(client.session(), server.session()),
            sockets: Sockets {
                client: Some(client.as_fd()),
                server: Some(server.as_fd()),
                chosen: Some(target.server),
            },
            frontend,
            backend: of,
            sent,
            page: None,
            noted: *noted,
            is_final,
        };
        let mut context = Context::new(facts, objects, memory, *now_ms);
        let verdict = rules::run(&response.content, self.rule, &mut context);
        route.log_level = context.log_level.or(route.log_level);
        if verdict == RulesVerdict::Accepted {
            context.stop_waiting();
            let keys = backend.stick.response_keys(|rule| context.stick_key(rule));
            let Shared { backends, tables, .. } = &mut **shared;
            let backend = &backends[target.backend.index()];
            if !backend.server(target.server).config.settings.non_stick {
                backend.stick.store_response(&keys, target.server, tables, *now_ms);
            }
            return Next::Relay;
        }
        let len = payload.len();
        let last = if verdict == RulesVerdict::Closed { payload.to_vec() } else { Vec::new() };
        self.follow(verdict, len, &last, frontend, turn)
    }

    /// Does what the rules have decided, when they have not let the server's bytes pass. `len`
    /// bytes have come; `last` are those that still pass when the server's connection is closed.
    fn follow(
        &mut self,
        verdict: RulesVerdict,
        len: usize,
        last: &[u8],
        frontend: FrontendId,
        turn: &mut Turn<'_>,
    ) -> Next {
        match verdict {
            RulesVerdict::Accepted => Next::Relay,
            RulesVerdict::Waits(rule) => {
                self.rule = rule;
                Next::Event
            }
            RulesVerdict::Rejected => {
                let target = self.relaying.target();
                self.relaying.note_received(len, frontend, turn);
                turn.shared.frontend_mut(frontend).counters.denied_responses += 1;
                let backend = turn.shared.backend_mut(target.backend);
                backend.count(target.server, |counters| counters.denied_responses += 1);
                Next::Close(Termination::new(Cause::Refused, Phase::Data))
            }
            RulesVerdict::Dropped => {
                let target = self.relaying.target();
                self.relaying.note_received(len, frontend, turn);
                turn.shared.frontend_mut(frontend).counters.denied_requests += 1;
                turn.shared.backend_mut(target.backend).counters.denied_requests += 1;
                Next::Drop(Termination::new(Cause::Refused, Phase::Request))
            }
            RulesVerdict::Closed => match self.relaying.end_with(last, frontend, turn) {
                Ok(()) => Next::Relay,
                Err(termination) => Next::Close(termination),
            },
        }
    }
}
