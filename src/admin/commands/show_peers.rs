//! `show peers`: sections, peers and shared tables in the shape of HAProxy's.

use std::fmt;
use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use super::sessions::Human;
use crate::admin::context::Context;
use crate::admin::context::peers_status::{PeerNames, PeerStatus, PeersStatus, SharedTableStatus};
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::{PeerAddress, PeersId, PeersSection};
use crate::logging::date_text;
use crate::net::address::Address;

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

/// The sections still to be printed.
#[derive(Debug)]
struct PeersDump {
    next: usize,
    end: usize,
    /// How many peers of the next section are still to be printed, once its head is.
    peers: Option<usize>,
    /// With the names that sessions send by number.
    with_names: bool,
}

impl Job for PeersDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        while self.next < self.end {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            let id = PeersId(u16::try_from(self.next).unwrap_or(u16::MAX));
            let Some(section) = context.config.peers.get(self.next) else {
                return JobState::Finished;
            };
            let status = context.peers.section(id, context.now_ms);
            let left = self.peers.unwrap_or_else(|| {
                write_section(out, id, section, &status, context);
                section.peers.len()
            });
            self.peers = self.write_peers(out, (id, section), left, &status, context);
            self.next += usize::from(self.peers.is_none());
        }
        JobState::Finished
    }
}

impl PeersDump {
    /// Writes peers until there is enough for now. Gives how many are left, if any.
    fn write_peers(
        &self,
        out: &mut Vec<u8>,
        (id, section): (PeersId, &PeersSection),
        left: usize,
        status: &PeersStatus,
        context: &Context<'_>,
    ) -> Option<usize> {
        // HAProxy has the last one first.
        for at in (0..left).rev() {
            if out.len() >= SLICE_LEN_MAX {
                return Some(at + 1);
            }
            let names =
                self.with_names.then(|| context.peers.names(id, at, context.shared.tables.names()));
            write_peer(out, (id, section), at, (status, names.as_ref()), context);
        }
        None
    }
}

/// What HAProxy prints an address for: here numbers that tell things apart.
fn identity(kind: u64, section: PeersId, peer: usize, table: usize) -> u64 {
    kind << 40 | u64::from(section.0) << 24 | (peer as u64 & 0xfff) << 12 | (table as u64 & 0xfff)
}

fn write_section(
    out: &mut Vec<u8>,
    id: PeersId,
    section: &PeersSection,
    status: &PeersStatus,
    context: &Context<'_>,
) {
    // Writing to a vector cannot fail, here and below.
    let _ = writeln!(
        out,
        "{:#014x}: [{}] id={} disabled={} flags={:#x} resync_timeout={} task_calls=0",
        identity(1, id, 0, 0),
        date_text(context.wall),
        section.name,
        u8::from(section.disabled),
        status.flags,
        Until(status.resync_left_ms, "<PAST>"),
    );
}

fn write_peer(
    out: &mut Vec<u8>,
    (id, section): (PeersId, &PeersSection),
    at: usize,
    (status, names): (&PeersStatus, Option<&PeerNames>),
    context: &Context<'_>,
) {
    let nothing = PeerStatus { last_status: "NONE", ..PeerStatus::default() };
    let (Some(peer), status) = (section.peers.get(at), status.peers.get(at).unwrap_or(&nothing))
    else {
        return;
    };
    let role = if section.local == Some(at) { "local" } else { "remote" };
    let activity = if status.session.is_some() || status.active { "active" } else { "inactive" };
    let _ = writeln!(
        out,
        "  {:#014x}: id={}({role},{activity}) addr={} last_status={} last_hdshk={}",
        identity(2, id, at, 0),
        peer.name,
        AddressText(&peer.address, status.bound_at.as_ref()),
        if status.last_status.is_empty() { "NONE" } else { status.last_status },
        Until(status.handshake_age_ms, NEVER),
    );
    let _ = writeln!(
        out,
        "        reconnect={} heartbeat={} confirm={} tx_hbt={} rx_hbt={} no_hbt={} new_conn={} \
         proto_err={} coll={}",
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
    write_session(out, id, at, status);
    out.extend_from_slice(b"        shared tables:\n");
    for (table, shared) in status.tables.iter().enumerate().rev() {
        write_table(out, id, (at, table), shared, context);
        match names {
            Some(names) => write_names(out, names),
            None => out.extend_from_slice(
                b"        Dictionary cache not dumped (use \"show peers dict\")\n",
            ),
        }
    }
}

fn write_session(out: &mut Vec<u8>, id: PeersId, at: usize, status: &PeerStatus) {
    let Some(session) = &status.session else {
        out.push(b'\n');
        return;
    };
    let _ = writeln!(
        out,
        " appctx:{:#014x} st0={} st1=0 task_calls=0 state={}",
        identity(3, id, at, 0),
        session.state,
        session.socket_state,
    );
}

fn write_table(
    out: &mut Vec<u8>,
    id: PeersId,
    (peer, at): (usize, usize),
    shared: &SharedTableStatus,
    context: &Context<'_>,
) {
    let table = context.shared.tables.get(shared.table);
    let update = table.last_update().0;
    let _ = writeln!(
        out,
        "          {:#014x} local_id={} remote_id={} flags=0x0 remote_data={:#x}",
        identity(4, id, peer, at),
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
        identity(5, id, 0, at),
        table.declaration().name,
        shared.last_pushed,
    );
}

/// The names that a session sends by number, four a line. HAProxy counts from 0, and shows all
/// numbers of what it received.
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

/// A time, or a word where there is none.
struct Until(Option<u64>, &'static str);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => Human(ms).fmt(f),
            None => f.write_str(self.1),
        }
    }
}

struct AddressText<'a>(&'a PeerAddress, Option<&'a Address>);

impl fmt::Display for AddressText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PeerAddress::Known(address) => address.fmt(f),
            PeerAddress::Unresolved { host, port } => write!(f, "{host}:{port}"),
            PeerAddress::Descriptor => match self.1 {
                Some(address) => address.fmt(f),
                None => f.write_str("-"),
            },
        }
    }
}
