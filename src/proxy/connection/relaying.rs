//! The state of a connection whose server has been reached: moving bytes, and what ends that.

use super::log_record::{Cause, Phase, Termination};
use super::route::Target;
use crate::config::FrontendId;
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::proxy::relay::buffers::{Buffers, Share};
use crate::proxy::relay::side::Side;
use crate::proxy::relay::{Fault, Progress, Relay};
use crate::proxy::shared::{Shared, Turn};

const NO_MEMORY: Topic = Topic::fault("keep bytes that could not be written");

/// What exists only while a connection relays, besides the client's side.
#[derive(Debug)]
pub(super) struct Relaying {
    target: Target,
    server: Side,
    relay: Relay,
    /// The first timeout of a side. The other side may still finish.
    timed_out: Option<Termination>,
    /// The timer has fired, and the deadlines have to be looked at.
    is_due: bool,
    /// What the armed deadline was worked out from.
    armed_for: Option<DeadlineBasis>,
}

/// What makes a deadline nearer when it changes. While it stays the same, activity only makes the
/// deadlines later, and there is nothing to work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DeadlineBasis {
    client: SideBasis,
    server: SideBasis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SideBasis {
    has_ended: bool,
    is_shut: bool,
    /// Whether bytes wait to be written to this side.
    has_pending: bool,
}

/// When a side has been silent too long.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at_ms: u64,
    of: End,
}

/// One end of the relay.
#[derive(Clone, Copy, Debug)]
enum End {
    Client,
    Server,
}

impl Relaying {
    /// Nothing has been moved yet.
    pub(super) fn new(target: Target, server: Side, relay: Relay) -> Self {
        Self { target, server, relay, timed_out: None, is_due: false, armed_for: None }
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    pub(super) fn server(&self) -> &Side {
        &self.server
    }

    pub(super) fn server_mut(&mut self) -> &mut Side {
        &mut self.server
    }

    /// How much it may move in a turn.
    pub(super) fn share(&self) -> Share {
        self.relay.share()
    }

    /// Bytes from the client so far.
    pub(super) fn bytes_in(&self) -> u64 {
        self.relay.to_server.bytes()
    }

    /// Bytes to the client so far.
    pub(super) fn bytes_out(&self) -> u64 {
        self.relay.to_client.bytes()
    }

    /// Gives back what the relay has borrowed, and returns the server's side.
    pub(super) fn into_server(mut self, buffers: &mut Buffers) -> Side {
        self.relay.release(buffers);
        self.server
    }

    /// Moves what can be moved now. Returns whether there is more to do in the next turn.
    ///
    /// # Errors
    /// How the connection ends, when it is over.
    pub(super) fn advance(
        &mut self,
        client: &mut Side,
        frontend: FrontendId,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Termination> {
        let Self { target, server, relay, .. } = self;
        let (before_in, before_out) = (relay.to_server.bytes(), relay.to_client.bytes());
        let progress = relay.advance(client, server, &mut turn.shared.buffers, turn.now_ms);
        let bytes_in = relay.to_server.bytes() - before_in;
        let bytes_out = relay.to_client.bytes() - before_out;
        count_bytes(frontend, *target, bytes_in, bytes_out, turn);
        let has_more = match progress {
            Ok(Progress::More) => true,
            Ok(Progress::Blocked) => false,
            Ok(Progress::Over) => return Err(self.timed_out.unwrap_or(Termination::NORMAL)),
            Err(fault) => return Err(self.pass_on_fault(&fault, client, turn)),
        };
        if !std::mem::take(&mut self.is_due) {
            return Ok(has_more);
        }
        match self.deadline(client, frontend, turn.shared) {
            Some(deadline) if turn.now_ms >= deadline.at_ms => self.time_out(deadline.of, client),
            Some(_) | None => Ok(has_more),
        }
    }

    /// Moves only what can be moved to the server now. Returns whether there is more to do in the
    /// next turn.
    ///
    /// # Errors
    /// How the connection ends, when it is over.
    pub(super) fn advance_request(
        &mut self,
        client: &mut Side,
        frontend: FrontendId,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Termination> {
        let Self { target, server, relay, .. } = self;
        let before = relay.to_server.bytes();
        let more = relay.advance_to_server(client, server, &mut turn.shared.buffers, turn.now_ms);
        count_bytes(frontend, *target, relay.to_server.bytes() - before, 0, turn);
        more.map_err(|fault| self.pass_on_fault(&fault, client, turn))
    }

    /// Whether a side has been silent too long.
    pub(super) fn is_late(
        &self,
        client: &Side,
        frontend: FrontendId,
        shared: &Shared,
        now_ms: u64,
    ) -> bool {
        self.deadline_ms(client, frontend, shared).is_some_and(|at_ms| now_ms >= at_ms)
    }

    /// Counts bytes from the server that do not go on.
    pub(super) fn note_received(&mut self, len: usize, frontend: FrontendId, turn: &mut Turn<'_>) {
        self.relay.to_client.note(len);
        count_bytes(frontend, self.target, 0, len as u64, turn);
    }

    /// Closes the server's connection. These bytes of the server still go to the client.
    ///
    /// # Errors
    /// How the connection ends, when there is no memory for the bytes.
    pub(super) fn end_with(
        &mut self,
        bytes: &[u8],
        frontend: FrontendId,
        turn: &mut Turn<'_>,
    ) -> Result<(), Termination> {
        self.server.end_reading();
        self.server.reset_on_close();
        if self.relay.end_with(bytes, &mut turn.shared.buffers).is_err() {
            turn.shared.totals.resource_errors += 1;
            return Err(Termination::new(Cause::Resource, Phase::Data));
        }
        self.note_received(bytes.len(), frontend, turn);
        Ok(())
    }

    /// A side that was silent too long counts as ended, and the other side may finish, as with
    /// HAProxy. A side that does not take what it is sent ends the connection.
    fn time_out(&mut self, end: End, client: &mut Side) -> Result<bool, Termination> {
        let phase = self.phase();
        let Self { server, relay, timed_out, .. } = self;
        let (cause, side, is_stuck) = match end {
            End::Client => (Cause::ClientTimeout, client, relay.to_client.has_pending()),
            End::Server => (Cause::ServerTimeout, server, relay.to_server.has_pending()),
        };
        let termination = *timed_out.get_or_insert(Termination::new(cause, phase));
        if is_stuck {
            return Err(termination);
        }
        side.end_reading();
        Ok(true)
    }

    /// A side that broke resets the other side, which must not take what it got for the whole.
    pub(super) fn pass_on_fault(
        &self,
        fault: &Fault,
        client: &Side,
        turn: &mut Turn<'_>,
    ) -> Termination {
        let Self { target, server, relay, .. } = self;
        let backend = turn.shared.backend_mut(target.backend);
        let cause = match fault {
            Fault::Client(error) => {
                log::trace!("client: {error}");
                if !relay.to_server.is_over() {
                    server.reset_on_close();
                }
                backend.count(target.server, |counters| counters.client_aborts += 1);
                Cause::ClientAbort
            }
            Fault::Server(error) => {
                log::trace!("server: {error}");
                if !relay.to_client.is_over() {
                    client.reset_on_close();
                }
                backend.count(target.server, |counters| counters.server_aborts += 1);
                Cause::ServerAbort
            }
            Fault::Memory => {
                // Neither side may take what it got for the whole.
                client.reset_on_close();
                server.reset_on_close();
                turn.shared.totals.resource_errors += 1;
                let text = format_args!("a connection ended: no memory for bytes under way");
                limited::warn(turn.now_ms, NO_MEMORY, "", text);
                Cause::Resource
            }
        };
        self.timed_out.unwrap_or_else(|| Termination::new(cause, self.phase()))
    }

    /// What the log says that the connection was doing.
    pub(super) fn phase(&self) -> Phase {
        let server_is_over = self.server.has_ended() && self.server.is_shut();
        if server_is_over { Phase::LastData } else { Phase::Data }
    }

    /// The timer has fired.
    pub(super) fn handle_timeout(&mut self) {
        self.is_due = true;
        self.armed_for = None;
    }

    /// Whether the deadline may be nearer than it was at the last call.
    pub(super) fn has_nearer_deadline(&mut self, client: &Side) -> bool {
        let basis = |side: &Side, has_pending| SideBasis {
            has_ended: side.has_ended(),
            is_shut: side.is_shut(),
            has_pending,
        };
        let basis = Some(DeadlineBasis {
            client: basis(client, self.relay.to_client.has_pending()),
            server: basis(&self.server, self.relay.to_server.has_pending()),
        });
        basis != std::mem::replace(&mut self.armed_for, basis)
    }

    /// When to advance the connection although nothing happens.
    pub(super) fn deadline_ms(
        &self,
        client: &Side,
        frontend: FrontendId,
        shared: &Shared,
    ) -> Option<u64> {
        self.deadline(client, frontend, shared).map(|deadline| deadline.at_ms)
    }

    /// The nearer of both sides' deadlines. A side is only waited for while it may still send or
    /// has something to take.
    fn deadline(&self, client: &Side, frontend: FrontendId, shared: &Shared) -> Option<Deadline> {
        let frontend = &shared.frontend(frontend).config;
        let backend = &shared.backend(self.target.backend).config;
        let server = &self.server;
        let tunnel = backend.timeout_tunnel_ms;
        let to_client = self.relay.to_client.has_pending();
        let to_server = self.relay.to_server.has_pending();
        let client_fin = frontend.timeout_client_fin_ms;
        let client_at = client
            .timeout_ms(frontend.timeout_client_ms, client_fin, tunnel)
            .filter(|_| to_client || (!client.has_ended() && !to_server))
            .map(|timeout_ms| client.active_ms() + u64::from(timeout_ms));
        let server_fin = backend.timeout_server_fin_ms;
        let server_at = server
            .timeout_ms(backend.timeout_server_ms, server_fin, tunnel)
            .filter(|_| to_server || (!server.has_ended() && !to_client))
            .map(|timeout_ms| server.active_ms() + u64::from(timeout_ms));
        match (client_at, server_at) {
            (Some(client), Some(server)) if server < client => {
                Some(Deadline { at_ms: server, of: End::Server })
            }
            (Some(at_ms), _) => Some(Deadline { at_ms, of: End::Client }),
            (None, Some(at_ms)) => Some(Deadline { at_ms, of: End::Server }),
            (None, None) => None,
        }
    }
}

/// Counts bytes of both directions.
fn count_bytes(
    frontend: FrontendId,
    target: Target,
    bytes_in: u64,
    bytes_out: u64,
    turn: &mut Turn<'_>,
) {
    if bytes_in == 0 && bytes_out == 0 {
        return;
    }
    let totals = &mut turn.shared.totals;
    totals.bytes_in += bytes_in;
    totals.bytes_out += bytes_out;
    totals.bytes_out_rate.add(bytes_out, turn.now_ms);
    let counters = &mut turn.shared.frontend_mut(frontend).counters;
    counters.bytes_in += bytes_in;
    counters.bytes_out += bytes_out;
    turn.shared.backend_mut(target.backend).count(target.server, |counters| {
        counters.bytes_in += bytes_in;
        counters.bytes_out += bytes_out;
    });
}
