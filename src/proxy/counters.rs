//! The counters of frontends, backends and servers, with the meaning that they have in HAProxy.

use crate::net::tls::session::Session;
use crate::proxy::connection::entry_failure::HandshakeFailure;

/// What `clear counters` is to clear. The numbers of open connections and the rates stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// The maxima only.
    Maxima,
    /// The maxima and everything that was counted.
    All,
}

/// Events or bytes per second, as HAProxy estimates them: those of the current second, plus a part
/// of those of the last second, which shrinks to nothing until the current second is over.
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

    /// Counts `count` events or bytes at `now_ms`.
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

    /// When the next event may happen, if the rate has reached `limit` per second; else nothing.
    pub fn limited_until_ms(&self, limit: u32, now_ms: u64) -> Option<u64> {
        let is_over = self.rate(now_ms) >= u64::from(limit);
        is_over.then(|| now_ms + u64::from(1000 / limit.max(1)).clamp(1, 1000))
    }

    /// The most that one second saw.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The current second, what it saw, what the last one saw, and the most that one saw: to go on
    /// from another process.
    pub fn parts_mut(&mut self) -> [&mut u64; 4] {
        [&mut self.second, &mut self.current, &mut self.previous, &mut self.max]
    }

    /// Forgets the most that one second saw.
    pub fn clear_max(&mut self) {
        self.max = 0;
    }

    /// Goes on to the second of `now_ms`.
    fn roll(&mut self, now_ms: u64) {
        let second = now_ms / 1000;
        if second != self.second {
            self.previous = if second == self.second + 1 { self.current } else { 0 };
            self.current = 0;
            self.second = second;
        }
    }
}

/// TLS handshakes.
#[derive(Clone, Copy, Debug, Default)]
pub struct TlsCounters {
    /// Those that began a new session.
    pub full: u64,
    /// Those that continued an earlier session.
    pub resumed: u64,
    /// Those that failed.
    pub failed: u64,
}

impl TlsCounters {
    /// Counts a handshake that has succeeded.
    pub fn count(&mut self, session: &Session) {
        if session.is_resumed() {
            self.resumed += 1;
        } else {
            self.full += 1;
        }
    }

    /// Counts a handshake with a client that has failed. As in HAProxy, one that took too long
    /// does not count.
    pub fn count_failure(&mut self, failure: HandshakeFailure) {
        self.failed += u64::from(failure != HandshakeFailure::TimedOut);
    }
}

/// What a frontend counts.
#[derive(Clone, Debug, Default)]
pub struct FrontendCounters {
    /// Connections open now.
    pub current: u32,
    /// Connections that older processes still have, which drain.
    pub elsewhere: u32,
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
    /// Connections refused by a rule about what the server sent.
    pub denied_responses: u64,
    /// Connections per second at which `tcp-request connection` rules ran, those included that the
    /// rules have refused.
    pub admission_rate: PerSecond,
    /// Accepted connections that failed before a backend was chosen.
    pub request_errors: u64,
    /// New connections per second.
    pub rate: PerSecond,
    /// Handshakes with clients.
    pub tls: TlsCounters,
}

impl FrontendCounters {
    /// Counts a connection that was accepted.
    pub fn begin(&mut self, now_ms: u64) {
        self.connections += 1;
        self.current += 1;
        self.max = self.max.max(self.current);
        self.rate.count(now_ms);
    }

    /// The connections that count against limits: those of older processes too.
    pub fn load(&self) -> u32 {
        self.current.saturating_add(self.elsewhere)
    }

    /// Connections that the rules have let in. A connection may come before the counters are
    /// cleared and be denied after that, so the difference must not go below zero.
    pub fn sessions(&self) -> u64 {
        self.connections.saturating_sub(self.denied_connections + self.denied_sessions)
    }

    /// Sets the counters back to zero.
    pub fn clear(&mut self, what: Clear) {
        if what == Clear::All {
            let Self { current, elsewhere, rate, admission_rate, .. } = *self;
            *self = Self { current, elsewhere, rate, admission_rate, ..Self::default() };
        }
        self.max = 0;
        self.rate.clear_max();
        self.admission_rate.clear_max();
    }
}

/// What a listener counts, with `option socket-stats`.
#[derive(Clone, Debug, Default)]
pub struct ListenerCounters {
    /// The most connections that were open at a time.
    pub max: u32,
    /// Clients accepted, those included that rules have refused.
    pub connections: u64,
    /// Bytes from clients whose connections are over.
    pub bytes_in: u64,
    /// Bytes to clients whose connections are over.
    pub bytes_out: u64,
    /// Clients refused by a connection rule.
    pub denied_connections: u64,
    /// Clients refused by a session rule.
    pub denied_sessions: u64,
    /// Connections refused by a content rule.
    pub denied_requests: u64,
}

impl ListenerCounters {
    /// Counts a client that was accepted, when there are `current` with this one.
    pub fn begin(&mut self, current: u32) {
        self.connections += 1;
        self.max = self.max.max(current);
    }

    /// Sets the counters back to zero.
    pub fn clear(&mut self, what: Clear) {
        match what {
            Clear::Maxima => self.max = 0,
            Clear::All => *self = Self::default(),
        }
    }
}

/// What a backend counts, and what each of its servers counts. As in HAProxy both count the same.
#[derive(Clone, Debug, Default)]
pub struct BackendCounters {
    /// Connections open now.
    pub current: u32,
    /// Connections that older processes still have, which drain.
    pub elsewhere: u32,
    /// The most that were open at a time.
    pub max: u32,
    /// Connections sent here; for a server every connect counts.
    pub connections: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Handshakes with servers.
    pub tls: TlsCounters,
    /// Connections refused by a content rule; 0 for a server.
    pub denied_requests: u64,
    /// Connections refused by a rule about what the server sent.
    pub denied_responses: u64,
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
    /// Counts a connection that is sent to the backend.
    pub fn begin(&mut self, now_ms: u64) {
        self.connections += 1;
        self.current += 1;
        self.max = self.max.max(self.current);
        self.rate.count(now_ms);
        self.last_used_ms = Some(now_ms);
    }

    /// The connections that count against limits: those of older processes too.
    pub fn load(&self) -> u32 {
        self.current.saturating_add(self.elsewhere)
    }

    /// Sets the counters back to zero.
    pub fn clear(&mut self, what: Clear) {
        if what == Clear::All {
            let Self { current, elsewhere, rate, .. } = *self;
            *self = Self { current, elsewhere, rate, ..Self::default() };
        }
        self.max = 0;
        self.rate.clear_max();
        self.times.clear_max();
    }
}

/// An average is made from the last 512 connections. The manual of HAProxy says 1024, but HAProxy
/// 2.6 is seen to do this.
const WINDOW: u64 = 512;

/// The times of the connections that reached a server, taken when they end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// From accept until they had a slot at their server.
    pub queue: Time,
    /// From there until the server accepted.
    pub connect: Time,
    /// From accept to end.
    pub total: Time,
}

impl Times {
    /// Takes the times of a connection, in milliseconds.
    pub fn count(&mut self, queue_ms: u32, connect_ms: u32, total_ms: u32) {
        self.queue.count(queue_ms);
        self.connect.count(connect_ms);
        self.total.count(total_ms);
    }

    /// Forgets the longest.
    pub fn clear_max(&mut self) {
        for time in [&mut self.queue, &mut self.connect, &mut self.total] {
            time.max_ms = 0;
        }
    }
}

/// The average and the maximum of one of these times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time {
    /// The sum over the last `count` connections. When `count` has reached [`WINDOW`], each new
    /// connection takes the place of one with the average time.
    sum_ms: u64,
    count: u64,
    max_ms: u32,
}

impl Time {
    fn count(&mut self, ms: u32) {
        if self.count == WINDOW {
            self.sum_ms -= self.sum_ms.div_ceil(WINDOW);
        } else {
            self.count += 1;
        }
        self.sum_ms += u64::from(ms);
        self.max_ms = self.max_ms.max(ms);
    }

    /// What it is made of: the sum in milliseconds, the number of connections, the longest.
    pub fn parts_mut(&mut self) -> (&mut u64, &mut u64, &mut u32) {
        (&mut self.sum_ms, &mut self.count, &mut self.max_ms)
    }

    /// The average in milliseconds, rounded up.
    pub fn average_ms(&self) -> u64 {
        self.sum_ms.div_ceil(self.count.max(1))
    }

    /// The longest in milliseconds.
    pub fn max_ms(&self) -> u32 {
        self.max_ms
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

    #[test]
    fn a_few_make_a_plain_average_and_many_a_sliding_one() {
        let mut time = Time::default();
        assert_eq!((time.average_ms(), time.max_ms()), (0, 0));
        time.count(300);
        time.count(0);
        assert_eq!((time.average_ms(), time.max_ms()), (150, 300));
        (0..10 * WINDOW).for_each(|_| time.count(500));
        assert_eq!((time.average_ms(), time.max_ms()), (500, 500));
        (0..WINDOW).for_each(|_| time.count(0));
        assert!((150..200).contains(&time.average_ms()), "{}", time.average_ms());
        (0..20 * WINDOW).for_each(|_| time.count(0));
        assert_eq!((time.average_ms(), time.max_ms()), (0, 500), "nothing is left of them");
    }
}
