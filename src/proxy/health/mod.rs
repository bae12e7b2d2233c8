//! The health of servers.
//!
//! ```text
//! check/        asks servers and agents, and judges their answers
//! results.rs    decides whether a result changes a server's health
//! mod.rs        changes the health or administrative state, and what depends on it: counters,
//!               servers that track this server, connections that must end, notices
//! missing.rs    the same for a server whose name leads to no address
//! log_lines.rs  the text of the notices
//! ```

pub mod check;
pub mod log_lines;
mod missing;
pub mod notice;
pub mod results;

use log::Level;

use super::backend::server::{AdminState, Author, Health, Origin};
use super::connection::log_record::Cause;
use super::shared::Shared;
use crate::config::Severity;
use crate::config::{BackendId, ServerIndex};
use crate::logging::limited;
use crate::logging::limited::Topic;
use notice::Why;
pub use notice::{Notice, Shutdown};

const SERVER: Topic = Topic::change("a server changes its state");
const NO_SERVER: Topic = Topic::change("a backend has no server");

impl Shared {
    /// Changes a server's administrative state, as an operator or the server's agent does.
    pub fn set_admin_state(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        state: AdminState,
        author: Author,
        now_ms: u64,
    ) {
        let target = self.backend_mut(backend).server_mut(server);
        author.sign(&mut target.by_agent.admin, target.admin != state);
        self.change_admin(backend, server, state, None, now_ms);
    }

    /// Changes a server's health, as an operator does.
    pub fn set_health(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        health: Health,
        now_ms: u64,
    ) {
        if let Some(checked) = &mut self.backend_mut(backend).server_mut(server).checked {
            checked.counter.set(health != Health::Down);
        }
        self.change_health(backend, server, health, Why::Operator, now_ms);
    }

    /// Changes the health that a server has by its agent, as an operator does. Does nothing if
    /// the server has no agent.
    pub fn set_agent_health(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        health: Health,
        now_ms: u64,
    ) {
        if let Some(agent) = &mut self.backend_mut(backend).server_mut(server).agent {
            agent.counter.set(health != Health::Down);
            self.change_health(backend, server, health, Why::Operator, now_ms);
        }
    }

    pub(super) fn change_health(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        health: Health,
        why: Why<'_>,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let had_servers = section.has_servers();
        let server = section.server_mut(index);
        let before = server.health;
        if before == health {
            return;
        }
        server.health = health;
        if !server.is_in_maintenance() {
            server.mark_changed(before == Health::Down, health == Health::Down, now_ms);
            let is_drained = server.admin == AdminState::Drain;
            if before == Health::Down {
                self.start_warming(backend, index, now_ms);
            }
            let section = self.backend_mut(backend);
            let queue = section.server_changed_at(index, health == Health::Down);
            let text = log_lines::health_line(section, index, health, why, queue);
            // A server in drain mode took no new clients, so its failure is not counted as a loss.
            let is_loss = health == Health::Down && before == Health::Up && !is_drained;
            let severity = if is_loss { Severity::Alert } else { Severity::Notice };
            self.log_server(backend, index, severity, text, now_ms);
            self.log_if_drained(backend, index, now_ms);
        }
        self.record_backend_change(backend, had_servers, now_ms);
        self.shut_down(backend, index, health, before);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            // The agent of the tracking server may report that server as down.
            let is_found_up = shared.backend(backend).server(index).is_found_up();
            if health == Health::Down || is_found_up {
                shared.change_health(backend, index, health, Why::Tracked(name), now_ms);
            }
        });
    }

    fn change_admin(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        state: AdminState,
        via: Option<&str>,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let had_servers = section.has_servers();
        let server = section.server_mut(index);
        let before = server.admin;
        if before == state {
            return;
        }
        let inherits = server.inherits_admin;
        if via.is_some() && !inherits && before != AdminState::Ready {
            return; // an operator's command for this very server counts more
        }
        if server.is_missing() {
            server.inherits_admin = via.is_some() && state != AdminState::Ready;
            return self.change_admin_of_missing(backend, index, state, now_ms);
        }
        let (was_maint, is_maint) = (before == AdminState::Maint, state == AdminState::Maint);
        server.admin = state;
        if server.origin == Origin::New {
            server.origin = Origin::Command;
        }
        server.inherits_admin = via.is_some() && state != AdminState::Ready;
        let health = server.health;
        let was_out = was_maint || health == Health::Down;
        if was_maint {
            self.leave_maintenance(backend, index);
        }
        let server = self.backend_mut(backend).server_mut(index);
        server.mark_changed(was_out, is_maint || server.health == Health::Down, now_ms);
        if was_maint {
            self.start_warming(backend, index, now_ms);
        }
        let section = self.backend_mut(backend);
        let queue = section.server_changed_at(index, is_maint);
        let text = log_lines::admin_line(section, index, before, state, via, queue);
        let is_loss = is_maint && before == AdminState::Ready && health == Health::Up;
        let severity = if is_loss { Severity::Alert } else { Severity::Notice };
        self.log_server(backend, index, severity, text, now_ms);
        if was_maint {
            self.log_if_drained(backend, index, now_ms);
        }
        self.record_backend_change(backend, had_servers, now_ms);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            shared.change_admin(backend, index, state, Some(name), now_ms);
            // One that was in service all the time has its health from this server too.
            if was_maint {
                let health = shared.found_health(backend, index);
                shared.change_health(backend, index, health, Why::Tracked(name), now_ms);
            }
        });
    }

    /// The health of a server that leaves maintenance. The server is up until the next check
    /// decides, unless its agent or the server that it tracks says that it is down.
    fn leave_maintenance(&mut self, backend: BackendId, index: ServerIndex) {
        let server = self.backend_mut(backend).server_mut(index);
        if let Some(checked) = &mut server.checked {
            checked.counter.adopt(checked.counter.rise());
        }
        let health = self.found_health(backend, index);
        self.backend_mut(backend).server_mut(index).health = health;
    }

    /// The health of a server by its checks, its agent and the server that it tracks.
    pub(super) fn found_health(&self, backend: BackendId, index: ServerIndex) -> Health {
        let server = self.backend(backend).server(index);
        match server.config.health.track {
            _ if !server.is_found_up() => Health::Down,
            Some((backend, tracked)) => self.backend(backend).server(tracked).health,
            None => Health::Up,
        }
    }

    /// Calls `change` for every server that tracks this server, with this server's name.
    fn for_trackers(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        mut change: impl FnMut(&mut Self, BackendId, ServerIndex, &str),
    ) {
        let mut trackers = Vec::new();
        for (other, section) in (0..).map(BackendId).zip(&self.backends) {
            for (index, tracker) in section.servers.indexed() {
                if tracker.config.health.track == Some((backend, server)) {
                    trackers.push((other, index));
                }
            }
        }
        if trackers.is_empty() {
            return;
        }
        let section = self.backend(backend);
        let name = format!("{}/{}", section.config.name, section.server(server).config.name);
        for (backend, server) in trackers {
            change(self, backend, server, &name);
        }
    }

    /// Gives a server that tracks another server the first state of that server.
    pub(super) fn start_tracking(&mut self) {
        for at in 0..self.backends.len() {
            for position in 0..self.backends[at].servers.len() {
                let Some(index) = self.backends[at].servers.index_at(position) else { continue };
                let mut end = self.backends[at].server(index).config.health.track;
                let Some(mut root) = end else { continue };
                while let Some(next) = end {
                    root = next;
                    end = self.backend(root.0).server(root.1).config.health.track;
                }
                let root = self.backend(root.0).server(root.1);
                let admin = if root.is_missing() { AdminState::Maint } else { root.admin };
                let health = root.health;
                let server = self.backends[at].server_mut(index);
                server.health = health;
                if server.admin == AdminState::Ready && admin != AdminState::Ready {
                    server.admin = admin;
                    server.inherits_admin = true;
                }
            }
            self.backends[at].server_changed();
        }
    }

    /// Begins to warm a server up that is back (`slowstart`): its weight grows in steps, according
    /// to when it changed its state.
    pub fn start_warming(&mut self, backend: BackendId, index: ServerIndex, now_ms: u64) {
        let section = self.backend_mut(backend);
        let is_static = section.config.has_static_weights();
        if !is_static && section.server_mut(index).start_warming() {
            self.warming.push((backend, index));
            self.warming_step_ms.get_or_insert(now_ms);
        }
    }

    /// Raises the weights of the servers that are warming up.
    pub fn warm_up(&mut self, now_ms: u64) {
        if self.warming_step_ms.is_none_or(|step_ms| now_ms < step_ms) {
            return;
        }
        let mut step_ms = u64::from(u32::MAX);
        let Self { warming, backends, .. } = self;
        warming.retain(|(backend, index)| {
            let section = &mut backends[backend.index()];
            let server = section.server_mut(*index);
            let goes_on = server.warm_up(now_ms);
            let slow_ms = server.config.settings.health.slow_start_ms.map_or(0, u64::from);
            step_ms = step_ms.min((slow_ms / 20).max(1));
            section.server_changed();
            goes_on
        });
        self.warming_step_ms = (!warming.is_empty()).then_some(now_ms + step_ms);
    }

    /// Records and logs that a backend lost its last server or has a server again.
    pub fn record_backend_change(&mut self, id: BackendId, had_servers: bool, now_ms: u64) {
        let backend = self.backend_mut(id);
        let has_servers = backend.has_servers();
        if has_servers == had_servers {
            return;
        }
        backend.outage.change(had_servers, now_ms);
        if !has_servers {
            let name = self.backend(id).config.name.clone();
            let kind = match self.frontends.iter().any(|frontend| frontend.config.name == name) {
                true => "proxy",
                false => "backend",
            };
            let text = format_args!("{kind} '{name}' has no server available!");
            limited::log(Level::Error, now_ms, NO_SERVER, &name, text);
            let text = format!("{kind} {name} has no server available!");
            self.notices.push(Notice { backend: id, severity: Severity::Emerg, text });
        }
    }

    fn shut_down(&mut self, backend: BackendId, index: ServerIndex, health: Health, was: Health) {
        let Self { backends, shutdowns, .. } = self;
        let section = &backends[backend.index()];
        let config = &section.server(index).config.settings.health;
        if health == Health::Down && config.shutdown_when_down {
            shutdowns.push(Shutdown { backend, server: index, cause: Cause::ServerDown });
        }
        if was == Health::Down && health == Health::Up && config.shutdown_backups_when_up {
            let servers = section.servers.indexed();
            let backups = servers.filter(|(_, server)| server.config.settings.backup);
            shutdowns.extend(backups.map(|(server, _)| Shutdown {
                backend,
                server,
                cause: Cause::ServerUp,
            }));
        }
    }

    /// Logs that a server is still drained after something else about the server changed.
    pub(super) fn log_if_drained(&mut self, backend: BackendId, index: ServerIndex, now_ms: u64) {
        let section = self.backend(backend);
        if section.server(index).is_drained_itself() {
            let text = log_lines::drained_line(section, index);
            self.log_server(backend, index, Severity::Notice, text, now_ms);
        }
    }

    /// Sends a line about a server to the backend's log targets and to the program's own messages.
    /// The own messages are limited, because a server may change its state all the time.
    pub(super) fn log_server(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        severity: Severity,
        text: String,
        now_ms: u64,
    ) {
        let about = format_args!("{}/{}", backend.index(), index.index());
        limited::warn(now_ms, SERVER, about, format_args!("{text}"));
        self.notices.push(Notice { backend, severity, text });
    }
}
