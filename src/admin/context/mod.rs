//! The context of a command: the parts of the process that commands and metrics read and change.
//! The process lends them anew in each turn.
//!
//! ```text
//!   mod.rs            Context, and what the process tells of itself
//!   endpoint.rs       a frontend of the exporter, at run time
//!   reloads.rs        the reloads that commands ask for, and their results
//!   peers_status.rs   the state of the peers, as `show peers` prints it
//!   peers_view.rs     reads that state from the process's peers
//! ```

pub mod credentials;
pub mod endpoint;
pub mod peers_status;
mod peers_view;
pub mod reloads;

use std::time::SystemTime;

use crate::config::{ProcessConfig, ServerLines};
use crate::logging::history::PastEvents;
use crate::logging::rings::Rings;
use crate::proxy::names::ServerNames;
use crate::proxy::{Clients, Shared};
use crate::reactor::turns::Turns;
use crate::resolve::Nameservers;
use endpoint::Endpoint;
use peers_status::PeersView;
use reloads::Reloads;

/// The parts of the process that a command may use.
pub struct Context<'a> {
    /// The loop's time, in milliseconds.
    pub now_ms: u64,
    /// The same moment on the wall clock.
    pub wall: SystemTime,
    /// What the process tells of itself.
    pub process: &'a ProcessInfo,
    /// The part of the configuration that belongs to the process as a whole.
    pub config: &'a ProcessConfig,
    /// What servers that commands add are read with.
    pub server_lines: &'a ServerLines,
    /// The frontends, backends, servers and stick tables.
    pub shared: &'a mut Shared,
    /// The client connections.
    pub clients: &'a mut Clients,
    /// The frontends of the exporter.
    pub endpoints: &'a mut [Endpoint],
    /// The reloads that commands ask for.
    pub reloads: &'a mut Reloads,
    /// The nameservers of `resolvers` sections.
    pub nameservers: &'a mut Nameservers,
    /// The servers whose addresses follow from names.
    pub names: &'a mut ServerNames,
    /// The rings of log lines.
    pub rings: &'a Rings,
    /// The last events.
    pub events: &'a PastEvents,
    /// The peers' sessions.
    pub peers: &'a dyn PeersView,
}

impl Context<'_> {
    /// The wall clock's time, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        let since = self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// What the process tells of itself in `show info` and in the metrics.
#[derive(Clone, Debug, Default)]
pub struct ProcessInfo {
    /// The process id.
    pub pid: u32,
    /// When the process started, in the loop's milliseconds.
    pub started_ms: u64,
    /// When the process started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How many reloads led to this process.
    pub generation: u32,
    /// The name of the node.
    pub node: String,
    /// The most descriptors that the process may open.
    pub descriptors_max: u32,
    /// Connections that have work to do in this turn.
    pub run_queue: u32,
    /// How long the loop's turns take.
    pub turns: Turns,
    /// How often accepting had to pause.
    pub accept_pauses: AcceptPauses,
    /// Whether a reload is under way.
    pub is_reloading: bool,
    /// Whether the process is stopping and accepts no clients any more.
    pub stopping: bool,
    /// Whether a new process serves and this one only finishes what is open.
    pub has_handed_over: bool,
    /// Reloads of this process that failed.
    pub reloads_failed: u64,
    /// Listening sockets.
    pub listeners: u32,
    /// The number of remote peers, and how many of them are connected.
    pub peers: (u32, u32),
    /// Log lines that no log target took.
    pub dropped_logs: u64,
    /// The warnings with which the process began, as lines of its log.
    pub startup_log: String,
    /// What confines the process (`hardening`), in words, if anything does.
    pub hardening: Option<String>,
}

/// How often accepting had to pause because no descriptor or memory was left.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptPauses {
    /// Pauses for clients of the Runtime API and of the exporter.
    pub admin: u64,
    /// Pauses for peers.
    pub peers: u64,
}
