//! What the tests stand on: real processes in a place of their own, small servers and clients,
//! and waiting for conditions instead of for time.

mod api;
mod client;
pub mod http;
mod mesh;
mod node;
pub mod peer;
mod place;
mod process;
mod recipe;
mod server;

use std::time::{Duration, Instant};

pub use api::{Api, Entry, Table};
pub use client::{
    Random, StopOnDrop, Tally, ask, ask_often, assert_new_clients_keep_their_server, checksum,
    connect_from, pattern, reset, source,
};
pub use mesh::{Mesh, contents};
pub use node::{Flavour, Node, Spec, binary, haproxy, run_to_end};
pub use place::Place;
pub use process::{Running, children, cpu_ticks, is_alive, open_descriptors, resident_bytes};
pub use recipe::{Outcome, Recipe};
pub use server::{Held, Server};

/// Says that something is not tested as a program is missing. In CI that is a failure: there
/// `scripts/test` has installed everything.
#[track_caller]
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI is set, so nothing may be skipped: {why}");
    eprintln!("SKIPPED: {why}");
}

/// The longest that a test waits for something that should happen soon.
pub const SOON: Duration = Duration::from_secs(10);

/// Waits until `condition` holds and fails the test when it does not within `limit`.
#[track_caller]
pub fn until(what: &str, limit: Duration, condition: impl FnMut() -> bool) {
    assert!(eventually(limit, condition), "not within {limit:?}: {what}");
}

/// Whether `condition` comes to hold within `limit`.
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

/// Lets time pass where the passing of time is what the test is about.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
