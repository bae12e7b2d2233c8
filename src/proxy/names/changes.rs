//! What becomes of a server when its name finds an address or loses it.

use std::net::IpAddr;

use super::lines;
use crate::config::Severity;
use crate::config::{BackendId, ServerIndex, ServerPort};
use crate::proxy::shared::Shared;

impl Shared {
    /// The name of a server has led to an address.
    pub(super) fn find_address(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        ip: IpAddr,
        source: &str,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let place = format!("{}/{}", section.config.name, section.server(index).config.name);
        let server = section.server_mut(index);
        let Some(naming) = &mut server.naming else { return };
        let was_missing = naming.is_missing;
        naming.ip = Some(ip);
        let (old, port) = server.address.ip().unwrap_or((ip, ServerPort::Fixed(0)));
        if was_missing || old != ip {
            server.move_to(ip, port);
            let from = Some(old).filter(|_| !was_missing);
            let line = lines::moved(&place, from, ip, source);
            self.log_server(backend, index, Severity::Notice, line, now_ms);
        }
        if was_missing {
            self.end_missing(backend, index, source != lines::FROM_RECORD, now_ms);
        }
        self.note_moved(backend, index);
    }

    /// The name of a server leads to no address any more.
    pub(super) fn lose_address(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        why: &str,
        now_ms: u64,
    ) {
        let server = self.backend_mut(backend).server_mut(index);
        if server.naming.as_ref().is_none_or(|naming| naming.is_missing) {
            return;
        }
        server.unsettle();
        self.begin_missing(backend, index, why, now_ms);
        self.note_moved(backend, index);
    }

    /// Does what follows from another address of a server: stick entries may name servers by
    /// their addresses.
    pub fn note_moved(&mut self, backend: BackendId, index: ServerIndex) {
        let Self { backends, tables, .. } = self;
        let Some(section) = backends.get_mut(backend.index()) else { return };
        let server = section.server(index);
        let to = (!server.is_missing()).then(|| server.address.shown());
        section.stick.move_server(index, to.as_deref(), tables);
    }

    /// Gives a server the weight of its record: 0 to 65535 become 0 to 256.
    pub(super) fn take_record_weight(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        weight: u16,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let had_servers = section.has_servers();
        let weight = u32::from(weight).div_ceil(256);
        // A static algorithm keeps the weights of the lines.
        if section.set_weight(index, weight) == Ok(true) {
            self.record_backend_change(backend, had_servers, now_ms);
        }
    }
}
