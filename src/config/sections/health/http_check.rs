//! What an HTTP check sends and expects: `option httpchk` and the lines of `http-check`.

use super::check_script::{REFUSED_EXPECTS, not_read, read_comment, read_negation, row};
use crate::config::ScriptKind;
use crate::config::drafts::ProxyDraft;
use crate::config::drafts::{Format, Request};
use crate::config::drafts::{Message, StepDraft};
use crate::config::keywords::{Arity, Keyword, at_least};
use crate::config::rules;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::report::Report;
use crate::config::{CheckStep, HttpExpect, HttpPattern, Pattern};

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "option httpchk",
        Arity { min: 0, max: 3 },
        "[<method>] [<uri> [<version>]]",
        "Checks servers by an HTTP request and wants a status of 200 to 399. Without arguments the \
         request is `OPTIONS / HTTP/1.0`.",
        read_option,
    )
    .example("option httpchk GET /health"),
    row(
        "http-check",
        at_least(1),
        "send [meth <method>] [uri|uri-lf <uri>] [ver <version>] [hdr <name> <value>]... \
         [body|body-lf <text>] [comment <text>] | expect [!] status|rstatus|string|rstring \
         <pattern> [comment <text>]",
        "Says what `option httpchk` sends, or what it expects of the answer.",
        read_rule,
    )
    .example("http-check expect status 200")
    .differs("HAProxy also has `connect`, `disable-on-404`, `send-state` and variables."),
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

/// Reads the version. Old configurations have headers and a body behind it.
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
    let mut words = WordReader { line, at: 1 };
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

fn read_request(words: &mut WordReader<'_, '_>) -> Parsed<Request> {
    let mut request = Request::default();
    while let Some(word) = words.next() {
        let mut value = || words.after(word.value, "a value");
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
                // stickd writes the length of the body itself, and sends no body in chunks.
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

fn read_expect(words: &mut WordReader<'_, '_>) -> Parsed<StepDraft> {
    let (negated, kind, comment) = read_negation(words)?;
    let mut value = || words.after(kind.value, "a value");
    let pattern = match kind.value {
        "status" => HttpPattern::Status(statuses(&value()?)?),
        "rstatus" => HttpPattern::StatusRegex(rules::regex(&value()?, false)?),
        "string" => HttpPattern::Body(Pattern::String(value()?.value.to_owned())),
        "rstring" => HttpPattern::Body(Pattern::Regex(rules::regex(&value()?, false)?)),
        _ => {
            const KNOWN: [&str; 5] = ["status", "rstatus", "string", "rstring", "comment"];
            return Err(not_read("http-check expect", &kind, &KNOWN, &REFUSED_EXPECTS));
        }
    };
    let comment = read_comment(words, "http-check expect")?.or(comment);
    let step = CheckStep::ExpectHttp(HttpExpect { negated, pattern });
    Ok(StepDraft { message: Message::Step(step), comment })
}

/// Reads `200`, `200-299`, or a list of such ranges with commas.
fn statuses(text: &Placed<&str>) -> Parsed<Vec<(u16, u16)>> {
    let wrong = || Mistake::new(text.place, format!("'{}' is no status or range", text.value));
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (100..=999).contains(code));
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((code(from)?, code(to)?)).filter(|(from, to)| from <= to)
    };
    text.value.split(',').map(|part| range(part).ok_or_else(wrong)).collect()
}
