//! The metrics that HAProxy does not have: the event loop, reloads, the memory of tables, the
//! entries of each server, the links with peers, and the updates that peers have not acknowledged.
//! A family is one row.

use super::text::{Kind, write_head, write_value};
use crate::admin::context::Context;
use crate::admin::context::peers_status::{PeerStatus, SharedTableStatus};
use crate::admin::status::mesh::{errors, failed_calls};
use crate::admin::status::summary::Summary;
use crate::admin::status::tables;
use crate::config::PeersId;
use crate::table::StickTable;

/// How many of a peer's tables are written in one step.
const TABLES_PER_STEP: usize = 64;
/// A peer with this many tables counts as one more value.
const TABLES_PER_WORK: usize = 16;
/// About how many values [`write_process`] writes.
const PROCESS_VALUES: usize = 18;

/// The families that are being written.
#[derive(Clone, Copy, Debug, Default)]
enum Group {
    #[default]
    Process,
    /// A family of [`TABLE_FAMILIES`].
    Tables(usize),
    /// The entries of each server.
    Servers,
    Peers(PeerFamily),
    Done,
}

/// A family of remote peers.
#[derive(Clone, Copy, Debug)]
enum PeerFamily {
    /// A family of [`PEER_FAMILIES`].
    OfPeer(usize),
    Lag,
}

/// The families that are still to be written. Objects are found by their positions in every step.
#[derive(Debug, Default)]
pub(super) struct Own {
    group: Group,
    /// The position of a table or a peers section.
    object: usize,
    /// The position of a peer in the peers section `object`, or of a backend that uses the table
    /// `object`.
    peer: usize,
    /// The position of a table among those that are shared with `peer`.
    table: usize,
    /// The head of the family was written.
    has_head: bool,
}

impl Own {
    /// Writes one value or one group of values. Returns how many more values that counts for, or
    /// none if there was nothing left.
    pub(super) fn step(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let work = match self.group {
            Group::Process => {
                write_process(context, out);
                self.enter(Group::Tables(0));
                PROCESS_VALUES
            }
            Group::Tables(family) => {
                self.step_tables(family, context, out);
                0
            }
            Group::Servers => self.step_servers(context, out),
            Group::Peers(family) => self.step_peers(family, context, out),
            Group::Done => return None,
        };
        Some(work)
    }

    fn enter(&mut self, group: Group) {
        *self = Self { group, ..Self::default() };
    }

    fn step_tables(&mut self, at: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        let Some((head, value)) = TABLE_FAMILIES.get(at) else {
            return self.enter(Group::Servers);
        };
        let tables = &context.shared.tables;
        let Some(id) = tables.ids().nth(self.object) else {
            return self.enter(Group::Tables(at + 1));
        };
        let table = tables.get(id);
        if let Some(value) = value(table) {
            self.write_head(head, out);
            let labels = [("table", table.declaration().name.as_str())];
            write_value(out, head.name, &labels, value);
        }
        self.object += 1;
    }

    fn step_servers(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> usize {
        let Some(id) = context.shared.tables.ids().nth(self.object) else {
            self.enter(Group::Peers(PeerFamily::OfPeer(0)));
            return 0;
        };
        let backends = tables::backends(id, context);
        let Some(backend) = backends.get(self.peer) else {
            (self.object, self.peer) = (self.object + 1, 0);
            return backends.len();
        };
        let table = context.shared.tables.get(id).declaration().name.as_str();
        let mut count = 0;
        for server in tables::servers(id, *backend, context) {
            self.write_head(&SERVER_ENTRIES, out);
            let labels = [("table", table), ("proxy", server.backend), ("server", server.server)];
            write_value(out, SERVER_ENTRIES.name, &labels, server.entries);
            count += 1;
        }
        self.peer += 1;
        count
    }

    fn step_peers(
        &mut self,
        family: PeerFamily,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let Some(section) = context.config.peers.get(self.object) else {
            self.enter(match family {
                PeerFamily::OfPeer(at) if at + 1 < PEER_FAMILIES.len() => {
                    Group::Peers(PeerFamily::OfPeer(at + 1))
                }
                PeerFamily::OfPeer(_) => Group::Peers(PeerFamily::Lag),
                PeerFamily::Lag => Group::Done,
            });
            return 0;
        };
        let Some(peer) = section.peers.get(self.peer) else {
            (self.object, self.peer) = (self.object + 1, 0);
            return 0;
        };
        let id = PeersId(u16::try_from(self.object).unwrap_or(u16::MAX));
        let is_remote = section.local != Some(self.peer);
        let status = context
            .peers
            .peer(id, self.peer, context.now_ms)
            .filter(|status| is_remote && !status.is_absent);
        let Some(status) = status else {
            self.peer += 1;
            return 0;
        };
        let name = status.node.clone().unwrap_or_else(|| peer.name.clone());
        let labels = [("peers", section.name.as_str()), ("peer", name.as_str())];
        match family {
            PeerFamily::OfPeer(at) => self.write_of_peer(at, labels, &status, out),
            PeerFamily::Lag => self.write_lag(labels, &status, context, out),
        }
        status.tables.len() / TABLES_PER_WORK
    }

    fn write_of_peer(
        &mut self,
        at: usize,
        labels: Labels<'_>,
        status: &PeerStatus,
        out: &mut Vec<u8>,
    ) {
        if let Some((head, value)) = PEER_FAMILIES.get(at) {
            self.write_head(head, out);
            write_value(out, head.name, &labels, value(status));
        }
        self.peer += 1;
    }

    fn write_lag(
        &mut self,
        [section, peer]: Labels<'_>,
        status: &PeerStatus,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        for shared in status.tables.iter().skip(self.table).take(TABLES_PER_STEP) {
            self.write_head(&PEER_LAG, out);
            let table = context.shared.tables.get(shared.table).declaration();
            let labels = [section, peer, ("table", table.name.as_str())];
            write_value(out, PEER_LAG.name, &labels, lag(shared, context));
        }
        self.table += TABLES_PER_STEP;
        if self.table >= status.tables.len() {
            (self.peer, self.table) = (self.peer + 1, 0);
        }
    }

    /// Writes the head before the first value. A family without values has no head.
    fn write_head(&mut self, head: &Head, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_head, true) {
            write_head(out, head.name, head.kind, head.help);
        }
    }
}

type Labels<'a> = [(&'static str, &'a str); 2];

/// The name, type and help of a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Gauge, help }
}

/// A value of the process, with its labels.
struct Sample {
    labels: &'static [(&'static str, &'static str)],
    value: fn(&Context<'_>) -> f64,
}

const fn sample(value: fn(&Context<'_>) -> f64) -> Sample {
    Sample { labels: &[], value }
}

/// The families of the process.
const PROCESS_FAMILIES: &[(Head, &[Sample])] = &[
    (
        counter("stickd_loop_turns_total", "Turns of the loop"),
        &[sample(|c| whole(c.process.turns.count))],
    ),
    (
        counter(
            "stickd_loop_busy_seconds_total",
            "Time spent in turns of the loop, without waiting",
        ),
        &[sample(|c| seconds(c.process.turns.busy_ns))],
    ),
    (
        gauge("stickd_loop_longest_turn_seconds", "The longest turn of the loop since the start"),
        &[sample(|c| seconds(c.process.turns.longest_ns))],
    ),
    (
        gauge(
            "stickd_loop_recent_longest_turn_seconds",
            "The longest turn of the loop in the last one to two minutes",
        ),
        &[sample(|c| seconds(c.process.turns.recent_longest_ns()))],
    ),
    (
        gauge("stickd_build_info", "The program's version"),
        &[Sample { labels: &[("version", env!("CARGO_PKG_VERSION"))], value: |_| 1.0 }],
    ),
    (
        gauge(
            "stickd_whole",
            "1 while all peers are connected, all servers are up that are not in maintenance, and \
             this node has learned what its peers know",
        ),
        &[sample(|c| u8::from(Summary::new(c).is_whole()).into())],
    ),
    (
        gauge("stickd_reload_generation", "How many reloads led to this process"),
        &[sample(|c| c.process.generation.into())],
    ),
    (
        gauge("stickd_reload_in_progress", "1 while a successor is being started or taught"),
        &[sample(|c| u8::from(c.process.is_reloading).into())],
    ),
    (
        counter("stickd_reloads_failed_total", "Reloads of this process that failed"),
        &[sample(|c| whole(c.process.reloads_failed))],
    ),
    (
        counter("stickd_dropped_logs_total", "Log lines that no target took"),
        &[sample(|c| whole(c.process.dropped_logs))],
    ),
    (
        counter(
            "stickd_resource_errors_total",
            "Times that a connection could not go on for want of descriptors, ports or memory",
        ),
        &[sample(|c| whole(c.shared.totals.resource_errors))],
    ),
    (
        counter(
            "stickd_accept_pauses_total",
            "Times that nobody could be accepted for want of descriptors or memory",
        ),
        &[
            Sample {
                labels: &[("of", "clients")],
                value: |c| whole(c.shared.totals.accept_pauses),
            },
            Sample { labels: &[("of", "admin")], value: |c| whole(c.process.accept_pauses.admin) },
            Sample { labels: &[("of", "peers")], value: |c| whole(c.process.accept_pauses.peers) },
        ],
    ),
];

/// The value of a table; none if the family has nothing to say of it.
type TableValue = fn(&StickTable) -> Option<f64>;

/// The families of a stick table.
const TABLE_FAMILIES: &[(Head, TableValue)] = &[
    (gauge("stickd_table_entries", "Entries in the table"), |table| Some(table.used().into())),
    (
        gauge(
            "stickd_table_fill_ratio",
            "Entries in the table, of those that it has room for, from 0 to 1",
        ),
        |table| Some(f64::from(table.used()) / f64::from(table.size().max(1))),
    ),
    (
        counter(
            "stickd_table_evictions_total",
            "Entries that made room for newer ones before their time",
        ),
        |table| Some(whole(table.evictions())),
    ),
    (counter("stickd_table_expirations_total", "Entries whose time was over"), |table| {
        Some(whole(table.expirations()))
    }),
    (
        counter(
            "stickd_table_updates_total",
            "Changes of the table that were numbered to be sent to peers",
        ),
        |table| Some(table.last_update().0.into()),
    ),
    (gauge("stickd_table_bytes", "Memory reserved for the table, update log included"), |table| {
        Some(whole(table.allocated_bytes() as u64))
    }),
    (counter("stickd_table_saves_total", "Saves of the table to its file"), |table| {
        table.last_save().map(|save| whole(save.count))
    }),
    (counter("stickd_table_save_failures_total", "Saves of the table that have failed"), |table| {
        table.last_save().map(|save| whole(save.failures))
    }),
    (
        gauge(
            "stickd_table_last_save_timestamp_seconds",
            "When the table was saved for the last time, in seconds since 1970",
        ),
        |table| Some(whole(table.last_save()?.at_ms?) / 1000.0),
    ),
];

/// The family of a server and a table.
const SERVER_ENTRIES: Head =
    gauge("stickd_table_server_entries", "Entries of the table that name the server");

type PeerValue = fn(&PeerStatus) -> f64;

/// The families of a remote peer.
const PEER_FAMILIES: &[(Head, PeerValue)] = &[
    (gauge("stickd_peer_up", "1 while there is a session with the peer"), |peer| {
        let is_up = peer.session.as_ref().is_some_and(|session| session.socket_state == "EST");
        u8::from(is_up).into()
    }),
    (counter("stickd_peer_sessions_total", "Sessions with the peer"), |peer| {
        whole(peer.counters.sessions)
    }),
    (
        counter("stickd_peer_failed_calls_total", "Calls of the peer that led to no session"),
        |peer| whole(failed_calls(&peer.counters)),
    ),
    (
        counter(
            "stickd_peer_errors_total",
            "Sessions that ended because the peer broke the protocol or said nothing for too long",
        ),
        |peer| whole(errors(&peer.counters)),
    ),
    (
        counter("stickd_peer_received_bytes_total", "Bytes received from the peer, without TLS"),
        |peer| whole(peer.counters.bytes_received),
    ),
    (counter("stickd_peer_sent_bytes_total", "Bytes sent to the peer, without TLS"), |peer| {
        whole(peer.counters.bytes_sent)
    }),
    (counter("stickd_peer_learned_updates_total", "Updates that the peer has sent"), |peer| {
        whole(peer.counters.updates_received)
    }),
];
/// The family of a remote peer and a table.
const PEER_LAG: Head = gauge(
    "stickd_peer_unacknowledged_updates",
    "Changes of the table that the peer has not acknowledged yet",
);

/// The heads of all families, in the order in which they are shown.
pub(super) fn heads() -> impl Iterator<Item = &'static Head> {
    let process = PROCESS_FAMILIES.iter().map(|(head, _)| head);
    let tables = TABLE_FAMILIES.iter().map(|(head, _)| head);
    let peers = PEER_FAMILIES.iter().map(|(head, _)| head);
    process.chain(tables).chain([&SERVER_ENTRIES]).chain(peers).chain([&PEER_LAG])
}

fn write_process(context: &Context<'_>, out: &mut Vec<u8>) {
    for (head, samples) in PROCESS_FAMILIES {
        write_head(out, head.name, head.kind, head.help);
        for Sample { labels, value } in *samples {
            write_value(out, head.name, labels, value(context));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a fraction of a second is shown, not counted")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point too")]
fn whole(number: u64) -> f64 {
    number as f64
}

/// How many updates the table has after the last one that the peer acknowledged. The numbers of
/// updates wrap around.
fn lag(shared: &SharedTableStatus, context: &Context<'_>) -> u32 {
    context.shared.tables.get(shared.table).last_update().0.wrapping_sub(shared.update)
}
