//! The mesh as this node sees it: peers sections, the links with their peers, and what each side of
//! a link has of the tables that both share.

use std::fmt;
use std::io::Write;

use super::digest::{Digest, digest};
use super::history::{Age, date_of};
use crate::admin::context::Context;
use crate::admin::context::peers_status::{LinkState, PeerStatus, SharedTableStatus};
use crate::admin::json::Object;
use crate::config::{PeerAddress, PeersId, TableId};
use crate::net::address::Address;
use crate::peers::{Caller, Counters, Lesson, Taught};

/// A peers section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The name of this node there; none if the section does not name this node.
    pub local: Option<String>,
    /// Whether this node has learned everything that there was to learn.
    pub is_up_to_date: bool,
    /// The tables that the section shares, each with its digest.
    pub tables: Vec<(String, Digest)>,
    /// Who has taught whom, oldest first.
    pub lessons: Vec<PastLesson>,
}

/// The teaching of everything that has come to its end.
#[derive(Clone, Debug)]
pub struct PastLesson {
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it was.
    pub lesson: Lesson,
}

/// The link with one peer.
#[derive(Clone, Debug)]
pub struct Link {
    /// The peer's name.
    pub peer: String,
    /// Where it is called.
    pub address: String,
    /// How the link stands.
    pub state: LinkState,
    /// Sessions after the first one since the start of the process.
    pub reconnects: u64,
    /// Calls that did not lead to a session.
    pub failed_calls: u64,
    /// Sessions that ended because the peer broke the protocol or said nothing for too long.
    pub errors: u64,
    /// Bytes received in sessions, without TLS.
    pub bytes_in: u64,
    /// Bytes sent in sessions, without TLS.
    pub bytes_out: u64,
    /// The tables that both share.
    pub tables: Vec<LinkTable>,
}

/// A table that is shared with a peer.
#[derive(Clone, Debug)]
pub struct LinkTable {
    /// The table's name in the Runtime API.
    pub table: String,
    /// How the peer stands with our changes.
    pub sending: Sending,
    /// The updates that the peer has sent.
    pub learned: u64,
}

/// How a peer stands with the changes of a table that were made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It has acknowledged all of them.
    InStep,
    /// It has not acknowledged so many of them.
    Behind(u32),
    /// It is sent none of them: the table only receives.
    Nothing,
}

/// The ids of all peers sections.
pub fn section_ids(context: &Context<'_>) -> impl Iterator<Item = PeersId> + use<> {
    let count = u16::try_from(context.config.peers.len()).unwrap_or(u16::MAX);
    (0..count).map(PeersId)
}

/// A peers section, without its links.
pub fn section(id: PeersId, context: &Context<'_>) -> Option<Section> {
    let config = context.config.peers.get(id.index())?;
    let status = context.peers.section(id, context.now_ms);
    let lessons = status.lessons.into_iter().map(|lesson| {
        let age_ms = context.now_ms.saturating_sub(lesson.at_ms);
        PastLesson { at_ms: context.unix_ms().saturating_sub(age_ms), lesson }
    });
    Some(Section {
        name: config.name.clone(),
        local: config.local.and_then(|at| config.peers.get(at)).map(|peer| peer.name.clone()),
        is_up_to_date: status.is_up_to_date,
        tables: config.tables.iter().map(|id| shared_table(*id, context)).collect(),
        lessons: lessons.collect(),
    })
}

fn shared_table(id: TableId, context: &Context<'_>) -> (String, Digest) {
    (context.shared.tables.get(id).declaration().name.clone(), digest(id, context))
}

/// How many peers a section has, the local one and absent ones included.
pub fn places(id: PeersId, context: &Context<'_>) -> usize {
    context.config.peers.get(id.index()).map_or(0, |section| section.peers.len())
}

/// The link with the peer at this place of a section; none for the local peer, and for a node that
/// is not there now.
pub fn link(id: PeersId, at: usize, context: &Context<'_>) -> Option<Link> {
    let config = context.config.peers.get(id.index())?;
    let peer = config.peers.get(at).filter(|_| config.local.is_some_and(|local| local != at))?;
    let status = context.peers.peer(id, at, context.now_ms).filter(|status| !status.is_absent)?;
    let PeerStatus { link, counters, tables, node, bound_at, .. } = status;
    Some(Link {
        peer: node.unwrap_or_else(|| peer.name.clone()),
        address: AddressText(&peer.address, bound_at.as_ref()).to_string(),
        state: link,
        reconnects: counters.sessions.saturating_sub(1),
        failed_calls: failed_calls(&counters),
        errors: errors(&counters),
        bytes_in: counters.bytes_received,
        bytes_out: counters.bytes_sent,
        tables: tables.iter().map(|shared| link_table(shared, context)).collect(),
    })
}

/// Calls of a peer that did not lead to a session.
pub(in crate::admin) fn failed_calls(counters: &Counters) -> u64 {
    counters.failed_calls + counters.unanswered + counters.refusals
}

/// Sessions that ended because the peer broke the protocol or said nothing for too long.
pub(in crate::admin) fn errors(counters: &Counters) -> u64 {
    counters.protocol_errors + counters.silences
}

fn link_table(shared: &SharedTableStatus, context: &Context<'_>) -> LinkTable {
    let table = context.shared.tables.get(shared.table);
    let sending = match table.last_update().0.wrapping_sub(shared.update) {
        _ if table.declaration().recv_only => Sending::Nothing,
        0 => Sending::InStep,
        behind => Sending::Behind(behind),
    };
    LinkTable { table: table.declaration().name.clone(), sending, learned: shared.learned }
}

impl Section {
    /// Writes it for people, without its links.
    pub(in crate::admin) fn write(&self, out: &mut Vec<u8>) {
        let local = self.local.as_deref().unwrap_or("(none: this node is not named)");
        let learned = if self.is_up_to_date { "up to date" } else { "still learning" };
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(out, "peers {}: this node is {local}, {learned}", self.name);
        for (table, digest) in &self.tables {
            let _ = writeln!(out, "  table {table}: digest={digest}");
        }
        for PastLesson { at_ms, lesson } in &self.lessons {
            let Lesson { peer, entries, .. } = lesson;
            let (teacher, pupil) = match lesson.taught {
                Taught::ThisNode => (peer.as_str(), "this node"),
                Taught::Peer => ("this node", peer.as_str()),
            };
            let partly = if lesson.is_partial { ", all that it had learned so far" } else { "" };
            let date = date_of(*at_ms);
            let _ = writeln!(out, "  {date} {teacher} taught {pupil}: {entries} entries{partly}");
        }
    }

    /// Adds the members of its object, without the links.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("name", &self.name);
        object.text_or_null("local", self.local.as_deref());
        object.flag("up_to_date", self.is_up_to_date);
        object.list("tables", &self.tables, |object, (table, digest)| {
            object.text("table", table);
            object.text("digest", &digest.to_string());
        });
        object.list("lessons", &self.lessons, |object, PastLesson { at_ms, lesson }| {
            object.number("at_ms", *at_ms);
            object.text("peer", &lesson.peer);
            object.text("taught", if lesson.taught == Taught::Peer { "peer" } else { "this_node" });
            object.number("entries", lesson.entries);
            object.flag("partial", lesson.is_partial);
        });
    }
}

impl Link {
    /// Writes it for people.
    pub(in crate::admin) fn write(&self, out: &mut Vec<u8>) {
        let Self { peer, address, state, .. } = self;
        let _ = writeln!(out, "  {peer} at {address}: {}", StateText(*state));
        let _ = writeln!(
            out,
            "    reconnects={} failed_calls={} errors={} bytes_in={} bytes_out={}",
            self.reconnects, self.failed_calls, self.errors, self.bytes_in, self.bytes_out
        );
        for LinkTable { table, sending, learned } in &self.tables {
            let _ = writeln!(out, "    table {table}: {sending}, {learned} updates learned");
        }
    }

    /// Adds the members of its object.
    pub(in crate::admin) fn write_json(&self, object: &mut Object<'_>) {
        object.text("peer", &self.peer);
        object.text("address", &self.address);
        let (state, for_ms, session) = match self.state {
            LinkState::Connected { for_ms, version, caller } => {
                ("connected", Some(for_ms), Some((version.text(), caller)))
            }
            LinkState::Down { for_ms } => ("down", Some(for_ms), None),
            LinkState::NeverConnected => ("never_connected", None, None),
        };
        object.text("state", state);
        object.number_or_null("for_ms", for_ms);
        object.text_or_null("version", session.map(|(version, _)| version));
        let caller = session.map(|(_, caller)| match caller {
            Caller::ThisNode => "this_node",
            Caller::Peer => "peer",
        });
        object.text_or_null("caller", caller);
        object.number("reconnects", self.reconnects);
        object.number("failed_calls", self.failed_calls);
        object.number("errors", self.errors);
        object.number("bytes_in", self.bytes_in);
        object.number("bytes_out", self.bytes_out);
        object.list("tables", &self.tables, |object, shared| {
            object.text("table", &shared.table);
            let (sending, behind) = match shared.sending {
                Sending::InStep => ("in_step", Some(0)),
                Sending::Behind(count) => ("behind", Some(count)),
                Sending::Nothing => ("nothing", None),
            };
            object.text("sending", sending);
            object.number_or_null("behind", behind.map(u64::from));
            object.number("learned", shared.learned);
        });
    }
}

/// How a link stands, in words.
struct StateText(LinkState);

impl fmt::Display for StateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LinkState::Connected { for_ms, version, caller } => {
                let by = match caller {
                    Caller::ThisNode => "called by this node",
                    Caller::Peer => "called by the peer",
                };
                write!(f, "connected for {}, {by}, version {}", Age(for_ms), version.text())
            }
            LinkState::Down { for_ms } => write!(f, "down for {}", Age(for_ms)),
            LinkState::NeverConnected => f.write_str("never connected"),
        }
    }
}

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InStep => f.write_str("in step"),
            Self::Behind(1) => f.write_str("1 update behind"),
            Self::Behind(count) => write!(f, "{count} updates behind"),
            Self::Nothing => f.write_str("not sent"),
        }
    }
}

/// Where a peer is called.
pub(in crate::admin) struct AddressText<'a>(
    pub(in crate::admin) &'a PeerAddress,
    pub(in crate::admin) Option<&'a Address>,
);

impl fmt::Display for AddressText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PeerAddress::Known(address) => address.fmt(f),
            PeerAddress::Unresolved { host, port } => write!(f, "{host}:{port}"),
            PeerAddress::Descriptor | PeerAddress::Named(_) | PeerAddress::OfTemplate => {
                match self.1 {
                    Some(address) => address.fmt(f),
                    None => f.write_str("-"),
                }
            }
        }
    }
}
