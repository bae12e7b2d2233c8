//! Clients that send small HTTP requests, or nothing.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::latencies::Latencies;
use crate::wrong;

/// Sends small requests one after the other on one connection, for `seconds`.
pub fn request(address: SocketAddr, seconds: u32) -> io::Result<()> {
    let mut stream = connect(address)?;
    let mut latencies = Latencies::default();
    let end = Instant::now() + Duration::from_secs(seconds.into());
    while Instant::now() < end {
        let sent = Instant::now();
        ask(&mut stream)?;
        latencies.add(sent.elapsed());
    }
    println!("requests {}", latencies.count());
    latencies.report();
    Ok(())
}

/// Sends `count` small requests on one connection.
pub fn requests(address: SocketAddr, count: u32) -> io::Result<()> {
    let mut stream = connect(address)?;
    (0..count).try_for_each(|_| ask(&mut stream))
}

/// Makes `count` connections one after the other, and sends a request on each.
pub fn connections(address: SocketAddr, count: u32) -> io::Result<()> {
    (0..count).try_for_each(|_| ask(&mut connect(address)?))
}

/// Keeps `count` idle connections open, so that their cost can be measured.
pub fn idle(address: SocketAddr, count: u32, seconds: u32) -> io::Result<()> {
    let streams: io::Result<Vec<_>> = (0..count).map(|_| TcpStream::connect(address)).collect();
    let streams = streams?;
    println!("connections {}", streams.len());
    io::stdout().flush()?;
    std::thread::sleep(Duration::from_secs(seconds.into()));
    drop(streams);
    Ok(())
}

/// A connection without delay.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a small request and takes the answer.
pub fn ask(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut answer = [0; 4096];
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let len = stream.read(&mut answer)?;
    if !answer[..len].starts_with(b"HTTP/1.1 200") {
        return Err(wrong("not answered with 200"));
    }
    Ok(())
}
