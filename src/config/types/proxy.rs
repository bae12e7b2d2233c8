//! Frontends and backends.

use super::balance::{Balance, HashType, RdpCookies};
use super::bind::Bind;
use super::checks::BackendHealth;
use super::format_string::FormatString;
use super::ids::{BackendId, TableId};
use super::log::LogTarget;
use super::page_section::PageSection;
use super::server::Server;
use super::server_address::ServerAddress;
use super::socket::Source;
use super::stick::StickRule;
use crate::config::rules::Rules;
use crate::net::tcp::Probes;

/// A frontend, or the frontend half of a `listen` section.
#[derive(Clone, Debug)]
pub struct Frontend {
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
    /// The backend of connections that no rule sends elsewhere. Without a backend they are refused.
    pub default_backend: Option<BackendId>,
    /// The most connections at a time; the process's own limit when absent.
    pub maxconn: Option<u32>,
    /// `backlog` of the section, for listeners that give none.
    pub backlog: Option<u32>,
    /// The most new connections per second.
    pub rate_limit: Option<u32>,
    /// Longest silence of a client, in milliseconds.
    pub timeout_client_ms: Option<u32>,
    /// The same once the client's side is half-closed.
    pub timeout_client_fin_ms: Option<u32>,
    /// The `option` words.
    pub options: ProxyOptions,
    /// How silent clients are probed (`clitcpka-*`).
    pub probes: Probes,
    /// Where its connection lines go.
    pub log: Vec<LogTarget>,
    /// The format of its connection lines (`log-format`), if it is not one of HAProxy's formats.
    pub log_line: Option<FormatString>,
    /// The format of the line of a connection that was refused before it got in
    /// (`error-log-format`).
    pub error_line: Option<FormatString>,
    /// The structured data in lines of RFC 5424 (`log-format-sd`).
    pub structured_data: Option<FormatString>,
    /// The format of the unique ids of its connections (`unique-id-format`).
    pub unique_id: Option<FormatString>,
    /// Its rules.
    pub rules: Rules,
}

impl Frontend {
    /// Every line that is written about its connections.
    pub fn lines(&self) -> impl Iterator<Item = &FormatString> {
        let lines = [&self.log_line, &self.error_line, &self.structured_data, &self.unique_id];
        lines.into_iter().flatten()
    }

    /// The format of the line of a connection, which was refused before it got in or was not; none
    /// where it is one of HAProxy's formats.
    pub fn line(&self, is_refusal: bool) -> Option<&FormatString> {
        if is_refusal { self.error_line.as_ref() } else { self.log_line.as_ref() }
    }

    /// The length of the kernel's queue of a listener, if the configuration gives a length.
    pub fn backlog(&self, bind: &Bind) -> Option<u32> {
        bind.settings.backlog.or(self.backlog).or(bind.settings.maxconn).or(self.maxconn)
    }
}

/// A backend, or the backend half of a `listen` section.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// HAProxy's number of the proxy, shown by the Runtime API (`iid`).
    pub proxy_id: u32,
    /// `description`.
    pub description: Option<String>,
    /// Configured but not used.
    pub disabled: bool,
    /// How a server is chosen for a client without a usable entry.
    pub balance: Balance,
    /// How a hash becomes a server, for the algorithms that have one.
    pub hash_type: HashType,
    /// How many percent of the average a server may have before a hash leads to the next one on
    /// the ring (`hash-balance-factor`).
    pub hash_balance_factor: Option<u32>,
    /// The cookies of RDP clients by which a server is chosen.
    pub rdp: RdpCookies,
    /// Its servers, in the order of the file.
    pub servers: Vec<Server>,
    /// Where clients go without a choice among the servers (`dispatch`, `option transparent`).
    pub dispatch: Option<ServerAddress>,
    /// Its stick rules, in the order of the file.
    pub stick_rules: Vec<StickRule>,
    /// The table of its own `stick-table` line.
    pub table: Option<TableId>,
    /// Longest wait for a server to accept, in milliseconds.
    pub timeout_connect_ms: Option<u32>,
    /// Longest silence of a server, in milliseconds.
    pub timeout_server_ms: Option<u32>,
    /// The same once the server's side is half-closed.
    pub timeout_server_fin_ms: Option<u32>,
    /// Longest silence of both sides once both are connected; replaces client and server.
    pub timeout_tunnel_ms: Option<u32>,
    /// How often a failed connect is tried again.
    pub retries: u32,
    /// `option redispatch`: when a client may move to another server because its own server does
    /// not answer. A positive number n means every n-th retry. A negative number -n means the n-th
    /// retry before the last. 0 means that only a client without an entry may move.
    pub redispatch: Option<i32>,
    /// Longest wait for a place at a server, in milliseconds; `timeout connect` when absent.
    pub timeout_queue_ms: Option<u32>,
    /// The number of connections of the backend at which each server may have its full `maxconn`;
    /// automatic when absent.
    pub fullconn: Option<u32>,
    /// The `option` words.
    pub options: ProxyOptions,
    /// How silent servers are probed (`srvtcpka-*`).
    pub probes: Probes,
    /// The address to connect from.
    pub source: Option<Source>,
    /// Where its messages go.
    pub log: Vec<LogTarget>,
    /// How its servers are checked.
    pub health: BackendHealth,
    /// Its rules; for a `listen` section only those that choose a server.
    pub rules: Rules,
    /// Whether it has `mode http`, and so no servers.
    pub is_http: bool,
    /// Its pages, if it has `mode http`. A `listen` section has its pages in the frontend.
    pub pages: Option<Box<PageSection>>,
}

impl Backend {
    /// Whether its algorithm lays the servers out at the start. Their weights cannot change then,
    /// except to 0 and back.
    pub fn has_static_weights(&self) -> bool {
        self.balance.has_static_weights(self.hash_type)
    }
}

/// The `option` words of a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    /// Log in the TCP format when the connection ends.
    pub tcplog: bool,
    /// Log when the server has been reached, not when the connection ends.
    pub logasap: bool,
    /// Do not log connections that ended well.
    pub dontlog_normal: bool,
    /// Do not log connections that carried nothing.
    pub dontlognull: bool,
    /// Splice where it pays.
    pub splice_auto: bool,
    /// Splice from client to server.
    pub splice_request: bool,
    /// Splice from server to client.
    pub splice_response: bool,
    /// TCP keep-alive towards clients.
    pub client_keepalive: bool,
    /// TCP keep-alive towards servers.
    pub server_keepalive: bool,
    /// Count for each listener by itself.
    pub socket_stats: bool,
    /// Close with a reset.
    pub nolinger: bool,
    /// Use every backup server at once when no other is usable, instead of the first.
    pub all_backups: bool,
    /// A client whose entry names a server goes there even if it is down.
    pub persist: bool,
    /// Log what did not go well as an error.
    pub log_separate_errors: bool,
    /// A client that has closed its side gives up its place in a queue.
    pub abort_on_close: bool,
    /// Do not acknowledge what clients send before there is an answer.
    pub tcp_smart_accept: bool,
    /// Do not acknowledge what servers send before there is an answer.
    pub tcp_smart_connect: bool,
}

impl ProxyOptions {
    /// Turns all splicing off.
    pub(in crate::config) fn forbid_splicing(&mut self) {
        (self.splice_auto, self.splice_request, self.splice_response) = (false, false, false);
    }
}
