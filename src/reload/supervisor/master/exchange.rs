//! One command of a client of the master socket, at a worker. The worker is given one end of a
//! pair of sockets and serves it as a client of the Runtime API.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::crew::Crew;
use super::keep::{Keeper, Kept};
use crate::net::socket;
use crate::reload::inherit::Inherited;
use crate::reload::supervisor::worker_link::Rights;

/// How long a worker may take to read the command, in milliseconds. A worker that works reads it
/// within a turn of its loop.
pub(super) const HEAR_LIMIT_MS: u64 = 5_000;

/// The most bytes that are taken of an answer at once.
const PART_MAX: usize = 16 * 1024;

/// A command that a worker answers.
#[derive(Debug)]
pub(super) struct Exchange {
    worker: i32,
    socket: OwnedFd,
    /// Until when the worker must have read the command; none once it has.
    hear_until_ms: Option<u64>,
}

/// What became of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A part of the answer has come. There may be more.
    Part,
    /// Nothing has come.
    Nothing,
    /// The answer is complete.
    Complete,
    /// The worker has not read the command.
    Unheard,
}

impl Exchange {
    /// Gives `command` to the worker.
    ///
    /// # Errors
    /// What the system reports, `WouldBlock` if the worker does not read what it is sent.
    pub(super) fn begin(
        worker: i32,
        command: &[u8],
        rights: Rights,
        crew: &impl Crew,
        now_ms: u64,
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        // The kernel takes far more than the longest command.
        if socket::send(ours.as_fd(), command)? < command.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        socket::shutdown_write(ours.as_fd())?;
        crew.give(worker, theirs, rights)?;
        let hear_until_ms = Some(now_ms + HEAR_LIMIT_MS);
        Ok(Self { worker, socket: ours.into(), hear_until_ms })
    }

    /// The worker.
    pub(super) fn worker(&self) -> i32 {
        self.worker
    }

    /// The socket, for poll(2).
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// When to look again even without an event.
    pub(super) fn wake_ms(&self) -> u64 {
        self.hear_until_ms.unwrap_or(u64::MAX)
    }

    /// Takes a part of the answer.
    pub(super) fn receive(&mut self, out: &mut Vec<u8>, now_ms: u64) -> Progress {
        let mut part = [0; PART_MAX];
        match socket::receive(self.socket.as_fd(), &mut part) {
            Ok(0) => Progress::Complete,
            Ok(count) => {
                self.hear_until_ms = None;
                out.extend_from_slice(part.get(..count).unwrap_or_default());
                Progress::Part
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.listen(now_ms),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Progress::Nothing,
            // The worker has closed its end without having read the command.
            Err(_) => Progress::Unheard,
        }
    }

    fn listen(&mut self, now_ms: u64) -> Progress {
        if self.hear_until_ms.is_none_or(|until_ms| now_ms < until_ms) {
            return Progress::Nothing;
        }
        // An answer may take its time.
        self.hear_until_ms = None;
        match socket::unread(self.socket.as_fd()) {
            Ok(0) => Progress::Nothing,
            Ok(_) | Err(_) => Progress::Unheard,
        }
    }

    /// Writes what the program that follows has to know.
    pub(super) fn keep<'a>(&'a self, keeper: &mut Keeper<'a>) {
        keeper.number(i64::from(self.worker));
        keeper.descriptor(&self.socket);
        keeper.moment(self.hear_until_ms);
    }

    /// Reads what [`Exchange::keep`] has written.
    pub(super) fn of_kept(kept: &mut Kept<'_>, inherited: &mut Inherited) -> io::Result<Self> {
        Ok(Self {
            worker: kept.number()?,
            socket: kept.descriptor(inherited)?,
            hear_until_ms: kept.moment()?,
        })
    }
}
