//! The targets of `log` lines everywhere: a syslog server, a descriptor, or a ring.
//!
//! ```text
//!   mod.rs           <target> [words] <facility> [<level> [<level>]]
//!   sample.rs        <ranges>:<size> after `sample`
//!   ring.rs          the keywords of `ring` sections
//!   ring_server.rs   the words of the servers of a ring
//! ```

pub(in crate::config) mod ring;
mod ring_server;
mod sample;

use crate::config::drafts::{DestinationDraft, LogDraft, LogTargetDraft};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::nearest::hint;
use crate::config::text::{address, units};
use crate::config::{LogDestination, LogFormat, Severity};

/// The arguments of a `log` line, for the reference.
pub(super) const TARGET: &str = "<target> [len <n>] [format <f>] [sample <ranges>:<size>] \
                                 <facility> [<level> [<level>]]";

/// The same in a section other than `global`.
pub(super) const TARGET_OR_GLOBAL: &str = "global | <target> [len <n>] [format <f>] \
                                           [sample <ranges>:<size>] <facility> \
                                           [<level> [<level>]]";

/// What a `log` line does.
pub(super) const HELP: &str = "Sends the section's lines to a target, or to those of `global`. A \
                               target is a syslog server (UDP, a unix socket, or TCP with \
                               `tcp@`), `stdout`, `stderr`, `fd@<n>` or `ring@<name>`. `no log` \
                               forgets all targets.";

/// The same in `global`.
pub(super) const HELP_OF_GLOBAL: &str = "Adds a target to those that `log global` means in the \
     other sections. A target is a syslog server (UDP, a unix socket, or TCP with `tcp@`), \
     `stdout`, `stderr`, `fd@<n>` or `ring@<name>`. `format` is rfc3164, rfc5424, local, priority, \
     short, timed, iso or raw. `sample 1,3-5:10` sends those of every ten lines. The levels are \
     emerg, alert, crit, err, warning, notice, info and debug: what is less severe than the first \
     is not sent, and what is more severe than the second is sent as the second.";

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
    "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const FORMATS: [(&str, LogFormat); 8] = [
    ("rfc3164", LogFormat::Rfc3164),
    ("rfc5424", LogFormat::Rfc5424),
    ("local", LogFormat::Local),
    ("priority", LogFormat::Priority),
    ("short", LogFormat::Short),
    ("timed", LogFormat::Timed),
    ("iso", LogFormat::Iso),
    ("raw", LogFormat::Raw),
];

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

/// Reads the arguments of a `log` line that has a target of its own.
pub(super) fn read_target(line: &Line<'_>) -> Parsed<LogTargetDraft> {
    let destination = read_destination(line)?;
    let mut target = LogTargetDraft {
        place: line.place,
        destination,
        format: None,
        facility: 0,
        level: Severity::Debug,
        min_level: Severity::Emerg,
        length: LENGTH,
        sample: None,
    };
    let mut at = 1;
    while let Some(word) = line.get(at) {
        match word.value {
            "len" => target.length = read_length(&argument(line, at + 1)?)?,
            "format" => target.format = Some(read_format(&argument(line, at + 1)?)?),
            "sample" => target.sample = Some(sample::read(&argument(line, at + 1)?)?),
            _ => break,
        }
        at += 2;
    }
    target.facility = read_facility(&argument(line, at)?)?;
    if let Some(word) = line.get(at + 1) {
        target.level = named(&word, &Severity::NAMED, "level")?;
    }
    if let Some(word) = line.get(at + 2) {
        target.min_level = named(&word, &Severity::NAMED, "level")?;
    }
    line.no_more(at + 3)?;
    Ok(target)
}

fn argument<'a>(line: &Line<'a>, at: usize) -> Parsed<Placed<&'a str>> {
    line.get(at).ok_or_else(|| line.mistake(format!("'log' wants {TARGET}")))
}

fn read_destination(line: &Line<'_>) -> Parsed<DestinationDraft> {
    let word = line.argument(0)?;
    match word.value {
        "stdout" => return Ok(DestinationDraft::Known(LogDestination::Stdout)),
        "stderr" => return Ok(DestinationDraft::Known(LogDestination::Stderr)),
        "global" => {
            return Err(Mistake::new(word.place, "'log global' stands alone, outside 'global'"));
        }
        _ => {}
    }
    let wrong =
        |reason: String| Mistake::new(word.place, format!("log target '{}' {reason}", word.value));
    if let Some(number) = word.value.strip_prefix("fd@") {
        let number = number.parse().ok().filter(|number| *number >= 0);
        let destination = number.map(|number| DestinationDraft::Known(LogDestination::Fd(number)));
        return destination.ok_or_else(|| wrong("is not a descriptor".to_owned()));
    }
    if let Some(name) = word.value.strip_prefix("ring@") {
        return Ok(DestinationDraft::Ring(Placed { value: name.to_owned(), place: word.place }));
    }
    let address = address::log_target(word.value, line.hosts);
    match address.map_err(|error| wrong(error.to_string()))? {
        (address, address::Transport::Stream) => Ok(DestinationDraft::Stream(address)),
        (address, address::Transport::Datagram) => {
            Ok(DestinationDraft::Known(LogDestination::Datagram(address)))
        }
    }
}

fn read_length(word: &Placed<&str>) -> Parsed<u32> {
    units::number(word.value, 80..=65_535)
        .map_err(|error| Mistake::new(word.place, format!("log length '{}' {error}", word.value)))
}

/// Reads the name of a format.
pub(super) fn read_format(word: &Placed<&str>) -> Parsed<LogFormat> {
    named(word, &FORMATS, "format")
}

fn read_facility(word: &Placed<&str>) -> Parsed<u8> {
    let numbered: Vec<(&str, u8)> = FACILITIES.into_iter().zip(0..).collect();
    named(word, &numbered, "facility")
}

pub(super) fn named<T: Copy>(word: &Placed<&str>, names: &[(&str, T)], what: &str) -> Parsed<T> {
    let found = names.iter().find(|(name, _)| *name == word.value);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let hint = hint(word.value, names.iter().map(|(name, _)| *name));
        Mistake::new(word.place, format!("unknown log {what} '{}'{hint}", word.value))
    })
}
