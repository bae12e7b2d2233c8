//! The mesh as this node sees it: a picture, a row for each link, and a row for each table with
//! each peer.

use std::io::Write;

use super::super::sheet::{Form, Sheet};
use super::super::text::Escaped;
use super::super::view::View;
use super::frame;
use super::picture;
use crate::admin::context::Context;
use crate::admin::context::peers_status::LinkState;
use crate::admin::status::history::{Age, date_of};
use crate::admin::status::mesh::{Link, Section, Sending, link, places, section};
use crate::config::PeersId;
use crate::peers::{Caller, Taught};

const LINK_HEADS: [&str; 11] = [
    "Peer",
    "State",
    "To the peer",
    "Learned",
    "Version",
    "Called by",
    "Reconnects",
    "Failed calls",
    "Errors",
    "Bytes in",
    "Bytes out",
];
const TABLE_HEADS: [&str; 3] = ["Peer and table", "To the peer", "Learned"];

/// A peer that has not acknowledged more changes than this is in step as far as colours go: a few
/// are always under way.
const BEHIND_MAX: u32 = 1000;

/// What is written next.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Begin,
    Section(u16),
    /// A link of a section.
    Link(u16, usize),
    /// The tables of a link.
    Tables(u16, usize),
    Done,
}

/// The part, as far as it is still to be written.
#[derive(Debug, Default)]
pub(in crate::admin::page) struct Mesh {
    next: Next,
}

impl Mesh {
    /// Writes one section, one link or the tables of one link. Returns whether nothing is left.
    pub(in crate::admin::page) fn step(
        &mut self,
        form: Form,
        view: &View,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_html = form == Form::Html;
        self.next = match self.next {
            Next::Begin => {
                if is_html {
                    frame::begin_part("mesh", "The mesh, as this node sees it", out);
                }
                Next::Section(0)
            }
            Next::Section(at) => match section(PeersId(at), context) {
                Some(section) => {
                    if is_html {
                        begin_section(&section, at, context, out);
                    }
                    Next::Link(at, 0)
                }
                None => {
                    if is_html {
                        if at == 0 {
                            frame::note("No peers section is configured.", out);
                        }
                        frame::end_part(out);
                    }
                    Next::Done
                }
            },
            Next::Link(at, place) if place < places(PeersId(at), context) => {
                if let Some(link) = link(PeersId(at), place, context) {
                    write_link(&link, &link_id(at, place), &mut Sheet::new(form, out));
                }
                Next::Link(at, place + 1)
            }
            Next::Link(at, _) => {
                if is_html {
                    frame::end_table(out);
                    if let Some(section) = section(PeersId(at), context) {
                        write_lessons(&section, out);
                    }
                    out.extend_from_slice(b"</div>\n</div>\n");
                    frame::begin_details("links", "Each table with each peer", out);
                    frame::begin_table("Each table with each peer", &TABLE_HEADS, "", out);
                }
                Next::Tables(at, 0)
            }
            Next::Tables(at, place) if place < places(PeersId(at), context) => {
                let is_wanted = is_html || view.query.live.has_links;
                if let Some(link) = link(PeersId(at), place, context).filter(|_| is_wanted) {
                    write_tables(&link, &link_id(at, place), &mut Sheet::new(form, out));
                }
                Next::Tables(at, place + 1)
            }
            Next::Tables(at, _) => {
                if is_html {
                    frame::end_table(out);
                    frame::end_details(out);
                }
                Next::Section(at + 1)
            }
            Next::Done => Next::Done,
        };
        matches!(self.next, Next::Done)
    }
}

/// The name of a link's row.
fn link_id(section: u16, place: usize) -> String {
    format!("m{section}.{place}")
}

fn begin_section(section: &Section, at: u16, context: &Context<'_>, out: &mut Vec<u8>) {
    let name = Escaped(&section.name);
    let node = section.local.as_deref().unwrap_or("this node");
    // Writing to a vector cannot fail, here and below.
    let _ =
        writeln!(out, "<h3>peers {name}: this node is {}</h3>\n<div class=\"net\">", Escaped(node));
    let links = (0..places(PeersId(at), context))
        .filter_map(|place| Some((link_id(at, place), link(PeersId(at), place, context)?)))
        .take(picture::LINKS_MAX);
    let ends: Vec<_> = links
        .map(|(id, link)| picture::End {
            id,
            class: class(&link),
            word: word(&link),
            name: link.peer,
        })
        .collect();
    picture::write(node, &ends, out);
    out.extend_from_slice(b"<div>\n");
    frame::begin_table(&format!("Links of {}", section.name), &LINK_HEADS, "", out);
}

/// Who has taught whom, newest first.
fn write_lessons(section: &Section, out: &mut Vec<u8>) {
    if section.lessons.is_empty() {
        return;
    }
    out.extend_from_slice(b"<ul class=\"note\">\n");
    for past in section.lessons.iter().rev().take(5) {
        let peer = past.lesson.peer.as_str();
        let (teacher, pupil) = match past.lesson.taught {
            Taught::ThisNode => (peer, "this node"),
            Taught::Peer => ("this node", peer),
        };
        let partly = if past.lesson.is_partial { ", all that it knew so far" } else { "" };
        let _ = writeln!(
            out,
            "<li>{}, {} taught {}: {} entries{partly}</li>",
            date_of(past.at_ms),
            Escaped(teacher),
            Escaped(pupil),
            past.lesson.entries
        );
    }
    out.extend_from_slice(b"</ul>\n");
}

fn write_link(link: &Link, id: &str, sheet: &mut Sheet<'_>) {
    let Link { peer, address, reconnects, failed_calls, errors, bytes_in, bytes_out, .. } = link;
    let class = class(link);
    sheet.begin(id, class);
    sheet.head(peer);
    let (version, caller) = match link.state {
        LinkState::Connected { version, caller, .. } => {
            let caller = match caller {
                Caller::ThisNode => "this node",
                Caller::Peer => "the peer",
            };
            (version.text(), caller)
        }
        LinkState::Down { .. } | LinkState::NeverConnected => ("-", "-"),
    };
    let is_up = matches!(link.state, LinkState::Connected { .. });
    sheet.words(&state(link), address, if is_up { "c good" } else { "c bad" });
    sheet.words(&lag(link), "", if class == "middle" { "c middle" } else { "c" });
    let learned: u64 = link.tables.iter().map(|table| table.learned).sum();
    sheet.number(&learned.to_string(), "");
    sheet.words(version, "", "c");
    sheet.words(caller, "", "c");
    for number in [reconnects, failed_calls, errors, bytes_in, bytes_out] {
        sheet.number(&number.to_string(), "");
    }
    sheet.end();
}

fn write_tables(link: &Link, id: &str, sheet: &mut Sheet<'_>) {
    for (at, table) in link.tables.iter().enumerate() {
        sheet.begin(&format!("{id}.{at}"), "");
        sheet.head(&format!("{}, {}", link.peer, table.table));
        sheet.words(&table.sending.to_string(), "", "c");
        sheet.number(&table.learned.to_string(), "");
        sheet.end();
    }
}

/// Whether there is a session, and since when.
fn state(link: &Link) -> String {
    match link.state {
        LinkState::Connected { for_ms, .. } => format!("connected for {}", Age(for_ms)),
        LinkState::Down { for_ms } => format!("down for {}", Age(for_ms)),
        LinkState::NeverConnected => "never connected".to_owned(),
    }
}

/// How the peer stands with the changes that were made here.
fn lag(link: &Link) -> String {
    let mut parts = link.tables.iter().map(|table| table.sending);
    match behind(link) {
        0 if link.tables.is_empty() => return "no tables".to_owned(),
        0 if parts.all(|sending| sending == Sending::Nothing) => Sending::Nothing,
        0 => Sending::InStep,
        count => Sending::Behind(count),
    }
    .to_string()
}

/// What the picture says of a link. The script chooses alike.
fn word(link: &Link) -> String {
    match link.state {
        LinkState::Connected { .. } => lag(link),
        LinkState::Down { .. } | LinkState::NeverConnected => state(link),
    }
}

/// How many changes the peer has not acknowledged.
fn behind(link: &Link) -> u32 {
    let counts = link.tables.iter().map(|table| match table.sending {
        Sending::Behind(count) => count,
        Sending::InStep | Sending::Nothing => 0,
    });
    counts.fold(0, u32::saturating_add)
}

fn class(link: &Link) -> &'static str {
    match link.state {
        LinkState::Connected { .. } if behind(link) > BEHIND_MAX => "middle",
        LinkState::Connected { .. } => "good",
        LinkState::Down { .. } | LinkState::NeverConnected => "bad",
    }
}
