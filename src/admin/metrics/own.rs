//! The metrics that HAProxy does not have: the loop, reloads, the memory of tables, and how far
//! peers lag behind.

use std::fmt::Display;

use super::families::Kind;
use super::text::{write_head, write_value};
use crate::admin::context::Context;
use crate::admin::context::peers_status::{PeerStatus, SharedTableStatus};
use crate::config::PeersId;
use crate::table::StickTable;

/// How many of a peer's tables are written in one step.
const TABLES_PER_STEP: usize = 64;
/// Tables of a peer that are looked at for the price of one value.
const TABLES_PER_WORK: usize = 16;
/// About how many values [`write_loop`] and [`write_process`] write.
const VALUES_PER_GROUP: usize = 8;

/// What is being written.
#[derive(Clone, Copy, Debug, Default)]
enum Group {
    #[default]
    Loop,
    Process,
    /// A family of [`TABLE_FAMILIES`].
    Tables(usize),
    Peers(PeerFamily),
    Done,
}

/// What is told of every remote peer.
#[derive(Clone, Copy, Debug)]
enum PeerFamily {
    Up,
    Lag,
}

/// What is still to be written, found anew in every step by its position.
#[derive(Debug, Default)]
pub(super) struct Own {
    group: Group,
    /// Of tables, or of peers sections.
    object: usize,
    /// Of the peers section `object`.
    peer: usize,
    /// Of what is shared with `peer`.
    table: usize,
    /// The head of the family was written.
    has_head: bool,
}

impl Own {
    /// Writes one thing and goes on to the next; returns how much more than one value it was, or
    /// none if there was nothing left.
    pub(super) fn step(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let work = match self.group {
            Group::Loop => {
                write_loop(context, out);
                self.enter(Group::Process);
                VALUES_PER_GROUP
            }
            Group::Process => {
                write_process(context, out);
                self.enter(Group::Tables(0));
                VALUES_PER_GROUP
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
        let Some(family) = TABLE_FAMILIES.get(at) else {
            return self.enter(Group::Peers(PeerFamily::Up));
        };
        let tables = &context.shared.tables;
        let Some(id) = tables.ids().nth(self.object) else {
            return self.enter(Group::Tables(at + 1));
        };
        self.write_head(family.name, family.kind, family.help, out);
        let table = tables.get(id);
        let labels = [("table", table.declaration().name.as_str())];
        write_value(out, family.name, &labels, (family.value)(table));
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
        let status = context.peers.peer(id, self.peer, context.now_ms).filter(|_| is_remote);
        let Some(status) = status else {
            self.peer += 1;
            return 0;
        };
        let labels = [("peers", section.name.as_str()), ("peer", peer.name.as_str())];
        match family {
            PeerFamily::Up => self.write_up(labels, &status, out),
            PeerFamily::Lag => self.write_lag(labels, &status, context, out),
        }
        status.tables.len() / TABLES_PER_WORK
    }

    fn write_up(&mut self, labels: Labels<'_>, status: &PeerStatus, out: &mut Vec<u8>) {
        let name = "stickd_peer_up";
        self.write_head(name, Kind::Gauge, "1 while there is a session with the peer", out);
        let is_up = status.session.as_ref().is_some_and(|session| session.socket_state == "EST");
        write_value(out, name, &labels, u8::from(is_up));
        self.peer += 1;
    }

    fn write_lag(
        &mut self,
        [section, peer]: Labels<'_>,
        status: &PeerStatus,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        let name = "stickd_peer_unacknowledged_updates";
        let help = "Changes of the table that the peer has not acknowledged yet";
        for shared in status.tables.iter().skip(self.table).take(TABLES_PER_STEP) {
            self.write_head(name, Kind::Gauge, help, out);
            let table = context.shared.tables.get(shared.table).declaration();
            let labels = [section, peer, ("table", table.name.as_str())];
            write_value(out, name, &labels, lag(shared, context));
        }
        self.table += TABLES_PER_STEP;
        if self.table >= status.tables.len() {
            (self.peer, self.table) = (self.peer + 1, 0);
        }
    }

    /// A family without values has no head.
    fn write_head(&mut self, name: &str, kind: Kind, help: &str, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_head, true) {
            write_head(out, name, kind, help);
        }
    }
}

type Labels<'a> = [(&'static str, &'a str); 2];

/// What is told of every table.
struct TableFamily {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: fn(&StickTable) -> f64,
}

const TABLE_FAMILIES: &[TableFamily] = &[
    TableFamily {
        name: "stickd_table_entries",
        kind: Kind::Gauge,
        help: "Entries in the table",
        value: |table| table.used().into(),
    },
    TableFamily {
        name: "stickd_table_fill_ratio",
        kind: Kind::Gauge,
        help: "Entries in the table, of those that it has room for, from 0 to 1",
        value: |table| f64::from(table.used()) / f64::from(table.size().max(1)),
    },
    TableFamily {
        name: "stickd_table_evictions_total",
        kind: Kind::Counter,
        help: "Entries that made room for newer ones before their time",
        value: |table| whole(table.evictions()),
    },
    TableFamily {
        name: "stickd_table_expirations_total",
        kind: Kind::Counter,
        help: "Entries whose time was over",
        value: |table| whole(table.expirations()),
    },
    TableFamily {
        name: "stickd_table_bytes",
        kind: Kind::Gauge,
        help: "Memory reserved for the table, update log included",
        value: |table| whole(table.allocated_bytes() as u64),
    },
];

fn write_one(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str, value: impl Display) {
    write_head(out, name, kind, help);
    write_value(out, name, &[], value);
}

#[expect(clippy::cast_precision_loss, reason = "a fraction of a second is shown, not counted")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn write_loop(context: &Context<'_>, out: &mut Vec<u8>) {
    let turns = &context.process.turns;
    let counter = Kind::Counter;
    let help = "Turns of the loop";
    write_one(out, "stickd_loop_turns_total", counter, help, turns.count);
    let help = "Time spent in turns of the loop, without waiting";
    write_one(out, "stickd_loop_busy_seconds_total", counter, help, seconds(turns.busy_ns));
    let help = "The longest turn of the loop since the start";
    write_one(
        out,
        "stickd_loop_longest_turn_seconds",
        Kind::Gauge,
        help,
        seconds(turns.longest_ns),
    );
    let name = "stickd_loop_recent_longest_turn_seconds";
    let help = "The longest turn of the loop in the last one to two minutes";
    write_one(out, name, Kind::Gauge, help, seconds(turns.recent_longest_ns()));
}

fn write_process(context: &Context<'_>, out: &mut Vec<u8>) {
    let process = context.process;
    let help = "The program's version";
    write_head(out, "stickd_build_info", Kind::Gauge, help);
    write_value(out, "stickd_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let help = "How many reloads led to this process";
    write_one(out, "stickd_reload_generation", Kind::Gauge, help, process.generation);
    let help = "1 while a successor is being started or taught";
    let reloading = u8::from(process.is_reloading);
    write_one(out, "stickd_reload_in_progress", Kind::Gauge, help, reloading);
    let help = "Reloads of this process that failed";
    write_one(out, "stickd_reloads_failed_total", Kind::Counter, help, process.reloads_failed);
    let help = "Log lines that no target took";
    write_one(out, "stickd_dropped_logs_total", Kind::Counter, help, process.dropped_logs);
    let name = "stickd_resource_errors_total";
    let help = "Times that a connection could not go on for want of descriptors, ports or memory";
    write_one(out, name, Kind::Counter, help, context.shared.totals.resource_errors);
    let name = "stickd_accept_pauses_total";
    let help = "Times that nobody could be accepted for want of descriptors or memory";
    write_head(out, name, Kind::Counter, help);
    let pauses = [
        ("clients", context.shared.totals.accept_pauses),
        ("admin", process.accept_pauses.admin),
        ("peers", process.accept_pauses.peers),
    ];
    for (part, count) in pauses {
        write_value(out, name, &[("of", part)], count);
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point too")]
fn whole(number: u64) -> f64 {
    number as f64
}

/// How many updates lie between the table's last and the one that the peer acknowledged: ids go
/// round.
fn lag(shared: &SharedTableStatus, context: &Context<'_>) -> u32 {
    context.shared.tables.get(shared.table).last_update().0.wrapping_sub(shared.update)
}
