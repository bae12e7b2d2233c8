//! `show peers`: sections, peers and shared tables in HAProxy's format.

use std::fmt;
use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::context::peers_status::{PeerNames, PeerStatus, PeersStatus, SharedTableStatus};
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::status::history::Age;
use crate::admin::status::mesh::AddressText;
use crate::config::{PeersId, PeersSection};
use crate::logging::date_text;

/// `show peers [dict|-] [<section>]`.
pub(super) fn show_peers(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut names = line.from(2);
    let mut with_names = false;
    if let [first, rest @ ..] = names
        && matches!(first.as_slice(), b"dict" | b"-")
    {
        with_names = first == b"dict";
        names = rest;
    }
    let sections = &context.config.peers;
    let (next, end) = match names.first() {
        None => (0, sections.len()),
        Some(name) => match sections.iter().position(|section| section.name == text(name)) {
            Some(at) => (at, at + 1),
            None => return Answer::error("No such peers"),
        },
    };
    Answer::job(PeersDump { next, end, peers: None, with_names })
}

/// The sections that are still to be printed.
#[derive(Debug)]
struct PeersDump {
    next: usize,
    end: usize,
    /// How many peers of the next section are still to be printed. None before the head of the
    /// section is printed.
    peers: Option<usize>,
    /// The server names that sessions exchange by number are printed too.
    with_names: bool,
}

impl Job for PeersDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let context = &*context;
        while self.next < self.end {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            let id = PeersId(u16::try_from(self.next).unwrap_or(u16::MAX));
            let Some(config) = context.config.peers.get(self.next) else {
                return JobState::Finished;
            };
            let status = context.peers.section(id, context.now_ms);
            let section = Section { id, config, status, with_names: self.with_names, context };
            let left = self.peers.unwrap_or_else(|| {
                section.write_head(out);
                config.peers.len()
            });
            self.peers = section.write_peers(out, left);
            self.next += usize::from(self.peers.is_none());
        }
        JobState::Finished
    }
}

/// A number that identifies a thing. HAProxy prints an address there.
fn identity(kind: u64, section: PeersId, peer: usize, table: usize) -> u64 {
    kind << 40 | u64::from(section.0) << 24 | (peer as u64 & 0xfff) << 12 | (table as u64 & 0xfff)
}

/// A peers section that is printed.
struct Section<'a> {
    id: PeersId,
    config: &'a PeersSection,
    status: PeersStatus,
    with_names: bool,
    context: &'a Context<'a>,
}

impl Section<'_> {
    /// Writes the peers before position `left`, until the slice is full. Returns how many peers are
    /// left, if any.
    fn write_peers(&self, out: &mut Vec<u8>, left: usize) -> Option<usize> {
        // HAProxy prints the last peer first.
        for at in (0..left).rev() {
            if out.len() >= SLICE_LEN_MAX {
                return Some(at + 1);
            }
            self.write_peer(out, at);
        }
        None
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        let Self { id, config: section, status, context, .. } = self;
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(
            out,
            "{:#014x}: [{}] id={} disabled={} flags={:#x} resync_timeout={} task_calls=0",
            identity(1, *id, 0, 0),
            date_text(context.wall),
            section.name,
            u8::from(section.disabled),
            status.flags,
            Until(status.resync_left_ms, "<PAST>"),
        );
    }

    fn write_peer(&self, out: &mut Vec<u8>, at: usize) {
        let Self { id, config: section, status, context, .. } = self;
        let dictionary = context.shared.tables.names();
        let names = self.with_names.then(|| context.peers.names(*id, at, dictionary));
        let nothing = PeerStatus { last_status: "NONE", ..PeerStatus::default() };
        let (Some(peer), status) =
            (section.peers.get(at), status.peers.get(at).unwrap_or(&nothing))
        else {
            return;
        };
        if status.is_absent {
            return;
        }
        let role = if section.local == Some(at) { "local" } else { "remote" };
        let activity =
            if status.session.is_some() || status.active { "active" } else { "inactive" };
        let _ = writeln!(
            out,
            "  {:#014x}: id={}({role},{activity}) addr={} last_status={} last_hdshk={}",
            identity(2, *id, at, 0),
            status.node.as_ref().unwrap_or(&peer.name),
            AddressText(&peer.address, status.bound_at.as_ref()),
            if status.last_status.is_empty() { "NONE" } else { status.last_status },
            Until(status.handshake_age_ms, NEVER),
        );
        let _ = writeln!(
            out,
            "        reconnect={} heartbeat={} confirm={} tx_hbt={} rx_hbt={} no_hbt={} \
             new_conn={} proto_err={} coll={}",
            Until(status.reconnect_left_ms, NEVER),
            Until(status.heartbeat_left_ms, NEVER),
            status.confirms,
            status.heartbeats_sent,
            status.heartbeats_received,
            status.heartbeats_missed,
            status.connections,
            status.protocol_errors,
            status.collisions,
        );
        let _ = write!(out, "        flags={:#x}", status.flags);
        self.write_session(out, at, status);
        out.extend_from_slice(b"        shared tables:\n");
        for (table, shared) in status.tables.iter().enumerate().rev() {
            self.write_table(out, at, table, shared);
            match &names {
                Some(names) => write_names(out, names),
                None => out.extend_from_slice(
                    b"        Dictionary cache not dumped (use \"show peers dict\")\n",
                ),
            }
        }
    }

    fn write_session(&self, out: &mut Vec<u8>, at: usize, status: &PeerStatus) {
        let Some(session) = &status.session else {
            out.push(b'\n');
            return;
        };
        let _ = writeln!(
            out,
            " appctx:{:#014x} st0={} st1=0 task_calls=0 state={}",
            identity(3, self.id, at, 0),
            session.state,
            session.socket_state,
        );
    }

    fn write_table(&self, out: &mut Vec<u8>, peer: usize, at: usize, shared: &SharedTableStatus) {
        let table = self.context.shared.tables.get(shared.table);
        let update = table.last_update().0;
        let _ = writeln!(
            out,
            "          {:#014x} local_id={} remote_id={} flags=0x0 remote_data={:#x}",
            identity(4, self.id, peer, at),
            shared.local_id,
            shared.remote_id,
            shared.remote_data,
        );
        let _ = writeln!(
            out,
            "              last_acked={} last_pushed={} last_get={} teaching_origin=0 update={}",
            shared.last_acked, shared.last_pushed, shared.last_got, shared.update,
        );
        let _ = writeln!(
            out,
            "              table:{:#014x} id={} update={update} localupdate={update} \
             commitupdate={} refcnt=1",
            identity(5, self.id, 0, at),
            table.declaration().name,
            shared.last_pushed,
        );
    }
}

/// Writes the server names that a session exchanges by number, four in a line. HAProxy counts from
/// 0, and prints the unused numbers of received names too.
fn write_names(out: &mut Vec<u8>, names: &PeerNames) {
    let mut sent = names.sent.iter().map(|(slot, name)| (slot - 1, Some(name.as_slice())));
    write_slots(out, "TX", &mut sent);
    let received = |slot: u8| names.received.iter().find(|(own, _)| *own == slot + 1);
    let mut all = (0..128).map(|slot| (slot, received(slot).map(|(_, name)| name.as_slice())));
    write_slots(out, "RX", &mut all);
}

fn write_slots(
    out: &mut Vec<u8>,
    direction: &str,
    slots: &mut dyn Iterator<Item = (u8, Option<&[u8]>)>,
) {
    let _ = write!(out, "        {direction} dictionary cache:");
    for (at, (slot, name)) in slots.enumerate() {
        let gap = if at % 4 == 0 { "\n        " } else { "" };
        let _ = write!(out, "{gap}  {slot:3} -> {}", name.unwrap_or(b"-").escape_ascii());
    }
    out.push(b'\n');
}

const NEVER: &str = "<NEVER>";

/// A time in milliseconds, or a word if there is no time.
struct Until(Option<u64>, &'static str);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => Age(ms).fmt(f),
            None => f.write_str(self.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::context::peers_status::PeersView;
    use crate::admin::fixture::{Fixture, NOW_MS, connecting_peers, without_addresses};
    use crate::config::PeersId;

    #[test]
    fn peers_are_shown_in_the_shape_of_haproxys() {
        let mut fixture = Fixture::new();
        fixture.peers.0 = connecting_peers();
        let ours = without_addresses(&fixture.ask("show peers"));
        let theirs = without_addresses(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/admin/show_peers"
        )));
        // Times of day depend on the time zone, and stickd does not have all counters.
        let shape = |text: &str| -> Vec<String> {
            let blank = |word: &str| {
                let own = ["task_calls=", "update=", "localupdate=", "[", "0xADDRESS:["];
                match own.iter().find(|prefix| word.starts_with(**prefix)) {
                    Some(prefix) => (*prefix).to_owned(),
                    None => word.to_owned(),
                }
            };
            text.lines()
                .map(|line| {
                    let indent = line.len() - line.trim_start().len();
                    let words: Vec<_> = line.split_whitespace().map(blank).collect();
                    " ".repeat(indent) + &words.join(" ")
                })
                .collect()
        };
        for (ours, theirs) in shape(&ours).iter().zip(&shape(&theirs)) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.lines().count(), theirs.lines().count());
    }

    #[test]
    fn peers_that_are_really_there_are_shown() {
        let mut fixture = Fixture::new();
        let options =
            crate::peers::link::PeersOptions { pid: 1, seed: 1, start: crate::peers::Start::Alone };
        let tables = &fixture.shared.tables;
        let peers = crate::peers::link::Peers::new(&fixture.config, tables, options, NOW_MS);
        fixture.peers.0 = PeersView::section(&peers, PeersId(0), NOW_MS);
        let answer = fixture.ask("show peers mypeers");
        assert!(answer.contains(" id=mypeers disabled=0 flags=0x1 resync_timeout=5s "), "{answer}");
        assert!(answer.contains(" id=h2(remote,active) addr=127.0.0.1:21025 last_status=NONE"));
        assert!(answer.contains(" id=h1(local,inactive) addr=127.0.0.1:21024 last_status=NONE"));
        assert_eq!(answer.matches(" local_id=1 remote_id=0 ").count(), 2);
        assert_eq!(answer.matches(" id=web update=0 localupdate=0 ").count(), 2);
        assert_eq!(answer.lines().count(), 26, "{answer}");
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[("show peers nope", "No such peers")]);
    }
}
