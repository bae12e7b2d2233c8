//! What has happened: the last reloads, and the last events. New ones come with the answers to the
//! script, which adds rows at the top.

use super::super::sheet::{Form, Sheet};
use super::super::view::View;
use super::frame;
use crate::admin::context::Context;
use crate::admin::status::history::date_of;
use crate::logging::history::{Event, PastReload, ReloadEnd};

const RELOAD_HEADS: [&str; 7] =
    ["Time", "Generation", "Version", "Took", "Entries", "Clients waited", "Result"];
const EVENT_HEADS: [&str; 3] = ["Time", "About", "What"];

/// A list of what has happened.
#[derive(Clone, Copy, Debug)]
enum Next {
    Reloads,
    Events,
    /// The event at this place, counted from the newest.
    Event(usize),
    Done,
}

/// The two parts, as far as they are still to be written.
#[derive(Debug)]
pub(in crate::admin::page) struct Past {
    next: Next,
}

impl Past {
    pub(in crate::admin::page) fn new() -> Self {
        Self { next: Next::Reloads }
    }

    /// Writes the reloads, or one event. Returns whether nothing is left.
    pub(in crate::admin::page) fn step(
        &mut self,
        form: Form,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_html = form == Form::Html;
        self.next = match self.next {
            Next::Reloads => {
                write_reloads(form, view, context, out);
                Next::Events
            }
            Next::Events => {
                if is_html {
                    frame::begin_part("events", "Events", out);
                    note_scope(view, out);
                    frame::begin_table("Events, newest first", &EVENT_HEADS, "event-rows", out);
                    if context.events.iter().len() == 0 && view.options.shows_all() {
                        frame::nothing_yet(EVENT_HEADS.len(), out);
                    }
                } else {
                    out.extend_from_slice(b"],\"events\":[");
                }
                Next::Event(0)
            }
            Next::Event(at) => match context.events.iter().rev().nth(at) {
                Some(_) if !view.options.shows_all() => Next::Event(usize::MAX),
                Some(event) if is_html || event.at_ms > view.query.live.last_event_ms => {
                    write_event(event, &mut Sheet::new(form, out));
                    Next::Event(at + 1)
                }
                _ => {
                    if is_html {
                        frame::end_table(out);
                        frame::end_part(out);
                    }
                    Next::Done
                }
            },
            Next::Done => Next::Done,
        };
        matches!(self.next, Next::Done)
    }
}

/// What has happened is about the whole process.
fn note_scope(view: &View, out: &mut Vec<u8>) {
    if !view.options.shows_all() {
        frame::note("Not shown: this page is about some proxies only (stats scope).", out);
    }
}

fn write_reloads(form: Form, view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
    let is_html = form == Form::Html;
    let past = &context.reloads.past;
    if is_html {
        frame::begin_part("reloads", "Reloads", out);
        note_scope(view, out);
        frame::begin_table("Reloads, newest first", &RELOAD_HEADS, "reload-rows", out);
    }
    if is_html && past.iter().len() == 0 && view.options.shows_all() {
        frame::nothing_yet(RELOAD_HEADS.len(), out);
    }
    let news = past.iter().rev().filter(|_| view.options.shows_all());
    for reload in news.filter(|r| is_html || r.at_ms > view.query.live.last_reload_ms) {
        write_reload(reload, &mut Sheet::new(form, out));
    }
    if is_html {
        frame::end_table(out);
        frame::end_part(out);
    }
}

fn write_reload(reload: &PastReload, sheet: &mut Sheet<'_>) {
    let PastReload { at_ms, generation, version, took_ms, end } = reload;
    let before = version.as_deref().unwrap_or("?");
    sheet.begin(&format!("r{at_ms}"), "");
    sheet.named(&date_of(*at_ms));
    match end {
        ReloadEnd::Served { version, entries, waited, is_incomplete, .. } => {
            sheet.words(&format!("{generation} to {}", generation.saturating_add(1)), "", "c");
            let versions = match version.as_str() {
                same if same == before => same.to_owned(),
                version => format!("{before} to {version}"),
            };
            sheet.words(&versions, "", "c");
            sheet.words(&format!("{took_ms} ms"), "", "number");
            sheet.number(&entries.to_string(), "");
            sheet.number(&waited.to_string(), "");
            match is_incomplete {
                true => sheet.words("serves, not all entries came over", "", "text middle"),
                false => sheet.words("serves", "", "text good"),
            }
        }
        ReloadEnd::Failed { reason } => {
            sheet.words(&format!("{generation} goes on"), "", "c");
            sheet.words(before, "", "c");
            sheet.words(&format!("{took_ms} ms"), "", "number");
            sheet.number("", "");
            sheet.number("", "");
            sheet.words(&format!("failed: {reason}"), "", "text bad");
        }
    }
    sheet.end();
}

fn write_event(event: &Event, sheet: &mut Sheet<'_>) {
    sheet.begin(&format!("e{}", event.at_ms), "");
    sheet.named(&date_of(event.at_ms));
    sheet.words(event.kind.word(), "", "c");
    sheet.words(&event.text, "", "text");
    sheet.end();
}
