//! The log line of a connection as a `log-format` describes it.

use std::net::{IpAddr, SocketAddr};

use super::dates::{Stamp, write_accept_date, write_date, write_to};
use super::record::{ConnectionRecord, Peername};
use crate::config::{FormatPart, FormatString, LogField, write_sample};
use crate::net::address::Address;
use crate::net::localtime::gmt_time;
use crate::proxy::connection::log_record::SampleTexts;

/// The process that writes the lines.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The name of the machine.
    pub hostname: &'a str,
    /// The number of the process.
    pub pid: u32,
}

/// The form of a value.
#[derive(Clone, Copy)]
struct Style {
    quoted: bool,
    hex: bool,
    marked: bool,
    escaped: bool,
}

/// Writes the message of a connection, without a line end. `samples` are the texts of the samples
/// in its format.
pub fn write_custom_line(
    out: &mut Vec<u8>,
    line: &FormatString,
    samples: &SampleTexts,
    record: &ConnectionRecord<'_>,
    writer: Writer<'_>,
    stamp: &mut Stamp,
) {
    let mut samples = samples.iter().flatten();
    let mut follows_blank = true;
    for part in &line.parts {
        match part {
            FormatPart::Text(text) => {
                let rest = text.strip_prefix(' ').filter(|_| follows_blank).unwrap_or(text);
                out.extend_from_slice(rest.as_bytes());
                follows_blank = text.ends_with(' ');
            }
            FormatPart::Sample { quoted, marked, escaped, .. } => {
                let value = samples.next().and_then(Option::as_deref);
                write_sample(out, value, *quoted, *escaped, *marked);
                follows_blank = false;
            }
            FormatPart::Value { field, quoted, hex, marked, escaped } => {
                let style =
                    Style { quoted: *quoted, hex: *hex, marked: *marked, escaped: *escaped };
                let before = out.len();
                write_value(out, *field, style, record, writer, stamp);
                // As with HAProxy, blanks around captured texts that are not there become one.
                follows_blank &= field.is_captured() && out.len() == before;
            }
        }
    }
}

fn write_value(
    out: &mut Vec<u8>,
    field: LogField,
    style: Style,
    record: &ConnectionRecord<'_>,
    writer: Writer<'_>,
    stamp: &mut Stamp,
) {
    let noted = record.noted;
    let early = if noted.is_early { "+" } else { "" };
    match field {
        LogField::BytesOut => write_to(out, format_args!("{early}{}", noted.bytes_out)),
        LogField::BytesIn => write_to(out, format_args!("{}", noted.bytes_in)),
        LogField::Hostname => style.text(out, writer.hostname),
        LogField::Pid => style.number(out, u64::from(writer.pid), 4),
        LogField::DateGmt => write_date(out, gmt_time(record.accepted().seconds())),
        LogField::DateLocal => write_date(out, stamp.at(record.accepted())),
        LogField::Date => write_accept_date(out, stamp.at(record.accepted()), record.accepted()),
        LogField::Seconds => style.number(out, record.accepted().seconds(), 4),
        LogField::Milliseconds => {
            let milliseconds = record.accepted().milliseconds();
            if style.hex {
                write_to(out, format_args!("{milliseconds:02X}"));
            } else {
                write_to(out, format_args!("{milliseconds:03}"));
            }
        }
        LogField::QueueMs => write_time(out, noted.queued_ms),
        LogField::ConnectMs => write_time(out, noted.connect_ms),
        LogField::DataMs => {
            let queue_ms = noted.queued_ms.unwrap_or(0);
            let before_ms = noted.connect_ms.map(|connect_ms| queue_ms + connect_ms);
            write_time(out, before_ms.map(|before_ms| noted.total_ms.saturating_sub(before_ms)));
        }
        LogField::TotalMs | LogField::UserMs => {
            write_to(out, format_args!("{early}{}", noted.total_ms));
        }
        LogField::ProcessConnections => count(out, noted.process_connections),
        LogField::FrontendConnections => count(out, noted.frontend_connections),
        LogField::BackendConnections => count(out, noted.backend_connections),
        LogField::ServerConnections => count(out, noted.server_connections),
        LogField::ServerQueue => count(out, noted.server_queue),
        LogField::BackendQueue => count(out, noted.backend_queue),
        LogField::Retries => {
            let moved = if noted.redispatched { "+" } else { "" };
            write_to(out, format_args!("{moved}{}", noted.retries));
        }
        LogField::Frontend => style.text(out, record.frontend),
        LogField::FrontendTransport => style.text(out, &record.frontend_transport()),
        LogField::Backend => style.text(out, record.backend),
        LogField::Server => style.text(out, record.server.unwrap_or("<NOSRV>")),
        LogField::Termination => out.extend_from_slice(&noted.termination.code()),
        LogField::TerminationCookie => {
            out.extend_from_slice(&noted.termination.code());
            out.extend_from_slice(b"--");
        }
        LogField::UniqueId => style.unique_id(out, noted.unique_id.as_deref()),
        LogField::TlsCipher => style.tls(out, noted.tls.map(|tls| tls.suite.unwrap_or("(NONE)"))),
        LogField::TlsVersion => style.tls(out, noted.tls.and_then(|tls| tls.version)),
        LogField::Captures => style.captures(out, noted.captures.as_deref()),
        LogField::CaptureList => style.capture_list(out, noted.captures.as_deref()),
        LogField::AnswerCaptures => style.captures(out, noted.answer_captures.as_deref()),
        LogField::AnswerCaptureList => style.capture_list(out, noted.answer_captures.as_deref()),
        LogField::HttpStatus | LogField::HandshakeMs => out.push(b'0'),
        LogField::LogCount => style.number(out, u64::from(noted.lines_before), 4),
        LogField::RequestCount => style.number(out, u64::from(noted.number), 4),
        LogField::ClientIp => style.ip(out, End::of_client(record.client())),
        LogField::ClientPort => style.port(out, End::of_client(record.client())),
        LogField::FrontendIp => style.ip(out, End::of_local(record)),
        LogField::FrontendPort => style.port(out, End::of_local(record)),
        LogField::BackendIp => style.ip(out, End::of(noted.source)),
        LogField::BackendPort => style.port(out, End::of(noted.source)),
        LogField::ServerIp => style.ip(out, End::of_server(record)),
        LogField::ServerPort => style.port(out, End::of_server(record)),
    }
}

fn count(out: &mut Vec<u8>, count: u32) {
    write_to(out, format_args!("{count}"));
}

fn write_time(out: &mut Vec<u8>, ms: Option<u32>) {
    match ms {
        Some(ms) => write_to(out, format_args!("{ms}")),
        None => out.extend_from_slice(b"-1"),
    }
}

/// The address of one end of a socket.
#[derive(Clone, Copy)]
enum End {
    Ip(SocketAddr),
    /// A unix socket, named by the number of the listener.
    Unix(u32),
    Unknown,
}

impl End {
    fn of(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::Unknown, Self::Ip)
    }

    fn of_client(client: Peername) -> Self {
        match client {
            Peername::Ip(address) => Self::Ip(address),
            Peername::Unix(listener) => Self::Unix(listener),
        }
    }

    fn of_local(record: &ConnectionRecord<'_>) -> Self {
        match (record.noted.local, record.client()) {
            (Some(local), _) => Self::Ip(local),
            (None, Peername::Unix(listener)) => Self::Unix(listener),
            (None, Peername::Ip(_)) => Self::Unknown,
        }
    }

    fn of_server(record: &ConnectionRecord<'_>) -> Self {
        match &record.noted.target {
            Some(Address::Ip(address)) => Self::Ip(*address),
            Some(Address::Unix(_) | Address::Abstract(_)) => Self::Unix(0),
            None => Self::Unknown,
        }
    }
}

/// Writes a text that a client has sent. Bytes with a meaning in the line are hexadecimal.
fn write_captured(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'#' | b'{' | b'|' | b'}' => write_to(out, format_args!("#{byte:02X}")),
            b' '..=b'~' => out.push(*byte),
            _ => write_to(out, format_args!("#{byte:02X}")),
        }
    }
}

impl Style {
    /// The texts that rules have kept, in braces.
    fn captures(self, out: &mut Vec<u8>, captures: Option<&[Option<Vec<u8>>]>) {
        let Some(captures) = captures else { return };
        let quote: &[u8] = if self.quoted { b"\"" } else { b"" };
        out.extend_from_slice(quote);
        out.push(b'{');
        for (slot, text) in captures.iter().enumerate() {
            if slot > 0 {
                out.push(b'|');
            }
            write_captured(out, text.as_deref().unwrap_or_default());
        }
        out.push(b'}');
        out.extend_from_slice(quote);
    }

    /// The texts that rules have kept, each as a word.
    fn capture_list(self, out: &mut Vec<u8>, captures: Option<&[Option<Vec<u8>>]>) {
        let quote: &[u8] = if self.quoted { b"\"" } else { b"" };
        for (slot, text) in captures.into_iter().flatten().enumerate() {
            if slot > 0 {
                out.push(b' ');
            }
            match text {
                Some(text) => {
                    out.extend_from_slice(quote);
                    write_captured(out, text);
                    out.extend_from_slice(quote);
                }
                None => self.nothing(out),
            }
        }
    }

    fn text(self, out: &mut Vec<u8>, text: &str) {
        if self.quoted {
            write_to(out, format_args!("\"{text}\""));
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn number(self, out: &mut Vec<u8>, number: u64, digits: usize) {
        if self.hex {
            write_to(out, format_args!("{number:0digits$X}"));
        } else {
            write_to(out, format_args!("{number}"));
        }
    }

    fn unique_id(self, out: &mut Vec<u8>, id: Option<&[u8]>) {
        write_sample(out, id, self.quoted, self.escaped, self.marked);
    }

    fn tls(self, out: &mut Vec<u8>, word: Option<&str>) {
        match word {
            Some(word) => self.text(out, word),
            None => self.nothing(out),
        }
    }

    fn nothing(self, out: &mut Vec<u8>) {
        let text: &[u8] = match self {
            Self { quoted: true, .. } => b"\"\"",
            Self { marked: true, .. } => b"-",
            Self { .. } => b"",
        };
        out.extend_from_slice(text);
    }

    fn ip(self, out: &mut Vec<u8>, end: End) {
        match end {
            End::Ip(address) if self.hex => match address.ip() {
                IpAddr::V4(ip) => write_to(out, format_args!("{:08X}", ip.to_bits())),
                IpAddr::V6(ip) => write_to(out, format_args!("{:032X}", ip.to_bits())),
            },
            End::Ip(address) => self.text(out, &address.ip().to_string()),
            End::Unix(_) => self.text(out, "unix"),
            End::Unknown => self.nothing(out),
        }
    }

    fn port(self, out: &mut Vec<u8>, end: End) {
        match end {
            End::Ip(address) => self.number(out, u64::from(address.port()), 4),
            End::Unix(listener) => self.number(out, u64::from(listener), 4),
            End::Unknown => self.nothing(out),
        }
    }
}
