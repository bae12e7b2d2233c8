//! The ways between peers, which a test can cut: each passes through a small proxy.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Place, Server, pause};

/// How often a way that is cut is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// The bytes that may still pass in one direction.
#[derive(Debug)]
struct Lane(AtomicU64);

impl Lane {
    fn open() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(u64::MAX)))
    }

    fn left(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until something may pass. Returns how much, at most `wanted`.
    fn take(&self, wanted: usize) -> usize {
        loop {
            let wanted = u64::try_from(wanted).unwrap();
            let taken =
                self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                    0 => None,
                    u64::MAX => Some(left),
                    left => Some(left - left.min(wanted)),
                });
            match taken {
                Ok(left) => return usize::try_from(left.min(wanted)).unwrap(),
                Err(_) => pause(LOOK),
            }
        }
    }
}

/// The ways between several nodes. Bytes that do not pass wait, as with packets that are lost and
/// sent again, and so does the end of a connection.
#[derive(Debug)]
pub struct Wires {
    /// By sender and receiver.
    lanes: Vec<Vec<Arc<Lane>>>,
    /// By caller and called node: where the caller is to call. A node has none to itself.
    addresses: Vec<Vec<SocketAddr>>,
    _proxies: Vec<Server>,
}

impl Wires {
    /// Open ways between nodes at these addresses.
    pub fn new(place: &Place, nodes: &[SocketAddr]) -> Self {
        let lanes: Vec<Vec<_>> =
            nodes.iter().map(|_| nodes.iter().map(|_| Lane::open()).collect()).collect();
        let mut proxies = Vec::new();
        let mut addresses = vec![nodes.to_vec(); nodes.len()];
        for caller in 0..nodes.len() {
            for called in (0..nodes.len()).filter(|called| *called != caller) {
                let there = lanes[caller][called].clone();
                let back = lanes[called][caller].clone();
                let target = nodes[called];
                let proxy = Server::start(place.address(), move |stream| {
                    while there.left() == 0 || back.left() == 0 {
                        pause(LOOK);
                    }
                    let onward = TcpStream::connect(target)?;
                    let (from, to) = (onward.try_clone()?, stream.try_clone()?);
                    let back = back.clone();
                    std::thread::spawn(move || pass(from, to, &back));
                    pass(stream, onward, &there);
                    Ok(())
                });
                addresses[caller][called] = proxy.address();
                proxies.push(proxy);
            }
        }
        Self { lanes, addresses, _proxies: proxies }
    }

    /// Where `caller` is to call `called`.
    pub fn address(&self, caller: usize, called: usize) -> SocketAddr {
        self.addresses[caller][called]
    }

    /// After so many more bytes nothing passes from one node to the other.
    pub fn allow(&self, from: usize, to: usize, bytes: u64) {
        self.lanes[from][to].0.store(bytes, Ordering::SeqCst);
    }

    /// Whether as many bytes have passed as were allowed.
    pub fn is_used_up(&self, from: usize, to: usize) -> bool {
        self.lanes[from][to].left() == 0
    }

    /// Nothing passes between the two nodes.
    pub fn cut(&self, one: usize, other: usize) {
        self.allow(one, other, 0);
        self.allow(other, one, 0);
    }

    /// Everything passes everywhere.
    pub fn heal(&self) {
        for lane in self.lanes.iter().flatten() {
            lane.0.store(u64::MAX, Ordering::SeqCst);
        }
    }
}

/// Passes bytes on until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, lane: &Lane) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count) = from.peek(&mut bytes) {
        let count = lane.take(count.max(1));
        match from.read(&mut bytes[..count]) {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                if to.write_all(&bytes[..count]).is_err() {
                    from.shutdown(Shutdown::Both).ok();
                    return;
                }
            }
        }
    }
    to.shutdown(Shutdown::Write).ok();
}
