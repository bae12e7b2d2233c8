//! What the log is told of connections, before the lines are written, and how a connection ended:
//! the termination state of HAProxy's log, which is two letters.

use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use super::entry_failure::EntryFailure;
use crate::config::{BackendId, FrontendId, ServerIndex, Severity};
use crate::net::address::Address;

/// The texts of the samples in a line, in their order; none where the line has no samples.
pub type SampleTexts = Option<Box<[Option<Vec<u8>>]>>;

/// What was spoken in a TLS session, as far as that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsWords {
    /// The version.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub suite: Option<&'static str>,
}

/// A connection that has ended, or that relays since now (`option logasap`, and lines without
/// anything of the end).
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The backend that was chosen, if one was.
    pub backend: Option<BackendId>,
    /// The last server that was chosen, if one was.
    pub server: Option<ServerIndex>,
    /// `Tw`: milliseconds from accept until it left the queue for a server; none if it never did.
    pub queued_ms: Option<u32>,
    /// `Tc`: milliseconds from there until the server accepted; none if it never did.
    pub connect_ms: Option<u32>,
    /// `Tt`: milliseconds from accept to end.
    pub total_ms: u32,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// The level that a rule has given to the line.
    pub level: Option<Severity>,
    /// What was spoken with a client that speaks TLS.
    pub tls: Option<TlsWords>,
    /// How it ended.
    pub termination: Termination,
    /// Whether the connection goes on.
    pub is_early: bool,
    /// The address that the client connected to, where the line names it.
    pub local: Option<SocketAddr>,
    /// The address that the server sees as the client's, where the line names it.
    pub source: Option<SocketAddr>,
    /// Where the server was connected to, where the line names it.
    pub target: Option<Address>,
    /// Connections of the process when it ended, itself included.
    pub process_connections: u32,
    /// Connections of the frontend when it ended, itself included.
    pub frontend_connections: u32,
    /// Connections of the backend when it ended, itself included.
    pub backend_connections: u32,
    /// Connections of the server when it ended, itself included.
    pub server_connections: u32,
    /// Connects tried again.
    pub retries: u32,
    /// Whether it was moved to another server.
    pub redispatched: bool,
    /// Connections that were before it in the server's queue.
    pub server_queue: u32,
    /// Connections that were before it in the backend's queue.
    pub backend_queue: u32,
    /// The number of the connection in the process.
    pub number: u32,
    /// How many lines the log was told of the frontend's connections before.
    pub lines_before: u32,
    /// Its unique id, if it has one.
    pub unique_id: Option<Box<[u8]>>,
    /// Whether it was refused before it got in, which `error-log-format` has a line for.
    pub is_refusal: bool,
    /// The texts of the samples in its line, where the line has samples.
    pub samples: SampleTexts,
    /// The same for the structured data beside the line.
    pub structured: SampleTexts,
    /// The texts that rules have kept, where the line shows them.
    pub captures: SampleTexts,
    /// The same of the answer.
    pub answer_captures: SampleTexts,
}

impl LogRecord {
    /// Whether anything went wrong, which `option dontlog-normal` still logs.
    pub fn is_failure(&self) -> bool {
        self.termination != Termination::NORMAL || self.retries > 0 || self.redispatched
    }
}

/// A client that was just accepted, for frontends that log that instead of the end.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The address it connected to; none for a unix socket.
    pub local: Option<SocketAddr>,
}

/// A client that was refused because of its PROXY header or its TLS handshake.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The listener that accepted it: its name or number.
    pub listener: String,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// Why it was refused.
    pub why: EntryFailure,
}

/// Who or what ended a connection: the first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `-`: both sides finished.
    Normal,
    /// `C`: the client aborted.
    ClientAbort,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `c`: the client was silent too long.
    ClientTimeout,
    /// `s`: the server was silent too long, or did not answer.
    ServerTimeout,
    /// `P`: this program refused, because of a limit or a rule.
    Refused,
    /// `R`: this machine had no descriptor, port or memory left.
    Resource,
    /// `D`: the server went down.
    ServerDown,
    /// `U`: a better server came up.
    ServerUp,
    /// `K`: an operator ended it.
    Killed,
}

impl Cause {
    /// Whether a server's health or an operator ended it. HAProxy logs no data phase then.
    pub(super) fn is_shutdown(self) -> bool {
        matches!(self, Self::ServerDown | Self::ServerUp | Self::Killed)
    }
}

/// What the connection was doing when it ended: the second letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `-`: nothing, it was over.
    Done,
    /// `R`: waiting for what decides where it goes.
    Request,
    /// `Q`: waiting in a queue.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `D`: passing data.
    Data,
    /// `L`: the server had finished, and the client was still being sent the last data.
    LastData,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// Who or what ended it.
    pub cause: Cause,
    /// What it was doing.
    pub phase: Phase,
}

impl Termination {
    /// Both sides finished.
    pub const NORMAL: Self = Self { cause: Cause::Normal, phase: Phase::Done };

    /// Ended by `cause` while doing `phase`.
    pub const fn new(cause: Cause, phase: Phase) -> Self {
        Self { cause, phase }
    }

    /// Whether a rule or a limit of this program ended it.
    pub fn is_refusal(self) -> bool {
        self.cause == Cause::Refused
    }

    /// The two letters, as in HAProxy's TCP log format.
    pub const fn code(self) -> [u8; 2] {
        let cause = match self.cause {
            Cause::Normal => b'-',
            Cause::ClientAbort => b'C',
            Cause::ServerAbort => b'S',
            Cause::ClientTimeout => b'c',
            Cause::ServerTimeout => b's',
            Cause::Refused => b'P',
            Cause::Resource => b'R',
            Cause::ServerDown => b'D',
            Cause::ServerUp => b'U',
            Cause::Killed => b'K',
        };
        let phase = match self.phase {
            Phase::Done => b'-',
            Phase::Request => b'R',
            Phase::Queue => b'Q',
            Phase::Connect => b'C',
            Phase::Data => b'D',
            Phase::LastData => b'L',
        };
        [cause, phase]
    }
}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cause, phase] = self.code();
        write!(f, "{}{}", char::from(cause), char::from(phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_those_of_haproxy() {
        assert_eq!(Termination::NORMAL.to_string(), "--");
        assert_eq!(Termination::new(Cause::ServerTimeout, Phase::Connect).to_string(), "sC");
        assert_eq!(Termination::new(Cause::ClientAbort, Phase::LastData).to_string(), "CL");
    }
}
