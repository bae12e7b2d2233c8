//! Strangers who send data to the program can neither fill the log nor keep the rightful clients
//! out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{
    Api, Node, Place, Running, SOON, Server, ask, connect_from, open_descriptors, source, until,
};

/// A node called `a` with a peer `b` that does not exist, and the address at which it listens for
/// peers.
fn node(place: &Place) -> (Node, SocketAddr) {
    let (own, other) = (place.address(), place.address());
    let body = format!(
        "peers m\n    peer a {own}\n    peer b {other}\n\
         backend t\n    stick-table type ip size 100 peers m\n"
    );
    (Node::start(place, "a", &body), own)
}

/// Sends `bytes` to the peers' port. Returns the node's answer until the node closes.
fn say(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect_from(source(1), address).unwrap();
    stream.write_all(bytes).unwrap();
    read_to_end(&mut stream)
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset is an end as well.
    stream.read_to_end(&mut answer).ok();
    answer
}

/// The lines of the log with these words. There must be few, even if their cause came often.
#[track_caller]
fn assert_few(node: &Node, words: &str) -> Vec<String> {
    let log = node.log();
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect();
    assert!((1..=8).contains(&lines.len()), "{} lines with '{words}': {log}", lines.len());
    lines
}

#[test]
fn hellos_for_somebody_else_are_explained_and_not_logged_one_by_one() {
    let place = Place::new();
    let (node, address) = node(&place);
    for _ in 0..300 {
        assert_eq!(say(address, b"HAProxyS 2.1\nwrong\x1b[2J\nstranger 1 1\n"), b"503\n");
    }
    let lines = assert_few(&node, "it calls peer");
    let said =
        "it calls peer 'wrong\\x1b[2J', and this one is named 'a'; it names itself 'stranger'";
    assert!(lines[0].contains(said), "{lines:?}");
    assert!(lines[0].contains(&format!("peers m: an unknown caller at {}:", source(1))));
}

#[test]
fn callers_that_the_section_does_not_know_are_named() {
    let place = Place::new();
    let (node, address) = node(&place);
    let long = "x".repeat(200);
    let hello = format!("HAProxyS 2.1\na\n{long} 1 1\n");
    for _ in 0..300 {
        assert_eq!(say(address, hello.as_bytes()), b"504\n");
    }
    let lines = assert_few(&node, "the section has no peer");
    assert!(lines[0].contains(&format!("'{}…", &long[..64])), "{lines:?}");
    for _ in 0..300 {
        assert_eq!(say(address, b"GET / HTTP/1.1\r\n\r\n"), b"501\n");
    }
    let lines = assert_few(&node, "not a hello");
    assert!(lines[0].contains("'GET / HTTP/1.1'"), "{lines:?}");
}

#[test]
fn a_caller_that_comes_again_and_again_is_not_logged_each_time() {
    let place = Place::new();
    let (node, address) = node(&place);
    for _ in 0..300 {
        let mut stream = connect_from(source(1), address).unwrap();
        stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
        let mut status = [0; 4];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"200\n");
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        read_to_end(&mut stream);
    }
    for words in ["session established", "closed by the peer"] {
        assert_few(&node, words);
    }
}

#[test]
fn a_peer_that_asks_for_a_resync_all_the_time_is_not_logged_each_time() {
    let place = Place::new();
    let (node, address) = node(&place);
    let mut stream = connect_from(source(1), address).unwrap();
    stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
    let mut status = [0; 4];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"200\n");
    let mut reader = stream.try_clone().unwrap();
    // What it answers is read meanwhile, so that neither side waits for the other.
    let answers = std::thread::spawn(move || read_to_end(&mut reader).len());
    stream.write_all(&[0; 40_000]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(answers.join().unwrap() > 0);
    assert_few(&node, "asks for a full resync");
    let log = node.log();
    assert!(log.lines().count() < 60, "{log}");
}

#[test]
fn a_peer_that_always_refuses_is_said_why_and_seldom() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let refusing = std::net::TcpListener::bind(other).unwrap();
    let body = format!(
        "peers m\n    peer a {own}\n    peer b {other}\n\
         backend t\n    stick-table type ip size 100 peers m\n"
    );
    let node = Node::start(&place, "a", &body);
    for _ in 0..2 {
        let (mut stream, _) = refusing.accept().unwrap();
        let mut hello = [0; 13];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(b"503\n").unwrap();
        read_to_end(&mut stream);
    }
    let lines = assert_few(&node, "503");
    let said = "peer m/b: it refused the call with status 503: it was called as 'b', and has \
                another name itself";
    assert!(lines[0].contains(said), "{lines:?}");
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn a_server_that_changes_all_the_time_is_not_logged_each_time() {
    let place = Place::new();
    let (front, server) = (place.address(), place.address());
    let body = format!("listen web\n    bind {front}\n    server s1 {server}\n");
    let node = Node::start(&place, "a", &body);
    for _ in 0..50 {
        node.api().command("set server web/s1 state maint");
        node.api().command("set server web/s1 state ready");
    }
    assert_few(&node, "Server web/s1 is");
    assert_few(&node, "has no server available");
}

/// Starts the binary with a full pipe as standard error. Returns the other end of the pipe too.
fn start_with_full_pipe(place: &Place, body: &str) -> (Running, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let fcntl = |operation| nix::fcntl::fcntl(&writer, operation).unwrap();
    fcntl(nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK));
    while (&writer).write(&[b'\n'; 4096]).is_ok() {}
    // As a shell leaves the pipe: a writer waits while the pipe is full.
    fcntl(nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty()));
    let config = place.write("full.cfg", body);
    let mut command = std::process::Command::new(crate::support::binary());
    command.arg("-f").arg(config).args(["-L", "a"]).stdin(std::process::Stdio::null());
    (Running(command.stderr(writer).spawn().unwrap()), reader)
}

#[test]
fn a_full_pipe_as_standard_error_holds_nobody_up() {
    let place = Place::new();
    let (own, other, front) = (place.address(), place.address(), place.address());
    let server = Server::name(place.address(), "s1");
    let body = format!(
        "global\n    stats socket {} level admin\n\
         defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 5s\n    \
         timeout server 5s\n\
         peers m\n    peer a {own}\n    peer b {other}\n\
         listen web\n    bind {front}\n    stick-table type ip size 100 peers m\n    \
         log stderr format raw local0\n    server s1 {}\n",
        place.path("admin").display(),
        server.address()
    );
    let (_running, mut reader) = start_with_full_pipe(&place, &body);
    let api = Api::new(&place.path("admin"));
    until("it serves", SOON, || ask(source(1), front).is_ok_and(|name| name == "s1"));
    for n in 0..50 {
        say(own, b"garbage\n");
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    until("the loss is counted", SOON, || api.info("DroppedLogs").parse::<u64>().unwrap() > 50);
    // Once somebody reads, the loss is told, and messages come again.
    let mut text = Vec::new();
    let mut chunk = [0; 65_536];
    while !String::from_utf8_lossy(&text).contains("messages were lost") {
        let count = reader.read(&mut chunk).unwrap();
        text.extend_from_slice(&chunk[..count]);
    }
}

#[test]
fn connections_without_a_hello_keep_no_peer_out() {
    let place = Place::new();
    let (node, address) = node(&place);
    // All from one address, which is no peer's; those that are closed are opened anew.
    let mut idle: Vec<TcpStream> =
        (0..300).map(|_| connect_from(source(1), address).unwrap()).collect();
    for _ in 0..20 {
        let mut peer = connect_from(source(2), address).unwrap();
        peer.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
        let mut status = [0; 4];
        peer.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"200\n");
        idle.extend((0..40).map(|_| connect_from(source(1), address).unwrap()));
    }
    assert!(open_descriptors(node.pid()) < 100, "{}", node.log());
    assert_few(&node, "callers have said no hello");
}

#[test]
fn a_peer_keeps_its_place_at_a_socket_for_both_families() {
    let place = Place::new();
    let Some(port) = place.port_of_all() else { return }; // this machine has IPv4 alone
    let own = SocketAddr::new(place.ip().into(), port);
    let other = SocketAddr::new(source(2).into(), place.address().port());
    let body = format!(
        "peers m\n    bind [::]:{port} v4v6\n    server a\n    server b {other}\n\
         backend t\n    stick-table type ip size 100 peers m\n"
    );
    let node = Node::start(&place, "a", &body);
    let mut peer = connect_from(source(2), own).unwrap();
    let _idle: Vec<TcpStream> = (0..60).map(|_| connect_from(source(1), own).unwrap()).collect();
    until("too many are there", SOON, || node.log().contains("callers have said no hello"));
    peer.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
    let mut status = [0; 4];
    peer.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"200\n");
}

#[test]
fn idle_connections_keep_no_scraper_out() {
    let place = Place::new();
    let (metrics, server) = (place.address(), place.address());
    let body = format!(
        "frontend stats\n    mode http\n    maxconn 4\n    bind {metrics}\n    \
         timeout client 60s\n    http-request use-service prometheus-exporter\n\
         listen web\n    bind {}\n    server s1 {server}\n",
        place.address()
    );
    let _node = Node::start(&place, "a", &body);
    let idle: Vec<_> = (0..100).map(|_| connect_from(source(1), metrics).unwrap()).collect();
    let mut scraper = connect_from(source(2), metrics).unwrap();
    scraper.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    scraper.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(idle);
}
