//! Clients that speak TLS, while other things happen.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::tls::{TlsClient, TlsStream, certificates, shown_name, tls_global};
use crate::support::{Node, Place, SOON, Server, Spec, connect_from, source, until};

const NAME: &str = "site.example.org";

/// A server behind a listener with TLS and one without. The certificate is in a file of the place.
struct Setting {
    node: Node,
    secret: SocketAddr,
    plain: SocketAddr,
    _server: Server,
}

impl Setting {
    fn new(place: &Place) -> Self {
        let server = Server::greeting_echo(place.address(), "s1");
        let (secret, plain) = (place.address(), place.address());
        let file = place.path("site.pem");
        renew(place, "site.pem");
        let body = format!(
            "listen web\n    bind {secret} ssl crt {}\n    bind {plain}\n\
             \x20   timeout client 2m\n    server s1 {}\n",
            file.display(),
            server.address()
        );
        let node = Spec::with_global(place, "a", &tls_global(), &body).reloadable().start();
        Self { node, secret, plain, _server: server }
    }
}

/// Puts one of the certificates into the file of the place, as a whole.
fn renew(place: &Place, certificate: &str) {
    let new = place.path("new.pem");
    std::fs::copy(certificates().join(certificate), &new).unwrap();
    std::fs::rename(new, place.path("site.pem")).unwrap();
}

/// Sends a text and expects the same.
#[track_caller]
fn echo(stream: &mut (impl Read + Write), text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, text.as_bytes());
}

fn connect(client: &TlsClient, secret: SocketAddr, number: u32) -> TlsStream {
    let mut stream = client.over(connect_from(source(number), secret).unwrap(), NAME).unwrap();
    stream.read_exact(&mut [0; 3]).unwrap();
    stream
}

#[test]
fn a_reload_brings_a_renewed_certificate_and_no_client_notices() {
    let place = Place::new();
    let setting = Setting::new(&place);
    let mut old: Vec<_> =
        (0..10).map(|number| connect(&TlsClient::new(), setting.secret, number)).collect();
    assert_eq!(shown_name(&old[0]), NAME);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut shown = Vec::new();
            let mut number = 100;
            while !is_over.load(Ordering::Relaxed) || shown.last() != Some(&"renewed".to_owned()) {
                let mut stream = connect(&TlsClient::new(), setting.secret, number);
                echo(&mut stream, "during the reload");
                shown.push(shown_name(&stream));
                number += 1;
            }
            shown
        });
        renew(&place, "renewed.pem");
        setting.node.reload();
        is_over.store(true, Ordering::Relaxed);
        let shown = others.join().unwrap();
        let renewed_at = shown.iter().position(|name| name == "renewed").unwrap();
        assert!(shown[renewed_at..].iter().all(|name| name == "renewed"), "{shown:?}");
    });
    for stream in &mut old {
        echo(stream, "still here");
    }
}

#[test]
fn a_reload_with_a_bad_certificate_fails_and_the_old_one_serves_on() {
    let place = Place::new();
    let setting = Setting::new(&place);
    std::fs::write(place.path("site.pem"), "no certificate").unwrap();
    let pid = setting.node.pid();
    setting.node.ask_reload();
    until("the reload has failed", SOON, || setting.node.log().contains("site.pem"));
    let mut stream = connect(&TlsClient::new(), setting.secret, 1);
    echo(&mut stream, "hello");
    assert_eq!(setting.node.pid_in_file(), Some(pid));
}

#[test]
fn clients_in_the_clear_are_served_beside_many_handshakes() {
    let place = Place::new();
    let setting = Setting::new(&place);
    // They have begun a hello and say no more.
    let slow: Vec<TcpStream> = (0..900)
        .map(|number| {
            let mut stream = connect_from(source(number), setting.secret).unwrap();
            stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
            stream
        })
        .collect();
    let (secret, plain) = (setting.secret, setting.plain);
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                for number in 0..25 {
                    let mut stream = connect(&TlsClient::new(), secret, part * 100 + number);
                    echo(&mut stream, "hello");
                }
            });
        }
        let mut stream = connect_from(source(7), plain).unwrap();
        stream.read_exact(&mut [0; 3]).unwrap();
        for _ in 0..200 {
            echo(&mut stream, "in the clear");
        }
    });
    // The last of the others may still be closing.
    until("only those that are slow are left", SOON, || {
        setting.node.api().info("CurrConns") == slow.len().to_string()
    });
}
