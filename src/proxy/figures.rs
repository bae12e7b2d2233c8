//! Counters as figures with names: a successor goes on from the figures of its predecessor, so that
//! no statistics jump back in a reload.

use super::backend::server::Outage;
use super::counters::{BackendCounters, FrontendCounters, ListenerCounters, TlsCounters};
use super::shared::{TlsTotals, Totals};

/// One figure.
#[derive(Debug)]
pub enum Figure<'a> {
    /// Events, which add up.
    Sum(&'a mut u64),
    /// The greatest value so far.
    Most(&'a mut u64),
    /// The same, of a smaller number.
    Most32(&'a mut u32),
    /// A part of an average. It goes on in a process that has counted nothing yet.
    Average(&'a mut u64),
    /// A part of a rate, or a moment. It goes on in a process that has counted nothing yet. Moments
    /// are in the monotonic clock's time, which all processes of a machine have.
    Now(&'a mut u64),
    /// A moment that may not have been yet.
    Last(&'a mut Option<u64>),
}

impl Figure<'_> {
    /// Its value.
    pub fn value(&self) -> u64 {
        match self {
            Self::Sum(value) | Self::Most(value) | Self::Average(value) | Self::Now(value) => {
                **value
            }
            Self::Most32(value) => u64::from(**value),
            Self::Last(value) => value.unwrap_or_default(),
        }
    }

    /// Whether what is counted later is added.
    pub fn is_sum(&self) -> bool {
        matches!(self, Self::Sum(_))
    }

    /// Takes the figure of another process into this one.
    pub fn take_in(self, other: u64) {
        match self {
            Self::Sum(value) | Self::Average(value) => *value = value.saturating_add(other),
            Self::Most(value) => *value = other.max(*value),
            Self::Now(value) => *value = other,
            Self::Last(value) => *value = Some(other).max(*value),
            Self::Most32(value) => *value = u32::try_from(other).unwrap_or(u32::MAX).max(*value),
        }
    }
}

/// The figures of a rate of this name.
macro_rules! rate {
    ($name:literal, $rate:expr) => {{
        let [second, current, previous, max] = $rate.parts_mut();
        [
            (concat!($name, "_second"), Figure::Now(second)),
            (concat!($name, "_now"), Figure::Now(current)),
            (concat!($name, "_before"), Figure::Now(previous)),
            (concat!($name, "_max"), Figure::Most(max)),
        ]
    }};
}
pub(crate) use rate;

/// Figures with their names. The names stay as they are: processes of other versions read them.
pub type Figures<'a> = Vec<(&'static str, Figure<'a>)>;

impl Totals {
    /// The figures of the whole process.
    pub fn figures(&mut self) -> Figures<'_> {
        let Self { tls, .. } = self;
        let TlsTotals { connections: tls_connections, rate, client_keys, server_keys } = tls;
        let mut figures = vec![
            ("connections", Figure::Sum(&mut self.connections)),
            ("max", Figure::Most32(&mut self.max)),
            ("bytes_in", Figure::Sum(&mut self.bytes_in)),
            ("bytes_out", Figure::Sum(&mut self.bytes_out)),
            ("tls_connections", Figure::Sum(tls_connections)),
            ("accept_aborts", Figure::Sum(&mut self.accept_aborts)),
            ("accept_pauses", Figure::Sum(&mut self.accept_pauses)),
            ("resource_errors", Figure::Sum(&mut self.resource_errors)),
        ];
        figures.extend(rate!("rate", self.rate));
        figures.extend(rate!("accept_rate", self.accept_rate));
        figures.extend(rate!("bytes_out_rate", self.bytes_out_rate));
        figures.extend(rate!("tls_rate", rate));
        figures.extend(rate!("tls_client_keys", client_keys));
        figures.extend(rate!("tls_server_keys", server_keys));
        figures
    }
}

impl FrontendCounters {
    /// The figures of a frontend.
    pub fn figures(&mut self) -> Figures<'_> {
        let mut figures = vec![
            ("connections", Figure::Sum(&mut self.connections)),
            ("max", Figure::Most32(&mut self.max)),
            ("bytes_in", Figure::Sum(&mut self.bytes_in)),
            ("bytes_out", Figure::Sum(&mut self.bytes_out)),
            ("denied_connections", Figure::Sum(&mut self.denied_connections)),
            ("denied_sessions", Figure::Sum(&mut self.denied_sessions)),
            ("denied_requests", Figure::Sum(&mut self.denied_requests)),
            ("denied_responses", Figure::Sum(&mut self.denied_responses)),
            ("request_errors", Figure::Sum(&mut self.request_errors)),
        ];
        figures.extend(rate!("rate", self.rate));
        figures.extend(rate!("admission_rate", self.admission_rate));
        figures.extend(self.tls.figures());
        figures
    }
}

impl ListenerCounters {
    /// The figures of a listener.
    pub fn figures(&mut self) -> Figures<'_> {
        vec![
            ("max", Figure::Most32(&mut self.max)),
            ("connections", Figure::Sum(&mut self.connections)),
            ("bytes_in", Figure::Sum(&mut self.bytes_in)),
            ("bytes_out", Figure::Sum(&mut self.bytes_out)),
            ("denied_connections", Figure::Sum(&mut self.denied_connections)),
            ("denied_sessions", Figure::Sum(&mut self.denied_sessions)),
            ("denied_requests", Figure::Sum(&mut self.denied_requests)),
        ]
    }
}

impl TlsCounters {
    fn figures(&mut self) -> [(&'static str, Figure<'_>); 3] {
        [
            ("tls_full", Figure::Sum(&mut self.full)),
            ("tls_resumed", Figure::Sum(&mut self.resumed)),
            ("tls_failed", Figure::Sum(&mut self.failed)),
        ]
    }
}

/// What a backend, or a server, has figures of.
#[derive(Debug)]
pub struct Parts<'c> {
    /// What it counts.
    pub counters: &'c mut BackendCounters,
    /// How often and how long it was out of service.
    pub outage: &'c mut Outage,
    /// The most connections that have waited in its queue.
    pub queue_max: &'c mut u32,
}

impl<'c> Parts<'c> {
    /// The figures of a backend.
    pub fn figures(self) -> Figures<'c> {
        let Self { counters, outage, queue_max } = self;
        let BackendCounters { tls, times, rate, .. } = counters;
        let mut figures = vec![
            ("connections", Figure::Sum(&mut counters.connections)),
            ("max", Figure::Most32(&mut counters.max)),
            ("bytes_in", Figure::Sum(&mut counters.bytes_in)),
            ("bytes_out", Figure::Sum(&mut counters.bytes_out)),
            ("denied_requests", Figure::Sum(&mut counters.denied_requests)),
            ("denied_responses", Figure::Sum(&mut counters.denied_responses)),
            ("connect_errors", Figure::Sum(&mut counters.connect_errors)),
            ("response_errors", Figure::Sum(&mut counters.response_errors)),
            ("retries", Figure::Sum(&mut counters.retries)),
            ("redispatches", Figure::Sum(&mut counters.redispatches)),
            ("balanced", Figure::Sum(&mut counters.balanced)),
            ("client_aborts", Figure::Sum(&mut counters.client_aborts)),
            ("server_aborts", Figure::Sum(&mut counters.server_aborts)),
            ("last_used_ms", Figure::Last(&mut counters.last_used_ms)),
            ("outages", Figure::Sum(&mut outage.count)),
            ("outage_ms", Figure::Sum(&mut outage.total_ms)),
            ("outage_changed_ms", Figure::Now(&mut outage.changed_ms)),
            ("waiting_max", Figure::Most32(queue_max)),
        ];
        figures.extend(rate!("rate", rate));
        figures.extend(tls.figures());
        for (names, time) in [
            (["queue_ms", "queue_count", "queue_max"], &mut times.queue),
            (["connect_ms", "connect_count", "connect_max"], &mut times.connect),
            (["total_ms", "total_count", "total_max"], &mut times.total),
        ] {
            let (sum_ms, count, max_ms) = time.parts_mut();
            let parts = [Figure::Average(sum_ms), Figure::Average(count), Figure::Most32(max_ms)];
            figures.extend(names.into_iter().zip(parts));
        }
        figures
    }

    /// The figures of a server, which last changed its state at `changed_ms`.
    pub fn of_server(self, changed_ms: &'c mut u64, checks: Option<CheckParts<'c>>) -> Figures<'c> {
        let mut figures = self.figures();
        figures.push(("changed_ms", Figure::Now(changed_ms)));
        figures.extend(checks.into_iter().flat_map(|CheckParts { failed, observed }| {
            [("checks_failed", Figure::Sum(failed)), ("checks_observed", Figure::Sum(observed))]
        }));
        figures
    }
}

/// What the checks of a server have figures of.
#[derive(Debug)]
pub struct CheckParts<'c> {
    /// Checks that failed while the server was up.
    pub failed: &'c mut u64,
    /// How often a row of failed connects of clients reached the limit.
    pub observed: &'c mut u64,
}
