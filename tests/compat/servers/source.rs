//! `source` with `usesrc`: servers see the address of the client, or one that no machine has. The
//! tests need a network of their own, so they run again inside a network namespace.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::Command;

use crate::support::{Flavour, Node, Place, SOON, Server, connect_from, skip, source, until};
use crate::{flavours, start};

const INSIDE: &str = "STICKD_TEST_INSIDE_NAMESPACE";

/// A network that this machine does not have, and that leads back here inside the namespace.
const FOREIGN: &str = "198.51.100.0/24";

/// Whether this process is alone in a network namespace. Otherwise runs the test with this name
/// there, in another process.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        for command in [
            "link set lo up".to_owned(),
            format!("rule add to {FOREIGN} lookup 100"),
            format!("route add local {FOREIGN} dev lo table 100"),
        ] {
            let status = Command::new("ip").args(command.split(' ')).status().unwrap();
            assert!(status.success(), "{command}");
        }
        return true;
    }
    let can_enter = |words: &[&str]| {
        Command::new("unshare").args(words).output().is_ok_and(|out| out.status.success())
    };
    if !can_enter(&["-n", "ip", "link"]) {
        if nix::unistd::Uid::effective().is_root() {
            skip("unshare or ip is missing, or a network namespace cannot be made");
        } else {
            eprintln!("SKIPPED: only root can make a network namespace");
        }
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let name = format!("servers::source::{test}");
    let out = Command::new("unshare")
        .arg("-n")
        .arg(own)
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(out.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
    false
}

/// A server that sends each client the client's own address.
fn mirror(place: &Place) -> Server {
    Server::start(place.address(), |mut stream| {
        let from = stream.peer_addr()?;
        writeln!(stream, "{from}")
    })
}

/// Says with a PROXY header that the client is `client`, and returns the address that the server
/// has seen.
fn seen(front: SocketAddr, client: &str) -> String {
    let mut stream = connect_from(source(1), front).unwrap();
    let (ip, port) = client.split_once(':').unwrap();
    stream.write_all(format!("PROXY TCP4 {ip} 192.0.2.1 {port} 80\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn ip_of(address: &str) -> String {
    address.rsplit_once(':').map_or("", |(ip, _)| ip).to_owned()
}

#[test]
fn a_server_sees_the_client_or_another_foreign_address() {
    if !is_inside("a_server_sees_the_client_or_another_foreign_address") {
        return;
    }
    for flavour in flavours() {
        let place = Place::new();
        let server = mirror(&place);
        let (whole, ip, fixed, of_line) =
            (place.address(), place.address(), place.address(), place.address());
        let to = server.address();
        let body = format!(
            "listen whole\n    bind {whole} accept-proxy\n    \
             server s1 {to} source 0.0.0.0 usesrc client\n\
             listen ip\n    bind {ip} accept-proxy\n    source 0.0.0.0 usesrc clientip\n    \
             server s1 {to}\n\
             listen fixed\n    bind {fixed} accept-proxy\n    \
             source 127.0.0.9 usesrc 198.51.100.9:4000\n    server s1 {to}\n\
             listen of-line\n    bind {of_line} accept-proxy\n    \
             source 127.0.0.9 usesrc 198.51.100.9 interface lo\n    \
             default-server source 0.0.0.0 usesrc clientip\n    server s1 {to}\n"
        );
        let _node = start(flavour, &place, "", &body);
        let client = "198.51.100.7:5555";
        assert_eq!(seen(whole, client), client, "{flavour:?}");
        assert_eq!(ip_of(&seen(ip, client)), "198.51.100.7", "{flavour:?}");
        assert_eq!(seen(fixed, client), "198.51.100.9:4000", "{flavour:?}");
        assert_eq!(ip_of(&seen(of_line, client)), "198.51.100.7", "{flavour:?}");
    }
}

/// The status of the check of the server `s1` in the section `l`.
fn is_up(node: &Node) -> bool {
    let rows = node.api().command("show stat");
    rows.lines().any(|row| row.starts_with("l,s1,") && row.contains("L4OK"))
}

#[test]
fn checks_and_clients_without_an_address_come_from_the_source() {
    if !is_inside("checks_and_clients_without_an_address_come_from_the_source") {
        return;
    }
    for flavour in flavours() {
        let place = Place::new();
        let server = mirror(&place);
        let path = place.path("in.sock");
        let body = format!(
            "listen l\n    bind {}\n    source 127.0.0.9 usesrc clientip\n    \
             server s1 {} check inter 20ms\n",
            path.display(),
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        until(&format!("{flavour:?}: the check has passed"), SOON, || is_up(&node));
        let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let mut line = String::new();
        BufReader::new(client).read_line(&mut line).unwrap();
        assert_eq!(ip_of(line.trim_end()), "127.0.0.9", "{flavour:?}");
    }
}

#[test]
fn without_the_capability_the_start_warns_or_fails() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let place = Place::new();
    let server = mirror(&place);
    let body = format!(
        "listen l\n    bind {}\n    source 0.0.0.0 usesrc clientip\n    server s1 {}\n",
        place.address(),
        server.address()
    );
    let fails = crate::support::Spec::with_global(&place, "a", "uid 65534", &body);
    let mut node = fails.start_unready();
    assert!(!node.wait(SOON).success());
    assert!(node.log().contains("does not go with 'user' or 'uid'"), "{}", node.log());
    let node = start(Flavour::Stickd, &place, "", &body);
    assert!(!node.log().contains("CAP_NET_ADMIN"), "{}", node.log());
}
