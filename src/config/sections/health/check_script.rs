//! What all checks of a backend have in common, and the dialogue of `option tcp-check`.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::config::drafts::{Message, ProxyDraft, StepDraft};
use crate::config::keywords::{Arity, Handling, Keyword, Scope, at_least, exactly};
use crate::config::rules;
use crate::config::sections::server;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{CheckStep, Connect, Expect, Pattern, ScriptKind};

const BACK: Scope = Scope::BACK;

/// A row about the checks of a backend.
pub(in crate::config) const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, BACK, arity, arguments, help, Handling::Proxy(read))
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "timeout check",
        exactly(1),
        "<time>",
        "Limits the time that a check waits for an answer once it is connected; 0 is as if the \
         line were missing.",
        |p, l, _| {
            p.settings.script.timeout_ms = Some(l.time_ms(0)?).filter(|ms| *ms > 0);
            Ok(())
        },
    )
    .by_default("the time between two checks limits connect and answer together")
    .example("timeout check 2s"),
    row(
        "option log-health-checks",
        exactly(0),
        "",
        "Logs every change of what a server's checks find.",
        |p, l, _| {
            p.settings.script.log_checks = !l.negated;
            Ok(())
        },
    )
    .by_default("only a server that goes up or down is logged")
    .example("option log-health-checks"),
    row(
        "option tcp-check",
        exactly(0),
        "",
        "Checks servers by the dialogue that the lines of `tcp-check` describe.",
        |p, l, _| {
            let kind = if l.negated { ScriptKind::Connect } else { ScriptKind::Tcp };
            p.settings.script.choose(kind);
            Ok(())
        },
    )
    .by_default("a connection is enough")
    .example("option tcp-check"),
    row(
        "tcp-check",
        at_least(1),
        "connect [port <port>] [addr <address>] [send-proxy] [default] [linger] [comment <text>] | \
         send <text> [comment <text>] | send-binary <hex> [comment <text>] | expect [!] \
         string|binary|rstring <pattern> [comment <text>] | comment <text>",
        "Adds a step to the dialogue of `option tcp-check`: connect, send, or wait for what must \
         come, or with `!` must not.",
        |p, l, _| {
            let step = read_tcp_step(l)?;
            p.settings.script.push_tcp(step, l.place)
        },
    )
    .example("tcp-check expect string ready")
    .differs("HAProxy also has variables, TLS, and results that a step chooses."),
];

fn read_tcp_step(line: &Line<'_>) -> Parsed<StepDraft> {
    let verb = line.argument(0)?;
    let mut words = WordReader { line, at: 1 };
    let mut comment = None;
    let step = match verb.value {
        "connect" => read_connect(&mut words, &mut comment)?,
        "send" => CheckStep::Send(words.after("send", "a value")?.value.as_bytes().to_vec()),
        "send-binary" => CheckStep::Send(hex(&words.after("send-binary", "a value")?)?),
        "expect" => read_expect(&mut words, &mut comment)?,
        "comment" => {
            comment = Some(words.after("comment", "a value")?.value.to_owned());
            CheckStep::Comment
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

/// WordReader of `expect` that HAProxy has and that are not supported.
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

/// The mistake for a word that cannot stand here: the word is refused, or unknown to HAProxy too.
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
    let hint = hint(word.value, known.iter().copied());
    Mistake::new(word.place, format!("unknown word '{}' in '{rule}'{hint}", word.value))
}

/// Reads the comment at the end of a rule, which is shown when the step fails.
pub(super) fn read_comment(words: &mut WordReader<'_, '_>, rule: &str) -> Parsed<Option<String>> {
    let mut comment = None;
    while let Some(word) = words.next() {
        if word.value != "comment" {
            return Err(not_read(rule, &word, &["comment"], &REFUSED_EXPECTS));
        }
        comment = Some(words.after("comment", "a value")?.value.to_owned());
    }
    Ok(comment)
}

fn read_connect(words: &mut WordReader<'_, '_>, comment: &mut Option<String>) -> Parsed<CheckStep> {
    let mut connect = Connect::default();
    while let Some(word) = words.next() {
        match word.value {
            "port" => {
                let value = words.after("port", "a value")?;
                let number = value.value.parse().ok().filter(|port| *port > 0);
                let wrong = || Mistake::new(value.place, format!("'{}' is no port", value.value));
                connect.port = Some(number.ok_or_else(wrong)?);
            }
            "addr" => {
                words.after("addr", "a value")?;
                let line = words.line.from(words.at - 1);
                let line = Line { arguments: line, ..*words.line };
                connect.addr = Some(server::read_source(&line)?);
            }
            "send-proxy" => connect.send_proxy = true,
            "default" => connect.is_default = true,
            "linger" => connect.linger = true,
            "comment" => *comment = Some(words.after("comment", "a value")?.value.to_owned()),
            _ => {
                const KNOWN: [&str; 6] =
                    ["port", "addr", "send-proxy", "default", "linger", "comment"];
                const REFUSED: [&str; 5] = ["ssl", "sni", "alpn", "proto", "via-socks4"];
                return Err(not_read("tcp-check connect", &word, &KNOWN, &REFUSED));
            }
        }
    }
    Ok(CheckStep::Connect(connect))
}

/// Reads what stands before a pattern: a comment, and negations, which may also stick to the word
/// after them. Gives whether the pattern is negated, the word for the kind of pattern, and the
/// comment.
pub(super) fn read_negation<'a>(
    words: &mut WordReader<'_, 'a>,
) -> Parsed<(bool, Placed<&'a str>, Option<String>)> {
    let (mut negated, mut comment) = (false, None);
    loop {
        let mut word = words.after("expect", "a value")?;
        while let Some(rest) = word.value.strip_prefix('!') {
            negated = !negated;
            word.value = rest;
        }
        match word.value {
            "" => {}
            "comment" => comment = Some(words.after("comment", "a value")?.value.to_owned()),
            _ => return Ok((negated, word, comment)),
        }
    }
}

fn read_expect(words: &mut WordReader<'_, '_>, comment: &mut Option<String>) -> Parsed<CheckStep> {
    let (negated, kind, before) = read_negation(words)?;
    *comment = before;
    let pattern = match kind.value {
        "string" => Pattern::String(words.after("string", "a value")?.value.to_owned()),
        "binary" => Pattern::Binary(hex(&words.after("binary", "a value")?)?),
        "rstring" => Pattern::Regex(rules::regex(&words.after("rstring", "a value")?, false)?),
        _ => {
            const KNOWN: [&str; 4] = ["string", "binary", "rstring", "comment"];
            return Err(not_read("tcp-check expect", &kind, &KNOWN, &REFUSED_EXPECTS));
        }
    };
    Ok(CheckStep::Expect(Expect { negated, pattern }))
}

fn hex(text: &Placed<&str>) -> Parsed<Vec<u8>> {
    let wrong = |what: String| Mistake::new(text.place, format!("'{}': {what}", text.value));
    if let Some(other) = text.value.chars().find(|letter| !letter.is_ascii_hexdigit()) {
        return Err(wrong(format!("'{other}' is no hexadecimal digit")));
    }
    HEXLOWER_PERMISSIVE
        .decode(text.value.as_bytes())
        .map_err(|_| wrong("hexadecimal digits come in pairs, and one is missing".to_owned()))
}
