//! `add server` and `del server`.

use std::net::SocketAddr;

use crate::support::{Flavour, Node, Place, SOON, Server, ask, connect_from, source, until};
use crate::{flavours, start};

const NAMED: &str = "This server cannot be removed at runtime due to other configuration elements \
                     pointing to it.\n";
const IN_SERVICE: &str = "Only servers in maintenance mode can be deleted.\n";
const CONNECTED: &str = "Server still has connections attached to it, cannot remove it.\n";
const STATIC: &str = "Backend must use a dynamic load balancing to support dynamic servers.\n";
const REGISTERED: &str = "New server registered.\n\n";
const DELETED: &str = "Server deleted.\n";

#[track_caller]
fn converse(node: &Node, dialogue: &[(&str, &str)]) {
    for (command, answer) in dialogue {
        let flavour = node.flavour();
        assert_eq!(node.api().command(command), *answer, "{flavour:?}: {command}");
    }
}

/// Adds a server and lets clients in.
#[track_caller]
fn add(node: &Node, name: &str, words: &str) {
    converse(node, &[(&format!("add server {name} {words}"), REGISTERED)]);
    converse(node, &[(&format!("enable server {name}"), "\n")]);
}

#[track_caller]
fn delete(node: &Node, name: &str) {
    converse(node, &[(&format!("disable server {name}"), "\n")]);
    // A client that has its answer may still be leaving.
    until("the server is deleted", SOON, || {
        let answer = node.api().command(&format!("del server {name}"));
        assert!([DELETED, CONNECTED].contains(&&*answer), "{:?}: {answer}", node.flavour());
        answer == DELETED
    });
}

/// The words of the lines of `show servers state` about one backend, without times.
fn states(node: &Node, backend: &str) -> Vec<Vec<String>> {
    let text = node.api().command(&format!("show servers state {backend}"));
    let rows = text.trim().lines().skip(2);
    rows.map(|row| {
        let words = row.split(' ').enumerate().filter(|(at, _)| *at != 9);
        words.map(|(_, word)| word.to_owned()).collect()
    })
    .collect()
}

/// The names of the servers in the statistics of a backend.
fn listed(node: &Node, backend: &str) -> Vec<String> {
    let text = node.api().command(&format!("show stat {backend} 4 -1"));
    text.trim().lines().skip(1).map(|row| row.split(',').nth(1).unwrap().to_owned()).collect()
}

/// What is sent to the node of the test below, and its answers.
const ANSWERS: &[(&str, &str)] = &[
    ("add server", "Require 'backend/server'.\n"),
    ("add server be", "Require 'backend/server'.\n"),
    ("add server be/", "Require 'backend/server'.\n"),
    ("add server /n", "Require 'backend/server'.\n"),
    ("add server no/n 127.0.0.1:1", "No such backend.\n"),
    ("add server fe/n 127.0.0.1:1", "No such backend.\n"),
    ("add server be/n", "'server' expects <name> and <addr>[:<port>] as arguments.\n\n"),
    ("add server static/n 127.0.0.1:1", STATIC),
    ("add server map/n 127.0.0.1:1", STATIC),
    ("add server off/n 127.0.0.1:1", STATIC),
    ("add server be/s1 127.0.0.1:1", "Already exists a server with the same name in backend.\n\n"),
    (
        "add server be/n 127.0.0.1:1 resolvers r",
        "'resolvers' option is not accepted for dynamic server\n\n",
    ),
    (
        "add server be/n 127.0.0.1:1 non-stick",
        "'non-stick' option is not accepted for dynamic server\n\n",
    ),
    (
        "add server be/n 127.0.0.1:1 track s2 check",
        "unable to enable checks and tracking at the same time!\n\n",
    ),
    (
        "add server be/n 127.0.0.1:1 track s1",
        "unable to use be/s1 for tracking as it does not have any check nor agent \
                     enabled.\n\n",
    ),
    (
        "add server be/n 127.0.0.1:1 track be/n",
        "unable to find required server 'n' for tracking.\n\n",
    ),
    ("add server be/n 127.0.0.1:1 weight 7", REGISTERED),
    ("add server be/n 127.0.0.1:1", "Already exists a server with the same name in backend.\n\n"),
    (
        "add server be/m 127.0.0.1:1 track n",
        "unable to use be/n for tracking as it is a dynamic server.\n\n",
    ),
    ("get weight be/n", "7 (initial 7)\n\n"),
    ("enable health be/n", "Health check was not configured on this server, cannot enable.\n\n"),
    ("del server", "Require 'backend/server'.\n"),
    ("del server be", "Require 'backend/server'.\n"),
    ("del server no/s1", "No such backend.\n"),
    ("del server be/no", "No such server.\n"),
    ("del server be/s1", IN_SERVICE),
    ("del server be/s2", NAMED),
    ("del server be/s4", NAMED),
    ("del server be/s5", NAMED),
    ("del server be/n", DELETED),
    ("del server be/n", "No such server.\n"),
    ("disable server static/s1", "\n"),
    ("del server static/s1", DELETED),
];

#[test]
fn answers_are_haproxys() {
    let body = "defaults d\n    mode tcp\n\
                backend be\n    server s1 127.0.0.1:1\n    \
                server s2 127.0.0.1:1 check inter 1h\n    \
                server s3 127.0.0.1:1 track s2\n    \
                server s4 127.0.0.1:1\n    server s5 127.0.0.1:1\n    \
                use-server s4 if { src 192.0.2.1 }\n\
                backend static\n    balance static-rr\n    server s1 127.0.0.1:1\n\
                backend map\n    balance source\n    server s1 127.0.0.1:1\n\
                backend off\n    dispatch 127.0.0.1:1\n";
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let body = format!(
            "{body}frontend fe\n    bind {front}\n    \
             tcp-request connection reject if {{ srv_conn(be/s5) gt 5 }}\n    \
             default_backend be\n"
        );
        let node = start(flavour, &place, "", &body);
        converse(&node, ANSWERS);
        assert_eq!(listed(&node, "be"), ["s1", "s2", "s3", "s4", "s5"], "{flavour:?}");
        assert!(listed(&node, "static").is_empty(), "{flavour:?}");
    }
}

#[test]
fn numbers_that_became_free_are_used_again_and_lists_show_the_order_of_coming() {
    let mut seen = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let body = format!(
            "listen l\n    bind {front}\n    default-server weight 9\n    \
             server s1 127.0.0.1:1\n    server s2 127.0.0.1:1\n"
        );
        let node = start(flavour, &place, "", &body);
        for words in [
            "l/a 127.0.0.1:1",
            "l/b 127.0.0.1:1 check inter 1h",
            "l/c 127.0.0.1:1 agent-check agent-port 7 agent-inter 1h",
            "l/d [::1]:1 backup maxconn 5",
        ] {
            converse(&node, &[(&format!("add server {words}"), REGISTERED)]);
        }
        delete(&node, "l/s1");
        delete(&node, "l/b");
        for words in ["l/e 127.0.0.1:1", "l/f 127.0.0.1:1", "l/g 127.0.0.1:1"] {
            converse(&node, &[(&format!("add server {words}"), REGISTERED)]);
        }
        assert_eq!(listed(&node, "l"), ["s2", "a", "c", "d", "e", "f", "g"], "{flavour:?}");
        seen.push(states(&node, "l"));
    }
    assert_eq!(seen.first(), seen.last());
}

#[test]
fn every_algorithm_takes_servers_that_come_and_go() {
    for flavour in flavours() {
        for balance in [
            "roundrobin",
            "leastconn",
            "first",
            "random",
            "source\n    hash-type consistent",
            "source\n    hash-type consistent\n    hash-balance-factor 150",
        ] {
            let place = Place::new();
            let servers = ["a", "b", "c"].map(|name| Server::name(place.address(), name));
            let front = place.address();
            let body = format!("listen l\n    bind {front}\n    balance {balance}\n");
            let node = start(flavour, &place, "", &body);
            let who = |number| ask(source(number), front).ok().filter(|name| !name.is_empty());
            assert_eq!(who(1), None, "{flavour:?} {balance}: there is no server yet");
            for (server, name) in servers.iter().zip(["a", "b", "c"]) {
                let address = server.address();
                add(&node, &format!("l/{name}"), &address.to_string());
                let mut came = (1..200).map(who);
                let first = if balance == "first" { "a" } else { name };
                assert!(came.any(|who| who.as_deref() == Some(first)), "{flavour:?} {balance}");
            }
            delete(&node, "l/a");
            let came: Vec<_> = (1..60).filter_map(who).collect();
            assert_eq!(came.len(), 59, "{flavour:?} {balance}");
            assert!(!came.contains(&"a".to_owned()), "{flavour:?} {balance}");
            // Another server comes to the place of the deleted one.
            add(&node, "l/d", &servers[0].address().to_string());
            delete(&node, "l/b");
            delete(&node, "l/c");
            let came: Vec<_> = (1..20).filter_map(who).collect();
            assert_eq!(came, vec!["a"; 19], "{flavour:?} {balance}");
        }
    }
}

#[test]
fn a_server_with_a_connection_stays() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let front = place.address();
        let node = start(flavour, &place, "", &format!("listen l\n    bind {front}\n"));
        add(&node, "l/n", &server.address().to_string());
        let client = connect_from(source(1), front).unwrap();
        until("the client is at the server", SOON, || node.api().stat("l", "n", "scur") == "1");
        converse(
            &node,
            &[
                ("del server l/n", IN_SERVICE),
                ("disable server l/n", "\n"),
                ("del server l/n", CONNECTED),
            ],
        );
        drop(client);
        until("the client has left", SOON, || node.api().stat("l", "n", "scur") == "0");
        converse(&node, &[("del server l/n", DELETED)]);
        // The row of the deleted server is gone, and nobody serves.
        assert!(listed(&node, "l").is_empty(), "{flavour:?}");
        assert_eq!(ask(source(1), front).unwrap_or_default(), "", "{flavour:?}");
    }
}

#[test]
fn checks_begin_when_they_are_switched_on() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let front = place.address();
        let node = start(flavour, &place, "", &format!("listen l\n    bind {front}\n"));
        let dead = place.address();
        let status = |name: &str| node.api().stat("l", name, "status");
        add(&node, "l/n", &format!("{dead} check inter 20ms fall 1"));
        converse(&node, &[("enable health l/n", "\n")]);
        until("the server is down", SOON, || status("n") == "DOWN");
        add(&node, "l/m", &format!("{} check inter 200ms rise 1", server.address()));
        converse(&node, &[("enable health l/m", "\n")]);
        until("the check has passed", SOON, || node.api().stat("l", "m", "check_status") == "L4OK");
        assert_eq!(ask(source(1), front).unwrap(), "s1", "{flavour:?}");
        delete(&node, "l/n");
        delete(&node, "l/m");
        // A server that comes to the place of another has checks of its own.
        add(&node, "l/k", &format!("{} check inter 200ms", server.address()));
        converse(&node, &[("enable health l/k", "\n")]);
        until("the check has passed", SOON, || node.api().stat("l", "k", "check_status") == "L4OK");
        assert!(status("k").starts_with("UP"), "{flavour:?}");
    }
}

#[test]
fn a_check_sends_a_proxy_header_only_if_it_is_told() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, through) = (place.address(), place.address());
        let body = format!(
            "listen l\n    bind {front}\n    option tcp-check\n    tcp-check expect string s1\n\
             listen p\n    bind {through} accept-proxy\n    server s1 {}\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        let check = "check inter 1s rise 1 fall 1";
        add(&node, "l/n", &format!("{through} send-proxy {check}"));
        add(&node, "l/m", &format!("{through} send-proxy check-send-proxy {check}"));
        converse(&node, &[("enable health l/n", "\n"), ("enable health l/m", "\n")]);
        until("one is down", SOON, || node.api().stat("l", "n", "status") == "DOWN");
        until("the other is found up", SOON, || {
            node.api().stat("l", "m", "check_status") == "L7OK"
        });
        assert_eq!(ask(source(1), front).unwrap(), "s1", "{flavour:?}");
    }
}

#[test]
fn clients_find_a_server_that_comes_back_under_its_name_and_nobody_a_deleted_one() {
    for flavour in flavours() {
        let place = Place::new();
        let servers = ["one", "two"].map(|name| Server::name(place.address(), name));
        let front = place.address();
        let body = format!(
            "listen l\n    bind {front}\n    balance first\n    \
             stick-table type ip size 1k expire 1h\n    stick on src\n    server s1 {}\n",
            servers[0].address()
        );
        let node = start(flavour, &place, "", &body);
        let who = |number| ask(source(number), front).unwrap();
        add(&node, "l/n", &servers[1].address().to_string());
        converse(&node, &[("disable server l/s1", "\n")]);
        assert_eq!([who(1), who(2)], ["two", "two"], "{flavour:?}");
        converse(&node, &[("enable server l/s1", "\n")]);
        assert_eq!([who(1), who(2)], ["two", "two"], "{flavour:?}: the entries say so");
        delete(&node, "l/n");
        assert_eq!(who(1), "one", "{flavour:?}: the entry names no server any more");
        add(&node, "l/other", &servers[1].address().to_string());
        add(&node, "l/n", &servers[1].address().to_string());
        assert_eq!(who(1), "one", "{flavour:?}: the client has got a new entry");
        assert_eq!(who(2), "two", "{flavour:?}: the entry names the server that is back");
        let entry = node.api().command(&format!("show table l key {}", source(2)));
        assert!(entry.contains("server_key=n"), "{flavour:?}: {entry}");
    }
}

#[test]
fn an_added_server_follows_the_one_that_it_tracks() {
    for flavour in flavours() {
        let place = Place::new();
        let mut server = Server::name(place.address(), "s1");
        let front = place.address();
        let body = format!(
            "listen l\n    bind {front}\n    server s1 {} check inter 1s fall 1\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        let status = |name: &str| node.api().stat("l", name, "status");
        let address = server.address();
        add(&node, "l/n", &format!("{address} track s1"));
        assert_eq!(status("n"), "UP", "{flavour:?}");
        converse(&node, &[("disable server l/s1", "\n"), ("del server l/s1", NAMED)]);
        assert_eq!(status("n"), "MAINT (via l/s1)", "{flavour:?}");
        converse(&node, &[("enable server l/s1", "\n")]);
        assert_eq!(status("n"), "UP", "{flavour:?}");
        server.stop();
        until("both are down", SOON, || status("n").starts_with("DOWN"));
        delete(&node, "l/n");
    }
}

/// The addresses of a node with one server in its file, and its body with these further lines.
fn with_lines(front: SocketAddr, server: &Server, lines: &str) -> String {
    format!(
        "listen l\n    bind {front}\n    balance first\n    \
         stick-table type ip size 1k expire 1h\n    stick on src\n    server s1 {}\n{lines}",
        server.address()
    )
}

#[test]
fn a_reload_forgets_added_servers_that_the_new_file_does_not_have() {
    let place = Place::new();
    let servers = ["one", "two"].map(|name| Server::name(place.address(), name));
    let front = place.address();
    let node = start(Flavour::Stickd, &place, "", &with_lines(front, &servers[0], ""));
    let who = |number| ask(source(number), front).unwrap();
    let address = servers[1].address();
    add(&node, "l/n", &address.to_string());
    add(&node, "l/m", &address.to_string());
    converse(&node, &[("disable server l/s1", "\n")]);
    assert_eq!([who(1), who(2)], ["two", "two"]);
    converse(&node, &[("enable server l/s1", "\n")]);
    let line = format!("    server n {address}\n");
    node.spec().configure("", &with_lines(front, &servers[0], &line));
    node.reload();
    assert_eq!(listed(&node, "l"), ["s1", "n"]);
    assert_eq!([who(1), who(2)], ["two", "two"], "the entries name the server of the file");
    node.spec().configure("", &with_lines(front, &servers[0], ""));
    node.reload();
    assert_eq!(listed(&node, "l"), ["s1"]);
    assert_eq!(who(1), "one");
    add(&node, "l/n", &address.to_string());
    assert_eq!(who(2), "two", "the name has outlived the server");
    // A deleted server of the file comes back.
    delete(&node, "l/s1");
    node.reload();
    assert_eq!(listed(&node, "l"), ["s1"]);
}
