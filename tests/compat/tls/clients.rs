//! Clients that speak TLS with a `bind` line.

use std::io::{Read, Write};
use std::net::Shutdown;

use rustls::HandshakeKind;

use super::Setting;
use crate::flavours;
use crate::support::tls::{TlsClient, TlsStream, shown_name};
use crate::support::{SOON, pattern, until};

const TLS: &str = "ssl crt site.pem crt shop.pem";
const V12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
const V13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Sends a text and returns as much of the answer.
fn exchange(stream: &mut TlsStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![0; "s1\n".len() + text.len()];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn clients_get_the_certificate_with_the_name_that_they_ask_for() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "");
        for versions in [V12, V13] {
            let client = TlsClient::with(versions, None, &[]);
            for (asked, shown) in [
                ("site.example.org", "site.example.org"),
                ("a.site.example.org", "site.example.org"),
                ("SHOP.example.org", "shop.example.org"),
            ] {
                let mut stream = client.over(setting.connect(), asked).unwrap();
                assert_eq!(shown_name(&stream), shown, "{flavour:?}");
                assert_eq!(exchange(&mut stream, "hello"), "s1\nhello");
            }
            // The first certificate is for all others.
            let error = client.over(setting.connect(), "else.example.org").unwrap_err();
            assert!(error.to_string().contains("not valid for name"), "{flavour:?}: {error}");
        }
    }
}

#[test]
fn a_strict_listener_refuses_names_that_no_certificate_has() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, &format!("{TLS} strict-sni"), "");
        let client = TlsClient::new();
        client.over(setting.connect(), "shop.example.org").unwrap();
        let error = client.over(setting.connect(), "else.example.org").unwrap_err();
        assert!(error.to_string().contains("alert"), "{flavour:?}: {error}");
    }
}

#[test]
fn what_is_no_tls_is_refused_and_logged() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "timeout client 2s");
        let mut stream = setting.connect();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(setting.log_line(), "in/1: SSL handshake failure", "{flavour:?}");
        drop(setting.connect());
        let line = setting.log_line();
        assert_eq!(line, "in/1: Connection closed during SSL handshake", "{flavour:?}");
        let silent = setting.connect();
        assert_eq!(setting.log_line(), "in/1: Timeout during SSL handshake", "{flavour:?}");
        drop(silent);
    }
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "");
        let (near, far) = super::drip(setting.connect());
        let mut stream = TlsClient::new().over(near, "site.example.org").unwrap();
        assert_eq!(exchange(&mut stream, "hello"), "s1\nhello", "{flavour:?}");
        drop(stream);
        far.join().unwrap();
    }
}

#[test]
fn both_ends_may_close_their_half() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "");
        for versions in [V12, V13] {
            let client = TlsClient::with(versions, None, &[]);
            let mut stream = client.over(setting.connect(), "site.example.org").unwrap();
            stream.write_all(b"all I have").unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            stream.sock.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            // A server's end without a notice would be an error here.
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "s1\nall I have", "{flavour:?}");
        }
    }
}

#[test]
fn much_passes_both_ways_unchanged() {
    const COUNT: u64 = 3_000_000;
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "");
        let mut stream = TlsClient::new().over(setting.connect(), "site.example.org").unwrap();
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).unwrap();
        let mut sent = Vec::new();
        pattern(&mut sent, COUNT).unwrap();
        let mut got = vec![0; sent.len()];
        // As much as fits into all buffers on the way, then it is read, and so on.
        for (sent, got) in sent.chunks(40_000).zip(got.chunks_mut(40_000)) {
            stream.write_all(sent).unwrap();
            stream.read_exact(got).unwrap();
        }
        assert!(sent == got, "{flavour:?}");
    }
}

#[test]
fn clients_have_to_show_a_certificate_where_it_is_required() {
    let words = "ssl crt site.pem ca-file ca.pem crl-file crl.pem verify";
    for flavour in flavours() {
        let required = Setting::new(flavour, &format!("{words} required"), "");
        let optional = Setting::new(flavour, &format!("{words} optional"), "");
        // With TLS 1.3 a client is told only after its end of the handshake.
        let is_let_in = |setting: &Setting, certificate| {
            let client = TlsClient::with(V12, certificate, &[]);
            client.over(setting.connect(), "site.example.org").is_ok()
        };
        for (certificate, by_required, by_optional) in [
            (None, false, true),
            (Some("named.pem"), true, true),
            (Some("shop.pem"), true, true),
            (Some("revoked.pem"), false, false),
            (Some("self-signed.pem"), false, false),
        ] {
            let what = format!("{flavour:?} {certificate:?}");
            assert_eq!(is_let_in(&required, certificate), by_required, "{what}");
            assert_eq!(is_let_in(&optional, certificate), by_optional, "{what}");
        }
    }
}

#[test]
fn the_first_application_protocol_that_both_know_is_spoken() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, &format!("{TLS} alpn mqtt,x-amqp"), "");
        let spoken = |offered: &[&str]| {
            let client = TlsClient::with(rustls::ALL_VERSIONS, None, offered);
            let stream = client.over(setting.connect(), "site.example.org").unwrap();
            stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
        };
        assert_eq!(spoken(&["x-amqp"]).as_deref(), Some("x-amqp"), "{flavour:?}");
        assert_eq!(spoken(&["x-amqp", "mqtt"]).as_deref(), Some("mqtt"), "{flavour:?}");
        assert_eq!(spoken(&["h2"]), None, "{flavour:?}");
        assert_eq!(spoken(&[]), None, "{flavour:?}");
    }
}

#[test]
fn versions_are_those_that_the_words_leave() {
    for flavour in flavours() {
        for (words, by_12, by_13) in [
            ("ssl-min-ver TLSv1.3", false, true),
            ("ssl-max-ver TLSv1.2", true, false),
            ("no-tlsv13", true, false),
            ("force-tlsv13", false, true),
            ("", true, true),
        ] {
            let setting = Setting::new(flavour, &format!("{TLS} {words}"), "");
            let speaks = |versions| {
                let client = TlsClient::with(versions, None, &[]);
                client.over(setting.connect(), "site.example.org").is_ok()
            };
            assert_eq!((speaks(V12), speaks(V13)), (by_12, by_13), "{flavour:?} {words}");
        }
    }
}

#[test]
fn a_client_can_continue_its_session() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, "");
        for versions in [V12, V13] {
            let client = TlsClient::with(versions, None, &[]);
            let kind = || {
                let mut stream = client.over(setting.connect(), "site.example.org").unwrap();
                // Tickets of TLS 1.3 come behind the handshake.
                exchange(&mut stream, "hello");
                stream.conn.handshake_kind().unwrap()
            };
            assert_eq!(kind(), HandshakeKind::Full, "{flavour:?}");
            assert_eq!(kind(), HandshakeKind::Resumed, "{flavour:?}");
        }
    }
}

#[test]
fn rules_see_what_was_encrypted() {
    let rules = "tcp-request inspect-delay 5s\n    \
                 tcp-request content reject if { req.payload(0,3) -m str bad }\n    \
                 tcp-request content accept if { req.len ge 5 }";
    for flavour in flavours() {
        let setting = Setting::new(flavour, TLS, rules);
        let client = TlsClient::new();
        let mut stream = client.over(setting.connect(), "site.example.org").unwrap();
        stream.write_all(b"he").unwrap();
        assert_eq!(exchange(&mut stream, "llo").len(), 6, "{flavour:?}");
        let mut stream = client.over(setting.connect(), "site.example.org").unwrap();
        stream.write_all(b"bad one").unwrap();
        assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0, "{flavour:?}");
        until("the refusal is logged", SOON, || setting.log_line().contains(" PR "));
    }
}
