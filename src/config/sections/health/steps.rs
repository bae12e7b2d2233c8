//! The steps that `tcp-check` and `http-check` have in common: connections, comments and variables.

use super::sample;
use crate::config::drafts::StepDraft;
use crate::config::keywords::Refusal;
use crate::config::sections::{source, tls};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{CheckStep, Connect, ConnectPort, SetVariable, VariableValue};

/// The names of the steps that both rules have.
pub(super) const STEPS: [&str; 5] = ["connect", "comment", "set-var", "set-var-fmt", "unset-var"];

/// The mistake for a word that cannot stand here.
pub(super) fn not_read(rule: &str, word: &Placed<&str>, known: &[&'static str]) -> Mistake {
    let hint = hint(word.value, known.iter().copied());
    Mistake::new(word.place, format!("unknown word '{}' in '{rule}'{hint}", word.value))
}

/// Reads a step that both rules have; none if `verb` is no such step.
pub(super) fn read(
    rule: &str,
    verb: &Placed<&str>,
    words: &mut WordReader<'_, '_>,
    report: &mut Report,
) -> Parsed<Option<StepDraft>> {
    let (name, argument) = match verb.value.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')),
        None => (verb.value, None),
    };
    let variable = || {
        let wrong = |message| Mistake::new(verb.place, message);
        let name = argument.ok_or_else(|| {
            wrong(format!("'{rule} {name}' wants the name of a variable, as '{name}(check.x)'"))
        })?;
        sample::variable(name).map(str::to_owned).map_err(wrong)
    };
    let step = match name {
        "connect" => return read_connect(rule, words, report).map(Some),
        "comment" => {
            let text = words.after("comment", "a text")?;
            let comment = Some(text.value.to_owned());
            return Ok(Some(StepDraft { step: CheckStep::Comment, comment }));
        }
        "set-var" => {
            let name = variable()?;
            let value =
                VariableValue::Sample(sample::sample(&words.after("set-var", "a sample")?)?);
            CheckStep::Set(SetVariable { name, value })
        }
        "set-var-fmt" => {
            let name = variable()?;
            let text = words.after("set-var-fmt", "a text")?;
            let value = VariableValue::Text(sample::format(&text)?);
            CheckStep::Set(SetVariable { name, value })
        }
        "unset-var" => CheckStep::Unset(variable()?),
        _ => return Ok(None),
    };
    let comment = read_comment(words, &format!("{rule} {name}"))?;
    Ok(Some(StepDraft { step, comment }))
}

/// Reads the comment at the end of a rule, which is shown when the step fails.
pub(super) fn read_comment(words: &mut WordReader<'_, '_>, rule: &str) -> Parsed<Option<String>> {
    let mut comment = None;
    while let Some(word) = words.next() {
        if word.value != "comment" {
            return Err(not_read(rule, &word, &["comment"]));
        }
        comment = Some(words.after("comment", "a value")?.value.to_owned());
    }
    Ok(comment)
}

fn read_connect(
    rule: &str,
    words: &mut WordReader<'_, '_>,
    report: &mut Report,
) -> Parsed<StepDraft> {
    let mut connect = Connect::default();
    let mut comment = None;
    let mut offers = Vec::new();
    while let Some(word) = words.next() {
        match word.value {
            "port" => connect.port = Some(read_port(&words.after("port", "a value")?)?),
            "addr" => {
                words.after("addr", "a value")?;
                let line = words.line.from(words.at - 1);
                let line = Line { arguments: line, ..*words.line };
                connect.addr = Some(source::address(&line.argument(0)?, &line)?);
            }
            "send-proxy" => connect.send_proxy = true,
            "default" => connect.is_default = true,
            "linger" => connect.linger = true,
            "comment" => comment = Some(words.after("comment", "a value")?.value.to_owned()),
            "ssl" => connect.tls = true,
            "sni" => {
                connect.offer.name = Some(words.after("sni", "a value")?.value.to_owned());
                offers.push(word);
            }
            "alpn" => {
                let typed = words.after("alpn", "a value")?;
                let protocols = tls::protocols(&typed)?;
                connect.offer.protocols = Some(match rule {
                    "http-check" => tls::without_http2(protocols, typed.place, report),
                    _ => protocols,
                });
                offers.push(word);
            }
            "proto" => return Err(refused(rule, &word, Refusal::HttpOnly)),
            "via-socks4" => {
                let reason = Refusal::Because("servers are connected to directly");
                return Err(refused(rule, &word, reason));
            }
            _ => {
                const KNOWN: [&str; 9] = [
                    "port",
                    "addr",
                    "send-proxy",
                    "ssl",
                    "sni",
                    "alpn",
                    "default",
                    "linger",
                    "comment",
                ];
                return Err(not_read(&format!("{rule} connect"), &word, &KNOWN));
            }
        }
    }
    if !connect.tls && !connect.is_default {
        for word in offers {
            let message = format!("'{}' is ignored: the connection has no TLS", word.value);
            report.warning(word.place, message);
        }
    }
    Ok(StepDraft { step: CheckStep::Connect(connect), comment })
}

fn refused(rule: &str, word: &Placed<&str>, refusal: Refusal) -> Mistake {
    let message = format!("'{rule} connect {}' is refused: {}", word.value, refusal.reason());
    Mistake::new(word.place, message)
}

/// Reads a port, or a sample that gives the port.
fn read_port(value: &Placed<&str>) -> Parsed<ConnectPort> {
    let is_name = value.value.starts_with(|first: char| first.is_ascii_alphabetic());
    if is_name {
        return sample::sample(value).map(ConnectPort::Sample);
    }
    let number = value.value.parse().ok().filter(|port| *port > 0);
    let wrong = || Mistake::new(value.place, format!("'{}' is no port", value.value));
    number.map(ConnectPort::Number).ok_or_else(wrong)
}
