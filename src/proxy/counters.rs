//! What is counted of frontends, backends and servers: plain numbers, in HAProxy's meaning.

use super::times::Times;

/// What `clear counters` is to clear. What is open now and what happens per second stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// The most that was seen of anything.
    Maxima,
    /// That and everything that was counted.
    All,
}

/// Events or bytes per second, as HAProxy estimates them: the current second plus what is left of
/// the last.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerSecond {
    second: u64,
    current: u64,
    previous: u64,
    max: u64,
}

impl PerSecond {
    /// Counts one event at `now_ms`.
    pub fn count(&mut self, now_ms: u64) {
        self.add(1, now_ms);
    }

    /// Counts so many at `now_ms`.
    pub fn add(&mut self, count: u64, now_ms: u64) {
        self.roll(now_ms);
        self.current += count;
        self.max = self.max.max(self.current);
    }

    /// The estimate at `now_ms`.
    pub fn rate(&self, now_ms: u64) -> u64 {
        let mut now = *self;
        now.roll(now_ms);
        let left = 1000 - now_ms % 1000;
        now.current + now.previous * left / 1000
    }

    /// When the next event may happen, if `limit` a second are too few for one now.
    pub fn over(&self, limit: u32, now_ms: u64) -> Option<u64> {
        let is_over = self.rate(now_ms) >= u64::from(limit);
        is_over.then(|| now_ms + u64::from(1000 / limit.max(1)).clamp(1, 1000))
    }

    /// The most that one second saw.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Forgets the most that one second saw.
    pub fn clear_max(&mut self) {
        self.max = 0;
    }

    fn roll(&mut self, now_ms: u64) {
        let second = now_ms / 1000;
        if second != self.second {
            self.previous = if second == self.second + 1 { self.current } else { 0 };
            self.current = 0;
            self.second = second;
        }
    }
}

/// What a frontend counts.
#[derive(Clone, Debug, Default)]
pub struct FrontendCounters {
    /// Connections open now.
    pub current: u32,
    /// The most that were open at a time.
    pub max: u32,
    /// Connections accepted.
    pub connections: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Connections refused by a connection rule.
    pub denied_connections: u64,
    /// Connections refused by a session rule.
    pub denied_sessions: u64,
    /// Connections refused by a content rule.
    pub denied_requests: u64,
    /// Connections per second that rules were asked about, the refused ones included.
    pub admission_rate: PerSecond,
    /// Accepted connections that failed before a backend was chosen.
    pub request_errors: u64,
    /// New connections per second.
    pub rate: PerSecond,
}

impl FrontendCounters {
    /// Counts a connection that is accepted.
    pub fn begin(&mut self, now_ms: u64) {
        self.connections += 1;
        self.current += 1;
        self.max = self.max.max(self.current);
        self.rate.count(now_ms);
    }

    /// Connections that the rules have let in. One that came before the counters were cleared may
    /// be denied after.
    pub fn sessions(&self) -> u64 {
        self.connections.saturating_sub(self.denied_connections + self.denied_sessions)
    }

    /// Begins to count anew.
    pub fn clear(&mut self, what: Clear) {
        if what == Clear::All {
            let Self { current, rate, admission_rate, .. } = *self;
            *self = Self { current, rate, admission_rate, ..Self::default() };
        }
        self.max = 0;
        self.rate.clear_max();
        self.admission_rate.clear_max();
    }
}

/// What a backend counts, and what each of its servers counts. As in HAProxy both count the same.
#[derive(Clone, Debug, Default)]
pub struct BackendCounters {
    /// Connections open now.
    pub current: u32,
    /// The most that were open at a time.
    pub max: u32,
    /// Connections sent here; for a server every connect counts.
    pub connections: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Connections refused by a content rule; 0 for a server.
    pub denied_requests: u64,
    /// Connections for which no server, or not this server, could be reached.
    pub connect_errors: u64,
    /// Connections that ended by an error of a server.
    pub response_errors: u64,
    /// Connects tried again.
    pub retries: u64,
    /// Connections moved to another server, or away from this one.
    pub redispatches: u64,
    /// Connections given to a server by the balance algorithm, not by a stick entry.
    pub balanced: u64,
    /// Connections aborted by the client.
    pub client_aborts: u64,
    /// Connections aborted by a server.
    pub server_aborts: u64,
    /// New connections per second.
    pub rate: PerSecond,
    /// When it was last used, in the process's milliseconds.
    pub last_used_ms: Option<u64>,
    /// How long its connections waited and lasted.
    pub times: Times,
}

impl BackendCounters {
    /// Counts a connection that is sent here.
    pub fn begin(&mut self, now_ms: u64) {
        self.connections += 1;
        self.current += 1;
        self.max = self.max.max(self.current);
        self.rate.count(now_ms);
        self.last_used_ms = Some(now_ms);
    }

    /// Begins to count anew.
    pub fn clear(&mut self, what: Clear) {
        if what == Clear::All {
            let Self { current, rate, .. } = *self;
            *self = Self { current, rate, ..Self::default() };
        }
        self.max = 0;
        self.rate.clear_max();
        self.times.clear_max();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_second_fade_out_within_the_next_second() {
        let mut rate = PerSecond::default();
        assert_eq!(rate.rate(10_000), 0);
        rate.add(1000, 10_900);
        assert_eq!(rate.rate(10_900), 1000);
        assert_eq!(rate.rate(11_250), 750);
        rate.add(200, 11_750);
        assert_eq!(rate.rate(11_750), 450);
        assert_eq!((rate.rate(12_000), rate.rate(13_000)), (200, 0));
    }
}
