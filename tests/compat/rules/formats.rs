//! Format strings: samples in lines of the log, and names and values that are made of samples.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};

use super::lines::client_hello;
use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, start};

struct Setting {
    node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _servers: Vec<Server>,
    _place: Place,
}

/// A frontend `in` with these lines, and the backends `bk_a` and `bk_b` with the servers `s_a` and
/// `s_b`. The lines `rules` stand in the backends.
fn setting(flavour: Flavour, lines: &str, rules: &str) -> Setting {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let mut body = format!("frontend in\n    bind {front}\n    log global\n    {lines}\n");
    let mut servers = Vec::new();
    for name in ["a", "b"] {
        let server = Server::greeting_echo(place.address(), name);
        let address = server.address();
        body.push_str(&format!(
            "backend bk_{name}\n    {rules}\n    server s_{name} {address}\n    \
             server t_{name} {address}\n"
        ));
        servers.push(server);
    }
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let node = start(flavour, &place, &global, &body);
    Setting { node, receiver, front, _servers: servers, _place: place }
}

impl Setting {
    /// What a client that says this hears first.
    fn say(&self, says: &[u8]) -> String {
        let mut client = connect_from(source(1), self.front).unwrap();
        client.write_all(says).unwrap();
        let mut heard = [0; 2];
        let heard = client.read(&mut heard).map_or(0, |_| heard[0]);
        char::from(heard).to_string()
    }

    /// The next message that begins with `<`, without that sign.
    fn line(&self) -> String {
        let mut buffer = [0; 4096];
        loop {
            let count = self.receiver.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if let Some((_, message)) = line.split_once("]: <") {
                return message.trim_end().to_owned();
            }
        }
    }
}

const WAIT: &str = "tcp-request inspect-delay 5s\n    \
                    tcp-request content set-var(sess.sni) req.ssl_sni\n    \
                    tcp-request content accept if { req.ssl_hello_type 1 }";

#[test]
fn the_name_that_a_tls_client_asks_for_is_logged() {
    let lines = format!(
        "{WAIT}\n    log-format \"<%ft %b/%s %B %ts sni=%[var(sess.sni)]\"\n    \
         default_backend bk_a"
    );
    for flavour in flavours() {
        let setting = setting(flavour, &lines, "");
        // The rules are looked at again when more has come.
        let hello = client_hello("www.example.org");
        let mut client = connect_from(source(1), setting.front).unwrap();
        client.write_all(&hello[..20]).unwrap();
        client.write_all(&hello[20..]).unwrap();
        client.read_exact(&mut [0; 1]).unwrap();
        drop(client);
        let line = setting.line();
        assert!(line.starts_with("in bk_a/s_a "), "{flavour:?}: {line}");
        assert!(line.ends_with(" sni=www.example.org"), "{flavour:?}: {line}");
    }
}

#[test]
fn samples_are_quoted_escaped_or_marked_as_missing() {
    let lines = "tcp-request inspect-delay 5s\n    \
                 tcp-request content reject unless { req.len ge 5 }\n    \
                 tcp-request content set-var(sess.text) req.payload(0,5)\n    \
                 log-format \"<%[var(sess.text)] %{+Q}[var(sess.text)] %{+E}[var(sess.text)] \
                 %{+Q,+E}[var(sess.text)] %[var(sess.no)] %{+Q}[var(sess.no)] \
                 %[var(sess.no,x)] %[src],%[dst_port],%[fe_name] %[be_name] %[always_true] \
                 %[var(sess.text),length] %[str(p]),upper] %ts\"\n    default_backend bk_a";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "");
        setting.say(b"a\"b]c");
        let port = setting.front.port();
        let expected = format!(
            "a\"b]c \"a\"b]c\" a\\\"b\\]c \"a\\\"b\\]c\" - \"\" x {},{port},in bk_a 1 5 P] --",
            source(1)
        );
        let line = setting.line();
        assert!(line.starts_with(expected.trim_end_matches("--")), "{flavour:?}: {line}");
    }
}

#[test]
fn what_only_other_modes_know_is_written_as_haproxy_writes_it() {
    let lines = "log-format \"<%ST %Th %lc %sslc %sslv %{+Q}sslc %hs %hsl \
                 %ID%{-M}[var(sess.no)]|%rt|%ts\"\n    default_backend bk_a";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "");
        for count in 0..3 {
            setting.say(b"x");
            let line = setting.line();
            let expected = format!("0 0 {count} - - \"\" -|");
            assert!(line.starts_with(&expected), "{flavour:?}: {line}");
        }
    }
}

#[test]
fn a_name_of_samples_chooses_the_backend() {
    let lines = "tcp-request inspect-delay 5s\n    \
                 tcp-request content accept if { req.len gt 0 }\n    \
                 use_backend bk_a if { req.payload(0,1) -m str x }\n    \
                 use_backend bk_%[req.payload(0,1),lower]\n    \
                 use_backend bk_a if { req.payload(0,1) -m str c }\n    default_backend bk_b";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "");
        for (says, heard) in [("a", "a"), ("b", "b"), ("B", "b"), ("x", "a"), ("c", "b")] {
            assert_eq!(setting.say(says.as_bytes()), heard, "{flavour:?}: {says}");
        }
    }
}

#[test]
fn a_name_of_samples_chooses_the_server() {
    let rules = "use-server %[str(no)] if { src 127.2.0.0/16 }\n    \
                 use-server %[str(t)]_a if { src 127.1.0.1 }";
    for flavour in flavours() {
        let setting = setting(flavour, "log-format \"<%s %ts\"\n    default_backend bk_a", rules);
        for _ in 0..3 {
            setting.say(b"x");
            assert!(setting.line().starts_with("t_a "), "{flavour:?}");
        }
        assert_eq!(setting.node.api().stat("bk_a", "t_a", "stot"), "3", "{flavour:?}");
    }
}

#[test]
fn a_variable_may_hold_a_text_that_is_made_of_samples() {
    let lines = "tcp-request connection set-var-fmt(sess.from) %[src]:%ci\n    \
                 tcp-request content set-var-fmt(txn.all) \"<%[var(sess.from)]> %[str(x)]%%\
                 %{+M}[var(sess.no)]\"\n    \
                 tcp-request content set-var(proc.all) var(txn.all)\n    default_backend bk_a";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "");
        setting.say(b"x");
        let told = setting.node.api().command("get var proc.all");
        let from = source(1);
        let expected = format!("proc.all: type=str value=<<{from}:{from}> x%->");
        assert_eq!(told.trim(), expected, "{flavour:?}");
        let command = "experimental-mode on; set var proc.b fmt a%[str(b),upper]; get var proc.b";
        let told = setting.node.api().command(command);
        assert_eq!(told.trim(), "proc.b: type=str value=<aB>", "{flavour:?}");
    }
}
