//! The load beside the short connections: kept connections, bulk, TLS, viewers of pages, commands,
//! hostile bytes. Each is a thread that does one thing at a time until it is stopped.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Doors;
use crate::support::tls::TlsClient;
use crate::support::{
    Api, Mesh, Node, Random, ask, checksum, connect_from, pattern, pause, reset, source,
};

/// How long a kept connection lives. A process that was reloaded ends with its last connection.
const KEPT: Duration = Duration::from_secs(10);

/// The clients of this load have these addresses, those of hostile clients follow.
const FIRST: u32 = 4_000_000;

/// The bytes of a bulk transfer.
const BULK: u64 = 4 << 20;

/// How often something was done, and how often it failed.
#[derive(Clone, Debug)]
pub struct Count {
    what: &'static str,
    done: u64,
    failed: u64,
    example: String,
}

impl Count {
    /// What went wrong, if anything.
    pub fn fault(&self) -> Option<String> {
        let is_good = self.failed == 0 && self.done > 0;
        (!is_good).then(|| format!("{}: {} failed: {}", self.what, self.failed, self.example))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, failed {}", self.what, self.done, self.failed)
    }
}

/// The running threads.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Count>>,
}

impl Load {
    /// Load on the nodes with these addresses.
    pub fn start(doors: &[Doors], nodes: &[Node]) -> Self {
        let mut load = Self { stop: Arc::new(AtomicBool::new(false)), threads: Vec::new() };
        let tls = TlsClient::new();
        for (number, (doors, node)) in (0..).zip(doors.iter().zip(nodes)) {
            let (doors, api, tls) = (*doors, node.api(), tls.clone());
            let client = source(FIRST + number);
            load.run("requests on kept connections", 5, kept(client, doors.echo));
            load.run("bulk transfers", 200, move || bulk(connect_from(client, doors.echo)?));
            load.run("TLS connections", 10, move || secured(&tls, doors.secured));
            load.run("connections to changing servers", 5, move || {
                ask(client, doors.changing).map(drop)
            });
            load.run("pages", 300, pages(doors.pages));
            load.run("commands", 50, commands(api));
            let peers = Mesh::peers_address(node);
            let doors = [doors.echo, doors.secured, doors.pages, doors.changing, peers];
            load.run("hostile clients", 20, hostile(number, doors));
        }
        load
    }

    fn run(
        &mut self,
        what: &'static str,
        gap_ms: u64,
        mut act: impl FnMut() -> io::Result<()> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        self.threads.push(std::thread::spawn(move || {
            let mut count = Count { what, done: 0, failed: 0, example: String::new() };
            while !stop.load(Ordering::Relaxed) {
                match act() {
                    Ok(()) => count.done += 1,
                    Err(error) => {
                        count.failed += 1;
                        count.example = error.to_string();
                    }
                }
                pause(Duration::from_millis(gap_ms));
            }
            count
        }));
    }

    /// Stops everything and returns the figures, one for each kind.
    pub fn stop(self) -> Vec<Count> {
        self.stop.store(true, Ordering::Relaxed);
        let mut counts: Vec<Count> = Vec::new();
        for thread in self.threads {
            let count = thread.join().unwrap();
            match counts.iter_mut().find(|known| known.what == count.what) {
                Some(known) => {
                    known.done += count.done;
                    known.failed += count.failed;
                    known.example.push_str(&count.example);
                }
                None => counts.push(count),
            }
        }
        counts
    }
}

fn wrong(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

/// Requests on twenty connections in turn, each of which is kept for a while.
fn kept(
    client: std::net::Ipv4Addr,
    echo: SocketAddr,
) -> impl FnMut() -> io::Result<()> + Send + 'static {
    let mut open: Vec<(TcpStream, Instant)> = Vec::new();
    move || {
        if open.len() < 20 {
            open.push((connect_from(client, echo)?, Instant::now()));
        }
        let (mut stream, since) = open.remove(0);
        stream.write_all(&[7; 200])?;
        let mut back = [0; 200];
        stream.read_exact(&mut back)?;
        if back != [7; 200] {
            return Err(wrong("other bytes came back"));
        }
        if since.elapsed() < KEPT {
            open.push((stream, since));
        }
        Ok(())
    }
}

fn bulk(stream: TcpStream) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let sent = std::thread::spawn(move || {
        pattern(&mut writer, BULK)?;
        writer.shutdown(Shutdown::Write)
    });
    let got = checksum(&mut &stream)?;
    sent.join().unwrap()?;
    let mut whole = Vec::new();
    pattern(&mut whole, BULK)?;
    let expected = checksum(&mut whole.as_slice())?;
    if got == expected { Ok(()) } else { Err(wrong("other bytes came back")) }
}

fn secured(tls: &TlsClient, address: SocketAddr) -> io::Result<()> {
    let stream = connect_from(source(FIRST + 10), address)?;
    let mut stream = tls.over(stream, "site.example.org")?;
    let mut name = [0; 3];
    stream.read_exact(&mut name)?;
    if &name == b"x1\n" { Ok(()) } else { Err(wrong("another server")) }
}

fn pages(address: SocketAddr) -> impl FnMut() -> io::Result<()> + Send + 'static {
    let mut paths = ["/stats", "/stats;csv", "/metrics", "/stats;json"].into_iter().cycle();
    move || {
        let path = paths.next().unwrap_or_default();
        let mut stream = connect_from(source(FIRST + 11), address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let is_good = answer.starts_with(b"HTTP/1.1 200 ") && answer.len() > 1000;
        if is_good { Ok(()) } else { Err(wrong(&format!("{path}: {} bytes", answer.len()))) }
    }
}

fn commands(api: Api) -> impl FnMut() -> io::Result<()> + Send + 'static {
    let key = source(FIRST + 100);
    let mut lines = [
        "show info".to_owned(),
        "show stat".to_owned(),
        "show sess".to_owned(),
        "show peers".to_owned(),
        "show mesh json".to_owned(),
        "show stick".to_owned(),
        "show servers state".to_owned(),
        "show activity".to_owned(),
        format!("set table web key {key} data.server_id 2"),
        format!("show table web key {key}"),
        "show table web data.server_id eq 3".to_owned(),
    ]
    .into_iter()
    .cycle();
    move || {
        let line = lines.next().unwrap_or_default();
        let answer = api.try_command(&line)?;
        // A process that has just begun to serve has no connections to show.
        let may_be_empty = line.starts_with("set ") || line == "show sess";
        let is_good = may_be_empty || !answer.trim().is_empty();
        if is_good { Ok(()) } else { Err(wrong(&format!("{line}: {answer}"))) }
    }
}

/// Clients that send garbage, a part of something, or nothing, and reset or leave. Only that they
/// are let in counts.
fn hostile(seed: u32, doors: [SocketAddr; 5]) -> impl FnMut() -> io::Result<()> + Send + 'static {
    let mut random = Random::new(u64::from(seed) + 99);
    let starts: [&[u8]; 6] = [
        b"",
        b"HAProxyS 2.1\na\nb 1 1\n",
        b"GET /stats HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"PROXY TCP4 1.2.3.4 ",
    ];
    move || {
        let pick = |random: &mut Random, count: usize| {
            usize::try_from(random.below(u32::try_from(count).unwrap())).unwrap()
        };
        let door = doors[pick(&mut random, doors.len())];
        let mut stream = connect_from(source(FIRST + 1000 + random.below(500)), door)?;
        let mut bytes = starts[pick(&mut random, starts.len())].to_vec();
        for _ in 0..random.below(300) {
            bytes.push(u8::try_from(random.below(256)).unwrap());
        }
        stream.write_all(&bytes).ok(); // it may be closed by now
        if random.below(2) == 0 {
            reset(stream);
        }
        Ok(())
    }
}
