//! Handshakes that fail: what the log and the counters say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::Setting;
use crate::flavours;
use crate::start;
use crate::support::tls::{TlsClient, tls_global};
use crate::support::{Flavour, Place, SOON, Server, connect_from, reset, source, until};

const TLS: &str = "ssl crt site.pem";
const LINE: &str = "error-log-format \"[] E %ft %ts %B %U %sslc %[fc_err] %[fc_err_str] \
                    %[bc_err]\"";

impl Setting {
    /// A frontend without TLS in front of a listener with TLS, which `words` of a `server` line
    /// are about.
    fn before_tls(flavour: Flavour, words: &str) -> Self {
        let place = Place::new();
        let receiver = place.log_receiver();
        let (front, middle, back) = (place.address(), place.address(), place.address());
        let server = Server::greeting_echo(back, "s1");
        let body = format!(
            "listen outer\n    bind {front}\n    log global\n    \
             log-format \"[] %ts %[bc_err] %[bc_err_str]\"\n    retries 0\n    \
             server secret {middle} {words}\n\
             listen inner\n    bind {middle} {TLS}\n    server s1 {back}\n"
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        Self { _node: node, receiver, front, _server: server, _place: place }
    }
}

/// The hello of a client.
fn hello() -> Vec<u8> {
    use stickd::net::tls::connector::{Connector, ConnectorOptions};
    use stickd::net::tls::{policy::Policy, session::Session, trust::ServerCheck};
    let (check, policy) = (ServerCheck::None, Policy::default());
    let connector = Connector::new(&ConnectorOptions { check, identity: None, policy }).unwrap();
    let client = Session::connecting(&connector, Some("site.example.org"), Vec::new()).unwrap();
    client.unsent().to_vec()
}

/// Says this and the end, and waits for the end of the other side.
fn say(mut stream: TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A client with this certificate. With TLS 1.2 it learns in the handshake that it is refused.
fn shows(setting: &Setting, certificate: &str) {
    let client = TlsClient::with(&[&rustls::version::TLS12], Some(certificate), &[]);
    let _ = client.over(setting.connect(), "site.example.org").unwrap_err();
}

#[test]
fn the_line_of_error_log_format_tells_why() {
    let words = format!("{TLS} ca-file ca.pem crl-file crl.pem verify required");
    for flavour in flavours() {
        let setting = Setting::new(flavour, &words, &format!("timeout client 2s\n    {LINE}"));
        let line = |reason: &str, suite: &str| {
            let (number, text) = reason.split_once(' ').unwrap();
            let line = format!("E in~ PR 0 0 {suite} {number} {text} -");
            assert_eq!(setting.log_line(), line, "{flavour:?}");
        };
        let suite = "TLS_AES_256_GCM_SHA384";
        say(setting.connect(), b"");
        line("24 Connection closed during SSL handshake", "(NONE)");
        say(setting.connect(), &hello()[..50]);
        line("24 Connection closed during SSL handshake", "(NONE)");
        say(setting.connect(), &hello());
        line("34 SSL handshake failure", suite);
        say(setting.connect(), b"GET / HTTP/1.0\r\n\r\n");
        line("34 SSL handshake failure", "(NONE)");
        reset(setting.connect());
        line("34 SSL handshake failure", "(NONE)");
        shows(&setting, "revoked.pem");
        line("31 SSL client certificate not trusted", "(NONE)");
        shows(&setting, "self-signed.pem");
        line("31 SSL client certificate not trusted", "(NONE)");
        let silent = setting.connect();
        line("26 Timeout during SSL handshake", "(NONE)");
        drop(silent);
    }
}

#[test]
fn the_default_line_has_the_level_of_errors_where_that_is_wanted() {
    for flavour in flavours() {
        let rules = "option dontlognull\n    option log-separate-errors";
        let setting = Setting::new(flavour, TLS, rules);
        say(setting.connect(), b"");
        say(setting.connect(), b"hello\r\n");
        let line = setting.whole_log_line();
        assert!(line.starts_with("<131>"), "{flavour:?}: {line}");
        assert!(line.ends_with("] in/1: SSL handshake failure"), "{flavour:?}: {line}");
        reset(setting.connect());
        assert_eq!(setting.log_line(), "in/1: SSL handshake failure", "{flavour:?}");
    }
}

#[test]
fn a_frontend_that_logs_arrivals_alone_logs_no_refusals() {
    for flavour in flavours() {
        let place = Place::new();
        let (receiver, front) = (place.log_receiver(), place.address());
        let other = place.address();
        let body = format!(
            "listen in\n    bind {front} {TLS}\n    log global\n    server s1 127.0.0.1:1\n\
             listen other\n    bind {other} {TLS}\n    log global\n    option tcplog\n    \
             server s1 127.0.0.1:1\n"
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let _node = start(flavour, &place, &log, &body);
        for front in [front, other] {
            say(connect_from(source(7), front).unwrap(), b"hello\r\n");
        }
        let mut line = [0; 4096];
        let len = receiver.recv(&mut line).unwrap();
        let line = String::from_utf8_lossy(&line[..len]).trim_end().to_owned();
        assert!(line.ends_with("] other/1: SSL handshake failure"), "{flavour:?}: {line}");
    }
}

#[test]
fn a_strict_listener_says_that_it_does_not_know_the_name() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, &format!("{TLS} strict-sni"), LINE);
        let error = TlsClient::new().over(setting.connect(), "else.example.org").unwrap_err();
        assert!(error.to_string().contains("UnrecognisedName"), "{flavour:?}: {error}");
        assert!(setting.log_line().ends_with(" 34 SSL handshake failure -"), "{flavour:?}");
    }
}

#[test]
fn the_log_tells_why_the_handshake_with_a_server_has_failed() {
    let trust = "verify required ca-file ca.pem";
    for flavour in flavours() {
        for (words, reason) in [
            (format!("ssl {trust}"), "-- 0 Success"),
            (
                format!("ssl {trust} verifyhost other.example.org"),
                "SC 32 Server presented an SSL certificate different from the configured one",
            ),
            (
                format!("ssl {trust} sni str(other.example.org)"),
                "SC 33 Server presented an SSL certificate different from the expected one",
            ),
            ("ssl verify required ca-file self-signed.pem".into(), "SC 34 SSL handshake failure"),
        ] {
            let setting = Setting::before_tls(flavour, &words);
            // A client that has got the greeting leaves; the others are left.
            let _ = setting.connect().read(&mut [0; 3]);
            assert_eq!(setting.log_line(), reason, "{flavour:?} {words}");
        }
    }
}

#[test]
fn handshakes_for_pages_are_logged_and_counted() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let front = place.address();
        let body = format!(
            "frontend pages\n    mode http\n    bind {front} {TLS}\n    log global\n    \
             option httplog\n    option log-separate-errors\n    option dontlognull\n    \
             stats enable\n    stats uri /\n"
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        let connect = || connect_from(source(7), front).unwrap();
        say(connect(), b"");
        say(connect(), b"GET / HTTP/1.0\r\n\r\n");
        let mut line = [0; 4096];
        receiver.set_read_timeout(Some(SOON)).unwrap();
        let len = receiver.recv(&mut line).unwrap();
        let line = String::from_utf8_lossy(&line[..len]).trim_end().to_owned();
        assert!(line.starts_with("<131>"), "{flavour:?}: {line}");
        assert!(line.ends_with("] pages/1: SSL handshake failure"), "{flavour:?}: {line}");
        let mut stream = TlsClient::new().over(connect(), "site.example.org").unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        until("the handshakes are counted", SOON, || {
            let stat = |column| node.api().stat("pages", "FRONTEND", column);
            stat("ssl_failed_handshake") == "2" && stat("ssl_sess") == "1"
        });
    }
}
