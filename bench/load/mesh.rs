//! Many peers of one node, and the time until a change at one node reaches another node.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

use crate::api::Api;
use crate::latencies::Latencies;
use crate::peer::{Inbox, Peer};
use crate::wire::{RESYNC_FINISHED, RESYNC_REQUEST, put_ack, put_definition, put_update};
use crate::wrong;

/// The longest wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Changes are made in batches, one batch per tick.
const TICK: Duration = Duration::from_millis(1);
const TICKS_PER_SECOND: u32 = 1000;

/// Lets new clients connect to the first node, one after the other. Measures the time from a
/// client's connect until the second node answers that it has the client's entry.
pub fn spread(address: SocketAddr, admin: &str, table: &str, count: u32) -> io::Result<()> {
    let mut api = Api::open(admin)?;
    let mut latencies = Latencies::default();
    for number in 0..count {
        let client = Ipv4Addr::from(0x7f01_0000 + number);
        let question = format!("show table {table} key {client}");
        let start = Instant::now();
        let connection = connect_from(client, address)?;
        while !contains(api.ask(&question)?, b"key=") {
            if start.elapsed() > PATIENCE {
                return Err(wrong(&format!("{client} is not known to the other node")));
            }
        }
        latencies.add(start.elapsed());
        drop(connection);
        std::thread::sleep(TICK);
    }
    latencies.report();
    Ok(())
}

fn connect_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let SocketAddr::V4(address) = address else { return Err(wrong("not an IPv4 address")) };
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    let [a, b, c, d] = source.octets();
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrIn::new(a, b, c, d, 0))?;
    connect(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrIn::from(address))?;
    Ok(fd.into())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The peers `x1`, `x2`, ... of one node.
pub struct Crowd {
    members: Vec<Member>,
    table: String,
    poll: Poll,
}

struct Member {
    stream: TcpStream,
    inbox: Inbox,
    /// The pushed updates that are not acknowledged yet, with the times when they were pushed. The
    /// oldest is at the front.
    unacked: VecDeque<(u32, Instant)>,
    pushed: u32,
}

impl Crowd {
    /// Calls the node with the name of each of its peers, one after the other.
    pub fn gather(address: SocketAddr, to: &str, table: &str, count: u32) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut members = Vec::new();
        for number in 0..count {
            let peer = Peer::call(address, &format!("x{}", number + 1), to)?;
            peer.stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(peer.stream);
            let token = Token(members.len());
            poll.registry().register(&mut stream, token, Interest::READABLE)?;
            let inbox = peer.inbox;
            members.push(Member { stream, inbox, unacked: VecDeque::new(), pushed: 0 });
        }
        Ok(Self { members, table: table.to_owned(), poll })
    }

    /// Makes `rate` changes per second at the node, and measures when each peer gets each change.
    pub fn fan(mut self, rate: u32, seconds: u32, admin: &str) -> io::Result<()> {
        let total = rate * seconds;
        let expected = usize::try_from(total).unwrap() * self.members.len();
        let mut api = Api::open(admin)?;
        let is_over = AtomicBool::new(false);
        let begin = Instant::now();
        let due = |number: u32| begin + TICK * (number / (rate / TICKS_PER_SECOND));
        let mut latencies = Latencies::default();
        std::thread::scope(|scope| {
            let changer = scope.spawn(|| {
                let made = make_changes(&mut api, &self.table, total, rate / TICKS_PER_SECOND, due);
                is_over.store(true, Ordering::Relaxed);
                made
            });
            let mut last = Instant::now();
            while latencies.count() < expected {
                let before = latencies.count();
                turn(&mut self.poll, &mut self.members, |change| {
                    latencies.add(due(change).elapsed());
                })?;
                if latencies.count() > before || !is_over.load(Ordering::Relaxed) {
                    last = Instant::now();
                } else if last.elapsed() > PATIENCE {
                    return Err(wrong(&format!("{before} of {expected} changes arrived")));
                }
            }
            changer.join().unwrap()
        })?;
        println!("changes {total}");
        println!("per_second {:.0}", f64::from(total) / begin.elapsed().as_secs_f64());
        latencies.report();
        Ok(())
    }

    /// Pushes each change from the next peer in turn, and measures when the node acknowledges it.
    pub fn push(mut self, rate: u32, seconds: u32) -> io::Result<()> {
        let total = rate * seconds;
        let mut latencies = Latencies::default();
        let begin = Instant::now();
        let mut number = 0;
        let mut last = begin;
        while latencies.count() < usize::try_from(total).unwrap() {
            while number < total && begin + TICK * (number / (rate / TICKS_PER_SECOND)) <= last {
                let member = usize::try_from(number).unwrap() % self.members.len();
                self.members[member].push(&self.table, change_key(number))?;
                number += 1;
            }
            for member in &mut self.members {
                member.receive(|_| {}, |latency| latencies.add(latency))?;
            }
            last = Instant::now();
            if last > begin + Duration::from_secs(seconds.into()) + PATIENCE {
                return Err(wrong(&format!("{} of {total} were acked", latencies.count())));
            }
            std::thread::sleep(TICK / 4);
        }
        println!("changes {total}");
        println!("per_second {:.0}", f64::from(total) / begin.elapsed().as_secs_f64());
        latencies.report();
        Ok(())
    }
}

/// Waits until messages for some members have arrived, and reads them.
fn turn(poll: &mut Poll, members: &mut [Member], mut on_change: impl FnMut(u32)) -> io::Result<()> {
    let mut events = Events::with_capacity(members.len());
    poll.poll(&mut events, Some(TICK * 10))?;
    for event in &events {
        members[event.token().0].receive(&mut on_change, |_| {})?;
    }
    Ok(())
}

/// Makes local changes at the node through its Runtime API, one batch per tick.
fn make_changes(
    api: &mut Api,
    table: &str,
    total: u32,
    batch: u32,
    due: impl Fn(u32) -> Instant,
) -> io::Result<()> {
    for first in (0..total).step_by(usize::try_from(batch).unwrap()) {
        let line: Vec<String> = (first..first + batch)
            .map(|n| format!("set table {table} key {} data.server_id 1", change_key(n)))
            .collect();
        std::thread::sleep(due(first).saturating_duration_since(Instant::now()));
        api.ask(&line.join(";"))?;
    }
    Ok(())
}

/// The key of a change. Each change has its own key.
fn change_key(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + number)
}

impl Member {
    fn push(&mut self, table: &str, key: Ipv4Addr) -> io::Result<()> {
        let mut bytes = Vec::new();
        if self.pushed == 0 {
            put_definition(&mut bytes, table);
        }
        self.pushed += 1;
        put_update(&mut bytes, self.pushed, key);
        self.unacked.push_back((self.pushed, Instant::now()));
        self.stream.write_all(&bytes)
    }

    /// Reads all messages that have arrived: changes from the node, and acknowledgments of pushed
    /// updates.
    fn receive(
        &mut self,
        mut on_change: impl FnMut(u32),
        mut on_ack: impl FnMut(Duration),
    ) -> io::Result<()> {
        let mut answer = Vec::new();
        loop {
            match self.inbox.receive(&mut self.stream) {
                Ok(0) => return Err(wrong("the node ended a session")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            let mut newest = None;
            while let Some(message) = self.inbox.message() {
                if message.is_update() {
                    on_change(u32::from(message.key()) - u32::from(change_key(0)));
                    newest = message.update_number().or(newest);
                } else if message.head == RESYNC_REQUEST {
                    answer.extend(RESYNC_FINISHED);
                } else if let Some(number) = message.acked() {
                    while self.unacked.front().is_some_and(|(pushed, _)| *pushed <= number) {
                        on_ack(self.unacked.pop_front().unwrap().1.elapsed());
                    }
                }
            }
            if let Some(number) = newest {
                put_ack(&mut answer, number);
            }
        }
        self.stream.write_all(&answer)
    }
}
