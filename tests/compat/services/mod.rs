//! Whole configurations with clients of their kind: each file of `scripts/examples` runs under
//! both programs.

mod destinations;
mod example;
mod ftp;
mod galera;
mod kubernetes;
mod ldap;
mod mail;
mod mqtt;
mod names;
mod pages;
mod patroni;
mod rate_limit;
mod rdp;
mod redis;
mod tls;
mod tls_both_ways;
mod tls_checks;
mod two_nodes;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use example::Example;

use crate::flavours;
use crate::support::{Flavour, Node, SOON, Server, ask, connect_from, source, until};

/// Starts the configuration `file` under each program and tells its story.
fn under_each_program(file: &str, story: impl Fn(&Example, Flavour)) {
    for flavour in flavours() {
        story(&Example::new(file), flavour);
    }
}

/// How long checks may take to find a state: on a busy machine some fail that were about to
/// succeed, and then several must succeed in a row.
const CHECKED: Duration = Duration::from_secs(60);

/// Waits until checks have found this state of a server.
#[track_caller]
fn until_checked(node: &Node, server: &str, state: &str) {
    let (proxy, name) = server.split_once('/').unwrap();
    until(&format!("{server} is {state}"), CHECKED, || {
        let checked = node.api().stat(proxy, name, "check_status");
        !matches!(checked.as_str(), "" | "INI") && node.api().stat(proxy, name, "status") == state
    });
}

/// Servers that send their names, at addresses of the example.
fn named(example: &Example, servers: &[(&str, &str)]) -> Vec<Server> {
    let server = |(address, name): &(&str, &str)| Server::name(example.server(address), name);
    servers.iter().map(server).collect()
}

/// A server that tells its name when the client's first packet has come.
fn answering(address: SocketAddr, name: &str) -> Server {
    let name = name.to_owned();
    Server::start(address, move |mut stream| match stream.read(&mut [0; 512])? {
        0 => Ok(()),
        _ => stream.write_all(name.as_bytes()),
    })
}

/// Whether the connection is closed, within the time that a read may take.
fn is_closed(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 64]), Ok(1..))
}

/// The first line that each of these clients gets.
fn answers(front: SocketAddr, clients: std::ops::Range<u32>) -> Vec<String> {
    clients.map(|client| ask(source(client), front).unwrap()).collect()
}

/// A connection that stays open after the server has greeted.
#[track_caller]
fn greeted(front: SocketAddr, name: &str) -> TcpStream {
    let mut stream = connect_from(source(7), front).unwrap();
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), name);
    stream
}
