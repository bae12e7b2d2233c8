//! What a check says to a server and wants to hear: `option tcp-check`, `option httpchk` and the
//! lines that go with them.

use super::diagnostic::{Mistake, Parsed, Placed, Report};
use super::draft::ProxyDraft;
use super::keywords::{Action, Arity, Keyword, Scope, at_least, exactly};
use super::line::Line;
use super::services::{Reply, Service};
use super::{matcher, server};
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
}

impl Script {
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

/// One step of a check.
#[derive(Clone, Debug)]
pub enum Step {
    /// Connect; the connection before, if there was one, is closed.
    Connect(Connect),
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
            Self::Connect(_) | Self::Send(_) => false,
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

/// The lines of a section as they were typed.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptDraft {
    pub(super) kind: ScriptKind,
    /// The section has rules of its own; until then it has those of `defaults`.
    pub(super) is_own: bool,
    pub(super) tcp: Vec<Step>,
    pub(super) service: Vec<Step>,
    pub(super) request: Request,
    pub(super) expects: Vec<HttpExpect>,
    pub(super) timeout_ms: Option<u32>,
    pub(super) log_checks: bool,
}

/// The request of an HTTP check.
#[derive(Clone, Debug)]
pub(super) struct Request {
    method: String,
    uri: String,
    version: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "OPTIONS".to_owned(),
            uri: "/".to_owned(),
            version: "HTTP/1.0".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }
}

impl Request {
    /// The bytes, with the headers that HAProxy adds.
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.uri, self.version);
        for (name, value) in &self.headers {
            text += &format!("{}: {value}\r\n", name.to_ascii_lowercase());
        }
        if !self.body.is_empty() {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        if self.version.ends_with("/1.1") {
            text += "connection: close\r\n";
        }
        text += "\r\n";
        text += &self.body;
        text.into_bytes()
    }
}

impl ScriptDraft {
    /// The meaning of the lines.
    pub(super) fn resolve(&self) -> BackendHealth {
        let steps = match self.kind {
            ScriptKind::Connect | ScriptKind::Agent => Vec::new(),
            ScriptKind::Tcp => self.tcp.clone(),
            ScriptKind::Service(_) => self.service.clone(),
            ScriptKind::Http => {
                let works = HttpPattern::Status(vec![(200, 399)]);
                let by_default = vec![HttpExpect { negated: false, pattern: works }];
                let expects =
                    if self.expects.is_empty() { by_default } else { self.expects.clone() };
                let request = Step::Send(self.request.bytes());
                std::iter::once(request).chain(expects.into_iter().map(Step::ExpectHttp)).collect()
            }
        };
        BackendHealth {
            script: Script { kind: self.kind, steps },
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
        }
    }

    /// A section's first rule replaces all that it has from `defaults`.
    fn own(&mut self) -> &mut Self {
        if !self.is_own {
            self.is_own = true;
            self.tcp.clear();
            self.expects.clear();
        }
        self
    }
}

const BACK: Scope = Scope::DEFAULTS.and(Scope::BACKEND);

/// A row about the checks of a backend.
pub(super) const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword { name, scope: BACK, arity, arguments, help, action: Action::Proxy(read) }
}

pub(super) const KEYWORDS: &[Keyword] = &[
    row("timeout check", exactly(1), "<time>", "longest wait for a check's answer", |p, l, _| {
        p.settings.script.timeout_ms = Some(l.time_ms(0)?).filter(|ms| *ms > 0);
        Ok(())
    }),
    row("option log-health-checks", exactly(0), "", "log what checks find", |p, l, _| {
        p.settings.script.log_checks = !l.negated;
        Ok(())
    }),
    row("option tcp-check", exactly(0), "", "check by a dialogue", |p, l, _| {
        let kind = if l.negated { ScriptKind::Connect } else { ScriptKind::Tcp };
        p.settings.script.kind = kind;
        Ok(())
    }),
    row(
        "tcp-check",
        at_least(1),
        "connect | send <text> | send-binary <hex> | expect [!] string|binary|rstring <pattern>",
        "a step of the dialogue",
        |p, l, _| {
            let step = read_tcp_step(l)?;
            p.settings.script.own().tcp.push(step);
            Ok(())
        },
    ),
    row(
        "option httpchk",
        at_least(0),
        "[<method>] [<uri> [<version>]]",
        "check by an HTTP request",
        read_httpchk,
    ),
    row(
        "http-check",
        at_least(1),
        "send <words> | expect [!] status|rstatus|string|rstring <pattern>",
        "the request, or the answer to it",
        read_http_step,
    ),
];

/// The words of a line, taken one after the other.
struct Words<'l, 'a> {
    line: &'l Line<'a>,
    at: usize,
}

impl<'a> Words<'_, 'a> {
    fn next(&mut self) -> Option<Placed<&'a str>> {
        let word = self.line.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// The value of the word before.
    fn value(&mut self, of: &str) -> Parsed<Placed<&'a str>> {
        self.next().ok_or_else(|| self.line.mistake(format!("'{of}' wants a value")))
    }

    fn end(&mut self) -> Parsed {
        match self.next() {
            Some(word) => {
                Err(Mistake::new(word.place, format!("'{}' is refused here", word.value)))
            }
            None => Ok(()),
        }
    }
}

fn read_tcp_step(line: &Line<'_>) -> Parsed<Step> {
    let verb = line.argument(0)?;
    let mut words = Words { line, at: 1 };
    let step = match verb.value {
        "connect" => return read_connect(&mut words),
        "send" => {
            let text = words.value("send")?;
            Step::Send(text.value.as_bytes().to_vec())
        }
        "send-binary" => Step::Send(hex(&words.value("send-binary")?)?),
        "expect" => return read_expect(&mut words),
        "comment" => {
            let message = "a comment without a step is refused: not supported yet";
            return Err(Mistake::new(verb.place, message));
        }
        other => {
            let message = format!("'tcp-check {other}' is refused: not supported yet");
            return Err(Mistake::new(verb.place, message));
        }
    };
    read_comment(&mut words)?;
    Ok(step)
}

/// A comment is for whoever reads the file.
fn read_comment(words: &mut Words<'_, '_>) -> Parsed {
    match words.next() {
        Some(word) if word.value == "comment" => {
            words.value("comment")?;
            words.end()
        }
        Some(word) => Err(Mistake::new(word.place, format!("'{}' is refused here", word.value))),
        None => Ok(()),
    }
}

fn read_connect(words: &mut Words<'_, '_>) -> Parsed<Step> {
    let mut connect = Connect::default();
    while let Some(word) = words.next() {
        match word.value {
            "port" => {
                let value = words.value("port")?;
                let number = value.value.parse().ok().filter(|port| *port > 0);
                let wrong = || Mistake::new(value.place, format!("'{}' is no port", value.value));
                connect.port = Some(number.ok_or_else(wrong)?);
            }
            "addr" => {
                words.value("addr")?;
                let line = words.line.from(words.at - 1);
                let line = Line { arguments: line, ..*words.line };
                connect.addr = Some(server::read_source(&line)?);
            }
            "send-proxy" => connect.send_proxy = true,
            "default" => connect.is_default = true,
            "linger" => connect.linger = true,
            "comment" => {
                words.value("comment")?;
            }
            other => {
                let message = format!("'tcp-check connect {other}' is refused: not supported yet");
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    Ok(Step::Connect(connect))
}

/// The words before a pattern: a comment and the negation. Gives the word for the kind of it.
fn read_negation<'a>(words: &mut Words<'_, 'a>) -> Parsed<(bool, Placed<&'a str>)> {
    let mut negated = false;
    loop {
        let word = words.value("expect")?;
        match word.value {
            "!" => negated = !negated,
            "comment" => {
                words.value("comment")?;
            }
            _ => return Ok((negated, word)),
        }
    }
}

fn read_expect(words: &mut Words<'_, '_>) -> Parsed<Step> {
    let (negated, kind) = read_negation(words)?;
    let pattern = match kind.value {
        "string" => Pattern::String(words.value("string")?.value.to_owned()),
        "binary" => Pattern::Binary(hex(&words.value("binary")?)?),
        "rstring" => Pattern::Regex(matcher::regex(&words.value("rstring")?, false)?),
        other => {
            let message = format!("'tcp-check expect {other}' is refused: not supported yet");
            return Err(Mistake::new(kind.place, message));
        }
    };
    words.end()?;
    Ok(Step::Expect(Expect { negated, pattern }))
}

fn read_httpchk(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let script = &mut proxy.settings.script;
    if line.negated {
        script.kind = ScriptKind::Connect;
        return Ok(());
    }
    script.kind = ScriptKind::Http;
    script.request = Request::default();
    let word = |index| line.get(index).map(|word| word.value.to_owned());
    let request = &mut script.request;
    match (word(0), word(1)) {
        (Some(method), Some(uri)) => {
            request.method = method;
            request.uri = uri;
        }
        (Some(uri), None) => request.uri = uri,
        (None, _) => {}
    }
    // Headers used to be given behind the version.
    let version = line.from(2).iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let mut lines = version.split("\r\n");
    if let Some(version) = lines.next().filter(|version| !version.is_empty()) {
        request.version = version.to_owned();
    }
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request.headers.push((name.to_owned(), value.trim_start().to_owned()));
    }
    Ok(())
}

fn read_http_step(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let verb = line.argument(0)?;
    let mut words = Words { line, at: 1 };
    match verb.value {
        "send" => read_request(&mut proxy.settings.script.request, &mut words),
        "expect" => {
            let expect = read_http_expect(&mut words)?;
            proxy.settings.script.own().expects.push(expect);
            Ok(())
        }
        other => {
            let message = format!("'http-check {other}' is refused: not supported yet");
            Err(Mistake::new(verb.place, message))
        }
    }
}

fn read_request(request: &mut Request, words: &mut Words<'_, '_>) -> Parsed {
    let is_format = |word: &Placed<&str>| word.value.contains("%[");
    while let Some(word) = words.next() {
        let value = words.value(word.value)?;
        match word.value {
            "meth" => request.method = value.value.to_owned(),
            "uri" => request.uri = value.value.to_owned(),
            "ver" => request.version = value.value.to_owned(),
            "hdr" => {
                let text = words.value("hdr")?;
                if is_format(&text) {
                    let message = "an expression in a header is refused: not supported yet";
                    return Err(Mistake::new(text.place, message));
                }
                request.headers.push((value.value.to_owned(), text.value.to_owned()));
            }
            "body" => request.body = value.value.to_owned(),
            "comment" => {}
            other => {
                let message = format!("'http-check send {other}' is refused: not supported yet");
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    Ok(())
}

fn read_http_expect(words: &mut Words<'_, '_>) -> Parsed<HttpExpect> {
    let (negated, kind) = read_negation(words)?;
    let value = words.value(kind.value)?;
    let pattern = match kind.value {
        "status" => HttpPattern::Status(statuses(&value)?),
        "rstatus" => HttpPattern::StatusRegex(matcher::regex(&value, false)?),
        "string" => HttpPattern::Body(Pattern::String(value.value.to_owned())),
        "rstring" => HttpPattern::Body(Pattern::Regex(matcher::regex(&value, false)?)),
        other => {
            let message = format!("'http-check expect {other}' is refused: not supported yet");
            return Err(Mistake::new(kind.place, message));
        }
    };
    words.end()?;
    Ok(HttpExpect { negated, pattern })
}

/// `200`, `200-299` or several of them with commas between.
fn statuses(text: &Placed<&str>) -> Parsed<Vec<(u16, u16)>> {
    let wrong = || Mistake::new(text.place, format!("'{}' is no status or range", text.value));
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (100..=999).contains(code));
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((code(from)?, code(to)?)).filter(|(from, to)| from <= to)
    };
    text.value.split(',').map(|part| range(part).ok_or_else(wrong)).collect()
}

fn hex(text: &Placed<&str>) -> Parsed<Vec<u8>> {
    let wrong =
        || Mistake::new(text.place, format!("'{}' is no even row of hex digits", text.value));
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits: Option<Vec<u8>> = text.value.as_bytes().iter().map(digit).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(wrong)?;
    Ok(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | d)).collect())
}
