//! The bytes that a server gets in a check: the request from the lines of a section and of its
//! `defaults`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::support::{Flavour, Place, SOON, Server, binary, eventually, haproxy};
use crate::{flavours, start};

/// The lines of `defaults`, the lines of the section, and the bytes that the server gets.
type Case = (&'static str, &'static str, &'static str);

/// A server that answers the first bytes and keeps all bytes.
fn answering(address: SocketAddr, heard: Arc<Mutex<Vec<u8>>>) -> Server {
    Server::start(address, move |mut stream| {
        let mut said = Vec::new();
        let mut buffer = [0; 1024];
        // A reset ends it like an end.
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            if said.is_empty() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok();
            }
            said.extend(&buffer[..len]);
        }
        *heard.lock().unwrap() = said;
        Ok(())
    })
}

/// Fails if a program sends other bytes than the case expects.
#[track_caller]
fn compare(cases: &[Case]) {
    for flavour in flavours() {
        let place = Place::new();
        let mut body = String::new();
        let mut servers = Vec::new();
        for (number, (defaults, lines, _)) in cases.iter().enumerate() {
            let heard = Arc::new(Mutex::new(Vec::new()));
            let server = answering(place.address(), heard.clone());
            let [defaults, lines] = [defaults, lines].map(|lines| lines.replace('|', "\n    "));
            body += &format!(
                "defaults\n    mode tcp\n    timeout connect 1s\n    timeout server 1s\n    \
                 timeout check 500ms\n    {defaults}\nbackend b{number}\n    {lines}\n    \
                 server s1 {} check inter 300ms\n",
                server.address()
            );
            servers.push((server, heard));
        }
        let _node = start(flavour, &place, "", &body);
        for ((defaults, lines, wanted), (_, heard)) in cases.iter().zip(&servers) {
            let heard = || String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
            let is_heard = eventually(SOON, || heard() == *wanted);
            assert!(is_heard, "{flavour:?}: {defaults} / {lines}: {:?}", heard());
        }
    }
}

#[test]
fn a_request_has_the_headers_that_it_needs() {
    compare(&[
        ("", "option httpchk", "OPTIONS / HTTP/1.0\r\n\r\n"),
        ("", "option httpchk /x", "OPTIONS /x HTTP/1.0\r\n\r\n"),
        (
            "",
            "option httpchk POST /x HTTP/1.1",
            "POST /x HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ),
        ("", "option httpchk GET / HTTP/2.0", "GET / HTTP/1.1\r\nconnection: close\r\n\r\n"),
        (
            "",
            r#"option httpchk POST /x HTTP/1.1\r\nContent-Type:\ t\r\n\r\n{\"a\":1}"#,
            "POST /x HTTP/1.1\r\ncontent-type: t\r\ncontent-length: 7\r\nconnection: close\r\n\r\n\
             {\"a\":1}",
        ),
        (
            "",
            r"option httpchk GET / HTTP/1.1\r\nHost:h\r\nX-A:\ \ b\ ",
            "GET / HTTP/1.1\r\nhost: h\r\nx-a: b\r\nconnection: close\r\n\r\n",
        ),
        (
            "",
            r"option httpchk POST / HTTP/1.1\r\nHost:\ h\r\n\r\nB|http-check send body CC",
            "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nconnection: close\r\n\r\nCC",
        ),
        (
            "",
            r"option httpchk POST / HTTP/1.1\r\nHost:\ h\r\n\r\nB|http-check send hdr A a",
            "POST / HTTP/1.1\r\na: a\r\ncontent-length: 1\r\nconnection: close\r\n\r\nB",
        ),
        (
            "",
            "option httpchk|http-check send meth PUT uri /p hdr Content-Length 99 hdr \
             Transfer-Encoding chunked body hello",
            "PUT /p HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello",
        ),
        (
            "",
            "option httpchk|http-check send ver HTTP/1.1 hdr Connection keep-alive hdr Host h",
            "OPTIONS / HTTP/1.1\r\nhost: h\r\n\r\n",
        ),
        (
            "",
            "http-check send uri /b hdr B b ver HTTP/1.1|option httpchk GET /a",
            "GET /a HTTP/1.1\r\nb: b\r\nconnection: close\r\n\r\n",
        ),
    ]);
}

#[test]
fn a_request_can_name_the_server_and_its_backend() {
    compare(&[
        (
            "",
            "option httpchk|http-check send meth POST uri-lf /%[be_name] hdr Host %s hdr P 5%% \
             hdr X %[srv_name].%b. body-lf %s-%b",
            "POST /b0 HTTP/1.0\r\nhost: s1\r\np: 5%\r\nx: s1.b0.\r\ncontent-length: 5\r\n\r\ns1-b0",
        ),
        (
            "",
            "option httpchk|http-check send meth POST uri /%s body %s",
            "POST /%s HTTP/1.0\r\ncontent-length: 2\r\n\r\n%s",
        ),
        (
            "option httpchk|http-check send hdr Host %s.%b",
            "",
            "OPTIONS / HTTP/1.0\r\nhost: s1.b2\r\n\r\n",
        ),
    ]);
}

#[test]
fn parts_whose_samples_have_no_value_are_left_out() {
    compare(&[
        (
            "",
            "option httpchk|http-check send meth GET uri-lf %[var(check.x)] \
             hdr a %[var(check.x)] hdr b c body-lf %[var(check.x)]",
            "GET / HTTP/1.0\r\nb: c\r\n\r\n",
        ),
        (
            "",
            "option httpchk|http-check set-var(check.x) str(v)|http-check send meth GET \
             uri-lf /%[var(check.x),upper] hdr a is=%[var(check.y)]",
            "GET /V HTTP/1.0\r\na: is=\r\n\r\n",
        ),
    ]);
}

#[test]
fn rules_of_its_own_replace_those_of_defaults() {
    const FIRST: &str = "option tcp-check|tcp-check send FIRST";
    const HTTP: &str = "option httpchk GET /a HTTP/1.1|http-check send hdr Host x";
    compare(&[
        (FIRST, "", "FIRST"),
        (FIRST, "option tcp-check", "FIRST"),
        (FIRST, "tcp-check send SECOND", "SECOND"),
        (FIRST, "tcp-check send SECOND|tcp-check send THIRD|option tcp-check", "SECONDTHIRD"),
        (FIRST, "option httpchk", "OPTIONS / HTTP/1.0\r\n\r\n"),
        ("tcp-check send FIRST", "option tcp-check|tcp-check send SECOND", "SECOND"),
        ("option redis-check", "option tcp-check|tcp-check send x", "x"),
        (HTTP, "", "GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        (HTTP, "tcp-check send x", "GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        (HTTP, "tcp-check send x|option tcp-check", "x"),
        (HTTP, "http-check send hdr Host y", "OPTIONS / HTTP/1.0\r\nhost: y\r\n\r\n"),
        (HTTP, "option httpchk GET /b", "GET /b HTTP/1.0\r\n\r\n"),
        (
            HTTP,
            "option httpchk GET /b|http-check send hdr Host y",
            "GET /b HTTP/1.0\r\nhost: y\r\n\r\n",
        ),
    ]);
}

/// The rules, the expectations and the request of `defaults` are replaced together.
#[test]
fn expectations_of_defaults_are_replaced_too() {
    const EXPECTS: &str = "option httpchk|http-check expect status 404";
    let cases = [
        (EXPECTS, "", "DOWN L7STS"),
        (EXPECTS, "option httpchk GET /b", "UP L7OK"),
        (EXPECTS, "http-check send meth GET", "UP L7OK"),
        ("http-check expect status 404", "option httpchk", "UP L7OK"),
        ("option httpchk GET /a", "http-check expect status 200", "DOWN L7TOUT"),
        ("option tcp-check|tcp-check send x", "option httpchk|option tcp-check", "UP L4OK"),
    ];
    for flavour in flavours() {
        let place = Place::new();
        let mut body = String::new();
        let servers: Vec<_> =
            cases.iter().map(|_| answering(place.address(), Arc::default())).collect();
        for ((number, (defaults, lines, _)), server) in cases.iter().enumerate().zip(&servers) {
            let [defaults, lines] = [defaults, lines].map(|lines| lines.replace('|', "\n    "));
            body += &format!(
                "defaults\n    mode tcp\n    timeout connect 1s\n    timeout server 1s\n    \
                 timeout check 500ms\n    {defaults}\nbackend b{number}\n    {lines}\n    \
                 server s1 {} check inter 300ms fall 1\n",
                server.address()
            );
        }
        let node = start(flavour, &place, "", &body);
        for (number, (defaults, lines, wanted)) in cases.iter().enumerate() {
            let stat = |field| node.api().stat(&format!("b{number}"), "s1", field);
            let found = || format!("{} {}", stat("status"), stat("check_status"));
            let fits = eventually(SOON, || found() == *wanted);
            assert!(fits, "{flavour:?}: {defaults} / {lines}: {}", found());
        }
    }
}

/// HAProxy warns about the same rules.
#[test]
fn rules_without_their_option_draw_a_warning() {
    for (lines, has_warning) in [
        ("tcp-check send x", true),
        ("http-check expect status 200", true),
        ("option httpchk|tcp-check send x", true),
        ("option tcp-check|http-check send meth GET", true),
        ("option redis-check|tcp-check send x", true),
        ("option tcp-check|tcp-check send x", false),
        ("http-check expect ! status 500|option httpchk", false),
        ("option tcp-check|tcp-check expect !rstring x|tcp-check expect !!string y", false),
        ("option httpchk|http-check expect !status 500", false),
    ] {
        for flavour in flavours() {
            let place = Place::new();
            let lines = lines.replace('|', "\n    ");
            let config = format!(
                "backend b\n    timeout connect 1s\n    timeout server 1s\n    {lines}\n    \
                 server s1 127.0.0.1:1 check\n"
            );
            let program = match flavour {
                Flavour::Stickd => binary(),
                Flavour::Haproxy => haproxy().unwrap(),
            };
            let path = place.write("a.cfg", &config);
            let output = Command::new(program).arg("-c").arg("-f").arg(path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(said.contains("ignored"), has_warning, "{flavour:?}: {lines}: {said}");
        }
    }
}
