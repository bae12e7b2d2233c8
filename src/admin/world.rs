//! What the Runtime API can see and change: borrowed parts of the process, put together for each
//! call.

use std::time::SystemTime;

use super::Reloads;
use super::metrics::Endpoint;
use crate::config::{Config, PeersId, TableId};
use crate::net::address::Address;
use crate::proxy::{Clients, Shared};
use crate::reactor::turns::Turns;
use crate::table::Dictionary;

/// The parts of the process that a command may look at.
pub struct World<'a> {
    /// The loop's time.
    pub now_ms: u64,
    /// The same moment on the wall clock.
    pub wall: SystemTime,
    /// The process itself.
    pub process: &'a ProcessInfo,
    /// What was configured.
    pub config: &'a Config,
    /// Frontends, backends, servers, stick tables.
    pub shared: &'a mut Shared,
    /// The client connections.
    pub clients: &'a mut Clients,
    /// Where metrics are served.
    pub endpoints: &'a mut [Endpoint],
    /// What is asked of the process.
    pub reloads: &'a mut Reloads,
    /// The peers' sessions.
    pub peers: &'a dyn PeersView,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// The process as `show info` tells of it.
#[derive(Clone, Debug, Default)]
pub struct ProcessInfo {
    /// The process id.
    pub pid: u32,
    /// When it started, in the loop's milliseconds.
    pub started_ms: u64,
    /// When it started, in milliseconds since the epoch.
    pub started_at_ms: u64,
    /// How many reloads led to this process.
    pub generation: u32,
    /// Its node name.
    pub node: String,
    /// The limit of descriptors.
    pub descriptors_max: u32,
    /// Connections with work to do in this turn.
    pub run_queue: u32,
    /// How long the loop's turns take.
    pub turns: Turns,
    /// How often nobody could be accepted: at the Runtime API and the exporter, and from peers.
    pub accept_pauses: AcceptPauses,
    /// A reload is under way.
    pub is_reloading: bool,
    /// The process no longer accepts.
    pub stopping: bool,
    /// A successor serves: this process only ends what it has begun.
    pub has_handed_over: bool,
    /// Reloads that failed since the start of this process.
    pub reloads_failed: u64,
    /// Listening sockets.
    pub listeners: u32,
    /// Remote peers with a session, and those of them that are connected.
    pub peers: (u32, u32),
    /// Log lines that no target took.
    pub dropped_logs: u64,
}

/// How often a part of the program could accept nobody: no descriptor or memory was left.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptPauses {
    /// Clients of the Runtime API and the exporter.
    pub admin: u64,
    /// Peers.
    pub peers: u64,
}

/// What is known of the peers' sessions.
pub trait PeersView {
    /// A peers section at `now_ms`.
    fn section(&self, id: PeersId, now_ms: u64) -> PeersStatus;

    /// One peer of a section, by its position there.
    fn peer(&self, id: PeersId, at: usize, now_ms: u64) -> Option<PeerStatus>;

    /// The names that the session with a peer sends by number.
    fn names(&self, id: PeersId, at: usize, dictionary: &Dictionary) -> PeerNames;
}

/// The names of servers that a session sends by number, from 1: those that the peer knows from us,
/// and those that we know from it.
#[derive(Clone, Debug, Default)]
pub struct PeerNames {
    /// The numbers that are used, and their names.
    pub sent: Vec<(u8, Vec<u8>)>,
    /// The same for the other direction.
    pub received: Vec<(u8, Vec<u8>)>,
}

/// A peers section as `show peers` tells of it.
#[derive(Clone, Debug, Default)]
pub struct PeersStatus {
    /// The state of its resynchronisation as HAProxy's flags.
    pub flags: u32,
    /// Milliseconds until it stops waiting for a resynchronisation; none when it does not wait.
    pub resync_left_ms: Option<u64>,
    /// Its peers, in the order of the configuration.
    pub peers: Vec<PeerStatus>,
}

/// A peer as `show peers` tells of it.
#[derive(Clone, Debug, Default)]
pub struct PeerStatus {
    /// There is a session, or one is wanted.
    pub active: bool,
    /// HAProxy's word for how the last connection attempt ended: `NONE`, `CONN`, `ESTA`, ….
    pub last_status: &'static str,
    /// Milliseconds since the last handshake.
    pub handshake_age_ms: Option<u64>,
    /// Milliseconds until the next attempt to connect.
    pub reconnect_left_ms: Option<u64>,
    /// Milliseconds until the next heartbeat.
    pub heartbeat_left_ms: Option<u64>,
    /// Confirmations still expected.
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
    /// HAProxy's flags.
    pub flags: u32,
    /// The session, if there is one.
    pub session: Option<PeerSessionStatus>,
    /// The tables shared with it, in the order they were declared.
    pub tables: Vec<SharedTableStatus>,
    /// Where the descriptor is bound that the local peer listens at.
    pub bound_at: Option<Address>,
}

/// A session with a peer.
#[derive(Clone, Debug)]
pub struct PeerSessionStatus {
    /// The number of HAProxy's state.
    pub state: u32,
    /// `EST` once the connection stands, `TAR` before, `CLO` after.
    pub socket_state: &'static str,
}

/// A table shared with a peer.
#[derive(Clone, Debug)]
pub struct SharedTableStatus {
    /// Which table.
    pub table: TableId,
    /// The number that it was announced to the peer with, from 1.
    pub local_id: u64,
    /// The number that the peer gave it.
    pub remote_id: u64,
    /// The data types that the peer told, one bit each.
    pub remote_data: u64,
    /// The last of its updates that was acknowledged to it.
    pub last_acked: u32,
    /// The last update that it acknowledged.
    pub update: u32,
    /// The last update that was sent to it.
    pub last_pushed: u32,
    /// The last update that it sent.
    pub last_got: u32,
}

impl SharedTableStatus {
    /// A table of which nothing was exchanged.
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
        }
    }
}
