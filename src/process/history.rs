//! What the process notes for people to look at later: events, reloads, and how full tables are.

use super::Process;
use crate::config::Severity;
use crate::logging;
use crate::logging::history::{Event, Kind, PastReload, ReloadEnd};
use crate::net::connection;
use crate::proxy::Shared;
use crate::proxy::backend::drains::Drain;
use crate::proxy::health::Notice;
use crate::reactor::clock;
use crate::reload::history::Before;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Process {
    /// Takes note of the events that were logged in this turn.
    pub(super) fn note_events(&mut self) {
        for (kind, text) in logging::take_noted() {
            self.note_event(kind, text);
        }
        if self.events.take_news() {
            self.admin.wake();
        }
    }

    fn note_event(&mut self, kind: Kind, text: String) {
        let at_ms = clock::unix_ms();
        self.events.push(Event { at_ms, kind, text });
    }

    /// Takes note of what has happened to a server, and has it logged.
    pub(super) fn note_notice(&mut self, notice: &Notice) {
        let Some(backend) = self.shared.backends.get(notice.backend.index()) else { return };
        self.logger.notice(&backend.config.log, notice.severity, &notice.text, clock::wall());
        self.note_event(Kind::Server, notice.text.clone());
    }

    /// Gives up stick entries of the servers that are drained, and has the end logged.
    pub(super) fn run_drains(&mut self, now_ms: u64) {
        let Shared { drains, backends, tables, notices, .. } = &mut self.shared;
        for Drain { backend, server, given_up, .. } in drains.run(backends, tables, now_ms) {
            let Some(of) = backends.get(backend.index()) else { continue };
            let Some(server) = of.servers.get(server) else { continue };
            let (name, server) = (&of.config.name, &server.config.name);
            let text = format!(
                "Server {name}/{server}: no stick entry names it any more, {given_up} given up."
            );
            notices.push(Notice { backend, severity: Severity::Notice, text });
        }
    }

    /// A reload begins.
    pub(super) fn begin_reload(&mut self) {
        self.reload_began_ms.get_or_insert_with(clock::unix_ms);
    }

    /// A reload from this process has failed.
    pub(super) fn record_failed_reload(&mut self, reason: String) {
        let at_ms = clock::unix_ms();
        let began_ms = self.reload_began_ms.take().unwrap_or(at_ms);
        self.reloads.past.push(PastReload {
            at_ms,
            generation: self.succession.generation(),
            version: Some(VERSION.to_owned()),
            took_ms: at_ms.saturating_sub(began_ms),
            end: ReloadEnd::Failed { reason },
        });
    }

    /// Goes on with the history of the predecessor. This process learned for `took_ms`.
    pub(super) fn adopt_past(&mut self, before: Before, took_ms: u64) {
        self.events.adopt(before.events);
        before.reloads.into_iter().for_each(|reload| self.reloads.past.push(reload));
        let now_ms = clock::unix_ms();
        let (version, began_ms) = before
            .predecessor
            .map_or((None, None), |predecessor| (Some(predecessor.version), predecessor.began_ms));
        let took_ms = began_ms.map_or(took_ms, |began_ms| now_ms.saturating_sub(began_ms));
        self.record_reload(version, took_ms, false);
    }

    /// A reload to this process is over.
    pub(super) fn record_reload(
        &mut self,
        version: Option<String>,
        took_ms: u64,
        is_incomplete: bool,
    ) {
        let sockets = self.clients.listeners().iter().filter_map(|listener| listener.socket());
        let waited = sockets.map(|socket| u64::from(connection::waiting(socket).unwrap_or(0)));
        let end = ReloadEnd::Served {
            version: VERSION.to_owned(),
            pid: self.info.pid,
            entries: self.shared.tables.used(),
            waited: waited.sum(),
            is_incomplete,
        };
        self.reloads.past.push(PastReload {
            at_ms: clock::unix_ms(),
            generation: self.succession.generation().saturating_sub(1),
            version,
            took_ms,
            end,
        });
    }
}
