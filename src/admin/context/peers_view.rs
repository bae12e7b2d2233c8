//! Reads the state of the process's peers' sessions.

use super::peers_status::{
    LinkState, PeerNames, PeerSessionStatus, PeerStatus, PeersStatus, PeersView, SharedTableStatus,
};
use crate::config::PeersId;
use crate::peers::link::Peers;
use crate::peers::resync::State;
use crate::peers::{Peer, PeerId, PeerSession, Section, SectionTable, Session};
use crate::table::Dictionary;

/// HAProxy's numbers for the states of a session.
const WAITS_FOR_STATUS: u32 = 6;
const WAITS_FOR_MESSAGES: u32 = 7;

impl PeersView for Peers {
    fn section(&self, id: PeersId, now_ms: u64) -> PeersStatus {
        let Some(section) = self.sections().get(id.index()) else { return PeersStatus::default() };
        let peers = section.peers().map(|peer| {
            let session = session_with(peer.0, self, id);
            let status = status(section, peer, session, now_ms);
            PeerStatus { bound_at: self.bound_at(id, peer.0).cloned(), ..status }
        });
        let (flags, deadline_ms) = match section.resync().state() {
            State::AwaitPredecessor { until_ms } => (0, Some(until_ms)),
            State::LearnFromPredecessor => (0, None),
            State::SeekTeacher { until_ms } => (1, Some(until_ms)),
            State::LearnFromPeer { .. } => (5, None),
            State::Finished => (3, None),
        };
        let resync_left_ms = deadline_ms.map(|at_ms| at_ms.saturating_sub(now_ms));
        PeersStatus {
            flags,
            resync_left_ms,
            peers: peers.collect(),
            is_up_to_date: section.resync().is_up_to_date(),
            lessons: section.lessons().cloned().collect(),
        }
    }

    fn is_up_to_date(&self, id: PeersId) -> bool {
        let section = self.sections().get(id.index()).filter(|section| section.local().is_some());
        section.is_none_or(|section| section.resync().is_up_to_date())
    }

    fn peer(&self, id: PeersId, at: usize, now_ms: u64) -> Option<PeerStatus> {
        let section = self.sections().get(id.index())?;
        let peer = section.peers().nth(at)?;
        let status = status(section, peer, session_with(peer.0, self, id), now_ms);
        Some(PeerStatus { bound_at: self.bound_at(id, peer.0).cloned(), ..status })
    }

    fn names(&self, id: PeersId, at: usize, dictionary: &Dictionary) -> PeerNames {
        let peer = self.sections().get(id.index()).and_then(|section| section.peers().nth(at));
        let session = peer.and_then(|(peer, _)| session_with(peer, self, id));
        session.map_or_else(PeerNames::default, |session| PeerNames {
            sent: session.sent_names(dictionary),
            received: session.learned_names(),
        })
    }
}

/// The session with a peer. Where there are several, the established session is taken.
fn session_with(peer: PeerId, peers: &Peers, section: PeersId) -> Option<&Session> {
    let own = || peers.sessions(section).filter(|session| session.peer() == Some(peer));
    own().find(|session| session.is_established()).or_else(|| own().next())
}

fn status(
    section: &Section,
    (id, peer): (PeerId, &Peer),
    session: Option<&Session>,
    now_ms: u64,
) -> PeerStatus {
    let counters = peer.counters();
    let is_local = section.local() == Some(id);
    let is_up = session.is_some_and(Session::is_established);
    let left = |at_ms: u64| at_ms.saturating_sub(now_ms);
    PeerStatus {
        active: !is_local,
        last_status: status_word(peer),
        handshake_age_ms: peer.last_handshake_ms().map(|at_ms| now_ms.saturating_sub(at_ms)),
        reconnect_left_ms: (!is_local && !is_up).then(|| left(peer.next_call_ms())),
        heartbeat_left_ms: session.filter(|_| is_up).and_then(Session::poll_timeout).map(left),
        confirms: 0,
        heartbeats_sent: counters.heartbeats_sent,
        heartbeats_received: counters.heartbeats_received,
        heartbeats_missed: counters.silences,
        connections: counters.calls,
        protocol_errors: counters.protocol_errors,
        collisions: counters.collisions,
        flags: 0,
        session: session.map(|_| PeerSessionStatus {
            state: if is_up { WAITS_FOR_MESSAGES } else { WAITS_FOR_STATUS },
            socket_state: if is_up { "EST" } else { "TAR" },
        }),
        bound_at: None,
        node: Some(peer.name().to_owned()),
        is_absent: peer.is_absent(),
        link: link_state(peer, now_ms),
        counters: *counters,
        tables: tables(section, peer, session.filter(|_| is_up)),
    }
}

fn link_state(peer: &Peer, now_ms: u64) -> LinkState {
    match (peer.session(), peer.last_end_ms()) {
        (PeerSession::Up { since_ms, version, caller, .. }, _) => {
            LinkState::Connected { for_ms: now_ms.saturating_sub(since_ms), version, caller }
        }
        (PeerSession::None | PeerSession::Calling { .. }, Some(at_ms)) => {
            LinkState::Down { for_ms: now_ms.saturating_sub(at_ms) }
        }
        (PeerSession::None | PeerSession::Calling { .. }, None) => LinkState::NeverConnected,
    }
}

fn tables(section: &Section, peer: &Peer, session: Option<&Session>) -> Vec<SharedTableStatus> {
    match session {
        Some(session) => {
            let view = |table: crate::peers::TableView| SharedTableStatus {
                table: table.id,
                local_id: table.local_id,
                remote_id: table.remote_id.unwrap_or(0),
                remote_data: table.remote_data,
                last_acked: table.answered.map_or(0, |id| id.0),
                update: table.acked.0,
                last_pushed: table.pushed.0,
                last_got: table.received.map_or(0, |id| id.0),
                learned: table.learned,
            };
            session.tables(section).into_iter().map(view).collect()
        }
        None => {
            let unshared = |(index, table): (usize, &SectionTable)| SharedTableStatus {
                local_id: index as u64 + 1,
                update: peer.acked().get(index).map_or(0, |acked| acked.0),
                learned: peer.learned().get(index).copied().unwrap_or(0),
                ..SharedTableStatus::new(table.id)
            };
            section.tables().iter().enumerate().map(unshared).collect()
        }
    }
}

/// HAProxy's word for the result of the last attempt to connect.
fn status_word(peer: &Peer) -> &'static str {
    match (peer.session(), peer.last_status()) {
        (PeerSession::Calling { .. }, _) => "CONN",
        (PeerSession::Up { .. }, _) | (PeerSession::None, Some(200)) => "ESTA",
        (PeerSession::None, Some(300)) => "RETR",
        (PeerSession::None, Some(501)) => "PROT",
        (PeerSession::None, Some(502)) => "VERS",
        (PeerSession::None, Some(503)) => "NAME",
        (PeerSession::None, Some(504)) => "UNKN",
        (PeerSession::None, _) => "NONE",
    }
}
