//! What the sections of proxies say of their log, and the targets of `log` lines everywhere.

use super::log_line;
use crate::config::drafts::{LogDraft, ProxyDraft, ProxyKind};
use crate::config::keywords::{Arity, Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::line::Line;
use crate::config::text::nearest::hint;
use crate::config::text::report::{HTTP, Report};
use crate::config::text::{address, units};
use crate::config::{LogDestination, LogFormat, LogTarget};

const ALL: Scope = Scope::PROXY;
const FRONT: Scope = Scope::FRONT;

/// Why a keyword of logs has no effect in the frontend of the exporter.
pub(super) const NO_LOG: &str = "requests for metrics are not logged";

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::of_proxy(
        "option tcplog",
        FRONT,
        exactly(0),
        "",
        "Logs every connection with its times, bytes and how it ended.",
        |proxy, line, _| {
            set_log_format(proxy, line);
            Ok(())
        },
    )
    .idle_in_exporter(NO_LOG)
    .by_default("a line of the log names the client and the address it came to")
    .example("option tcplog"),
    Keyword::of_proxy(
        "option httplog",
        FRONT,
        Arity { min: 0, max: 1 },
        "[clf]",
        "Is taken for `option tcplog`: what is relayed is TCP.",
        read_http_log,
    )
    .idle_in_exporter(NO_LOG)
    .example("option httplog")
    .differs("HAProxy logs HTTP requests."),
    Keyword::of_proxy(
        "option httpslog",
        FRONT,
        exactly(0),
        "",
        "Is taken for `option tcplog`: what is relayed is TCP.",
        read_http_log,
    )
    .idle_in_exporter(NO_LOG)
    .example("option httpslog")
    .differs("HAProxy logs HTTP requests and TLS."),
    Keyword::of_proxy(
        "log-format",
        FRONT,
        exactly(1),
        "<format>",
        "Says what a connection's line in the log says, with variables such as `%ci` (client), \
         `%s` (server), `%B` (bytes) and `%ts` (how it ended).",
        read_log_format,
    )
    .idle_in_exporter(NO_LOG)
    .by_default("the format of `option tcplog`, or the short one without it")
    .example("log-format \"%ci:%cp %b/%s %B %ts\"")
    .differs("HAProxy also takes samples (`%[...]`) and variables about HTTP and TLS."),
    Keyword::of_proxy(
        "log-tag",
        ALL,
        exactly(1),
        "<text>",
        "Sets the tag of the section's lines that are sent to syslog.",
        |proxy, line, _| {
            proxy.settings.log_tag = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .idle_in_exporter(NO_LOG)
    .by_default("`log-tag` of `global`")
    .example("log-tag web"),
    Keyword::of_proxy(
        "log",
        ALL,
        at_least(0),
        "global | <target> [len <n>] [format <f>] <facility> [<level> [<level>]]",
        "Sends the section's lines to a target, or to those of `global`. `no log` forgets all \
         targets.",
        |proxy, line, _| read(line, &mut proxy.settings.log),
    )
    .can_be_negated()
    .by_default("the section does not log")
    .example("log global"),
];

/// The name of such a line of a `defaults` section in the warning about lines for HTTP.
const HTTP_LOG_OF_MANY: &str = "option httplog (as option tcplog)";

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
    "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The longest line, in bytes, when `len` is not written.
const LENGTH: u32 = 1024;

/// Reads a `log` line of a section other than `global` into the section's targets.
pub(in crate::config) fn read(line: &Line<'_>, targets: &mut Vec<LogDraft>) -> Parsed {
    if line.negated {
        if !line.arguments.is_empty() {
            return Err(line.mistake("'no log' takes no arguments"));
        }
        targets.clear();
        return Ok(());
    }
    let is_global = matches!(line.arguments, [word] if word.text == "global");
    // As with HAProxy, several `log global` count as one, and all other lines count.
    let entry = if is_global { LogDraft::Global } else { LogDraft::Target(read_target(line)?) };
    if !(is_global && targets.contains(&entry)) {
        targets.push(entry);
    }
    Ok(())
}

/// Reads `<target> [len <n>] [format <f>] <facility> [<level> [<level>]]`.
pub(super) fn read_target(line: &Line<'_>) -> Parsed<LogTarget> {
    let destination = read_destination(line)?;
    let mut format = LogFormat::Rfc3164;
    let mut length = LENGTH;
    let mut at = 1;
    while let Some(word) = line.get(at) {
        match word.value {
            "len" => length = read_length(line, at + 1)?,
            "format" => format = read_format(&argument(line, at + 1)?)?,
            "sample" | "profile" => {
                let message = format!("'{}' is refused: not supported yet", word.value);
                return Err(Mistake::new(word.place, message));
            }
            _ => break,
        }
        at += 2;
    }
    let facility = named(&argument(line, at)?, &FACILITIES, "facility")?;
    let level = line.get(at + 1).map_or(Ok(7), |word| named(&word, &LEVELS, "level"))?;
    let min_level = line.get(at + 2).map_or(Ok(0), |word| named(&word, &LEVELS, "level"))?;
    if let Some(word) = line.get(at + 3) {
        return Err(Mistake::new(word.place, format!("unexpected word '{}'", word.value)));
    }
    Ok(LogTarget { destination, format, facility, level, min_level, length, tag: None })
}

fn argument<'a>(line: &Line<'a>, at: usize) -> Parsed<Placed<&'a str>> {
    line.get(at).ok_or_else(|| {
        line.mistake("'log' wants <target> [len <n>] [format <f>] <facility> [<level> [<level>]]")
    })
}

fn read_destination(line: &Line<'_>) -> Parsed<LogDestination> {
    let word = line.argument(0)?;
    match word.value {
        "stdout" => return Ok(LogDestination::Stdout),
        "stderr" => return Ok(LogDestination::Stderr),
        "global" => {
            return Err(Mistake::new(word.place, "'log global' stands alone, outside 'global'"));
        }
        _ => {}
    }
    let wrong =
        |reason: String| Mistake::new(word.place, format!("log target '{}' {reason}", word.value));
    if let Some(number) = word.value.strip_prefix("fd@") {
        let number = number.parse().ok().filter(|number| *number >= 0);
        return number.map(LogDestination::Fd).ok_or_else(|| wrong("is not a descriptor".into()));
    }
    if word.value.starts_with("ring@") || word.value.starts_with("tcp") {
        return Err(wrong("is refused: not supported yet".to_owned()));
    }
    address::log_target(word.value, line.hosts)
        .map(LogDestination::Datagram)
        .map_err(|error| wrong(error.to_string()))
}

fn read_length(line: &Line<'_>, at: usize) -> Parsed<u32> {
    let word = argument(line, at)?;
    units::number(word.value, 80..=65_535)
        .map_err(|error| Mistake::new(word.place, format!("log length '{}' {error}", word.value)))
}

fn read_format(word: &Placed<&str>) -> Parsed<LogFormat> {
    match word.value {
        "rfc3164" => Ok(LogFormat::Rfc3164),
        "rfc5424" => Ok(LogFormat::Rfc5424),
        "raw" => Ok(LogFormat::Raw),
        "short" => Ok(LogFormat::Short),
        "local" | "priority" | "timed" | "iso" => {
            let message = format!("log format '{}' is refused: not supported yet", word.value);
            Err(Mistake::new(word.place, message))
        }
        other => Err(Mistake::new(word.place, format!("unknown log format '{other}'"))),
    }
}

fn named(word: &Placed<&str>, names: &[&str], what: &str) -> Parsed<u8> {
    let found = names.iter().position(|name| *name == word.value);
    let number = found.and_then(|position| u8::try_from(position).ok());
    number.ok_or_else(|| {
        let hint = hint(word.value, names.iter().copied());
        Mistake::new(word.place, format!("unknown log {what} '{}'{hint}", word.value))
    })
}

/// The warning for a line of a section that is not `defaults` comes when the mode of the section is
/// known ([`report_http_log`]).
fn read_http_log(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    set_log_format(proxy, line);
    if proxy.kind == ProxyKind::Defaults && !line.negated {
        report.inert(line.place, HTTP_LOG_OF_MANY, HTTP);
    }
    Ok(())
}

/// `option tcplog`, its relatives and `log-format` all set the format: the last line counts.
fn set_log_format(proxy: &mut ProxyDraft, line: &Line<'_>) {
    proxy.settings.options.tcplog = !line.negated;
    if !line.negated {
        proxy.settings.log_line = None;
    }
}

/// Warns of the lines about the HTTP log in a section that relays.
pub(super) fn report_http_log(proxy: &ProxyDraft, report: &mut Report) {
    for said in &proxy.said {
        if matches!(said.keyword, "option httplog" | "option httpslog") {
            warn_of_http_log(said.keyword, said.place, report);
        }
    }
}

fn warn_of_http_log(keyword: &str, place: Place, report: &mut Report) {
    let message = format!("'{keyword}' is taken for 'option tcplog': what is relayed is TCP");
    report.warning(place, message);
}

fn read_log_format(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    proxy.settings.log_line = Some(log_line::compile(&line.argument(0)?)?);
    Ok(())
}
