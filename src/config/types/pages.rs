//! The frontends with `mode http`: they serve pages of this process.

use super::bind::Bind;
use super::ids::{BackendId, UserlistId};
use super::log::LogTarget;
use super::page_section::PageSection;
use super::proxy::ProxyOptions;
use crate::config::rules::{Condition, Rule};
use crate::net::tcp::Probes;

/// A frontend, or the frontend half of a `listen` section, that serves pages over HTTP.
#[derive(Clone, Debug)]
pub struct PageFrontend {
    /// Its name.
    pub name: String,
    /// HAProxy's number of the proxy, shown by the Runtime API (`iid`).
    pub proxy_id: u32,
    /// `description`.
    pub description: Option<String>,
    /// Configured but not started.
    pub disabled: bool,
    /// Where it listens.
    pub binds: Vec<Bind>,
    /// The most connections at a time.
    pub maxconn: u32,
    /// `backlog` of the section, for listeners that give none.
    pub backlog: Option<u32>,
    /// Longest silence of a client, in milliseconds. A whole head must come in this time.
    pub timeout_client_ms: u32,
    /// The options; only those about TCP have an effect.
    pub options: ProxyOptions,
    /// Where the TLS handshakes that fail are logged; nowhere if no line asks for a log of
    /// connections.
    pub log: Vec<LogTarget>,
    /// How silent clients are probed.
    pub probes: Probes,
    /// The monitor page, which comes before everything else.
    pub monitor: Option<Monitor>,
    /// The pages of the section itself.
    pub section: PageSection,
    /// `use_backend`: the backends with further pages.
    pub backends: Vec<Rule<BackendId>>,
    /// The backend of requests that no rule sends elsewhere.
    pub default_backend: Option<BackendId>,
    /// The lists of users that its rules and those of the backends ask for.
    pub userlists: Vec<UserlistId>,
}

impl PageFrontend {
    /// The length of the kernel's queue of a listener, if the configuration gives a length.
    pub fn backlog(&self, bind: &Bind) -> Option<u32> {
        bind.settings.backlog.or(self.backlog).or(bind.settings.maxconn)
    }
}

/// The page that says whether this machine is fit to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// The whole target of the requests (`monitor-uri`).
    pub uri: String,
    /// If one of these holds, the page says no (`monitor fail`).
    pub fail: Vec<Condition>,
}
