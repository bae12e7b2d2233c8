//! The dialogue of a check with a server.

use super::format::{CheckFormat, CheckSample};
use super::request::CheckRequest;
use super::status::CheckStatus;
use crate::net::address::Address;
use crate::net::regex::Regex;

/// How the servers of a backend are checked.
#[derive(Clone, Debug, Default)]
pub struct BackendHealth {
    /// The dialogue after the connect.
    pub script: Script,
    /// The longest wait for an answer after the connect, in milliseconds (`timeout check`).
    pub timeout_ms: Option<u32>,
    /// Every change of a check's result is logged (`option log-health-checks`).
    pub log_checks: bool,
    /// The program that finds out, instead of a dialogue.
    pub program: Option<CheckProgram>,
}

/// The program of `option external-check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckProgram {
    /// The path of the program.
    pub command: String,
    /// The variable `PATH` of the program.
    pub path: String,
    /// The first address that the section listens on, or the path of its socket.
    pub proxy_address: Option<String>,
    /// The first port that the section listens on.
    pub proxy_port: Option<u16>,
}

/// The dialogue of a check after the connect.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The kind of lines that describe the check.
    pub kind: ScriptKind,
    /// What to do, in this order.
    pub steps: Vec<CheckStep>,
    /// The comments of steps, with the positions of the steps.
    pub comments: Vec<(usize, String)>,
    /// A server that answers 404 wants no new clients (`http-check disable-on-404`).
    pub disables_on_404: bool,
    /// Each request tells the server its state (`http-check send-state`).
    pub sends_state: bool,
}

impl Script {
    /// The comment of a step, which the log shows when the step fails.
    pub fn comment(&self, step: usize) -> Option<&str> {
        let comment = self.comments.iter().find(|(at, _)| *at == step);
        comment.map(|(_, text)| text.as_str())
    }

    /// Whether a step asks for a connection with TLS.
    pub fn speaks_tls(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, CheckStep::Connect(connect) if connect.tls))
    }

    /// Whether the connection is closed without a reset. These services count resets against the
    /// client, and refuse the client after many.
    pub fn ends_gently(&self) -> bool {
        matches!(self.kind, ScriptKind::Service(Service::Mysql | Service::Postgres | Service::Smtp))
    }
}

/// The kind of lines that describe a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptKind {
    /// No lines: the check only connects.
    #[default]
    Connect,
    /// `tcp-check`.
    Tcp,
    /// `httpchk`.
    Http,
    /// No lines: the question to an agent (`agent-check`).
    Agent,
    /// No lines: a program beside this process finds out (`option external-check`).
    Program,
    /// No lines: the dialogue with a well-known service.
    Service(Service),
}

/// A service that has an `option` for its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Redis (`option redis-check`).
    Redis,
    /// MySQL and MariaDB (`option mysql-check`).
    Mysql,
    /// PostgreSQL (`option pgsql-check`).
    Postgres,
    /// SMTP and ESMTP (`option smtpchk`).
    Smtp,
    /// Anything that speaks TLS (`option ssl-hello-chk`).
    Tls,
    /// LDAP version 3 (`option ldap-check`).
    Ldap,
}

/// One step of a check.
#[derive(Clone, Debug)]
pub enum CheckStep {
    /// Connect. The previous connection is closed.
    Connect(Connect),
    /// Do nothing. The step counts in messages.
    Comment,
    /// Set a variable of the check.
    Set(SetVariable),
    /// Forget a variable of the check.
    Unset(String),
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send what a text gives.
    SendText(SentText),
    /// Send an HTTP request.
    SendRequest(Box<CheckRequest>),
    /// Wait until the received bytes match.
    Expect(Expect),
    /// Wait for an HTTP answer that matches.
    ExpectHttp(HttpExpect),
    /// Wait for a line of any text.
    ExpectLine,
    /// Wait for the answer of a service.
    ExpectReply(Reply),
}

impl CheckStep {
    /// Whether the step waits for the server.
    pub fn is_expected(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Comment
            | Self::Set(_)
            | Self::Unset(_)
            | Self::Send(_)
            | Self::SendText(_)
            | Self::SendRequest(_) => false,
            Self::Expect(_) | Self::ExpectHttp(_) | Self::ExpectLine | Self::ExpectReply(_) => true,
        }
    }

    /// Whether the step needs no connection.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Comment | Self::Set(_) | Self::Unset(_))
    }

    /// The further words of a step that waits for the server.
    pub fn expect_words(&self) -> Option<&ExpectWords> {
        match self {
            Self::Expect(expect) => Some(&expect.words),
            Self::ExpectHttp(expect) => Some(&expect.words),
            Self::Connect(_)
            | Self::Comment
            | Self::Set(_)
            | Self::Unset(_)
            | Self::Send(_)
            | Self::SendText(_)
            | Self::SendRequest(_)
            | Self::ExpectLine
            | Self::ExpectReply(_) => None,
        }
    }
}

/// A variable of a check, which lives as long as the check.
#[derive(Clone, Debug)]
pub struct SetVariable {
    /// The name, without its scope.
    pub name: String,
    /// The new value. Without a value the variable stays as it is.
    pub value: VariableValue,
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub enum VariableValue {
    /// The value of a sample.
    Sample(CheckSample),
    /// A text.
    Text(CheckFormat),
}

/// A text that is sent.
#[derive(Clone, Debug)]
pub struct SentText {
    /// The text.
    pub text: CheckFormat,
    /// The text is hexadecimal digits, which stand for the bytes to send.
    pub is_hex: bool,
}

/// A connection of a script.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// Another port than the check's.
    pub port: Option<ConnectPort>,
    /// Another address than the check's.
    pub addr: Option<Address>,
    /// The connection begins with a PROXY header.
    pub send_proxy: bool,
    /// The connection uses the settings of a check without a script (`default`).
    pub is_default: bool,
    /// The connection is closed without a reset.
    pub linger: bool,
    /// The connection speaks TLS, also where other connections do not (`ssl`).
    pub tls: bool,
    /// What the connection offers if it speaks TLS.
    pub offer: TlsOffer,
}

/// What a check's connection with TLS offers the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOffer {
    /// The name that the server is asked for.
    pub name: Option<String>,
    /// The application protocols; those of the server's line when absent.
    pub protocols: Option<Vec<Vec<u8>>>,
}

impl TlsOffer {
    /// What is not said here is as in `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            name: self.name.clone().or_else(|| other.name.clone()),
            protocols: self.protocols.clone().or_else(|| other.protocols.clone()),
        }
    }
}

/// The port of a connection.
#[derive(Clone, Debug)]
pub enum ConnectPort {
    /// This port, 1 to 65535.
    Number(u16),
    /// The value of a sample. The check's port, if the sample has no value or is 0.
    Sample(CheckSample),
}

/// What received bytes must look like.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The bytes must not match.
    pub negated: bool,
    /// The pattern.
    pub pattern: Pattern,
    /// The further words.
    pub words: ExpectWords,
}

/// The words of an `expect` beside its pattern.
#[derive(Clone, Debug, Default)]
pub struct ExpectWords {
    /// The fewest bytes of an answer that is judged. The judgement of such an answer is final.
    pub min_recv: Option<usize>,
    /// The result if this is the last step and its answer fits.
    pub ok_status: Option<CheckStatus>,
    /// The result of an answer that does not fit.
    pub error_status: Option<CheckStatus>,
    /// The result without an answer in time.
    pub timeout_status: Option<CheckStatus>,
    /// The details if this is the last step and its answer fits.
    pub on_success: Option<CheckFormat>,
    /// The details of an answer that does not fit.
    pub on_error: Option<CheckFormat>,
    /// The code of the result.
    pub code: Option<CheckSample>,
}

/// A pattern of bytes.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// The bytes contain this text.
    String(String),
    /// The bytes contain these bytes.
    Binary(Vec<u8>),
    /// The bytes contain what a text gives.
    Text(CheckFormat),
    /// The bytes contain the bytes that hexadecimal digits stand for, which a text gives.
    HexText(CheckFormat),
    /// The bytes match this regular expression.
    Regex(Regex),
    /// The bytes as hexadecimal digits in upper case match this regular expression.
    HexRegex(Regex),
}

/// What an HTTP answer must look like.
#[derive(Clone, Debug)]
pub struct HttpExpect {
    /// The answer must not match.
    pub negated: bool,
    /// The pattern.
    pub pattern: HttpPattern,
    /// The further words.
    pub words: ExpectWords,
}

/// A pattern of an HTTP answer.
#[derive(Clone, Debug)]
pub enum HttpPattern {
    /// The status is in one of these ranges, ends included.
    Status(Vec<(u16, u16)>),
    /// The status matches this regular expression.
    StatusRegex(Regex),
    /// The body matches this pattern.
    Body(Pattern),
    /// A header matches.
    Header(HeaderExpect),
}

/// What a header of an HTTP answer must look like.
#[derive(Clone, Debug)]
pub struct HeaderExpect {
    /// The name, without regard to case.
    pub name: HeaderTest,
    /// One of its values. Any value if absent.
    pub value: Option<HeaderTest>,
    /// A comma does not separate values (`fhdr`).
    pub is_whole: bool,
}

/// How a name or a value is compared.
#[derive(Clone, Debug)]
pub enum HeaderTest {
    /// It is this text.
    Whole(CheckFormat),
    /// It begins with this text.
    Beginning(CheckFormat),
    /// It ends with this text.
    End(CheckFormat),
    /// It contains this text.
    Inside(CheckFormat),
    /// It matches this regular expression.
    Regex(Regex),
}

/// An answer of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+PONG`.
    RedisPong,
    /// The first packet of MySQL.
    MysqlGreeting,
    /// The second packet of MySQL.
    MysqlLogin,
    /// A request to authenticate.
    PostgresAuthentication,
    /// The greeting.
    SmtpGreeting,
    /// The answer to a command.
    SmtpCommand,
    /// A handshake, or an alert.
    TlsRecord,
    /// The answer to a bind request.
    LdapBind,
}
