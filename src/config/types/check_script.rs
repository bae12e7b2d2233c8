//! The dialogue of a check with a server.

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
}

impl Script {
    /// The comment of a step, which the log shows when the step fails.
    pub fn comment(&self, step: usize) -> Option<&str> {
        let comment = self.comments.iter().find(|(at, _)| *at == step);
        comment.map(|(_, text)| text.as_str())
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
    /// Send these bytes.
    Send(Vec<u8>),
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
            Self::Connect(_) | Self::Send(_) | Self::Comment => false,
            Self::Expect(_) | Self::ExpectHttp(_) | Self::ExpectLine | Self::ExpectReply(_) => true,
        }
    }
}

/// A connection of a script.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// Another port than the check's.
    pub port: Option<u16>,
    /// Another address than the check's.
    pub addr: Option<Address>,
    /// The connection begins with a PROXY header.
    pub send_proxy: bool,
    /// The connection uses the settings of a check without a script (`default`).
    pub is_default: bool,
    /// The connection is closed without a reset.
    pub linger: bool,
}

/// What received bytes must look like.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The bytes must not match.
    pub negated: bool,
    /// The pattern.
    pub pattern: Pattern,
}

/// A pattern of bytes.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// The bytes contain this text.
    String(String),
    /// The bytes contain these bytes.
    Binary(Vec<u8>),
    /// The bytes match this regular expression.
    Regex(Regex),
}

/// What an HTTP answer must look like.
#[derive(Clone, Debug)]
pub struct HttpExpect {
    /// The answer must not match.
    pub negated: bool,
    /// The pattern.
    pub pattern: HttpPattern,
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
