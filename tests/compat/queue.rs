//! Limits of servers and queues: which clients wait in which queue, in which order they go on, the
//! figures in `show stat` and the log, and the servers of redispatched clients.

use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{
    Flavour, Held, Node, Place, SOON, Server, connect_from, pause, source, until,
};
use crate::{flavours, start};

/// A client, and whether the server has sent its name.
struct Client(TcpStream);

impl Client {
    /// Connects, and returns when the connection is counted.
    fn new(number: u32, front: SocketAddr, node: &Node) -> Self {
        let total = || node.api().stat("l", "FRONTEND", "stot").parse::<u32>().unwrap();
        let before = total();
        let stream = connect_from(source(number), front).unwrap();
        until("the client is taken in", SOON, || total() > before);
        Self(stream)
    }

    /// The name of the client's server; `-` if the client waits, `x` if it was closed.
    fn state(&self) -> &'static str {
        self.0.set_nonblocking(true).unwrap();
        let mut name = [0];
        let peeked = self.0.peek(&mut name);
        self.0.set_nonblocking(false).unwrap();
        match (peeked, name) {
            (Ok(1), [b'a']) => "a",
            (Ok(1), _) => "b",
            (Err(error), _) if error.kind() == std::io::ErrorKind::WouldBlock => "-",
            (Ok(_) | Err(_), _) => "x",
        }
    }
}

impl Drop for Client {
    // Unread bytes would turn the end into a reset.
    fn drop(&mut self) {
        self.0.set_nonblocking(true).unwrap();
        let _ = self.0.read(&mut [0; 64]);
    }
}

/// A `listen` section `l` with the servers `a` and `b`. The words after the servers' addresses are
/// given; a server without words is left out.
struct Story {
    node: Node,
    front: SocketAddr,
    log: UdpSocket,
    _servers: [Server; 2],
    _place: Place,
}

impl Story {
    fn new(flavour: Flavour, lines: &str, a: &str, b: Option<&str>) -> Self {
        let place = Place::new();
        let servers = ["a", "b"].map(|name| Server::greeting_echo(place.address(), name));
        let [at_a, at_b] = servers.each_ref().map(Server::address);
        let front = place.address();
        let log = place.log_receiver();
        let global = format!("log {} local0", log.local_addr().unwrap());
        let b = b.map_or(String::new(), |words| format!("    server b {at_b} {words}\n"));
        let body = format!(
            "listen l\n    bind {front}\n    log global\n    option tcplog\n    \
             timeout queue 60s\n    {lines}\n    server a {at_a} {a}\n{b}"
        );
        let node = start(flavour, &place, &global, &body);
        Self { node, front, log, _servers: servers, _place: place }
    }

    fn clients(&self, numbers: std::ops::Range<u32>) -> Vec<Client> {
        numbers.map(|number| Client::new(number, self.front, &self.node)).collect()
    }

    fn stat(&self, row: &str, fields: &[&str]) -> Vec<String> {
        fields.iter().map(|field| self.node.api().stat("l", row, field)).collect()
    }

    /// From the next log line: the server, whether the connection waited and was connected, how it
    /// ended, the counts of connections, and the places in the queues.
    fn logged(&self) -> String {
        let mut buffer = [0; 4096];
        loop {
            let count = self.log.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let Some((_, rest)) = line.split_once("] l l/") else { continue };
            let mut words = rest.split_whitespace();
            let server = words.next().unwrap();
            let times: Vec<&str> = words
                .next()
                .unwrap()
                .split('/')
                .map(|t| if t == "-1" { "-1" } else { "n" })
                .collect();
            let mut rest: Vec<String> = words.skip(1).map(str::to_owned).collect();
            // A thread of HAProxy may have given the server's place to the next one already.
            let mut counts: Vec<&str> = rest[1].split('/').collect();
            counts.remove(3);
            rest[1] = counts.join("/");
            return format!("{server} {} {}", times[..2].join("/"), rest.join(" "));
        }
    }
}

fn states(clients: &[Client]) -> Vec<&'static str> {
    clients.iter().map(Client::state).collect()
}

/// Waits until the clients are in these states, and looks whether they stay there.
#[track_caller]
fn expect_states(flavour: Flavour, clients: &[Client], expected: &[&str]) {
    let what = format!("{flavour:?}: {expected:?}, not {:?}", states(clients));
    until(&what, SOON, || states(clients) == expected);
    pause(Duration::from_millis(50));
    assert_eq!(states(clients), expected, "{flavour:?}");
}

#[test]
fn clients_wait_for_any_server_in_the_order_in_which_they_came() {
    for flavour in flavours() {
        // Long enough for all that is done before the last one is given up.
        let story = Story::new(flavour, "timeout queue 4s", "maxconn 1", None);
        let mut clients = story.clients(0..4);
        expect_states(flavour, &clients, &["a", "-", "-", "-"]);
        let fields = ["qcur", "qmax", "scur", "slim", "qlimit"];
        assert_eq!(story.stat("a", &fields), ["0", "0", "1", "1", ""], "{flavour:?}");
        assert_eq!(story.stat("BACKEND", &fields[..3]), ["3", "3", "4"], "{flavour:?}");
        drop(clients.remove(0));
        until("the next one goes", SOON, || clients[0].state() == "a");
        drop(clients.remove(1));
        until("all late ones are gone", SOON, || states(&clients) == ["a", "x"]);
        drop(clients);
        let lines: Vec<_> = (0..4).map(|_| story.logged()).collect();
        let expected = [
            "a n/n -- 4/4/3/0 0/0",
            "<NOSRV> n/-1 CQ 3/3/2/0 0/2",
            "<NOSRV> n/-1 sQ 2/2/1/0 0/2",
            "a n/n -- 1/1/0/0 0/1",
        ];
        assert_eq!(lines, expected, "{flavour:?}");
        let fields = ["econ", "qcur", "qmax", "lbtot"];
        assert_eq!(story.stat("BACKEND", &fields), ["1", "0", "3", "1"], "{flavour:?}");
    }
}

#[test]
fn a_hashed_client_waits_for_its_own_server_and_is_refused_when_the_queue_is_full() {
    for flavour in flavours() {
        let story = Story::new(flavour, "balance source", "maxconn 1 maxqueue 1", None);
        let mut clients = story.clients(0..3);
        expect_states(flavour, &clients, &["a", "-", "x"]);
        assert_eq!(story.logged(), "a -1/-1 SQ 3/3/2/0 0/0", "{flavour:?}");
        let fields = ["qcur", "qmax", "qlimit", "econ"];
        assert_eq!(story.stat("a", &fields), ["1", "1", "1", "1"], "{flavour:?}");
        drop(clients.remove(0));
        until("the next one goes", SOON, || clients[0].state() == "a");
        assert_eq!(story.logged(), "a n/n -- 2/2/1/0 0/0", "{flavour:?}");
        drop(clients);
        assert_eq!(story.logged(), "a n/n -- 1/1/0/0 1/0", "{flavour:?}");
    }
}

#[test]
fn the_limit_grows_with_the_load_between_minconn_and_maxconn() {
    for flavour in flavours() {
        let story = Story::new(flavour, "fullconn 8", "minconn 1 maxconn 4", None);
        let clients = story.clients(0..6);
        // Of 8 connections 6: three quarters of maxconn.
        until("the first is served", SOON, || states(&clients)[..3] == ["a", "-", "-"]);
        let scur = story.stat("a", &["scur", "slim"]);
        let backend = story.stat("BACKEND", &["slim"]);
        assert_eq!((scur[1].as_str(), backend[0].as_str()), ("4", "8"), "{flavour:?}");
        let alone = Story::new(flavour, "", "minconn 2", None);
        expect_states(flavour, &alone.clients(0..3), &["a", "a", "-"]);
    }
}

#[test]
fn a_stored_client_waits_for_its_server_or_moves_on() {
    let stick = "stick-table type ip size 10\n    stick on src";
    for flavour in flavours() {
        let redispatch = format!("{stick}\n    option redispatch");
        let story = Story::new(flavour, &redispatch, "maxconn 1 maxqueue 1", Some("maxconn 1"));
        let same = || Client::new(1, story.front, &story.node);
        let clients = [same(), same(), same(), same()];
        expect_states(flavour, &clients, &["a", "-", "b", "-"]);
        assert_eq!(story.stat("a", &["qcur", "wredis"]), ["1", "1"], "{flavour:?}");
        assert_eq!(story.stat("b", &["qcur", "wredis"]), ["1", "0"], "{flavour:?}");
        let strict = Story::new(flavour, stick, "maxconn 1 maxqueue 1", Some("maxconn 1"));
        let same = || Client::new(1, strict.front, &strict.node);
        let clients = [same(), same(), same()];
        expect_states(flavour, &clients, &["a", "-", "x"]);
    }
}

#[test]
fn a_full_server_is_passed_over() {
    for flavour in flavours() {
        let story = Story::new(flavour, "", "maxconn 1", Some(""));
        let clients = story.clients(0..4);
        expect_states(flavour, &clients, &["a", "b", "b", "b"]);
        let first = Story::new(flavour, "balance first", "maxconn 2", Some(""));
        let clients = first.clients(0..4);
        expect_states(flavour, &clients, &["a", "a", "b", "b"]);
    }
}

#[test]
fn retries_and_redispatches_are_counted_alike() {
    for (interval, retries) in
        [("", 3), ("-2", 4), ("1", 2), ("2", 5), ("3", 4), ("0", 2), ("-5", 3), ("10", 1)]
    {
        let found = flavours().into_iter().map(|flavour| {
            let place = Place::new();
            let held = [place.address(), place.address()]
                .map(|address| (address, Held::refusing(address)));
            let front = place.address();
            let body = format!(
                "listen l\n    bind {front}\n    balance leastconn\n    timeout connect 20ms\n    \
                 retries {retries}\n    option redispatch {interval}\n    \
                 stick-table type ip size 10\n    stick on src\n    server a {}\n    server b {}",
                held[0].0, held[1].0
            );
            let node = start(flavour, &place, "", &body);
            node.api().set_servers("l", std::iter::once(source(1)), 1);
            let mut stream = connect_from(source(1), front).unwrap();
            let _ = stream.read(&mut [0]);
            let stat = |row| ["wretr", "wredis", "econ"].map(|f| node.api().stat("l", row, f));
            until("it is over", SOON, || node.api().stat("l", "BACKEND", "scur") == "0");
            ["a", "b", "BACKEND"].map(stat)
        });
        let found: Vec<_> = found.collect();
        for other in &found {
            assert_eq!(found[0], *other, "option redispatch {interval}, {retries} retries");
        }
    }
}

#[test]
fn more_clients_than_the_rate_allows_come_in_later() {
    for flavour in flavours() {
        let story = Story::new(flavour, "rate-limit sessions 3", "", None);
        let began = Instant::now();
        let clients: Vec<_> =
            (0..12).map(|n| Client(connect_from(source(n), story.front).unwrap())).collect();
        let served = |clients: &[Client]| clients.iter().filter(|c| c.state() == "a").count();
        until("the first ones are served", SOON, || served(&clients) >= 3);
        pause(Duration::from_millis(100));
        let at_once = served(&clients);
        let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
        // The threads of HAProxy let more in at first.
        let most = if flavour == Flavour::Stickd { 4 } else { 11 };
        assert!(at_once <= most + 3 * seconds, "{flavour:?}: {at_once} within {seconds} s");
        assert_eq!(story.stat("FRONTEND", &["rate_lim"]), ["3"], "{flavour:?}");
        until("the others come in", SOON, || served(&clients) == 12);
    }
}

#[test]
fn a_stored_client_goes_to_a_server_in_maintenance_only_with_option_persist() {
    let stick = "stick-table type ip size 10\n    stick on src";
    for flavour in flavours() {
        for (line, expected) in [("option persist", "a"), ("no option persist", "b")] {
            let story = Story::new(flavour, &format!("{stick}\n    {line}"), "disabled", Some(""));
            story.node.api().set_servers("l", std::iter::once(source(1)), 1);
            let client = Client::new(1, story.front, &story.node);
            let stranger = Client::new(2, story.front, &story.node);
            expect_states(flavour, &[client, stranger], &[expected, "b"]);
        }
    }
}

/// The log lines of clients of a server that takes one at a time, in the order in which they were
/// served: the last number of the client's address, and what the format says.
fn served(flavour: Flavour, rules: &str, clients: u32, format: &str) -> Vec<String> {
    let lines = format!("{rules}\n    log-format \"] l l/%[src,regsub(127.1.0.,)] {format} %ts\"");
    let story = Story::new(flavour, &lines, "maxconn 1", None);
    let mut waiting = story.clients(1..clients + 1);
    let mut all = Vec::new();
    while !waiting.is_empty() {
        let mut next = 0;
        until("a client is served", SOON, || {
            next = waiting.iter().position(|client| client.state() == "a").unwrap_or(usize::MAX);
            next != usize::MAX
        });
        drop(waiting.remove(next));
        let mut buffer = [0; 4096];
        loop {
            let count = story.log.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let Some((_, rest)) = line.split_once("] l l/") else { continue };
            all.push(rest.rsplit_once(' ').unwrap().0.to_owned());
            break;
        }
    }
    all
}

/// Rules that set a part of the priority of clients.
fn priorities(part: &str, of: &[(u32, &str)]) -> String {
    let rule = |(client, number): &(u32, &str)| {
        let address = source(*client);
        format!("tcp-request content set-priority-{part} {number} if {{ src {address} }}\n    ")
    };
    of.iter().map(rule).collect()
}

#[test]
fn rules_change_the_order_in_a_queue_by_classes() {
    let rules = priorities(
        "class",
        &[
            (2, "int(3000)"),
            (3, "int(-3000)"),
            (4, "int(2047)"),
            (5, "str(-2048)"),
            (6, "src_port,mul(0),add(7)"),
        ],
    );
    for flavour in flavours() {
        let order = served(flavour, &rules, 7, "%bq %[prio_class] %[prio_offset]");
        let expected = [
            "1 0 0 0",
            "3 1 -2047 0",
            "5 2 -2047 0",
            "7 3 0 0",
            "6 4 7 0",
            "2 5 2047 0",
            "4 6 2047 0",
        ];
        assert_eq!(order, expected, "{flavour:?}");
    }
}

#[test]
fn rules_change_the_order_in_a_queue_by_time() {
    let rules = priorities("offset", &[(2, "int(50000)"), (4, "int(-40000)"), (3, "str(-)")]);
    let class = priorities("class", &[(5, "int(-1)")]);
    for flavour in flavours() {
        let order = served(flavour, &format!("{rules}{class}"), 5, "%[prio_class] %[prio_offset]");
        let expected = ["1 0 0", "5 -1 0", "4 0 -40000", "3 0 0", "2 0 50000"];
        assert_eq!(order, expected, "{flavour:?}");
    }
}

#[test]
fn rules_before_the_content_know_no_priority() {
    let rules = "tcp-request connection set-var(sess.a) prio_class\n    \
                 tcp-request session set-var(sess.b) prio_offset";
    for flavour in flavours() {
        let order = served(flavour, rules, 1, "%[var(sess.a)] %[var(sess.b)]");
        assert_eq!(order, ["1 - -"], "{flavour:?}");
    }
}
