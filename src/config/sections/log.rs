//! `log` lines: a target, how its lines are framed, a facility and levels.

use crate::config::drafts::LogDraft;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::nearest::hint;
use crate::config::text::{address, units};
use crate::config::{LogDestination, LogFormat, LogTarget};

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
    "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The longest line unless `len` says otherwise.
const LENGTH: u32 = 1024;

/// Reads a `log` line of a section other than `global` into the section's targets.
pub(crate) fn read(line: &Line<'_>, targets: &mut Vec<LogDraft>) -> Parsed {
    if line.negated {
        if !line.arguments.is_empty() {
            return Err(line.mistake("'no log' takes no arguments"));
        }
        targets.clear();
        return Ok(());
    }
    let is_global = matches!(line.arguments, [word] if word.text == "global");
    // As with HAProxy, `log global` counts once and every other line for itself.
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
