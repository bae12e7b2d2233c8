//! Servers whose addresses follow from names (`resolvers`).

mod commands;
mod hosts;
mod services;
mod words;

use std::net::SocketAddr;

use crate::support::{Node, SOON, eventually};

/// A `resolvers` section with short times, and the head of a backend `web` after it.
fn section(nameserver: SocketAddr, lines: &str) -> String {
    format!(
        "resolvers dns\n nameserver ns1 {nameserver}\n timeout resolve 100ms\n \
         timeout retry 100ms\n resolve_retries 2\n hold nx 1s\n hold refused 1s\n \
         hold timeout 1s\n hold other 1s\n {lines}\n"
    )
}

/// Columns of `show servers state`.
const ADDRESS: usize = 4;
const OPERATION: usize = 5;
const ADMIN: usize = 6;
const WEIGHT: usize = 7;
const NAME: usize = 17;
const PORT: usize = 18;
const SERVICE: usize = 19;

/// These columns of the servers of `web`.
fn states(node: &Node, columns: &[usize]) -> Vec<String> {
    let text = node.api().command("show servers state web");
    let rows = text.lines().skip(2).filter(|line| !line.is_empty());
    let row = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        columns.iter().map(|at| words[*at]).collect::<Vec<_>>().join(" ")
    };
    rows.map(row).collect()
}

/// Waits until these columns are so.
#[track_caller]
fn until_states(node: &Node, columns: &[usize], expected: &[&str]) {
    let are_so = || states(node, columns) == expected;
    let found = || (node.flavour(), states(node, columns), node.log());
    assert!(eventually(SOON, are_so), "{expected:?}: {:?}", found());
}
