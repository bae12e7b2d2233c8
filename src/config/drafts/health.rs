//! The words of a `server` line about its health as they were typed.

use crate::config::text::diagnostic::Placed;
use crate::config::{InitState, OnError};
use crate::net::address::Address;

/// The words of a server as they were typed.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct HealthDraft {
    pub(in crate::config) check: bool,
    pub(in crate::config) agent: AgentDraft,
    pub(in crate::config) observe: ObserveDraft,
    pub(in crate::config) inter_ms: Option<u32>,
    pub(in crate::config) fast_inter_ms: Option<u32>,
    pub(in crate::config) down_inter_ms: Option<u32>,
    pub(in crate::config) rise: Option<u32>,
    pub(in crate::config) fall: Option<u32>,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) addr: Option<Address>,
    pub(in crate::config) init_state: InitState,
    pub(in crate::config) send_proxy: bool,
    pub(in crate::config) track: Option<Placed<String>>,
    pub(in crate::config) slow_start_ms: Option<u32>,
    pub(in crate::config) shutdown_when_down: bool,
    pub(in crate::config) shutdown_backups_when_up: bool,
}

/// The words about an agent check.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct AgentDraft {
    pub(in crate::config) check: bool,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) addr: Option<Address>,
    pub(in crate::config) inter_ms: Option<u32>,
    pub(in crate::config) send: String,
}

/// The words about the observation of traffic.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct ObserveDraft {
    pub(in crate::config) is_on: bool,
    pub(in crate::config) error_limit: Option<u32>,
    pub(in crate::config) on_error: OnError,
}
