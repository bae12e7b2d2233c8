//! `option persist`, `force-persist` and `ignore-persist`: clients whose server is down.

use std::net::SocketAddr;

use crate::support::{Flavour, Held, Node, Place, SOON, Server, ask, connect_from, source, until};
use crate::{flavours, start};

/// The servers s1 to s3. The client 127.1.0.1 has an entry for s2.
struct Setting {
    node: Node,
    front: SocketAddr,
    _servers: Vec<Server>,
    _place: Place,
}

fn setting(flavour: Flavour, lines: &str, commands: &[&str]) -> Setting {
    let place = Place::new();
    let front = place.address();
    let mut servers = Vec::new();
    let mut body = format!(
        "listen web\n    bind {front}\n    balance first\n    \
         stick-table type ip size 1k expire 1h\n    stick on src\n{lines}\n"
    );
    for number in 1..=3 {
        let server = Server::name(place.address(), &format!("s{number}"));
        body.push_str(&format!("    server s{number} {} check inter 60s\n", server.address()));
        servers.push(server);
    }
    let node = start(flavour, &place, "", &body);
    let api = node.api();
    for command in ["set table web key 127.1.0.1 data.server_id 2"].iter().chain(commands) {
        assert_eq!(api.command(command).trim(), "", "{command}");
    }
    Setting { node, front, _servers: servers, _place: place }
}

#[test]
fn a_client_goes_to_its_own_server_that_is_down_where_a_rule_says_so() {
    const FORCE: &str = "    force-persist if { src 127.1.0.1 }";
    const IGNORE: &str = "    ignore-persist if { src 127.1.0.1 }";
    let both = format!("{IGNORE}\n{FORCE}");
    let other = format!("{FORCE}\n{IGNORE}");
    let used = |lines: &str| format!("{lines}\n    use-server s3 if TRUE");
    let down = ["set server web/s2 health down"].as_slice();
    let disabled = ["disable server web/s2"].as_slice();
    let third_down = ["set server web/s3 health down"].as_slice();
    let third_disabled = ["disable server web/s3"].as_slice();
    let cases: [(&str, &[&str], &str); 17] = [
        ("", &[], "s2"),
        ("", down, "s1"),
        ("", disabled, "s1"),
        (FORCE, down, "s2"),
        (FORCE, disabled, "s2"),
        ("    force-persist if { src 127.1.0.2 }", down, "s1"),
        ("    force-persist unless { src 127.1.0.2 }", down, "s2"),
        ("    option persist", down, "s2"),
        ("    option persist\n    no option persist", down, "s1"),
        // It is about cookies, but keeps the rules below from being looked at.
        (IGNORE, &[], "s2"),
        (&both, down, "s1"),
        (&other, down, "s2"),
        (&used(""), third_down, "s2"),
        (&used(FORCE), third_down, "s3"),
        (&used(FORCE), third_disabled, "s3"),
        (&used("    option persist"), third_down, "s3"),
        (&used(IGNORE), &[], "s3"),
    ];
    for flavour in flavours() {
        for (lines, commands, expected) in &cases {
            let setting = setting(flavour, lines, commands);
            let seen = [0, 1].map(|_| ask(source(1), setting.front).unwrap());
            assert_eq!(seen, [*expected; 2], "{flavour:?}: {lines}, {commands:?}");
            let id = setting.node.api().table("web")["127.1.0.1"]["server_id"].clone();
            assert_eq!(format!("s{id}"), *expected, "{flavour:?}: {lines}, {commands:?}");
        }
    }
}

#[test]
fn who_is_forced_to_a_server_is_not_moved_to_another() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = Server::name(place.address(), "s1");
        let (live, dead) = (server.address(), place.address());
        let _held = Held::refusing(dead);
        let body = format!(
            "listen web\n    bind {front}\n    balance first\n    retries 1\n    \
             option redispatch 1\n    stick-table type ip size 1k expire 1h\n    \
             stick on src\n    force-persist if {{ src 127.1.0.1 }}\n    \
             server s1 {live}\n    server s2 {dead} disabled\n"
        );
        let node = start(flavour, &place, "", &body);
        for client in ["127.1.0.1", "127.1.0.2"] {
            node.api().command(&format!("set table web key {client} data.server_id 2"));
        }
        assert!(ask(source(1), front).is_err(), "{flavour:?}");
        assert_eq!(ask(source(2), front).unwrap(), "s1", "{flavour:?}");
        let counted = ["wretr", "wredis", "econ"].map(|field| node.api().stat("web", "s2", field));
        assert_eq!(counted, ["1", "0", "1"], "{flavour:?}");
        let ids = node.api().server_ids("web");
        assert_eq!([ids[&source(1)], ids[&source(2)]], [2, 1], "{flavour:?}");
    }
}

#[test]
fn who_is_forced_does_not_move_on_from_a_full_queue() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let servers: Vec<_> =
            (1..=2).map(|n| Server::greeting_echo(place.address(), &format!("s{n}"))).collect();
        let body = format!(
            "listen web\n    bind {front}\n    balance first\n    option redispatch\n    \
             stick-table type ip size 1k expire 1h\n    stick on src\n    \
             force-persist if {{ src 127.1.0.1 }}\n    server s1 {}\n    \
             server s2 {} maxconn 1 maxqueue 1\n",
            servers[0].address(),
            servers[1].address()
        );
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        for client in ["127.1.0.1", "127.1.0.2"] {
            api.command(&format!("set table web key {client} data.server_id 2"));
        }
        // One after the other: HAProxy's threads would look at the queue at the same time.
        let _first = connect_from(source(1), front).unwrap();
        until("one is there", SOON, || api.stat("web", "s2", "scur") == "1");
        let _second = connect_from(source(1), front).unwrap();
        until("one waits", SOON, || api.stat("web", "s2", "qcur") == "1");
        assert_eq!(ask(source(2), front).unwrap(), "s1", "{flavour:?}");
        assert!(ask(source(1), front).is_err(), "{flavour:?}");
        // The other client's move, and no other.
        assert_eq!(api.stat("web", "s2", "wredis"), "1", "{flavour:?}");
    }
}
