//! Load for `bench/compare`, from a process of its own: connections, requests, and a peer that
//! teaches or learns by the peers protocol. Each prints `name value` lines.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const USAGE: &str = "\
load request ADDRESS SECONDS             one kept connection, one HTTP request at a time: latencies
load idle ADDRESS COUNT SECONDS          COUNT connections that do nothing for SECONDS
load teach ADDRESS NAME TO TABLE COUNT sorted|scattered
                                         as peer NAME of TO: push COUNT entries, wait for the ack
load learn ADDRESS NAME TO COUNT         as peer NAME of TO: ask for a lesson of COUNT entries";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["request", address, seconds] => request(at(address), number(seconds)),
        ["idle", address, count, seconds] => idle(at(address), number(count), number(seconds)),
        ["teach", address, name, to, table, count, order] => {
            let peer = Peer::call(at(address), name, to);
            peer.and_then(|peer| teach(peer, table, number(count), order == "scattered"))
        }
        ["learn", address, name, to, count] => {
            Peer::call(at(address), name, to).and_then(|peer| learn(peer, number(count)))
        }
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("load {arguments:?}: {error}");
        std::process::exit(1);
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn number(text: &str) -> u32 {
    text.parse().unwrap()
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// One small request after another on one connection.
fn request(address: SocketAddr, seconds: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = [0; 4096];
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds.into()) {
        let sent = Instant::now();
        stream.write_all(request)?;
        if stream.read(&mut answer)? == 0 || !answer.starts_with(b"HTTP/1.1 200") {
            return Err(wrong("not answered with 200"));
        }
        times.push(sent.elapsed());
    }
    times.sort();
    println!("requests {}", times.len());
    for (name, of_1000) in [("p50_us", 500), ("p99_us", 990), ("p99.9_us", 999)] {
        println!("{name} {}", times[times.len() * of_1000 / 1000].as_nanos() / 1000);
    }
    Ok(())
}

/// Connections that only exist, from several source addresses' worth of ports.
fn idle(address: SocketAddr, count: u32, seconds: u32) -> io::Result<()> {
    let streams: io::Result<Vec<_>> = (0..count).map(|_| TcpStream::connect(address)).collect();
    let streams = streams?;
    println!("connections {}", streams.len());
    io::stdout().flush()?;
    // Held until the one who measures has looked.
    std::thread::sleep(Duration::from_secs(seconds.into()));
    drop(streams);
    Ok(())
}

/// A session of the peers protocol, seen from the side that called.
struct Peer {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

/// Message types of the class 10, and the control messages.
const STICK_TABLE: u8 = 10;
const UPDATE: u8 = 128;
const DEFINITION: u8 = 130;
const ACK: u8 = 132;
const RESYNC_REQUEST: [u8; 2] = [0, 0];
const RESYNC_CONFIRM: [u8; 2] = [0, 3];
const HEARTBEAT: [u8; 2] = [0, 4];

impl Peer {
    fn call(address: SocketAddr, name: &str, to: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(format!("HAProxyS 2.1\n{to}\n{name} 1 1\n").as_bytes())?;
        let mut peer =
            Self { from: BufReader::with_capacity(1 << 18, stream.try_clone()?), to: stream };
        let mut status = String::new();
        peer.from.read_line(&mut status)?;
        if !status.starts_with("200") {
            return Err(wrong(&format!("status {status:?}")));
        }
        peer.to.write_all(&HEARTBEAT)?;
        Ok(peer)
    }

    /// Class, type and payload of the next message.
    fn message(&mut self, payload: &mut Vec<u8>) -> io::Result<(u8, u8)> {
        let mut head = [0; 2];
        self.from.read_exact(&mut head)?;
        payload.clear();
        if head[1] >= 128 {
            let len = self.varint()?;
            payload.resize(usize::try_from(len).unwrap(), 0);
            self.from.read_exact(payload)?;
        }
        Ok((head[0], head[1]))
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        let mut value = u64::from(byte[0]);
        let mut shift = 4;
        while (byte[0] >= 240 && shift == 4) || (byte[0] >= 128 && shift > 4) {
            self.from.read_exact(&mut byte)?;
            value = value.wrapping_add(u64::from(byte[0]) << shift);
            shift += 7;
        }
        Ok(value)
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    if value < 240 {
        to.push(low_byte(value));
        return;
    }
    to.push(low_byte(value | 0xf0));
    value = (value - 240) >> 4;
    while value >= 128 {
        to.push(low_byte(value | 0x80));
        value = (value - 128) >> 7;
    }
    to.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn put_message(to: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    to.extend([STICK_TABLE, kind]);
    put_varint(to, u64::try_from(payload.len()).unwrap());
    to.extend(payload);
}

/// The `number`th key, one after the other or from all over 10.0.0.0/8; none comes twice.
fn key(number: u32, is_scattered: bool) -> Ipv4Addr {
    let place = if is_scattered { number.wrapping_mul(0x009e_3779) } else { number };
    Ipv4Addr::from(0x0a00_0000 + place % (1 << 24))
}

/// Pushes entries with a server id and name, and waits until the last is acknowledged.
fn teach(mut peer: Peer, table: &str, count: u32, is_scattered: bool) -> io::Result<()> {
    let (mut chunks, mut bytes) = (Vec::new(), Vec::new());
    let mut payload = vec![1];
    put_varint(&mut payload, u64::try_from(table.len()).unwrap());
    payload.extend(table.as_bytes());
    for value in [4, 4, 1 | 1 << 19, 3_600_000] {
        put_varint(&mut payload, value);
    }
    put_message(&mut bytes, DEFINITION, &payload);
    for n in 0..count {
        payload.clear();
        payload.extend((n + 1).to_be_bytes());
        payload.extend(key(n, is_scattered).octets());
        payload.push(1);
        payload.extend(if n == 0 { &[4, 1, 2, b's', b'1'][..] } else { &[1, 1] });
        put_message(&mut bytes, UPDATE, &payload);
        if bytes.len() > 256 * 1024 {
            chunks.push(std::mem::take(&mut bytes));
        }
    }
    chunks.push(bytes);
    // Two threads write; each holds the socket for whole messages.
    let to = Mutex::new(peer.to.try_clone()?);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| chunks.iter().try_for_each(|chunk| to.lock().unwrap().write_all(chunk)));
        loop {
            let kind = peer.message(&mut payload)?;
            // A peer that asks for a lesson first gets an empty one.
            if kind == (0, 0) {
                to.lock().unwrap().write_all(&[0, 1])?;
            }
            if kind == (STICK_TABLE, ACK) && payload.ends_with(&count.to_be_bytes()) {
                break;
            }
        }
        writer.join().unwrap()
    })?;
    report(count, start.elapsed());
    Ok(())
}

/// Asks for a lesson and reads it to its end.
fn learn(mut peer: Peer, count: u32) -> io::Result<()> {
    let mut payload = Vec::new();
    let start = Instant::now();
    peer.to.write_all(&RESYNC_REQUEST)?;
    let mut entries = 0;
    loop {
        match peer.message(&mut payload)? {
            (STICK_TABLE, UPDATE | 129 | 133 | 134) => entries += 1,
            (0, 1 | 2) => break,
            (0, 0) => peer.to.write_all(&[0, 1])?,
            _ => {}
        }
    }
    let time = start.elapsed();
    peer.to.write_all(&RESYNC_CONFIRM)?;
    if entries < count {
        return Err(wrong(&format!("{entries} entries instead of {count}")));
    }
    report(entries, time);
    Ok(())
}

fn report(entries: u32, time: Duration) {
    println!("entries {entries}");
    println!("seconds {:.6}", time.as_secs_f64());
    println!("per_second {:.0}", f64::from(entries) / time.as_secs_f64());
}
