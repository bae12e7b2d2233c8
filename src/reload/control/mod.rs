//! The unix socket on which another process (`-sf <pid>`) asks to take over from this one, and the
//! asking side of it. Its path is one that only this user can use ([`path`]). A process that gets
//! the listening sockets gets the clients, so both ends check the process at the other end
//! ([`credentials`]).

pub mod credentials;
pub mod path;

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket as new_socket, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::Uid;

use super::inherit::InheritedListener;
use super::inherit::pass::receive_listeners;
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::address::Address;
use crate::net::files::unix_file::{FileId, Permissions};
use crate::net::socket;
use crate::net::socket::ListenOptions;
use credentials::OtherEnd;
use path::MeetingPlaces;

/// How long a process that is asked may take to answer. It may have to finish another reload first.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How long connecting may take, in seconds: the queue of the other process may be full.
const ASK_LIMIT_S: i64 = 2;

/// The most processes that wait to be answered.
const BACKLOG: u32 = 16;

/// The warning that a process may not take over.
const REFUSED: Topic = Topic::fault("successor refused");

/// The listening side, in the running process.
#[derive(Debug)]
pub struct Control {
    listener: OwnedFd,
    path: PathBuf,
    /// The file that was made at `path`.
    file: FileId,
    /// The user that started this process. The process may have become another user since.
    owner: Uid,
}

/// The result of one look at the queue of the processes that ask.
#[derive(Debug)]
pub enum Asked {
    /// A process that may take over.
    Successor(UnixStream),
    /// A process was turned away. Others may be waiting.
    Refused,
    /// No process asks.
    Nobody,
}

impl Control {
    /// Listens in the name of process `pid`, which is this process.
    ///
    /// # Errors
    /// Why none of `places` could be used: the error of the first one.
    pub fn bind(pid: u32, places: &MeetingPlaces) -> io::Result<Self> {
        let mut first_error = None;
        for path in places.prepare(pid) {
            match path.and_then(|path| Self::listen(&path)) {
                Ok(control) => return Ok(control),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn listen(path: &Path) -> io::Result<Self> {
        let file = Permissions { mode: Some(0o600), ..Permissions::default() };
        let options = ListenOptions { backlog: BACKLOG, file, ..ListenOptions::default() };
        let listener =
            socket::listen(&Address::Unix(path.to_owned()), &options).map_err(io::Error::other)?;
        let (file, owner) = (FileId::of(path)?, Uid::effective());
        Ok(Self { listener, path: path.to_owned(), file, owner })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next process that wants to take over. A process of another user or of another process
    /// namespace is turned away.
    ///
    /// # Errors
    /// What accept(2) reports.
    pub fn accept(&self, now_ms: u64) -> io::Result<Asked> {
        let stream = match socket::accept(self.listener.as_fd()) {
            Ok((stream, _)) => UnixStream::from(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Asked::Nobody),
            Err(error) => return Err(error),
        };
        let why = match OtherEnd::of(&stream) {
            Ok(other) if other.uid.is_root() || other.uid == self.owner => {
                return Ok(Asked::Successor(stream));
            }
            Ok(other) => format!("process {} belongs to user {}", other.pid, other.uid),
            Err(error) => error.to_string(),
        };
        let text = format_args!("reload: a new process is turned away: {why}");
        limited::warn(now_ms, REFUSED, "", text);
        Ok(Asked::Refused)
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if FileId::of(&self.path).is_ok_and(|found| found == self.file) {
            // A file that cannot be removed is a leftover, which another process removes.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Asks process `pid` to hand over. Blocking, with a limit.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when that process does not listen anywhere, so it is no
/// stickd. `PermissionDenied` when another process listens in its place: the listening sockets and
/// tables of a stranger are not taken.
pub fn ask(pid: u32, places: &MeetingPlaces) -> io::Result<UnixStream> {
    let mut last_error = io::Error::from(io::ErrorKind::NotFound);
    for path in places.find(pid) {
        match connect_to(&path).and_then(|stream| confirm(stream, pid)) {
            Ok(stream) => return Ok(stream),
            Err(error) if last_error.kind() == io::ErrorKind::PermissionDenied => drop(error),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

fn connect_to(path: &Path) -> io::Result<UnixStream> {
    let fd = new_socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(ASK_LIMIT_S, 0))?;
    name_senders(fd.as_fd())?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(fd))
}

/// Refuses a process that is not process `pid`, or that belongs neither to this user nor to root.
fn confirm(stream: UnixStream, pid: u32) -> io::Result<UnixStream> {
    let other = OtherEnd::of(&stream)?;
    let is_trusted = other.uid.is_root() || other.uid == Uid::effective();
    if u32::try_from(other.pid) == Ok(pid) && is_trusted {
        return Ok(stream);
    }
    let why =
        format!("process {} of user {} listens in the name of process {pid}", other.pid, other.uid);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Asks the kernel to name the sender of each message on a unix socket. To be called before the
/// first message is sent.
///
/// # Errors
/// What setsockopt(2) reports.
pub fn name_senders(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::PassCred, &true)?)
}

/// Waits until process `pid`, which was asked, sends its listening sockets. Only messages of that
/// process count: its end of the socket may have come into other hands.
///
/// # Errors
/// What recvmsg(2) reports. `WouldBlock` when the process does not answer in time; `UnexpectedEof`
/// when it closes the socket.
pub fn take_listeners(stream: &UnixStream, pid: u32) -> io::Result<Vec<InheritedListener>> {
    let listeners = receive_listeners(stream, pid, ANSWER_LIMIT);
    let listeners = listeners.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            let seconds = ANSWER_LIMIT.as_secs();
            io::Error::new(error.kind(), format!("no answer for {seconds} s"))
        }
        io::ErrorKind::UnexpectedEof => {
            let why = "it hangs up: it is stopping, or has too many open files";
            io::Error::new(error.kind(), why)
        }
        _ => error,
    })?;
    setsockopt(stream, sockopt::PassCred, &false)?;
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn place(name: &str) -> (PathBuf, MeetingPlaces) {
        let dir = std::env::temp_dir().join(format!("stickd-ctl-{}-{name}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        let places = MeetingPlaces::only(&dir);
        (dir, places)
    }

    #[test]
    fn a_successor_of_the_same_user_is_let_in() {
        let (dir, places) = place("same");
        let pid = std::process::id();
        let control = Control::bind(pid, &places).unwrap();
        let mode = fs::metadata(&control.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let asking = ask(pid, &places).unwrap();
        let Asked::Successor(mut accepted) = control.accept(0).unwrap() else { panic!("refused") };
        drop(asking);
        assert_eq!(accepted.read(&mut [0; 1]).unwrap(), 0);
        assert!(matches!(control.accept(0).unwrap(), Asked::Nobody));
        drop(control);
        assert_eq!(ask(pid, &places).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir(dir).unwrap();
    }

    #[test]
    fn nobody_is_believed_to_be_another_process() {
        let (dir, places) = place("other");
        let _impostor = Control::bind(2, &places).unwrap();
        assert_eq!(ask(2, &places).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_process_that_does_not_listen_refuses() {
        let (dir, places) = place("none");
        assert_eq!(ask(1, &places).unwrap_err().kind(), io::ErrorKind::NotFound);
        let path = places.prepare(1).next().unwrap().unwrap();
        drop(UnixListener::bind(path).unwrap());
        assert_eq!(ask(1, &places).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_socket_that_another_process_has_put_there_is_left_to_it() {
        let (dir, places) = place("moved");
        let pid = std::process::id();
        let first = Control::bind(pid, &places).unwrap();
        let second = Control::bind(pid, &places).unwrap();
        drop(first);
        assert!(second.path.exists());
        drop(second);
        fs::remove_dir(dir).unwrap();
    }
}
