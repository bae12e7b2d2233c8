//! Small HTTP servers that say whether a service may be used.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::Server;

/// A server of pages for checks: what each path is answered with.
pub struct Pages(#[expect(dead_code, reason = "it listens until it is dropped")] Server);

impl Pages {
    /// `status` gives the status for a path.
    pub fn start(
        address: SocketAddr,
        status: impl Fn(&str) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self(Server::start(address, move |mut stream| {
            let head = head(&mut stream)?;
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let status = status(&path);
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }))
    }
}

/// The head of a request.
fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
