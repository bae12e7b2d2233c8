//! Frontends: where clients come in. `listener` accepts them, `admission` runs the rules that let
//! them in, and a [`Frontend`] is the section at run time, with its limits and counters.

pub mod admission;
pub mod listener;

use super::counters::{FrontendCounters, PerSecond};
use crate::config;
use crate::config::FormatString;

/// A frontend at run time.
#[derive(Debug)]
pub struct Frontend {
    /// Its section of the configuration.
    pub config: config::Frontend,
    /// The most connections at a time; a command may change the configured number.
    pub maxconn: Option<u32>,
    /// Its counters.
    pub counters: FrontendCounters,
    /// How many lines the log was told of its connections.
    pub lines: u32,
    /// Whether its listeners were closed for good (soft stop).
    pub stopped: bool,
    /// Whether its clients are refused until it is enabled again (`disable frontend`).
    pub is_paused: bool,
    /// Whether `tcp-request content` or `use_backend` rules decide where its connections go.
    pub has_content_rules: bool,
}

impl Frontend {
    /// The frontend as configured.
    pub fn new(config: &config::Frontend) -> Self {
        Self {
            maxconn: config.maxconn,
            config: config.clone(),
            counters: FrontendCounters::default(),
            lines: 0,
            stopped: config.disabled,
            is_paused: false,
            has_content_rules: !config.rules.content.is_empty()
                || !config.rules.backends.is_empty(),
        }
    }

    /// Whether clients can come in.
    pub fn is_listening(&self) -> bool {
        !self.stopped && !self.is_paused
    }

    /// Whether it has as many connections as it may.
    pub fn is_full(&self) -> bool {
        self.maxconn.is_some_and(|maxconn| self.counters.load() >= maxconn)
    }

    /// When it may accept another connection, if `rate-limit sessions` forbids that now.
    pub fn rate_limited_until_ms(&self, now_ms: u64) -> Option<u64> {
        self.counters.rate.limited_until_ms(self.config.rate_limit?, now_ms)
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

    /// Whether it logs that a client came in, and not how the connection ended. As in HAProxy, it
    /// does so without `option tcplog`.
    pub fn logs_arrivals(&self) -> bool {
        !self.logs_ends() && !self.config.log.is_empty()
    }

    /// Whether it logs its connections, and not only that a client came in.
    pub fn logs(&self) -> bool {
        self.logs_ends() && !self.config.log.is_empty()
    }

    /// Whether it has a line of its own for clients that are refused before they got in.
    pub fn logs_refusals(&self) -> bool {
        self.config.error_line.is_some() && !self.config.log.is_empty()
    }

    /// Whether the line of a connection is written when the server has accepted: `option logasap`
    /// asks for that, or the line names nothing that only the end tells.
    pub fn logs_early(&self) -> bool {
        let has_line = self.config.log_line.is_some();
        let is_complete = has_line && !self.config.lines().any(FormatString::needs_the_end);
        self.logs() && (self.config.options.logasap || is_complete)
    }

    fn logs_ends(&self) -> bool {
        self.config.options.tcplog || self.config.log_line.is_some()
    }
}
