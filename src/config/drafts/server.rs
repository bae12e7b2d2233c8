//! A `server` line as it was typed.

use std::net::IpAddr;

use super::health::HealthDraft;
use crate::config::text::diagnostic::Placed;
use crate::config::{SendProxy, Source};
use crate::net::address::Address;

/// One `server` line of a proxy.
#[derive(Clone, Debug)]
pub(in crate::config) struct ServerDraft {
    pub(in crate::config) name: Placed<String>,
    pub(in crate::config) address: Address,
    pub(in crate::config) settings: ServerSettings,
}

/// The words of a `server` or `default-server` line.
#[derive(Clone, Debug)]
pub(in crate::config) struct ServerSettings {
    pub(in crate::config) id: Option<Placed<u32>>,
    pub(in crate::config) weight: u32,
    pub(in crate::config) maxconn: u32,
    pub(in crate::config) minconn: u32,
    pub(in crate::config) maxqueue: u32,
    pub(in crate::config) disabled: bool,
    pub(in crate::config) backup: bool,
    pub(in crate::config) source: Option<Source>,
    pub(in crate::config) user_timeout_ms: Option<u32>,
    pub(in crate::config) non_stick: bool,
    pub(in crate::config) init_addr: Vec<InitAddr>,
    pub(in crate::config) send_proxy: bool,
    pub(in crate::config) send_proxy_v2: bool,
    pub(in crate::config) health: HealthDraft,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            id: None,
            weight: 1,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            disabled: false,
            backup: false,
            source: None,
            user_timeout_ms: None,
            non_stick: false,
            init_addr: Vec::new(),
            health: HealthDraft::default(),
            send_proxy: false,
            send_proxy_v2: false,
        }
    }
}

impl ServerSettings {
    /// The version of the PROXY header. If both versions are asked for, the binary version is sent.
    pub(in crate::config) fn send_proxy(&self) -> Option<SendProxy> {
        let text = self.send_proxy.then_some(SendProxy::V1);
        self.send_proxy_v2.then_some(SendProxy::V2).or(text)
    }
}

/// One way to come by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum InitAddr {
    /// The address from before a restart, which stickd does not keep.
    Last,
    /// The address that the resolver of the system finds.
    Libc,
    /// No address: the server begins in maintenance.
    None,
    /// This address.
    Ip(IpAddr),
}
