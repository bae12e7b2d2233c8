//! The metrics that HAProxy does not have: the loop, reloads, the memory of tables, and how far
//! peers lag behind.

use std::fmt::Display;

use super::families::Kind;
use super::text::{write_head, write_value};
use crate::admin::World;
use crate::admin::world::{PeerStatus, SharedTableStatus};
use crate::config::PeersId;
use crate::table::StickTable;

/// What is written in one step each.
pub(super) const GROUPS: [fn(&World<'_>, &mut Vec<u8>); 5] =
    [write_loop, write_process, write_tables, write_peers_up, write_peers_lag];

fn write_one(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str, value: impl Display) {
    write_head(out, name, kind, help);
    write_value(out, name, &[], value);
}

#[expect(clippy::cast_precision_loss, reason = "a fraction of a second is shown, not counted")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn write_loop(world: &World<'_>, out: &mut Vec<u8>) {
    let turns = &world.process.turns;
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

fn write_process(world: &World<'_>, out: &mut Vec<u8>) {
    let process = world.process;
    let help = "The program's version";
    write_head(out, "stickd_build_info", Kind::Gauge, help);
    write_value(out, "stickd_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let help = "How many reloads led to this process";
    write_one(out, "stickd_reload_generation", Kind::Gauge, help, process.generation);
    let help = "1 while a successor is being started or taught";
    let reloading = u8::from(process.is_reloading);
    write_one(out, "stickd_reload_in_progress", Kind::Gauge, help, reloading);
    let help = "Log lines that no target took";
    write_one(out, "stickd_dropped_logs_total", Kind::Counter, help, process.dropped_logs);
    let name = "stickd_accept_pauses_total";
    let help = "Times that nobody could be accepted for want of descriptors or memory";
    write_head(out, name, Kind::Counter, help);
    let pauses = [
        ("clients", world.shared.totals.accept_pauses),
        ("admin", process.accept_pauses.admin),
        ("peers", process.accept_pauses.peers),
    ];
    for (part, count) in pauses {
        write_value(out, name, &[("of", part)], count);
    }
}

fn write_tables(world: &World<'_>, out: &mut Vec<u8>) {
    let tables = &world.shared.tables;
    let mut family = |name: &str, kind: Kind, help: &str, value: fn(&StickTable) -> f64| {
        let mut has_head = false;
        for table in tables.ids().map(|id| tables.get(id)) {
            if !std::mem::replace(&mut has_head, true) {
                write_head(out, name, kind, help);
            }
            let table_name = table.declaration().name.as_str();
            write_value(out, name, &[("table", table_name)], value(table));
        }
    };
    let help = "Entries in the table";
    family("stickd_table_entries", Kind::Gauge, help, |table| table.used().into());
    let help = "Entries in the table, of those that it has room for, from 0 to 1";
    family("stickd_table_fill_ratio", Kind::Gauge, help, |table| {
        f64::from(table.used()) / f64::from(table.size().max(1))
    });
    let help = "Entries that made room for newer ones before their time";
    family("stickd_table_evictions_total", Kind::Counter, help, |table| whole(table.evictions()));
    let help = "Entries whose time was over";
    family("stickd_table_expirations_total", Kind::Counter, help, |table| {
        whole(table.expirations())
    });
    let help = "Memory reserved for the table, update log included";
    family("stickd_table_bytes", Kind::Gauge, help, |table| whole(table.allocated_bytes() as u64));
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point too")]
fn whole(number: u64) -> f64 {
    number as f64
}

fn write_peers_up(world: &World<'_>, out: &mut Vec<u8>) {
    let name = "stickd_peer_up";
    let mut has_head = false;
    for_remote_peers(world, |labels, peer| {
        if !std::mem::replace(&mut has_head, true) {
            write_head(out, name, Kind::Gauge, "1 while there is a session with the peer");
        }
        let is_up = peer.session.as_ref().is_some_and(|session| session.socket_state == "EST");
        write_value(out, name, &labels, u8::from(is_up));
    });
}

fn write_peers_lag(world: &World<'_>, out: &mut Vec<u8>) {
    let name = "stickd_peer_unacknowledged_updates";
    let help = "Changes of the table that the peer has not acknowledged yet";
    let mut has_head = false;
    for_remote_peers(world, |[section, peer_name], peer| {
        for shared in &peer.tables {
            if !std::mem::replace(&mut has_head, true) {
                write_head(out, name, Kind::Gauge, help);
            }
            let table = world.shared.tables.get(shared.table).declaration();
            let labels = [section, peer_name, ("table", table.name.as_str())];
            write_value(out, name, &labels, lag(shared, world));
        }
    });
}

/// How many updates lie between the table's last and the one that the peer acknowledged: ids go
/// round.
fn lag(shared: &SharedTableStatus, world: &World<'_>) -> u32 {
    world.shared.tables.get(shared.table).last_update().0.wrapping_sub(shared.last_acked)
}

/// Calls `write` for every peer but the local one, with its labels.
fn for_remote_peers(
    world: &World<'_>,
    mut write: impl FnMut([(&'static str, &str); 2], &PeerStatus),
) {
    for (id, section) in (0..u16::MAX).map(PeersId).zip(&world.config.peers) {
        let status = world.peers.section(id, world.now_ms);
        for (at, (peer, status)) in section.peers.iter().zip(&status.peers).enumerate() {
            if section.local != Some(at) {
                write([("peers", &section.name), ("peer", &peer.name)], status);
            }
        }
    }
}
