//! Clients with chosen source addresses, one at a time or many at once.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

use super::SOON;

/// The client address with this number, from 127.1.0.0 on. There are 6 million addresses.
pub fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0000 + number)
}

/// Connects from `source` to `target`. A read fails after [`SOON`].
pub fn connect_from(source: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(target) = target else { return TcpStream::connect(target) };
    let fd: OwnedFd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(fd.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(source, 0)))?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(target))?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(SOON))?;
    stream.set_write_timeout(Some(SOON))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects from `source` and returns the first line of the server's answer.
pub fn ask(source: Ipv4Addr, target: SocketAddr) -> io::Result<String> {
    let mut stream = connect_from(source, target)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 64];
    while !answer.contains(&b'\n') {
        match stream.read(&mut chunk)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without a name")),
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// Closes the connection with a reset.
pub fn reset(stream: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream, sockopt::Linger, &linger).unwrap();
    drop(stream);
}

/// Writes `count` bytes of a pattern whose period is not the size of a buffer.
pub fn pattern(to: &mut impl Write, count: u64) -> io::Result<()> {
    let block: Vec<u8> = (0..65_521_u32).map(|n| n.wrapping_mul(31).to_le_bytes()[1]).collect();
    let mut left = count;
    while left > 0 {
        let part = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        to.write_all(&block[..part])?;
        left -= u64::try_from(part).unwrap();
    }
    Ok(())
}

/// Reads to the end. Returns the number of bytes and a checksum that depends on the order of the
/// bytes.
pub fn checksum(from: &mut impl Read) -> io::Result<(u64, u64)> {
    let mut chunk = vec![0; 256 * 1024];
    let (mut count, mut sum) = (0, 0xcbf2_9ce4_8422_2325_u64);
    loop {
        let got = from.read(&mut chunk)?;
        if got == 0 {
            return Ok((count, sum));
        }
        for byte in &chunk[..got] {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        count += u64::try_from(got).unwrap();
    }
}

/// A small random number generator. The same seed gives the same numbers.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 11) % u64::from(limit)).unwrap()
    }
}

/// The results of a client that connects again and again.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many connections were answered.
    pub answered: u64,
    /// How many connections were answered by another server than expected.
    pub misrouted: u64,
    /// How many connections were refused, reset, or closed without an answer.
    pub failed: u64,
    /// The first failures and misroutings, for the report.
    pub examples: Vec<String>,
}

impl Tally {
    /// Adds the results of another client.
    pub fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.misrouted += other.misrouted;
        self.failed += other.failed;
        let room = 5_usize.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.iter().take(room).cloned());
    }

    /// Adds one connection: who asked, what came of it, and the expected server, if any.
    pub fn note(&mut self, client: Ipv4Addr, answer: &io::Result<String>, expected: Option<&str>) {
        let example = match answer {
            Ok(name) => {
                self.answered += 1;
                let Some(expected) = expected.filter(|expected| expected != name) else { return };
                self.misrouted += 1;
                format!("{client}: {name} instead of {expected}")
            }
            Err(error) => {
                self.failed += 1;
                format!("{client}: {error}")
            }
        };
        if self.examples.len() < 5 {
            self.examples.push(example);
        }
    }

    /// Whether every connection was answered by the right server.
    pub fn is_clean(&self) -> bool {
        self.misrouted == 0 && self.failed == 0
    }
}

/// Tells the other threads of a test to stop when this value is dropped, even if the test fails.
#[derive(Debug)]
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Connects to `target` again and again until `stop` is set. `next` gives the source address and
/// the expected server of each connection. None means that any server is right.
pub fn ask_often(
    target: SocketAddr,
    stop: &AtomicBool,
    mut next: impl FnMut() -> (Ipv4Addr, Option<String>),
) -> Tally {
    let mut tally = Tally::default();
    while !stop.load(Ordering::Relaxed) {
        let (source, expected) = next();
        tally.note(source, &ask(source, target), expected.as_deref());
    }
    tally
}

/// Lets new clients connect one after the other while `meanwhile` runs. No client may be refused,
/// and each client must get the same server again afterwards.
#[track_caller]
pub fn assert_new_clients_keep_their_server(target: SocketAddr, meanwhile: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let first = std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let come = (0..).map(source).take_while(|_| !stop.load(Ordering::Relaxed));
            come.map(|client| (client, ask(client, target).unwrap())).collect::<Vec<_>>()
        });
        let guard = StopOnDrop(&stop);
        meanwhile();
        drop(guard);
        clients.join().unwrap()
    });
    for (client, name) in first {
        assert_eq!(ask(client, target).unwrap(), name, "{client}");
    }
}
