//! The messages between a worker of `-W` and its supervisor, on a pair of sockets that keeps
//! messages apart. Each process sees its end closed when the other process is gone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socketpair, sockopt};

use super::keepsakes::Keepsakes;
use crate::config::{COMPATIBLE_VERSION, Level};
use crate::net::socket;
use crate::reactor::clock;
use crate::reload::child::Child;
use crate::reload::failure::Failure;
use crate::reload::inherit::pass::{receive_message, send_message};

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 4096;

/// The most bytes of the messages of one start that are kept.
const LOG_MAX: usize = 64 * 1024;

/// The longest version of a program that is shown, in bytes.
const VERSION_LEN_MAX: usize = 64;

/// The most bytes of a log in one message.
const LOG_PART_MAX: usize = 4000;

/// How many messages of a worker are read in one turn. The log of a start has fewer.
pub(super) const MESSAGES_PER_TURN: usize = 64;

/// The version of the form in which a supervisor gives its state to the program that it becomes. A
/// supervisor becomes the program of its worker only if that program knows the version.
pub const STATE_VERSION: u8 = 2;

/// The version before: that of a supervisor without a master socket. This program can follow one.
pub const STATE_VERSION_BEFORE: u8 = 1;

/// What a client of the master socket may do at a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The commands that the client may use.
    pub level: Level,
    /// Whether the client may use experimental commands.
    pub is_experimental: bool,
}

/// One message.
#[derive(Debug)]
pub enum WorkerMessage {
    /// From a worker: it serves.
    Serves(Serving),
    /// From a worker: a part of the messages of its start, which it sends before it serves or
    /// fails.
    Log(Vec<u8>),
    /// From a worker: it asks for a reload.
    Reload,
    /// From a worker: the reason why it does not come to serve.
    Failed(Failure),
    /// From the supervisor: the socket on which the next worker asks for the listening sockets.
    Next(UnixStream),
    /// The same, but this process has no free descriptor for that socket.
    NextWithoutRoom,
    /// From the supervisor: the socket where the worker gives what the supervisor is to keep, see
    /// [`keepsakes`](super::keepsakes).
    Keep(UnixStream),
    /// From the supervisor: a client of the master socket, to be served as one of the Runtime API.
    Client(UnixStream, Rights),
    /// From the supervisor, which wants to know whether the worker still reads what it is sent. An
    /// older worker does not know this message, and reads it, too.
    Nudge,
    /// From the supervisor to the worker that serves: why the next worker did not come to serve.
    ReloadFailed(Failure),
}

/// What a worker that serves says of its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The [`STATE_VERSION`] of the program.
    pub state_version: u8,
    /// The version of the program, as `show version` prints it; empty if the program is too old to
    /// say it.
    pub version: String,
}

/// One end of the pair.
#[derive(Debug)]
pub struct WorkerLink {
    socket: UnixStream,
}

impl WorkerLink {
    /// Both ends of a new pair.
    ///
    /// # Errors
    /// What socketpair(2) reports.
    pub fn pair() -> io::Result<(Self, UnixStream)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        socket::refuse_descriptors(ours.as_fd());
        Ok((Self::new(ours.into()), theirs.into()))
    }

    /// The end that another process has left to this one.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket }
    }

    /// The process id of the supervisor, which has made the pair.
    ///
    /// # Errors
    /// What getsockopt(2) reports.
    pub fn maker(&self) -> io::Result<i32> {
        Ok(getsockopt(&self.socket, sockopt::PeerCredentials)?.pid())
    }

    /// Sends `message` without waiting.
    ///
    /// # Errors
    /// What sendmsg(2) reports. `Unsupported` for a supervisor of version 0.2, which takes every
    /// byte for the message that the worker serves.
    pub fn send(&self, message: &WorkerMessage) -> io::Result<()> {
        let serves = matches!(message, WorkerMessage::Serves(_));
        if !serves && getsockopt(&self.socket, sockopt::SockType)? != SockType::SeqPacket {
            let why = "the supervisor is of an older version: restart the service";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let (of_serving, of_client);
        let (kind, rest, fd): (u8, &[u8], _) = match message {
            WorkerMessage::Serves(serving) => {
                // A supervisor of the version before reads the first number only.
                of_serving =
                    [&[STATE_VERSION_BEFORE, serving.state_version], serving.version.as_bytes()]
                        .concat();
                (b's', &of_serving, None)
            }
            WorkerMessage::Log(part) => (b'l', part, None),
            WorkerMessage::Client(socket, rights) => {
                of_client = rights.write();
                (b'c', &of_client, Some(socket.as_fd()))
            }
            WorkerMessage::Reload => (b'r', &[], None),
            WorkerMessage::Keep(socket) => (b'k', &[], Some(socket.as_fd())),
            WorkerMessage::Failed(failure) => (b'f', failure.as_bytes(), None),
            WorkerMessage::Next(socket) => (b'n', &[], Some(socket.as_fd())),
            WorkerMessage::NextWithoutRoom => (b'n', &[], None),
            WorkerMessage::Nudge => (b'p', &[], None),
            WorkerMessage::ReloadFailed(failure) => (b'F', failure.as_bytes(), None),
        };
        send_message(&self.socket, &[&[kind], rest].concat(), fd)
    }

    /// Sends the messages of a start, in as many parts as it takes.
    ///
    /// # Errors
    /// As for [`WorkerLink::send`].
    pub fn send_log(&self, log: &[u8]) -> io::Result<()> {
        let mut parts = log.chunks(LOG_PART_MAX);
        parts.try_for_each(|part| self.send(&WorkerMessage::Log(part.to_vec())))
    }

    /// The next message. `None` for a message that this version does not know.
    ///
    /// # Errors
    /// What recvmsg(2) reports; `WouldBlock` when there is nothing; `UnexpectedEof` when the other
    /// process is gone.
    pub fn receive(&self) -> io::Result<Option<WorkerMessage>> {
        let mut space = [0; MESSAGE_MAX];
        let (len, fd) = receive_message(&self.socket, &mut space)?;
        let (kind, rest) = space
            .get(..len)
            .and_then(|bytes| bytes.split_first())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(match (kind, fd) {
            (b's', _) => Some(WorkerMessage::Serves(Serving::read(rest))),
            (b'l', _) => Some(WorkerMessage::Log(rest.to_vec())),
            (b'c', Some(fd)) => Rights::read(rest).map(|r| WorkerMessage::Client(fd.into(), r)),
            (b'r', _) => Some(WorkerMessage::Reload),
            (b'k', Some(fd)) => Some(WorkerMessage::Keep(fd.into())),
            (b'f', _) => Some(WorkerMessage::Failed(Failure::from_bytes(rest))),
            (b'n', Some(fd)) => Some(WorkerMessage::Next(fd.into())),
            (b'n', None) => Some(WorkerMessage::NextWithoutRoom),
            (b'p', _) => Some(WorkerMessage::Nudge),
            (b'F', _) => Some(WorkerMessage::ReloadFailed(Failure::from_bytes(rest))),
            _ => None,
        })
    }

    /// Whether the other process has read all that it was sent.
    pub fn is_read(&self) -> bool {
        socket::unread(self.as_fd()).is_ok_and(|count| count == 0)
    }

    /// Whether the other process is gone.
    pub fn is_closed(&self) -> bool {
        let mut polled = [nix::poll::PollFd::new(self.as_fd(), nix::poll::PollFlags::empty())];
        let found = nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO);
        found.is_ok_and(|count| count > 0)
    }
}

impl Serving {
    /// This program.
    pub fn of_this_program() -> Self {
        Self { state_version: STATE_VERSION, version: COMPATIBLE_VERSION.to_owned() }
    }

    /// A program of the version before says one number only.
    fn read(bytes: &[u8]) -> Self {
        let (numbers, version) = bytes.split_at_checked(2).unwrap_or((bytes, &[]));
        Self { state_version: numbers.last().copied().unwrap_or(0), version: read_version(version) }
    }
}

/// A version as a worker says it. `show proc` prints it in one line.
fn read_version(bytes: &[u8]) -> String {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_graphic());
    letters.take(VERSION_LEN_MAX).map(|byte| char::from(*byte)).collect()
}

impl Rights {
    fn write(self) -> [u8; 2] {
        let level = match self.level {
            Level::User => b'u',
            Level::Operator => b'o',
            Level::Admin => b'a',
        };
        [level, u8::from(self.is_experimental)]
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let level = match bytes.first()? {
            b'u' => Level::User,
            b'o' => Level::Operator,
            b'a' => Level::Admin,
            _ => return None,
        };
        Some(Self { level, is_experimental: *bytes.get(1)? == 1 })
    }
}

impl AsFd for WorkerLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A process that serves clients, has served them, or will serve them.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Child,
    pub(super) link: Option<WorkerLink>,
    /// Why it does not come to serve, in its own words.
    pub(super) failure: Option<Failure>,
    /// The messages of its start.
    pub(super) log: Vec<u8>,
    /// What `show proc` tells of it.
    pub(super) facts: Facts,
    /// What it has given the supervisor to keep.
    pub(super) keepsakes: Keepsakes,
}

/// What `show proc` tells of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// When it was started, on the clock of the loop.
    pub(super) started_ms: u64,
    /// How many reloads were tried since.
    pub(super) reloads: u32,
    /// The version of its program; empty as long as it does not serve.
    pub(super) version: String,
}

impl Worker {
    pub(super) fn new(process: Child, link: Option<WorkerLink>) -> Self {
        let facts = Facts { started_ms: clock::now_ms(), ..Facts::default() };
        Self {
            process,
            link,
            failure: None,
            log: Vec::new(),
            facts,
            keepsakes: Keepsakes::default(),
        }
    }

    /// Reads what a worker has said just before it ended.
    pub(super) fn hear_last_words(&mut self) {
        self.keepsakes.receive(self.process.pid());
        let Some(link) = self.link.take() else { return };
        for _ in 0..MESSAGES_PER_TURN {
            match link.receive() {
                Ok(Some(WorkerMessage::Log(part))) => self.note_log(&part),
                Ok(Some(WorkerMessage::Failed(failure))) => self.failure = Some(failure),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Keeps a part of the messages of its start, as far as there is room.
    pub(super) fn note_log(&mut self, part: &[u8]) {
        if self.log.len() + part.len() <= LOG_MAX {
            self.log.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_supervisor_that_takes_every_byte_for_serving_hears_nothing_else() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = WorkerLink::new(ours);
        for message in [WorkerMessage::Reload, WorkerMessage::Failed(Failure::new("no"))] {
            assert_eq!(ours.send(&message).unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
        ours.send(&WorkerMessage::Serves(Serving::of_this_program())).unwrap();
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).unwrap();
        assert_eq!(heard.get(..3), Some(&[b's', STATE_VERSION_BEFORE, STATE_VERSION][..]));
    }

    #[test]
    fn a_worker_cannot_write_lines_into_the_list_of_workers() {
        let (ours, theirs) = WorkerLink::pair().unwrap();
        let message = [b"s\x01\x02".to_vec(), b"2.6\n\x1b[2J1 worker".repeat(9)].concat();
        send_message(&theirs, &message, None).unwrap();
        let Some(WorkerMessage::Serves(serving)) = ours.receive().unwrap() else { panic!() };
        assert!(serving.version.starts_with("2.6[2J1worker2.6"), "{}", serving.version);
        assert_eq!(serving.version.len(), VERSION_LEN_MAX);
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (ours, theirs) = WorkerLink::pair().unwrap();
        let theirs = WorkerLink::new(theirs);
        assert_eq!(theirs.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let (mut near, far) = UnixStream::pair().unwrap();
        let failure = Failure::new("no such file");
        let serving = Serving { state_version: 7, version: "2.6".to_owned() };
        ours.send(&WorkerMessage::Serves(serving.clone())).unwrap();
        send_message(&ours.socket, &[b's', 1], None).unwrap();
        ours.send(&WorkerMessage::Reload).unwrap();
        ours.send(&WorkerMessage::Failed(failure.clone())).unwrap();
        ours.send(&WorkerMessage::Next(far)).unwrap();
        ours.send(&WorkerMessage::ReloadFailed(failure.clone())).unwrap();
        send_message(&ours.socket, b"?", None).unwrap();
        let receive = || theirs.receive().unwrap();
        assert!(matches!(receive(), Some(WorkerMessage::Serves(got)) if got == serving));
        let before = Serving { state_version: 1, version: String::new() };
        assert!(matches!(receive(), Some(WorkerMessage::Serves(got)) if got == before));
        assert!(matches!(receive(), Some(WorkerMessage::Reload)));
        assert!(matches!(receive(), Some(WorkerMessage::Failed(got)) if got == failure));
        let Some(WorkerMessage::Next(mut socket)) = receive() else { panic!() };
        assert!(matches!(receive(), Some(WorkerMessage::ReloadFailed(got)) if got == failure));
        assert!(receive().is_none(), "of another version");
        assert!(ours.is_read());
        ours.send(&WorkerMessage::Nudge).unwrap();
        assert!(!ours.is_read());
        assert!(matches!(receive(), Some(WorkerMessage::Nudge)));
        near.write_all(b"x").unwrap();
        socket.read_exact(&mut [0]).unwrap();
        assert!(!theirs.is_closed());
        drop(ours);
        assert!(theirs.is_closed());
        assert_eq!(theirs.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
