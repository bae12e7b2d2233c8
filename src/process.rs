//! `Process` owns everything; one turn of the loop is one function.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use mio::Events;

use crate::config::Config;
use crate::proxy::listener::Listener;
use crate::proxy::{Clients, Shared};
use crate::reactor::signals::Signals;
use crate::reactor::token::Source;
use crate::reactor::{Reactor, clock};
use crate::table::TableError;

/// How many events one turn takes from the kernel.
const EVENTS_PER_TURN: usize = 1024;
/// How often expired entries are removed, and how many of a table in one turn.
const TABLE_SWEEP_MS: u64 = 1000;
const ROWS_PER_SWEEP: usize = 1000;

/// The running program.
#[derive(Debug)]
pub struct Process {
    /// The configuration that it was started with.
    pub config: Config,
    /// Where descriptors are registered.
    pub reactor: Reactor,
    /// What all connections share: frontends, backends, tables.
    pub shared: Shared,
    /// The listeners and the connections.
    pub clients: Clients,
    /// Signals that have arrived.
    pub signals: Signals,
    /// Whether it is to end.
    pub stop: Stop,
    /// How long turns take.
    pub turns: Turns,
    table_sweep_ms: u64,
}

/// Whether the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is not.
    No,
    /// When the open connections have ended, or at the given time (`hard-stop-after`).
    Soft {
        /// When to end whatever is left.
        until_ms: Option<u64>,
    },
    /// At the end of this turn.
    Now,
}

/// How long turns of the loop take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    /// Turns so far.
    pub count: u64,
    /// Time spent in them, in nanoseconds, without waiting.
    pub busy_ns: u64,
    /// The longest, in nanoseconds.
    pub longest_ns: u64,
}

/// Why the process could not start.
#[derive(Debug)]
pub enum StartError {
    /// The poll descriptor or the signals could not be set up.
    Reactor(io::Error),
    /// A stick table could not be made.
    Table(TableError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reactor(error) => write!(f, "set up the event loop: {error}"),
            Self::Table(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl Process {
    /// Everything that `config` describes, accepting from `listeners`.
    pub fn new(config: Config, listeners: Vec<Listener>, maxconn: u32) -> Result<Self, StartError> {
        let now_ms = clock::now_ms();
        let reactor = Reactor::new().map_err(StartError::Reactor)?;
        let signals = Signals::new().map_err(StartError::Reactor)?;
        reactor.register_readable(signals.as_fd(), Source::Signal).map_err(StartError::Reactor)?;
        let shared = Shared::new(&config, maxconn, now_ms).map_err(StartError::Table)?;
        let mut clients = Clients::new(maxconn, config.global.maxaccept, now_ms);
        for listener in listeners {
            clients.add_listener(listener, &reactor).map_err(StartError::Reactor)?;
        }
        Ok(Self {
            config,
            reactor,
            shared,
            clients,
            signals,
            stop: Stop::No,
            turns: Turns::default(),
            table_sweep_ms: now_ms,
        })
    }

    /// Turns until it is told to stop.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut now_ms = clock::now_ms();
        while !self.is_finished() {
            self.wait(&mut events, now_ms)?; // until an event, a deadline, or now if work is queued
            let began_ns = clock::now_ns();
            now_ms = began_ns / 1_000_000;
            for event in &events {
                self.dispatch(event, now_ms); // notes readiness; nothing is read or written here
            }
            self.expire(now_ms); // deadlines become queued work too
            self.clients.run(&self.reactor, &mut self.shared, now_ms); // bounded
            self.clients.reap(&mut self.shared, now_ms); // slots may be reused from here on
            self.write_log();
            self.turns.note(clock::now_ns() - began_ns);
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        match self.stop {
            Stop::No => false,
            Stop::Soft { .. } => self.clients.is_empty(),
            Stop::Now => true,
        }
    }

    fn wait(&mut self, events: &mut Events, now_ms: u64) -> io::Result<()> {
        if self.clients.has_work() || self.config.global.busy_polling {
            return self.reactor.wait(events, Some(0));
        }
        let stop_ms = match self.stop {
            Stop::Soft { until_ms } => until_ms,
            Stop::No | Stop::Now => None,
        };
        let deadlines = [self.clients.next_deadline_ms(), self.next_sweep_ms(), stop_ms];
        let next_ms = deadlines.into_iter().flatten().min();
        self.reactor.wait(events, next_ms.map(|next_ms| next_ms.saturating_sub(now_ms)))
    }

    fn expire(&mut self, now_ms: u64) {
        self.clients.expire(&self.shared, now_ms);
        if now_ms >= self.table_sweep_ms {
            self.sweep_tables(now_ms);
        }
        if let Stop::Soft { until_ms: Some(until_ms) } = self.stop
            && now_ms >= until_ms
        {
            log::warn!("hard stop: {} connections are ended", self.clients.len());
            self.clients.kill_all(&mut self.shared);
            self.stop = Stop::Soft { until_ms: None };
        }
    }

    /// Expired entries are never used; this makes room for others.
    fn sweep_tables(&mut self, now_ms: u64) {
        let mut is_complete = true;
        for id in self.shared.tables.ids() {
            let removed = self.shared.tables.get_mut(id).expire(now_ms, ROWS_PER_SWEEP);
            is_complete &= removed < ROWS_PER_SWEEP;
        }
        self.table_sweep_ms = if is_complete { now_ms + TABLE_SWEEP_MS } else { now_ms };
    }

    fn next_sweep_ms(&self) -> Option<u64> {
        let mut tables = self.shared.tables.ids().map(|id| self.shared.tables.get(id));
        tables.any(|table| table.next_expiry_ms().is_some()).then_some(self.table_sweep_ms)
    }

    /// Hands what ended in this turn to the traffic log.
    fn write_log(&mut self) {
        for record in self.shared.records.drain(..) {
            log::debug!("{record:?}");
        }
    }
}

impl Turns {
    fn note(&mut self, took_ns: u64) {
        self.count += 1;
        self.busy_ns += took_ns;
        self.longest_ns = self.longest_ns.max(took_ns);
    }
}
