//! What is shown of a session: to the Runtime API, to logs, and to whoever drives it.

use super::learn::Told;
use super::{Session, State};
use crate::config::TableId;
use crate::peers::peer::PeerId;
use crate::peers::section::Section;
use crate::peers::wire::hello::Version;
use crate::table::{Dictionary, UpdateId};

/// One table as a session sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableView {
    /// Which table.
    pub id: TableId,
    /// Our number for it.
    pub local_id: u64,
    /// The other side's number for it, once it has told.
    pub remote_id: Option<u64>,
    /// The last update pushed.
    pub pushed: UpdateId,
    /// The last update the peer has acknowledged.
    pub acked: UpdateId,
    /// The last live update received.
    pub received: Option<UpdateId>,
    /// The last one that was acknowledged to the peer.
    pub answered: Option<UpdateId>,
    /// The data types that the other side stores, one bit each; 0 before it has told.
    pub remote_data: u64,
}

impl Session {
    /// The other side, once it is known.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// Whether the handshake is over and the session lives.
    pub fn is_established(&self) -> bool {
        self.state == State::WaitMessage
    }

    /// Whether the other side has called and not yet said all of its hello.
    pub fn awaits_hello(&self) -> bool {
        matches!(self.state, State::GetVersion | State::GetHost { .. } | State::GetPeer { .. })
    }

    /// What is spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether a lesson that we give is not over.
    pub fn is_teaching(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.teacher.is_teaching())
    }

    /// What has been received and not been read: after a failed handshake, from the line at fault.
    pub fn unread(&self) -> &[u8] {
        self.input.unread()
    }

    /// The bytes sent so far.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// The names that the other side knows from us, by slot.
    pub fn sent_names(&self, dictionary: &Dictionary) -> Vec<(u8, Vec<u8>)> {
        self.exchange
            .as_ref()
            .map_or_else(Vec::new, |exchange| exchange.teacher.names().list(dictionary))
    }

    /// The names that we know from the other side, by slot.
    pub fn learned_names(&self) -> Vec<(u8, Vec<u8>)> {
        self.exchange.as_ref().map_or_else(Vec::new, |exchange| exchange.learner.names().list())
    }

    /// The section's tables as this session sees them; none before the handshake is over.
    pub fn tables(&self, section: &Section) -> Vec<TableView> {
        let Some(exchange) = &self.exchange else { return Vec::new() };
        let acked = section.peer(exchange.peer).acked();
        let own = section.tables().iter().zip(acked).enumerate();
        let view = own.map(|(index, (own, acked))| {
            let Told { remote_id, remote_data, received, answered } = exchange.learner.told(index);
            let pushed = exchange.teacher.pushed(index);
            TableView {
                id: own.id,
                local_id: index as u64 + 1,
                remote_id,
                pushed,
                acked: *acked,
                received,
                answered,
                remote_data,
            }
        });
        view.collect()
    }
}
