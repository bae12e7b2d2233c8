//! A frontend at run time: its limits and counters.

pub mod admission;
pub mod listener;

use std::net::SocketAddr;

use super::connection::log_record::ConnectionRecord;
use super::connection::proxy_header;
use super::connection::proxy_header::Carried;
use super::counters::{FrontendCounters, PerSecond};
use super::relay::side::Side;
use crate::config;
use crate::config::LogLine;

/// Where connections come in.
#[derive(Debug)]
pub struct Frontend {
    /// Its section of the configuration.
    pub config: config::Frontend,
    /// What is counted of it.
    pub counters: FrontendCounters,
    /// Whether its listeners were closed for good (soft stop).
    pub stopped: bool,
    /// Whether its clients are refused for now (`disable frontend`).
    pub is_paused: bool,
    /// Whether rules decide where its connections go.
    pub decides: bool,
}

impl Frontend {
    /// The frontend as configured.
    pub fn new(config: &config::Frontend) -> Self {
        Self {
            config: config.clone(),
            counters: FrontendCounters::default(),
            stopped: config.disabled,
            is_paused: false,
            decides: !config.rules.content.is_empty() || !config.rules.backends.is_empty(),
        }
    }

    /// Whether clients can come in.
    pub fn is_listening(&self) -> bool {
        !self.stopped && !self.is_paused
    }

    /// Whether it has as many connections as it may.
    pub fn is_full(&self) -> bool {
        self.config.maxconn.is_some_and(|maxconn| self.counters.current >= maxconn)
    }

    /// When it takes another connection, if that is later than now: `rate-limit sessions`.
    pub fn rate_limited_until_ms(&self, now_ms: u64) -> Option<u64> {
        self.counters.rate.over(self.config.rate_limit?, now_ms)
    }

    /// New connections per second, those included that rules have refused.
    pub fn connection_rate(&self) -> &PerSecond {
        let rules = &self.config.rules;
        if rules.connection.is_empty() && rules.session.is_empty() {
            &self.counters.rate
        } else {
            &self.counters.admission_rate
        }
    }

    /// Whether it logs that a client came in: what HAProxy does without `option tcplog`.
    pub fn logs_arrivals(&self) -> bool {
        !self.logs_ends() && !self.config.log.is_empty()
    }

    /// Whether anything reads the records of its connections.
    pub fn logs(&self) -> bool {
        self.logs_ends() && !self.config.log.is_empty()
    }

    /// The address that a client came to and the one that its server sees, where a line names
    /// them: only the system knows.
    pub fn own_ends(
        &self,
        client: &Side,
        server: Option<&Side>,
        carried: Option<&Carried>,
    ) -> (Option<SocketAddr>, Option<SocketAddr>) {
        if !self.config.log_line.as_ref().is_some_and(LogLine::wants_own_ends) {
            return (None, None);
        }
        let source = server.and_then(|server| proxy_header::destination(server, None));
        (proxy_header::destination(client, carried), source)
    }

    /// Whether its lines name where a server was connected to.
    pub fn names_target(&self) -> bool {
        self.config.log_line.as_ref().is_some_and(LogLine::names_target)
    }

    fn logs_ends(&self) -> bool {
        self.config.options.tcplog || self.config.log_line.is_some()
    }

    /// Whether a connection that ended like this is worth a line.
    pub fn wants(&self, record: &ConnectionRecord) -> bool {
        let options = self.config.options;
        let is_null = options.dontlognull && record.bytes_in == 0;
        (record.is_failure() || !options.dontlog_normal) && (record.is_early || !is_null)
    }
}
