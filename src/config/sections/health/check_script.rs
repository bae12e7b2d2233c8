//! What a check says to a server and wants to hear: `option tcp-check`, `option httpchk` and the
//! lines that go with them.

use super::http_check::{HttpDraft, Names, Request};
use super::services::{Reply, Service};
use crate::config::keywords::{Action, Arity, Keyword, Scope, at_least, exactly};
use crate::config::rules::matcher;
use crate::config::sections::server;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, Report};
use crate::config::text::draft::ProxyDraft;
use crate::config::text::line::Line;
use crate::config::{Server, keywords};
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

/// The lines of a section as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptDraft {
    kind: ScriptKind,
    /// The check of the `defaults` section, until a line of the section's own replaces it.
    inherited: Option<Vec<StepDraft>>,
    tcp: Vec<StepDraft>,
    /// Where the first rule of `tcp-check` is.
    tcp_place: Option<Place>,
    service: Vec<Step>,
    pub(crate) http: HttpDraft,
    timeout_ms: Option<u32>,
    log_checks: bool,
}

/// A step as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct StepDraft {
    pub(crate) message: Message,
    pub(crate) comment: Option<String>,
}

/// What a step does, before the names of servers are known.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Step(Step),
    Request(Request),
}

impl StepDraft {
    /// A step without a comment.
    pub(crate) fn new(message: Message) -> Self {
        Self { message, comment: None }
    }
}

impl ScriptDraft {
    /// What a section has from the `defaults` before it: the check that is in effect there. Rules
    /// of another kind are lost.
    pub(crate) fn inherit(&self) -> Self {
        Self {
            kind: self.kind,
            inherited: Some(self.steps()),
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
            ..Self::default()
        }
    }

    /// Another kind of check replaces the one from `defaults`.
    pub(crate) fn choose(&mut self, kind: ScriptKind) {
        if self.kind != kind {
            self.kind = kind;
            self.inherited = None;
        }
    }

    /// A request of the section's own replaces all that is from `defaults`, rules too.
    pub(super) fn choose_http(&mut self) {
        self.kind = ScriptKind::Http;
        self.inherited = None;
    }

    /// The dialogue with a service.
    pub(super) fn choose_service(&mut self, service: Service, steps: Vec<Step>) {
        self.kind = ScriptKind::Service(service);
        self.inherited = None;
        self.service = steps;
    }

    /// The section has a rule of this kind: all those of `defaults` are replaced.
    pub(super) fn begin_own(&mut self, kind: ScriptKind) {
        if self.kind == kind {
            self.inherited = None;
        }
    }

    /// A `connect` that is not the first of all is one of several.
    fn push_tcp(&mut self, step: StepDraft, place: Place) -> Parsed {
        let is = |step: &StepDraft, wanted: fn(&Step) -> bool| match &step.message {
            Message::Step(step) => wanted(step),
            Message::Request(_) => false,
        };
        let first = self.tcp.iter().find(|step| !is(step, |step| matches!(step, Step::Comment)));
        let is_connect = |step| is(step, |step| matches!(step, Step::Connect(_)));
        if is_connect(&step) && first.is_some_and(|first| !is_connect(first)) {
            let message = "'tcp-check connect' stands behind a rule of another kind: where there \
                           is a 'connect', the first rule is one too";
            return Err(Mistake::new(place, message));
        }
        self.tcp.push(step);
        self.tcp_place.get_or_insert(place);
        self.begin_own(ScriptKind::Tcp);
        Ok(())
    }

    /// The check in effect.
    fn steps(&self) -> Vec<StepDraft> {
        if let Some(inherited) = &self.inherited {
            return inherited.clone();
        }
        match self.kind {
            ScriptKind::Connect | ScriptKind::Agent => Vec::new(),
            ScriptKind::Tcp => self.tcp.clone(),
            ScriptKind::Service(_) => {
                let steps = self.service.iter().cloned();
                steps.map(|step| StepDraft::new(Message::Step(step))).collect()
            }
            ScriptKind::Http => self.http.steps(),
        }
    }

    /// The meaning of the lines for a backend. Its servers that are checked get a script of their
    /// own where it names them.
    pub(crate) fn resolve(&self, backend: &str, servers: &mut [Server]) -> BackendHealth {
        let steps = self.steps();
        let names_server = steps.iter().any(|step| match &step.message {
            Message::Step(_) => false,
            Message::Request(request) => request.names_server(),
        });
        for server in servers.iter_mut().filter(|_| names_server) {
            if let Some(check) = &mut server.health.check {
                check.script = Some(self.script(&steps, Names { backend, server: &server.name }));
            }
        }
        BackendHealth {
            script: self.script(&steps, Names { backend, server: "" }),
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
        }
    }

    fn script(&self, steps: &[StepDraft], names: Names<'_>) -> Script {
        let comments = steps.iter().enumerate();
        let comments = comments.filter_map(|(at, step)| Some((at, step.comment.clone()?)));
        let comments = comments.collect();
        let steps = steps.iter().map(|step| match &step.message {
            Message::Step(step) => step.clone(),
            Message::Request(request) => Step::Send(request.bytes(names)),
        });
        Script { kind: self.kind, steps: steps.collect(), comments }
    }

    /// Warns of rules that have no effect where they stand.
    pub(crate) fn report(&self, report: &mut Report) {
        for (place, kind, rules, option) in [
            (self.tcp_place, ScriptKind::Tcp, "tcp-check", "option tcp-check"),
            (self.http.place, ScriptKind::Http, "http-check", "option httpchk"),
        ] {
            let Some(place) = place else { continue };
            if self.kind != kind {
                let message =
                    format!("the rules of '{rules}' are ignored: '{option}' is not in effect");
                report.warning(place, message);
            } else if kind == ScriptKind::Http && !self.http.has_request() {
                let message = "the rules of 'http-check' replace the whole check of 'defaults', so \
                               no request is sent: add 'option httpchk' or 'http-check send'";
                report.warning(place, message);
            }
        }
    }
}

const BACK: Scope = Scope::DEFAULTS.and(Scope::BACKEND);

/// A row about the checks of a backend.
pub(crate) const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword { name, scope: BACK, arity, arguments, help, action: Action::Proxy(read) }
}

pub(crate) const KEYWORDS: &[Keyword] = &[
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
        p.settings.script.choose(kind);
        Ok(())
    }),
    row(
        "tcp-check",
        at_least(1),
        "connect | send <text> | send-binary <hex> | expect [!] string|binary|rstring <pattern>",
        "a step of the dialogue",
        |p, l, _| {
            let step = read_tcp_step(l)?;
            p.settings.script.push_tcp(step, l.place)
        },
    ),
];

/// The words of a line, taken one after the other.
pub(crate) struct Words<'l, 'a> {
    pub(crate) line: &'l Line<'a>,
    pub(crate) at: usize,
}

impl<'a> Words<'_, 'a> {
    pub(crate) fn next(&mut self) -> Option<Placed<&'a str>> {
        let word = self.line.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// The value of the word before.
    pub(crate) fn value(&mut self, of: &str) -> Parsed<Placed<&'a str>> {
        self.next().ok_or_else(|| self.line.mistake(format!("'{of}' wants a value")))
    }
}

fn read_tcp_step(line: &Line<'_>) -> Parsed<StepDraft> {
    let verb = line.argument(0)?;
    let mut words = Words { line, at: 1 };
    let mut comment = None;
    let step = match verb.value {
        "connect" => read_connect(&mut words, &mut comment)?,
        "send" => Step::Send(words.value("send")?.value.as_bytes().to_vec()),
        "send-binary" => Step::Send(hex(&words.value("send-binary")?)?),
        "expect" => read_expect(&mut words, &mut comment)?,
        "comment" => {
            comment = Some(words.value("comment")?.value.to_owned());
            Step::Comment
        }
        _ => {
            const KNOWN: [&str; 5] = ["connect", "send", "send-binary", "expect", "comment"];
            const REFUSED: [&str; 4] = ["send-lf", "send-binary-lf", "set-var", "unset-var"];
            return Err(not_read("tcp-check", &verb, &KNOWN, &REFUSED));
        }
    };
    let comment = read_comment(&mut words, &format!("tcp-check {}", verb.value))?.or(comment);
    Ok(StepDraft { message: Message::Step(step), comment })
}

/// Words of HAProxy's expectations that are not supported.
pub(super) const REFUSED_EXPECTS: [&str; 13] = [
    "string-lf",
    "binary-lf",
    "rbinary",
    "custom",
    "min-recv",
    "ok-status",
    "error-status",
    "tout-status",
    "on-success",
    "on-error",
    "status-code",
    "hdr",
    "fhdr",
];

/// What to say of a word that is not read: HAProxy has it, or nobody has.
pub(super) fn not_read(
    rule: &str,
    word: &Placed<&str>,
    known: &[&'static str],
    refused: &[&'static str],
) -> Mistake {
    let name = word.value.split('(').next().unwrap_or_default();
    if refused.contains(&name) {
        let message = format!("'{rule} {name}' is refused: not supported yet");
        return Mistake::new(word.place, message);
    }
    let hint = keywords::nearest_of(word.value, known.iter().copied())
        .map(|near| format!("; did you mean '{near}'?"))
        .unwrap_or_default();
    Mistake::new(word.place, format!("unknown word '{}' in '{rule}'{hint}", word.value))
}

/// What ends a rule: words for whoever reads the file or the log.
pub(super) fn read_comment(words: &mut Words<'_, '_>, rule: &str) -> Parsed<Option<String>> {
    let mut comment = None;
    while let Some(word) = words.next() {
        if word.value != "comment" {
            return Err(not_read(rule, &word, &["comment"], &REFUSED_EXPECTS));
        }
        comment = Some(words.value("comment")?.value.to_owned());
    }
    Ok(comment)
}

fn read_connect(words: &mut Words<'_, '_>, comment: &mut Option<String>) -> Parsed<Step> {
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
            "comment" => *comment = Some(words.value("comment")?.value.to_owned()),
            _ => {
                const KNOWN: [&str; 6] =
                    ["port", "addr", "send-proxy", "default", "linger", "comment"];
                const REFUSED: [&str; 5] = ["ssl", "sni", "alpn", "proto", "via-socks4"];
                return Err(not_read("tcp-check connect", &word, &KNOWN, &REFUSED));
            }
        }
    }
    Ok(Step::Connect(connect))
}

/// The words before a pattern: a comment and negations, also at the word itself. Gives the word
/// for the kind of it.
pub(super) fn read_negation<'a>(
    words: &mut Words<'_, 'a>,
) -> Parsed<(bool, Placed<&'a str>, Option<String>)> {
    let (mut negated, mut comment) = (false, None);
    loop {
        let mut word = words.value("expect")?;
        while let Some(rest) = word.value.strip_prefix('!') {
            negated = !negated;
            word.value = rest;
        }
        match word.value {
            "" => {}
            "comment" => comment = Some(words.value("comment")?.value.to_owned()),
            _ => return Ok((negated, word, comment)),
        }
    }
}

fn read_expect(words: &mut Words<'_, '_>, comment: &mut Option<String>) -> Parsed<Step> {
    let (negated, kind, before) = read_negation(words)?;
    *comment = before;
    let pattern = match kind.value {
        "string" => Pattern::String(words.value("string")?.value.to_owned()),
        "binary" => Pattern::Binary(hex(&words.value("binary")?)?),
        "rstring" => Pattern::Regex(matcher::regex(&words.value("rstring")?, false)?),
        _ => {
            const KNOWN: [&str; 4] = ["string", "binary", "rstring", "comment"];
            return Err(not_read("tcp-check expect", &kind, &KNOWN, &REFUSED_EXPECTS));
        }
    };
    Ok(Step::Expect(Expect { negated, pattern }))
}

fn hex(text: &Placed<&str>) -> Parsed<Vec<u8>> {
    let wrong = |what: String| Mistake::new(text.place, format!("'{}': {what}", text.value));
    if let Some(other) = text.value.chars().find(|letter| !letter.is_ascii_hexdigit()) {
        return Err(wrong(format!("'{other}' is no hexadecimal digit")));
    }
    let (pairs, rest) = text.value.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong("hexadecimal digits come in pairs, and one is missing".to_owned()));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digit = |byte: u8| digit(byte).unwrap_or_default();
    Ok(pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect())
}
