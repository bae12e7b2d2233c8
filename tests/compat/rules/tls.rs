//! Stickiness by TLS session id, with real TLS clients and servers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Node, Place, SOON, Spec, skip, until};
use crate::{flavours, start};

/// The lines that everybody writes for this.
const STICKY: &str = "    balance roundrobin
    acl clienthello req_ssl_hello_type 1
    acl serverhello rep_ssl_hello_type 2
    tcp-request inspect-delay 5s
    tcp-request content accept if clienthello
    tcp-response inspect-delay 5s
    tcp-response content accept if serverhello
    stick on payload_lv(43,1) if clienthello
    stick store-response payload_lv(43,1) if serverhello
";

/// A TLS server without session tickets, whose certificate has the server's name. It is ended
/// when this value is dropped.
#[derive(Debug)]
struct TlsServer(Child);

impl TlsServer {
    fn start(place: &Place, name: &str, address: SocketAddr) -> Self {
        let (key, certificate) =
            (place.dir().join(format!("{name}.key")), certificate(place, name));
        let made = openssl(&["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj"])
            .arg(format!("/CN={name}"))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .status();
        assert!(made.unwrap().success());
        let child = openssl(&["s_server", "-quiet", "-no_ticket", "-tls1_2", "-accept"])
            .arg(address.to_string())
            .arg("-key")
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .spawn();
        let server = Self(child.unwrap());
        until("the TLS server listens", SOON, || std::net::TcpStream::connect(address).is_ok());
        server
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn certificate(place: &Place, name: &str) -> PathBuf {
    place.dir().join(format!("{name}.crt"))
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Connects with the session in this file, if there is one, and keeps the new session there. Says
/// which server answered, and whether it knew the session.
fn visit(to: SocketAddr, session: &Path) -> (String, bool) {
    let mut client = openssl(&["s_client", "-tls1_2", "-connect"]);
    client.arg(to.to_string()).arg("-sess_out").arg(session).stdout(Stdio::piped());
    if session.exists() {
        client.arg("-sess_in").arg(session);
    }
    let output = String::from_utf8(client.output().unwrap().stdout).unwrap();
    let after = |start: &str| output.split_once(start).map(|(_, rest)| rest.to_owned());
    let name = after("subject=CN = ").or_else(|| after("subject=CN=")).unwrap_or_default();
    (name.lines().next().unwrap_or_default().to_owned(), output.contains("\nReused, "))
}

fn has_openssl() -> bool {
    let is_there = openssl(&["version"]).status().is_ok_and(|status| status.success());
    if !is_there {
        skip("openssl is not installed, so stickiness by TLS session id is not tested");
    }
    is_there
}

fn servers(place: &Place) -> (Vec<TlsServer>, String) {
    let mut lines = String::new();
    let servers = ["s1", "s2", "s3"].map(|name| {
        let address = place.address();
        lines.push_str(&format!("    server {name} {address}\n"));
        TlsServer::start(place, name, address)
    });
    (servers.into(), lines)
}

#[test]
fn a_tls_client_that_resumes_its_session_comes_back_to_its_server() {
    if !has_openssl() {
        return;
    }
    let place = Place::new();
    let (_servers, lines) = servers(&place);
    for flavour in flavours() {
        let front = place.address();
        let body = format!(
            "listen tls\n    bind {front}\n    \
             stick-table type binary len 32 size 30k expire 30m\n{STICKY}{lines}"
        );
        let own = Place::new();
        let node = start(flavour, &own, "", &body);
        let sessions: Vec<_> = (0..3).map(|n| own.dir().join(format!("{n}"))).collect();
        let first: Vec<_> = sessions.iter().map(|session| visit(front, session)).collect();
        assert_eq!(first, ["s1", "s2", "s3"].map(|name| (name.to_owned(), false)), "{flavour:?}");
        assert_eq!(node.api().table("tls").len(), 3, "{flavour:?}");
        for _ in 0..2 {
            let again: Vec<_> = sessions.iter().map(|session| visit(front, session)).collect();
            let expected = ["s1", "s2", "s3"].map(|name| (name.to_owned(), true));
            assert_eq!(again, expected, "{flavour:?}");
        }
    }
}

#[test]
fn peers_know_the_sessions_of_tls_clients() {
    if !has_openssl() || crate::support::haproxy().is_none() {
        return;
    }
    let place = Place::new();
    let (_servers, lines) = servers(&place);
    let (peer_a, peer_b) = (place.address(), place.address());
    let mut fronts = Vec::new();
    let mut node = |name: &str| {
        let front = place.address();
        fronts.push(front);
        let body = format!(
            "peers nodes\n    peer a {peer_a}\n    peer b {peer_b}\n\
             listen tls\n    bind {front}\n    \
             stick-table type binary len 32 size 30k expire 30m peers nodes\n{STICKY}{lines}"
        );
        Spec::new(&place, name, &body)
    };
    let ours: Node = node("a").start();
    let theirs = node("b").on_haproxy(crate::support::haproxy().unwrap()).start();
    let [front_a, front_b] = fronts[..] else { unreachable!() };
    let (first, second) = (place.dir().join("first"), place.dir().join("second"));
    for (at, other, session, count) in [(front_a, &theirs, &first, 1), (front_b, &ours, &second, 2)]
    {
        visit(at, session);
        until("the peer knows the session", SOON, || other.api().table("tls").len() == count);
    }
    for session in [&first, &second] {
        let seen: Vec<_> = [front_a, front_b, front_a].map(|at| visit(at, session)).into();
        assert!(seen.iter().all(|visit| visit == &seen[0] && visit.1), "{seen:?}");
    }
}
