//! Samples of what a client has sent, and the acls that come with them.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::samples::{Row, Setting, compare};
use crate::support::{Place, Server, connect_from, source};
use crate::{flavours, start};

const WAIT: [&str; 1] = ["tcp-request inspect-delay 5s"];

/// Compares the rows for a client that has sent everything.
#[track_caller]
fn compare_for(says: &[u8], rows: &[Row<&'static str>]) {
    let first = (format!("req.len ge {}", says.len()), "yes");
    let rows = rows.iter().map(|(row, result)| ((*row).to_owned(), *result));
    let rows: Vec<_> = std::iter::once(first).chain(rows).collect();
    compare(&Setting { rules: &WAIT, says, ..Setting::default() }, &rows);
}

/// A TLS client's hello with these extensions, and a session id of this length.
pub fn hello(session_len: u8, extensions: &[u8]) -> Vec<u8> {
    let len = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(session_len);
    body.extend((0..session_len).map(|n| n + 1));
    body.extend([0, 2, 0x13, 0x01, 1, 0]);
    body.extend(len(extensions.len()));
    body.extend(extensions);
    let mut hello = vec![0x16, 3, 1];
    hello.extend(len(body.len() + 4));
    hello.extend([1, 0]);
    hello.extend(len(body.len()));
    hello.extend(body);
    hello
}

/// What an RDP client sends first, with this cookie.
pub fn rdp(cookie: &str) -> Vec<u8> {
    let cookie = format!("Cookie: {cookie}\r\n");
    let len = u8::try_from(cookie.len()).unwrap();
    let mut hello = vec![3, 0, 0, 19 + len, 14 + len, 0xe0, 0, 0, 0, 0, 0];
    hello.extend(cookie.bytes());
    hello.extend([1, 0, 8, 0, 3, 0, 0, 0]);
    hello
}

#[test]
fn bytes_with_their_length_before_them() {
    let rows = [
        ("req.payload_lv(1,2) -m str xyz", "yes"),
        ("payload_lv(2,1) -m str xyz", "yes"),
        ("req.payload_lv(2,1,+1) -m str yz!", "yes"),
        ("req.payload_lv(2,1,-3) -m bin 610003", "yes"),
        ("req.payload_lv(2,1,0) -m bin 610003", "yes"),
        ("req.payload_lv(1,1) -m found", "-"),
        ("req.payload_lv(0,1) -m found", "-"),
        ("req.payload_lv(6,1) -m found", "-"),
        ("req.payload_lv(7,1) -m found", "-"),
        ("req.payload(0,3) -m bin 610003", "yes"),
        ("payload(3,3) -m beg xy", "yes"),
    ];
    compare_for(b"a\0\x03xyz!", &rows);
}

#[test]
fn the_session_id_and_the_extensions_of_a_tls_hello() {
    let all = [
        &[0, 16, 0, 14, 0, 12, 2, b'h', b'2', 8][..],
        b"http/1.1",
        &[0, 10, 0, 4, 0, 2, 0, 29, 0, 35, 0, 0],
    ]
    .concat();
    let rows = [
        ("payload_lv(43,1) -m bin 010203", "yes"),
        ("payload_lv(43,1),hex -m str 010203", "yes"),
        ("req.ssl_alpn h2", "yes"),
        ("req.ssl_alpn http/1.1", "yes"),
        ("req.ssl_alpn -m str h3 h2,http/1.1", "no"),
        ("req.ssl_alpn -m len 8", "yes"),
        ("req.ssl_alpn,length", "2"),
        ("req.ssl_alpn,length 8", "yes"),
        ("req.ssl_ec_ext", "1"),
        ("req.ssl_st_ext", "1"),
        ("req.ssl_sni", "-"),
        ("req.proto_http", "-"),
        ("req.rdp_cookie_cnt", "0"),
    ];
    compare_for(&hello(3, &all), &rows);
    let ticket = [0, 35, 0, 2, 5, 5];
    let rows = [
        ("payload_lv(43,1) -m found", "-"),
        ("req.ssl_alpn", "-"),
        ("req.ssl_ec_ext", "-"),
        ("req.ssl_st_ext", "2"),
    ];
    compare_for(&hello(0, &ticket), &rows);
    let rows = [("req.ssl_st_ext", "0"), ("req.ssl_ec_ext", "-")];
    compare_for(&hello(0, &[0, 23, 0, 0]), &rows);
}

#[test]
fn the_cookie_of_an_rdp_client() {
    let rows = [
        ("req.rdp_cookie -m str DOMAIN/user", "yes"),
        ("rdp_cookie -m str DOMAIN/user", "yes"),
        ("req_rdp_cookie(mstshash) -m beg DOMAIN", "yes"),
        ("req.rdp_cookie(MSTSHASH),length", "11"),
        ("rdp_cookie(msts)", "-"),
        ("req.rdp_cookie_cnt", "1"),
        ("rdp_cookie_cnt(mstshash)", "1"),
        ("req_rdp_cookie_cnt(other) 0", "yes"),
        ("req.rdp_cookie_cnt gt 0", "yes"),
    ];
    compare_for(&rdp("mstshash=DOMAIN/user"), &rows);
    compare_for(b"hello", &[("req.rdp_cookie", "-"), ("req.rdp_cookie_cnt", "-")]);
    let rows = [("req.rdp_cookie", "-"), ("rdp_cookie_cnt", "0")];
    compare_for(b"a hello that is longer", &rows);
    compare_for(&rdp("mstshash"), &rows);
}

#[test]
fn the_head_of_an_http_request() {
    let rows = [
        ("req.proto_http", "1"),
        ("req_proto_http", "1"),
        ("method POST", "yes"),
        ("method GET", "no"),
        ("req.ver 1.1", "yes"),
        ("req_ver 1.0", "no"),
        ("path /a/b", "yes"),
        ("path -m beg /a", "yes"),
        ("url /a/b?c=d", "yes"),
    ];
    compare_for(b"POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nbody", &rows);
    let rows = [("path /p", "yes"), ("url http://host/p", "yes"), ("req.ver 1.0", "yes")];
    compare_for(b"GET http://host/p HTTP/1.0\r\n\r\n", &rows);
    let rows = [("path", "-"), ("url *", "yes"), ("method OPTIONS", "yes")];
    compare_for(b"OPTIONS * HTTP/1.1\r\n\r\n", &rows);
    for other in [
        &b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"[..],
        b"\x16\x03\x01\x00",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"",
    ] {
        compare_for(other, &[("req.proto_http", "-"), ("method", "-"), ("url", "-")]);
    }
}

#[test]
fn the_acls_that_exist_without_being_written() {
    let acls = [
        "TRUE",
        "FALSE",
        "LOCALHOST",
        "REQ_CONTENT",
        "WAIT_END",
        "RDP_COOKIE",
        "HTTP",
        "HTTP_1.0",
        "HTTP_1.1",
        "HTTP_URL_ABS",
        "HTTP_URL_SLASH",
        "HTTP_URL_STAR",
        "METH_CONNECT",
        "METH_DELETE",
        "METH_GET",
        "METH_HEAD",
        "METH_OPTIONS",
        "METH_POST",
        "METH_PUT",
        "METH_TRACE",
    ];
    let always = ["TRUE", "LOCALHOST", "WAIT_END"];
    let requests: [(&[u8], &[&str]); 6] = [
        (b"", &[]),
        (
            b"GET / HTTP/1.0\r\n\r\n",
            &["REQ_CONTENT", "HTTP", "HTTP_1.0", "HTTP_URL_SLASH", "METH_GET"],
        ),
        (
            b"HEAD http://a/ HTTP/1.1\r\n\r\n",
            &["REQ_CONTENT", "HTTP", "HTTP_1.1", "HTTP_URL_ABS", "METH_GET", "METH_HEAD"],
        ),
        (
            b"OPTIONS * HTTP/1.1\r\n\r\n",
            &["REQ_CONTENT", "HTTP", "HTTP_1.1", "HTTP_URL_STAR", "METH_OPTIONS"],
        ),
        (b"SSH-2.0-x\r\n", &["REQ_CONTENT"]),
        (&rdp("mstshash=a"), &["REQ_CONTENT", "RDP_COOKIE"]),
    ];
    for flavour in flavours() {
        for (says, expected) in requests {
            let place = Place::new();
            let front = place.address();
            let server = Server::greeting_echo(place.address(), "s1");
            let mut body = format!(
                "backend values\n    stick-table type ip size 1k store gpt(100)\n\
                 listen in\n    bind {front}\n    server s1 {}\n    \
                 tcp-request inspect-delay 5s\n    \
                 tcp-request content track-sc2 src table values\n",
                server.address()
            );
            for (element, acl) in acls.iter().enumerate() {
                body.push_str(&format!(
                    "    tcp-request content sc-set-gpt({element},2) 1 if {acl}\n"
                ));
            }
            let node = start(flavour, &place, "", &body);
            let mut client = connect_from(source(1), front).unwrap();
            client.write_all(says).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client.read_exact(&mut [0; 3]).unwrap();
            let entry = node.api().table("values").remove("127.1.0.1").unwrap();
            let holds = |(element, _): &(usize, &&str)| entry[&format!("gpt{element}")] == "1";
            let seen: Vec<_> = acls.iter().enumerate().filter(holds).map(|(_, acl)| *acl).collect();
            let expected = acls.iter().filter(|acl| always.contains(acl) || expected.contains(acl));
            let expected: Vec<_> = expected.copied().collect();
            assert_eq!(seen, expected, "{flavour:?}: {}", says.escape_ascii());
        }
    }
}
