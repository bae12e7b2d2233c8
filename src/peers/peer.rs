//! What is known of one peer from one session to the next, and when it is called.

use super::wire::hello::{Status, Version};
use crate::config;
use crate::net::tls::names::Names;
use crate::table::UpdateId;

/// From one call of a peer to the next, and from the last heartbeat to a call.
const CALL_AGAIN_MS: u64 = 5000;
/// Between calls that no connection came of, as long as the round lasts.
const CALL_RETRY_MS: u64 = 1000;
/// The calls of one round.
const CALLS_PER_ROUND: u8 = 3;
/// A session shorter than this is not followed by another call at once, but after the delay below.
const SESSION_SHORT_MS: u64 = 1000;
/// The delay after a short session that was to teach the peer.
const SESSION_SHORT_AGAIN_MS: u64 = 500;

/// A peer's position in its section's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u16);

impl PeerId {
    /// The position.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Whether there is a session with a peer. The peer's session is the one with this serial number:
/// an older session has been replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSession {
    /// There is no session.
    None,
    /// The peer is being called.
    Calling {
        /// The serial number of the session.
        serial: u64,
    },
    /// The handshake is over.
    Up {
        /// The serial number of the session.
        serial: u64,
        /// When the handshake was over.
        since_ms: u64,
        /// The protocol's version.
        version: Version,
        /// The side that opened the session.
        caller: Caller,
        /// The peer has taught all that it has, and it is not up to date itself.
        is_partial: bool,
    },
}

/// The side that opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// This node.
    ThisNode,
    /// The peer.
    Peer,
}

impl PeerSession {
    pub(super) fn serial(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Calling { serial } | Self::Up { serial, .. } => Some(serial),
        }
    }
}

/// How a session or an attempt ended, as far as the next call depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// The connection was not made.
    Unreachable,
    /// The connection was made, and no status came.
    NoAnswer,
    /// The status was not 200.
    Refused {
        /// The status.
        status: u32,
    },
    /// Nothing was received for too long.
    Silent,
    /// The other side closed, or one of both broke the protocol.
    Closed {
        /// The other side had asked to be taught, and that was not over.
        was_teaching: bool,
    },
}

/// The counters of a peer since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls made to it.
    pub calls: u64,
    /// Calls without a connection.
    pub failed_calls: u64,
    /// Sessions that it opened.
    pub accepted: u64,
    /// Sessions, opened by either side, whose handshake succeeded.
    pub sessions: u64,
    /// Calls that it refused with a status.
    pub refusals: u64,
    /// Calls whose connection it accepted and whose hello it did not answer.
    pub unanswered: u64,
    /// Sessions or calls that gave way to a later one.
    pub collisions: u64,
    /// Sessions closed because nothing was received for too long.
    pub silences: u64,
    /// Sessions closed because it broke the protocol.
    pub protocol_errors: u64,
    /// Heartbeats received.
    pub heartbeats_received: u64,
    /// Heartbeats sent.
    pub heartbeats_sent: u64,
    /// Entry updates received, those of unknown tables included.
    pub updates_received: u64,
    /// Entry updates sent.
    pub updates_sent: u64,
    /// Bytes received in its sessions, without TLS.
    pub bytes_received: u64,
    /// Bytes sent in its sessions, without TLS.
    pub bytes_sent: u64,
}

/// One peer.
#[derive(Debug)]
pub struct Peer {
    name: String,
    /// There is no such node now: it is not called and may not call.
    pub(super) is_absent: bool,
    /// The name that its certificate has to have instead.
    verify_host: Option<String>,
    /// By the section's tables: the last update that the peer acknowledged.
    pub(super) acked: Vec<UpdateId>,
    /// By the section's tables: the updates received in the sessions that are over.
    pub(super) learned: Vec<u64>,
    /// The peer announced version 2.0, or refused 2.1.
    speaks_2_0: bool,
    session: PeerSession,
    /// When to call the peer, unless there is a session by then.
    next_call_ms: u64,
    /// When the first call of this round was made.
    round_began_ms: u64,
    /// The calls of this round without a connection.
    failed_calls: u8,
    last_handshake: Option<LastHandshake>,
    /// When the last session ended.
    last_end_ms: Option<u64>,
    pub(super) counters: Counters,
}

/// The latest handshake that came to a status.
#[derive(Clone, Copy, Debug)]
struct LastHandshake {
    status: u32,
    at_ms: u64,
}

impl Peer {
    pub(super) fn new(declaration: &config::Peer, tables: usize, now_ms: u64) -> Self {
        let verify_host = declaration.verify_host.clone();
        Self { verify_host, ..Self::named(declaration.name.clone(), tables, now_ms) }
    }

    /// A peer of which no more is known than its name.
    pub(super) fn named(name: String, tables: usize, now_ms: u64) -> Self {
        Self {
            is_absent: name.is_empty(),
            name,
            verify_host: None,
            acked: vec![UpdateId(0); tables],
            learned: vec![0; tables],
            speaks_2_0: false,
            session: PeerSession::None,
            next_call_ms: now_ms,
            round_began_ms: now_ms,
            failed_calls: 0,
            last_handshake: None,
            last_end_ms: None,
            counters: Counters::default(),
        }
    }

    /// Another node at the place of this one.
    pub(super) fn succeeded_by(&self, name: String, tables: usize) -> Self {
        Self { verify_host: self.verify_host.clone(), ..Self::named(name, tables, 0) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is no such node now.
    pub fn is_absent(&self) -> bool {
        self.is_absent
    }

    /// Whether a certificate with these names is the peer's.
    pub(super) fn is_named_by(&self, names: &Names) -> bool {
        match &self.verify_host {
            Some(host) => names.match_host(host),
            None => names.have(&self.name),
        }
    }

    /// The name that its certificate has to have.
    pub fn certificate_name(&self) -> &str {
        self.verify_host.as_deref().unwrap_or(&self.name)
    }

    /// The last update that the peer has acknowledged, by the section's tables.
    pub fn acked(&self) -> &[UpdateId] {
        &self.acked
    }

    /// Whether there is a session with the peer.
    pub fn session(&self) -> PeerSession {
        self.session
    }

    /// When the peer is called next, if there is no session by then.
    pub fn next_call_ms(&self) -> u64 {
        self.next_call_ms
    }

    /// The status of the latest handshake that came to a status.
    pub fn last_status(&self) -> Option<u32> {
        self.last_handshake.map(|handshake| handshake.status)
    }

    /// When the latest handshake came to a status.
    pub fn last_handshake_ms(&self) -> Option<u64> {
        self.last_handshake.map(|handshake| handshake.at_ms)
    }

    /// When the last session with the peer ended; none if there was none.
    pub fn last_end_ms(&self) -> Option<u64> {
        self.last_end_ms
    }

    /// The updates received in the sessions that are over, by the section's tables.
    pub fn learned(&self) -> &[u64] {
        &self.learned
    }

    /// Whether the next call announces version 2.0.
    pub fn speaks_2_0(&self) -> bool {
        self.speaks_2_0
    }

    /// The counters since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn version_to_announce(&self) -> Version {
        if self.speaks_2_0 { Version::V2_0 } else { Version::V2_1 }
    }

    /// The peer does not speak the version that was announced: the other is announced next.
    pub(super) fn refuse_version(&mut self, announced: Version) {
        self.speaks_2_0 = announced == Version::V2_1;
    }

    /// Whether the peer has said in this session that it is not up to date.
    pub(super) fn is_partial(&self) -> bool {
        matches!(self.session, PeerSession::Up { is_partial: true, .. })
    }

    /// The peer has taught all that it has, and it is not up to date itself.
    pub(super) fn note_partial(&mut self) {
        if let PeerSession::Up { is_partial, .. } = &mut self.session {
            *is_partial = true;
        }
    }

    /// The peer is called as soon as possible.
    pub(super) fn call_at(&mut self, at_ms: u64) {
        self.next_call_ms = at_ms;
    }

    pub(super) fn begin_call(&mut self, serial: u64, now_ms: u64) {
        self.counters.calls += 1;
        self.session = PeerSession::Calling { serial };
        self.next_call_ms = now_ms + CALL_AGAIN_MS;
        if self.failed_calls == 0 {
            self.round_began_ms = now_ms;
        }
    }

    /// The peer has called. If there was a session already, the next call comes after `delay_ms`.
    pub(super) fn accept(&mut self, serial: u64, version: Version, delay_ms: u64, now_ms: u64) {
        if self.session == PeerSession::None {
            self.next_call_ms = now_ms + CALL_AGAIN_MS;
        } else {
            self.counters.collisions += 1;
            self.next_call_ms = now_ms + delay_ms;
        }
        self.counters.accepted += 1;
        self.speaks_2_0 = version == Version::V2_0;
        self.begin_session(serial, version, Caller::Peer, now_ms);
    }

    /// The handshake is over.
    pub(super) fn begin_session(
        &mut self,
        serial: u64,
        version: Version,
        caller: Caller,
        now_ms: u64,
    ) {
        let since_ms = now_ms;
        self.session = PeerSession::Up { serial, since_ms, version, caller, is_partial: false };
        self.failed_calls = 0;
        let status = u32::from(Status::Accepted.code());
        self.last_handshake = Some(LastHandshake { status, at_ms: now_ms });
    }

    /// A session of the predecessor goes on.
    pub(super) fn carry_on(
        &mut self,
        serial: u64,
        version: Version,
        caller: Caller,
        since_ms: u64,
    ) {
        self.counters.sessions += 1;
        self.speaks_2_0 = version == Version::V2_0;
        self.begin_session(serial, version, caller, since_ms);
    }

    pub(super) fn handle_heartbeat(&mut self, now_ms: u64) {
        self.counters.heartbeats_received += 1;
        self.next_call_ms = now_ms + CALL_AGAIN_MS;
    }

    /// The session or the attempt is over. `delay_ms` is a random delay.
    pub(super) fn end_session(&mut self, end: SessionEnd, delay_ms: u64, now_ms: u64) {
        let was_short = match std::mem::replace(&mut self.session, PeerSession::None) {
            PeerSession::Up { since_ms, .. } => {
                self.last_end_ms = Some(now_ms);
                now_ms.saturating_sub(since_ms) < SESSION_SHORT_MS
            }
            PeerSession::None | PeerSession::Calling { .. } => true,
        };
        match end {
            SessionEnd::Unreachable => {
                self.counters.failed_calls += 1;
                self.failed_calls += 1;
                if self.failed_calls < CALLS_PER_ROUND {
                    self.next_call_ms = now_ms + CALL_RETRY_MS;
                } else {
                    self.failed_calls = 0;
                    let next_round_ms = self.round_began_ms + CALL_AGAIN_MS;
                    self.next_call_ms = next_round_ms.max(now_ms + CALL_RETRY_MS);
                }
            }
            // The peer asks us again only if it is called within the 5 s that it waits.
            SessionEnd::Closed { was_teaching: true } if !was_short => self.next_call_ms = now_ms,
            SessionEnd::Closed { was_teaching: true } => {
                self.next_call_ms = now_ms + SESSION_SHORT_AGAIN_MS;
            }
            SessionEnd::Closed { was_teaching: false } => {
                self.next_call_ms = self.next_call_ms.max(now_ms);
            }
            SessionEnd::NoAnswer => self.next_call_ms = now_ms,
            SessionEnd::Silent => self.next_call_ms = now_ms + delay_ms,
            SessionEnd::Refused { status } => {
                self.counters.refusals += 1;
                self.last_handshake = Some(LastHandshake { status, at_ms: now_ms });
                // The other version may be announced without delay.
                if status == u32::from(Status::BadVersion.code()) && self.speaks_2_0 {
                    self.next_call_ms = now_ms;
                }
            }
        }
    }
}
