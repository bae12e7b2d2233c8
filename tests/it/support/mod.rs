//! The support of the tests: real processes in a temporary place, small servers and clients, and
//! waiting for conditions instead of sleeping.

mod api;
mod client;
mod held_back;
pub mod http;
mod mesh;
pub mod nameserver;
mod node;
pub mod peer;
mod place;
mod process;
mod recipe;
mod server;
pub mod tls;
mod visitors;
mod wires;

use std::time::{Duration, Instant};

pub use api::{Api, Entry, Table};
pub use client::{
    Random, StopOnDrop, Tally, ask, ask_often, assert_new_clients_keep_their_server, checksum,
    connect_from, pattern, reset, source,
};
pub use held_back::HeldBack;
pub use mesh::{Mesh, contents, mesh_check, tls_words};
pub use node::{
    Flavour, Node, Spec, binary, binary_for_all, copy, copy_program, haproxy, run_to_end,
};
pub use place::Place;
pub use process::{
    Member, Running, children, cpu_ticks, group, is_alive, open_descriptors, process_state,
    resident_bytes, send,
};
pub use recipe::{Outcome, Recipe};
pub use server::{Held, Server};
pub use visitors::{Homes, Visitors, Visits, visit_all};
pub use wires::Wires;

/// Reports that a test is skipped because a program is missing. In CI this is a failure, because
/// `scripts/test` has installed every program.
#[track_caller]
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI is set, so nothing may be skipped: {why}");
    eprintln!("SKIPPED: {why}");
}

/// The longest wait for an event that should come soon.
pub const SOON: Duration = Duration::from_secs(10);

/// Waits until `condition` holds. Fails the test if `condition` does not hold within `limit`.
#[track_caller]
pub fn until(what: &str, limit: Duration, condition: impl FnMut() -> bool) {
    assert!(eventually(limit, condition), "not within {limit:?}: {what}");
}

/// Whether `condition` holds at some time within `limit`. A machine that has more to do than it has
/// cores is given up to four times as long.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        let passed = start.elapsed();
        if passed > 4 * limit || passed > limit && !is_overloaded() {
            return false;
        }
        pause(Duration::from_millis(3));
    }
}

/// Whether more threads want to run than there are cores, on an average of a minute.
fn is_overloaded() -> bool {
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = loads.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    load.is_some_and(|load| load > f64::from(u32::try_from(cores).unwrap_or(u32::MAX)))
}

/// Sleeps. Only for tests whose subject is the passing of time.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
