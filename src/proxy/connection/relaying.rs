//! A connection whose server has been reached: how relaying begins, goes on, and ends.

use super::cause::{Cause, Ended, Phase};
use super::deadline::Whose;
use super::proxy_header;
use super::shown::elapsed;
use super::{Connection, Next, State, Step};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::proxy::relay::{Fault, Progress, Relay, Splice};
use crate::proxy::shared::Shared;

const NO_MEMORY: Topic = Topic::fault("keep bytes that could not be written");

impl Connection {
    pub(super) fn start_relay(&mut self, shared: &mut Shared, now_ms: u64) -> State {
        self.connect_ms = Some(elapsed(self.accepted_ms, now_ms));
        self.client.set_active(now_ms);
        if let Some(side) = &mut self.server {
            side.set_active(now_ms);
        }
        let frontend = shared.frontend(self.route.frontend).config.options;
        let mut backend_options = frontend;
        let mut send_proxy = None;
        if let (Some(id), Some(server)) = (self.route.backend, self.route.server) {
            let client = self.address.map(|address| address.ip());
            let Shared { backends, tables, .. } = shared;
            let backend = &mut backends[id.index()];
            self.route.settle(client, backend, tables, now_ms);
            backend.server_mut(server).note_connected();
            backend_options = backend.config.options;
            send_proxy = backend.server(server).config.send_proxy;
        }
        if frontend.logasap && shared.frontend(self.route.frontend).logs() {
            self.note_record(None, shared, now_ms);
        }
        let (request, response) = Splice::of(&[frontend, backend_options]);
        let mut relay = Relay::new(request, response);
        if let Some(version) = send_proxy {
            let carried = self.carried.as_deref();
            let header = proxy_header::header_for(version, &self.client, self.address, carried);
            if relay.to_server.begin_with(&header, &mut shared.buffers).is_err() {
                shared.totals.resource_errors += 1;
                return State::Closed(Cause::new(Ended::Resource, Phase::Data));
            }
        }
        State::Relaying(relay)
    }

    pub(crate) fn relay(&mut self, shared: &mut Shared, now_ms: u64) -> Next {
        let (State::Relaying(relay), Some(server)) = (&mut self.state, &mut self.server) else {
            return Next::Go(State::Closed(Cause::new(Ended::Internal, Phase::Data)));
        };
        let before = (relay.to_server.bytes(), relay.to_client.bytes());
        let progress = relay.advance(&mut self.client, server, &mut shared.buffers, now_ms);
        let bytes_in = relay.to_server.bytes() - before.0;
        let bytes_out = relay.to_client.bytes() - before.1;
        self.count_bytes(shared, bytes_in, bytes_out, now_ms);
        let step = match progress {
            Ok(Progress::More) => Step::Again,
            Ok(Progress::Blocked) => Step::Wait,
            Ok(Progress::Over) => {
                return Next::Go(State::Closed(self.timed_out.unwrap_or(Cause::NORMAL)));
            }
            Err(fault) => return Next::Go(self.pass_on_fault(&fault, shared, now_ms)),
        };
        if !std::mem::take(&mut self.is_due) {
            return Next::Stay(step);
        }
        match self.relay_timeout(shared) {
            Some((at_ms, whose)) if now_ms >= at_ms => self.time_out(whose),
            Some(_) | None => Next::Stay(step),
        }
    }

    /// A side that was silent too long counts as having ended, and the other one may finish, as
    /// with HAProxy. A side that does not take what it is sent ends the connection.
    fn time_out(&mut self, whose: Whose) -> Next {
        let phase = self.relay_phase();
        let (State::Relaying(relay), Some(server)) = (&mut self.state, &mut self.server) else {
            return Next::Stay(Step::Wait);
        };
        let (ended, side, is_stuck) = match whose {
            Whose::Client => {
                (Ended::ClientTimeout, &mut self.client, relay.to_client.has_pending())
            }
            Whose::Server => (Ended::ServerTimeout, server, relay.to_server.has_pending()),
        };
        let cause = *self.timed_out.get_or_insert_with(|| Cause::new(ended, phase));
        if is_stuck {
            return Next::Go(State::Closed(cause));
        }
        side.end_reading();
        Next::Stay(Step::Again)
    }

    /// A side that broke resets the other, which must not take what it got for the whole.
    fn pass_on_fault(&mut self, fault: &Fault, shared: &mut Shared, now_ms: u64) -> State {
        let phase = self.relay_phase();
        let State::Relaying(relay) = &self.state else {
            return State::Closed(Cause::new(Ended::Internal, phase));
        };
        let ended = match fault {
            Fault::Client(error) => {
                log::trace!("{}: client: {error}", self.slot.generation);
                if let (false, Some(server)) = (relay.to_server.is_over(), &self.server) {
                    server.reset_on_close();
                }
                self.route.count_abort(shared, true);
                Ended::ClientAbort
            }
            Fault::Server(error) => {
                log::trace!("{}: server: {error}", self.slot.generation);
                if !relay.to_client.is_over() {
                    self.client.reset_on_close();
                }
                self.route.count_abort(shared, false);
                Ended::ServerAbort
            }
            Fault::Memory => {
                // Neither side may take what it got for the whole.
                self.client.reset_on_close();
                if let Some(server) = &self.server {
                    server.reset_on_close();
                }
                shared.totals.resource_errors += 1;
                let text = format_args!("a connection ended: no memory for bytes under way");
                limited::warn(now_ms, NO_MEMORY, "", text);
                Ended::Resource
            }
        };
        State::Closed(self.timed_out.unwrap_or_else(|| Cause::new(ended, phase)))
    }

    pub(super) fn relay_phase(&self) -> Phase {
        let server_is_over = self.server.as_ref().is_some_and(|s| s.has_ended() && s.is_shut());
        if server_is_over { Phase::LastData } else { Phase::Data }
    }
}
