//! Counters as figures with names: a successor goes on from the figures of its predecessor, so that
//! no statistics jump back in a reload.

use super::backend::server::Outage;
use super::counters::{BackendCounters, FrontendCounters, TlsCounters};
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
}

impl Figure<'_> {
    /// Its value.
    pub fn value(&self) -> u64 {
        match self {
            Self::Sum(value) | Self::Most(value) | Self::Average(value) => **value,
            Self::Most32(value) => u64::from(**value),
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
            Self::Most32(value) => *value = u32::try_from(other).unwrap_or(u32::MAX).max(*value),
        }
    }
}

/// Figures with their names. The names stay as they are: processes of other versions read them.
pub type Figures<'a> = Vec<(&'static str, Figure<'a>)>;

impl Totals {
    /// The figures of the whole process.
    pub fn figures(&mut self) -> Figures<'_> {
        let Self { tls, .. } = self;
        let TlsTotals { connections: tls_connections, rate, client_keys, server_keys } = tls;
        vec![
            ("connections", Figure::Sum(&mut self.connections)),
            ("max", Figure::Most32(&mut self.max)),
            ("rate_max", Figure::Most(self.rate.max_mut())),
            ("accept_rate_max", Figure::Most(self.accept_rate.max_mut())),
            ("bytes_in", Figure::Sum(&mut self.bytes_in)),
            ("bytes_out", Figure::Sum(&mut self.bytes_out)),
            ("bytes_out_rate_max", Figure::Most(self.bytes_out_rate.max_mut())),
            ("tls_connections", Figure::Sum(tls_connections)),
            ("tls_rate_max", Figure::Most(rate.max_mut())),
            ("tls_client_keys_max", Figure::Most(client_keys.max_mut())),
            ("tls_server_keys_max", Figure::Most(server_keys.max_mut())),
            ("accept_aborts", Figure::Sum(&mut self.accept_aborts)),
            ("accept_pauses", Figure::Sum(&mut self.accept_pauses)),
            ("resource_errors", Figure::Sum(&mut self.resource_errors)),
        ]
    }
}

impl FrontendCounters {
    /// The figures of a frontend.
    pub fn figures(&mut self) -> Figures<'_> {
        let mut figures = vec![
            ("connections", Figure::Sum(&mut self.connections)),
            ("max", Figure::Most32(&mut self.max)),
            ("rate_max", Figure::Most(self.rate.max_mut())),
            ("admission_rate_max", Figure::Most(self.admission_rate.max_mut())),
            ("bytes_in", Figure::Sum(&mut self.bytes_in)),
            ("bytes_out", Figure::Sum(&mut self.bytes_out)),
            ("denied_connections", Figure::Sum(&mut self.denied_connections)),
            ("denied_sessions", Figure::Sum(&mut self.denied_sessions)),
            ("denied_requests", Figure::Sum(&mut self.denied_requests)),
            ("denied_responses", Figure::Sum(&mut self.denied_responses)),
            ("request_errors", Figure::Sum(&mut self.request_errors)),
        ];
        figures.extend(self.tls.figures());
        figures
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

/// The figures of a backend.
pub fn of_backend<'c>(counters: &'c mut BackendCounters, outage: &'c mut Outage) -> Figures<'c> {
    let BackendCounters { tls, times, .. } = counters;
    let mut figures = vec![
        ("connections", Figure::Sum(&mut counters.connections)),
        ("max", Figure::Most32(&mut counters.max)),
        ("rate_max", Figure::Most(counters.rate.max_mut())),
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
        ("outages", Figure::Sum(&mut outage.count)),
        ("outage_ms", Figure::Sum(&mut outage.total_ms)),
    ];
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

/// The figures of a server.
pub fn of_server<'c>(
    counters: &'c mut BackendCounters,
    outage: &'c mut Outage,
    checks_failed: Option<&'c mut u64>,
) -> Figures<'c> {
    let mut figures = of_backend(counters, outage);
    figures.extend(checks_failed.map(|failed| ("checks_failed", Figure::Sum(failed))));
    figures
}
