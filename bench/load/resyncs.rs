//! A peer that teaches the proxy, or learns from the proxy.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::peer::Peer;
use crate::wire::{
    RESYNC_CONFIRM, RESYNC_FINISHED, RESYNC_PARTIAL, RESYNC_REQUEST, put_definition, put_update,
};
use crate::wrong;

const CHUNK_LEN: usize = 64 << 10;

/// The order of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Sorted,
    Scattered,
}

/// The key with this number. The keys follow one another or are scattered over 8.0.0.0/6. The first
/// 2^26 keys are all different.
pub fn key(number: u32, order: Order) -> Ipv4Addr {
    let place = match order {
        Order::Sorted => number,
        Order::Scattered => number.wrapping_mul(0x9e37_79b1),
    };
    Ipv4Addr::from(0x0800_0000 | (place % (1 << 26)))
}

/// The updates to push. They name the same entries again and again; their numbers rise.
struct Updates {
    entries: u32,
    order: Order,
    pushed: u32,
}

impl Updates {
    /// Fills a chunk with the next updates. All chunks together have at most `updates_max` updates.
    fn fill(&mut self, chunk: &mut Vec<u8>, updates_max: u32) {
        while chunk.len() < CHUNK_LEN && self.pushed < updates_max {
            let key = key(self.pushed % self.entries, self.order);
            self.pushed += 1;
            put_update(chunk, self.pushed, key);
        }
    }
}

/// Pushes entries with a server id and a server name, and waits until the last entry is
/// acknowledged.
pub fn teach(mut peer: Peer, table: &str, count: u32, order: Order) -> io::Result<()> {
    let to = Mutex::new(peer.stream.try_clone()?);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| push(&to, table, count, count, order, |_| false));
        while read_one(&mut peer, &to)? != Some(count) {}
        writer.join().unwrap()
    })?;
    report(count, start.elapsed());
    Ok(())
}

/// Pushes the same entries again and again.
pub fn flood(mut peer: Peer, table: &str, count: u32, seconds: u32) -> io::Result<()> {
    let to = Mutex::new(peer.stream.try_clone()?);
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    let pushed = std::thread::scope(|scope| {
        let reader = scope.spawn(|| while read_one(&mut peer, &to).is_ok() {});
        let pushed = push(&to, table, count, u32::MAX, Order::Scattered, |now| now > end);
        to.lock().unwrap().shutdown(std::net::Shutdown::Both)?;
        reader.join().unwrap();
        pushed
    })?;
    report(pushed, start.elapsed());
    Ok(())
}

/// Pushes until `updates_max` updates are pushed or `is_over` says so. Returns the number of pushed
/// updates.
fn push(
    to: &Mutex<TcpStream>,
    table: &str,
    entries: u32,
    updates_max: u32,
    order: Order,
    is_over: impl Fn(Instant) -> bool,
) -> io::Result<u32> {
    let mut updates = Updates { entries, order, pushed: 0 };
    let mut chunk = Vec::with_capacity(CHUNK_LEN + 32);
    put_definition(&mut chunk, table);
    while updates.pushed < updates_max && !is_over(Instant::now()) {
        updates.fill(&mut chunk, updates_max);
        // The lock is held until the chunk is written, because `read_one` answers on the same
        // connection.
        to.lock().unwrap().write_all(&chunk)?;
        chunk.clear();
    }
    Ok(updates.pushed)
}

/// Reads one message. Returns the number that the message acknowledges, if it is an acknowledgment.
/// Answers a request for a resync as if the table were empty.
fn read_one(peer: &mut Peer, to: &Mutex<TcpStream>) -> io::Result<Option<u32>> {
    let message = peer.message()?;
    if message.head == RESYNC_REQUEST {
        to.lock().unwrap().write_all(&RESYNC_FINISHED)?;
    }
    Ok(message.acked())
}

/// Requests a resync and reads all its entries.
pub fn learn(mut peer: Peer, count: u32) -> io::Result<()> {
    let start = Instant::now();
    let entries = resync(&mut peer, count)?;
    report(entries, start.elapsed());
    Ok(())
}

/// Requests resyncs one after the other.
pub fn drain(mut peer: Peer, count: u32, seconds: u32) -> io::Result<()> {
    let start = Instant::now();
    let mut entries = 0;
    while start.elapsed() < Duration::from_secs(seconds.into()) {
        entries += resync(&mut peer, count)?;
    }
    report(entries, start.elapsed());
    Ok(())
}

fn resync(peer: &mut Peer, count: u32) -> io::Result<u32> {
    peer.stream.write_all(&RESYNC_REQUEST)?;
    let mut entries = 0;
    loop {
        let message = peer.message()?;
        if message.is_update() {
            entries += 1;
            continue;
        }
        match message.head {
            RESYNC_FINISHED | RESYNC_PARTIAL => break,
            RESYNC_REQUEST => peer.stream.write_all(&RESYNC_FINISHED)?,
            _ => {}
        }
    }
    peer.stream.write_all(&RESYNC_CONFIRM)?;
    if entries < count {
        return Err(wrong(&format!("{entries} entries instead of {count}")));
    }
    Ok(entries)
}

fn report(entries: u32, time: Duration) {
    println!("entries {entries}");
    println!("seconds {:.6}", time.as_secs_f64());
    println!("per_second {:.0}", f64::from(entries) / time.as_secs_f64());
}
