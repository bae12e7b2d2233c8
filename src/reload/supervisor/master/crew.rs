//! What the master socket asks of the supervisor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::show_proc::Processes;
use crate::config::Level;
use crate::reload::supervisor::worker_link::Rights;

/// The supervisor, as the master socket sees it.
pub trait Crew {
    /// The worker that serves.
    fn serving(&self) -> Option<i32>;

    /// Whether nobody serves at the moment, but somebody is about to. No command is run then.
    fn is_between(&self) -> bool;

    /// Whether there is such a worker.
    fn has(&self, pid: i32) -> bool;

    /// Gives a worker the socket of a client.
    ///
    /// # Errors
    /// What sendmsg(2) reports.
    fn give(&self, pid: i32, socket: UnixStream, rights: Rights) -> io::Result<()>;

    /// Sends a worker something that it has to read, and nothing else.
    ///
    /// # Errors
    /// What sendmsg(2) reports.
    fn nudge(&self, pid: i32) -> io::Result<()>;

    /// Whether a worker has read all that it was sent.
    fn has_heard(&self, pid: i32) -> bool;

    /// Asks for a reload, and returns its number.
    ///
    /// # Errors
    /// Why there is none.
    fn ask_reload(&mut self) -> Result<u64, &'static str>;

    /// What `show proc` shows.
    fn processes(&self) -> Processes;

    /// The messages of the last start of a worker.
    fn start_log(&self) -> String;
}

/// A listening socket.
#[derive(Debug)]
pub struct MasterListener {
    /// The socket.
    pub fd: OwnedFd,
    /// What its clients may do.
    pub level: Level,
    /// The address, as `show cli sockets` prints it.
    pub address: String,
}

/// What a client needs for its turn.
pub(super) struct Turn<'a, C: Crew> {
    pub(super) crew: &'a mut C,
    pub(super) listeners: &'a [MasterListener],
    pub(super) now_ms: u64,
}

impl<C: Crew> Turn<'_, C> {
    /// What `show cli sockets` prints.
    pub(super) fn sockets(&self) -> String {
        let mut text = "# socket lvl processes\n".to_owned();
        for MasterListener { address, level, .. } in self.listeners {
            text.push_str(&format!("{address} {} master\n", level.name()));
        }
        text
    }
}
