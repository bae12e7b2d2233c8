//! Balancing: the same clients reach the same servers, or each server gets as many clients.

use std::collections::BTreeMap;
use std::net::TcpStream;

use crate::support::{Flavour, Place, Server, ask, connect_from, source};
use crate::{flavours, start};

const CLIENTS: u32 = 78;

/// Five servers that send their names, and their lines for a `listen` section.
fn servers(place: &Place) -> (Vec<Server>, String) {
    let weights = [("a", 1, 1), ("b", 3, 2), ("c", 2, 7), ("d", 1, 4), ("e", 6, 5)];
    let mut lines = String::new();
    let servers = weights.map(|(name, weight, id)| {
        let server = Server::greeting_echo(place.address(), name);
        let address = server.address();
        lines.push_str(&format!("    server {name} {address} weight {weight} id {id}\n"));
        server
    });
    (servers.into(), lines)
}

/// The servers that the clients get, one after the other or all at once.
fn chosen(flavour: Flavour, lines: &str, at_once: bool) -> Vec<String> {
    let place = Place::new();
    let (_servers, text) = servers(&place);
    let front = place.address();
    let _node =
        start(flavour, &place, "", &format!("listen l\n    bind {front}\n    {lines}\n{text}"));
    // Both the high and the low bytes of the addresses differ.
    let client = |number: u32| source(number * 7919);
    if !at_once {
        return (0..CLIENTS).map(|number| ask(client(number), front).unwrap()).collect();
    }
    let open: Vec<TcpStream> = (0..CLIENTS)
        .map(|number| {
            let stream = connect_from(client(number), front).unwrap();
            stream.peek(&mut [0]).unwrap();
            stream
        })
        .collect();
    let mut names = open.into_iter().map(|mut stream| {
        let mut name = [0; 2];
        std::io::Read::read_exact(&mut stream, &mut name).unwrap();
        String::from_utf8_lossy(&name[..1]).into_owned()
    });
    names.by_ref().collect()
}

fn counts(chosen: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for name in chosen {
        *counts.entry(name.as_str()).or_default() += 1;
    }
    counts
}

#[test]
fn a_hash_of_the_address_leads_to_the_same_server() {
    for lines in [
        "balance source",
        "balance source\n    hash-type map-based sdbm avalanche",
        "balance source\n    hash-type consistent",
        "balance source\n    hash-type consistent djb2",
        "balance hash src",
        "balance hash src\n    hash-type map-based djb2",
        "balance hash src\n    hash-type map-based crc32 avalanche",
        "balance hash src\n    hash-type consistent",
        "balance hash src\n    hash-type consistent crc32 avalanche",
        "balance static-rr",
        "balance first",
    ] {
        let found: Vec<_> = flavours().into_iter().map(|f| chosen(f, lines, false)).collect();
        for other in &found {
            assert_eq!(found[0], *other, "{lines}");
        }
    }
}

#[test]
fn turns_and_loads_follow_the_weights() {
    for flavour in flavours() {
        let expected = [("a", 6), ("b", 18), ("c", 12), ("d", 6), ("e", 36)];
        for lines in ["balance roundrobin", "balance static-rr", "balance"] {
            let chosen = chosen(flavour, lines, false);
            assert_eq!(counts(&chosen), BTreeMap::from(expected), "{flavour:?}: {lines}");
        }
        let chosen = chosen(flavour, "balance leastconn", true);
        for (name, count) in counts(&chosen) {
            let (_, expected) = expected.iter().find(|(other, _)| *other == name).unwrap();
            assert!(count.abs_diff(*expected) <= 1, "{flavour:?}: {name} has {count}");
        }
    }
}

#[test]
fn a_hash_passes_over_servers_with_more_than_their_share() {
    for factor in ["0", "101", "125", "150", "1000"] {
        for balance in ["balance source", "balance hash src"] {
            let lines =
                format!("{balance}\n    hash-type consistent\n    hash-balance-factor {factor}");
            let found: Vec<_> = flavours().into_iter().map(|f| chosen(f, &lines, true)).collect();
            for other in &found {
                assert_eq!(found[0], *other, "{lines}");
            }
        }
    }
}

#[test]
fn two_random_draws_are_almost_as_even_as_turns() {
    for flavour in flavours() {
        let chosen = chosen(flavour, "balance random(4)", true);
        let counts = counts(&chosen);
        for (name, expected) in [("a", 6_usize), ("b", 18), ("c", 12), ("d", 6), ("e", 36)] {
            let count = counts.get(name).copied().unwrap_or(0);
            let tolerance = 4 + expected / 5;
            assert!(count.abs_diff(expected) <= tolerance, "{flavour:?}: {counts:?}");
        }
    }
}

#[test]
fn backups_stand_in_one_or_all() {
    for flavour in flavours() {
        for (lines, expected) in [("", ["b"].as_slice()), ("option allbackups", &["b", "c"])] {
            let place = Place::new();
            let servers = ["a", "b", "c"].map(|name| Server::name(place.address(), name));
            let front = place.address();
            let [a, b, c] = servers.each_ref().map(Server::address);
            let body = format!(
                "listen l\n    bind {front}\n    {lines}\n    server a {a} disabled\n    \
                 server b {b} backup\n    server c {c} backup"
            );
            let _node = start(flavour, &place, "", &body);
            let names: Vec<_> = (0..6).map(|n| ask(source(n), front).unwrap()).collect();
            let names: Vec<_> = counts(&names).into_keys().collect();
            assert_eq!(names, expected, "{flavour:?}");
        }
    }
}
