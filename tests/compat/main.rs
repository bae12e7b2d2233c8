//! One configuration per feature. stickd and a real HAProxy run it, and both must show the same.
//!
//! Without an installed HAProxy only stickd is observed, and the tests say so. `scripts/test`
//! installs HAProxy. If HAProxy 2.6 lacks a word, the test has the expected value.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod balance;
mod changes;
mod commands;
mod effects;
mod health;
mod keywords;
mod logs;
mod metrics;
mod monitor;
mod names;
mod operation;
mod pages;
mod patterns;
mod peers;
mod persist;
mod proxy_header;
mod queue;
mod rules;
mod servers;
mod services;
mod sides;
mod sockets;
mod stats_page;
mod stick;
#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "../it/support/mod.rs"]
mod support;
mod times;
mod tls;
mod words;

use std::net::UdpSocket;

use support::{Flavour, Node, Place, SOON, Spec};

/// The programs to observe: stickd, and HAProxy if it is installed.
fn flavours() -> Vec<Flavour> {
    if support::haproxy().is_some() {
        return vec![Flavour::Stickd, Flavour::Haproxy];
    }
    support::skip("haproxy is not installed, so stickd is not compared with it");
    vec![Flavour::Stickd]
}

/// Starts a program of this flavour. Its `global` section has the lines `global`; `body` follows.
#[track_caller]
fn start(flavour: Flavour, place: &Place, global: &str, body: &str) -> Node {
    match flavour {
        Flavour::Stickd => Spec::with_global(place, "a", global, body).start(),
        Flavour::Haproxy => {
            // Two threads may look at one queue or counter at the same moment.
            let threads = if global.contains("nbthread") { "" } else { "nbthread 1\n" };
            let spec = Spec::with_global(place, "a", &format!("{threads}{global}"), body);
            spec.on_haproxy(support::haproxy().unwrap()).start()
        }
    }
}

/// The next message of the log that begins with `<`, without that sign.
fn marked_line(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if let Some((_, message)) = line.split_once("]: <") {
            return message.trim_end().to_owned();
        }
    }
}

/// The line with `(ms)` in the place of each time that stands in brackets. A time that is too long
/// stays.
fn without_times(line: &str) -> String {
    let mut parts = line.split('(');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let time = part.split_once(')');
        match time.and_then(|(time, rest)| Some((time.parse::<u32>().ok()?, rest))) {
            Some((time, rest)) if u128::from(time) < SOON.as_millis() => {
                text.push_str("(ms)");
                text.push_str(rest);
            }
            _ => {
                text.push('(');
                text.push_str(part);
            }
        }
    }
    text
}

#[test]
fn only_times_in_brackets_are_passed_over() {
    assert_eq!(without_times("a (0) 1 (12)"), "a (ms) 1 (ms)");
    for other in ["(-1)", "(10000)", "()", "(a)", "(1", "1)"] {
        assert_eq!(without_times(other), other);
    }
}
