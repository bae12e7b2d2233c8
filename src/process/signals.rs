//! What the process does on a signal: it stops, drains, reloads, or logs its state.

use nix::sys::signal::Signal;

use super::{Process, Stop};
use crate::proxy::Shared;
use crate::reactor::clock;

impl Process {
    /// Acts on every signal that has arrived.
    pub(super) fn handle_signals(&mut self, now_ms: u64) {
        while let Some(signal) = self.signals.take() {
            match signal {
                Signal::SIGUSR1 => self.start_soft_stop(now_ms),
                Signal::SIGTERM | Signal::SIGINT => {
                    log::info!("{signal}: stopping now");
                    self.succession.note_stopping();
                    self.stop_successor(now_ms);
                    self.supervision.keep(&[]);
                    self.stop = Stop::Now;
                    self.stopped_by = Some(signal);
                }
                Signal::SIGUSR2 => self.start_reload(now_ms),
                Signal::SIGHUP => self.log_state(),
                Signal::SIGCHLD => {
                    self.succession.reap_children();
                    self.checks.note_end_of_child();
                }
                other => log::debug!("{other} is not handled"),
            }
        }
    }

    /// Stops listening. The process ends when its connections have ended, or after
    /// `hard-stop-after`. A process that listens at the local peer's address is taught, as HAProxy
    /// expects.
    pub(super) fn start_soft_stop(&mut self, now_ms: u64) {
        if self.stop != Stop::No || self.has_to_hand_over(now_ms) {
            return;
        }
        self.succession.note_stopping();
        self.saving.save(); // for a process that may be started before this one ends
        self.stop_listening(now_ms);
        self.peers.start_local_teaching(now_ms);
    }

    /// Closes the listeners, ends the sessions with peers, and drains.
    pub(super) fn stop_listening(&mut self, now_ms: u64) {
        log::info!("soft stop: {} connections are left to finish", self.clients.len());
        self.supervision.keep(&[]); // or else the sockets would stay open
        self.clients.close_listeners(&self.reactor);
        self.checks.stop();
        self.admin.close_listeners(&self.reactor, now_ms);
        self.peers.retire(&self.reactor, &mut self.shared.tables, now_ms);
        let Shared { frontends, backends, .. } = &mut self.shared;
        for frontend in frontends.iter_mut().filter(|frontend| !frontend.stopped) {
            frontend.stopped = true;
            let config = &frontend.config;
            let backend = backends.iter().find(|backend| backend.config.name == config.name);
            let counts = (
                frontend.counters.connections,
                backend.map_or(0, |backend| backend.counters.connections),
            );
            self.logger.proxy_stopped(&config.log, &config.name, counts, clock::wall());
        }
        let limit_ms = self.config.global.hard_stop_after_ms;
        let until_ms = limit_ms.map(|limit_ms| now_ms + u64::from(limit_ms));
        self.stop = Stop::Soft { until_ms };
    }

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
                    (server.admin, server.health),
                    server.counters.current,
                    server.counters.connections
                );
            }
        }
        self.peers.log_state();
    }
}
