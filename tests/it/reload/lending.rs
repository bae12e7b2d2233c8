//! A large table passes to the next process with its memory. What the old process still needs of
//! the table, it finds there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use crate::support::{Node, Place, SOON, Server, Spec, ask, connect_from, is_alive, source, until};

const ENTRIES: u32 = 20_000;

/// Servers `s1` to `s3`, and a table that is large enough to be lent.
struct Bench {
    _servers: Vec<Server>,
    front: SocketAddr,
    node: Node,
}

impl Bench {
    fn new(place: &Place, lines: &str, words: &[&str]) -> Self {
        let servers: Vec<_> =
            (1..=3).map(|n| Server::greeting_echo(place.address(), &format!("s{n}"))).collect();
        let front = place.address();
        let mut body = format!(
            "listen web\n    bind {front}\n    balance roundrobin\n    stick-table type ip size \
             100k expire 10m store conn_cur\n    stick on src\n{lines}"
        );
        for (number, server) in (1..).zip(&servers) {
            body.push_str(&format!("    server s{number} {}\n", server.address()));
        }
        let node = Spec::new(place, "a", &body).reloadable().arguments(words).start();
        node.api().set_servers("web", (0..ENTRIES).map(source), 2);
        Self { _servers: servers, front, node }
    }

    /// The process that serves, and the files of its tables' rows, by their numbers.
    fn rows(&self) -> (i32, Vec<String>) {
        let pid: i32 = self.node.api().info("Pid").parse().unwrap();
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let files = maps.lines().filter(|line| line.contains("memfd:stickd-table"));
        let mut inodes: Vec<_> =
            files.filter_map(|line| line.split_whitespace().nth(4)).map(str::to_owned).collect();
        inodes.sort();
        inodes.dedup();
        (pid, inodes)
    }

    /// Reloads, and returns the process that served before.
    fn reload(&self) -> i32 {
        let old = self.node.api().info("Pid").parse().unwrap();
        let said = self.node.api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
        assert!(said.contains(&format!("\nEntries: {}\n", self.node.api().used("web"))), "{said}");
        old
    }
}

/// What a connection says first: the name of its server.
fn name(stream: &mut TcpStream) -> String {
    let mut name = [0; 2];
    stream.read_exact(&mut name).unwrap();
    String::from_utf8_lossy(&name).into_owned()
}

/// A line of the Runtime API on a connection that stays open.
fn says(stream: &mut UnixStream, line: &str) -> String {
    writeln!(stream, "{line}").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n> ") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn the_next_process_has_the_same_memory_again_and_again() {
    for words in [&[][..], &["-W"]] {
        let place = Place::new();
        let bench = Bench::new(&place, "", words);
        let (first, rows) = bench.rows();
        assert!(!rows.is_empty());
        for client in 1..4 {
            let old = bench.reload();
            let (now, kept) = bench.rows();
            assert_ne!(now, first);
            // The memory that is used, and no other that was made beside it.
            assert_eq!(kept, rows, "{words:?}");
            until("the old process has ended", SOON, || !is_alive(old));
            assert_eq!(ask(source(client * 1000), bench.front).unwrap(), "s2");
            assert!(ask(source(ENTRIES + client), bench.front).is_ok());
            assert_eq!(bench.node.api().used("web"), (ENTRIES + client) as usize);
        }
    }
}

#[test]
fn a_table_that_is_declared_otherwise_is_taught() {
    let place = Place::new();
    let bench = Bench::new(&place, "", &[]);
    let (_, rows) = bench.rows();
    let config = bench.node.spec().config();
    let text = std::fs::read_to_string(config).unwrap();
    std::fs::write(config, text.replace("size 100k", "size 120k")).unwrap();
    bench.reload();
    let (_, other) = bench.rows();
    assert!(other.iter().all(|row| !rows.contains(row)));
    assert_eq!(bench.node.api().used("web"), ENTRIES as usize);
    assert_eq!(ask(source(77), bench.front).unwrap(), "s2");
}

#[test]
fn clients_of_the_old_process_find_what_the_new_one_knows() {
    let place = Place::new();
    let inspects = "    tcp-request inspect-delay 1m\n    tcp-request content accept if { req.len \
                    gt 0 }\n";
    let bench = Bench::new(&place, inspects, &[]);
    let mut known = connect_from(source(77), bench.front).unwrap();
    let mut later = connect_from(source(ENTRIES + 1), bench.front).unwrap();
    until("both are inspected", SOON, || {
        bench.node.api().command("show sess").matches("src=").count() >= 2
    });
    let old = bench.reload();
    bench.node.api().set_servers("web", [source(ENTRIES + 1)].into_iter(), 3);
    assert!(is_alive(old));
    for (stream, server) in [(&mut known, "s2"), (&mut later, "s3")] {
        stream.write_all(b"x").unwrap();
        assert_eq!(name(stream), server);
    }
}

#[test]
fn each_process_counts_the_connections_that_it_has_in_their_entries() {
    let place = Place::new();
    let bench = Bench::new(&place, "    tcp-request connection track-sc0 src\n", &[]);
    let current = || {
        let shown = bench.node.api().command(&format!("show table web key {}", source(5)));
        let (_, counted) = shown.split_once("conn_cur=").unwrap();
        counted.split_whitespace().next().unwrap().to_owned()
    };
    let connect = || {
        let mut stream = connect_from(source(5), bench.front).unwrap();
        assert_eq!(name(&mut stream), "s2");
        stream
    };
    let (first, second) = (connect(), connect());
    assert_eq!(current(), "2");
    bench.reload();
    assert_eq!(current(), "0");
    let third = connect();
    assert_eq!(current(), "1");
    let old = bench.reload();
    assert_eq!(current(), "0");
    let fourth = connect();
    [first, second, third].into_iter().for_each(drop);
    until("the old process has ended", SOON, || !is_alive(old));
    assert_eq!(current(), "1");
    drop(fourth);
    until("the end is counted", SOON, || current() == "0");
}

#[test]
fn a_client_of_the_old_process_reads_the_table_that_there_is() {
    let place = Place::new();
    let bench = Bench::new(&place, "", &[]);
    let mut open = UnixStream::connect(bench.node.api().path()).unwrap();
    says(&mut open, "prompt");
    let count = |shown: &str| shown.matches(": key=").count();
    let held = connect_from(source(1), bench.front).unwrap();
    bench.reload();
    assert!(ask(source(ENTRIES + 1), bench.front).is_ok());
    let shown = says(&mut open, "show table web");
    assert!(shown.contains(&format!("used:{ENTRIES}\n")), "{}", &shown[..80]);
    assert_eq!(count(&shown), ENTRIES as usize + 1);
    let one = says(&mut open, &format!("show table web key {}", source(77)));
    assert!(one.contains("server_id=2"), "{one}");
    let refused = says(&mut open, &format!("set table web key {} data.server_id 3", source(78)));
    assert!(refused.starts_with("A new process serves"), "{refused}");
    drop(held);
}
