//! `show activity` and `show errors`: what the event loop has done, and which protocol errors were
//! captured.

use std::fmt::Write;
use std::time::SystemTime;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::statistics;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::logging::{WallClock, date_text};

/// `show activity`: the fields of HAProxy that have a meaning for one event loop, then our own.
pub(super) fn show_activity(
    _: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let turns = &context.process.turns;
    let totals = &context.shared.totals;
    let since = context.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut out = "thread_id: 1 (1..1)\n".to_owned();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "date_now: {}.{:06}", since.as_secs(), since.subsec_micros());
    let fields = [
        ("loops", turns.count),
        ("poll_io", turns.with_events),
        ("avg_loop_us", turns.busy_ns / turns.count.max(1) / 1000),
        ("accepted", totals.connections),
        ("accept_aborts", totals.accept_aborts),
        ("accept_pauses", totals.accept_pauses),
        ("resource_errors", totals.resource_errors),
        ("busy_ms", turns.busy_ns / 1_000_000),
        ("longest_loop_us", turns.longest_ns / 1000),
        ("recent_longest_loop_us", turns.recent_longest_ns() / 1000),
    ];
    for (name, value) in fields {
        let _ = writeln!(out, "{name}: {value}");
    }
    Answer::Text(out)
}

/// `show errors [<proxy>|-1] [request|response]`: as in HAProxy's `mode tcp`, no errors are
/// captured.
pub(super) fn show_errors(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    if let Some(word) = line.word(2) {
        let proxy = text(word);
        let is_known =
            proxy.parse::<i64>().is_ok() || statistics::proxy_id(context, &proxy).is_some();
        if !is_known {
            return Answer::error("No such proxy.");
        }
    }
    let milliseconds = WallClock::from(context.wall).milliseconds();
    let now = format!("{}.{milliseconds:03}", date_text(context.wall));
    Answer::Text(format!("Total events captured on [{now}] : 0\n"))
}
