//! What a worker gives its supervisor to keep in case the worker crashes: its listening sockets,
//! where clients wait meanwhile, and the memory of its tables.
//!
//! The supervisor sends each worker that serves one end of a pair of sockets for this, as it takes
//! no descriptors on the link itself. The worker sends everything there at once, and again when it
//! has closed a socket for good. A worker that stops sends that there is nothing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::reload::control::name_senders;
use crate::reload::inherit::Inherited;
use crate::reload::inherit::pass::{receive_listeners, send_listeners};

/// How long one side may wait for the other. Everything that a worker gives fits into the socket,
/// so that neither waits unless there are thousands of descriptors.
const LIMIT: Duration = Duration::from_millis(100);

/// What one worker has given.
#[derive(Debug, Default)]
pub(super) struct Keepsakes {
    /// Where the worker gives it; none before the worker serves.
    socket: Option<UnixStream>,
    given: Inherited,
}

impl Keepsakes {
    /// Nothing yet, and the socket for the worker that is to give something.
    ///
    /// # Errors
    /// What socketpair(2) or setsockopt(2) report.
    pub(super) fn ask() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        name_senders(ours.as_fd())?;
        Ok((Self { socket: Some(ours), given: Inherited::default() }, theirs))
    }

    /// The socket, to wait for it.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Takes what worker `pid` gives, if it gives something. That takes the place of what it gave
    /// before, and what the worker gave last stays when it is gone.
    pub(super) fn receive(&mut self, pid: i32) {
        while let Some(socket) = self.socket.as_ref().filter(|socket| is_readable(socket)) {
            match receive_listeners(socket, pid.unsigned_abs(), LIMIT) {
                Ok(received) => {
                    self.given = Inherited::default();
                    received.into_iter().for_each(|listener| self.given.add(listener));
                }
                Err(error) => {
                    if error.kind() != io::ErrorKind::UnexpectedEof {
                        log::warn!("supervisor: after a crash of worker {pid} all ends: {error}");
                        self.given = Inherited::default();
                    }
                    self.socket = None;
                }
            }
        }
    }

    /// Whether nobody can go on for the worker: it has given nothing, or stops.
    pub(super) fn is_empty(&self) -> bool {
        self.given.listeners().next().is_none()
    }

    /// Gives up the memory of the tables.
    pub(super) fn forget_tables(&mut self) {
        drop(self.given.take_tables());
    }

    /// The descriptors for the worker that follows, with their names.
    pub(super) fn named(&self) -> Vec<(String, RawFd)> {
        self.given.named()
    }
}

fn is_readable(socket: &UnixStream) -> bool {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

/// Gives the supervisor at the other end of `socket` these descriptors to keep, with their names,
/// instead of those that it was given before.
///
/// # Errors
/// What sendmsg(2) reports; `WouldBlock` when the supervisor does not read in time.
pub fn give(socket: &UnixStream, named: &[(String, RawFd)]) -> io::Result<()> {
    send_listeners(socket, named, LIMIT)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    use super::*;

    fn names(keepsakes: &Keepsakes) -> Vec<String> {
        keepsakes.named().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_worker_gives_its_sockets_and_takes_them_back() {
        let (mut kept, worker) = Keepsakes::ask().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let named = |name: &str| [(name.to_owned(), listener.as_raw_fd())];
        let pid = std::process::id().cast_signed();
        kept.receive(pid);
        assert!(kept.is_empty());
        give(&worker, &named("web")).unwrap();
        give(&worker, &named("other")).unwrap();
        kept.receive(pid);
        assert_eq!(names(&kept), ["other"]);
        drop(worker);
        kept.receive(pid);
        assert_eq!((names(&kept), kept.socket().is_none()), (vec!["other".to_owned()], true));
        let (mut kept, worker) = Keepsakes::ask().unwrap();
        give(&worker, &named("web")).unwrap();
        give(&worker, &[]).unwrap();
        kept.receive(pid);
        assert!(kept.is_empty());
    }

    #[test]
    fn what_another_process_gives_is_not_kept() {
        let (mut kept, worker) = Keepsakes::ask().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        give(&worker, &[("web".to_owned(), listener.as_raw_fd())]).unwrap();
        kept.receive(1);
        assert!(kept.is_empty() && kept.socket().is_none());
    }
}
