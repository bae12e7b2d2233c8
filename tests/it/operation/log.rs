//! Connection lines in HAProxy's TCP format, sent as syslog datagrams.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Held, Node, Place, Running, SOON, Server, Spec, ask, connect_from, run_to_end, source, until,
};

fn start(
    place: &Place,
    receiver: &UdpSocket,
    lines: &str,
    server: SocketAddr,
) -> (Node, SocketAddr) {
    let front = place.address();
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    option tcplog\n    {lines}\n    \
         default_backend out\nbackend out\n    timeout connect 200ms\n    retries 1\n    \
         server s1 {server}"
    );
    let log = format!("log {} local0", receiver.local_addr().unwrap());
    (Spec::with_global(place, "a", &log, &body).start(), front)
}

/// The next line about a connection.
fn next_line(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains(" in out/") || line.contains(" in in/") {
            return line;
        }
    }
}

/// Whether `line` has the form of `pattern`. In the pattern, `#` is a number and `*` is a word.
fn is_like(line: &str, pattern: &str) -> bool {
    let (mut line, mut pattern) = (line.trim_end(), pattern);
    while let Some(at) = pattern.find(['#', '*']) {
        let Some(rest) = line.strip_prefix(&pattern[..at]) else { return false };
        let is_part = |c: char| {
            if pattern[at..].starts_with('#') { c.is_ascii_digit() } else { c.is_alphanumeric() }
        };
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            return false;
        }
        line = &rest[end..];
        pattern = &pattern[at + 1..];
    }
    line == pattern
}

#[test]
fn a_connection_is_logged_in_the_tcp_format() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (node, front) = start(&place, &receiver, "", server.address());
    ask(source(258), front).unwrap();
    let line = next_line(&receiver);
    // Facility local0, level info, 3 bytes to the client.
    let own = format!("[{}]: 127.1.1.2:#", node.pid());
    assert!(line.contains(&own[..own.len() - 1]), "{line}");
    let (header, rest) = line.split_once(&own[..own.len() - 1]).unwrap();
    let program = header.rsplit(' ').next().unwrap();
    assert!(header.starts_with("<134>"), "{line}");
    assert!(["stickd", "haproxy"].contains(&program), "{line}");
    let pattern = "# [#/*/#:#:#:#.#] in out/s1 #/#/# 3 -- #/#/#/#/# #/#";
    assert!(is_like(rest, pattern), "{rest}");
}

#[test]
fn lines_are_signed_with_the_name_that_the_program_was_started_as() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let (front, server) = (place.address(), Server::name(place.address(), "s1"));
    let link = place.path("balancer");
    std::os::unix::fs::symlink(crate::support::binary(), &link).unwrap();
    let config = place.write(
        "link.cfg",
        &format!(
            "global\n    log {} local0\n\
             defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 5s\n    \
             timeout server 5s\n\
             listen in\n    bind {front}\n    log global\n    option tcplog\n    \
             server s1 {}\n",
            receiver.local_addr().unwrap(),
            server.address()
        ),
    );
    let mut command = std::process::Command::new(&link);
    let _running = Running(command.args(["-db", "-f"]).arg(config).spawn().unwrap());
    until("it serves", SOON, || ask(source(1), front).is_ok());
    let line = next_line(&receiver);
    assert!(line.contains(" balancer["), "{line}");
}

#[test]
fn a_server_that_cannot_be_reached_is_logged_with_its_cause() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let dead = place.address();
    let _held = Held::refusing(dead);
    let (_node, front) = start(&place, &receiver, "", dead);
    ask(source(1), front).unwrap_err();
    let line = next_line(&receiver);
    assert!(line.contains(" in out/s1 "), "{line}");
    assert!(line.contains(" 0 SC "), "{line}");
}

#[test]
fn a_client_that_was_silent_too_long_is_logged_with_its_cause() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::echo(place.address());
    let (_node, front) = start(&place, &receiver, "timeout client 200ms", server.address());
    let stream = connect_from(source(1), front).unwrap();
    let line = next_line(&receiver);
    assert!(line.contains(" cD ") || line.contains(" sD "), "{line}");
    drop(stream);
}

#[test]
fn connections_that_carried_nothing_are_not_logged_when_told_so() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::greeting_echo(place.address(), "s1");
    let quiet = Server::silent(place.address());
    let (node, front) = start(&place, &receiver, "option dontlognull", quiet.address());
    drop(connect_from(source(1), front).unwrap());
    until("it came and went", SOON, || {
        node.api().info("CumConns") != "0" && node.api().info("CurrConns") == "0"
    });
    drop(node);
    let (_node, front) = start(&place, &receiver, "option dontlognull", server.address());
    let mut stream = connect_from(source(2), front).unwrap();
    stream.write_all(b"x").unwrap();
    drop(stream);
    let line = next_line(&receiver);
    assert!(line.contains(&format!("{}:", source(2))), "{line}");
}

#[test]
fn a_log_target_that_is_not_there_does_no_harm() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (node, front) = start(&place, &receiver, "", server.address());
    let lost = format!("log {}: Connection refused", receiver.local_addr().unwrap());
    drop(receiver);
    for n in 0..50 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    until("it is said", SOON, || node.log().contains(&lost));
    assert_eq!(node.log().matches("a line is lost").count(), 1, "{}", node.log());
}

#[test]
fn without_tcplog_a_client_is_logged_when_it_comes() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (_node, front) = start(&place, &receiver, "no option tcplog", server.address());
    ask(source(259), front).unwrap();
    let mut buffer = [0; 4096];
    let line = loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains("Connect from") {
            break line;
        }
    };
    let (_, rest) = line.split_once("]: ").unwrap();
    assert!(is_like(rest, &format!("Connect from 127.1.1.3:# to {front} (in/TCP)")), "{rest}");
}

/// Runs the program with `given` as descriptor 9 and with `log fd@9` for lines of `len` bytes.
/// Returns the bytes that arrive at `other` for two clients.
fn logged_to_descriptor(place: &Place, given: OwnedFd, other: OwnedFd, global: &str) -> Vec<u8> {
    let front = place.address();
    let server = Server::name(place.address(), "s1");
    let config = place.write(
        "fd.cfg",
        &format!(
            "global\n    log fd@9 len 60000 format raw local0\n    {global}\n\
             defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 5s\n    \
             timeout server 5s\n\
             listen l\n    bind {front}\n    log global\n    log-format \"<%ci|{}>\"\n    \
             server s1 {}\n",
            "x".repeat(6000),
            server.address()
        ),
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 9<&0 </dev/null"]).arg(crate::support::binary());
    command.args(["-db", "-f"]).arg(config).stdin(given);
    let _running = Running(command.spawn().unwrap());
    until("it serves", SOON, || ask(source(1), front).is_ok());
    ask(source(2), front).unwrap();
    let mut text = Vec::new();
    let mut other = std::fs::File::from(other);
    while text.iter().filter(|byte| **byte == b'>').count() < 2 || !text.ends_with(b"\n") {
        let mut chunk = [0; 65_536];
        let count = other.read(&mut chunk).unwrap();
        assert!(count > 0, "the descriptor was closed");
        text.extend_from_slice(&chunk[..count]);
    }
    text
}

#[test]
fn lines_reach_a_descriptor_of_any_kind_whole() {
    let jail = Place::new();
    let chroot = format!("chroot {}", jail.dir().display());
    let is_root = nix::unistd::Uid::effective().is_root();
    for global in ["", &chroot].into_iter().take(1 + usize::from(is_root)) {
        let (reader, writer) = std::io::pipe().unwrap();
        let stream = UnixStream::pair().unwrap();
        let datagram = UnixDatagram::pair().unwrap();
        for (kind, given, other) in [
            ("pipe", OwnedFd::from(writer), OwnedFd::from(reader)),
            ("stream", stream.0.into(), stream.1.into()),
            ("datagram", datagram.0.into(), datagram.1.into()),
        ] {
            let place = Place::new();
            let text = logged_to_descriptor(&place, given, other, global);
            let text = String::from_utf8(text).unwrap();
            for line in text.lines().filter(|line| !line.starts_with("Proxy ")) {
                assert_eq!(line.len(), source(1).to_string().len() + 6003, "{kind}: {line}");
                assert!(line.starts_with('<') && line.ends_with('>'), "{kind}: {line}");
            }
            for client in [source(1), source(2)] {
                assert!(text.contains(&format!("<{client}|")), "{kind}");
            }
        }
    }
}

/// Ends the process that serves, of any generation.
struct EndOf(std::path::PathBuf);

impl Drop for EndOf {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}

#[test]
fn lines_reach_a_descriptor_behind_reloads_too() {
    // Descriptor 3 is the first that a successor's sockets have.
    for (number, supervised) in [(3, false), (9, false), (3, true), (9, true)] {
        let place = Place::new();
        let (front, server) = (place.address(), Server::name(place.address(), "s1"));
        let dir = place.dir().display().to_string();
        let config = place.write(
            "fd.cfg",
            &format!(
                "global\n    log fd@{number} format raw local0\n    pidfile {dir}/pid\n    \
                 stats socket {dir}/api mode 600 level admin\n\
                 defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 5s\n    \
                 timeout server 5s\n\
                 listen l\n    bind {front}\n    log global\n    log-format \"<%ci>\"\n    \
                 server s1 {}\n",
                server.address()
            ),
        );
        let config = config.to_str().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        let mut command = std::process::Command::new("sh");
        let script = format!("exec \"$0\" \"$@\" {number}<&0 </dev/null");
        command.args(["-c", &script]).arg(crate::support::binary()).stdin(writer);
        command.arg(if supervised { "-W" } else { "-db" }).args(["-q", "-f", config]);
        let _end = EndOf(place.dir().join("pid"));
        let _running = Running(command.spawn().unwrap());
        until("it serves", SOON, || ask(source(1), front).is_ok());
        for generation in 2..4 {
            let reload = run_to_end(&["--reload", "-f", config]);
            assert!(reload.status.success(), "{reload:?}");
            ask(source(generation), front).unwrap();
            let wanted = format!("<{}>", source(generation));
            assert!(lines.any(|line| line == wanted), "{number}, {supervised}: {wanted}");
        }
    }
}
