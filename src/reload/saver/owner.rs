//! The saver, as its owner sees it.
#![expect(unsafe_code, reason = "fork(2)")]

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid};

use super::order::Order;
use super::place::Place;
use super::{child, report};
use crate::reactor::clock;
use crate::reload::child::Child;
use crate::reload::control::name_senders;
use crate::reload::inherit::pass::send_listeners;
use crate::table::SaveReport;

/// How long the saver may take to receive the tables.
const GIVE_LIMIT: Duration = Duration::from_secs(5);

/// How long a process that stops waits for the last save.
const FINISH_LIMIT_MS: u64 = 30_000;

/// What the owner hears.
#[derive(Debug)]
pub enum Heard {
    /// A table was saved, or could not be.
    Saved(String, SaveReport),
    /// The saver is gone: nothing is saved any more.
    Gone,
}

/// The saver.
#[derive(Debug)]
pub struct Saver {
    pid: Pid,
    socket: UnixStream,
    tables: Vec<String>,
    received: Vec<u8>,
}

impl Saver {
    /// Starts a saver for these places. `confine` gives up what it does not need, in the saver.
    /// Also returns the child, which has to be waited for. This process must have one thread, and
    /// no tables yet.
    ///
    /// # Errors
    /// What socketpair(2) or fork(2) report.
    pub fn start(
        places: Vec<Place>,
        confine: impl FnOnce(&[Place]) -> Result<(), String>,
    ) -> io::Result<(Self, Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        name_senders(theirs.as_fd())?;
        ours.set_nonblocking(true)?;
        let owner = getpid();
        let tables = places.iter().map(|place| place.table.clone()).collect();
        // SAFETY: this process has one thread, so the child may do everything that it could do
        // itself, allocation included.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                let saver = Self { pid: child, socket: ours, tables, received: Vec::new() };
                Ok((saver, Child::of_child(child.as_raw())))
            }
            ForkResult::Child => {
                child::run(theirs, owner.as_raw().unsigned_abs(), places, confine);
                // SAFETY: _exit takes any status and does not return; it runs no destructor that
                // belongs to the parent.
                unsafe { libc::_exit(0) }
            }
        }
    }

    /// The socket, to wait for it.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether the saver has a place for the table.
    pub fn saves(&self, table: &str) -> bool {
        self.tables.iter().any(|saved| saved == table)
    }

    /// Gives the saver the memory of the tables and of the names, by the names of descriptors.
    ///
    /// # Errors
    /// What sendmsg(2) reports.
    pub fn give(&self, named: &[(String, RawFd)]) -> io::Result<()> {
        self.socket.set_nonblocking(false)?;
        let sent = send_listeners(&self.socket, named, GIVE_LIMIT);
        self.socket.set_nonblocking(true)?;
        sent
    }

    /// The process serves from now on.
    ///
    /// # Errors
    /// What write(2) reports, as below.
    pub fn begin(&self) -> io::Result<()> {
        self.order(Order::Begin)
    }

    /// Has all tables saved now.
    ///
    /// # Errors
    /// What write(2) reports.
    pub fn save(&self) -> io::Result<()> {
        self.order(Order::Save)
    }

    /// A successor serves and has a saver of its own: this one ends, and saves nothing any more.
    pub fn quit(self) {
        // If it cannot be told, it sees its socket closed. What it would save then gives way.
        let _ = self.order(Order::Quit);
    }

    fn order(&self, order: Order) -> io::Result<()> {
        (&self.socket).write_all(&order.write(clock::now_ns()))
    }

    /// What the saver has said since this was asked before.
    pub fn hear(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => {
                    heard.push(Heard::Gone);
                    break;
                }
                Ok(len) => self.received.extend_from_slice(bytes.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    heard.push(Heard::Gone);
                    break;
                }
            }
            while let Some((table, report)) = report::take(&mut self.received) {
                if let Some(name) = self.tables.get(table) {
                    heard.push(Heard::Saved(name.clone(), report));
                }
            }
        }
        heard
    }

    /// Has all tables saved once more, as the process ends, and waits for the end of that. Returns
    /// what the saver said; it is gone then, unless it was too slow.
    pub fn finish(mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let until_ms = clock::now_ms() + FINISH_LIMIT_MS;
        if self.order(Order::Finish).is_err() {
            heard.push(Heard::Gone);
            return heard;
        }
        loop {
            let left_ms = until_ms.saturating_sub(clock::now_ms());
            if left_ms == 0 || !child::wait_readable(&self.socket, Some(left_ms)) {
                log::error!("the last save of the tables has not ended after {FINISH_LIMIT_MS} ms");
                return heard;
            }
            heard.extend(self.hear());
            if matches!(heard.last(), Some(Heard::Gone)) {
                heard.pop();
                // It has closed the socket as it exits. Not every first process of a container
                // reaps what is left to it.
                let _ = waitpid(self.pid, None);
                return heard;
            }
        }
    }
}
