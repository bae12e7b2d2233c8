//! A worker's side of `-W`: what it tells its supervisor, and what it does with what it hears.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::reload::SUPERVISOR;
use super::{Process, Stop};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::reload::supervisor::worker_link::{Message, STATE_VERSION, WorkerLink};

/// That the supervisor cannot be heard for the moment.
const DEAF: Topic = Topic::fault("hear the supervisor");

/// The link to the supervisor, if there is one.
#[derive(Debug, Default)]
pub struct Supervision {
    link: Option<WorkerLink>,
    is_readable: bool,
    /// Where the next worker asks for the listening sockets.
    next: Option<UnixStream>,
}

impl Supervision {
    /// Listens to the supervisor at the other end of `link`.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn new(link: Option<WorkerLink>, reactor: &Reactor) -> io::Result<Self> {
        if let Some(link) = &link {
            let slot = Slot { index: SUPERVISOR, generation: 0 };
            reactor.register_readable(link.as_fd(), Source::Handover(slot))?;
        }
        Ok(Self { is_readable: link.is_some(), link, next: None })
    }

    /// Whether there is a supervisor.
    pub fn is_there(&self) -> bool {
        self.link.is_some()
    }

    /// Notes that it may have said something.
    pub fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// Whether it has said nothing that is still to be heard.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        !self.is_readable && self.next.is_none()
    }

    /// Tells it that this process serves.
    pub fn note_serving(&self) {
        if let Some(link) = &self.link
            && let Err(error) = link.send(&Message::Serves(STATE_VERSION))
        {
            log::error!("tell the supervisor: {error}");
        }
    }

    /// Asks it for a reload.
    ///
    /// # Errors
    /// What sendmsg(2) reports.
    pub fn ask_reload(&self) -> io::Result<()> {
        self.link.as_ref().map_or(Ok(()), |link| link.send(&Message::Reload))
    }

    /// Whether the next worker asks for the listening sockets.
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The socket on which it asks.
    pub fn take_next(&mut self) -> Option<UnixStream> {
        self.next.take()
    }

    fn receive(&mut self) -> Option<io::Result<Option<Message>>> {
        let received = self.link.as_ref().filter(|_| self.is_readable)?.receive();
        let is_empty = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if received.as_ref().is_err_and(is_empty) {
            self.is_readable = false;
            return None;
        }
        Some(received)
    }
}

impl Process {
    /// Hears what the supervisor says. Without it this process ends: nobody could reload it, and
    /// whoever started the service believes that it has ended.
    pub(super) fn run_supervision(&mut self, now_ms: u64) {
        while let Some(received) = self.supervision.receive() {
            match received {
                Ok(Some(Message::Next(socket))) => self.supervision.next = Some(socket),
                // The new worker sees its socket closed, and ends.
                Ok(Some(Message::NextWithoutRoom)) => {
                    log::error!("reload: take the new worker's socket: too many open files");
                }
                Ok(Some(Message::ReloadFailed(words))) => {
                    self.end_reload(Err(words.as_str().to_owned()));
                }
                Ok(Some(Message::Serves(_) | Message::Reload | Message::Failed(_)) | None) => {
                    log::debug!("the supervisor makes no sense");
                }
                Err(error) if is_end(&error) => {
                    log::error!("the supervisor is gone ({error}): stopping");
                    self.supervision.link = None;
                    self.stop_successor(now_ms);
                    self.stop = Stop::Now;
                }
                Err(error) => {
                    // The next turn tries again.
                    limited::warn(now_ms, DEAF, "", format_args!("hear the supervisor: {error}"));
                    return;
                }
            }
        }
    }
}

/// Whether there is nobody at the other end any more.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}
