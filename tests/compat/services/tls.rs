//! TLS that is passed through, with OpenSSL on both sides.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::{SOON, connect_from, source, under_each_program, until, until_checked};
use crate::support::{Place, http, skip};

/// Runs `openssl` and returns its output, without waiting for standard input.
fn openssl(words: &[&str]) -> Output {
    Command::new("openssl").args(words).stdin(Stdio::null()).output().unwrap()
}

fn is_installed() -> bool {
    let is_there = Command::new("openssl").arg("version").output().is_ok();
    if !is_there {
        skip("openssl is not installed, so no TLS is passed through");
    }
    is_there
}

/// A TLS server of one certificate, which names the server.
struct Tls(Child);

impl Tls {
    fn start(place: &Place, address: SocketAddr, name: &str, words: &[&str]) -> Self {
        let [key, certificate] = ["key", "crt"].map(|end| place.path(&format!("{name}.{end}")));
        let [key, certificate] = [key.to_str().unwrap(), certificate.to_str().unwrap()];
        let subject = format!("/CN={name}");
        let made = openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-keyout",
            key,
            "-out",
            certificate,
        ]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address_text = address.to_string();
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &address_text, "-key", key, "-cert", certificate])
            .args(["-quiet", "-www"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the TLS server listens", SOON, || connect_from(source(0), address).is_ok());
        Self(child)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a TLS client prints: its subject line names the server that it met.
fn client(front: SocketAddr, words: &[&str]) -> String {
    let front = front.to_string();
    let output = openssl(&[&["s_client", "-connect", &front], words].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The name in the certificate that a client was shown.
fn name_in(printed: &str) -> Option<String> {
    let line = printed.lines().find(|line| line.starts_with("subject="))?;
    line.rsplit('=').next().map(|name| name.trim().to_owned())
}

#[test]
fn the_name_in_the_hello_says_which_service_a_client_meets() {
    if !is_installed() {
        return;
    }
    under_each_program("tls-sni-router.cfg", |example, flavour| {
        let place = Place::new();
        let start = |host, name| Tls::start(&place, example.server(host), name, &[]);
        let _services = [
            start("192.168.0.71:443", "shop1"),
            start("192.168.0.72:443", "shop2"),
            start("192.168.0.73:443", "wiki1"),
            start("192.168.0.74:443", "any1"),
        ];
        let node = example.start(flavour);
        for server in ["shop/shop1", "shop/shop2", "wiki/wiki1", "other/any1"] {
            until_checked(&node, server, "UP");
        }
        let met = |words: &[&str]| name_in(&client(example.front(443), words));
        let shop = met(&["-servername", "shop.example"]).unwrap();
        assert!(shop.starts_with("shop"), "{flavour:?}: {shop}");
        assert!(example.log_with("shop/").ends_with("shop.example"), "{flavour:?}");
        // The same client, and another spelling and a name below it.
        assert_eq!(met(&["-servername", "Www.Shop.Example"]).unwrap(), shop, "{flavour:?}");
        assert_eq!(met(&["-servername", "wiki.example"]).unwrap(), "wiki1", "{flavour:?}");
        assert_eq!(met(&["-servername", "other.example"]).unwrap(), "any1", "{flavour:?}");
        assert_eq!(met(&["-noservername"]).unwrap(), "any1", "{flavour:?}");
        // Who speaks no TLS meets nobody.
        let answer = http::exchange(example.front(443), "GET / HTTP/1.0\r\n\r\n");
        assert_eq!(answer, "", "{flavour:?}");
    });
}

/// A client of TLS 1.2 without tickets, which keeps its session in a file.
fn session(front: SocketAddr, file: &Path, is_new: bool) -> String {
    let file = file.to_str().unwrap();
    let mut words = vec!["-tls1_2", "-no_ticket"];
    words.extend([if is_new { "-sess_out" } else { "-sess_in" }, file]);
    client(front, &words)
}

#[test]
fn a_client_that_resumes_its_tls_session_meets_the_server_that_has_it() {
    if !is_installed() {
        return;
    }
    under_each_program("tls-sessions.cfg", |example, flavour| {
        let place = Place::new();
        let hosts = ["192.168.0.81:443", "192.168.0.82:443", "192.168.0.83:443"];
        let _servers = [1, 2, 3].map(|n| {
            let words = ["-no_ticket", "-tls1_2"];
            Tls::start(&place, example.server(hosts[n - 1]), &format!("tls{n}"), &words)
        });
        let node = example.start(flavour);
        for n in 1..=3 {
            until_checked(&node, &format!("servers/tls{n}"), "UP");
        }
        let front = example.front(443);
        let files = [0, 1, 2, 3].map(|n| place.path(&format!("session-{n}")));
        let first = files.each_ref().map(|file| {
            let printed = session(front, file, true);
            assert!(printed.contains("\nNew, TLSv1.2"), "{flavour:?}: {printed}");
            name_in(&printed).unwrap()
        });
        assert_eq!(first, ["tls1", "tls2", "tls3", "tls1"], "{flavour:?}");
        assert_eq!(node.api().table("servers").len(), 4, "{flavour:?}");
        // In another order, so that turns alone would lead them elsewhere.
        for n in [3, 2, 1, 0, 0] {
            let printed = session(front, &files[n], false);
            assert!(printed.contains("\nReused, TLSv1.2"), "{flavour:?}: {printed}");
        }
    });
}
