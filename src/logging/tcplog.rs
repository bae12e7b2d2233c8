//! The log line of a connection in HAProxy's TCP log format, and the short line of a frontend
//! without `option tcplog`.

use std::fmt;
use std::net::SocketAddr;

use super::header::{Stamp, WallClock, write_accept_date, write_to};
use crate::net::address::Address;
use crate::proxy::connection::log_record::{LogRecord, Refusal};
use crate::proxy::shared::Shared;

/// The other end of a client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peername {
    /// An address and port.
    Ip(SocketAddr),
    /// A unix socket. As in HAProxy, the number of the listener names it.
    Unix(u32),
}

impl fmt::Display for Peername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{}:{}", address.ip(), address.port()),
            Self::Unix(listener) => write!(f, "unix:{listener}"),
        }
    }
}

/// How a connection ended: the two letters in the line, `--` for a normal end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(pub [u8; 2]);

impl End {
    /// Nothing went wrong.
    pub const NORMAL: Self = Self(*b"--");
}

/// The facts about a connection that its log line can show.
#[derive(Clone, Debug)]
pub struct ConnectionRecord<'a> {
    /// The client.
    pub client: Peername,
    /// When the client was accepted.
    pub accepted: WallClock,
    /// The frontend's name.
    pub frontend: &'a str,
    /// The backend's name, or the frontend's name if no backend was chosen.
    pub backend: &'a str,
    /// The server's name, if one was chosen.
    pub server: Option<&'a str>,
    /// Milliseconds in the queue. None if the connection did not get that far.
    pub queue_ms: Option<u32>,
    /// Milliseconds to connect to the server. None if no connection was made.
    pub connect_ms: Option<u32>,
    /// Milliseconds from accept to close.
    pub total_ms: u64,
    /// Bytes sent to the client.
    pub bytes_out: u64,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// The connection still goes on, so sizes and times are not final (`option logasap`).
    pub is_early: bool,
    /// The address that the client connected to, if known.
    pub local: Option<SocketAddr>,
    /// The address from which the connection to the server comes, if known.
    pub source: Option<SocketAddr>,
    /// The server's address.
    pub target: Option<&'a Address>,
    /// How the connection ended.
    pub end: End,
    /// Connections of the process when the connection ended.
    pub process_connections: u32,
    /// Connections of the frontend.
    pub frontend_connections: u32,
    /// Connections of the backend.
    pub backend_connections: u32,
    /// Connections of the server.
    pub server_connections: u32,
    /// How often connecting to a server was tried again.
    pub retries: u32,
    /// Whether the connection moved to another server.
    pub redispatched: bool,
    /// How many connections were before this connection in the server's queue.
    pub server_queue: u32,
    /// How many connections were before this connection in the backend's queue.
    pub backend_queue: u32,
}

impl<'a> ConnectionRecord<'a> {
    /// Completes the proxy's record with the names from the configuration.
    pub fn new(record: &'a LogRecord, shared: &'a Shared) -> Self {
        let frontend = shared.frontend(record.frontend).config.name.as_str();
        let backend = record.backend.map(|id| shared.backend(id));
        let server = backend.zip(record.server).map(|(backend, index)| backend.server(index));
        Self {
            client: record.client.map_or(Peername::Unix(1), Peername::Ip),
            accepted: WallClock::from(record.accepted_at),
            frontend,
            backend: backend.map_or(frontend, |backend| &backend.config.name),
            server: server.map(|server| server.config.name.as_str()),
            queue_ms: record.queued_ms,
            connect_ms: record.connect_ms,
            total_ms: u64::from(record.total_ms),
            bytes_out: record.bytes_out,
            bytes_in: record.bytes_in,
            is_early: record.is_early,
            local: record.local,
            source: record.source,
            target: record.target.as_ref(),
            end: End(record.termination.code()),
            process_connections: record.process_connections,
            frontend_connections: record.frontend_connections,
            backend_connections: record.backend_connections,
            server_connections: record.server_connections,
            retries: record.retries,
            redispatched: record.redispatched,
            server_queue: record.server_queue,
            backend_queue: record.backend_queue,
        }
    }
}

/// A time in the line: `-1` if there is none.
struct Milliseconds(Option<u32>);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => write!(f, "{ms}"),
            None => f.write_str("-1"),
        }
    }
}

/// Writes the message of `option tcplog`, without a line end.
pub fn write_tcplog_line(out: &mut Vec<u8>, record: &ConnectionRecord<'_>, stamp: &mut Stamp) {
    let early = if record.is_early { "+" } else { "" };
    write_to(out, format_args!("{} [", record.client));
    write_accept_date(out, stamp.at(record.accepted), record.accepted);
    write_to(
        out,
        format_args!(
            "] {} {}/{} {}/{}/{early}{} {early}{} ",
            record.frontend,
            record.backend,
            record.server.unwrap_or("<NOSRV>"),
            Milliseconds(record.queue_ms),
            Milliseconds(record.connect_ms),
            record.total_ms,
            record.bytes_out,
        ),
    );
    out.extend_from_slice(&record.end.0);
    write_to(
        out,
        format_args!(
            " {}/{}/{}/{}/{}{} {}/{}",
            record.process_connections,
            record.frontend_connections,
            record.backend_connections,
            record.server_connections,
            if record.redispatched { "+" } else { "" },
            record.retries,
            record.server_queue,
            record.backend_queue,
        ),
    );
}

/// Writes the message for an accepted client of a frontend without `option tcplog`, without a line
/// end. HAProxy writes it when it accepts the client.
pub fn write_connect_line(out: &mut Vec<u8>, client: Peername, local: Peername, frontend: &str) {
    match client {
        Peername::Ip(_) => {
            write_to(out, format_args!("Connect from {client} to {local} ({frontend}/TCP)"));
        }
        Peername::Unix(_) => write_to(out, format_args!("Connect to {local} ({frontend}/TCP)")),
    }
}

/// Writes the message about a client that was refused because of its PROXY header, without a line
/// end.
pub(super) fn write_refusal_line(
    out: &mut Vec<u8>,
    refusal: &Refusal,
    frontend: &str,
    stamp: &mut Stamp,
) {
    let client = refusal.client.map_or(Peername::Unix(1), Peername::Ip);
    let accepted = WallClock::from(refusal.accepted_at);
    write_to(out, format_args!("{client} ["));
    write_accept_date(out, stamp.at(accepted), accepted);
    write_to(out, format_args!("] {frontend}/{}: {}", refusal.listener, refusal.why));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ConnectionRecord<'static> {
        ConnectionRecord {
            client: Peername::Ip("127.0.0.7:33289".parse().unwrap()),
            accepted: WallClock(1_795_389_437_007_000),
            frontend: "fe",
            backend: "web",
            server: Some("s1"),
            queue_ms: Some(1),
            connect_ms: Some(0),
            total_ms: 193,
            bytes_out: 2,
            bytes_in: 0,
            is_early: false,
            local: None,
            source: None,
            target: None,
            end: End::NORMAL,
            process_connections: 1,
            frontend_connections: 1,
            backend_connections: 0,
            server_connections: 0,
            retries: 0,
            redispatched: false,
            server_queue: 0,
            backend_queue: 0,
        }
    }

    /// The line without the date, which depends on the machine's time zone.
    fn line(record: &ConnectionRecord<'_>) -> String {
        let mut out = Vec::new();
        write_tcplog_line(&mut out, record, &mut Stamp::default());
        let text = String::from_utf8(out).unwrap();
        let (before, rest) = text.split_once('[').unwrap();
        let (date, after) = rest.split_once(']').unwrap();
        assert_eq!(date.len(), "22/Nov/2026:23:17:17.007".len());
        assert!(date.ends_with(".007"), "{date}");
        format!("{before}[]{after}")
    }

    #[test]
    fn a_normal_line_is_written_as_by_haproxy() {
        assert_eq!(line(&record()), "127.0.0.7:33289 [] fe web/s1 1/0/193 2 -- 1/1/0/0/0 0/0");
    }

    #[test]
    fn times_of_steps_that_never_happened_are_minus_one() {
        let record = ConnectionRecord {
            client: Peername::Ip("127.0.0.1:53264".parse().unwrap()),
            frontend: "nobe",
            backend: "nobe",
            server: None,
            queue_ms: None,
            connect_ms: None,
            total_ms: 0,
            bytes_out: 0,
            end: End(*b"SC"),
            ..record()
        };
        assert_eq!(
            line(&record),
            "127.0.0.1:53264 [] nobe nobe/<NOSRV> -1/-1/0 0 SC 1/1/0/0/0 0/0"
        );
    }

    #[test]
    fn a_redispatch_is_marked_with_a_plus_sign() {
        let record = ConnectionRecord {
            client: Peername::Ip("127.0.0.1:60348".parse().unwrap()),
            frontend: "dead",
            backend: "dead",
            server: Some("d2"),
            connect_ms: None,
            total_ms: 0,
            bytes_out: 0,
            end: End(*b"SC"),
            retries: 1,
            redispatched: true,
            ..record()
        };
        assert_eq!(line(&record), "127.0.0.1:60348 [] dead dead/d2 1/-1/0 0 SC 1/1/0/0/+1 0/0");
    }

    #[test]
    fn clients_are_written_without_brackets_and_unix_ones_by_number() {
        let v6 = ConnectionRecord {
            client: Peername::Ip("[::ffff:127.0.0.1]:36964".parse().unwrap()),
            ..record()
        };
        assert!(line(&v6).starts_with("::ffff:127.0.0.1:36964 []"));
        let unix = ConnectionRecord { client: Peername::Unix(1), ..record() };
        assert!(line(&unix).starts_with("unix:1 [] fe web/s1"));
    }

    #[test]
    fn the_connect_line_names_both_ends() {
        let mut out = Vec::new();
        let client = Peername::Ip("[::1]:42616".parse().unwrap());
        let local = Peername::Ip("[::1]:22084".parse().unwrap());
        write_connect_line(&mut out, client, local, "plain");
        assert_eq!(out, b"Connect from ::1:42616 to ::1:22084 (plain/TCP)");
        out.clear();
        write_connect_line(&mut out, Peername::Unix(2), Peername::Unix(2), "plain");
        assert_eq!(out, b"Connect to unix:2 (plain/TCP)");
    }
}
