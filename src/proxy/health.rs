//! What follows when a server's health or administrative state changes: its counters, its
//! backend's, and the notices for the log.

use super::backend::Backend;
use super::cause::Ended;
use super::check::counter::Counter;
use super::check::verdict::Verdict;
use super::server::{AdminState, Health, Server};
use super::shared::Shared;
use crate::config::{BackendId, ServerIndex};

/// A line about a backend or one of its servers, for the backend's log targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose log targets it is for.
    pub backend: BackendId,
    /// How grave it is.
    pub gravity: Gravity,
    /// The line.
    pub text: String,
}

/// How grave a notice is; the words of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// A backend has no server left.
    Emerg,
    /// A server is lost.
    Alert,
    /// An operator took a server out.
    Warning,
    /// A server is back.
    Notice,
}

/// Why a server's health changed.
#[derive(Clone, Copy, Debug)]
enum Why<'a> {
    /// A check said so; the words for the log unless it has said them already.
    Check(Option<&'a Verdict>),
    /// An operator said so.
    Operator,
    /// The server that it tracks changed: its name.
    Tracked(&'a str),
}

/// Connections that are to end because of a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// The backend.
    pub backend: BackendId,
    /// Those of this server.
    pub server: ServerIndex,
    /// What is logged of it.
    pub ended: Ended,
}

impl Shared {
    /// Changes what is wanted of a server, as an operator does.
    pub fn set_admin_state(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        state: AdminState,
        now_ms: u64,
    ) {
        self.change_admin(backend, server, state, None, now_ms);
    }

    /// Changes whether a server works, as an operator does.
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

    /// Takes the result of a check.
    pub fn note_check(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        verdict: Verdict,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let log_checks = section.config.health.log_checks;
        let name = section.config.name.clone();
        let server = section.server_mut(index);
        let Some(checked) = &mut server.checked else { return };
        let has_passed = verdict.status.has_passed();
        let (before, status_before) = (checked.counter, checked.last.status);
        if !has_passed && before.is_up() {
            checked.failed += 1;
        }
        checked.counter.count(has_passed);
        checked.is_running = false;
        checked.last = verdict.clone();
        let counter = checked.counter;
        if log_checks && (counter != before || status_before != verdict.status) {
            let text = check_line(&name, server, counter, &verdict);
            self.say(backend, Gravity::Notice, text);
        }
        let health = if counter.is_up() { Health::Up } else { Health::Down };
        let why = Why::Check(Some(&verdict).filter(|_| !log_checks));
        self.change_health(backend, index, health, why, now_ms);
    }

    fn change_health(
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
        if server.admin != AdminState::Maint {
            server.note_change(before == Health::Down, health == Health::Down, now_ms);
            if before == Health::Down {
                self.start_warming(backend, index, now_ms);
            }
            let section = self.backend_mut(backend);
            section.server_changed();
            let text = health_line(section, index, health, why);
            let gravity = match health {
                Health::Down => Gravity::Alert,
                Health::Up | Health::Stopping => Gravity::Notice,
            };
            self.say(backend, gravity, text);
        }
        self.note_backend(backend, had_servers, now_ms);
        self.shut_down(backend, index, health, before);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            shared.change_health(backend, index, health, Why::Tracked(name), now_ms);
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
            return; // an operator's word for this very server counts more
        }
        server.admin = state;
        server.inherits_admin = via.is_some() && state != AdminState::Ready;
        let (was_maint, is_maint) = (before == AdminState::Maint, state == AdminState::Maint);
        server.note_change(was_maint, is_maint, now_ms);
        if was_maint && let Some(checked) = &mut server.checked {
            // The next check decides.
            checked.counter.put_on_edge();
        }
        if was_maint && server.config.health.track.is_none() {
            server.health = Health::Up;
            if let Some(checked) = &mut server.checked {
                checked.counter.adopt(checked.counter.rise());
            }
        }
        if was_maint {
            self.start_warming(backend, index, now_ms);
        }
        let section = self.backend_mut(backend);
        section.server_changed();
        let text = admin_line(section, index, (before, state), via);
        let gravity = if is_maint { Gravity::Alert } else { Gravity::Notice };
        self.say(backend, gravity, text);
        self.note_backend(backend, had_servers, now_ms);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            shared.change_admin(backend, index, state, Some(name), now_ms);
        });
    }

    /// Does `change` for every server that tracks this one, with this one's name.
    fn for_trackers(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        mut change: impl FnMut(&mut Self, BackendId, ServerIndex, &str),
    ) {
        let mut trackers = Vec::new();
        for (other, section) in (0..).map(BackendId).zip(&self.backends) {
            for (index, tracker) in (0..).map(ServerIndex).zip(&section.servers) {
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

    /// A server that tracks another begins as that one does.
    pub(super) fn start_tracking(&mut self) {
        for at in 0..self.backends.len() {
            for index in 0..self.backends[at].servers.len() {
                let mut end = self.backends[at].servers[index].config.health.track;
                let Some(mut root) = end else { continue };
                while let Some(next) = end {
                    root = next;
                    end = self.backend(root.0).server(root.1).config.health.track;
                }
                let root = self.backend(root.0).server(root.1);
                let (admin, health) = (root.admin, root.health);
                let server = &mut self.backends[at].servers[index];
                server.health = health;
                if server.admin == AdminState::Ready && admin != AdminState::Ready {
                    server.admin = admin;
                    server.inherits_admin = true;
                }
            }
            self.backends[at].server_changed();
        }
    }

    /// A server is back: it gets its weight little by little if it is configured so.
    fn start_warming(&mut self, backend: BackendId, index: ServerIndex, now_ms: u64) {
        let section = self.backend_mut(backend);
        let is_static = section.config.has_static_weights();
        if !is_static && section.server_mut(index).start_warming() {
            self.warming.push((backend, index));
            self.warming_step_ms.get_or_insert(now_ms);
        }
    }

    /// Raises the weights of the servers that warm up.
    pub fn warm_up(&mut self, now_ms: u64) {
        if self.warming_step_ms.is_none_or(|step_ms| now_ms < step_ms) {
            return;
        }
        let mut step_ms = u64::from(u32::MAX);
        let mut warming = std::mem::take(&mut self.warming);
        warming.retain(|(backend, index)| {
            let section = self.backend_mut(*backend);
            let server = section.server_mut(*index);
            let goes_on = server.warm_up(now_ms);
            let slow_ms = server.config.health.slow_start_ms.map_or(0, u64::from);
            step_ms = step_ms.min((slow_ms / 20).max(1));
            section.server_changed();
            goes_on
        });
        self.warming_step_ms = (!warming.is_empty()).then_some(now_ms + step_ms);
        self.warming = warming;
    }

    /// Notes whether a backend has lost its last server or got its first one back.
    pub fn note_backend(&mut self, id: BackendId, had_servers: bool, now_ms: u64) {
        let backend = self.backend_mut(id);
        let has_servers = backend.has_servers();
        if has_servers == had_servers {
            return;
        }
        backend.outage.note(had_servers, now_ms);
        if !has_servers {
            let name = self.backend(id).config.name.clone();
            let kind = match self.frontends.iter().any(|frontend| frontend.config.name == name) {
                true => "proxy",
                false => "backend",
            };
            log::error!("{kind} '{name}' has no server available!");
            let text = format!("{kind} {name} has no server available!");
            self.notices.push(Notice { backend: id, gravity: Gravity::Emerg, text });
        }
    }

    fn shut_down(&mut self, backend: BackendId, index: ServerIndex, health: Health, was: Health) {
        let Self { backends, shutdowns, .. } = self;
        let section = &backends[backend.index()];
        let config = &section.server(index).config.health;
        if health == Health::Down && config.shutdown_when_down {
            shutdowns.push(Shutdown { backend, server: index, ended: Ended::ServerDown });
        }
        if was == Health::Down && health == Health::Up && config.shutdown_backups_when_up {
            let servers = (0..).map(ServerIndex).zip(&section.servers);
            let backups = servers.filter(|(_, server)| server.config.backup);
            shutdowns.extend(backups.map(|(server, _)| Shutdown {
                backend,
                server,
                ended: Ended::ServerUp,
            }));
        }
    }

    fn say(&mut self, backend: BackendId, gravity: Gravity, text: String) {
        log::warn!("{text}");
        self.notices.push(Notice { backend, gravity, text });
    }
}

/// `Server b/s` or `Backup Server b/s`.
fn subject(backend: &Backend, server: &Server) -> String {
    let backup = if server.config.backup { "Backup " } else { "" };
    format!("{backup}Server {}/{}", backend.config.name, server.config.name)
}

/// What is left: the end of a line about a server that is lost.
fn left(backend: &Backend, server: &Server) -> String {
    let (active, backups) = (backend.active(), backend.backups());
    let on_backup = if active == 0 && backups > 0 { " Running on backup." } else { "" };
    let sessions = server.counters.current;
    format!(
        "{active} active and {backups} backup servers left.{on_backup} {sessions} sessions active, \
         0 requeued, 0 remaining in queue."
    )
}

/// What there is: the end of a line about a server that takes clients again.
fn online(backend: &Backend) -> String {
    let (active, backups) = (backend.active(), backend.backups());
    let on_backup = if active == 0 && backups > 0 { " Running on backup." } else { "" };
    format!(
        "{active} active and {backups} backup servers online.{on_backup} 0 sessions requeued, 0 \
         total in queue."
    )
}

fn health_line(backend: &Backend, index: ServerIndex, health: Health, why: Why<'_>) -> String {
    let server = backend.server(index);
    let subject = subject(backend, server);
    let state = match health {
        Health::Up => "is UP",
        Health::Down => "is DOWN",
        Health::Stopping => "is stopping",
    };
    let why = match why {
        Why::Check(Some(verdict)) => format!(", reason: {verdict}"),
        Why::Check(None) => String::new(),
        Why::Operator => ", changed from CLI".to_owned(),
        Why::Tracked(name) => format!(" via {name}"),
    };
    let rest = match health {
        Health::Down => left(backend, server),
        Health::Up | Health::Stopping => online(backend),
    };
    format!("{subject} {state}{why}. {rest}")
}

fn admin_line(
    backend: &Backend,
    index: ServerIndex,
    (before, state): (AdminState, AdminState),
    via: Option<&str>,
) -> String {
    let server = backend.server(index);
    let subject = subject(backend, server);
    let by = via.map(|name| format!(" via {name}")).unwrap_or_default();
    let forced = if via.is_some() { "" } else { "forced " };
    let works = if server.health == Health::Down { "DOWN" } else { "UP" };
    match (before, state) {
        (_, AdminState::Maint) => {
            format!("{subject} is going DOWN for maintenance{by}. {}", left(backend, server))
        }
        (AdminState::Maint, AdminState::Ready) => {
            format!("{subject} is {works}/READY (leaving {forced}maintenance).")
        }
        (AdminState::Maint, AdminState::Drain) => {
            format!("{subject} is {works}/DRAIN (leaving {forced}maintenance).")
        }
        (_, AdminState::Drain) => {
            format!("{subject} enters drain state{by}. {}", online(backend))
        }
        (_, AdminState::Ready) => format!("{subject} is {works} (leaving {forced}drain)."),
    }
}

fn check_line(backend: &str, server: &Server, counter: Counter, verdict: &Verdict) -> String {
    let result = if verdict.status.has_passed() { "succeeded" } else { "failed" };
    let (at, of) = counter.progress();
    let is_drained = server.admin == AdminState::Drain || server.weight == 0;
    let state = match (counter.is_up(), is_drained) {
        (true, true) => "DRAIN",
        (true, false) => "UP",
        (false, _) => "DOWN",
    };
    let backup = if server.config.backup { "backup " } else { "" };
    let name = &server.config.name;
    format!(
        "Health check for {backup}server {backend}/{name} {result}, reason: {verdict}, status: \
         {at}/{of} {state}."
    )
}
