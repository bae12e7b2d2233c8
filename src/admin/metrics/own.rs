//! The metrics that HAProxy does not have: the event loop, reloads, the memory of tables, and the
//! updates that peers have not acknowledged. A family is one row.

use super::text::{Kind, write_head, write_value};
use crate::admin::context::Context;
use crate::admin::context::peers_status::{PeerStatus, SharedTableStatus};
use crate::config::PeersId;
use crate::table::StickTable;

/// How many of a peer's tables are written in one step.
const TABLES_PER_STEP: usize = 64;
/// A peer with this many tables counts as one more value.
const TABLES_PER_WORK: usize = 16;
/// About how many values [`write_process`] writes.
const PROCESS_VALUES: usize = 16;

/// The families that are being written.
#[derive(Clone, Copy, Debug, Default)]
enum Group {
    #[default]
    Process,
    /// A family of [`TABLE_FAMILIES`].
    Tables(usize),
    Peers(PeerFamily),
    Done,
}

/// A family of remote peers.
#[derive(Clone, Copy, Debug)]
enum PeerFamily {
    Up,
    Lag,
}

/// The families that are still to be written. Objects are found by their positions in every step.
#[derive(Debug, Default)]
pub(super) struct Own {
    group: Group,
    /// The position of a table or a peers section.
    object: usize,
    /// The position of a peer in the peers section `object`.
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
            return self.enter(Group::Peers(PeerFamily::Up));
        };
        let tables = &context.shared.tables;
        let Some(id) = tables.ids().nth(self.object) else {
            return self.enter(Group::Tables(at + 1));
        };
        self.write_head(head, out);
        let table = tables.get(id);
        let labels = [("table", table.declaration().name.as_str())];
        write_value(out, head.name, &labels, value(table));
        self.object += 1;
    }

    fn step_peers(
        &mut self,
        family: PeerFamily,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let Some(section) = context.config.peers.get(self.object) else {
            self.enter(match family {
                PeerFamily::Up => Group::Peers(PeerFamily::Lag),
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
            PeerFamily::Up => self.write_up(labels, &status, out),
            PeerFamily::Lag => self.write_lag(labels, &status, context, out),
        }
        status.tables.len() / TABLES_PER_WORK
    }

    fn write_up(&mut self, labels: Labels<'_>, status: &PeerStatus, out: &mut Vec<u8>) {
        self.write_head(&PEER_UP, out);
        let is_up = status.session.as_ref().is_some_and(|session| session.socket_state == "EST");
        write_value(out, PEER_UP.name, &labels, u8::from(is_up));
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

type TableValue = fn(&StickTable) -> f64;

/// The families of a stick table.
const TABLE_FAMILIES: &[(Head, TableValue)] = &[
    (gauge("stickd_table_entries", "Entries in the table"), |table| table.used().into()),
    (
        gauge(
            "stickd_table_fill_ratio",
            "Entries in the table, of those that it has room for, from 0 to 1",
        ),
        |table| f64::from(table.used()) / f64::from(table.size().max(1)),
    ),
    (
        counter(
            "stickd_table_evictions_total",
            "Entries that made room for newer ones before their time",
        ),
        |table| whole(table.evictions()),
    ),
    (counter("stickd_table_expirations_total", "Entries whose time was over"), |table| {
        whole(table.expirations())
    }),
    (
        counter(
            "stickd_table_updates_total",
            "Changes of the table that were numbered to be sent to peers",
        ),
        |table| table.last_update().0.into(),
    ),
    (gauge("stickd_table_bytes", "Memory reserved for the table, update log included"), |table| {
        whole(table.allocated_bytes() as u64)
    }),
];

/// The families of a remote peer.
const PEER_UP: Head = gauge("stickd_peer_up", "1 while there is a session with the peer");
const PEER_LAG: Head = gauge(
    "stickd_peer_unacknowledged_updates",
    "Changes of the table that the peer has not acknowledged yet",
);

/// The heads of all families, in the order in which they are shown.
pub(super) fn heads() -> impl Iterator<Item = &'static Head> {
    let process = PROCESS_FAMILIES.iter().map(|(head, _)| head);
    let tables = TABLE_FAMILIES.iter().map(|(head, _)| head);
    process.chain(tables).chain([&PEER_UP, &PEER_LAG])
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
