//! The log line of a connection in HAProxy's TCP log format, and the short line of a frontend
//! without `option tcplog`.

use std::fmt;

use crate::proxy::connection::log_record::Refusal;
use crate::proxy::log_line::{
    ConnectionRecord, Peername, Stamp, WallClock, write_accept_date, write_to,
};

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
    let noted = record.noted;
    let early = if noted.is_early { "+" } else { "" };
    let accepted = record.accepted();
    write_to(out, format_args!("{} [", record.client()));
    write_accept_date(out, stamp.at(accepted), accepted);
    write_to(
        out,
        format_args!(
            "] {} {}/{} {}/{}/{early}{} {early}{} ",
            record.frontend_transport(),
            record.backend,
            record.server.unwrap_or("<NOSRV>"),
            Milliseconds(noted.queued_ms),
            Milliseconds(noted.connect_ms),
            noted.total_ms,
            noted.bytes_out,
        ),
    );
    out.extend_from_slice(&noted.termination.code());
    write_to(
        out,
        format_args!(
            " {}/{}/{}/{}/{}{} {}/{}",
            noted.process_connections,
            noted.frontend_connections,
            noted.backend_connections,
            noted.server_connections,
            if noted.redispatched { "+" } else { "" },
            noted.retries,
            noted.server_queue,
            noted.backend_queue,
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
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::FrontendId;
    use crate::proxy::connection::log_record::{Cause, LogRecord, Phase, Termination};

    fn noted() -> LogRecord {
        let accepted = Duration::from_micros(1_795_389_437_007_000);
        LogRecord {
            client: Some("127.0.0.7:33289".parse().unwrap()),
            accepted_at: SystemTime::UNIX_EPOCH + accepted,
            frontend: FrontendId(0),
            backend: None,
            server: None,
            queued_ms: Some(1),
            connect_ms: Some(0),
            total_ms: 193,
            bytes_out: 2,
            bytes_in: 0,
            level: None,
            is_early: false,
            local: None,
            source: None,
            target: None,
            tls: None,
            termination: Termination::NORMAL,
            process_connections: 1,
            frontend_connections: 1,
            backend_connections: 0,
            server_connections: 0,
            retries: 0,
            redispatched: false,
            server_queue: 0,
            backend_queue: 0,
            number: 0,
            lines_before: 0,
            unique_id: None,
            is_refusal: false,
            samples: None,
            structured: None,
            captures: None,
            answer_captures: None,
        }
    }

    fn record(noted: &LogRecord) -> ConnectionRecord<'_> {
        ConnectionRecord { noted, frontend: "fe", backend: "web", server: Some("s1") }
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
        assert_eq!(
            line(&record(&noted())),
            "127.0.0.7:33289 [] fe web/s1 1/0/193 2 -- 1/1/0/0/0 0/0"
        );
    }

    #[test]
    fn times_of_steps_that_never_happened_are_minus_one() {
        let noted = LogRecord {
            client: Some("127.0.0.1:53264".parse().unwrap()),
            queued_ms: None,
            connect_ms: None,
            total_ms: 0,
            bytes_out: 0,
            termination: Termination::new(Cause::ServerAbort, Phase::Connect),
            ..noted()
        };
        let record =
            ConnectionRecord { noted: &noted, frontend: "nobe", backend: "nobe", server: None };
        assert_eq!(
            line(&record),
            "127.0.0.1:53264 [] nobe nobe/<NOSRV> -1/-1/0 0 SC 1/1/0/0/0 0/0"
        );
    }

    #[test]
    fn a_redispatch_is_marked_with_a_plus_sign() {
        let noted = LogRecord {
            client: Some("127.0.0.1:60348".parse().unwrap()),
            connect_ms: None,
            total_ms: 0,
            bytes_out: 0,
            termination: Termination::new(Cause::ServerAbort, Phase::Connect),
            retries: 1,
            redispatched: true,
            ..noted()
        };
        let server = Some("d2");
        let record = ConnectionRecord { noted: &noted, frontend: "dead", backend: "dead", server };
        assert_eq!(line(&record), "127.0.0.1:60348 [] dead dead/d2 1/-1/0 0 SC 1/1/0/0/+1 0/0");
    }

    #[test]
    fn clients_are_written_without_brackets_and_unix_ones_by_number() {
        let client = Some("[::ffff:127.0.0.1]:36964".parse().unwrap());
        let v6 = LogRecord { client, ..noted() };
        assert!(line(&record(&v6)).starts_with("::ffff:127.0.0.1:36964 []"));
        let unix = LogRecord { client: None, ..noted() };
        assert!(line(&record(&unix)).starts_with("unix:1 [] fe web/s1"));
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
