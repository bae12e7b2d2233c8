//! What servers and agents answer to checks.

use stickd::config::{AgentCheck, Config, Script, SendProxy, TlsOffer};
use stickd::net::address::Address;
use stickd::proxy::health::check::agent::{self, Report};
use stickd::proxy::health::check::attempt::{Attempt, ForSteps, Target as Place, Timeouts, Todo};
use stickd::proxy::health::check::http;

use super::{NOW_MS, Target, load, none};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "checks", run, seeds, words: none };

/// The lines of backends that are checked, and an answer that each likes.
const CHECKS: [(&str, &[u8]); 10] = [
    ("option httpchk GET / HTTP/1.1", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    (
        "option httpchk\n http-check expect ! rstring a+b",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    (
        "option httpchk\n http-check expect hdr name x value -m beg y",
        b"HTTP/1.0 503 no\r\nx: yes, no\r\n\r\n",
    ),
    (
        "option tcp-check\n tcp-check send a\\r\\n\n tcp-check expect rstring [0-9]+\n \
         tcp-check send-binary 0a0b\n tcp-check expect binary 00ff\n tcp-check expect ! string no",
        b"123\0\xff ok",
    ),
    ("option mysql-check user joe", b"\x05\0\0\0\x0a5.7\0\x07\0\0\x02\0\0\0\x02\0\0\0"),
    ("option pgsql-check user joe", b"R\0\0\0\x0c\0\0\0\x05abcd"),
    ("option ldap-check", b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"),
    ("option redis-check", b"+PONG\r\n"),
    ("option smtpchk EHLO a", b"220 mail\r\n250-mail\r\n250 OK\r\n"),
    ("option ssl-hello-chk", b"\x15\x03\x01\0\x02\x02\x28"),
];

thread_local! {
    static CONFIG: Config = config();
}

fn config() -> Config {
    let times = " timeout connect 1s\n timeout server 1s\n timeout check 1s\n";
    let backend = |(number, (lines, _)): (usize, &(&str, _))| {
        format!("backend b{number}\n{times} {lines}\n server s 127.0.0.1:1 check\n")
    };
    load(&CHECKS.iter().enumerate().map(backend).collect::<String>()).config
}

/// How many steps a check may ask for: each piece of an answer takes a few.
const STEPS_MAX: usize = 100;

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (number, pieces) = (usize::from(input.byte()), input.byte());
    let bytes = input.take(20_000);
    let number = number % (CHECKS.len() + 1);
    CONFIG.with(|config| match config.backends.get(number) {
        Some(backend) => check(&backend.health.script, pieces, bytes),
        None => check(&AgentCheck::script(b"hello\n"), pieces, bytes),
    });
    if let Ok(line) = std::str::from_utf8(agent::line(bytes).unwrap_or(bytes)) {
        let report = Report::read(line);
        assert!(report.result(Some("x")).info.len() <= line.len() + 100);
    }
    if let Ok(Some(response)) = http::read(bytes) {
        assert!(response.body.len() <= bytes.len());
    }
}

fn check(script: &Script, pieces: u8, mut rest: &[u8]) {
    let place = Place::new(Address::Ip(([127, 0, 0, 1], 80).into()), None);
    let for_steps = ForSteps { header: SendProxy::V2, offer: TlsOffer::default() };
    let timeouts = Timeouts { connect_ms: 500, answer_ms: Some(300), whole_ms: 2000 };
    let mut attempt = Attempt::new(place, for_steps, timeouts, NOW_MS);
    // Whatever the size of the answer, the number of pieces is bounded.
    let pieces =
        if rest.len() > 40 * usize::from(pieces) { Pieces::of(0) } else { Pieces::of(pieces) };
    for _ in 0..STEPS_MAX {
        let has_ended = attempt.has_ended();
        match attempt.poll(script, NOW_MS) {
            Todo::Open(_) => attempt.handle_opened(Ok(()), script, NOW_MS),
            Todo::AwaitConnection => {
                attempt.handle_connected(Ok(()), script, Vec::new(), NOW_MS);
            }
            Todo::ShakeHands => attempt.handle_handshake(Ok(()), script, NOW_MS),
            Todo::Send(bytes) => {
                let len = bytes.len();
                attempt.handle_sent(len);
            }
            Todo::Receive if has_ended => {
                let until_ms = attempt.until_ms();
                attempt.handle_timeout(script, until_ms);
                assert!(attempt.result().is_some(), "a check does not end");
            }
            Todo::Receive if rest.is_empty() => attempt.handle_end(),
            Todo::Receive => {
                let (piece, after) = pieces.split(rest, 16_384);
                attempt.handle_received(piece);
                rest = after;
            }
            Todo::Finish(result) => {
                assert!(result.info.len() <= 20_000);
                return;
            }
        }
    }
    panic!("a check without end");
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, (_, answer)) in (0..).zip(CHECKS) {
        for pieces in [0, 1, 7] {
            seeds.push(seed(&[number, pieces], answer));
        }
    }
    for line in ["up 50%\n", "drain maxconn:3 # tired\r\n", "down,stopped#x\n", "200% fail\n"] {
        seeds.push(seed(&[10, 0], line));
    }
    seeds
}
