//! How the health of a server is learned, and what follows from it.

use super::check_script::{Script, ScriptKind, Step};
use super::ids::{BackendId, ServerIndex};
use super::socket::SendProxy;
use crate::net::address::Address;

/// How the health of one server is learned, and what follows from it.
#[derive(Clone, Debug, Default)]
pub struct ServerHealth {
    /// It is checked.
    pub check: Option<ServerCheck>,
    /// A program beside it is asked how it is.
    pub agent: Option<AgentCheck>,
    /// `rise`, which statistics show as the health of a server without checks.
    pub rise: u32,
    /// Its health is that of another server.
    pub track: Option<(BackendId, ServerIndex)>,
    /// How failed connections of clients count as failed checks.
    pub observe: Option<Observe>,
    /// How long it warms up after it came up, in milliseconds.
    pub slow_start_ms: Option<u32>,
    /// Its connections end when it goes down.
    pub shutdown_when_down: bool,
    /// The connections of backup servers end when it comes up.
    pub shutdown_backups_when_up: bool,
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
    /// The time between two checks, in milliseconds.
    pub inter_ms: u32,
    /// The same while its state is changing.
    pub fast_inter_ms: u32,
    /// The same while it is down.
    pub down_inter_ms: u32,
    /// Checks that must succeed before it is up.
    pub rise: u32,
    /// Checks that must fail before it is down.
    pub fall: u32,
    /// The state before the first check.
    pub init_state: InitState,
    /// The PROXY header that it begins with, if any.
    pub send_proxy: Option<SendProxy>,
    /// The PROXY header where a step of a script asks for one.
    pub step_header: SendProxy,
    /// The script of this server, if the scripts differ from server to server.
    pub script: Option<Script>,
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
    /// Where it listens.
    pub address: Address,
    /// The time between two questions, in milliseconds.
    pub inter_ms: u32,
    /// The dialogue: a text to the agent, then a line from the agent.
    pub script: Script,
}

impl AgentCheck {
    /// The dialogue with an agent that is sent `text` first.
    pub fn script(text: &[u8]) -> Script {
        let steps = vec![Step::Send(text.to_vec()), Step::ExpectLine];
        Script { kind: ScriptKind::Agent, steps, comments: Vec::new() }
    }
}

/// What the connections to a server say of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Errors in a row that are too many.
    pub error_limit: u32,
    /// What to do then.
    pub on_error: OnError,
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
