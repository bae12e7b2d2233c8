//! A process that has handed over still decides for its own clients. Its successor learns these
//! decisions, so the next connections of these clients go to the same servers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Held, Mesh, Node, Place, SOON, Server, Spec, connect_from, is_alive, source, until,
};

/// Servers `s1` to `s3` and a frontend with a table. `lines` come before the servers, which may
/// have other addresses.
struct Bench {
    _servers: Vec<Server>,
    front: SocketAddr,
    node: Node,
}

impl Bench {
    fn new(place: &Place, lines: &str, other: &[SocketAddr], words: &str) -> Self {
        let servers: Vec<_> =
            (1..=3).map(|n| Server::greeting_echo(place.address(), &format!("s{n}"))).collect();
        let front = place.address();
        let mut body = format!(
            "listen web\n    bind {front}\n    stick-table type ip size 1k expire 10m\n    \
             stick on src\n{lines}"
        );
        let own = servers.iter().map(Server::address);
        let addresses: Vec<_> = other.iter().copied().chain(own.skip(other.len())).collect();
        for (number, address) in (1..).zip(addresses) {
            body.push_str(&format!("    server s{number} {address} {words}\n"));
        }
        let node = Spec::new(place, "a", &body).reloadable().start();
        Self { _servers: servers, front, node }
    }

    /// Opens connections for these clients, which then wait.
    fn waiting(&self, clients: std::ops::Range<u32>, state: &str) -> Vec<(u32, TcpStream)> {
        let count = clients.len();
        let open: Vec<_> =
            clients.map(|n| (n, connect_from(source(n), self.front).unwrap())).collect();
        until(&format!("{count} clients are {state}"), SOON, || {
            let sessions = self.node.api().command("show sess");
            let is_own = |line: &&str| line.contains("src=") && !line.contains(" pid=");
            sessions.lines().filter(is_own).count() >= count
        });
        open
    }

    /// Reloads and waits until the old process knows that the new process serves.
    fn reload(&self) {
        let before = self.node.log().len();
        self.node.reload();
        until("the old process drains", SOON, || {
            self.node.log()[before..].contains(" serves as generation ")
        });
    }

    /// Connects once more for each client and expects the client's server.
    #[track_caller]
    fn assert_same(&self, had: &[(u32, String)], says: &[u8]) {
        // In another order than before: taking turns from the start must not do by chance.
        let mut shuffled: Vec<_> = had.iter().collect();
        shuffled.sort_by_key(|(client, _)| client * 7 % 31);
        for (client, name) in shuffled {
            let mut again = connect_from(source(*client), self.front).unwrap();
            again.write_all(says).unwrap();
            assert_eq!(line(&mut again), *name, "client {client} of {had:?}");
        }
    }
}

/// The name that a server sends.
#[track_caller]
fn line(stream: &mut TcpStream) -> String {
    let mut name = [0; 3];
    stream.read_exact(&mut name).unwrap();
    String::from_utf8_lossy(&name).trim().to_owned()
}

/// Sends `says` for each client and returns the names of the servers that answer.
fn names(clients: &mut [(u32, TcpStream)], says: &[u8]) -> Vec<(u32, String)> {
    let named = clients.iter_mut().map(|(client, stream)| {
        stream.write_all(says).unwrap();
        (*client, line(stream))
    });
    named.collect()
}

const INSPECTS: &str = "    tcp-request inspect-delay 1m\n    \
                        tcp-request content accept if { req.len gt 0 }\n";

#[test]
fn clients_that_rules_still_decide_about_keep_their_server() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut clients = bench.waiting(0..20, "inspected");
    bench.node.reload();
    let had = names(&mut clients, b"x");
    bench.assert_same(&had, b"x");
}

#[test]
fn clients_that_come_back_at_once_find_what_the_old_process_has_decided() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut clients = bench.waiting(0..20, "inspected");
    bench.node.reload();
    // The new process finds what the old one tells and the clients' new connections together.
    let new = Pid::from_raw(bench.node.pid());
    kill(new, Signal::SIGSTOP).unwrap();
    let had = names(&mut clients, b"x");
    let again = had.iter().rev().map(|(client, _)| {
        let mut stream = connect_from(source(*client), bench.front).unwrap();
        stream.write_all(b"x").unwrap();
        (*client, stream)
    });
    let mut again: Vec<_> = again.collect();
    kill(new, Signal::SIGCONT).unwrap();
    let expected: Vec<_> = had.iter().rev().cloned().collect();
    assert_eq!(names(&mut again, b""), expected);
}

#[test]
fn clients_that_wait_for_a_place_keep_their_server() {
    let place = Place::new();
    let bench = Bench::new(&place, "    timeout queue 1m\n", &[], "maxconn 1");
    let holding = bench.waiting(100..103, "there");
    let clients = bench.waiting(0..12, "queued");
    bench.node.reload();
    drop(holding);
    let mut had = Vec::new();
    for (client, mut stream) in clients {
        // It is over at once, which makes room for the next.
        had.push((client, line(&mut stream)));
    }
    until("the old process has told it", SOON, || bench.node.api().used("web") == 15);
    bench.assert_same(&had, b"");
}

#[test]
fn clients_whose_server_refuses_them_keep_the_one_that_they_are_moved_to() {
    let place = Place::new();
    let gone = place.address();
    let _held = Held::refusing(gone);
    let lines = "    retries 2\n    option redispatch\n    balance roundrobin\n";
    let bench = Bench::new(&place, lines, &[gone], "");
    // Their own server is tried again and again, a second apart.
    bench.node.api().set_servers("web", (0..10).map(source), 1);
    let mut clients = bench.waiting(0..10, "there");
    bench.node.reload();
    let had = names(&mut clients, b"");
    assert!(had.iter().all(|(_, name)| name != "s1"), "{had:?}");
    bench.assert_same(&had, b"");
    let ids = bench.node.api().server_ids("web");
    assert!(had.iter().all(|(n, name)| format!("s{}", ids[&source(*n)]) == *name), "{had:?}");
}

#[test]
fn clients_whose_server_does_not_answer_keep_the_one_that_they_are_moved_to() {
    let place = Place::new();
    let gone = place.address();
    let _held = Held::unanswering(gone);
    let lines = "    retries 1\n    timeout connect 1500ms\n    option redispatch\n    \
                 balance roundrobin\n";
    let bench = Bench::new(&place, lines, &[gone], "");
    let mut clients = bench.waiting(0..30, "there");
    bench.node.reload();
    let had = names(&mut clients, b"");
    let ids = bench.node.api().server_ids("web");
    assert!(had.iter().all(|(n, name)| format!("s{}", ids[&source(*n)]) == *name), "{had:?}");
}

#[test]
fn the_entry_of_a_client_that_could_not_be_served_is_taken_back() {
    let place = Place::new();
    let gone = [place.address(), place.address(), place.address()];
    let _held = gone.map(Held::unanswering);
    let lines = "    retries 0\n    timeout connect 5s\n";
    let bench = Bench::new(&place, lines, &gone, "");
    let mut clients = bench.waiting(0..3, "connecting");
    until("they are remembered", SOON, || bench.node.api().used("web") == 3);
    bench.node.reload();
    assert_eq!(bench.node.api().used("web"), 3);
    for (_, stream) in &mut clients {
        // Closed or reset, whichever.
        assert!(!stream.read(&mut [0]).is_ok_and(|len| len > 0));
    }
    until("the successor has forgotten them", SOON, || bench.node.api().used("web") == 0);
}

#[test]
fn what_an_old_process_decides_passes_through_every_reload_that_follows() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut first = bench.waiting(0..10, "inspected");
    let oldest = bench.node.pid();
    bench.node.reload();
    let mut second = bench.waiting(10..20, "inspected by the second process");
    bench.node.reload();
    let third = bench.node.pid();
    bench.node.reload();
    until("a process without connections has ended", SOON, || !is_alive(third));
    assert!(is_alive(oldest));
    let mut had = names(&mut first[..5], b"x");
    had.extend(names(&mut second[..5], b"x"));
    bench.assert_same(&had, b"x");
    bench.node.reload();
    let mut had = names(&mut first[5..], b"x");
    had.extend(names(&mut second[5..], b"x"));
    bench.assert_same(&had, b"x");
    drop((first, second));
    until("the oldest process has ended", SOON, || !is_alive(oldest));
    assert_eq!(bench.node.api().used("web"), 20);
}

#[test]
fn a_process_that_waits_to_be_asked_by_hand_is_heard_as_well() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut clients = bench.waiting(0..10, "inspected");
    bench.node.reload();
    let serving = bench.node.pid();
    let next = bench.node.spec().clone().arguments(&["-sf", &serving.to_string()]).start_unready();
    until("it serves", SOON, || bench.node.pid_in_file() == Some(next.first_pid()));
    let had = names(&mut clients, b"x");
    bench.assert_same(&had, b"x");
}

#[test]
fn an_entry_that_the_successor_has_decided_stands() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut clients = bench.waiting(0..10, "inspected");
    bench.node.reload();
    let mut newer: Vec<_> =
        (0..10).map(|n| (n, connect_from(source(n), bench.front).unwrap())).collect();
    newer.rotate_left(1); // so that they are not given the servers in the same order
    let had = names(&mut newer, b"x");
    names(&mut clients, b"x");
    drop(clients);
    bench.assert_same(&had, b"x");
}

#[test]
fn what_connections_count_behind_a_reload_arrives() {
    let place = Place::new();
    let lines = "    tcp-request connection track-sc0 src table counts\n";
    let bench = Bench::new(&place, "", &[], "");
    let mut body = std::fs::read_to_string(place.path("a.cfg")).unwrap();
    body = body.replace("    stick on src\n", &format!("    stick on src\n{lines}"));
    body += "backend counts\n    stick-table type ip size 1k store conn_cnt,bytes_in_cnt\n";
    std::fs::write(place.path("a.cfg"), body).unwrap();
    bench.node.reload();
    let entry = |field: &str| {
        let table = bench.node.api().table("counts");
        table.get(&source(1).to_string()).map(|entry| entry[field].clone())
    };
    let count = |what| entry(what).unwrap_or_default();
    let mut open = bench.waiting(1..2, "there");
    bench.node.reload();
    assert_eq!((count("conn_cnt"), count("bytes_in_cnt")), ("1".to_owned(), "0".to_owned()));
    open[0].1.write_all(&[b'x'; 5000]).unwrap();
    open[0].1.read_exact(&mut [0; 5003]).unwrap();
    drop(open);
    until("the old process has told it", SOON, || count("bytes_in_cnt") == "5000");
    // The successor's own count goes on from there, and an older process does not undo it.
    let mut open = bench.waiting(1..2, "there");
    bench.node.reload();
    let more = bench.waiting(1..3, "there");
    assert_eq!(count("conn_cnt"), "3");
    open[0].1.write_all(&[b'x'; 1000]).unwrap();
    open[0].1.read_exact(&mut [0; 1003]).unwrap();
    drop(open);
    until("the greater count stands", SOON, || count("bytes_in_cnt") == "6000");
    assert_eq!(count("conn_cnt"), "3");
    drop(more);
}

#[test]
fn old_and_new_process_outlive_each_others_crash() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let clients = bench.waiting(0..3, "inspected");
    let old = bench.node.pid();
    bench.reload();
    let mut others = bench.waiting(3..6, "inspected");
    kill(Pid::from_raw(old), Signal::SIGKILL).unwrap();
    until("the old process is gone", SOON, || bench.node.log().contains("has ended"));
    drop(clients);
    let second = bench.node.pid();
    bench.reload();
    let third = bench.node.pid();
    kill(Pid::from_raw(third), Signal::SIGKILL).unwrap();
    let said = || bench.node.log().contains("told nothing any more");
    until("the second process sees that", SOON, said);
    let had = names(&mut others, b"x");
    assert_eq!(had.len(), 3);
    drop(others);
    until("the second process ends", SOON, || !is_alive(second));
}

#[test]
fn a_successor_that_does_not_read_does_not_keep_an_old_process() {
    let place = Place::new();
    let bench = Bench::new(&place, INSPECTS, &[], "");
    let mut clients = bench.waiting(0..3, "inspected");
    let old = bench.node.pid();
    bench.reload();
    let new = bench.node.pid();
    kill(Pid::from_raw(new), Signal::SIGSTOP).unwrap();
    names(&mut clients, b"x");
    drop(clients);
    until("the old process ends", SOON, || !is_alive(old));
    kill(Pid::from_raw(new), Signal::SIGCONT).unwrap();
    until("the new process has read it", SOON, || bench.node.api().used("web") == 3);
}

#[test]
fn what_an_old_process_decides_reaches_the_peers() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    let path = place.path("a.cfg");
    let body = std::fs::read_to_string(&path).unwrap();
    let body = body.replace("    stick on src\n", &format!("    stick on src\n{INSPECTS}"));
    std::fs::write(&path, body).unwrap();
    nodes[0].reload();
    let mut clients: Vec<_> =
        (0..5).map(|n| (n, connect_from(source(n), mesh.fronts[0]).unwrap())).collect();
    until("they wait", SOON, || nodes[0].api().info("CurrConns") == "5");
    nodes[0].reload();
    names(&mut clients, b"x");
    until("the other node knows them", SOON, || nodes[1].api().used(Mesh::TABLE) == 5);
    assert_eq!(nodes[0].api().server_ids(Mesh::TABLE), nodes[1].api().server_ids(Mesh::TABLE));
}

#[test]
fn what_a_server_sends_behind_a_reload_is_stored() {
    let place = Place::new();
    let server = Server::echo(place.address());
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type string len 8 size 1k\n    \
         tcp-response inspect-delay 60s\n    \
         tcp-response content accept if {{ res.len ge 4 }}\n    \
         stick store-response res.payload(0,4)\n    server s1 {}\n",
        server.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let mut client = connect_from(source(1), front).unwrap();
    until("the server is reached", SOON, || node.api().stat("web", "s1", "scur") == "1");
    node.reload();
    client.write_all(b"key1").unwrap();
    let mut back = [0; 4];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"key1");
    until("the new process knows the key", SOON, || node.api().table("web").contains_key("key1"));
}
