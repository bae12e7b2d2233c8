//! Scripts of checks: how they judge answers, and what servers see of them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, send};

use crate::health::services::Line::{self, Hear, Say};
use crate::health::services::play;
use crate::health::states::{found, notice};
use crate::support::{Flavour, Place, SOON, Server, eventually, pause, until};
use crate::{flavours, start};

/// The lines of a backend, the words of its server, and the expected columns status, check_status,
/// check_code and last_chk.
type Case = (&'static str, &'static [Line], [&'static str; 4]);

/// Fails if a program finds other values than the case expects.
#[track_caller]
fn compare(cases: &[Case]) {
    for flavour in flavours() {
        let place = Place::new();
        let mut body = String::new();
        let mut servers = Vec::new();
        for (number, (lines, plays, _)) in cases.iter().enumerate() {
            let server = play(place.address(), plays, Arc::default());
            body += &format!(
                "backend b{number}\n    timeout check 1s\n    {lines}\n    \
                 server s1 {} check inter 300ms rise 1 fall 1\n",
                server.address()
            );
            servers.push(server);
        }
        let node = start(flavour, &place, "", &body);
        for (number, (lines, _, wanted)) in cases.iter().enumerate() {
            let found = || found(&node, &format!("b{number}"));
            let fits = eventually(SOON, || found() == *wanted);
            assert!(fits, "{flavour:?}: {lines}: {:?}, not {wanted:?}", found());
        }
    }
}

const FITS: [&str; 4] = ["UP", "L7OK", "0", "(tcp-check)"];
const FITS_NOT: [&str; 4] = ["DOWN", "L7RSP", "", "TCPCHK did not match content (regex) at step 1"];

/// Usual expressions, as in guides and questions of users.
#[test]
fn expressions_are_those_of_pcre2() {
    const BANNERS: &[(&str, &[Line], [&str; 4])] = &[
        ("^220.*$", &[Say(b"220 x\r\n")], FITS),
        ("^220\\ .*ESMTP", &[Say(b"220 mail ESMTP Postfix\r\n")], FITS),
        ("^220[\\ -]", &[Say(b"220-a\r\n220 b\r\n")], FITS),
        ("^UP$", &[Say(b"UP\n")], FITS),
        ("^UP$", &[Say(b"UP\r\n")], FITS_NOT),
        ("^2", &[Say(b"x\n2\n")], FITS_NOT),
        ("(?m)^2..", &[Say(b"x\n220\n")], FITS),
        ("^\\+OK\\ .+", &[Say(b"+OK Dovecot ready.\r\n")], FITS),
        ("^\\*\\ OK.*IMAP4rev1", &[Say(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")], FITS),
        ("^SSH-2\\.0-[^_]++_[\\d.]+", &[Say(b"SSH-2.0-OpenSSH_9.2p1\r\n")], FITS),
        ("role:(master|primary)", &[Say(b"# Replication\r\nrole:master\r\n")], FITS),
        ("^role:(?!slave)", &[Say(b"role:slave\r\n")], FITS_NOT),
        ("(?i)^imok$", &[Say(b"IMOK")], FITS),
        ("(?<=state:)\\s*leader\\b", &[Say(b"state: leader\r\n")], FITS),
        ("state:\\s*\\Kleader", &[Say(b"state: leader\r\n")], FITS),
        ("{\"status\":\\s*\"ok\"", &[Say(b"{\"status\": \"ok\"}")], FITS),
        ("\"healthy\":\\h*true\\R", &[Say(b"\"healthy\": true\r\n")], FITS),
        ("^[[:upper:]]{2}\\d?$", &[Say(b"OK\n")], FITS),
        ("^a.\\x00\\xff", &[Say(b"ab\0\xff")], FITS),
        ("^\\Q1.0 (x)\\E", &[Say(b"1.0 (x)")], FITS),
        ("(?s)^begin.*end$", &[Say(b"begin\nmiddle\nend\n")], FITS),
        ("^(?<word>\\w+)\\ \\k<word>$", &[Say(b"ready ready\n")], FITS),
        ("(*UTF)^a.$", &[Say("aé\n".as_bytes())], FITS),
        ("^a.$", &[Say("aé\n".as_bytes())], FITS_NOT),
    ];
    let cases: Vec<Case> = BANNERS
        .iter()
        .map(|(expression, plays, wanted)| {
            let line = format!("option tcp-check\n    tcp-check expect rstring '{expression}'");
            (&*line.leak(), *plays, *wanted)
        })
        .collect();
    compare(&cases);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKS: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
const NO_BODY: [&str; 4] =
    ["DOWN", "L7RSP", "", "HTTP content check could not find a response body"];

/// The servers keep the connection open. So the head of an answer must tell where the answer ends.
#[test]
fn bodies_of_answers_are_compared_without_their_framing() {
    const FITS: [&str; 4] = ["UP", "L7OK", "200", ""];
    const MALFORMED: [&str; 4] = ["DOWN", "L7RSP", "", ""];
    compare(&[
        ("option httpchk\n    http-check expect string lo\\ wo", &[Hear, Say(CHUNKS), Hear], FITS),
        (
            "option httpchk\n    http-check expect rstring ^hello\\ world$",
            &[Hear, Say(CHUNKS), Hear],
            FITS,
        ),
        ("option httpchk\n    http-check expect ! string error", &[Hear, Say(CHUNKS), Hear], FITS),
        ("option httpchk\n    http-check expect ! string error", &[Hear, Say(OK), Hear], FITS),
        (
            "option httpchk\n    http-check expect string 6",
            &[Hear, Say(CHUNKS), Hear],
            ["DOWN", "L7RSP", "", "HTTP content check did not match"],
        ),
        (
            "option httpchk\n    http-check expect ! string x",
            &[Hear, Say(b"HTTP/1.1 204 No\r\n\r\n"), Hear],
            NO_BODY,
        ),
        (
            "option httpchk\n    http-check expect string x",
            &[Hear, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Hear],
            NO_BODY,
        ),
        (
            "option httpchk\n    http-check expect ! string x",
            &[Hear, Say(b"HTTP/1.0 200 OK\r\n\r\n")],
            NO_BODY,
        ),
        (
            "option httpchk\n    http-check expect string hello",
            &[
                Hear,
                Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello"),
                Hear,
            ],
            MALFORMED,
        ),
        (
            "option httpchk\n    http-check expect string hello",
            &[Hear, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")],
            MALFORMED,
        ),
    ]);
}

#[test]
fn all_that_a_script_sends_arrives() {
    for flavour in flavours() {
        let place = Place::new();
        let heard = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
        let all = heard.clone();
        let server = Server::start(place.address(), move |mut stream| {
            let mut said = Vec::new();
            let mut buffer = [0; 64];
            // The reset that follows is seen once everything is read.
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                said.extend(&buffer[..len]);
            }
            // A check that a busy machine has held up is given up before it says anything.
            if !said.is_empty() {
                all.lock().unwrap().push(said);
            }
            Ok(())
        });
        let body = format!(
            "backend b\n    option tcp-check\n    tcp-check send-binary 58\n    \
             tcp-check send-binary 00000004\n    server s1 {} check inter 50ms",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        until("ten checks are over", SOON, || heard.lock().unwrap().len() >= 10);
        let heard = heard.lock().unwrap();
        assert!(heard.iter().all(|said| said == b"X\0\0\0\x04"), "{flavour:?}: {heard:?}");
    }
}

#[test]
fn a_server_that_is_only_connected_to_sees_nothing() {
    const SCRIPTS: [&str; 3] = ["", "option tcp-check", "option tcp-check\n    tcp-check connect"];
    for flavour in flavours() {
        let place = Place::new();
        // The last one is talked to, and shows how many checks there have been.
        let servers: [Server; 4] = std::array::from_fn(|_| Server::silent(place.address()));
        let scripts = SCRIPTS.into_iter().chain(["option tcp-check\n    tcp-check send x"]);
        let mut body = String::new();
        for ((number, server), script) in servers.iter().enumerate().zip(scripts) {
            body += &format!(
                "backend b{number}\n    {script}\n    server s1 {} check inter 100ms\n",
                server.address()
            );
        }
        let node = start(flavour, &place, "", &body);
        until("there have been many checks", SOON, || servers[3].accepted() >= 30);
        for (number, script) in SCRIPTS.iter().enumerate() {
            // The kernel ends the handshake by itself when a program has not closed for 40 ms.
            let seen = servers[number].accepted();
            assert!(seen < 10, "{flavour:?}: {script}: {seen}");
            assert_eq!(found(&node, &format!("b{number}"))[0], "UP", "{flavour:?}: {script}");
        }
    }
}

#[test]
fn a_server_that_has_ended_its_answer_is_not_sent_a_reset() {
    const ANSWER: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";
    for (lines, answer) in [
        ("option httpchk", ANSWER),
        ("option redis-check", b"+PONG\r\n"),
        ("option tcp-check\n    tcp-check send x\n    tcp-check expect string y", b"y"),
        ("option tcp-check\n    tcp-check connect linger\n    tcp-check send x", b""),
    ] {
        for flavour in flavours() {
            let place = Place::new();
            let ends = Arc::new(Mutex::new(Vec::new()));
            let all = ends.clone();
            let server = Server::start(place.address(), move |mut stream| {
                let mut buffer = [0; 512];
                let _ = stream.read(&mut buffer)?;
                if !answer.is_empty() {
                    // The end comes in one packet with the answer.
                    let more = MsgFlags::from_bits_retain(libc::MSG_MORE);
                    send(stream.as_raw_fd(), answer, more)?;
                    stream.shutdown(Shutdown::Write)?;
                }
                let end = stream.read(&mut buffer);
                all.lock().unwrap().push(end.map_err(|error| error.kind()));
                Ok(())
            });
            let body = format!(
                "backend b\n    {lines}\n    server s1 {} check inter 50ms",
                server.address()
            );
            let _node = start(flavour, &place, "", &body);
            let ends = || ends.lock().unwrap().clone();
            until("ten checks are over", SOON, || ends().len() >= 10);
            let gentle = ends().iter().filter(|end| **end == Ok(0)).count();
            // HAProxy does not always look for the end. A busy machine may be late with a check.
            let wanted = if flavour == Flavour::Stickd { ends().len() - 2 } else { 3 };
            assert!(gentle >= wanted, "{flavour:?}: {lines}: {:?}", ends());
        }
    }
}

/// A process that has slept too long finds the answer and the end of the timeout at once. HAProxy
/// sometimes takes such an answer for a timeout.
#[test]
fn an_answer_that_is_there_counts_however_late_it_is_seen() {
    let place = Place::new();
    let server = Server::start(place.address(), |mut stream| {
        let _ = stream.read(&mut [0; 64])?;
        pause(Duration::from_millis(100));
        stream.write_all(b"y")?;
        stream.read(&mut [0; 64]).map(drop)
    });
    let body = format!(
        "backend b\n    timeout check 1s\n    option tcp-check\n    tcp-check send x\n    \
             tcp-check expect string y\n    server s1 {} check inter 500ms fall 1",
        server.address()
    );
    let node = start(Flavour::Stickd, &place, "", &body);
    let is_fine = || found(&node, "b")[1] == "L7OK";
    until("the server is checked", SOON, is_fine);
    for _ in 0..3 {
        let before = server.accepted();
        until("a check is under way", SOON, || server.accepted() > before);
        node.signal(Signal::SIGSTOP);
        pause(Duration::from_millis(1200));
        node.signal(Signal::SIGCONT);
        until("a check has passed", SOON, is_fine);
    }
    assert_eq!(node.api().stat("b", "s1", "chkfail"), "0");
}

const GREETING: &[u8] = b"\x0a\0\0\0\x0a8.0.36\0\x01\0";
const LDAP: &[u8] = b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0";

/// HAProxy shows some words only in the log, and replaces the system's words by its own words.
#[test]
fn the_log_says_what_was_found() {
    let place = Place::new();
    let [mysql, ldap] = [
        play(place.address(), &[Say(GREETING)], Arc::default()),
        play(place.address(), &[Hear, Say(LDAP)], Arc::default()),
    ];
    let path = place.path("nobody.sock");
    for (lines, server, wanted) in [
        ("option mysql-check", mysql.address().to_string(), "code: 0, info: \"8.0.36\""),
        ("option ldap-check", ldap.address().to_string(), "code: 0, info: \"Success\""),
        (
            "source 192.0.2.1",
            mysql.address().to_string(),
            // HAProxy's words for the reason are those of its last error, whatever that was.
            "Layer4 connection problem, info: \"Can't bind to source address (",
        ),
        (
            "option tcp-check",
            format!("unix@{}", path.display()),
            "Socket error, info: \"General socket error (No such file or directory) at initial \
             connection step of tcp-check\"",
        ),
    ] {
        for flavour in flavours() {
            let receiver = place.log_receiver();
            let body = format!(
                "backend b\n    log global\n    option log-health-checks\n    {lines}\n    \
                 server s1 {server} check inter 200ms"
            );
            let log = format!("log {} local0", receiver.local_addr().unwrap());
            let node = start(flavour, &place, &log, &body);
            let told = notice(&receiver, "Health check");
            assert!(told.contains(wanted), "{flavour:?}: {lines}: {told}");
            if wanted.starts_with("code") {
                until(&format!("{flavour:?}: {lines}: it is shown"), SOON, || {
                    found(&node, "b") == ["UP", "L7OK", "0", ""]
                });
            }
        }
    }
}
