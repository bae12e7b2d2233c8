//! Bytes pass unchanged in both directions, on every kind of socket, until both sides have
//! finished.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::{
    Node, Place, SOON, Server, ask, checksum, connect_from, pattern, reset, resident_bytes, source,
    until,
};

/// A node with a listener in front of one server.
fn in_front_of(place: &Place, server: &Server) -> (Node, std::net::SocketAddr) {
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    (Node::start(place, "a", &body), front)
}

#[test]
fn what_is_sent_comes_back_unchanged() {
    let place = Place::new();
    let server = Server::echo(place.address());
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    for size in [1, 2, 100, 16_384, 16_385, 100_000] {
        let mut sent = Vec::new();
        pattern(&mut sent, size).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let copy = sent.clone();
        let writing = std::thread::spawn(move || writer.write_all(&copy).unwrap());
        let mut got = vec![0; sent.len()];
        stream.read_exact(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent, "{size} bytes differ");
    }
}

#[test]
fn a_client_that_has_finished_still_gets_the_answer() {
    let place = Place::new();
    let server = Server::digest(place.address());
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("5 "), "{answer}");
}

#[test]
fn a_server_that_has_finished_still_gets_what_the_client_sends() {
    let place = Place::new();
    let (report, reported) = std::sync::mpsc::channel();
    let server = Server::start(place.address(), move |mut stream| {
        stream.write_all(b"bye")?;
        stream.shutdown(Shutdown::Write)?;
        let mut rest = String::new();
        stream.read_to_string(&mut rest)?;
        report.send(rest).unwrap();
        Ok(())
    });
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    assert_eq!(got, "bye");
    stream.write_all(b"the rest").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reported.recv_timeout(SOON).unwrap(), "the rest");
}

#[test]
fn a_reset_by_the_server_reaches_the_client() {
    let place = Place::new();
    let server = Server::resetting(place.address());
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"x").unwrap();
    let error = stream.read(&mut [0; 8]).expect_err("a reset, not an end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_by_the_client_reaches_the_server() {
    let place = Place::new();
    let (report, reported) = std::sync::mpsc::channel();
    let server = Server::start(place.address(), move |mut stream| {
        stream.read_exact(&mut [0])?;
        report.send(stream.read(&mut [0]).map_err(|error| error.kind())).unwrap();
        Ok(())
    });
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"x").unwrap();
    until("the server has the connection", SOON, || server.accepted() == 1);
    reset(stream);
    let end = reported.recv_timeout(SOON).unwrap();
    assert!(matches!(end, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{end:?}");
}

#[test]
fn a_large_upload_arrives_whole() {
    const COUNT: u64 = 192 << 20;
    let place = Place::new();
    let server = Server::digest(place.address());
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    pattern(&mut stream, COUNT).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, format!("{COUNT} {}\n", expected_sum(COUNT)));
}

#[test]
fn a_large_download_arrives_whole() {
    const COUNT: u64 = 192 << 20;
    let place = Place::new();
    let server = Server::sender(place.address(), COUNT);
    let (_node, front) = in_front_of(&place, &server);
    let mut stream = connect_from(source(1), front).unwrap();
    assert_eq!(checksum(&mut stream).unwrap(), (COUNT, expected_sum(COUNT)));
}

#[test]
fn large_transfers_in_both_directions_at_once_arrive_whole() {
    // Fits a receive queue of 32 MiB, the usual maximum (tcp_rmem). Once one is at its maximum
    // Linux may drop bytes that it had offered a window for, and (6.18) then every acknowledgment
    // that comes after them: with both directions full, each waits for the other, whoever relays.
    const COUNT: u64 = 24 << 20;
    let place = Place::new();
    for option in ["", "option splice-auto", "option splice-request\n    option splice-response"] {
        let server = Server::echo(place.address());
        let front = place.address();
        let body = format!(
            "listen web\n    bind {front}\n    {option}\n    server s1 {}",
            server.address()
        );
        let _node = Node::start(&place, "a", &body);
        let mut stream = connect_from(source(1), front).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let writing = std::thread::spawn(move || {
            pattern(&mut writer, COUNT).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let got = checksum(&mut stream).unwrap();
        writing.join().unwrap();
        assert_eq!(got, (COUNT, expected_sum(COUNT)), "{option}");
    }
}

#[test]
fn clients_that_do_not_read_cost_a_bounded_amount_of_memory() {
    const CLIENTS: u32 = 100;
    // 16 MiB in large buffers in all, and beyond that one of `bufsize` for each direction.
    const BOUND: u64 = 16 * 1024 * 1024 + 100 * 2 * 16_384;
    let place = Place::new();
    let server = Server::sender(place.address(), 64 << 20);
    let (node, front) = in_front_of(&place, &server);
    let before = resident_bytes(node.pid());
    let streams: Vec<_> = (0..CLIENTS).map(|n| connect_from(source(n), front).unwrap()).collect();
    until("all connections are with the server", SOON, || server.accepted() >= streams.len());
    // All of them have something to read: the flow has started and meets full buffers.
    for stream in &streams {
        stream.peek(&mut [0; 1]).unwrap();
    }
    let mut most = 0;
    let watched = std::time::Instant::now();
    until("a second of watching", SOON, || {
        most = most.max(resident_bytes(node.pid()));
        watched.elapsed() > std::time::Duration::from_secs(1)
    });
    let grown = most.saturating_sub(before);
    assert!(grown < BOUND * 5 / 4, "{grown} bytes for {CLIENTS} connections that wait");
    // And the slow ones get everything in the end.
    let mut slow = streams.into_iter().next().unwrap();
    assert_eq!(checksum(&mut slow).unwrap().0, 64 << 20);
}

#[test]
fn clients_and_servers_may_be_on_unix_sockets() {
    let place = Place::new();
    let (client_path, server_path) = (place.path("front"), place.path("back"));
    let listener = UnixListener::bind(&server_path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).ok();
        }
    });
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    bind unix@{}\n    server s1 unix@{}",
        client_path.display(),
        server_path.display()
    );
    let _node = Node::start(&place, "a", &body);
    let mut stream = UnixStream::connect(&client_path).unwrap();
    stream.write_all(b"over unix").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "over unix");
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"over both").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    answer.clear();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "over both");
}

#[test]
fn clients_and_servers_may_speak_ipv6() {
    let place = Place::new();
    let (Some(front), Some(back)) = (place.address_v6(), place.address_v6()) else {
        eprintln!("SKIPPED: this machine has no ::1");
        return;
    };
    let _server = Server::name(back, "six");
    let body = format!("listen web\n    bind {front}\n    server s1 {back}");
    let _node = Node::start(&place, "a", &body);
    assert_eq!(ask(source(1), front).unwrap(), "six");
}

#[test]
fn every_port_of_a_range_and_every_address_of_a_list_is_served() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (first, second) = (place.address(), place.address());
    let port = place.addresses_in_a_row(2).port();
    let ip = place.ip();
    let body = format!(
        "frontend in\n    bind {first},{second}\n    bind {ip}:{port}-{}\n    default_backend out\n\
         backend out\n    server s1 {}",
        port + 1,
        server.address()
    );
    let _node = Node::start(&place, "a", &body);
    let range = [(ip, port).into(), (ip, port + 1).into()];
    for address in [first, second].into_iter().chain(range) {
        assert_eq!(ask(source(1), address).unwrap(), "s1", "{address}");
    }
}

#[test]
fn many_connections_at_once_are_all_served() {
    const CLIENTS: usize = 1000;
    let place = Place::new();
    let server = Server::echo(place.address());
    let (_node, front) = in_front_of(&place, &server);
    let mut streams: Vec<TcpStream> = (0..CLIENTS)
        .map(|n| connect_from(source(u32::try_from(n).unwrap()), front).unwrap())
        .collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&number.to_be_bytes()).unwrap();
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut got = [0; 8];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(usize::from_be_bytes(got), number);
    }
}

fn expected_sum(count: u64) -> u64 {
    struct Sum(u64);
    impl Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    pattern(&mut sum, count).unwrap();
    sum.0
}
