//! A reload keeps the addresses that names have led to, though no nameserver answers.

use std::net::SocketAddr;

use crate::support::nameserver::{Answer, Nameserver};
use crate::support::{Node, Place, SOON, Server, Spec, ask, source, until};

/// A section with this nameserver, and a frontend with servers by name.
fn body(names: &Nameserver, front: SocketAddr, port: u16) -> String {
    format!(
        "resolvers dns\n nameserver ns1 {}\n timeout resolve 50ms\n timeout retry 50ms\n \
         resolve_retries 1\n hold obsolete 0\n\
         listen web\n bind {front}\n balance roundrobin\n stick-table type ip size 1k\n \
         stick on src\n default-server resolvers dns resolve-prefer ipv4 init-addr none\n \
         server-template s 3 pool.test:{port}\n server-template t 3 _x._tcp.test\n \
         server u other.test:{port} disabled\n",
        names.address()
    )
}

/// Names, addresses and ports of the servers, and the state that an operator wants.
fn states(node: &Node) -> Vec<String> {
    let text = node.api().command("show servers state web");
    let rows = text.lines().skip(2).filter(|line| !line.is_empty());
    let row = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        [3, 4, 5, 6, 7, 17, 18, 19].map(|at| words[at]).join(" ")
    };
    rows.map(row).collect()
}

#[test]
fn servers_keep_their_places_over_a_reload_without_dns() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    let front = place.address();
    let port = place.address().port();
    let servers: Vec<Server> = (1..=2)
        .map(|n| {
            let address = format!("127.{}.79.1:{port}", 60 + n).parse().unwrap();
            Server::name(address, &format!("s{n}"))
        })
        .collect();
    let ips: Vec<String> = servers.iter().map(|s| s.address().ip().to_string()).collect();
    let node = Spec::new(&place, "a", &body(&names, front, port)).reloadable().start();
    // In two steps, so that the order of the servers is not that of the next answer.
    names.hosts("pool.test", &[&ips[1]]);
    names.hosts("h1.test", &[&ips[0]]);
    names.services("_x._tcp.test", &[(2000, port, "h1.test")]);
    until("the first are there", SOON, || {
        states(&node).iter().filter(|row| row.contains(" 2 ")).count() == 2
    });
    names.hosts("pool.test", &[&ips[0], &ips[1]]);
    names.services("_x._tcp.test", &[(1, port + 1, "h1.test"), (2000, port, "h1.test")]);
    until("all are there", SOON, || {
        states(&node).iter().filter(|row| row.contains(" 2 ")).count() == 4
    });
    node.api().command("set server web/s2 state drain");
    node.api().command("set server web/u fqdn renamed.test");
    let before = states(&node);
    let client = (0..4).map(|n| ask(source(n), front).unwrap()).collect::<Vec<_>>();
    for name in ["pool.test", "_x._tcp.test", "h1.test", "other.test", "renamed.test"] {
        names.set(name, Answer::Silence);
    }
    for _ in 0..3 {
        node.reload();
        assert_eq!(states(&node), before);
        for (n, server) in (0..).zip(&client) {
            assert_eq!(&ask(source(n), front).unwrap(), server);
        }
    }
    names.until_asked("pool.test", 5);
    assert_eq!(states(&node), before, "the successor holds what it was told");
    names.hosts("pool.test", &[&ips[0]]);
    until("the successor asks", SOON, || {
        states(&node).iter().any(|row| row.starts_with("s1 - 0 32"))
    });
}

#[test]
fn an_old_process_does_not_ask_any_more() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    let front = place.address();
    let server = Server::silent(place.address());
    names.hosts("pool.test", &[&server.address().ip().to_string()]);
    let port = server.address().port();
    let node = Spec::new(&place, "a", &body(&names, front, port)).reloadable().start();
    until("the server is there", SOON, || states(&node).iter().any(|row| row.contains(" 2 ")));
    let old = node.pid();
    let _held = std::net::TcpStream::connect(front).unwrap();
    until("the connection is at the server", SOON, || server.accepted() == 1);
    node.reload();
    assert!(crate::support::is_alive(old), "the connection keeps the old process");
    names.until_asked("pool.test", 2);
    let log = node.log();
    let asked = names.asked("pool.test");
    names.hosts("pool.test", &[]);
    names.until_asked("pool.test", 4);
    assert!(names.asked("pool.test") > asked);
    let lines = node.log()[log.len()..].to_owned();
    let of_old = format!("({old})");
    assert!(!lines.lines().any(|line| line.contains(&of_old)), "{lines}");
}
