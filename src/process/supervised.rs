//! A worker's link to its supervisor (`-W`): what the worker tells the supervisor, and what the
//! supervisor sends.

use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;

use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::logging::start_log;
use crate::reactor::Reactor;
use crate::reload::failure::Failure;
use crate::reload::socket::ReloadSocket;
use crate::reload::supervisor::keepsakes;
use crate::reload::supervisor::worker_link::{Rights, Serving, WorkerLink, WorkerMessage};

/// The warning that the supervisor cannot be heard at the moment.
const UNHEARD: Topic = Topic::fault("hear the supervisor");

/// What the process has to act on.
#[derive(Debug)]
pub(super) enum FromSupervisor {
    /// The reload that this process has asked for has failed.
    ReloadFailed(Failure),
    /// A client of the master socket asks.
    Client(UnixStream, Rights),
    /// The supervisor wants to know what it is to keep.
    AskToKeep,
    /// The supervisor is gone.
    Gone(io::Error),
}

/// The link to the supervisor, if there is one.
#[derive(Debug, Default)]
pub(super) struct Supervision {
    link: Option<WorkerLink>,
    is_readable: bool,
    /// Where the supervisor is given what it is to keep.
    keeper: Option<UnixStream>,
    /// The socket on which the next worker asks for the listening sockets.
    next: Option<UnixStream>,
}

impl Supervision {
    /// Listens to the supervisor at the other end of `link`.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub(super) fn new(link: Option<WorkerLink>, reactor: &Reactor) -> io::Result<Self> {
        if let Some(link) = &link {
            reactor.register_readable(link.as_fd(), ReloadSocket::Supervisor.source())?;
        }
        Ok(Self { is_readable: link.is_some(), link, keeper: None, next: None })
    }

    /// Whether the supervisor keeps something for this process.
    pub(super) fn has_keeper(&self) -> bool {
        self.keeper.is_some()
    }

    /// Whether there is a supervisor.
    pub(super) fn is_there(&self) -> bool {
        self.link.is_some()
    }

    /// Notes that the supervisor may have sent something.
    pub(super) fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// Whether nothing of the supervisor is left to be read or answered.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_readable && self.next.is_none()
    }

    /// Tells the supervisor that this process serves.
    pub(super) fn note_serving(&self) {
        let Some(link) = &self.link else { return };
        // A supervisor of an older version wants no log.
        let _ = link.send_log(&start_log::take());
        if let Err(error) = link.send(&WorkerMessage::Serves(Serving::of_this_program())) {
            log::error!("tell the supervisor: {error}");
        }
    }

    /// Gives the supervisor what it is to keep in case this process crashes, instead of what it was
    /// given before.
    pub(super) fn keep(&mut self, named: &[(String, RawFd)]) {
        let Some(socket) = &self.keeper else { return };
        match keepsakes::give(socket, named) {
            Ok(()) => return,
            // The supervisor wants nothing any more: it stops, or another worker serves.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                log::warn!(
                    "a crash would end the service: tell the supervisor of sockets: {error}"
                );
            }
        }
        self.keeper = None; // the supervisor may be in the middle of what it was told
    }

    /// Asks the supervisor for a reload.
    ///
    /// # Errors
    /// What sendmsg(2) reports.
    pub(super) fn ask_reload(&self) -> io::Result<()> {
        self.link.as_ref().map_or(Ok(()), |link| link.send(&WorkerMessage::Reload))
    }

    /// Whether the next worker asks for the listening sockets.
    pub(super) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Takes the socket on which the next worker asks.
    pub(super) fn take_next(&mut self) -> Option<UnixStream> {
        self.next.take()
    }

    /// Reads what the supervisor sends, up to something that the process has to act on.
    pub(super) fn poll(&mut self, now_ms: u64) -> Option<FromSupervisor> {
        while self.is_readable {
            match self.link.as_ref()?.receive() {
                Ok(Some(WorkerMessage::Next(socket))) => self.next = Some(socket),
                // The new worker sees its socket closed, and ends.
                Ok(Some(WorkerMessage::NextWithoutRoom)) => {
                    log::error!("reload: take the new worker's socket: too many open files");
                }
                Ok(Some(WorkerMessage::ReloadFailed(failure))) => {
                    return Some(FromSupervisor::ReloadFailed(failure));
                }
                Ok(Some(WorkerMessage::Client(socket, rights))) => {
                    return Some(FromSupervisor::Client(socket, rights));
                }
                Ok(Some(WorkerMessage::Keep(socket))) => {
                    self.keeper = Some(socket);
                    return Some(FromSupervisor::AskToKeep);
                }
                Ok(Some(WorkerMessage::Nudge)) => {}
                Ok(_) => log::debug!("the supervisor makes no sense"),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if is_end(&error) => {
                    self.link = None;
                    return Some(FromSupervisor::Gone(error));
                }
                Err(error) => {
                    // The next turn tries again.
                    let text = format_args!("hear the supervisor: {error}");
                    limited::warn(now_ms, UNHEARD, "", text);
                    return None;
                }
            }
        }
        None
    }
}

/// Whether the process at the other end is gone.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}
