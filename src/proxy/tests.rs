//! Connections through real sockets, turned by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use mio::Events;

use super::clients::TURN_BYTES;
use super::frontend::listener::Listener;
use super::relay::buffers::Share;
use super::{Clients, Shared};
use crate::config;
use crate::config::{BackendId, FrontendId, ServerIndex, TableId};
use crate::net::address::Address;
use crate::net::socket;
use crate::net::socket::ListenOptions;
use crate::reactor::token::Source;
use crate::reactor::{Reactor, clock};

/// A proxy with one frontend and one backend.
struct Story {
    reactor: Reactor,
    shared: Shared,
    clients: Clients,
    address: SocketAddr,
    codes: Vec<String>,
}

impl Story {
    /// `frontend` and `backend` are lines of those sections.
    fn new(frontend: &str, backend: &str) -> Self {
        let text = format!(
            "defaults\n mode tcp\n timeout connect 200ms\n timeout client 5s\n timeout server 5s\n \
             log stdout format raw local0\n option tcplog\n\
             frontend f\n bind 127.0.0.1:1\n {frontend}\n default_backend b\n\
             backend b\n {backend}\n"
        );
        let loaded = config::load_text("story", &text, &config::Request::default());
        let mut config = loaded.unwrap_or_else(|errors| panic!("{errors:?}")).config;
        let now_ms = clock::now_ms();
        let reactor = Reactor::new().unwrap();
        let mut clients = Clients::new(100, 64, now_ms);
        let any_port = Address::Ip("127.0.0.1:0".parse().unwrap());
        let options = ListenOptions { backlog: 64, ..ListenOptions::default() };
        let fd = socket::listen(&any_port, &options).unwrap();
        let bound = socket::local_address(fd.as_fd()).unwrap();
        let address = bound.ip().unwrap();
        let bind = config.frontends[0].binds[0].clone();
        let listener = Listener::new(fd, FrontendId(0), bind, bound);
        clients.add_listener(listener, &reactor).unwrap();
        let shared = Shared::new(&mut config, 100, now_ms).unwrap();
        Self { reactor, shared, clients, address, codes: Vec::new() }
    }

    fn turn(&mut self) {
        let mut events = Events::with_capacity(256);
        let wait_ms = if self.clients.has_work() { 0 } else { 5 };
        self.reactor.wait(&mut events, Some(wait_ms)).unwrap();
        let now_ms = clock::now_ms();
        for event in &events {
            match Source::from_token(event.token()).unwrap() {
                Source::Listener(slot) => self.clients.handle_listener(slot),
                Source::Client(slot) => self.clients.handle_client(slot, event),
                Source::Server(slot) => self.clients.handle_server(slot, event),
                other => panic!("{other:?}"),
            }
        }
        self.clients.expire(&self.shared, now_ms);
        self.clients.accept(&self.reactor, &mut self.shared, now_ms);
        self.clients.run(&self.reactor, &mut self.shared, now_ms);
        self.clients.reap(&mut self.shared, now_ms);
        self.codes
            .extend(self.shared.records.drain(..).map(|record| record.termination.to_string()));
    }

    fn turn_until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let began_ms = clock::now_ms();
        while !condition(self) {
            assert!(clock::now_ms() - began_ms < 5000, "never: {what}");
            self.turn();
        }
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client
    }

    fn entries(&self) -> u32 {
        self.shared.tables.get(TableId(0)).used()
    }

    fn connections_of(&self, server: u16) -> u64 {
        self.shared
            .backend(BackendId(0))
            .server(ServerIndex::configured(server))
            .counters
            .connections
    }
}

fn server() -> (TcpListener, SocketAddr) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    (server, address)
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    server().1
}

const STICK: &str = "stick-table type ip size 1k expire 1m\n stick on src\n";

#[test]
fn a_burst_of_a_new_client_goes_to_one_server() {
    let ((one, a), (_two, b)) = (server(), server());
    let mut story = Story::new("", &format!("{STICK} server a {a}\n server b {b}"));
    let clients: Vec<TcpStream> = (0..50).map(|_| story.client()).collect();
    story.turn_until("all connected", |story| {
        story.clients.connections().filter(|c| c.state_name() == "relaying").count() == 50
    });
    assert_eq!((story.connections_of(0), story.connections_of(1)), (50, 0));
    assert_eq!(story.entries(), 1);
    drop((clients, one));
    story.turn_until("all gone", |story| story.clients.is_empty());
    assert_eq!(story.codes.len(), 50);
    assert_eq!(story.shared.totals.current, 0);
    assert_eq!(
        story.shared.backend(BackendId(0)).server(ServerIndex::configured(0)).counters.current,
        0
    );
}

#[test]
fn without_stick_rules_the_servers_take_turns() {
    let ((_one, a), (_two, b)) = (server(), server());
    let mut story = Story::new("", &format!("server a {a}\n server b {b}"));
    let _clients: Vec<TcpStream> = (0..10).map(|_| story.client()).collect();
    story.turn_until("all connected", |story| story.shared.totals.connections == 10);
    assert_eq!((story.connections_of(0), story.connections_of(1)), (5, 5));
}

#[test]
fn an_entry_for_a_server_that_nobody_reaches_is_taken_back() {
    let a = nowhere();
    let mut story = Story::new("", &format!("retries 1\n {STICK} server a {a}"));
    let mut client = story.client();
    story.turn_until("the entry is made at the choice", |story| story.entries() == 1);
    story.turn_until("it gives up", |story| story.codes == ["SC"]);
    assert_eq!(story.entries(), 0);
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "the client is closed in order");
}

#[test]
fn redispatch_moves_the_entry_and_the_next_connection_follows() {
    let (a, (_two, b)) = (nowhere(), server());
    let backend = format!("option redispatch\n {STICK} server a {a}\n server b {b}");
    let mut story = Story::new("", &backend);
    let _first = story.client();
    story.turn_until("connected", |story| {
        story.clients.connections().any(|c| c.state_name() == "relaying")
    });
    assert_eq!((story.connections_of(1), story.entries()), (1, 1));
    let tries = story.connections_of(0);
    let _second = story.client();
    story.turn_until("connected", |story| story.connections_of(1) == 2);
    assert_eq!(story.connections_of(0), tries, "the second one went there at once");
    assert_eq!(story.shared.backend(BackendId(0)).counters.redispatches, 1);
}

#[test]
fn an_entry_for_a_disabled_server_is_not_used() {
    let ((_one, a), (_two, b)) = (server(), server());
    let mut story = Story::new("", &format!("{STICK} server a {a}\n server b {b}"));
    let _first = story.client();
    story.turn_until("connected", |story| story.connections_of(0) == 1);
    let backend = story.shared.backend_mut(BackendId(0));
    backend.server_mut(ServerIndex::configured(0)).admin =
        super::backend::server::AdminState::Maint;
    let _second = story.client();
    story.turn_until("elsewhere", |story| story.connections_of(1) == 1);
    let backend = story.shared.backend_mut(BackendId(0));
    backend.server_mut(ServerIndex::configured(0)).admin =
        super::backend::server::AdminState::Ready;
    let _third = story.client();
    story.turn_until("the entry has moved", |story| story.connections_of(1) == 2);
}

#[test]
fn a_backup_server_is_used_when_no_other_is() {
    let ((_one, a), (_two, b)) = (server(), server());
    let backend = format!("server a {a} backup\n server b {b} disabled");
    let mut story = Story::new("", &backend);
    let _client = story.client();
    story.turn_until("connected", |story| story.connections_of(0) == 1);
}

#[test]
fn without_a_usable_server_the_client_is_refused() {
    let a = nowhere();
    let mut story = Story::new("", &format!("server a {a} disabled"));
    let _client = story.client();
    story.turn_until("refused", |story| story.codes == ["SC"]);
}

#[test]
fn a_full_frontend_lets_clients_wait_in_the_kernel() {
    let (one, a) = server();
    let mut story = Story::new("maxconn 1", &format!("server a {a}"));
    let first = story.client();
    let _second = story.client();
    story.turn_until("one is in", |story| story.clients.len() == 1);
    for _ in 0..5 {
        story.turn();
    }
    assert_eq!(story.shared.totals.connections, 1);
    drop((first, one.accept().unwrap()));
    story.turn_until("the other is in", |story| story.shared.totals.connections == 2);
}

#[test]
fn paused_listeners_keep_their_clients_waiting() {
    let (_one, a) = server();
    let mut story = Story::new("", &format!("server a {a}"));
    story.clients.pause_listeners();
    let _client = story.client();
    for _ in 0..5 {
        story.turn();
    }
    assert!(story.clients.is_empty());
    story.clients.resume_listeners();
    story.turn_until("it is in", |story| story.clients.len() == 1);
}

#[test]
fn a_silent_client_is_half_closed_and_the_server_may_finish() {
    let (one, a) = server();
    let mut story = Story::new("timeout client 100ms", &format!("server a {a}"));
    let mut client = story.client();
    client.write_all(b"question").unwrap();
    story.turn_until("connected", |story| story.connections_of(0) == 1);
    let (mut accepted, _) = one.accept().unwrap();
    accepted.set_nonblocking(true).unwrap();
    let mut got = Vec::new();
    story.turn_until("the server sees the end", |_| accepted.read_to_end(&mut got).is_ok());
    assert_eq!(got, b"question");
    accepted.write_all(b"late answer").unwrap();
    drop(accepted);
    story.turn_until("over", |story| story.codes == ["cD"]);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "late answer");
}

#[test]
fn a_client_that_leaves_before_the_server_answers_is_an_abort() {
    let (full, a) = server();
    nix::sys::socket::listen(&full, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _queued: Vec<_> = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&a, Duration::from_millis(20)).ok())
        .collect();
    // An end alone may be half a close, which counts as leaving where the option says so.
    for (option, resets) in [("", true), ("option abortonclose", false)] {
        let mut story = Story::new("", &format!("timeout connect 5s\n {option}\n server a {a}"));
        let client = story.client();
        story.turn_until("connecting", |story| story.clients.len() == 1);
        if resets {
            socket::set_reset_on_close(client.as_fd()).unwrap();
        }
        drop(client);
        story.turn_until("over", |story| story.codes == ["CC"]);
    }
}

/// Both ends of a connection through the proxy, neither of which waits.
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

impl Pair {
    fn new(story: &mut Story, server: &TcpListener) -> Self {
        let before = story.connections_of(0);
        let client = story.client();
        story.turn_until("connected", |story| story.connections_of(0) > before);
        let (server, _) = server.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        server.set_nonblocking(true).unwrap();
        Self { client, server }
    }

    /// The server has sent as much as fits, and the client takes what it has got.
    fn pump(&mut self) {
        let mut chunk = vec![0; 1 << 20];
        while self.server.write(&chunk).is_ok() {}
        while self.client.read(&mut chunk).is_ok_and(|len| len > 0) {}
    }
}

#[test]
fn many_that_move_much_share_a_turn_and_one_that_moves_little_waits_for_none_of_them() {
    let (one, a) = server();
    let mut story = Story::new("", &format!("server a {a}"));
    let mut bulk: Vec<Pair> = (0..8).map(|_| Pair::new(&mut story, &one)).collect();
    let mut small = Pair::new(&mut story, &one);
    let heavy =
        |story: &Story| story.clients.connections().filter(|c| c.share() == Share::Heavy).count();
    story.turn_until("all bulk is known as such", |story| {
        bulk.iter_mut().for_each(Pair::pump);
        heavy(story) == bulk.len()
    });
    bulk.iter_mut().for_each(Pair::pump);
    small.server.write_all(b"little").unwrap();
    let before = story.shared.totals.bytes();
    story.turn();
    let moved = story.shared.totals.bytes() - before;
    // The last one may begin just before the turn's bytes are moved.
    assert!(moved < TURN_BYTES + Share::Heavy.bytes() as u64, "{moved} bytes in one turn");
    assert!(story.clients.has_work(), "some wait for the next turn");
    assert_eq!(small.client.read(&mut [0; 16]).unwrap(), 6);
}

#[test]
fn many_that_move_little_share_turns_too() {
    let (one, a) = server();
    let mut story = Story::new("", &format!("server a {a}"));
    let mut pairs: Vec<Pair> = (0..90).map(|_| Pair::new(&mut story, &one)).collect();
    let chunk = vec![0; 128 * 1024];
    let mut sent = 0;
    for pair in &mut pairs {
        let count = pair.server.write(&chunk).unwrap();
        sent += count as u64;
    }
    assert!(sent > 4 * TURN_BYTES, "{sent} bytes");
    let (mut moved, mut turns) = (story.shared.totals.bytes(), 0);
    story.turn_until("everything has passed", |story| {
        let bytes = story.shared.totals.bytes();
        let in_turn = bytes - std::mem::replace(&mut moved, bytes);
        turns += u32::from(in_turn > 0);
        // The last one may begin just before the turn's bytes are moved.
        assert!(in_turn < TURN_BYTES + Share::Light.bytes() as u64, "{in_turn} bytes in one turn");
        assert_eq!(story.clients.connections().filter(|c| c.share() == Share::Heavy).count(), 0);
        pairs.iter_mut().for_each(|pair| drop(pair.client.read(&mut vec![0; 1 << 18])));
        bytes == sent
    });
    assert!(turns > 4, "{turns}");
}

#[test]
fn killing_everything_ends_everything() {
    let (_one, a) = server();
    let mut story = Story::new("", &format!("server a {a}"));
    let _clients: Vec<TcpStream> = (0..5).map(|_| story.client()).collect();
    story.turn_until("connected", |story| story.connections_of(0) == 5);
    story.clients.kill_all(&mut story.shared);
    story.turn_until("gone", |story| story.clients.is_empty());
    assert_eq!(story.shared.totals.current, 0);
}
