//! Servers in maintenance because their name leads to no address.

use super::log_lines;
use crate::config::{BackendId, ServerIndex, Severity};
use crate::proxy::backend::server::{AdminState, Health};
use crate::proxy::shared::Shared;

impl Shared {
    /// A server has lost its address: it is in maintenance until it has one.
    pub(in crate::proxy) fn begin_missing(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        why: &str,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let had_servers = section.has_servers();
        let server = section.server_mut(index);
        let (admin, health) = (server.admin, server.health);
        if admin == AdminState::Maint {
            return;
        }
        server.mark_changed(health == Health::Down, true, now_ms);
        let queue = section.server_changed_at(index, true);
        let text = log_lines::missing_line(section, index, why, queue);
        let is_loss = admin == AdminState::Ready && health == Health::Up;
        let severity = if is_loss { Severity::Alert } else { Severity::Notice };
        self.log_server(backend, index, severity, text, now_ms);
        self.record_backend_change(backend, had_servers, now_ms);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            shared.change_admin(backend, index, AdminState::Maint, Some(name), now_ms);
        });
    }

    /// A server has an address again. `is_by_answer` says that its own name was asked for.
    pub(in crate::proxy) fn end_missing(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        is_by_answer: bool,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let had_servers = section.has_servers();
        let server = section.server_mut(index);
        let admin = server.admin;
        let Some(naming) = &mut server.naming else { return };
        naming.is_missing = false;
        if admin == AdminState::Maint {
            return;
        }
        self.leave_maintenance(backend, index);
        let server = self.backend_mut(backend).server_mut(index);
        server.mark_changed(true, server.health == Health::Down, now_ms);
        self.start_warming(backend, index, now_ms);
        let section = self.backend_mut(backend);
        section.server_changed_at(index, false);
        let text = log_lines::found_line(section, index);
        self.log_server(backend, index, Severity::Notice, text, now_ms);
        self.log_if_drained(backend, index, now_ms);
        if is_by_answer {
            let text = log_lines::answer_line(self.backend(backend), index);
            self.log_server(backend, index, Severity::Notice, text, now_ms);
        }
        self.record_backend_change(backend, had_servers, now_ms);
        self.for_trackers(backend, index, |shared, backend, index, name| {
            shared.change_admin(backend, index, admin, Some(name), now_ms);
        });
    }

    /// Changes what an operator wants of a server that stays in maintenance all the same.
    pub(super) fn change_admin_of_missing(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        state: AdminState,
        now_ms: u64,
    ) {
        let server = self.backend_mut(backend).server_mut(index);
        let was_maint = server.admin == AdminState::Maint;
        server.admin = state;
        if was_maint {
            let text = log_lines::still_missing_line(self.backend(backend), index);
            self.log_server(backend, index, Severity::Notice, text, now_ms);
        }
    }
}
