//! What a check says to a server and wants to hear.

use crate::net::address::Address;
use crate::net::regex::Regex;

/// How the servers of a backend are checked.
#[derive(Clone, Debug, Default)]
pub struct BackendHealth {
    /// What is said and expected once a connection stands.
    pub script: Script,
    /// The longest wait for an answer once a connection stands (`timeout check`).
    pub timeout_ms: Option<u32>,
    /// Every change of a check's result is logged (`option log-health-checks`).
    pub log_checks: bool,
}

/// What is said and expected once a connection stands.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Which language it was written in.
    pub kind: ScriptKind,
    /// What to do, in this order.
    pub steps: Vec<Step>,
    /// What a failed step is commented with, by its position.
    pub comments: Vec<(usize, String)>,
}

impl Script {
    /// What the file's author says of a step.
    pub fn comment(&self, step: usize) -> Option<&str> {
        let comment = self.comments.iter().find(|(at, _)| *at == step);
        comment.map(|(_, text)| text.as_str())
    }

    /// Whether the connection is ended as by a client that is done. These services hold a reset
    /// against whoever sends it.
    pub fn ends_gently(&self) -> bool {
        matches!(self.kind, ScriptKind::Service(Service::Mysql | Service::Postgres | Service::Smtp))
    }
}

/// Which language a check was written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptKind {
    /// None: a connection is enough.
    #[default]
    Connect,
    /// `tcp-check`.
    Tcp,
    /// `httpchk`.
    Http,
    /// None: what agents of servers are asked (`agent-check`).
    Agent,
    /// None: the dialogue is that of a usual service.
    Service(Service),
}

/// A service with a check of its own.
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
pub enum Step {
    /// Connect; the connection before, if there was one, is closed.
    Connect(Connect),
    /// Nothing: it counts as a step.
    Comment,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait until what was received matches.
    Expect(Expect),
    /// Wait for an answer that fits.
    ExpectHttp(HttpExpect),
    /// Wait for a line, whatever it says.
    ExpectLine,
    /// Wait for the answer that a service owes.
    ExpectReply(Reply),
}

impl Step {
    /// Whether it waits for the server.
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
    /// It begins as a check without a script does (`default`).
    pub is_default: bool,
    /// It is ended, not reset.
    pub linger: bool,
}

/// What received bytes must look like.
#[derive(Clone, Debug)]
pub struct Expect {
    /// They must not.
    pub negated: bool,
    /// The pattern.
    pub pattern: Pattern,
}

/// A pattern of bytes.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// They contain this text.
    String(String),
    /// They contain these bytes.
    Binary(Vec<u8>),
    /// They match, with the expression as it was written.
    Regex(Regex),
}

/// What an HTTP answer must look like.
#[derive(Clone, Debug)]
pub struct HttpExpect {
    /// It must not.
    pub negated: bool,
    /// The pattern.
    pub pattern: HttpPattern,
}

/// A pattern of an HTTP answer.
#[derive(Clone, Debug)]
pub enum HttpPattern {
    /// Its status is in one of these ranges.
    Status(Vec<(u16, u16)>),
    /// Its status matches.
    StatusRegex(Regex),
    /// Its body has this pattern.
    Body(Pattern),
}

/// An answer that a service owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+PONG`.
    RedisPong,
    /// The packet that MySQL begins with.
    MysqlGreeting,
    /// The packet after that one.
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
