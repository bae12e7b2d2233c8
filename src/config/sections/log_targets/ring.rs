//! The keywords of `ring` sections.

use super::read_format;
use super::ring_server;
use crate::config::Ring;
use crate::config::drafts::RingDraft;
use crate::config::drafts::keyword_names;
use crate::config::keywords::{Handling, Keyword, Refusal, Scope, at_least, exactly, rows_of};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

rows_of!(Scope::RING, Ring(RingDraft));

pub(in crate::config) use super::ring_server::WORDS as SERVER_WORDS;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "description",
        at_least(1),
        "<text>",
        "Says what the ring is for, in the answer of `show events`.",
        |draft, line, _| {
            let words: Vec<&str> =
                line.arguments.iter().map(|word| line.placed(word).value).collect();
            draft.ring.description = Some(words.join(" "));
            Ok(())
        },
    )
    .by_default("the name of the ring")
    .example("description \"the last lines\""),
    row(
        "format",
        exactly(1),
        "<format>",
        "Says what stands before each message, as `format` of a `log` line does. The `format` of \
         a `log ring@...` line has no effect.",
        |draft, line, _| {
            draft.ring.format = read_format(&line.argument(0)?)?;
            Ok(())
        },
    )
    .by_default("raw")
    .example("format rfc5424"),
    row(
        "maxlen",
        exactly(1),
        "<bytes>",
        "Cuts messages to this length, header included.",
        |draft, line, _| {
            draft.ring.maxlen = line.number(0, 1..=u32::MAX)?;
            draft.maxlen_place = Some(line.place);
            Ok(())
        },
    )
    .by_default("16384")
    .example("maxlen 1200"),
    row(
        "size",
        exactly(1),
        "<bytes>",
        "Bounds the memory of the ring. When the ring is full, the oldest messages give way.",
        read_size,
    )
    .by_default("16384")
    .example("size 65536")
    .differs(
        "In HAProxy, a message that a connected server has not taken stays, and new messages are \
         dropped.",
    ),
    row(
        keyword_names::SERVER,
        at_least(2),
        "<name> <address>[:<port>] [log-proto legacy|octet-count]",
        "Sends the messages to a log server by TCP. A server that is absent is tried again, after \
         pauses of 1 to 30 seconds. Messages that the ring had to give up before are lost: \
         `show events` and `DroppedLogs` of `show info` count them, and a warning tells of them.",
        ring_server::read,
    )
    .example("server log1 192.0.2.9:514 log-proto octet-count"),
    row(
        "timeout connect",
        exactly(1),
        "<time>",
        "Bounds connecting to a log server.",
        |draft, line, _| {
            draft.ring.connect_timeout_ms = Some(line.time_ms(0)?);
            Ok(())
        },
    )
    .by_default("5s")
    .example("timeout connect 5s"),
    row(
        "timeout server",
        exactly(1),
        "<time>",
        "Gives a log server up that takes nothing for this time. It is connected to again.",
        |draft, line, _| {
            draft.ring.server_timeout_ms = Some(line.time_ms(0)?);
            Ok(())
        },
    )
    .by_default("30s")
    .example("timeout server 10s"),
    Keyword::new(
        "backing-file",
        Scope::RING,
        at_least(0),
        "",
        "",
        Handling::Refused(Refusal::Because("a ring lives in the memory of the process alone")),
    ),
];

/// As in HAProxy, a ring never becomes smaller.
fn read_size(draft: &mut RingDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let size = line.number(0, 1..=Ring::SIZE_MAX)?;
    if size < draft.ring.size {
        let message = format!(
            "size {size} has no effect: it is less than {}, the present size",
            draft.ring.size
        );
        report.warning(line.place, message);
    } else {
        draft.ring.size = size;
    }
    Ok(())
}

/// Reports what can only be known at the end of the section: messages that are longer than all the
/// memory.
pub(in crate::config) fn complete(draft: &RingDraft, report: &mut Report) -> Ring {
    let mut ring = draft.ring.clone();
    if let Some(place) = draft.maxlen_place.filter(|_| ring.maxlen > ring.size) {
        let message = format!("maxlen {} is more than the size, {}", ring.maxlen, ring.size);
        report.warning(place, message);
    }
    ring.maxlen = ring.maxlen.min(ring.size);
    ring
}
