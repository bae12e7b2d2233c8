//! Changes through the Runtime API: to servers, connections and the process itself.

use std::io::Read;
use std::net::SocketAddr;

use crate::support::{Node, Place, SOON, Server, Spec, ask, connect_from, source, until};

fn sticky(place: &Place, servers: &[Server], front: SocketAddr) -> Node {
    let mut body = format!(
        "listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 1k expire 10m\n    stick on src\n"
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    Spec::new(place, "a", &body).reloadable().start()
}

#[test]
fn a_reload_answers_when_the_successor_serves_and_keeps_what_was_changed() {
    let place = Place::new();
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let node = sticky(&place, &servers, front);
    let api = node.api();
    ask(source(1), front).unwrap();
    assert_eq!(api.command("set server web/s1 state maint"), "\n");
    assert_eq!(api.command("set weight web/s2 7"), "\n");
    let elsewhere = servers[1].address();
    let said = api.command(&format!(
        "set server web/s3 addr {} port {}",
        elsewhere.ip(),
        elsewhere.port()
    ));
    assert!(said.contains("port changed from "), "{said}");
    let before = node.pid();
    let said = api.command("reload");
    assert!(said.starts_with("Success=1\n--\nGeneration: 2\nPid: "), "{said}");
    assert!(said.contains("\nEntries: 1\n"), "{said}");
    until("the successor is named", SOON, || node.pid() != before);
    assert!(said.contains(&format!("\nPid: {}\n", node.pid())), "{said}");
    assert_eq!(api.info("Reload_generation"), "2");
    assert_eq!(api.stat("web", "s1", "status"), "MAINT");
    assert_eq!(api.command("get weight web/s2"), "7 (initial 1)\n\n");
    assert_eq!(api.stat("web", "s3", "addr"), elsewhere.to_string());
    for n in 2..6 {
        assert_eq!(ask(source(n), front).unwrap().trim_end(), "s2", "both are the same server");
    }
}

#[test]
fn a_reload_that_fails_says_so_and_harms_nobody() {
    let place = Place::new();
    let servers = [Server::name(place.address(), "s1")];
    let front = place.address();
    let node = sticky(&place, &servers, front);
    node.spec().configure("", "listen web\n    bind nowhere at all\n");
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=0\n--\nfailed, this process goes on serving: "), "{said}");
    assert_eq!(node.api().info("Reload_generation"), "1");
    assert!(ask(source(1), front).is_ok());
}

#[test]
fn sessions_are_shut_down() {
    let place = Place::new();
    let servers = [Server::greeting_echo(place.address(), "s1")];
    let front = place.address();
    let node = sticky(&place, &servers, front);
    let mut client = connect_from(source(1), front).unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    let sessions = node.api().command("show sess");
    let line = sessions.lines().find(|line| line.contains(" be=web ")).unwrap();
    let (id, _) = line.split_once(':').unwrap();
    assert_eq!(node.api().command(&format!("shutdown session {id}")), "\n");
    until("the client is gone", SOON, || node.api().stat("web", "s1", "scur") == "0");
    let mut client = connect_from(source(2), front).unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    assert_eq!(node.api().command("shutdown sessions server web/s1"), "\n");
    until("the client is gone", SOON, || node.api().stat("web", "s1", "scur") == "0");
}
