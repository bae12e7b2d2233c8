//! A frontend of the exporter (`mode http`) at run time: its state, limits and counters.

use std::io;

use super::credentials::Credentials;
use crate::config::{Bind, PageFrontend};
use crate::net::socket;
use crate::proxy::connection::entry_failure::EntryFailure;
use crate::proxy::connection::log_record::Refusal;
use crate::proxy::counters::{Clear, FrontendCounters, PerSecond};
use crate::proxy::figures;
use crate::proxy::figures::{Figure, Figures};

/// The position of an endpoint in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointId(pub u16);

impl EndpointId {
    /// The position.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Whether an endpoint accepts clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Clients are accepted.
    Open,
    /// Clients are refused until `enable frontend`.
    Paused,
    /// The sockets are closed for good.
    Stopped,
}

/// The progress of a change of an endpoint's state.
#[derive(Debug)]
pub enum Change {
    /// No change is under way.
    None,
    /// A command asks for the change; the listeners have not followed yet.
    Asked,
    /// The listeners have followed, or could not.
    Followed(io::Result<()>),
}

/// A frontend of the exporter: serves metrics.
#[derive(Debug)]
pub struct Endpoint {
    /// The section in the configuration.
    pub config: PageFrontend,
    /// The most connections at a time; a command may change the configured number.
    pub maxconn: u32,
    /// Whether the endpoint accepts clients.
    pub state: EndpointState,
    /// The progress of the last change of the state.
    pub change: Change,
    /// The counters of the connections.
    pub counters: FrontendCounters,
    /// Requests so far.
    pub requests: u64,
    /// Requests that a rule has denied.
    pub denied_requests: u64,
    /// Requests that were answered with metrics.
    pub served: u64,
    /// Requests per second.
    pub request_rate: PerSecond,
    /// The users that were checked.
    pub credentials: Credentials,
    /// The clients whose TLS handshakes have failed in this turn, for the log.
    pub refusals: Vec<Refusal>,
    /// Answers by the first digit of their codes; answers with any other code stand at 0.
    pub responses: [u64; 6],
}

impl Endpoint {
    /// The endpoint as configured.
    pub fn new(config: &PageFrontend) -> Self {
        Self {
            state: if config.disabled { EndpointState::Stopped } else { EndpointState::Open },
            change: Change::None,
            maxconn: config.maxconn,
            config: config.clone(),
            counters: FrontendCounters::default(),
            requests: 0,
            denied_requests: 0,
            served: 0,
            request_rate: PerSecond::default(),
            credentials: Credentials::default(),
            refusals: Vec::new(),
            responses: [0; 6],
        }
    }

    /// Whether a listener that has `at_bind` connections may accept another one.
    pub fn has_room(&self, bind: &Bind, at_bind: usize) -> bool {
        let is_below = |most: u32| at_bind < most as usize;
        self.counters.current < self.maxconn && bind.settings.maxconn.is_none_or(is_below)
    }

    /// The length of the kernel's queue for a listener.
    pub fn backlog(&self, bind: &Bind) -> u32 {
        self.config.backlog(bind).unwrap_or(socket::BACKLOG)
    }

    /// The result of the last change of the state; none while the listeners have not followed.
    pub(in crate::admin) fn take_change_result(&mut self) -> Option<io::Result<()>> {
        if matches!(self.change, Change::Asked) {
            return None;
        }
        match std::mem::replace(&mut self.change, Change::None) {
            Change::Followed(result) => Some(result),
            // Another client that asked for the change has taken the result.
            Change::None | Change::Asked => Some(Ok(())),
        }
    }

    /// What is counted, as figures with names.
    pub fn figures(&mut self) -> Figures<'_> {
        const RESPONSES: [&str; 6] = [
            "responses_0",
            "responses_1",
            "responses_2",
            "responses_3",
            "responses_4",
            "responses_5",
        ];
        let mut figures = self.counters.figures();
        figures.push(("requests", Figure::Sum(&mut self.requests)));
        figures.push(("requests_denied", Figure::Sum(&mut self.denied_requests)));
        figures.push(("served", Figure::Sum(&mut self.served)));
        figures.extend(figures::rate!("request_rate", self.request_rate));
        figures.extend(RESPONSES.into_iter().zip(self.responses.iter_mut().map(Figure::Sum)));
        figures
    }

    /// Counts a connection that begins.
    pub fn begin(&mut self, now_ms: u64) {
        self.counters.begin(now_ms);
    }

    /// Counts a connection that has ended.
    pub fn end(&mut self) {
        self.counters.current = self.counters.current.saturating_sub(1);
    }

    /// Counts a client whose TLS handshake has failed, and has the log told.
    pub fn refuse(&mut self, refusal: Refusal) {
        if let EntryFailure::Handshake(failure) = refusal.why {
            self.counters.tls.count_failure(failure);
        }
        let is_quiet = self.config.options.dontlognull && refusal.why.is_silent();
        if !self.config.log.is_empty() && !is_quiet {
            self.refusals.push(refusal);
        }
    }

    /// Sets the maxima or all counters to zero.
    pub fn clear_counters(&mut self, what: Clear) {
        self.counters.clear(what);
        self.request_rate.clear_max();
        if what == Clear::All {
            (self.requests, self.denied_requests, self.served) = (0, 0, 0);
            self.responses = [0; 6];
        }
    }

    /// Counts a request by the code of its answer.
    pub fn count_request(&mut self, code: u16, now_ms: u64) {
        self.requests += 1;
        self.request_rate.count(now_ms);
        let class = self.responses.get_mut(usize::from(code / 100));
        if let Some(count) = class {
            *count += 1;
        }
    }
}
