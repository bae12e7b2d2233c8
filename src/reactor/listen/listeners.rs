//! The listening sockets of the Runtime API, the exporter and the peers: which client is accepted
//! next, and a pause when the system has no descriptor or memory left. Frontends have listeners of
//! their own (`proxy/frontend/`), with limits and rates.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::listening::ListeningSocket;
use super::shortage;
use crate::net::accept::Accept;
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};

/// A listening socket.
#[derive(Debug)]
pub struct Listener<T> {
    /// The owner's data about the listener.
    pub purpose: T,
    /// The name in messages.
    label: String,
    socket: ListeningSocket,
}

impl<T> Listener<T> {
    /// The socket, unless the listener is closed or suspended.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.get()
    }

    fn close(&mut self, reactor: &Reactor) {
        self.socket.close(reactor, &self.label);
    }
}

/// A client that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Its socket.
    pub fd: OwnedFd,
    /// The client's address. None for a client of a unix socket.
    pub from: Option<SocketAddr>,
    /// The index of the listener that accepted the client.
    pub at: usize,
}

/// The listening sockets of one part of the program.
#[derive(Debug)]
pub struct Listeners<T> {
    members: Vec<Listener<T>>,
    /// Makes the event source of a listener from its slot.
    source: fn(Slot) -> Source,
    /// The word for a client in messages.
    client: &'static str,
    /// The listener whose clients come first in the next call of [`Listeners::accept`].
    next: usize,
    /// When to accept again after a shortage.
    resume_ms: u64,
    pauses: u64,
}

impl<T> Listeners<T> {
    /// A collection without listeners. The events of its listeners come from `source`; messages
    /// call a client `client`.
    pub fn new(source: fn(Slot) -> Source, client: &'static str) -> Self {
        Self { members: Vec::new(), source, client, next: 0, resume_ms: 0, pauses: 0 }
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
        self.members.push(Listener { purpose, label, socket: ListeningSocket::new(fd) });
        Ok(())
    }

    /// The listeners, in the order they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Listener<T>> {
        self.members.iter()
    }

    /// Closes all listeners. A socket that a successor shares goes on listening there.
    pub fn close(&mut self, reactor: &Reactor) {
        for listener in &mut self.members {
            listener.close(reactor);
        }
        self.members.clear();
    }

    /// Closes the listeners that `which` picks, for good.
    pub fn close_where(&mut self, reactor: &Reactor, which: impl Fn(&T) -> bool) {
        for listener in self.members.iter_mut().filter(|listener| which(&listener.purpose)) {
            listener.close(reactor);
        }
    }

    /// Refuses clients at the listeners that `which` picks, until [`Listeners::resume_where`].
    ///
    /// # Errors
    /// What the system reports. A unix socket always fails, because it cannot stop listening. The
    /// listeners before the one that failed are suspended then.
    pub fn suspend_where(&mut self, which: impl Fn(&T) -> bool) -> io::Result<()> {
        for listener in self.members.iter_mut().filter(|listener| which(&listener.purpose)) {
            listener.socket.suspend()?;
        }
        Ok(())
    }

    /// Lets clients in again after [`Listeners::suspend_where`]; `backlog` says how many may wait.
    ///
    /// # Errors
    /// What listen(2) reports.
    pub fn resume_where(
        &mut self,
        backlog: impl Fn(&T) -> u32,
        which: impl Fn(&T) -> bool,
    ) -> io::Result<()> {
        for listener in self.members.iter_mut().filter(|listener| which(&listener.purpose)) {
            listener.socket.resume(backlog(&listener.purpose))?;
        }
        Ok(())
    }

    /// Remembers that clients may be waiting at a listener.
    pub fn mark_readable(&mut self, slot: Slot) {
        if let Some(listener) = self.members.get_mut(slot.index as usize) {
            listener.socket.mark_readable();
        }
    }

    /// Accepts one client. Listeners that have room take turns; `has_room` is given the position
    /// and the purpose of a listener. None if no client waits, or during the pause after a
    /// shortage.
    pub fn accept(
        &mut self,
        now_ms: u64,
        has_room: impl Fn(usize, &T) -> bool,
    ) -> Option<Accepted> {
        if now_ms < self.resume_ms {
            return None;
        }
        let count = self.members.len();
        for _ in 0..count {
            let index = self.next % count;
            self.next = index + 1;
            let Some(listener) = self.members.get_mut(index) else { continue };
            if !listener.socket.is_ready() || !has_room(index, &listener.purpose) {
                continue;
            }
            match listener.socket.accept() {
                Accept::Client(fd, from) => return Some(Accepted { fd, from, at: index }),
                Accept::Drained | Accept::Aborted => {}
                Accept::Shortage(error) => {
                    self.pauses += 1;
                    self.resume_ms = shortage::begin(self.client, &error, now_ms);
                    return None;
                }
            }
        }
        None
    }

    /// When the next client can be accepted, if any may be waiting: when its listener has room
    /// (`room_ms` tells when), and not before the end of the pause.
    pub fn next_accept_ms(&self, room_ms: impl Fn(usize, &T) -> Option<u64>) -> Option<u64> {
        let ready = self.members.iter().enumerate().filter(|(_, l)| l.socket.is_ready());
        let room_ms = ready.filter_map(|(at, listener)| room_ms(at, &listener.purpose)).min()?;
        Some(room_ms.max(self.resume_ms))
    }

    /// What the listener at a position is for.
    pub fn purpose(&self, index: usize) -> Option<&T> {
        self.members.get(index).map(|listener| &listener.purpose)
    }

    /// How often there was a shortage.
    pub fn pauses(&self) -> u64 {
        self.pauses
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{Shutdown, shutdown};

    use super::*;
    use crate::reactor::listen::shortage::PAUSE_MS;

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
        while let Some(accepted) = listeners.accept(0, |_, _| true) {
            order.push(accepted.at);
        }
        assert_eq!(order, [0, 1, 0, 1]);
        assert_eq!(listeners.next_accept_ms(|_, _| Some(0)), None);
    }

    #[test]
    fn listeners_without_room_keep_their_clients_waiting() {
        let (sockets, mut listeners, _reactor) = listening(2);
        let _client = TcpStream::connect(sockets[0].local_addr().unwrap()).unwrap();
        assert!(listeners.accept(0, |index, _| index == 1).is_none());
        assert_eq!(listeners.next_accept_ms(|index, _| (index == 1).then_some(0)), None);
        assert_eq!(listeners.next_accept_ms(|_, _| Some(0)), Some(0));
        assert!(listeners.accept(0, |_, _| true).is_some());
    }

    #[test]
    fn a_suspended_listener_refuses_until_it_is_resumed() {
        let (sockets, mut listeners, _reactor) = listening(1);
        let connect = || TcpStream::connect(sockets[0].local_addr().unwrap());
        listeners.suspend_where(|_| true).unwrap();
        assert!(connect().is_err());
        assert!(listeners.iter().all(|listener| listener.socket().is_none()));
        assert!(listeners.accept(0, |_, _| true).is_none());
        listeners.resume_where(|_| 10, |_| true).unwrap();
        let _client = connect().unwrap();
        assert!(listeners.accept(0, |_, _| true).is_some());
    }

    #[test]
    fn a_shortage_is_followed_by_a_pause() {
        let (sockets, mut listeners, _reactor) = listening(1);
        shutdown(sockets[0].as_raw_fd(), Shutdown::Both).unwrap();
        assert!(listeners.accept(5, |_, _| true).is_none());
        assert_eq!(listeners.pauses(), 1);
        assert_eq!(listeners.next_accept_ms(|_, _| Some(0)), Some(5 + PAUSE_MS));
        assert!(listeners.accept(5 + PAUSE_MS - 1, |_, _| true).is_none());
        assert_eq!(listeners.pauses(), 1);
        assert!(listeners.accept(5 + PAUSE_MS, |_, _| true).is_none());
        assert_eq!(listeners.pauses(), 2);
    }
}
