//! The words of a `server` line about its health as they were typed.

use crate::config::text::diagnostic::Placed;
use crate::config::{InitState, OnError};
use crate::net::address::Address;

/// The words of a server as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthDraft {
    pub(crate) check: bool,
    pub(crate) agent: AgentDraft,
    pub(crate) observe: ObserveDraft,
    pub(crate) inter_ms: Option<u32>,
    pub(crate) fast_inter_ms: Option<u32>,
    pub(crate) down_inter_ms: Option<u32>,
    pub(crate) rise: Option<u32>,
    pub(crate) fall: Option<u32>,
    pub(crate) port: Option<u16>,
    pub(crate) addr: Option<Address>,
    pub(crate) init_state: InitState,
    pub(crate) send_proxy: bool,
    pub(crate) track: Option<Placed<String>>,
    pub(crate) slow_start_ms: Option<u32>,
    pub(crate) shutdown_when_down: bool,
    pub(crate) shutdown_backups_when_up: bool,
}

/// The words about an agent check.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentDraft {
    pub(crate) check: bool,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) addr: Option<Address>,
    pub(in crate::config) inter_ms: Option<u32>,
    pub(in crate::config) send: String,
}

/// The words about the observation of traffic.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObserveDraft {
    pub(in crate::config) is_on: bool,
    pub(in crate::config) error_limit: Option<u32>,
    pub(in crate::config) on_error: OnError,
}
