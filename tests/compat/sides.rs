//! What the kernel and the proxy know of the two sides of a connection: samples of the server's
//! side and of the client's packets, and rules that mark these packets.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use crate::support::{Flavour, Node, Place, Server, connect_from, skip, source};
use crate::{flavours, start};

/// A `listen` section with these lines and two servers, of which clients reach the second.
fn setting(flavour: Flavour, lines: &str) -> (Node, SocketAddr, UdpSocket, Server, Place) {
    let place = Place::new();
    let receiver = place.log_receiver();
    let (front, server) = (place.address(), Server::greeting_echo(place.address(), "s"));
    let address = server.address();
    let body = format!(
        "listen l\n    bind {front}\n    log global\n    {lines}\n    \
         server first {address} disabled\n    server second {address} id 7 source 127.0.0.9\n"
    );
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    (start(flavour, &place, &global, &body), front, receiver, server, place)
}

#[test]
fn the_line_of_a_connection_names_its_server_and_what_the_kernel_counts() {
    let format = "log-format \"<%[srv_id] %[srv_name] %[bc_src] %[bc_dst] %[bc_dst_port] \
                  %[bc_src_port,bool] %[fc_reordering] %[fc_lost] %[fc_retrans] %[fc_sacked] \
                  %[fc_fackets] %[fc_rtt] %[fc_rtt(us),bool] %[fc_rttvar(us),bool]\"";
    let mut lines = Vec::new();
    for flavour in flavours() {
        let (_node, front, receiver, server, _place) = setting(flavour, format);
        let mut client = connect_from(source(1), front).unwrap();
        client.read_exact(&mut [0; 1]).unwrap();
        client.write_all(b"x").unwrap();
        drop(client);
        let mut buffer = [0; 4096];
        let line = loop {
            let count = receiver.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if let Some((_, line)) = line.split_once("]: <") {
                break line.trim_end().to_owned();
            }
        };
        let server = server.address();
        lines.push(line.replace(&format!("{} {} ", server.ip(), server.port()), "server "));
    }
    for line in &lines {
        assert_eq!(*line, lines[0]);
    }
    assert!(lines[0].starts_with("7 second "), "{lines:?}");
}

#[test]
fn rules_about_answers_know_the_server() {
    for flavour in flavours() {
        for (condition, is_refused) in [
            ("srv_id 7", true),
            ("srv_name first", false),
            ("bc_src -m ip 127.0.0.9", true),
            ("bc_dst -m ip 127.0.0.9", false),
            ("fc_reordering gt 0", true),
            ("fc_rtt(us) gt 0", true),
        ] {
            let lines = format!(
                "tcp-response inspect-delay 5s\n    \
                 tcp-response content reject if {{ {condition} }}"
            );
            let (_node, front, _receiver, _server, _place) = setting(flavour, &lines);
            let mut client = connect_from(source(1), front).unwrap();
            let heard = client.read(&mut [0; 1]).unwrap_or(0);
            assert_eq!(heard == 0, is_refused, "{flavour:?}: {condition}");
        }
    }
}

#[test]
fn rules_mark_the_packets_to_the_client() {
    if Command::new("ss").arg("-V").output().is_err() {
        return skip("ss is not installed, so the marks of packets are not looked at");
    }
    for flavour in flavours() {
        for stage in ["tcp-request connection", "tcp-request session", "tcp-request content"] {
            let lines = format!("{stage} set-mark 0x21\n    {stage} set-tos 020");
            let (_node, front, _receiver, _server, _place) = setting(flavour, &lines);
            let mut client = connect_from(source(1), front).unwrap();
            client.read_exact(&mut [0; 1]).unwrap();
            let port = format!(":{}", client.local_addr().unwrap().port());
            let listed = Command::new("ss")
                .args(["-tneH", "--tos", "state", "established", "dport", "=", &port])
                .output()
                .unwrap();
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            assert!(listed.contains("tos:0x10"), "{flavour:?}: {stage}: {listed}");
            if nix::unistd::Uid::effective().is_root() {
                assert!(listed.contains("fwmark:0x21"), "{flavour:?}: {stage}: {listed}");
            }
        }
    }
}
