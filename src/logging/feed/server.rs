//! One TCP log server of a ring: its connection, and the messages on their way.
//!
//! ```text
//!   Pausing ──pause over──> Connecting ──connected──> Open
//!      ^                        │ refused, too late     │ closed, too slow
//!      └────────────────────────┴───────────────────────┘
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};

use crate::config;
use crate::config::{Framing, Ring, RingId};
use crate::logging::rings::{Cursor, Memory, Rings};
use crate::net::address::Address;
use crate::net::socket;
use crate::net::socket::ConnectOptions;

/// The first pause before a server is connected to again. Each further pause is twice as long.
const PAUSE_MS: u64 = 1000;
const PAUSE_MAX_MS: u64 = 30_000;
/// The limits where a ring has no `timeout connect` or no `timeout server`.
const CONNECT_TIMEOUT_MS: u32 = 5000;
const SERVER_TIMEOUT_MS: u32 = 30_000;
/// How many bytes of messages one turn prepares.
const BATCH_LEN: usize = 16_384;

/// One server of a ring.
#[derive(Debug)]
pub(super) struct LogServer {
    /// How messages name the server.
    pub(super) label: String,
    ring: RingId,
    address: Address,
    framing: Framing,
    connect_timeout_ms: u32,
    server_timeout_ms: u32,
    state: State,
    /// The generation of the socket.
    generation: u32,
    pause_ms: u64,
    /// The first message that is not wholly sent.
    next: Cursor,
}

#[derive(Debug)]
enum State {
    Pausing { until_ms: u64 },
    Connecting { fd: OwnedFd, until_ms: u64, is_ready: bool },
    Open(Open),
}

/// A connection.
#[derive(Debug)]
struct Open {
    fd: OwnedFd,
    readable: bool,
    writable: bool,
    /// Messages in the form of the connection, and how much of them was sent.
    batch: Vec<u8>,
    sent: usize,
    /// Where each message of the batch ends, with the reader's place behind the message.
    ends: VecDeque<(usize, Cursor)>,
    /// When the server is given up, while it takes nothing.
    until_ms: Option<u64>,
}

/// What is to be told after a turn of a server.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing.
    Fine,
    /// The ring had dropped so many messages before they could be sent.
    Lost(u64),
    /// The connection cannot be made, or is over.
    Failed(Trouble),
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Trouble {
    Connect(io::Error),
    ConnectTimeout,
    Closed,
    Error(io::Error),
    TooSlow,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "connect: {error}"),
            Self::ConnectTimeout => f.write_str("connect: no answer in 'timeout connect'"),
            Self::Closed => f.write_str("the log server closed the connection"),
            Self::Error(error) => write!(f, "the connection is lost: {error}"),
            Self::TooSlow => f.write_str("the log server took nothing in 'timeout server'"),
        }
    }
}

impl LogServer {
    pub(super) fn new(id: RingId, ring: &Ring, config: &config::RingServer) -> Self {
        Self {
            label: format!("ring {}: server {} ({})", ring.name, config.name, config.address),
            ring: id,
            address: config.address.clone(),
            framing: config.framing,
            connect_timeout_ms: ring.connect_timeout_ms.unwrap_or(CONNECT_TIMEOUT_MS),
            server_timeout_ms: ring.server_timeout_ms.unwrap_or(SERVER_TIMEOUT_MS),
            state: State::Pausing { until_ms: 0 },
            generation: 0,
            pause_ms: PAUSE_MS,
            next: Cursor::default(),
        }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn note(&mut self, readable: bool, writable: bool) {
        match &mut self.state {
            State::Pausing { .. } => {}
            State::Connecting { is_ready, .. } => *is_ready |= readable || writable,
            State::Open(open) => {
                open.readable |= readable;
                open.writable |= writable;
            }
        }
    }

    pub(super) fn has_work(&self, rings: &Rings) -> bool {
        match &self.state {
            State::Pausing { .. } => false,
            State::Connecting { is_ready, .. } => *is_ready,
            State::Open(open) => {
                let has_more = || rings.get(self.ring).is_some_and(|r| r.memory.end() != self.next);
                open.readable || open.writable && (open.is_sending() || has_more())
            }
        }
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match &self.state {
            State::Pausing { until_ms } | State::Connecting { until_ms, .. } => Some(*until_ms),
            State::Open(open) => open.until_ms,
        }
    }

    /// Does what is due. A new socket is given to `register`.
    pub(super) fn advance(
        &mut self,
        rings: &mut Rings,
        register: impl FnOnce(&OwnedFd, u32) -> io::Result<()>,
        now_ms: u64,
    ) -> Outcome {
        match self.step(rings, register, now_ms) {
            Ok(0) => Outcome::Fine,
            Ok(count) => Outcome::Lost(count),
            Err(why) => {
                self.state = State::Pausing { until_ms: now_ms.saturating_add(self.pause_ms) };
                self.pause_ms = (2 * self.pause_ms).min(PAUSE_MAX_MS);
                Outcome::Failed(why)
            }
        }
    }

    /// Returns how many messages the ring has dropped.
    fn step(
        &mut self,
        rings: &mut Rings,
        register: impl FnOnce(&OwnedFd, u32) -> io::Result<()>,
        now_ms: u64,
    ) -> Result<u64, Trouble> {
        match &mut self.state {
            State::Pausing { until_ms } if now_ms < *until_ms => Ok(0),
            State::Pausing { .. } => {
                let options = ConnectOptions::default();
                let fd = socket::connect(&self.address, &options).map_err(Trouble::Connect)?;
                self.generation = self.generation.wrapping_add(1);
                register(&fd, self.generation).map_err(Trouble::Connect)?;
                let until_ms = now_ms.saturating_add(u64::from(self.connect_timeout_ms));
                self.state = State::Connecting { fd, until_ms, is_ready: false };
                Ok(0)
            }
            State::Connecting { fd, is_ready: true, .. } => {
                socket::take_error(fd.as_fd()).map_err(Trouble::Connect)?;
                let before = std::mem::replace(&mut self.state, State::Pausing { until_ms: 0 });
                if let State::Connecting { fd, .. } = before {
                    self.state = State::Open(Open::new(fd));
                }
                self.exchange(rings, now_ms)
            }
            State::Connecting { until_ms, .. } if now_ms >= *until_ms => {
                Err(Trouble::ConnectTimeout)
            }
            State::Connecting { .. } => Ok(0),
            State::Open(_) => self.exchange(rings, now_ms),
        }
    }

    fn exchange(&mut self, rings: &mut Rings, now_ms: u64) -> Result<u64, Trouble> {
        let (State::Open(open), Some(ring)) = (&mut self.state, rings.get_mut(self.ring)) else {
            return Ok(0);
        };
        open.receive()?;
        let mut missed = 0;
        if !open.is_sending() {
            missed = ring.memory.catch_up(&mut self.next);
            ring.dropped += missed;
            open.prepare(&ring.memory, self.next, self.framing);
        }
        let before = open.sent;
        let result = open.transmit();
        if let Some(done) = open.done() {
            self.next = done;
            self.pause_ms = PAUSE_MS;
        }
        result?;
        if !open.is_sending() {
            open.until_ms = None;
        } else if open.sent > before || open.until_ms.is_none() {
            open.until_ms = Some(now_ms.saturating_add(u64::from(self.server_timeout_ms)));
        } else if open.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            return Err(Trouble::TooSlow);
        }
        Ok(missed)
    }
}

impl Open {
    fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            readable: true,
            writable: true,
            batch: Vec::new(),
            sent: 0,
            ends: VecDeque::new(),
            until_ms: None,
        }
    }

    fn is_sending(&self) -> bool {
        self.sent < self.batch.len()
    }

    /// Drops what the server says. A log server has nothing to say.
    fn receive(&mut self) -> Result<(), Trouble> {
        if !self.readable {
            return Ok(());
        }
        match socket::receive(self.fd.as_fd(), &mut [0; 1024]) {
            Ok(0) => Err(Trouble::Closed),
            Ok(_) => Ok(()), // the next turn reads on
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(Trouble::Error(error)),
        }
    }

    /// Makes a batch of the ring's messages from `next` on.
    fn prepare(&mut self, memory: &Memory, next: Cursor, framing: Framing) {
        self.batch.clear();
        self.ends.clear();
        self.sent = 0;
        let (mut cursor, mut message) = (next, Vec::new());
        while self.batch.len() < BATCH_LEN {
            message.clear();
            let Some(length) = memory.read(&mut cursor, &mut message) else { break };
            if framing == Framing::OctetCount {
                // Writing to a vector cannot fail.
                let _ = write!(self.batch, "{length} ");
            }
            self.batch.append(&mut message);
            if framing == Framing::Legacy {
                self.batch.push(b'\n');
            }
            self.ends.push_back((self.batch.len(), cursor));
        }
    }

    fn transmit(&mut self) -> Result<(), Trouble> {
        let Some(unsent) = self.batch.get(self.sent..).filter(|unsent| !unsent.is_empty()) else {
            return Ok(());
        };
        if !self.writable {
            return Ok(());
        }
        match socket::send(self.fd.as_fd(), unsent) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Error(error)),
        }
        Ok(())
    }

    /// The place behind the last message that is wholly sent, if a message was since the last call.
    fn done(&mut self) -> Option<Cursor> {
        let mut done = None;
        while let Some((_, cursor)) = self.ends.pop_front_if(|(end, _)| *end <= self.sent) {
            done = Some(cursor);
        }
        done
    }
}
