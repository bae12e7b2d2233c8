//! The last events and the last reloads, written for people and as JSON; and how times are written.

use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::admin::json::Object;
use crate::logging::date_text;
use crate::logging::history::{Event, PastReload, ReloadEnd};

/// A time in milliseconds, shown in its two largest units as HAProxy does: `3m54s`, `5s`.
pub(in crate::admin) struct Age(pub(in crate::admin) u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            86_400.. => write!(f, "{}d{}h", seconds / 86_400, seconds / 3600 % 24),
            3600.. => write!(f, "{}h{}m", seconds / 3600, seconds / 60 % 60),
            60.. => write!(f, "{}m{}s", seconds / 60, seconds % 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

/// A moment in milliseconds since 1970, as a date in the local time zone.
pub(in crate::admin) fn date_of(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms));
    date_text(at.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Writes an event for people, in one line without its end.
pub(in crate::admin) fn write_event(event: &Event, out: &mut Vec<u8>) {
    let Event { at_ms, kind, text } = event;
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{} {:<6} {text}", date_of(*at_ms), kind.word());
}

/// Adds the members of an event's object.
pub(in crate::admin) fn event_json(object: &mut Object<'_>, event: &Event) {
    object.number("at_ms", event.at_ms);
    object.text("kind", event.kind.word());
    object.text("text", &event.text);
}

/// Writes a reload for people, in one line.
pub(in crate::admin) fn write_reload(reload: &PastReload, out: &mut Vec<u8>) {
    let PastReload { at_ms, generation, version, took_ms, end } = reload;
    let (date, before) = (date_of(*at_ms), version.as_deref().unwrap_or("unknown"));
    let _ = match end {
        ReloadEnd::Served { version, pid, entries, waited, is_incomplete } => {
            let next = generation.saturating_add(1);
            let part = if *is_incomplete { ", incomplete" } else { "" };
            writeln!(
                out,
                "{date} generation {generation} to {next}, version {before} to {version}, \
                 {took_ms} ms, {entries} entries{part}, {waited} clients waited, pid {pid}"
            )
        }
        ReloadEnd::Failed { reason } => {
            writeln!(
                out,
                "{date} generation {generation} goes on, version {before}, failed after \
                 {took_ms} ms: {reason}"
            )
        }
    };
}

/// Adds the members of a reload's object.
pub(in crate::admin) fn reload_json(object: &mut Object<'_>, reload: &PastReload) {
    let PastReload { at_ms, generation, version, took_ms, end } = reload;
    object.number("at_ms", *at_ms);
    object.number("generation", *generation);
    object.text_or_null("version", version.as_deref());
    object.number("took_ms", *took_ms);
    match end {
        ReloadEnd::Served { version, pid, entries, waited, is_incomplete } => {
            object.flag("failed", false);
            object.text("new_version", version);
            object.number("pid", *pid);
            object.number("entries", *entries);
            object.number("waited", *waited);
            object.flag("incomplete", *is_incomplete);
        }
        ReloadEnd::Failed { reason } => {
            object.flag("failed", true);
            object.text("reason", reason);
        }
    }
}
