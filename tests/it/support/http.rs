//! A small HTTP client.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::client;

/// Sends bytes and returns all bytes that come back until the connection is closed.
#[track_caller]
pub fn exchange(address: SocketAddr, bytes: &str) -> String {
    let mut stream = client::connect_from(client::source(0), address).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// The body of the answer to a request for `path`.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, &request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked") {
        dechunked(body)
    } else {
        body.to_owned()
    }
}

fn dechunked(mut body: &str) -> String {
    let mut text = String::new();
    loop {
        let (len, rest) = body.split_once("\r\n").unwrap();
        let len = usize::from_str_radix(len, 16).unwrap();
        text.push_str(&rest[..len]);
        body = rest[len..].strip_prefix("\r\n").unwrap();
        if len == 0 {
            assert_eq!(body, "", "something follows the last chunk");
            return text;
        }
    }
}
