//! `show events`: the rings, and the messages in a ring. With `-w` the answer goes on as messages
//! come. One ring is always there: the last events of the process itself.

use std::fmt::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::status::dump::Form;
use crate::admin::status::history::{event_json, write_event};
use crate::config::RingId;
use crate::logging::rings::Cursor;

/// The name of the ring that is always there, unless the configuration has one of this name.
const BUILT_IN: &str = "events";

/// `show events [<ring>] [-w] [-n]`, and `show events events [json] [-w] [-n]`.
pub(super) fn show_events(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.text(2) else { return Answer::Text(list(context)) };
    let ring = context.rings.find(&name);
    if ring.is_none() && name != BUILT_IN {
        return Answer::error("No such event sink");
    }
    let (mut waits, mut only_new, mut form) = (false, false, Form::Text);
    for word in line.from(3) {
        if ring.is_none() && word == b"json" {
            form = Form::Json;
            continue;
        }
        let Some(letters) = text(word).strip_prefix('-').map(str::to_owned) else {
            return Answer::error("unknown option");
        };
        for letter in letters.chars() {
            match letter {
                'w' => waits = true,
                'n' => only_new = true,
                _ => return Answer::error("unknown option"),
            }
        }
    }
    let Some(ring) = ring else {
        let next = if only_new { context.events.end() } else { 0 };
        return Answer::job(OwnEvents { next, form, waits });
    };
    let memory = context.rings.get(ring).map(|ring| &ring.memory);
    let cursor = memory.map(|memory| if only_new { memory.end() } else { memory.oldest() });
    Answer::job(Events { ring, cursor: cursor.unwrap_or_default(), waits })
}

fn list(context: &Context<'_>) -> String {
    let mut out =
        "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n"
            .to_owned();
    for ring in context.rings.iter() {
        let (name, dropped, description) = (&ring.name, ring.dropped, &ring.description);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "    {name:<10} : type=buffer, {dropped} dropped, {description}");
    }
    if context.rings.find(BUILT_IN).is_none() {
        let _ = writeln!(
            out,
            "    {BUILT_IN:<10} : type=buffer, 0 dropped, servers, peers, reloads and errors"
        );
    }
    out
}

/// The messages of one ring from a place on.
#[derive(Debug)]
struct Events {
    ring: RingId,
    cursor: Cursor,
    /// Whether the answer goes on as messages come.
    waits: bool,
}

impl Job for Events {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let Some(ring) = context.rings.get(self.ring) else { return JobState::Finished };
        // A client that reads more slowly than messages come misses some.
        ring.memory.catch_up(&mut self.cursor);
        while out.len() < SLICE_LEN_MAX {
            if ring.memory.read(&mut self.cursor, out).is_none() {
                return if self.waits { JobState::Following } else { JobState::Finished };
            }
            out.push(b'\n');
        }
        JobState::Unfinished
    }
}

/// The last events of the process from a number on: one line each, or one JSON object in a line.
#[derive(Debug)]
struct OwnEvents {
    next: u64,
    form: Form,
    waits: bool,
}

impl Job for OwnEvents {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        while out.len() < SLICE_LEN_MAX {
            let Some((number, event)) = context.events.from(self.next) else {
                return if self.waits { JobState::Following } else { JobState::Finished };
            };
            self.next = number + 1;
            match self.form {
                Form::Text => write_event(event, out),
                Form::Json => Object::write(out, |object| event_json(object, event)),
            }
            out.push(b'\n');
        }
        JobState::Unfinished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session;
    use crate::config::{Level, Ring};
    use crate::logging::history::{Event, Kind};
    use crate::logging::rings::Rings;

    fn fixture() -> Fixture {
        let mut fixture = Fixture::new();
        let second = Ring { description: Some("the second".to_owned()), ..Ring::new("r2") };
        fixture.rings = Rings::new(&[Ring::new("r1"), second]);
        fixture.rings.push(RingId(1), b"one");
        fixture.rings.push(RingId(1), b"two");
        fixture
    }

    #[test]
    fn rings_and_messages_are_listed_as_by_haproxy() {
        let mut fixture = fixture();
        fixture.converse(&[
            (
                "show events",
                "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to \
                 stop\n    \
                 r1         : type=buffer, 0 dropped, r1\n    \
                 r2         : type=buffer, 0 dropped, the second\n    \
                 events     : type=buffer, 0 dropped, servers, peers, reloads and errors",
            ),
            ("show events r1", ""),
            ("show events r2", "one\ntwo"),
            ("show events r2 -n", ""),
            ("show events r3", "No such event sink"),
            ("show events r2 -x", "unknown option"),
            ("show events r2 now", "unknown option"),
        ]);
    }

    #[test]
    fn the_events_of_the_process_are_a_ring_unless_the_configuration_has_one_of_this_name() {
        let mut fixture = fixture();
        let event = |at_ms, text: &str| Event { at_ms, kind: Kind::Peer, text: text.to_owned() };
        fixture.events.push(event(1, "a \"b\""));
        fixture.events.push(event(2, "c"));
        let lines = fixture.ask("show events events");
        assert!(lines.contains(" peer   a \"b\"\n") && lines.contains(" peer   c\n"), "{lines}");
        fixture.converse(&[
            (
                "show events events json",
                "{\"at_ms\":1,\"kind\":\"peer\",\"text\":\"a \\\"b\\\"\"}\n\
                 {\"at_ms\":2,\"kind\":\"peer\",\"text\":\"c\"}",
            ),
            ("show events events -n", ""),
            ("show events events xml", "unknown option"),
            ("show events r2 json", "unknown option"),
        ]);
        fixture.rings = Rings::new(&[Ring::new("events")]);
        assert!(!fixture.ask("show events").contains("reloads and errors"));
        fixture.converse(&[("show events events", "")]);
    }

    #[test]
    fn a_client_that_waits_gets_messages_as_they_come_until_it_says_something() {
        let mut fixture = fixture();
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"show events r2 -nw\n", NOW_MS);
        assert_eq!(fixture.drain(&mut session, usize::MAX), "");
        assert!(!session.is_busy() && !session.is_finished() && !session.is_waiting());
        fixture.rings.push(RingId(1), b"three");
        assert_eq!(fixture.drain(&mut session, 2), "three\n");
        assert!(!session.is_busy() && !session.is_finished());
        assert!(session.receive_max() > 0);
        assert_eq!(session.deadline_ms(), NOW_MS + 10_000);
        session.handle_received(b"\n", NOW_MS);
        assert_eq!(fixture.drain(&mut session, usize::MAX), "\n");
        assert!(session.is_finished());
    }
}
