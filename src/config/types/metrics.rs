//! The frontends of the Prometheus exporter.

use super::bind::Bind;
use super::proxy::ProxyOptions;
use crate::net::tcp::Probes;

/// A frontend that serves the metrics of this process over HTTP.
#[derive(Clone, Debug)]
pub struct MetricsEndpoint {
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
    /// Longest silence of a client, in milliseconds.
    pub timeout_client_ms: u32,
    /// The options; only those about TCP have an effect.
    pub options: ProxyOptions,
    /// How silent clients are probed.
    pub probes: Probes,
    /// Where the metrics are found.
    pub paths: Vec<PathPattern>,
}

impl MetricsEndpoint {
    /// The length of the kernel's queue of a listener, if the configuration gives a length.
    pub fn backlog(&self, bind: &Bind) -> Option<u32> {
        bind.settings.backlog.or(self.backlog).or(bind.settings.maxconn)
    }
}

/// Paths of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    /// All paths.
    Any,
    /// This path.
    Exact(String),
    /// Paths that begin with this text.
    Prefix(String),
}

impl PathPattern {
    /// Whether a path matches.
    pub fn is_met_by(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => path.starts_with(prefix),
        }
    }
}
