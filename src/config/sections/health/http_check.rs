//! What an HTTP check sends and expects: `option httpchk` and the lines of `http-check`.

use super::check_script::row;
use super::expect::Around;
use super::steps::{STEPS, not_read};
use super::{expect, sample, steps};
use crate::config::drafts::{ProxyDraft, StepDraft};
use crate::config::keywords::{Arity, Keyword, at_least};
use crate::config::rules;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::report::Report;
use crate::config::{
    CheckFormat, CheckRequest, CheckStep, HeaderExpect, HeaderTest, HttpExpect, HttpPattern,
    Pattern, ScriptKind,
};

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
        "connect [port <port>|<sample>] [addr <address>] [send-proxy] [ssl] [sni <name>] \
         [alpn <protocols>] [default] [linger] [comment <text>] | send [meth <method>] \
         [uri|uri-lf <uri>] [ver <version>] [hdr <name> <text>]... [body|body-lf <text>] \
         [comment <text>] | expect [!] \
         status|rstatus|string|string-lf|rstring <pattern> [words] | expect [!] hdr|fhdr \
         name|name-lf [-m str|beg|end|sub|reg] <name> [value|value-lf [-m <method>] <value>] \
         [words] | set-var(check.<name>) <sample> | set-var-fmt(check.<name>) <text> | \
         unset-var(check.<name>) | comment <text> | disable-on-404 | send-state",
        "Says what `option httpchk` sends, or what it expects of the answer. The words of an \
         `expect` and the samples are those of `tcp-check`. `disable-on-404` lets a server that \
         answers 404 finish its connections without new clients; `send-state` tells the server \
         its state in a header.",
        read_rule,
    )
    .example("http-check expect status 200")
    .differs("HAProxy also has SOCKS, HTTP/2, all its samples, and variables of other scopes."),
];

fn read_option(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let script = &mut proxy.settings.script;
    if line.negated {
        script.choose(ScriptKind::Connect);
        return Ok(());
    }
    let mut request = CheckRequest::default();
    match (line.get(0), line.get(1)) {
        (Some(method), Some(uri)) => {
            if method.value == "httpchk" {
                let message = "'httpchk' is taken for the method of the request";
                report.warning(method.place, message);
            }
            request.method = Some(method.value.to_owned());
            request.uri = Some(CheckFormat::plain(uri.value));
        }
        (Some(uri), None) => request.uri = Some(CheckFormat::plain(uri.value)),
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
fn read_version(request: &mut CheckRequest, typed: &Placed<&str>, report: &mut Report) -> Parsed {
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
        let value = CheckFormat::plain(value.trim_matches([' ', '\t']));
        request.headers.push((name.to_ascii_lowercase(), value));
    }
    if !rest.is_empty() {
        request.body = Some(CheckFormat::plain(rest));
    }
    Ok(())
}

fn read_rule(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    const RULE: &str = "http-check";
    let verb = line.argument(0)?;
    let mut words = WordReader { line, at: 1 };
    let script = &mut proxy.settings.script;
    if let Some(step) = steps::read(RULE, &verb, &mut words, report)? {
        return script.push_http(step, line.place);
    }
    match verb.value {
        "send" => script.push_http(read_request(&mut words)?, line.place),
        "expect" => script.push_http(read_expect(&mut words)?, line.place),
        "disable-on-404" => {
            script.disables_on_404 = true;
            line.no_more(1)
        }
        "send-state" => {
            script.sends_state = true;
            line.no_more(1)
        }
        _ => {
            const KNOWN: [&str; 4] = ["send", "expect", "disable-on-404", "send-state"];
            let known: Vec<_> = KNOWN.into_iter().chain(STEPS).collect();
            Err(not_read(RULE, &verb, &known))
        }
    }
}

fn read_request(words: &mut WordReader<'_, '_>) -> Parsed<StepDraft> {
    let mut request = CheckRequest::default();
    let mut comment = None;
    while let Some(word) = words.next() {
        let mut value = || words.after(word.value, "a value");
        match word.value {
            "meth" => request.method = Some(value()?.value.to_owned()),
            "uri" => request.uri = Some(CheckFormat::plain(value()?.value)),
            "uri-lf" => request.uri = Some(sample::format(&value()?)?),
            "ver" => request.version = Some(value()?.value.to_owned()),
            "hdr" => {
                let name = value()?.value.to_ascii_lowercase();
                let typed = value()?;
                if name.is_empty() || typed.value.is_empty() {
                    let message = "'hdr' wants a name and a value";
                    return Err(Mistake::new(typed.place, message));
                }
                let text = sample::format(&typed)?;
                // stickd writes the length of the body itself, and sends no body in chunks.
                if !matches!(name.as_str(), "content-length" | "transfer-encoding") {
                    request.headers.push((name, text));
                }
            }
            "body" => request.body = Some(CheckFormat::plain(value()?.value)),
            "body-lf" => request.body = Some(sample::format(&value()?)?),
            "comment" => comment = Some(value()?.value.to_owned()),
            _ => {
                const KNOWN: [&str; 8] =
                    ["meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"];
                return Err(not_read("http-check send", &word, &KNOWN));
            }
        }
    }
    Ok(StepDraft { step: CheckStep::SendRequest(Box::new(request)), comment })
}

fn read_expect(words: &mut WordReader<'_, '_>) -> Parsed<StepDraft> {
    const RULE: &str = "http-check expect";
    let mut around = Around::default();
    let kind = around.read_before(words)?;
    let mut value = || words.after(kind.value, "a pattern");
    let pattern = match kind.value {
        "status" => HttpPattern::Status(statuses(&value()?)?),
        "rstatus" => HttpPattern::StatusRegex(rules::regex(&value()?, false)?),
        "string" => HttpPattern::Body(Pattern::String(value()?.value.to_owned())),
        "string-lf" => HttpPattern::Body(Pattern::Text(sample::format(&value()?)?)),
        "rstring" => HttpPattern::Body(Pattern::Regex(rules::regex(&value()?, false)?)),
        "hdr" | "fhdr" => HttpPattern::Header(read_header(words, kind.value == "fhdr")?),
        _ => {
            const KNOWN: [&str; 7] =
                ["status", "rstatus", "string", "string-lf", "rstring", "hdr", "fhdr"];
            let known: Vec<_> = KNOWN.into_iter().chain(expect::WORDS).collect();
            return Err(not_read(RULE, &kind, &known));
        }
    };
    around.read_after(words, RULE)?;
    let Around { negated, words, comment } = around;
    let step = CheckStep::ExpectHttp(HttpExpect { negated, pattern, words });
    Ok(StepDraft { step, comment })
}

/// Reads the name of a header, and its value if there is one.
fn read_header(words: &mut WordReader<'_, '_>, is_whole: bool) -> Parsed<HeaderExpect> {
    let word = words.after("hdr", "the word 'name' and a name")?;
    if !matches!(word.value, "name" | "name-lf") {
        return Err(not_read("http-check expect hdr", &word, &["name", "name-lf"]));
    }
    let name = read_test(words, word.value, true)?;
    let next = words.line.get(words.at).map(|word| word.value);
    let Some(word @ ("value" | "value-lf")) = next else {
        return Ok(HeaderExpect { name, value: None, is_whole });
    };
    words.at += 1;
    let value = Some(read_test(words, word, false)?);
    Ok(HeaderExpect { name, value, is_whole })
}

/// Reads `[-m <method>] <pattern>`. With a `word` that ends with `-lf` the pattern has samples in
/// it.
fn read_test(words: &mut WordReader<'_, '_>, word: &str, ignores_case: bool) -> Parsed<HeaderTest> {
    let mut method = "str";
    let mut typed = words.after(word, "a pattern")?;
    if typed.value == "-m" {
        let given = words.after("-m", "str, beg, end, sub or reg")?;
        method = given.value;
        typed = words.after(word, "a pattern")?;
        if !matches!(method, "str" | "beg" | "end" | "sub" | "reg") {
            let message = format!("'-m' takes str, beg, end, sub or reg, not '{method}'");
            return Err(Mistake::new(given.place, message));
        }
    }
    let has_samples = word.ends_with("-lf");
    if method == "reg" {
        if has_samples {
            let message = format!("'{word}' cannot be a regular expression");
            return Err(Mistake::new(typed.place, message));
        }
        return rules::regex(&typed, ignores_case).map(HeaderTest::Regex);
    }
    let text = match has_samples {
        true => sample::format(&typed)?,
        false => CheckFormat::plain(typed.value),
    };
    Ok(match method {
        "beg" => HeaderTest::Beginning(text),
        "end" => HeaderTest::End(text),
        "sub" => HeaderTest::Inside(text),
        _ => HeaderTest::Whole(text),
    })
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
