//! Requests of pages, of the exporter and of the monitor, with and without a PROXY header.

use std::net::SocketAddr;

use stickd::admin::context::endpoint::EndpointId;
use stickd::admin::link::http_session::{Ends, HttpSession};
use stickd::admin::link::session::Session as _;

use super::process::TestProcess;
use super::{NOW_MS, Target};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "http", run, seeds, words };

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (choice, pieces) = (input.byte(), Pieces::of(input.byte()));
    let mut process = TestProcess::new();
    let ends = Ends {
        client: Some(SocketAddr::from(([127, 0, 0, 1], 1234))),
        destination: Some(SocketAddr::from(([127, 0, 0, 1], 86))),
    };
    let endpoint = EndpointId(u16::from(choice & 1));
    let mut session = HttpSession::new(endpoint, ends, choice & 2 != 0, 5000, NOW_MS);
    let mut rest = input.0;
    while !rest.is_empty() && session.receive_max() > 0 {
        let (piece, after) = pieces.split(rest, session.receive_max());
        session.handle_received(piece, NOW_MS);
        rest = after;
        check(&process.drain(&mut session));
    }
    session.handle_end_of_input();
    check(&process.drain(&mut session));
    if session.handle_timeout(NOW_MS + 10_000) {
        check(&process.drain(&mut session));
    }
    assert!(session.is_finished(), "a session that goes on without a client");
}

/// What is sent begins with an answer, or is the rest of one.
fn check(answer: &[u8]) {
    if let Some(head) = answer.strip_prefix(b"HTTP/1.1 ") {
        let end = head.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.get(..end.expect("a head ends")).unwrap_or_default();
        assert!(head.is_ascii() && !head.contains(&0), "a head with strange bytes");
        let lines = head.split(|byte| *byte == b'\n').skip(1);
        assert!(lines.into_iter().all(|line| line.contains(&b':')), "a line without a name");
    }
}

const HEADERS: &str = "host: a\r\nauthorization: Basic am9lOnNlY3JldA==\r\n";

fn seeds() -> Vec<Vec<u8>> {
    let targets = [
        "/stats",
        "/stats;csv",
        "/stats;json",
        "/stats;norefresh;up",
        "/stats?scope=web&st=DONE",
        "/stats;live",
        "/stats/live.js",
        "/up",
        "/no",
        "http://a/up",
        "/stats;typed",
    ];
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\n{HEADERS}\r\n");
    let mut seeds: Vec<_> = targets.map(|target| seed(&[0, 0], get(target))).into();
    for query in ["", "?scope=server&no-maint", "?scope=*&a=1", "?scope=frontend&scope=%2a"] {
        seeds.push(seed(&[1, 0], get(&format!("/metrics{query}"))));
    }
    let form = "s=s1&s=s2&action=drain&b=%23web";
    let post = |headers: &str| {
        format!(
            "POST /stats HTTP/1.1\r\n{HEADERS}{headers}content-type: \
             application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        )
    };
    seeds.push(seed(&[0, 0], post("")));
    seeds.push(seed(&[0, 9], post("origin: http://a\r\nsec-fetch-site: same-origin\r\n")));
    seeds.push(seed(&[0, 0], post("") + &get("/stats;csv")));
    seeds.push(seed(
        &[3, 0],
        "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\nHEAD /metrics HTTP/1.0\r\n\r\n",
    ));
    seeds.push(seed(
        &[1, 5],
        "POST /metrics HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
    ));
    seeds
}

fn words() -> Vec<String> {
    let words = [
        "GET ",
        "HEAD ",
        "POST ",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "content-length: ",
        "host: ",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
        "authorization: Basic ",
        "origin: ",
        "sec-fetch-site: ",
        "cookie: ",
        ";csv",
        ";json",
        ";live",
        ";up",
        "?scope=",
        "&no-maint",
        "action=",
        "&s=s1",
        "&b=%23web",
        "\r\n\r\n",
        "expect: 100-continue\r\n",
    ];
    words.map(str::to_owned).into()
}
