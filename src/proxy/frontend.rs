//! A frontend at run time: its limits and counters.

use super::counters::FrontendCounters;
use crate::config;

/// Where connections come in.
#[derive(Debug)]
pub struct Frontend {
    /// Its section of the configuration.
    pub config: config::Frontend,
    /// What is counted of it.
    pub counters: FrontendCounters,
    /// Whether its listeners were closed for good (soft stop).
    pub stopped: bool,
}

impl Frontend {
    /// The frontend as configured.
    pub fn new(config: &config::Frontend) -> Self {
        Self {
            config: config.clone(),
            counters: FrontendCounters::default(),
            stopped: config.disabled,
        }
    }

    /// Whether it has as many connections as it may.
    pub fn is_full(&self) -> bool {
        self.config.maxconn.is_some_and(|maxconn| self.counters.current >= maxconn)
    }

    /// When it takes another connection, if that is later than now: `rate-limit sessions`.
    pub fn rate_limited_until_ms(&self, now_ms: u64) -> Option<u64> {
        let limit = self.config.rate_limit?;
        let is_over = self.counters.rate.rate(now_ms) >= limit;
        is_over.then(|| now_ms + u64::from(1000 / limit.max(1)).clamp(1, 1000))
    }

    /// Whether it logs that a client came in: what HAProxy does without `option tcplog`.
    pub fn logs_arrivals(&self) -> bool {
        !self.config.options.tcplog && !self.config.log.is_empty()
    }

    /// Whether anything reads the records of its connections.
    pub fn logs(&self) -> bool {
        self.config.options.tcplog && !self.config.log.is_empty()
    }
}
