//! What a session shows of itself to the Runtime API, to the log and to its driver.

use super::learn::ReceivedView;
use super::{Session, State};
use crate::config::TableId;
use crate::net::tls::names::Names;
use crate::peers::peer::PeerId;
use crate::peers::section::Section;
use crate::table::{Dictionary, UpdateId};

/// One table as a session sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableView {
    /// Which table.
    pub id: TableId,
    /// Our number for it.
    pub local_id: u64,
    /// The other side's number for it, once it has defined the table.
    pub remote_id: Option<u64>,
    /// The last update pushed.
    pub pushed: UpdateId,
    /// The last update the peer has acknowledged.
    pub acked: UpdateId,
    /// The last live update received.
    pub received: Option<UpdateId>,
    /// The last update that was acknowledged to the peer.
    pub answered: Option<UpdateId>,
    /// The data types that the other side stores, one bit each; 0 before the definition.
    pub remote_data: u64,
    /// The updates received since the start of the process.
    pub learned: u64,
}

impl Session {
    /// The other side, once it is known.
    pub fn peer(&self) -> Option<PeerId> {
        self.owner.map(|owner| owner.peer)
    }

    /// Whether the handshake is over and the session lives.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Messages(_))
    }

    /// The names in the certificate that the other side has shown, if it had to
    /// show one.
    pub fn certificate(&self) -> Option<&Names> {
        self.certificate.as_ref()
    }

    /// Whether the other side has called and not yet said all of its hello.
    pub fn awaits_hello(&self) -> bool {
        matches!(&self.state, State::Handshake(handshake) if handshake.awaits_hello())
    }

    /// Whether a resync that the other side has asked for is not confirmed.
    pub fn is_teaching(&self) -> bool {
        self.exchange().is_some_and(|exchange| exchange.teacher.is_teaching())
    }

    /// The bytes received and not read: after a failed handshake, from the line at fault on.
    pub fn unread(&self) -> &[u8] {
        self.input.unread()
    }

    /// The bytes sent so far.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// The names that the other side knows from us, by slot.
    pub fn sent_names(&self, dictionary: &Dictionary) -> Vec<(u8, Vec<u8>)> {
        self.exchange().map_or_else(Vec::new, |exchange| exchange.teacher.names().list(dictionary))
    }

    /// The names that we know from the other side, by slot.
    pub fn learned_names(&self) -> Vec<(u8, Vec<u8>)> {
        self.exchange().map_or_else(Vec::new, |exchange| exchange.learner.names().list())
    }

    /// The section's tables as this session sees them; none before the handshake is over.
    pub fn tables(&self, section: &Section) -> Vec<TableView> {
        let Some(exchange) = self.exchange() else { return Vec::new() };
        let peer = section.peer(exchange.peer);
        let own = section.tables().iter().zip(peer.acked()).zip(peer.learned()).enumerate();
        let view = own.map(|(index, ((own, acked), learned))| {
            let ReceivedView { remote_id, remote_data, received, answered, count } =
                exchange.learner.view(index);
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
                learned: learned + count,
            }
        });
        view.collect()
    }
}
