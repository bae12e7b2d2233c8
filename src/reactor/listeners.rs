//! Listening sockets whose clients are few: whom to let in, and what to do when the system has no
//! descriptor or memory left. Frontends have listeners of their own, with limits and rates.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Reactor;
use super::throttle::Throttle;
use super::token::{Slot, Source};
use crate::net::accept::{Accept, accept};

/// How long nobody is accepted when the system has no descriptor or memory left.
const PAUSE_MS: u64 = 100;
/// That is said at most this often.
const WARNING_INTERVAL_MS: u64 = 10_000;

/// A listening socket.
#[derive(Debug)]
pub struct Listener<T> {
    /// What it is for.
    pub purpose: T,
    /// What messages call it.
    label: String,
    fd: OwnedFd,
    readable: bool,
}

impl<T> AsFd for Listener<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The listening sockets of one part of the program.
#[derive(Debug)]
pub struct Listeners<T> {
    members: Vec<Listener<T>>,
    /// The event source that a listener's slot makes.
    source: fn(Slot) -> Source,
    /// What messages call a client.
    client: &'static str,
    /// The listener whose clients come first in the next call of [`Listeners::accept`].
    next: usize,
    /// When to accept again after a shortage.
    resume_ms: u64,
    pauses: u64,
    warning: Throttle,
}

impl<T> Listeners<T> {
    /// None yet. Their events come from `source`; messages call a client of theirs `client`.
    pub fn new(source: fn(Slot) -> Source, client: &'static str) -> Self {
        Self {
            members: Vec::new(),
            source,
            client,
            next: 0,
            resume_ms: 0,
            pauses: 0,
            warning: Throttle::new(WARNING_INTERVAL_MS),
        }
    }

    /// Lets clients in at a listening socket, which messages call `label`.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add(
        &mut self,
        fd: OwnedFd,
        purpose: T,
        label: String,
        reactor: &Reactor,
    ) -> io::Result<()> {
        let index = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        reactor.register_readable(fd.as_fd(), (self.source)(Slot { index, generation: 0 }))?;
        self.members.push(Listener { purpose, label, fd, readable: true });
        Ok(())
    }

    /// The listeners, in the order they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Listener<T>> {
        self.members.iter()
    }

    /// Closes all of them. What a successor shares goes on listening there.
    pub fn close(&mut self, reactor: &Reactor) {
        for listener in self.members.drain(..) {
            // A registration outlives our descriptor where a successor shares the socket.
            if let Err(error) = reactor.deregister(listener.as_fd()) {
                log::warn!("stop listening ({}): {error}", listener.label);
            }
        }
    }

    /// Notes that clients may be waiting.
    pub fn note(&mut self, slot: Slot) {
        if let Some(listener) = self.members.get_mut(slot.index as usize) {
            listener.readable = true;
        }
    }

    /// Lets one client in, from each listener in turn. None if nobody waits, or during the pause
    /// after a shortage.
    pub fn accept(&mut self, now_ms: u64) -> Option<(OwnedFd, &T)> {
        if now_ms < self.resume_ms {
            return None;
        }
        let count = self.members.len();
        for _ in 0..count {
            let index = self.next % count;
            self.next = index + 1;
            let Some(listener) = self.members.get_mut(index).filter(|l| l.readable) else {
                continue;
            };
            match accept(listener.as_fd()) {
                Accept::Client(fd, _) => {
                    let purpose = self.members.get(index).map(|listener| &listener.purpose)?;
                    return Some((fd, purpose));
                }
                Accept::Drained => listener.readable = false,
                Accept::Aborted => {}
                Accept::Starved(error) => {
                    self.pause(&error, now_ms);
                    return None;
                }
            }
        }
        None
    }

    /// Whether a client may be waiting, pause or not.
    pub fn is_ready(&self) -> bool {
        self.members.iter().any(|listener| listener.readable)
    }

    /// When clients that may be waiting are let in: at once, or after the pause.
    pub fn next_accept_ms(&self) -> Option<u64> {
        self.is_ready().then_some(self.resume_ms)
    }

    /// How often there was a shortage.
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    fn pause(&mut self, error: &io::Error, now_ms: u64) {
        self.resume_ms = now_ms + PAUSE_MS;
        self.pauses += 1;
        if let Some(before) = self.warning.permit(now_ms) {
            log::warn!("accept {}: {error} ({before} times before)", self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{Shutdown, shutdown};

    use super::*;

    fn listening(count: usize) -> (Vec<TcpListener>, Listeners<usize>, Reactor) {
        let reactor = Reactor::new().unwrap();
        let mut listeners = Listeners::new(Source::AdminListener, "somebody");
        let sockets: Vec<_> =
            (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        for (number, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true).unwrap();
            let fd = socket.try_clone().unwrap().into();
            listeners.add(fd, number, format!("test:{number}"), &reactor).unwrap();
        }
        (sockets, listeners, reactor)
    }

    #[test]
    fn listeners_take_turns() {
        let (sockets, mut listeners, _reactor) = listening(2);
        let connect = |socket: &TcpListener| TcpStream::connect(socket.local_addr().unwrap());
        let _clients: Vec<_> =
            sockets.iter().flat_map(|socket| [connect(socket), connect(socket)]).collect();
        let mut order = Vec::new();
        while let Some((_, number)) = listeners.accept(0) {
            order.push(*number);
        }
        assert_eq!(order, [0, 1, 0, 1]);
        assert!(!listeners.is_ready());
        assert_eq!(listeners.next_accept_ms(), None);
    }

    #[test]
    fn a_shortage_is_followed_by_a_pause() {
        let (sockets, mut listeners, _reactor) = listening(1);
        shutdown(sockets[0].as_raw_fd(), Shutdown::Both).unwrap();
        assert!(listeners.accept(5).is_none());
        assert_eq!((listeners.pauses(), listeners.next_accept_ms()), (1, Some(5 + PAUSE_MS)));
        assert!(listeners.accept(5 + PAUSE_MS - 1).is_none());
        assert_eq!(listeners.pauses(), 1);
        assert!(listeners.accept(5 + PAUSE_MS).is_none());
        assert_eq!(listeners.pauses(), 2);
    }
}
