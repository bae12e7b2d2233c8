//! What an HTTP check sends and wants to hear: `option httpchk` and the lines of `http-check`.

use super::check_script::{
    HttpExpect, HttpPattern, Message, Pattern, REFUSED_EXPECTS, ScriptKind, Step, StepDraft, Words,
    not_read, read_comment, read_negation, row,
};
use crate::config::keywords::{Arity, Keyword, at_least};
use crate::config::rules::matcher;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, Report};
use crate::config::text::draft::ProxyDraft;
use crate::config::text::line::Line;

/// The lines of a section as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpDraft {
    /// What `option httpchk` says of the request.
    option: Option<Request>,
    /// What `http-check send` says of it; that goes first.
    send: Option<Request>,
    expects: Vec<StepDraft>,
    /// Where the first rule is.
    pub(crate) place: Option<Place>,
}

/// The parts of a request, as far as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    method: Option<String>,
    uri: Option<Format>,
    version: Option<String>,
    headers: Vec<(String, Format)>,
    body: Option<Format>,
}

/// A text with names in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Format(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Backend,
    Server,
}

/// The names that a format may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) backend: &'a str,
    pub(crate) server: &'a str,
}

impl HttpDraft {
    /// The check that the lines describe.
    pub(crate) fn steps(&self) -> Vec<StepDraft> {
        let mut steps = Vec::new();
        if self.has_request() {
            steps.push(StepDraft::new(Message::Request(self.request())));
        }
        if self.expects.is_empty() {
            let works = HttpPattern::Status(vec![(200, 399)]);
            let expect = HttpExpect { negated: false, pattern: works };
            steps.push(StepDraft::new(Message::Step(Step::ExpectHttp(expect))));
        }
        steps.extend(self.expects.iter().cloned());
        steps
    }

    /// Whether anything is sent. Rules of `defaults` are replaced as a whole, the request too.
    pub(super) fn has_request(&self) -> bool {
        self.option.is_some() || self.send.is_some()
    }

    /// The option stands behind a `http-check send`: what it says goes first then.
    fn set_option(&mut self, option: Request) {
        if let Some(send) = &mut self.send {
            send.method = send.method.take().filter(|_| option.method.is_none());
            send.uri = send.uri.take().filter(|_| option.uri.is_none());
            send.version = send.version.take().filter(|_| option.version.is_none());
        }
        self.option = Some(option);
    }

    fn request(&self) -> Request {
        let option = self.option.clone().unwrap_or_default();
        let mut request = self.send.clone().unwrap_or_default();
        request.method = request.method.or(option.method);
        request.uri = request.uri.or(option.uri);
        request.version = request.version.or(option.version);
        if request.headers.is_empty() {
            request.headers = option.headers;
        }
        if request.body.is_some() {
            request.headers.retain(|(name, _)| name != "content-length");
        }
        request.body = request.body.or(option.body);
        request
    }
}

impl Request {
    /// Whether it is another one for each server.
    pub(crate) fn names_server(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        let mut formats = headers.chain(&self.uri).chain(&self.body);
        formats.any(|format| format.0.iter().any(|piece| matches!(piece, Piece::Server)))
    }

    /// The bytes, with the headers that HAProxy adds, and without those that it leaves out.
    pub(crate) fn bytes(&self, names: Names<'_>) -> Vec<u8> {
        let method = self.method.as_deref().unwrap_or("OPTIONS");
        let uri = self.uri.as_ref().map_or_else(|| "/".to_owned(), |uri| uri.text(names));
        let version = match self.version.as_deref() {
            None => "HTTP/1.0",
            // The connection speaks no later one.
            Some(version) => match version.strip_prefix("HTTP/").map(str::as_bytes) {
                Some([b'1'..=b'9', b'.', b'0'..=b'9']) if version > "HTTP/1.0" => "HTTP/1.1",
                _ => version,
            },
        };
        let body = self.body.as_ref().map(|body| body.text(names)).unwrap_or_default();
        let mut text = format!("{method} {uri} {version}\r\n");
        let mut closes = version == "HTTP/1.1";
        for (name, value) in &self.headers {
            let value = value.text(names);
            let is_connection = name == "connection";
            match value.to_ascii_lowercase().as_str() {
                // It is written once, at the end, or it is the case without a word.
                "close" if is_connection && version == "HTTP/1.1" => continue,
                "keep-alive" if is_connection && version == "HTTP/1.1" => {
                    closes = false;
                    continue;
                }
                _ if is_connection => closes = false,
                _ => {}
            }
            text += &format!("{name}: {value}\r\n");
        }
        let has_length = self.headers.iter().any(|(name, _)| name == "content-length");
        let needs_length = !matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE");
        if !has_length && (needs_length || !body.is_empty()) {
            text += &format!("content-length: {}\r\n", body.len());
        }
        if closes {
            text += "connection: close\r\n";
        }
        text += "\r\n";
        text += &body;
        text.into_bytes()
    }
}

impl Format {
    fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    fn text(&self, names: Names<'_>) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Backend => names.backend,
            Piece::Server => names.server,
        });
        pieces.collect()
    }

    /// Reads a text in which `%` begins a name. HAProxy knows all that a log line can say here;
    /// most of that is empty, as there is no client.
    fn read(typed: &Placed<&str>) -> Parsed<Self> {
        let mut pieces = Vec::new();
        let mut rest = typed.value;
        while let Some((text, after)) = rest.split_once('%') {
            pieces.push(Piece::Text(text.to_owned()));
            let len = match after.as_bytes().first() {
                Some(b'%') => 1,
                Some(b'[') => after.find(']').map_or(after.len(), |at| at + 1),
                Some(b'{') => after.find('}').map_or(after.len(), |at| at + 1),
                _ => after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len()),
            };
            let (name, after) = after.split_at_checked(len).unwrap_or((after, ""));
            pieces.push(match name {
                "%" => Piece::Text("%".to_owned()),
                "s" | "[srv_name]" => Piece::Server,
                "b" | "[be_name]" => Piece::Backend,
                other => {
                    let message = format!(
                        "'%{other}' is refused in a check: it knows %s, %b, %[srv_name], \
                         %[be_name] and %% for the sign itself"
                    );
                    return Err(Mistake::new(typed.place, message));
                }
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row(
        "option httpchk",
        Arity { min: 0, max: 3 },
        "[<method>] [<uri> [<version>]]",
        "check by an HTTP request",
        read_option,
    ),
    row(
        "http-check",
        at_least(1),
        "send <words> | expect [!] status|rstatus|string|rstring <pattern> [comment <text>]",
        "the request, or the answer to it",
        read_rule,
    ),
];

fn read_option(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let script = &mut proxy.settings.script;
    if line.negated {
        script.choose(ScriptKind::Connect);
        return Ok(());
    }
    let mut request = Request::default();
    match (line.get(0), line.get(1)) {
        (Some(method), Some(uri)) => {
            if method.value == "httpchk" {
                let message = "'httpchk' is taken for the method of the request";
                report.warning(method.place, message);
            }
            request.method = Some(method.value.to_owned());
            request.uri = Some(Format::plain(uri.value));
        }
        (Some(uri), None) => request.uri = Some(Format::plain(uri.value)),
        (None, _) => {}
    }
    if let Some(version) = line.get(2) {
        read_version(&mut request, &version, report)?;
    }
    script.choose_http();
    script.http.set_option(request);
    Ok(())
}

/// Headers and a body used to be given behind the version.
fn read_version(request: &mut Request, typed: &Placed<&str>, report: &mut Report) -> Parsed {
    let (version, hidden) = match typed.value.split_once("\r\n") {
        Some((version, hidden)) => (version, Some(hidden)),
        None => (typed.value, None),
    };
    request.version = Some(version.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(hidden) = hidden else { return Ok(()) };
    let message = "headers and a body behind the version are out of date: use 'http-check send'";
    report.warning(typed.place, message);
    let mut rest = hidden;
    while !rest.is_empty() {
        let (header, after) = rest.split_once("\r\n").unwrap_or((rest, ""));
        rest = after;
        if header.is_empty() {
            break;
        }
        let (name, value) = header
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains([' ', '\t']))
            .ok_or_else(|| Mistake::new(typed.place, format!("'{header}' is no HTTP header")))?;
        let value = Format::plain(value.trim_matches([' ', '\t']));
        request.headers.push((name.to_ascii_lowercase(), value));
    }
    if !rest.is_empty() {
        request.body = Some(Format::plain(rest));
    }
    Ok(())
}

fn read_rule(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let verb = line.argument(0)?;
    let mut words = Words { line, at: 1 };
    let http = &mut proxy.settings.script.http;
    match verb.value {
        "send" => {
            if http.send.is_some() || !http.expects.is_empty() {
                let message = "'http-check send' stands before the other rules, and once: a second \
                               request wants 'http-check connect', which is not supported yet";
                return Err(Mistake::new(verb.place, message));
            }
            http.send = Some(read_request(&mut words)?);
        }
        "expect" => {
            let expect = read_expect(&mut words)?;
            http.expects.push(expect);
        }
        _ => {
            const REFUSED: [&str; 6] =
                ["connect", "comment", "disable-on-404", "send-state", "set-var", "unset-var"];
            return Err(not_read("http-check", &verb, &["send", "expect"], &REFUSED));
        }
    }
    http.place.get_or_insert(line.place);
    proxy.settings.script.begin_own(ScriptKind::Http);
    Ok(())
}

fn read_request(words: &mut Words<'_, '_>) -> Parsed<Request> {
    let mut request = Request::default();
    while let Some(word) = words.next() {
        let mut value = || words.value(word.value);
        match word.value {
            "meth" => request.method = Some(value()?.value.to_owned()),
            "uri" => request.uri = Some(Format::plain(value()?.value)),
            "uri-lf" => request.uri = Some(Format::read(&value()?)?),
            "ver" => request.version = Some(value()?.value.to_owned()),
            "hdr" => {
                let name = value()?.value.to_ascii_lowercase();
                let typed = value()?;
                if name.is_empty() || typed.value.is_empty() {
                    let message = "'hdr' wants a name and a value";
                    return Err(Mistake::new(typed.place, message));
                }
                let text = Format::read(&typed)?;
                // The length is that of the body, and a body is never cut to chunks.
                if !matches!(name.as_str(), "content-length" | "transfer-encoding") {
                    request.headers.push((name, text));
                }
            }
            "body" => request.body = Some(Format::plain(value()?.value)),
            "body-lf" => request.body = Some(Format::read(&value()?)?),
            "comment" => {
                value()?;
            }
            _ => {
                const KNOWN: [&str; 8] =
                    ["meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"];
                return Err(not_read("http-check send", &word, &KNOWN, &[]));
            }
        }
    }
    Ok(request)
}

fn read_expect(words: &mut Words<'_, '_>) -> Parsed<StepDraft> {
    let (negated, kind, comment) = read_negation(words)?;
    let mut value = || words.value(kind.value);
    let pattern = match kind.value {
        "status" => HttpPattern::Status(statuses(&value()?)?),
        "rstatus" => HttpPattern::StatusRegex(matcher::regex(&value()?, false)?),
        "string" => HttpPattern::Body(Pattern::String(value()?.value.to_owned())),
        "rstring" => HttpPattern::Body(Pattern::Regex(matcher::regex(&value()?, false)?)),
        _ => {
            const KNOWN: [&str; 5] = ["status", "rstatus", "string", "rstring", "comment"];
            return Err(not_read("http-check expect", &kind, &KNOWN, &REFUSED_EXPECTS));
        }
    };
    let comment = read_comment(words, "http-check expect")?.or(comment);
    let step = Step::ExpectHttp(HttpExpect { negated, pattern });
    Ok(StepDraft { message: Message::Step(step), comment })
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
