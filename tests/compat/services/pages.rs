//! Small HTTP servers that say whether a service may be used.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use super::Server;
use crate::support::tls::TlsHost;

/// A server of pages for checks: what each path is answered with.
pub struct Pages(#[expect(dead_code, reason = "it listens until it is dropped")] Server);

impl Pages {
    /// `status` gives the status for a path.
    pub fn start(
        address: SocketAddr,
        status: impl Fn(&str) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self(Server::start(address, move |mut stream| answer(&mut stream, &status)))
    }

    /// The same over TLS.
    pub fn over_tls(
        address: SocketAddr,
        host: TlsHost,
        status: impl Fn(&str) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self(Server::start(address, move |stream| {
            let mut stream = host.over(stream)?;
            answer(&mut stream, &status)?;
            stream.conn.send_close_notify();
            stream.flush()
        }))
    }
}

fn answer(stream: &mut (impl Read + Write), status: impl Fn(&str) -> u16) -> io::Result<()> {
    let head = head(stream)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let status = status(&path);
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    stream.flush()
}

/// The head of a request.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
