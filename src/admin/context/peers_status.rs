//! The state of the peers' sessions in the terms of HAProxy's `show peers`.

use crate::config::{PeersId, TableId};
use crate::net::address::Address;
use crate::peers::{Caller, Counters, Lesson, Version};
use crate::table::Dictionary;

/// Where the state of the peers' sessions comes from: from the real ones, or from a test.
pub trait PeersView {
    /// A peers section at `now_ms`.
    fn section(&self, id: PeersId, now_ms: u64) -> PeersStatus;

    /// Whether a section has learned everything that there was to learn, or has nobody to learn
    /// from.
    fn is_up_to_date(&self, id: PeersId) -> bool;

    /// One peer of a section, by its position there.
    fn peer(&self, id: PeersId, at: usize, now_ms: u64) -> Option<PeerStatus>;

    /// The server names that the session with a peer exchanges by number.
    fn names(&self, id: PeersId, at: usize, dictionary: &Dictionary) -> PeerNames;
}

/// The server names that a session exchanges by number. Numbers start at 1.
#[derive(Clone, Debug, Default)]
pub struct PeerNames {
    /// The names that we have sent to the peer.
    pub sent: Vec<(u8, Vec<u8>)>,
    /// The names that the peer has sent to us.
    pub received: Vec<(u8, Vec<u8>)>,
}

/// The state of a peers section.
#[derive(Clone, Debug, Default)]
pub struct PeersStatus {
    /// The state of the section's resynchronisation, as the bits that HAProxy prints.
    pub flags: u32,
    /// Milliseconds until the section stops waiting for a resynchronisation, while it waits.
    pub resync_left_ms: Option<u64>,
    /// The peers, in the order of the configuration.
    pub peers: Vec<PeerStatus>,
    /// Whether the section has learned everything that there was to learn.
    pub is_up_to_date: bool,
    /// Who has taught whom, oldest first.
    pub lessons: Vec<Lesson>,
}

/// The state of a peer.
#[derive(Clone, Debug, Default)]
pub struct PeerStatus {
    /// Whether a session with the peer exists or is wanted.
    pub active: bool,
    /// HAProxy's word for the end of the last attempt to connect: `NONE`, `CONN`, `ESTA`, ….
    pub last_status: &'static str,
    /// Milliseconds since the last handshake.
    pub handshake_age_ms: Option<u64>,
    /// Milliseconds until the next attempt to connect.
    pub reconnect_left_ms: Option<u64>,
    /// Milliseconds until the next heartbeat.
    pub heartbeat_left_ms: Option<u64>,
    /// Confirmations that are still expected.
    pub confirms: u32,
    /// Heartbeats sent.
    pub heartbeats_sent: u64,
    /// Heartbeats received.
    pub heartbeats_received: u64,
    /// Heartbeats that came too late.
    pub heartbeats_missed: u64,
    /// Connections made.
    pub connections: u64,
    /// Protocol errors.
    pub protocol_errors: u64,
    /// Collisions.
    pub collisions: u64,
    /// The bits that HAProxy prints as the peer's flags.
    pub flags: u32,
    /// The session with the peer.
    pub session: Option<PeerSessionStatus>,
    /// The tables that are shared with the peer, in the order of their declarations.
    pub tables: Vec<SharedTableStatus>,
    /// The address that the local peer's inherited socket is bound to, or that nameservers know.
    pub bound_at: Option<Address>,
    /// The name of the node that has this place of a template.
    pub node: Option<String>,
    /// There is no such node now.
    pub is_absent: bool,
    /// How the link with the peer stands.
    pub link: LinkState,
    /// What is counted of the peer.
    pub counters: Counters,
}

/// How the link with a peer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// There is a session.
    Connected {
        /// For how long, in milliseconds.
        for_ms: u64,
        /// The protocol's version.
        version: Version,
        /// The side that opened the session.
        caller: Caller,
    },
    /// There was a session.
    Down {
        /// How long ago it ended, in milliseconds.
        for_ms: u64,
    },
    /// There was no session since the start of the process.
    #[default]
    NeverConnected,
}

/// A session with a peer.
#[derive(Clone, Debug)]
pub struct PeerSessionStatus {
    /// HAProxy's number for the state of the session.
    pub state: u32,
    /// HAProxy's word for the state of the socket: `TAR` before the handshake, `EST` after.
    pub socket_state: &'static str,
}

/// A table shared with a peer.
#[derive(Clone, Debug)]
pub struct SharedTableStatus {
    /// The table.
    pub table: TableId,
    /// The number that we gave the table in this session, from 1.
    pub local_id: u64,
    /// The number that the peer gave the table; 0 before it did.
    pub remote_id: u64,
    /// The data types that the peer sends, one bit each.
    pub remote_data: u64,
    /// The peer's last update that we acknowledged.
    pub last_acked: u32,
    /// Our last update that the peer acknowledged.
    pub update: u32,
    /// Our last update that we sent to the peer.
    pub last_pushed: u32,
    /// The last update that the peer sent.
    pub last_got: u32,
    /// The updates that the peer has sent.
    pub learned: u64,
}

impl SharedTableStatus {
    /// A table of which nothing was exchanged yet.
    pub fn new(table: TableId) -> Self {
        Self {
            table,
            local_id: 0,
            remote_id: 0,
            remote_data: 0,
            last_acked: 0,
            update: 0,
            last_pushed: 0,
            last_got: 0,
            learned: 0,
        }
    }
}
