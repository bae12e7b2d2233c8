//! What is known of one peer from one session to the next.

use crate::table::UpdateId;

/// A peer's position in its section's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u16);

impl PeerId {
    /// The position.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Whether there is a session with a peer. Only the session with this serial number is the
/// peer's; an older one has been replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// None.
    Idle,
    /// It is being called.
    Calling {
        /// The serial number.
        serial: u64,
    },
    /// Messages pass.
    Up {
        /// The serial number.
        serial: u64,
    },
}

impl Contact {
    pub(super) fn serial(self) -> Option<u64> {
        match self {
            Self::Idle => None,
            Self::Calling { serial } | Self::Up { serial } => Some(serial),
        }
    }
}

/// What was counted of a peer since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls made to it.
    pub calls: u64,
    /// Calls that no connection came of.
    pub failed_calls: u64,
    /// Sessions that it opened.
    pub accepted: u64,
    /// Sessions, either way, that came to messages.
    pub sessions: u64,
    /// Calls that it refused with a status.
    pub refusals: u64,
    /// Calls that it accepted and did not answer.
    pub unanswered: u64,
    /// Sessions or calls that gave way to a later one.
    pub collisions: u64,
    /// Sessions closed because nothing came for too long.
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
}

/// One peer.
#[derive(Debug)]
pub struct Peer {
    name: String,
    /// By the section's tables: the last update that the peer acknowledged.
    pub(super) acked: Vec<UpdateId>,
    /// It announced 2.0, or refused 2.1.
    pub(super) speaks_2_0: bool,
    pub(super) link: Contact,
    /// When to call it, unless there is a session by then.
    pub(super) next_call_ms: u64,
    pub(super) round_began_ms: u64,
    /// Calls of this round that no connection came of.
    pub(super) failed_calls: u8,
    pub(super) up_since_ms: u64,
    /// It ended a lesson of this session as partial.
    pub(super) is_not_up_to_date: bool,
    pub(super) last_status: Option<u32>,
    /// When that status came or went.
    pub(super) last_status_ms: u64,
    pub(super) counters: Counters,
}

impl Peer {
    pub(super) fn new(name: String, tables: usize, now_ms: u64) -> Self {
        Self {
            name,
            acked: vec![UpdateId(0); tables],
            speaks_2_0: false,
            link: Contact::Idle,
            next_call_ms: now_ms,
            round_began_ms: now_ms,
            failed_calls: 0,
            up_since_ms: 0,
            is_not_up_to_date: false,
            last_status: None,
            last_status_ms: 0,
            counters: Counters::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last update it acknowledged, by the section's tables.
    pub fn acked(&self) -> &[UpdateId] {
        &self.acked
    }

    /// Whether there is a session with it.
    pub fn link(&self) -> Contact {
        self.link
    }

    /// When it is called next, if there is no session by then.
    pub fn next_call_ms(&self) -> u64 {
        self.next_call_ms
    }

    /// The status of the latest handshake that came to one.
    pub fn last_status(&self) -> Option<u32> {
        self.last_status
    }

    /// When the latest handshake came to a status.
    pub fn last_handshake_ms(&self) -> Option<u64> {
        self.last_status.map(|_| self.last_status_ms)
    }

    /// Whether the next call announces 2.0.
    pub fn speaks_2_0(&self) -> bool {
        self.speaks_2_0
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
