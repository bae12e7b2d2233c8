//! How the health of a server is learned, and what follows from it.

use super::checks::{CheckStep, Script, ScriptKind, TlsOffer};
use super::ids::{BackendId, ServerIndex};
use super::socket::SendProxy;
use crate::net::address::Address;
use crate::net::tls::connector::Connector;

/// The words of a `server` line about its health.
#[derive(Clone, Debug)]
pub struct HealthSettings {
    /// The server is checked.
    pub check: bool,
    /// The time between two checks, in milliseconds.
    pub inter_ms: u32,
    /// The same while the server's state is changing; `inter_ms` when absent.
    pub fast_inter_ms: Option<u32>,
    /// The same while the server is down; `inter_ms` when absent.
    pub down_inter_ms: Option<u32>,
    /// Checks that must succeed before the server is up, at least 1. The number shows as the
    /// health of a server without checks.
    pub rise: u32,
    /// Checks that must fail before the server is down, at least 1.
    pub fall: u32,
    /// The port that is checked; the server's when absent.
    pub port: Option<u16>,
    /// The address that is checked; the server's when absent.
    pub addr: Option<Address>,
    /// What the server is taken for before the first check.
    pub init_state: InitState,
    /// Checks begin with a PROXY header.
    pub send_proxy: bool,
    /// How long the server warms up after it came up, in milliseconds.
    pub slow_start_ms: Option<u32>,
    /// The server's connections end when it goes down.
    pub shutdown_when_down: bool,
    /// The connections of backup servers end when this server comes up.
    pub shutdown_backups_when_up: bool,
    /// What the traffic says of the server.
    pub observe: Observe,
    /// What is asked of a program beside the server.
    pub agent: AgentSettings,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            check: false,
            inter_ms: INTER_MS,
            fast_inter_ms: None,
            down_inter_ms: None,
            rise: 2,
            fall: 3,
            port: None,
            addr: None,
            init_state: InitState::default(),
            send_proxy: false,
            slow_start_ms: None,
            shutdown_when_down: false,
            shutdown_backups_when_up: false,
            observe: Observe::default(),
            agent: AgentSettings::default(),
        }
    }
}

impl HealthSettings {
    /// The time between two checks while the server's state is changing, in milliseconds.
    pub fn fast_inter_ms(&self) -> u32 {
        self.fast_inter_ms.unwrap_or(self.inter_ms)
    }

    /// The time between two checks while the server is down, in milliseconds.
    pub fn down_inter_ms(&self) -> u32 {
        self.down_inter_ms.unwrap_or(self.inter_ms)
    }
}

/// The time between two checks, or two questions to an agent, in milliseconds, where a line says
/// none.
const INTER_MS: u32 = 2000;

/// The words of a `server` line about its agent.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// The agent is asked.
    pub check: bool,
    /// The port of the agent.
    pub port: Option<u16>,
    /// The address of the agent; the one that is checked when absent.
    pub addr: Option<Address>,
    /// The time between two questions, in milliseconds.
    pub inter_ms: u32,
    /// What the agent is sent first.
    pub send: String,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { check: false, port: None, addr: None, inter_ms: INTER_MS, send: String::new() }
    }
}

/// How the health of a server is learned, as far as it takes several words or lines to say it.
#[derive(Clone, Debug, Default)]
pub struct ServerHealth {
    /// How the server is checked, if it is.
    pub check: Option<ServerCheck>,
    /// How a program beside the server is asked, if one is.
    pub agent: Option<AgentCheck>,
    /// The server whose health it has (`track`).
    pub track: Option<(BackendId, ServerIndex)>,
}

impl ServerHealth {
    /// Whether its health can change by itself.
    pub fn is_checked(&self) -> bool {
        self.check.is_some() || self.agent.is_some()
    }
}

/// How a server is checked.
#[derive(Clone, Debug)]
pub struct ServerCheck {
    /// Where to connect to.
    pub address: Address,
    /// The PROXY header that a check begins with, if any.
    pub send_proxy: Option<SendProxy>,
    /// The PROXY header where a step of a script asks for one.
    pub step_header: SendProxy,
    /// TLS, for the connections that speak it.
    pub tls: Option<CheckTls>,
    /// What connections offer that the line describes (`check-sni`, `check-alpn`).
    pub offer: TlsOffer,
}

/// TLS of a server's checks.
#[derive(Clone, Debug)]
pub struct CheckTls {
    /// What the connections are made with.
    pub connector: Connector,
    /// Connections speak TLS although no step asks for it.
    pub is_implied: bool,
    /// The server's certificate has to have the name of `verifyhost`.
    pub has_fixed_name: bool,
}

/// The state of a server before its first check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitState {
    /// Down, and `rise` checks must succeed.
    FullyDown,
    /// Down, and one check that succeeds brings it up.
    Down,
    /// Up, and one check that fails brings it down.
    #[default]
    Up,
    /// Up, and `fall` checks must fail.
    FullyUp,
}

/// How the agent of a server is asked.
#[derive(Clone, Debug)]
pub struct AgentCheck {
    /// Where the agent listens.
    pub address: Address,
    /// What the agent is sent; then it answers a line.
    pub script: Script,
}

impl AgentCheck {
    /// The dialogue with an agent that is sent `text` first.
    pub fn script(text: &[u8]) -> Script {
        let steps = vec![CheckStep::Send(text.to_vec()), CheckStep::ExpectLine];
        Script { kind: ScriptKind::Agent, steps, ..Script::default() }
    }
}

/// What the connections to a server say of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Failed connects count.
    pub is_on: bool,
    /// Failures in a row that are too many.
    pub error_limit: u32,
    /// What to do then.
    pub on_error: OnError,
}

impl Default for Observe {
    fn default() -> Self {
        Self { is_on: false, error_limit: 10, on_error: OnError::default() }
    }
}

/// What to do when a server's connections fail too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Check it at `fastinter`.
    FastInter,
    /// Count one failed check.
    #[default]
    FailCheck,
    /// Count one failed check, and the next one brings it down.
    SuddenDeath,
    /// It is down.
    MarkDown,
}
