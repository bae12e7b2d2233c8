//! Load for `bench/compare`, from a separate process: clients, and peers that teach, learn, or form
//! a mesh around the proxy. Each command prints `name value` lines. A command fails if any answer
//! is wrong.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement may end at once, reads the clock and uses threads"
)]

mod api;
mod clients;
mod latencies;
mod mesh;
mod peer;
mod resyncs;
mod tls;
mod upload;
mod wire;

use std::io;
use std::net::SocketAddr;

use peer::Peer;
use resyncs::Order;

const USAGE: &str = "\
load request ADDRESS SECONDS          one kept connection, one HTTP request at a time: latencies
load requests ADDRESS COUNT           so many requests on one kept connection
load connections ADDRESS COUNT        so many connections one after the other, a request on each
load idle ADDRESS COUNT SECONDS       so many connections that do nothing
load resume ADDRESS COUNT             TLS: each continues the session before, a request on each
load idle-tls ADDRESS COUNT SECONDS   connections that do nothing behind their TLS handshakes
load upload ADDRESS SINK CONNECTIONS SECONDS
                                      bodies of 16 MiB to the server SINK, which is played here
load teach ADDRESS NAME TO TABLE COUNT sorted|scattered
                                      as peer NAME of TO: push COUNT entries, wait for the last ack
load flood ADDRESS NAME TO TABLE COUNT SECONDS
                                      the same again and again, as fast as it is taken
load learn ADDRESS NAME TO COUNT      as peer NAME of TO: ask for a resync of COUNT entries
load drain ADDRESS NAME TO COUNT SECONDS
                                      the same again and again
load spread ADDRESS ADMIN TABLE COUNT new clients at ADDRESS: when does the node of ADMIN know them
load fan ADDRESS TO TABLE PEERS RATE SECONDS ADMIN
                                      RATE changes a second by ADMIN: when do PEERS peers have each
load crowd ADDRESS TO TABLE PEERS RATE SECONDS
                                      PEERS peers push RATE changes a second: when is each acked";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("load {}: {error}", arguments.join(" "));
        std::process::exit(1);
    }
}

fn run(arguments: &[&str]) -> io::Result<()> {
    match *arguments {
        ["request", address, seconds] => clients::request(at(address), number(seconds)),
        ["requests", address, count] => clients::requests(at(address), number(count)),
        ["connections", address, count] => clients::connections(at(address), number(count)),
        ["idle", address, count, seconds] => {
            clients::idle(at(address), number(count), number(seconds))
        }
        ["resume", address, count] => tls::resume(at(address), number(count)),
        ["idle-tls", address, count, seconds] => {
            tls::idle(at(address), number(count), number(seconds))
        }
        ["upload", address, sink, connections, seconds] => {
            upload::upload(at(address), at(sink), number(connections), number(seconds))
        }
        ["teach", address, name, to, table, count, order] => {
            let order = if order == "sorted" { Order::Sorted } else { Order::Scattered };
            resyncs::teach(Peer::call(at(address), name, to)?, table, number(count), order)
        }
        ["flood", address, name, to, table, count, seconds] => {
            let peer = Peer::call(at(address), name, to)?;
            resyncs::flood(peer, table, number(count), number(seconds))
        }
        ["learn", address, name, to, count] => {
            resyncs::learn(Peer::call(at(address), name, to)?, number(count))
        }
        ["drain", address, name, to, count, seconds] => {
            resyncs::drain(Peer::call(at(address), name, to)?, number(count), number(seconds))
        }
        ["spread", address, admin, table, count] => {
            mesh::spread(at(address), admin, table, number(count))
        }
        ["fan", address, to, table, peers, rate, seconds, admin] => {
            let crowd = mesh::Crowd::gather(at(address), to, table, number(peers))?;
            crowd.fan(number(rate), number(seconds), admin)
        }
        ["crowd", address, to, table, peers, rate, seconds] => {
            let crowd = mesh::Crowd::gather(at(address), to, table, number(peers))?;
            crowd.push(number(rate), number(seconds))
        }
        _ => Err(wrong(USAGE)),
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn number(text: &str) -> u32 {
    text.parse().unwrap()
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}
