//! What all checks of a backend have in common, and the dialogue of `option tcp-check`.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::expect::Around;
use super::steps::{STEPS, not_read, read_comment};
use super::{expect, sample, steps};
use crate::config::drafts::{ProxyDraft, StepDraft};
use crate::config::keywords::{Keyword, Scope, at_least, exactly, rows_of};
use crate::config::rules;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::report::Report;
use crate::config::{CheckStep, Expect, Pattern, ScriptKind, SentText};

const BACK: Scope = Scope::BACK;

// A row is about the checks of a backend.
rows_of!(BACK, Proxy(ProxyDraft));

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
        "connect [port <port>|<sample>] [addr <address>] [send-proxy] [ssl] [sni <name>] \
         [alpn <protocols>] [default] [linger] [comment <text>] | send|send-lf <text> [comment \
         <text>] | send-binary|send-binary-lf <hex> [comment <text>] | expect [!] \
         string|string-lf|binary|binary-lf|rstring|rbinary <pattern> [min-recv <bytes>] \
         [ok-status|error-status|tout-status <status>] [on-success|on-error <text>] \
         [status-code <sample>] [comment <text>] | set-var(check.<name>) <sample> | \
         set-var-fmt(check.<name>) <text> | unset-var(check.<name>) | comment <text>",
        "Adds a step to the dialogue of `option tcp-check`: connect, send, or wait for what must \
         come, or with `!` must not. A text of `-lf` and of `on-` has samples in it, as \
         `%[srv_name]` or `%[var(check.x)]`; the samples of checks are be_id, be_name, bin, bool, \
         int, res.len, res.payload, srv_id, srv_name, str and var, and for HTTP also res.body, \
         res.fhdr, res.hdr, res.ver and status.",
        |p, l, report| {
            let step = read_tcp_step(l, report)?;
            p.settings.script.push_tcp(step, l.place)
        },
    )
    .example("tcp-check expect string ready")
    .differs("HAProxy also has SOCKS, all its samples, and variables of other scopes."),
];

fn read_tcp_step(line: &Line<'_>, report: &mut Report) -> Parsed<StepDraft> {
    let verb = line.argument(0)?;
    let mut words = WordReader { line, at: 1 };
    if let Some(step) = steps::read("tcp-check", &verb, &mut words, report)? {
        return Ok(step);
    }
    let mut value = || words.after(verb.value, "a value");
    let step = match verb.value {
        "send" => CheckStep::Send(value()?.value.as_bytes().to_vec()),
        "send-binary" => CheckStep::Send(hex(&value()?)?),
        "send-lf" => {
            CheckStep::SendText(SentText { text: sample::format(&value()?)?, is_hex: false })
        }
        "send-binary-lf" => {
            CheckStep::SendText(SentText { text: sample::format(&value()?)?, is_hex: true })
        }
        "expect" => return read_expect(&mut words),
        _ => {
            const KNOWN: [&str; 5] = ["send", "send-lf", "send-binary", "send-binary-lf", "expect"];
            let known: Vec<_> = KNOWN.into_iter().chain(STEPS).collect();
            return Err(not_read("tcp-check", &verb, &known));
        }
    };
    let comment = read_comment(&mut words, &format!("tcp-check {}", verb.value))?;
    Ok(StepDraft { step, comment })
}

fn read_expect(words: &mut WordReader<'_, '_>) -> Parsed<StepDraft> {
    const RULE: &str = "tcp-check expect";
    let mut around = Around::default();
    let kind = around.read_before(words)?;
    let mut value = || words.after(kind.value, "a pattern");
    let pattern = match kind.value {
        "string" => Pattern::String(value()?.value.to_owned()),
        "string-lf" => Pattern::Text(sample::format(&value()?)?),
        "binary" => Pattern::Binary(hex(&value()?)?),
        "binary-lf" => Pattern::HexText(sample::format(&value()?)?),
        "rstring" => Pattern::Regex(rules::regex(&value()?, false)?),
        "rbinary" => Pattern::HexRegex(rules::regex(&value()?, false)?),
        _ => {
            const KNOWN: [&str; 6] =
                ["string", "string-lf", "binary", "binary-lf", "rstring", "rbinary"];
            let known: Vec<_> = KNOWN.into_iter().chain(expect::WORDS).collect();
            return Err(not_read(RULE, &kind, &known));
        }
    };
    around.read_after(words, RULE)?;
    let Around { negated, words, comment } = around;
    Ok(StepDraft { step: CheckStep::Expect(Expect { negated, pattern, words }), comment })
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
