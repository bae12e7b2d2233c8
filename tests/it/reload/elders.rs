//! What somebody who talks to the new process learns of the connections of older processes, and
//! does to them.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;

use crate::support::{Node, Place, SOON, Server, Spec, connect_from, send, source, until};

struct Bench {
    _server: Server,
    front: SocketAddr,
    node: Node,
}

impl Bench {
    fn new(place: &Place) -> Self {
        let server = Server::echo(place.address());
        let front = place.address();
        let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
        let node = Spec::new(place, "a", &body).reloadable().start();
        Self { _server: server, front, node }
    }

    /// A connection that a server has.
    fn client(&self, number: u32) -> TcpStream {
        let mut stream = connect_from(source(number), self.front).unwrap();
        says(&mut stream, b"hello");
        stream
    }

    /// Reloads, and waits until the new process hears the old one. Returns the old one's id.
    fn reload(&self) -> i32 {
        let old = self.node.pid();
        self.node.reload();
        until("the new process hears the old one", SOON, || !self.of(old).is_empty());
        old
    }

    /// The lines of `show sess` about clients.
    fn sessions(&self) -> Vec<String> {
        let answer = self.node.api().command("show sess");
        answer.lines().filter(|line| line.contains("src=127.1.")).map(str::to_owned).collect()
    }

    /// Those of them that an older process has.
    fn of(&self, pid: i32) -> Vec<String> {
        let end = format!(" pid={pid}");
        self.sessions().into_iter().filter(|line| line.ends_with(&end)).collect()
    }

    fn figure(&self, field: &str) -> u64 {
        self.node.api().stat("web", "FRONTEND", field).parse().unwrap()
    }
}

fn says(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.read_exact(&mut vec![0; bytes.len()]).unwrap();
}

fn id_of(line: &str) -> &str {
    line.split(':').next().unwrap()
}

#[test]
fn the_connections_of_all_processes_are_shown() {
    let place = Place::new();
    let bench = Bench::new(&place);
    // More than one page of lines.
    let many: Vec<_> = (0..100).map(|n| bench.client(n)).collect();
    let before: HashSet<String> =
        bench.sessions().iter().map(|line| id_of(line).to_owned()).collect();
    assert_eq!(before.len(), 100);
    let first = bench.reload();
    let _next = bench.client(200);
    let second = bench.reload();
    let _last = bench.client(300);
    let all = bench.sessions();
    let ids: HashSet<&str> = all.iter().map(|line| id_of(line)).collect();
    assert_eq!((all.len(), ids.len()), (102, 102), "each has an id of its own");
    assert!(before.iter().all(|id| ids.contains(id.as_str())), "an id stays");
    assert_eq!(bench.of(first).len(), 100);
    let of_second = bench.of(second);
    assert!(of_second.len() == 1 && of_second[0].contains(&format!("src={}:", source(200))));
    assert_eq!(all.iter().filter(|line| !line.contains(" pid=")).count(), 1, "its own");

    let asked = bench.node.api().command(&format!("show sess {}", id_of(&of_second[0])));
    assert!(asked.contains(&format!("src={}:", source(200))) && asked.contains(" pid="), "{asked}");
    assert_eq!(asked.trim().lines().count(), 1);
    drop(many);
    until("the first process has ended", SOON, || bench.sessions().len() == 2);
}

#[test]
fn a_connection_of_an_older_process_can_be_ended() {
    let place = Place::new();
    let bench = Bench::new(&place);
    let mut clients: Vec<_> = (0..3).map(|n| bench.client(n)).collect();
    let old = bench.reload();
    let mut own = bench.client(10);
    let line = bench.of(old).into_iter().find(|line| line.contains(&format!("{}:", source(1))));
    let id = id_of(line.as_deref().unwrap()).to_owned();
    let api = bench.node.api();
    assert_eq!(api.command(&format!("shutdown session {id}")).trim(), "");
    assert!(matches!(clients[1].read(&mut [0]), Ok(0) | Err(_)));
    says(&mut clients[0], b"still there");
    let again = api.command(&format!("shutdown session {id}"));
    assert_eq!(again.trim(), "No such session (use 'show sess').");
    assert_eq!(api.command(&format!("show sess {id}")).trim(), "Session not found.");

    says(&mut own, b"still there");
    assert_eq!(api.command("shutdown sessions server web/s1").trim(), "");
    for mut client in clients.drain(..).step_by(2).chain([own]) {
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    }
    until("no connection is left", SOON, || bench.sessions().is_empty());
}

#[test]
fn a_process_that_stands_still_holds_up_nobody() {
    let place = Place::new();
    let bench = Bench::new(&place);
    let _client = bench.client(0);
    let old = bench.reload();
    let _own = bench.client(1);
    send(old, Signal::SIGSTOP);
    let shown = bench.sessions();
    assert_eq!(shown.len(), 1, "those of the process that serves: {shown:?}");
    assert!(bench.node.log().contains("show sess: the process of generation 1 does not answer"));
    send(old, Signal::SIGCONT);
    until("it answers again", SOON, || bench.sessions().len() == 2);
}

#[test]
fn nothing_comes_back_after_counters_were_cleared() {
    let place = Place::new();
    let bench = Bench::new(&place);
    let mut client = bench.client(0);
    let old = bench.reload();
    says(&mut client, &[b'x'; 1000]);
    // The old process has counted the bytes, and tells once a second what it has counted.
    until("the bytes are told", SOON, || bench.figure("bin") >= 1005);
    says(&mut client, &[b'x'; 500]);
    send(old, Signal::SIGSTOP); // what it has counted is certainly not told before
    bench.node.api().command("clear counters all");
    send(old, Signal::SIGCONT);
    until("it has heard what it was asked", SOON, || !bench.of(old).is_empty());
    says(&mut client, &[b'x'; 7]);
    until("what is counted since then is told", SOON, || bench.figure("bin") > 0);
    assert_eq!(bench.figure("bin"), 7);
}
