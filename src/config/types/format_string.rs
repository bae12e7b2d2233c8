//! A compiled format string, as `log-format` and its like have them: texts, values and samples.

use crate::config::rules::{Expression, Needs};

/// A compiled format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatString {
    /// The parts in their order.
    pub parts: Vec<FormatPart>,
}

/// One part of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatPart {
    /// This text.
    Text(String),
    /// A value of the connection.
    Value {
        /// Which value.
        field: LogField,
        /// Whether texts stand in quotes (`+Q`).
        quoted: bool,
        /// Whether numbers and addresses are hexadecimal (`+X`).
        hex: bool,
        /// Whether a minus sign stands for a missing value (`+M`).
        marked: bool,
        /// Whether a backslash stands before quotes, backslashes and closing brackets (`+E`).
        escaped: bool,
    },
    /// The value of a sample.
    Sample {
        /// The sample.
        sample: Expression,
        /// Whether the value stands in quotes (`+Q`).
        quoted: bool,
        /// Whether a minus sign stands for a missing value (`+M`).
        marked: bool,
        /// Whether a backslash stands before quotes, backslashes and closing brackets (`+E`).
        escaped: bool,
    },
}

impl FormatString {
    /// The samples in it.
    pub fn samples(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            FormatPart::Sample { sample, .. } => Some(sample),
            FormatPart::Text(_) | FormatPart::Value { .. } => None,
        })
    }

    /// Whether the line has the texts that rules have kept.
    pub fn shows_captures(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, FormatPart::Value { field, .. } if field.is_captured()))
    }

    /// Whether the line has the address or the port of a server.
    pub fn names_target(&self) -> bool {
        let is_target = |field| matches!(field, LogField::ServerIp | LogField::ServerPort);
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, FormatPart::Value { field, .. } if is_target(*field)))
    }

    /// Whether the line can only be written when the connection has ended.
    pub fn needs_the_end(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, FormatPart::Value { field, .. } if field.is_of_the_end()))
    }

    /// Whether the line has a sample of what a side has sent.
    pub fn looks_at_content(&self) -> bool {
        self.samples().any(|sample| sample.needs.is_content())
    }

    /// Whether the line has an address that must be asked of a socket.
    pub fn wants_own_ends(&self) -> bool {
        self.parts.iter().any(|part| match part {
            FormatPart::Text(_) => false,
            FormatPart::Sample { sample, .. } => sample.needs == Needs::Destination,
            FormatPart::Value { field, .. } => matches!(
                field,
                LogField::FrontendIp
                    | LogField::FrontendPort
                    | LogField::BackendIp
                    | LogField::BackendPort
            ),
        })
    }
}

/// Writes the value of a sample with its quotes and escapes. A minus sign stands for no value where
/// that is to be marked.
pub fn write_sample(
    out: &mut Vec<u8>,
    value: Option<&[u8]>,
    quoted: bool,
    escaped: bool,
    marked: bool,
) {
    if quoted {
        out.push(b'"');
    }
    match value.filter(|value| !value.is_empty()) {
        Some(value) if escaped => {
            for byte in value {
                if matches!(byte, b'"' | b'\\' | b']') {
                    out.push(b'\\');
                }
                out.push(*byte);
            }
        }
        Some(value) => out.extend_from_slice(value),
        None if quoted || !marked => {}
        None => out.push(b'-'),
    }
    if quoted {
        out.push(b'"');
    }
}

impl LogField {
    /// Whether the value is that of texts that rules have kept.
    pub fn is_captured(self) -> bool {
        matches!(
            self,
            Self::Captures | Self::CaptureList | Self::AnswerCaptures | Self::AnswerCaptureList
        )
    }

    /// Whether the value is that of the end of a connection. HAProxy writes a line without such
    /// values when the server has accepted.
    fn is_of_the_end(self) -> bool {
        matches!(
            self,
            Self::BytesOut
                | Self::BytesIn
                | Self::ConnectMs
                | Self::DataMs
                | Self::TotalMs
                | Self::UserMs
                | Self::QueueMs
                | Self::ProcessConnections
                | Self::FrontendConnections
                | Self::BackendConnections
                | Self::ServerConnections
                | Self::BackendQueue
                | Self::ServerQueue
                | Self::Retries
                | Self::Termination
                | Self::UniqueId
        )
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// The values of a connection that a log line can have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum LogField {
            $($(#[$doc])* $variant,)*
        }

        /// Every field by its name in a `log-format`.
        pub(in crate::config) const FIELDS: &[(&str, LogField)] =
            &[$(($name, LogField::$variant),)*];
    };
}

fields! {
    /// The unique id of the connection.
    UniqueId "ID",
    /// The status of an HTTP answer, which there is none of.
    HttpStatus "ST",
    /// Milliseconds of the handshakes before the connection, which there are none of.
    HandshakeMs "Th",
    /// Captured values of the request, in braces.
    Captures "hr",
    /// The same, each as a word.
    CaptureList "hrl",
    /// Captured values of the response, in braces.
    AnswerCaptures "hs",
    /// The same, each as a word.
    AnswerCaptureList "hsl",
    /// How many lines of the frontend's connections came before.
    LogCount "lc",
    /// The number of the connection in the process.
    RequestCount "rt",
    /// The cipher of a TLS client.
    TlsCipher "sslc",
    /// The version of a TLS client.
    TlsVersion "sslv",
    /// Bytes to the client.
    BytesOut "B",
    /// The host's name.
    Hostname "H",
    /// When it was accepted, GMT.
    DateGmt "T",
    /// From the first server chosen to the server's answer, in milliseconds.
    ConnectMs "Tc",
    /// From the connect to the end, in milliseconds.
    DataMs "Td",
    /// When it was accepted, local time with its offset.
    DateLocal "Tl",
    /// When it was accepted, in seconds since the epoch.
    Seconds "Ts",
    /// From accept to end, in milliseconds.
    TotalMs "Tt",
    /// The same, by its other name.
    UserMs "Tu",
    /// In queues, in milliseconds.
    QueueMs "Tw",
    /// Bytes from the client.
    BytesIn "U",
    /// Connections of the process.
    ProcessConnections "ac",
    /// The backend.
    Backend "b",
    /// Connections of the backend.
    BackendConnections "bc",
    /// The address that the server sees.
    BackendIp "bi",
    /// The port that the server sees.
    BackendPort "bp",
    /// Connections before it in the backend's queue.
    BackendQueue "bq",
    /// The client's address.
    ClientIp "ci",
    /// The client's port.
    ClientPort "cp",
    /// The frontend.
    Frontend "f",
    /// Connections of the frontend.
    FrontendConnections "fc",
    /// The address that the client came to.
    FrontendIp "fi",
    /// The port that the client came to.
    FrontendPort "fp",
    /// The frontend, with a mark where it speaks TLS.
    FrontendTransport "ft",
    /// Milliseconds into the second of its accept.
    Milliseconds "ms",
    /// The process id.
    Pid "pid",
    /// Connects tried again.
    Retries "rc",
    /// The server.
    Server "s",
    /// Connections of the server.
    ServerConnections "sc",
    /// The server's address.
    ServerIp "si",
    /// The server's port.
    ServerPort "sp",
    /// Connections before it in the server's queue.
    ServerQueue "sq",
    /// When it was accepted, local time to the millisecond.
    Date "t",
    /// How it ended.
    Termination "ts",
    /// The same with two letters that only HTTP fills.
    TerminationCookie "tsc",
}
