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

/// Whether `condition` holds at some time within `limit`.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        pause(Duration::from_millis(3));
    }
}

/// Sleeps. Only for tests whose subject is the passing of time.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
