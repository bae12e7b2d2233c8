//! The `global` section.

use std::path::PathBuf;

use super::bind::Bind;
use super::log::LogTarget;
use super::socket::TunedBuffers;
use super::variable::VariableSizes;

/// The `global` section.
#[derive(Clone, Debug)]
pub struct Global {
    /// Detach from the terminal (`daemon`).
    pub daemon: bool,
    /// Put a supervising parent above (`master-worker`).
    pub master_worker: bool,
    /// Where to write the process id.
    pub pidfile: Option<PathBuf>,
    /// The most client connections at a time; derived from the descriptor limit when absent.
    pub maxconn: Option<u32>,
    /// The name of the local peer: from `-L`, from `localpeer`, or the name of the host.
    pub localpeer: Option<String>,
    /// Programs may check servers (`external-check`).
    pub external_check: bool,
    /// Programs may be started (`insecure-fork-wanted`).
    pub fork_wanted: bool,
    /// `node`, shown by the Runtime API; the host name when absent.
    pub node: Option<String>,
    /// `description`, shown by the Runtime API.
    pub description: Option<String>,
    /// Where the Runtime API is served.
    pub stats_sockets: Vec<StatsSocket>,
    /// The sockets of the supervisor (`-S`).
    pub master_sockets: Vec<StatsSocket>,
    /// How long an idle Runtime API connection may stay, in milliseconds.
    pub stats_timeout_ms: u32,
    /// The most Runtime API connections at a time.
    pub stats_maxconn: u32,
    /// The targets that `log global` means.
    pub log: Vec<LogTarget>,
    /// The tag of syslog lines.
    pub log_tag: Option<String>,
    /// The host name put into syslog lines (`log-send-hostname`), if any.
    pub log_send_hostname: Option<String>,
    /// The CPU to run on.
    pub pin: Option<u16>,
    /// Never sleep in the poll call.
    pub busy_polling: bool,
    /// The longest soft stop, in milliseconds.
    pub hard_stop_after_ms: Option<u32>,
    /// By how many percent of its interval a check may come earlier or later.
    pub spread_checks: u32,
    /// The longest time that the first checks of all servers are spread over, in milliseconds.
    pub max_spread_checks_ms: Option<u32>,
    /// The size of the buffer of a direction that cannot be written yet, in bytes.
    pub bufsize: u32,
    /// What bounds and tunes the process beside `maxconn`.
    pub limits: Limits,
    /// Whether only errors are printed (`quiet`).
    pub is_quiet: bool,
    /// Whether a warning about the configuration is an error (`zero-warning`).
    pub zero_warning: bool,
    /// The kernel's buffers of sockets.
    pub kernel_buffers: TunedBuffers,
    /// Whether no other process may listen on the same addresses (`noreuseport`).
    pub listens_alone: bool,
    /// The most connections accepted from one listener in one turn.
    pub maxaccept: u32,
    /// The most peer updates handled at once.
    pub peers_max_updates_at_once: u32,
    /// The user to become after the sockets are bound.
    pub uid: Option<u32>,
    /// The group to become after the sockets are bound.
    pub gid: Option<u32>,
    /// What is kept although the user changes (`setcap`).
    pub kept_capabilities: Vec<KeptCapability>,
    /// Whether executed programs may gain privileges (`insecure-setuid-wanted`).
    pub setuid_wanted: bool,
    /// Whether a crash leaves a core file, and others may look into the memory (`set-dumpable`).
    pub is_dumpable: bool,
    /// How the process is confined once it has started (`hardening`).
    pub hardening: Hardening,
    /// The directory to lock the process into.
    pub chroot: Option<PathBuf>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            daemon: false,
            master_worker: false,
            pidfile: None,
            maxconn: None,
            localpeer: None,
            external_check: false,
            fork_wanted: false,
            node: None,
            description: None,
            stats_sockets: Vec::new(),
            master_sockets: Vec::new(),
            stats_timeout_ms: 10_000,
            stats_maxconn: 10,
            log: Vec::new(),
            log_tag: None,
            log_send_hostname: None,
            pin: None,
            busy_polling: false,
            hard_stop_after_ms: None,
            spread_checks: 0,
            max_spread_checks_ms: None,
            bufsize: 16_384,
            limits: Limits::default(),
            is_quiet: false,
            zero_warning: false,
            kernel_buffers: TunedBuffers::default(),
            listens_alone: false,
            maxaccept: 64,
            peers_max_updates_at_once: 200,
            uid: None,
            gid: None,
            kept_capabilities: Vec::new(),
            setuid_wanted: false,
            is_dumpable: false,
            hardening: Hardening::Off,
            chroot: None,
        }
    }
}

/// How a process is confined once it has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardening {
    /// Not at all.
    Off,
    /// The kernel logs what would be refused.
    Log,
    /// What serving does not need is refused.
    On,
}

/// A capability that `setcap` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptCapability {
    /// `cap_net_admin`
    NetAdmin,
    /// `cap_net_bind_service`
    NetBindService,
    /// `cap_net_raw`
    NetRaw,
}

/// One `stats socket` line.
#[derive(Clone, Debug)]
pub struct StatsSocket {
    /// Where to listen.
    pub bind: Bind,
    /// What its clients may do.
    pub level: Level,
}

/// What a Runtime API client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Read what is not sensitive.
    User,
    /// Read everything, change what is harmless.
    Operator,
    /// Everything.
    Admin,
}

impl Level {
    /// HAProxy's word for the level.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// What bounds and tunes the process beside `maxconn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most connections accepted in a second (`maxconnrate`).
    pub connection_rate: Option<u32>,
    /// The most connections in a second that rules let in (`maxsessrate`).
    pub session_rate: Option<u32>,
    /// Whether splicing is off (`nosplice`).
    pub never_splices: bool,
    /// The most pipes (`maxpipes`).
    pub pipes: Option<u32>,
    /// The size of a pipe, in bytes (`tune.pipesize`).
    pub pipe_size: Option<u32>,
    /// The most events taken from the kernel at once (`tune.maxpollevents`).
    pub poll_events: Option<u32>,
    /// How much variables may hold (`tune.vars.*-max-size`).
    pub variables: VariableSizes,
    /// Whether a limit of the system that is too low is an error (`strict-limits`).
    pub are_strict: bool,
}
