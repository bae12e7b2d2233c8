//! `log-format`: the text of a connection's line, compiled once into what is written one after
//! the other.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};

/// A compiled `log-format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// What is written one after the other.
    pub parts: Vec<LogPart>,
}

/// One part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPart {
    /// This text.
    Text(String),
    /// What is known of the connection.
    Value {
        /// Which of it.
        field: LogField,
        /// Texts stand in quotes (`+Q`).
        quoted: bool,
        /// Numbers and addresses are hexadecimal (`+X`).
        hex: bool,
    },
}

impl LogLine {
    /// Whether it names the address of a server.
    pub fn names_target(&self) -> bool {
        let is_target = |field| matches!(field, LogField::ServerIp | LogField::ServerPort);
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, LogPart::Value { field, .. } if is_target(*field)))
    }

    /// Whether it names an end of a socket that only the system knows.
    pub fn wants_own_ends(&self) -> bool {
        self.parts.iter().any(|part| match part {
            LogPart::Text(_) => false,
            LogPart::Value { field, .. } => matches!(
                field,
                LogField::FrontendIp
                    | LogField::FrontendPort
                    | LogField::BackendIp
                    | LogField::BackendPort
            ),
        })
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What a line can say of a connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum LogField {
            $($(#[$doc])* $variant,)*
        }

        const FIELDS: &[(&str, LogField)] = &[$(($name, LogField::$variant),)*];
    };
}

fields! {
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

/// Names that HAProxy has for what a TCP connection does not have, or not here.
const FOREIGN: &[&str] = &[
    "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "ID", "ST", "TR", "Ta", "Th", "Ti", "Tq",
    "Tr", "hr", "hrl", "hs", "hsl", "lc", "r", "rt", "sslc", "sslv", "tr", "trg", "trl",
];

#[derive(Clone, Copy, Default)]
struct Flags {
    quoted: bool,
    hex: bool,
}

/// Compiles the text of a `log-format` line.
pub(super) fn compile(typed: &Placed<&str>) -> Parsed<LogLine> {
    let wrong = |message: String| Mistake::new(typed.place, format!("'log-format': {message}"));
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut default = Flags::default();
    let mut rest = typed.value;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            '%' if rest.starts_with('%') => {
                rest = rest.get(1..).unwrap_or_default();
                text.push('%');
            }
            '%' => {
                let (name, flags, after) = variable(rest, default).map_err(wrong)?;
                rest = after;
                if name == "o" {
                    default = flags;
                    continue;
                }
                if !text.is_empty() {
                    parts.push(LogPart::Text(std::mem::take(&mut text)));
                }
                let Flags { quoted, hex } = flags;
                let field = field(name).map_err(wrong)?;
                parts.push(LogPart::Value { field, quoted, hex });
            }
            // As with HAProxy, one separator stands for several.
            ' ' | '\t' if text.ends_with(' ') => {}
            '\t' => text.push(' '),
            letter => text.push(letter),
        }
    }
    if !text.is_empty() {
        parts.push(LogPart::Text(text));
    }
    Ok(LogLine { parts })
}

/// The name and flags of a variable, and what follows it.
fn variable(text: &str, mut flags: Flags) -> Result<(&str, Flags, &str), String> {
    let mut rest = text;
    if let Some(braced) = text.strip_prefix('{') {
        let (list, after) = braced.split_once('}').ok_or_else(|| "'{' without '}'".to_owned())?;
        for flag in list.split(',') {
            match flag.trim() {
                "+Q" => flags.quoted = true,
                "-Q" => flags.quoted = false,
                "+X" => flags.hex = true,
                "-X" => flags.hex = false,
                // Nothing that a TCP line holds needs the escapes of structured data.
                "+E" | "-E" | "" => {}
                other => return Err(format!("unknown flag '{other}'")),
            }
        }
        rest = after;
    }
    if rest.starts_with('[') {
        return Err("sample expressions (%[...]) are refused: not supported yet".to_owned());
    }
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    Ok((name, flags, after))
}

fn field(name: &str) -> Result<LogField, String> {
    if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
        return Ok(*field);
    }
    if FOREIGN.contains(&name) {
        return Err(format!("variable '%{name}' is refused: not known of a TCP connection here"));
    }
    Err(format!("unknown variable '%{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::diagnostic::Place;

    fn compiled(text: &str) -> Result<Vec<LogPart>, String> {
        let typed = Placed { value: text, place: Place::default() };
        compile(&typed).map(|line| line.parts).map_err(|mistake| mistake.message)
    }

    fn value(field: LogField, quoted: bool, hex: bool) -> LogPart {
        LogPart::Value { field, quoted, hex }
    }

    fn text(text: &str) -> LogPart {
        LogPart::Text(text.to_owned())
    }

    #[test]
    fn a_format_becomes_texts_and_values() {
        let parts = compiled("%ci:%cp [%t]  %%x").unwrap();
        let plain = |field| value(field, false, false);
        let expected = [
            plain(LogField::ClientIp),
            text(":"),
            plain(LogField::ClientPort),
            text(" ["),
            plain(LogField::Date),
            text("] %x"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn flags_hold_for_one_value_or_from_there_on() {
        let parts = compiled("%{+Q}o%s%{-Q}b%{+X}ci%f").unwrap();
        let expected = [
            value(LogField::Server, true, false),
            value(LogField::Backend, false, false),
            value(LogField::ClientIp, true, true),
            value(LogField::Frontend, true, false),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_cannot_be_written_is_refused_by_name() {
        for (format, said) in [
            ("%HM", "variable '%HM' is refused: not known of a TCP connection here"),
            ("%nope", "unknown variable '%nope'"),
            ("%[src]", "sample expressions (%[...]) are refused: not supported yet"),
            ("%{+Z}ci", "unknown flag '+Z'"),
            ("%{+Q", "'{' without '}'"),
            ("100%", "unknown variable '%'"),
        ] {
            assert_eq!(compiled(format), Err(format!("'log-format': {said}")), "{format}");
        }
    }
}
