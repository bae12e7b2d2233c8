//! The states of a connection, and what each of them holds.
#![deny(clippy::wildcard_enum_match_arm)]

use super::content_rules::ContentRules;
use super::entry_failure::EntryFailure;
use super::log_record::Termination;
use super::relaying::Relaying;
use super::response_rules::Inspecting;
use super::route::Target;
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::net::tls::acceptor::Acceptor;
use crate::proxy::backend::Backend;
use crate::proxy::backend::queue::Ticket;
use crate::proxy::relay::Relay;
use crate::proxy::relay::buffers::{Buffers, Share};
use crate::proxy::relay::side::Side;
use crate::proxy::shared::Shared;

/// What a connection waits for, and what exists while it does.
#[derive(Debug)]
pub(super) enum State {
    /// The client sends a PROXY header.
    /// TLS follows if there is an acceptor.
    AwaitingHeader { until_ms: Option<u64>, acceptor: Option<Acceptor> },
    /// The client and we agree on the keys of TLS.
    Handshaking { until_ms: Option<u64> },
    /// Rules decide on the backend, and may wait for what the client sends.
    AwaitingContent(ContentRules),
    /// A server is chosen next. The connection still holds a slot at the server that failed.
    Choosing { backend: BackendId, failed: Option<ServerIndex> },
    /// The connection waits for a slot at a server, or at any server.
    Queued { backend: BackendId, ticket: Ticket, until_ms: Option<u64> },
    /// The loop opens a socket to the server.
    Opening(Target),
    /// The server accepts.
    Connecting { target: Target, server: Side, until_ms: Option<u64> },
    /// The same server is tried again at this time.
    TurnAround { target: Target, until_ms: u64 },
    /// Rules look at what the server sends. What the client sends passes.
    Inspecting(Box<Inspecting>),
    /// Bytes pass.
    Relaying(Relaying),
    /// The connection is removed at the end of the turn.
    Closed(Closed),
}

/// A connection that is over, with what is left of it until it is removed.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) termination: Termination,
    pub(super) log_entry: LogEntry,
    /// The server at which it still holds a slot.
    pub(super) held: Option<ServerIndex>,
    /// The server's socket, if it was open to the end.
    pub(super) server: Option<Side>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// What the log is told of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogEntry {
    /// A record.
    Record,
    /// That the client was refused at its PROXY header or TLS handshake.
    EntryFailure(EntryFailure),
    /// Nothing.
    Nothing,
}

/// What a connection wants of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Another call of `Connection::advance` in the next turn: there is more to do.
    Turn,
    /// An event, or the time of its deadline.
    Event,
    /// A socket to this server, handed over with `Connection::handle_opened`.
    Socket(Target),
    /// To be removed at the end of the turn.
    Removal,
}

impl State {
    /// What follows when the server has accepted. Only a connecting state changes by that.
    pub(super) fn into_relaying(self, relay: Relay, backend: &Backend, now_ms: u64) -> Self {
        match self {
            Self::Connecting { target, server, .. } => {
                let relaying = Relaying::new(target, server, relay);
                if !backend.has_response_rules {
                    return Self::Relaying(relaying);
                }
                Self::Inspecting(Box::new(Inspecting::new(relaying, backend, now_ms)))
            }
            same @ (Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::TurnAround { .. }
            | Self::Inspecting(_)
            | Self::Relaying(_)
            | Self::Closed(_)) => same,
        }
    }

    /// What follows when the rules let pass what the server sends.
    pub(super) fn into_passing(self) -> Self {
        match self {
            Self::Inspecting(inspecting) => Self::Relaying(inspecting.into_relaying()),
            same @ (Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::Connecting { .. }
            | Self::TurnAround { .. }
            | Self::Relaying(_)
            | Self::Closed(_)) => same,
        }
    }

    /// What follows when the connection is over: what the state holds is kept.
    pub(super) fn into_closed(self, termination: Termination, buffers: &mut Buffers) -> Closed {
        let mut closed = Closed { held: self.held_slot(), ..Closed::new(termination) };
        match self {
            Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::TurnAround { .. } => {}
            Self::Connecting { server, .. } => closed.server = Some(server),
            Self::Inspecting(inspecting) => {
                return Self::Relaying(inspecting.into_relaying())
                    .into_closed(termination, buffers);
            }
            Self::Relaying(relaying) => {
                closed.bytes_in = relaying.bytes_in();
                closed.bytes_out = relaying.bytes_out();
                closed.server = Some(relaying.into_server(buffers));
            }
            Self::Closed(same) => return same,
        }
        closed
    }

    /// When to advance the connection although nothing happens.
    pub(super) fn deadline_ms(
        &self,
        client: &Side,
        frontend: FrontendId,
        shared: &Shared,
    ) -> Option<u64> {
        match self {
            Self::Choosing { .. } | Self::Opening(_) | Self::Closed(_) => None,
            Self::AwaitingHeader { until_ms, .. }
            | Self::Handshaking { until_ms }
            | Self::Queued { until_ms, .. }
            | Self::Connecting { until_ms, .. } => *until_ms,
            Self::AwaitingContent(rules) => rules.until_ms(),
            Self::TurnAround { until_ms, .. } => Some(*until_ms),
            Self::Inspecting(inspecting) => inspecting.deadline_ms(client, frontend, shared),
            Self::Relaying(relaying) => relaying.deadline_ms(client, frontend, shared),
        }
    }

    /// How much the connection may move in a turn.
    pub(super) fn share(&self) -> Share {
        match self {
            Self::Inspecting(inspecting) => inspecting.relaying().share(),
            Self::Relaying(relaying) => relaying.share(),
            Self::Handshaking { .. } => Share::Costly,
            Self::Connecting { server, .. } if server.is_handshaking() => Share::Costly,
            Self::AwaitingHeader { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::Connecting { .. }
            | Self::TurnAround { .. }
            | Self::Closed(_) => Share::Light,
        }
    }

    /// The server at which the connection holds a slot.
    pub(super) fn held_slot(&self) -> Option<ServerIndex> {
        match self {
            Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Queued { .. } => None,
            Self::Choosing { failed, .. } => *failed,
            Self::Opening(target)
            | Self::Connecting { target, .. }
            | Self::TurnAround { target, .. } => Some(target.server),
            Self::Inspecting(inspecting) => Some(inspecting.relaying().target().server),
            Self::Relaying(relaying) => Some(relaying.target().server),
            Self::Closed(closed) => closed.held,
        }
    }

    pub(super) fn server(&self) -> Option<&Side> {
        match self {
            Self::Connecting { server, .. } => Some(server),
            Self::Inspecting(inspecting) => Some(inspecting.relaying().server()),
            Self::Relaying(relaying) => Some(relaying.server()),
            Self::Closed(closed) => closed.server.as_ref(),
            Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::TurnAround { .. } => None,
        }
    }

    pub(super) fn server_mut(&mut self) -> Option<&mut Side> {
        match self {
            Self::Connecting { server, .. } => Some(server),
            Self::Inspecting(inspecting) => Some(inspecting.relaying_mut().server_mut()),
            Self::Relaying(relaying) => Some(relaying.server_mut()),
            Self::Closed(closed) => closed.server.as_mut(),
            Self::AwaitingHeader { .. }
            | Self::Handshaking { .. }
            | Self::AwaitingContent(_)
            | Self::Choosing { .. }
            | Self::Queued { .. }
            | Self::Opening(_)
            | Self::TurnAround { .. } => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AwaitingHeader { .. } => "awaiting-header",
            Self::Handshaking { .. } => "handshaking",
            Self::AwaitingContent(_) => "awaiting-content",
            Self::Choosing { .. } => "choosing",
            Self::Queued { .. } => "queued",
            Self::Opening(_) => "opening",
            Self::Connecting { .. } => "connecting",
            Self::TurnAround { .. } => "turn-around",
            Self::Inspecting(_) => "inspecting",
            Self::Relaying(_) => "relaying",
            Self::Closed(_) => "closed",
        }
    }
}

impl Closed {
    /// Nothing is left but a record for the log.
    pub(super) fn new(termination: Termination) -> Self {
        Self {
            termination,
            log_entry: LogEntry::Record,
            held: None,
            server: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }
}
