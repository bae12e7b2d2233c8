//! What is counted of a connection when it comes, while it moves bytes and when it ends.

use super::Connection;
use super::cause::Cause;
use super::proxy_header;
use super::proxy_header::HeaderFailure;
use super::shown::elapsed;
use crate::config::{FrontendId, ServerIndex};
use crate::proxy::backend::Backend;
use crate::proxy::frontend::admission;
use crate::proxy::frontend::admission::{Applicant, Denied};
use crate::proxy::shared::Shared;

/// Counts a connection of a frontend.
pub(super) fn count_arrival(id: FrontendId, shared: &mut Shared, now_ms: u64) {
    shared.totals.connections += 1;
    shared.totals.current += 1;
    shared.totals.max = shared.totals.max.max(shared.totals.current);
    shared.totals.rate.count(now_ms);
    shared.frontend_mut(id).counters.begin(now_ms);
}

impl Connection {
    /// Why it was ended at its PROXY header, if it was.
    pub fn header_failure(&self) -> Option<HeaderFailure> {
        self.carried.as_ref()?.failure
    }

    /// Runs the session rules for the address that a header has told.
    pub(super) fn open_session(&mut self, shared: &mut Shared, now_ms: u64) -> Result<(), Denied> {
        let frontend = self.route.frontend;
        let rules = &shared.frontend(frontend).config.rules;
        if !rules.session.is_empty() {
            let destination = rules.needs_destination;
            let destination = destination
                .then(|| proxy_header::destination(&self.client, self.carried.as_deref()));
            let destination = destination.flatten();
            let applicant = Applicant { frontend, client: self.address, destination };
            admission::run(admission::Stage::Session, applicant, &mut self.tracks, shared, now_ms)?;
        }
        if let Some(tracks) = &self.tracks {
            tracks.count_session(&mut shared.tables, now_ms);
        }
        Ok(())
    }

    /// Counts bytes of both directions.
    pub(super) fn count_bytes(
        &self,
        shared: &mut Shared,
        bytes_in: u64,
        bytes_out: u64,
        now_ms: u64,
    ) {
        if bytes_in == 0 && bytes_out == 0 {
            return;
        }
        shared.totals.bytes_in += bytes_in;
        shared.totals.bytes_out += bytes_out;
        shared.totals.bytes_out_rate.add(bytes_out, now_ms);
        let counters = &mut shared.frontend_mut(self.route.frontend).counters;
        counters.bytes_in += bytes_in;
        counters.bytes_out += bytes_out;
        if let (Some(id), Some(server)) = (self.route.backend, self.route.server) {
            let backend = shared.backend_mut(id);
            backend.counters.bytes_in += bytes_in;
            backend.counters.bytes_out += bytes_out;
            let counters = &mut backend.server_mut(server).counters;
            counters.bytes_in += bytes_in;
            counters.bytes_out += bytes_out;
        }
    }

    /// Counts the end, and gives the places back that it held.
    pub(crate) fn count_end(&self, shared: &mut Shared, now_ms: u64) {
        if let Some(tracks) = &self.tracks {
            tracks.finish(self.bytes_in, self.bytes_out, &mut shared.tables, now_ms);
        }
        shared.totals.current -= 1;
        shared.frontend_mut(self.route.frontend).counters.current -= 1;
        let Some(id) = self.route.backend else { return };
        let backend = shared.backend_mut(id);
        backend.counters.current -= 1;
        if let Some(server) = self.route.server {
            backend.release_place(server);
            self.count_times(backend, server, now_ms);
        }
        if let (true, Some(side)) = (backend.config.options.nolinger, &self.server) {
            side.reset_on_close();
        }
    }

    /// Counts how long it took, if it reached its server.
    fn count_times(&self, backend: &mut Backend, server: ServerIndex, now_ms: u64) {
        let Some(connected_ms) = self.connect_ms else { return };
        let queued_ms = self.queued_ms.unwrap_or(0);
        let connect_ms = connected_ms.saturating_sub(queued_ms);
        let total_ms = elapsed(self.accepted_ms, now_ms);
        backend.counters.times.count(queued_ms, connect_ms, total_ms);
        let counters = &mut backend.server_mut(server).counters;
        counters.times.count(queued_ms, connect_ms, total_ms);
    }

    /// Keeps what is known of the connection for the log, if it is wanted there.
    pub(super) fn note_record(&self, cause: Option<Cause>, shared: &mut Shared, now_ms: u64) {
        let record = self.record(cause, shared, now_ms);
        if shared.frontend(self.route.frontend).wants(&record) {
            shared.records.push(record);
        }
    }
}
