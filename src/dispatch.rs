//! Which part an event or a signal belongs to.

use mio::event::Event;
use nix::sys::signal::Signal;

use crate::process::{Process, Stop};
use crate::reactor::token::Source;

impl Process {
    /// Notes an event with whom it belongs to. Signals alone act at once.
    pub(crate) fn dispatch(&mut self, event: &Event, now_ms: u64) {
        let Some(source) = Source::from_token(event.token()) else { return };
        match source {
            Source::Signal => self.handle_signals(now_ms),
            Source::Listener(slot) => self.clients.note_listener(slot),
            Source::Client(slot) => self.clients.note_client(slot, event),
            Source::Server(slot) => self.clients.note_server(slot, event),
            Source::PeersListener(_)
            | Source::Peer(_)
            | Source::AdminListener(_)
            | Source::Admin(_)
            | Source::Check(_)
            | Source::Handover(_)
            | Source::Log(_) => {}
        }
    }

    fn handle_signals(&mut self, now_ms: u64) {
        while let Some(signal) = self.signals.take() {
            match signal {
                Signal::SIGUSR1 => self.start_soft_stop(now_ms),
                Signal::SIGTERM | Signal::SIGINT => {
                    log::info!("{signal}: stopping now");
                    self.stop = Stop::Now;
                }
                Signal::SIGUSR2 => self.start_reload(now_ms),
                Signal::SIGHUP => self.log_state(),
                Signal::SIGCHLD => self.note_child_exit(),
                other => log::debug!("{other} is not handled"),
            }
        }
    }

    /// Stops listening; the process ends when its connections have, or after `hard-stop-after`.
    pub fn start_soft_stop(&mut self, now_ms: u64) {
        if self.stop != Stop::No {
            return;
        }
        log::info!("soft stop: {} connections are left to finish", self.clients.len());
        self.clients.close_listeners(&self.reactor);
        for frontend in &mut self.shared.frontends {
            frontend.stopped = true;
        }
        let limit_ms = self.config.global.hard_stop_after_ms;
        let until_ms = limit_ms.map(|limit_ms| now_ms + u64::from(limit_ms));
        self.stop = Stop::Soft { until_ms };
    }

    /// Starts the successor that takes over (`SIGUSR2`).
    fn start_reload(&mut self, _now_ms: u64) {
        log::warn!("reload: not possible yet");
    }

    /// A child has ended: the successor, if one was started.
    fn note_child_exit(&mut self) {}

    /// Logs the state of every proxy (`SIGHUP`).
    fn log_state(&self) {
        for frontend in &self.shared.frontends {
            let counters = &frontend.counters;
            log::info!(
                "frontend {}: {} connections open, {} in all",
                frontend.config.name,
                counters.current,
                counters.connections
            );
        }
        for backend in &self.shared.backends {
            let name = &backend.config.name;
            log::info!(
                "backend {name}: {} active and {} backup servers take new clients, {} \
                 connections open, {} in all",
                backend.active(),
                backend.backups(),
                backend.counters.current,
                backend.counters.connections
            );
            for server in &backend.servers {
                log::info!(
                    "server {name}/{}: {:?}, {} connections open, {} in all",
                    server.config.name,
                    server.state,
                    server.counters.current,
                    server.counters.connections
                );
            }
        }
    }
}
