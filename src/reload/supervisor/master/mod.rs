//! The master socket (`-S`): where the supervisor takes commands, for itself and for its workers.
//!
//! ```text
//!   client --line--> mod.rs       all listeners and clients, as poll(2) finds them ready
//!                    client.rs    one client: its commands, one after the other
//!                    commands.rs  the supervisor's own commands; whom a command is for
//!                    crew.rs      what the master socket asks of the supervisor
//!                    exchange.rs  a command at a worker, on a pair of sockets
//!                    show_proc.rs the answer to `show proc`
//!                    keep.rs      what the program that the supervisor becomes has to know
//! ```
//!
//! Nothing waits here. A client that does not read its answer keeps its worker from writing, but
//! nobody else. A worker that does not read a command, or that is silent for a minute and then does
//! not read a nudge, is given up for that command.

pub(in crate::reload::supervisor) mod client;
pub mod commands;
pub mod crew;
mod exchange;
pub mod keep;
pub mod show_proc;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;

use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::socket;
use crate::reload::inherit::Inherited;
use client::{Client, Found, level_of};
pub use crew::MasterListener;
use crew::{Crew, Turn};
use keep::{Keeper, Kept};

/// The most clients at a time.
const CLIENTS_MAX: usize = 128;
/// How many clients are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 16;
/// How long nobody is accepted after the system had no room for another client.
const PAUSE_MS: u64 = 1_000;

const CROWD: Topic = Topic::fault("no place for another client of the master socket");
const NO_ROOM: Topic = Topic::fault("accept a client of the master socket");

/// The listening sockets and the clients.
#[derive(Debug, Default)]
pub struct MasterSocket {
    listeners: Vec<MasterListener>,
    clients: Vec<Client>,
    /// When clients are accepted again.
    accept_ms: u64,
}

/// What a descriptor in poll(2) belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A listening socket.
    Listener(usize),
    /// A client.
    Client(usize),
    /// The worker that answers the client.
    WorkerOf(usize),
}

impl MasterSocket {
    /// Takes commands at these sockets.
    pub fn new(listeners: Vec<MasterListener>) -> Self {
        Self { listeners, ..Self::default() }
    }

    /// The listening sockets.
    pub fn listeners(&self) -> &[MasterListener] {
        &self.listeners
    }

    /// The descriptors for poll(2), with the events that are waited for.
    pub fn polled(&self, now_ms: u64) -> impl Iterator<Item = (Polled, BorrowedFd<'_>, PollFlags)> {
        let accepts = self.accept_from_ms() <= now_ms;
        let listeners = self.listeners.iter().enumerate().filter(move |_| accepts);
        let listeners =
            listeners.map(|(at, l)| (Polled::Listener(at), l.fd.as_fd(), PollFlags::POLLIN));
        let clients = self.clients.iter().enumerate().flat_map(|(at, client)| {
            let (socket, flags) = client.polled();
            let worker = client.polled_worker();
            let worker = worker.map(|fd| (Polled::WorkerOf(at), fd.as_fd(), PollFlags::POLLIN));
            [(Polled::Client(at), socket.as_fd(), flags)].into_iter().chain(worker)
        });
        listeners.chain(clients)
    }

    /// When a turn is needed even without an event. While `is_between` no command is run.
    pub fn wake_ms(&self, is_between: bool, now_ms: u64) -> u64 {
        if !is_between && self.clients.iter().any(Client::is_busy) {
            return now_ms;
        }
        let accept_ms = Some(self.accept_from_ms()).filter(|from_ms| *from_ms > now_ms);
        let clients = self.clients.iter().map(Client::wake_ms);
        clients.chain(accept_ms).min().unwrap_or(u64::MAX)
    }

    /// From when on another client can be accepted: one that is idle has to make room.
    fn accept_from_ms(&self) -> u64 {
        if self.listeners.is_empty() {
            return u64::MAX;
        }
        let room_ms = if self.clients.len() < CLIENTS_MAX {
            0
        } else {
            self.first_to_go().map_or(u64::MAX, |(_, from_ms)| from_ms)
        };
        room_ms.max(self.accept_ms)
    }

    fn first_to_go(&self) -> Option<(usize, u64)> {
        let kept = self.clients.iter().enumerate();
        let kept = kept.filter_map(|(at, client)| Some((at, client.kept_until_ms()?)));
        kept.min_by_key(|(_, until_ms)| *until_ms)
    }

    /// One turn. `ready` is what poll(2) has found.
    pub fn run(&mut self, ready: &[(Polled, PollFlags)], crew: &mut impl Crew, now_ms: u64) {
        let mut found = vec![Found::default(); self.clients.len()];
        for (polled, flags) in ready {
            if let Polled::Client(at) = polled
                && let Some(found) = found.get_mut(*at)
            {
                found.is_readable = flags.contains(PollFlags::POLLIN);
                found.is_gone = flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
            }
        }
        let mut found = found.into_iter();
        let mut turn = Turn { crew, listeners: &self.listeners, now_ms };
        self.clients
            .retain_mut(|client| client.advance(found.next().unwrap_or_default(), &mut turn));
        for (polled, _) in ready {
            if let Polled::Listener(at) = polled {
                self.accept(*at, now_ms);
            }
        }
    }

    fn accept(&mut self, at: usize, now_ms: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get(at) else { return };
            if self.accept_from_ms() > now_ms {
                return;
            }
            match socket::accept(listener.fd.as_fd()) {
                Ok((fd, _)) => {
                    let client = Client::new(fd, listener.level, now_ms);
                    self.make_room(now_ms);
                    self.clients.push(client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let text = format_args!("accept a client of the master socket: {error}");
                    limited::warn(now_ms, NO_ROOM, "", text);
                    self.accept_ms = now_ms + PAUSE_MS;
                    return;
                }
            }
        }
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.clients.len() >= CLIENTS_MAX
            && let Some((at, _)) = self.first_to_go()
        {
            let text = format_args!(
                "master socket: all {CLIENTS_MAX} places are taken; a client that is idle is closed"
            );
            limited::warn(now_ms, CROWD, "", text);
            self.clients.remove(at);
        }
    }

    /// Answers the clients that wait for the reload of this number, or an earlier one.
    pub fn note_reload(&mut self, number: u64, answer: &str, crew: &impl Crew) {
        self.clients.iter_mut().for_each(|client| client.note_reload(number, answer, crew));
    }

    /// Writes what the program that follows has to know.
    pub fn keep<'a>(&'a self, keeper: &mut Keeper<'a>) {
        keeper.count(u64::try_from(self.listeners.len()).unwrap_or(0));
        for listener in &self.listeners {
            keeper.descriptor(&listener.fd);
            keeper.number(listener.level as i32);
            keeper.text(listener.address.as_bytes());
        }
        keeper.count(u64::try_from(self.clients.len()).unwrap_or(0));
        self.clients.iter().for_each(|client| client.keep(keeper));
    }

    /// Reads what [`MasterSocket::keep`] has written.
    ///
    /// # Errors
    /// When nobody has written this, or a descriptor is not open.
    pub fn of_kept(kept: &mut Kept<'_>, inherited: &mut Inherited) -> io::Result<Self> {
        let count: u32 = kept.number()?;
        let listener = |_| {
            let fd = kept.descriptor(inherited)?;
            Ok(MasterListener { fd, level: level_of(kept.number()?)?, address: kept.string()? })
        };
        let listeners = (0..count).map(listener).collect::<io::Result<_>>()?;
        let count: u32 = kept.number()?;
        let clients = (0..count).map(|_| Client::of_kept(kept, inherited));
        Ok(Self { listeners, clients: clients.collect::<io::Result<_>>()?, accept_ms: 0 })
    }
}
