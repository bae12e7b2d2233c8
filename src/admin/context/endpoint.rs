//! A frontend of `mode http` at run time: its limits and counters.

use std::io;

use crate::config::{Bind, MetricsEndpoint};
use crate::net::socket;
use crate::proxy::counters::{Clear, FrontendCounters, PerSecond};

/// An endpoint's position in the configuration's list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointId(pub u16);

impl EndpointId {
    /// The position.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Whether an endpoint lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// It does.
    Open,
    /// Not until `enable frontend`: they are refused.
    Paused,
    /// Not any more.
    Stopped,
}

/// How far a change of an endpoint's state has come.
#[derive(Debug)]
pub enum Change {
    /// Nothing is to be done.
    None,
    /// The listeners have to follow.
    Asked,
    /// They did, or could not.
    Followed(io::Result<()>),
}

/// Where metrics are served.
#[derive(Debug)]
pub struct Endpoint {
    /// Its section of the configuration.
    pub config: MetricsEndpoint,
    /// The most connections at a time; a command may change the configured number.
    pub maxconn: u32,
    /// Whether it lets clients in.
    pub state: EndpointState,
    /// What became of the last change of it.
    pub change: Change,
    /// What is counted of its connections.
    pub counters: FrontendCounters,
    /// Requests so far.
    pub requests: u64,
    /// Requests that were answered with metrics.
    pub served: u64,
    /// Requests per second.
    pub request_rate: PerSecond,
    /// Answers by the first digit of their codes; others come first.
    pub responses: [u64; 6],
}

impl Endpoint {
    /// The endpoint as configured.
    pub fn new(config: &MetricsEndpoint) -> Self {
        Self {
            state: if config.disabled { EndpointState::Stopped } else { EndpointState::Open },
            change: Change::None,
            maxconn: config.maxconn,
            config: config.clone(),
            counters: FrontendCounters::default(),
            requests: 0,
            served: 0,
            request_rate: PerSecond::default(),
            responses: [0; 6],
        }
    }

    /// Whether it takes another connection, at a listener that has so many.
    pub fn has_room(&self, bind: &Bind, at_bind: usize) -> bool {
        let is_below = |most: u32| at_bind < most as usize;
        self.counters.current < self.maxconn && bind.maxconn.is_none_or(is_below)
    }

    /// The length of the kernel's queue of a listener.
    pub fn backlog(&self, bind: &Bind) -> u32 {
        self.config.backlog(bind).unwrap_or(socket::BACKLOG)
    }

    /// Counts a connection that begins.
    pub fn begin(&mut self, now_ms: u64) {
        self.counters.begin(now_ms);
    }

    /// Counts a connection that has ended.
    pub fn end(&mut self) {
        self.counters.current = self.counters.current.saturating_sub(1);
    }

    /// Begins to count anew.
    pub fn clear_counters(&mut self, what: Clear) {
        self.counters.clear(what);
        self.request_rate.clear_max();
        if what == Clear::All {
            (self.requests, self.served, self.responses) = (0, 0, [0; 6]);
        }
    }

    /// Counts a request with the code of its answer.
    pub fn count_request(&mut self, code: u16, now_ms: u64) {
        self.requests += 1;
        self.request_rate.count(now_ms);
        let class = self.responses.get_mut(usize::from(code / 100));
        if let Some(count) = class {
            *count += 1;
        }
    }
}
