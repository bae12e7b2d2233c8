//! The data that a process hands over to its successor: all of it arrives, also changes during the
//! reload.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use crate::support::{
    Held, HeldBack, Mesh, Node, Place, SOON, Server, Spec, ask, connect_from, source, until,
};

#[test]
fn the_state_of_every_server_survives_however_many_there_are() {
    let place = Place::new();
    let (front, own, gone) = (place.address(), place.address(), place.address());
    let _held = Held::refusing(gone);
    let mut body = format!(
        "peers mesh\n    peer a {own}\n    peer b {gone}\n\
         listen web\n    bind {front}\n    stick-table type ip size 1k peers mesh\n    \
         stick on src\n"
    );
    // Each has something to be told of it.
    for number in 1..=5000 {
        body.push_str(&format!("    server s{number} {gone} check inter 1h\n"));
    }
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let commands: Vec<_> =
        (4001..=5000).map(|n| format!("set server web/s{n} state maint")).collect();
    for line in commands.chunks(200) {
        node.api().command(&line.join(";"));
    }
    node.reload();
    let states = node.api().command("show stat");
    let maint = states.lines().filter(|line| line.contains(",MAINT,")).count();
    assert_eq!(maint, 1000);
    // Nobody has taught this node, unless it has given up waiting for that.
    let begins = ["the resync begins anew", "no peer to learn from"];
    assert!(begins.iter().any(|words| node.log().contains(words)), "{}", node.log());
}

/// Three servers, a table, and a node with a reload that is held back.
fn held_back(place: &Place) -> (Vec<Server>, Node, HeldBack) {
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let mut body = format!(
        "listen web\n    bind {}\n    stick-table type ip size 1k\n    stick on src\n",
        place.address()
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    let node = Spec::new(place, "a", &body).reloadable().start();
    node.api().set_servers("web", (0..100).map(source), 1);
    let reload = HeldBack::start(&node);
    (servers, node, reload)
}

#[test]
fn what_is_changed_by_command_during_a_reload_reaches_the_successor() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    let api = node.api();
    let address = place.address();
    let commands = [
        format!("clear table web key {}", source(1)),
        format!("set table web key {} data.server_id 2", source(2)),
        format!("set table web key {} data.server_id 3", source(200)),
        "set server web/s1 state drain".to_owned(),
        "set server web/s1 weight 7".to_owned(),
        "set server web/s2 health stopping".to_owned(),
        format!("set server web/s3 addr {} port {}", address.ip(), address.port()),
        "disable server web/s2".to_owned(),
    ];
    api.command(&commands.join(";"));
    reload.go_on(&node);
    let table = api.table("web");
    assert!(!table.contains_key(&source(1).to_string()));
    assert_eq!(table[&source(2).to_string()]["server_id"], "2");
    assert_eq!(table[&source(200).to_string()]["server_id"], "3");
    assert_eq!(table.len(), 100);
    assert_eq!(api.stat("web", "s1", "status"), "DRAIN");
    assert_eq!(api.stat("web", "s1", "weight"), "7");
    assert_eq!(api.stat("web", "s2", "status"), "MAINT");
    let state = api.command("show servers state web");
    let line = state.lines().find(|line| line.contains(" s3 ")).unwrap();
    assert!(line.contains(&format!(" {} ", address.port())), "{line}");
}

#[test]
fn a_table_that_is_cleared_during_a_reload_stays_empty() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    node.api().command("clear table web");
    reload.go_on(&node);
    assert_eq!(node.api().used("web"), 0);
}

#[test]
fn what_would_be_lost_in_a_reload_is_refused() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    for command in [
        "set maxconn server web/s1 5",
        "set maxconn frontend web 5",
        "set maxconn global 5",
        "set server web/s1 check-port 5",
        "set server web/s1 agent-send x",
        "disable frontend web",
        "enable frontend web",
        "shutdown frontend web",
    ] {
        let answer = node.api().command(command);
        assert!(answer.starts_with("A reload is under way"), "{command}: {answer}");
    }
    reload.go_on(&node);
    assert_eq!(node.api().command("set maxconn server web/s1 5").trim(), "");
}

#[test]
fn a_command_to_a_process_that_has_handed_over_is_refused() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 1k\n    stick on src\n    \
         server s1 {}\n",
        server.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let mut admin = UnixStream::connect(place.path("a.admin")).unwrap();
    admin.set_read_timeout(Some(SOON)).unwrap();
    let mut answers = BufReader::new(admin.try_clone().unwrap()).lines().map(Result::unwrap);
    let mut ask = |command: &str| {
        admin.write_all(command.as_bytes()).unwrap();
        answers.next().unwrap()
    };
    assert_eq!(ask("prompt\n"), "");
    let _open = connect_from(source(1), front).unwrap();
    until("the client is known", SOON, || node.api().used("web") == 1);
    node.reload();
    for command in ["clear table web", "set table web key 1.2.3.4", "disable server web/s1"] {
        let answer = ask(&format!("{command}\n"));
        let answer = answer.trim_start_matches("> ");
        assert!(answer.starts_with("A new process serves"), "{command}: {answer}");
        ask("");
    }
    assert_eq!(node.api().used("web"), 1);
}

/// A frontend and a backend with three servers and these lines.
fn balanced(place: &Place, lines: &str) -> (Vec<Server>, SocketAddr, Node) {
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let mut body = format!("listen web\n    bind {front}\n{lines}");
    for (number, server) in (1..).zip(&servers) {
        body.push_str(&format!("    server s{number} {} weight {number}\n", server.address()));
    }
    let node = Spec::new(place, "a", &body).reloadable().start();
    (servers, front, node)
}

#[test]
fn a_successor_goes_on_where_its_predecessor_was_in_the_round() {
    for algorithm in ["roundrobin", "static-rr", "leastconn"] {
        let place = Place::new();
        let (_servers, front, node) = balanced(&place, &format!("    balance {algorithm}\n"));
        let ask_some = |count: u32, reload: bool| {
            let ask_one = |_| {
                if reload {
                    node.reload();
                }
                until("all servers are idle", SOON, || node.api().info("CurrConns") == "0");
                ask(source(1), front).unwrap()
            };
            (0..count).map(ask_one).collect::<Vec<_>>()
        };
        // Twelve are two whole rounds by weight; a server that is idle counts as such.
        let undisturbed = ask_some(12, false);
        let reloaded = ask_some(12, true);
        assert_eq!(undisturbed, reloaded, "{algorithm}");
    }
}

#[test]
fn a_table_of_another_size_keeps_what_fits_and_asks_peers_for_the_rest() {
    let place = Place::new();
    let mesh = Mesh::with_table(&place, &[("a", None), ("b", None)], "type ip size 1k expire 10m");
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    nodes[1].api().set_servers(Mesh::TABLE, (0..200).map(source), 2);
    until("both have all", SOON, || nodes[0].api().used(Mesh::TABLE) == 200);
    let has_begun = |node: &Node| {
        node.log().contains("starting with what is here") || node.log().contains(": up to date")
    };
    until("none waits for its resync any more", 2 * SOON, || nodes.iter().all(has_begun));
    let declare = |words: &str| {
        let path = place.path("a.cfg");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.contains("stick-table") {
            true => format!("    stick-table {words} peers mesh\n"),
            false => format!("{line}\n"),
        });
        let text: String = lines.collect();
        std::fs::write(&path, text).unwrap();
        nodes[0].reload();
    };
    declare("type ip size 50 expire 10m");
    until("as many as fit", SOON, || nodes[0].api().used(Mesh::TABLE) == 50);
    declare("type ip size 1k expire 20m store gpc0");
    until("the others from the peer", SOON, || nodes[0].api().used(Mesh::TABLE) == 200);
    assert!(nodes[0].log().contains("is declared otherwise than before"), "{}", nodes[0].log());
    // And one that is as it was does not ask.
    let before = nodes[0].log().len();
    nodes[0].reload();
    Mesh::until_connected(&nodes[0], "b");
    assert!(!nodes[0].log()[before..].contains("asked for a full resync"));
    assert_eq!(nodes[0].api().used(Mesh::TABLE), 200);
}

#[test]
fn texts_and_bytes_of_another_length_are_converted() {
    let place = Place::new();
    let front = place.address();
    let body = |words: &str| {
        format!(
            "listen web\n    bind {front}\n    stick-table {words}\n    stick on src\n    \
             server s1 {front}\n"
        )
    };
    let words = "type string len 20 size 1k expire 10m";
    let node = Spec::new(&place, "a", &body(words)).reloadable().start();
    let api = node.api();
    api.command("set table web key abcdefghij data.server_id 1");
    api.command("set table web key abc data.server_id 1");
    node.spec().configure("", &body("type string len 5 size 2k expire 5m store gpc0"));
    node.reload();
    let keys: Vec<_> = api.table("web").into_keys().collect();
    assert_eq!(keys, ["abc", "abcde"]);
    assert!(api.remaining_ms("web").values().all(|left| *left <= 300_000));
    node.spec().configure("", &body("type string len 50 size 1k"));
    node.reload();
    let keys: Vec<_> = api.table("web").into_keys().collect();
    assert_eq!(keys, ["abc", "abcde"]);
}

#[test]
fn the_entries_that_are_handed_over_are_counted_once() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    // Sent and changed, each of them.
    node.api().set_servers("web", (0..100).map(source), 2);
    reload.go_on(&node);
    until("it is said", SOON, || node.log().contains("100 entries handed over"));
    assert!(node.log().contains("100 entries taken over"), "{}", node.log());
}

#[test]
fn a_section_that_is_not_started_is_not_up_to_date() {
    let place = Place::new();
    let (other, front) = (place.address(), place.address());
    let body = format!(
        "peers mesh\n    peer other {other}\nlisten web\n    bind {front}\n    \
         stick-table type ip size 1k peers mesh\n    stick on src\n    server s1 {front}\n"
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    assert!(node.log().contains("the section is not started"), "{}", node.log());
    node.reload();
    assert!(!node.log().contains("up to date"), "{}", node.log());
}

#[test]
fn nodes_that_are_reloaded_right_after_their_start_come_to_the_end_of_their_resync() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    // Neither can teach the other, and both wait for somebody who can: for 5 s in all, in which the
    // time of the reloads does not count.
    until("the search has ended in spite of the reloads", 3 * SOON, || {
        nodes.iter().for_each(Node::reload);
        let ended = "mesh: no peer to learn from; starting with what is here";
        nodes.iter().all(|node| node.log().contains(ended) || node.log().contains(": up to date"))
    });
    let before = nodes[0].log().len();
    nodes[0].reload();
    until("it has nothing to learn", SOON, || nodes[0].log()[before..].contains("up to date"));
}

#[test]
fn a_client_of_the_runtime_api_that_came_just_before_a_reload_is_answered() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let body =
        format!("listen web\n    bind {}\n    server s1 {}\n", place.address(), server.address());
    let node = Spec::new(&place, "a", &body).start();
    // The old process may already be gone when a busy machine lets this test go on, so one client
    // of several is enough. Without a wait for the first command no client is answered.
    let is_answered = |_| {
        let mut client = UnixStream::connect(node.api().path()).unwrap();
        client.set_read_timeout(Some(SOON)).unwrap();
        node.api().command("show version"); // the process has accepted the first client by now
        node.reload();
        let mut answer = String::new();
        client.write_all(b"show info\n").is_ok()
            && client.read_to_string(&mut answer).is_ok()
            && answer.contains("\nPid: ")
    };
    assert!((0..10).any(is_answered));
}
