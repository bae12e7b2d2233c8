//! Samples of an HTTP request that rules of `mode tcp` look at.

use std::io::{Read, Write};

use super::samples::{Row, Setting, compare};
use crate::support::{Place, SOON, Server, connect_from, source};
use crate::{flavours, start};

const WAIT: [&str; 2] = ["tcp-request inspect-delay 5s", "tcp-request content reject if !HTTP"];

#[track_caller]
fn compare_for(says: &str, rows: &[Row<&'static str>]) {
    compare(&Setting { rules: &WAIT, says: says.as_bytes(), ..Setting::default() }, rows);
}

const REQUEST: &str = "GET /p/q.html?a=1&b=two%20x;a=3&c&d= HTTP/1.1\r\n\
                       Host: www.Example.com:8080\r\nX-Num: 12, 13\r\n\
                       X-Ip: 10.0.0.1, 10.0.0.2\r\n\
                       X-Num: 14x\r\nEmpty:\r\n\
                       Cookie: sid=abc; k=5; x, sid=def;e\r\nCookie: z=9\r\n\
                       List: \"a, b\", c,, d\r\nMixed: 10.0.0.3:80, [::1], ::2, no\r\n\r\n";

#[test]
fn the_parts_of_a_request() {
    let rows = [
        ("base -m str www.Example.com:8080/p/q.html", "yes"),
        ("base_beg -i www.example", "yes"),
        ("base_dir p", "yes"),
        ("baseq -m end &c&d=", "yes"),
        ("query -m str a=1&b=two%20x;a=3&c&d=", "yes"),
        ("pathq -m beg /p/q.html?a=1", "yes"),
        ("url_ip -m found", "-"),
        ("url_port -m found", "-"),
        ("req.ver 1.1", "yes"),
        ("method GET", "yes"),
    ];
    compare_for(REQUEST, &rows);
    let to_proxy = "GET http://10.1.2.3:81/a HTTP/1.1\r\nHost: 10.1.2.3:81\r\n\r\n";
    let rows = [
        ("url_ip 10.1.2.3", "yes"),
        ("url_port", "81"),
        ("base -m str 10.1.2.3:81/a", "yes"),
        ("query -m found", "-"),
    ];
    compare_for(to_proxy, &rows);
    let to_proxy = "GET http://10.1.2.3/ HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n";
    compare_for(to_proxy, &[("url_ip 10.1.2.3", "yes"), ("url_port", "80")]);
    let old = "GET /a?b HTTP/1.0\r\n\r\n";
    let rows = [
        ("hdr(host) -m found", "-"),
        ("hdr_cnt(host)", "0"),
        ("req.cook_cnt", "0"),
        ("query -m str b", "yes"),
        ("pathq -m str /a?b", "yes"),
        ("urlp(b) -m found", "-"),
    ];
    compare_for(old, &rows);
}

#[test]
fn the_headers_of_a_request() {
    let rows = [
        ("req.hdr(host) -i www.example.com:8080", "yes"),
        ("hdr(HOST) www.example.com:8080", "no"),
        ("hdr_beg(host) www", "yes"),
        ("hdr_dom(host) -i example.com", "yes"),
        ("hdr_end(host) :8080", "yes"),
        ("hdr_len(host) 20", "yes"),
        ("hdr_reg(host) ^w+[.]", "yes"),
        ("hdr_sub(host) xample", "yes"),
        ("hdr(x-num) 12", "yes"),
        ("hdr(x-num) 14x", "yes"),
        ("hdr(x-num) 12 -m found", "yes"),
        ("hdr(x-num,1) 12", "yes"),
        ("hdr(x-num,1) 13", "no"),
        ("hdr(x-num,-1) 14x", "yes"),
        ("hdr(x-num,-2) 13", "yes"),
        ("hdr(x-num,4) -m found", "-"),
        ("hdr(x-num),length", "3"),
        ("hdr(empty) -m len 0", "yes"),
        ("hdr(no) -m found", "-"),
        ("hdr(list) c", "yes"),
        ("hdr(list) -m len 6", "yes"),
        ("hdr(list,3) -m len 0", "yes"),
        ("hdr_cnt(list)", "4"),
        ("req.fhdr(x-num) -m str 14x", "yes"),
        ("req.fhdr(x-num,1) -m len 6", "yes"),
        ("req.fhdr(list) c", "no"),
        ("req.hdr_cnt(x-num)", "3"),
        ("req.fhdr_cnt(x-num)", "2"),
        ("hdr_cnt(no)", "0"),
        ("hdr_cnt gt 5", "yes"),
        ("req.hdr_names -m sub host,x-num,x-ip,x-num,empty", "yes"),
        ("req.hdr_names(;) -m sub host;x-num;", "yes"),
        ("req.hdr_val(x-num)", "14"),
        ("req.hdr_val(x-num,1)", "12"),
        ("hdr_val(x-num) gt 13", "yes"),
        ("hdr_val(x-num) 13", "yes"),
        ("hdr_val(host)", "0"),
        ("hdr_ip(x-ip) 10.0.0.1", "yes"),
        ("hdr_ip(x-ip,1) 10.0.0.1", "yes"),
        ("hdr_ip(x-ip,2) 10.0.0.1", "no"),
        ("hdr_ip(host) -m found", "-"),
        ("hdr_ip(mixed,1) 10.0.0.3", "yes"),
        ("hdr_ip(mixed,2) -m found", "-"),
        ("hdr_ip(mixed,3) ::2", "yes"),
        ("hdr_ip(mixed) ::2", "yes"),
    ];
    compare_for(REQUEST, &rows);
}

#[test]
fn the_cookies_and_the_parameters_of_a_request() {
    let rows = [
        ("req.cook(sid) abc", "yes"),
        ("cook(sid) def", "yes"),
        ("cookie(sid),length", "3"),
        ("cook(SID) -m found", "-"),
        ("cook_beg(sid) ab", "yes"),
        ("req.cook_val(k)", "5"),
        ("cook_val(z)", "9"),
        ("cook_cnt(sid)", "2"),
        ("req.cook_cnt(no)", "0"),
        ("req.cook_cnt", "4"),
        ("urlp(a) 1", "yes"),
        ("url_param(a) 3", "yes"),
        ("urlp_val(a)", "1"),
        ("urlp(b) two%20x", "yes"),
        ("urlp(b),url_dec -m len 5", "yes"),
        ("urlp(c) -m found", "-"),
        ("urlp(d) -m len 0", "yes"),
        ("urlp(A) -m found", "-"),
        ("urlp_beg(b) two", "yes"),
        ("urlp(b,/) two%20x", "yes"),
        ("urlp(a,/)", "3"),
    ];
    compare_for(REQUEST, &rows);
    let of_path = "GET /p;s=5;k=6 HTTP/1.1\r\nHost: a\r\n\r\n";
    compare_for(of_path, &[("urlp(s,;)", "5"), ("urlp(k,;) 6", "yes"), ("urlp(s) -m found", "-")]);
}

/// What is no request, and what is not complete, has no headers.
#[test]
fn a_request_that_is_not_complete_has_no_headers() {
    let rules = ["tcp-request inspect-delay 5s"];
    for says in ["GET / HTTP/1.1\r\nHost: a\r\n", "\x16\x03\x01", "GET / HTTP/1.1\r\n: a\r\n\r\n"] {
        let setting = Setting { rules: &rules, says: says.as_bytes(), ..Setting::default() };
        compare(&setting, &[("hdr(host) -m found", "-"), ("hdr_cnt(host) -m found", "-")]);
    }
}

#[test]
fn clients_are_sent_to_backends_by_the_host_that_they_name() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let servers = ["s1", "s2"].map(|name| Server::name(place.address(), name));
        let [first, second] = servers.each_ref().map(Server::address);
        let body = format!(
            "frontend in\n    bind {front}\n    tcp-request inspect-delay 1m\n    \
             tcp-request content accept if HTTP\n    \
             use_backend one if {{ req.hdr(host) -i a.example.com }}\n    default_backend two\n\
             backend one\n    server s1 {first}\nbackend two\n    server s2 {second}\n"
        );
        let _node = start(flavour, &place, "", &body);
        for (host, expected) in [("A.example.com", "s1"), ("b.example.com", "s2")] {
            let mut client = connect_from(source(1), front).unwrap();
            client.set_read_timeout(Some(SOON)).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nAccept: x\r\n").unwrap();
            client.write_all(format!("Host: {host}\r\n\r\n").as_bytes()).unwrap();
            let mut name = [0; 2];
            client.read_exact(&mut name).unwrap();
            assert_eq!(name, expected.as_bytes(), "{flavour:?}: {host}");
        }
    }
}
