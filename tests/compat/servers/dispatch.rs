//! `dispatch` and `option transparent`: clients go to an address that is no server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};

use crate::support::{Held, Node, Place, Server, ask, connect_from, source};
use crate::{flavours, marked_line, start};

const LOG: &str = "log global\n    log-format \"<%b/%s %si:%sp %ts %ac %fc %bc %sc %rc %B\"";

fn log_to(receiver: &UdpSocket) -> String {
    format!("log {} local0", receiver.local_addr().unwrap())
}

/// Some fields of the row about the backend half of the section `l`: total connections, errors,
/// retries, status, weight, active servers, and clients that the algorithm sent.
fn backend_row(node: &Node) -> Vec<String> {
    let rows = node.api().command("show stat");
    let row = rows.lines().find(|row| row.starts_with("l,BACKEND,")).unwrap();
    let fields: Vec<&str> = row.split(',').collect();
    [7, 13, 15, 17, 18, 19, 30].map(|field| fields[field].to_owned()).to_vec()
}

#[test]
fn clients_are_dispatched_to_an_address() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let server = Server::name(place.address(), "there");
        let (front, to) = (place.address(), server.address());
        let body = format!("listen l\n    bind {front}\n    {LOG}\n    dispatch {to}\n");
        let node = start(flavour, &place, &log_to(&receiver), &body);
        assert_eq!(ask(source(1), front).unwrap(), "there", "{flavour:?}");
        let line = format!("l/<NOSRV> {to} -- 1 1 0 0 0 6");
        assert_eq!(marked_line(&receiver), line, "{flavour:?}");
        let row = backend_row(&node);
        assert_eq!(row, ["1", "0", "0", "UP", "0", "0", "0"], "{flavour:?}");
        let state = node.api().command("show servers state");
        assert_eq!(state.trim().lines().count(), 2, "{flavour:?}: {state}");
    }
}

#[test]
fn a_section_with_balance_uses_its_servers_and_others_do_not() {
    for flavour in flavours() {
        let place = Place::new();
        let there = Server::name(place.address(), "there");
        let server = Server::name(place.address(), "s1");
        let (balancing, other) = (place.address(), place.address());
        let (to, address) = (there.address(), server.address());
        let body = format!(
            "listen l\n    bind {balancing}\n    balance roundrobin\n    dispatch {to}\n    \
             server s1 {address}\n\
             listen m\n    bind {other}\n    dispatch {to}\n    server s1 {address}\n"
        );
        let _node = start(flavour, &place, "", &body);
        assert_eq!(ask(source(1), balancing).unwrap(), "s1", "{flavour:?}");
        assert_eq!(ask(source(1), other).unwrap(), "there", "{flavour:?}");
    }
}

#[test]
fn a_dispatch_that_refuses_is_tried_again_and_counted() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let held = place.address();
        let _held = Held::refusing(held);
        let front = place.address();
        let body = format!(
            "listen l\n    bind {front}\n    {LOG}\n    retries 1\n    timeout connect 500ms\n    \
             option redispatch\n    dispatch {held}\n"
        );
        let node = start(flavour, &place, &log_to(&receiver), &body);
        ask(source(1), front).unwrap_err();
        let line = format!("l/<NOSRV> {held} SC 1 1 0 0 1 0");
        assert_eq!(marked_line(&receiver), line, "{flavour:?}");
        let row = backend_row(&node);
        assert_eq!(row, ["1", "1", "1", "UP", "0", "0", "0"], "{flavour:?}");
    }
}

/// Says with a PROXY header that the client connected to `destination`.
fn ask_with_header(front: SocketAddr, destination: SocketAddr) -> std::io::Result<String> {
    let mut client = connect_from(source(1), front)?;
    let (ip, port) = (destination.ip(), destination.port());
    // The header has to come in one piece.
    client.write_all(format!("PROXY TCP4 192.0.2.1 {ip} 1000 {port}\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn a_transparent_section_connects_to_where_the_client_did() {
    for flavour in flavours() {
        for line in ["option transparent", "transparent"] {
            let place = Place::new();
            let (first, second) =
                (Server::name(place.address(), "a"), Server::name(place.address(), "b"));
            let front = place.address();
            let body = format!("listen l\n    bind {front} accept-proxy\n    {line}\n");
            let _node = start(flavour, &place, "", &body);
            for (server, name) in [(&first, "a"), (&second, "b")] {
                let answer = ask_with_header(front, server.address());
                assert_eq!(answer.ok().as_deref(), Some(name), "{flavour:?}: {line}");
            }
        }
    }
}
