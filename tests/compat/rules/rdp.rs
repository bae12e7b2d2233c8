//! RDP clients: the server that a session broker's cookie names, and the one that a hash of the
//! user's cookie chooses.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use super::content::rdp;
use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, start};

const WAIT: &str = "tcp-request inspect-delay 2s
    tcp-request content accept if RDP_COOKIE";

/// A `listen` section with these lines, and the servers s1 to s4.
struct Setting {
    node: Node,
    front: SocketAddr,
    servers: Vec<Server>,
    _place: Place,
}

fn setting(flavour: Flavour, lines: &str) -> Setting {
    let place = Place::new();
    let front = place.address();
    let mut body = format!("listen rdp\n    bind {front}\n    {WAIT}\n    {lines}\n");
    let servers: Vec<_> = ["s1", "s2", "s3", "s4"]
        .map(|name| {
            let server = Server::greeting_echo(place.address(), name);
            body.push_str(&format!("    server {name} {}\n", server.address()));
            server
        })
        .into();
    let node = start(flavour, &place, "", &body);
    Setting { node, front, servers, _place: place }
}

impl Setting {
    /// The name of the server that a client with this cookie reaches.
    fn ask(&self, cookie: &str) -> String {
        let mut client = connect_from(source(1), self.front).unwrap();
        client.write_all(&rdp(cookie)).unwrap();
        let mut name = [0; 3];
        client.read_exact(&mut name).unwrap();
        String::from_utf8_lossy(&name).trim().to_owned()
    }

    /// The cookie by which a session broker names this server.
    fn broker_cookie(&self, server: usize) -> String {
        let address = self.servers[server].address();
        let IpAddr::V4(ip) = address.ip() else { unreachable!() };
        let number = u32::from_le_bytes(ip.octets());
        format!("msts={number}.{}.0000", address.port().swap_bytes())
    }
}

#[test]
fn a_session_brokers_cookie_names_the_server() {
    for flavour in flavours() {
        let setting = setting(flavour, "persist rdp-cookie\n    balance roundrobin");
        for (server, name) in [(2, "s3"), (2, "s3"), (0, "s1"), (3, "s4"), (2, "s3")] {
            assert_eq!(setting.ask(&setting.broker_cookie(server)), name, "{flavour:?}");
        }
        // Anything else chooses by the algorithm.
        let others = ["mstshash=user", "msts=1.2.0000", "msts=", "msts=x.y.z", "msts=16777343"];
        let seen = others.map(|cookie| setting.ask(cookie));
        assert_eq!(seen, ["s1", "s2", "s3", "s4", "s1"], "{flavour:?}");
        // A server that is down is not gone to.
        setting.node.api().command("disable server rdp/s3");
        assert_eq!(setting.ask(&setting.broker_cookie(2)), "s2", "{flavour:?}");
    }
}

#[test]
fn a_named_cookie_and_a_stick_entry_choose_before_the_algorithm() {
    for flavour in flavours() {
        let lines = "persist rdp-cookie(other)\n    stick-table type string size 1k\n    \
                     stick on req.rdp_cookie(mstshash)";
        let setting = setting(flavour, lines);
        let other = setting.broker_cookie(1).replace("msts", "other");
        let seen = [
            setting.ask("mstshash=a"),
            setting.ask("mstshash=b"),
            setting.ask("mstshash=a"),
            setting.ask(&other),
            setting.ask(&setting.broker_cookie(0)),
            setting.ask("mstshash=b"),
        ];
        assert_eq!(seen, ["s1", "s2", "s1", "s2", "s3", "s2"], "{flavour:?}");
    }
}

#[test]
fn a_hash_of_the_cookie_chooses_the_same_server_in_both_programs() {
    let cookies: Vec<_> = (0..20).map(|n| format!("mstshash=user{n}")).collect();
    for lines in [
        "balance rdp-cookie",
        "balance rdp-cookie(mstshash)\n    hash-type map-based djb2",
        "balance rdp-cookie(MSTShash)\n    hash-type consistent",
        "balance rdp-cookie\n    hash-type consistent crc32",
    ] {
        let mut all = Vec::new();
        for flavour in flavours() {
            let setting = setting(flavour, lines);
            let ask = || cookies.iter().map(|cookie| setting.ask(cookie)).collect::<Vec<_>>();
            let first = ask();
            assert_eq!(ask(), first, "{flavour:?}: {lines}");
            assert!(["s1", "s2", "s3", "s4"].iter().all(|name| first.iter().any(|s| s == name)));
            all.push(first);
        }
        assert!(all.iter().all(|seen| *seen == all[0]), "{lines}: {all:?}");
    }
}

#[test]
fn a_client_without_a_cookie_gets_a_server_in_turn() {
    for flavour in flavours() {
        let setting = setting(flavour, "balance rdp-cookie\n    persist rdp-cookie");
        let mut client = connect_from(source(1), setting.front).unwrap();
        client.write_all(b"something that is not RDP at all").unwrap();
        let mut name = [0; 3];
        client.read_exact(&mut name).unwrap();
        assert!(name.starts_with(b"s"), "{flavour:?}");
    }
}
