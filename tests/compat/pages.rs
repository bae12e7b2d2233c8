//! Requests for pages are answered as by HAProxy: status and headers of the monitor page, of pages
//! with users and rules, and of forms.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::Place;
use crate::{flavours, start};

/// The status line and the headers that matter of the answer to one request.
fn answer(to: SocketAddr, head: &str, fields: &str, body: &str) -> Vec<String> {
    let mut client = TcpStream::connect(to).unwrap();
    let len =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request =
        format!("{head} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}{len}\r\n{body}");
    client.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    client.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let matters = |line: &&str| {
        ["HTTP", "content-length", "www-auth", "location", "refresh"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut lines: Vec<String> = head.split("\r\n").filter(matters).map(str::to_owned).collect();
    lines.sort();
    if body.len() < 200 {
        lines.push(body.to_owned());
    }
    lines
}

/// `user:secret`, `user:wrong` and a word that is no base64.
const RIGHT: &str = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";
const WRONG: &str = "Authorization: Basic dXNlcjp3cm9uZw==\r\n";
const BROKEN: &str = "Authorization: Basic !!!\r\n";

const HASHES: [&str; 4] = [
    "password $1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
    "password $5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
    "password $2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
    "insecure-password secret",
];

#[test]
fn users_of_lists_are_known_by_every_kind_of_password() {
    for flavour in flavours() {
        let place = Place::new();
        let (mut body, mut pages) = (String::new(), Vec::new());
        for (at, password) in HASHES.iter().enumerate() {
            let page = place.address();
            body += &format!(
                "userlist u{at}\n    user user {password}\nlisten l{at}\n    mode http\n    \
                 bind {page}\n    stats uri /\n    \
                 http-request auth realm office unless {{ http_auth(u{at}) }}\n"
            );
            pages.push(page);
        }
        let _node = start(flavour, &place, "", &body);
        for page in pages {
            let code = |fields| answer(page, "HEAD /", fields, "").remove(0);
            assert_eq!(code(RIGHT), "HTTP/1.1 200 OK", "{flavour:?}");
            assert_eq!(code(WRONG), "HTTP/1.1 401 Unauthorized", "{flavour:?}");
        }
    }
}

#[test]
fn requests_for_pages_are_answered_alike() {
    let mut all = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let [open, auth, root] = [place.address(), place.address(), place.address()];
        let body = format!(
            "listen open\n    mode http\n    bind {open}\n    stats enable\n    \
             stats uri /st\n    stats refresh 9\n    stats admin if TRUE\n    \
             monitor-uri /healthz\n    monitor fail if {{ nbsrv(web) lt 1 }}\n    \
             http-request deny if {{ path_beg /no }}\n    \
             http-request deny deny_status 404 if {{ path /gone }} METH_GET\n\
             listen auth\n    mode http\n    bind {auth}\n    stats realm the\\ office\n    \
             stats auth user:secret\n\
             frontend root\n    mode http\n    bind {root}\n    default_backend pages\n\
             backend pages\n    mode http\n    stats uri /\n    \
             stats http-request deny if {{ path /deny }}\n\
             backend web\n    server s1 {}\n    server s2 {}\n",
            place.address(),
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        let form = |text: &str| answer(open, "POST /st", "", text);
        let mut seen = vec![
            answer(open, "GET /healthz", "", ""),
            answer(open, "HEAD /healthz", "", ""),
            answer(open, "GET /healthz?a", "", ""),
            answer(open, "HEAD /st", "", ""),
            answer(open, "HEAD /st;norefresh", "", ""),
            answer(open, "OPTIONS /st", "", ""),
            answer(open, "GET /no/x", "", ""),
            answer(open, "GET /gone", "", ""),
            answer(auth, "HEAD /haproxy?stats", "", ""),
            answer(auth, "HEAD /haproxy?stats", RIGHT, ""),
            answer(auth, "HEAD /haproxy?stats", WRONG, ""),
            answer(auth, "HEAD /haproxy?stats", BROKEN, ""),
            answer(auth, "POST /haproxy?stats", RIGHT, "s=s1&action=drain&b=web"),
            answer(auth, "GET /x", "", ""),
            answer(root, "HEAD /any", "", ""),
            answer(root, "GET /deny", "", ""),
            form("s=s1&action=drain&b=web"),
            form("s=nosuch&s=s1&action=ready&b=web"),
            form("s=nosuch&action=ready&b=web"),
            form("s=s1&action=foo&b=web"),
            form("s=s1&action=ready&b=nosuch"),
            form("s=s1&b=web"),
            form("s=s1&action=dhlth&b=web"),
            form("s=s1&action=rea%64y&b=we%62"),
            form("s=s1&action=ready&b=we%zz"),
            form("s=s1&s=s2&action=maint&b=web"),
        ];
        assert_eq!(node.api().stat("web", "s1", "status"), "MAINT", "{flavour:?}");
        seen.push(answer(open, "GET /healthz", "", ""));
        all.push(seen);
    }
    for other in &all {
        for (ours, theirs) in all[0].iter().zip(other) {
            assert_eq!(ours, theirs);
        }
    }
    assert_eq!(all[0][0][0], "HTTP/1.1 200 OK");
}
